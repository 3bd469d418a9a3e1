"""`estuary chat` and `estuary demo` on a terminal of their own (a pty of 80 columns)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.terminal import Terminal


def test_ctrl_c_interrupts_first_and_ends_second(
    terminal: Callable[..., Terminal], backend: str
) -> None:
    chat = terminal("chat", "--backend", backend)
    chat.until("you > ")
    chat.keys("Tell me a story\n")
    chat.until("demo > ")
    chat.until(" ")
    chat.keys("\x03")
    chat.until("\ninterrupted\nyou > ")
    # It goes on as if nothing had happened …
    chat.keys("Hello\n")
    chat.until("demo > ")
    assert len(chat.until("\nyou > ")) > 10
    # … and with nothing to interrupt, it ends.
    chat.keys("\x03")
    assert chat.end() == 130
    assert chat.text.endswith("you > ^C\n")


def test_ctrl_c_twice_in_one_answer(terminal: Callable[..., Terminal], backend: str) -> None:
    chat = terminal("chat", "--backend", backend)
    chat.until("you > ")
    chat.keys("Tell me a story\n")
    chat.until("demo > ")
    chat.until(" ")
    chat.keys("\x03")
    # Signals that wait are one: the second key comes when the first was heard.
    chat.until("\ninterrupted\n")
    chat.keys("\x03")
    assert chat.end() == 130
    assert "Traceback" not in chat.text


def test_the_end_of_the_input_ends_it(terminal: Callable[..., Terminal], backend: str) -> None:
    chat = terminal("chat", "--backend", backend)
    chat.until("connected; Ctrl-C interrupts an answer, Ctrl-D ends the conversation\nyou > ")
    chat.keys("\n")
    chat.until("\nyou > ")
    chat.keys("\x04")
    assert chat.end() == 0


def test_answers_are_wrapped_and_coloured(terminal: Callable[..., Terminal]) -> None:
    chat = terminal("chat")
    chat.until("you > ")
    chat.keys("Tell me a story\n")
    chat.until("demo > ")
    story = chat.until("\nyou > ")
    first, *rest = story.split("\n")
    assert len(rest) > 5
    assert len("demo > " + first) < 80
    assert all(line.startswith(" " * 7) and len(line) < 80 for line in rest)
    assert " ".join(line.strip() for line in (first, *rest)).count("  ") == 0
    assert "\x1b[1;32mdemo > \x1b[0m" in chat.raw


def test_no_colour_when_it_is_not_wanted(terminal: Callable[..., Terminal]) -> None:
    once = terminal("chat", "--once", "Hello there", NO_COLOR="1")
    assert once.end() == 0
    assert "\x1b" not in once.raw
    notice, answer = once.text.splitlines()
    assert notice.startswith("no URL: ")
    assert answer.startswith("Hello!")


def test_a_lost_connection_comes_back_at_the_prompt(
    terminal: Callable[..., Terminal], gateway: Callable[..., tuple[Any, str]], backend: str
) -> None:
    server, url = gateway()
    chat = terminal("chat", "--backend", backend, "--url", url)
    chat.until("you > ")
    server.kill()
    chat.until("the connection is lost (network)\nyou > ")
    server.wait()
    gateway("--port", url.rpartition(":")[2])
    chat.until("connected again\nyou > ")
    chat.keys("Hello\n")
    chat.until("demo > Hello!")
    chat.until("you > ")
    chat.keys("\x04")
    assert chat.end() == 0


def test_the_demo_on_a_terminal(terminal: Callable[..., Terminal], backend: str) -> None:
    demo = terminal("demo", "--backend", backend)
    assert demo.end() == 0
    assert re.search(r"\nall 12 steps passed, in \d+\.\d s\n$", demo.text)
    # Captions take each other's place, and leave nothing behind the last one.
    label = r"  you \(aloud\) > "
    assert re.search(rf"\n\r{label}What +\r{label}What is +\r", demo.text)
    assert len(re.findall(rf"\r {{79}}\r{label}What is my name\?\n", demo.text)) == 2
    assert all(len(line) < 80 for line in demo.text.splitlines())
    assert "\x1b[" in demo.raw
