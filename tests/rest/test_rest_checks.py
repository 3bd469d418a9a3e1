"""What the caller gives wrongly is refused at once, and the argument is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from estuary_proto.errors import LocalProtocolError
from estuary_proto.models import ActionParameter, AgentAction
from estuary_proto.rest import Identity, characters, generation, memory, players, shares, turns
from estuary_proto.rest.call import prefix_of
from estuary_proto.rest.forms import File

FILE = File("image.png", "image/png", b"x")
KEYS: dict[str, Any] = {"idempotency_key": "k" * 20, "boundary": "b" * 20}
TRUE: Any = 1
ME = ("c", "p")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: memory.get_memories("", "p"), "character_id: it is empty"),
        (lambda: memory.get_memories("c", " \t"), "player_id: it is empty"),
        (lambda: memory.get_memories("c", ".."), "player_id: '.' and '..'"),
        (lambda: memory.get_memories(".", "p"), "character_id: '.' and '..'"),
        (lambda: memory.get_memories(7, "p"), "character_id: it is int, not str"),  # type: ignore[arg-type]
        (lambda: memory.get_memories(None, "p"), "character_id: it is empty"),  # type: ignore[arg-type]
        (lambda: memory.get_memories("c", "\ud800"), "player_id: it contains half a surrogate"),
        (lambda: memory.get_memories(*ME, limit=0), "limit: 0 is out of range; give from 1 to 200"),
        (lambda: memory.get_memories(*ME, limit=201), "limit: 201 is out of range"),
        (lambda: memory.get_memories(*ME, limit=True), "limit: it is bool, not a whole number"),
        (lambda: memory.get_memories(*ME, limit=1.0), "limit: it is float, not a whole number"),  # type: ignore[arg-type]
        (lambda: memory.get_memories(*ME, offset=-1), "offset: -1 is out of range; give 0 or more"),
        (lambda: memory.get_memories(*ME, sort_by="size"), "sort_by: 'size' is not known; give"),
        (lambda: memory.get_memories(*ME, sort_order="up"), "sort_order: 'up' is not known"),
        (lambda: memory.get_memories(*ME, status=1), "status: it is int, not str"),  # type: ignore[arg-type]
        (lambda: memory.get_timeline(*ME, group_by="year"), "group_by: 'year' is not known"),
        (lambda: memory.get_graph(*ME, include_entities=1), "include_entities: it is int, not"),  # type: ignore[arg-type]
        (lambda: memory.search(*ME, "  "), "query: it is empty"),
        (lambda: memory.search(*ME, "q", 51), "limit: 51 is out of range; give from 1 to 50"),
        (lambda: memory.delete_all(*ME, confirm=False), "confirm: all memories are deleted only"),
        (lambda: memory.delete_all(*ME, confirm=1), "confirm: all memories are deleted only"),  # type: ignore[arg-type]
        (lambda: memory.create(*ME, ""), "content: it is empty"),
        (lambda: memory.create(*ME, "x", importance=1.5), "importance: 1.5 is out of range"),
        (
            lambda: memory.create(*ME, "x", confidence=float("nan")),
            "confidence: nan is out of range; give from 0 to 1",
        ),
        (lambda: memory.create(*ME, "x", importance="1"), "importance: it is str, not a number"),  # type: ignore[arg-type]
        (lambda: memory.update(*ME, "m"), "content: nothing is given that should change"),
        (lambda: memory.update(*ME, "m", content=" "), "content: it is empty"),
        (lambda: memory.update(*ME, "", content="x"), "memory_id: it is empty"),
        (lambda: memory.delete(*ME, ".."), "memory_id: '.' and '..'"),
        (lambda: players.list_players("c", limit=101), "limit: 101 is out of range"),
        (lambda: players.list_players("c", sort_by="name"), "sort_by: 'name' is not known"),
        (lambda: players.list_players("c", min_messages=-1), "min_messages: -1 is out of range"),
        (lambda: players.get("c", ""), "player_id: it is empty"),
        (lambda: players.get_messages("c", "p", page=0), "page: 0 is out of range"),
        (lambda: players.delete("c", ""), "player_id: it is empty"),
        (lambda: characters.create("", {}), "name: it is empty"),
        (lambda: characters.create("n" * 256, {}), "name: it has 256 characters, and 255 are"),
        (lambda: characters.create("n", {"tagline": "t" * 501}), "tagline: it has 501"),
        (lambda: characters.create("n", {"personality": "t" * 5001}), "personality: it has 5001"),
        (lambda: characters.create("n", {"background": "t" * 32001}), "background: it has 32001"),
        (lambda: characters.create("n", {"llm_temperature": 2.1}), "llm_temperature: 2.1 is out"),
        (lambda: characters.create("n", {"llm_max_tokens": 4097}), "llm_max_tokens: 4097 is out"),
        (lambda: characters.create("n", {"llm_verbosity": "x"}), "llm_verbosity: 'x' is not known"),
        (lambda: characters.create("n", {"tts_speed": 0.4}), "tts_speed: 0.4 is out of range"),
        (lambda: characters.create("n", {"tts_delivery_mode": "x"}), "tts_delivery_mode: 'x'"),
        (lambda: characters.create("n", {"vad_sensitivity": -0.1}), "vad_sensitivity: -0.1 is out"),
        (lambda: characters.create("n", {"is_public": 1}), "is_public: it is int, not bool"),  # type: ignore[typeddict-item]
        (lambda: characters.create("n", {"actions": "wave"}), "actions: it is str, not a list"),  # type: ignore[typeddict-item]
        (lambda: characters.create("n", {"actions": {"name": "w"}}), "actions: it is dict, not"),  # type: ignore[typeddict-item]
        (lambda: characters.create("n", {"actions": 7}), "actions: it is int, not a list"),  # type: ignore[typeddict-item]
        (lambda: characters.create("n", {"actions": [{}]}), "actions[0].name: it is empty"),
        (lambda: characters.create("n", {"actions": [7]}), "actions[0]: it is int, not a mapping"),  # type: ignore[list-item]
        (lambda: characters.update("c", {}), "changes: nothing is given that should change"),
        (lambda: characters.update("c", {"tagline": None}), "changes: nothing is given"),
        (lambda: characters.update("c", {"name": ""}), "name: it is empty"),
        (lambda: characters.update("", {"name": "n"}), "character_id: it is empty"),
        (lambda: characters.list_characters(101), "limit: 101 is out of range"),
        (lambda: characters.transfer("c", ""), "destination: it is empty"),
        (lambda: characters.transfer("c", "org", org_id=""), "org_id: it is empty"),
        (lambda: characters.get_motive("c", ""), "player_id: it is empty"),
        (lambda: characters.set_motive("c", "p", ""), "motive: it is empty"),
        (lambda: characters.try_api_endpoint("c", {}), "endpoint.name: it is empty"),
        (lambda: characters.try_api_endpoint("c", {"name": "n"}), "endpoint.url: it is empty"),
        (lambda: characters.try_api_endpoint("c", "x"), "endpoint: it is str, not a mapping"),  # type: ignore[arg-type]
        (
            lambda: generation.image_to_character(FILE, idempotency_key="", boundary="b"),
            "idempotency_key: it is empty",
        ),
        (
            lambda: generation.image_to_character(FILE, **KEYS, use_default_voice=TRUE),
            "use_default_voice: it is int, not bool",
        ),
        (lambda: generation.generate_model("c", rigged="yes"), "rigged: it is str, not bool"),  # type: ignore[arg-type]
        (lambda: shares.create_share("c", ttl="8d"), "ttl: '8d' is not known; give one of 24h"),
        (lambda: shares.create_share("c", memory_sharing="x"), "memory_sharing: 'x' is not known"),
        (lambda: shares.create_share("c", max_exchanges=101), "max_exchanges: 101 is out of range"),
        (lambda: shares.create_share("c", max_interactions=0), "max_interactions: 0 is out"),
        (lambda: shares.create_share(""), "character_id: it is empty"),
        (lambda: shares.open_share(""), "share_id: it is empty"),
        (lambda: shares.exchange_share_token(""), "token: it is empty"),
        (lambda: shares.revoke_share_token(".."), "share_token_id: '.' and '..'"),
        (lambda: turns.turn("c", "p", " "), "message: it is empty"),
        (lambda: turns.turn("c", "p", "x", timeout_seconds=0), "timeout_seconds: 0 is out"),
        (lambda: turns.turn("c", "p", "x", callback_context=[]), "callback_context: it is list"),  # type: ignore[arg-type]
        (lambda: turns.start_encounter("", "b"), "character_a_id: it is empty"),
        (lambda: turns.start_encounter("a", "b", max_turns=0), "max_turns: 0 is out of range"),
    ],
)  # fmt: skip
def test_refused(make: Any, says: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        make()
    assert caught.value.message.startswith(says)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("tts_voic", "; did you mean 'tts_voice'?"), ("zzzz", ""), ("size", "")],
)
def test_unknown_names(name: str, hint: str) -> None:
    fields: Any = {name: 1}
    for call in (characters.create, characters.update):
        with pytest.raises(TypeError) as caught:
            call("c", fields)
        assert str(caught.value) == f"a character has no {name!r}{hint}"


def test_the_limits_themselves_are_allowed() -> None:
    memory.get_memories(*ME, limit=1)
    memory.search(*ME, "q", 1)
    memory.search(*ME, "q", 50)
    players.list_players("c", limit=1, min_messages=0)
    shares.create_share("c", max_exchanges=1, max_interactions=1)
    characters.create(
        "n" * 255,
        {
            "tagline": "t" * 500, "personality": "t" * 5000, "background": "t" * 32000,
            "llm_temperature": 0, "llm_max_tokens": 4096, "tts_speed": 0.5, "vad_sensitivity": 0,
        },
    )  # fmt: skip


def test_actions_as_models() -> None:
    action = AgentAction("wave", None, [ActionParameter("hand")])
    body = json.loads(characters.create("n", {"actions": [action]}).body)
    assert body["actions"] == [
        {"name": "wave", "parameters": [{"name": "hand", "type": "string", "required": False}]}
    ]


@pytest.mark.parametrize(
    ("player", "target"),
    [
        ("../../v1/admin", "..%2F..%2Fv1%2Fadmin"),
        ("x?y", "x%3Fy"),
        ("a/b #", "a%2Fb%20%23"),
        ("a/b ?#", "a%2Fb%20%3F%23"),
        ("%2e%2e", "%252e%252e"),
        ("Zoë ☕", "Zo%C3%AB%20%E2%98%95"),
        ("a;b\\c\r\n", "a%3Bb%5Cc%0D%0A"),
        ("{character_id}", "%7Bcharacter_id%7D"),
    ],
)
def test_ids_are_encoded_whole(player: str, target: str) -> None:
    assert players.get("c", player).request().target == f"/api/v1/characters/c/players/{target}"


@pytest.mark.parametrize("bad", ["p\r\nX-Admin: yes", " p", "p\x00"])
def test_what_cannot_stand_in_a_header(bad: str) -> None:
    with pytest.raises(LocalProtocolError, match="X-Player-Id: outer blanks and control"):
        characters.list_characters().request(Identity(key="k", player_id=bad))


@pytest.mark.parametrize(
    ("url", "prefix"),
    [
        ("https://x", ""),
        ("https://x/", ""),
        ("https://x:1/a/b/", "/a/b"),
        ("https://x/é", "/%C3%A9"),
        ("https://x/a%20b", "/a%20b"),
    ],
)
def test_prefix_of(url: str, prefix: str) -> None:
    assert prefix_of(url) == prefix
