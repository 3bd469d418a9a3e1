"""What is heard of the character's voice, and what is not to be heard any more (PROTOCOL 5).

Nobody tells the core when sound leaves a loudspeaker, unless a player does: `started`, `complete`.
Where none does, a message is taken to be heard from its first chunk on, for as long as its samples
last. Rules:

1. A message that was interrupted stays so: whatever comes of it later is marked `late`.
2. With a player, a message ends when the player says so, or `PLAYER_LATE` after its samples should
   have been heard: a player that forgot must not keep the microphone shut for ever.
3. An interruption by voice is asked for once a message, and not within the grace after its start,
   in which the microphone may hear the loudspeaker.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from .events import PlaybackComplete, PlaybackStarted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .config import EstuaryConfig
    from .models.conversation import BotVoice

MAX_HEARD: Final = 64
"""Messages that are remembered; the oldest is forgotten beyond it."""

PLAYER_LATE: Final = 10.0
"""Seconds after which a player has forgotten to say that a message is complete."""


class PlaybackState(Enum):
    """Where the voice of a message stands."""

    PLAYING = "playing"
    """It is being heard, or will be."""
    COMPLETE = "complete"
    INTERRUPTED = "interrupted"
    """What of it has not been heard shall not be."""


class _Heard:
    __slots__ = ("ended", "last", "reported", "since", "state", "until", "yielded")

    def __init__(self, now: float) -> None:
        self.state = PlaybackState.PLAYING
        self.reported = False
        """A player plays it."""
        self.since = now
        self.last = now
        """When a chunk of it came, or a word about it."""
        self.until = now
        """When the samples that have come will have been heard, if they are heard as they come."""
        self.ended = False
        """Its last chunk has come."""
        self.yielded = False


class Playback:
    """See the module. `tell` takes events for the user."""

    def __init__(self, config: EstuaryConfig, tell: Callable[[Any], None]) -> None:
        self._config = config
        self._tell = tell
        self._heard: dict[str, _Heard] = {}

    # --- what comes ------------------------------------------------------------------------

    def voice(self, voice: BotVoice, now: float) -> None:
        """A chunk has come; it is marked when it is late."""
        one = self._heard.get(voice.message_id) or self._add(voice.message_id, now)
        if one.state is PlaybackState.INTERRUPTED:
            object.__setattr__(voice, "late", True)
            return
        if one.ended and voice.pcm and self._may_begin_anew(voice.message_id, one, now):
            one = self._add(voice.message_id, now)
        one.last = now
        rate = voice.sample_rate or 0
        if rate <= 0:
            rate = self._config.audio_sample_rate
        one.until = max(one.until, now) + len(voice.pcm) / (2 * rate)
        one.ended = one.ended or voice.is_final

    def started(self, message_id: str, now: float) -> None:
        """A player: the first sample of this message is heard now."""
        one = self._heard.get(message_id) or self._add(message_id, now)
        if one.state is PlaybackState.PLAYING and not one.reported:
            one.reported = True
            one.since = one.last = now
            one.until = max(one.until, now)
            self._tell(PlaybackStarted(message_id))

    def complete(self, message_id: str | None) -> None:
        """A player: the last sample of this message, or of all of them, has been heard."""
        for key in [message_id] if message_id is not None else self._playing():
            one = self._heard.get(key)
            if one is not None and one.state is PlaybackState.PLAYING:
                one.state = PlaybackState.COMPLETE
                self._tell(PlaybackComplete(key))

    def interrupt(self, message_id: str | None, under_way: Iterable[str], now: float) -> None:
        """This message is cut short; None for whatever is heard or `under_way`."""
        named = [*self._playing(), *under_way] if message_id is None else [message_id]
        for key in named:
            one = self._heard.get(key) or self._add(key, now)
            if one.state is PlaybackState.PLAYING:
                one.state = PlaybackState.INTERRUPTED
                if one.reported or now < one.until:  # Who plays it shall stop.
                    self._tell(PlaybackComplete(key, True))
            if not key:  # What comes next without a name is another message.
                del self._heard[key]

    def forget(self, message_id: str) -> None:
        """What goes by this name from here on is another message."""
        self._heard.pop(message_id, None)

    def fell(self) -> None:
        """The connection is over: what a player has is heard to its end, and told to nobody."""
        for one in self._heard.values():
            one.reported = False

    # --- what is known ---------------------------------------------------------------------

    def state_of(self, message_id: str) -> PlaybackState | None:
        """Where the voice of a message stands; None for one that has no voice, or none yet."""
        one = self._heard.get(message_id)
        return None if one is None else one.state

    def has_voice(self, message_id: str, since: float) -> bool:
        """Whether anything of the voice of a message has come since then."""
        one = self._heard.get(message_id)
        return one is not None and one.last >= since

    def heard_now(self, now: float) -> str | None:
        """The message whose voice is heard now; the first of them."""
        return next((key for key in self._playing() if self._sounds(key, now)), None)

    def over_at(self, message_id: str) -> float | None:
        """When the voice of a message will have been heard; None while nobody can tell.

        A time in the past for one that is complete or interrupted.
        """
        one = self._heard.get(message_id)
        if one is None:
            return None
        if one.state is not PlaybackState.PLAYING:
            return float("-inf")
        if not one.ended:
            return None
        return one.until + (PLAYER_LATE if one.reported else 0.0)

    def yields(self, now: float) -> str | None:
        """The user speaks: the message that should give way to that now, once (rule 3)."""
        key = self.heard_now(now)
        if key is None:
            return None
        one = self._heard[key]
        if one.yielded or now - one.since < self._config.auto_interrupt_grace:
            return None
        one.yielded = True
        return key

    # --- inside ----------------------------------------------------------------------------

    def _add(self, message_id: str, now: float) -> _Heard:
        one = self._heard[message_id] = _Heard(now)
        if len(self._heard) > MAX_HEARD:
            del self._heard[next(iter(self._heard))]
        return one

    def _may_begin_anew(self, key: str, one: _Heard, now: float) -> bool:
        """Whether this name, or none, may stand for another message; one is complete only once."""
        if one.state is PlaybackState.COMPLETE:
            return not key
        return one.until <= now and not (key and one.reported)

    def _playing(self) -> list[str]:
        playing = PlaybackState.PLAYING
        return [key for key, one in self._heard.items() if one.state is playing]

    def _sounds(self, key: str, now: float) -> bool:
        one = self._heard[key]
        return now < one.until + (PLAYER_LATE if one.reported else 0.0)
