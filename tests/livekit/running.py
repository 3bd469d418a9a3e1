"""What happens in a room, in a process of its own: what a server says wrong ends LiveKit's process.

    python -m tests.livekit.running <scenario,…> <backend> <url> <arguments as JSON>

runs them and writes what they gave, and what they left behind, as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import threading
import time
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import anyio
import httpx
import numpy as np
from livekit.protocol import room as service

from estuary_audio.livekit import BotAudio, open_room
from tests.livekit.keys import admin, token

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    from estuary_audio.livekit import Room, RoomEvent

LOUD = 8000
BACKENDS: dict[str, tuple[str, dict[str, Any]]] = {
    "asyncio": ("asyncio", {"use_uvloop": False}),
    "uvloop": ("asyncio", {"use_uvloop": True}),
    "trio": ("trio", {}),
}
SHARED = ("tokio-rt-worker",)
"""Threads that LiveKit keeps for a while, for all rooms."""

PATIENCE = 10.0
"""Seconds until what is waited for is missing."""

SETTLED_WITHIN = 20.0
"""Seconds until what is still held is a leak. LiveKit's native part gives up a join by itself after
5 s without an answer, and after 15 s in all."""


def tone(frequency: float, seconds: float, rate: int) -> bytes:
    """A sine of a quarter of full scale."""
    wave = np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)
    data: bytes = (LOUD * wave).astype("<i2").tobytes()
    return data


def measured(audio: bytes, rate: int) -> dict[str, float]:
    """Frequency (Hz), level (dB against `tone`) and length (s) of what is loud in a sound."""
    samples = np.frombuffer(audio, dtype="<i2").astype(float)
    loud = np.nonzero(np.abs(samples) > LOUD / 8)[0]
    if not len(loud):
        return {"seconds": 0.0, "frequency": 0.0, "level": -99.0}
    seconds = float(loud[-1] - loud[0] + 1) / rate
    middle = samples[loud[0] + rate // 10 : loud[-1] - rate // 10]
    if not len(middle):
        return {"seconds": seconds, "frequency": 0.0, "level": -99.0}
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 18))
    level = 20 * np.log10(middle.std() * np.sqrt(2) / LOUD)
    frequency = float(spectrum.argmax()) * rate / (1 << 18)
    return {"seconds": seconds, "frequency": frequency, "level": float(level)}


def share(audio: bytes, rate: int, frequency: float) -> float:
    """How much of a sound is of that frequency, dB against `tone`."""
    samples = np.frombuffer(audio, dtype="<i2").astype(float)
    wave = np.exp(-2j * np.pi * frequency * np.arange(len(samples)) / rate)
    return float(20 * np.log10(np.abs((samples * wave).mean()) * 2 / LOUD + 1e-9))


def level_of(audio: bytes, rate: int, frequency: float) -> float:
    """Like `share`, as the mean power of parts of 50 ms.

    Who receives WebRTC's sound stretches and shortens it; the phase jumps there, and over a longer
    time a tone would cancel itself.
    """
    size = rate // 20 * 2
    parts = [audio[at : at + size] for at in range(0, len(audio) - size + 1, size)]
    power = [10 ** (share(part, rate, frequency) / 10) for part in parts]
    return float(10 * np.log10(np.mean(power)))


class Ear:
    """Hears a room in the background, and remembers."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.audio = b""
        self.events: list[RoomEvent] = []
        self.ended = False
        self._news = anyio.Event()

    async def listen(self) -> None:
        """Until the room is over."""
        async for event in self.room:
            if isinstance(event, BotAudio):
                self.audio += event.pcm
            else:
                self.events.append(event)
            self._tell()
        self.ended = True
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = anyio.Event()

    async def until(self, what: Callable[[], object]) -> Any:
        """Wait until it is so; gives what it gives."""
        with anyio.fail_after(PATIENCE):
            while not (found := what()):
                await self._news.wait()
            return found

    async def seconds(self, seconds: float, rate: int) -> bytes:
        """The next so many seconds that are heard."""
        begin, size = len(self.audio), round(seconds * rate) * 2
        await self.until(lambda: len(self.audio) >= begin + size)
        return self.audio[begin : begin + size]

    def kinds(self) -> list[str]:
        """What has been told, by name."""
        return [event.NAME for event in self.events]


