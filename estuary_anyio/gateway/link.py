"""One connected client of the gateway: the mind's session moved by an ASGI WebSocket.

Three tasks, as in every driver of ours: the reader runs the session itself, the writer hands its
frames on and is woken only when there are any, the timekeeper sleeps to the next deadline. A brain
that lives elsewhere gets a task for as long as it answers; so do ears and voices (`senses`).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol

import anyio

from estuary_proto.events import HangUp
from estuary_proto.gateway import AskBrain, Cut, InRoom, Recall, Report, ServerSession, StopBrain

from .livekit import Rooms
from .senses import Senses

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from estuary_proto.intents import StartAgentConversation
    from estuary_proto.models.base import Model

    from .livekit import LiveKitSettings
    from .senses import Recogniser, Voice
    from .store.archive import Archive

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class BrainError(Exception):
    """A brain could not answer; the text says why, for people, and holds no secret."""


class Brain(Protocol):
    """Anything that can answer: it streams the pieces of one reply, or raises BrainError."""

    def stream(self, ask: AskBrain) -> AsyncGenerator[str, None]:
        """The reply to `ask`, piece by piece. Closed early when the reply is interrupted."""
        ...


class Link:
    """Moves one `ServerSession`; `archive` holds what its conversation goes on from. `abort` cuts
    the transport, where the server below can do that; `report` takes what the session's script has
    to say, line by line."""

    def __init__(
        self,
        session: ServerSession,
        receive: Receive,
        send: Send,
        archive: Archive,
        *,
        brain: Brain | None = None,
        recogniser: Recogniser | None = None,
        voice: Voice | None = None,
        livekit: LiveKitSettings | None = None,
        abort: Callable[[], None] | None = None,
        report: Callable[[str], object] | None = None,
    ) -> None:
        self._session = session
        self._receive = receive
        self._send = send
        self._archive = archive
        self._brain = brain
        self._senses = Senses(session, self._settle, recogniser=recogniser, voice=voice)
        self._rooms = Rooms(livekit, session, self._settle) if livekit is not None else None
        self._abort = abort
        self._report = report
        self._frames = anyio.Event()
        self._moved = anyio.Event()
        self._room = anyio.Event()
        self._sleeps_until: float | None = None
        self._asking: dict[int, anyio.CancelScope] = {}
        self._tasks: TaskGroup | None = None

    async def run(self) -> None:
        """Serve the client until it is gone."""
        self._session.start(now=anyio.current_time())
        async with anyio.create_task_group() as self._tasks:
            self._tasks.start_soon(self._write)
            self._tasks.start_soon(self._keep_time)
            self._tasks.start_soon(self._read)

    def close(self, code: int, reason: str) -> None:
        """Say goodbye with a WebSocket close code; `run` ends when the client has left."""
        self._session.close(now=anyio.current_time(), code=code, reason=reason)
        self._settle()

    def tell(self, message: Model, character_id: str, player_id: str) -> None:
        """Send this if the session is of this pair."""
        info = self._session.info
        if info is not None and (info.character_id, info.player_id) == (character_id, player_id):
            self._session.tell(message)
            self._settle()

    def encounter(self, encounter_id: str, wanted: StartAgentConversation) -> None:
        """Let the client hear how two characters meet, if it talks to one of them."""
        info = self._session.info
        if info is not None and info.character_id in (wanted.agent_a_id, wanted.agent_b_id):
            self._session.encounter(encounter_id, wanted, now=anyio.current_time())
            self._settle()

    def revoke(self, share_id: str) -> bool:
        """End the session if it came from this share; whether it did."""
        ended = self._session.revoke(share_id, now=anyio.current_time())
        if ended:
            self._settle()
        return ended

    def cut(self) -> None:
        """Cut the transport without a word; a server that cannot do that hangs up with 1011."""
        if self._abort is not None:
            self._abort()
        elif self._tasks is not None:
            self._tasks.cancel_scope.cancel()

    # --- the three tasks -------------------------------------------------------------------

    async def _read(self) -> None:
        while True:
            message = await self._receive()
            now = anyio.current_time()
            if message["type"] == "websocket.disconnect":
                code = message.get("code")
                # 1005 and 1006 stand for "no code": nobody sends them (RFC 6455 7.4.1).
                self._session.receive_eof(now=now, code=None if code in (1005, 1006) else code)
                self._settle()
                return
            text = message.get("text")
            self._session.receive(message["bytes"] if text is None else text, now=now)
            self._settle()
            while not self._session.wants_read:
                self._room = anyio.Event()
                await self._room.wait()

    async def _write(self) -> None:
        while True:
            frame = self._session.next_frame()
            self._settle_time()
            if not self._archive.settled:
                # Nothing is told that could still be lost.
                await self._archive.settle()
            if frame is None:
                self._frames = anyio.Event()
                self._settle()  # A script may have waited for this moment.
                await self._frames.wait()
            elif isinstance(frame, HangUp):
                await self._send(
                    {"type": "websocket.close", "code": frame.code, "reason": frame.reason}
                )
            elif isinstance(frame, str):
                await self._send({"type": "websocket.send", "text": frame})
            else:
                await self._send({"type": "websocket.send", "bytes": frame})

    async def _keep_time(self) -> None:
        while True:
            deadline = self._session.deadline
            self._sleeps_until = None if deadline is None else deadline.at
            self._moved = anyio.Event()
            pause = None if deadline is None else max(0.0, deadline.at - anyio.current_time())
            with anyio.move_on_after(pause):
                await self._moved.wait()
                continue
            self._session.handle_timeout(now=anyio.current_time())
            self._settle()

    # --- after each input ------------------------------------------------------------------

    def _settle(self) -> None:
        """Wake whom the last input concerns."""
        tasks = self._tasks
        assert tasks is not None
        while (command := self._session.next_command()) is not None:
            if isinstance(command, AskBrain):
                tasks.start_soon(self._ask, command)
            elif isinstance(command, StopBrain):
                if (scope := self._asking.get(command.turn)) is not None:
                    scope.cancel()
            elif isinstance(command, Recall):
                tasks.start_soon(self._recall, command)
            elif isinstance(command, Cut):
                self.cut()
            elif isinstance(command, Report):
                if self._report is not None:
                    self._report(command.text)
            elif isinstance(command, InRoom):
                assert self._rooms is not None  # The session knows who is outside.
                self._rooms.obey(command, tasks)
            else:
                self._senses.obey(command, tasks)
        if self._session.closed:
            self._end(tasks)
            return
        if self._session.wants_write:
            self._frames.set()
        self._settle_time()

    def _settle_time(self) -> None:
        deadline = self._session.deadline
        if deadline is not None and (
            self._sleeps_until is None or deadline.at < self._sleeps_until
        ):
            self._moved.set()
        if self._session.wants_read:
            self._room.set()

    def _end(self, tasks: TaskGroup) -> None:
        """The session is over. A transport that has not ended by itself is cut: a peer that does
        not read could hold the writer for ever."""
        if not self._session.left and self._abort is not None:
            self._abort()
        tasks.cancel_scope.cancel()

    async def _ask(self, ask: AskBrain) -> None:
        assert self._brain is not None
        session, turn = self._session, ask.turn
        with anyio.CancelScope() as self._asking[turn]:
            try:
                async with aclosing(self._brain.stream(ask)) as pieces:
                    async for piece in pieces:
                        session.brain_piece(turn, piece, now=anyio.current_time())
                        self._settle()
            except BrainError as error:
                session.brain_failed(turn, str(error), now=anyio.current_time())
            else:
                session.brain_done(turn, now=anyio.current_time())
        del self._asking[turn]
        self._settle()

    async def _recall(self, wanted: Recall) -> None:
        found = await self._archive.recall(wanted.character_id, wanted.player_id)
        self._session.recalled(found, now=anyio.current_time())
        self._settle()
