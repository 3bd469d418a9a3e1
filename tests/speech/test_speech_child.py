"""A recogniser in a process of its own: one that crashes, hangs, babbles, or is left alone."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from estuary_anyio import EstuaryClient, EstuaryConfig
from estuary_anyio.gateway import LiveRecogniser, RecogniserError, Sphinx, serve_gateway
from estuary_anyio.gateway.speech.child import program
from estuary_anyio.gateway.speech.sphinx_child import FRAME
from estuary_proto.gateway import ServerConfig, Transcribe
from estuary_proto.models.conversation import SttResponse
from tests.gateway.sounds import SPEECH

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

CHILD = """
import json, os, struct, sys, time
head = struct.Struct(">cII")
def tell(**what):
    print(json.dumps(what), flush=True)
def frames():
    while len(data := sys.stdin.buffer.read(head.size)) == head.size:
        kind, number, size = head.unpack(data)
        yield kind, number, len(sys.stdin.buffer.read(size))
open(sys.argv[1], "a").write(f"{os.getpid()}\\n")
starts = len(open(sys.argv[1]).readlines())
tell(ready=True)
heard = {}
for kind, number, size in frames():
    heard[number] = heard.get(number, 0) + size
    {BEHAVIOUR}
    if kind != b"X":
        tell(id=number, text=f"{heard[number]} bytes", final=kind == b"E")
"""


class Fake:
    """A command for a child that does this before each answer, and the ids of those that ran."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._pids = place / "pids"

    def command(self, behaviour: str = "pass") -> list[str]:
        file = self._place / "child.py"
        file.write_text(CHILD.replace("{BEHAVIOUR}", behaviour))
        return [sys.executable, "-I", str(file), str(self._pids)]

    @property
    def pids(self) -> list[int]:
        return [int(line) for line in self._pids.read_text().split()]

    @property
    def alive(self) -> list[int]:
        return [pid for pid in self.pids if os.path.exists(f"/proc/{pid}")]


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    return Fake(tmp_path)


@pytest.fixture
async def ears(fake: Fake) -> AsyncGenerator[Callable[..., Sphinx], None]:
    made: list[Sphinx] = []

    def make(behaviour: str = "pass", **options: Any) -> Sphinx:
        made.append(Sphinx(command=fake.command(behaviour), **options))
        return made[-1]

    yield make
    for one in made:
        await one.aclose()
    if made:
        assert fake.alive == []


def speech(seconds: float = 1.0, rate: int = 16000) -> Transcribe:
    return Transcribe(0, bytes(2 * int(seconds * rate)), rate)


async def test_all_of_it_arrives_and_the_process_is_kept(
    ears: Callable[..., Sphinx], fake: Fake
) -> None:
    one = ears()
    assert isinstance(one, LiveRecogniser)
    assert await one.transcribe(speech(1.05)) == "33600 bytes"
    assert await one.transcribe(speech(0.01)) == "320 bytes"
    assert await one.transcribe(speech(0)) == "0 bytes"
    assert await one.transcribe(speech(1, 48000)) == "32000 bytes"
    assert len(fake.pids) == 1


async def test_what_is_so_far_is_told(ears: Callable[..., Sphinx]) -> None:
    sender, pieces = anyio.create_memory_object_stream[bytes](10)
    told: list[str] = []
    heard = anyio.Event()

    def note(text: str) -> None:
        told.append(text)
        heard.set()

    async def talk() -> None:
        async with sender:
            await sender.send(bytes(3200))
            await heard.wait()  # Before it has all been said.
            await sender.send(bytes(3300))

    one = ears()
    with pieces:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk)
            assert await one.follow(pieces, 16000, note) == "6500 bytes"
    assert told == ["3200 bytes", "6400 bytes", "6500 bytes"]


async def test_one_crash_is_mended(ears: Callable[..., Sphinx], fake: Fake) -> None:
    one = ears("if starts == 1 and heard[number] > 9000: os._exit(9)")
    assert await one.transcribe(speech()) == "32000 bytes"
    assert len(fake.pids) == 2
    assert await one.transcribe(speech()) == "32000 bytes"
    assert len(fake.pids) == 2


async def test_two_crashes_are_told_and_survived(ears: Callable[..., Sphinx], fake: Fake) -> None:
    one = ears("if starts <= 2: os._exit(9)")
    with pytest.raises(RecogniserError, match="crashed, twice"):
        await one.transcribe(speech())
    assert await one.transcribe(speech()) == "32000 bytes"
    assert len(fake.pids) == 3


