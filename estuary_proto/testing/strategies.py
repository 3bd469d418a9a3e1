"""Hypothesis strategies for everything that travels, and for whole lists of operations.

    from hypothesis import given
    from estuary_proto.testing import strategies
    from estuary_proto.testing.operations import CLIENT
    from estuary_proto.testing.runs import ClientRun

    @given(strategies.operations(CLIENT))
    def test_anything(wanted):
        run = ClientRun()
        for operation in wanted:
            run.do(operation)
        run.finish()

Needs the extra `fuzz`. Hypothesis is loaded by the first call, so importing this costs nothing.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from . import making
from .choosing import pick
from .operations import operation

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy

    from ..engineio import Open
    from ..engineio import Packet as EnginePacket
    from ..models.base import Model
    from ..socketio import Packet as SocketPacket
    from ..states import Role
    from .choosing import Chooser
    from .operations import Kind, Operation

T = TypeVar("T")


@cache
def _plain(kind: str, limit: int = 0) -> Any:
    """What a choice is drawn from; kept, since making it takes longer than drawing."""
    from hypothesis import strategies as st

    if kind == "below":
        return st.integers(0, limit - 1)
    if kind == "whole":
        return st.integers(-(2**63), 2**63 - 1)
    if kind == "number":
        return st.floats()
    return st.text(max_size=limit) if kind == "text" else st.binary(max_size=limit)


class Drawn:
    """A `Chooser` that asks Hypothesis, by the `draw` of a composite strategy."""

    more = True
    """Whoever makes a list draws its length."""

    def __init__(self, draw: Callable[[Any], Any]) -> None:
        self._draw = draw

    def below(self, limit: int) -> int:
        """Shrinks towards 0, the plain case."""
        return int(self._draw(_plain("below", limit)))

    def whole(self) -> int:
        """A number of 64 bits."""
        return int(self._draw(_plain("whole")))

    def number(self) -> float:
        """Any float."""
        return float(self._draw(_plain("number")))

    def text(self, most: int = 16) -> str:
        """Any text that UTF-8 can hold."""
        return str(self._draw(_plain("text", most)))

    def binary(self, most: int = 64) -> bytes:
        """Any bytes."""
        return bytes(self._draw(_plain("binary", most)))


def made(make: Callable[[Chooser], T]) -> SearchStrategy[T]:
    """Whatever a function makes of the choices of a `Chooser`, as a strategy."""
    from hypothesis import strategies as st

    @st.composite
    def strategy(draw: Any) -> T:
        return make(Drawn(draw))

    return strategy()


def json_values() -> SearchStrategy[Any]:
    """Any JSON value, odd numbers and texts among them; three levels deep."""
    return made(making.json)


def models(cls: type[Model] | None = None) -> SearchStrategy[Any]:
    """Instances of this model, or of any, whose fields have their types."""
    return made(lambda choose: making.model(choose, cls or pick(choose, making.all_models())))


def messages(sender: Role) -> SearchStrategy[Any]:
    """What this side may send, UnknownEvent included."""
    return made(lambda choose: making.message(choose, sender))


def payloads(cls: type[Model]) -> SearchStrategy[Any]:
    """What a peer may send for this model: keys that it looks for, with anything in them."""
    return made(lambda choose: making.payload(choose, cls))


def engine_packets() -> SearchStrategy[EnginePacket]:
    """Engine.IO packets that have a wire form."""
    return made(making.engine_packet)


def handshakes() -> SearchStrategy[Open]:
    """What a server may greet with."""
    return made(making.handshake)


def socket_packets() -> SearchStrategy[SocketPacket]:
    """Socket.IO packets that have a wire form, bytes anywhere in their data."""
    return made(making.socket_packet)


def frames(sender: Role) -> SearchStrategy[str | bytes]:
    """WebSocket messages that this side might send: in place, out of place, cut, or noise."""
    return made(lambda choose: making.frame(choose, sender))


def operations(kind: Kind, *, max_size: int = 40) -> SearchStrategy[list[Operation]]:
    """Lists of operations of a kind: CLIENT, CONNECTION[role], PAIR, GATEWAY, TALK."""

    def make(choose: Chooser) -> list[Operation]:
        return [operation(choose, kind) for _ in range(choose.below(max_size + 1))]

    return made(make)
