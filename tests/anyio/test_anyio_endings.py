"""The table of endings (API 6), row by row, over real sockets.

For each way in which a session ends: the reason that is told, every event in its order, every
error, how many connections are made in all, and what a caller meets meanwhile.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio
import pytest
import trio
import trio.testing

from estuary_anyio import (
    Connected,
    ConnectionState,
    Disconnected,
    ErrorCode,
    EstuaryClient,
    EstuaryConfig,
    EstuaryError,
    ModerationWarning,
    Outcome,
    QuotaExceededData,
    Reconnecting,
    SessionRejected,
    SessionTimeout,
    SttResponse,
)
from estuary_proto.intents import SendText
from estuary_proto.models.session import AuthError
from tests.anyio import byhand
from tests.anyio.byhand import Story, event
from tests.anyio.server import KEY, Peer, after, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from anyio.abc import TaskStatus

    from tests.anyio.server import Server

    Act = Callable[[Peer], Coroutine[Any, Any, None]]

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet")]

IN = ["is connecting", "is connected", "connected"]
"""What a client tells while it comes in."""


# --- what a server may do --------------------------------------------------------------------


def closes(code: int | None) -> Act:
    """A WebSocket close frame and nothing before it."""

    async def act(peer: Peer) -> None:
        await (peer.raw(b"\x88\x00") if code is None else peer.close(code, "bye"))

    return act


def says(*packets: str) -> Act:
    """Frames as they stand."""

    async def act(peer: Peer) -> None:
        await peer.text(*packets)

    return act


async def finishes(peer: Peer) -> None:
    """The end of the stream, in good order, without a word."""
    send_eof: Any = peer.stream
    await send_eof.send_eof()


async def nothing(peer: Peer) -> None:
    """The script has said it all."""


async def falls_silent(peer: Peer) -> None:
    """Promise a ping in 0.1 s and never send one."""
    await byhand.welcome(peer, '0{"sid":"s","pingInterval":100,"pingTimeout":100}')
    await byhand.drain(peer)


LEAVE, STOP = says("41/sdk,"), says("1")


@dataclass(frozen=True)
class Row:
    """One way in which a session ends, as in API 6."""

    act: Act
    reason: str
    reconnects: bool
    errors: tuple[ErrorCode, ...] = ()
    script: Act = Peer.converse
    announces: tuple[type, str] | None = None


BACK, NEVER = True, False
BROKEN = (ErrorCode.CONNECTION_FAILED,)

PLAIN = {
    # the server …                      reason               reconnects
    "resets": Row(Peer.cut, "network", BACK),
    "ends the stream": Row(finishes, "network", BACK),
    "closes without a code": Row(closes(None), "network", BACK),
    "closes with 1011": Row(closes(1011), "network", BACK),
    "is silent": Row(nothing, "heartbeat", BACK, script=falls_silent),
    "closes with 1001": Row(closes(1001), "server_restart", BACK),
    "closes with 1012": Row(closes(1012), "server_restart", BACK),
    "closes with 1013": Row(closes(1013), "server_restart", BACK),
    "closes Engine.IO": Row(STOP, "server_restart", BACK),
    "leaves the namespace": Row(LEAVE, "server_disconnect", BACK),
    "closes with 1000": Row(closes(1000), "server_disconnect", BACK),
    "warns and leaves": Row(
        says(event("moderation_warning", {"level": "warning"}), "41/sdk,"),
        "server_disconnect",
        BACK,
    ),
    "talks nonsense": Row(says("99 bottles"), "protocol", BACK, BROKEN),
    "breaks WebSocket": Row(lambda peer: peer.raw(b"\x83\x00"), "protocol", BACK, BROKEN),
}

VERDICTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "session_timeout": (SessionTimeout, {"reason": "inactivity", "idle_seconds": 60}),
    "session_rejected": (SessionRejected, {"reason": "concurrent_limit", "cap": 1}),
    "moderation": (ModerationWarning, {"level": "terminated", "message": "enough"}),
    "quota": (QuotaExceededData, {"message": "no more", "limit": 5, "current": 5}),
    "auth": (AuthError, {"error": "revoked"}),
}
HANGS_UP: dict[str, Act] = {
    "leaves": LEAVE,
    "closes with 1000": closes(1000),
    "closes with 1001": closes(1001),
    "closes Engine.IO": STOP,
    "ends the stream": finishes,
    "resets": Peer.cut,
    "talks nonsense": says("99 bottles"),
}


def announced(reason: str, hangs_up: Act) -> Row:
    kind, fields = VERDICTS[reason]
    return Row(hangs_up, reason, NEVER, announces=(kind, event(kind.WIRE, fields)))


ROWS = PLAIN | {
    f"says {reason} and {how}": announced(reason, act)
    for reason in VERDICTS
    for how, act in HANGS_UP.items()
}
RETRIED = {name: row for name, row in ROWS.items() if row.reconnects}


async def end(client: EstuaryClient, row: Row, peer: Peer) -> None:
    """Let the server do as the row says; what it announces has been heard before it hangs up."""
    if row.announces is not None:
        kind, packet = row.announces
        await after(client, kind, peer.text, packet)
        assert client.is_connected
    await row.act(peer)


def refused(client: EstuaryClient) -> None:
    """Sending is refused, there is no session, and the error says where we are."""
    with pytest.raises(EstuaryError, match=f"state {client.state.value}") as raised:
        client.send_text("anybody?")
    assert raised.value.code is ErrorCode.NOT_CONNECTED
    with pytest.raises(EstuaryError):
        client.ask("anybody?")
    assert client.session is None
    assert not client.is_connected


# --- the table -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RETRIED)
async def test_it_reconnects(name: str) -> None:
    row = ROWS[name]
    async with serving(row.script, Peer.converse) as server:
        async with EstuaryClient(server.config()) as client:
            story = Story(client)
            # From the drop to the next session it is neither here nor there.
            client.on("disconnected", lambda reason: refused(client))
            client.on("reconnecting", lambda attempt: refused(client))
            await client.connect()
            await after(client, Connected, end, client, row, await server.peer())
            assert story.told == [
                *IN,
                "is reconnecting",
                f"lost: {row.reason}",
                *[f"error {code.value}" for code in row.errors],
                "attempt 1",
                "is connected",
                "connected",
            ]
            assert await client.send_text("again") is Outcome.SENT
            assert (await (await server.peer(2)).get(SendText)).text == "again"
        assert len(server.peers) == 2


@pytest.mark.parametrize("name", ROWS)
async def test_it_does_not_reconnect(name: str) -> None:
    """Where the table says never; and in the other rows, with `auto_reconnect` off."""
    row = ROWS[name]
    async with serving(row.script, Peer.converse) as server:
        config = server.config(auto_reconnect=not row.reconnects)
        async with EstuaryClient(config) as client:
            story = Story(client)
            client.on("disconnected", lambda reason: refused(client))
            rest = client.events(Disconnected, Reconnecting)
            await client.connect()
            await end(client, row, await server.peer())
            # The stream of events ends when nothing more is to come.
            assert [one async for one in rest] == [Disconnected(row.reason)]
            assert story.told == [
                *IN,
                "is disconnected",
                f"lost: {row.reason}",
                *[f"error {code.value}" for code in row.errors],
            ]
            refused(client)
            assert client.state is ConnectionState.DISCONNECTED
            await (await server.peer()).left()
            assert len(server.peers) == 1
            await client.connect()  # Asking for it is another matter.
        assert len(server.peers) == 2


@pytest.mark.parametrize("name", RETRIED)
async def test_a_server_that_kicks_every_session_is_left_alone(name: str) -> None:
    """Short sessions do not set the counter back, whatever ended them (API 6)."""
    row = ROWS[name]

    async def kick(peer: Peer) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(row.script, peer)
            if row.act is not nothing:
                await peer.get(SendText)
                await row.act(peer)

    async with serving(kick) as server:
        async with EstuaryClient(server.config(max_reconnect_attempts=2)) as client:
            story = Story(client)

            def greet(session: object) -> None:
                client.send_text("hello")

            client.on("connected", greet)
            rest = client.events(Disconnected)
            await client.connect()
            assert [one async for one in rest] == [Disconnected(row.reason)] * 3
            lost = [f"lost: {row.reason}", *[f"error {code.value}" for code in row.errors]]
            back = ["is connected", "connected", "is reconnecting", *lost]
            assert story.told == [
                "is connecting",
                *back,
                "attempt 1",
                *back,
                "attempt 2",
                *back,
                "is error",
                "error CONNECTION_FAILED",
            ]
            assert "gave up after 2 attempt(s) to reconnect: " in story.errors[-1].message
            assert client.state is ConnectionState.ERROR
            refused(client)
        assert len(server.peers) == 3


async def test_disconnect_is_the_clients_own_and_final() -> None:
    async with serving() as server:
        async with EstuaryClient(server.config()) as client:
            story = Story(client)
            client.on("disconnected", lambda reason: refused(client))
            await client.connect()
            await client.disconnect()
            assert story.told == [*IN, "is disconnected", "lost: client"]
        await (await server.peer()).left()
        assert len(server.peers) == 1


# --- what is said but not meant --------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (ModerationWarning, {"level": "warning", "message": "mind your words"}),
        *VERDICTS.values(),
    ],
)
async def test_an_announcement_alone_ends_nothing(kind: Any, fields: dict[str, Any]) -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        story = Story(client)
        await client.connect()
        peer = await server.peer()
        await after(client, kind, peer.text, event(kind.WIRE, fields))
        assert client.is_connected
        assert await client.send_text("still here") is Outcome.SENT
        assert (await peer.get(SendText)).text == "still here"
        assert story.told == IN


def test_an_old_announcement_does_not_hide_a_real_drop() -> None:
    async def talk() -> None:
        async with serving() as server, EstuaryClient(server.config()) as client:
            story = Story(client)
            await client.connect()
            peer = await server.peer()
            await after(client, SessionTimeout, peer.emit, "session_timeout")
            await anyio.sleep(10.5)
            await after(client, SttResponse, peer.emit, "stt_response")
            await after(client, Connected, peer.cut)
            assert story.told[3:6] == ["is reconnecting", "lost: network", "attempt 1"]
            assert len(server.peers) == 2

    trio.run(talk, clock=trio.testing.MockClock(autojump_threshold=0.1))


# --- the first connect -----------------------------------------------------------------------


def answers(head: str) -> Act:
    async def act(peer: Peer) -> None:
        await peer.request()
        await peer.raw(f"HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n".encode())
        await byhand.drain(peer)

    return act


def lets_in(*packets: str, hangs_up: Act = nothing) -> Act:
    """The WebSocket and Engine.IO are fine, and the request to join is answered with `packets`."""

    async def act(peer: Peer) -> None:
        await byhand.welcome(peer, byhand.OPEN, *packets)
        await hangs_up(peer)
        await peer.stream.receive()  # The client's goodbye; ours is the end of the stream.

    return act


def verdict(reason: str) -> str:
    kind, fields = VERDICTS[reason]
    return event(kind.WIRE, fields)


ACK, LEFT = byhand.ACK, "41/sdk,"
AUTH, FAILED, LATE, QUOTA = (
    ErrorCode.AUTH_FAILED,
    ErrorCode.CONNECTION_FAILED,
    ErrorCode.CONNECTION_TIMEOUT,
    ErrorCode.QUOTA_EXCEEDED,
)
FIRST: dict[str, tuple[Act, ErrorCode, bool]] = {
    # the server …              connect() raises   is the refusal final while reconnecting?
    "401": (answers("401 No"), AUTH, True),
    "403": (answers("403 No"), AUTH, True),
    "404": (answers("404 No"), FAILED, False),
    "503": (answers("503 Busy"), FAILED, False),
    "resets": (Peer.cut, FAILED, False),
    "ends": (finishes, FAILED, False),
    "silent": (byhand.drain, LATE, False),
    "connect error": (lets_in('44/sdk,{"message":"no"}'), AUTH, True),
    "auth_error": (lets_in(verdict("auth")), AUTH, True),
    "auth_error, then 44": (lets_in(verdict("auth"), '44/sdk,{"message":"no"}'), AUTH, True),
    "acks, then auth_error": (lets_in(ACK, verdict("auth")), AUTH, True),
    "never acks": (lets_in(verdict("quota")), QUOTA, True),
    "rejected": (lets_in(ACK, verdict("session_rejected"), LEFT), FAILED, True),
    "quota": (lets_in(ACK, verdict("quota"), LEFT), QUOTA, True),
    "moderation": (lets_in(ACK, verdict("moderation"), LEFT), FAILED, True),
    "leaves": (lets_in(ACK, LEFT), FAILED, False),
    "stops": (lets_in(ACK, "1"), FAILED, False),
    "closes with 1000": (lets_in(ACK, hangs_up=closes(1000)), FAILED, False),
    "closes with 1013": (lets_in(ACK, hangs_up=closes(1013)), FAILED, False),
    "breaks the protocol": (lets_in(ACK, "99"), FAILED, False),
}


def impatience(code: ErrorCode, name: str) -> dict[str, float]:
    """Rows that wait for the client's patience to end get a client that has little."""
    return {"connect_timeout": 0.8} if code is LATE or name == "never acks" else {}


