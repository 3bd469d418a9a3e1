"""Operations as values: what may happen to a client, a server, a gateway, or to both ends at once.

    for operation in operations(choose, CLIENT):     # of a fuzzer's bytes, or of Hypothesis
        run.do(operation)                            # of `runs`, which watches what always holds

An operation is a verb with its arguments, so many seconds after the one before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..answers import Ack, Admit, Refuse
from ..errors import ErrorCode, EstuaryError
from ..events import Steer
from ..intents import (
    AudioPlaybackComplete,
    Interrupt,
    RenewAuthentication,
    SayLine,
    SendCameraImage,
    SendText,
)
from ..messages import UnknownEvent
from ..models.session import SessionInfo, VoiceMode
from ..packing import NAMESPACE
from ..states import Role
from . import making
from .choosing import flag, pick

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .choosing import Chooser


class Operation(NamedTuple):
    """One thing that happens, `after` so many seconds."""

    after: float
    verb: str
    args: tuple[Any, ...] = ()


AFTER: Final = (0.0, 0.0, 0.0, 0.0, 0.1, 0.5, 2.0, 11.0, 31.0, 100.0)
"""Seconds between operations: mostly none, some that a deadline falls into."""

CODES: Final = (None, 1000, 1001, 1006, 1008, 1011)
AUDIO: Final = (b"\x01\x00" * 1600, b"", b"\x01", b"\x01\x00" * 9000, b"\x01" * 333)
IDS: Final = ("m1", "m2", "")
LINES: Final = ("One is first.", '<action name="a"/>Two.', "One is first.")
SAID: Final = (
    SendText("hi"),
    Interrupt(),
    Interrupt("m1"),
    SayLine(LINES[1]),
    AudioPlaybackComplete("m1"),
    SendCameraImage("AAAA"),
    RenewAuthentication("ect_x"),
    UnknownEvent("custom", (b"", {"b": b"x"})),
    SendText("x" * 100_000),
    SendText("\ud800"),
)
"""What a client may submit; the last two are refused."""
FAULTS: Final = (
    EstuaryError("no route", ErrorCode.CONNECTION_FAILED),
    EstuaryError("the key is wrong", ErrorCode.AUTH_FAILED, {"status": 401}),
)
FLOODS: Final = (10,) * 7 + (1200,)
"""How often the same frame comes in a row; the last is more than may wait of anything."""
WITHIN: Final = (None, 0.0, 5.0)


def _none(choose: Chooser) -> tuple[Any, ...]:
    return ()


def _peers(choose: Chooser, sender: Role) -> tuple[Any, ...]:
    return (making.frame(choose, sender),)


def _flood(choose: Chooser, sender: Role) -> tuple[Any, ...]:
    frames = making.FRAMES[sender]
    if flag(choose):  # What has to be answered fills what is bounded.
        frames = (f'42{NAMESPACE},5["custom"]', "2")
    return pick(choose, frames), pick(choose, FLOODS)


def _client_says(choose: Chooser) -> tuple[Any, ...]:
    said = making.message(choose, Role.CLIENT) if choose.below(4) == 3 else pick(choose, SAID)
    return said, pick(choose, WITHIN)


ANSWERS: Final = (
    Admit(SessionInfo("s")),
    Admit(),
    SessionInfo("s"),
    Refuse("no"),
    Ack(7),
    Ack(5, (b"x",)),
    Ack(-1),
    Admit(SessionInfo("\ud800")),
    None,
)


def _server_says(choose: Chooser) -> tuple[Any, ...]:
    said = making.message(choose, Role.SERVER) if flag(choose) else pick(choose, ANSWERS)
    return said, pick(choose, WITHIN)


def _one_of(*options: Any) -> Callable[[Chooser], tuple[Any, ...]]:
    return lambda choose: (pick(choose, options),)


def _count(choose: Chooser) -> tuple[Any, ...]:
    return (1 + choose.below(9),)


def _talks(choose: Chooser) -> tuple[Any, ...]:
    return (1 + choose.below(15), flag(choose), flag(choose))


def _connection(role: Role) -> Mapping[str, Callable[[Chooser], tuple[Any, ...]]]:
    ours: dict[str, Callable[[Chooser], tuple[Any, ...]]] = {"talk": _talks}
    return {
        "receive": lambda choose: _peers(choose, role.other),
        "receive again": lambda choose: (pick(choose, making.FRAMES[role.other]),),
        "receive ack": lambda choose: (f"43{NAMESPACE},{1 + choose.below(3)}[]",),
        "receive leave": _one_of(f"41{NAMESPACE},", "1"),
        "submit": _client_says if role is Role.CLIENT else _server_says,
        "pull": lambda choose: (*_count(choose), flag(choose)),
        "due": _none,
        "timeout": _none,
        "eof": _one_of(*CODES),
        "close": _none,
        "flood": lambda choose: _flood(choose, role.other),
        "start": _none,
        "fault": _none,
        "refused": _none,
        "receive beat": _one_of("2", "3"),
        **(ours if role is Role.CLIENT else {}),
    }


_USER: Final[Mapping[str, Callable[[Chooser], tuple[Any, ...]]]] = {
    "submit": _client_says,
    "ask": lambda choose: (pick(choose, (None, 1.5, 20.0)), flag(choose)),
    "start_voice": _one_of(VoiceMode.CONTINUOUS, VoiceMode.PUSH_TO_TALK),
    "stop_voice": _none,
    "press": _none,
    "release": _none,
    "send_audio": lambda choose: (pick(choose, AUDIO), flag(choose)),
    "mute": lambda choose: (flag(choose),),
    "playback_started": _one_of(*IDS),
    "say_lines": lambda choose: (pick(choose, (0.0, 0.5)), flag(choose), flag(choose)),
    "steer": lambda choose: (choose.below(3), pick(choose, tuple(Steer))),
    "disconnect": _none,
    "connect": _none,
}
"""What a user does with a client."""

_CLIENT: Final[Mapping[str, Callable[[Chooser], tuple[Any, ...]]]] = {
    "receive": lambda choose: _peers(choose, Role.SERVER),
    "receive again": lambda choose: (pick(choose, making.FRAMES[Role.SERVER]),),
    "ack": _none,
    "join": _none,
    **_USER,
    "due": _none,
    "timeout": _none,
    "receive_eof": _one_of(*CODES),
    "frame": lambda choose: (*_count(choose), flag(choose)),
    "dial_failed": _one_of(*FAULTS),
    "fault": _one_of(*FAULTS),
    "credential": _one_of(60.0, 0.5, -1.0, float("nan")),
    "credential_failed": _none,
    "late": _none,
    "flood": lambda choose: (pick(choose, making.FRAMES[Role.SERVER]), FLOODS[0]),
    "speak": lambda choose: (choose.below(200), flag(choose)),
}

_NETWORK: Final[Mapping[str, Callable[[Chooser], tuple[Any, ...]]]] = {
    "wait": _none,
    "cut": _one_of(*CODES),
    "hole": _none,
    "stall": lambda choose: (pick(choose, tuple(Role)), flag(choose)),
}
"""What a network does to two ends."""

_PAIR: Final[Mapping[str, Callable[[Chooser], tuple[Any, ...]]]] = {
    "tell": lambda choose: (making.message(choose, Role.SERVER), pick(choose, WITHIN)),
    "leave": _none,
    **_USER,
    **_NETWORK,
}

_OUTSIDERS: Final[Mapping[str, Callable[[Chooser], tuple[Any, ...]]]] = {
    "brain_piece": lambda choose: (choose.below(3), choose.text(8) or "A sentence. "),
    "brain_done": lambda choose: (choose.below(3),),
    "brain_failed": lambda choose: (choose.below(3), "no"),
    "heard": lambda choose: (choose.below(3), pick(choose, ("hi there", "stop", "")), flag(choose)),
    "hearing_failed": lambda choose: (choose.below(3), "no"),
    "voice_sound": lambda choose: (choose.below(3), pick(choose, AUDIO)),
    "voice_done": lambda choose: (choose.below(3),),
    "voice_failed": lambda choose: (choose.below(3), "no"),
    "recalled": _none,
    "revoke": _none,
    "close": _none,
}
"""What those whom a gateway asks tell it, and whoever runs it does."""

_ROOMS: Final[Mapping[str, Callable[[Chooser], tuple[Any, ...]]]] = {
    "receive room": _one_of(*(
        f'42{NAMESPACE},["livekit_{said}]'
        for said in ('join"', 'token"', 'leave"', 'token",{"turn_mode":"push_to_talk"}')
    )),
    "room_entered": lambda choose: (choose.below(2),),
    "room_token": lambda choose: (choose.below(2), "a token"),
    "room_heard": lambda choose: (choose.below(2), pick(choose, AUDIO)),
    "room_over": lambda choose: (choose.below(2), pick(choose, (None, "no"))),
}  # fmt: skip
"""What happens in LiveKit rooms, and to them."""

_GATEWAY: Final[Mapping[str, Callable[[Chooser], tuple[Any, ...]]]] = {
    "receive": lambda choose: _peers(choose, Role.CLIENT),
    "receive again": lambda choose: (pick(choose, making.FRAMES[Role.CLIENT]),),
    "voice": _one_of(*AUDIO),
    "due": _none,
    "timeout": _none,
    "pull": _count,
    "eof": _one_of(*CODES),
    "flood": lambda choose: _flood(choose, Role.CLIENT),
    **_OUTSIDERS,
    "receive voice": _one_of(*(f'42{NAMESPACE},["{verb}_voice"]' for verb in ("start", "stop"))),
    "former": _none,
    **_ROOMS,
}

_TALK: Final[Mapping[str, Callable[[Chooser], tuple[Any, ...]]]] = {
    **_USER,
    # A loop without a gap never ends where nothing takes any time.
    "say_lines": lambda choose: (pick(choose, (0.0, 0.5)), flag(choose), False),
    **{verb: made for verb, made in _NETWORK.items() if verb != "hole"},
    **_OUTSIDERS,
    "former": _none,
}


class Kind(NamedTuple):
    """What may happen to one kind of thing: verbs with what makes their arguments, and the seconds
    that may lie between them."""

    verbs: tuple[tuple[str, Callable[[Chooser], tuple[Any, ...]]], ...]
    after: tuple[float, ...] = AFTER


CLIENT: Final = Kind(tuple(_CLIENT.items()))
"""On one `Client`: its user, its driver, a server that sends whatever it likes."""
ODD_CLOCK: Final = CLIENT._replace(after=(*AFTER, -3.0))
"""The same, with a clock that goes back now and then."""
CONNECTION: Final = {role: Kind(tuple(_connection(role).items())) for role in Role}
"""On one `Connection` of this role."""
PAIR: Final = Kind(tuple(_PAIR.items()))
"""On both ends of a `Pair`, and the network between them."""
GATEWAY: Final = Kind(tuple(_GATEWAY.items()))
"""On the gateway's `ServerSession`: a client that sends whatever it likes."""
TALK: Final = Kind(tuple(_TALK.items()), (0.0, 0.0, 0.0, 0.05, 0.3, 1.0, 6.0))
"""On a client that talks to the gateway's `ServerSession`."""


def operation(choose: Chooser, kind: Kind) -> Operation:
    """One operation of this kind."""
    verb, arguments = pick(choose, kind.verbs)
    after = pick(choose, kind.after)
    return Operation(after, verb.partition(" ")[0], arguments(choose))


def operations(choose: Chooser, kind: Kind, most: int = 60) -> list[Operation]:
    """At most so many of them, while the chooser has more."""
    found: list[Operation] = []
    while len(found) < most and choose.more:
        found.append(operation(choose, kind))
    return found
