"""A script from a file: JSON by itself, YAML where PyYAML is installed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from estuary_proto.errors import ErrorCode, EstuaryError
from estuary_proto.gateway import Script

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES: Final = 2**20
"""How long a script may be."""


def read_script(path: Path) -> Script:
    """The script in this file: JSON if its name ends in `.json`, else YAML.

    Raises EstuaryError CONFIG_INVALID that names the file, the place, what is wrong and the way
    out.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1).decode()
    except OSError as error:
        raise _unreadable(path, str(error.strerror)) from error
    except UnicodeDecodeError as error:
        raise _unreadable(path, f"it is not UTF-8 (byte {error.start})") from error
    if len(text.encode()) > MAX_BYTES:
        raise _unreadable(path, f"it is longer than {MAX_BYTES} bytes")
    plain = _json(path, text) if path.suffix.lower() == ".json" else _yaml(path, text)
    return Script.read(plain, path.name)


def _json(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, f"it is not JSON ({error})") from error


def _yaml(path: Path, text: str) -> Any:
    try:
        import yaml  # Late: it comes with an extra, and only a script needs it.
    except ModuleNotFoundError as error:
        raise EstuaryError(
            "A script in YAML needs PyYAML: pip install 'estuary-anyio[gateway]', or write JSON",
            ErrorCode.CONFIG_INVALID,
            {"field": "script"},
        ) from error
    try:
        # An alias of aliases would grow without end when it is written.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
            raise _unreadable(path, "it holds an alias (*name); write it out")
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _unreadable(path, f"it is not YAML ({' '.join(str(error).split())})") from error


def _unreadable(path: Path, problem: str) -> EstuaryError:
    return EstuaryError(
        f"{path.name}: {problem}", ErrorCode.CONFIG_INVALID, {"field": "script", "where": "file"}
    )
