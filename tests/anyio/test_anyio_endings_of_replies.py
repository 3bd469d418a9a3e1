"""Whatever comes between a question and its answer: the reply ends once, as API 3 says.

A table of interferences, each at three moments: before the answer's first chunk, in its middle, and
after its end. After each cell, unless the connection is gone, a second question is answered as if
nothing had happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
import pytest
import trio
import trio.testing

from estuary_anyio import (
    BotResponse,
    CharacterAction,
    ConnectionLost,
    Disconnected,
    ErrorCode,
    EstuaryClient,
    EstuaryError,
    InterruptData,
    QuotaExceeded,
    ReplyInterrupted,
    ReplyTimeout,
    SttResponse,
    TextPiece,
)
from estuary_proto.events import ReplyEnd
from estuary_proto.intents import Interrupt, SayLine, SendText
from tests.anyio.byhand import event
from tests.anyio.server import Peer, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from estuary_anyio import Reply

    Act = Callable[["Scene"], Coroutine[Any, Any, None]]

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet")]


def chunk(text: str, key: str, final: bool = False, **more: Any) -> str:
    return event("bot_response", {"text": text, "is_final": final, "message_id": key, **more})


class Scene(NamedTuple):
    """A question that has been asked, and everybody who has to do with it."""

    client: EstuaryClient
    peer: Peer
    reply: Reply

    async def say(self, *packets: str) -> None:
        """Let the server say something; when this returns the client has heard it."""
        heard = self.client.events(SttResponse)
        # An interim transcript means nothing, and comes behind the rest.
        await self.peer.text(*packets, event("stt_response", {"text": "mark", "is_final": False}))
        with anyio.fail_after(5):
            async for one in heard:
                if one.text == "mark":
                    return


# --- what may come between -------------------------------------------------------------------


def server(*packets: str) -> Act:
    async def act(scene: Scene) -> None:
        await scene.say(*packets)

    return act


async def line(scene: Scene) -> None:
    scene.client.say_line("Mind the gap!")
    await scene.peer.get(SayLine)
    await scene.say(chunk("Mind", "line"), chunk("Mind the gap!", "line", final=True))


async def another_text(scene: Scene) -> None:
    scene.client.send_text("and another thing")
    await scene.peer.get(SendText, 2)


def client_interrupts(named: str | None, confirmed: dict[str, Any]) -> Act:
    async def act(scene: Scene) -> None:
        scene.client.interrupt(named)
        assert await scene.peer.get(Interrupt) == Interrupt(named)
        await scene.say(event("interrupt", confirmed))

    return act


async def another_interrupted(scene: Scene) -> None:
    await scene.say(event("interrupt", {"message_id": "old"}))


async def cut(scene: Scene) -> None:
    gone = scene.client.events(Disconnected)
    await scene.peer.cut()
    await anext(gone)


async def announced_end(scene: Scene) -> None:
    gone = scene.client.events(Disconnected)
    await scene.peer.text(event("session_timeout", {"reason": "inactivity"}), "41/sdk,")
    await anext(gone)


async def nonsense(scene: Scene) -> None:
    gone = scene.client.events(Disconnected)
    await scene.peer.text("99 bottles")
    await anext(gone)


async def disconnect(scene: Scene) -> None:
    await scene.client.disconnect()


WAVE = {"name": "wave", "arguments": {"n": 2}, "message_id": "m"}
QUOTA_EVENT = event("quota_exceeded", {"message": "no more", "limit": 5, "current": 5})
FINAL, INTERRUPTED, REDACTED, LOST, QUOTA, ERROR, TIMEOUT = (
    ReplyEnd.FINAL,
    ReplyEnd.INTERRUPTED,
    ReplyEnd.REDACTED,
    ReplyEnd.LOST,
    ReplyEnd.QUOTA,
    ReplyEnd.ERROR,
    ReplyEnd.TIMEOUT,
)

TABLE: dict[str, tuple[Act, ReplyEnd, ReplyEnd]] = {
    # what comes between                          before the first chunk   in the middle
    "nothing": (server(), FINAL, FINAL),
    "an interjection": (
        server(chunk("By the way", "i", is_interjection=True), chunk("…", "i", final=True)),
        FINAL,
        FINAL,
    ),
    "a voice turn and its answer": (
        server(event("stt_response", {"text": "what time is it", "is_final": True})),
        FINAL,
        FINAL,
    ),
    "a line": (line, FINAL, FINAL),
    "another text": (another_text, FINAL, FINAL),
    "the rest of what was old": (
        server(chunk("older", "old"), chunk("older.", "old", final=True)),
        FINAL,
        FINAL,
    ),
    "an action": (server(event("client_action", WAVE)), FINAL, FINAL),
    "an event that nobody knows": (server(event("tea_time", {"message_id": "m"})), FINAL, FINAL),
    "voice": (server(event("bot_voice", {"audio": "AAA=", "message_id": "m"})), FINAL, FINAL),
    "interrupt() confirmed by name": (
        client_interrupts(None, {"message_id": "m"}),
        INTERRUPTED,
        INTERRUPTED,
    ),
    "interrupt() confirmed without a name": (
        client_interrupts(None, {}),
        INTERRUPTED,
        INTERRUPTED,
    ),
    "interrupt(m) confirmed": (
        client_interrupts("m", {"message_id": "m"}),
        INTERRUPTED,
        INTERRUPTED,
    ),
    "interrupt(old) confirmed": (client_interrupts("old", {"message_id": "old"}), FINAL, FINAL),
    "the server interrupts m": (
        server(event("interrupt", {"message_id": "m", "reason": "barge_in"})),
        INTERRUPTED,
        INTERRUPTED,
    ),
    # Without a name it can only mean what has begun.
    "the server interrupts": (server(event("interrupt", {})), FINAL, INTERRUPTED),
    "the server interrupts, no payload": (server(event("interrupt")), FINAL, INTERRUPTED),
    "the server interrupts another": (another_interrupted, FINAL, FINAL),
    "m is redacted": (
        server(event("moderation_flag", {"message_id": "m", "action": "redacted"})),
        REDACTED,
        REDACTED,
    ),
    "m is flagged": (
        server(event("moderation_flag", {"message_id": "m", "action": "noted"})),
        FINAL,
        FINAL,
    ),
    "another is redacted": (
        server(event("moderation_flag", {"message_id": "old", "action": "redacted"})),
        FINAL,
        FINAL,
    ),
    "the quota": (server(QUOTA_EVENT), QUOTA, QUOTA),
    "an error": (server(event("error", {"message": "oh", "error": "oops"})), ERROR, FINAL),
    "an error about m": (
        server(event("error", {"message": "oh", "error": "oops", "message_id": "m"})),
        ERROR,
        ERROR,
    ),
    "an error about another": (
        server(event("error", {"message": "oh", "message_id": "old"})),
        FINAL,
        FINAL,
    ),
    "a drop": (cut, LOST, LOST),
    "an announced end": (announced_end, LOST, LOST),
    "a breach of the protocol": (nonsense, LOST, LOST),
    "disconnect()": (disconnect, LOST, LOST),
}
RAISES: dict[ReplyEnd, tuple[type[EstuaryError], ErrorCode]] = {
    INTERRUPTED: (ReplyInterrupted, ErrorCode.INTERRUPTED),
    REDACTED: (ReplyInterrupted, ErrorCode.INTERRUPTED),
    LOST: (ConnectionLost, ErrorCode.CONNECTION_FAILED),
    QUOTA: (QuotaExceeded, ErrorCode.QUOTA_EXCEEDED),
    ERROR: (EstuaryError, ErrorCode.UNKNOWN),
    TIMEOUT: (ReplyTimeout, ErrorCode.TIMEOUT),
}


async def pieces(reply: Reply) -> tuple[str, EstuaryError | None]:
    """What iterating gives: the text put together, and what it raises at the end."""
    text = ""
    try:
        async for piece in reply:
            text = piece.text if piece.replaces else text + piece.text
    except EstuaryError as error:
        return text, error
    return text, None


async def check_end(reply: Reply, expected: ReplyEnd, partial: str) -> None:
    """The reply is over in the way expected; both views of it agree, as often as one looks."""
    with anyio.fail_after(30):
        for _ in range(2):
            text, raised = await pieces(reply)
            assert reply.end is expected
            assert reply.partial == ("" if expected is REDACTED else partial)
            assert text == partial  # What was handed out cannot be taken back from a reader.
            if expected is FINAL:
                assert raised is None
                assert (await reply.final()).text == partial
                continue
            kind, code = RAISES[expected]
            assert type(raised) is kind
            assert raised.code is code
            assert getattr(raised, "partial", reply.partial) == reply.partial
            with pytest.raises(kind) as again:
                await reply.final()
            assert again.value is raised


@pytest.mark.parametrize("moment", ["before", "middle", "after"])
@pytest.mark.parametrize("name", TABLE)
async def test_whatever_comes_between(name: str, moment: str) -> None:
    act, before, middle = TABLE[name]
    expected = {"before": before, "middle": middle, "after": FINAL}[moment]
    async with serving() as site, EstuaryClient(site.config(auto_reconnect=False)) as client:
        faults: list[EstuaryError] = []
        client.on("error", faults.append)
        await client.connect()
        peer = await site.peer()
        first = Scene(client, peer, client.ask("hello?"))
        await peer.get(SendText)
        await first.say(chunk("old", "old", final=True))
        peer.inbox.clear()
        scene = Scene(client, peer, client.ask("what now?"))
        await peer.get(SendText)
        if moment != "before":
            await scene.say(chunk("so ", "m"))
        if moment == "after":
            await scene.say(chunk("so far.", "m", final=True))
        assert scene.reply.end is (FINAL if moment == "after" else None)
        await act(scene)
        if client.is_connected:
            await answer_the_rest(scene, name, moment)
        partial = "so far." if expected is FINAL else "so " if moment == "middle" else ""
        await check_end(scene.reply, expected, partial)
        named = expected is not LOST and moment == "before" and expected not in (QUOTA, ERROR)
        if moment != "before" or (named and name != "interrupt() confirmed without a name"):
            assert scene.reply.message_id == "m"
        assert [one.name for one in scene.reply.actions] == actions_of(name, moment)
        if client.is_connected:
            await check_another_question(scene)
        # The server's error is an event besides, and a breach of the protocol is one.
        assert len(faults) == (
            name in ("an error", "a breach of the protocol") or "error about" in name
        )


def actions_of(name: str, moment: str) -> list[str]:
    # What comes after the end is no part of the reply any more; its event is told all the same.
    return ["wave"] if name == "an action" and moment != "after" else []


async def answer_the_rest(scene: Scene, name: str, moment: str) -> None:
    """The server goes on as if nothing had been."""
    if moment == "before":
        await scene.say(chunk("so ", "m"))
    if moment != "after":
        await scene.say(chunk("so far.", "m", final=True))
    if name == "a voice turn and its answer":
        await scene.say(chunk("Noon.", "voice", final=True))
    if name == "another text":
        await scene.say(chunk("And that.", "m2", final=True))


async def check_another_question(scene: Scene) -> None:
    count = scene.peer.count(SendText)
    reply = scene.client.ask("and then?")
    assert (await scene.peer.get(SendText, count + 1)).text == "and then?"
    await scene.say(chunk("Then", "next"), chunk("Then this.", "next", final=True))
    await check_end(reply, FINAL, "Then this.")
    assert reply.message_id == "next"


# --- several questions at a time -------------------------------------------------------------

SEVERAL = {
    # what ends the first             how                  and the second
    "the final text": (server(chunk("so far.", "m", final=True)), FINAL, FINAL),
    "the server interrupts m": (
        server(event("interrupt", {"message_id": "m"})),
        INTERRUPTED,
        FINAL,
    ),
    "m is redacted": (
        server(event("moderation_flag", {"message_id": "m", "action": "redacted"})),
        REDACTED,
        FINAL,
    ),
    "an error about m": (server(event("error", {"message_id": "m"})), ERROR, FINAL),
    "the quota": (server(QUOTA_EVENT), QUOTA, QUOTA),
    "a drop": (cut, LOST, LOST),
    "disconnect()": (disconnect, LOST, LOST),
}


@pytest.mark.parametrize("begun", [True, False], ids=["begun", "not begun"])
@pytest.mark.parametrize("concurrent", [False, True], ids=["waiting", "concurrent"])
@pytest.mark.parametrize("name", SEVERAL)
async def test_what_ends_one_of_two(name: str, concurrent: bool, begun: bool) -> None:
    act, one, other = SEVERAL[name]
    async with serving() as site, EstuaryClient(site.config(auto_reconnect=False)) as client:
        client.on("error", lambda error: None)
        await client.connect()
        peer = await site.peer()
        scene = Scene(client, peer, client.ask("one"))
        second = client.ask("two", concurrent=concurrent)
        await peer.get(SendText, 1 + concurrent)
        if begun:
            await scene.say(chunk("so ", "m"))
        await act(scene)
        kept = "so " if begun else ""
        await check_end(scene.reply, one, "so far." if one is FINAL else kept)
        if other is FINAL:
            assert second.end is None
            assert (await peer.get(SendText, 2)).text == "two"
            await scene.say(chunk("late", "m"), chunk("Two.", "m2", final=True))
            await check_end(second, FINAL, "Two.")
        else:
            await check_end(second, other, "")
            assert peer.count(SendText) == 1 + concurrent


async def test_interleaved_answers_keep_apart() -> None:
    async with serving() as site, EstuaryClient(site.config()) as client:
        await client.connect()
        peer = await site.peer()
        scene = Scene(client, peer, client.ask("one"))
        second = client.ask("two", concurrent=True)
        await peer.get(SendText, 2)
        await scene.say(
            chunk("a", "m1"),
            chunk("1", "m2"),
            event("client_action", {"name": "wave", "message_id": "m2"}),
            chunk("b", "m1"),
            chunk("2", "m2"),
            chunk("12.", "m2", final=True),
            chunk("ab.", "m1", final=True),
        )
        await check_end(scene.reply, FINAL, "ab.")
        await check_end(second, FINAL, "12.")
        assert (scene.reply.message_id, second.message_id) == ("m1", "m2")
        assert (scene.reply.actions, second.actions) == ([], [CharacterAction("wave", {}, "m2")])


@pytest.mark.parametrize("begun", [True, False], ids=["begun", "not begun"])
def test_out_of_time_and_the_late_answer_after_it(begun: bool) -> None:
    async def talk() -> None:
        async with serving() as site, EstuaryClient(site.config()) as client:
            await client.connect()
            peer = await site.peer()
            started = trio.current_time()
            scene = Scene(client, peer, client.ask("one", timeout=20.0))
            second = client.ask("two", timeout=60.0)
            third = client.ask("three", timeout=10.0)
            await peer.get(SendText)
            if begun:
                await scene.say(chunk("so ", "m"))
            with pytest.raises(ReplyTimeout) as raised:
                await third.final()  # It never left.
            assert (trio.current_time() - started, raised.value.partial) == (10.0, "")
            await check_end(scene.reply, TIMEOUT, "so " if begun else "")
            assert trio.current_time() - started == 20.0
            assert (await peer.get(SendText, 2)).text == "two"
            await scene.say(chunk("so far.", "m", final=True), chunk("Two.", "m2", final=True))
            await check_end(second, FINAL, "Two.")
            assert peer.count(SendText) == 2

    trio.run(talk, clock=trio.testing.MockClock(autojump_threshold=0.1))


# --- the shapes of an ending -----------------------------------------------------------------

SHAPES: dict[str, tuple[list[tuple[str, bool]], list[TextPiece]]] = {
    "empty": ([("", True)], []),
    "an empty end": ([("so", False), ("", True)], [TextPiece("so")]),
    "only an end": ([("all", True)], [TextPiece("all")]),
    "deltas": (
        [("so ", False), ("far", False), ("so far", True)],
        [TextPiece("so "), TextPiece("far")],
    ),
    "an end that extends": (
        [("so", False), ("so far", True)],
        [TextPiece("so"), TextPiece(" far")],
    ),
    "an end that does not": (
        [("so", False), ("Never mind.", True)],
        [TextPiece("so"), TextPiece("Never mind.", replaces=True)],
    ),
}


@pytest.mark.parametrize("key", ["m", ""], ids=["named", "nameless"])
@pytest.mark.parametrize("name", SHAPES)
async def test_the_shape_of_an_ending(name: str, key: str) -> None:
    chunks, expected = SHAPES[name]
    async with serving() as site, EstuaryClient(site.config()) as client:
        await client.connect()
        peer = await site.peer()
        for number in (1, 2):  # What names nothing may come again.
            scene = Scene(client, peer, client.ask("hi"))
            await peer.get(SendText, number)
            mine = f"{key}{number}" if key else ""
            await scene.say(*[chunk(text, mine, final) for text, final in chunks])
            assert [piece async for piece in scene.reply] == expected
            whole = expected[-1].text if name == "an end that does not" else ""
            whole = whole or "".join(piece.text for piece in expected)
            final = await scene.reply.final()
            assert (final.text, final.is_final, final.message_id) == (whole, True, mine)
            assert scene.reply.partial == whole


async def test_the_texts_of_a_reply_are_the_events_of_its_message() -> None:
    async with serving() as site, EstuaryClient(site.config()) as client:
        await client.connect()
        peer = await site.peer()
        told: list[BotResponse] = []
        cuts: list[InterruptData] = []
        client.on("bot_response", told.append)
        client.on("interrupt", cuts.append)
        scene = Scene(client, peer, client.ask("hi"))
        await peer.get(SendText)
        await scene.say(
            chunk("so ", "m"), chunk("far", "m"), event("interrupt", {"message_id": "m"})
        )
        await check_end(scene.reply, INTERRUPTED, "so far")
        assert [(one.text, one.partial) for one in told] == [("so ", "so "), ("so far", "far")]
        assert cuts == [InterruptData("m")]
