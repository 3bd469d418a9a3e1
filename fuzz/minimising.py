"""From a finding to what can be kept: fewer bytes, a test of pytest, a capture where there is one.

Bytes are taken away, and replaced by plainer ones, as long as the same thing goes wrong in the same
place. A client's finding is a session, so it is written as a capture too: `estuary replay` shows
it, and the replay fails as the fuzzer did.
"""

from __future__ import annotations

import traceback
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from estuary_proto.packing import pack
from estuary_proto.testing import making
from estuary_proto.testing.choosing import FromBytes, flag
from estuary_proto.testing.operations import Operation
from estuary_proto.testing.runs import ClientRun

from .patience import NoEndError, patience
from .targets import target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .targets import Target

TRIES: Final = 5000
"""How often a smaller input is tried."""
NO_END: Final = ("no end",)
"""The fault of an input that takes for ever, wherever it is when that is noticed."""
LONG: Final = 2.0
"""Seconds after which a smaller input of that kind counts as one, too."""


def fault(run: Target, data: bytes, most: float | None = None) -> tuple[str, ...] | None:
    """What goes wrong and where, from the innermost call; None if nothing does. See `patience`."""
    try:
        with patience(most):
            run(data)
    except NoEndError:
        return NO_END
    except Exception as error:
        places = [f"{f.filename}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)]
        return type(error).__name__, *places[-2:]
    return None


def minimised(run: Target, data: bytes) -> bytes:
    """The fewest bytes found that go wrong in the same way. Raises ValueError when none do."""
    wanted = fault(run, data)
    if wanted is None:
        raise ValueError("nothing goes wrong with these bytes")
    left, most = (TRIES // 50, LONG) if wanted == NO_END else (TRIES, None)
    best = data
    changed = True
    while changed and left > 0:
        changed = False
        for smaller in _smaller(best):
            left -= 1
            if fault(run, smaller, most) == wanted:
                best, changed = smaller, True
                break
            if left <= 0:
                break
    return best


def _smaller(data: bytes) -> Iterator[bytes]:
    """The bytes without a piece, large pieces first; then with one of them plainer."""
    size = len(data) // 2
    while size:
        for at in range(0, len(data) - size + 1, size):
            yield data[:at] + data[at + size :]
        size //= 2
    for at, byte in enumerate(data):
        if byte:
            yield data[:at] + b"\x00" + data[at + 1 :]


def capture_of(name: str, data: bytes) -> list[str] | None:
    """The lines of a client's session that goes wrong; None where no client is part of it."""
    if name == "client":
        from .targets.cores import client_run

        return _lines_of(lambda: client_run(data))
    if name == "talk":
        from .targets.ends import talk_run

        return _lines_of(lambda: talk_run(data))
    frames = frames_of(name, data)
    if frames is None:
        return None
    run = ClientRun()
    try:
        with patience():
            for frame in frames:
                run.do(Operation(0.0, "receive", (frame,)))
    except (Exception, NoEndError):
        pass  # What goes wrong stands in the last line.
    return run.lines


def frames_of(name: str, data: bytes) -> list[str | bytes] | None:
    """The WebSocket messages that an input of a codec's target amounts to; None of others."""
    choose = FromBytes(data)
    if name == "json_text":
        choose.below(8)
        return [f'42/sdk,["x",{choose.rest.decode("utf-8", "replace")}]']
    if name == "socket_io":
        if flag(choose):
            return pack(making.socket_packet(choose))
        return ["4" + choose.rest.decode("utf-8", "replace")]
    if name == "engine_io" and choose.below(5) == 3:
        return [choose.rest.decode("utf-8", "replace")]
    return None


def _lines_of(make: Any) -> list[str]:
    """The capture, also of a session that ended in an error: its run is in the traceback."""
    try:
        with patience():
            return list(make().lines)
    except (Exception, NoEndError) as error:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            one = frame.f_locals.get("self")
            lines = getattr(one, "lines", None)
            if isinstance(lines, list):
                return lines
        raise


def report(name: str, data: bytes, into: Path) -> list[Path]:
    """Write the finding down in the directory `into`; returns the files, the test first."""
    run = target(name)
    small = minimised(run, data)
    stem = f"{name}_{sha256(small).hexdigest()[:8]}"
    lines = capture_of(name, small)
    files = [into / f"test_found_{stem}.py"]
    words = fault(run, small)
    assert words is not None
    files[0].write_text(_TEST.format(name=name, words=words[0], data=small))
    if lines is not None:
        files.append(into / f"found_{stem}.jsonl")
        files[1].write_text("".join(lines))
    return files


_TEST: Final = '''"""Found by fuzzing `{name}`: {words}."""

from __future__ import annotations

from fuzz.targets import target

DATA = {data!r}


def test_it_is_mended() -> None:
    target("{name}")(DATA)
'''
