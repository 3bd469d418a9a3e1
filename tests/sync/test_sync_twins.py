"""The synchronous face is complete: every name of the asynchronous one, with its parameters."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from typing import Any

import pytest

import estuary_anyio as aio
from estuary_anyio import gateway, sync
from estuary_anyio.rest.characters import CharactersClient
from estuary_anyio.rest.generate import GenerateClient
from estuary_anyio.rest.memory import MemoryClient
from estuary_anyio.rest.players import PlayersClient
from estuary_anyio.rest.shares import SharesClient
from estuary_anyio.rest.turns import EncountersClient
from estuary_anyio.sync import rest_clients

TWINS: dict[type[Any], type[Any]] = {
    aio.EstuaryClient: sync.EstuaryClient,
    aio.EventStream: sync.EventStream,
    aio.Pages: sync.Pages,
    aio.Receipt: sync.Receipt,
    aio.ReplayServer: sync.ReplayServer,
    aio.Reply: sync.Reply,
    aio.ReplyVoice: sync.ReplyVoice,
    aio.Script: sync.Script,
    aio.TurnStream: sync.TurnStream,
    aio.VoiceSession: sync.VoiceSession,
    gateway.Gateway: sync.Gateway,
    CharactersClient: rest_clients.CharactersClient,
    EncountersClient: rest_clients.EncountersClient,
    GenerateClient: rest_clients.GenerateClient,
    MemoryClient: rest_clients.MemoryClient,
    PlayersClient: rest_clients.PlayersClient,
    SharesClient: rest_clients.SharesClient,
}

INSIDE = {"settle", "update", "check_thread", "put", "end", "cut"}
"""What the client itself calls, of things that it hands out."""
MORE = {"timeout", "backend", "backend_options"}
"""What a synchronous method may have besides: a time limit, its loop."""

METHODS = [
    (source, name)
    for source in TWINS
    for name, value in inspect.getmembers(source)
    if not name.startswith("_") and callable(value)
    if name not in INSIDE or source is aio.EstuaryClient
]


def parameters(function: Any) -> dict[str, tuple[Any, Any]]:
    found = inspect.signature(function).parameters
    return {name: (one.kind, one.default) for name, one in found.items()}


def test_there_is_something_to_compare() -> None:
    assert len(METHODS) > 90
    assert {source for source, _ in METHODS} >= set(TWINS) - {aio.Receipt, aio.Pages}
    assert set(aio.__all__) >= {"EstuaryClient"}


@pytest.mark.parametrize(
    ("source", "name"), METHODS, ids=[f"{source.__name__}.{name}" for source, name in METHODS]
)
def test_every_method_has_its_twin(source: type[Any], name: str) -> None:
    name_here = {"aclose": "close"}.get(name, name)
    mine, theirs = getattr(TWINS[source], name_here), getattr(source, name)
    assert inspect.getdoc(mine)
    assert not inspect.iscoroutinefunction(mine)
    wanted, offered = parameters(theirs), parameters(mine)
    if name == "turn":  # Overloaded: what `**how` takes is told to type checkers.
        assert offered.pop("how")[0] is inspect.Parameter.VAR_KEYWORD
        wanted = {key: wanted[key] for key in offered}
    assert {key: one for key, one in offered.items() if key in wanted} == wanted
    assert offered.keys() - wanted.keys() <= MORE


@pytest.mark.parametrize("source", TWINS)
def test_every_attribute_has_its_twin(source: type[Any]) -> None:
    assert set(attributes(source)) <= set(dir(TWINS[source])), source


def attributes(source: type[Any]) -> list[str]:
    """Public names, those that only an instance has included."""
    own = re.findall(r"self\.([a-z]\w*)\s*(?::[^=]+)?= ", inspect.getsource(source))
    inherited = [name for name in dir(source) if not callable(getattr(source, name))]
    devices = {"player", "recorder"} if source is aio.VoiceSession else set()
    mine = {name for name in own + inherited if not name.startswith("_")}
    return sorted(mine - devices)


@pytest.mark.parametrize("source", TWINS)
def test_constructors_take_the_same(source: type[Any]) -> None:
    if source in (aio.EstuaryClient, aio.VoiceSession, aio.ReplayServer):
        wanted, offered = parameters(source), parameters(TWINS[source])
        assert {name: offered[name] for name in wanted} == wanted
        assert offered.keys() - wanted.keys() <= MORE


def test_a_gateway_takes_the_same() -> None:
    wanted, offered = parameters(gateway.serve_gateway), parameters(sync.serve_gateway)
    assert {name: offered[name] for name in wanted} == wanted
    assert offered.keys() - wanted.keys() == {"backend", "backend_options"}


def test_help_says_what_the_method_does() -> None:
    assert inspect.getdoc(sync.EstuaryClient.ask) == inspect.getdoc(aio.EstuaryClient.ask)
    assert str(inspect.signature(sync.EstuaryClient.ask)).startswith("(self, text: 'str', *, text_")
    assert sync.EstuaryClient.ask.__name__ == "ask"


def test_the_door() -> None:
    assert set(sync.__all__) <= set(dir(sync))
    for name in sync.__all__:
        assert getattr(sync, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        sync.nonsense  # noqa: B018


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        ("import estuary_anyio", "anyio estuary_anyio.sync estuary_anyio.client"),
        ("import estuary_anyio.sync", "anyio estuary_anyio.client"),
        ("from estuary_anyio.sync import EstuaryClient", "httpx hypercorn numpy trio asyncio"),
    ],
)
def test_nothing_is_loaded_before_its_time(code: str, forbidden: str) -> None:
    program = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    )
    assert not set(forbidden.split()) & set(done.stdout.split())
