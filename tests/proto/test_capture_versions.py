"""Captures of other versions, differences with their surroundings, and tests made of bugs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from estuary_proto.capture import Replay, corrected, replay, summary
from estuary_proto.client import Client
from estuary_proto.errors import EstuaryError
from estuary_proto.events import AckSettled, Fault, ReplyEnded
from estuary_proto.intents import SendText
from estuary_proto.models.conversation import BotResponse
from estuary_proto.states import Role
from tests.proto.taped import Taped, chat

if TYPE_CHECKING:
    from collections.abc import Callable

CAPTURES = Path(__file__).parent.parent / "captures"
OLD = (CAPTURES / "format-1.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)


def session() -> list[str]:
    pair = Taped()
    pair.connect()
    chat(pair)
    return pair.lines


def of_another_version(lines: list[str]) -> list[str]:
    return [lines[0].replace('"library":"', '"library":"0.0.0+'), *lines[1:]]


def edited(lines: list[str], find: str, change: Callable[[dict[str, Any]], Any]) -> list[str]:
    """The capture with the first line that holds `find` changed."""
    number = next(number for number, line in enumerate(lines) if find in line)
    entry = json.loads(lines[number])
    change(entry)
    return [*lines[:number], json.dumps(entry, ensure_ascii=False), *lines[number + 1 :]]


# --- older ones -----------------------------------------------------------------------------------


def test_a_capture_of_format_1_replays_and_is_summed_up() -> None:
    assert '"estuary_capture":1,' in OLD[0]
    for exact in (True, False):
        found = replay(OLD, exact=exact)
        assert found.difference is None, str(found.difference)
        assert found.lines == len(OLD) - 1
    assert (summary(OLD).turns, summary(OLD).reconnects) == (3, 1)


def test_across_versions_event_is_compared_with_event() -> None:
    lines = of_another_version(session())
    assert not Replay(lines).exact
    found = replay(lines)
    assert found.difference is None
    assert [type(event) for event in found.events] == [
        type(event) for event in replay(session()).events
    ]


@pytest.mark.parametrize(
    ("find", "change"),
    [
        ('"got":"42/sdk', lambda entry: entry.update(got="42/sdk,[]")),
        ('"in":"ask"', lambda entry: entry.update(gives=77)),
        ('"is":"BotResponse"', lambda entry: entry["got"].pop("chunk_index")),
        ('"is":"BotResponse"', lambda entry: entry["got"].update(later="news")),
        ('"is":"ReplyInterrupted"', lambda entry: entry["got"]["error"].update(message="else")),
    ],
)
def test_what_a_version_may_do_otherwise(find: str, change: Any) -> None:
    lines = edited(of_another_version(session()), find, change)
    assert replay(lines).difference is None
    assert replay(lines, exact=True).difference is not None


@pytest.mark.parametrize(
    ("find", "change"),
    [
        ('"is":"BotResponse"', lambda entry: entry["got"].update(text="Other")),
        ('"is":"BotResponse"', lambda entry: entry["got"].update({"is": "Other"})),
        ('"is":"ReplyPart"', lambda entry: entry["got"]["part"].update(text="Other")),
        ('"is":"ReplyInterrupted"', lambda entry: entry["got"]["error"].update(code="OTHER")),
        ('"is":"Dial"', lambda entry: None),
    ],
)
def test_what_no_version_may_do_otherwise(find: str, change: Any) -> None:
    lines = of_another_version(session())
    differs = find != '"is":"Dial"'
    assert (replay(edited(lines, find, change)).difference is not None) is differs


def test_events_may_come_at_other_pulls_but_not_be_missing() -> None:
    lines = of_another_version(session())
    at = next(n for n, line in enumerate(lines) if '"is":"ReplyStarted"' in line)
    later = [*lines[:at], lines[at + 2], lines[at], lines[at + 1], *lines[at + 3 :]]
    assert replay(later).difference is None
    more = [*lines, lines[at]]
    found = replay(more).difference
    assert found is not None
    assert (found.line, found.actual) == (len(more), "null")
    assert '"is":"ReplyStarted"' in found.expected
    # One that the capture lacks: everything behind it stands one too early.
    fewer = [line for line in lines if '"is":"ReplyEnded"' not in line or '"m2"' in line]
    assert replay(fewer).difference is not None
    last = max(n for n, line in enumerate(lines) if '"pull":"event","got":{' in line)
    found = replay([*lines[:last], *lines[last + 1 :]]).difference
    assert found is not None
    assert found.expected == "null"


def test_lists_are_compared_item_by_item() -> None:
    pair = Taped()
    pair.connect()
    pair.link.inject('42/sdk,["news",[1,{"a":[2]}],"x"]')
    pair.advance(0.1)
    lines = of_another_version(pair.lines)
    assert replay(lines).difference is None
    for other in ([[1, {"a": [3]}], "x"], [[1], "x"], ["x"], [[1, {"b": [2]}], "x"]):
        args: list[Any] = other

        def change(entry: dict[str, Any], args: list[Any] = args) -> None:
            entry["got"]["args"] = args

        changed = edited(lines, '"is":"UnknownEvent"', change)
        assert replay(changed).difference is not None


# --- step by step ---------------------------------------------------------------------------------


def test_a_replay_step_by_step() -> None:
    lines = session()
    found = Replay(lines)
    assert found.exact
    steps = list(found)
    assert [step.entry.line for step in steps] == list(range(2, len(lines) + 1))
    assert sum(isinstance(event, BotResponse) for step in steps for event in step.events) == 3
    assert found.difference is None


def test_the_first_difference_with_its_surroundings() -> None:
    lines = edited(session(), '"text":"Hello"', lambda entry: entry["got"].update(text="Help"))
    lines = edited(session(), '"is":"ReplyStarted"', lambda entry: entry["got"].update(reply=9))
    found = replay(lines).difference
    assert found is not None
    text = str(found).splitlines()
    marked = [line for line in text if line.startswith("> ")]
    assert text[0] == f"line {found.line}"
    assert marked == [f"> {json.dumps(json.loads(lines[found.line - 1]), separators=(',', ':'))}"]
    assert text[1:5] == [f"  {line.strip()}" for line in lines[found.line - 5 : found.line - 1]]
    assert text[6:9] == [f"  {line.strip()}" for line in lines[found.line : found.line + 3]]
    assert text[9].startswith('expected  {"got":{"is":"ReplyStarted","reply":9')
    assert text[10].startswith('actual    {"got":{"is":"ReplyStarted","reply":1')


# --- a bug becomes a test -------------------------------------------------------------------------


def late_ack() -> Taped:
    """An ack that was asked for; the connection drops; the answer comes on the next one."""
    pair = Taped()
    pair.connect()
    pair.link.stalled.add(Role.SERVER)
    pair.submit(SendText("are you there?"), ack_within=5.0)
    pair.advance(0.1)
    pair.link.stalled.clear()
    pair.link.cut()
    pair.advance(3.0)
    pair.link.inject('43/sdk,0["late"]')
    pair.advance(1.0)
    return pair


def with_the_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """Acks of a connection that is lost are settled as if they had come."""
    settled = Client._on_ack_settled

    def wrong(self: Client, event: AckSettled) -> None:
        outcome = next(one for one in type(event.outcome) if one.name == "OK")
        settled(self, AckSettled(event.receipt, outcome, event.args))

    monkeypatch.setattr("estuary_proto.client._HANDLERS", {**_handlers(), AckSettled: wrong})


def _handlers() -> dict[type, Any]:
    from estuary_proto import client

    handlers: dict[type, Any] = client._HANDLERS
    return handlers


def test_a_late_ack_after_a_drop_becomes_a_failing_test(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        with_the_bug(broken)
        lines = late_ack().lines
        at = next(n for n, line in enumerate(lines, 1) if '"is":"AckSettled"' in line)
        wrong = json.loads(lines[at - 1])["got"]
        right = {**wrong, "outcome": "lost"}
        assert wrong != right
        assert replay(lines).difference is None  # It replays, bug and all.
        test = corrected(lines, at, right)
        assert len(test) == at
        found = replay(test).difference
        assert found is not None
        assert found.line == at
        assert '"outcome":"lost"' in found.expected
        assert '"outcome":"ok"' in found.actual
    # Mended, it passes.
    found = replay(test).difference
    assert found is None, str(found)


def test_expectations_of_inputs_and_of_nothing() -> None:
    lines = session()
    asked = next(n for n, line in enumerate(lines, 1) if '"in":"ask"' in line)
    for expected in ({}, {"gives": 5}, {"raised": {"is": "EstuaryError"}}):
        assert replay(corrected(lines, asked, expected)).difference is not None
    told = next(n for n, line in enumerate(lines, 1) if '"is":"ReplyEnded"' in line)
    assert replay(corrected(lines, told, None)).difference is not None


@pytest.mark.parametrize(
    ("line", "expected", "problem"),
    [
        (1, None, "of this kind (header)"),
        (2, None, "it is an input"),
        (2, {"got": 1}, "an input has no 'got'"),
        (2, {}, "it says what is expected already"),
        (4, None, "it says what is expected already"),
        (9999, None, "there is none"),
    ],
)
def test_expectations_that_make_no_test(line: int, expected: Any, problem: str) -> None:
    with pytest.raises(EstuaryError, match=problem.replace("(", r"\(").replace(")", r"\)")):
        corrected(session(), line, expected)


def test_nothing_is_settled_twice_by_the_late_ack() -> None:
    pair = late_ack()
    assert len(pair.of(AckSettled)) == 1
    assert not pair.of(ReplyEnded)
    assert all("late" not in str(event) for event in pair.of(Fault))
    pair.check()


def test_a_blank_line_is_none_to_correct() -> None:
    lines = session()
    with pytest.raises(EstuaryError, match="there is none"):
        corrected([*lines[:5], "\n", *lines[5:]], 6, None)


def test_texts_that_utf8_or_some_readers_of_lines_do_not_take_stay_escaped() -> None:
    pair = Taped()
    pair.connect()
    pair.submit(SendText("a\u2028b"))
    pair.link.inject('42/sdk,["odd","\\ud800"]')
    pair.advance(1.0)
    made = corrected(pair.lines, len(pair.lines), {"text": "half \ud800"})
    text = "".join(made)
    assert text.encode().decode().splitlines(keepends=True) == made
    assert list(map(json.loads, made[:-1])) == list(map(json.loads, pair.lines[:-1]))
    assert json.loads(made[-1])["got"] == {"text": "half \ud800"}
