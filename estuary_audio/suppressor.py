"""An open loudspeaker without the package that removes echo: the microphone is shut meanwhile.

While the character is heard, and for a moment after, silence is given instead of what the
microphone hears; but a user who is louder than the echo would be gets in, first word included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from estuary_audio.alignment import Alignment
from estuary_audio.gate import Gate
from estuary_audio.linear import LinearEcho
from estuary_audio.passage import Passage, check_rate, inner_rate
from estuary_audio.samples import floats, pcm16
from estuary_audio.speech import SpeechDetector

if TYPE_CHECKING:
    from estuary_audio.chunker import AudioBlock

COUPLING = 0.0
"""dB of the loudspeaker's level that the microphone may hear before it is known."""

PREROLL = 0.3
"""Seconds before the user's onset that are let through; more of it would be the character's."""

HEARD = 2.0
"""How many times the power of the room the echo must have to be heard."""


class Suppressor:
    """Shuts a microphone at `rate` Hz while the loudspeaker is heard; used as an `EchoCanceller`.

    What the room answers linearly to the loudspeaker is removed from what is let through, and else
    nothing is changed. Times are monotonic seconds. `far_end` may be called from
    any thread, all else belongs to one.
    """

    def __init__(self, rate: int = 16000) -> None:
        self.rate: int = rate
        inner = inner_rate(rate)
        self._alignment = Alignment(inner)
        self._speech = SpeechDetector(inner, COUPLING, self._alignment.has_moved, whole=True)
        self._passage = Passage(rate, 0, self._analyse)
        self._linear = LinearEcho(inner)
        self._gate = Gate(rate, PREROLL)

    @property
    def delay(self) -> float | None:
        """Seconds by which the echo comes later than the devices tell; None until it is found."""
        return self._alignment.delay

    @property
    def onset(self) -> float | None:
        """When the user began to speak who speaks now; None while nobody does."""
        return self._speech.onset

    def talking(self, at: float) -> bool:
        """Whether the user spoke at that time; while they speak, also later ones."""
        return self._speech.talking(at)

    def over(self, began: float) -> bool:
        """Whether the user speaks over what is heard since then: began after it, or goes on."""
        return self._speech.over(began)

    def far_end(self, audio: bytes, rate: int, at: float) -> None:
        """Take what the loudspeaker plays: PCM16 mono that will be heard `at` that time."""
        self._alignment.far.put(audio, rate, at)

    def near_end(self, block: AudioBlock) -> bytes:
        """Take what the microphone heard; gives what may pass, PCM16 at its rate.

        While shut, up to 0.7 s are held back, in case that they turn out to be a user's; in all, as
        many samples come out as went in. Raises EstuaryError CONFIG_INVALID for a block of another
        rate.
        """
        check_rate(block, self.rate)
        self._alignment.far.settle()
        self._gate.push(self._passage.push(block.pcm, block.at))
        return self._gate.take()

    def finish(self) -> bytes:
        """What is held back, when the microphone pauses or closes; what follows begins anew."""
        self._alignment.far.settle()
        self._gate.push(self._passage.finish())
        return self._gate.finish()

    def reset(self) -> None:
        """A device has changed: what was learnt of the echo is forgotten, no sound is lost."""
        self._alignment.clear()
        self._linear.clear()
        self._speech.clear()

    def _analyse(self, frame: bytes, begin: float, end: float) -> bytes:
        near = floats(frame)
        far = self._alignment.read(begin, end, len(near))
        self._alignment.compare(near, far)
        self._speech.feed(near, far, begin, self._alignment.lag)
        echo = self._speech.explained > HEARD * self._speech.quiet
        alone = echo and self.onset is None
        lag, lead = self._alignment.lag, self._alignment.lead or 0.0
        rest = self._linear.feed(near, far, lag, lead=lead, echo=alone)
        self._gate.judge(begin, echo, self.onset)
        return pcm16(rest) if echo and self._linear.knows else frame
