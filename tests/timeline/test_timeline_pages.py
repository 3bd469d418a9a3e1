"""What is drawn of a timeline, without a browser: the page as text, the picture, the words."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from estuary_anyio.timeline import page, picture
from estuary_anyio.timeline.spread import BINS, HEIGHT, WIDTH, round_up, spread
from estuary_anyio.timeline.words import clock, day, span
from estuary_proto.timeline import Measure, Sample, as_json, timeline
from tests.proto.tape import Tape, sound
from tests.timeline.test_timeline_browser import EVIL, evil_session
from tests.timeline.theatre import KEY, Theatre

PICTURE = Path(__file__).parent / "session.svg"


class Reader(HTMLParser):
    """The tags of a page, and what stands in its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self._in = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in = dict(attrs).get("id") or "" if tag == "script" else ""

    def handle_data(self, data: str) -> None:
        if self._in:
            self.scripts[self._in] = self.scripts.get(self._in, "") + data


def test_a_page_loads_nothing(captures: dict[str, list[str]]) -> None:
    for lines in captures.values():
        read = Reader(page(timeline(lines)))
        for tag, attrs in read.tags:
            assert not {"src", "srcset", "action", "style", "onclick"} & set(attrs)
            assert tag not in ("iframe", "object", "embed", "form", "base", "img")
            if tag == "link":
                assert attrs["href"] == "data:,"
        policies = [a["content"] for t, a in read.tags if a.get("http-equiv")]
        assert len(policies) == 1
        assert str(policies[0]).startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in str(policies[0])


def test_what_is_said_stays_text_in_the_page() -> None:
    found = timeline(evil_session().lines)
    text = page(found)
    read = Reader(text)
    assert json.loads(read.scripts["data"])["lanes"][0] == as_json(found)["lanes"][0]
    assert [tag for tag, _ in read.tags].count("script") == 2 + len(EVIL)
    assert not {"img", "b"} & {tag for tag, _ in read.tags}
    assert "owned'</script>" not in text
    assert "\u2028" not in read.scripts["data"]


def test_what_is_said_stays_text_in_the_picture() -> None:
    text = picture(timeline(evil_session().lines))
    tags = {element.tag.partition("}")[2] for element in ElementTree.fromstring(text).iter()}
    assert tags == {"svg", "style", "rect", "line", "text", "path"}
    assert "onload" not in {name for e in ElementTree.fromstring(text).iter() for name in e.attrib}


def test_text_that_no_encoding_takes() -> None:
    tape = Tape()
    tape.typed(0.0, "half \ud83d a pair, \x00 and \x08")
    found = timeline(tape.lines)
    for text in (page(found), picture(found), json.dumps(as_json(found), ensure_ascii=False)):
        assert text.encode()
        assert "\x00" not in text
    ElementTree.fromstring(picture(found))


def test_no_secret_gets_into_it() -> None:
    """A session in which secrets turn up wherever they can."""
    token = "lk_theatre-token-77aa"

    play = Theatre(hears=(f"my key is {KEY}",))
    play.connect()
    play.write(f"my key is {KEY}, remember it", 3)
    play.listen()
    play.say("What is my key?", 4)
    number = play.client.link
    info = {"session_id": "s", "livekit_token": token}
    frame = f'42/sdk,["session_info",{json.dumps(info)}]'
    play.client.receive(number, frame, now=play.now)
    error = f'42/sdk,["error",{json.dumps({"message": f"{KEY} and {token} are wrong"})}]'
    play.client.receive(number, error, now=play.now)
    play.advance(1)
    lines = play.end()
    found = timeline(lines)
    assert any("my key is «api_key»" in line.text for line in found.conversation)
    for text in (page(found), picture(found), json.dumps(as_json(found)), repr(found)):
        for secret in (KEY, token, KEY[4:]):
            assert secret not in text


def test_sounds_stand_in_the_page_once(captures: dict[str, list[str]]) -> None:
    found = timeline(captures["voice"])
    waves = [item.wave for lane in found.lanes for item in lane.items if item.wave]
    read = Reader(page(found))
    sounds = [text for name, text in read.scripts.items() if name.startswith("sound-")]
    assert len(sounds) == len(waves) == 8
    silent = Reader(page(timeline(captures["voice"], max_sound=0)))
    assert not any(name.startswith("sound-") for name in silent.scripts)
    assert "«" not in "".join(sounds)


