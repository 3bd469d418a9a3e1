"""A client of many lives and the servers that it meets, joined by wires in virtual time.

Nothing here waits: `advance(seconds)` runs deliveries and deadlines in order, input before timers,
and the same calls always give the same events. The wires are honest (in order, `latency` seconds
each way) until told otherwise: they can be cut, go silent, or stall in one direction. Frames that
were under way when the client let go of a link are still delivered, as late words of a dead socket.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any

from ..answers import Ack, Admit
from ..client import Client
from ..config import EstuaryConfig
from ..connection import Connection
from ..engineio import Open
from ..events import AckDue, Closed, Dial, Drop, HangUp, JoinRequested
from ..models.session import SessionInfo
from ..states import Role, State

if TYPE_CHECKING:
    from ..errors import EstuaryError

Serve = Callable[["Link", Any], None]
"""What a server does about an event of its connection."""

CONFIG = EstuaryConfig("http://server.test", "est_key", "character", "player")
"""The configuration of a `Pair` that is given none."""


def welcome(link: Link, event: Any) -> None:
    """Let everybody in, acknowledge whatever is to be acknowledged with `{"ok": true}`."""
    if isinstance(event, JoinRequested):
        link.submit(Admit(SessionInfo(f"session-{link.number}", "conversation")))
    elif isinstance(event, AckDue):
        link.submit(Ack(event.ack_id, ({"ok": True},)))


class Link:
    """One WebSocket between the client and a server of its own.

    `server` is the server-role `Connection`, `heard` what it has told, `sent` and `got` the frames
    that the client has handed to the wire and taken from it. A role in `stalled` finds its socket
    full: nothing of what it sends is pulled.
    """

    def __init__(self, pair: Pair, number: int) -> None:
        self.number: int = number
        self.server: Connection = Connection(
            Role.SERVER, handshake=pair.handshake, connect_within=15.0
        )
        self.heard: list[Any] = []
        self.sent: list[str | bytes | HangUp] = []
        self.got: list[str | bytes | HangUp] = []
        self.stalled: set[Role] = set()
        self.alive: bool = True
        """False once the wire is gone or silent: nothing new gets into it."""
        self._pair = pair
        self._epoch = 0

    def submit(self, message: Any, **options: Any) -> int:
        """The server submits `message`; the frames go out with the next step of the pair."""
        return self.server.submit(message, now=self._pair.now, **options)

    def cut(self, *, code: int | None = None) -> None:
        """The wire breaks: what is under way is lost, both sides learn that the stream has ended.

        With `code` the server's WebSocket closed it with that code.
        """
        self.black_hole()
        now = self._pair.now
        self.server.receive_eof(now=now, code=code)
        self._pair.client.receive_eof(self.number, now=now, code=code)
        self._pair.step()

    def black_hole(self) -> None:
        """The wire goes silent: what is under way and all that follows is lost, nobody is told."""
        self.alive = False
        self._epoch += 1

    def inject(self, frame: str | bytes) -> None:
        """A frame that the server's core did not make is on its way to the client."""
        self._put(Role.CLIENT, frame)

    # --- for the pair ----------------------------------------------------------------------

    def _put(self, to: Role, item: str | bytes | HangUp | None) -> None:
        if self.alive:
            epoch = self._epoch
            self._pair._after(self._pair.latency, lambda: self._deliver(to, item, epoch))

    def _deliver(self, to: Role, item: str | bytes | HangUp | None, epoch: int) -> None:
        """Hand over a frame, or the end of the stream: HangUp with a close frame, None without."""
        if epoch != self._epoch:
            return
        now, client = self._pair.now, self._pair.client
        if isinstance(item, (str, bytes)):
            if to is Role.SERVER:
                self.server.receive(item, now=now)
            else:
                self.got.append(item)
                client.receive(self.number, item, now=now)
            return
        code, reason = (None, "") if item is None else (item.code, item.reason)
        if item is not None and (to is Role.CLIENT or self.server.state is not State.CLOSED):
            # A close frame is answered with its like, and then the stream ends for both.
            self._put(to.other, None if self.server.state is State.CLOSED else item)
        if to is Role.SERVER:
            self.server.receive_eof(now=now, code=code, reason=reason)
        else:
            client.receive_eof(self.number, now=now, code=code, reason=reason)

    def _pull(self) -> bool:
        """Take what both sides have to send; whether there was anything."""
        moved = False
        client, server = self._pair.client, self.server
        while Role.CLIENT not in self.stalled:
            frame = client.next_frame(self.number)
            if frame is None:
                break
            moved = True
            self.sent.append(frame)
            self._put(Role.SERVER, frame)
        while Role.SERVER not in self.stalled:
            frame = server.next_frame()
            if frame is None:
                break
            moved = True
            self._put(Role.CLIENT, frame)
        while (event := server.next_event()) is not None:
            moved = True
            self.heard.append(event)
            if not isinstance(event, Closed):
                self._pair.serve(self, event)
        return moved


