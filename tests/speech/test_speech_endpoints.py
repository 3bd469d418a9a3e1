"""Ears and voices behind an OpenAI-compatible endpoint: a real server on a real socket."""

from __future__ import annotations

import io
import json
import wave
from contextlib import aclosing, asynccontextmanager
from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
from anyio.abc import SocketAttribute, SocketStream

from estuary_anyio import EstuaryClient, EstuaryConfig
from estuary_anyio.gateway import (
    OpenAIRecogniser,
    OpenAIVoice,
    RecogniserError,
    SpeechEndpoint,
    VoiceError,
    serve_gateway,
)
from estuary_anyio.gateway.speech.wav import wav
from estuary_proto.errors import EstuaryError
from estuary_proto.gateway import Say, ServerConfig, Transcribe
from estuary_proto.models.conversation import BotVoice

from .flite import need, says, silence

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

pytestmark = pytest.mark.anyio

SPEECH = Transcribe(0, bytes(range(256)) * 100, 16000)
SAY = Say(0, "Hello there.", 16000)
PCM = bytes(range(200)) * 40


class Server:
    """Answers each request with the next of `answers`: a status, a type, the pieces of a body; it
    lingers behind pieces that end with None."""

    def __init__(self, *answers: tuple[int, str, Sequence[bytes | None]]) -> None:
        self.answers = list(answers)
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.left = anyio.Event()
        self.url = ""

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[Server, None]:
        async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(listener.serve, self._serve)
                self.url = f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}/v1"
                yield self
                tasks.cancel_scope.cancel()

    async def _serve(self, stream: SocketStream) -> None:
        async with stream:
            data = b""
            try:
                while b"\r\n\r\n" not in data:
                    data += await stream.receive()
                head, _, body = data.partition(b"\r\n\r\n")
                fields = dict(
                    line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:]
                )
                while len(body) < int(fields["content-length"]):
                    body += await stream.receive()
                self.heads.append(head.decode())
                self.bodies.append(body)
                status, kind, pieces = self.answers.pop(0)
                start = f"HTTP/1.1 {status} So\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n"
                await stream.send(start.encode())
                for piece in pieces:
                    if piece is None:
                        await stream.receive()
                    else:
                        await stream.send(piece)
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                pass
            self.left.set()


def text(said: str) -> tuple[int, str, list[bytes]]:
    return 200, "application/json", [json.dumps({"text": said}).encode()]


def form_of(head: str, body: bytes) -> dict[str, bytes]:
    """The fields of a multipart form, as the standard library reads them."""
    kind = next(line for line in head.split("\r\n") if line.lower().startswith("content-type"))
    whole = BytesParser(policy=HTTP).parsebytes(kind.encode() + b"\r\n\r\n" + body)
    return {
        str(part.get_param("name", header="content-disposition")): _payload(part)
        for part in whole.iter_parts()
    }


def _payload(part: Any) -> bytes:
    found: bytes = part.get_payload(decode=True)
    return found


@asynccontextmanager
async def ears(server: Server, **options: Any) -> AsyncGenerator[OpenAIRecogniser, None]:
    one = OpenAIRecogniser(SpeechEndpoint(server.url, **options))
    yield one
    await one.aclose()


@asynccontextmanager
async def voice(server: Server, **options: Any) -> AsyncGenerator[OpenAIVoice, None]:
    one = OpenAIVoice(SpeechEndpoint(server.url, **options))
    yield one
    await one.aclose()


async def sound_of(one: OpenAIVoice, say: Say = SAY) -> bytes:
    async with aclosing(one.speak(say)) as pieces:
        return b"".join([piece async for piece in pieces])


async def test_a_recogniser_is_sent_a_wav_file() -> None:
    async with (
        Server(text(" Hello there. "), text("")).listening() as server,
        ears(server, api_key="sk-1", model="tiny", language="en") as one,
    ):
        assert await one.transcribe(SPEECH) == "Hello there."
        assert await one.transcribe(SPEECH) == ""
    head, form = server.heads[0], form_of(server.heads[0], server.bodies[0])
    assert head.startswith("POST /v1/audio/transcriptions HTTP/1.1")
    assert "authorization: bearer sk-1" in head.lower()
    assert (form["model"], form["language"]) == (b"tiny", b"en")
    with wave.open(io.BytesIO(form["file"])) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (16000, 2, 1)
        assert file.readframes(file.getnframes()) == SPEECH.pcm


async def test_a_voice_streams_and_is_converted() -> None:
    half = wav(PCM, 16000)
    async with (
        Server((200, "audio/wav", [half[:10], half[10:50], half[50:]])).listening() as server,
        voice(server, voice="nova") as one,
    ):
        assert await sound_of(one) == PCM
    assert server.heads[0].startswith("POST /v1/audio/speech HTTP/1.1")
    assert "authorization" not in server.heads[0].lower()
    assert json.loads(server.bodies[0]) == {
        "model": "tts-1", "input": "Hello there.", "voice": "nova", "response_format": "wav",
    }  # fmt: skip
    stereo = io.BytesIO()
    with wave.open(stereo, "wb") as file:
        file.setparams((2, 2, 48000, 0, "NONE", ""))
        file.writeframes(bytes(4 * 48000))
    async with Server((200, "audio/wav", [stereo.getvalue()])).listening() as server:
        async with voice(server) as one:
            assert len(await sound_of(one)) == 32000
    # One that ignores what it is asked for sends bare PCM, at 24 kHz.
    async with Server((200, "audio/pcm", [bytes(48000)])).listening() as server:
        async with voice(server) as one:
            assert len(await sound_of(one)) == 32000


