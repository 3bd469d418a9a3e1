"""`estuary talk` without a sound card: a WAV file speaks, and what is heard becomes another."""

from __future__ import annotations

import signal
from itertools import pairwise
from struct import unpack
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio.from_thread import start_blocking_portal

from estuary_anyio.cli.keyboard import RELEASED_AFTER, REPEATS_WITHIN, Button
from estuary_anyio.cli.loudspeaker import Loudspeaker
from estuary_anyio.gateway import serve_gateway
from estuary_proto.gateway import ServerConfig
from estuary_proto.intents import StartVoice, StopVoice, StreamAudio
from estuary_proto.models.pcm import encode_pcm
from tests.anyio.server import Peer, serving
from tests.cli.conftest import ROOT, clean_environment, script
from tests.cli.test_cli_packages import WITHOUT
from tests.cli.wavs import answers, read_wav, voice_of, write_wav
from tests.gateway.sounds import silence, tone

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.cli.terminal import Terminal

    Ended = Callable[..., tuple[int, str, str]]
    Gateway = Callable[..., tuple[Any, str]]
    Start = Callable[..., Any]

OFFLINE = "no URL: this is the offline character, inside this program (--url: others)\n"
HEARD = "(1.0 s of speech)"
UTTERANCE = silence(0.3) + tone(1.0) + silence(0.2)
TONES = ("--stt", "none", "--tts", "tone")
"""A gateway to which a tone is speech, and who speaks in tones."""
HANGOVER = 0.5
"""Seconds after which a pause is an end, and the earliest answer comes."""

NO_SOUND = "sounddevice,numpy,soxr"


def begin_of(sound: bytes, voice: bytes) -> float:
    """When the voice begins in the sound, in seconds: all of it, without a gap."""
    assert sound.count(voice) == 1
    return sound.index(voice) / 2 / 16000


def test_a_file_speaks_and_the_answer_is_another(
    gateway: Gateway, ended: Ended, backend: str, tmp_path: Path
) -> None:
    _, url = gateway(*TONES)
    said, heard = write_wav(tmp_path / "said.wav", UTTERANCE), tmp_path / "heard.wav"
    # Nothing of [audio] is needed.
    args = ("--url", url, "--backend", backend, "--input-wav", said, "--output-wav", str(heard))
    got = ended(NO_SOUND, "talk", *args, program=("-c", WITHOUT))
    (answer,) = answers(HEARD)
    assert got == (0, f"you > {HEARD}\ndemo > {answer}\n", "")
    sound, voice = read_wav(heard), voice_of(answer)
    begin = begin_of(sound, voice)
    assert begin >= 1.3 + HANGOVER - 0.02
    assert not sound.replace(voice, b"").strip(b"\0")
    # Two seconds of nothing say that it is over; a busy machine plays its last piece late.
    assert len(sound) / 2 / 16000 >= begin + len(voice) / 2 / 16000 + 1.5


def test_push_to_talk_is_one_turn_with_its_pauses(
    gateway: Gateway, ended: Ended, backend: str, tmp_path: Path
) -> None:
    _, url = gateway("--api-key", "est_secret", *TONES)
    said = write_wav(tmp_path / "said.wav", UTTERANCE + silence(1.0) + UTTERANCE)
    heard = tmp_path / "heard.wav"
    args = ("--url", url, "--api-key", "est_secret", "--backend", backend, "--push-to-talk")
    got = ended("talk", *args, "--input-wav", said, "--output-wav", str(heard))
    text = "(3.5 s of speech)"
    (answer,) = answers(text)
    assert got == (0, f"you > {text}\ndemo > {answer}\n", "")
    assert begin_of(read_wav(heard), voice_of(answer)) >= 4.0 - 0.02


def test_who_speaks_up_silences_the_character(tmp_path: Path, backend: str) -> None:
    """What was to be said after that is not in the file."""
    story, end = "Tell me a story", "What is my name?"
    mind = ServerConfig(hears=(story, end))
    said = write_wav(tmp_path / "said.wav", UTTERANCE + silence(2.0) + UTTERANCE)
    heard = tmp_path / "heard.wav"

    async def run() -> tuple[int, str, str]:
        async with serve_gateway(server=mind, tts="tone") as server:
            done = await anyio.run_process(
                script("talk", "--backend", backend, "--url", server.url)
                + ["--input-wav", said, "--output-wav", str(heard)],
                check=False,
                cwd=ROOT,
                env=clean_environment(),
            )
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    status, out, err = anyio.run(run)
    told, answer = answers(story, end)
    lines = out.splitlines()
    assert (status, err) == (0, "interrupted\n")
    assert lines[0] == f"you > {story}"
    assert lines[1].startswith("demo > ")
    assert told.startswith(lines[1].removeprefix("demo > ").removesuffix(" ..."))
    assert lines[2:] == [f"you > {end}", f"demo > {answer}"]
    sound, voice = read_wav(heard), voice_of(told)
    spoken = begin_of(sound, voice_of(answer))
    assert voice not in sound
    first = begin_of(sound, voice[:16000])
    # The second utterance begins at 3.8 s; what it silences it does within half a second.
    until = len(sound[: round(spoken * 32000)].rstrip(b"\0")) / 2 / 16000
    assert 1.3 + HANGOVER - 0.02 <= first < 3.8
    assert 3.8 < until < 4.3


