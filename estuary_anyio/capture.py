"""Writing a capture of a client's session to a file, as it happens."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from errno import EBUSY
from pathlib import Path
from queue import Empty, SimpleQueue
from stat import S_ISREG
from threading import Lock, RLock, Thread
from time import sleep
from typing import TYPE_CHECKING, Final

from estuary_proto.capture import Recorder, Spool
from estuary_proto.capture.spool import Told

from .backends import current_backend

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from io import FileIO

    from estuary_proto.config import EstuaryConfig
    from estuary_proto.rest.http import HttpRequest

logger: logging.Logger = logging.getLogger("estuary_anyio")

FLUSH: Final = 0.09
"""Seconds between two looks at what is to be written: a line is in the file within 100 ms."""


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
        write: Callable[[str], object] | Spool
        if callable(target):
            write = _Function(target)
        else:
            write = self._file = _LineFile(Path(target))
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


class _Function(Told):
    """A function that takes every line at once."""

    def broke(self, error: Exception) -> None:
        """Tell why no more lines follow."""
        if not self.over:
            _tell_of("a function", error)
        self.over = True


def _tell_of(target: object, error: object) -> None:
    # The conversation goes on: its record is worth less.
    logger.error("! the capture %s ends here: %s", target, error)


class _LineFile(Spool):
    """Lines on their way to a file. To take them costs next to nothing: a thread does the rest."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        # Held for as long as it takes to make lines, and `_writing` for as long as a disk takes:
        # nobody waits for that who has a line, unless there is no room for it.
        # Whoever hears of an error may have a line himself.
        self.guard, self._writing = RLock(), RLock()
        self._path = path
        self._cut = False
        self._file: FileIO | None = _opened(path)
        self._size = 0
        self.idle = True

    def begun(self) -> None:
        """Have the thread look for lines."""
        self.idle = False
        _flusher.wants(self)

    def full(self) -> None:
        """Whoever writes so much brings it to the file, and waits for it."""
        self.flush()

    def broke(self, error: Exception) -> None:
        """A line could not be made or written."""
        if not self.over:
            self.over = True
            reason = error.strerror if isinstance(error, OSError) else None
            _tell_of(self._path, reason or repr(error))

    def render(self) -> None:
        """Make lines of what waits; they stay here until somebody writes them."""
        try:
            with self.guard:
                self.settle()
        except Exception as error:
            self.broke(error)

    def flush(self) -> bool:
        """Bring to the file what has come so far; False when nothing has, and nobody will look for
        more."""
        with self._writing:
            if not self.waits:
                self.idle, self.due = True, float("-inf")
                if not self.waits:
                    return False
                # One has come in between, and may not have been told of.
                self.idle = False
            self.render()
            try:
                with self.guard:
                    data = self.take()
                if not self._cut:
                    self._write(data)
            except Exception as error:
                self._cut = True
                self.broke(error)
            return True

    def forked(self) -> None:
        """This is a child process, and whoever looked for lines is not in it."""
        self.guard, self._writing = RLock(), RLock()
        self.idle, self.due = True, float("-inf")

    def _write(self, data: bytes) -> None:
        if self._file is None:  # The client has been taken up again.
            self._file = _opened(self._path, self._size)
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._size += len(data)

    def close(self) -> None:
        """Bring everything to the file and let go of it; later lines open it again."""
        self.flush()
        with self._writing:
            file, self._file = self._file, None
            if file is None:
                return
            try:
                _unlock(file)
                file.close()
            except OSError as error:
                self.over = self._cut = True
                logger.error("! the capture %s is cut: %s", self._path, error.strerror or error)


def _opened(path: Path, size: int = 0) -> FileIO:
    """The file for one capture alone, since the lines of two would be neither's: empty, or as it
    was left, with so many bytes."""
    file = path.open("ab", buffering=0)
    try:
        if S_ISREG(os.fstat(file.fileno()).st_mode):
            _lock(file, path)
            if size and os.fstat(file.fileno()).st_size != size:
                raise OSError(EBUSY, "it is not as this capture left it", str(path))
            file.truncate(size)
    except BaseException:
        file.close()
        raise
    return file


def _lock(file: FileIO, path: Path) -> None:
    if sys.platform != "win32":  # Two captures there spoil each other.
        try:
            # It ends with the process at the latest.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:  # Some file systems know no locks.
            if isinstance(error, BlockingIOError):
                problem = "another capture is being written there"
                raise OSError(EBUSY, problem, str(path)) from None


def _unlock(file: FileIO) -> None:
    """To close the file is not enough while a child process has it too."""
    if sys.platform != "win32":
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_UN)


class _Flusher:
    """One thread for all captures of the program, asleep while there is nothing to write."""

    def __init__(self) -> None:
        self._wanted: SimpleQueue[_LineFile] = SimpleQueue()
        self._thread: Thread | None = None
        self._files: list[_LineFile] = []
        self._starting = Lock()

    def wants(self, file: _LineFile) -> None:
        """This file has lines to write."""
        self._wanted.put(file)
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    name = "estuary captures"
                    self._thread = Thread(target=self._run, name=name, daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        # A file stays until it had nothing to write for once, so that its lines need tell nobody.
        while True:
            if not self._files:
                self._files.append(self._wanted.get())
            sleep(FLUSH)
            with suppress(Empty):
                while True:
                    self._files.append(self._wanted.get_nowait())
            # Lines are made of everything before anything is written: the second costs half as
            # much as the first, and more where it is the first again. No file is held meanwhile:
            # a disk that hangs keeps others waiting for this thread, and for nothing else.
            for file in self._files:
                file.render()
            self._files = [file for file in self._files if file.flush()]

    def forked(self) -> None:
        """This is a child process: the next line of a file starts its thread."""
        self._thread, self._starting = None, Lock()
        for file in self._files:
            file.forked()
        self._files = []


_flusher: Final = _Flusher()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_flusher.forked)