async def test_the_first_sound_does_not_wait_for_the_last() -> None:
    async with Server((200, "audio/wav", [wav(PCM, 16000), None])).listening() as server:
        async with voice(server) as one, aclosing(one.speak(SAY)) as pieces:
            with anyio.CancelScope() as interrupted:
                async for piece in pieces:
                    assert piece == PCM
                    interrupted.cancel()
        with anyio.fail_after(5):
            await server.left.wait()


PROBLEMS: list[tuple[tuple[int, str, list[bytes]], str]] = [
    ((404, "application/json", [b'{"error": {"message": "no such model"}}']), "404: no such model"),
    ((401, "application/json", [b'{"error": "bad key"}']), "401: bad key"),
    ((422, "application/json", [b'{"detail": "no file"}']), "422: no file"),
    ((500, "text/plain", [b"oops"]), "500: So"),
]


@pytest.mark.parametrize(("answer", "problem"), PROBLEMS)
async def test_what_an_endpoint_refuses_is_told(answer: Any, problem: str) -> None:
    async with Server(answer, answer).listening() as server:
        async with ears(server, api_key="sk-secret") as one:
            with pytest.raises(RecogniserError, match=problem) as caught:
                await one.transcribe(SPEECH)
            assert "sk-secret" not in str(caught.value) + repr(one.endpoint)
        async with voice(server) as speaker:
            with pytest.raises(VoiceError, match=problem):
                await sound_of(speaker)


@pytest.mark.parametrize(
    ("kind", "body", "problem"),
    [
        ("audio/mpeg", b"ID3\4" + bytes(100), "compressed"),
        ("audio/wav", b"", "no sound"),
        ("audio/wav", wav(PCM, 16000)[:30], "no WAV file"),
        ("audio/wav", wav(PCM, 16000).replace(b"\2\0\x10\0", b"\1\0\x08\0"), "with 8 bits"),
        ("audio/wav", b"RIFF....WAVEdata" + bytes(100), "without a format"),
        ("audio/wav", b"RIFF....WAVEjunk\xff\xff\xff\0" + bytes(70000), "without sound"),
        ("application/json", b'{"ok": true}', "application/json, where a sound"),
    ],
)
async def test_what_is_no_sound_is_told(kind: str, body: bytes, problem: str) -> None:
    async with Server((200, kind, [body])).listening() as server, voice(server) as one:
        with pytest.raises(VoiceError, match=problem):
            await sound_of(one)


@pytest.mark.parametrize("body", [b"plain", b"[]", b'{"text": 3}'])
async def test_what_is_no_transcript_is_told(body: bytes) -> None:
    async with Server((200, "application/json", [body])).listening() as server:
        async with ears(server) as one:
            with pytest.raises(RecogniserError, match="holds no text"):
                await one.transcribe(SPEECH)


async def test_who_does_not_answer_is_told() -> None:
    async with Server((200, "audio/wav", [None])).listening() as server:
        async with voice(server, timeout=0.2) as one:
            with pytest.raises(VoiceError, match=r"did not answer within 0\.2 s"):
                await sound_of(one)
    async with ears(server) as gone:
        with pytest.raises(RecogniserError, match="cannot be reached"):
            await gone.transcribe(SPEECH)


async def test_a_client_that_is_given_stays_open() -> None:
    async with Server(text("one")).listening() as server, httpx.AsyncClient() as client:
        one = OpenAIRecogniser(SpeechEndpoint(server.url), http_client=client)
        assert await one.transcribe(SPEECH) == "one"
        await one.aclose()
        assert not client.is_closed


@pytest.mark.parametrize("ending", ["", "/", "/audio/speech", "/audio/transcriptions/"])
def test_the_address_may_be_the_whole_one(ending: str) -> None:
    endpoint = SpeechEndpoint(f"http://host/v1{ending}")
    assert endpoint.url("/audio/speech") == "http://host/v1/audio/speech"


@pytest.mark.parametrize(
    ("wrong", "field"), [({"base_url": "ftp://x"}, "base_url"), ({"timeout": 0}, "timeout")]
)
def test_wrong_settings(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(EstuaryError) as caught:
        SpeechEndpoint(**{"base_url": "http://x", **wrong})
    assert caught.value.details["field"] == field


async def test_a_gateway_hears_and_speaks_by_it() -> None:
    need("flite")
    answers = [text("My name is Ada."), *[(200, "audio/wav", [wav(PCM * 4, 16000)])] * 4]
    async with Server(*answers).listening() as server:
        endpoint = SpeechEndpoint(server.url)
        served = serve_gateway(
            stt_endpoint=endpoint, tts_endpoint=endpoint, server=ServerConfig(word_interval=0.001)
        )
        async with served as gw:
            assert (gw.stt, gw.tts) == ("openai", "openai")
            config = EstuaryConfig(gw.url, gw.api_key, gw.character_id, "p")
            async with EstuaryClient(config) as client:
                await client.connect()
                await client.start_voice()
                async with client.events(BotVoice) as events:
                    spoken = silence(0.4) + says("My name is Ada.") + silence(0.8)
                    await client.send_audio(spoken)
                    voices = []
                    with anyio.fail_after(30):
                        async for event in events:
                            voices.append(event)
                            if event.is_final:
                                break
        said = [json.loads(body)["input"] for body in server.bodies[1:]]
    assert "Ada" in " ".join(said)
    assert b"".join(v.pcm for v in voices) == PCM * 4 * len(said)
