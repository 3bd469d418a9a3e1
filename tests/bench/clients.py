"""One measurement: N sessions of one client library on one event loop, in a fresh process.

Counts calls of a plain synchronous ``bot_response`` handler and the CPU time of this process, user
and system apart, from the moment when all sessions are up to the last call.  Prints JSON.
Everything but the library under test is the same for all: anyio runs the loop, each session is one
task, and the handler notes the time of its call.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import resource
import sys
import time
from typing import TYPE_CHECKING, Any

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable

FLAVOURS = ("ours-asyncio", "ours-uvloop", "ours-trio", "sdk-asyncio", "sdk-uvloop")
PACKAGES = {"ours": "estuary_anyio", "sdk": "estuary_sdk"}
LEAD = 0.5  # seconds between "all sessions are up" and the first event
DIALS = 16  # sessions connecting at the same time


class Tally:
    """Handler calls of all sessions, and the CPU time when the first was due and the last came."""

    def __init__(self, sessions: int, events: int) -> None:
        self.calls: list[list[float]] = [[] for _ in range(sessions)]
        self.missing = sessions * events
        self.finals = 0
        self.done = anyio.Event()
        self.before = self.after = resource.getrusage(resource.RUSAGE_SELF)
        self.ended = 0.0

    def handler(self, number: int) -> Callable[[Any], None]:
        """A handler for one session."""
        note, clock = self.calls[number].append, time.monotonic

        def bot_response(response: Any) -> None:
            note(clock())
            self.missing -= 1
            if response.is_final:
                self.finals += 1
            if not self.missing:
                self.after = resource.getrusage(resource.RUSAGE_SELF)
                self.ended = clock()
                self.done.set()

        return bot_response

    def delays(self, start: float, rate: float) -> list[float]:
        """Seconds from when each event was due to be sent to when its handler was called."""
        sessions = len(self.calls)
        gap = 1 / (rate * sessions)
        return sorted(
            at - (start + (turn * sessions + number) * gap)
            for number, calls in enumerate(self.calls)
            for turn, at in enumerate(calls)
        )


async def measure(options: argparse.Namespace) -> dict[str, float]:
    """Connect all sessions, have the server start, wait for every event."""
    # estuary-sdk carries no types and need not be installed: looked up by name.
    library = importlib.import_module(PACKAGES[options.flavour.partition("-")[0]])
    url = f"http{'s' if options.tls else ''}://127.0.0.1:{options.port}"
    tally = Tally(options.sessions, options.events)
    clients: list[Any] = []
    dialling = anyio.Semaphore(DIALS)
    all_up = anyio.Event()

    async def session(number: int) -> None:
        config = library.EstuaryConfig(url, "est_bench", "demo", f"p{number}")
        async with library.EstuaryClient(config) as client:
            client.on("bot_response", tally.handler(number))
            async with dialling:
                await client.connect()
            clients.append(client)
            if len(clients) == options.sessions:
                all_up.set()
            await tally.done.wait()

    with anyio.fail_after(options.limit):
        async with anyio.create_task_group() as sessions:
            for number in range(options.sessions):
                sessions.start_soon(session, number)
            await all_up.wait()
            tally.before = resource.getrusage(resource.RUSAGE_SELF)
            start = time.monotonic() + LEAD
            clients[0].send_text(repr(start))
    return figures(tally, start, options)


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
    if options.rate:
        delays = tally.delays(start, options.rate)
        for percent in (50, 99):
            result[f"delay_p{percent}_ms"] = delays[len(delays) * percent // 100] * 1e3
    return result


def main() -> None:
    """Run one flavour and print its figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("flavour", choices=FLAVOURS)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--sessions", type=int, required=True)
    parser.add_argument("--events", type=int, required=True, help="events for each session")
    parser.add_argument("--rate", type=float, default=0.0, help="as the server's; 0: a burst")
    parser.add_argument("--tls", action="store_true", help="trust what SSL_CERT_FILE names")
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
