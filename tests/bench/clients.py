"""One measurement: N sessions of one client library on one event loop, in a fresh process.

Counts calls of a plain synchronous handler (of ``bot_response``, or of ``bot_voice``, whose PCM it
reads) and the CPU time of this process, user and system apart, from the moment when all sessions
are up to the last call.  Upstream, each session awaits ``send_audio`` at its own pace, and the
clock stops when the server says that every byte has come.  Prints JSON.
Everything but the library under test is the same for all: anyio runs the loop, each session is one
task, and the handler notes the time of its call.
"""

from __future__ import annotations

import argparse
import base64
import functools
import importlib
import json
import operator
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from .audio import pcm
from .cases import CARRIES, DOWN_EVERY, DOWN_SIZE, spread

if TYPE_CHECKING:
    from collections.abc import Callable

FLAVOURS = ("ours-asyncio", "ours-uvloop", "ours-trio", "sdk-asyncio", "sdk-uvloop")
CAPTURED = "+capture"  # behind the name of a flavour: every session writes a capture file
PACKAGES = {"ours": "estuary_anyio", "sdk": "estuary_sdk"}
LEAD = 0.5  # seconds between "all sessions are up" and the first event
DIALS = 16  # sessions connecting at the same time


# How a handler comes by the sound of a bot_voice: estuary-sdk hands out base64.
SOUND: dict[str, Callable[[Any], bytes]] = {
    "ours": operator.attrgetter("pcm"),
    "sdk": lambda voice: base64.b64decode(voice.audio),
}


class Tally:
    """Handler calls of all sessions, and the CPU time when the first was due and the last came."""

    def __init__(self, sessions: int, events: int) -> None:
        self.calls: list[list[float]] = [[] for _ in range(sessions)]
        self.missing = sessions * events
        self.finals = 0
        self.all_heard = True
        """The server has everything; False while it has something to wait for."""
        self.problem = ""
        self.done = anyio.Event()
        self.before = self.after = resource.getrusage(resource.RUSAGE_SELF)
        self.ended = 0.0

    def over(self) -> None:
        """The last event is there."""
        self.after = resource.getrusage(resource.RUSAGE_SELF)
        self.ended = time.monotonic()
        self.done.set()

    def text_handler(self, number: int) -> Callable[[Any], None]:
        """A handler of tokens for one session."""
        note, clock = self.calls[number].append, time.monotonic

        def bot_response(response: Any) -> None:
            note(clock())
            self.missing -= 1
            if response.is_final:
                self.finals += 1
            if not self.missing:
                self.over()

        return bot_response

    def voice_handler(
        self, number: int, size: int, sound: Callable[[Any], bytes]
    ) -> Callable[[Any], None]:
        """A handler of voice for one session, which looks at every byte of the sound."""
        note, clock, calls = self.calls[number].append, time.monotonic, self.calls[number]

        def bot_voice(voice: Any) -> None:
            if sound(voice) != pcm(0, len(calls) * size, size):
                self.problem = f"session {number}: chunk {len(calls)} is another"
            note(clock())
            self.missing -= 1
            if voice.is_final:
                self.finals += 1
            if not self.missing and self.all_heard:
                self.over()

        return bot_voice

    def player(self, client: Any, number: int) -> None:
        """Play what comes, as a VoiceSession does, and note when the queue is empty again."""
        from estuary_audio.playout import Playout

        note, clock, playout = self.calls[number].append, time.monotonic, Playout(16000)
        playout.push("first", bytes(9600), now=clock())  # Loads what it needs.
        playout.pull(320, at=clock())
        playout.flush(now=clock())

        def done() -> None:
            note(clock())
            self.missing -= 1
            if not self.missing:
                self.over()

        def bot_voice(voice: Any) -> None:
            playout.push(voice.message_id, voice.pcm, now=clock())
            playout.pull(320, at=clock())
            done()

        def complete(told: Any) -> None:
            if told.interrupted:
                if not playout.waiting:
                    self.problem = f"session {number}: nothing was there to interrupt"
                playout.flush(told.message_id, now=clock())
                if playout.waiting:
                    self.problem = f"session {number}: {playout.waiting} s are left"
                done()

        client.on("bot_voice", bot_voice)
        client.on("playback_complete", complete)

    def heard(self, response: Any) -> None:
        """A handler of what the server says when it has heard everything."""
        if response.text != "complete":
            self.problem = response.text
        self.all_heard = True
        if self.problem or not self.missing:
            self.over()

    def delays(self, start: float, rate: float, of: tuple[int, int] = (0, 1)) -> list[float]:
        """Seconds from when each event was due to be sent to when its handler was called, sorted;
        `of` (1, 2) takes the second of every two."""
        first, step = of
        sessions = len(self.calls)
        gap = 1 / (rate * sessions)
        return sorted(
            at - (start + (turn * sessions + number) * gap)
            for number, calls in enumerate(self.calls)
            for turn, at in list(enumerate(calls))[first::step]
        )


async def speak(client: Any, number: int, start: float, options: argparse.Namespace) -> None:
    """Say everything of one session, each chunk when it is due; phases are spread evenly."""
    sessions, size = options.sessions, options.size
    gap = 1 / (options.rate * sessions) if options.rate else 0.0
    await anyio.sleep(start - time.monotonic())
    for turn in range(options.events):
        if gap:
            due = start + (turn * sessions + number) * gap
            await anyio.sleep(max(0.0, due - time.monotonic()))
        await client.send_audio(pcm(number, turn * size, size))


