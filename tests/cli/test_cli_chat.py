"""`estuary chat` in pipes: stdout is the answers and nothing else, the exit status tells."""

from __future__ import annotations

import os
import signal
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from estuary_proto.gateway import MemoryStore
from estuary_proto.gateway.rules import RulesBrain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Ended = Callable[..., tuple[int, str, str]]
    Gateway = Callable[..., tuple[Any, str]]
    Start = Callable[..., Any]

OFFLINE = "no URL: this is the offline character, inside this program (--url: others)\n"


def rest_of(process: Any) -> tuple[str, str]:
    """No more input: what it still says on stdout and stderr until it ends."""
    process.stdin.close()
    got = process.stdout.read(), process.stderr.read()
    process.wait(30)
    return got


def answers(*texts: str) -> str:
    """What the offline character says to these, a line each."""
    brain, memory = RulesBrain(), MemoryStore().of("demo", "me")
    said = []
    for turn, text in enumerate(texts):
        memory.learn(text)
        said.append(brain.reply(text, memory, turn) + "\n")
    return "".join(said)


def test_once_prints_the_answer_alone(ended: Ended, backend: str) -> None:
    got = ended("chat", "--backend", backend, "--once", "Hello there")
    assert got == (0, answers("Hello there"), OFFLINE)


def test_a_line_of_stdin_is_a_turn(ended: Ended, backend: str) -> None:
    said = "Hello\r\nMy name is Zo\u00eb.\n   \n\nWhat is my name?"
    got = ended("chat", "--backend", backend, said=said)
    expected = answers("Hello", "My name is Zo\u00eb.", "What is my name?")
    assert expected.endswith("Your name is Zo\u00eb.\n")
    assert got == (0, expected, OFFLINE)


def test_answers_stream_before_the_input_ends(start: Start, backend: str) -> None:
    process = start("chat", "--backend", backend)
    process.stdin.write("Tell me a story\n")
    process.stdin.flush()
    first = os.read(process.stdout.fileno(), 65536).decode()
    # The first words are there long before the last.
    assert 0 < len(first) < 100
    assert answers("Tell me a story").startswith(first)
    out, _ = rest_of(process)
    assert first + out == answers("Tell me a story")
    assert process.returncode == 0


def test_no_stdin_at_all(ended: Ended) -> None:
    code = "import os, sys; os.close(0); me = sys.executable; os.execv(me, [me, *sys.argv[1:]])"
    assert ended("-m", "estuary_anyio", "chat", program=("-c", code)) == (0, "", OFFLINE)


def test_the_environment_says_where_and_who(
    gateway: Gateway, ended: Ended, environment: dict[str, str], tmp_path: Path
) -> None:
    _, url = gateway("--api-key", "est_secret")
    environment["ESTUARY_SERVER_URL"] = url
    environment["ESTUARY_API_KEY"] = "est_secret"
    environment["ESTUARY_PLAYER_ID"] = "ada"
    assert ended("chat", "--once", "My name is Ada.")[::2] == (0, "")
    assert ended("chat", "--once", "What is my name?") == (0, "Your name is Ada.\n", "")
    assert "Ada" not in ended("chat", "--player", "bob", "--once", "What is my name?")[1]
    # A file is as good as the environment, and is what was typed.
    environment["ESTUARY_API_KEY"] = "est_wrong"
    key = tmp_path / "key"
    key.write_text("  est_secret \n")
    status, out, _ = ended("chat", "--api-key-file", str(key), "--once", "What is my name?")
    assert (status, out) == (0, "Your name is Ada.\n")
    environment["ESTUARY_CHARACTER_ID"] = "nobody"
    environment["ESTUARY_API_KEY"] = "est_secret"
    status, out, err = ended("chat", "--once", "Hello")
    assert (status, out) == (1, "")
    assert "Unknown character 'nobody'" in err


def test_wrong_key(gateway: Gateway, ended: Ended, backend: str) -> None:
    _, url = gateway()
    args = ("--backend", backend, "--url", url, "--api-key", "est_wrong")
    for status, out, err in (ended("chat", *args), ended("chat", *args, "--once", "Hello")):
        assert (status, out) == (1, "")
        assert err == (
            "estuary: the server refused the connection: Invalid API key "
            "(check the key and --character)\n"
        )


