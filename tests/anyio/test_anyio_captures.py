"""Captures of live sessions: files in time, both loops, REST calls, secrets, and both halves."""

from __future__ import annotations

import json
import logging
import os
import sys
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from estuary_anyio import (
    BotResponse,
    BotVoice,
    ClientCredential,
    EstuaryClient,
    EstuaryConfig,
    EstuaryError,
    LocalProtocolError,
    Outcome,
    ReplayClient,
    ReplayServer,
    SttResponse,
    VoiceMode,
)
from estuary_anyio.capture import CaptureFile, _Flusher
from estuary_anyio.gateway import serve_gateway
from estuary_proto import replay, to_har
from estuary_proto.capture import read
from estuary_proto.capture.spool import MOST
from estuary_proto.gateway import ServerConfig
from tests.anyio.server import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.anyio.server import Peer

pytestmark = pytest.mark.anyio


async def until(holds: Callable[[], object]) -> None:
    """Of a file and of a thread nobody is told."""
    with anyio.fail_after(10):
        while not holds():  # noqa: ASYNC110
            await anyio.sleep(0.01)


TONE = b"".join(
    ((n * 997) % 20000 - 10000).to_bytes(2, "little", signed=True) for n in range(16000)
)
"""A second of something loud at 16 kHz."""


async def said_aloud(client: EstuaryClient) -> str:
    """Connect, say something aloud, hear the answer's end, leave."""
    await client.connect()
    await client.start_voice(VoiceMode.CONTINUOUS)
    voices = client.events(BotVoice)
    for at in range(0, len(TONE), 640):
        await client.send_audio(TONE[at : at + 640], live=True)
        await anyio.sleep(0.002)
    for _ in range(60):
        await client.send_audio(bytes(640), live=True)
        await anyio.sleep(0.002)
    async with voices:
        async for voice in voices:
            if voice.is_final:
                break
    await client.stop_voice()
    return voice.message_id


def spoken(backend: str) -> list[str]:
    """The capture of a voice session on this backend, in an event loop of its own."""
    lines: list[str] = []

    async def record() -> None:
        mind = ServerConfig(hears=("hello there",), word_interval=0.0)
        async with serve_gateway(server=mind, stt="none", tts="tone") as gateway:
            config = EstuaryConfig(gateway.url, gateway.api_key, gateway.character_id, "p")
            async with EstuaryClient(config, capture=lines.append) as client:
                with anyio.fail_after(20):
                    await said_aloud(client)

    thread = Thread(target=partial(anyio.run, record, backend=backend))
    thread.start()
    thread.join()
    return lines


@pytest.mark.parametrize("other", ["asyncio", "trio"])
async def test_a_voice_session_of_one_loop_replays_equal_on_the_other(other: str) -> None:
    lines = await anyio.to_thread.run_sync(spoken, other)
    found = replay(lines)
    assert found.difference is None, str(found.difference)
    heard = [event for event in found.events if isinstance(event, BotVoice)]
    texts = [event.text for event in found.events if isinstance(event, SttResponse)]
    assert heard
    assert "hello there" in texts
    # The same server, live, for a client on this loop.
    async with ReplayServer(lines, speed=4) as server:
        async with EstuaryClient(server.config()) as client:
            with anyio.fail_after(20):
                assert await said_aloud(client) == heard[-1].message_id
        with anyio.fail_after(20):
            await server.finished()
    assert server.unlike == []


# --- the file -------------------------------------------------------------------------------------


