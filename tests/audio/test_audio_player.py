"""The loudspeaker, on a sound card without hardware."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from estuary_audio import (
    AudioPlayer,
    AudioRecorder,
    Damaged,
    DeviceChanged,
    PlaybackComplete,
    PlaybackDropped,
    PlaybackInterrupted,
    PlaybackStarted,
    SoundEvent,
)
from estuary_audio.stream import any_open
from estuary_proto.errors import ErrorCode, EstuaryError, LocalProtocolError
from estuary_proto.models import BotVoice
from tests.audio.card import PINNED, Card, Tap, pactl
from tests.audio.sound import loud, samples, span, spectrum, tone
from tests.audio.waiting import Told, until

if TYPE_CHECKING:
    from pathlib import Path

    from estuary_audio import AudioBlock

pytestmark = pytest.mark.anyio

CALIBRATED = 0.15
"""What is heard comes back at most so many seconds later (20 to 90 ms were measured)."""


class Ear:
    """Records the loudspeaker through our own microphone, so that both have one clock."""

    def __init__(self, mic: AudioRecorder) -> None:
        self._mic = mic
        self.blocks: list[AudioBlock] = []

    async def listen(self) -> None:
        async for block in self._mic:
            self.blocks.append(block)

    async def silence(self, seconds: float) -> None:
        """Until nothing has been heard for so long."""
        count = round(seconds / 0.02)

        def silent() -> bool:
            recent = [block.pcm for block in self.blocks[-count:]]
            return len(recent) == count and bool(abs(samples(b"".join(recent))).max() < 0.01)

        await until(silent)

    def span(self) -> tuple[float, float]:
        """From when to when there was sound, on the clock."""
        begin, end = span(b"".join(b.pcm for b in self.blocks), 48000)
        return self.blocks[0].at + begin, self.blocks[0].at + end


async def push(player: AudioPlayer, message_id: str, pcm: bytes, rate: int) -> None:
    """A message as a server sends it: pieces of 200 ms, then an empty one."""
    size = rate // 5 * 2
    for at in range(0, len(pcm), size):
        player.push(message_id, pcm[at : at + size], rate=rate)
        await anyio.lowlevel.checkpoint()
    player.push(message_id, b"", rate=rate, final=True)


async def test_a_message_is_heard_whole_and_without_a_gap(sound_card: Card, tmp_path: Path) -> None:
    for attempt in (1, 2):  # The first stream after a cold start may have a glitch.
        told = Told()
        tap = Tap("speaker", tmp_path / f"tap{attempt}")
        async with AudioPlayer(on_event=told) as player:
            await push(player, "a", tone(440, 1.0, 24000), 24000)
            with anyio.fail_after(20):
                await player.drain()
            assert player.device_rate == 48000
        heard = tap.stop()
        begin, end = span(heard, 48000)
        inside = heard[round(begin * 48000) * 2 : round(end * 48000) * 2]
        whole = end - begin == pytest.approx(1.0, abs=0.002)
        gapless = bool(loud(inside[:-480], 48000).all())
        hertz, rest = spectrum(inside[4800:-4800], 48000)
        if (whole and gapless and rest < -60) or attempt == 2:
            break
    assert end - begin == pytest.approx(1.0, abs=0.002)
    assert gapless
    assert abs(samples(inside)).max() == pytest.approx(0.5, abs=0.01)
    assert hertz == pytest.approx(440, abs=1)
    assert rest < -60
    assert told.kinds == [PlaybackStarted, PlaybackComplete]
    (started,), (complete,) = told.of(PlaybackStarted), told.of(PlaybackComplete)
    assert complete.at - started.at == pytest.approx(1.0, abs=0.01)
    assert complete.seconds == pytest.approx(1.0, abs=0.001)
    assert player.underruns == 0
    assert player.device is None


async def test_events_come_when_it_is_heard(sound_card: Card) -> None:
    pactl("set-default-source", "speaker.monitor")
    told: list[tuple[float, SoundEvent]] = []

    def tell(event: SoundEvent) -> None:
        told.append((time.monotonic(), event))

    async with AudioRecorder(48000) as mic, anyio.create_task_group() as tasks:
        ear = Ear(mic)
        tasks.start_soon(ear.listen)
        async with AudioPlayer(on_event=tell) as player:
            await push(player, "a", tone(440, 0.5, 24000), 24000)
            with anyio.fail_after(20):
                await player.drain()
        await ear.silence(0.2)
        tasks.cancel_scope.cancel()
    begin, end = ear.span()
    (started_told, started), (complete_told, complete) = told
    assert isinstance(started, PlaybackStarted)
    assert isinstance(complete, PlaybackComplete)
    assert started_told >= started.at
    assert complete_told >= complete.at
    delay = begin - started.at
    assert -0.03 < delay < CALIBRATED
    assert end - complete.at == pytest.approx(delay, abs=0.03)


async def test_an_interruption_silences_within_40_ms(sound_card: Card) -> None:
    pactl("set-default-source", "speaker.monitor")
    delays: list[float] = []
    for attempt in range(3):
        told = Told()
        async with AudioRecorder(48000) as mic, anyio.create_task_group() as tasks:
            ear = Ear(mic)
            tasks.start_soon(ear.listen)
            async with AudioPlayer(on_event=told) as player:
                await ear.silence(0.2)
                first = time.monotonic()
                player.push("a", tone(440, 5.0, 24000), rate=24000)
                started = await told.until(PlaybackStarted)
                wanted = started.at + 0.3 + 0.007 * attempt
                await until(lambda: time.monotonic() > wanted)  # noqa: B023
                interrupted = time.monotonic()
                player.flush("a")
                player.push("a", tone(440, 1.0, 24000), rate=24000, final=True)
                await ear.silence(0.2)
                assert player.late == pytest.approx(1.0, abs=0.01)
                assert player.playing is None
            tasks.cancel_scope.cancel()
        begin, end = ear.span()
        # A push and a flush go the same way, each waiting for the device's next block.
        loop = begin - first
        delays.append(end - interrupted - loop)
        assert told.kinds == [PlaybackStarted, PlaybackDropped, PlaybackInterrupted]
    assert sorted(delays)[1] < 0.04


async def test_a_loudspeaker_that_vanishes_is_replaced(
    sound_card: Card, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIPEWIRE_ALSA", PINNED)
    told = Told()
    pactl("set-default-sink", "headset")
    async with AudioPlayer(device="speaker", on_event=told) as player:
        assert player.device is not None
        assert player.device.name == "speaker"
        await push(player, "a", tone(440, 3.0, 24000), 24000)
        with anyio.fail_after(30):
            await told.until(PlaybackStarted)
            await anyio.to_thread.run_sync(sound_card.unplug, "speaker")
            tap = await anyio.to_thread.run_sync(Tap, "headset", tmp_path / "tap")
            await player.drain()
            assert player.device is not None
            assert player.device.name != "speaker"
    heard = tap.stop()
    begin, end = span(heard, 48000)
    assert end - begin > 0.5
    assert told.kinds == [PlaybackStarted, DeviceChanged, PlaybackComplete]
    (change,), (complete,) = told.of(DeviceChanged), told.of(PlaybackComplete)
    assert (change.direction, change.lost) == ("output", "speaker")
    assert change.device is not None
    assert complete.whole
    assert not any_open()  # Nor does a thread of PortAudio's go round any more.


async def test_what_the_device_plays_is_the_far_end(sound_card: Card) -> None:
    blocks: list[tuple[bytes, int, float]] = []

    def far_end(pcm: bytes, rate: int, at: float) -> None:
        blocks.append((pcm, rate, at))

    told = Told()
    async with AudioPlayer(far_end=far_end, on_event=told) as player:
        await push(player, "a", tone(440, 0.3, 24000), 24000)
        with anyio.fail_after(20):
            await player.drain()
    sound = b"".join(pcm for pcm, _, _ in blocks)
    begin, end = span(sound, 48000)
    assert end - begin == pytest.approx(0.3, abs=0.002)
    assert {rate for _, rate, _ in blocks} == {48000}
    assert blocks[0][2] + begin == pytest.approx(told.of(PlaybackStarted)[0].at, abs=0.03)


async def test_a_far_end_that_fails_does_not_silence_anybody(
    sound_card: Card, caplog: pytest.LogCaptureFixture
) -> None:
    def far_end(pcm: bytes, rate: int, at: float) -> None:
        raise ZeroDivisionError

    told = Told()
    async with AudioPlayer(far_end=far_end, on_event=told) as player:
        await push(player, "a", tone(440, 0.2, 24000), 24000)
        with anyio.fail_after(20):
            await player.drain()
    assert told.kinds == [PlaybackStarted, PlaybackComplete]
    assert "far_end has failed" in caplog.text


async def test_voices_as_they_come_off_the_wire(sound_card: Card) -> None:
    told = Told()

    def voice(pcm: bytes, **fields: Any) -> BotVoice:
        audio = base64.b64encode(pcm).decode()
        return BotVoice(audio=audio, message_id="a", **fields)

    async with AudioPlayer(16000, on_event=told) as player:
        player.play(voice(tone(440, 0.1, 24000), sample_rate=24000))
        player.play(BotVoice(audio="%%%", message_id="a"))
        player.play(voice(tone(440, 0.1, 24000) + b"\0", sample_rate=24000))
        player.play(voice(tone(440, 0.1, 16000)))  # The configured rate.
        player.play(BotVoice(message_id="x", is_livekit=True))
        player.play(voice(b"", is_final=True))
        with anyio.fail_after(20):
            await player.drain()
    assert told.kinds == [Damaged, Damaged, PlaybackStarted, PlaybackComplete]
    assert told.of(PlaybackComplete)[0].seconds == pytest.approx(0.3, abs=0.001)


async def test_a_rate_that_no_sound_has_is_told_and_survived(sound_card: Card) -> None:
    told = Told()
    async with AudioPlayer(16000, on_event=told) as player:
        for rate in (-5, 1, 10**9):
            player.push(str(rate), tone(440, 0.2, 16000), rate=rate, final=True)
        with anyio.fail_after(20):
            await player.drain()
    problems = [one.problem for one in told.of(Damaged)]
    assert problems == ["a rate of -5 Hz", "a rate of 1 Hz", "a rate of 1000000000 Hz"]
    lengths = [one.seconds for one in told.of(PlaybackComplete)]
    assert lengths == [pytest.approx(0.2, abs=0.01)] * 3


async def test_a_player_is_opened_once_at_a_time(sound_card: Card) -> None:
    player = AudioPlayer()
    async with player:
        with pytest.raises(LocalProtocolError, match="open already"):
            async with player:
                raise AssertionError
        assert player.device is not None
    async with player:
        assert player.device is not None


async def test_the_level_and_the_volume(sound_card: Card) -> None:
    async with AudioPlayer(volume=2.0) as player:
        assert player.volume == 1.0
        player.push("a", tone(440, 5.0, 16000))
        await until(lambda: player.level() > 0.3)
        player.volume = 0.1
        await until(lambda: player.level() < 0.05)
        assert player.waiting > 0
        assert player.latency > 0


async def test_opened_when_there_is_something_to_play(sound_card: Card) -> None:
    told = Told()
    async with AudioPlayer(prewarm=False, on_event=told) as player:
        assert player.device is None
        player.push("a", tone(440, 0.2, 16000), final=True)
        with anyio.fail_after(20):
            await player.drain()
        assert player.device is not None
    assert told.kinds == [PlaybackStarted, PlaybackComplete]


async def test_a_program_that_computes_does_not_interrupt_the_sound(
    sound_card: Card, tmp_path: Path
) -> None:
    """The event loop's thread holds the interpreter for a second; the device's thread goes on."""
    for attempt in (1, 2):
        tap = Tap("speaker", tmp_path / f"tap{attempt}")
        async with AudioPlayer() as player:
            await push(player, "a", tone(440, 1.5, 24000), 24000)
            until = time.monotonic() + 1.0
            count = 0
            while time.monotonic() < until:
                count += 1
            with anyio.fail_after(20):
                await player.drain()
        heard = tap.stop()
        begin, end = span(heard, 48000)
        if end - begin == pytest.approx(1.5, abs=0.002) or attempt == 2:
            break
    assert end - begin == pytest.approx(1.5, abs=0.002)
    assert player.device_underruns == 0


async def test_an_exception_leaves_as_itself(sound_card: Card) -> None:
    with pytest.raises(ZeroDivisionError):
        async with AudioPlayer():
            raise ZeroDivisionError


async def test_a_listener_that_fails_is_logged(
    sound_card: Card, caplog: pytest.LogCaptureFixture
) -> None:
    def tell(event: SoundEvent) -> None:
        raise ZeroDivisionError

    async with AudioPlayer(on_event=tell) as player:
        player.push("a", b"", final=True)
        with anyio.fail_after(20):
            await player.drain()
    assert "on_event has failed" in caplog.text


async def test_a_stereo_device_at_another_rate_plays_on_both_sides(
    sound_card: Card, tmp_path: Path
) -> None:
    sides: list[bytes] = []
    async with AudioPlayer(device="stereo", far_end=lambda pcm, *_: sides.append(pcm)) as player:
        assert player.device_rate == 44100
        tap = Tap("headset", tmp_path / "tap")
        await push(player, "a", tone(440, 0.5, 24000), 24000)
        with anyio.fail_after(20):
            await player.drain()
    heard = tap.stop()
    begin, end = span(heard, 48000)
    assert end - begin == pytest.approx(0.5, abs=0.005)
    inside = heard[round(begin * 48000) * 2 + 9600 : round(end * 48000) * 2 - 9600]
    # The mono sink adds both sides, each 3 dB down; one side alone would be 0.35.
    assert abs(samples(inside)).max() == pytest.approx(0.707, abs=0.02)
    assert spectrum(b"".join(sides)[-44100:-8820], 44100)[0] == pytest.approx(440, abs=1)


async def test_the_queue_goes_on_when_the_next_device_has_another_rate(
    sound_card: Card, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIPEWIRE_ALSA", PINNED)
    pactl("set-default-sink", "speaker")
    told = Told()
    async with AudioPlayer(device="stereo", on_event=told) as player:
        player.push("a", tone(440, 1.0, 24000), rate=24000)
        await told.until(PlaybackStarted)
        await anyio.to_thread.run_sync(sound_card.unplug, "headset")
        tap = await anyio.to_thread.run_sync(Tap, "speaker", tmp_path / "tap")
        change = await told.until(DeviceChanged)
        assert change.lost == "stereo"
        assert player.device_rate == 48000
        player.push("a", tone(440, 1.0, 24000), rate=24000, final=True)
        with anyio.fail_after(20):
            await player.drain()
    heard = tap.stop()
    begin, end = span(heard, 48000)
    inside = heard[round(end * 48000) * 2 - 48000 : round(end * 48000) * 2 - 4800]
    assert spectrum(inside, 48000)[0] == pytest.approx(440, abs=1)
    complete = told.of(PlaybackComplete)[0]
    assert complete.whole
    assert complete.seconds == pytest.approx(2.0, abs=0.002)
    assert begin < end


@pytest.mark.parametrize("device", ["no such thing", 99])
async def test_an_unknown_loudspeaker_is_refused(sound_card: Card, device: str | int) -> None:
    with pytest.raises(EstuaryError, match="there is no loudspeaker") as caught:
        async with AudioPlayer(device=device):
            pass
    assert caught.value.code is ErrorCode.AUDIO_UNAVAILABLE
