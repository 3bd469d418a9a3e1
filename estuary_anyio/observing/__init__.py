"""What happens in a client, for whoever counts, measures or logs it.

    class Count(Hooks):
        def turn_ended(self, turn: Turn) -> None:
            print(turn.kind, turn.outcome, turn.first_token)

    async with EstuaryClient(config) as client:
        with observe(client, Count()):
            await client.connect()

`estuary_anyio.otel` tells OpenTelemetry by it, and the log of `debug=True` is another one. A client
that nobody observes pays nothing for it.
"""

from __future__ import annotations

from .hooks import Attempt, Hooks, RestCall, Turn
from .observation import Observation, observe

__all__ = ["Attempt", "Hooks", "Observation", "RestCall", "Turn", "observe"]
