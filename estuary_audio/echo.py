"""An open loudspeaker: the character's own voice is taken out of what the microphone hears."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from estuary_audio import pcm
from estuary_audio.alignment import Alignment
from estuary_audio.apm import Processor
from estuary_audio.extra import numpy as np
from estuary_audio.gate import Gate
from estuary_audio.linear import LinearEcho
from estuary_audio.passage import Passage, check_rate, inner_rate
from estuary_audio.samples import floats, pcm16
from estuary_audio.speech import SpeechDetector

if TYPE_CHECKING:
    from estuary_audio.chunker import AudioBlock


HEARD = 4.0
"""How many times the power of the room the echo must have to be worth removing."""

RECENT = 80
"""Frames that a new module learns from."""

COUPLING = 0.0
"""dB of the loudspeaker's level that the microphone may hear before it is known."""

RESIDUE = -25.0
"""dB of the loudspeaker's level that may be left before it is known: not much."""

LEAST_RESIDUE = -40.0
"""dB that may always be left: more is, for a moment, when the echo's way has changed a little."""


class EchoCanceller:
    """Removes echo from blocks of a microphone at `rate` Hz (8000 to 48000).

    Give `far_end` to an AudioPlayer, and each block of an AudioRecorder to `near_end`. The
    switches are the `apm_*` of the configuration. Times are monotonic seconds. `far_end` may be
    called from any thread, all else belongs to one.

    With `shut`, silence is given while the character is heard and no user: nothing that is left of
    it reaches a server. What the user says comes whole, with 0.3 s before their onset.

    Raises EstuaryError LIVEKIT_UNAVAILABLE without the extra `[livekit]`.
    """

    def __init__(
        self,
        rate: int = 16000,
        *,
        echo_cancellation: bool = True,
        noise_suppression: bool = False,
        auto_gain_control: bool = False,
        high_pass_filter: bool = True,
        shut: bool = False,
    ) -> None:
        self.rate: int = rate
        inner = inner_rate(rate)
        self._echo = echo_cancellation
        self._switches = {
            "echo": echo_cancellation,
            "noise": noise_suppression,
            "gain": auto_gain_control,
            "high_pass": high_pass_filter,
        }
        self._processor = Processor(inner, **self._switches)
        self._plain = Processor(inner, **{**self._switches, "echo": False})
        self._late = pcm.silence(self._processor.delay - self._plain.delay)
        self._removing = echo_cancellation
        self._recent: deque[tuple[bytes, bytes]] = deque(maxlen=RECENT)
        self._passage = Passage(rate, self._processor.delay, self._clean)
        self._cleaned: deque[bytes] = deque()  # What is given twice: once more as little echo.
        self._second = Passage(rate, self._processor.delay, self._cleaned_frame)
        self._gate = Gate(rate) if shut and echo_cancellation else None
        self._alignment = Alignment(inner)
        moved = self._alignment.has_moved
        # What removes echo is astray for a while when sound was lost; what is heard is not.
        astray = self._alignment.may_mislead
        self._speech = SpeechDetector(inner, RESIDUE, astray, lowest=LEAST_RESIDUE)
        self._beside = SpeechDetector(inner, COUPLING, moved, whole=True)
        self._linear = LinearEcho(inner)

    @property
    def delay(self) -> float | None:
        """Seconds by which the echo comes later than the devices tell; None until it is found."""
        return self._alignment.delay

    @property
    def onset(self) -> float | None:
        """When the user began to speak who speaks now; None while nobody does."""
        onsets = [heard.onset for heard in self._ears if heard.onset is not None]
        return min(onsets) if onsets else None

    def talking(self, at: float) -> bool:
        """Whether the user spoke at that time; while they speak, also later ones."""
        return any(heard.talking(at) for heard in self._ears)

    @property
    def _ears(self) -> tuple[SpeechDetector, ...]:
        return self._speech, self._beside

    def over(self, began: float) -> bool:
        """Whether the user speaks over what is heard since then: began after it, or goes on."""
        return any(heard.over(began) for heard in self._ears)

    def far_end(self, audio: bytes, rate: int, at: float) -> None:
        """Take what the loudspeaker plays: PCM16 mono that will be heard `at` that time."""
        self._alignment.far.put(audio, rate, at)

    def near_end(self, block: AudioBlock) -> bytes:
        """Take what the microphone heard; gives it cleaned, PCM16 at its rate.

        Some milliseconds are held back until the next block, or `finish`, and while shut up to
        0.7 s: in all, as many samples come out as went in. Raises EstuaryError CONFIG_INVALID for a
        block of another rate.
        """
        check_rate(block, self.rate)
        self._alignment.far.settle()
        if self._alignment.lost:
            self._renew()
        whole = self._passage.push(block.pcm, block.at)
        if self._gate is None:
            return whole
        self._gate.push(whole, self._second.push(block.pcm, block.at))
        return self._gate.take()

    def finish(self) -> bytes:
        """The last milliseconds, when the microphone pauses or closes; what follows begins anew."""
        self._alignment.far.settle()
        rest = self._passage.finish()
        if self._gate is None:
            return rest
        self._gate.push(rest, self._second.finish())
        return self._gate.finish()

    def reset(self) -> None:
        """A device has changed: what was learnt of the echo is forgotten, no sound is lost."""
        self._alignment.clear()
        silent = [(frame, bytes(len(frame))) for frame, _ in self._recent]
        self._recent.clear()
        self._recent.extend(silent)
        self._renew()
        self._linear.clear()
        for heard in self._ears:
            heard.clear()

    def _renew(self) -> None:
        """Another module, which hears the last moments first: it learns, and no sound is lost."""
        self._processor = Processor(self._passage.inner, **self._switches)
        self._alignment.lost = False
        for frame, far in self._recent:
            self._processor.clean(frame, far, self._expected)

    @property
    def _echoes(self) -> bool:
        """Whether there may be echo now."""
        return self._beside.explained > HEARD * self._beside.quiet

    @property
    def _expected(self) -> float:
        """When the echo comes, in seconds, or is guessed to."""
        lag = self._alignment.lag
        return lag if lag is not None else self._alignment.lead or 0.0

    def _clean(self, frame: bytes, begin: float, end: float) -> bytes:
        near = floats(frame)
        far = self._alignment.read(begin, end, len(near))
        lag = self._alignment.lag
        played = pcm16(far)
        cleaned = self._processor.clean(frame, played, self._expected)
        self._recent.append((frame, played))
        if not self._echo:
            self._speech.feed(floats(cleaned), far, begin, lag)
            return cleaned
        self._alignment.compare(near, far)
        self._beside.feed(near, far, begin, lag)
        self._speech.feed(floats(cleaned), far, begin, lag)
        lead, alone = self._alignment.lead or 0.0, self._echoes and self.onset is None
        rest = self._linear.feed(near, far, lag, lead=lead, echo=alone)
        if self._gate is not None and self._linear.knows:
            frame = pcm16(rest)
        self._late += self._plain.clean(frame, b"", 0.0)
        plain, self._late = self._late[: len(frame)], self._late[len(frame) :]
        chosen = self._chosen(cleaned, plain)
        if self._gate is not None:
            self._cleaned.append(cleaned)
            self._gate.judge(begin, self._echoes, self.onset)
        return chosen

    def _cleaned_frame(self, frame: bytes, begin: float, end: float) -> bytes:
        return self._cleaned.popleft()

    def _chosen(self, cleaned: bytes, plain: bytes) -> bytes:
        """Cleaned while there may be echo, else only filtered; one fades into the other.

        The module takes a user for echo as long as it has not heard any.
        """
        before, self._removing = self._removing, self._echoes
        if self._gate is not None and self._linear.knows:
            # All but what distorts has been removed, and of the user nothing.
            self._removing = False
        if before and self._removing:
            return cleaned
        if not before and not self._removing:
            return plain
        first, second = (plain, cleaned) if self._removing else (cleaned, plain)
        fade = np.linspace(0.0, 1.0, len(plain) // pcm.WIDTH, dtype=np.float32)
        return pcm16(floats(first) * (1 - fade) + floats(second) * fade)
