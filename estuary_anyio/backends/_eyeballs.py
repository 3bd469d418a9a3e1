"""Happy eyeballs on asyncio's loops: addresses race, the first that answers wins (RFC 8305).

asyncio has this of its own, uvloop has not; one way serves both.
"""

from __future__ import annotations

import socket
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any

import anyio

from ._tuning import tune

if TYPE_CHECKING:
    import asyncio

STAGGER = 0.25
"""Seconds before the next address is tried beside those before (RFC 8305, 5)."""


async def connect(loop: asyncio.AbstractEventLoop, host: str, port: int) -> socket.socket:
    """A connected, non-blocking socket. Raises OSError: that of the first address that failed."""
    race = _Race(loop)
    try:
        return await race.run(await resolve(loop, host, port))
    except BaseException:
        if race.winner is not None:
            race.winner.close()
        raise


async def resolve(loop: asyncio.AbstractEventLoop, host: str, port: int) -> list[tuple[int, Any]]:
    """The (family, address) pairs of a host, the families in turns, in the resolver's order."""
    try:  # An address needs no resolver, and so no thread.
        flags = socket.AI_NUMERICHOST
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    except socket.gaierror:
        found = await _look_up(loop, host, port)
    first = found[0][0]
    one = [(family, address) for family, _, _, _, address in found if family == first]
    other = [(family, address) for family, _, _, _, address in found if family != first]
    return [pair for pair in chain(*zip_longest(one, other)) if pair is not None]


async def _look_up(loop: asyncio.AbstractEventLoop, host: str, port: int) -> list[Any]:
    return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)


class _Race:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.winner: socket.socket | None = None
        self._loop = loop
        self._errors: list[OSError] = []

    async def run(self, targets: list[tuple[int, Any]]) -> socket.socket:
        async with anyio.create_task_group() as tasks:
            for family, address in targets:
                failed = anyio.Event()
                tasks.start_soon(self._try, family, address, failed, tasks.cancel_scope)
                with anyio.move_on_after(STAGGER):
                    await failed.wait()
        if self.winner is None:
            raise self._errors[0]
        return self.winner

    async def _try(
        self, family: int, address: Any, failed: anyio.Event, scope: anyio.CancelScope
    ) -> None:
        sock = None
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.setblocking(False)
            tune(sock)
            await self._loop.sock_connect(sock, address)
            if self.winner is None:
                self.winner, sock = sock, None
                scope.cancel()
        except OSError as error:
            self._errors.append(error)
            failed.set()
        finally:
            if sock is not None:
                sock.close()