@pytest.mark.parametrize("name", FIRST)
async def test_the_first_connect_fails_once(name: str) -> None:
    act, code, _ = FIRST[name]
    async with serving(act, Peer.converse) as server:
        async with EstuaryClient(server.config(**impatience(code, name))) as client:
            story = Story(client)
            with pytest.raises(EstuaryError) as raised:
                await client.connect()
            assert raised.value.code is code
            assert KEY not in f"{raised.value!r} {raised.value.details}"
            assert story.told == ["is connecting", "is error"]
            refused(client)
            await (await server.peer()).left()
            assert len(server.peers) == 1
            await client.connect()
            assert story.told[2:] == IN
        assert len(server.peers) == 2


@pytest.mark.parametrize("name", FIRST)
async def test_an_attempt_to_reconnect_fails(name: str) -> None:
    """A key that was refused is not tried again; what may pass is, up to the end."""
    act, code, final = FIRST[name]
    async with serving(Peer.converse, act) as server:
        config = server.config(max_reconnect_attempts=2, **impatience(code, name))
        async with EstuaryClient(config) as client:
            story = Story(client)
            client.on("reconnecting", lambda attempt: refused(client))
            rest = client.events(Disconnected)
            await client.connect()
            await (await server.peer()).cut()
            assert [one async for one in rest] == [Disconnected("network")]
            tries = ["attempt 1"] if final else ["attempt 1", "attempt 2"]
            told = code if final else FAILED
            assert story.told == [
                *IN,
                "is reconnecting",
                "lost: network",
                *tries,
                "is error",
                f"error {told.value}",
            ]
            refused(client)
        assert len(server.peers) == 1 + len(tries)


async def test_the_server_is_gone_and_nobody_listens() -> None:
    gone = anyio.Event()

    async def serve(*, task_status: TaskStatus[Server]) -> None:
        async with serving() as server:
            task_status.started(server)
            await gone.wait()

    async with anyio.create_task_group() as tasks:
        server: Server = await tasks.start(serve)
        async with EstuaryClient(server.config(max_reconnect_attempts=3)) as client:
            story = Story(client)
            rest = client.events(Disconnected)
            await client.connect()
            gone.set()
            assert [one async for one in rest] == [Disconnected("network")]
            tries = [f"attempt {n}" for n in (1, 2, 3)]
            assert story.told[3:] == [
                "is reconnecting",
                "lost: network",
                *tries,
                "is error",
                "error CONNECTION_FAILED",
            ]
            assert "gave up after 3 attempt(s)" in story.errors[0].message
            assert "nobody listens" in story.errors[0].message


async def test_nobody_listens_at_first() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        async with EstuaryClient(EstuaryConfig(url, KEY, "character", "player")) as client:
            story = Story(client)
            with pytest.raises(EstuaryError, match="nobody listens") as raised:
                await client.connect()
            assert raised.value.code is FAILED
            assert story.told == ["is connecting", "is error"]
