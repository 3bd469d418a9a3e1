"""What a local gateway is set up with, checked when it is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from ..config import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_KEY: Final = "est_dev"
"""The key of a gateway that only this machine can reach."""

DEFAULT_CHARACTER: Final = "demo"
"""The character that is there when nothing else is configured."""


@dataclass(frozen=True, slots=True)
class Character:
    """Somebody to talk to. `greeting` is spoken unasked when a session begins ("" stays silent);
    `persona` is the system prompt of a brain that takes one."""

    name: str
    greeting: str = ""
    persona: str = ""


def _demo() -> Mapping[str, Character]:
    persona = (
        "You are Wren, a warm and curious companion. Answer in a few friendly sentences, "
        "plainly and without lists."
    )
    return MappingProxyType({DEFAULT_CHARACTER: Character("Wren", persona=persona)})


_SECONDS: Final = ("ping_interval", "ping_timeout", "auth_timeout")
_LEAST_PAYLOAD: Final = 100_000
_COUNTS: Final = ("max_sessions", "max_text", "max_history", "max_facts", "max_players")


@dataclass(frozen=True)
class ServerConfig:
    """Everything the gateway's mind needs to know.

    `ping_interval`, `ping_timeout`, `auth_timeout` and `word_interval` are seconds, `max_payload`
    is bytes a message, `max_text` characters a message, `max_history` the messages a brain is
    reminded of.
    A `word_interval` of 0 sends a reply's pieces at once. Wrong values raise `EstuaryError`
    CONFIG_INVALID.
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

    def __post_init__(self) -> None:
        if not self.api_keys or not all(isinstance(k, str) and k.strip() for k in self.api_keys):
            raise invalid(
                "api_keys", "at least one key is needed, none of them blank", "for example est_dev"
            )
        if not self.characters or not all(self.characters):
            raise invalid(
                "characters", "at least one character with an id is needed", "for example demo"
            )
        for name in _SECONDS:
            value = getattr(self, name)
            if not isfinite(value) or value <= 0:
                raise invalid(name, f"{value!r} is no time to wait", "give seconds above 0")
        if not isfinite(self.word_interval) or self.word_interval < 0:
            raise invalid("word_interval", "it cannot be that long", "give seconds, 0 or more")
        if self.max_payload < _LEAST_PAYLOAD:
            # The longest message of the gateway's own must always fit.
            raise invalid("max_payload", "it is too small", f"give {_LEAST_PAYLOAD} bytes or more")
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise invalid(name, f"{getattr(self, name)!r} leaves no room", "give 1 or more")

    @property
    def max_reply(self) -> int:
        """Characters that an answer may have. A chunk carries them up to twice, and JSON takes up
        to twelve bytes for each."""
        return self.max_payload // 25
