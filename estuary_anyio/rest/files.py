"""Files that the caller gives: bytes, base64 text, or a path."""

from __future__ import annotations

import os
from typing import TypeAlias

import anyio

Contents: TypeAlias = bytes | bytearray | memoryview | str | os.PathLike[str]
"""Raw bytes, base64 as a str, or the path of a file as `os.PathLike` (API 3)."""


async def contents(given: Contents) -> bytes | bytearray | memoryview | str:
    """What the file holds; a path is read in a thread. Raises OSError as reading does."""
    if isinstance(given, os.PathLike):
        return await anyio.Path(given).read_bytes()
    return given
