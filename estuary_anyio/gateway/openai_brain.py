"""A brain behind any OpenAI-compatible streaming chat endpoint.

Only the common core of that interface is used: `POST {base_url}/chat/completions` with
`stream: true`, answered by server-sent events whose `choices[0].delta.content` holds the text,
ended by `[DONE]`. Local model servers speak it too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal

from estuary_proto.config import invalid

from .link import BrainError
from .openai import asked, check_endpoint, drain, error_of, read_json

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import httpx

    from estuary_proto.gateway import AskBrain


class Done(Enum):
    """The end of a stream."""

    DONE = "done"


DONE: Final = Done.DONE


@dataclass(frozen=True)
class OpenAISettings:
    """Where the model is. `base_url` ends before `/chat/completions`; `api_key` may be empty for a
    local server; `timeout` is seconds to connect and between two pieces."""

    base_url: str = "http://127.0.0.1:11434/v1"
    model: str = "llama3.2"
    api_key: str = field(default="", repr=False)
    timeout: float = 60.0

    def __post_init__(self) -> None:
        check_endpoint(self.base_url, self.timeout, "http://127.0.0.1:11434/v1")
        if not self.model:
            raise invalid("model", "it is empty", "name the model of the endpoint")


class OpenAIBrain:
    """Streams answers from the endpoint. `http_client` is an httpx.AsyncClient that stays the
    caller's; without one, each answer has its own connection."""

    def __init__(
        self,
        settings: OpenAISettings | None = None,
        *,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        self.settings: OpenAISettings = settings or OpenAISettings()
        self._client = http_client

    async def stream(self, ask: AskBrain) -> AsyncGenerator[str, None]:
        """The answer, piece by piece. Raises BrainError, naming what went wrong."""
        try:
            import httpx
        except ModuleNotFoundError:
            raise BrainError("This brain needs pip install 'estuary-anyio[gateway]'") from None
        settings = self.settings
        body = {"model": settings.model, "stream": True, "messages": messages_of(ask)}
        url = settings.base_url.rstrip("/") + "/chat/completions"
        client = self._client or httpx.AsyncClient()
        try:
            async with asked(
                client, url, "The model", BrainError,
                api_key=settings.api_key, timeout=settings.timeout, json=body,
            ) as response:  # fmt: skip
                lines = response.aiter_lines()
                async for line in lines:
                    try:
                        piece = read_line(line)
                    except BrainError:
                        await drain(lines)
                        raise
                    if piece is DONE:
                        await drain(lines)
                        return
                    if piece:
                        yield piece
        finally:
            if client is not self._client:
                await client.aclose()


def messages_of(ask: AskBrain) -> list[dict[str, str]]:
    """The conversation in the form that the endpoint takes."""
    persona = ask.character.persona or f"You are {ask.character.name}, a friendly companion."
    if ask.facts:
        persona += "\nWhat the user has told you before:\n" + "\n".join(f"- {f}" for f in ask.facts)
    said = [{"role": role, "content": text} for role, text in ask.history]
    return [{"role": "system", "content": persona}, *said, {"role": "user", "content": ask.text}]


def read_line(line: str) -> str | Literal[Done.DONE]:
    """What one line of the stream says: text ("" for none), or DONE. Raises BrainError."""
    if not line.startswith("data:"):
        return ""
    data = line[5:].strip()
    if data == "[DONE]":
        return DONE
    event = read_json(data)
    if failure := error_of(event):
        raise BrainError(f"The model failed: {failure}")
    return piece_of(event)


def piece_of(event: Any) -> str:
    """The text in one event of the stream, "" if it has none."""
    match event:
        case {"choices": [{"delta": {"content": str(text)}}, *_]}:
            return text
    return ""
