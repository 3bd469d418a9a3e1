"""A tone that is played and recorded, and what was seen of it."""

from __future__ import annotations

import time
from collections import deque
from contextlib import AsyncExitStack
from dataclasses import dataclass
from math import pi, sin
from struct import pack
from typing import TYPE_CHECKING, Final, TypeVar

import anyio

from estuary_audio import AudioPlayer, AudioRecorder
from estuary_audio.devices import Direction
from estuary_audio.events import DeviceChanged, PlaybackComplete, PlaybackStarted
from estuary_audio.pcm import loudness
from estuary_proto.errors import EstuaryError

from .captions import decibels
from .exits import one_line
from .run import explain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from estuary_audio import AudioBlock, SoundEvent

L = TypeVar("L", AudioPlayer, AudioRecorder)

RATE: Final = 48000
HERTZ: Final = 440.0
LOUDNESS: Final = 0.2
"""The amplitude of the tone: to be heard, not to be feared."""

SECONDS: Final = 1.0
FADE: Final = 0.02
BEFORE: Final = 0.3
"""Seconds of the room that are heard before the tone."""

WITHIN: Final = 5.0
"""Seconds that a device may take for the tone."""

HEARD: Final = 6.0
"""dB by which the room is louder where the tone is heard."""


@dataclass(frozen=True)
class Tested:
    """What was seen of a device: `seconds` of sound; levels in dB of full scale (the root of the
    mean square and the highest sample), `before` without the tone. None was not measured."""

    direction: str
    device: str
    rate: int
    seconds: float
    before: float | None
    level: float | None
    peak: float | None
    gaps: int
    passed: bool
    said: str

    @property
    def lines(self) -> list[str]:
        """It, for people."""
        noun = Direction(self.direction).noun
        seen = [f"{self.seconds:.1f} s"]
        if self.before is not None:
            seen.append(f"{self.before:.0f} dB before")
        if self.level is not None:
            seen.append(f"{self.level:.0f} dB")
        if self.peak is not None:
            seen.append(f"peak {self.peak:.0f} dB")
        if self.gaps:
            seen.append(f"gaps: {self.gaps}")
        name = one_line(self.device)
        return [f"{noun} {name}, {self.rate / 1000:g} kHz", f"  {', '.join(seen)}: {self.said}"]


def tone() -> bytes:
    """The tone, soft at both ends: PCM16 mono at RATE."""
    count, soft = round(SECONDS * RATE), round(FADE * RATE)
    turn, height = 2 * pi * HERTZ / RATE, 32767 * LOUDNESS
    return pack(
        f"<{count}h",
        *(round(height * min(1.0, i / soft, (count - i) / soft) * sin(turn * i))
          for i in range(count)),
    )  # fmt: skip


