"""Understanding speech with pocketsphinx (extra `[speech]`), in processes of its own.

Each utterance that is being followed has a process to itself; `PROCESSES` are the most, further
utterances wait for one. A process that ends by itself, or says nothing for `patience` seconds while
it has something to do, is replaced. One that ended is asked once more, in a new process, for all of
the utterance; what was lost is told, as the recogniser's error and in the log.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import anyio

from ..senses import RecogniserError
from .child import Child, ChildGone, program, start
from .rates import rates
from .sphinx_child import ABANDON, END, FRAME, PIECE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from estuary_proto.gateway import Transcribe

RATE: Final = 16000
PROCESSES: Final = 2
_SIZE: Final = 3200
"""Bytes of a piece: 100 ms, so that a process has something to say soon."""
_LOADING: Final = 6
"""How many times as patient one is with a process that loads its model."""

log: logging.Logger = logging.getLogger("estuary.gateway")


class _Hangs(Exception):
    """It says nothing."""


class Sphinx:
    """A `LiveRecogniser`. `patience` is seconds; `command` starts a process that speaks as
    `sphinx_child` does. Close it with `aclose`."""

    def __init__(
        self,
        *,
        processes: int = PROCESSES,
        patience: float = 10.0,
        command: Sequence[str] | None = None,
    ) -> None:
        self._command = list(command or program("estuary_anyio.gateway.speech.sphinx_child"))
        self._patience = patience
        self._seats = anyio.Semaphore(processes)
        self._idle: list[Child] = []
        self._all: set[Child] = set()
        self._utterances = 0
        self._loading: anyio.Event | None = None

    async def expect(self) -> None:
        """Load the model before it is needed; a failure shows when it is."""
        if self._all or self._loading is not None:
            return
        self._loading = anyio.Event()
        try:
            self._idle.append(await self._started())
        except RecogniserError as error:
            log.warning("%s", error)
        finally:
            self._loading.set()
            self._loading = None

    async def aclose(self) -> None:
        """End the processes."""
        for child in tuple(self._all):
            await self._drop(child)
        self._idle.clear()

    async def transcribe(self, speech: Transcribe) -> str:
        """What is said in it; see `Recogniser`."""
        return await self.follow(_Once(speech.pcm), speech.rate, lambda text: None)

    async def follow(
        self, pieces: AsyncIterator[bytes], rate: int, told: Callable[[str], object]
    ) -> str:
        """What is said in these pieces; see `LiveRecogniser`."""
        utterance = _Utterance(pieces, rate, told)
        async with self._seats:
            for attempt in (1, 2):
                try:
                    return await self._attempt(utterance)
                except _Hangs:
                    break
                except ChildGone:
                    log.warning("The recogniser's process has ended by itself (time %d)", attempt)
            else:
                raise RecogniserError("What you said is lost: the recogniser crashed, twice")
        log.warning("The recogniser's process said nothing for %g s", self._patience)
        raise RecogniserError(
            f"What you said is lost: the recogniser hung for {self._patience:g} s; it is restarted"
        )

    async def _attempt(self, utterance: _Utterance) -> str:
        self._utterances += 1
        number = self._utterances
        while not self._idle and self._loading is not None:
            await self._loading.wait()
        child = self._idle.pop() if self._idle else await self._started()
        try:
            text = await utterance.through(child, number, self._patience)
        except (ChildGone, _Hangs):
            await self._drop(child)
            raise
        except BaseException:  # Nobody wants to know any more.
            await self._abandon(child, number)
            raise
        self._idle.append(child)
        return text

    async def _abandon(self, child: Child, number: int) -> None:
        """The process is well, so its model stays loaded: it only forgets the utterance."""
        with anyio.move_on_after(1.0, shield=True):
            try:
                if child.whole:
                    await child.send(FRAME.pack(ABANDON, number, 0))
                    self._idle.append(child)
                    return
            except ChildGone:
                pass
        await self._drop(child)

    async def _started(self) -> Child:
        try:
            child = Child(await start(self._command))
        except OSError as error:
            raise RecogniserError(f"The recogniser cannot be started: {error.strerror}") from error
        self._all.add(child)
        ready = False
        try:
            with anyio.move_on_after(self._patience * _LOADING):
                await child.answer()
                ready = True
        except ChildGone:
            raise RecogniserError("The recogniser's process does not start") from None
        finally:
            if not ready:
                await self._drop(child)
        if not ready:
            raise RecogniserError("The recogniser's process does not get ready")
        return child

    async def _drop(self, child: Child) -> None:
        self._all.discard(child)
        await child.end()


class _Utterance:
    """What is being said, kept for a second attempt."""

    def __init__(
        self, pieces: AsyncIterator[bytes], rate: int, told: Callable[[str], object]
    ) -> None:
        self._pieces = pieces
        self._rates = rates(rate, RATE)
        self._told = told
        self._kept = bytearray()
        self._complete = False
        self._last = ""

    async def through(self, child: Child, number: int, patience: float) -> str:
        """Through this process. Raises ChildGone or _Hangs."""
        owed = _Owed()
        failure: list[Exception] = []
        text = ""

        async def send() -> None:
            try:
                await self._send(child, number, owed)
            except ChildGone as error:
                failure.append(error)
                tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send)
            try:
                text = await self._hear(child, number, owed, patience)
            except (ChildGone, _Hangs) as error:
                failure.append(error)
            tasks.cancel_scope.cancel()
        if failure:
            raise failure[0]
        return text

    async def _send(self, child: Child, number: int, owed: _Owed) -> None:
        sent = 0
        while True:
            while len(self._kept) - sent >= _SIZE or (self._complete and sent < len(self._kept)):
                piece = bytes(self._kept[sent : sent + _SIZE])
                sent += len(piece)
                owed.more()
                await child.send(FRAME.pack(PIECE, number, len(piece)) + piece)
            if self._complete:
                break
            try:
                self._kept += self._rates.push(await anext(self._pieces))
            except StopAsyncIteration:
                self._kept += self._rates.finish()
                self._complete = True
        owed.more()
        await child.send(FRAME.pack(END, number, 0))

    async def _hear(self, child: Child, number: int, owed: _Owed, patience: float) -> str:
        while True:
            await owed.some()
            answer = None
            with anyio.move_on_after(patience):
                answer = await child.answer()
            if answer is None:
                raise _Hangs
            if answer.get("id") != number:
                continue  # Of an utterance that was abandoned.
            owed.less()
            text = str(answer.get("text", ""))
            if answer.get("final"):
                return text
            if text and text != self._last:
                self._last = text
                self._told(text)


class _Owed:
    """How many answers a process owes."""

    def __init__(self) -> None:
        self._count = 0
        self._news = anyio.Event()

    def more(self) -> None:
        self._count += 1
        self._news.set()

    def less(self) -> None:
        self._count -= 1

    async def some(self) -> None:
        """Wait until it owes one."""
        while not self._count:
            self._news = anyio.Event()
            await self._news.wait()


class _Once:
    """One piece to iterate over."""

    def __init__(self, pcm: bytes) -> None:
        self._left = [pcm]

    def __aiter__(self) -> _Once:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop()
