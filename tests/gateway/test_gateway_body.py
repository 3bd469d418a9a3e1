"""The gateway on real sockets, on every backend."""

from __future__ import annotations

import json
import os
import resource
import socket
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, suppress
from typing import Any

import anyio
import httpx
import pytest

from estuary_anyio.gateway import (
    BrainError,
    Gateway,
    GatewayApp,
    GatewayConfig,
    run_gateway,
    serve_gateway,
)
from estuary_proto.errors import ErrorCode, EstuaryError
from estuary_proto.gateway import AskBrain, Character, ServerConfig

Dial = Callable[..., Any]
QUICK = ServerConfig(word_interval=0.001)


def event(frame: str) -> tuple[str, Any]:
    name, payload = json.loads(frame.removeprefix("42/sdk,"))
    return name, payload


async def test_a_conversation(dial: Dial) -> None:
    async with serve_gateway(server=QUICK) as gw, dial(gw.url) as wire:
        assert "session_info" in await wire.join()
        assert gw.sessions == 1
        await wire.event("text", {"text": "my name is Ada"})
        await wire.until('"is_final":true')
        await wire.event("text", {"text": "what is my name?"})
        name, payload = event((await wire.until('"is_final":true'))[-1])
        assert (name, payload["text"]) == ("bot_response", "Your name is Ada.")


async def test_style_b_and_an_ack(dial: Dial) -> None:
    async with serve_gateway(server=QUICK) as gw, dial(gw.url) as wire:
        await wire.send("40/sdk,")
        await wire.until("40/sdk,{")
        auth = {"api_key": gw.api_key, "character_id": gw.character_id, "player_id": "p"}
        await wire.event("authenticate", auth)
        await wire.until("session_info")
        await wire.send('42/sdk,7["text",{"text":"hi"}]')
        await wire.until("43/sdk,7[]")


async def test_a_wrong_key_is_refused(dial: Dial) -> None:
    async with serve_gateway(api_keys=["est_mine"]) as gw:
        async with dial(gw.url) as wire:
            assert "Invalid API key" in await wire.join(api_key="est_dev")
        async with dial(gw.url) as wire:
            assert gw.api_key == "est_mine"
            await wire.until("pingInterval")
            await wire.send('40/sdk,{"api_key":"est_mine","character_id":"demo","player_id":"p"}')
            await wire.until("session_info")


async def test_interrupting_a_story(dial: Dial) -> None:
    async with serve_gateway() as gw, dial(gw.url) as wire:
        await wire.join()
        await wire.event("text", {"text": "tell me a story"})
        await wire.until('"chunk_index":5')
        await wire.event("client_interrupt", {})
        seen = await wire.until('"interrupt"')
        assert event(seen[-1])[1]["reason"] == "client_interrupt"
        assert len(seen) < 20
        await wire.event("say_line", {"text": "One line."})
        seen = await wire.until('"is_final":true')
        assert event(seen[-1])[1]["text"] == "One line."


async def test_facts_outlive_a_cut_and_the_next_connect_works(dial: Dial) -> None:
    async with serve_gateway(server=QUICK) as gw:
        async with dial(gw.url) as wire:
            await wire.join()
            await wire.event("text", {"text": "my name is Ada"})
            await wire.until('"is_final":true')
            await gw.drop_connections()
            assert gw.sessions == 0
            assert await wire.receive() is None
            assert wire.close_code is None
        async with dial(gw.url) as wire:
            await wire.join()
            await wire.event("text", {"text": "what is my name?"})
            assert "Your name is Ada." in (await wire.until('"is_final":true'))[-1]


async def test_a_cut_in_the_middle_of_an_answer(dial: Dial) -> None:
    async with serve_gateway() as gw, dial(gw.url) as one, dial(gw.url) as two:
        for wire in (one, two):
            await wire.join()
            await wire.event("text", {"text": "tell me a story"})
            await wire.until('"chunk_index":1')
        await gw.drop_connections()
        for wire in (one, two):
            while await wire.receive() is not None:
                pass
            assert wire.close_code is None


