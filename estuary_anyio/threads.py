"""Whose thread it is: a client and what it hands out belong to one event loop (API 4)."""

from __future__ import annotations

from threading import get_ident

from estuary_proto.errors import LocalProtocolError

__all__ = ["check_thread", "get_ident"]


def check_thread(owner: int | None) -> None:
    """Raise in any other thread than `owner`: nothing there would wake who waits."""
    if get_ident() != owner:
        raise LocalProtocolError(
            "called from another thread than the event loop's; use anyio.from_thread.run or "
            "run_sync, or a client of estuary_anyio.sync, which any thread may call"
        )
