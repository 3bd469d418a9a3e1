"""A raw TCP server that knows just enough of the protocol to stream at clients and to hear them.

It runs in a process of its own, so that its work is not counted, and it is written to be cheap:
blocking sockets, frames encoded before the clock starts, one thread.  A client starts the stream
by sending the text ``<start>``, the moment (``time.monotonic()``, which all processes of a machine
share) of the first event.  So both sides know when each event is due, and delays need no stamp
inside the event.  What clients say is compared with what they should have said, byte for byte; when
all of it is there, or something is wrong, the first session is told by one ``bot_response``.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import selectors
import socket
import ssl
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .audio import Heard
from .cases import CARRIES, DOWN_EVERY, DOWN_SIZE, spread
from .frames import (
    CLOSE,
    TEXT,
    event_frame,
    interrupted_frames,
    take_frame,
    token_frames,
    voice_frames,
    write_json,
    ws_frame,
)

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK = 0.01  # s between two looks at what clients say while there is something to send
LOOK_LIVE = 0.0005  # the same where its moment counts
BLOCK = 64  # frames handed to the socket at once in a burst
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


@dataclass
class Peer:
    """One client's socket, what has been read from it, and which session it turned out to be."""

    sock: socket.socket
    unread: bytearray = field(default_factory=bytearray)
    upgraded: bool = False
    number: int = -1


class Server:
    """Accepts clients, lets them in, streams when told, then waits until they have gone."""

    def __init__(self, tls: ssl.SSLContext | None, hear: Callable[[int, bytes], None]) -> None:
        self._tls = tls
        self._hear = hear  # takes the number of a session and PCM
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self.port: int = self._listener.getsockname()[1]
        self.sessions: dict[int, socket.socket] = {}  # by the number in player_id, "p7"
        self.open = 0
        self.start: float | None = None

    def poll(self, timeout: float | None) -> None:
        """Read what clients have sent; wait for it at most ``timeout`` seconds."""
        for key, _ in self._selector.select(timeout):
            if key.data is None:
                self._accept()
            else:
                self._read(key.data)

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls:
            sock = self._tls.wrap_socket(sock, server_side=True)
        self._selector.register(sock, selectors.EVENT_READ, Peer(sock))
        self.open += 1

    def _read(self, peer: Peer) -> None:
        try:
            data = peer.sock.recv(65536)
            while isinstance(peer.sock, ssl.SSLSocket) and peer.sock.pending():
                data += peer.sock.recv(65536)
        except OSError:
            data = b""
        peer.unread += data
        if not data or not self._digest(peer):
            self._selector.unregister(peer.sock)
            peer.sock.close()
            self.open -= 1

    def _digest(self, peer: Peer) -> bool:
        """Answer what is complete in the buffer; False once the client has said goodbye."""
        if not peer.upgraded:
            head, found, _ = peer.unread.partition(b"\r\n\r\n")
            if not found:
                return True
            del peer.unread[: len(head) + 4]
            self._upgrade(peer, bytes(head))
        while (frame := take_frame(peer.unread)) is not None:
            opcode, payload = frame
            if opcode == CLOSE:
                peer.sock.sendall(ws_frame(payload, CLOSE))
                return False
            if opcode == TEXT:
                self._packet(peer, payload)
        return True

    def _upgrade(self, peer: Peer, head: bytes) -> None:
        headers = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        key = next(v for k, v in headers.items() if k.lower() == b"sec-websocket-key")
        accept = base64.b64encode(hashlib.sha1(key.strip() + _GUID).digest())
        hello = {
            "sid": "bench",
            "upgrades": [],
            "pingInterval": 25000,
            "pingTimeout": 20000,
            "maxPayload": 1000000,
        }
        peer.sock.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + ws_frame(b"0" + write_json(hello))
        )
        peer.upgraded = True

    def _packet(self, peer: Peer, packet: bytes) -> None:
        if packet.startswith(b"40/sdk,"):
            player = json.loads(packet[7:])["player_id"]
            info: dict[str, object] = {
                "session_id": f"s-{player}",
                "conversation_id": f"c-{player}",
                "character_id": "demo",
                "player_id": player,
            }
            peer.number = int(player[1:])
            self.sessions[peer.number] = peer.sock
            peer.sock.sendall(ws_frame(b"40/sdk," + write_json({"sid": player})))
            peer.sock.sendall(event_frame("session_info", info))
        elif packet.startswith(b"42/sdk,"):
            begin = packet.index(b"[")
            name, *args = json.loads(packet[begin:])
            self._event(peer, name, args)
            if ack := packet[7:begin]:
                peer.sock.sendall(ws_frame(b"43/sdk," + ack + b"[]"))

    def _event(self, peer: Peer, name: str, args: list[Any]) -> None:
        if name == "stream_audio":
            self._hear(peer.number, base64.b64decode(args[0]["audio"], validate=True))
        elif name == "text":
            self.start = float(args[0]["text"])
        elif name == "start_voice":
            peer.sock.sendall(event_frame("voice_started", {}))
        elif name == "stop_voice":
            peer.sock.sendall(event_frame("voice_stopped", {}))


