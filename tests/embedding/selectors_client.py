"""A conversation on a bare socket: `selectors` from the standard library, and no event loop."""

import selectors
import socket
import sys
from time import monotonic

from estuary_proto import (
    Client,
    Connected,
    ConnectFailed,
    Dial,
    EstuaryConfig,
    ReplyEnded,
    ReplyPart,
    SendText,
    WebSocketLink,
)


def talk(config: EstuaryConfig, question: str) -> None:
    """Connect, ask, print the answer as it comes, and leave."""
    client = Client(config)
    client.connect(now=monotonic())
    dial = client.next_command()
    assert isinstance(dial, Dial)
    host = f"{dial.host}:{dial.port}"
    link = WebSocketLink(client.life(dial.link), host=host, target=dial.target)
    with socket.create_connection((dial.host, dial.port)) as sock:
        sock.setblocking(False)
        selector = selectors.DefaultSelector()
        selector.register(sock, selectors.EVENT_READ)
        link.start(now=monotonic())
        unsent = b""
        while client.next_command() is None:  # Drop comes when this connection is over.
            for event in iter(client.next_event, None):
                match event:
                    case Connected():
                        client.ask(SendText(question), now=monotonic())
                    case ReplyPart(part=piece):
                        print(piece, end="", flush=True)
                    case ReplyEnded():
                        print()
                        client.disconnect(now=monotonic())
            unsent = unsent or link.data_to_send()
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if unsent else 0)
            selector.modify(sock, wanted)
            deadline = client.deadline
            for _, ready in selector.select(deadline and max(0.0, deadline.at - monotonic())):
                if ready & selectors.EVENT_WRITE:
                    unsent = unsent[sock.send(unsent) :]
                if ready & selectors.EVENT_READ:
                    if data := sock.recv(65536):
                        link.receive_data(data, now=monotonic())
                    else:
                        link.receive_eof(now=monotonic())
            client.handle_timeout(now=monotonic())
        selector.close()
    for event in iter(client.next_event, None):
        if isinstance(event, ConnectFailed):
            raise event.error


if __name__ == "__main__":
    talk(EstuaryConfig.from_env(auto_reconnect=False), sys.argv[1])
