"""The list of claims, and what their bodies share."""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from tests.anyio.server import Server

    Body = Callable[["Subject"], Awaitable[None]]


@dataclass(frozen=True)
class Claim:
    """`item` is the number of the defect; `fails` matches how the body fails there."""

    item: str
    says: str
    fails: str
    body: Body

    @property
    def name(self) -> str:
        return f"{self.item}-{self.body.__name__}"


CLAIMS: list[Claim] = []
CONTROLS: list[Claim] = []
"""What holds for both."""
SOUNDS: list[Claim] = []
"""Those that need a sound card and the time that sound takes."""
SOUND_CONTROLS: list[Claim] = []


def claim(
    item: str, says: str, *, fails: str, into: list[Claim] = CLAIMS
) -> Callable[[Body], Body]:
    """Declare a body; `fails` is a pattern for "Type: message" of what it raises there."""

    def declare(body: Body) -> Body:
        into.append(Claim(item, says, fails, body))
        return body

    return declare


def control(body: Body, *, into: list[Claim] = CONTROLS) -> Body:
    """Declare a body that passes on both."""
    into.append(Claim("control", "", "", body))
    return body


class Subject:
    """The library that a body is run on."""

    def __init__(self, library: Any) -> None:
        self.library = library
        self.EstuaryClient = library.EstuaryClient
        self.EstuaryError = library.EstuaryError
        self.ErrorCode = library.ErrorCode

    def config(self, server: Server, **changes: Any) -> Any:
        """A configuration of the parts that both have."""
        settings: dict[str, Any] = {
            "server_url": f"http://127.0.0.1:{server.port}",
            "api_key": "est_secret_key",
            "character_id": "character",
            "player_id": "player",
            "reconnect_delay": 0.02,
        }
        return self.library.EstuaryConfig(**{**settings, **changes})

    def client(self, server: Server, **changes: Any) -> Any:
        return self.EstuaryClient(self.config(server, **changes))


async def done(result: Any) -> Any:
    """What a method came to, awaited where it can be."""
    return await result if inspect.isawaitable(result) else result


@contextmanager
def raising(kind: type[Exception]) -> Iterator[list[Exception]]:
    """What the block raises must be of this kind, and it must raise."""
    found: list[Exception] = []
    try:
        yield found
    except kind as error:
        found.append(error)
    else:
        raise AssertionError("nothing was raised")


class Heard:
    """What handlers of some names were called with, in one list."""

    def __init__(self, client: Any, *names: str) -> None:
        self.told: list[tuple[str, Any]] = []
        self._news = anyio.Event()
        for name in names:
            self._listen(client, name)

    def _listen(self, client: Any, name: str) -> None:
        def note(*args: Any) -> None:
            self.told.append((name, args[0] if args else None))
            self._news.set()
            self._news = anyio.Event()

        client.on(name, note)

    def of(self, name: str) -> list[Any]:
        return [what for told, what in self.told if told == name]

    async def get(self, name: str, number: int = 1, within: float = 2.0) -> Any:
        """The number-th of a name, in time or not at all."""
        with anyio.move_on_after(within):
            while len(self.of(name)) < number:
                await self._news.wait()
        found = self.of(name)
        assert len(found) >= number, f"no {name} came in {within:g} s"
        return found[number - 1]
