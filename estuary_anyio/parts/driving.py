"""What the parts of the client share: the core, its time, and settling after each call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from estuary_proto.capture import Recorder
    from estuary_proto.client import Client
    from estuary_proto.config import EstuaryConfig

    from ..observing.watch import Watch
    from ..pump import Pump
    from ..receipt import Receipt


class Driving:
    """Attributes and methods that `EstuaryClient` gives to its parts."""

    config: EstuaryConfig
    """The configuration, as it was given."""
    _core: Client | Recorder
    _pump: Pump | None
    _watch: Watch | None = None
    """Who observes it, if anybody does."""

    if TYPE_CHECKING:

        def _now(self) -> float: ...
        def _check_thread(self) -> None: ...
        def _settle(self) -> None: ...
        def _send(self, message: Any) -> Receipt: ...
