"""The browser that pages are tested in."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.judges.outside import lacking

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def chromium() -> Iterator[Any]:
    """Chromium without a window, where there is one."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        lacking("the system package chromium is missing")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # A container's root has no sandbox; what is opened is our own.
        flags = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        yield browser
        browser.close()
