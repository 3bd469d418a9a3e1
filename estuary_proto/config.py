"""What a client is told before it starts (API 2): checked when made, frozen, secrets hidden."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args
from urllib.parse import quote, urlsplit

from .errors import ErrorCode, EstuaryError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Self

VoiceTransport = Literal["websocket", "livekit", "auto"]
TextMode = Literal["auto", "delta", "cumulative"]

SCHEMES = {"http": False, "ws": False, "https": True, "wss": True}
"""URL scheme -> is it TLS?"""


def invalid(field_name: str, problem: str, way_out: str) -> EstuaryError:
    """The error for a wrong setting: names the field, what is wrong with it, and the way out."""
    return EstuaryError(
        f"{field_name}: {problem}; {way_out}", ErrorCode.CONFIG_INVALID, {"field": field_name}
    )


def _check_url(url: object) -> None:
    way_out = "give one like https://api.estuary-ai.com or http://127.0.0.1:4001"
    if not isinstance(url, str):
        raise invalid("server_url", f"it is {type(url).__name__}, not str", way_out)
    try:
        parts = urlsplit(url)
        host, port, scheme = parts.hostname, parts.port, parts.scheme
    except ValueError as error:
        raise invalid("server_url", str(error), way_out) from None
    if scheme not in SCHEMES:
        raise invalid(
            "server_url", f"the scheme {scheme!r} is none of {', '.join(SCHEMES)}", way_out
        )
    if not host or port == 0:
        raise invalid("server_url", "it names no host or port to connect to", way_out)
    if any(ord(c) <= 32 or ord(c) == 127 for c in url):
        raise invalid("server_url", "it contains a blank or control character", way_out)
    if parts.username is not None:
        raise invalid("server_url", "it carries a user name or password", "use api_key instead")
    if parts.query or parts.fragment:
        raise invalid("server_url", "it carries a query or fragment", way_out)


def _check_key(key: object, has_provider: bool) -> None:
    if not isinstance(key, str):
        raise invalid("api_key", f"it is {type(key).__name__}, not str", "give the key as text")
    if not key.strip() and not has_provider:
        raise invalid("api_key", "it is empty", "give est_… or sst_…, or a token_provider")
    if any(ord(c) < 32 or ord(c) == 127 for c in key):
        # The value itself is never shown.
        raise invalid("api_key", "it contains a control character", "check for a stray newline")
    _check_unicode("api_key", key)


def _check_id(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise invalid(name, f"it is {type(value).__name__}, not str", "give the id as text")
    if not value.strip():
        raise invalid(name, "it is empty", "give the id as text")
    _check_unicode(name, value)


def _check_unicode(name: str, value: str) -> None:
    if any(0xD800 <= ord(c) <= 0xDFFF for c in value):
        # As from an environment variable that is no UTF-8. The value itself is never shown.
        raise invalid(name, "it contains half a surrogate pair", "give text that UTF-8 can hold")


def _check_number(name: str, value: object, low: float, high: float, whole: bool = False) -> None:
    kinds = (int,) if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds):
        kind = "a whole number" if whole else "a number"
        raise invalid(name, f"{value!r} is not {kind}", f"give one from {low:g} to {high:g}")
    if not low <= value <= high:
        raise invalid(name, f"{value!r} is out of range", f"give one from {low:g} to {high:g}")


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise invalid(name, f"{value!r} is not known", f"give one of {', '.join(choices)}")


def _check_type(name: str, value: object, kind: type, also: str) -> None:
    if value is None and also:
        return
    if not isinstance(value, kind):
        raise invalid(
            name, f"it is {type(value).__name__}", f"give {kind.__name__} {also}".rstrip()
        )


@dataclass(frozen=True, slots=True)
class SessionCapabilities:
    """What this device can do; None in the configuration means all of it (PROTOCOL 1.4)."""

    camera: bool = True
    microphone: bool = True
    speaker: bool = True

    def to_dict(self) -> dict[str, Any]:
        """The wire form. `client_action` is always true: the server falls back to tags else."""
        return {
            "version": "1",
            "camera": self.camera,
            "microphone": self.microphone,
            "speaker": self.speaker,
            "client_action": True,
        }


@dataclass(frozen=True, slots=True)
class RetryConfig:
    """How REST calls that are safe to repeat are repeated (seed 003; PROTOCOL 7.4)."""

    max_retries: int = 3
    """Requests after the first."""
    backoff_factor: float = 1.0
    """Seconds before the second request, doubled before each further one; half of it to all of it
    by chance."""
    retry_on_status: tuple[int, ...] = (500, 502, 503, 504)
    """Answers upon which it is tried again; 429 is besides, as its Retry-After says."""

    def __post_init__(self) -> None:
        _check_number("retry.max_retries", self.max_retries, 0, 100, whole=True)
        _check_number("retry.backoff_factor", self.backoff_factor, 0, 3600)


@dataclass(frozen=True, slots=True)
class EstuaryConfig:
    """All settings of a client; the first four may be given by position (seed 000, API 2).

    Raises EstuaryError CONFIG_INVALID for a wrong value, naming the field, the problem and the way
    out. Times are seconds, rates are Hz, sizes are bytes. `apm_*` say what a VoiceSession does to
    its microphone, whichever way voice goes; `send_audio` sends what it is given.
    """

    server_url: str
    """http, https, ws or wss; plain http beyond this machine is warned of."""
    api_key: str = field(repr=False)
    """`est_…`, a share's session token `sst_…`, or "" with a `token_provider`. A secret."""
    character_id: str
    player_id: str
    """Who talks to it, in the application's own words: a character remembers each player."""
    audio_sample_rate: int = 16000
    """Hz, 8000 to 48000, at which the server is asked to speak."""
    mic_sample_rate: int = 16000
    """Hz, 8000 to 48000, of what `send_audio` takes."""
    auto_reconnect: bool = True
    """A connection that fell is made anew, as API 6 has it."""
    max_reconnect_attempts: int = 5
    """Attempts in a row; a session that has lived 10 s is a new beginning."""
    reconnect_delay: float = 1.0
    """Seconds before the first attempt, doubled before each further one; half to all of it by
    chance."""
    reconnect_delay_max: float = 30.0
    """Seconds that no such delay exceeds."""
    debug: bool = False
    """Log what passes, a line each, without secrets; handlers and levels are the application's."""
    voice_transport: VoiceTransport = "websocket"
    """Which way voice goes; "auto" is LiveKit where the package and the server have it."""
    realtime_memory: bool = False
    """Be told of new memories during the conversation: `memory_updated` (PROTOCOL 1.4)."""
    capabilities: SessionCapabilities | None = None
    """What this device can do; None is all of it."""
    token_provider: Callable[[], Awaitable[Any]] | None = field(
        default=None, repr=False, compare=False
    )
    """Gives a `ClientCredential` whenever one is needed; `api_key` may be "" then (1.6)."""
    apm_echo_cancellation: bool = True
    """Take the character's own voice out of an open microphone."""
    apm_noise_suppression: bool = False
    """Take noise out; it costs the recogniser words."""
    apm_auto_gain_control: bool = False
    """Make what is soft louder, and the other way round."""
    apm_high_pass_filter: bool = True
    """Take out what is too low for a voice."""
    connect_timeout: float = 15.0
    """Seconds from dialling to a session."""
    voice_start_timeout: float = 10.0
    """Seconds that `start_voice` waits for the server, and each press of the button."""
    resume_voice_on_reconnect: bool = True
    """Voice that was on goes on with the next connection; who was muted stays muted."""
    auto_interrupt: bool = False
    """What the user is understood to say stops the character. A VoiceSession does it by itself."""
    auto_interrupt_grace: float = 1.5
    """Seconds from the beginning of a message's voice in which it is not interrupted so."""
    suppress_mic_during_playback: bool = False
    """Send nothing while the character is heard: nobody can interrupt it by voice then."""
    retry: RetryConfig = RetryConfig()
    """How REST calls are repeated."""
    text_mode: TextMode = "auto"
    """What a piece of an answer holds: what is new, or all so far; "auto" finds out (C1, C2)."""
    max_message_size: int = 16 * 2**20
    """Bytes of a WebSocket message; a server that sends more breaks the protocol."""
    audio_backlog: float = 1.0
    """Seconds of audio that may wait to be sent; of a live microphone the oldest goes then."""
    enable_animation: bool = False
    """Ask for `bot_animation`: the face."""
    enable_body_animation: bool = False
    """Ask for `bot_pose`: the body."""

    def __post_init__(self) -> None:
        _check_url(self.server_url)
        _check_key(self.api_key, self.token_provider is not None)
        for name in ("character_id", "player_id"):
            _check_id(name, getattr(self, name))
        for name in ("audio_sample_rate", "mic_sample_rate"):
            _check_number(name, getattr(self, name), 8000, 48000, whole=True)
        _check_number("max_reconnect_attempts", self.max_reconnect_attempts, 0, 10**6, whole=True)
        for name in ("reconnect_delay", "reconnect_delay_max", "auto_interrupt_grace"):
            _check_number(name, getattr(self, name), 0, 86400)
        for name in ("connect_timeout", "voice_start_timeout", "audio_backlog"):
            _check_number(name, getattr(self, name), 0.001, 86400)
        _check_number("max_message_size", self.max_message_size, 1024, 2**30, whole=True)
        _check_choice("voice_transport", self.voice_transport, get_args(VoiceTransport))
        _check_choice("text_mode", self.text_mode, get_args(TextMode))
        _check_type("capabilities", self.capabilities, SessionCapabilities, "or None")
        _check_type("retry", self.retry, RetryConfig, "")
        for name in _SWITCHES:
            if not isinstance(getattr(self, name), bool):
                raise invalid(name, f"{getattr(self, name)!r} is no bool", "give True or False")

    @classmethod
    def from_env(cls, **overrides: Any) -> Self:
        """The configuration of the environment; keyword arguments win over it.

        Reads ESTUARY_SERVER_URL, ESTUARY_API_KEY, ESTUARY_CHARACTER_ID and ESTUARY_PLAYER_ID.
        """
        from os import environ

        for name in ("server_url", "api_key", "character_id", "player_id"):
            if name not in overrides:
                variable = f"ESTUARY_{name.upper()}"
                if variable not in environ:
                    raise invalid(name, f"{variable} is not set", f"set it or pass {name}=")
                overrides[name] = environ[variable]
        return cls(**overrides)

    @property
    def secure(self) -> bool:
        """True when the server is reached over TLS."""
        return SCHEMES[urlsplit(self.server_url).scheme]

    @property
    def host(self) -> str:
        """The server's host name or address, without brackets."""
        return urlsplit(self.server_url).hostname or ""

    @property
    def port(self) -> int:
        """The server's TCP port."""
        return urlsplit(self.server_url).port or (443 if self.secure else 80)

    def target(self, path: str = "/socket.io/") -> str:
        """The request target of the WebSocket handshake (PROTOCOL 1.1)."""
        prefix = urlsplit(self.server_url).path.rstrip("/")
        return f"{prefix}{quote(path, safe='/%')}?EIO=4&transport=websocket"

    def auth(self) -> dict[str, Any]:
        """The payload of the namespace CONNECT packet (PROTOCOL 1.2, 1.4)."""
        auth: dict[str, Any] = {
            "api_key": self.api_key,
            "character_id": self.character_id,
            "player_id": self.player_id,
            "audio_sample_rate": self.audio_sample_rate,
            "realtime_memory": self.realtime_memory,
            "capabilities": (self.capabilities or SessionCapabilities()).to_dict(),
        }
        if self.enable_animation:
            auth["enable_animation"] = True
        if self.enable_body_animation:
            auth["enable_body_animation"] = True
        return auth


_SWITCHES = (
    "auto_reconnect",
    "debug",
    "realtime_memory",
    "apm_echo_cancellation",
    "apm_noise_suppression",
    "apm_auto_gain_control",
    "apm_high_pass_filter",
    "resume_voice_on_reconnect",
    "auto_interrupt",
    "suppress_mic_during_playback",
    "enable_animation",
    "enable_body_animation",
)
