"""A conversation over an open loudspeaker, on the virtual sound card, with the gateway that hears.

The character tells a long story, a user speaks over it, is answered, and it begins anew. What is
measured: whether the character interrupts itself, whether its words pass for the user's, how soon
it is silent, and how much of the user is understood.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from string import Formatter
from typing import TYPE_CHECKING, Any

import anyio
import numpy as np

from estuary_anyio import (
    BotResponse,
    EstuaryClient,
    PlaybackStarted,
    SttResponse,
    VoiceSession,
)
from estuary_anyio.gateway.speech import domain
from estuary_audio import AudioPlayer, AudioRecorder
from estuary_audio.events import PlaybackInterrupted
from tests.audio.live_room import RATE, LiveRoom, silent_after
from tests.audio.sound import tone
from tests.audio.voices import CHARACTER, spoken
from tests.speech.flite import words, wrong_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from estuary_audio import AudioBlock, SoundEvent

STORY = " ".join(CHARACTER)
LONG = 5
"""Letters of a word that no other is taken for."""
PATIENCE = 8.0
"""Seconds to wait for what was understood: the machine may be busy."""
MOST_WRONG = 0.34
"""Of a sentence's words that may be wrong when it is understood."""


def sentences(number: int, seed: str) -> list[str]:
    """So many that people say to the character, of three to eight words, none twice."""
    chance = random.Random(seed)
    found: list[str] = []
    while len(found) < number:
        sentence = chance.choice(domain.SENTENCES)
        slots = {name for _, name, _, _ in Formatter().parse(sentence) if name}
        filled = sentence.format(**{n: chance.choice(domain.SLOTS[n].split()) for n in slots})
        if 3 <= len(filled.split()) <= 8 and filled not in found:
            found.append(filled)
    return found


@dataclass
class Turn:
    """What the user said over the character, and what came of it."""

    said: str
    heard: str = ""
    silent: float | None = None
    """Seconds from the onset until the loudspeaker was silent, the devices' delay taken off."""
    noticed: float | None = None

    @property
    def wrong(self) -> int:
        """Words."""
        return wrong_words(self.said, self.heard)

    @property
    def first(self) -> bool:
        """Whether the first word is there."""
        return words(self.said)[:1] == words(self.heard)[:1]

    @property
    def understood(self) -> bool:
        """First word included."""
        return self.first and self.wrong <= MOST_WRONG * len(words(self.said))


@dataclass
class Report:
    """What a conversation came to."""

    delay: float
    """Of the devices: from the microphone to the loudspeaker, for a program that reacts at once."""
    turns: list[Turn] = field(default_factory=list)
    self_interruptions: list[float] = field(default_factory=list)
    ghosts: list[str] = field(default_factory=list)
    """What was understood while no user had spoken."""
    echoes: list[str] = field(default_factory=list)
    """The character's words in what the user is said to have said."""
    seconds: float = 0.0

    @property
    def understood(self) -> float:
        """Of the sentences."""
        return sum(turn.understood for turn in self.turns) / len(self.turns)

    @property
    def word_error(self) -> float:
        """Of all words."""
        count = sum(len(words(turn.said)) for turn in self.turns)
        return sum(turn.wrong for turn in self.turns) / count

    def __str__(self) -> str:
        lines = [
            f"{self.seconds:.0f} s, {len(self.turns)} interruptions, devices {self.delay:.3f} s; "
            f"self-interruptions {len(self.self_interruptions)}, ghosts {self.ghosts}, "
            f"echoes {self.echoes}; understood {self.understood:.0%}, "
            f"word error {self.word_error:.1%}"
        ]
        for turn in self.turns:
            silent = "never" if turn.silent is None else f"{turn.silent:.2f} s"
            noticed = "-" if turn.noticed is None else f"{turn.noticed:.2f} s"
            mark = "ok " if turn.understood else "BAD"
            lines.append(
                f"{mark} silent {silent} noticed {noticed}: {turn.said!r} -> {turn.heard!r}"
            )
        return "\n".join(lines)


