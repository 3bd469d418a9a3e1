"""One half of a captured session, played again to a live peer: no I/O, as all cores.

`halves` takes a capture apart into its connections; a `Player` plays one side of one of them,
wrapped in a `WebSocketLink`. It speaks when it spoke, but never before the peer has said what it
had said by then.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..events import HangUp
from ..states import Role
from ..timers import Deadline, Timer
from .entries import read
from .frames import ack_id_of, content_of, kind_of, payload_of, with_ack_id
from .mask import Mask, is_placeholder
from .sound import hushed_frame, silence, unhashed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..errors import EstuaryError

PATIENCE: Final = 10.0
"""Seconds that the peer may take for a frame that it had sent by then, before it is missed."""

_NORMAL, _NO_CODE = 1000, 1005
_NOT_AWAITED: Final = {
    # Live sound is cut into frames anew, and a heartbeat has a pace of its own.
    Role.CLIENT: frozenset({"3", "bytes", "42stream_audio"}),
    # A server may answer in other words; the end of its answer is awaited.
    Role.SERVER: frozenset({"2", "bytes", "42bot_response", "42bot_voice", "42stt_response"}),
}


@dataclass(frozen=True, slots=True)
class Act:
    """One frame of a capture: when, whose, and what."""

    at: float
    by: Role
    frame: str | bytes


@dataclass(frozen=True, slots=True)
class Half:
    """One connection of a capture, for either side to play. `opened` is False for one that never
    came about; `left_by` says who ended it, with `code` if it was ended by a close frame."""

    link: int
    acts: tuple[Act, ...]
    opened: bool
    ended_at: float
    left_by: Role
    code: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Unlike:
    """A frame that the peer should have sent (empty: none), and what it has sent instead (empty:
    nothing, or too late). Secrets are replaced."""

    link: int
    expected: str
    actual: str


def halves(lines: Iterable[str]) -> list[Half]:
    """The connections of a capture. Raises EstuaryError, naming the line, for what is none."""
    entries = read(lines)
    whole = next(entries).data.get("audio", True) is not False
    found: dict[int, _Gathered] = {}
    for entry in entries:
        if entry.link is None:
            continue
        half = found.setdefault(entry.link, _Gathered())
        half.end = max(half.end, entry.at)
        frame = entry.frame
        if entry.name in ("opened", "dial_failed"):
            half.opened = entry.name == "opened"
        elif frame is not None:
            if not whole and isinstance(frame, str):
                frame = silence(frame)
            by = Role.SERVER if entry.kind == "input" else Role.CLIENT
            half.acts.append(Act(entry.at, by, frame))
        elif isinstance(got := entry.data.get("got"), dict) and got.get("is") == "HangUp":
            half.left_by = Role.CLIENT
        elif entry.name == "receive_eof" and half.eof is None:
            half.eof = entry.data
    return [half.made(link) for link, half in found.items()]


class _Gathered:
    def __init__(self) -> None:
        self.acts: list[Act] = []
        self.opened = False
        self.end = 0.0
        self.left_by = Role.SERVER
        self.eof: dict[str, Any] | None = None

    def made(self, link: int) -> Half:
        code = (self.eof or {}).get("code")
        reason = (self.eof or {}).get("reason")
        return Half(
            link,
            tuple(self.acts),
            self.opened,
            self.end,
            self.left_by,
            code if type(code) is int else None,
            reason if isinstance(reason, str) else "",
        )


class Player:
    """Plays the side `role` of `half`; a core for a `WebSocketLink`.

    `speed` is a factor, 0 as fast as it goes. `secrets` are put in the places of their
    placeholders, by the names in them (`{"api_key": "est_…"}`); those of the peer get theirs from
    `mask`, which the players of one capture share, so that they are numbered as there. What the
    peer of a server says is compared with the capture; of a client's peer, only that it says
    something of the kind.
    `wants_cut` turns true when the connection is to end without a word.
    """

    def __init__(
        self,
        half: Half,
        role: Role,
        *,
        speed: float = 1.0,
        secrets: Mapping[str, str] | None = None,
        mask: Mask | None = None,
    ) -> None:
        self.unlike: list[Unlike] = []
        self.heard: list[str | bytes] = []
        self.over: bool = False
        self.wants_cut: bool = False
        self._half = half
        self._role = role
        self._speed = speed
        self._secrets = dict(secrets or {})
        self._mask = Mask() if mask is None else mask
        self._rest = deque(half.acts)
        # When, what sort, and what: secrets replaced.
        self._early: list[tuple[float, str, str | bytes]] = []
        self._out: deque[str | bytes | HangUp] = deque()
        # A moment of the capture, and when it was played.
        self._at = 0.0
        self._played = 0.0
        self._since = 0.0
        self._ids: dict[str, str] = {}
        self._acks: dict[str, str] = {}
        self._started = False

    # --- the verbs of a core ---------------------------------------------------------------

    @property
    def deadline(self) -> Deadline | None:
        """When `handle_timeout` is due: for the next frame, or because the peer is late."""
        if not self._started or self.over:
            return None
        half = self._half
        by, at = half.left_by, half.ended_at
        if self._rest:
            by, at = self._rest[0].by, self._rest[0].at
        if by is not self._role:
            return Deadline(self._since + PATIENCE, Timer.ACK)
        return Deadline(self._due(at), Timer.PING)

    wants_read = True

    @property
    def wants_write(self) -> bool:
        """Whether there is something to send."""
        return bool(self._out)

    def start(self, *, now: float) -> None:
        """The WebSocket is open."""
        self._started = True
        self._at = self._rest[0].at if self._rest else self._half.ended_at
        self._played = self._since = now
        self._play(now)

    def receive(self, frame: str | bytes, *, now: float) -> None:
        """The peer has said something."""
        self.heard.append(frame)
        sort = _sort_of(frame)
        if sort not in _NOT_AWAITED[self._role.other]:
            shown = self._mask.frame(frame) if isinstance(frame, str) else frame
            self._early.append((now, sort, shown))
        self._play(now)

    def receive_eof(self, *, now: float, code: int | None = None, reason: str = "") -> None:
        """The peer is gone: what it still had to say is missed."""
        if not self.over:
            for act in self._rest:
                if act.by is not self._role and self._is_awaited(act):
                    self._take(act)
        self._end()

    def refused(self, error: EstuaryError, *, now: float) -> None:
        """The handshake failed."""
        self.unlike.append(Unlike(self._half.link, "a WebSocket", error.message))
        self._end()

    def fault(self, error: EstuaryError, *, now: float) -> None:
        """The peer broke the rules of WebSocket."""
        self.unlike.append(Unlike(self._half.link, "frames of RFC 6455", error.message))
        self._end()

    def handle_timeout(self, *, now: float) -> None:
        """The deadline may be due."""
        self._play(now)

    def next_frame(self, *, batch: bool = False) -> str | bytes | HangUp | None:
        """The next frame to send, or None."""
        return self._out.popleft() if self._out else None

    def next_event(self) -> None:
        """There are none."""

    # --- playing ---------------------------------------------------------------------------

    def _due(self, at: float) -> float:
        if not self._speed:
            return self._played
        return self._played + max(0.0, at - self._at) / self._speed

    def _play(self, now: float) -> None:
        while self._started and not self.over:
            if not self._rest:
                if self._half.left_by is self._role:
                    if self._due(self._half.ended_at) <= now:
                        self._leave()
                elif now >= self._since + PATIENCE:
                    self.unlike.append(Unlike(self._half.link, "a goodbye", ""))
                    self.wants_cut = True
                    self._end()
                return
            act = self._rest[0]
            if act.by is self._role:
                if (due := self._due(act.at)) > now:
                    return
                self._pass(act.at, due, now)
                self._out.append(self._adapted(act.frame))
            elif not self._is_awaited(act):
                self._rest.popleft()
            elif (moment := self._take(act, patient=now < self._since + PATIENCE)) is not None:
                self._pass(act.at, max(self._played, moment), now)
            else:
                return

    def _pass(self, at: float, played: float, now: float) -> None:
        self._rest.popleft()
        self._at, self._played, self._since = max(at, self._at), played, now

    def _leave(self) -> None:
        """The end, as it was: by a close frame, or by cutting the line."""
        half = self._half
        if self._role is Role.CLIENT:
            self._out.append(HangUp())
        elif half.code is None:
            self.wants_cut = True
        else:
            self._out.append(HangUp(_NORMAL if half.code == _NO_CODE else half.code, half.reason))
        self._end()

    def _end(self) -> None:
        self.over = True
        self._rest.clear()

    def _is_awaited(self, act: Act) -> bool:
        return _sort_of(act.frame) not in _NOT_AWAITED[act.by]

    def _take(self, act: Act, *, patient: bool = False) -> float | None:
        """When the peer has said this; None while there is still hope."""
        sort = _sort_of(act.frame)
        for index, (moment, kind, frame) in enumerate(self._early):
            if kind == sort:
                del self._early[index]
                self._learn(act.frame, frame)
                return moment
        if patient:
            return None
        self.unlike.append(Unlike(self._half.link, _shown(act.frame), ""))
        return self._since

    def _learn(self, expected: str | bytes, actual: str | bytes) -> None:
        """The peer's own ids and numbers; and whether it said the same."""
        if number := ack_id_of(expected):
            self._acks[number] = ack_id_of(actual)
        _pair_ids(payload_of(expected), payload_of(actual), self._ids)
        if self._role is Role.SERVER and not _alike(expected, actual):
            self.unlike.append(Unlike(self._half.link, _shown(expected), _shown(actual)))

    def _adapted(self, frame: str | bytes) -> str | bytes:
        """A frame of the capture, as this peer understands it."""
        if isinstance(frame, bytes):
            return frame
        if frame[:2] in ("43", "46") and (number := ack_id_of(frame)) in self._acks:
            frame = with_ack_id(frame, self._acks[number])
        for name, secret in self._secrets.items():
            frame = frame.replace(f"«{name}»", json.dumps(secret)[1:-1])
        for theirs, ours in self._ids.items():
            if theirs in frame:
                frame = frame.replace(json.dumps(theirs), json.dumps(ours))
        return frame