async def test_the_end_says_1001_at_once(dial: Dial) -> None:
    gone: list[float] = []
    async with anyio.create_task_group() as tasks:
        async with serve_gateway() as gw:

            async def client() -> None:
                async with dial(gw.url) as wire:
                    await wire.join()
                    await wire.event("text", {"text": "tell me a story"})
                    joined.set()
                    while await wire.receive() is not None:
                        pass
                    assert wire.close_code == 1001
                    gone.append(anyio.current_time())

            joined = anyio.Event()
            tasks.start_soon(client)
            await joined.wait()
            began = anyio.current_time()
    assert gone[0] - began < 0.4
    with pytest.raises(OSError, match=r"."):
        await anyio.connect_tcp("127.0.0.1", gw.port)


async def test_clients_that_do_not_listen_do_not_hold_the_end_up(dial: Dial) -> None:
    busy = ServerConfig(word_interval=0, max_text=30_000)
    async with AsyncExitStack() as stack:
        async with serve_gateway(server=busy) as gw:
            wire = await stack.enter_async_context(dial(gw.url))
            await wire.join()
            for _ in range(6):
                await wire.event("say_line", {"text": "word " * 5000})
            await anyio.sleep(0.2)
            assert gw.sessions == 1
            began = anyio.current_time()
        assert anyio.current_time() - began < 2
        assert gw.sessions == 0


async def test_cancelling_cuts_clients_that_do_not_listen(dial: Dial) -> None:
    busy = ServerConfig(word_interval=0, max_text=30_000)
    async with AsyncExitStack() as stack:
        with anyio.move_on_after(1):
            async with serve_gateway(server=busy) as gw:
                wire = await stack.enter_async_context(dial(gw.url))
                await wire.join()
                await wire.event("say_line", {"text": "word " * 5000})
                while True:  # Until the gateway pauses reading and the way there is full.
                    await wire.event("say_line", {"text": "x"})
        assert gw.sessions == 0


async def test_an_error_in_the_block_leaves_as_itself(dial: Dial) -> None:
    async def block() -> None:
        async with serve_gateway() as gw, dial(gw.url) as wire:
            await wire.join()
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await block()


async def test_cancelling_the_block_ends_it() -> None:
    with anyio.move_on_after(0.1) as scope:
        async with serve_gateway():
            await anyio.sleep_forever()
    assert scope.cancelled_caught


async def test_run_gateway_tells_when_it_listens(dial: Dial) -> None:
    found: list[Gateway] = []
    ready = anyio.Event()

    def started(gateway: Gateway) -> None:
        found.append(gateway)
        ready.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: run_gateway(GatewayConfig(seed=4), started=started))
        await ready.wait()
        async with dial(found[0].url) as wire:
            await wire.join()
        tasks.cancel_scope.cancel()
    assert repr(found[0]) == f"Gateway('{found[0].url}', sessions=0)"


async def test_run_gateway_needs_no_callback() -> None:
    with anyio.move_on_after(0.05) as scope:
        await run_gateway(GatewayConfig())
    assert scope.cancelled_caught


async def test_pages() -> None:
    async with serve_gateway() as gw, httpx.AsyncClient(base_url=gw.url) as http:
        answer = await http.get("/health")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok", "sessions": 0})
        answer = await http.get("/socket.io/?EIO=4&transport=polling")
        assert answer.status_code == 400
        assert answer.json() == {"code": 0, "message": "Transport unknown: use transport=websocket"}
        answer = await http.get("/socket.io/?EIO=4&transport=websocket")
        assert (answer.status_code, answer.json()["code"]) == (400, 3)
        assert (await http.get("/else")).status_code == 404
        assert (await http.post("/health")).status_code == 404


@pytest.mark.parametrize(
    ("target", "status", "said"),
    [
        ("/socket.io/?EIO=3&transport=websocket", 400, b"EIO=4"),
        ("/socket.io/?EIO=4&transport=polling", 400, b"transport=websocket"),
        ("/else", 404, b"Not found"),
    ],
)
async def test_other_websockets_are_refused(
    dial: Dial, target: str, status: int, said: bytes
) -> None:
    async with serve_gateway() as gw, dial(gw.url, target) as wire:
        assert wire.status == status
        await wire._read()
        assert said in wire.body


