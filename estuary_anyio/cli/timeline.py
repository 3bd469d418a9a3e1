"""`estuary timeline`: from a capture to a page, a picture or JSON."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from estuary_anyio.timeline import page, picture
from estuary_proto.errors import EstuaryError
from estuary_proto.timeline import as_json
from estuary_proto.timeline import timeline as laid_out

from .exits import Exit, Stop, one_line

if TYPE_CHECKING:
    from estuary_proto.timeline import Timeline

STDIO: Final = Path("-")


def draw(file: Path, output: Path | None, form: str | None, no_audio: bool) -> int:
    """Run the command. Returns the exit status, raises Stop."""
    suffix = output.suffix[1:].lower() if output is not None else ""
    form = form or (suffix if suffix in _FORMS else "html")
    if output is None:
        output = STDIO if file == STDIO else file.with_suffix(f".{form}")
    if output != STDIO and output.absolute() == file.absolute():
        raise Stop("--output is the capture itself", Exit.USAGE)
    found = _read(file, no_audio)
    _write(output, _FORMS[form](found))
    if output != STDIO:
        print(f"{output}: {len(found.conversation)} moments of {found.seconds:.1f} s")
    return Exit.DONE


def _json(found: Timeline) -> str:
    return json.dumps(as_json(found), ensure_ascii=False, indent=1) + "\n"


_FORMS: Final[dict[str, Any]] = {"html": page, "svg": picture, "json": _json}


def _read(file: Path, no_audio: bool) -> Timeline:
    sounds: dict[str, int] = {"max_sound": 0} if no_audio else {}
    try:
        with nullcontext(sys.stdin) if file == STDIO else file.open(encoding="utf-8") as lines:
            return laid_out(lines, **sounds)
    except OSError as error:
        raise Stop(f"{file}: {error.strerror or error}", Exit.USAGE) from None
    except UnicodeDecodeError:
        raise Stop(f"{file}: not a capture (not UTF-8)", Exit.USAGE) from None
    except EstuaryError as error:
        raise Stop(f"{file}: {one_line(error.message)}", Exit.USAGE) from None


def _write(output: Path, text: str) -> None:
    try:
        if output == STDIO:
            sys.stdout.buffer.write(text.encode())
            sys.stdout.buffer.flush()
        else:
            output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Stop(f"{output}: {error.strerror or error}", Exit.USAGE) from None
