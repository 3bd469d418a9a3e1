"""A streaming text in sentences, as soon as each is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estuary_proto.gateway.sentences import FIRST, LONGEST, Sentences


def cut(*pieces: str) -> list[str]:
    one = Sentences()
    return [sentence for piece in pieces for sentence in one.feed(piece)] + one.flush()


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ('He said "Go." Then he went.', ['He said "Go."', "Then he went."]),
        ("Wait… what?! No.", ["Wait…", "what?!", "No."]),
        ("Dr. Who met J. Smith at 3.5 km. Good.", ["Dr. Who met J. Smith at 3.5 km.", "Good."]),
        ("Some, e.g. these. Done.", ["Some, e.g. these.", "Done."]),
        ("A title\nand a line\n", ["A title", "and a line"]),
        ("... -- !? \n\n", []),
        ("Yes.  ... No.", ["Yes.", "No."]),
        ("", []),
    ],
)  # fmt: skip
def test_sentences(text: str, sentences: list[str]) -> None:
    assert cut(text) == sentences
    assert cut(*text) == sentences


def test_a_sentence_is_known_with_the_space_behind_it() -> None:
    one = Sentences()
    assert one.feed("Hello there.") == []
    assert one.feed(" ") == ["Hello there."]


def test_the_first_may_end_with_a_clause_and_no_other() -> None:
    text = "When the long winter was over at last, the river ran again, and so did we, all day."
    one = Sentences()
    assert one.feed(text) == ["When the long winter was over at last,"]
    assert one.feed(" Then") == ["the river ran again, and so did we, all day."]
    # One that has hardly begun is no first.
    assert cut("Yes, " + "x" * FIRST) == ["Yes, " + "x" * FIRST]
    # The next text has a first again.
    one.flush()
    assert one.feed(text) == ["When the long winter was over at last,"]


def test_what_has_no_end_is_parted_between_words() -> None:
    words = "word " * 100
    found = cut(words)
    assert all(len(sentence) <= LONGEST for sentence in found)
    assert " ".join(found) == words.strip()
    assert [len(sentence) for sentence in cut("x" * 500)] == [240, 240, 20]


@given(st.text(st.sampled_from("ab1 .,!?\n\"'Dr…:"), max_size=700), st.lists(st.integers(1, 40)))
def test_nothing_is_lost_and_pieces_do_not_matter(text: str, sizes: list[int]) -> None:
    pieces, rest = [], text
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    found = cut(*pieces, rest)
    assert all(any(map(str.isalnum, s)) and len(s) <= LONGEST for s in found)
    kept = [c for c in text if c.isalnum()]
    assert [c for sentence in found for c in sentence if c.isalnum()] == kept
