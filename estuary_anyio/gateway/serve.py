"""A gateway that listens: `async with serve_gateway() as gw`, and `run_gateway` for a program."""

from __future__ import annotations

import socket
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio

from estuary_proto.authority import authority
from estuary_proto.config import invalid
from estuary_proto.credentials import ClientCredential
from estuary_proto.errors import ErrorCode, EstuaryError
from estuary_proto.gateway import DEFAULT_KEY, ServerConfig

from ..loopback import is_loopback
from . import speech
from .app import GatewayApp
from .livekit import LiveKitSettings, check_installed
from .openai_brain import OpenAIBrain, OpenAISettings

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, Callable, Sequence

    from .link import Brain
    from .senses import Recogniser, Voice
    from .speech import SpeechEndpoint

_GOODBYE_WITHIN: Final = 0.5
"""Seconds that clients have to answer our close before their connections are cut."""


@dataclass(frozen=True)
class GatewayConfig:
    """Where a gateway listens and who answers.

    `port` 0 takes a free one. `api_keys` None means `est_dev`, which is enough on this machine and
    refused beyond it: a `host` that is not loopback needs keys of its own. `brain` is "rules"
    (offline), "openai" (any compatible endpoint, see `openai`), or an object with `stream`.
    `server` holds the mind's settings; its keys and seed are set by the fields here.
    `stt` understands what players say aloud: "pocketsphinx" (extra `[speech]`), "openai" (any
    compatible endpoint, see `stt_endpoint`), "none", where `server.hears` stands in for it, or a
    `Recogniser`. "auto" is the endpoint if there is one, nobody where `server.hears` is set, else
    pocketsphinx if it is installed.
    `tts` speaks: "flite" or "espeak" as the system has them (or `[speech-gpl]`), "openai" (see
    `tts_endpoint`), "tone", or a `Voice`. "auto" is the first of them that is there.
    `data` is the directory in which what is known is kept, and found again the next time; None
    keeps it in memory.
    `livekit` is the LiveKit server in whose rooms voice may go (extra `[livekit]`).
    """

    host: str = "127.0.0.1"
    port: int = 0
    api_keys: Sequence[str] | None = field(default=None, repr=False)
    brain: str | Brain = "rules"
    seed: int = 0
    openai: OpenAISettings | None = None
    server: ServerConfig = field(default_factory=ServerConfig)
    stt: str | Recogniser = "auto"
    tts: str | Voice = "auto"
    stt_endpoint: SpeechEndpoint | None = None
    tts_endpoint: SpeechEndpoint | None = None
    data: Path | None = None
    livekit: LiveKitSettings | None = None

    def __post_init__(self) -> None:
        if self.api_keys is None and not is_loopback(self.host):
            raise invalid(
                "api_keys",
                f"listening on {self.host!r} opens the gateway to other machines, and everybody "
                "knows the default key",
                "give keys of your own, or listen on 127.0.0.1",
            )
        if isinstance(self.brain, str) and self.brain not in ("rules", "openai"):
            raise invalid(
                "brain", f"there is none called {self.brain!r}", 'give "rules" or "openai"'
            )
        if not 0 <= self.port <= 65535:
            raise invalid("port", f"{self.port} is none", "give 0 to 65535")
        speech.check(self.stt, self.tts, self.stt_endpoint, self.tts_endpoint)
        self.mind()

    def mind(self) -> ServerConfig:
        """The mind's settings, with the keys and the seed of this configuration."""
        keys = (DEFAULT_KEY,) if self.api_keys is None else tuple(self.api_keys)
        return replace(self.server, api_keys=keys, seed=self.seed)


class Gateway:
    """A gateway that is listening: where it is, and how to get in."""

    def __init__(
        self, config: GatewayConfig, app: GatewayApp, port: int, chosen: speech.Speech | None = None
    ) -> None:
        chosen = chosen or speech.Speech()
        mind = app.config
        self.port = port
        self.api_key: str = mind.api_keys[0]
        self.character_id: str = next(iter(mind.characters))
        self.stt: str = chosen.ears
        """Who understands what is said, of the names that `GatewayConfig.stt` has."""
        self.tts: str = chosen.tongue
        """Who speaks."""
        self._host = config.host
        self._app = app

    def __repr__(self) -> str:
        return f"Gateway({self.url!r}, sessions={self.sessions})"

    @property
    def url(self) -> str:
        """The address for `server_url`. A gateway that listens everywhere names this machine."""
        host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(self._host, self._host)
        return f"http://{authority(host, self.port)}"

    @property
    def sessions(self) -> int:
        """How many clients are connected."""
        return self._app.sessions

    def mint(self, player_id: str, *, lifetime: float = 3600.0) -> ClientCredential:
        """An end-user token `ect_…` for this player, good for `lifetime` seconds: what an app's
        backend gets for its user (PROTOCOL 1.6), and a `token_provider` returns."""
        made = self._app.mint(player_id, lifetime)
        return ClientCredential(made.token, player_id, time.time() + lifetime)

    async def drop_connections(self) -> None:
        """Cut every live connection as a broken network would: no goodbye. The next connect works,
        and what was remembered stays."""
        self._app.cut_all()
        await self._gone()

    async def _gone(self) -> None:
        with anyio.move_on_after(_GOODBYE_WITHIN):
            await self._app.empty()

    async def _goodbye(self) -> None:
        self._app.close_all()
        await self._gone()