class Stage:
    """Where a scenario plays: a server, a room of its own, and what it was given."""

    def __init__(self, url: str, arguments: dict[str, Any], name: str) -> None:
        self.url = url
        self.name = f"{name}-{os.getpid()}"
        self.arguments = arguments
        self.single: bool | None = arguments.get("single")

    @asynccontextmanager
    async def joined(self, identity: str, **options: Any) -> AsyncGenerator[Ear]:
        """In the room, and hearing."""
        ticket = token(identity, self.name)
        options.setdefault("single_connection", self.single)
        async with (
            open_room(self.url, ticket, **options) as room,
            anyio.create_task_group() as group,
        ):
            ear = Ear(room)
            group.start_soon(ear.listen)
            yield ear
            group.cancel_scope.cancel()

    async def service(self, method: str, wish: Any) -> bytes:
        """What LiveKit's own API does."""
        headers = {
            "Authorization": f"Bearer {admin(self.name)}",
            "Content-Type": "application/protobuf",
        }
        path = f"/twirp/livekit.RoomService/{method}"
        return await self._post(path, headers=headers, content=wish.SerializeToString())

    async def _post(self, path: str, **options: Any) -> bytes:
        async with httpx.AsyncClient() as client:
            answer = await client.post(self.url.replace("ws", "http", 1) + path, **options)
        answer.raise_for_status()
        return answer.content

    async def test(self, method: str, **query: str) -> Any:
        """What only the tests' own server can, or has seen."""
        answer = await self._post(f"/test/{method}", params={"room": self.name, **query})
        return json.loads(answer or "null")

    async def delete(self) -> None:
        """The server ends the room."""
        await self.service("DeleteRoom", service.DeleteRoomRequest(room=self.name))

    async def remove(self, identity: str) -> None:
        """The server sends somebody out."""
        who = service.RoomParticipantIdentity(room=self.name, identity=identity)
        await self.service("RemoveParticipant", who)

    async def there(self) -> list[str]:
        """Who is in the room, as the server sees it."""
        wish = service.ListParticipantsRequest(room=self.name)
        answer = await self.service("ListParticipants", wish)
        found = service.ListParticipantsResponse.FromString(answer)
        return sorted(one.identity for one in found.participants)

    async def empty(self) -> None:
        """Wait until the server has seen everybody go."""
        with anyio.fail_after(PATIENCE):
            # A server tells nobody outside.
            while await self.there():  # noqa: ASYNC110
                await anyio.sleep(0.05)


# What is left behind


def held() -> dict[str, int]:
    """Threads, files and LiveKit's own parts, of this process."""
    from livekit.rtc import _ffi_client as ffi

    gc.collect()
    client = ffi.FfiClient.instance
    return {
        "threads": sum(name not in SHARED for name in _threads()),
        "ours": sum(not isinstance(one, threading._DummyThread) for one in threading.enumerate()),
        "files": len(os.listdir("/proc/self/fd")),
        "listeners": len(client.queue._subscribers),
        "handles": sum(not one.disposed for one in list(ffi._live_handles)),
    }


def opened() -> list[str]:
    """What the files of this process are, for whoever asks why one more is left."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # That of the listing itself.
            found.append(os.readlink(f"/proc/self/fd/{number}"))
    return sorted(found)


def _threads() -> Iterator[str]:
    for number in os.listdir("/proc/self/task"):
        with suppress(OSError):  # It has just ended.
            yield Path(f"/proc/self/task/{number}/comm").read_text().strip()


def tasks() -> int:
    """Of this event loop."""
    if "trio" in sys.modules:
        import trio

        try:
            return trio.lowlevel.current_statistics().tasks_living
        except RuntimeError:
            pass
    return len(asyncio.all_tasks())


async def settled(before: dict[str, int]) -> dict[str, int]:
    """What there is more than before, once it is nothing or patience has ended."""
    end = time.monotonic() + SETTLED_WITHIN
    while True:
        now = held()
        more = {name: now[name] - count for name, count in before.items() if now[name] > count}
        if not more or time.monotonic() > end:
            return more
        # Nobody tells when LiveKit's native threads have let go.
        await anyio.sleep(0.05)


async def warm(stage: Stage) -> None:
    """What LiveKit starts once and keeps is no leak."""
    async with stage.joined("user") as user, stage.joined("bot") as bot:
        await user.room.until_heard()
        await user.room.send_audio(tone(440, 0.1, 16000))
        await bot.seconds(0.1, 24000)
    # uvloop's loop opens /dev/null with its first connection of its own, and keeps it (libuv's
    # reserve against EMFILE).
    await stage.empty()


async def play(names: str, url: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Scenarios, one after the other, and what they left behind."""
    from tests.livekit import scenarios

    await warm(Stage(url, arguments, "warm"))
    if arguments.get("again"):
        # What LiveKit starts once for this, too.
        for name in names.split(","):
            await getattr(scenarios, name)(Stage(url, arguments, name))
    before, tasks_before = held(), tasks()
    found = {}
    for name in names.split(","):
        found[name] = await getattr(scenarios, name)(Stage(url, arguments, name))
    if arguments.get("pending"):
        del before["listeners"], before["files"], before["threads"]
    left = await settled(before)
    open_files = opened() if left else []
    return {"found": found, "left": left, "open": open_files, "tasks": tasks() - tasks_before}


def finish(outcome: Any) -> NoReturn:
    """Write what was found as JSON, and end.

    Not through the interpreter's own end, which `test_livekit_leaving` is about: here a join that
    was given up may still be pending. What is left behind has been counted before.
    """
    print(json.dumps(outcome), flush=True)
    os._exit(0)


if __name__ == "__main__":
    names, backend, url, given = sys.argv[1:]
    loop, options = BACKENDS[backend]
    outcome = anyio.run(play, names, url, json.loads(given), backend=loop, backend_options=options)
    finish(outcome)
