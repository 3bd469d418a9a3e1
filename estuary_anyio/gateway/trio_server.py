"""Hypercorn's server on trio, with goodbyes that do not get into each other's way."""

from __future__ import annotations

import trio
from hypercorn.trio.tcp_server import TCPServer


class OneAtATime(TCPServer):
    """One connection.

    Its end may be said by two tasks, and while something is being sent: the one that answers the
    client's goodbye, and the application. Hypercorn keeps senders apart, but not the one that ends
    the stream, and whoever then sends fails with `trio.BusyResourceError`, and takes everything
    down that is served beside it.
    """

    async def _close(self) -> None:
        try:
            self.send_lock.acquire_nowait()
        except (trio.WouldBlock, RuntimeError):  # RuntimeError: it is held by this very task.
            await self.stream.aclose()
            return
        try:
            await super()._close()
        finally:
            self.send_lock.release()
