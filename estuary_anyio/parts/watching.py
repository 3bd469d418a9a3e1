"""The part of the client that lets others see what happens in it (`estuary_anyio.observing`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .driving import Driving

if TYPE_CHECKING:
    from ..listeners import Listeners
    from ..observing.watch import Watch
    from ..rest.runner import Runner


class Watching(Driving):
    """Where nobody observes, none of this is called but for the few events that begin here."""

    _listeners: Listeners
    _runner: Runner | None

    if TYPE_CHECKING:

        def _tell(self, event: Any) -> None: ...

    def _watch_by(self, watch: Watch | None) -> None:
        """Let `watch` see what passes from now on, or nobody."""
        self._watch = watch
        if self._runner is not None:
            self._runner.watch = watch
        if self._pump is not None:
            self._pump.watch_by(watch, self._tell if watch is None else self._tell_watched)

    def _tell_watched(self, event: Any) -> None:
        assert self._watch is not None  # Else it is not this that is told.
        self._watch.told(event)
        self._tell(event)

    def _tell_own(self, event: Any) -> None:
        """An event that is not the core's."""
        if self._watch is not None:
            self._watch.told(event)
        self._listeners.tell(event)
