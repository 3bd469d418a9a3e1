"""What a client's user may do about voice: the inputs of `Client` that `Voice` answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..microphone import check_pcm
from .part import Part

if TYPE_CHECKING:
    from ..models.session import VoiceMode


class Speaking(Part):
    """The part of `Client` that speaks. All inputs take the time, as every other."""

    def start_voice(self, mode: VoiceMode, *, now: float) -> int:
        """Turn voice on; VoiceSettled follows once with the number that is returned.

        Raises NOT_CONNECTED, and what `Voice.start` raises.
        """
        now = self._tick(now)
        if not self.is_connected:
            raise self._not_connected("start voice")
        return self.voice.start(mode)

    def stop_voice(self, *, now: float) -> int:
        """Turn voice off; VoiceSettled follows once, at once when it is off."""
        self._tick(now)
        return self.voice.stop()

    def press(self, *, now: float) -> None:
        """The button of push-to-talk is down (API 5)."""
        self._tick(now)
        self.voice.press()

    def release(self, *, now: float) -> None:
        """The button is up: end of turn."""
        self._tick(now)
        self.voice.release()

    def mute(self, muted: bool, *, now: float) -> None:
        """Mute or unmute: while `muted`, what is said goes nowhere."""
        self._tick(now)
        self.voice.mute(muted)

    def send_audio(
        self, pcm: bytes, *, now: float, live: bool = False, settles: bool = True
    ) -> int:
        """Say something; see `Voice.audio` for what it returns and raises."""
        self._tick(now)
        receipt = self.voice.audio(check_pcm(pcm), live=live, settles=settles)
        self._collect()
        return receipt
