"""A captured session's server, for code without `await`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from estuary_proto.errors import WaitTimeout

from ..replay import ReplayServer as Async
from .loop import Loop
from .twin import Twin

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Self

    from estuary_proto.capture.halves import Unlike
    from estuary_proto.config import EstuaryConfig


class ReplayServer(Twin[Async], of=Async):
    """Plays the server's half of a capture to live clients, of any kind and on any loop.

        with ReplayServer("bug.jsonl") as server:
            with EstuaryClient(server.config()) as client:
                …                                   # do what was done
            server.finished(timeout=10)
        assert not server.unlike

    It has a thread of its own; `estuary_anyio.ReplayServer` says all else. Raises EstuaryError for
    what is no capture, OSError for a file that cannot be read.
    """

    def __init__(
        self,
        capture: str | os.PathLike[str] | Iterable[str],
        *,
        speed: float = 1.0,
        host: str = "127.0.0.1",
        port: int = 0,
        backend: str = "asyncio",
        backend_options: Any = None,
    ) -> None:
        loop = Loop("replay server", backend, backend_options)
        super().__init__(loop, Async(capture, speed=speed, host=host, port=port))

    def __enter__(self) -> Self:
        self._loop.begin(self._source)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.end()

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._source.url

    @property
    def unlike(self) -> list[Unlike]:
        """What clients have said otherwise than in the capture, or not at all; without secrets."""
        return self._source.unlike

    def config(self, **changes: Any) -> EstuaryConfig:
        """The configuration that the capture was made with, for a client of this server.

        Of the key there is only a placeholder, which does here. `changes` win.
        """
        return self._source.config(**changes)

    def finished(self, timeout: float | None = None) -> None:
        """Wait until every connection of the capture has been played to its end.

        Raises WaitTimeout after `timeout` seconds.
        """

        async def finished() -> None:
            with anyio.move_on_after(timeout):
                return await self._source.finished()
            raise WaitTimeout(f"the capture was not played to its end in {timeout:g} s")

        self._loop.run(finished)
