"""Voice over real sockets, our client and the gateway, on every loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import anyio

from estuary_anyio import EstuaryClient, EstuaryConfig, VoiceMode
from estuary_anyio.gateway import RecogniserError, serve_gateway
from estuary_proto.gateway import ServerConfig, Transcribe
from estuary_proto.models.conversation import BotResponse, BotVoice, SttResponse

from .sounds import SPEECH, silence, tone

if TYPE_CHECKING:
    from estuary_anyio.gateway import Gateway

T = TypeVar("T")


class Told:
    """What a client was told of speech and answers, from the beginning."""

    def __init__(self, client: EstuaryClient) -> None:
        self.events: list[Any] = []
        self._news = anyio.Event()
        for name in ("stt_response", "bot_response", "bot_voice", "error"):
            client.on(name, self._note)

    def _note(self, event: Any) -> None:
        self.events.append(event)
        self._news.set()

    def finals(self, kind: type[T]) -> list[T]:
        return [e for e in self.events if isinstance(e, kind) and e.is_final]  # type: ignore[attr-defined]

    async def until(self, kind: type[T], number: int = 1) -> T:
        """The `number`-th final one of this kind."""
        with anyio.fail_after(10):
            while len(self.finals(kind)) < number:
                self._news = anyio.Event()
                await self._news.wait()
        return self.finals(kind)[number - 1]


def config_of(gw: Gateway) -> EstuaryConfig:
    return EstuaryConfig(gw.url, gw.api_key, gw.character_id, "p")


class Ears:
    """Understands by length: half a second is a word, more is too much, less is nothing."""

    def __init__(self) -> None:
        self.asked: list[Transcribe] = []

    async def transcribe(self, speech: Transcribe) -> str:
        self.asked.append(speech)
        await anyio.lowlevel.checkpoint()
        seconds = len(speech.pcm) / 2 / speech.rate
        if seconds > 2:
            raise RecogniserError("That was too long for me")
        return "my name is Ada" if seconds > 1 else ""


async def test_a_recogniser() -> None:
    ears = Ears()
    async with (
        serve_gateway(server=ServerConfig(word_interval=0.001), stt=ears) as gw,
        EstuaryClient(config_of(gw)) as client,
    ):
        told = Told(client)
        await client.connect()
        await client.start_voice()
        await client.send_audio(tone(0.2) + silence(0.6))
        assert (await told.until(SttResponse)).text == ""
        await client.send_audio(tone(3.0) + silence(0.6))
        assert (await told.until(SttResponse, 2)).text == ""
        await client.send_audio(SPEECH)
        assert (await told.until(SttResponse, 3)).text == "my name is Ada"
        assert "Ada" in (await told.until(BotResponse)).text
        await client.stop_voice()
    assert [speech.turn for speech in ears.asked] == [0, 1, 2]
    errors = [str(e) for e in told.events if isinstance(e, Exception)]
    assert len(errors) == 1
    assert "too long for me" in errors[0]


async def test_the_button() -> None:
    mind = ServerConfig(hears=("say something short",), word_interval=0.001)
    async with serve_gateway(server=mind) as gw, EstuaryClient(config_of(gw)) as client:
        told = Told(client)
        await client.connect()
        await client.start_voice(VoiceMode.PUSH_TO_TALK)
        await client.start_recording()
        await client.send_audio(SPEECH + SPEECH)
        await client.stop_recording()
        assert (await told.until(SttResponse)).text == "say something short"
        answer = await told.until(BotResponse)
        await client.start_recording()  # A press cuts the voice of it.
        await client.stop_recording()
        await client.send_text_and_wait("hi", text_only=True)
        assert not told.finals(BotVoice)
        assert {e.message_id for e in told.events if isinstance(e, BotVoice)} <= {answer.message_id}
        await client.stop_voice()
