"""What sending gives: receipts, replies, scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio

from estuary_proto.errors import WaitTimeout

from .. import receipt, reply, script
from .twin import Twin, twin

if TYPE_CHECKING:
    from estuary_proto.events import LinesEnd, Outcome, ReplyEnd, TextPiece
    from estuary_proto.models.conversation import CharacterAction

    from .iterators import Iterating


class Receipt(Twin[receipt.Receipt], of=receipt.Receipt):
    """Settles once: SENT (handed to the socket) or LOST (the connection fell first).

    Wait for the outcome, look at `outcome`, or ignore it. What is LOST is never sent again by
    itself, and was reported as an `error` event with the count.
    """

    @property
    def outcome(self) -> Outcome | None:
        """What became of it; None while that is open."""
        return self._source.outcome

    def wait(self, timeout: float | None = None) -> Outcome:
        """What became of it, when that is known. Raises WaitTimeout after `timeout` seconds."""

        async def settled() -> Outcome:
            with anyio.move_on_after(timeout):
                return await self._source
            raise WaitTimeout(f"it was neither sent nor lost in {timeout:g} s")

        outcome: Outcome = self._loop.run(settled)
        return outcome


class Reply(Twin[reply.Reply], of=reply.Reply):
    """An answer: iterate it for its text, `final()` for the whole.

        for piece in client.ask("hi"):
            print(piece, end="")

    It goes on whether or not somebody reads it, and ends once. Iterating and `final()` raise what
    ended it before its time: ReplyTimeout, ReplyInterrupted, ConnectionLost, QuotaExceeded or the
    server's own error. It may be iterated more than once.
    """

    @property
    def message_id(self) -> str | None:
        """The message that answers; None until it has begun."""
        return self._source.message_id

    @property
    def actions(self) -> list[CharacterAction]:
        """What the character has done with this answer so far."""
        return self._source.actions

    @property
    def partial(self) -> str:
        """The text so far."""
        return self._source.partial

    @property
    def end(self) -> ReplyEnd | None:
        """How it ended; None while it goes on."""
        return self._source.end

    interrupt: Final = twin(reply.Reply.interrupt)
    voice: Final = twin(reply.Reply.voice)
    final: Final = twin(reply.Reply.final)
    pieces: Final = twin(reply.Reply.pieces)

    def __iter__(self) -> Iterating[TextPiece]:
        return self.pieces()


class Script(Twin[script.Script], of=script.Script):
    """What `client.say_lines` returns: `script.finished()` waits, and gives how it ended.

    It goes on whether or not somebody waits, and ends once.
    """

    @property
    def position(self) -> int:
        """The line that is being said, or was last, counted from 0."""
        return self._source.position

    @property
    def said(self) -> int:
        """How many lines were said to their ends; known at the end."""
        return self._source.said

    @property
    def end(self) -> LinesEnd | None:
        """How it ended; None while it goes on."""
        return self._source.end

    pause: Final = twin(script.Script.pause)
    resume: Final = twin(script.Script.resume)
    skip: Final = twin(script.Script.skip)
    stop: Final = twin(script.Script.stop)
    finished: Final = twin(script.Script.finished)
