"""Characters: `/api/v1/characters` (PROTOCOL 7.2). Flat arguments, laid onto nested groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from typing import Any, Final, NamedTuple, TypedDict

from estuary_proto.models.characters import AgentAction, Character, CharacterListResponse, Motive
from estuary_proto.rest.call import (
    JSON,
    Call,
    Repeat,
    json_of,
    path_of,
    query_of,
    reads,
    reads_object,
)
from estuary_proto.rest.checks import (
    a_choice,
    a_count,
    a_number,
    a_switch,
    a_text,
    an_id,
    an_object,
    needed_text,
    wrong,
)
from estuary_proto.rest.forms import File, multipart

MOST: Final = 100
"""Characters that a page may hold."""
VERBOSITY: Final = ("short", "medium", "long")
DELIVERY_MODES: Final = ("STABLE", "BALANCED", "CREATIVE")
_ROUTE: Final = "/api/v1/characters"
_ONE: Final = _ROUTE + "/{character_id}"


class CharacterFields(TypedDict, total=False):
    """What a character may be given besides its name; None is the same as not given.

    Limits: tagline 500 characters, personality 5000, background 32000; llm_temperature 0 to 2,
    llm_max_tokens 1 to 4096, llm_verbosity short, medium or long; tts_speed 0.5 to 2,
    tts_delivery_mode STABLE, BALANCED or CREATIVE; vad_sensitivity 0 to 1.
    """

    tagline: str | None
    personality: str | None
    background: str | None
    system_prompt: str | None
    description: str | None
    llm_provider: str | None
    llm_model: str | None
    llm_temperature: float | None
    llm_max_tokens: int | None
    llm_verbosity: str | None
    tts_provider: str | None
    tts_model: str | None
    tts_voice: str | None
    tts_speed: float | None
    tts_delivery_mode: str | None
    stt_provider: str | None
    stt_language: str | None
    vad_sensitivity: float | None
    vad_min_speech_duration_ms: int | None
    vlm_model: str | None
    avatar: str | None
    text_only: bool | None
    verbose: bool | None
    actions: Sequence[AgentAction | Mapping[str, Any]] | None
    is_public: bool | None


class CharacterChanges(CharacterFields, total=False):
    """What may change of a character."""

    name: str | None


class _Place(NamedTuple):
    """Where an argument goes on the wire, and what it may be."""

    group: str
    key: str
    check: Callable[[str, Any], Any] = a_text


def _text(longest: int) -> Callable[[str, Any], Any]:
    return partial(a_text, longest=longest)


def _number(low: float, high: float) -> Callable[[str, Any], Any]:
    return partial(a_number, low=low, high=high)


def _choice(choices: tuple[str, ...]) -> Callable[[str, Any], Any]:
    return partial(a_choice, choices=choices)


def _name(name: str, value: object) -> str:
    return needed_text(name, value, 255)


def _actions(name: str, value: object) -> list[dict[str, Any]]:
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
        raise wrong(name, f"it is {type(value).__name__}, not a list of actions")
    return [_action(f"{name}[{at}]", each) for at, each in enumerate(value)]


def _action(name: str, value: object) -> dict[str, Any]:
    made = value.to_dict() if isinstance(value, AgentAction) else an_object(name, value) or {}
    needed_text(f"{name}.name", made.get("name"))
    return made


_PLACES: Final[Mapping[str, _Place]] = {
    "name": _Place("persona", "name", _name),
    "tagline": _Place("persona", "tagline", _text(500)),
    "personality": _Place("persona", "personality", _text(5000)),
    "background": _Place("persona", "background", _text(32000)),
    "system_prompt": _Place("persona", "system_prompt"),
    "description": _Place("persona", "description"),
    "llm_provider": _Place("llm", "provider"),
    "llm_model": _Place("llm", "model"),
    "llm_temperature": _Place("llm", "temperature", _number(0, 2)),
    "llm_max_tokens": _Place("llm", "max_tokens", partial(a_count, low=1, high=4096)),
    "llm_verbosity": _Place("llm", "verbosity", _choice(VERBOSITY)),
    "tts_provider": _Place("tts", "provider"),
    "tts_model": _Place("tts", "model"),
    "tts_voice": _Place("tts", "voice"),
    "tts_speed": _Place("tts", "speed", _number(0.5, 2)),
    "tts_delivery_mode": _Place("tts", "delivery_mode", _choice(DELIVERY_MODES)),
    "stt_provider": _Place("stt", "provider"),
    "stt_language": _Place("stt", "language"),
    "vad_sensitivity": _Place("vad", "sensitivity", _number(0, 1)),
    "vad_min_speech_duration_ms": _Place("vad", "min_speech_duration_ms", partial(a_count, low=0)),
    "vlm_model": _Place("vlm", "model"),
    "avatar": _Place("", "avatar"),
    "text_only": _Place("", "text_only", a_switch),
    "verbose": _Place("", "verbose", a_switch),
    "actions": _Place("", "actions", _actions),
    "is_public": _Place("", "is_public", a_switch),
}


def _grouped(given: Mapping[str, Any]) -> dict[str, Any]:
    """The body for flat arguments. Raises TypeError for a name that there is not."""
    body: dict[str, Any] = {}
    for name, value in given.items():
        place = _PLACES.get(name)
        if place is None:
            near = get_close_matches(name, _PLACES, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"a character has no {name!r}{hint}")
        if value is not None:
            group = body.setdefault(place.group, {}) if place.group else body
            group[place.key] = place.check(name, value)
    return body


def create(name: str, fields: CharacterFields) -> Call[Character]:
    """A new character; `name` has 1 to 255 characters."""
    needed_text("name", name)
    body = _grouped({"name": name, **fields})
    return Call("POST", _ROUTE, _ROUTE, reads(Character), body=json_of(body), content_type=JSON)


def list_characters(limit: int = 20, offset: int = 0) -> Call[CharacterListResponse]:
    """A page of characters: `limit` 1 to 100."""
    query = query_of(limit=a_count("limit", limit, 1, MOST), offset=a_count("offset", offset, 0))
    read = reads(CharacterListResponse)
    return Call("GET", _ROUTE, _ROUTE, read, query, repeat=Repeat.SAFE, names_player=True)


def get(character_id: str) -> Call[Character]:
    """One character."""
    path = path_of(_ONE, character_id=character_id)
    return Call("GET", _ONE, path, reads(Character), repeat=Repeat.SAFE)


def update(character_id: str, changes: CharacterChanges) -> Call[Character]:
    """Change a character; what is not given stays."""
    path = path_of(_ONE, character_id=character_id)
    body = _grouped(changes)
    if not body:
        raise wrong("changes", "nothing is given that should change; name a field, such as tagline")
    return Call(
        "PUT", _ONE, path, reads(Character),
        body=json_of(body), content_type=JSON, repeat=Repeat.SAFE,
    )  # fmt: skip


def delete(character_id: str) -> Call[dict[str, Any]]:
    """Delete a character."""
    path = path_of(_ONE, character_id=character_id)
    return Call("DELETE", _ONE, path, reads_object("Character deleted"))


def transfer(
    character_id: str, destination: str, *, org_id: str | None = None
) -> Call[dict[str, Any]]:
    """Give a character away: to an organisation, by its id, or to what `destination` names."""
    route = _ONE + "/transfer"
    body = json_of(
        {
            "destination": needed_text("destination", destination),
            "orgId": None if org_id is None else an_id("org_id", org_id),
        }
    )
    path = path_of(route, character_id=character_id)
    return Call("POST", route, path, reads_object(), body=body, content_type=JSON)


# --- what drives it --------------------------------------------------------------------------


def _motive_query(player_id: str) -> tuple[tuple[str, str], ...]:
    return query_of(playerId=an_id("player_id", player_id))


def get_motive(character_id: str, player_id: str) -> Call[Motive]:
    """What drives a character towards a player; for its owner only."""
    route = _ONE + "/motive"
    path = path_of(route, character_id=character_id)
    query = _motive_query(player_id)
    return Call("GET", route, path, reads(Motive), query, repeat=Repeat.SAFE)


def set_motive(character_id: str, player_id: str, motive: str) -> Call[Motive]:
    """Let this drive the character towards a player; for its owner only."""
    route = _ONE + "/motive"
    path = path_of(route, character_id=character_id)
    body = json_of({"motive": needed_text("motive", motive)})
    query = _motive_query(player_id)
    return Call("PATCH", route, path, reads(Motive), query, body=body, content_type=JSON)


def clear_motive(character_id: str, player_id: str) -> Call[dict[str, Any]]:
    """Let nothing in particular drive it; for its owner only."""
    route = _ONE + "/motive"
    path = path_of(route, character_id=character_id)
    return Call("DELETE", route, path, reads_object("Motive cleared"), _motive_query(player_id))


# --- files and tools -------------------------------------------------------------------------


def set_avatar(character_id: str, image: File, *, boundary: str) -> Call[dict[str, Any]]:
    """Give it a picture. `boundary` is chance: text of 20 letters or more."""
    return _upload(character_id, "avatar", "image", image, boundary)


def set_model(character_id: str, model: File, *, boundary: str) -> Call[dict[str, Any]]:
    """Give it a 3D model of your own. `boundary` is chance: text of 20 letters or more."""
    return _upload(character_id, "model-file", "file", model, boundary)


def _upload(
    character_id: str, name: str, field: str, file: File, boundary: str
) -> Call[dict[str, Any]]:
    route = f"{_ONE}/{name}"
    kind, body = multipart(field, file, {}, boundary)
    path = path_of(route, character_id=character_id)
    return Call(
        "PUT", route, path, reads_object(), body=body, content_type=kind, repeat=Repeat.SAFE
    )


def try_api_endpoint(
    character_id: str,
    endpoint: Mapping[str, Any],
    arguments: Mapping[str, Any] | None = None,
) -> Call[dict[str, Any]]:
    """Try a tool before the character may use it: name, description, url, parameters."""
    route = _ONE + "/api-endpoints/test"
    tool = an_object("endpoint", endpoint) or {}
    needed_text("endpoint.name", tool.get("name"))
    needed_text("endpoint.url", tool.get("url"))
    body = json_of({"endpoint": tool, "arguments": an_object("arguments", arguments) or {}})
    path = path_of(route, character_id=character_id)
    return Call("POST", route, path, reads_object(), body=body, content_type=JSON)
