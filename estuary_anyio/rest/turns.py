"""Turns over HTTP, streamed or whole, and encounters (PROTOCOL 7.2)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import anyio

from estuary_proto.rest import turns as calls
from estuary_proto.rest.errors import TurnFailed
from estuary_proto.rest.exchange import Exchange
from estuary_proto.rest.turns import TurnReader

from .pool import NoAnswer
from .runner import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from estuary_proto.errors import EstuaryError
    from estuary_proto.models.characters import Encounter
    from estuary_proto.models.turns import TurnResult
    from estuary_proto.rest.call import Call
    from estuary_proto.rest.turns import TurnEvent

    from .pool import Incoming
    from .runner import Runner


class TurnStream:
    """A turn as it is spoken: `async for event in client.turn("Hi", stream=True)`.

    Gives TurnText for each piece, ApiEndpointResult for what a tool found, UnknownEvent for what a
    newer server says, and at last the TurnResult. Ending without one raises TurnFailed, whose
    `partial` is the text that had come. It is sent at the first step, and never twice. Who may
    leave early writes `async with client.turn(…, stream=True) as events:`.
    """

    def __init__(
        self, runner: Runner, build: Callable[[str], Call[TurnResult]], timeout: float | None
    ) -> None:
        self._runner = runner
        self._build = build
        self._call = build(runner.config.player_id)
        self._timeout = timeout
        self._until: float | None = None
        self._incoming: Incoming | None = None
        self._reader = TurnReader(runner.config.max_message_size)
        self._events: deque[TurnEvent] = deque()
        self._error: EstuaryError | None = None
        self._started = False
        self._over = False
        self._ended: Callable[[BaseException | None], None] | None = None

    @property
    def text(self) -> str:
        """Everything said so far."""
        return self._reader.text

    @property
    def result(self) -> TurnResult | None:
        """The whole turn, when it is complete."""
        return self._reader.result

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> TurnEvent:
        try:
            while not self._events:
                if self._error is not None:
                    error, self._error = self._error, None
                    raise error
                if self._over:
                    raise StopAsyncIteration
                with self._runner.within(self._call, self._left()):
                    await self._step()
        except BaseException as error:
            self._observed(None if isinstance(error, StopAsyncIteration) else error)
            await self.aclose()
            raise
        return self._events.popleft()

    def _left(self) -> float | None:
        """Seconds that are left of the timeout."""
        if self._timeout is None:
            return None
        if self._until is None:
            self._until = anyio.current_time() + self._timeout
        return max(0.0, self._until - anyio.current_time())

    async def _step(self) -> None:
        """Send it, or read on."""
        if not self._started:
            self._started = True
            watch = self._runner.watch
            if watch is not None:
                record = watch.call_began(self._call.method, self._call.route)
                self._ended = lambda error: watch.call_ended(record, error)
            await self._begin()
            return
        assert self._incoming is not None
        try:
            data = await self._incoming.next_chunk()
        except NoAnswer as error:
            self._end(TurnFailed(str(error), partial=self.text))
            return
        try:
            for event in self._reader.finish() if data is None else self._reader.feed(data):
                self._events.append(event)
        except TurnFailed as error:
            # What came before it is given out first.
            self._end(error)
        if self.result is not None:
            self._end(None)
        if self._over:
            await self._leave()

    def _end(self, error: EstuaryError | None) -> None:
        self._error, self._over = error, True
        self._observed(error)

    def _observed(self, error: BaseException | None) -> None:
        """It is over, for whoever observes the client."""
        if self._ended is not None:
            self._ended(error)

    async def _begin(self) -> None:
        runner = self._runner
        call, identity = await runner.identified(self._call, self._build)
        exchange = Exchange(call, identity, runner.config.retry, chance=float)
        try:
            self._incoming = incoming = await runner.sent(call, exchange.request)
            if not 200 <= incoming.status < 300:
                response = await incoming.whole()
                runner.refused(identity, response)
                exchange.answered(response)  # A turn is never repeated: it raises.
        except NoAnswer as error:
            exchange.failed(str(error))

    async def _leave(self) -> None:
        incoming, self._incoming = self._incoming, None
        if incoming is not None:
            await incoming.close()

    async def aclose(self) -> None:
        """Leave the turn; the server may still go on with it."""
        self._over = True
        self._observed(None)
        await self._leave()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()


class EncountersClient:
    """Meetings of two characters; what they say comes as `encounter_message` events."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def start(
        self,
        character_a_id: str,
        character_b_id: str,
        *,
        prompt: str | None = None,
        max_turns: int | None = None,
        timeout: float | None = TIMEOUT,
    ) -> Encounter:
        """Let two characters meet. Raises RestError or a subclass."""
        return await self._runner.run(
            lambda _: calls.start_encounter(
                character_a_id, character_b_id, prompt=prompt, max_turns=max_turns
            ),
            timeout,
        )
