"""Captions: on a terminal each takes the place of the one before, elsewhere the last one counts."""

from __future__ import annotations

import io

import pytest

from estuary_anyio.cli.screen import Screen


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("NO_COLOR", "1"), ("TERM", "xterm"), ("COLUMNS", "21")):
        monkeypatch.setenv(name, value)


def test_each_takes_the_place_of_the_one_before() -> None:
    out = Terminal()
    screen = Screen(out, io.StringIO())
    screen.caption("you > ", "What is \x1b[2J\nthat")
    screen.caption("you > ", "Oh")
    screen.caption_done("you > ", "Well")
    # Twenty columns: the last one is left alone, or the terminal would begin a new line.
    assert out.getvalue() == (
        "\ryou > What is [2J t\N{HORIZONTAL ELLIPSIS}"
        "\ryou > Oh            \r                    \ryou > Well\n"
    )


def test_what_was_said_between_stays() -> None:
    out = Terminal()
    screen = Screen(out, io.StringIO())
    screen.caption("you > ", "One")
    screen.say("news")
    screen.caption_done("you > ", "Two")
    assert out.getvalue() == "\ryou > One           \nnews\nyou > Two\n"


def test_elsewhere_only_the_last_one_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for out, term in ((io.StringIO(), "xterm"), (Terminal(), "dumb")):
        monkeypatch.setenv("TERM", term)
        screen = Screen(out, io.StringIO())
        screen.caption("you > ", "One")
        screen.caption_done("you > ", "Two")
        assert out.getvalue() == "you > Two\n"