async def test_sessions_are_limited(dial: Dial) -> None:
    async with serve_gateway(server=ServerConfig(max_sessions=1)) as gw, dial(gw.url) as one:
        await one.join()
        async with dial(gw.url) as two:
            assert two.status == 503


async def test_too_large_a_message_ends_the_connection(dial: Dial) -> None:
    async with serve_gateway(server=ServerConfig(max_payload=100_000)) as gw:
        async with dial(gw.url) as wire:
            await wire.join()
            await wire.send("4" * 100_001)
            while await wire.receive() is not None:
                pass
            assert wire.close_code == 1009


async def test_nonsense_ends_only_its_own_connection(dial: Dial) -> None:
    async with serve_gateway(server=QUICK) as gw, dial(gw.url) as good, dial(gw.url) as bad:
        await good.join()
        await bad.join()
        await bad.send("9 what")
        while await bad.receive() is not None:
            pass
        await good.event("text", {"text": "hi"})
        await good.until('"is_final":true')


async def test_who_does_not_authenticate_is_thrown_out(dial: Dial) -> None:
    async with serve_gateway(server=ServerConfig(auth_timeout=0.1)) as gw, dial(gw.url) as wire:
        with anyio.fail_after(2):
            while await wire.receive() is not None:
                pass


class Echo:
    """A brain of somebody's own."""

    def __init__(self) -> None:
        self.stopped = 0

    async def stream(self, ask: AskBrain) -> AsyncGenerator[str, None]:
        try:
            yield "You said: "
            if ask.text == "fail":
                raise BrainError("it hurts")
            if ask.text == "wait":
                await anyio.sleep_forever()
            yield ask.text
        finally:
            self.stopped += 1


async def test_a_brain_of_ones_own(dial: Dial) -> None:
    brain = Echo()
    async with serve_gateway(brain=brain) as gw, dial(gw.url) as wire:
        await wire.join()
        await wire.event("text", {"text": "hello"})
        assert "You said: hello" in (await wire.until('"is_final":true'))[-1]
        await wire.event("text", {"text": "fail"})
        seen = await wire.until('"interrupt"')
        assert event(seen[-2]) == ("error", {"message": "it hurts", "error": "brain_failed"})
        await wire.event("text", {"text": "wait"})
        await wire.until("You said: ")
        await wire.event("client_interrupt", {})
        await wire.until('"interrupt"')
        await wire.event("text", {"text": "again"})
        await wire.until('"is_final":true')
        assert brain.stopped == 4
        await wire.event("text", {"text": "wait"})
        await wire.until("You said: ")
    assert brain.stopped == 5


# --- the application in other servers ---------------------------------------------------------


