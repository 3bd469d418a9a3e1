"""Captures: a session recorded at the frame seam, read again, replayed, summed up.

    recorder = Recorder(config, file.write, seed=7)   # the verbs of a Client
    replay(open(path)).difference                     # None: the core did the same again
    summary(open(path)).turns
    from_har(json.load(file)).lines                   # what another client said, as a capture

A capture is lines of JSON (`Recorder` says what stands in them). Nothing here touches files: a
writer is any `Callable[[str], None]`, a capture any iterable of lines.
"""

from __future__ import annotations

from .correction import corrected
from .entries import Entry, read
from .har_retelling import Imported, from_har
from .har_writing import to_har
from .recorder import FORMAT, Recorder
from .replaying import Difference, Replay, Replayed, Step, replay
from .spool import Spool
from .sums import Summary, summary

__all__ = [
    "FORMAT",
    "Difference",
    "Entry",
    "Imported",
    "Recorder",
    "Replay",
    "Replayed",
    "Spool",
    "Step",
    "Summary",
    "corrected",
    "from_har",
    "read",
    "replay",
    "summary",
    "to_har",
]
