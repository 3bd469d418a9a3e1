"""A conversation on asyncio's own streams, in one task.

Who sends more than the server may read, such as sound, writes in a task of its own.
"""

import asyncio
import sys

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


def show(client: Client, question: str, now: float) -> None:
    """Deal with what the client tells."""
    for event in iter(client.next_event, None):
        match event:
            case Connected():
                client.ask(SendText(question), now=now)
            case ReplyPart(part=piece):
                print(piece, end="", flush=True)
            case ReplyEnded():
                print()
                client.disconnect(now=now)
            case ConnectFailed(error=error):
                raise error


async def talk(config: EstuaryConfig, question: str) -> None:
    """Connect, ask, print the answer as it comes, and leave."""
    clock = asyncio.get_running_loop().time
    client = Client(config)
    client.connect(now=clock())
    dial = client.next_command()
    assert isinstance(dial, Dial)
    async with asyncio.timeout(config.connect_timeout):
        reader, writer = await asyncio.open_connection(dial.host, dial.port, ssl=dial.secure)
    link = WebSocketLink(client.life(dial.link), host=dial.authority, target=dial.target)
    link.start(now=clock())
    try:
        while client.next_command() is None:  # Drop comes when this connection is over.
            while out := link.data_to_send():
                writer.write(out)
                await writer.drain()
            deadline = client.deadline
            try:
                async with asyncio.timeout_at(deadline and deadline.at):
                    data = await reader.read(65536)
            except TimeoutError:
                client.handle_timeout(now=clock())
            else:
                link.receive_data(data, now=clock()) if data else link.receive_eof(now=clock())
            show(client, question, clock())
    finally:
        writer.close()
        await writer.wait_closed()


if __name__ == "__main__":
    asyncio.run(talk(EstuaryConfig.from_env(auto_reconnect=False), sys.argv[1]))