def test_ctrl_c_interrupts_first_and_ends_second(
    gateway: Gateway, start: Start, backend: str, tmp_path: Path
) -> None:
    _, url = gateway(*TONES)
    said, heard = write_wav(tmp_path / "said.wav", UTTERANCE), tmp_path / "heard.wav"
    args = ("--url", url, "--backend", backend, "--input-wav", said, "--output-wav", str(heard))
    process = start("talk", *args)
    assert process.stdout.readline() == f"you > {HEARD}\n"
    (answer,) = answers(HEARD)
    assert process.stdout.readline() == f"demo > {answer}\n"
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline() == "interrupted\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 130
    assert voice_of(answer) not in read_wav(heard)


def test_a_file_at_another_rate(gateway: Gateway, ended: Ended, tmp_path: Path) -> None:
    pytest.importorskip("soxr")
    sound = silence(0.3, 44100) + tone(1.0, rate=44100) + silence(0.2, 44100)
    said = write_wav(tmp_path / "said.wav", sound, 44100)
    _, url = gateway(*TONES)
    status, out, _ = ended("talk", "--url", url, "--input-wav", said)
    assert (status, out.splitlines()[0]) == (0, f"you > {HEARD}")
    got = ended(NO_SOUND, "talk", "--input-wav", said, program=("-c", WITHOUT))
    assert got[:2] == (2, "")
    assert got[2].startswith(f"estuary: --input-wav {said}: 44100 Hz, and 16000 are needed: ")
    assert got[2].endswith("pip install 'estuary-anyio[audio]'\n")


@pytest.mark.parametrize("held", [(), ("--push-to-talk",)])
def test_nothing_is_said(ended: Ended, backend: str, tmp_path: Path, held: tuple[str, ...]) -> None:
    said, heard = write_wav(tmp_path / "said.wav", silence(0.5)), tmp_path / "heard.wav"
    args = ("--backend", backend, "--timeout", "0.5", *held)
    got = ended("talk", *args, "--input-wav", said, "--output-wav", str(heard))
    told = "nothing was answered within 0.5 s (is it speech? --timeout waits longer)"
    assert got == (1, "", f"{OFFLINE}estuary: {told}\n")
    sound = read_wav(heard)
    assert not sound.strip(b"\0")
    assert len(sound) / 2 / 16000 >= 1.0


def test_a_server_that_is_killed(
    gateway: Gateway, start: Start, backend: str, tmp_path: Path
) -> None:
    server, url = gateway(*TONES)
    said = write_wav(tmp_path / "said.wav", UTTERANCE + silence(1.0) + UTTERANCE * 8)
    heard = tmp_path / "heard.wav"
    args = ("--backend", backend, "--url", url, "--timeout", "5")
    process = start("talk", *args, "--input-wav", said, "--output-wav", str(heard))
    assert process.stdout.readline() == f"you > {HEARD}\n"
    server.kill()
    assert process.stderr.readline() == "the connection is lost (network)\n"
    assert process.stderr.readline().startswith("reconnecting: attempt 1 in ")
    server.wait()
    gateway("--port", url.rpartition(":")[2], *TONES)
    # It comes back, and goes on with what is still said.
    out, err = process.communicate(timeout=40)
    assert "connected again\n" in err
    assert "you > " in out
    assert process.returncode == 0
    assert read_wav(heard).strip(b"\0")


def test_a_server_that_refuses(gateway: Gateway, ended: Ended, tmp_path: Path) -> None:
    _, url = gateway()
    said = write_wav(tmp_path / "said.wav", UTTERANCE)
    status, out, err = ended("talk", "--url", url, "--api-key", "est_wrong", "--input-wav", said)
    assert (status, out) == (1, "")
    assert err == (
        "estuary: the server refused the connection: Invalid API key "
        "(check the key and --character)\n"
    )


def answered_by(
    answer: Callable[[Peer], Awaitable[None]], missing: str, backend: str, said: str, heard: Path
) -> tuple[int, str, str]:
    """What comes of a file when a server answers so."""

    async def run() -> tuple[int, str, str]:
        async with serving() as server, anyio.create_task_group() as tasks:
            config = server.config()
            where = ["--url", config.server_url, "--api-key", config.api_key, "--character", "c"]
            files = ["--input-wav", said, "--output-wav", str(heard)]

            async def serve() -> None:
                await answer(await server.peer())

            tasks.start_soon(serve)
            done = await anyio.run_process(
                script(
                    missing, "talk", "--backend", backend, *where, *files, program=("-c", WITHOUT)
                ),
                check=False,
                cwd=ROOT,
                env=clean_environment(),
            )
            tasks.cancel_scope.cancel()
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    return anyio.run(run)


