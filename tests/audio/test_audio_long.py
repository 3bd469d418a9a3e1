"""A long conversation, with sound cards whose clocks run apart: nothing grows, nothing drifts.

`pytest -m long -s` runs it, ten minutes each; ESTUARY_LONG says how many seconds instead.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import defaultdict
from itertools import count
from typing import TYPE_CHECKING, Any

import anyio
import numpy as np
import pytest
import sounddevice

from estuary_anyio import (
    EstuaryClient,
    EstuaryConfig,
    PlaybackComplete,
    SttResponse,
    VoiceSession,
    voice_session,
)
from estuary_audio import AudioRecorder, SoundEvent, Underrun
from tests.audio.card import Card, playing
from tests.audio.machine import Machine, own, resident
from tests.audio.sound import to_pcm
from tests.audio.voices import spoken
from tests.speech.flite import need, words, wrong_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from estuary_audio import AudioBlock

LENGTH = float(os.environ.get("ESTUARY_LONG", "600"))
SKEW = 0.001
"""By how much each clock is wrong: 1000 ppm, ten times what bad crystals are."""
CARD = 48000

pytestmark = [pytest.mark.anyio, pytest.mark.long, pytest.mark.timeout(LENGTH * 2 + 300)]

SENTENCES = (
    "Hello there.", "My name is Peter.", "What is my name?", "Tell me a joke.",
    "I live in Chicago.", "Where do I live?", "Tell me a story.", "I like swimming.",
    "What do you remember about me?", "How are you today?", "I am a teacher.",
    "Thank you very much.",
)  # fmt: skip


def note(rows: list[tuple[float, ...]], *what: float) -> None:
    """Once a second, so that the notes are no growth to speak of."""
    now = time.monotonic()
    if not rows or now >= rows[-1][0] + 1:
        rows.append((now, *what))


class Clocks:
    """Makes a loudspeaker's clock faster and a microphone's slower, or the other way round: the
    card is asked for another rate than we believe. Counts what the devices then ask for and give,
    and notes by how much the times that we tell are off."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, skew: float) -> None:
        self.frames: dict[str, int] = defaultdict(int)
        self.faults: dict[str, int] = defaultdict(int)
        self.counts: dict[str, list[tuple[float, ...]]] = defaultdict(list)
        self.off: dict[str, list[tuple[float, ...]]] = defaultdict(list)
        for name, kind, wrong in (
            ("loudspeaker", "RawOutputStream", skew),
            ("microphone", "RawInputStream", -skew),
        ):
            base = getattr(sounddevice, kind)
            monkeypatch.setattr(sounddevice, kind, self._skewed(base, name, wrong))
        clocks = self

        class Noting(AudioRecorder):
            async def __anext__(self) -> AudioBlock:
                block = await super().__anext__()
                clocks.told("microphone", block.at + block.seconds)
                return block

        monkeypatch.setattr(voice_session, "AudioRecorder", Noting)

    def _skewed(self, base: Any, name: str, wrong: float) -> Any:
        clocks = self

        class Skewed(base):  # type: ignore[misc]
            def __init__(self, *, samplerate: int, callback: Any, **more: Any) -> None:
                def counted(data: Any, frames: int, *rest: Any) -> None:
                    clocks.frames[name] += frames
                    *_, status = rest
                    clocks.faults[name] += bool(status)
                    note(clocks.counts[name], clocks.frames[name], clocks.faults[name])
                    callback(data, frames, *rest)

                true = round(samplerate * (1 + wrong))
                super().__init__(samplerate=true, callback=counted, **more)

        return Skewed

    def told(self, name: str, at: float) -> None:
        """We say that this is the time of what a device plays or has heard now."""
        note(self.off[name], at - time.monotonic())

    def apart(self) -> list[float]:
        """By how much the loudspeaker was faster than the microphone, in stretches of some ten
        seconds in which the device never had to go without us: then it stands still."""
        counts = (self.counts["loudspeaker"], self.counts["microphone"])
        loudspeaker, microphone = (np.array(one) for one in counts)
        found = []
        for row, later in zip(loudspeaker[:-10], loudspeaker[10:], strict=True):
            if row[2] == later[2]:
                played = (later[1] - row[1]) / (later[0] - row[0])
                at = np.interp((row[0], later[0]), microphone[:, 0], microphone[:, 1])
                found.append(played / ((at[1] - at[0]) / (later[0] - row[0])) - 1)
        return found

    def drift(self, name: str) -> float:
        """Seconds by which the times told went away from the beginning to the end."""
        off = np.array(self.off[name])
        fifth = len(off) // 5
        return float(np.median(off[-fifth:, 1]) - np.median(off[:fifth, 1]))


