"""Assembling text at its edges: tags in what is replaced, limits, what a redaction forgets."""

from __future__ import annotations

import pytest

from estuary_proto.errors import RemoteProtocolError
from estuary_proto.models.conversation import CharacterAction, ResponseChunk
from estuary_proto.transcript import MAX_OPEN, MAX_TEXT, Assembled, Transcript

WAVE = '<action name="wave"/>'
BOW = '<action name="bow"/>'


def feed(transcript: Transcript, text: str, *, final: bool = False, key: str = "m") -> Assembled:
    assembled = transcript.feed(ResponseChunk(text, final, None, key))
    assert assembled is not None
    return assembled


def names(assembled: Assembled) -> list[str]:
    return [action.name for action in assembled.actions]


def test_a_tag_that_only_the_new_text_has_is_told() -> None:
    transcript = Transcript("cumulative")
    assert names(feed(transcript, "Hello")) == []
    replaced = feed(transcript, f"Ah, {WAVE}hello")
    assert (replaced.response.text, replaced.response.replaces) == ("Ah, hello", True)
    assert replaced.actions == (CharacterAction("wave", {}, "m"),)


def test_of_the_tags_in_a_new_text_only_the_new_ones_are_told() -> None:
    transcript = Transcript("cumulative")
    assert names(feed(transcript, f"a{WAVE}")) == ["wave"]
    assert names(feed(transcript, f"a{WAVE}b{BOW}")) == ["bow"]
    assert names(feed(transcript, f"X{WAVE}b{BOW}{WAVE}")) == ["wave"]
    last = feed(transcript, f"Y{WAVE}b{BOW}{WAVE}{BOW}", final=True)
    assert (last.response.text, names(last)) == ("Yb", ["bow"])


def test_a_new_text_forgets_the_half_tag_of_the_old() -> None:
    transcript = Transcript("cumulative")
    assert feed(transcript, "one <act").response.text == "one "
    assert feed(transcript, "two").response.text == "two"
    assert feed(transcript, "two!", final=True).response.text == "two!"


def test_after_a_new_text_the_pieces_go_on_from_it() -> None:
    transcript = Transcript("cumulative")
    feed(transcript, "ab")
    assert feed(transcript, "aX").response.replaces
    more = feed(transcript, "aXY").response
    assert (more.text, more.partial, more.replaces) == ("aXY", "Y", False)


def test_a_last_text_may_take_everything_back_but_the_start() -> None:
    transcript = Transcript("cumulative")
    feed(transcript, f"Hi{WAVE} you")
    last = feed(transcript, "Hi you there", final=True).response
    # The user has seen "Hi you" already: the piece is what is new.
    assert (last.text, last.partial, last.replaces) == ("Hi you there", " there", False)


def test_the_longest_text_that_comes_whole_or_at_last() -> None:
    transcript = Transcript()
    assert len(feed(transcript, "x" * MAX_TEXT, final=True).response.text) == MAX_TEXT
    with pytest.raises(RemoteProtocolError, match="message 'm' has more than"):
        transcript.feed(ResponseChunk("x" * (MAX_TEXT + 1), True, None, "m"))


def test_what_is_redacted_is_gone_though_it_comes_again_much_later() -> None:
    transcript = Transcript()
    feed(transcript, "bad", key="m")
    transcript.redact("m")
    for number in range(MAX_OPEN - 1):
        transcript.redact(f"other {number}")
    assert transcript.feed(ResponseChunk("late", True, None, "m")) is None
    # Once it is forgotten it begins anew: nothing of the old text was kept.
    transcript.redact("one more")
    assert feed(transcript, "new", key="m").response.text == "new"


def test_redacting_twice_takes_one_place() -> None:
    transcript = Transcript()
    transcript.redact("first")
    for _ in range(MAX_OPEN):
        transcript.redact("again")
    assert transcript.feed(ResponseChunk("x", False, None, "first")) is None