def test_the_picture_in_the_readme_is_what_is_drawn_today(captures: dict[str, list[str]]) -> None:
    assert picture(timeline(captures["voice"])) == PICTURE.read_text(encoding="utf-8")


def test_a_picture_of_everything(captures: dict[str, list[str]]) -> None:
    for lines in captures.values():
        found = timeline(lines)
        root = ElementTree.fromstring(picture(found, 800))
        assert root.attrib["width"] == "800"
        titles = {element.text for element in root.iter() if element.tag.endswith("text")}
        assert {lane.title for lane in found.lanes if lane.items} <= titles
        assert not {lane.title for lane in found.lanes if not lane.items} & titles
        for element in root.iter():
            assert float(element.attrib.get("x", 0)) <= 800
            assert float(element.attrib.get("width", 0)) >= 0


def test_a_picture_of_nothing() -> None:
    assert ElementTree.fromstring(picture(timeline(Tape().lines))).attrib["width"] == "1200"


def test_labels_of_a_picture_have_room() -> None:
    tape = Tape()
    for number in range(4):
        tape.typed(float(number), "a rather long sentence that has no room in it at all " * 3)
    tape.typed(3.2, "short")
    tape.voice(3.3, sound(0.1))
    root = ElementTree.fromstring(picture(timeline(tape.lines)))
    texts = [e.text or "" for e in root.iter()]
    assert sum(text.startswith("a rather") and text.endswith("…") for text in texts) == 3
    assert "short" in texts


def test_how_samples_lie() -> None:
    def of(*seconds: float) -> Any:
        samples = tuple(Sample(0.0, one) for one in seconds)
        return spread(Measure("k", "t", "m", samples))

    assert of() is None
    one = of(0.3)
    assert (one.top, one.median, len(one.bars)) == (pytest.approx(0.3), WIDTH, 1)
    assert one.bars[0].height == HEIGHT
    assert one.bars[0].x > WIDTH * (BINS - 1) / BINS
    many = of(*[0.1] * 9, 0.95)
    assert many.top == 1.0
    assert [bar.height for bar in many.bars] == [HEIGHT, round(HEIGHT / 9, 2)]
    assert of(0.0).top == 0.01


@pytest.mark.parametrize(
    ("seconds", "top"), [(0, 0.01), (0.011, 0.015), (0.3, 0.3), (0.31, 0.4), (7, 8), (101, 150)]
)
def test_scales_end_at_round_numbers(seconds: float, top: float) -> None:
    assert round_up(seconds) == pytest.approx(top)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 ms"), (0.0042, "4.2 ms"), (0.295, "295 ms"), (0.9996, "1.00 s"), (1.426, "1.43 s"),
        (12.34, "12.3 s"), (59.96, "1 min 0 s"), (125, "2 min 5 s"),
    ],
)  # fmt: skip
def test_spans(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_moments() -> None:
    assert [clock(at) for at in (0, 9.96, 62.5, 3602.5)] == [
        "0:00.0", "0:10.0", "1:02.5", "1:00:02.5",
    ]  # fmt: skip
    assert day("2026-03-01T10:00:00.000+00:00") == "2026-03-01 10:00"
    assert (day(None), day("yesterday")) == ("", "yesterday")


def test_scripts_are_small_and_end_no_page() -> None:
    folder = Path(page.__code__.co_filename).parent
    for file in [*folder.glob("*.js"), *folder.glob("*.css"), *folder.glob("*.j2")]:
        text = file.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 600
        if file.suffix != ".j2":
            assert not re.search(r"</(script|style)|<!--|https?:|innerHTML|eval\(", text)


def test_a_time_that_somebody_got_wrong_makes_no_endless_axis() -> None:
    tape = Tape()
    tape.typed(0.0, "in seconds")
    tape.typed(1.7e9, "since 1970")
    tape.typed(1.7e12, "in milliseconds, even")
    drawn = ElementTree.fromstring(picture(timeline(tape.lines)))
    assert len(list(drawn.iter())) < 200
