"""What always holds of the gateway's mind, watched while operations happen to it."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, Final

from .. import engineio, socketio
from ..engineio import PacketType
from ..errors import RemoteProtocolError
from ..gateway import (
    AskBrain,
    MemoryStore,
    OpenRoom,
    Outside,
    Recall,
    Recalled,
    Say,
    ServerConfig,
    ServerSession,
    Transcribe,
)
from ..gateway.session import MAX_WAITING
from ..packing import pack_audio
from ..policy import Cause
from ..socketio import Assembler
from ..states import Role
from .making import FRAMES
from .rules import Listening, Silence, unmoved, waits_for_listeners
from .runs import bounded
from .users import holds

if TYPE_CHECKING:
    from collections.abc import Callable

    from .operations import Operation

SERVER: Final = ServerConfig(client_tokens={"ect_x": "p"}, quota=20, banned_words=("rude",))
"""The configuration of a `MindRun` that is given none."""

MOST_DUE: Final = 10_000
"""How many deadlines may follow each other without time passing."""


def counting() -> Callable[[int], bytes]:
    """Ids that are the same in every run."""
    numbers = count(1)
    return lambda size: next(numbers).to_bytes(size, "big")


class Outsiders:
    """Brain, recogniser and voice of a gateway: they answer what they were asked, or anything."""

    def __init__(self) -> None:
        self.asked: dict[str, list[int]] = {"AskBrain": [], "Transcribe": [], "Say": []}
        self.entering: list[Recall] = []
        self.rooms: list[str] = []
        self.store: MemoryStore = MemoryStore()

    def take(self, session: ServerSession) -> list[Any]:
        """Take every command; they are returned too."""
        taken: list[Any] = []
        while (command := session.next_command()) is not None:
            taken.append(command)
            holds(len(taken) < MOST_DUE, "commands end")
            if isinstance(command, Recall):
                self.entering.append(command)
            elif isinstance(command, OpenRoom):
                self.rooms.append(command.room)
            elif isinstance(command, (AskBrain, Transcribe)):
                self.asked[type(command).__name__].append(command.turn)
            elif isinstance(command, Say):
                self.asked["Say"].append(command.number)
        return taken

    def tell(self, session: ServerSession, verb: str, args: tuple[Any, ...], now: float) -> None:
        """One of them says something about what it was asked so many questions ago."""
        if verb == "recalled":
            for wanted in self.entering:
                found = self.store.of(wanted.character_id, wanted.player_id)
                session.recalled(Recalled(found), now=now)
            self.entering.clear()
            return
        if verb.startswith("room_"):
            index, *rest = args
            room = self.rooms[-1 - index] if index < len(self.rooms) else "none"
            getattr(session, verb)(room, *rest, now=now)
            return
        kind = "AskBrain" if verb[0] == "b" else "Transcribe" if verb[0] == "h" else "Say"
        numbers = self.asked[kind]
        index, *rest = args
        number = numbers[-1 - index] if index < len(numbers) else index
        if verb == "heard":
            session.heard(number, rest[0], now=now, is_final=rest[1])
        else:
            getattr(session, verb)(number, *rest, now=now)


class MindRun:
    """Operations of kind GATEWAY on one `ServerSession`.

    A `faithful` one has a client that does what it should: it enters, and takes every frame. `log`
    is what the session sent and asked: equal for equal operations.
    """

    def __init__(
        self,
        config: ServerConfig = SERVER,
        *,
        external: bool = False,
        outside: Outside | None = None,
        recalls: bool = False,
        faithful: bool = False,
    ) -> None:
        self.outsiders: Outsiders = Outsiders()
        self.session: ServerSession = ServerSession(
            config,
            memory=None if recalls else self.outsiders.store,
            entropy=counting(),
            external=external,
            outside=outside,
        )
        self.now: float = 1.0
        self.log: list[Any] = []
        self._assembler = Assembler()
        self._silence = Silence()
        self._listening = Listening()
        self._answers: list[str] = [""]
        self._ended: float | None = None
        self._faithful = faithful
        self.session.start(now=self.now)
        if faithful:
            self.do_receive(FRAMES[Role.CLIENT][0])
            self._watch()

    def do(self, operation: Operation) -> None:
        """Let it happen, and check."""
        self.now += operation.after
        verb, args = operation.verb, operation.args
        own = getattr(self, f"do_{verb}", None)
        if own is not None:
            own(*args)
        else:
            self.outsiders.tell(self.session, verb, args, self.now)
        self._watch()

    def finish(self) -> None:
        """The transport ends."""
        self.session.receive_eof(now=self.now)
        self._watch()
        holds(self.session.closed is not None, "the end of the transport is the end")

    def _watch(self) -> None:
        session = self.session
        while self._faithful and self._takes():
            pass
        self.log += map(repr, self.outsiders.take(session))
        holds(len(session._waiting) <= MAX_WAITING + 300, "what waits is bounded")
        bounded(session._conn)
        waits_for_listeners(session)
        if session._talk is not None and session._talk.message_id != self._answers[-1]:
            self._answers.append(session._talk.message_id)
        if session.closed is not None:
            if self._ended is None:
                self._ended = self.now
            self._silence.judge(session._conn, session.closed, self._ended)
            left = session.deadline, session.wants_write, session.next_frame()
            holds(left == (None, False, None), "nothing is left after the end")

    # --- the client and the network ------------------------------------------------------------

    def do_receive(self, frame: str | bytes) -> None:
        """A frame comes, where frames are read."""
        if self.session.wants_read:
            self._silence.receives(self.session._conn, frame, self.now)
            self._listening.receives(self.session, frame)
            self.session.receive(frame, now=self.now)

    def do_former(self) -> None:
        """The client is late: it speaks of an answer that was over before this one began."""
        if self.session.wants_read and len(self._answers) > 1:
            unmoved(self.session, self._answers[-2] or "none", self.now)

    def do_voice(self, pcm: bytes) -> None:
        """A piece of the microphone."""
        self.do_receive(pack_audio(pcm))

    def do_flood(self, frame: str | bytes, times: int) -> None:
        """The same frame again and again, as long as it is read."""
        for _ in range(times):
            self.do_receive(frame)

    def do_pull(self, count: int) -> None:
        """So many frames are taken, each of them sound."""
        for _ in range(count):
            self._takes()

    def _takes(self) -> bool:
        frame = self.session.next_frame()
        self.log.append(frame)
        if isinstance(frame, (str, bytes)):
            self._listening.sends(frame)
            self._read(frame)
        return frame is not None

    def _read(self, frame: str | bytes) -> None:
        try:
            packet = engineio.decode(frame)
            if packet.type is PacketType.MESSAGE and isinstance(packet.data, str):
                self._assembler.feed(socketio.decode(packet.data))
            elif isinstance(packet.data, bytes):
                self._assembler.feed_binary(packet.data)
        except RemoteProtocolError as error:
            holds(False, f"the gateway sends what can be read: {error}")

    def do_due(self) -> None:
        """Time passes to the next deadline; what is due is done then."""
        deadline = self.session.deadline
        if deadline is not None:
            self.now = max(self.now, deadline.at)
            for _ in range(MOST_DUE):
                self.session.handle_timeout(now=self.now)
                after = self.session.deadline
                if after is None or after.at > self.now:
                    return
            holds(False, "deadlines end")

    def do_timeout(self) -> None:
        """Somebody asks too early, or too late."""
        self.session.handle_timeout(now=self.now)

    def do_eof(self, code: int | None) -> None:
        """The WebSocket is gone."""
        self.session.receive_eof(now=self.now, code=code)

    # --- whoever runs it -------------------------------------------------------------------------

    def do_close(self) -> None:
        """The gateway shuts down."""
        self.session.close(now=self.now)

    def do_revoke(self) -> None:
        """A share is over."""
        self.session.revoke("share", now=self.now)


def blames(cause: Cause | str) -> bool:
    """Whether an ending says that the other side broke the protocol."""
    return cause in (Cause.PROTOCOL, Cause.PROTOCOL.value)
