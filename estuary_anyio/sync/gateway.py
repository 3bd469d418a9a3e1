"""The local gateway around a block of code without `await`: `with serve_gateway() as gw`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from .. import gateway as aio
from ..gateway import serve
from .loop import Loop
from .twin import Twin, twin

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence

    from estuary_proto.gateway import ServerConfig


class Gateway(Twin[serve.Gateway], of=serve.Gateway):
    """A gateway that is listening, in a thread of its own: where it is, and how to get in."""

    @property
    def url(self) -> str:
        """The address for `server_url`."""
        return self._source.url

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._source.port

    @property
    def api_key(self) -> str:
        """A key that it takes."""
        return self._source.api_key

    @property
    def character_id(self) -> str:
        """The first of its characters."""
        return self._source.character_id

    @property
    def stt(self) -> str:
        """Who understands what is said, of the names that `GatewayConfig.stt` has."""
        return self._source.stt

    @property
    def tts(self) -> str:
        """Who speaks."""
        return self._source.tts

    @property
    def sessions(self) -> int:
        """How many clients are connected."""
        return self._source.sessions

    mint: Final = twin(serve.Gateway.mint)
    drop_connections: Final = twin(serve.Gateway.drop_connections)


@contextmanager
def serve_gateway(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    api_keys: Sequence[str] | None = None,
    brain: str | aio.Brain = "rules",
    seed: int = 0,
    openai: aio.OpenAISettings | None = None,
    server: ServerConfig | None = None,
    stt: str | aio.Recogniser = "auto",
    tts: str | aio.Voice = "auto",
    stt_endpoint: aio.SpeechEndpoint | None = None,
    tts_endpoint: aio.SpeechEndpoint | None = None,
    data: str | os.PathLike[str] | None = None,
    livekit: aio.LiveKitSettings | None = None,
    report: Callable[[str], object] | None = None,
    backend: str = "asyncio",
    backend_options: Any = None,
) -> Iterator[Gateway]:
    """Serve a gateway for the length of the block, in a thread and an event loop of its own.

    `estuary_anyio.gateway.GatewayConfig` says what the arguments mean; `report` takes what a script
    has to say, line by line, in that thread. Clients of any kind may come, on any loop.
    """
    loop = Loop("gateway", backend, backend_options)
    serving = aio.serve_gateway(
        host, port, api_keys=api_keys, brain=brain, seed=seed, openai=openai, server=server,
        stt=stt, tts=tts, stt_endpoint=stt_endpoint, tts_endpoint=tts_endpoint, data=data,
        livekit=livekit, report=report,
    )  # fmt: skip
    try:
        yield Gateway(loop, loop.begin(serving))
    finally:
        loop.end()
