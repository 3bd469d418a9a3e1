"""How long a session may be idle, how much a player may say, and which words nobody may.

Pure bookkeeping: `Limits` is told what passes and says what follows from it, as messages.

1. Idle is a session in which nothing passes in either direction but microphone audio: who speaks is
   heard as a transcript.
2. Listening is idle while the player says nothing, whatever the character says.
3. A word is banned as a whole word, in any case.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ..intents import LiveKitLeave, StopVoice, StreamAudio
from ..models.conversation import BotVoice, CharacterAction, ResponseChunk, SttResponse
from ..models.session import ModerationFlag, ModerationWarning, QuotaExceededData, SessionTimeout
from ..models.voice import LiveKitReady, VoiceStarted, VoiceStopped, VoiceTimeout
from ..timers import Deadline, Timer, earlier

if TYPE_CHECKING:
    from ..models.base import Model
    from .config import ServerConfig
    from .registry import Registry

TIER: Final = "local"
_VOICE_OPENS: Final = (VoiceStarted, LiveKitReady)
_OF_A_MESSAGE: Final = (ResponseChunk, BotVoice, CharacterAction)


class Moderation:
    """Finds banned words."""

    __slots__ = ("_pattern",)

    def __init__(self, words: tuple[str, ...]) -> None:
        listed = "|".join(re.escape(word) for word in words)
        self._pattern = re.compile(rf"(?<!\w)(?:{listed})(?!\w)", re.I) if words else None

    def holds(self, text: str, *, complete: bool = True) -> bool:
        """Whether a banned word is in `text`; in one that is not complete, the last word may become
        another one yet."""
        if self._pattern is None:
            return False
        found = self._pattern.search(text)
        return found is not None and (complete or found.end() < len(text))


class Limits:
    """The limits of one session of `player_id`; its own `quota` counts before that of all."""

    def __init__(
        self,
        config: ServerConfig,
        registry: Registry,
        moderation: Moderation,
        player_id: str,
        *,
        now: float,
        quota: int | None = None,
    ) -> None:
        self._config = config
        self._quota = config.quota if quota is None else quota
        self._registry = registry
        self._moderation = moderation
        self._player_id = player_id
        self._active = now
        self._listening: float | None = None
        self._warned = False
        self._redacted: str | None = None

    # --- idle -----------------------------------------------------------------------------------

    @property
    def deadline(self) -> Deadline | None:
        """When something has been idle for too long."""
        idle, voice = self._config.session_idle, self._config.voice_idle
        session = None if idle is None else Deadline(self._active + idle, Timer.IDLE)
        if voice is None or self._listening is None:
            return session
        return earlier(session, Deadline(self._listening + voice, Timer.IDLE))

    def heard(self, message: Model, *, now: float) -> None:
        """The client has sent this."""
        if not isinstance(message, StreamAudio):
            self._active = now
        if isinstance(message, (StopVoice, LiveKitLeave)):
            self._listening = None

    def unheard(self) -> None:
        """Nobody listens any more, and nothing was said about it."""
        self._listening = None

    def overdue(self, *, now: float) -> VoiceTimeout | SessionTimeout | None:
        """What has been idle for too long by `now`; told once."""
        config, listening = self._config, self._listening
        if listening is not None and config.voice_idle is not None:
            idle = now - listening
            if listening + config.voice_idle <= now:
                self._listening = None
                return VoiceTimeout("voice_inactivity", round(idle, 3), config.voice_idle)
        if config.session_idle is not None and self._active + config.session_idle <= now:
            idle = now - self._active
            self._active = now
            return SessionTimeout("inactivity", round(idle, 3), config.session_idle)
        return None

    # --- what the player says ---------------------------------------------------------------

    def refusal(self, text: str) -> Model | None:
        """What a player is told who may not say this; None lets it pass, and counts it.

        A `ModerationWarning` of level "terminated" ends the session.
        """
        if self._moderation.holds(text):
            level = "terminated" if self._warned else "warning"
            self._warned = True
            return ModerationWarning(level, "A word in your message is not welcome here")
        limit = self._quota
        if limit is None:
            return None
        used = self._registry.used(self._player_id)
        if used >= limit:
            return QuotaExceededData("The quota is used up", used, limit, 0, TIER)
        self._registry.use(self._player_id)
        return None

    # --- what the server says -------------------------------------------------------------------

    def passes(self, message: Model, *, now: float) -> Model | None:
        """What goes out in place of `message`: itself, a flag that takes its answer back, or None
        for what belongs to an answer that was taken back."""
        self._active = now
        if isinstance(message, _VOICE_OPENS):
            self._listening = now
        elif isinstance(message, (VoiceStopped, VoiceTimeout)):
            self._listening = None
        elif isinstance(message, SttResponse) and self._listening is not None:
            self._listening = now
        elif isinstance(message, _OF_A_MESSAGE):
            return self._passes(message)
        return message

    def _passes(self, message: ResponseChunk | BotVoice | CharacterAction) -> Model | None:
        if self._redacted is not None and message.message_id == self._redacted:
            return None
        if isinstance(message, ResponseChunk) and self._moderation.holds(
            message.text, complete=message.is_final
        ):
            self._redacted = message.message_id
            return ModerationFlag(
                message.message_id, "redacted", ["banned_word"], "This message was taken back"
            )
        return message
