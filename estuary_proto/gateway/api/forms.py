"""multipart/form-data as it comes in (RFC 7578), and files given as base64."""

from __future__ import annotations

import re
from binascii import a2b_base64
from typing import Final, NamedTuple

from .refusal import Refusal

MAX_PARTS: Final = 50
MAX_HEAD: Final = 8192

_BOUNDARY: Final = re.compile(r';\s*boundary=(?:"([^"\r\n]{1,70})"|([^\s;"]{1,70}))', re.I)
_PARAMETER: Final = re.compile(r';\s*(name|filename)=(?:"([^"]*)"|([^\s;"]*))', re.I)


class Upload(NamedTuple):
    """A file: its bytes, and the type that the client says it has ("" if it does not)."""

    data: bytes
    mime_type: str


def read_form(content_type: str, body: bytes) -> tuple[dict[str, str], dict[str, Upload]]:
    """The plain fields and the files of a form. Raises Refusal 400 for what is none."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise Refusal(400, "The form names no boundary")
    mark = b"--" + (found[1] or found[2]).encode("latin-1", "replace")
    first, *parts = (b"\r\n" + body).split(b"\r\n" + mark)
    if not parts or not parts[-1].startswith(b"--") or first.strip():
        raise Refusal(400, "The form does not begin and end with its boundary")
    if len(parts) > MAX_PARTS:
        raise Refusal(400, f"The form has too many parts: {MAX_PARTS} are the most")
    fields: dict[str, str] = {}
    files: dict[str, Upload] = {}
    for part in parts[:-1]:
        _take(part, fields, files)
    return fields, files


def _take(part: bytes, fields: dict[str, str], files: dict[str, Upload]) -> None:
    head, gap, data = part.partition(b"\r\n\r\n")
    if not gap or len(head) > MAX_HEAD:
        raise Refusal(400, "A part of the form has no headers, or no end of them")
    headers = _headers(head)
    disposition = headers.get("content-disposition", "")
    named = {
        m[1].lower(): m[2] if m[2] is not None else m[3] for m in _PARAMETER.finditer(disposition)
    }
    name = named.get("name")
    if not name:
        raise Refusal(400, "A part of the form has no name")
    if name in fields or name in files:
        raise Refusal(422, [{"loc": ["body", name[:80]], "msg": "it is given twice"}])
    if "filename" in named:
        files[name] = Upload(
            data, headers.get("content-type", "").partition(";")[0].strip().lower()
        )
        return
    try:
        fields[name] = data.decode()
    except UnicodeDecodeError:
        raise Refusal(400, "A field of the form is not UTF-8") from None


def _headers(head: bytes) -> dict[str, str]:
    found = {}
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            found[name.strip().lower()] = value.strip()
    return found


def from_base64(text: str, mime_type: str) -> Upload:
    """A file given as base64 text, with or without `data:…;base64,` before it.

    Raises Refusal 422 for what is none.
    """
    if text.startswith("data:"):
        said, _, text = text.partition(",")
        mime_type = mime_type or said[5:].partition(";")[0]
    try:
        data = a2b_base64("".join(text.split()), strict_mode=True)
    except ValueError:
        raise Refusal(422, [{"loc": ["body", "image"], "msg": "it is not base64"}]) from None
    return Upload(data, mime_type.strip().lower())
