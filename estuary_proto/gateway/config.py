"""What a local gateway is set up with, checked when it is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from ..config import invalid
from .abilities import HIGHEST, LOWEST
from .credentials import END_USER, check_player
from .script import Script

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..models.characters import AgentAction

DEFAULT_KEY: Final = "est_dev"
"""The key of a gateway that only this machine can reach."""

DEFAULT_CHARACTER: Final = "demo"
"""The character that is there when nothing else is configured."""

DEFAULT_FRIEND: Final = "friend"
"""Another one, so that two can talk to each other."""


@dataclass(frozen=True, slots=True)
class Character:
    """Somebody to talk to. `greeting` is spoken unasked when a session begins ("" stays silent);
    `persona` is the system prompt of a brain that takes one, `about` what it says of itself.

    `actions` are what it can do besides the usual. `voice` names its voice, "" is the usual one;
    `speed` is how fast it speaks, 1 is usual. One that is `text_only` has none.
    """

    name: str
    greeting: str = ""
    persona: str = ""
    about: str = ""
    actions: tuple[AgentAction, ...] = ()
    voice: str = ""
    speed: float = 1.0
    text_only: bool = False


def _demo() -> Mapping[str, Character]:
    persona = (
        "You are Wren, a warm and curious companion. Answer in a few friendly sentences, "
        "plainly and without lists."
    )
    friend = "You are Tern, well travelled and a little dry. Answer in a few plain sentences."
    return MappingProxyType(
        {
            DEFAULT_CHARACTER: Character("Wren", persona=persona),
            DEFAULT_FRIEND: Character("Tern", persona=friend),
        }
    )


SCOPES: Final = (
    "characters:read", "characters:write", "memories:read", "memories:write", "players:read",
    "players:write", "shares:read", "shares:write", "turns:write",
)  # fmt: skip
"""PROTOCOL 7.1 names the two of the memories; the others are ours, after their pattern."""

_SECONDS: Final = ("ping_interval", "ping_timeout", "auth_timeout", "model_seconds")
ENDINGS: Final = ("completed", "failed", "texture_failed", "rig_failed", "animation_failed")
_IDLE: Final = ("session_idle", "voice_idle")
MAX_WORDS: Final = 1000
MAX_WORD: Final = 100
VOICES: Final = ("auto", "always", "never")
MAX_UTTERANCE: Final = 600
_LEAST_PAYLOAD: Final = 100_000
_COUNTS: Final = ("max_sessions", "max_text", "max_history", "max_facts", "max_players")


@dataclass(frozen=True)
class ServerConfig:
    """Everything the gateway's mind needs to know.

    `ping_interval`, `ping_timeout`, `auth_timeout` and `word_interval` are seconds, `max_payload`
    is bytes a message, `max_text` characters a message, `max_history` the messages a brain is
    reminded of.
    A `word_interval` of 0 sends a reply's pieces at once. `limits` says how `session_idle`,
    `voice_idle` (seconds), `quota` (messages a player) and `banned_words` are meant; None and ()
    set no limit. `max_sessions_per_token` holds for each share token among the keys.
    `client_tokens` are end-user tokens that never lapse, with their players.
    `mic_rate` is that of the audio that clients send, in Hz: no field of the wire tells it. `hears`
    are the sentences that are understood, in turn, whatever is said; with () it is how long it
    took. An utterance has `max_utterance` seconds at most. With `barge_in` a player who begins to
    speak stops the character. `voice` "auto" speaks answers to speech aloud, and all others while
    voice is on; "always" and "never" do what they say. `voice_terminator` ends a voice with an
    empty chunk.
    `scopes` are those of the keys that have not all of them (PROTOCOL 7.1). A 3D model takes
    `model_seconds` to make, and ends as `model_ending` (PROTOCOL 7.5).
    Wrong values raise `EstuaryError` CONFIG_INVALID.
    """

    api_keys: tuple[str, ...] = field(default=(DEFAULT_KEY,), repr=False)
    characters: Mapping[str, Character] = field(default_factory=_demo)
    seed: int = 0
    ping_interval: float = 25.0
    ping_timeout: float = 20.0
    max_payload: int = 1_000_000
    auth_timeout: float = 10.0
    word_interval: float = 0.025
    max_sessions: int = 1000
    max_text: int = 8000
    max_history: int = 40
    max_facts: int = 200
    max_players: int = 1000
    session_idle: float | None = None
    voice_idle: float | None = None
    quota: int | None = None
    banned_words: tuple[str, ...] = ()
    max_sessions_per_token: int | None = None
    client_tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    mic_rate: int = 16000
    hears: tuple[str, ...] = ()
    max_utterance: float = 60.0
    barge_in: bool = True
    voice: str = "auto"
    voice_terminator: bool = False
    scopes: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    model_seconds: float = 10.0
    model_ending: str = "completed"
    script: Script = field(default_factory=Script, repr=False)

    def __post_init__(self) -> None:
        if not self.api_keys or not all(isinstance(k, str) and k.strip() for k in self.api_keys):
            raise invalid(
                "api_keys", "at least one key is needed, none of them blank", "for example est_dev"
            )
        if not self.characters or not all(self.characters):
            raise invalid(
                "characters", "at least one character with an id is needed", "for example demo"
            )
        for name in (*_SECONDS, *_IDLE):
            value: float | None = getattr(self, name)
            if value is None:
                continue
            if not isfinite(value) or value <= 0:
                raise invalid(name, f"{value!r} is no time to wait", "give seconds above 0")
        if not isfinite(self.word_interval) or self.word_interval < 0:
            raise invalid("word_interval", "it cannot be that long", "give seconds, 0 or more")
        if self.max_payload < _LEAST_PAYLOAD:
            # The longest message of the gateway's own must always fit.
            raise invalid("max_payload", "it is too small", f"give {_LEAST_PAYLOAD} bytes or more")
        for name in (*_COUNTS, "quota", "max_sessions_per_token"):
            count = getattr(self, name)
            if count is not None and count < 1:
                raise invalid(name, f"{count!r} leaves no room", "give 1 or more")
        self._check_words()
        self._check_voice()
        self._check_api()
        for token, player_id in self.client_tokens.items():
            if not token.startswith(END_USER):
                raise invalid("client_tokens", "a token begins otherwise", f"write {END_USER}…")
            check_player("client_tokens", player_id)

    def _check_words(self) -> None:
        words = self.banned_words
        if isinstance(words, str) or not all(isinstance(word, str) and word for word in words):
            raise invalid("banned_words", "they are no list of words", 'give ("rude", …)')
        if len(words) > MAX_WORDS or any(len(word) > MAX_WORD for word in words):
            raise invalid(
                "banned_words", "there is too much of it",
                f"{MAX_WORDS} words of {MAX_WORD} characters are the most",
            )  # fmt: skip

    def _check_api(self) -> None:
        if not set(self.scopes) <= set(self.api_keys):
            raise invalid("scopes", "one of the keys is not in api_keys", "add it there")
        for held in self.scopes.values():
            unknown = sorted(set(held) - set(SCOPES))
            if unknown:
                raise invalid("scopes", f"there is no {unknown[0]!r}", f"give {', '.join(SCOPES)}")
        if self.model_ending not in ENDINGS:
            raise invalid(
                "model_ending", f"{self.model_ending!r} is none", f"give {', '.join(ENDINGS)}"
            )

    def _check_voice(self) -> None:
        if not isinstance(self.mic_rate, int) or not LOWEST <= self.mic_rate <= HIGHEST:
            raise invalid(
                "mic_rate", f"{self.mic_rate!r} is no rate", f"give {LOWEST} to {HIGHEST} Hz"
            )
        hears = self.hears
        if isinstance(hears, str) or not all(isinstance(s, str) and s.strip() for s in hears):
            raise invalid("hears", "it is no list of sentences", 'give ("Hello there.", …)')
        if any(len(sentence) > self.max_text for sentence in hears):
            raise invalid("hears", "a sentence is longer than max_text", "shorten it")
        if not 1 <= self.max_utterance <= MAX_UTTERANCE:
            raise invalid("max_utterance", "it is no such time", f"give 1 to {MAX_UTTERANCE} s")
        if self.voice not in VOICES:
            raise invalid("voice", f"{self.voice!r} is none", f"give {', '.join(VOICES)}")

    @property
    def max_reply(self) -> int:
        """Characters that an answer may have. A chunk carries them up to twice, and JSON takes up
        to twelve bytes for each."""
        return self.max_payload // 25