class Run:
    """All sessions of one measurement."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.name = options.flavour.partition("-")[0]
        # estuary-sdk carries no types and need not be installed: looked up by name.
        self.library: Any = importlib.import_module(PACKAGES[self.name])
        live, upstream = options.carries == "live", options.carries == "upstream"
        coming = options.events // DOWN_EVERY if live else 0 if upstream else options.events
        self.tally = Tally(options.sessions, coming)
        self.tally.all_heard = not (live or upstream)
        self.clients: list[Any] = []
        self.start = 0.0
        self._dialling = anyio.Semaphore(DIALS)
        self._all_up = anyio.Event()
        self._started = anyio.Event()

    async def __call__(self) -> None:
        """Connect all sessions, have the server start, wait for every event."""
        async with anyio.create_task_group() as sessions:
            for number in range(self.options.sessions):
                sessions.start_soon(self._session, number)
            await self._all_up.wait()
            self.tally.before = resource.getrusage(resource.RUSAGE_SELF)
            self.start = time.monotonic() + LEAD
            self.clients[0].send_text(repr(self.start))
            self._started.set()

    async def _session(self, number: int) -> None:
        carries = self.options.carries
        async with self._client(number) as client:
            self._listen(client, number)
            async with self._dialling:
                await client.connect()
                if carries not in ("text", "interrupt"):
                    await client.start_voice()
            self.clients.append(client)
            if len(self.clients) == self.options.sessions:
                self._all_up.set()
            if carries in ("upstream", "live"):
                await self._started.wait()
                await speak(client, number, self.start, self.options)
            await self.tally.done.wait()

    def _client(self, number: int) -> Any:
        config, folder = self._config(number), self.options.capture
        if folder is None:
            return self.library.EstuaryClient(config)
        return self.library.EstuaryClient(config, capture=folder / f"{number}.jsonl")

    def _config(self, number: int) -> Any:
        url = f"http{'s' if self.options.tls else ''}://127.0.0.1:{self.options.port}"
        more = {"mic_sample_rate": self.options.mic_rate} if self.name == "ours" else {}
        return self.library.EstuaryConfig(url, "est_bench", "demo", f"p{number}", **more)

    def _listen(self, client: Any, number: int) -> None:
        tally, options = self.tally, self.options
        if options.carries == "text":
            client.on("bot_response", tally.text_handler(number))
        elif options.carries == "voice":
            sound = SOUND[self.name]
            client.on("bot_voice", tally.voice_handler(number, options.size, sound))
        elif options.carries == "interrupt":
            tally.player(client, number)
        else:
            client.on("bot_response", tally.heard)
            if options.carries == "live":
                sound = SOUND[self.name]
                client.on("bot_voice", tally.voice_handler(number, DOWN_SIZE, sound))


async def measure(options: argparse.Namespace) -> dict[str, float]:
    """One run, and its figures."""
    run = Run(options)
    with anyio.fail_after(options.limit):
        await run()
    if run.tally.problem:
        raise SystemExit(run.tally.problem)
    return figures(run.tally, run.start, options)


def figures(tally: Tally, start: float, options: argparse.Namespace) -> dict[str, float]:
    """What the parent process wants to know; CPU times in microseconds an event."""
    events = options.sessions * options.events
    user = (tally.after.ru_utime - tally.before.ru_utime) / events * 1e6
    system = (tally.after.ru_stime - tally.before.ru_stime) / events * 1e6
    result = {
        "events": events,
        "finals": tally.finals,
        "user": user,
        "system": system,
        "total": user + system,
        "core_share": (user + system) * events / 1e6 / (tally.ended - start),
        "wakes": (tally.after.ru_nvcsw - tally.before.ru_nvcsw) / events,
        "resident_mib": tally.after.ru_maxrss / (1 << (20 if sys.platform == "darwin" else 10)),
    }
    if options.carries == "live":
        result |= spread("down", tally.delays(start, options.rate / DOWN_EVERY))
    elif options.carries == "interrupt":
        result |= spread("interrupt", tally.delays(start, options.rate, of=(1, 2)))
    elif options.rate and options.carries != "upstream":  # there the server takes the time
        result |= spread("delay", tally.delays(start, options.rate))
    return result


def main() -> None:
    """Run one flavour and print its figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("flavour", choices=FLAVOURS)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--sessions", type=int, required=True)
    parser.add_argument("--events", type=int, required=True, help="events for each session")
    parser.add_argument("--rate", type=float, default=0.0, help="as the server's; 0: a burst")
    parser.add_argument("--carries", choices=CARRIES, default="text")
    parser.add_argument("--size", type=int, default=0, help="bytes of PCM in one event")
    parser.add_argument("--mic-rate", type=int, default=16000, help="Hz")
    parser.add_argument("--tls", action="store_true", help="trust what SSL_CERT_FILE names")
    parser.add_argument("--capture", type=Path, help="a folder for a capture of each session")
    parser.add_argument("--limit", type=float, default=120.0, help="give up after, s")
    options = parser.parse_args()
    loop = options.flavour.partition("-")[2]
    run = functools.partial(anyio.run, measure, options)
    if loop == "trio":
        result = run(backend="trio")
    else:
        result = run(backend="asyncio", backend_options={"use_uvloop": loop == "uvloop"})
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