def _sort_of(frame: str | bytes) -> str:
    """The kind of a frame; that of a final answer is another than that of its pieces."""
    kind = kind_of(frame)
    if kind == "42bot_response" and isinstance(said := payload_of(frame), list):
        if len(said) > 1 and isinstance(said[1], dict) and said[1].get("is_final") is True:
            return f"{kind}, final"
    return kind


def _shown(frame: str | bytes) -> str:
    if isinstance(frame, bytes):
        return f"{len(frame)} bytes"
    return Mask().frame(frame)


def _alike(expected: str | bytes, actual: str | bytes) -> bool:
    """Whether two frames say the same, secrets and sounds that were left out aside."""
    texts = [
        unhashed(hushed_frame(_shown(frame))) if isinstance(frame, str) else frame
        for frame in (expected, actual)
    ]
    one, other = (content_of(text) for text in texts)
    return bool(one == other)


def _pair_ids(expected: Any, actual: Any, ids: dict[str, str]) -> None:
    """Find which id of the live peer stands for which of the capture."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key, value in expected.items():
            other = actual.get(key)
            if isinstance(value, str) and isinstance(other, str):
                if key.lower().endswith("id") and value and value != other:
                    if not is_placeholder(value):
                        ids[value] = other
            else:
                _pair_ids(value, other, ids)
    elif isinstance(expected, list) and isinstance(actual, list):
        for value, other in zip(expected, actual, strict=False):
            _pair_ids(value, other, ids)
