"""Where bytes come from: one small seam, with a room for each way of reading.

What a conversation costs is in the waking, not in the parsing. So each event loop gets the way of
reading that wakes the least: on asyncio a protocol whose `data_received` runs the core, on trio a
bare socket. anyio's streams serve where neither fits. All are held to the same tests.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from estuary_anyio.proxy import Proxy


class Route(NamedTuple):
    """Where to, and how: TLS to the server when there is a context, through a proxy or not."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    proxy: Proxy | None = None
    proxy_tls: ssl.SSLContext | None = None


class ProxyFailed(Exception):
    """It was the way to the proxy that failed, with `error`, and not the one behind it."""

    def __init__(self, error: OSError | ExceptionGroup | UnicodeError) -> None:
        super().__init__(str(error))
        self.error = error


class Sink(Protocol):
    """Who is told what a transport hears. Called one at a time, never from within `write`."""

    def received(self, data: bytes | memoryview) -> None:
        """Bytes have come. A view is valid until this returns."""

    def writable(self) -> None:
        """A transport that was not `ready` is ready again."""


class Transport(Protocol):
    """One byte stream to a server, TLS included."""

    ready: bool
    """True when all that was written has been taken by the operating system."""

    def write(self, data: bytes) -> None:
        """Send all of `data`, at once as far as it goes. Call it while `ready`."""

    async def run(self, sink: Sink) -> None:
        """Serve until the stream has ended. Raises OSError when it breaks."""

    async def aclose(self) -> None:
        """Close politely, and at once if that takes over a second."""


class Backend(Protocol):
    """One event loop: its clock, and how it opens a stream."""

    name: str

    @property
    def clock(self) -> Callable[[], float]:
        """Monotonic seconds, the same that the loop's own deadlines use."""
        ...

    async def open(self, route: Route) -> Transport:
        """Connect; raises OSError (ssl.SSLError, socket.gaierror among them), and EstuaryError for
        what a proxy answers."""
        ...


def current_backend() -> Backend:
    """The backend of the event loop that runs us. Raises RuntimeError outside of one."""
    trio = sys.modules.get("trio")
    # trio first: as a guest it runs inside another loop.
    if trio is not None and trio.lowlevel.in_trio_run():
        from ._trio import TrioBackend

        return TrioBackend()
    import asyncio

    asyncio.get_running_loop()
    from ._asyncio import AsyncioBackend

    return AsyncioBackend()
