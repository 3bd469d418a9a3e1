"""`/characters`: made, changed, given pictures and motives; the socket talks as they are now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from estuary_proto.gateway.api import personas
from estuary_proto.gateway.api.access import a_player
from estuary_proto.gateway.api.images import image_of, model_of
from estuary_proto.gateway.api.refusal import not_found
from estuary_proto.gateway.api.request import Answer, Ask
from estuary_proto.models import Character, CharacterListResponse

from ..store import characters, files
from ..store.files import File
from . import generation

if TYPE_CHECKING:
    import sqlite3

    from .house import House

GLB: Final = "model/gltf-binary"


def _put_on_stage(house: House, model: Character) -> None:
    """From now on the socket knows it so."""
    known = house.config.characters.get(model.id)
    greeting = known.greeting if known is not None else ""
    house.registry.cast[model.id] = personas.performer(model, greeting)


def told(house: House, db: sqlite3.Connection, model: Character, ask: Ask) -> Character:
    """A character as it is told now: with the state of its 3D model, and whole addresses."""
    return generation.shown(house, db, model, ask.base, ask.now)


async def create_character(house: House, ask: Ask) -> Answer:
    """A new one."""
    at = house.at()
    model = personas.changed(personas.fresh(house.new_id()), ask.body)

    def create(db: sqlite3.Connection) -> Character:
        return told(house, db, characters.put(db, model, at), ask)

    answer = Answer(json=await house.database.write(create))
    _put_on_stage(house, model)
    return answer


async def list_characters(house: House, ask: Ask) -> Answer:
    """A page of them; of one organisation when X-Org-Id names it."""
    org_id = ask.headers.get("x-org-id", "")

    def listing(db: sqlite3.Connection) -> CharacterListResponse:
        page = characters.listing(db, ask.query, org_id)
        some = [told(house, db, model, ask) for model in page.characters]
        return CharacterListResponse(some, page.total, page.limit, page.offset)

    return Answer(json=await house.database.read(listing))


async def get_character(house: House, ask: Ask) -> Answer:
    """One of them."""
    character_id = ask.parts["character_id"]
    found = await house.database.read(
        lambda db: told(house, db, characters.get(db, character_id), ask)
    )
    return Answer(json=found)


async def update_character(house: House, ask: Ask) -> Answer:
    """What is given changes; a session that goes on keeps who it began with."""
    character_id, at = ask.parts["character_id"], house.at()

    def update(db: sqlite3.Connection) -> tuple[Character, Character]:
        changed = personas.changed(characters.get(db, character_id), ask.body)
        kept = characters.put(db, changed, at)
        return kept, told(house, db, kept, ask)

    model, answer = await house.database.write(update)
    _put_on_stage(house, model)
    return Answer(json=answer)


async def delete_character(house: House, ask: Ask) -> Answer:
    """Gone, with all that it knew."""
    character_id = ask.parts["character_id"]
    await house.archive.settle()
    shares = await house.database.write(lambda db: characters.delete(db, character_id))
    house.registry.cast.pop(character_id, None)
    house.archive.forget_live(character_id)
    for share_id in shares:
        house.registry.credentials.turn_out(share_id)
        house.sessions.revoke(share_id)
    return Answer(204)


async def transfer(house: House, ask: Ask) -> Answer:
    """It belongs to an organisation from now on, or to nobody in particular."""
    character_id = ask.parts["character_id"]
    destination, org_id = ask.body["destination"], ask.body.get("orgId")
    await house.database.write(lambda db: characters.transfer(db, character_id, org_id))
    told = {"characterId": character_id, "destination": destination, "orgId": org_id}
    return Answer(json=told)


# --- what drives it ---------------------------------------------------------------------------


async def get_motive(house: House, ask: Ask) -> Answer:
    """Towards one player."""
    pair = ask.parts["character_id"], a_player(ask.query["playerId"])
    return Answer(json=await house.database.read(lambda db: characters.motive(db, *pair)))


async def set_motive(house: House, ask: Ask) -> Answer:
    """From now on, also in a session that goes on."""
    return Answer(json=await _drive(house, ask, ask.body["motive"]))


async def clear_motive(house: House, ask: Ask) -> Answer:
    """Nothing in particular."""
    await _drive(house, ask, None)
    return Answer(204)


async def _drive(house: House, ask: Ask, text: str | None) -> object:
    pair, at = (ask.parts["character_id"], a_player(ask.query["playerId"])), house.at()
    motive = await house.database.write(lambda db: characters.set_motive(db, *pair, text, at))
    if (live := house.archive.live(*pair)) is not None:
        live.motive = text or ""
    house.sessions.motive(*pair, text or "")
    return motive


# --- files ------------------------------------------------------------------------------------


async def set_avatar(house: House, ask: Ask) -> Answer:
    """Its picture."""
    image = image_of(ask.files["image"])
    file_id = await _keep(house, ask, "avatar", File(image.mime_type, image.data))
    url = generation.address(ask.base, file_id)
    return Answer(json={"id": ask.parts["character_id"], "avatar": url})


async def set_model_file(house: House, ask: Ask) -> Answer:
    """A 3D model of one's own, in the place of one that was made."""
    data = model_of(ask.files["file"])
    file_id = await _keep(house, ask, generation.OWN, File(GLB, data))
    url = generation.address(ask.base, file_id)
    return Answer(json={"id": ask.parts["character_id"], "modelUrl": url})


async def _keep(house: House, ask: Ask, kind: str, file: File) -> str:
    character_id, file_id, at = ask.parts["character_id"], house.new_id(), house.at()

    def keep(db: sqlite3.Connection) -> None:
        characters.need(db, character_id)
        files.put(db, file_id, character_id, kind, file, at)

    await house.database.write(keep)
    return file_id


async def serve_file(house: House, file_id: str) -> Answer:
    """A file by its id; whoever knows that may have it."""
    file = await house.database.read(lambda db: files.get(db, file_id))
    if file is None:
        raise not_found("File")
    # It is only ever shown: a browser must not take it for a page of ours.
    safe = (("X-Content-Type-Options", "nosniff"), ("Content-Security-Policy", "sandbox"))
    return Answer(data=file.data, content_type=file.mime_type, headers=safe)
