"""The answer to one question, as it comes (API 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from estuary_proto.events import ReplyEnd, ReplyEnded, ReplyPart, ReplyStarted, TextPiece

from .reply_voice import ReplyVoice
from .threads import check_thread, get_ident

if TYPE_CHECKING:
    from collections.abc import Callable

    from estuary_proto.errors import EstuaryError
    from estuary_proto.models.conversation import BotResponse, CharacterAction

    from .receipt import Receipt
    from .streams import Watcher


class Reply:
    """An answer: iterate it for its text, `await final()` for the whole.

        reply = client.ask("hi")
        async for piece in reply:
            print(piece, end="")

    It goes on whether or not somebody reads it, and ends once. Iterating and `final()` raise what
    ended it before its time: ReplyTimeout, ReplyInterrupted, ConnectionLost, QuotaExceeded or the
    server's own error. It may be iterated more than once.
    """

    def __init__(
        self,
        interrupt: Callable[[str | None], Receipt],
        watch: Callable[[Watcher], None],
        speaks: bool,
    ) -> None:
        self._interrupt = interrupt
        self._watch = watch
        self._speaks = speaks
        self._voices: list[ReplyVoice] = []
        self._pieces: list[TextPiece] = []
        self._changed: anyio.Event | None = None
        self._response: BotResponse | None = None
        self._error: EstuaryError | None = None
        self._thread = get_ident()
        self.message_id: str | None = None
        """The message that answers; None until it has begun."""
        self.actions: list[CharacterAction] = []
        """What the character has done with this answer so far."""
        self.partial: str = ""
        """The text so far."""
        self.end: ReplyEnd | None = None
        """How it ended; None while it goes on."""

    def update(self, event: ReplyStarted | ReplyPart | ReplyEnded) -> None:
        """Called by the client for every event of this reply."""
        if isinstance(event, ReplyStarted):
            self.message_id = event.message_id
            self._tell_voices()
        elif isinstance(event, ReplyEnded):
            self.end, self._response, self._error = event.end, event.response, event.error
            self.partial = event.partial
            self._tell_voices()
        elif isinstance(event.part, TextPiece):
            piece = event.part
            self._pieces.append(piece)
            self.partial = piece.text if piece.replaces else self.partial + piece.text
        else:
            self.actions.append(event.part)
        changed, self._changed = self._changed, None
        if changed is not None:
            changed.set()

    def _tell_voices(self) -> None:
        for voice in self._voices:
            voice.settle()

    def check_thread(self) -> None:
        """Raise in another thread than the client's."""
        check_thread(self._thread)

    async def _change(self) -> None:
        self.check_thread()
        if self._changed is None:
            self._changed = anyio.Event()
        await self._changed.wait()

    def interrupt(self) -> Receipt:
        """Ask the server to stop this answer; it ends when the server confirms."""
        return self._interrupt(self.message_id)

    def voice(self) -> ReplyVoice:
        """The chunks of the character's voice, from now on; see `ReplyVoice` for how it ends."""
        voice = ReplyVoice(self, self._speaks)
        self._voices.append(voice)
        self._watch(voice)
        return voice

    async def final(self) -> BotResponse:
        """The whole answer. Raises what ended it before its time."""
        while self.end is None:
            await self._change()
        if self._error is not None:
            raise self._error.with_traceback(None)
        assert self._response is not None
        return self._response

    def pieces(self) -> Pieces:
        """A new iterator over the text, from its beginning."""
        return Pieces(self)

    def __aiter__(self) -> Pieces:
        return Pieces(self)

    async def _piece(self, at: int) -> TextPiece | None:
        while at >= len(self._pieces):
            if self.end is not None:
                if self._error is not None:
                    raise self._error.with_traceback(None)
                return None
            await self._change()
        return self._pieces[at]

    def __repr__(self) -> str:
        end = "running" if self.end is None else self.end.value
        return f"Reply({end}, message_id={self.message_id!r}, partial={self.partial!r})"


class Pieces:
    """The text of one reply, piece by piece. It may be left at any time."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._at = 0

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> TextPiece:
        piece = await self._reply._piece(self._at)
        if piece is None:
            raise StopAsyncIteration
        self._at += 1
        return piece
