"""Beginnings and ends: bare use, several threads, Ctrl-C, clients that were forgotten."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import trio

from estuary_anyio import (
    BotResponse,
    ConnectionLost,
    ConnectionState,
    ErrorCode,
    EstuaryError,
    LocalProtocolError,
)
from estuary_anyio.sync import EstuaryClient
from estuary_anyio.sync.workers import in_order
from estuary_proto.gateway import ServerConfig

if TYPE_CHECKING:
    from estuary_anyio import EstuaryConfig
    from estuary_anyio.sync import Gateway

ECHO = pytest.mark.estuary(brain=lambda text: f"to {text}")


def threads_of_clients() -> list[str]:
    return [one.name for one in threading.enumerate() if "estuary handler" in one.name]


@ECHO
def test_bare(bare: EstuaryClient) -> None:
    for _ in range(2):  # It may be connected again.
        assert bare.connect() is bare.connect() is bare.session
        assert bare.is_connected
        assert bare.send_text_and_wait("you").text == "to you"
        bare.disconnect()
        assert bare.state is ConnectionState.DISCONNECTED
        bare.disconnect()
    with pytest.raises(EstuaryError) as refused:
        bare.send_text("nobody hears this")
    assert refused.value.code is ErrorCode.NOT_CONNECTED


def test_its_thread_ends_with_it(bare: EstuaryClient) -> None:
    before = set(threading.enumerate())
    bare.on("connected", print)
    bare.connect()
    assert set(threading.enumerate()) > before
    bare.disconnect()
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
    assert set(threading.enumerate()) <= before


@pytest.mark.estuary(config={"api_key": "est_wrong"})
def test_a_connection_that_fails_leaves_nothing(bare: EstuaryClient) -> None:
    before = set(threading.enumerate())
    with pytest.raises(EstuaryError) as refused:
        bare.connect()
    assert refused.value.code is ErrorCode.AUTH_FAILED
    assert set(threading.enumerate()) <= before
    with pytest.raises(EstuaryError), bare:
        bare.connect()


def test_rest_needs_no_connection(bare: EstuaryClient) -> None:
    assert bare.memory.get_stats().total_active == 0
    assert list(bare.memory.iter_memories()) == []
    bare.disconnect()


def test_an_exception_leaves_as_itself(estuary_config: EstuaryConfig, backend: str) -> None:
    with pytest.raises(ZeroDivisionError), EstuaryClient(estuary_config, backend=backend) as client:
        client.connect()
        raise ZeroDivisionError
    assert client.state is ConnectionState.DISCONNECTED


def test_it_is_entered_once(bare: EstuaryClient) -> None:
    with bare, pytest.raises(LocalProtocolError, match="in use"):
        bare.__enter__()


def test_disconnecting_within_with(bare: EstuaryClient) -> None:
    with bare:
        bare.connect()
        bare.disconnect()
        assert not bare.is_connected
        bare.connect()
        assert bare.is_connected
    assert bare.state is ConnectionState.DISCONNECTED


def test_a_handler_disconnects(bare: EstuaryClient) -> None:
    done = threading.Event()

    @bare.once("bot_response")
    def leave(response: BotResponse) -> None:
        with bare._loop._lock:  # No other thread does it.
            bare.disconnect()
            assert not bare._loop.is_living
        with pytest.raises(LocalProtocolError, match="connect from elsewhere"):
            bare.connect()
        done.set()

    bare.connect()
    bare.send_text("hello")
    assert done.wait(10)
    assert bare.state is ConnectionState.DISCONNECTED


def test_a_handler_that_does_not_end_is_left_behind(bare: EstuaryClient) -> None:
    """It gets its two seconds; the client ends without it, and what it asks for then is refused."""
    began, go, done = threading.Event(), threading.Event(), threading.Event()
    refused: list[EstuaryError] = []

    @bare.once("connected")
    def stubborn(session: object) -> None:
        began.set()
        go.wait(30)
        try:
            bare.send_text_and_wait("too late")
        except EstuaryError as error:
            refused.append(error)
        done.set()

    bare.connect()
    assert began.wait(10)
    bare.disconnect()
    go.set()
    assert done.wait(10)
    assert "was cancelled" in refused[0].message or refused[0].code is ErrorCode.NOT_CONNECTED


@pytest.mark.estuary(server=ServerConfig(word_interval=0.02))
def test_disconnecting_ends_who_waits_elsewhere(bare: EstuaryClient) -> None:
    bare.connect()
    reply = bare.ask("tell me a story")
    next(iter(reply))
    with ThreadPoolExecutor(1) as pool:
        final = pool.submit(reply.final)
        never = pool.submit(bare.wait_for, BotResponse, lambda one: False)
        bare.disconnect()
        for waiting in (final, never):
            with pytest.raises((ConnectionLost, LocalProtocolError)):
                waiting.result(10)


@ECHO
def test_many_threads(estuary_sync_client: EstuaryClient) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lambda n: estuary_sync_client.send_text_and_wait(str(n)).text, range(24), timeout=30
            )
        )
    assert answers == [f"to {n}" for n in range(24)]


@ECHO
def test_two_clients(estuary_config: EstuaryConfig) -> None:
    with EstuaryClient(estuary_config) as one, EstuaryClient(estuary_config) as other:
        one.connect()
        other.connect()

        @one.on("bot_response")
        def pass_on(response: BotResponse) -> None:
            if response.is_final:
                other.send_text_and_wait(response.text)

        answers = other.events(BotResponse, timeout=10)
        one.send_text("you")
        assert next(one for one in answers if one.is_final).text == "to to you"


@ECHO
@pytest.mark.anyio
async def test_within_a_running_loop(estuary_config: EstuaryConfig, backend: str) -> None:
    """As in a notebook; it blocks this loop meanwhile, and nothing else."""
    if backend == "trio" and trio.lowlevel.in_trio_run():
        with pytest.raises(LocalProtocolError, match='take backend="asyncio" there'):
            EstuaryClient(estuary_config, backend=backend).connect()
        return
    with EstuaryClient(estuary_config, backend=backend) as client:
        client.connect()
        assert client.send_text_and_wait("you").text == "to you"


def test_backends_that_are_none(estuary_config: EstuaryConfig) -> None:
    with pytest.raises(EstuaryError, match='"asyncio" or "trio"') as refused:
        EstuaryClient(estuary_config, backend="curio")
    assert refused.value.code is ErrorCode.CONFIG_INVALID


@pytest.mark.skipif(sys.platform == "win32", reason="uvloop")
@ECHO
def test_options_of_a_backend(estuary_config: EstuaryConfig) -> None:
    import uvloop

    loops: list[type[object]] = []
    with EstuaryClient(estuary_config, backend_options={"use_uvloop": True}) as client:

        @client.once("connected")
        async def look(session: object) -> None:
            loops.append(type(asyncio.get_running_loop()))

        client.connect()
    assert loops == [uvloop.Loop]


def test_a_forgotten_client(estuary_config: EstuaryConfig, backend: str) -> None:
    before = set(threading.enumerate())
    forgotten = [EstuaryClient(estuary_config, backend=backend)]
    forgotten[0].connect()
    own = set(threading.enumerate()) - before
    assert own
    assert all(one.daemon for one in own)
    with pytest.warns(ResourceWarning, match="a client was never closed"):
        forgotten.clear()
    for one in own:
        one.join(10)
        assert not one.is_alive()


# --- programs of their own -------------------------------------------------------------------

BEGIN = """
import sys
from estuary_anyio import BotResponse, EstuaryConfig
from estuary_anyio.sync import EstuaryClient
client = EstuaryClient(EstuaryConfig.from_env(), backend=sys.argv[1])
client.connect()
"""


def run(code: str, gateway: Gateway, backend: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "ESTUARY_SERVER_URL": gateway.url,
        "ESTUARY_API_KEY": gateway.api_key,
        "ESTUARY_CHARACTER_ID": gateway.character_id,
        "ESTUARY_PLAYER_ID": "program",
    }
    return subprocess.Popen(
        [sys.executable, "-W", "default", "-c", BEGIN + code, backend],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    "held", ["", "client.on('error', lambda e: client)", "import time; time.sleep(0.1)"]
)
def test_a_program_that_forgets_it_exits(estuary_gateway: Gateway, backend: str, held: str) -> None:
    with run(held + "\nprint('the end')", estuary_gateway, backend) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "the end\n")
    assert err.count("ResourceWarning: a client was never closed") == 1
    assert "Traceback" not in err
    assert estuary_gateway.sessions == 0


@pytest.mark.parametrize("backend", ["asyncio"])
def test_a_program_whose_handler_never_ends_exits(estuary_gateway: Gateway, backend: str) -> None:
    code = "import time\nclient.on('bot_response', lambda r: time.sleep(1000))\n"
    code += "client.send_text_and_wait('hello')\nclient.disconnect()\nprint('the end')"
    with run(code, estuary_gateway, backend) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "the end\n", "")


WAITS = {
    "an event": "client.wait_for(BotResponse)",
    "events": "next(client.events(BotResponse))",
    "a reply": "client.ask('silence', timeout=None).final()",
    "anything": "client._loop.run(anything)",
}


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process alone")
@pytest.mark.estuary(
    script=[{"when": {"text": {"equals": "silence"}}, "do": [{"wait": 0}], "instead": True}]
)
@pytest.mark.parametrize("what", WAITS)
def test_ctrl_c_ends_the_wait_and_nothing_else(
    estuary_gateway: Gateway, backend: str, what: str
) -> None:
    code = f"""