class Server:
    """The least of an ASGI server: messages in, messages out."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.inbox = list(messages)
        self.sent: list[dict[str, Any]] = []
        self.more = anyio.Event()
        self.news = anyio.Event()

    async def receive(self) -> dict[str, Any]:
        while not self.inbox:
            await self.more.wait()
            self.more = anyio.Event()
        return self.inbox.pop(0)

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        self.news.set()
        await anyio.lowlevel.checkpoint()

    async def has_sent(self, count: int) -> None:
        while len(self.sent) < count:
            self.news = anyio.Event()
            await self.news.wait()

    def put(self, message: dict[str, Any]) -> None:
        self.inbox.append(message)
        self.more.set()


SCOPE = {"type": "websocket", "path": "/socket.io/", "query_string": b"EIO=4&transport=websocket"}


async def test_a_server_without_extensions_refuses_plainly() -> None:
    app, server = GatewayApp(), Server({"type": "websocket.connect"})
    await app({**SCOPE, "path": "/x"}, server.receive, server.send)
    await app.close()
    assert server.sent == [{"type": "websocket.close"}]


async def test_a_server_that_cannot_cut_hangs_up() -> None:
    app, server = GatewayApp(), Server({"type": "websocket.connect"})
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(app, SCOPE, server.receive, server.send)
        await server.has_sent(2)
        app.cut_all()
    await app.close()
    assert app.sessions == 0


async def test_binary_frames_and_the_end_reach_the_mind() -> None:
    app, server = GatewayApp(), Server({"type": "websocket.connect"})
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(app, SCOPE, server.receive, server.send)
        server.put({"type": "websocket.receive", "text": None, "bytes": b"\x04unexpected"})
    assert app.sessions == 0
    server = Server({"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1006})
    await app(SCOPE, server.receive, server.send)
    await app.close()
    assert app.sessions == 0


async def test_lifespan() -> None:
    server = Server({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    await GatewayApp()({"type": "lifespan"}, server.receive, server.send)
    assert [m["type"] for m in server.sent] == [
        "lifespan.startup.complete", "lifespan.shutdown.complete",
    ]  # fmt: skip


# --- settings ---------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "", "192.168.1.5", "example.org", "::"])
def test_beyond_this_machine_only_with_a_key(host: str) -> None:
    with pytest.raises(EstuaryError, match="api_keys") as caught:
        GatewayConfig(host)
    assert caught.value.code is ErrorCode.CONFIG_INVALID
    assert "127.0.0.1" in caught.value.message
    assert GatewayConfig(host, api_keys=["est_mine"]).mind().api_keys == ("est_mine",)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST"])
def test_this_machine_needs_no_key(host: str) -> None:
    assert GatewayConfig(host).mind().api_keys == ("est_dev",)


@pytest.mark.parametrize(
    ("field", "value"), [("brain", "none"), ("port", 70000), ("api_keys", []), ("api_keys", [""])]
)
def test_wrong_settings_name_their_field(field: str, value: Any) -> None:
    with pytest.raises(EstuaryError, match=field):
        GatewayConfig(**{field: value})


def test_settings_reach_the_mind_and_keys_stay_hidden() -> None:
    people = {"lea": Character("Lea")}
    config = GatewayConfig(api_keys=["est_secret"], seed=9, server=ServerConfig(characters=people))
    assert config.mind().seed == 9
    assert config.mind().characters == people
    assert "est_secret" not in repr(config)


async def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(EstuaryError, match=str(port)):
            async with serve_gateway(port=port):
                pass


async def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "estuary_anyio.gateway.listener", raising=False)
    monkeypatch.setitem(sys.modules, "hypercorn.utils", None)
    with pytest.raises(EstuaryError, match=r"pip install 'estuary-anyio\[gateway\]'"):
        async with serve_gateway():
            pass


async def test_a_host_that_is_none_is_named() -> None:
    with pytest.raises(EstuaryError, match=r"no\.such\.host\.invalid"):
        async with serve_gateway("no.such.host.invalid", api_keys=["est_x"]):
            pass


async def test_everywhere_includes_here(dial: Dial) -> None:
    async with serve_gateway("0.0.0.0", api_keys=["est_x"]) as gw:
        assert gw.url == f"http://127.0.0.1:{gw.port}"
        async with dial(gw.url) as wire:
            assert wire.status == 101


def test_ipv6_addresses_stand_in_brackets() -> None:
    gateway = Gateway(GatewayConfig("::1"), GatewayApp(), 80)
    assert gateway.url == "http://[::1]:80"


async def test_running_out_of_descriptors_is_survived() -> None:
    async with serve_gateway() as gw:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        filled: list[int] = []
        with socket.socket() as late:
            late.settimeout(2)
            resource.setrlimit(resource.RLIMIT_NOFILE, (late.fileno() + 1, hard))
            try:
                with suppress(OSError):
                    while True:
                        filled.append(os.dup(late.fileno()))
                late.connect(("127.0.0.1", gw.port))
                late.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                await anyio.sleep(0.12)
            finally:
                for fd in filled:
                    os.close(fd)
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            await anyio.wait_readable(late)
            assert late.recv(100).startswith(b"HTTP/1.1 200")