class Pair:
    """A client of many lives and the servers that it meets, in virtual time, in seconds.

    `serve` decides for the servers, `handshake` is what they greet with. `refusal` makes dials
    fail with that error, `answers = False` leaves them without any answer. What the client tells
    collects in `events`, its links in `links` by number.
    """

    def __init__(
        self,
        config: EstuaryConfig = CONFIG,
        *,
        serve: Serve = welcome,
        handshake: Open | None = None,
        latency: float = 0.01,
        seed: int = 0,
        start: float = 100.0,
        joins_rooms: bool = False,
    ) -> None:
        self.now: float = start
        self.latency = latency
        self.serve = serve
        self.handshake: Open = handshake or Open("engine-session")
        self.client: Client = Client(config, seed=seed, joins_rooms=joins_rooms)
        self.events: list[Any] = []
        self.dials: list[Dial] = []
        self.links: dict[int, Link] = {}
        self.refusal: EstuaryError | None = None
        self.answers = True
        self.max_steps = 1_000_000
        """How many deliveries and deadlines one `advance` may take."""
        self._open: dict[int, Link] = {}
        self._dropped: set[int] = set()
        self._numbers = count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    @property
    def link(self) -> Link:
        """The newest link."""
        return self.links[max(self.links)]

    @property
    def server(self) -> Connection:
        """The newest link's server."""
        return self.link.server

    def of(self, *classes: type) -> list[Any]:
        """What the client has told, of these classes."""
        return [event for event in self.events if isinstance(event, classes)]

    def connect(self, *, within: float = 1.0) -> None:
        """Let the client connect, and give it some time."""
        self.client.connect(now=self.now)
        self.advance(within)

    def submit(self, message: Any, **options: Any) -> int:
        """The client submits `message`; returns its receipt."""
        receipt = self.client.submit(message, now=self.now, **options)
        self.step()
        return receipt

    def ask(self, message: Any, **options: Any) -> int:
        """The client asks; returns the reply's number."""
        number = self.client.ask(message, now=self.now, **options)
        self.step()
        return number

    def tell(self, message: Any, **options: Any) -> int:
        """The newest link's server submits `message`; returns its receipt."""
        receipt = self.link.submit(message, **options)
        self.step()
        return receipt

    def advance(self, seconds: float) -> None:
        """Let time pass: what is under way arrives, then what is due runs, each at its moment.

        Raises RuntimeError when deadlines follow each other without end.
        """
        until = self.now + seconds
        self.step()
        for _ in range(self.max_steps):
            at = self._next()
            if at is None or at > until:
                self.now = until
                return
            self.now = max(self.now, at)
            if self._due and self._due[0][0] <= self.now:
                heappop(self._due)[2]()
            else:
                self.client.handle_timeout(now=self.now)
                for link in self._open.values():
                    link.server.handle_timeout(now=self.now)
            self.step()
        raise RuntimeError("the deadlines do not end")

    def step(self) -> None:
        """Move commands, frames and events until there are none, without letting time pass."""
        moved = True
        while moved:
            moved = False
            while (command := self.client.next_command()) is not None:
                moved = True
                self._obey(command)
            for link in list(self._open.values()):
                moved = link._pull() or moved
                if link.server.state is State.CLOSED and link.number != self.client.link:
                    del self._open[link.number]  # Both of its ends are done.
            while (event := self.client.next_event()) is not None:
                moved = True
                self.events.append(event)

    def _next(self) -> float | None:
        times = [self._due[0][0]] if self._due else []
        if self.client.deadline is not None:
            times.append(self.client.deadline.at)
        for link in self._open.values():
            if link.server.deadline is not None:
                times.append(link.server.deadline.at)
        return min(times, default=None)

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        heappush(self._due, (self.now + seconds, next(self._numbers), action))

    def _obey(self, command: Dial | Drop) -> None:
        if isinstance(command, Dial):
            self.dials.append(command)
            if self.answers:
                self._after(self.latency, lambda: self._dialled(command.link))
        else:
            self._dropped.add(command.link)
            if command.link in self.links:
                # The server learns that the stream has ended; what it had sent comes too late.
                self.links[command.link]._put(Role.SERVER, None)

    def _dialled(self, number: int) -> None:
        if self.refusal is not None:
            self.client.dial_failed(number, self.refusal, now=self.now)
            return
        link = self.links[number] = self._open[number] = Link(self, number)
        link.server.start(now=self.now)
        self.client.opened(number, now=self.now)
        if number in self._dropped:
            link._put(Role.SERVER, None)
