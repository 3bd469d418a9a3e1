"""Characters from pictures, and 3D models that take their time (PROTOCOL 7.2, 7.5).

The files of a model are made at once, and shown when their time has come.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from estuary_proto.gateway.api import personas
from estuary_proto.gateway.api.forms import Upload, from_base64
from estuary_proto.gateway.api.generation import ANIMATIONS, Stage, glb, stage
from estuary_proto.gateway.api.images import Image, image_of
from estuary_proto.gateway.api.refusal import Refusal
from estuary_proto.gateway.api.request import Answer, Ask
from estuary_proto.models import Character, GeneratedCharacter, ModelStarted, ModelStatus

from ..store import characters, files
from ..store.files import File, Job

if TYPE_CHECKING:
    import sqlite3

    from .house import House

SOURCE: Final = "source"
PREVIEW: Final = "preview"
MODEL: Final = "model"
OWN: Final = "own-model"
GLB: Final = "model/gltf-binary"

_PIXEL: Final = Upload(
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0\x90wS\xde\0\0\0\x0cIDATx\x9cc`\xf8"
    b"\xff\xff?\0\x05\xfe\x02\xfe\xa75\x81\x84\0\0\0\0IEND\xaeB`\x82",
    "image/png",
)
"""What a character without any picture is made of."""


def address(base: str, file_id: str | None) -> str | None:
    """Where a file is to be had."""
    return None if file_id is None else f"{base}/files/{file_id}"


def _stage(house: House, job: Job, now: float) -> Stage:
    config = house.config
    elapsed = now - job.started_at
    return stage(elapsed, config.model_seconds, rigged=job.rigged, ending=config.model_ending)


def status(
    house: House, db: sqlite3.Connection, character_id: str, base: str, now: float
) -> ModelStatus:
    """How far its 3D model is."""
    own = files.id_of(db, character_id, OWN)
    picture = files.id_of(db, character_id, SOURCE) or files.id_of(db, character_id, "avatar")
    thumbnail = address(base, picture)
    if own is not None:
        return ModelStatus("completed", None, address(base, own), thumbnail, 100)
    job = files.job(db, character_id)
    if job is None:
        return ModelStatus(None, thumbnail_url=thumbnail)
    at = _stage(house, job, now)
    return ModelStatus(
        at.status,
        address(base, files.id_of(db, character_id, PREVIEW)) if at.preview else None,
        address(base, files.id_of(db, character_id, MODEL)) if at.model else None,
        thumbnail,
        at.progress,
        job.rigged and at.animated,
        list(ANIMATIONS) if at.animated else [],
    )


def shown(
    house: House, db: sqlite3.Connection, model: Character, base: str, now: float
) -> Character:
    """A character with what has become of its files."""
    at = status(house, db, model.id, base, now)
    avatar = files.id_of(db, model.id, "avatar") or files.id_of(db, model.id, SOURCE)
    return replace(
        model,
        avatar=address(base, avatar) or model.avatar,
        source_image_url=address(base, files.id_of(db, model.id, SOURCE)),
        model_status=at.model_status,
        model_preview_url=at.model_preview_url,
        model_url=at.model_url,
        model_rigged=at.rigged,
        model_animations=at.animations,
    )


async def from_image(house: House, ask: Ask) -> Answer:
    """A character of a picture; with a key that was seen before, the one that it became then."""
    body = dict(ask.body)
    if ask.files:
        upload = ask.files["image"]
    else:
        upload = from_base64(body.pop("image"), body.pop("mimeType", ""))
    image = image_of(upload)
    key = ask.headers.get("idempotency-key", "")
    if len(key) > 255:
        raise Refusal(400, "The Idempotency-Key is too long: 255 characters are the most")
    digest = sha256(repr(sorted(body.items())).encode() + image.data).hexdigest()
    model = replace(
        personas.from_picture(house.new_id(), image, body),
        player_id=ask.headers.get("x-player-id") or None,
    )
    source, at, key_id = house.new_id(), house.at(), ask.caller.key_id

    def make(db: sqlite3.Connection) -> tuple[Character, Character]:
        seen = files.uploaded(db, key_id, key) if key else None
        if seen is not None:
            if seen[0] != digest:
                raise Refusal(422, "This Idempotency-Key was used for something else")
            kept = characters.get(db, seen[1])
        else:
            kept = characters.put(db, model, at)
            file = File(image.mime_type, image.data)
            files.put(db, source, model.id, SOURCE, file, at)
            if key:
                files.note_upload(db, key_id, key, digest, model.id)
        return kept, shown(house, db, kept, ask.base, ask.now)

    kept, told = await house.database.write(make)
    house.registry.cast[kept.id] = personas.performer(kept)
    return Answer(201, GeneratedCharacter.from_dict(told.to_dict()))


async def start_model(house: House, ask: Ask) -> Answer:
    """Begin, unless it is being made already."""
    character_id = ask.parts["character_id"]
    job = Job(bool(ask.body.get("rigged", False)), ask.now)
    ids, at = (house.new_id(), house.new_id()), house.at()

    def start(db: sqlite3.Connection) -> None:
        model = characters.get(db, character_id)
        before = files.job(db, character_id)
        if before is not None and not _stage(house, before, ask.now).over:
            raise Refusal(409, "Its 3D model is being made already")
        files.drop(db, character_id, OWN)
        files.begin(db, character_id, job)
        image = _picture(db, character_id)
        preview = glb(model.name, image, textured=False)
        whole = glb(model.name, image, textured=True, animated=job.rigged)
        files.put(db, ids[0], character_id, PREVIEW, File(GLB, preview), at)
        files.put(db, ids[1], character_id, MODEL, File(GLB, whole), at)

    await house.database.write(start)
    begun = _stage(house, job, ask.now).status
    return Answer(202, ModelStarted(character_id, begun, job.rigged))


def _picture(db: sqlite3.Connection, character_id: str) -> Image:
    found = files.of(db, character_id, SOURCE) or files.of(db, character_id, "avatar")
    return image_of(_PIXEL if found is None else Upload(found[1].data, found[1].mime_type))


async def get_model(house: House, ask: Ask) -> Answer:
    """How far it is."""
    character_id = ask.parts["character_id"]

    def find(db: sqlite3.Connection) -> ModelStatus:
        characters.need(db, character_id)
        return status(house, db, character_id, ask.base, ask.now)

    return Answer(json=await house.database.read(find))
