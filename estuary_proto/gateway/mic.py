"""The microphone of one client: when it is listened to, and what is understood (PROTOCOL 4.1, 4.2).

1. `start_voice` opens the ear, `stop_voice` closes it; both are answered at once, so that the
   acknowledgement behind them says that it is done. What comes while it is closed is ignored.
2. Continuous: each utterance that `Hearing` finds is a turn. Somebody whose audio stops to flow in
   the middle of one (a muted microphone) has said it all after a second.
3. Push-to-talk: all that lies between press and release is one turn, and a press that is repeated
   adds nothing. A session that has used it keeps to it.
4. What was said before the ear was closed is still answered. Nothing said is no turn.
5. A recogniser that is asked by `Transcribe` says what it was; without one it is what
   `ServerConfig.hears` says, or how long it took. One that is `live` hears it by `Follow` while it
   is being said, and tells what it was so far.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from ..models.conversation import SttResponse
from ..models.pcm import decode_pcm
from ..models.session import ErrorEvent
from ..models.voice import VoiceError, VoiceStarted, VoiceStopped
from .activity import Probability
from .commands import Expect, Follow, StopFollowing, Transcribe
from .hearing import Hearing, Sound

if TYPE_CHECKING:
    from collections import deque

    from ..models.base import Model
    from .commands import Command, Outside
    from .config import ServerConfig
    from .hearing import Heard

PUSH_TO_TALK: Final = "push_to_talk"
STALLED: Final = 1.0
"""Seconds without audio after which an utterance is over."""
MAX_PENDING: Final = 4
"""Utterances of a client that a recogniser may be at."""

UNCLEAR: Final = "…"
"""The transcript while a recogniser has not been asked."""


class Listener(Protocol):
    """Who wants to know."""

    @property
    def has_room(self) -> bool:
        """False while messages wait for the client to take them."""
        ...

    def send(self, message: Model, *, now: float) -> None:
        """Send this to the client."""

    def said(self, text: str, *, now: float) -> None:
        """The player has said this."""

    def speaks(self, *, pressed: bool, now: float) -> None:
        """The player begins to speak, or has `pressed` the button."""

    def unheard(self) -> None:
        """Nobody listens any more, and nothing was said about it."""


class Mic:
    """See the module. What was said is asked for in `commands`, if there is somebody outside."""

    def __init__(
        self,
        config: ServerConfig,
        listener: Listener,
        commands: deque[Command],
        outside: Outside,
    ) -> None:
        self._config = config
        self._listener = listener
        self._commands = commands
        self._outside = outside
        self._external = outside.recogniser
        self._hearing: Hearing | None = None
        self._button = False
        self._turns = 0
        self._news = 0
        self._pending: set[int] = set()
        self._bad = False
        self._stalls_at: float | None = None
        self.ignored: int = 0
        """Pieces of audio that came while nobody listened."""

    @property
    def on(self) -> bool:
        """True while voice is on: listening, or between two presses of the button."""
        return self._hearing is not None or self._button

    @property
    def due_at(self) -> float | None:
        """When `tick` has something to do, in monotonic seconds."""
        return self._stalls_at

    # --- what the client does ----------------------------------------------------------------

    def start(self, turn_mode: str | None, *, now: float) -> None:
        """Listen; with `turn_mode` "push_to_talk" the button is down."""
        pressed = turn_mode == PUSH_TO_TALK
        if not pressed and turn_mode not in (None, "", "continuous"):
            problem = f"There is no turn_mode {turn_mode[:80]!r}: it is {PUSH_TO_TALK} or left out"
            return self._listener.send(VoiceError(problem), now=now)
        if self._button and not pressed:
            problem = "This session has used push_to_talk, and keeps to it until it is reconnected"
            return self._listener.send(VoiceError(problem), now=now)
        if pressed:
            self._listener.speaks(pressed=True, now=now)
        already = self._hearing is not None
        self.open(pressed=pressed)
        self._listener.send(VoiceStarted(already), now=now)

    def open(self, *, pressed: bool) -> None:
        """Listen, without a word."""
        if self._hearing is None or pressed is not self._button:
            self.close()
            self._hearing = self._new_hearing(whole=pressed)
            if self._outside.live:
                self._commands.append(Expect())
            self._bad = False
            self._stalls_at = None
        self._button = pressed

    def _new_hearing(self, *, whole: bool) -> Hearing:
        config, detector = self._config, self._outside.detector
        rate, activity = config.mic_rate, None
        if detector is not None:
            activity = Probability(rate, detector(rate), held=whole)
        return Hearing(
            rate,
            whole=whole,
            keeps=self._external,
            longest=config.max_utterance,
            activity=activity,
        )

    def stop(self, *, now: float) -> None:
        """Listen no longer; what was said starts its turn."""
        ended = self._hearing.finish() if self._hearing is not None else None
        text = self._ended(ended, now) if ended is not None else None
        self.close()
        self._listener.send(VoiceStopped(), now=now)
        if text is not None:
            self._listener.said(text, now=now)

    def close(self) -> None:
        """Listen no longer, without a word."""
        if self._hearing is not None and self._hearing.speaks and self._outside.live:
            self._pending.discard(self._turns)
            self._commands.append(StopFollowing(self._turns))
            self._turns += 1
        self._hearing = None
        self._stalls_at = None

    def audio(self, audio: str, *, now: float) -> None:
        """A piece of audio, in base64."""
        hearing = self._hearing
        if hearing is None:
            self.ignored += 1
            return
        try:
            pcm = decode_pcm(audio)
        except ValueError:
            if not self._bad:  # A client that does one so does the next one too.
                problem = ErrorEvent("stream_audio: the audio is not base64", "bad_audio")
                self._listener.send(problem, now=now)
            self._bad = True
            return
        self.hear(pcm, now=now)

    def hear(self, pcm: bytes, *, now: float) -> None:
        """A piece of audio: PCM16 mono."""
        hearing = self._hearing
        if hearing is None:
            self.ignored += 1
            return
        for heard in hearing.feed(pcm):
            self._hear(heard, now)
            if self._hearing is not hearing:  # What was said has ended the session.
                return
        if self._outside.live and self._turns in self._pending and (pcm := hearing.fresh()):
            self._commands.append(Follow(self._turns, pcm, self._config.mic_rate))
        waits = hearing.speaks and not self._button
        self._stalls_at = now + STALLED if waits else None

    def tick(self, *, now: float) -> None:
        """Time has passed."""
        hearing = self._hearing
        if hearing is not None and self._stalls_at is not None and self._stalls_at <= now:
            self._stalls_at = None
            ended = hearing.finish()
            assert ended is not None  # It only waits while somebody speaks.
            self._hear(ended, now)

    # --- what is understood ------------------------------------------------------------------

    def heard(self, turn: int, text: str, *, now: float, is_final: bool = True) -> None:
        """A recogniser tells what was said in this turn; "" is nothing."""
        if turn not in self._pending:
            return
        text = " ".join(text.encode(errors="replace").decode().split())
        if not is_final:
            if self._listener.has_room:
                self._listener.send(SttResponse(text), now=now)
            return
        self._pending.discard(turn)
        self._listener.send(SttResponse(text, is_final=True), now=now)
        if text:
            self._listener.said(text, now=now)

    def failed(self, turn: int, message: str, *, now: float) -> None:
        """A recogniser could not tell what was said in this turn, and why."""
        if turn in self._pending:
            self._pending.discard(turn)
            self._listener.send(ErrorEvent(message, "recogniser_failed"), now=now)
            self._listener.send(SttResponse("", is_final=True), now=now)

    def _hear(self, heard: Heard, now: float) -> None:
        if heard.sound is Sound.ENDS:
            text = self._ended(heard, now)
            if text is not None:
                self._listener.said(text, now=now)
            return
        if heard.sound is Sound.BEGINS:
            self._news = 0
            if not self._button:
                self._listener.speaks(pressed=False, now=now)
            if self._outside.live and len(self._pending) < MAX_PENDING:
                self._pending.add(self._turns)
        elif self._outside.live:
            return  # The recogniser tells more.
        self._news += 1
        if self._listener.has_room:
            self._listener.send(SttResponse(self._words(heard.seconds, self._news)), now=now)

    def _ended(self, heard: Heard, now: float) -> str | None:
        """The player has said all of it; what that was, if it is known here."""
        text, turn = self._words(heard.seconds), self._turns
        self._turns += 1
        if heard.cut:
            problem = f"Only the first {self._config.max_utterance:g} seconds of it were heard"
            self._listener.send(ErrorEvent(problem, "speech_too_long"), now=now)
        if not self._external:
            self._listener.send(SttResponse(text, is_final=True), now=now)
            return text
        if turn in self._pending or len(self._pending) < MAX_PENDING:
            self._pending.add(turn)
            self._commands.append(Transcribe(turn, heard.pcm, self._config.mic_rate))
        else:
            problem = "Too much was said at once for the recogniser"
            self._listener.send(ErrorEvent(problem, "recogniser_busy"), now=now)
            self._listener.send(SttResponse("", is_final=True), now=now)
        return None

    def _words(self, seconds: float, news: int | None = None) -> str:
        """What was understood so far, at the `news`-th news of it; all of it at None."""
        if self._external:
            return UNCLEAR
        hears = self._config.hears
        if not hears:
            return f"({seconds:.1f} s of speech)"
        return " ".join(hears[self._turns % len(hears)].split()[:news])
