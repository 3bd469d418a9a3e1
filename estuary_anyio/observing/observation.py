"""Beginning to observe a client, and ending it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .watch import Watch

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from estuary_anyio.client import EstuaryClient

    from .hooks import Hooks


class Observation:
    """One observer of one client, from now until `stop` or the end of a `with` block."""

    def __init__(self, client: EstuaryClient, hooks: Hooks) -> None:
        self._client = client
        self._hooks = hooks
        watch = client._watch
        if watch is None:
            watch = Watch(client.config)
            client._watch_by(watch)
        self._watch = watch
        watch.hooks.append(hooks)

    def stop(self) -> None:
        """Tell it nothing more; what is under way ends for it as "unfinished" or "abandoned", if it
        is the last one. May be called again."""
        watch = self._watch
        if self._hooks not in watch.hooks:
            return
        if len(watch.hooks) == 1:
            self._client._watch_by(None)
            watch.finish()
        watch.hooks.remove(self._hooks)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def observe(client: EstuaryClient, hooks: Hooks) -> Observation:
    """Tell `hooks` what happens in `client` from now on; also a context manager.

    Call it inside the event loop, and before `connect()`: bytes and heartbeats are told of
    connections that are made from then on.
    """
    return Observation(client, hooks)
