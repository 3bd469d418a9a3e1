"""Questions and answers, receipts and back-pressure, over a real socket."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from estuary_anyio import (
    ConnectionLost,
    ErrorCode,
    EstuaryClient,
    EstuaryError,
    Fault,
    LocalProtocolError,
    Outcome,
    QuotaExceeded,
    Receipt,
    ReplyInterrupted,
    ReplyTimeout,
    SendBlocked,
)
from estuary_proto.events import ReplyEnd
from estuary_proto.intents import Interrupt, SayLine, SendText
from tests.anyio.server import Peer, serving

pytestmark = pytest.mark.anyio


async def say(peer: Peer, message: str, *pieces: str, final: bool = True) -> None:
    """Stream an answer, cumulative with a string partial."""
    text = ""
    for index, piece in enumerate(pieces):
        text += piece
        last = final and index == len(pieces) - 1
        await peer.emit(
            "bot_response",
            text=text,
            partial=piece,
            is_final=last,
            message_id=message,
            chunk_index=index,
        )


async def test_an_answer_streams_and_ends() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        peer = await server.peer()
        reply = client.ask("hi", text_only=True)
        assert await peer.get(SendText) == SendText("hi", True)
        assert repr(reply) == "Reply(running, message_id=None, partial='')"
        await peer.emit("client_action", name="wave", arguments={"n": 2}, message_id="m")
        await say(peer, "m", "Hel", "lo")
        assert [str(piece) async for piece in reply] == ["Hel", "lo"]
        assert [str(piece) async for piece in reply] == ["Hel", "lo"]
        final = await reply.final()
        assert (final.text, final.is_final, final.message_id) == ("Hello", True, "m")
        assert (reply.end, reply.message_id, reply.partial) == (ReplyEnd.FINAL, "m", "Hello")
        assert [(action.name, action.params) for action in reply.actions] == [("wave", {"n": 2})]


async def test_views_of_a_reply() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        peer = await server.peer()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(peer.get, SendText)
            stream = client.stream_text("one")
            await say(peer, "1", "a", "b")
            assert [piece.text async for piece in stream] == ["a", "b"]

            async def answer() -> None:
                await peer.get(SendText, 2)
                await say(peer, "2", "whole")

            tasks.start_soon(answer)
            assert (await client.send_text_and_wait("two")).text == "whole"


async def test_leaving_the_loop_leaves_the_reply_running() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        peer = await server.peer()
        reply = client.ask("hi")
        await peer.get(SendText)
        await say(peer, "m", "one ", "two ", final=False)
        async for piece in reply:
            assert piece.text == "one "
            break
        await peer.emit("bot_response", text="one two three", is_final=True, message_id="m")
        assert (await reply.final()).text == "one two three"


async def test_a_final_text_that_differs_replaces() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        peer = await server.peer()
        reply = client.ask("hi")
        await peer.get(SendText)
        await say(peer, "m", "wrong", final=False)
        await peer.emit("bot_response", text="right", is_final=True, message_id="m")
        assert [(p.text, p.replaces) async for p in reply] == [("wrong", False), ("right", True)]
        assert reply.partial == "right"


async def test_the_second_question_waits_for_its_turn() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        peer = await server.peer()
        first, second = client.ask("one"), client.ask("two")
        await peer.get(SendText)
        client.say_line("between")  # Had the second left, it would have come before this.
        await peer.get(SayLine)
        assert peer.count(SendText) == 1
        await say(peer, "1", "first")
        assert (await peer.get(SendText, 2)).text == "two"
        await say(peer, "line", "between")
        await say(peer, "2", "second")
        assert (await first.final()).text == "first"
        assert (await second.final()).text == "second"


async def test_concurrent_questions_are_answered_in_order() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        peer = await server.peer()
        replies = [client.ask(text, concurrent=True) for text in "ab"]
        await peer.get(SendText, 2)
        await say(peer, "1", "A")
        await say(peer, "2", "B")
        assert [(await reply.final()).text for reply in replies] == ["A", "B"]


ENDINGS: dict[str, Any] = {
    "interrupt": (
        ("interrupt", {"message_id": "m", "reason": "barge_in"}),
        ReplyInterrupted,
        ErrorCode.INTERRUPTED,
        "so far",
    ),
    "redacted": (
        ("moderation_flag", {"message_id": "m", "action": "redacted"}),
        ReplyInterrupted,
        ErrorCode.INTERRUPTED,
        "",
    ),
    "quota": (
        ("quota_exceeded", {"message": "enough", "current": 5, "limit": 5}),
        QuotaExceeded,
        ErrorCode.QUOTA_EXCEEDED,
        "so far",
    ),
}


@pytest.mark.parametrize("ending", list(ENDINGS))
async def test_a_reply_that_ends_early_says_how(ending: str) -> None:
    (name, fields), kind, code, partial = ENDINGS[ending]
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        peer = await server.peer()
        reply = client.ask("hi")
        await peer.get(SendText)
        await say(peer, "m", "so far", final=False)
        await peer.emit(name, **fields)
        with pytest.raises(kind) as raised:
            await reply.final()
        assert raised.value.code is code
        assert raised.value.partial == partial
        with pytest.raises(kind):
            async for _ in reply:
                pass


async def test_the_servers_error_ends_a_reply_that_has_not_begun() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        peer = await server.peer()
        faults = client.events(Fault)
        reply = client.ask("hi")
        await peer.get(SendText)
        await peer.emit("error", message="slow down", error="rate_limited")
        with pytest.raises(EstuaryError, match="slow down") as raised:
            await reply.final()
        assert raised.value.details["code"] == "rate_limited"
        assert (await anext(faults)).error is raised.value


async def test_no_answer_in_time() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        with pytest.raises(ReplyTimeout) as raised:
            await client.send_text_and_wait("hi", timeout=0.05)
        assert isinstance(raised.value, TimeoutError)


async def test_a_drop_ends_replies_that_run_and_that_wait() -> None:
    async with serving() as server:
        async with EstuaryClient(server.config(auto_reconnect=False)) as client:
            await client.connect()
            peer = await server.peer()
            running, waiting = client.ask("one"), client.ask("two")
            await peer.get(SendText)
            await say(peer, "m", "so far", final=False)
            async for _ in running:
                break
            await peer.cut()
            for reply, partial in ((running, "so far"), (waiting, "")):
                with pytest.raises(ConnectionLost) as raised:
                    await reply.final()
                assert raised.value.partial == partial


async def test_interrupting() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        peer = await server.peer()
        reply = client.ask("hi")
        await peer.get(SendText)
        await say(peer, "m", "so far", final=False)
        async for _ in reply:
            break
        assert await reply.interrupt() is Outcome.SENT
        assert await peer.get(Interrupt) == Interrupt("m")
        assert await client.interrupt() is Outcome.SENT
        assert await peer.get(Interrupt, 2) == Interrupt(None)
        assert reply.end is None  # It ends when the server confirms.


async def test_receipts_and_flush() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        peer = await server.peer()
        receipt = client.send_text("hi")
        assert await receipt is Outcome.SENT
        assert await receipt is Outcome.SENT
        assert repr(receipt) == "Receipt(sent)"
        assert await client.say_line("line", text_only=True) is Outcome.SENT
        assert await peer.get(SayLine) == SayLine("line", True)
        assert repr(Receipt()) == "Receipt(pending)"
        # A blank line is nothing to say.
        assert client.say_line("  ").outcome is Outcome.SENT
        client.send_text("last")
        await client.flush()
        assert (await peer.get(SendText, 2)).text == "last"
        assert peer.count(SayLine) == 1


async def test_misuse_raises_and_changes_nothing() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        with pytest.raises(LocalProtocolError) as raised:
            client.send_text("too early")
        assert raised.value.code is ErrorCode.NOT_CONNECTED
        await client.connect()
        with pytest.raises(LocalProtocolError, match="SendText.text must be str, not int"):
            client.send_text(5)  # type: ignore[arg-type]
        with pytest.raises(LocalProtocolError, match="SayLine.text must be str, not NoneType"):
            client.say_line(None)  # type: ignore[arg-type]
        with pytest.raises(LocalProtocolError, match="accepts 1048576"):
            client.send_text("x" * 2**20)
        assert await client.send_text("fine") is Outcome.SENT
        peer = await server.peer()
        assert (await peer.get(SendText)).text == "fine"
        assert peer.count(SendText) == 1


async def test_a_server_that_does_not_read() -> None:
    """The buffer fills and says so; what never left is LOST, and told once with the count."""
    async with serving(small_buffers=True) as server:
        async with EstuaryClient(server.config(auto_reconnect=False)) as client:
            await client.connect()
            peer = await server.peer()
            peer.stop_reading()
            faults = client.events(Fault)
            receipts = []
            with pytest.raises(SendBlocked, match="send buffer is full"):
                for _ in range(1000):
                    receipts.append(client.send_text("x" * 1_000_000))
            assert 8 <= len(receipts) < 100
            await peer.cut()
            outcomes = [await receipt for receipt in receipts]
            lost = outcomes.count(Outcome.LOST)
            assert outcomes == sorted(outcomes, key=lambda one: one is Outcome.LOST)
            assert lost >= 8
            fault = await anext(faults)
            assert fault.error.details == {"lost": lost}
            assert [event async for event in faults] == []


async def test_a_server_that_reads_again() -> None:
    async with serving(small_buffers=True) as server:
        async with EstuaryClient(server.config()) as client:
            await client.connect()
            peer = await server.peer()
            peer.stop_reading()
            receipts = [client.send_text(f"{n}" * 500_000) for n in range(10)]
            assert receipts[-1].outcome is None
            peer.read_on()
            assert [await receipt for receipt in receipts] == [Outcome.SENT] * 10
            await peer.get(SendText, 10)
            texts = [one.text[0] for one in peer.inbox if isinstance(one, SendText)]
            assert texts == list("0123456789")


async def test_small_texts_that_were_never_taken_are_lost() -> None:
    """A batch that the kernel did not take whole is not SENT, however small its messages are."""
    async with serving(small_buffers=True) as server:
        async with EstuaryClient(server.config(auto_reconnect=False)) as client:
            await client.connect()
            peer = await server.peer()
            peer.stop_reading()
            big = client.send_text("x" * 1_000_000)
            while big.outcome is Outcome.SENT:
                big = client.send_text("x" * 1_000_000)
            small = [client.send_text(str(n)) for n in range(500)]
            await peer.cut()
            assert {await receipt for receipt in (big, *small)} == {Outcome.LOST}