def paced(
    server: Server, frames: list[bytes], rate: float, start: float, every: float = LOOK
) -> list[float]:
    """Send every frame to every session, ``rate`` a second each, phases spread evenly so that
    events come one at a time.  The schedule is absolute; returns how late each send was (s)."""
    sockets = [server.sessions[number] for number in sorted(server.sessions)]
    gap = 1 / (rate * len(sockets))
    late: list[float] = []
    due, look = start, start
    for turn, frame in enumerate(frames):
        for number, sock in enumerate(sockets):
            due = start + (turn * len(sockets) + number) * gap
            while (now := time.monotonic()) < due:
                if now >= look:  # clients say little meanwhile: looking now and then is enough
                    server.poll(0)
                    look = now + every
                else:
                    time.sleep(min(due, look) - now)
            sock.sendall(frame)
            late.append(now - due)
    return late


def burst(server: Server, frames: list[bytes], start: float) -> list[float]:
    """Send every frame to every session as fast as the sockets take them."""
    time.sleep(max(0.0, start - time.monotonic()))
    for first in range(0, len(frames), BLOCK):
        block = b"".join(frames[first : first + BLOCK])
        for sock in server.sessions.values():
            sock.sendall(block)
    return [0.0]


class Hearing:
    """What clients say, and how late each event of theirs came."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self.heard = Heard(options.sessions, options.events * options.size)
        self.arrivals: list[tuple[int, int, float]] = []  # session, first byte, moment

    def take(self, number: int, chunk: bytes) -> None:
        """One event of a session."""
        self.arrivals.append((number, self.heard.at[number], time.monotonic()))
        self.heard.take(number, chunk)

    def report(self, start: float) -> dict[str, float]:
        """How long events took from when they were due, and how many there were."""
        report: dict[str, float] = {"frames": len(self.arrivals)}
        if rate := self._options.rate:
            sessions, size = self._options.sessions, self._options.size
            gap = 1 / (rate * sessions)
            delays = sorted(
                moment - (start + (at // size * sessions + number) * gap)
                for number, at, moment in self.arrivals
            )
            name = "up" if self._options.carries == "live" else "delay"
            report |= spread(name, delays)
        return report


def listen(server: Server, heard: Heard) -> None:
    """Read until every byte has come, then say so."""
    while not heard.over:
        server.poll(None)
    done: dict[str, object] = {
        "text": heard.problem or "complete",
        "is_final": True,
        "partial": "",
        "message_id": "heard",
        "chunk_index": 0,
        "is_interjection": False,
    }
    server.sessions[0].sendall(event_frame("bot_response", done))


def stream(server: Server, options: argparse.Namespace, frames: list[bytes]) -> dict[str, float]:
    """Send all frames; how late the server itself was."""
    assert server.start is not None
    if options.rate:
        live = options.carries == "live"
        rate, every = (options.rate / DOWN_EVERY, LOOK_LIVE) if live else (options.rate, LOOK)
        late = sorted(paced(server, frames, rate, server.start, every))
    else:
        late = burst(server, frames, server.start)
    return {"late_p99_ms": late[len(late) * 99 // 100] * 1e3, "late_max_ms": late[-1] * 1e3}


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--carries", choices=CARRIES, required=True)
    parser.add_argument("--sessions", type=int, required=True)
    parser.add_argument("--events", type=int, required=True, help="events for each session")
    parser.add_argument("--rate", type=float, default=0.0, help="a second and session; 0: a burst")
    parser.add_argument("--size", type=int, default=0, help="bytes of PCM in one event")
    parser.add_argument("--cert", help="certificate and key in one PEM file: speak TLS")
    return parser.parse_args()


def main() -> None:
    """Print the port, serve one measurement, print how the server itself kept time."""
    options = parse()
    tls = None
    if options.cert:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.cert)
    frames: list[bytes] = []
    if options.carries == "text":
        frames = token_frames(options.events)
    elif options.carries == "voice":
        frames = voice_frames(options.events, options.size)
    elif options.carries == "live":
        frames = voice_frames(options.events // DOWN_EVERY, DOWN_SIZE)
    elif options.carries == "interrupt":
        frames = interrupted_frames(options.events, options.size)
    hearing = Hearing(options)
    server = Server(tls, hearing.take)
    print(server.port, flush=True)
    while server.start is None:
        server.poll(None)
    report = stream(server, options, frames) if frames else {}
    if options.carries == "live" or not frames:
        listen(server, hearing.heard)
        report |= hearing.report(server.start)
    used = time.process_time()
    while server.open:
        server.poll(None)
    json.dump({**report, "server_cpu_s": used}, sys.stdout)


if __name__ == "__main__":
    main()