def test_a_recogniser_and_a_voice_that_take_their_time(tmp_path: Path, backend: str) -> None:
    """What is understood long after the last word is answered aloud all the same."""
    said, heard = write_wav(tmp_path / "said.wav", silence(0.2)), tmp_path / "heard.wav"
    voice = tone(0.5)

    async def answer(peer: Peer) -> None:
        await peer.get(StartVoice)
        await peer.emit("voice_started")
        await peer.get(StreamAudio)
        await anyio.sleep(2.5)
        await peer.emit("stt_response", text="Hello", is_final=True)
        await peer.emit("bot_response", text="Hi there", is_final=True, message_id="m")
        await anyio.sleep(1.0)
        await peer.emit("bot_voice", audio=encode_pcm(voice), message_id="m", is_final=True)
        await peer.get(StopVoice)
        await peer.emit("voice_stopped")

    assert answered_by(answer, "nothing", backend, said, heard)[0] == 0
    assert read_wav(heard).strip(b"\0") == voice.strip(b"\0")


@pytest.mark.parametrize("missing", ["nothing", NO_SOUND])
def test_a_voice_at_another_rate(tmp_path: Path, backend: str, missing: str) -> None:
    """It has its pitch and its length, where it can be resampled."""
    pytest.importorskip("soxr")
    said, heard = write_wav(tmp_path / "said.wav", silence(0.2)), tmp_path / "heard.wav"
    voice = tone(1.0, rate=24000)

    async def answer(peer: Peer) -> None:
        await peer.get(StartVoice)
        await peer.emit("voice_started")
        await peer.emit("stt_response", text="Hello", is_final=True)
        await peer.emit("bot_response", text="Hi there", is_final=True, message_id="m")
        for at in (0, 1, 2):
            piece = encode_pcm(voice[at * 16000 : (at + 1) * 16000])
            more = {"sample_rate": 24000, "chunk_index": at, "is_final": at == 2}
            await peer.emit("bot_voice", audio=piece, message_id="m", **more)
        await peer.get(StopVoice)
        await peer.emit("voice_stopped")

    status, out, err = answered_by(answer, missing, backend, said, heard)
    assert out == "you > Hello\nc > Hi there\n"
    sound = read_wav(heard).strip(b"\0")
    if missing == NO_SOUND:
        assert (status, sound, err.count("\n")) == (1, b"", 1)
        assert err.startswith("estuary: the voice has 24000 Hz: sound needs the extra [audio]")
        return
    assert (status, err) == (0, "")
    assert len(sound) / 2 / 16000 == pytest.approx(1.0, abs=0.005)
    samples = unpack(f"<{len(sound) // 2}h", sound[: len(sound) // 2 * 2])
    rises = sum(a < 0 <= b for a, b in pairwise(samples))
    assert rises == pytest.approx(200, abs=2)
    assert max(samples) == pytest.approx(8000, rel=0.05)


def test_a_server_that_ends_it(gateway: Gateway, ended: Ended, tmp_path: Path) -> None:
    _, url = gateway("--idle-timeout", "0.5")
    said = write_wav(tmp_path / "said.wav", silence(20.0))
    status, out, err = ended("talk", "--url", url, "--input-wav", said, "--push-to-talk")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.endswith("; the conversation is over\n")


def test_captions_on_a_terminal(
    gateway: Gateway, terminal: Callable[..., Terminal], backend: str, tmp_path: Path
) -> None:
    _, url = gateway(*TONES)
    said = write_wav(tmp_path / "said.wav", UTTERANCE)
    talk = terminal("talk", "--url", url, "--backend", backend, "--input-wav", said)
    talk.until("you > (0.2 s of speech)")  # While it is said.
    talk.until(f"you > {HEARD}")
    (answer,) = answers(HEARD)
    talk.until(f"demo > {answer}\n")
    assert talk.end() == 0
    # Nothing is left of what was shown in between.
    assert talk.lines == [f"you > {HEARD}", f"demo > {answer}", ""]
    assert talk.raw.rindex("\x1b[?25h") > talk.raw.rindex("\x1b[?25l")  # The cursor is back.


def test_what_was_being_said_at_the_end_is_shown_once(
    terminal: Callable[..., Terminal], backend: str, tmp_path: Path
) -> None:
    mind = ServerConfig(hears=("Tell me a story",))
    said = write_wav(tmp_path / "said.wav", UTTERANCE)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(serve_gateway(server=mind, tts="tone")) as server,
    ):
        talk = terminal("talk", "--backend", backend, "--url", server.url, "--input-wav", said)
        talk.until("demo > ")
        talk.process.terminate()
        assert talk.end() == 143
    you, answer, end = talk.lines
    assert (you, end) == ("you > Tell me a story", "")
    assert answer.startswith("demo > ")
    assert answer.endswith(" ...")


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--output-wav", "x.wav"), "--output-wav needs --input-wav"),
        (("--timeout", "3"), "--timeout needs --input-wav"),
        (("--input-wav", "x", "--volume", "0.5"), "--volume is for a sound card"),
        (("--input-wav", "x", "--input-device", "1"), "--input-device is for a sound card"),
        (("--volume", "2"), "'--volume'"),
        (("--push-to-talk",), "--push-to-talk needs a terminal"),
        (("--input-wav", "/nonexistent/x.wav"), "--input-wav /nonexistent/x.wav: No such file"),
        (("--input-wav", __file__), "not a WAV file"),
        (("--api-key", "a", "--api-key-file", "b"), "not both"),
        (("--url", "ftp://127.0.0.1", "--input-wav", "{said}"), "server_url"),
        (("--input-wav", "{said}", "--output-wav", "/nonexistent/x"), "--output-wav /nonexistent"),
    ],
)
def test_wrong_usage(ended: Ended, args: tuple[str, ...], says: str, tmp_path: Path) -> None:
    said = write_wav(tmp_path / "said.wav", UTTERANCE)
    status, out, err = ended("talk", *(arg.format(said=said) for arg in args))
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("estuary: ")
    assert says in err


