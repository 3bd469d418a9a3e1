"""Characters of the API as those who are talked to, and the other way round."""

from __future__ import annotations

from binascii import crc32
from typing import TYPE_CHECKING, Any, Final

from ...models.characters import AgentAction
from ...models.characters import Character as CharacterModel
from ..config import Character

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .images import Image

_MARKS: Final = " .!?"


def performer(model: CharacterModel, greeting: str = "") -> Character:
    """Who is talked to as this character."""
    said = [f"You are {model.name}."]
    for label, text in (
        ("", model.tagline),
        ("Personality", model.personality),
        ("Background", model.background),
        ("Appearance", model.appearance),
    ):
        if text:
            said.append(f"{label}: {text.rstrip(_MARKS)}." if label else f"{text.rstrip(_MARKS)}.")
    persona = model.system_prompt or ("" if len(said) == 1 else " ".join(said))
    return Character(
        model.name,
        greeting,
        persona,
        about=(model.tagline or model.personality or model.description or "")[:500],
        actions=tuple(model.actions),
        voice=model.tts_voice or "",
        speed=model.tts_speed,
        text_only=model.text_only,
    )


def described(character_id: str, character: Character) -> CharacterModel:
    """A character of the configuration, as the API tells it."""
    return CharacterModel(
        id=character_id,
        name=character.name,
        tagline=character.about or None,
        system_prompt=character.persona or None,
        llm_provider="local",
        llm_model="rules",
        tts_provider="local",
        tts_voice=character.voice or None,
        tts_speed=character.speed,
        stt_provider="local",
        actions=list(character.actions),
        text_only=character.text_only,
        is_active=True,
        launch_status="running",
    )


_GROUPS: Final[Mapping[str, Mapping[str, str]]] = {
    "persona": {
        "name": "name",
        "tagline": "tagline",
        "personality": "personality",
        "background": "background",
        "system_prompt": "system_prompt",
        "description": "description",
    },
    "llm": {
        "provider": "llm_provider",
        "model": "llm_model",
        "temperature": "llm_temperature",
        "max_tokens": "llm_max_tokens",
        "verbosity": "llm_verbosity",
    },
    "tts": {
        "provider": "tts_provider",
        "model": "tts_model",
        "voice": "tts_voice",
        "speed": "tts_speed",
        "delivery_mode": "tts_delivery_mode",
    },
    "stt": {"provider": "stt_provider", "language": "stt_language"},
    "vad": {
        "sensitivity": "vad_sensitivity",
        "min_speech_duration_ms": "vad_min_speech_duration_ms",
    },
    "vlm": {"model": "vlm_model"},
}
_FLAT: Final = ("avatar", "text_only", "verbose", "is_public")


def changed(model: CharacterModel, body: Mapping[str, Any]) -> CharacterModel:
    """`model` with what a request gives, in the wire's nested groups."""
    fields = model.to_dict()
    for group, names in _GROUPS.items():
        for name, value in body.get(group, {}).items():
            fields[names[name]] = value
    fields |= {name: body[name] for name in _FLAT if name in body}
    if "voice" in body.get("tts", {}):
        fields["voice_preset"] = fields["tts_voice"]
    if "actions" in body:
        fields["actions"] = [AgentAction.from_dict(each).to_dict() for each in body["actions"]]
    return CharacterModel.from_dict(fields)


def fresh(character_id: str) -> CharacterModel:
    """What a new character is before it is given anything: it can speak, and is ready."""
    return CharacterModel(id=character_id, text_only=False, is_active=True, launch_status="running")


_NAMES: Final = ("Alba", "Brisa", "Corin", "Delmar", "Elio", "Fenn", "Isla", "Kestrel", "Lark",
                 "Marlo", "Niamh", "Orla", "Perrin", "Reed", "Sable", "Tamsin")  # fmt: skip
_MOODS: Final = ("calm and observant", "quick and playful", "dry and kind", "warm and patient")


def from_picture(character_id: str, image: Image, body: Mapping[str, Any]) -> CharacterModel:
    """The character that a picture becomes: the same picture gives the same name and mood. What the
    prompts say goes into it; nobody here can see what is on the picture."""
    mark = crc32(image.data)
    wider = image.width - image.height
    shape = "square" if not wider else "wide" if wider > 0 else "tall"
    seen = f"Someone from a {shape} picture of {image.width} x {image.height} pixels"
    mood = _MOODS[mark // 16 % len(_MOODS)]
    model = fresh(character_id)
    fields = {
        **model.to_dict(),
        "name": _NAMES[mark % len(_NAMES)],
        "tagline": f"Stepped out of a {shape} picture.",
        "personality": body.get("personaPrompt") or f"A {mood} sort.",
        "background": "Made of a picture, and curious about what is outside of it.",
        "appearance": body.get("appearancePrompt") or f"{seen}.",
        "tts_provider": body.get("ttsProvider") or model.tts_provider,
    }
    if not body.get("useDefaultVoice", False):
        said = body.get("voicePrompt") or mood
        fields["generated_voice_id"] = f"voice-{crc32(said.encode()) ^ mark:08x}"
        fields["tts_voice"] = fields["voice_preset"] = fields["generated_voice_id"]
    return CharacterModel.from_dict(fields)
