"""The clock is the file: a fresh client meets every input of a capture again.

The client stands inside a `Recorder` here too, so that both sides of each comparison are written by
the same hand; what is compared is what an input returned or raised, and what a pull got.
"""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass, field
from dataclasses import fields as fields_of
from typing import TYPE_CHECKING, Any

from ..config import EstuaryConfig, RetryConfig, SessionCapabilities
from ..errors import EstuaryError
from ..events import Steer
from ..models.session import VoiceMode
from .forms import ODD, error_of, message_of, value_of
from .reading import Entry, Kind, bad_line, read
from .recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Verb = Callable[[Recorder, dict[str, Any], float], Callable[[], Any]]

BEFORE = 5
"""How many lines before a difference are shown."""

_WHERE = re.compile(r"(?<=not JSON: ).*?(?:\(char \d+\)|at character \d+)")
"""Where a peer's JSON is broken depends on the length of placeholders; how, on Python's version."""

_OUTCOMES = ("gives", "raised")


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a replay first did something else than the capture says.

    `line` counts from 1. `expected` is what the capture holds and `actual` what happened, both as
    JSON; `before` are the lines that led to it, that of the difference the last.
    """

    line: int
    expected: str
    actual: str
    before: list[str]

    def __str__(self) -> str:
        shown = "\n".join(f"  {line}" for line in self.before)
        return f"line {self.line}\n{shown}\nexpected  {self.expected}\nactual    {self.actual}"


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of a replay: the events that the client gave, and the first difference or None.

    `header` is the first line of the capture, `lines` how many were compared. A replay ends at the
    first difference: whatever follows would differ because of it.
    """

    header: dict[str, Any]
    events: list[Any] = field(default_factory=list)
    lines: int = 0
    difference: Difference | None = None


def replay(lines: Iterable[str]) -> Replayed:
    """Feed a capture to a fresh client and compare everything that comes out.

    Raises EstuaryError, naming the line, for what is not a capture.
    """
    entries = read(lines)
    header = next(entries)
    written: list[str] = []
    recorder = _recorder(header, written.append)
    written.clear()
    events: list[Any] = []
    before: deque[str] = deque(maxlen=BEFORE)
    clock = _Clock()
    done = 0
    for entry in entries:
        done += 1
        before.append(_text(entry.data))
        call = _call(recorder, entry, clock)
        try:
            given = call()
        except Exception:  # Law 3 or not: what is raised stands in the line that was written.
            given = None
        if entry.name == "event" and given is not None:
            events.append(given)
        expected = _outcome(entry.kind, entry.data)
        # An empty pull is not written twice.
        actual = _outcome(entry.kind, json.loads(written[-1]) if written else {})
        written.clear()
        if not _same(expected, actual, exact=ODD not in before[-1]):
            found = Difference(entry.line, _text(expected), _text(actual), list(before))
            return Replayed(header.data, events, done, found)
    return Replayed(header.data, events, done)


class _Clock:
    """The absolute time of each input."""

    __slots__ = ("base",)

    def __init__(self) -> None:
        self.base = 0.0

    def now(self, entry: Entry) -> float:
        if "clock" in entry.data:
            self.base = float(entry.data["clock"])
            # That of the first input: it is this time exactly.
            return self.base
        return float(entry.data.get("now", self.base + entry.at))