class SelfTest:
    """One run of it, on these devices; None is the system's default."""

    def __init__(self, input_device: str | int | None, output_device: str | int | None) -> None:
        self._input, self._output = input_device, output_device
        self._blocks: list[AudioBlock] = []
        self._played: deque[tuple[float, bytes]] = deque()
        self._pushed = float("-inf")
        self._started: float | None = None
        self._complete: PlaybackComplete | None = None
        self._changed: dict[str, str] = {}

    async def run(self, ways: Sequence[Direction]) -> tuple[list[Tested], list[str]]:
        """What was seen of the devices of these directions, and what could not be tried."""
        problems: list[str] = []
        found: list[Tested] = []
        async with AsyncExitStack() as stack:
            recorder = player = None
            if Direction.INPUT in ways:
                microphone = AudioRecorder(RATE, device=self._input, on_event=self._told)
                recorder = await _enter(stack, microphone, problems)
            if Direction.OUTPUT in ways:
                loudspeaker = AudioPlayer(
                    RATE, device=self._output, on_event=self._told, far_end=self._plays
                )
                player = await _enter(stack, loudspeaker, problems)
            tasks = await stack.enter_async_context(anyio.create_task_group())
            if recorder is not None:
                tasks.start_soon(self._record, recorder)
                await anyio.sleep(BEFORE)
            if player is not None:
                self._pushed = time.monotonic()
                with anyio.move_on_after(WITHIN):
                    player.push("tone", tone(), final=True)
                    await player.drain()
                found.append(self._seen_playing(player))
            elif recorder is not None:
                await anyio.sleep(SECONDS)
            if recorder is not None:
                await recorder.drain()
                found.append(self._seen_recording(recorder))
            tasks.cancel_scope.cancel()
        return found, problems

    async def _record(self, recorder: AudioRecorder) -> None:
        async for block in recorder:
            self._blocks.append(block)

    def _plays(self, pcm: bytes, rate: int, at: float) -> None:
        self._played.append((at, pcm))  # In the sound card's thread.

    def _told(self, event: SoundEvent) -> None:
        if isinstance(event, PlaybackStarted):
            self._started = event.at
        elif isinstance(event, PlaybackComplete):
            self._complete = event
        elif isinstance(event, DeviceChanged):
            self._changed[event.direction] = event.reason

    # --- what was seen -----------------------------------------------------------------------

    def _seen_playing(self, player: AudioPlayer) -> Tested:
        sound = b"".join(pcm for at, pcm in list(self._played) if self._is_during(at))
        heard = self._complete.seconds if self._complete is not None else 0.0
        said = "played" if self._complete is not None else "the tone did not come to its end"
        return self._tested(
            Direction.OUTPUT,
            player,
            heard,
            None,
            sound,
            player.underruns + player.device_underruns,
            said,
            self._complete is not None,
        )

    def _seen_recording(self, recorder: AudioRecorder) -> Tested:
        blocks = self._blocks
        heard = [block for block in blocks if self._is_during(block.at)]
        quiet = [block for block in blocks if block.at + block.seconds < self._pushed]
        sound, room = _joined(heard), _joined(quiet)
        before = decibels(loudness(room)[0]) if room else None
        passed = bool(sound) and any(sound + room)
        if not sound:
            said = "nothing was recorded"
        elif not passed:
            said = "silence without any noise: muted, or not allowed?"
        elif before is not None and decibels(loudness(sound)[0]) > before + HEARD:
            said = "it hears the loudspeaker"
        else:
            said = "recorded"
        seconds = len(sound) / 2 / RATE
        gaps = recorder.overruns
        return self._tested(Direction.INPUT, recorder, seconds, before, sound, gaps, said, passed)

    def _is_during(self, at: float) -> bool:
        """Whether this is of the time of the tone; without one all is."""
        if self._started is None:
            return self._complete is None
        end = self._complete.at if self._complete is not None else self._started + SECONDS
        return self._started <= at < end

    def _tested(
        self,
        way: Direction,
        line: AudioPlayer | AudioRecorder,
        seconds: float,
        before: float | None,
        sound: bytes,
        gaps: int,
        said: str,
        passed: bool,
    ) -> Tested:
        device = line.device
        if way.value in self._changed:
            said = f"{said}; another device: {one_line(self._changed[way.value])}"
        level = peak = None
        if sound:
            level, peak = (round(decibels(one), 1) for one in loudness(sound))
        return Tested(
            way.value,
            device.name if device is not None else "none",
            line.device_rate or 0,
            round(seconds, 3),
            None if before is None else round(before, 1),
            level,
            peak,
            gaps,
            passed and device is not None,
            said,
        )


def _joined(blocks: Sequence[AudioBlock]) -> bytes:
    return b"".join(block.pcm for block in blocks)


async def _enter(stack: AsyncExitStack, line: L, problems: list[str]) -> L | None:
    """The line, open while the stack is; None and a problem when no device can be opened."""
    try:
        await stack.enter_async_context(line)
    except (EstuaryError, ExceptionGroup) as raised:  # A player's comes from a task of its own.
        error = raised.exceptions[0] if isinstance(raised, ExceptionGroup) else raised
        if not isinstance(error, EstuaryError):
            raise
        problems.append(explain(error))
        return None
    return line