@pytest.mark.parametrize("package", NO_SOUND.split(","))
def test_without_the_extra(ended: Ended, package: str) -> None:
    wanted = f"estuary: {package} not found; install with: pip install 'estuary-anyio[audio]'\n"
    assert ended(package, "talk", program=("-c", WITHOUT)) == (2, "", wanted)


# --- parts -------------------------------------------------------------------------------------


def test_a_loudspeaker_plays_one_after_the_other() -> None:
    speaker = Loudspeaker()
    assert speaker.pull(2) == (bytes(4), [], [])
    speaker.push("a", b"a1a2a3", final=False)
    speaker.push("b", b"b1", final=True)
    assert speaker.is_playing
    assert speaker.pull(2) == (b"a1a2", ["a"], [])
    # Its end has not come: the rest is a gap, and b waits.
    assert speaker.pull(2) == (b"a3\0\0", [], [])
    speaker.push("a", b"a4?", final=True)  # An odd byte is no sample.
    assert speaker.pull(3) == (b"a4b1\0\0", ["b"], ["a", "b"])
    assert not speaker.is_playing


def test_a_loudspeaker_ends_what_is_full_to_the_sample() -> None:
    speaker = Loudspeaker()
    speaker.push("a", b"a1", final=True)
    speaker.push("b", b"b1", final=True)
    assert speaker.pull(1) == (b"a1", ["a"], ["a"])
    assert speaker.pull(1) == (b"b1", ["b"], ["b"])
    speaker.push("c", b"", final=True)
    assert speaker.pull(1) == (bytes(2), [], ["c"])


def test_a_loudspeaker_forgets_what_is_cut() -> None:
    speaker = Loudspeaker()
    speaker.push("a", b"a1a2", final=True)
    speaker.push("b", b"b1", final=True)
    assert speaker.pull(1) == (b"a1", ["a"], [])
    speaker.flush("a")
    speaker.flush("unknown")
    assert speaker.pull(1) == (b"b1", ["b"], ["b"])
    speaker.push("c", b"c1", final=False)
    speaker.clear()
    assert not speaker.is_playing


def test_a_button_that_is_tapped() -> None:
    button = Button()
    button.type(1.0)
    button.tick(9.0)
    assert button.is_down
    assert button.due is None
    button.type(10.0)
    assert button.due == 10.0 + REPEATS_WITHIN
    button.tick(10.1)
    assert button.is_down
    button.tick(10.0 + REPEATS_WITHIN)
    assert not button.is_down
    button.type(11.0)
    assert button.is_down
    assert button.due is None


def test_a_button_that_is_held() -> None:
    button, now = Button(), 1.0
    button.type(now)
    now += 0.5  # The first repetition lets wait, the next ones come fast.
    for _ in range(20):
        button.type(now)
        button.tick(now)
        assert button.is_down
        now += 0.033
    now -= 0.033
    assert button.due == pytest.approx(now + RELEASED_AFTER)
    button.tick(now + RELEASED_AFTER)
    assert not button.is_down
    # The next one is another press.
    button.type(now + 1)
    button.type(now + 2)
    assert button.due == now + 2 + REPEATS_WITHIN
