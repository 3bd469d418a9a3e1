"""A browser, pages in it, and what they did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from estuary_anyio.timeline import page
from estuary_proto.timeline import timeline
from tests.timeline.chromium import chromium
from tests.timeline.theatre import broken_session, text_session, voice_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Open = Callable[..., "Shown"]

SESSIONS = {"text": text_session, "voice": voice_session, "broken": broken_session}


@pytest.fixture(scope="session")
def captures() -> dict[str, list[str]]:
    """The lines of each session."""
    return {name: play() for name, play in SESSIONS.items()}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    with chromium() as found:
        yield found


class Shown:
    """A page that is open: `tab`, what its console said, what it asked the network for."""

    def __init__(self, tab: Any) -> None:
        self.tab = tab
        self.said: list[str] = []
        self.requests: list[str] = []
        self.provoked = False
        """True when a test made the page try what it must not."""
        tab.on("console", lambda message: self.said.append(message.text))
        tab.on("pageerror", lambda error: self.said.append(str(error)))
        tab.on("request", lambda request: self.requests.append(request.url))

    def run(self, script: str) -> Any:
        """What this expression is in the page."""
        return self.tab.evaluate(script)

    def until(self, holds: str) -> None:
        """Wait until this expression is true."""
        look = f"const look = () => ({holds}) ? done() : requestAnimationFrame(look); look();"
        self.run(f"() => new Promise((done) => {{ {look} }})")

    def keys(self, *keys: str) -> None:
        """Press these in the chart."""
        self.tab.focus("#chart")
        for key in keys:
            self.tab.keyboard.press(key)

    @property
    def details(self) -> str:
        return str(self.tab.inner_text("#details"))

    @property
    def view(self) -> Any:
        """From and to, in seconds."""
        return tuple(self.run("[view.from, view.to]"))

    def place(self, lane: str, item: int) -> tuple[float, float]:
        """The middle of an item, in the window."""
        script = """([key, number]) => {
          const lane = lanes.findIndex((one) => one.key === key), item = lanes[lane].items[number];
          const at = canvas.getBoundingClientRect();
          return [at.left + (x(item.at) + x(item.until)) / 2, at.top + rowTop(lane, item.row) + 8];
        }"""
        found = self.tab.evaluate(script, [lane, item])
        return found[0], found[1]


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Open the page of these lines; at the end nobody has complained or asked for anything."""
    contexts: list[Any] = []
    pages: list[Shown] = []

    def opened(lines: list[str], *, width: int = 1200, scheme: str = "light", **more: Any) -> Shown:
        file = tmp_path / f"session-{len(pages)}.html"
        file.write_text(page(timeline(lines, **more)), encoding="utf-8")
        size = {"width": width, "height": 900}
        context = browser.new_context(viewport=size, color_scheme=scheme)
        contexts.append(context)
        shown = Shown(context.new_page())
        pages.append(shown)
        shown.tab.goto(file.as_uri(), wait_until="load")
        return shown

    yield opened
    for shown in pages:
        if shown.provoked:
            continue
        assert shown.said == []
        outside = [url for url in shown.requests[1:] if not url.startswith(("blob:", "data:"))]
        assert outside == []
    for context in contexts:
        context.close()
