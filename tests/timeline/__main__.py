"""How long the page of a long session takes: `python -m tests.timeline [MINUTES]`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from time import perf_counter

from estuary_anyio.timeline import page
from estuary_proto.timeline import timeline

from .chromium import chromium
from .theatre import half_hour


def main(minutes: float) -> None:
    lines = half_hour(minutes=minutes)
    print(f"capture  {minutes:g} min, {sum(map(len, lines)) / 1e6:.1f} MB, {len(lines)} lines")
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        for title, room in (("with sound", None), ("--no-audio", 0)):
            begun = perf_counter()
            found = timeline(lines) if room is None else timeline(lines, max_sound=room)
            file = Path(folder) / f"{len(title)}.html"
            file.write_text(page(found), encoding="utf-8")
            made = perf_counter() - begun
            size = file.stat().st_size / 1e6
            took = [opening(browser, file.as_uri()) for _ in range(3)]
            shown = ", ".join(f"{each:.2f}" for each in took)
            print(f"{title}: made in {made:.1f} s, {size:.1f} MB, open and painted after {shown} s")


def opening(browser: object, address: str) -> float:
    """Seconds until the page has been painted."""
    tab = browser.new_page()  # type: ignore[attr-defined]
    begun = perf_counter()
    tab.goto(address, wait_until="load")
    tab.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    took = perf_counter() - begun
    tab.close()
    return took


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 30)
