"""The gateway that hears and speaks, in a process of its own, as a server is."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio

from estuary_anyio import EstuaryConfig
from estuary_anyio.gateway import LiveKitSettings, serve_gateway
from estuary_proto.gateway import Character, ServerConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from estuary_proto.config import VoiceTransport

MIND = ServerConfig(characters={"demo": Character("Wren", voice="rms")})


@contextmanager
def gateway(livekit: str = "") -> Iterator[EstuaryConfig]:
    """How to reach it, while it runs; in rooms of that LiveKit server, where there is one."""
    command = [sys.executable, "-m", "tests.audio.apart", *([livekit] if livekit else [])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url, api_key, character_id = json.loads(process.stdout.readline())
        way: VoiceTransport = "livekit" if livekit else "websocket"
        yield EstuaryConfig(url, api_key, character_id, "me", voice_transport=way)
        process.stdin.close()


async def serve() -> None:
    """Until nobody holds its input."""
    livekit = None
    if sys.argv[1:]:
        from tests.livekit.keys import KEY, SECRET  # Late: of an extra.

        livekit = LiveKitSettings(sys.argv[1], KEY, SECRET)
    async with serve_gateway(stt="pocketsphinx", tts="flite", server=MIND, livekit=livekit) as ours:
        print(json.dumps([ours.url, ours.api_key, ours.character_id]), flush=True)
        await anyio.to_thread.run_sync(sys.stdin.read)


if __name__ == "__main__":
    anyio.run(serve)
