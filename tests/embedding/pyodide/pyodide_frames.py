"""A conversation in Pyodide: the browser moves the frames and tells the time.

It needs nothing but the globals of a page, so it runs in a page as it does in Node.
"""

import asyncio
from typing import Any

from js import WebSocket, clearInterval, setInterval  # What only Pyodide has.
from pyodide.ffi import create_proxy, to_js

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

ABNORMAL = 1006  # How a page is told that no close frame came (RFC 6455, 7.4.1).


async def talk(config: EstuaryConfig, question: str) -> None:
    """Connect, ask, print the answer as it comes, and leave."""
    clock, changed = asyncio.get_running_loop().time, asyncio.Event()
    client = Client(config)
    client.connect(now=clock())
    dial = client.next_command()
    assert isinstance(dial, Dial)
    life, socket = client.life(dial.link), WebSocket.new(dial.url)
    socket.binaryType = "arraybuffer"

    def received(message: Any) -> None:
        data = message.data
        life.receive(data if isinstance(data, str) else data.to_bytes(), now=clock())

    def closed(end: Any) -> None:
        life.receive_eof(now=clock(), code=None if end.code == ABNORMAL else end.code)

    def listen(name: str, handler: Any) -> None:
        socket.addEventListener(name, create_proxy(handler))
        socket.addEventListener(name, create_proxy(lambda _: changed.set()))

    listen("open", lambda event: life.start(now=clock()))
    listen("message", received)
    listen("close", closed)
    timer = setInterval(create_proxy(changed.set), 500)  # Early calls are free, late ones too.
    while client.next_command() is None:  # Drop comes when this connection is over.
        await changed.wait()
        changed.clear()
        client.handle_timeout(now=clock())
        for told in iter(client.next_event, None):
            match told:
                case Connected():
                    client.ask(SendText(question), now=clock())
                case ReplyPart(part=piece):
                    print(piece, end="", flush=True)
                case ReplyEnded():
                    print()
                    client.disconnect(now=clock())
                case ConnectFailed(error=error):
                    clearInterval(timer)
                    raise error
        while frame := life.next_frame():
            if isinstance(frame, HangUp):
                socket.close()
            else:
                socket.send(frame if isinstance(frame, str) else to_js(frame))
    clearInterval(timer)
