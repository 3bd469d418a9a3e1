"""From one rate to another: the right length, the right tone, and nothing that folds back."""

from __future__ import annotations

import sys
from math import cos, hypot, log10, pi, sin
from struct import pack, unpack

import pytest

from estuary_anyio.gateway.speech.rates import Same, Sinc, Soxr, convert, rates

PAIRS = [(16000, 24000), (22050, 16000), (48000, 16000), (8000, 48000), (44100, 8000)]


def tone(rate: int, pitch: float, seconds: float = 0.2) -> bytes:
    count = round(rate * seconds)
    return pack(
        f"<{count}h", *(round(10000 * sin(2 * pi * pitch * i / rate)) for i in range(count))
    )


def level(pcm: bytes, rate: int, pitch: float) -> float:
    """dB of this tone in the middle of the sound, against the one that was made."""
    samples = unpack(f"<{len(pcm) // 2}h", pcm)
    samples = samples[len(samples) // 4 : -len(samples) // 4]
    turns = [2 * pi * pitch * i / rate for i in range(len(samples))]
    real = sum(s * cos(t) for s, t in zip(samples, turns, strict=True))
    other = sum(s * sin(t) for s, t in zip(samples, turns, strict=True))
    return 20 * log10(max(1e-9, 2 * hypot(real, other) / len(samples) / 10000))


def rms(pcm: bytes) -> float:
    samples = unpack(f"<{len(pcm) // 2}h", pcm)
    middle = samples[len(samples) // 4 : -len(samples) // 4]
    power = sum(s * s for s in middle) / len(middle)
    return 20 * log10(max(1e-9, power**0.5 * 2**0.5 / 10000))


@pytest.mark.parametrize("kind", [Sinc, Soxr])
@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_tone_stays_and_what_does_not_fit_goes(
    kind: type[Sinc | Soxr], source: int, target: int
) -> None:
    if kind is Soxr:
        pytest.importorskip("soxr")
    made = kind(source, target)
    pcm = tone(source, 1000)
    out = b"".join(made.push(pcm[at : at + 778]) for at in range(0, len(pcm), 778)) + made.finish()
    assert len(out) == 2 * round(0.2 * target)
    assert abs(level(out, target, 1000)) < 0.1
    if target < source:
        made = kind(source, target)
        high = made.push(tone(source, target * 0.58)) + made.finish()
        assert rms(high) < -70


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_pieces_do_not_matter(source: int, target: int) -> None:
    pcm = tone(source, 440, 0.05)
    whole, parted = Sinc(source, target), Sinc(source, target)
    expected = whole.push(pcm) + whole.finish()
    pieces = [parted.push(pcm[at : at + 34]) for at in range(0, len(pcm), 34)]
    assert b"".join(pieces) + parted.finish() == expected


def test_it_is_in_time() -> None:
    """A click is where it was."""
    click = bytes(2 * 800) + pack("<h", 20000) + bytes(2 * 799)
    out = unpack("<2400h", convert(click, 16000, 24000))
    assert max(range(2400), key=lambda at: abs(out[at])) == 1200


def test_it_does_not_wrap_around() -> None:
    square = pack("<100h", *[32767] * 100) + pack("<100h", *[-32768] * 100)
    made = Sinc(16000, 48000)
    out = unpack("<600h", made.push(square * 1) + made.finish())
    assert min(out[60:240]) > 20000
    assert max(out[360:540]) < -20000


def test_equal_rates_touch_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(rates(16000, 16000), Same)
    assert convert(b"\1\2", 8000, 8000) == b"\1\2"
    monkeypatch.setitem(sys.modules, "soxr", None)
    assert isinstance(rates(16000, 8000), Sinc)
