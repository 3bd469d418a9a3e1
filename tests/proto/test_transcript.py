"""Assembling streamed text: delta or cumulative, the user sees the same (API 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estuary_proto.errors import RemoteProtocolError
from estuary_proto.models.conversation import (
    BotResponse,
    BotVoice,
    CharacterAction,
    InterruptData,
    ResponseChunk,
)
from estuary_proto.models.extras import TurnMetrics
from estuary_proto.models.session import ErrorEvent, ModerationFlag
from estuary_proto.transcript import MAX_OPEN, MAX_TEXT, Transcript

if TYPE_CHECKING:
    from estuary_proto.config import TextMode


def feed(
    transcript: Transcript,
    text: str,
    partial: str | None = None,
    *,
    final: bool = False,
    key: str = "m",
) -> BotResponse:
    assembled = transcript.feed(ResponseChunk(text, final, partial, key))
    assert assembled is not None
    return assembled.response


def told(*chunks: tuple[Any, ...], mode: TextMode = "auto") -> list[tuple[str, str, bool]]:
    """(text, partial, replaces) after each chunk of (text, partial[, final])."""
    transcript = Transcript(mode)
    answers = [feed(transcript, c[0], c[1], final=len(c) > 2) for c in chunks]
    return [(a.text, a.partial, a.replaces) for a in answers]


@pytest.mark.parametrize(
    ("chunks", "texts"),
    [
        # Rule 2: without a partial, an extension is cumulative, anything else delta.
        ([("He", None), ("Hello", None), ("Hello!", None)], ["He", "Hello", "Hello!"]),
        ([("He", None), ("llo", None), ("!", None)], ["He", "Hello", "Hello!"]),
        # Rule 1: a partial is evidence, where the text alone would mislead.
        ([("ha", "ha"), ("haha", "haha")], ["ha", "hahaha"]),
        ([("ha", "ha"), ("haha", "ha")], ["ha", "haha"]),
        ([("no", "no"), ("no", "no")], ["no", "nono"]),
        # A delta may stand in `partial` alone.
        ([("", "He"), ("", "llo")], ["He", "Hello"]),
        # The first text decides nothing, nor does an empty one.
        ([("", None), ("a", None), ("", None), ("ab", None)], ["", "a", "a", "ab"]),
        # A partial that fits neither reading is no evidence.
        ([("a", None), ("b", "zzz")], ["a", "ab"]),
        ([("a", None), ("ab", "zzz")], ["a", "ab"]),
        ([("b", None), ("bc", "a")], ["b", "bc"]),
        # Decided once, then kept.
        ([("a", None), ("b", None), ("ab", None)], ["a", "ab", "abab"]),
        ([("a", None), ("ab", None), ("ab", None)], ["a", "ab", "ab"]),
    ],
)
def test_how_a_chunk_is_read(chunks: list[tuple[Any, ...]], texts: list[str]) -> None:
    assert [text for text, _, _ in told(*chunks)] == texts


def test_a_cumulative_text_that_takes_something_back_replaces() -> None:
    assert told(("a", None), ("ab", None), ("aX", None), ("", None)) == [
        ("a", "a", False),
        ("ab", "b", False),
        ("aX", "aX", True),
        ("aX", "", False),
    ]


def test_the_mode_may_be_told() -> None:
    assert [t for t, _, _ in told(("a", None), ("ab", None), mode="delta")] == ["a", "aab"]
    assert told(("a", None), ("b", None), mode="cumulative")[1] == ("b", "b", True)


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (("Hello", None, True), ("Hello", "lo", False)),
        (("Hel", None, True), ("Hel", "", False)),
        (("", None, True), ("Hel", "", False)),
        (("", "lo", True), ("Hello", "lo", False)),
        (("Goodbye", None, True), ("Goodbye", "Goodbye", True)),
    ],
)
def test_the_last_text_stands_for_all(last: tuple[Any, ...], expected: tuple[Any, ...]) -> None:
    assert told(("He", None), ("l", None), last)[-1] == expected


def test_a_message_is_forgotten_when_it_is_final() -> None:
    transcript = Transcript()
    feed(transcript, "one", final=True)
    assert feed(transcript, "two").text == "two"


def test_messages_do_not_mix() -> None:
    transcript = Transcript()
    feed(transcript, "a", key="1")
    feed(transcript, "x", key="2")
    assert feed(transcript, "b", key="1").text == "ab"
    assert feed(transcript, "y", key="2").text == "xy"


def test_everything_else_is_kept() -> None:
    assembled = Transcript().feed(ResponseChunk("t", True, None, "m", 7, True))
    assert assembled is not None
    assert assembled.response == BotResponse("t", "t", True, "m", 7, True)


def test_tags_become_actions_once() -> None:
    transcript = Transcript()
    tag = '<action name="wave" to="you"/>'
    first = transcript.feed(ResponseChunk("Hi <act", False, None, "m"))
    second = transcript.feed(ResponseChunk(f"Hi {tag} there", False, None, "m"))
    last = transcript.feed(ResponseChunk(f"Hi, {tag} there <", True, None, "m"))
    assert first is not None
    assert second is not None
    assert last is not None
    assert (first.response.text, first.actions) == ("Hi ", ())
    assert (second.response.text, second.response.partial) == ("Hi  there", " there")
    assert second.actions == (CharacterAction("wave", {"to": "you"}, "m"),)
    # The final text takes something back; the action in it has been told.
    assert last.response.text == last.response.partial == "Hi,  there <"
    assert (last.response.replaces, last.actions) == (True, ())


def test_a_final_text_whose_tags_were_taken_out_takes_nothing_back() -> None:
    tag = '<action name="wave"/>'
    assert told((f"{tag}Hel", None), ("Hello", None, True))[-1] == ("Hello", "lo", False)


def test_too_long_a_message_is_the_peers_fault() -> None:
    transcript = Transcript()
    feed(transcript, "x" * MAX_TEXT)
    with pytest.raises(RemoteProtocolError, match="more than 4194304 characters"):
        transcript.feed(ResponseChunk("y", False, None, "m"))


def test_only_so_many_messages_are_open() -> None:
    transcript = Transcript()
    for number in range(MAX_OPEN + 1):
        feed(transcript, "a", key=str(number))
    assert feed(transcript, "b", key="1").text == "ab"
    assert feed(transcript, "b", key="0").text == "b"


def test_a_redacted_message_is_dropped_and_what_is_said_about_it_is_not() -> None:
    transcript = Transcript()
    feed(transcript, "bad", key="m")
    assert not transcript.drops(BotVoice(message_id="m"))
    assert not transcript.drops(ModerationFlag("m", "redacted"))
    assert transcript.feed(ResponseChunk("worse", False, None, "m")) is None
    assert transcript.drops(BotVoice(message_id="m"))
    assert transcript.drops(CharacterAction("wave", {}, "m"))
    about = [
        InterruptData("m"),
        TurnMetrics("m"),
        ErrorEvent(message_id="m"),
        ModerationFlag("m", "noted"),
        BotVoice(message_id="other"),
        BotVoice(),
        object(),
    ]
    assert not any(transcript.drops(message) for message in about)


@pytest.mark.parametrize("action", ["noted", "warned", ""])
def test_a_flag_that_is_no_redaction_takes_nothing_back(action: str) -> None:
    transcript = Transcript()
    assert not transcript.drops(ModerationFlag("m", action))
    assert feed(transcript, "fine").text == "fine"


def test_a_flag_without_a_name_does_not_silence_the_nameless() -> None:
    transcript = Transcript()
    feed(transcript, "bad", key="")
    transcript.redact("")
    assert not transcript.drops(BotVoice())
    assert feed(transcript, "good", key="").text == "good"


def test_only_so_many_redactions_are_remembered() -> None:
    transcript = Transcript()
    for number in range(MAX_OPEN + 1):
        transcript.redact(str(number))
    assert not transcript.drops(BotVoice(message_id="0"))
    assert transcript.drops(BotVoice(message_id="1"))


def test_after_an_interruption_the_nameless_begin_anew() -> None:
    transcript = Transcript()
    feed(transcript, "cut sh", key="")
    feed(transcript, "a", key="m")
    assert not transcript.drops(InterruptData("m"))
    assert feed(transcript, "ort", key="").text == "cut short"
    assert not transcript.drops(InterruptData())
    assert feed(transcript, "next", key="").text == "next"
    assert feed(transcript, "b", key="m").text == "ab"


PIECES = st.lists(
    st.sampled_from(["Hi", " ", "ha", '<action name="a"/>', "<", "<action", ' name="b"/>', "x"])
    | st.text(min_size=1, max_size=4),
    min_size=1,
    max_size=12,
)


@settings(deadline=None)
@given(PIECES, st.booleans(), st.booleans())
def test_delta_and_cumulative_show_the_same(pieces: list[str], says: bool, whole: bool) -> None:
    """`says`: the server sends string partials; `whole`: its last chunk repeats all."""
    modes: tuple[TextMode, TextMode] = ("auto", "auto") if says else ("delta", "cumulative")
    runs = []
    for cumulative, mode in zip((False, True), modes, strict=True):
        transcript, so_far, seen = Transcript(mode), "", []
        actions: list[CharacterAction] = []
        for piece in pieces:
            so_far += piece
            chunk = ResponseChunk(so_far if cumulative else piece, False, piece if says else None)
            assembled = transcript.feed(chunk)
            assert assembled is not None
            seen.append((assembled.response.text, assembled.response.partial))
            actions += assembled.actions
        last = transcript.feed(ResponseChunk(so_far if whole else "", True))
        assert last is not None
        assert not last.response.replaces
        runs.append(([*seen, (last.response.text, last.response.partial)], actions))
    assert runs[0] == runs[1]
    shown = "".join(partial for _, partial in runs[0][0])
    assert runs[0][0][-1][0] == shown


@settings(deadline=None)
@given(PIECES)
def test_what_streamed_and_what_came_whole_are_the_same(pieces: list[str]) -> None:
    whole = "".join(pieces)
    streamed = Transcript("delta")
    for piece in pieces:
        feed(streamed, piece)
    once = Transcript()
    assert feed(streamed, "", final=True).text == feed(once, whole, final=True).text


def test_the_same_again_is_more_of_it() -> None:
    script = Transcript()
    texts = []
    for text in ("ha", "ha"):
        told = script.feed(ResponseChunk(text, False, None, "m"))
        assert told is not None
        texts.append(told.response.text)
    assert texts == ["ha", "haha"]


@pytest.mark.parametrize("others", [MAX_OPEN - 1, MAX_OPEN])
def test_so_many_may_be_unfinished(others: int) -> None:
    script = Transcript()
    script.feed(ResponseChunk("One ", False, None, "m"))
    for number in range(others):
        script.feed(ResponseChunk("x", False, None, f"other {number}"))
    told = script.feed(ResponseChunk("two", False, None, "m"))
    assert told is not None
    assert told.response.text == ("One two" if others < MAX_OPEN else "two")
