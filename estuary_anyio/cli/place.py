"""Where a conversation takes place: a server somewhere, or the gateway inside this program."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from estuary_proto.config import EstuaryConfig, invalid

from .exits import Exit, Stop, need

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from estuary_anyio.client import EstuaryClient
    from estuary_anyio.gateway import Gateway
    from estuary_proto.config import VoiceTransport

    from .screen import Screen
    from .speech import SpeechOptions

DEFAULT_PLAYER: Final = "me"

MEMORY: Final = ":memory:"
"""What `--data` says for nowhere."""

_LONGEST_KEY: Final = 8192


@dataclass(frozen=True)
class Place:
    """What the options and the environment say; None and "" stand for "not said"."""

    url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    character: str | None = None
    player: str | None = None
    data: Path | None = None
    """Where an embedded gateway keeps what it knows; None is in memory."""
    speech: SpeechOptions | None = None
    """How it hears and speaks; None: as well as it can."""
    capture: Path | None = None
    """Where the session is written down, if anywhere."""
    capture_audio: bool = True
    transport: VoiceTransport = "websocket"
    """Which way voice goes: "websocket", "livekit" or "auto"."""

    @property
    def embedded(self) -> bool:
        """Whether the conversation needs no server."""
        return not self.url

    @property
    def who(self) -> str:
        """The player."""
        return self.player or DEFAULT_PLAYER

    @property
    def whom(self) -> str:
        """The character."""
        from estuary_proto.gateway import DEFAULT_CHARACTER

        return self.character or DEFAULT_CHARACTER

    def announce(self, screen: Screen) -> None:
        """Say so, where it is the offline character that answers."""
        if self.embedded:
            screen.notice(
                "no URL: this is the offline character, inside this program (--url: others)"
            )

    @asynccontextmanager
    async def open(
        self, opened: Callable[[Gateway], object] | None = None, *, invents: bool = True
    ) -> AsyncGenerator[EstuaryConfig, None]:
        """The configuration for a client; an embedded gateway runs as long as the block, and is
        shown to `opened`; with `invents` it has the character, whoever that is elsewhere.

        Raises Stop for what is missing, EstuaryError for what is wrong.
        """
        player = self.who
        if self.url:
            yield replace(self._remote(self.url, player), voice_transport=self.transport)
            return
        from estuary_anyio.gateway import serve_gateway
        from estuary_proto.gateway import Character, ServerConfig

        mind = ServerConfig()
        wanted = self.whom
        if invents and wanted not in mind.characters:
            # Whoever is meant elsewhere by this id, here it is the offline character.
            mind = ServerConfig(characters={wanted: Character("Wren")})
        said = self.speech
        async with serve_gateway(
            server=mind, data=self.data, **({} if said is None else vars(said))
        ) as gateway:
            if opened is not None:
                opened(gateway)
            yield EstuaryConfig(
                gateway.url, gateway.api_key, wanted, player, voice_transport=self.transport
            )

    def client(self, config: EstuaryConfig) -> EstuaryClient:
        """The client for this place. Raises Stop when its capture cannot be written."""
        from estuary_anyio.client import EstuaryClient

        try:
            return EstuaryClient(config, capture=self.capture, capture_audio=self.capture_audio)
        except OSError as error:
            problem = error.strerror or error
            raise Stop(f"--capture {self.capture}: {problem}", Exit.USAGE) from None

    def _remote(self, url: str, player: str) -> EstuaryConfig:
        from estuary_anyio.loopback import is_loopback
        from estuary_proto.gateway import DEFAULT_CHARACTER, DEFAULT_KEY

        key, character = self.api_key, self.character
        config = EstuaryConfig(url, key or DEFAULT_KEY, character or DEFAULT_CHARACTER, player)
        if not is_loopback(config.host):
            # The defaults of `estuary gateway` mean nothing to a server elsewhere.
            if not key:
                raise invalid("api_key", "there is none", "set ESTUARY_API_KEY or --api-key-file")
            if not character:
                raise invalid(
                    "character", "none is named", "set ESTUARY_CHARACTER_ID or --character"
                )
        return config


def directory(said: str | None) -> Path | None:
    """Where to keep what is known: as `--data` says, else where the system has such things; None
    is in memory."""
    if said == MEMORY:
        return None
    if said:
        return Path(said)
    need("gateway", "platformdirs")
    import platformdirs  # Late: only who keeps something needs it.

    return Path(platformdirs.user_data_dir("estuary-anyio", appauthor=False))


def keys_in(path: Path) -> list[str]:
    """The keys in a file, one a line. Raises Stop when there are none, and never shows them."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(_LONGEST_KEY)
    except (OSError, UnicodeDecodeError) as error:
        problem = error.strerror if isinstance(error, OSError) else "it is not text"
        raise Stop(f"--api-key-file {path}: {problem}", Exit.USAGE) from None
    keys = [line.strip() for line in text.splitlines() if line.strip()]
    if not keys:
        raise Stop(f"--api-key-file {path}: it is empty", Exit.USAGE)
    return keys