import anyio, threading, time
taken_back = threading.Event()

async def anything():
    try:
        await anyio.sleep_forever()
    finally:
        taken_back.set()

main = threading.main_thread().ident

def watch():
    # Tells when the main thread waits for its result.
    frame = sys._current_frames()[main]
    while frame is None or frame.f_code.co_name != 'result':
        frame = sys._current_frames()[main] if frame is None else frame.f_back
        time.sleep(0.001)
    print('in the wait', flush=True)

print('waiting', flush=True)
try:
    threading.Thread(target=watch).start()
    {WAITS[what]}
except KeyboardInterrupt:
    print('interrupted', client.is_connected, flush=True)
    assert {what != "anything"} or taken_back.wait(10)
print(client.send_text('still here').wait().name)
client.disconnect()
print(client.state.name)
"""
    with run(code, estuary_gateway, backend) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        assert process.stdout.readline() == "in the wait\n"
        process.send_signal(signal.SIGINT)
        # (`communicate` would lose what has been read ahead.)
        out = process.stdout.read()
        assert process.stderr is not None
        err = process.stderr.read()
    assert out == "interrupted True\nSENT\nDISCONNECTED\n"
    assert (process.returncode, err) == (0, "")


def test_a_backend_that_is_not_installed() -> None:
    code = (
        "import sys; sys.modules['trio'] = None\n"
        "from estuary_anyio import EstuaryConfig\n"
        "from estuary_anyio.sync import EstuaryClient\n"
        "client = EstuaryClient(EstuaryConfig('http://[::1]:9', *'kcp'), backend='trio')\n"
        "try: client.connect()\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("EstuaryError [CONFIG_INVALID] backend: trio is not installed")
    assert done.stderr == ""


def test_callbacks_in_order(caplog: pytest.LogCaptureFixture) -> None:
    """A slow one is called once for each event, in order; one that raises is logged."""
    told: list[int] = []
    go, done = threading.Event(), threading.Event()

    def slow(number: int) -> None:
        assert go.wait(10)
        if number == 1:
            raise ValueError("wrong")
        told.append(number)
        if number == 3:
            done.set()

    lane = in_order(slow)
    assert lane is not None
    for number in range(4):
        lane(number)
    go.set()
    assert done.wait(10)
    assert told == [0, 2, 3]
    assert "has failed with 1" in caplog.text

    async def in_the_loop(number: int) -> None: ...

    assert in_order(in_the_loop) is in_the_loop
    assert in_order(None) is None
