"""A TCP proxy that fails as networks do: slowly, in pieces, in one direction, or all at once.

    async with faulty(port) as proxy:             # in front of 127.0.0.1:port
        …                                         # a client connects to proxy.port
        wire = await proxy.wire()                 # its first connection; wire(2) is the second
        wire.cut()                                # both ends get a reset

It moves bytes and knows nothing of them, so TLS goes through it as anything else does; only
`cut_after_frames` looks for the edges of WebSocket frames, in what a server sends unmasked.
"""

from __future__ import annotations

import socket
import struct
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from math import inf
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

import anyio
from anyio.abc import SocketAttribute

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from anyio.abc import ObjectReceiveStream, SocketStream

GONE = (anyio.BrokenResourceError, anyio.EndOfStream, anyio.ClosedResourceError)
_LINGER_ZERO: Final = struct.pack("ii", 1, 0)
_PIECE: Final = 65536
_UNDER_WAY: Final = 64
"""Pieces that may be on a slow wire."""


@dataclass(frozen=True)
class Weather:
    """What every connection goes through: `latency` and `jitter` in seconds one way, `rate` in
    bytes a second, `segment` the most bytes that go at once. Order is kept, as TCP keeps it."""

    latency: float = 0.0
    jitter: float = 0.0
    rate: float = inf
    segment: int = _PIECE


FAIR: Final = Weather()


class Cut(NamedTuple):
    """A reset at the end of the n-th frame of the server, and some bytes further."""

    frames: int
    byte: int = 0


class Frames:
    """Finds where the n-th WebSocket frame behind an HTTP head ends, in unmasked bytes."""

    def __init__(self, cut: Cut) -> None:
        self._left, self._byte = cut
        self._data = bytearray()
        self._at = 0
        self._head = True

    def feed(self, data: bytes) -> int | None:
        """How many bytes of `data` may pass, when the frame ends in it."""
        before = len(self._data)
        self._data += data
        while (end := self._end()) is not None:
            self._at = end
            if self._head:
                self._head = False
            else:
                self._left -= 1
            if self._left == 0:
                return max(0, end + self._byte - before)
        return None

    def _end(self) -> int | None:
        data, at = self._data, self._at
        if self._head:
            found = data.find(b"\r\n\r\n")
            return None if found < 0 else found + 4
        if len(data) < at + 2:
            return None
        size, head = data[at + 1] & 127, 2
        if size > 125:
            head = 4 if size == 126 else 10
            size = int.from_bytes(data[at + 2 : at + head], "big")
        end = at + head + size
        return None if len(data) < end else end


class Direction:
    """One way of a wire. `passed` counts the bytes that went through."""

    def __init__(self) -> None:
        self.passed = 0
        self.swallows = False
        self.cut_after: int | None = None
        """A reset after so many bytes in all."""
        self.frames: Frames | None = None
        self._flows = anyio.Event()
        self._flows.set()
        self._stalled = 0.0

    def stall(self) -> None:
        """Take nothing more: the sender's buffers fill, nobody is told."""
        self._flows = anyio.Event()
        self._stalled = anyio.current_time()

    def stalled_since(self, now: float) -> float:
        """For how many seconds nothing has been taken; 0 while it flows."""
        return 0.0 if self._flows.is_set() else now - self._stalled

    def flow(self) -> None:
        """Go on."""
        self._flows.set()

    async def flowing(self) -> None:
        await self._flows.wait()

    def allowance(self, data: bytes) -> int | None:
        """How much of `data` may pass before the cut; None is all, and no cut."""
        if self.frames is not None:
            return self.frames.feed(data)
        if self.cut_after is not None and self.passed + len(data) >= self.cut_after:
            return self.cut_after - self.passed
        return None


