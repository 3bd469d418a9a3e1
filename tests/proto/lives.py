"""A connected pair, and what its client has told of its connections."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from estuary_proto.events import Disconnected, StateChanged
from estuary_proto.testing import Pair
from estuary_proto.testing.pair import CONFIG


def states(pair: Pair) -> list[str]:
    return [e.state.value for e in pair.of(StateChanged)]


def reasons(pair: Pair) -> list[str]:
    return [e.reason for e in pair.of(Disconnected)]


def connected(**settings: Any) -> Pair:
    """Of what led to it nothing is left in the events."""
    pair = Pair(replace(CONFIG, **settings))
    pair.connect()
    assert pair.client.is_connected
    pair.events.clear()
    return pair
