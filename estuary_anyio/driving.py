"""What the parts of the client share: the core, its time, and settling after each call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from estuary_proto.capture import Recorder
    from estuary_proto.client import Client
    from estuary_proto.config import EstuaryConfig

    from .receipt import Receipt


class Driving:
    """Attributes and methods that `EstuaryClient` gives to its parts."""

    config: EstuaryConfig
    """The configuration, as it was given."""
    _core: Client | Recorder

    def _now(self) -> float:
        """The time, for an input of the core; raises where the client may not be used."""
        raise NotImplementedError

    def _settle(self) -> None:
        """Bring what the core has to tell and to send where it belongs."""
        raise NotImplementedError

    def _send(self, message: Any) -> Receipt:
        """Submit a message."""
        raise NotImplementedError
