"""Word wrap, and what others may not do to a terminal."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estuary_anyio.cli.exits import one_line
from estuary_anyio.cli.screen import Flow, Screen


def flowed(*pieces: str, width: int | None = 20, column: int = 0, indent: int = 0) -> str:
    """All that a flow has shown of these pieces."""
    shown: list[str] = []
    flow = Flow(shown.append, width=width, column=column, indent=indent)
    for piece in pieces:
        flow.add(piece)
    flow.flush()
    return "".join(shown)


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (("one two three four five six",), "one two three four\n  five six"),
        (("one ", "two ", "thr", "ee fo", "ur five"), "one two three four\n  five"),
        (("exactly twenty chars",), "exactly twenty chars"),
        (("exactly twenty chars!",), "exactly twenty\n  chars!"),
        (("a\nb\n\nc",), "a\n  b\n  \n  c"),
        (("two  blanks",), "two  blanks"),
        (("\x1b[31mred\x07\r",), "[31mred"),
        (("\u4f60" * 8 + " " + "\u4f60" * 4,), "\u4f60" * 8 + "\n  " + "\u4f60" * 4),
    ],
)  # fmt: skip
def test_wrapping(pieces: tuple[str, ...], shown: str) -> None:
    assert flowed(*pieces, indent=2) == shown


def test_the_label_takes_room() -> None:
    assert flowed("one two three four", column=7, indent=7) == "one two three\n       four"


def test_words_come_as_they_are_complete() -> None:
    shown: list[str] = []
    flow = Flow(shown.append, width=40)
    flow.add("one tw")
    assert shown == ["one"]
    flow.add("o ")
    assert "".join(shown) == "one two"
    # No word is so long that nothing of it is shown before its end.
    flow.add("x" * 30)
    assert "".join(shown).endswith("x" * 30)


@given(st.lists(st.text("ab \n\u4f60", max_size=30)), st.integers(10, 30))
def test_nothing_is_lost_and_lines_hold(pieces: list[str], width: int) -> None:
    text = "".join(pieces)
    assert flowed(*pieces, width=width).split() == text.split() or any(
        len(word) > min(width // 2, 24) for word in text.split()
    )
    assert flowed(*pieces, width=width).replace("\n", "").replace(" ", "") == text.replace(
        "\n", ""
    ).replace(" ", "")
    assert flowed(*pieces, width=None) == text


def test_pipes_get_everything_as_it_is() -> None:
    out, err = io.StringIO(), io.StringIO()
    screen = Screen(out, err)
    screen.close(screen.answer("demo > "), "a \x07 bell, and " + "long " * 40)
    assert out.getvalue() == "a \x07 bell, and " + "long " * 40 + "\n"
    screen.prompt("you > ")
    screen.error("two\nlines\x1b[2J")
    assert err.getvalue() == "estuary: two lines [2J\n"


def test_one_line() -> None:
    assert one_line(" a\r\n\tb \x9b2J c\u2028d ") == "a b 2J c d"
