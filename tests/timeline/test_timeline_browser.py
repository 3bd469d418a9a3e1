"""The page of a timeline in Chromium: it works, keeps to itself, and takes text for text."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from estuary_proto.timeline import timeline
from tests.proto.tape import Tape, sound

from .theatre import half_hour

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Shown

    Open = Callable[..., Shown]

EVIL = (
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "'\"><svg/onload=document.title='owned'>",
    "javascript:document.title='owned'",
    "{{ 7 * 7 }} ${7 * 7} <!-- <script>",
    "\u2028document.title='owned'//\u2029",
    "]]>&lt;b&gt;&amp;",
)


COLOURED = """() => {
  const ratio = devicePixelRatio, from = Math.round(box.gutter * ratio);
  const { data: image } = ctx.getImageData(from, 0, canvas.width - from, canvas.height);
  const row = 4 * (canvas.width - from);
  return lanes.filter((lane, number) => {
    const item = lane.items.find((one) => !BEHIND.has(one.kind));
    if (!item) return false;
    const { top, height } = box.tops[number];
    const first = Math.ceil(top * ratio), last = Math.floor((top + height) * ratio);
    const part = image.slice(row * first, row * last);
    ctx.fillStyle = colourOf(lane, item);
    const wanted = [1, 3, 5].map((at) => parseInt(ctx.fillStyle.slice(at, at + 2), 16));
    for (let at = 0; at < part.length; at += 4) {
      const alpha = part[at + 3];
      if (alpha > 200 && wanted.every((one, i) => Math.abs(part[at + i] - one) < 6)) return false;
    }
    return true;
  }).map((lane) => lane.key);
}"""
"""The lanes in which nothing has the colour of their first item."""


@pytest.mark.parametrize("name", ["text", "voice", "broken"])
@pytest.mark.parametrize("width", [1200, 380])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_session_is_drawn(
    show: Open, captures: dict[str, list[str]], name: str, width: int, scheme: str
) -> None:
    shown = show(captures[name], width=width, scheme=scheme)
    missing = shown.run(COLOURED)
    assert missing == []
    assert shown.run("document.documentElement.scrollWidth <= innerWidth")
    ink = shown.run("getComputedStyle(document.body).color")
    assert (ink == "rgb(28, 32, 40)") is (scheme == "light")


def test_the_scheme_may_change(show: Open, captures: dict[str, list[str]]) -> None:
    shown = show(captures["text"])
    assert shown.run("colours.card") == "#ffffff"
    shown.tab.emulate_media(color_scheme="dark")
    shown.until("colours.card === '#1c1f26'")


# --- keys -----------------------------------------------------------------------------------


def test_keys_go_from_item_to_item(show: Open, captures: dict[str, list[str]]) -> None:
    shown = show(captures["text"])
    shown.keys("ArrowRight")
    assert shown.details.startswith("Connection: connecting")
    shown.keys("ArrowRight", "ArrowDown")
    assert "Your words: you write" in shown.details
    assert "Hello! My name is Ada." in shown.details
    shown.keys("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft", "ArrowDown")
    assert "interrupted" in shown.details
    assert "Once there was a lighthouse keeper" in shown.details
    shown.keys("ArrowUp")
    assert "Tell me a story." in shown.details
    assert shown.run("document.querySelector('tr.chosen .text').textContent") == "Tell me a story."
    shown.keys("Escape")
    assert shown.details == ""
    shown.keys("ArrowLeft", *["ArrowLeft"] * 3)
    assert "connecting" in shown.details


def test_keys_stop_at_the_ends(show: Open, captures: dict[str, list[str]]) -> None:
    shown = show(captures["text"])
    shown.keys("ArrowDown", *["ArrowDown"] * 12, *["ArrowRight"] * 12)
    assert shown.details.startswith("Actions: wave")
    shown.keys(*["ArrowUp"] * 12)
    assert shown.details.startswith("Connection")


def test_keys_zoom_and_move(show: Open, captures: dict[str, list[str]]) -> None:
    shown = show(captures["text"])
    whole = shown.run("all")
    assert shown.view == (0, whole)
    shown.keys("+")
    begin, end = shown.view
    assert end - begin == pytest.approx(0.6 * whole)
    assert begin == pytest.approx(0.2 * whole)
    shown.keys("Shift+ArrowRight")
    assert shown.view[0] == pytest.approx(begin + 0.12 * whole)
    shown.keys("Shift+ArrowLeft", "-")
    assert shown.view == (0, pytest.approx(whole))
    shown.keys("+", "+", "Home")
    assert shown.view == (0, pytest.approx(0.36 * whole))
    shown.keys("End")
    assert shown.view == (pytest.approx(0.64 * whole), pytest.approx(whole))
    shown.keys(*["="] * 30)
    assert shown.view[1] - shown.view[0] == pytest.approx(0.25)
    shown.keys("0", "Control+0", "x")
    assert shown.view == (0, whole)


def test_what_is_chosen_comes_into_sight(show: Open, captures: dict[str, list[str]]) -> None:
    shown = show(captures["text"])
    shown.keys("+", "+", "+", "End", "ArrowRight", "ArrowDown")
    begin, end = shown.view
    assert begin <= 1.0 <= end


def test_everything_can_be_reached_with_the_tabulator(
    show: Open, captures: dict[str, list[str]]
) -> None:
    shown = show(captures["voice"])
    reached = []
    for _ in range(60):
        shown.tab.keyboard.press("Tab")
        reached.append(shown.run("document.activeElement.id || document.activeElement.className"))
    assert {"out", "in", "fit", "chart", "hear"} <= set(reached)


# --- mouse ----------------------------------------------------------------------------------


def test_the_mouse_zooms_and_moves(show: Open, captures: dict[str, list[str]]) -> None:
    shown = show(captures["text"])
    mouse, whole = shown.tab.mouse, shown.run("all")
    left, top = shown.place("text", 2)
    mouse.move(left, top)
    time = shown.run(f"timeAt({left} - canvas.getBoundingClientRect().left)")
    shown.tab.keyboard.down("Control")
    mouse.wheel(0, -400)
    shown.tab.keyboard.up("Control")
    shown.until("view.to - view.from < 0.5 * all")
    begin, end = shown.view
    after = shown.run(f"timeAt({left} - canvas.getBoundingClientRect().left)")
    assert after == pytest.approx(time, abs=0.05)  # The mouse knows whole pixels only.
    mouse.down()
    mouse.move(left - 100, top, steps=5)
    mouse.up()
    assert shown.view[0] > begin
    assert shown.view[1] - shown.view[0] == pytest.approx(end - begin)
    assert shown.details.startswith("Choose something")  # Moving chooses nothing.
    before = shown.view[0]
    mouse.wheel(-200, 0)
    shown.until(f"view.from < {before}")
    shown.tab.click("#fit")
    assert shown.view == (0, whole)
    shown.tab.click("#in")
    shown.tab.click("#out")
    assert shown.view == (0, pytest.approx(whole))


def test_a_plain_wheel_scrolls_the_page(show: Open, captures: dict[str, list[str]]) -> None:
    shown = show(captures["text"])
    before = shown.view
    shown.tab.mouse.move(*shown.place("text", 1))
    shown.tab.mouse.wheel(0, 200)
    shown.until("scrollY > 0")
    assert shown.view == before


def test_the_overview_moves(show: Open, captures: dict[str, list[str]]) -> None:
    shown = show(captures["text"])
    shown.keys("+", "+", "+", "Home")
    at = shown.tab.locator("#overview").bounding_box()
    shown.tab.mouse.click(at["x"] + at["width"] - 2, at["y"] + 10)
    assert shown.view[1] == pytest.approx(shown.run("all"))


def test_hovering_tells(show: Open, captures: dict[str, list[str]]) -> None:
    shown = show(captures["voice"])
    assert not shown.tab.is_visible("#tip")
    shown.tab.mouse.move(*shown.place("voice", 1))
    tip = shown.tab.inner_text("#tip")
    assert tip.startswith("silenced\n0:")
    assert "silenced after" in tip
    assert tip.endswith("click to hear")
    shown.tab.mouse.move(2, 2)
    assert not shown.tab.is_visible("#tip")


# --- sound ----------------------------------------------------------------------------------

HEARD = """async () => {
  const item = itemOf(state.playing);
  const bytes = new Uint8Array(await wavOf(item.sound, item.wave.rate).arrayBuffer());
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes.slice(44)));
  return {
    digest: [...digest].map((one) => one.toString(16).padStart(2, "0")).join(""),
    duration: player.duration,
    head: String.fromCharCode(...bytes.slice(0, 4), ...bytes.slice(8, 16)),
    address: player.src,
  };
}"""


def playing(shown: Shown, lines: list[str], lane: str, number: int) -> None:
    """It plays exactly what this item sounds like."""
    shown.until("player.duration > 0")
    heard = shown.run(HEARD)
    wave = timeline(lines).lane(lane).items[number].wave
    assert wave is not None
    assert heard["digest"] == hashlib.sha256(wave.pcm).hexdigest()
    assert heard["duration"] == pytest.approx(wave.seconds, abs=0.01)
    assert heard["head"] == "RIFFWAVEfmt "
    assert heard["address"].startswith("blob:")


def test_a_click_is_heard(show: Open, captures: dict[str, list[str]]) -> None:
    shown = show(captures["voice"])
    assert not shown.tab.is_visible("#player")
    shown.tab.mouse.click(*shown.place("voice", 1))
    playing(shown, captures["voice"], "voice", 1)
    assert shown.tab.is_visible("#player")
    shown.until("state.playing && state.playing.time > 11.8 || player.ended")
    shown.tab.mouse.click(*shown.place("speech", 2))
    playing(shown, captures["voice"], "speech", 2)
    shown.keys("Escape")
    assert shown.run("player.paused && state.playing === null")


def test_keys_and_buttons_are_heard(show: Open, captures: dict[str, list[str]]) -> None:
    shown = show(captures["voice"])
    shown.keys("ArrowRight", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "Enter")
    assert "Character, aloud" in shown.details
    playing(shown, captures["voice"], "voice", 0)
    shown.keys(" ")
    assert shown.run("player.paused")
    shown.tab.click("tr.text:nth-of-type(5) .hear")
    playing(shown, captures["voice"], "voice", 1)
    shown.tab.click("#details .hear")
    playing(shown, captures["voice"], "voice", 0)


def test_a_sound_ends(show: Open) -> None:
    tape = Tape()
    tape.voice(1.0, sound(0.1))
    shown = show(tape.lines)
    shown.tab.mouse.click(*shown.place("voice", 0))
    shown.until("player.ended && state.playing === null")


def test_without_sound_there_is_nothing_to_hear(show: Open, captures: dict[str, list[str]]) -> None:
    shown = show(captures["voice"], max_sound=0)
    assert shown.tab.locator(".hear").count() == 0
    shown.tab.mouse.click(*shown.place("voice", 1))
    assert "silenced" in shown.details
    assert not shown.tab.is_visible("#player")


# --- the table ------------------------------------------------------------------------------


def test_the_table_tells_the_conversation_and_leads_to_it(
    show: Open, captures: dict[str, list[str]]
) -> None:
    shown = show(captures["voice"])
    rows = [
        [" ".join(cell.split()) for cell in row.locator("td").all_inner_texts()]
        for row in shown.tab.locator("tbody tr").all()
    ]
    assert ["You", "you say: Hello, my name is Ada."] in [row[1:] for row in rows]
    assert any("the server interrupts" in row[2] for row in rows)
    shown.keys("+", "+", "+", "Home")
    shown.tab.locator("tr.text .time button").last.click()
    assert "Hello over there!" in shown.details
    begin, end = shown.view
    assert begin < timeline(captures["voice"]).lane("text").items[-1].at < end


def test_a_screen_reader_finds_names(show: Open, captures: dict[str, list[str]]) -> None:
    shown = show(captures["voice"])
    tree = shown.tab.locator("body").aria_snapshot()
    for wanted in (
        'heading "A session with demo"',
        'button "Zoom in"',
        'application "Timeline',
        'table "Conversation"',
        'columnheader "Who"',
        'img "From ',
        'cell "You"',
    ):
        assert wanted in tree, wanted
    for button in shown.tab.locator("button").all():
        assert button.get_attribute("aria-label") or button.inner_text().strip()


# --- text is text ---------------------------------------------------------------------------


def evil_session() -> Tape:
    tape = Tape(
        library=EVIL[0],
        started=EVIL[0],
        config={"character_id": EVIL[0], "player_id": EVIL[1], "server_url": f"http://{EVIL[1]}"},
    )
    tape.event(0.0, "StateChanged", state=EVIL[2])
    tape.event(0.1, "Connected", session={"session_id": EVIL[0]})
    tape.event(0.2, "Fault", error={"message": EVIL[1], "code": EVIL[0]})
    for number, text in enumerate(EVIL):
        at, key = 1.0 + number, f"{number}{text}"
        tape.typed(at, text)
        tape.heard(at + 0.1, text)
        tape.answer(at + 0.2, text, key)
        tape.voice(at + 0.2, sound(0.2), key)
        tape.event(at + 0.3, "InterruptData", message_id=key, reason=text)
        tape.event(at + 0.4, "CharacterAction", name=text, params={text: text})
        tape.event(at + 0.5, "AudioDropped", seconds=0.1, frames=1, reason=text)
        tape.event(at + 0.6, "AgentTurnText", text=text, agent_id=text, turn_number=1)
    tape.event(9.0, "Disconnected", reason=EVIL[1])
    return tape


def test_whatever_is_said_is_text(show: Open) -> None:
    tape = evil_session()
    shown = show(tape.lines)
    title = shown.tab.title()
    for lane in range(9):
        count = shown.run(f"lanes[{lane}].items.length")
        for item in range(count):
            shown.run(f"choose({{ lane: {lane}, item: {item} }})")
            shown.run(
                f"""(() => {{ const item = lanes[{lane}].items[{item}];
                  hover({{ x: x(item.at), y: rowTop({lane}, item.row) + 4 }}); }})()"""
            )
    assert shown.tab.title() == title
    assert title.startswith("</script><script>document.title='owned'</script>")
    assert shown.run("document.querySelectorAll('img, svg[onload], b b, main script').length") == 0
    said = shown.run("lanes.find((lane) => lane.key === 'said').items.map((item) => item.text)")
    assert set(said) == set(EVIL)
    cells = shown.tab.locator("tr.said .text").all_text_contents()
    assert set(cells) == set(EVIL)


def test_even_markup_of_its_own_would_not_run(show: Open) -> None:
    shown = show(Tape().lines)
    shown.run(
        """() => {
          const evil = "<img src=x onerror=\\"document.title='owned'\\">";
          document.body.insertAdjacentHTML("beforeend", evil);
          const script = document.createElement("script");
          script.textContent = "document.title = 'owned'";
          document.body.append(script);
        }"""
    )
    assert shown.tab.title() != "owned"
    assert any("Content Security Policy" in line for line in shown.said)
    shown.provoked = True


def test_nothing_can_be_fetched(show: Open) -> None:
    shown = show(Tape().lines)
    fetched: Any = shown.run("fetch('http://127.0.0.1:9/').then(() => 'yes', () => 'no')")
    assert fetched == "no"
    assert any("Content Security Policy" in line for line in shown.said)
    shown.provoked = True


def test_an_empty_session_is_a_page_too(show: Open) -> None:
    shown = show(Tape().lines)
    shown.keys("ArrowRight", "ArrowDown", "Enter", "+", "0")
    assert "Nothing was said." in shown.tab.inner_text("table")
    assert json.loads(shown.run("$('data').textContent"))["conversation"] == []


def test_a_long_session(show: Open) -> None:
    lines = half_hour(minutes=3)
    found = timeline(lines)
    assert len(found.measure("reply").samples) >= 15
    assert len(set(found.measure("reply").values)) >= 10
    assert found.seconds > 180
    shown = show(lines)
    assert shown.run(COLOURED) == []
    shown.keys("ArrowRight", "ArrowDown", *["ArrowRight"] * 200)
    last = found.lane("speech").items[-1]
    begin, end = shown.view
    assert begin <= last.at <= end
    assert "you speak" in shown.details