class Watched:
    """What must not grow, looked at after each turn."""

    def __init__(self, client: EstuaryClient, session: VoiceSession, gateway: int) -> None:
        self.rows: list[tuple[float, ...]] = []
        self._session, self._gateway = session, gateway
        self._began = time.monotonic()
        self.lost: list[Any] = []
        client.on("audio_dropped", self.lost.append)
        client.on("listener_overflow", self.lost.append)
        client.on("error", self.lost.append)

    def look(self) -> None:
        session = self._session
        self.rows.append(
            (
                (time.monotonic() - self._began) / 60,
                own(),
                resident(self._gateway),
                session.player.waiting,
                len(session.recorder._ring),
                len(anyio.get_running_tasks()),
                threading.active_count(),
                len(os.listdir("/proc/self/fd")),
            )
        )

    def slope(self, column: int) -> float:
        """How much it grows in a minute, once all is warm."""
        rows = np.array(self.rows)[len(self.rows) // 3 :]
        return float(np.polyfit(rows[:, 0], rows[:, column], 1)[0])

    def most(self, column: int) -> float:
        return max(row[column] for row in self.rows)


@pytest.fixture
def gateway_process(tmp_path: Path) -> Iterator[tuple[int, str]]:
    """Its id and its address; a process of its own, whose memory is another matter."""
    command = [sys.executable, "-m", "estuary_anyio", "gateway", "--port", "0"]
    command += ["--data", ":memory:", "--stt", "pocketsphinx", "--tts", "flite"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.pid, process.stdout.readline().split()[-1]
        process.terminate()


@pytest.mark.parametrize("skew", [SKEW, -SKEW], ids=["fast loudspeaker", "slow loudspeaker"])
async def test_a_long_conversation(
    sound_card: Card,
    gateway_process: tuple[int, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    skew: float,
) -> None:
    need("flite")
    clocks, machine = Clocks(monkeypatch, skew), Machine(tmp_path / "stalls")
    gateway, url = gateway_process
    underruns: list[Underrun] = []
    turns: list[tuple[float, float, int]] = []

    def told(event: SoundEvent) -> None:
        if isinstance(event, Underrun):
            underruns.append(event)

    wrong = total = 0
    try:
        async with EstuaryClient(EstuaryConfig(url, "est_dev", "demo", "me")) as client:
            await client.connect()
            async with VoiceSession(client, on_playback_event=told) as session:
                session.player.far_end = lambda pcm, rate, at: clocks.told("loudspeaker", at)
                watched = Watched(client, session, gateway)
                end = time.monotonic() + LENGTH
                for number in count():
                    if time.monotonic() > end:
                        break
                    sentence = SENTENCES[number % len(SENTENCES)]
                    since, before = time.monotonic(), session.player.device_underruns
                    heard = await turn(client, sentence)
                    now = time.monotonic()
                    turns.append((since, now, session.player.device_underruns - before))
                    wrong += wrong_words(sentence, heard)
                    total += len(words(sentence))
                    watched.look()
                dropped, overruns = session.recorder.dropped, session.recorder.overruns
                late = session.player.late
    finally:
        machine.stop()
    show(watched, clocks, turns, underruns)
    print(f"words wrong: {wrong} of {total}; dropped {dropped} s, overruns {overruns}")
    assert wrong / total < 0.2
    assert watched.lost == []
    assert dropped == late == 0.0
    # The clocks were wrong, and what we tell of the times is right.
    apart = clocks.apart()
    assert not apart or np.median(apart) / skew == pytest.approx(2.0, abs=0.8)
    for name in ("loudspeaker", "microphone"):
        assert abs(clocks.drift(name)) < 0.03
    # Nothing grows, and nothing is left behind a turn.
    if LENGTH >= 300:  # Until then all gets warm.
        assert watched.slope(1) < 0.5
        assert watched.slope(2) < 1.0
    assert watched.most(3) == 0.0
    assert watched.most(4) < 10
    for column in (5, 6, 7):
        assert watched.most(column) <= watched.rows[0][column] + 3
    # What the loudspeaker had to do without, the machine has held up.
    for underrun in underruns:
        assert machine.lost(underrun.at - 2.0, underrun.at + underrun.seconds) > 0.02, underrun
    for since, now, missed in turns:
        assert not missed or machine.lost(since - 1.0, now) > 0.02


async def turn(client: EstuaryClient, sentence: str) -> str:
    """Say it; what was understood, when its answer has been heard."""
    transcripts = client.events(SttResponse)
    ends = client.events(PlaybackComplete)
    sound = to_pcm(spoken(sentence, "rms", CARD))
    with playing("mic", sound), anyio.fail_after(240):
        async for transcript in transcripts:
            if transcript.is_final:
                break
        complete = await anext(ends)
    assert not complete.interrupted
    await transcripts.aclose()
    await ends.aclose()
    return str(transcript.text)


def show(
    watched: Watched, clocks: Clocks, turns: list[tuple[float, float, int]], underruns: list[Any]
) -> None:
    """For those who read along (`pytest -s`)."""
    first, last = watched.rows[0], watched.rows[-1]
    print(f"\n{len(turns)} turns in {last[0]:.1f} minutes")
    for name in ("loudspeaker", "microphone"):
        print(f"{name}: the times that are told went {1000 * clocks.drift(name):+.1f} ms away")
    apart = clocks.apart()
    if apart:
        print(f"the loudspeaker is {1e6 * np.median(apart):+.0f} ppm faster than the microphone")
    for column, name in ((1, "client"), (2, "gateway with its recogniser")):
        print(
            f"memory of the {name}: {first[column]:.1f} to {last[column]:.1f} MiB, at the end "
            f"{watched.slope(column):+.3f} a minute"
        )
    print(f"tasks, threads, files: {first[5:]} to {last[5:]}; microphone's ring: {watched.most(4)}")
    missed = sum(one[2] for one in turns)
    print(f"underruns: {len(underruns)} of messages, {missed} of the device")
