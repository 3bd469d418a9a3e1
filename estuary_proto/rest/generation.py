"""Characters made of a picture, and 3D models (PROTOCOL 7.2, 7.5)."""

from __future__ import annotations

from typing import Final

from estuary_proto.models.generation import GeneratedCharacter, ModelStarted, ModelStatus
from estuary_proto.rest.call import JSON, Call, Repeat, json_of, path_of, reads
from estuary_proto.rest.checks import a_switch, a_text, needed_text
from estuary_proto.rest.forms import File, multipart

_MODEL: Final = "/api/v1/characters/{character_id}/model"
_FROM_IMAGE: Final = "/api/v1/characters/from-image"


def image_to_character(
    image: File,
    *,
    idempotency_key: str,
    boundary: str,
    tts_provider: str | None = None,
    appearance_prompt: str | None = None,
    voice_prompt: str | None = None,
    persona_prompt: str | None = None,
    use_default_voice: bool | None = None,
) -> Call[GeneratedCharacter]:
    """Make a character of a picture.

    With the same `idempotency_key` the server makes it only once, however often it is asked.
    Key and `boundary` are chance: text of 20 letters or more.
    """
    fields = {
        "ttsProvider": a_text("tts_provider", tts_provider),
        "appearancePrompt": a_text("appearance_prompt", appearance_prompt),
        "voicePrompt": a_text("voice_prompt", voice_prompt),
        "personaPrompt": a_text("persona_prompt", persona_prompt),
    }
    given = {name: text for name, text in fields.items() if text is not None}
    if a_switch("use_default_voice", use_default_voice) is not None:
        given["useDefaultVoice"] = "true" if use_default_voice else "false"
    kind, body = multipart("image", image, given, boundary)
    return Call(
        "POST",
        _FROM_IMAGE,
        _FROM_IMAGE,
        reads(GeneratedCharacter),
        body=body,
        content_type=kind,
        repeat=Repeat.KEYED,
        names_player=True,
        idempotency_key=needed_text("idempotency_key", idempotency_key),
    )


def generate_model(character_id: str, *, rigged: bool = False) -> Call[ModelStarted]:
    """Begin to make a 3D model, with a skeleton if `rigged`. Raises Conflict while one is made."""
    body = json_of({"rigged": a_switch("rigged", rigged) or None})
    path = path_of(_MODEL, character_id=character_id)
    read = reads(ModelStarted)
    return Call("POST", _MODEL, path, read, body=body, content_type=JSON, names_player=True)


def get_model_status(character_id: str) -> Call[ModelStatus]:
    """How far the 3D model is."""
    path = path_of(_MODEL, character_id=character_id)
    return Call("GET", _MODEL, path, reads(ModelStatus), repeat=Repeat.SAFE)
