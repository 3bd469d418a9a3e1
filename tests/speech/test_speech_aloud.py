"""Sentences spoken into the gateway over a real socket: understood, answered aloud, and the answer
understood in its turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from estuary_anyio import EstuaryClient, EstuaryConfig, VoiceMode
from estuary_anyio.gateway import Gateway, Sphinx, serve_gateway
from estuary_anyio.gateway.speech.rates import convert
from estuary_proto.gateway import ServerConfig, Transcribe
from estuary_proto.gateway.hearing import Hearing, Sound
from estuary_proto.models.conversation import BotResponse, BotVoice, InterruptData, SttResponse

from .flite import RATE, hiss, need, says, silence, words, wrong_words

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

MIND = ServerConfig(word_interval=0.001)
NOISE = 300
"""RMS, 25 dB below the voice: the recogniser still understands, a room's fan is as loud."""
PATIENCE = 60.0
"""Seconds: the machine may be busy."""

SENTENCES = (
    "Hello there.", "My name is Peter.", "What is my name?", "Tell me a joke.",
    "I live in Chicago.", "Where do I live?", "My favorite color is green.",
    "What is my favorite color?", "I like swimming.", "What do you remember about me?",
    "I have a cat called Luna.", "How are you today?", "I am a teacher.", "Thank you very much.",
    # These are none that the recogniser expects.
    "The weather is nice today.", "My sister bought a new car yesterday.",
    "The train leaves at seven in the morning.", "There is a problem with the new software.",
    "Can we talk about politics for a minute?", "I would like to go to the mountains next week.",
)  # fmt: skip


class Told:
    """What a client was told, in order."""

    def __init__(self, client: EstuaryClient) -> None:
        self.events: list[Any] = []
        self._news = anyio.Event()
        for name in ("stt_response", "bot_response", "bot_voice", "interrupt", "error"):
            client.on(name, self._note)

    def _note(self, event: Any) -> None:
        self.events.append(event)
        self._news.set()

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, kind: type[Any], number: int = 1, *, final: bool = True) -> Any:
        """The `number`-th of this kind, or final one."""
        with anyio.fail_after(PATIENCE):
            while True:
                found = [e for e in self.of(kind) if not final or e.is_final]
                if len(found) >= number:
                    return found[number - 1]
                self._news = anyio.Event()
                await self._news.wait()


class Place:
    """A client in a gateway that hears and speaks."""

    def __init__(self, client: EstuaryClient, told: Told, gateway: Gateway) -> None:
        self.client = client
        self.told = told
        self.gateway = gateway
        self._turns = 0

    async def say(self, pcm: bytes) -> str:
        """Say it; what was understood."""
        self._turns += 1
        await self.client.send_audio(silence(0.4) + pcm + silence(0.8))
        return str((await self.told.until(SttResponse, self._turns)).text)


async def place(
    rate: int = RATE, mode: VoiceMode = VoiceMode.CONTINUOUS, **options: Any
) -> AsyncGenerator[Place, None]:
    async with serve_gateway(**{"server": MIND, **options}) as gw:
        config = EstuaryConfig(
            gw.url, gw.api_key, gw.character_id, "p", audio_sample_rate=rate, mic_sample_rate=RATE
        )
        async with EstuaryClient(config) as client:
            told = Told(client)
            await client.connect()
            await client.start_voice(mode)
            yield Place(client, told, gw)


@pytest.fixture
async def here() -> AsyncGenerator[Place, None]:
    need("flite")
    async for one in place():
        yield one


async def test_a_conversation_by_voice(here: Place) -> None:
    assert (here.gateway.stt, here.gateway.tts) == ("pocketsphinx", "flite")
    assert await here.say(says("My name is Peter.")) == "my name is peter"
    interims = [stt.text for stt in here.told.of(SttResponse) if not stt.is_final]
    assert interims[0] == "…"
    assert any("name" in text for text in interims[1:])
    answer = await here.told.until(BotResponse)
    assert "Peter" in answer.text
    await here.told.until(BotVoice)
    voice = b"".join(chunk.pcm for chunk in here.told.of(BotVoice))
    # The voice says what is written: the recogniser hears it.
    ears = Sphinx()
    try:
        heard = await ears.transcribe(Transcribe(0, silence(0.3) + voice + silence(0.3), RATE))
    finally:
        await ears.aclose()
    wrong = wrong_words(answer.text, heard)
    print(f"written: {answer.text!r}; spoken: {heard!r}; {wrong} words wrong")
    assert wrong <= len(words(answer.text)) / 3