async def test_lines_are_in_the_file_while_the_session_lives(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    async with serving() as server:
        async with EstuaryClient(server.config(), capture=path) as client:
            await client.connect()
            client.send_text("is it there yet?")
            await until(lambda: "is it there yet?" in path.read_text(encoding="utf-8"))
            assert client.is_connected
            client.send_text("at the end")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert "at the end" in "".join(lines)
    assert replay(lines).difference is None


async def test_a_flood_is_written_by_whoever_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("estuary_anyio.capture.FLUSH", 60.0)
    monkeypatch.setattr("estuary_anyio.capture._flusher", _Flusher())
    path = tmp_path / "session.jsonl"
    async with serving() as server:
        capture = CaptureFile(server.config(), path, seed=1, path="/")
        for _ in range(MOST + 2):
            with pytest.raises(LocalProtocolError):
                capture.core.submit(None, now=1.0)
        # Beyond so many nobody waits for the thread.
        assert path.read_text(encoding="utf-8").count("\n") > MOST
        capture.close()
    assert path.read_text(encoding="utf-8").count("\n") == MOST + 3


async def test_a_capture_that_cannot_be_closed_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    capture = offline(tmp_path / "x")
    capture.close()
    with pytest.raises(LocalProtocolError):
        capture.core.submit(None, now=1.0)
    file: Any = capture._file
    await until(lambda: file._file)
    os.close(file._file.fileno())
    capture.close()
    assert "is cut" in caplog.text


def offline(target: Any) -> CaptureFile:
    """A capture of a client that never connects."""
    config = EstuaryConfig("http://h", "est_key_0123", "c", "p")
    return CaptureFile(config, target, seed=1, path="/")


@pytest.mark.skipif(os.name == "nt", reason="needs flock")
async def test_two_captures_do_not_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    first = offline(path)
    first.core.connect(now=0.0)
    with pytest.raises(OSError, match="another capture is being written there"):
        offline(path)
    file: Any = first._file
    of_a_child = os.dup(file._file.fileno())
    first.close()
    lines = path.read_text(encoding="utf-8").splitlines()
    assert replay(lines).lines == len(lines) - 1 > 0
    offline(path).close()
    os.close(of_a_child)
    assert len(path.read_text(encoding="utf-8").splitlines()) == 1
    offline(os.devnull).close()


@pytest.mark.skipif(os.name == "nt", reason="needs flock")
@pytest.mark.parametrize("stays", [True, False], ids=["still there", "gone again"])
async def test_a_client_that_is_taken_up_again_finds_another_in_its_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, stays: bool
) -> None:
    path = tmp_path / "one.jsonl"
    first = offline(path)
    first.core.connect(now=0.0)
    first.close()
    second = offline(path)
    second.core.connect(now=0.0)
    if not stays:
        second.core.handle_timeout(now=1.0)
        second.close()
    first.core.handle_timeout(now=2.0)
    first.close()
    second.close()
    assert ("another capture" if stays else "it is not as this capture left it") in caplog.text
    assert str(path) in caplog.text
    lines = path.read_text(encoding="utf-8").splitlines()
    assert replay(lines).difference is None
    assert json.loads(lines[-1])["t"] < 2.0


async def test_a_client_that_is_taken_up_again_goes_on_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    capture = offline(path)
    capture.core.connect(now=0.0)
    capture.close()
    capture.core.handle_timeout(now=2.0)
    capture.close()
    lines = path.read_text(encoding="utf-8").splitlines()
    assert replay(lines).difference is None
    assert json.loads(lines[-1])["t"] == 2.0


@pytest.mark.skipif(sys.platform != "linux", reason="needs named pipes of Linux")
async def test_a_disk_that_hangs_holds_nobody_who_has_a_line(tmp_path: Path) -> None:
    from select import select

    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    capture, other = offline(path), offline(tmp_path / "other")
    for _ in range(1000):
        capture.core.handle_timeout(now=1.0)

    # A pipe holds 64 KiB at most, and whoever writes more waits until somebody reads.
    for number in range(2000):
        capture.core.handle_timeout(now=2.0)
        if number % 100 == 0:
            other.core.handle_timeout(now=2.0)
    file: Any = capture._file

    # How many bytes that is depends on the sizes they came in; whoever may write knows.
    writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    await until(lambda: not select([], [writer], [], 0)[1])
    os.close(writer)
    for _ in range(1000):
        capture.core.handle_timeout(now=3.0)
    assert file.waits
    os.set_blocking(reader, True)
    data: list[bytes] = []

    def read_all() -> None:
        while part := os.read(reader, 65536):
            data.append(part)

    # Another file has the same thread, and does not wait for this disk.
    with anyio.fail_after(10):
        await anyio.to_thread.run_sync(other.close, abandon_on_cancel=True)
    assert len((tmp_path / "other").read_text().splitlines()) == 1 + 20

    thread = Thread(target=read_all)
    thread.start()
    await anyio.to_thread.run_sync(capture.close)
    await anyio.to_thread.run_sync(thread.join)
    os.close(reader)
    lines = b"".join(data).decode().splitlines()
    assert len(lines) == 4001
    assert replay(lines).difference is None


