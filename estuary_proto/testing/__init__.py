"""Things to test with: both roles joined in virtual time, without a socket and without a sleep.

    from estuary_proto.testing import Pair

    pair = Pair()
    pair.connect()
    pair.advance(3600.0)          # an hour of heartbeats, at once
    pair.link.cut()               # the network falls; what was under way is lost

`steps` brings a single connection to any state.
"""

from __future__ import annotations

from .pair import Link, Pair, welcome

__all__ = ["Link", "Pair", "welcome"]
