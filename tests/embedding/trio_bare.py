"""A conversation on trio, without anyio and without our driver."""

import sys
from math import inf

import trio

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
                client.ask(SendText(question), now=trio.current_time())
            case ReplyPart(part=piece):
                print(piece, end="", flush=True)
            case ReplyEnded():
                print()
                client.disconnect(now=trio.current_time())
            case ConnectFailed(error=error):
                raise error


async def talk(config: EstuaryConfig, question: str) -> None:
    """Connect, ask, print the answer as it comes, and leave."""
    now = trio.current_time
    client = Client(config)
    client.connect(now=now())
    dial = client.next_command()
    assert isinstance(dial, Dial)
    link = WebSocketLink(client.life(dial.link), host=dial.authority, target=dial.target)
    where = (dial.host, dial.port)
    stream: trio.abc.Stream
    with trio.fail_after(config.connect_timeout):
        if dial.secure:
            stream = await trio.open_ssl_over_tcp_stream(*where, https_compatible=True)
        else:
            stream = await trio.open_tcp_stream(*where)
    async with stream:
        link.start(now=now())
        while client.next_command() is None:  # Drop comes when this connection is over.
            while out := link.data_to_send():
                await stream.send_all(out)
            deadline = client.deadline
            with trio.move_on_at(deadline.at if deadline else inf) as patience:
                data = await stream.receive_some()
            if patience.cancelled_caught:
                client.handle_timeout(now=now())
            else:
                link.receive_data(data, now=now()) if data else link.receive_eof(now=now())
            show(client, question)


if __name__ == "__main__":
    trio.run(talk, EstuaryConfig.from_env(auto_reconnect=False), sys.argv[1])
