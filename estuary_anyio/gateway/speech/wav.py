"""WAV files, as they are sent to a recogniser, and as they stream in from a voice."""

from __future__ import annotations

from array import array
from struct import Struct, error, pack
from typing import Final

from .rates import Rates, rates

_RIFF: Final = Struct("<4sI4s")
_CHUNK: Final = Struct("<4sI")
_FORMAT: Final = Struct("<HHIIHH")
_PCM: Final = (1, 0xFFFE)
"""The codes of plain PCM."""
_LONGEST_HEADER: Final = 65536
_LONGEST: Final = 300.0
"""Seconds of one sound."""


def wav(pcm: bytes, rate: int) -> bytes:
    """A whole file of PCM16 mono at `rate` Hz."""
    form = pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    head = _RIFF.pack(b"RIFF", 4 + len(form) + 8 + len(pcm), b"WAVE")
    return head + form + _CHUNK.pack(b"data", len(pcm)) + pcm


class Incoming:
    """A sound that streams in, as PCM16 mono at `target` Hz. It is a WAV file, of any rate and
    with one channel or more, or, where `raw` says its rate, may be bare PCM16 mono.

    What it is not raises ValueError, which says what it is. A length in the header is not believed:
    who streams does not know it.
    """

    def __init__(self, target: int, raw: int | None = None) -> None:
        self._target = target
        self._raw = raw
        self._rest = b""
        self._channels = 1
        self._left = 0
        self._rates: Rates | None = None

    def push(self, data: bytes) -> bytes:
        """What can be told up to here."""
        self._rest += data
        if self._rates is None and not self._begin():
            return b""
        assert self._rates is not None
        whole = len(self._rest) - len(self._rest) % (2 * self._channels)
        pcm, self._rest = self._rest[:whole], self._rest[whole:]
        self._left -= whole
        if self._left < 0:
            raise ValueError(f"a sound of more than {_LONGEST:g} seconds")
        return self._rates.push(self._mono(pcm))

    def finish(self) -> bytes:
        """What was held back."""
        if self._rates is None:
            raise ValueError("no sound" if not self._rest else "something that is no WAV file")
        return self._rates.finish()

    def _mono(self, pcm: bytes) -> bytes:
        if self._channels == 1:
            return pcm
        samples = array("h", pcm)
        parts = zip(*(samples[n :: self._channels] for n in range(self._channels)), strict=True)
        return array("h", (sum(part) // self._channels for part in parts)).tobytes()

    def _begin(self) -> bool:
        """Whether the header is complete."""
        start = self._rest[:4]
        if start != b"RIFF"[: len(start)]:
            if start == b"fLaC" or start[:3] in (b"ID3", b"Ogg") or start[:2] >= b"\xff\xe0":
                raise ValueError("a compressed sound, where WAV was asked for")
            if self._raw is None:
                raise ValueError("something that is no WAV file")
            self._sounds(self._raw, 1)
            return True
        try:
            at = self._data_at()
        except error:  # It goes on.
            if len(self._rest) > _LONGEST_HEADER:
                raise ValueError("a WAV file without sound") from None
            return False
        self._rest = self._rest[at:]
        return True

    def _data_at(self) -> int:
        """Where the samples begin. Raises struct.error while that has not come."""
        at = _RIFF.size
        while True:
            name, size = _CHUNK.unpack_from(self._rest, at)
            at += _CHUNK.size
            if name == b"data":
                if self._rates is None:
                    raise ValueError("a WAV file without a format")
                return at
            if name == b"fmt ":
                code, channels, rate, _, _, bits = _FORMAT.unpack_from(self._rest, at)
                if (
                    code not in _PCM
                    or bits != 16
                    or not 0 < channels <= 8
                    or not 0 < rate <= 192000
                ):
                    raise ValueError(f"a WAV file of kind {code} with {bits} bits at {rate} Hz")
                self._sounds(rate, channels)
            at += size + size % 2

    def _sounds(self, rate: int, channels: int) -> None:
        self._channels = channels
        self._left = int(_LONGEST * rate) * 2 * channels
        self._rates = rates(rate, self._target)
