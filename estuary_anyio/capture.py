"""Writing a capture of a client's session to a file, as it happens."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from time import sleep
from typing import TYPE_CHECKING, Any, Final

from estuary_proto.capture import Recorder

from .backends import current_backend

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable
    from io import FileIO

    from estuary_proto.config import EstuaryConfig
    from estuary_proto.rest.http import HttpRequest

logger: logging.Logger = logging.getLogger("estuary_anyio")

FLUSH: Final = 0.09
"""Seconds between two looks at what is to be written: a line is in the file within 100 ms."""
MOST: Final = 5000
"""Lines that may wait; with more, whoever writes them brings them to the file and waits for it."""


class CaptureFile:
    """A recorder around a client core, and the file (or function) that its lines go to.

    The file is opened at once, so that a path that cannot be written to is the caller's to know:
    it raises OSError. Later trouble, as of a full disk, is logged once and ends the capture alone.
    """

    def __init__(
        self,
        config: EstuaryConfig,
        target: str | os.PathLike[str] | Callable[[str], None],
        *,
        seed: int,
        path: str,
        audio: bool = True,
        joins_rooms: bool = False,
    ) -> None:
        self._file: _LineFile | None = None
        write: Callable[[str], Any]
        if callable(target):
            write = target
        else:
            self._file = _LineFile(Path(target))
            write = self._file.write
        started = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.core: Recorder = Recorder(
            config,
            write,
            seed=seed,
            path=path,
            joins_rooms=joins_rooms,
            started=started,
            audio=audio,
        )

    def sent(self, request: HttpRequest, secrets: Iterable[str]) -> int:
        """A REST request is on its way; returns its number. `secrets` may stand in it."""
        return self.core.rest.sent(request, now=current_backend().clock(), secrets=secrets)

    def answered(
        self,
        call: int,
        status: int,
        headers: Iterable[tuple[str, str]],
        body: bytes,
        *,
        whole: bool,
    ) -> None:
        """Its answer has come, as far as anybody listened."""
        now = current_backend().clock()
        self.core.rest.answered(call, status, headers, body, now=now, whole=whole)

    def failed(self, call: int, reason: str) -> None:
        """It got no answer."""
        self.core.rest.failed(call, reason, now=current_backend().clock())

    def close(self) -> None:
        """The session is over for now: all lines are in the file."""
        if self._file is not None:
            self._file.close()


class _LineFile:
    """Lines on their way to a file. `write` costs next to nothing: a thread does the rest."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: list[str] = []
        self._lock = Lock()
        self._broken = False
        self._file: FileIO | None = path.open("wb", buffering=0)

    def write(self, line: str) -> None:
        """Take a line; never raises."""
        lines = self._lines
        lines.append(line)
        # After the line is there: else a flush that is under way would be the last to look.
        if len(lines) == 1:
            _flusher.wants(self)
        elif len(lines) > MOST:
            self.flush()

    def flush(self) -> None:
        """Bring to the file what has come so far."""
        with self._lock:
            lines = self._lines
            count = len(lines)
            data = "".join(lines[:count]).encode()
            if data and not self._broken:
                try:
                    self._put(data)
                except OSError as error:
                    # A full disk must not take the conversation with it.
                    self._broken = True
                    logger.error(
                        "! the capture %s ends here: %s", self._path, error.strerror or error
                    )
            del lines[:count]
            if lines:
                _flusher.wants(self)

    def _put(self, data: bytes) -> None:
        if self._file is None:  # The client has been taken up again.
            self._file = self._path.open("ab", buffering=0)
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]

    def close(self) -> None:
        """Bring everything to the file and let go of it; later lines open it again."""
        self.flush()
        with self._lock:
            file, self._file = self._file, None
            if file is None:
                return
            try:
                file.close()
            except OSError as error:
                self._broken = True
                logger.error("! the capture %s is cut: %s", self._path, error.strerror or error)


class _Flusher:
    """One thread for all captures of the program, asleep while there is nothing to write."""

    def __init__(self) -> None:
        self._wanted: SimpleQueue[_LineFile] = SimpleQueue()
        self._thread: Thread | None = None

    def wants(self, file: _LineFile) -> None:
        """This file has lines to write."""
        self._wanted.put(file)
        # After a fork there is an object, and no thread.
        if self._thread is None or not self._thread.is_alive():
            self._thread = Thread(target=self._run, name="estuary captures", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            files = [self._wanted.get()]
            sleep(FLUSH)
            with suppress(Empty):
                while True:
                    files.append(self._wanted.get_nowait())
            for file in files:
                file.flush()


_flusher: Final = _Flusher()