def _text(data: dict[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _outcome(kind: Kind, data: dict[str, Any]) -> dict[str, Any]:
    if kind == "pull":
        return {"got": data.get("got")}
    return {key: data[key] for key in _OUTCOMES if key in data}


def _same(expected: dict[str, Any], actual: dict[str, Any], *, exact: bool) -> bool:
    if not exact and "raised" in expected and "raised" in actual:
        # Of an odd value only the type is known, so the words may differ.
        one, other = expected["raised"], actual["raised"]
        return isinstance(one, dict) and all(one.get(k) == other.get(k) for k in ("is", "code"))
    # As text: 1, 1.0 and true are three things, and NaN is the same as NaN.
    one_text, other_text = (json.dumps(each, sort_keys=True) for each in (expected, actual))
    return one_text == other_text or _WHERE.sub("", one_text) == _WHERE.sub("", other_text)


# --- the header --------------------------------------------------------------------------------


async def _no_credential() -> None:
    """Stands in for a token provider, so that the configuration is complete."""


def _recorder(header: Entry, write: Callable[[str], object]) -> Recorder:
    data = header.data
    config, seed, path = data.get("config"), data.get("seed", 0), data.get("path", "/socket.io/")
    if not isinstance(config, dict) or not isinstance(seed, int) or not isinstance(path, str):
        raise bad_line(header.line, "the header lacks a configuration, or its seed or path is odd")
    try:
        settings = _config(config, bool(data.get("asks_credential")))
        joins = bool(data.get("joins_rooms"))
        return Recorder(settings, write, seed=seed, path=path, joins_rooms=joins)
    except (EstuaryError, TypeError) as error:
        raise bad_line(header.line, f"its configuration does not stand: {error}") from None


def _config(data: dict[str, Any], asks_credential: bool) -> EstuaryConfig:
    settings = _known(EstuaryConfig, data)
    if isinstance(capabilities := settings.get("capabilities"), dict):
        settings["capabilities"] = SessionCapabilities(**_known(SessionCapabilities, capabilities))
    if isinstance(retry := settings.get("retry"), dict):
        known = _known(RetryConfig, retry)
        if isinstance(statuses := known.get("retry_on_status"), list):
            known["retry_on_status"] = tuple(statuses)
        settings["retry"] = RetryConfig(**known)
    if asks_credential:
        settings["token_provider"] = _no_credential
    return EstuaryConfig(**settings)


def _known(cls: Any, data: dict[str, Any]) -> dict[str, Any]:
    """What this version still has a setting for."""
    names = {part.name for part in fields_of(cls)}
    return {key: value for key, value in data.items() if key in names}


# --- the inputs --------------------------------------------------------------------------------


def _call(recorder: Recorder, entry: Entry, clock: _Clock) -> Callable[[], Any]:
    """The call that this line tells of."""
    table = _INPUTS if entry.kind == "input" else _PULLS
    verb = table.get(entry.name)
    if verb is None:
        raise bad_line(entry.line, f"there is no {entry.kind} {entry.name!r}")
    try:
        now = clock.now(entry) if entry.kind == "input" else 0.0
        return verb(recorder, entry.data, now)
    except (KeyError, ValueError, TypeError) as error:
        raise bad_line(entry.line, f"{entry.name} cannot be read: {error!r}") from None


def _plain(verb: str) -> Verb:
    def made(recorder: Recorder, data: dict[str, Any], now: float) -> Callable[[], Any]:
        return lambda: getattr(recorder, verb)(now=now)

    return made


def _opened(recorder: Recorder, data: dict[str, Any], now: float) -> Callable[[], Any]:
    link = data["link"]
    return lambda: recorder.opened(link, now=now)


def _receive(recorder: Recorder, data: dict[str, Any], now: float) -> Callable[[], Any]:
    link, frame = data["link"], value_of(data["frame"])
    return lambda: recorder.receive(link, frame, now=now)


def _receive_eof(recorder: Recorder, data: dict[str, Any], now: float) -> Callable[[], Any]:
    link, code, reason = data["link"], data.get("code"), data.get("reason", "")
    return lambda: recorder.receive_eof(link, now=now, code=code, reason=reason)


def _failed(verb: str) -> Verb:
    def made(recorder: Recorder, data: dict[str, Any], now: float) -> Callable[[], Any]:
        link, error = data["link"], error_of(data["error"])
        return lambda: getattr(recorder, verb)(link, error, now=now)

    return made


def _credential(recorder: Recorder, data: dict[str, Any], now: float) -> Callable[[], Any]:
    link, player = data["link"], value_of(data["player_id"])
    token, lifetime = value_of(data["token"]), value_of(data["lifetime"])
    return lambda: recorder.credential(link, token, player, lifetime, now=now)


def _submit(recorder: Recorder, data: dict[str, Any], now: float) -> Callable[[], Any]:
    message, ack_within = message_of(data["message"]), value_of(data.get("ack_within"))
    return lambda: recorder.submit(message, now=now, ack_within=ack_within)


def _ask(recorder: Recorder, data: dict[str, Any], now: float) -> Callable[[], Any]:
    message, timeout = message_of(data["message"]), value_of(data.get("timeout"))
    concurrent = bool(data.get("concurrent"))
    return lambda: recorder.ask(message, now=now, timeout=timeout, concurrent=concurrent)


def _start_voice(recorder: Recorder, data: dict[str, Any], now: float) -> Callable[[], Any]:
    given = value_of(data["mode"])
    mode = VoiceMode(given) if given in tuple(VoiceMode) else given
    return lambda: recorder.start_voice(mode, now=now)


def _mute(recorder: Recorder, data: dict[str, Any], now: float) -> Callable[[], Any]:
    muted = bool(data["muted"])
    return lambda: recorder.mute(muted, now=now)


def _send_audio(recorder: Recorder, data: dict[str, Any], now: float) -> Callable[[], Any]:
    pcm, live = value_of(data["pcm"]), bool(data.get("live"))
    settles = bool(data.get("settles", True))
    return lambda: recorder.send_audio(pcm, now=now, live=live, settles=settles)


def _playback_started(recorder: Recorder, data: dict[str, Any], now: float) -> Callable[[], Any]:
    message_id = value_of(data["message_id"])
    return lambda: recorder.playback_started(message_id, now=now)


def _room_joined(recorder: Recorder, data: dict[str, Any], now: float) -> Callable[[], Any]:
    room = data["room"]
    return lambda: recorder.room_joined(room, now=now)


def _room_left(recorder: Recorder, data: dict[str, Any], now: float) -> Callable[[], Any]:
    room, deleted = data["room"], bool(data.get("deleted"))
    error = None if data.get("error") is None else error_of(data["error"])
    return lambda: recorder.room_left(room, error, deleted=deleted, now=now)


def _room_spoken(recorder: Recorder, data: dict[str, Any], now: float) -> Callable[[], Any]:
    room = data["room"]
    return lambda: recorder.room_spoken(room, now=now)


def _room_state(recorder: Recorder, data: dict[str, Any], now: float) -> Callable[[], Any]:
    room, state, message_id = data["room"], value_of(data["state"]), value_of(data["message_id"])
    return lambda: recorder.room_state(room, state, message_id, now=now)


def _next_room_audio(recorder: Recorder, data: dict[str, Any], now: float) -> Callable[[], Any]:
    room = data["room"]
    return lambda: recorder.next_room_audio(room)


def _say_lines(recorder: Recorder, data: dict[str, Any], now: float) -> Callable[[], Any]:
    lines, how = value_of(data["lines"]), value_of(data["how"])
    return lambda: recorder.say_lines(lines, now=now, **how)


def _steer(recorder: Recorder, data: dict[str, Any], now: float) -> Callable[[], Any]:
    script, what = data["script"], Steer(data["what"])
    return lambda: recorder.steer(script, what, now=now)


def _next_frame(recorder: Recorder, data: dict[str, Any], now: float) -> Callable[[], Any]:
    link = data["link"]
    return lambda: recorder.next_frame(link)


def _next_in_batch(recorder: Recorder, data: dict[str, Any], now: float) -> Callable[[], Any]:
    link = data["link"]
    return lambda: recorder.next_frame(link, batch=True)


_INPUTS: dict[str, Verb] = {
    "connect": _plain("connect"),
    "disconnect": _plain("disconnect"),
    "handle_timeout": _plain("handle_timeout"),
    "opened": _opened,
    "receive": _receive,
    "receive_eof": _receive_eof,
    "dial_failed": _failed("dial_failed"),
    "fault": _failed("fault"),
    "credential": _credential,
    "credential_failed": _failed("credential_failed"),
    "submit": _submit,
    "ask": _ask,
    "start_voice": _start_voice,
    "stop_voice": _plain("stop_voice"),
    "press": _plain("press"),
    "release": _plain("release"),
    "mute": _mute,
    "send_audio": _send_audio,
    "playback_started": _playback_started,
    "room_joined": _room_joined,
    "room_left": _room_left,
    "room_spoken": _room_spoken,
    "room_state": _room_state,
    "say_lines": _say_lines,
    "steer": _steer,
}
_PULLS: dict[str, Verb] = {
    "frame": _next_frame,
    "batch": _next_in_batch,
    "room_audio": _next_room_audio,
    "event": lambda recorder, data, now: recorder.next_event,
    "command": lambda recorder, data, now: recorder.next_command,
}
