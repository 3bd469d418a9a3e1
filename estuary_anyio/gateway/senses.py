"""Ears and voices that live outside of a session, and the tasks that ask them.

What is being said reaches a recogniser that is live piece by piece, and its transcripts so far go
back; an answer's sentence is asked of a voice, whose sound goes back as it comes. Each has a task
for as long as it lasts, and is cancelled when nobody wants it any more.
"""

from __future__ import annotations

import math
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import anyio

from estuary_proto.gateway import Expect, Follow, Say, StopFollowing, StopSaying, Transcribe

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from anyio.abc import TaskGroup
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

    from estuary_proto.gateway import ServerSession


class RecogniserError(Exception):
    """What was said could not be made out; the text says why, for people, and holds no secret."""


class Recogniser(Protocol):
    """Anything that understands speech."""

    async def transcribe(self, speech: Transcribe) -> str:
        """What is said in it, "" for nothing; or raises RecogniserError."""
        ...


@runtime_checkable
class LiveRecogniser(Recogniser, Protocol):
    """One that understands speech while it is spoken."""

    async def expect(self) -> None:
        """Somebody is about to speak: get ready, and raise nothing."""
        ...

    async def follow(
        self, pieces: AsyncIterator[bytes], rate: int, told: Callable[[str], object]
    ) -> str:
        """What is said in these pieces of PCM16 mono at `rate` Hz; `told` hears what that is so
        far, whenever it changes. Cancelled when nobody wants to know; or raises RecogniserError."""
        ...


class VoiceError(Exception):
    """Something could not be spoken; the text says why, for people, and holds no secret."""


class Voice(Protocol):
    """Anything that speaks."""

    def speak(self, say: Say) -> AsyncGenerator[bytes, None]:
        """The sound of it, PCM16 mono at `say.rate` Hz, in pieces of any length, the first as soon
        as possible; or raises VoiceError. Closed early when it is interrupted."""
        ...


class Senses:
    """Asks those outside on behalf of one session. `settle` is called after each input to it."""

    def __init__(
        self,
        session: ServerSession,
        settle: Callable[[], None],
        *,
        recogniser: Recogniser | None,
        voice: Voice | None,
    ) -> None:
        self._session = session
        self._settle = settle
        self._recogniser = recogniser
        self._live = recogniser if isinstance(recogniser, LiveRecogniser) else None
        self._voice = voice
        self._following: dict[int, _Followed] = {}
        self._saying: dict[int, anyio.CancelScope] = {}

    def obey(
        self,
        command: Transcribe | Expect | Follow | StopFollowing | Say | StopSaying,
        tasks: TaskGroup,
    ) -> None:
        """Do what the session asks, in tasks of this group."""
        if isinstance(command, Say):
            scope = self._saying[command.number] = anyio.CancelScope()
            tasks.start_soon(self._say, command, scope)
        elif isinstance(command, StopSaying):
            if (scope_ := self._saying.get(command.number)) is not None:
                scope_.cancel()
        elif isinstance(command, StopFollowing):
            if (followed := self._following.pop(command.turn, None)) is not None:
                followed.scope.cancel()
        elif isinstance(command, Expect):
            if self._live is not None:
                tasks.start_soon(self._live.expect)
        elif self._live is not None:
            self._feed(command, tasks)
        elif isinstance(command, Transcribe):
            tasks.start_soon(self._transcribe, command)

    def _feed(self, command: Follow | Transcribe, tasks: TaskGroup) -> None:
        turn = command.turn
        followed = self._following.get(turn)
        if followed is None:
            followed = self._following[turn] = _Followed()
            tasks.start_soon(self._follow, turn, command.rate, followed)
        whole = isinstance(command, Transcribe)
        followed.feed(command.pcm[followed.fed :] if whole else command.pcm)
        if whole:
            followed.end()

    async def _follow(self, turn: int, rate: int, followed: _Followed) -> None:
        assert self._live is not None
        session = self._session

        def told(text: str) -> None:
            session.heard(turn, text, now=anyio.current_time(), is_final=False)
            self._settle()

        with followed.scope, followed.pieces:
            try:
                text = await self._live.follow(followed.pieces, rate, told)
            except RecogniserError as error:
                session.hearing_failed(turn, str(error), now=anyio.current_time())
            else:
                session.heard(turn, text, now=anyio.current_time())
        followed.end()
        if self._following.get(turn) is followed:
            del self._following[turn]
        self._settle()

    async def _transcribe(self, speech: Transcribe) -> None:
        assert self._recogniser is not None
        session, turn = self._session, speech.turn
        try:
            text = await self._recogniser.transcribe(speech)
        except RecogniserError as error:
            session.hearing_failed(turn, str(error), now=anyio.current_time())
        else:
            session.heard(turn, text, now=anyio.current_time())
        self._settle()

    async def _say(self, say: Say, scope: anyio.CancelScope) -> None:
        assert self._voice is not None
        session, number = self._session, say.number
        with scope:
            try:
                async with aclosing(self._voice.speak(say)) as pieces:
                    async for pcm in pieces:
                        session.voice_sound(number, pcm, now=anyio.current_time())
                        self._settle()
            except VoiceError as error:
                session.voice_failed(number, str(error), now=anyio.current_time())
            else:
                session.voice_done(number, now=anyio.current_time())
        if self._saying.get(number) is scope:
            del self._saying[number]
        self._settle()


class _Followed:
    """One utterance on its way to a recogniser. A session parts long ones, so what waits is
    bounded."""

    def __init__(self) -> None:
        self.scope = anyio.CancelScope()
        self.fed = 0
        self.pieces: MemoryObjectReceiveStream[bytes]
        self._in: MemoryObjectSendStream[bytes]
        self._in, self.pieces = anyio.create_memory_object_stream[bytes](math.inf)

    def feed(self, pcm: bytes) -> None:
        self.fed += len(pcm)
        try:
            self._in.send_nowait(pcm)
        except anyio.BrokenResourceError:
            pass  # The recogniser has given up; it is told all of it once more at the end.

    def end(self) -> None:
        self._in.close()
