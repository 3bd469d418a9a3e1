"""Timelines for people: a page that stands alone, a picture, JSON.

    from estuary_proto.timeline import timeline
    page(timeline(lines))            # HTML, to be written to a file and opened

The page loads nothing and talks to nobody: its Content-Security-Policy allows the one script and
the one style that are in it. Whatever a session says is text to it.
"""

from __future__ import annotations

from .page import page
from .picture import picture

__all__ = ["page", "picture"]
