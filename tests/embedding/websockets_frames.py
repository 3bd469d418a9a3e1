"""A conversation on another WebSocket library, `websockets`: frames in and frames out."""

import asyncio
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from estuary_proto import (
    Client,
    Connected,
    ConnectFailed,
    Dial,
    EstuaryConfig,
    HangUp,
    ReplyEnded,
    ReplyPart,
    SendText,
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
    life = client.life(dial.link)
    async with connect(dial.url, max_size=config.max_message_size, compression=None) as socket:
        life.start(now=clock())
        while client.next_command() is None:  # Drop comes when this connection is over.
            while frame := life.next_frame():
                if isinstance(frame, HangUp):
                    await socket.close(frame.code, frame.reason)
                else:
                    await socket.send(frame)
            deadline = client.deadline
            try:
                async with asyncio.timeout_at(deadline and deadline.at):
                    message = await socket.recv()
            except TimeoutError:
                client.handle_timeout(now=clock())
            except ConnectionClosed as end:
                life.receive_eof(now=clock(), code=end.rcvd.code if end.rcvd else None)
            else:
                life.receive(message, now=clock())
            show(client, question, clock())


if __name__ == "__main__":
    asyncio.run(talk(EstuaryConfig.from_env(auto_reconnect=False), sys.argv[1]))
