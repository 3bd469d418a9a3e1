"""Somebody in a room, in a process of their own, who says a tone until nobody holds their input.

python -m tests.livekit.voice <url> <room> <identity> <frequency>
"""

from __future__ import annotations

import sys

import anyio
import anyio.to_thread

from estuary_audio.livekit import open_room
from tests.livekit.keys import token
from tests.livekit.running import tone


async def main(url: str, name: str, identity: str, frequency: float) -> None:
    """Speak."""
    async with open_room(url, token(identity, name)) as room, anyio.create_task_group() as tasks:

        async def speak() -> None:
            while True:
                await room.send_audio(tone(frequency, 1.0, 16000))

        tasks.start_soon(speak)
        await anyio.to_thread.run_sync(sys.stdin.read)
        tasks.cancel_scope.cancel()


if __name__ == "__main__":
    url, name, identity, frequency = sys.argv[1:]
    anyio.run(main, url, name, identity, float(frequency))
