"""What both libraries can do: the harness is not simply broken for one of them."""

from __future__ import annotations

from estuary_proto import SendText
from tests.anyio.server import serving

from .claims import Heard, Subject, control
from .talking import answer


@control
async def a_conversation(subject: Subject) -> None:
    async with serving() as server, subject.client(server) as client:
        heard = Heard(client, "bot_response", "disconnected")
        session = await client.connect()
        assert session.session_id == "session"
        peer = await server.peer()
        client.send_text("hello")
        assert (await peer.get(SendText)).text == "hello"
        await answer(peer, "m", "hello to you")
        assert (await heard.get("bot_response")).text == "hello to you"
        await client.disconnect()
        await peer.left()
