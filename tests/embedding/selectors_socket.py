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


def show(client: Client, question: str) -> None:
    """Deal with what the client tells."""
    for event in iter(client.next_event, None):
        match event:
            case Connected():
                client.ask(SendText(question), now=monotonic())
            case ReplyPart(part=piece):
                print(piece, end="", flush=True)
            case ReplyEnded():
                print()
                client.disconnect(now=monotonic())
            case ConnectFailed(error=error):
                raise error


def talk(config: EstuaryConfig, question: str) -> None:
    """Connect, ask, print the answer as it comes, and leave."""
    client = Client(config)
    client.connect(now=monotonic())
    dial = client.next_command()
    assert isinstance(dial, Dial)
    if dial.secure:
        sys.exit("no TLS here: a socket of ssl would have to be asked for what it holds, too")
    link = WebSocketLink(client.life(dial.link), host=dial.authority, target=dial.target)
    address = (dial.host, dial.port)
    with (
        socket.create_connection(address, config.connect_timeout) as sock,
        selectors.DefaultSelector() as selector,
    ):
        sock.setblocking(False)
        selector.register(sock, selectors.EVENT_READ)
        link.start(now=monotonic())
        unsent = b""
        while client.next_command() is None:  # Drop comes when this connection is over.
            unsent = unsent or link.data_to_send()
            selector.modify(sock, selectors.EVENT_READ | (selectors.EVENT_WRITE if unsent else 0))
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
            show(client, question)


if __name__ == "__main__":
    talk(EstuaryConfig.from_env(auto_reconnect=False), sys.argv[1])
