"""Ears and voices behind any OpenAI-compatible endpoint.

Only the common core of that interface is used: `POST {base_url}/audio/transcriptions`, a form with
a WAV file, answered by JSON with `text`; and `POST {base_url}/audio/speech`, answered by a WAV file
that may stream. Local model servers speak both.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ..openai import asked, check_endpoint, drain, read_json
from ..senses import RecogniserError, VoiceError
from .wav import Incoming, wav

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import httpx

    from estuary_proto.gateway import Say, Transcribe

_ENDINGS: Final = ("/audio/transcriptions", "/audio/speech")
_BARE: Final = 24000
"""Hz of PCM without a header, where one sends that."""


@dataclass(frozen=True)
class SpeechEndpoint:
    """Where it is. `base_url` ends before `/audio/…`; `api_key` may be empty for a local server;
    `model` and `voice` are the endpoint's names, `language` is a hint for a recogniser ("en");
    `timeout` is seconds to connect, and between two pieces of the answer.

    Wrong values raise `EstuaryError` CONFIG_INVALID."""

    base_url: str
    model: str = ""
    voice: str = "alloy"
    language: str = ""
    api_key: str = field(default="", repr=False)
    timeout: float = 30.0

    def __post_init__(self) -> None:
        check_endpoint(self.base_url, self.timeout, "http://127.0.0.1:8000/v1")

    def url(self, ending: str) -> str:
        """The address that ends so, whether or not `base_url` was given with it."""
        base = self.base_url.rstrip("/")
        for known in _ENDINGS:
            base = base.removesuffix(known)
        return base + ending


class _Remote:
    """What both have in common. `http_client` is an httpx.AsyncClient that stays the caller's."""

    def __init__(
        self, endpoint: SpeechEndpoint, *, http_client: httpx.AsyncClient | None = None
    ) -> None:
        self.endpoint: SpeechEndpoint = endpoint
        self._client = http_client
        self._own: httpx.AsyncClient | None = None

    async def aclose(self) -> None:
        """Close the connections of its own."""
        if self._own is not None:
            await self._own.aclose()

    @asynccontextmanager
    async def _post(
        self, what: str, failure: type[Exception], ending: str, **body: Any
    ) -> AsyncGenerator[httpx.Response, None]:
        """The answer to a request, still to be read; what goes wrong raises `failure`, with the
        name of `what` cannot be done."""
        try:
            import httpx
        except ModuleNotFoundError:
            raise failure("This needs pip install 'estuary-anyio[gateway]'") from None
        client = self._client or self._own
        if client is None:
            client = self._own = httpx.AsyncClient()
        endpoint = self.endpoint
        async with asked(
            client, endpoint.url(ending), what, failure,
            api_key=endpoint.api_key, timeout=endpoint.timeout, **body,
        ) as response:  # fmt: skip
            yield response


class OpenAIRecogniser(_Remote):
    """Understands speech; see `Recogniser`."""

    async def transcribe(self, speech: Transcribe) -> str:
        """What is said in it. Raises RecogniserError, naming what went wrong."""
        endpoint = self.endpoint
        data = {"model": endpoint.model or "whisper-1", "response_format": "json"}
        if endpoint.language:
            data["language"] = endpoint.language
        files = {"file": ("speech.wav", wav(speech.pcm, speech.rate), "audio/wav")}
        posted = self._post(
            "The recogniser", RecogniserError, "/audio/transcriptions", data=data, files=files
        )
        async with posted as response:
            await response.aread()
            answer = read_json(response.text)
        if isinstance(answer, dict) and isinstance(answer.get("text"), str):
            return str(answer["text"]).strip()
        raise RecogniserError("The recogniser's answer holds no text")


class OpenAIVoice(_Remote):
    """Speaks; see `Voice`."""

    name: Final = "openai"

    async def speak(self, say: Say) -> AsyncGenerator[bytes, None]:
        """The sound of a sentence. Raises VoiceError, naming what went wrong."""
        endpoint = self.endpoint
        body = {
            "model": endpoint.model or "tts-1",
            "input": say.text,
            "voice": endpoint.voice,
            "response_format": "wav",
        }
        incoming = Incoming(say.rate, raw=_BARE)
        async with self._post("The voice", VoiceError, "/audio/speech", json=body) as response:
            kind = response.headers.get("content-type", "")
            pieces = response.aiter_bytes()
            async for data in pieces:
                try:
                    pcm = incoming.push(_sound(data, kind))
                except ValueError as error:
                    await drain(pieces)
                    raise VoiceError(f"The voice sent {error}") from None
                if pcm:
                    yield pcm
            try:
                rest = incoming.finish()
            except ValueError as error:
                raise VoiceError(f"The voice sent {error}") from None
        yield rest


def _sound(data: bytes, kind: str) -> bytes:
    if kind.startswith(("text/", "application/json")):
        raise ValueError(f"{kind[:40]}, where a sound was asked for")
    return data
