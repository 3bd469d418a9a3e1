"""Handlers by name as type checkers see them, and handlers of one action."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Literal, get_args, get_overloads

import pytest

from estuary_anyio import (
    BotResponse,
    CharacterAction,
    EstuaryClient,
    SessionInfo,
)
from estuary_anyio.handlers import Register
from estuary_anyio.names import EVERYTHING, NAMES
from tests.anyio.server import serving

pytestmark = pytest.mark.anyio


def test_every_name_has_a_type_in_both_forms() -> None:
    space = {"Literal": Literal}
    # A protocol has no implementation behind its overloads, by which they would be found.
    method: Any = SimpleNamespace(__module__=Register.__module__, __qualname__="Register.__call__")
    forms = [
        form.__annotations__
        for form in get_overloads(method)
        if form.__annotations__["name"] != "str"
    ]
    for direct in (True, False):
        told = [form["name"] for form in forms if ("handler" in form) is direct]
        found = [name for one in told for name in get_args(eval(one, space))]
        assert sorted(found) == sorted({*NAMES, EVERYTHING})


async def test_type_checkers_know_what_a_handler_takes() -> None:
    """Strict mypy reads this: an ignore that is not needed would be an error."""
    async with serving() as server, EstuaryClient(server.config()) as client:

        @client.on("bot_response")
        async def show(response: BotResponse) -> None: ...

        @client.once("voice_started")
        def started() -> None: ...

        def of_session(session: SessionInfo) -> None: ...

        client.on("connected", of_session)
        client.on("reconnecting", [0].append)
        for name in NAMES:
            client.on(name, print)
        client.on("bot_response", of_session)  # type: ignore[call-overload]
        client.on("voice_started", of_session)  # type: ignore[call-overload]
        client.once("disconnected")(of_session)  # type: ignore[arg-type]
        assert client.listener_count("connected") == 2


@pytest.mark.parametrize("plain", [True, False])
async def test_a_handler_of_one_action(plain: bool) -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        seen: list[Any] = []
        handler: Any = seen.append
        if not plain:

            async def handler(action: CharacterAction) -> None:
                seen.append(action)

        assert client.action("wave")(handler) is handler
        await client.connect()
        peer = await server.peer()
        events = client.events(CharacterAction)
        for name in ("nod", "wave", "waves", "wave"):
            await peer.emit("client_action", name=name, arguments={"n": 1}, message_id="m")
        for _ in range(4):
            await anext(events)
        client.emit("client_action", CharacterAction("wave", {}, "mine"))
        client.emit("client_action", CharacterAction("nod", {}, "mine"))
        await client.disconnect()
        assert [one.message_id for one in seen] == ["m", "m", "mine"]
        client.off("client_action", handler)
        assert client.listener_count("client_action") == 0


async def test_an_unknown_name_is_told_where_it_is_written() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        with pytest.raises(ValueError, match="did you mean 'bot_response'"):
            client.on("bot_respons")  # type: ignore[call-overload]