async def test_a_voice_at_another_rate() -> None:
    need("flite")
    async for here in place(rate=24000):
        here.client.say_line("The train leaves at seven in the morning.", text_only=False)
        last = await here.told.until(BotVoice)
        assert last.sample_rate == 24000
        voice = b"".join(chunk.pcm for chunk in here.told.of(BotVoice))
        made = says("The train leaves at seven in the morning.")
        assert len(voice) / 2 / 24000 == pytest.approx(len(made) / 2 / RATE, abs=0.01)
        back = convert(voice, 24000, RATE)
        ears = Sphinx()
        try:
            heard = await ears.transcribe(Transcribe(0, silence(0.3) + back + silence(0.3), RATE))
        finally:
            await ears.aclose()
        assert wrong_words("the train leaves at seven in the morning", heard) <= 2


async def test_a_voice_begins_before_the_text_has_ended() -> None:
    need("flite")
    slow = ServerConfig(word_interval=0.1)
    async for here in place(server=slow):
        text = "The tide is in. " + "And then the long day went on and on and on. " * 2
        here.client.say_line(text, text_only=False)
        await here.told.until(BotVoice, final=False)
        assert not [r for r in here.told.of(BotResponse) if r.is_final]
        here.client.interrupt()
        await here.told.until(InterruptData, final=False)


async def test_push_to_talk() -> None:
    need("flite")
    async for here in place(mode=VoiceMode.PUSH_TO_TALK):
        await here.client.start_recording()
        await here.client.send_audio(says("Tell me") + silence(1) + says("a joke."))
        await here.client.stop_recording()
        assert (await here.told.until(SttResponse)).text == "tell me a joke"
        await here.told.until(BotResponse)


async def test_who_speaks_silences_the_voice(here: Place) -> None:
    here.client.say_line("This is a long story. " * 20, text_only=False)
    first = await here.told.until(BotVoice, final=False)
    # The words of an interruption are understood as well.
    assert await here.say(says("Tell me a joke.")) == "tell me a joke"
    stop = await here.told.until(InterruptData, final=False)
    assert stop.message_id == first.message_id
    at = here.told.events.index(stop)
    late = [e for e in here.told.events[at:] if isinstance(e, BotVoice)]
    assert first.message_id not in {voice.message_id for voice in late}


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_twenty_sentences_over_a_socket(here: Place) -> None:
    wrong = total = 0
    for sentence in SENTENCES:
        heard = await here.say(says(sentence, "rms"))
        errors = wrong_words(sentence, heard)
        wrong, total = wrong + errors, total + len(words(sentence))
        if errors:
            print(f"said {sentence!r}, heard {heard!r}")
    print(f"word error rate of {len(SENTENCES)} sentences: {wrong} of {total}, {wrong / total:.1%}")
    assert wrong / total < 0.1


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_speech_is_found_in_noise_that_energy_drowns_in(here: Place) -> None:
    noisy = hiss(silence(2) + says("Tell me a story.") + silence(2), NOISE)
    by_energy = Hearing(RATE, whole=False, keeps=False, longest=60.0).feed(noisy)
    lengths = [heard.seconds for heard in by_energy if heard.sound is Sound.ENDS]
    assert not [seconds for seconds in lengths if seconds < 2]  # The sentence takes one.
    heard = await here.say(noisy)
    print(f"with noise: {heard!r}")
    assert wrong_words("tell me a story", heard) <= 2
    # Nothing else was taken for speech.
    await here.client.send_audio(hiss(silence(3), NOISE, seed=1))
    assert await here.say(says("Tell me a joke.")) == "tell me a joke"
