"""A raw TCP server that knows just enough of the protocol to stream token events at clients.

It runs in a process of its own, so that its work is not counted, and it is written to be cheap:
blocking sockets, frames encoded before the clock starts, one thread.  A client starts the stream
by sending the text ``<start>``, the moment (``time.monotonic()``, which all processes of a machine
share) of the first event.  So both sides know when each event is due, and delays need no stamp
inside the event.
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

from .frames import CLOSE, TEXT, event_frame, take_frame, token_frames, write_json, ws_frame

BLOCK = 64  # frames handed to the socket at once in a burst
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


@dataclass
class Peer:
    """One client's socket, what has been read from it, and which session it turned out to be."""

    sock: socket.socket
    unread: bytearray = field(default_factory=bytearray)
    upgraded: bool = False


class Server:
    """Accepts clients, lets them in, streams when told, then waits until they have gone."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self._tls = tls
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
                self._packet(peer.sock, payload)
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

    def _packet(self, sock: socket.socket, packet: bytes) -> None:
        if packet.startswith(b"40/sdk,"):
            player = json.loads(packet[7:])["player_id"]
            info: dict[str, object] = {
                "session_id": f"s-{player}",
                "conversation_id": f"c-{player}",
                "character_id": "demo",
                "player_id": player,
            }
            self.sessions[int(player[1:])] = sock
            sock.sendall(ws_frame(b"40/sdk," + write_json({"sid": player})))
            sock.sendall(event_frame("session_info", info))
        elif packet.startswith(b"42/sdk,"):
            name, *args = json.loads(packet[packet.index(b"[") :])
            if name == "text":
                self.start = float(args[0]["text"])


def paced(server: Server, frames: list[bytes], rate: float, start: float) -> list[float]:
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
                    look = now + 0.01
                else:
                    time.sleep(due - now)
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


def main() -> None:
    """Print the port, serve one measurement, print how the server itself kept time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=["paced", "burst"])
    parser.add_argument("--events", type=int, required=True, help="events for each session")
    parser.add_argument("--rate", type=float, default=25.0, help="events a second and session")
    parser.add_argument("--cert", help="certificate and key in one PEM file: speak TLS")
    options = parser.parse_args()
    tls = None
    if options.cert:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.cert)
    frames = token_frames(options.events)
    server = Server(tls)
    print(server.port, flush=True)
    while server.start is None:
        server.poll(None)
    if options.mode == "paced":
        late = paced(server, frames, options.rate, server.start)
    else:
        late = burst(server, frames, server.start)
    used = time.process_time()
    while server.open:
        server.poll(None)
    late.sort()
    report = {"late_p99_ms": late[len(late) * 99 // 100] * 1e3, "late_max_ms": late[-1] * 1e3}
    json.dump({**report, "server_cpu_s": used}, sys.stdout)


if __name__ == "__main__":
    main()
