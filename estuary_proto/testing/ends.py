"""Both ends at once, with a network between them: what each sends, the other accepts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ..capture import Recorder
from ..errors import EstuaryError
from ..events import Closed, CredentialNeeded, Dial, Disconnected, HangUp
from ..gateway import (
    DEFAULT_CHARACTER,
    DEFAULT_KEY,
    MemoryStore,
    Outside,
    Registry,
    ServerConfig,
    ServerSession,
)
from ..states import Role, State
from .minds import MOST_DUE, SERVER, Outsiders, blames, counting
from .pair import Pair
from .rules import unmoved
from .runs import CONFIG, bounded
from .users import REFUSABLE, User, holds, replays

if TYPE_CHECKING:
    from ..config import EstuaryConfig
    from .operations import Operation

GUEST: Final = replace(CONFIG, api_key=DEFAULT_KEY, character_id=DEFAULT_CHARACTER)
"""The configuration of a `TalkRun` that is given none: one that the gateway lets in."""


class PairRun(User):
    """Operations of kind PAIR on both ends of a `Pair`, and the network between them."""

    def __init__(self, config: EstuaryConfig = CONFIG, *, seed: int = 1) -> None:
        self.pair: Pair = Pair(config, seed=seed, start=5.0)
        super().__init__(self.pair.client, self.pair.now)
        self.pair.connect()

    def do(self, operation: Operation) -> None:
        """Let it happen, and check."""
        pair = self.pair
        pair.advance(operation.after)
        self.now: float = pair.now
        try:
            self.use(operation.verb, operation.args)
        except EstuaryError as error:
            refusable = operation.verb in REFUSABLE or operation.verb == "tell"
            holds(refusable, f"{operation.verb} raises nothing: {error}")
        pair.advance(0.0)
        for link in pair.links.values():
            bounded(link.server)

    def finish(self) -> None:
        """The network heals, the user leaves: nothing is left, nobody broke the protocol."""
        pair = self.pair
        for link in pair.links.values():
            link.stalled.clear()
        pair.client.disconnect(now=pair.now)
        pair.advance(200.0)
        holds(pair.client.deadline is None, "no deadline is left")
        self.kept(pair.events)
        for link in pair.links.values():
            ends = [event for event in link.heard if isinstance(event, Closed)]
            holds(len(ends) <= 1, "a server closes once")
            holds(not any(blames(end.cause) for end in ends), f"our server accepts it: {ends}")
        told = [event for event in pair.events if isinstance(event, Disconnected)]
        holds(not any(blames(event.reason) for event in told), f"our client accepts it: {told}")

    def do_tell(self, message: Any, ack_within: float | None) -> None:
        """The server says something, if there is a session."""
        if self.pair.server.state is State.READY:
            self.pair.tell(message, ack_within=ack_within)

    def do_leave(self) -> None:
        """The server ends the session."""
        if self.pair.server.state is State.READY:
            self.pair.server.close(now=self.now)

    def do_wait(self) -> None:
        """Time has passed; nothing else."""

    def do_cut(self, code: int | None) -> None:
        """The wire breaks."""
        self.pair.link.cut(code=code)

    def do_hole(self) -> None:
        """The wire goes silent."""
        self.pair.link.black_hole()

    def do_stall(self, role: Role, full: bool) -> None:
        """A socket is full, or drains."""
        stalled = self.pair.link.stalled
        stalled.add(role) if full else stalled.discard(role)


class TalkRun(User):
    """Operations of kind TALK on a client that talks to the gateway's mind, frame by frame.

    `lines` are the capture of the client.
    """

    def __init__(
        self,
        config: EstuaryConfig = GUEST,
        server: ServerConfig = SERVER,
        *,
        external: bool = False,
        outside: Outside | None = None,
        seed: int = 1,
    ) -> None:
        self.lines: list[str] = []
        super().__init__(Recorder(config, self.lines.append, seed=seed), 5.0)
        self.events: list[Any] = []
        self.session: ServerSession | None = None
        self.outsiders: Outsiders = Outsiders()
        self._server = server
        self._entropy = counting()
        self._registry = Registry(server, self._entropy)
        self._external = external
        self._outside = outside
        self._memory = MemoryStore()
        self._stalled: set[Role] = set()
        self._answers: list[str] = [""]
        self.core.connect(now=self.now)
        self._step()

    def do(self, operation: Operation) -> None:
        """Let it happen, and check."""
        self._advance(operation.after)
        try:
            self.use(operation.verb, operation.args)
        except EstuaryError as error:
            holds(operation.verb in REFUSABLE, f"{operation.verb} raises nothing: {error}")
        self._step()
        if self.session is not None:
            bounded(self.session._conn)
            talk = self.session._talk
            if talk is not None and talk.message_id != self._answers[-1]:
                self._answers.append(talk.message_id)

    def finish(self) -> None:
        """The sockets drain, the user leaves: all came once, nobody broke the protocol."""
        self._stalled.clear()
        self.core.disconnect(now=self.now)
        self._advance(200.0)
        holds(self.core.deadline is None, "no deadline is left")
        self.kept(self.events)
        told = [event for event in self.events if isinstance(event, Disconnected)]
        holds(not any(blames(event.reason) for event in told), f"our client accepts it: {told}")
        replays(self.lines)

    def use(self, verb: str, args: tuple[Any, ...]) -> None:
        """What the user does, or one of those whom the gateway asks."""
        if hasattr(self, f"do_{verb}") or hasattr(self.core, verb):
            super().use(verb, args)
        elif self.session is not None:
            self.outsiders.tell(self.session, verb, args, self.now)

    def do_close(self) -> None:
        """The gateway shuts down."""
        if self.session is not None:
            self.session.close(now=self.now)

    def do_revoke(self) -> None:
        """A share is over; it was not ours."""
        if self.session is not None:
            self.session.revoke("share", now=self.now)

    def do_former(self) -> None:
        """Late words of an answer that was over before this one began."""
        if self.session is not None and len(self._answers) > 1:
            unmoved(self.session, self._answers[-2] or "none", self.now)

    def do_wait(self) -> None:
        """Time has passed; nothing else."""

    def do_cut(self, code: int | None) -> None:
        """The wire breaks."""
        self._end(code)

    def do_stall(self, role: Role, full: bool) -> None:
        """A socket is full, or drains."""
        self._stalled.add(role) if full else self._stalled.discard(role)

    # --- the network and the clock -------------------------------------------------------------

    def _advance(self, seconds: float) -> None:
        until = self.now + seconds
        for _ in range(MOST_DUE):
            self._step()
            both = (self.core, self.session)
            dues = [each.deadline for each in both if each is not None]
            times = [due.at for due in dues if due is not None]
            if not times or min(times) > until:
                self.now = until
                return
            self.now: float = max(self.now, min(times))
            self.core.handle_timeout(now=self.now)
            if self.session is not None:
                self.session.handle_timeout(now=self.now)
        holds(False, "deadlines end")

    def _step(self) -> None:
        moved = True
        while moved:
            moved = self._commands() | self._events() | self._up() | self._down()

    def _commands(self) -> bool:
        moved = False
        while (command := self.core.next_command()) is not None:
            moved = True
            if isinstance(command, Dial):
                self.session = ServerSession(
                    self._server, memory=self._memory, entropy=self._entropy,
                    external=self._external, outside=self._outside, registry=self._registry,
                )  # fmt: skip
                self.session.start(now=self.now)
                self.core.opened(command.link, now=self.now)
            else:
                self._gone(None)
        return moved

    def _events(self) -> bool:
        moved = False
        while (event := self.core.next_event()) is not None:
            moved = True
            self.events.append(event)
            if isinstance(event, CredentialNeeded):
                self.core.credential(event.link, "ect_x", "p", 60.0, now=self.now)
        return moved

    def _up(self) -> bool:
        moved = False
        while Role.CLIENT not in self._stalled:
            frame = self.core.next_frame(self.core.link)
            if frame is None:
                break
            moved = True
            if isinstance(frame, HangUp):
                self._end(frame.code)
            else:
                assert self.session is not None  # Without one the client has nothing to send.
                self.session.receive(frame, now=self.now)
        return moved

    def _down(self) -> bool:
        moved = False
        while self.session is not None and Role.SERVER not in self._stalled:
            self.outsiders.take(self.session)
            frame = self.session.next_frame()
            if frame is None:
                break
            moved = True
            if isinstance(frame, HangUp):
                self._end(frame.code)
            else:
                self.core.receive(self.core.link, frame, now=self.now)
        return moved

    def _end(self, code: int | None) -> None:
        """The WebSocket is over for both."""
        self._gone(code)
        self.core.receive_eof(self.core.link, now=self.now, code=code)

    def _gone(self, code: int | None) -> None:
        """It is over for the gateway."""
        session, self.session = self.session, None
        if session is not None:
            session.receive_eof(now=self.now, code=code)
            end = session.closed
            holds(end is not None and not blames(end.cause), f"our server accepts it: {end}")
            holds(session.deadline is None, "a server that is closed waits for nothing")
