"""Writing a capture of a client's session to a file, as it happens."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from estuary_proto.capture import Recorder

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from estuary_proto.config import EstuaryConfig

logger: logging.Logger = logging.getLogger("estuary_anyio")


class CaptureFile:
    """A recorder around a client core, and the file (or function) that its lines go to.

    The file is opened at once, so that a path that cannot be written to is the caller's to know,
    and each line reaches the operating system as it is written.
    """

    def __init__(
        self,
        config: EstuaryConfig,
        target: str | os.PathLike[str] | Callable[[str], None],
        *,
        seed: int,
        path: str,
        joins_rooms: bool = False,
    ) -> None:
        self._path = None if callable(target) else Path(target)
        self._file: TextIO | None = None
        self._broken = False
        write = target if callable(target) else self._write
        if self._path is not None:
            self._file = self._path.open("w", encoding="utf-8", buffering=1)
        started = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.core: Recorder = Recorder(
            config, write, seed=seed, path=path, joins_rooms=joins_rooms, started=started
        )

    def _write(self, line: str) -> None:
        if self._broken or self._path is None:
            return
        try:
            if self._file is None:  # The client has been taken up again.
                self._file = self._path.open("a", encoding="utf-8", buffering=1)
            self._file.write(line)
        except OSError as error:
            # A full disk must not take the conversation with it.
            self._broken = True
            logger.error("the capture %s ends here: %s", self._path, error.strerror or error)

    def close(self) -> None:
        """The session is over for now."""
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError as error:
                self._broken = True
                logger.error("the capture %s is cut: %s", self._path, error.strerror or error)
