"""A conversation without an event loop: a thread with a blocking socket, and two queues to it."""

import socket
import ssl
import sys
from queue import SimpleQueue
from threading import Thread
from time import monotonic

from estuary_proto import (
    Client,
    ConnectFailed,
    Dial,
    EstuaryConfig,
    ReplyEnded,
    ReplyPart,
    SendText,
    WebSocketLink,
)

questions: SimpleQueue[str | None] = SimpleQueue()  # None: hang up.
pieces: SimpleQueue[object] = SimpleQueue()  # None: that was the answer.


def serve(client: Client, link: WebSocketLink, sock: socket.socket) -> None:
    """The thread: it alone touches the core and the socket, until Drop says that it is over."""
    link.start(now=monotonic())
    while client.next_command() is None:
        if client.is_connected and not questions.empty():
            if question := questions.get():
                client.ask(SendText(question), now=monotonic())
            else:
                client.disconnect(now=monotonic())
        try:
            sock.settimeout(None)
            while out := link.data_to_send():
                sock.sendall(out)
            sock.settimeout(0.2)
            data = sock.recv(65536)
        except TimeoutError:  # There may be a question by now, or a deadline.
            client.handle_timeout(now=monotonic())
        except OSError:
            link.receive_eof(now=monotonic())
        else:
            link.receive_data(data, now=monotonic()) if data else link.receive_eof(now=monotonic())
        for event in iter(client.next_event, None):
            match event:
                case ReplyPart(part=piece):
                    pieces.put(piece)
                case ReplyEnded(error=error) | ConnectFailed(error=error):
                    pieces.put(error)


if __name__ == "__main__":
    core = Client(EstuaryConfig.from_env(auto_reconnect=False))
    core.connect(now=monotonic())
    dial = core.next_command()
    assert isinstance(dial, Dial)
    stream = socket.create_connection((dial.host, dial.port), timeout=15.0)
    if dial.secure:
        stream = ssl.create_default_context().wrap_socket(stream, server_hostname=dial.host)
    websocket = WebSocketLink(core.life(dial.link), host=dial.authority, target=dial.target)
    with stream:
        thread = Thread(target=serve, args=(core, websocket, stream), daemon=True)
        thread.start()
        questions.put(sys.argv[1])
        for told in iter(pieces.get, None):
            if isinstance(told, Exception):
                raise told
            print(told, end="", flush=True)
        print()
        questions.put(None)
        thread.join()
