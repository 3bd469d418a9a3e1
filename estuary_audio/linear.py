"""The echo as the room's linear answer to what is played.

It leaves what distorts, and never touches the user: what is said over the character stays to be
understood. A Kalman filter in the frequency domain for each part of the room's answer (Enzner and
Vary 2006, partitioned): it learns fast at first, less when something else is heard, and follows
when the room changes.
"""

from __future__ import annotations

from typing import Any

from estuary_audio.extra import numpy as np
from estuary_audio.passage import FRAME

PARTS = 8
"""Frames of 10 ms that the room's answer is long."""

EARLY = 0.012
"""Seconds of that which lie before the delay that was found."""

SLACK = 0.008
"""Seconds by which the delay may wander before another part of the answer is looked at."""

LONGEST = 0.6
"""Seconds from what is played to its echo, at most."""

CONSTANCY = 0.9998
"""How much of the room's answer stays from frame to frame."""

DOUBT = 1.0
"""Of the answer, before anything is known: its power."""

SMOOTH = 0.5
"""Of the power of what is not explained."""

JUDGED = 0.02
"""How quickly it is judged how much is removed: half a second."""

ENOUGH = 4.0
"""How many times less must be left of the power to call the room known."""


class LinearEcho:
    """Frames of 10 ms at `rate` Hz, floats."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._frame = round(FRAME * rate)
        self._played = np.zeros(round(LONGEST * rate) + 2 * self._frame)
        self.clear()

    def clear(self) -> None:
        """Another room."""
        self._offset: int | None = None
        self._lead = 0.0
        self._begin_anew()

    @property
    def knows(self) -> bool:
        """Whether most of the echo is removed."""
        return self._heard > ENOUGH * self._left

    def _begin_anew(self) -> None:
        self._heard = self._left = 0.0
        shape = (PARTS, self._frame + 1)
        self._spectra = np.zeros(shape, complex)
        self._answer = np.zeros(shape, complex)
        self._doubt = np.full(shape, DOUBT)
        self._rest = np.zeros(self._frame + 1)

    def feed(
        self, near: Any, far: Any, lag: float | None, *, lead: float = 0.0, echo: bool = True
    ) -> Any:
        """What is heard without the echo that is known; it comes `lag` seconds after `far`.

        That was read `lead` seconds ahead: when this changes, what is known still holds.
        `echo` tells whether it is that alone, by which it is judged.
        """
        size = self._frame
        self._played[:-size] = self._played[size:]
        self._played[-size:] = far
        self._look_at(lag, lead)
        if self._offset is None:
            return near
        end = len(self._played) - self._offset
        self._spectra[1:] = self._spectra[:-1]
        self._spectra[0] = np.fft.rfft(self._played[end - 2 * size : end])
        rest = near - np.fft.irfft((self._answer * self._spectra).sum(axis=0))[size:]
        if echo:
            self._heard += JUDGED * (float(near @ near) - self._heard)
            self._left += JUDGED * (float(rest @ rest) - self._left)
        self._learn(rest)
        return rest

    def _look_at(self, lag: float | None, lead: float) -> None:
        ahead, self._lead = lead - self._lead, lead
        if lag is None:
            self._offset = None
            return
        if self._offset is not None:
            self._offset = max(0, self._offset + round(ahead * self._rate))
        wished = round((lag - EARLY) * self._rate)
        if self._offset is None or abs(wished - self._offset) > SLACK * self._rate:
            self._offset = min(max(wished, 0), round(LONGEST * self._rate))
            self._begin_anew()

    def _learn(self, rest: Any) -> None:
        size = self._frame
        padded = np.zeros(2 * size)
        padded[size:] = rest
        error = np.fft.rfft(padded)
        self._rest = SMOOTH * self._rest + (1 - SMOOTH) * np.abs(error) ** 2
        power = np.abs(self._spectra) ** 2
        known = (power * self._doubt).sum(axis=0)
        gain = self._doubt / (0.5 * known + self._rest + 1e-12)
        step = np.fft.irfft(gain * np.conj(self._spectra) * error, axis=1)
        step[:, size:] = 0
        self._answer += np.fft.rfft(step, axis=1)
        stays = CONSTANCY**2
        less = np.clip(1 - 0.5 * gain * power, 0, 1)
        self._doubt = stays * less * self._doubt + (1 - stays) * np.abs(self._answer) ** 2
