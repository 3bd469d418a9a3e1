"""Captures: a session recorded at the frame seam, read again, replayed, summed up.

    recorder = Recorder(config, file.write, seed=7)   # the verbs of a Client
    replay(open(path)).difference                     # None: the core did the same again
    summary(open(path)).turns

A capture is lines of JSON (`Recorder` says what stands in them). Nothing here touches files: a
writer is any `Callable[[str], None]`, a capture any iterable of lines.
"""

from __future__ import annotations

from .reading import Entry, read
from .recorder import FORMAT, Recorder
from .replaying import Difference, Replayed, replay
from .summing import Summary, summary

__all__ = [
    "FORMAT",
    "Difference",
    "Entry",
    "Recorder",
    "Replayed",
    "Summary",
    "read",
    "replay",
    "summary",
]
