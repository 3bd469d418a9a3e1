"""From a line of a capture to the call that it tells of, on a fresh client."""

from __future__ import annotations

from dataclasses import fields as fields_of
from typing import TYPE_CHECKING, Any

from ..config import EstuaryConfig, RetryConfig, SessionCapabilities
from ..errors import EstuaryError
from ..events import Steer
from ..models.session import VoiceMode
from .entries import Entry, bad_line
from .forms import error_of, message_of, value_of
from .recorder import Recorder
from .sound import silent

if TYPE_CHECKING:
    from collections.abc import Callable

    Verb = Callable[[Recorder, dict[str, Any], float], Callable[[], Any]]


class Clock:
    """The absolute time of each input."""

    __slots__ = ("base",)

    def __init__(self) -> None:
        self.base: float = 0.0

    def now(self, entry: Entry) -> float:
        """When this line happened. Raises EstuaryError for what is no time."""
        try:
            if "clock" in entry.data:
                self.base = float(entry.data["clock"])
                # That of the first line: it is this time exactly.
                return self.base
            return float(entry.data.get("now", self.base + entry.at))
        except (TypeError, ValueError, OverflowError):
            raise bad_line(entry.line, "its clock or now is not a number") from None


# --- the header --------------------------------------------------------------------------------


def has_audio(header: Entry) -> bool:
    """Whether the capture holds the sounds themselves."""
    return header.data.get("audio", True) is not False


async def _no_credential() -> None:
    """Stands in for a token provider, so that the configuration is complete."""


def recorder_of(header: Entry, write: Callable[[str], object]) -> Recorder:
    """A recorder around a client as the header describes it; it writes its own header at once."""
    seed, path = header.data.get("seed", 0), header.data.get("path", "/socket.io/")
    if not isinstance(seed, int) or not isinstance(path, str):
        raise bad_line(header.line, "the header's seed or path is odd")
    joins = bool(header.data.get("joins_rooms"))
    return Recorder(
        config_of(header), write, seed=seed, path=path, joins_rooms=joins, audio=has_audio(header)
    )


def config_of(header: Entry, **changes: Any) -> EstuaryConfig:
    """The configuration that a capture was made with, as far as this version has settings for it.

    Secrets are placeholders. `changes` win. Raises EstuaryError, naming the line, for an odd one.
    """
    data = header.data.get("config")
    if not isinstance(data, dict):
        raise bad_line(header.line, "the header lacks a configuration")
    settings = _known(EstuaryConfig, data)
    if header.data.get("asks_credential"):
        settings["token_provider"] = _no_credential
    settings |= changes
    try:
        if isinstance(able := settings.get("capabilities"), dict):
            settings["capabilities"] = SessionCapabilities(**_known(SessionCapabilities, able))
        if isinstance(retry := settings.get("retry"), dict):
            known = _known(RetryConfig, retry)
            if isinstance(statuses := known.get("retry_on_status"), list):
                known["retry_on_status"] = tuple(statuses)
            settings["retry"] = RetryConfig(**known)
        return EstuaryConfig(**settings)
    except (EstuaryError, TypeError) as error:
        raise bad_line(header.line, f"its configuration does not stand: {error}") from None


def _known(cls: Any, data: dict[str, Any]) -> dict[str, Any]:
    """What this version still has a setting for."""
    names = {part.name for part in fields_of(cls)}
    return {key: value for key, value in data.items() if key in names}


# --- the inputs --------------------------------------------------------------------------------


def call_of(
    recorder: Recorder, entry: Entry, clock: Clock, *, audio: bool = True
) -> Callable[[], Any]:
    """The call that this line tells of; without `audio`, silence stands in for sounds."""
    table = _INPUTS if entry.kind == "input" else _PULLS
    verb = table.get(entry.name)
    if verb is None:
        raise bad_line(entry.line, f"there is no {entry.kind} {entry.name!r}")
    try:
        now = clock.now(entry) if entry.kind == "input" else 0.0
        return verb(recorder, entry.data if audio else silent(entry.data), now)
    except (KeyError, ValueError, TypeError, OverflowError, RecursionError) as error:
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