class Wire:
    """One connection through the proxy: `up` is from the client, `down` from the server."""

    def __init__(self, client: SocketStream, server: SocketStream, weather: Weather) -> None:
        self.up, self.down = Direction(), Direction()
        self.over = anyio.Event()
        self._ends = (client, server)
        self._weather = weather
        self._chance = Random(1)
        self._scope = anyio.CancelScope()
        self._gone = 0

    async def run(self) -> None:
        """Carry, until it is cut or either end is done."""
        client, server = self._ends
        try:
            with self._scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._carry, client, server, self.up)
                    tasks.start_soon(self._carry, server, client, self.down)
        finally:
            with anyio.CancelScope(shield=True):
                for stream in self._ends:
                    await anyio.aclose_forcefully(stream)
            self.over.set()

    # --- what can befall it ------------------------------------------------------------------

    def cut(self) -> None:
        """Both ends get a reset, at once."""
        for stream in self._ends:
            # It may have gone by itself, this moment; uvloop has no socket then, or none open.
            with suppress(OSError, AttributeError, ValueError):
                raw = stream.extra(SocketAttribute.raw_socket)
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self._scope.cancel()

    def end(self) -> None:
        """Both ends see the end of the stream, without a goodbye of any layer above."""
        self._scope.cancel()

    def black_hole(self) -> None:
        """Whatever either end sends is lost, and neither is told anything, nor of its closing."""
        self.up.swallows = self.down.swallows = True

    # --- carrying ----------------------------------------------------------------------------

    async def _carry(self, source: SocketStream, sink: SocketStream, way: Direction) -> None:
        weather = self._weather
        if not weather.latency and not weather.jitter:
            await self._take(source, way, lambda data: self._give(sink, data))
            return
        put, get = anyio.create_memory_object_stream[tuple[float, bytes]](_UNDER_WAY)

        async def delayed(data: bytes) -> None:
            late = weather.latency + weather.jitter * self._chance.random()
            await put.send((anyio.current_time() + late, data))

        async with put, get, anyio.create_task_group() as tasks:
            tasks.start_soon(self._deliver, get, sink)
            await self._take(source, way, delayed)

    async def _deliver(
        self, get: ObjectReceiveStream[tuple[float, bytes]], sink: SocketStream
    ) -> None:
        async for due, data in get:
            await anyio.sleep_until(due)
            await self._give(sink, data)

    async def _take(
        self, source: SocketStream, way: Direction, give: Callable[[bytes], Awaitable[None]]
    ) -> None:
        try:
            while True:
                await way.flowing()
                data = await source.receive(_PIECE)
                await way.flowing()
                if way.swallows:
                    continue
                allowed = way.allowance(data)
                way.passed += len(data) if allowed is None else allowed
                await give(data[:allowed])
                if allowed is not None:
                    self.cut()
                    return
        except GONE:
            self._gone += 1
            if way.swallows and self._gone < 2:  # The other end is not to know.
                await anyio.sleep_forever()
        self._scope.cancel()

    async def _give(self, sink: SocketStream, data: bytes) -> None:
        weather = self._weather
        for at in range(0, len(data), weather.segment):
            piece = data[at : at + weather.segment]
            try:
                await sink.send(piece)
            except GONE:
                self._scope.cancel()
            if weather.rate < inf:
                await anyio.sleep(len(piece) / weather.rate)


class FaultProxy:
    """A listening proxy and the wires that were made through it."""

    def __init__(self, target: int, weather: Weather) -> None:
        self.port = 0
        self.wires: list[Wire] = []
        self.weather = weather
        """Of the connections that are made from now on."""
        self.prepare: list[Cut | int] = []
        """For the connections to come, in turn: where what the server says is cut, by frames or
        after so many bytes."""
        self._target = target
        self._came = anyio.Event()

    async def wire(self, number: int = 1) -> Wire:
        """The `number`th connection, as soon as it is made."""
        with anyio.fail_after(10):
            while len(self.wires) < number:
                await self._came.wait()
        return self.wires[number - 1]

    @property
    def alive(self) -> list[Wire]:
        """Those that are not over."""
        return [wire for wire in self.wires if not wire.over.is_set()]

    async def serve(self, client: SocketStream) -> None:
        """Carry one connection."""
        async with client:
            try:
                server = await anyio.connect_tcp("127.0.0.1", self._target)
            except OSError:
                return
            wire = Wire(client, server, self.weather)
            if self.prepare:
                cut = self.prepare.pop(0)
                if isinstance(cut, Cut):
                    wire.down.frames = Frames(cut)
                else:
                    wire.down.cut_after = cut
            self.wires.append(wire)
            self._came.set()
            self._came = anyio.Event()
            await wire.run()


@asynccontextmanager
async def faulty(target: int, weather: Weather = FAIR) -> AsyncIterator[FaultProxy]:
    """A proxy in front of 127.0.0.1:`target` for the length of the block."""
    proxy = FaultProxy(target, weather)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    proxy.port = listener.extra(SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, proxy.serve)
        try:
            yield proxy
        finally:
            tasks.cancel_scope.cancel()
