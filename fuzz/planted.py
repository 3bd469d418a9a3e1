"""Bugs of different kinds, planted one at a time in a copy of the tree: does the fuzzer find them?

`python -m fuzz planted --seconds 60 --jobs 2` prints the table of the README. The committed corpus
is left out of the copy: what is found is found from nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from .running import FOUND, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .running import Result

ROOT: Final = Path(__file__).parents[1]
COPIED: Final = ("estuary_proto", "estuary_anyio", "estuary_audio", "fuzz")
ENDLESS: Final = 60.0
"""Seconds after which one input has no end."""


class Bug(NamedTuple):
    """`old` in `file` (of estuary_proto) becomes `new`; `targets` are asked to find it."""

    kind: str
    file: str
    old: str
    new: str
    target: str


BUGS: Final = (
    Bug("a frame loses its outer blanks", "engineio.py",
        "Packet(kind, frame[1:])", "Packet(kind, frame[1:].strip())", "engine_io"),
    Bug("milliseconds are cut off", "engineio.py",
        "round(opened.ping_timeout * 1000)", "int(opened.ping_timeout) * 1000", "engine_io"),
    Bug("attachments in the wrong places", "socketio.py",
        'pieces[value["num"]]', 'pieces[-1 - value["num"]]', "socket_io"),
    Bug("an id is read one digit short", "socketio.py",
        "return int(text[at:end]), end", "return int(text[at:end]) % 10**12, end", "socket_io"),
    Bug("nesting is not bounded", "jsontext.py",
        "_has_many_brackets(text, start) and _is_deep(value)", "False", "json_text"),
    Bug("half a surrogate pair in a key", "jsontext.py",
        "{_mend(key): _mend(item)", "{key: _mend(item)", "json_text"),
    Bug("infinity raises", "models/reading.py",
        "int(value) if value.is_integer() else None", "int(value)", "any_model"),
    Bug("a wrong type inside a list", "models/reading.py",
        "return [read for read in map(item, value) if read is not None]",
        "return list(map(item, value))", "any_model"),
    Bug("a held tag is shown too early", "actions.py",
        r'_START = re.compile(r"<(?:[aA/]|\Z)")', '_START = re.compile(r"<[aA/]")', "action_tags"),
    Bug("memory without bound", "transcript.py",
        "if len(self._redacted) > MAX_OPEN:", "if len(self._redacted) > 10**9:", "transcript"),
    Bug("a length written too long is taken", "websocket.py",
        "                if length < 126:\n                    break\n", "", "websocket"),
    Bug("told after the end", "websocket.py",
        "elif phase is not _Phase.ENDING and phase is not _Phase.CLOSED:",
        "elif phase is not _Phase.ENDING:", "websocket"),
    Bug("a day that no month has", "rest/dates.py",
        "except ValueError:", "except KeyError:", "http_date"),
    Bug("a search that goes on too far", "rest/turns.py",
        "            self._seen = 0\n            self._measure", "            self._measure",
        "turn_stream"),
    Bug("a secret in an error", "rest/exchange.py",
        "            error.conceal(secret)\n", "            pass\n", "answer"),
    Bug("control without bound", "outbox.py",
        "if len(self._control) >= MAX_CONTROL:", "if len(self._control) >= 10**9:",
        "client_connection"),
    Bug("an acknowledgement settles twice", "connection.py",
        "self._acks.pop(packet.id, None) is not None", "self._acks.get(packet.id) is not None",
        "client_connection"),
    Bug("receipts that never settle", "connection.py",
        "        self.events.extend(self._outbox.lose())\n"
        "        self._goodbye(ending, now, HangUp())",
        "        self._outbox.lose()\n        self._goodbye(ending, now, HangUp())",
        "server_connection"),
    Bug("a due timer is left waiting", "timers.py",
        "deadline.at > now", "deadline.at >= now", "server_connection"),
    Bug("late words of a dead socket", "client.py",
        "        if link == self.link and self._connection is not None:\n"
        "            now = self._tick(now)\n            self._connection.receive_eof(",
        "        if self._connection is not None:\n"
        "            now = self._tick(now)\n            self._connection.receive_eof(", "client"),
    Bug("a request that is forgotten", "voice.py",
        "            self._out.tell(VoiceSettled(request, error))",
        "            error and self._out.tell(VoiceSettled(request, error))", "client"),
    Bug("a replay that differs", "capture/recorder.py",
        "(batch or None) if frame is None else frame", "frame or batch or None", "client"),
    Bug("the gateway trips over a blank", "gateway/session.py",
        'self.allows(message.text or "")', "self.allows(message.text.strip())", "gateway"),
    Bug("somebody enters who has left", "gateway/session.py",
        "if who is not None and self._gone_by is None and self._waits_to_enter:",
        "if who is not None:", "gateway"),
)  # fmt: skip


def planted(code: str, bug: Bug) -> str:
    """The source with the bug in it. Raises ValueError where it does not fit any more."""
    if code.count(bug.old) < 1:
        raise ValueError(f"{bug.kind}: {bug.file} has changed")
    return code.replace(bug.old, bug.new, 1)


def hunt(bug: Bug, seconds: float) -> Result:
    """Fuzz a copy with the bug until it is found, for so many seconds at most."""
    with tempfile.TemporaryDirectory(prefix="planted-") as place:
        copy = Path(place)
        for name in COPIED:
            shutil.copytree(
                ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "corpus")
            )
        file = copy / "estuary_proto" / bug.file
        file.write_text(planted(file.read_text(), bug))
        result = run(bug.target, seconds, seconds, work=copy / ".fuzz", cwd=copy)
        if result.finding and not (_fails(bug, result, copy) and not _fails(bug, result, ROOT)):
            # It is wrong without the bug too, or not alone: what came before it counts.
            result.finding = None
        return result


def _fails(bug: Bug, result: Result, tree: Path) -> bool:
    """Whether what was found goes wrong in this tree, in a plain interpreter."""
    command = [sys.executable, "-m", "fuzz", "replay", bug.target, str(result.finding)]
    try:
        done = subprocess.run(command, cwd=tree, capture_output=True, check=False, timeout=ENDLESS)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def table(
    seconds: float, jobs: int, targets: list[str], bugs: Iterable[Bug] = BUGS
) -> Iterator[str]:
    """The lines of a Markdown table, as they come; only of these targets, if any are named."""
    bugs = [bug for bug in bugs if not targets or bug.target in targets]
    yield "| bug | in | target | found after | executions |"
    yield "|---|---|---|---:|---:|"
    found = 0
    with ThreadPoolExecutor(jobs) as pool:
        for bug, result in zip(bugs, pool.map(lambda b: hunt(b, seconds), bugs), strict=True):
            found += result.finding is not None
            after = f"{result.seconds:.0f} s"
            if not result.finding:
                after = f"another alarm, in {after}" if result.ended == FOUND else f"not in {after}"
            count = f"{result.executions:,}"
            yield f"| {bug.kind} | `{bug.file}` | `{bug.target}` | {after} | {count} |"
            sys.stdout.flush()
    yield f"\n{found} of {len(bugs)} found."