@asynccontextmanager
async def serve_gateway(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    api_keys: Sequence[str] | None = None,
    brain: str | Brain = "rules",
    seed: int = 0,
    openai: OpenAISettings | None = None,
    server: ServerConfig | None = None,
    stt: str | Recogniser = "auto",
    tts: str | Voice = "auto",
    stt_endpoint: SpeechEndpoint | None = None,
    tts_endpoint: SpeechEndpoint | None = None,
    data: str | os.PathLike[str] | None = None,
    livekit: LiveKitSettings | None = None,
    report: Callable[[str], object] | None = None,
) -> AsyncGenerator[Gateway, None]:
    """Serve a gateway for the length of the block, on asyncio or trio.

    `GatewayConfig` says what the arguments mean; `report` takes what a script has to say, line by
    line. Clients that are still there at the end get a WebSocket close 1001.
    """
    config = GatewayConfig(
        host, port, api_keys, brain, seed, openai, server or ServerConfig(), stt, tts,
        stt_endpoint, tts_endpoint, None if data is None else Path(data), livekit,
    )  # fmt: skip
    async with serving(config, report) as gateway:
        yield gateway


async def run_gateway(
    config: GatewayConfig, *, started: Callable[[Gateway], object] | None = None
) -> None:
    """Serve until cancelled. `started` is called once, when clients can connect."""
    async with serving(config) as gateway:
        if started is not None:
            started(gateway)
        await anyio.sleep_forever()


@asynccontextmanager
async def serving(
    config: GatewayConfig, report: Callable[[str], object] | None = None
) -> AsyncGenerator[Gateway, None]:
    """Serve what `config` says for the length of the block; see `serve_gateway`."""
    try:
        from .listener import Listener  # Late: Hypercorn is heavy, and comes with an extra.
    except ModuleNotFoundError as error:
        raise EstuaryError(
            f"The local gateway needs {error.name}: pip install 'estuary-anyio[gateway]'",
            ErrorCode.CONFIG_INVALID,
        ) from error

    if config.livekit is not None:
        check_installed()
    chosen = await anyio.to_thread.run_sync(_speech, config)
    app = GatewayApp(
        config.mind(),
        brain=_brain(config),
        recogniser=chosen.recogniser,
        voice=chosen.voice,
        detector=chosen.detector,
        livekit=config.livekit,
        data=config.data,
        report=report,
    )
    failure: BaseException | None = None
    async with AsyncExitStack() as stack:
        chosen.closes(stack)
        await app.open()
        stack.push_async_callback(_close, app)
        sock = stack.enter_context(await _listen(config.host, config.port))
        listener = Listener(
            app, sock, max_message=config.server.max_payload, seats=config.server.max_sessions
        )
        async with anyio.create_task_group() as tasks:
            gateway = Gateway(config, app, sock.getsockname()[1], chosen)
            tasks.start_soon(listener.run)
            try:
                yield gateway
            except anyio.get_cancelled_exc_class():
                raise
            except BaseException as error:
                failure = error  # It leaves as itself below, in no group of ours.
            finally:
                with anyio.CancelScope(shield=True):
                    await gateway._goodbye()
                tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def _close(app: GatewayApp) -> None:
    with anyio.CancelScope(shield=True):
        await app.close()


def _brain(config: GatewayConfig) -> Brain | None:
    if config.brain == "rules":
        return None
    return OpenAIBrain(config.openai) if isinstance(config.brain, str) else config.brain


def _speech(config: GatewayConfig) -> speech.Speech:
    stt = config.stt
    if stt == "auto" and config.server.hears and config.stt_endpoint is None:
        stt = "none"
    return speech.choose(stt, config.tts, config.stt_endpoint, config.tts_endpoint)


async def _listen(host: str, port: int) -> socket.socket:
    try:
        found = await anyio.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise invalid("host", f"{host!r} is no address here ({error})", "try 127.0.0.1") from error
    family, kind, proto, _, address = found[0]
    sock = socket.socket(family, kind, proto)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(100)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise invalid(
            "port", f"{host}:{port} cannot be listened on ({error.strerror})", "try port=0"
        ) from error
    return sock
