"""Somebody speaks into the microphone: the gateway understands it and answers aloud, and what comes
out of the loudspeaker is understood in its turn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
import pytest

from estuary_anyio import (
    BotResponse,
    EstuaryClient,
    EstuaryConfig,
    PlaybackComplete,
    PlaybackStarted,
    SttResponse,
    VoiceMode,
    VoiceSession,
)
from estuary_anyio.gateway import serve_gateway
from estuary_audio.resample import convert
from tests.audio.card import Card, Tap, playing
from tests.audio.ears import understood
from tests.audio.sound import span, to_pcm
from tests.audio.voices import spoken
from tests.audio.waiting import until
from tests.speech.flite import need, words, wrong_words

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("ample_machine"),
]

CARD = 48000
PATIENCE = 60.0
"""Seconds: the machine may be busy."""

SAID = ("My name is Peter.", "What is my name?")


def aloud(text: str, voice: str = "rms") -> bytes:
    """A sentence for the card's microphone."""
    return to_pcm(spoken(text, voice, CARD))


@dataclass
class Turn:
    """What came of a sentence; times are seconds of those who listen at microphone and loudspeaker,
    which began at once."""

    heard: str = ""
    answer: str = ""
    times: dict[str, float] = field(default_factory=dict)


class Place:
    """A client in a gateway that hears and speaks, and somebody at microphone and loudspeaker."""

    def __init__(self, client: EstuaryClient, folder: Path) -> None:
        for sentence in SAID:
            aloud(sentence)  # It takes a while, and a loop that plays and records has none.
        self.client = client
        self.microphone = Tap("mic", folder / "said")
        self.loudspeaker = Tap("speaker", folder / "heard")
        self.turn = Turn()
        self._over = anyio.Event()
        client.on("stt_response", self._stt)
        client.on("bot_response", self._text)
        client.on("playback_started", self._sound)
        client.on("playback_complete", self._end)

    def _mark(self, what: str) -> None:
        self.turn.times.setdefault(what, self.microphone.seconds)

    def _stt(self, stt: SttResponse) -> None:
        if stt.is_final:
            self._mark("transcript")
            self.turn.heard = stt.text

    def _text(self, response: BotResponse) -> None:
        self._mark("text")
        self.turn.answer = response.text

    def _sound(self, started: PlaybackStarted) -> None:
        self._mark("sound")

    def _end(self, complete: PlaybackComplete) -> None:
        self._over.set()

    async def say(self, session: VoiceSession, text: str, *, button: bool) -> Turn:
        """Say it into the microphone; what comes of it, when the answer has been heard."""
        self.turn, self._over = Turn(), anyio.Event()
        if button:
            await session.start_recording()
        before = self.microphone.seconds
        sound = aloud(text)
        with playing("mic", sound), anyio.fail_after(PATIENCE):
            # The button goes up behind the last word, as people let it.
            gone = before + len(sound) / 2 / CARD + 0.3
            await until(lambda: self.microphone.seconds > gone)
            if button:
                await session.stop_recording()
            await self._over.wait()
        said = self.microphone.heard()[2 * round(before * CARD) :]
        self.turn.times["end"] = before + span(said, CARD, above=0.02)[1]
        return self.turn


@pytest.fixture
async def place(sound_card: Card, tmp_path: Path) -> AsyncIterator[Place]:
    need("flite")
    pytest.importorskip("pocketsphinx")
    async with serve_gateway(stt="auto", tts="auto") as gateway:
        assert (gateway.stt, gateway.tts) == ("pocketsphinx", "flite")
        config = EstuaryConfig(gateway.url, gateway.api_key, gateway.character_id, "me")
        async with EstuaryClient(config) as client:
            await client.connect()
            here = Place(client, tmp_path)
            try:
                yield here
            finally:
                here.microphone.stop()
                here.loudspeaker.stop()


@pytest.mark.parametrize("mode", VoiceMode)
async def test_a_conversation_over_the_air(place: Place, mode: VoiceMode) -> None:
    turns, missed = [], []
    async with VoiceSession(place.client, mode) as session:
        for sentence in SAID:
            since = place.loudspeaker.seconds
            turn = await place.say(session, sentence, button=mode is VoiceMode.PUSH_TO_TALK)
            turns.append(turn)
            pcm = place.loudspeaker.heard()[2 * round(since * CARD) :]
            back = await anyio.to_thread.run_sync(understood, convert(pcm, CARD, 16000))
            report(sentence, turn, back)
            assert wrong_words(sentence, turn.heard) <= 1
            missed.append(wrong_words(turn.answer, back))
        assert session.player.underruns == session.recorder.dropped == 0
    assert "Peter" in turns[0].answer
    assert "Peter" in turns[1].answer
    # The first answer has words that this recogniser takes for others, wherever it hears them.
    assert missed[0] <= len(words(turns[0].answer)) / 2 + 1
    assert missed[1] <= 1


def report(sentence: str, turn: Turn, back: str) -> None:
    """For those who read along (`pytest -s`)."""
    there, again = wrong_words(sentence, turn.heard), wrong_words(turn.answer, back)
    times = {name: f"{at - turn.times['end']:.2f} s" for name, at in turn.times.items()}
    print(
        f"\nsaid {sentence!r}, understood {turn.heard!r} ({there} of {len(words(sentence))} wrong);"
        f" answered {turn.answer!r}, heard {back!r} ({again} of {len(words(turn.answer))} wrong);"
        f" after the last word: transcript {times['transcript']}, first text {times['text']},"
        f" first sound {times['sound']}"
    )
