"""`estuary doctor --probe`: each question gets each of its answers, from servers that differ."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from estuary_anyio.cli.doctor import contradictions as judge
from estuary_anyio.cli.doctor.contradictions import TOPICS, Voice
from tests.cli.conftest import ROOT, clean_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Ended = Callable[..., tuple[int, str, str]]

ASKED = ("C1", "C2", "C4", "C5", "C6", "C7", "C8", "C10", "C13", "C14")


@contextmanager
def contrary(**sides: Any) -> Iterator[str]:
    """The address of a server of python-socketio's that takes these sides."""
    command = [sys.executable, "-m", "tests.cli.contrary", json.dumps(sides)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=clean_environment()
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def sides(ended: Ended, *args: str) -> dict[str, str | None]:
    """What the doctor finds."""
    status, out, err = ended("doctor", "--probe", "--json", *args, within=110.0)
    assert (status, err) == (0, "")
    assert "secret" not in out
    told = [one for one in json.loads(out)["findings"] if one["part"] == "contradictions"]
    assert [one["stage"] for one in told] == list(TOPICS)
    assert tuple(one["stage"] for one in told if one["asked"]) == ASKED
    assert all(one["verdict"] == ("ok" if one["side"] else "skip") for one in told)
    return {one["stage"]: one["side"] for one in told if one["asked"]}


def test_our_gateway(ended: Ended, backend: str) -> None:
    assert sides(ended, "--backend", backend, "--timeout", "5") == {
        "C1": "B",
        "C2": "B",
        "C4": "A",
        "C5": "A",
        "C6": "B",
        "C7": "B",
        "C8": "B",
        "C10": "A",
        "C13": "A",
        "C14": None,
    }


ALL_A = dict.fromkeys(("C1", "C2", "C4", "C5", "C6", "C7", "C8", "C10", "C13"), "A")
ALL_B = dict.fromkeys(("C1", "C2", "C4", "C5", "C6", "C7", "C8", "C10", "C13"), "B")


@pytest.mark.parametrize(
    ("server", "found"),
    [
        ({**ALL_A, "names_rate": True, "has_memories": True}, {**ALL_A, "C14": None}),
        (ALL_A, {**ALL_A, "C14": None}),
        ({**ALL_B, "has_memories": True}, {**ALL_B, "C7": None, "C14": None}),
        ({**ALL_B, "C4": "A", "names_rate": True}, {**ALL_B, "C4": "A", "C14": None}),
        (
            {"C1": "A", "C2": "both", "C10": "both", "C4": "A"},
            {
                **dict.fromkeys(ASKED),
                **{"C1": "A", "C2": "both", "C10": "both", "C4": "A"},
                **{"C7": "B", "C8": "B", "C13": "A"},
            },
        ),
        (
            {"C4": "A", "odd_voice": True},
            {**dict.fromkeys(ASKED), "C4": "A", "C7": "B", "C8": "B", "C13": "A"},
        ),
        ({"C14": "A"}, {**dict.fromkeys(ASKED), "C8": "B", "C14": "A"}),
        ({"C14": "B"}, {**dict.fromkeys(ASKED), "C8": "B", "C14": "B"}),
        ({"C14": "both"}, {**dict.fromkeys(ASKED), "C8": "B", "C14": "both"}),
    ],
    ids=json.dumps,
)
def test_servers_that_differ(
    ended: Ended, server: dict[str, Any], found: dict[str, str | None]
) -> None:
    with contrary(**server) as url:
        assert sides(ended, "--url", url, "--timeout", "2") == found


def test_for_people(ended: Ended) -> None:
    with contrary(**ALL_A) as url:
        status, out, err = ended("doctor", "--probe", "--url", url, "--timeout", "2")
    assert (status, err) == (0, "")
    told = " ".join(out.partition("contradictions")[2].split())
    assert "C1 pieces of a text: each piece is only what is new (side A)" in told
    assert "C9 type of a picture: not asked, since a picture would go to a vision model" in told
    assert max(map(len, out.splitlines())) <= 80


def test_no_probe_of_what_cannot_be_reached(ended: Ended) -> None:
    status, out, _ = ended("doctor", "--probe", "--url", "http://127.0.0.1:1")
    assert status == 1
    assert "contradictions" not in out


# --- the judges ------------------------------------------------------------------------------


def piece(text: str, **more: Any) -> dict[str, Any]:
    return {"text": text, "is_final": False, **more}


@pytest.mark.parametrize(
    ("texts", "side"),
    [
        (["a", "ab", "abc"], "B"),
        (["a", "b", "c"], "A"),
        (["ha", "ha", "ha"], "A"),
        (["ha", "ha!", "then"], "A"),
        (["a"], None),
        (["", "", "a"], None),
        ([], None),
    ],
)
def test_pieces(texts: list[str], side: str | None) -> None:
    final = {"text": "whatever", "is_final": True}
    assert judge.pieces([*map(piece, texts), final, "odd"]) == side


@pytest.mark.parametrize(
    ("values", "side"),
    [([True, False], "A"), (["a"], "B"), ([True, "a"], "both"), ([None], None), ([7], None)],
)
def test_partial(values: list[Any], side: str | None) -> None:
    assert judge.partial([*(piece("x", partial=value) for value in values), "odd"]) == side


def voices(**sizes: int) -> dict[int, Voice]:
    return {int(rate[1:]): Voice(size, frozenset()) for rate, size in sizes.items()}


@pytest.mark.parametrize(
    ("asked", "side"),
    [
        (voices(_16000=1000, _24000=1480), "A"),
        (voices(_16000=1000, _24000=1100), "B"),
        (voices(_16000=1000, _24000=0), None),
        (voices(_16000=1000), None),
        ({16000: Voice(9, frozenset({16000})), 24000: Voice(9, frozenset({24000}))}, "A"),
        ({16000: Voice(9, frozenset({24000})), 24000: Voice(9, frozenset({24000}))}, "B"),
    ],
)
def test_rates(asked: dict[int, Voice], side: str | None) -> None:
    assert judge.spoken_rate(asked) == side


@pytest.mark.parametrize(
    ("unasked", "asked", "side"),
    [
        (Voice(1450, frozenset()), voices(_16000=1000, _24000=1500), "A"),
        (Voice(1050, frozenset()), voices(_16000=1000, _24000=1500), "B"),
        (Voice(1050, frozenset()), voices(_16000=1000, _24000=1000), None),
        (Voice(0, frozenset()), {}, None),
        (Voice(9, frozenset({24000})), {}, "A"),
        (Voice(9, frozenset({48000})), {}, None),
    ],
)
def test_default_rate(unasked: Voice, asked: dict[int, Voice], side: str | None) -> None:
    assert judge.default_rate(unasked, asked) == side


@pytest.mark.parametrize(
    ("ask", "data", "side"),
    [
        (judge.moment, {"interrupted_at": "2026"}, "A"),
        (judge.moment, {"interrupted_at": 7.5}, "B"),
        (judge.moment, {"interrupted_at": True}, None),
        (judge.moment, None, None),
        (judge.error, {"message": "x"}, "A"),
        (judge.error, {"message": "x", "error": "y"}, "B"),
        (judge.error, {}, None),
        (judge.error, "x", None),
        (judge.room, {"livekitUrl": "x"}, "A"),
        (judge.room, {"livekitUrl": None}, "B"),
        (judge.room, None, None),
        (judge.scope, {"requiredScope": "x"}, "A"),
        (judge.scope, {"requiredScopes": ["x"]}, "B"),
        (judge.scope, {}, None),
        (judge.scope, "no", None),
    ],
)
def test_what_one_event_says(ask: Any, data: Any, side: str | None) -> None:
    assert ask(data) == side


@pytest.mark.parametrize(
    ("post", "get", "found", "side"),
    [
        (200, 405, {"results": []}, "A"),
        (405, 200, {"results": []}, "B"),
        (404, 404, None, None),
        (200, 200, {"results": [{"memory": {}, "score": 1}]}, "B"),
        (200, 200, {"results": [{"memoryId": "m"}]}, "both"),
        (200, 404, {"results": [{"memoryId": "m"}]}, "A"),
    ],
)
def test_search(post: int, get: int, found: Any, side: str | None) -> None:
    assert judge.search(post, get, found) == side