@pytest.mark.parametrize("to_file", [True, False])
async def test_a_line_that_cannot_be_made_is_told_once_and_the_session_goes_on(
    to_file: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lines: list[str] = []
    path = tmp_path / "session.jsonl"

    def fails(text: str) -> str:
        raise RuntimeError("the formatter is broken")

    async with serving() as server:
        target: Any = path if to_file else lines.append
        async with EstuaryClient(server.config(), capture=target) as client:
            await client.connect()
            core: Any = client._core
            core._lines.frame = fails
            peer = await server.peer()
            async with client.events(BotResponse) as answers:
                for text in ("one", "two"):
                    assert await client.send_text(text) is Outcome.SENT
                    await peer.emit("bot_response", text=text, is_final=True, message_id=text)
                    with anyio.fail_after(5):
                        assert (await anext(answers)).text == text
    told = [one.getMessage() for one in caplog.records if "ends here" in one.getMessage()]
    assert len(told) == 1
    assert "the formatter is broken" in told[0]
    written = path.read_text(encoding="utf-8").splitlines() if to_file else lines
    assert replay(written).difference is None


FORKED = """
import os, sys, time
from pathlib import Path
from estuary_anyio import EstuaryConfig
from estuary_anyio.capture import CaptureFile

path = Path(sys.argv[1])
capture = CaptureFile(EstuaryConfig("http://h", "est_key_0123", "c", "p"), path, seed=1, path="/")

def written(now):
    capture.core.handle_timeout(now=now)
    while f'"t":{now - 1.0}' not in path.read_text():
        time.sleep(0.01)

written(1.0)
written(2.0)
if child := os.fork():
    os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
written(3.0)
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
async def test_the_child_of_a_fork_writes_too(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORKED, str(tmp_path / "x.jsonl")]
    with anyio.fail_after(30):
        done = await anyio.run_process(command, check=False)
    assert done.returncode == 0, done.stderr.decode()


# --- REST, and secrets ----------------------------------------------------------------------------

KEY = "est_very_secret_key_1"
FIRST, SECOND = "ect_first_token_0123456789", "ect_second_token_0123456789"


async def full_of_secrets(url: str, capture: Any) -> list[str]:
    """A session with a key, two end-user tokens, shares and REST; returns what must not show."""
    async with EstuaryClient(EstuaryConfig(url, KEY, "demo", "ada"), capture=capture) as client:
        share = await client.shares.create_share("demo")
        guest = await client.shares.exchange_share_token(share.token, "guest-1")
        await client.connect()
        await client.send_text_and_wait(f"I should not say {KEY} aloud")
        await client.memory.get_stats()
        assert repr(client.config).find(KEY) < 0
        for told in (repr(share), repr(guest), str(share), str(guest), repr(client)):
            assert share.token not in told
            assert guest.session_token not in told
        with pytest.raises(EstuaryError) as refused:
            await client.shares.exchange_share_token("shr_no_such_token_0123456789")
        secrets = [KEY, share.token, guest.session_token, "shr_no_such_token_0123456789"]
        assert not any(secret in repr(refused.value) + str(refused.value) for secret in secrets)
        return secrets


async def test_secrets_of_a_session_are_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    path = tmp_path / "session.jsonl"
    async with serve_gateway(api_keys=[KEY], stt="none", tts="tone") as gateway:
        secrets = await full_of_secrets(gateway.url, path)
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    calls = [entry for entry in read(lines) if entry.kind == "rest"]
    assert [entry.name for entry in calls].count("answered") >= 4
    assert any(entry.data.get("status") in (400, 401, 404) for entry in calls)
    har = json.dumps(to_har(lines))
    assert har.count("/api/") >= 4
    found = replay(lines)
    assert found.difference is None, str(found.difference)
    for secret in secrets:
        for place in (text, har, caplog.text, repr(found), str([*read(lines)])):
            assert secret not in place
            assert secret[8:] not in place


async def test_renewed_tokens_are_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    lines: list[str] = []
    tokens = iter([FIRST, SECOND])

    async def provider() -> ClientCredential:
        from time import time

        return ClientCredential(next(tokens), "ada", time() + 100)

    async with serving() as server:
        config = server.config(api_key="", token_provider=provider)
        async with EstuaryClient(config, capture=lines.append) as client:
            await client.connect()
            await client.send_text(f"echo {FIRST}")
            peer = await server.peer()
            async with client.events(BotResponse) as answers:
                await peer.emit("bot_response", text=f"{FIRST}!", is_final=True, message_id="m")
                with anyio.fail_after(5):
                    await anext(answers)
    text = "".join(lines)
    assert "«client_token»" in text
    for place in (text, json.dumps(to_har(lines)), caplog.text, repr(replay(lines))):
        assert FIRST not in place
        assert FIRST[4:] not in place


async def test_answers_that_nobody_reads_to_the_end_are_kept_as_far_as_they_came() -> None:
    lines: list[str] = []
    async with serve_gateway(stt="none", tts="tone") as gateway:
        config = EstuaryConfig(gateway.url, gateway.api_key, gateway.character_id, "p")
        async with EstuaryClient(config, capture=lines.append) as client:
            async with client.turn("Tell me a story", stream=True) as events:
                async for _ in events:
                    break
            async for _ in client.turn("Hi", stream=True):
                pass
    config = EstuaryConfig("http://127.0.0.1:9", "est_x", "c", "p")
    client = EstuaryClient(config, capture=lines.append)
    with pytest.raises(EstuaryError):
        await client.memory.get_stats()
    await client.disconnect()
    told = [json.loads(line) for line in lines if '"rest":' in line]
    first, second = (one for one in told if one["rest"] == "answered")
    assert first["whole"] is False
    assert len(second["body"]) > len(first["body"]) > 0
    assert any(one["rest"] == "failed" and "127.0.0.1:9" in one["reason"] for one in told)


async def test_a_call_that_is_given_up_is_told() -> None:
    lines: list[str] = []

    async def silence(peer: Peer) -> None:
        await anyio.sleep_forever()

    async with serving(silence) as server:
        async with EstuaryClient(server.config(), capture=lines.append) as client:
            with anyio.move_on_after(0.2):
                await client.memory.get_stats(timeout=None)
    assert sum("nobody waited" in line for line in lines) == 1


# --- both halves ----------------------------------------------------------------------------------


@pytest.fixture
async def chatted() -> AsyncIterator[tuple[str, list[str]]]:
    """A gateway's URL, and a capture of a session with it."""
    lines: list[str] = []
    async with serve_gateway(stt="none", tts="tone") as gateway:
        config = EstuaryConfig(gateway.url, gateway.api_key, gateway.character_id, "p")
        async with EstuaryClient(config, capture=lines.append) as client:
            await client.connect()
            await client.send_text_and_wait("My name is Ada")
        yield gateway.url, lines


async def test_the_servers_half_for_a_live_client(
    chatted: tuple[str, list[str]], tmp_path: Path
) -> None:
    _, lines = chatted
    path = tmp_path / "bug.jsonl"
    path.write_text("".join(lines), encoding="utf-8")
    said = next(e.text for e in replay(lines).events if isinstance(e, BotResponse) and e.is_final)
    async with ReplayServer(path, speed=0) as server:
        with pytest.raises(LocalProtocolError):
            async with server:
                pass
        async with EstuaryClient(server.config()) as client:
            await client.connect()
            answer = await client.send_text_and_wait("My name is Eve")
            assert answer.text == said
        with anyio.fail_after(10):
            await server.finished()
        async with EstuaryClient(server.config(connect_timeout=5.0)) as client:
            with pytest.raises(EstuaryError):  # There was no second connection.
                await client.connect()
    (unlike,) = server.unlike
    assert ("Ada" in unlike.expected, "Eve" in unlike.actual) == (True, True)


async def test_an_error_of_the_caller_leaves_as_itself(chatted: tuple[str, list[str]]) -> None:
    with pytest.raises(ZeroDivisionError):
        async with ReplayServer(chatted[1]):
            raise ZeroDivisionError


async def test_connections_that_failed_and_fell_do_so_again() -> None:
    lines: list[str] = []

    async with serving() as server:
        config = server.config(reconnect_delay=0.0)
        async with EstuaryClient(config, capture=lines.append) as client:
            await client.connect()
            peer = await server.peer()
            await peer.cut()
            await server.peer(2)
            await until(lambda: client.is_connected)
            await client.send_text("again")
    told: list[str] = []
    async with ReplayServer(lines) as replayed:
        async with EstuaryClient(replayed.config(), capture=told.append) as client:
            sessions: list[object] = []
            client.on("connected", sessions.append)
            await client.connect()
            await until(lambda: len(sessions) == 2)
            await client.send_text("again")
        with anyio.fail_after(10):
            await replayed.finished()
    assert replayed.unlike == []
    kinds = [[type(e).__name__ for e in replay(each).events] for each in (lines, told)]
    assert [kind.count("Reconnecting") for kind in kinds] == [1, 1]
    assert [kind.count("Connected") for kind in kinds] == [2, 2]


async def test_the_clients_half_for_a_live_server(chatted: tuple[str, list[str]]) -> None:
    url, lines = chatted
    client = ReplayClient(lines, url, api_key="est_dev", speed=0)
    with anyio.fail_after(20):
        await client.play()
    assert client.unlike == []
    assert any("bot_response" in str(frame) and "Ada" in str(frame) for frame in client.heard)
    refused = ReplayClient(lines, url, api_key="est_wrong_key_of_somebody", speed=0)
    with anyio.fail_after(20):
        await refused.play()
    assert refused.unlike
    assert "est_wrong_key_of_somebody" not in repr(refused.unlike)


async def test_no_server_and_no_capture(tmp_path: Path, chatted: tuple[str, list[str]]) -> None:
    client = ReplayClient(chatted[1], "http://127.0.0.1:9", api_key="x")
    with pytest.raises(OSError, match="connect"):
        await client.play()
    with pytest.raises(OSError, match="nowhere"):
        ReplayServer(tmp_path / "nowhere")
    with pytest.raises(EstuaryError):
        ReplayServer(["{}"])
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(EstuaryError, match="binary: not a capture"):
        ReplayServer(binary)


async def test_line_breaks_of_others_are_none_here(
    chatted: tuple[str, list[str]], tmp_path: Path
) -> None:
    path = tmp_path / "edited.jsonl"
    path.write_text("".join(chatted[1]).replace("Ada", "A\u2028da"), encoding="utf-8")
    assert ReplayServer(path).unlike == []