def test_nobody_listens(gateway: Gateway, ended: Ended, backend: str) -> None:
    server, url = gateway()
    server.kill()
    server.wait()
    status, out, err = ended("chat", "--backend", backend, "--url", url, "--once", "Hello")
    assert (status, out) == (1, "")
    assert err == f"estuary: nobody listens at {url[7:]} (connection refused)\n"


def test_a_server_that_goes_silent(gateway: Gateway, ended: Ended, backend: str) -> None:
    server, url = gateway()
    args = ("chat", "--backend", backend, "--url", url, "--timeout", "0.3")
    # A story takes seconds.
    status, out, err = ended(*args, "--once", "Tell me a story")
    assert (status, out) == (1, "")
    assert err == "estuary: no final answer came in time (--timeout waits longer)\n"
    assert server.poll() is None


def test_killed_in_the_middle_of_the_only_answer(
    gateway: Gateway, start: Start, backend: str
) -> None:
    server, url = gateway()
    process = start("chat", "--backend", backend, "--url", url)
    process.stdin.write("Tell me a story\n")
    process.stdin.flush()
    os.read(process.stdout.fileno(), 1)
    server.kill()
    # It says so and tries to come back …
    assert process.stderr.readline() == (
        "the connection is lost (network), in the middle of the answer\n"
    )
    assert process.stderr.readline().startswith("reconnecting: attempt 1 in ")
    # … which it does when the server is there again.
    server.wait()
    gateway("--port", url.rpartition(":")[2])
    while (line := process.stderr.readline()) != "connected again\n":
        assert line.startswith("reconnecting: attempt "), line
    process.stdin.write("Hello\n")
    out, err = rest_of(process)
    assert out.endswith(f"\n{answers('Hello')}")
    assert err == ""
    # One turn of this conversation failed.
    assert process.returncode == 1


def test_killed_in_the_middle_of_once(gateway: Gateway, start: Start, backend: str) -> None:
    server, url = gateway()
    process = start("chat", "--backend", backend, "--url", url, "--once", "Tell me a story")
    # Nothing is shown before the end, so the server has to tell that the client is there.
    while b'"sessions": 1' not in urllib.request.urlopen(f"{url}/health").read():
        pass
    server.kill()
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (1, "")
    assert err.startswith("estuary: ")
    assert err.count("\n") == 1


def test_ctrl_c_in_a_pipe_interrupts_once_then_ends(start: Start, backend: str) -> None:
    process = start("chat", "--backend", backend)
    assert process.stderr.readline() == OFFLINE
    process.stdin.write("Tell me a story\nAnd another story\n")
    process.stdin.flush()
    os.read(process.stdout.fileno(), 1)
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline() == "interrupted\n"
    process.send_signal(signal.SIGINT)
    assert rest_of(process)[1] == ""
    assert process.returncode == 130


def test_whoever_reads_may_leave(start: Start, backend: str) -> None:
    process = start("chat", "--backend", backend)
    assert process.stderr.readline() == OFFLINE
    process.stdout.close()
    process.stdin.write("Tell me a story\nTell me a story\n")
    process.stdin.close()
    assert process.stderr.read() == ""
    assert process.wait(30) == 1


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--once", "  "), "--once"),
        (("--url", "ftp://127.0.0.1"), "server_url"),
        (("--url", "http://estuary.invalid", "--once", "Hello"), "ESTUARY_API_KEY"),
        (("--url", "https://estuary.invalid", "--api-key", "k", "--once", "a"), "--character"),
        (("--api-key", "a", "--api-key-file", "b"), "not both"),
        (("--api-key-file", "/nonexistent/file"), "No such file"),
        (("--backend", "gevent"), "'--backend'"),
        (("--timeout", "0"), "'--timeout'"),
        (("--nonsense",), "--nonsense"),
    ],
)
def test_wrong_usage(ended: Ended, args: tuple[str, ...], says: str) -> None:
    status, out, err = ended("chat", *args)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("estuary: ")
    assert says in err


def test_a_key_in_clear_is_warned_of_in_one_line(ended: Ended) -> None:
    url = "http://estuary.invalid"
    args = ("--url", url, "--api-key", "est_1", "--character", "c", "--once", "Hello")
    status, out, err = ended("chat", *args)
    first, second = err.splitlines()
    assert (status, out) == (1, "")
    assert first.startswith("estuary: warning: the key travels to estuary.invalid in clear")
    assert second.startswith("estuary: ")
    assert "est_1" not in err
