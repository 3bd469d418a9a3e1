"""A program as users write them: a call in a LiveKit room, and its end. No care is taken of either.

python -m tests.livekit.leaving <backend> <url> <how it ends>
"""

from __future__ import annotations

import logging
import os
import sys

import anyio

from estuary_audio.livekit import BotAudio, open_room
from tests.livekit.keys import token
from tests.livekit.running import BACKENDS, tone


async def main(url: str, how: str) -> None:
    """Two talk to each other, until one is heard; then it ends as `how` says."""
    name = f"leaving-{os.getpid()}"
    async with (
        open_room(url, token("bot", name)) as bot,
        open_room(url, token("user", name)) as user,
    ):
        with anyio.move_on_after(10):  # How it ends is what is looked at, however busy it was.
            await user.until_heard()
            await user.send_audio(tone(440, 0.2, 16000))
            async for event in bot:
                if isinstance(event, BotAudio):
                    if any(event.pcm):
                        break
                    user.push_audio(tone(440, 0.02, 16000))
        if how == "raises":
            raise KeyError("the program's own")
        if how == "exits":
            sys.exit()  # In the midst of both rooms.


if __name__ == "__main__":
    backend, url, how = sys.argv[1:]
    logging.basicConfig(level=logging.DEBUG)  # LiveKit's log too, which comes from its threads.
    loop, options = BACKENDS[backend]
    anyio.run(main, url, how, backend=loop, backend_options=options)