async def device_delay(room: LiveRoom) -> float:
    """Seconds from a sound in the room until a program that hears it has silenced its own."""
    found = []
    async with AudioPlayer() as player, AudioRecorder() as recorder:
        for number in range(3):
            player.push(f"tone {number}", tone(5000, 8.0, 16000, 0.05), final=True)
            await anyio.sleep(1.0)
            click = np.zeros(RATE // 2)
            click[: RATE // 4] = 0.9 * np.sin(np.arange(RATE // 4) * 0.1)
            _, place = await anyio.to_thread.run_sync(room.say, click)
            async for block in recorder:
                if _level(block) > 0.3:
                    break
            player.flush()
            await player.drain()
            await anyio.sleep(0.8)
            found.append(silent_after(room.played(), place, 0.5))
    return float(np.median(found))


def _level(block: AudioBlock) -> float:
    return float(np.abs(np.frombuffer(block.pcm, "<i2")).max()) / 32768


class Conversation:
    """One of them. `loudness` is the user's at the microphone; 1 is as loud as the loudspeaker."""

    def __init__(
        self,
        client: EstuaryClient,
        room: LiveRoom,
        delay: float,
        *,
        loudness: float,
        seed: str,
    ) -> None:
        self.report = Report(delay)
        self._client = client
        self._room = room
        self._loudness = loudness
        self._chance = random.Random(seed)
        self._may_interrupt_until = float("-inf")
        self._may_be_heard_until = float("-inf")
        self._understood = anyio.Event()
        self._interrupted: list[PlaybackInterrupted] = []
        self._heard = client.events(SttResponse)
        self._begin = time.monotonic()

    def told(self, event: SoundEvent) -> None:
        """An `on_playback_event`."""
        if isinstance(event, PlaybackInterrupted):
            self._interrupted.append(event)
            if time.monotonic() > self._may_interrupt_until:
                self.report.self_interruptions.append(time.monotonic() - self._begin)

    async def run(self, session: VoiceSession, sentences: list[str]) -> Report:
        """All of them, one after the other; the first story is told to its middle undisturbed."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._listen)
            for number, sentence in enumerate(sentences):
                await self._turn(session, sentence, first=not number)
            tasks.cancel_scope.cancel()
        self.report.seconds = time.monotonic() - self._begin
        return self.report

    async def _listen(self) -> None:
        async for heard in self._heard:
            if not heard.text.strip():
                continue
            if time.monotonic() > self._may_be_heard_until:
                self.report.ghosts.append(heard.text)
            elif heard.is_final:
                turn = self.report.turns[-1]
                turn.heard = f"{turn.heard} {heard.text}".strip()
                self._understood.set()

    async def _turn(self, session: VoiceSession, sentence: str, *, first: bool) -> None:
        turn = Turn(sentence)
        started = self._client.events(PlaybackStarted)
        self._client.say_line(STORY)
        with anyio.fail_after(20):
            await anext(started)
        await anyio.sleep(self._chance.uniform(2.0, 5.0) + (3.0 if first else 0.0))
        said = _beginning(sentence) * self._loudness
        self._understood = anyio.Event()
        self._may_interrupt_until = self._may_be_heard_until = float("inf")
        self.report.turns.append(turn)
        self._interrupted.clear()
        at, place = await anyio.to_thread.run_sync(self._room.say, said)
        end = at + len(said) / RATE
        self._may_interrupt_until = end + 0.8
        with anyio.move_on_after(end + PATIENCE - time.monotonic()):
            await self._understood.wait()
        self._may_be_heard_until = max(end, time.monotonic()) + 0.5
        if self._interrupted:
            turn.noticed = self._interrupted[0].at - at
        else:
            self._may_interrupt_until = float("inf")  # It is us.
            self._client.interrupt()
        await self._answered(session)
        if turn.noticed is not None:
            turn.silent = silent_after(self._room.played(), place) - self.report.delay

    async def _answered(self, session: VoiceSession) -> None:
        """Until what is being answered has been heard; it begins soon after it was understood."""
        with anyio.move_on_after(1.5):
            await self._until(lambda: session.player.playing is not None)
        with anyio.move_on_after(20):
            await self._until(lambda: session.player.playing is None)
        self._may_interrupt_until = float("inf")
        session.player.flush()  # A long answer, by us.
        await anyio.sleep(0.5)
        self._may_interrupt_until = time.monotonic()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():  # noqa: ASYNC110 - A player tells of what is heard, not of this.
            await anyio.sleep(0.02)


def _beginning(text: str) -> Any:
    """A woman's voice, where the character has a man's; from its first sound on."""
    said = spoken(text, "slt", RATE)
    return said[np.flatnonzero(np.abs(said) > 0.003)[0] :]


def echoes(report: Report, answers: list[str]) -> list[str]:
    """Long words that only the character has said, in what passes for the user's."""
    theirs = {word for text in [STORY, *answers] for word in words(text)}
    expected = {word for line in domain.SENTENCES for word in words(line)}
    expected |= {word for slot in domain.SLOTS.values() for word in slot.split()}
    found = []
    for turn in report.turns:
        own = theirs - expected - set(words(turn.said))
        found += [word for word in words(turn.heard) if word in own and len(word) >= LONG]
    return found


class Answers:
    """What the character says in text."""

    def __init__(self, client: EstuaryClient) -> None:
        self.texts: list[str] = []
        client.on("bot_response", self._note)

    def _note(self, response: BotResponse) -> None:
        if response.is_final:
            self.texts.append(response.text)