async def test_a_hang_is_told_and_survived(ears: Callable[..., Sphinx], fake: Fake) -> None:
    one = ears("while starts == 1: time.sleep(9)", patience=0.5)
    with pytest.raises(RecogniserError, match=r"hung for 0\.5 s"):
        await one.transcribe(speech(30))  # More than a pipe holds.
    assert len(fake.alive) == 0
    assert await one.transcribe(speech()) == "32000 bytes"


async def test_nonsense_is_a_crash(ears: Callable[..., Sphinx]) -> None:
    with pytest.raises(RecogniserError, match="crashed"):
        await ears("print('nonsense', flush=True)").transcribe(speech())


async def test_a_process_that_does_not_start_is_told(tmp_path: Path) -> None:
    for command, problem in (
        ([str(tmp_path / "none")], "cannot be started"),
        ([sys.executable, "-c", "0"], "does not start"),
        ([sys.executable, "-c", "input()"], "does not get ready"),
    ):
        one = Sphinx(command=command, patience=0.2)
        with pytest.raises(RecogniserError, match=problem):
            await one.transcribe(speech())
        await one.expect()  # Raises nothing.
        await one.aclose()


async def test_who_is_not_wanted_any_more_leaves_the_process_to_the_next(
    ears: Callable[..., Sphinx], fake: Fake
) -> None:
    one = ears()
    sender, pieces = anyio.create_memory_object_stream[bytes](10)
    heard = anyio.Event()
    with sender, pieces:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one.follow, pieces, 16000, lambda text: heard.set())
            await sender.send(bytes(6400))
            await heard.wait()
            tasks.cancel_scope.cancel()
    assert await one.transcribe(speech()) == "32000 bytes"
    assert len(fake.pids) == 1


async def test_it_is_loaded_once_when_speech_is_expected(
    ears: Callable[..., Sphinx], fake: Fake
) -> None:
    one = ears()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one.expect)
        tasks.start_soon(one.expect)
        tasks.start_soon(one.transcribe, speech())
    await one.expect()
    assert len(fake.pids) == 1


async def test_two_are_heard_at_the_same_time_and_a_third_waits(
    ears: Callable[..., Sphinx], fake: Fake
) -> None:
    one = ears(processes=2)
    texts: list[str] = []

    async def ask() -> None:
        texts.append(await one.transcribe(speech()))

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(ask)
    assert texts == ["32000 bytes"] * 5
    assert 1 <= len(fake.pids) <= 2


async def test_a_crash_is_told_to_the_client_and_the_next_sentence_is_heard(
    ears: Callable[..., Sphinx],
) -> None:
    one = ears("if starts <= 2: os._exit(9)")
    news = anyio.Event()
    told: list[Any] = []

    def note(event: Any) -> None:
        told.append(event)
        news.set()

    async def final(number: int) -> SttResponse:
        nonlocal news
        with anyio.fail_after(20):
            while True:
                found = [e for e in told if isinstance(e, SttResponse) and e.is_final]
                if len(found) >= number:
                    return found[number - 1]
                news = anyio.Event()
                await news.wait()

    async with serve_gateway(stt=one, tts="tone", server=ServerConfig(word_interval=0)) as gw:
        config = EstuaryConfig(gw.url, gw.api_key, gw.character_id, "p")
        async with EstuaryClient(config) as client:
            client.on("stt_response", note)
            client.on("error", note)
            await client.connect()
            await client.start_voice()
            await client.send_audio(SPEECH[: len(SPEECH) // 2])
            await client.send_audio(SPEECH[len(SPEECH) // 2 :])
            assert (await final(1)).text == ""
            assert any("crashed, twice" in str(e) for e in told if isinstance(e, Exception))
            count = sum(isinstance(e, SttResponse) and e.is_final for e in told)
            await client.send_audio(SPEECH)
            assert (await final(count + 1)).text.endswith("bytes")


async def test_the_real_one_ends_when_nobody_listens() -> None:
    command = program("estuary_anyio.gateway.speech.sphinx_child")
    with anyio.fail_after(60):
        done = await anyio.run_process(command, input=FRAME.pack(b"X", 1, 0))
    assert done.stdout == b'{"ready": true}\n'
