"""Where a conversation takes place: a server somewhere, or the gateway inside this program."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from estuary_proto.config import EstuaryConfig, invalid

from .exits import Exit, Stop, need

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from estuary_proto.config import VoiceTransport

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
    transport: VoiceTransport = "websocket"
    """Which way voice goes: "websocket", "livekit" or "auto"."""

    @property
    def embedded(self) -> bool:
        """Whether the conversation needs no server."""
        return not self.url

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[EstuaryConfig, None]:
        """The configuration for a client; an embedded gateway runs as long as the block.

        Raises Stop for what is missing, EstuaryError for what is wrong.
        """
        player = self.player or DEFAULT_PLAYER
        if self.url:
            yield replace(self._remote(self.url, player), voice_transport=self.transport)
            return
        from estuary_anyio.gateway import serve_gateway
        from estuary_proto.gateway import DEFAULT_CHARACTER, Character, ServerConfig

        mind = ServerConfig()
        wanted = self.character or DEFAULT_CHARACTER
        if wanted not in mind.characters:
            # Whoever is meant elsewhere by this id, here it is the offline character.
            mind = ServerConfig(characters={wanted: Character("Wren")})
        async with serve_gateway(server=mind, data=self.data) as gateway:
            yield EstuaryConfig(
                gateway.url, gateway.api_key, gateway.character_id, player,
                voice_transport=self.transport,
            )  # fmt: skip

    def _remote(self, url: str, player: str) -> EstuaryConfig:
        from estuary_anyio.gateway.serve import is_loopback
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
