"""Secrets become placeholders before anything is written down (law 8).

The same secret has the same placeholder throughout a capture, `«api_key»`, `«livekit_token»`,
`«given_token:2»` …, so that a core fed with the placeholders gives the same placeholders back. Two
ways lead to one:

1. Where it stands: under a secret key of a JSON object, or in a field that a model calls secret.
2. What it is: a secret of at least `MIN_LENGTH` characters is replaced wherever it turns up again,
   as plain text or as JSON writes it. Shorter ones, and those that might be a JSON number or are
   part of a name of ours, would tear holes into innocent words, and are left to the first way.

A secret that somebody tells a character, and that comes back in pieces, a few letters a time, is
not known by its pieces: that is a conversation about it.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final
from urllib.parse import quote

from ..errors import RemoteProtocolError
from ..jsontext import loads
from .names import names_of_ours

MIN_LENGTH: Final = 8
"""Characters from which on a secret is looked for everywhere."""

SECRET_KEYS: Final = {
    "api_key": "api_key",
    "apiKey": "api_key",
    "client_token": "client_token",
    "clientToken": "client_token",
    "livekit_token": "livekit_token",
    "livekitToken": "livekit_token",
    "session_token": "session_token",
    "sessionToken": "session_token",
    "share_url": "share_url",
    "shareUrl": "share_url",
    "anchor_url": "share_url",
    "anchorUrl": "share_url",
    "token": "given_token",
}
"""Every spelling of a secret on the wire -> the name in its placeholder. (None makes one that is
too short for the core to keep it out of errors, as it keeps the secret.)"""

_KEYS = frozenset(SECRET_KEYS)
# A frame that was cut off may end within the secret.
_KEYED = re.compile(rf'"({"|".join(SECRET_KEYS)})"(\s*:\s*)"((?:[^"\\]|\\.)+)("|\\?\Z)', re.DOTALL)
_PLACEHOLDER = re.compile(r"«(\w+)(?::(\d{1,9}))?»", re.ASCII)
_NO_BASE64 = re.compile(r"[^A-Za-z0-9+/=]")
_LONG: Final = 512
_BROKEN = "\\x"
_NUMBER = re.compile(r"[-+.\deE]*")
_WORD = re.compile(r"[A-Za-z_]*")


def _is_innocent(value: str) -> bool:
    """Whether others than secrets are written like this."""
    return bool(_NUMBER.fullmatch(value) or (_WORD.fullmatch(value) and value in names_of_ours()))


def is_placeholder(value: str) -> bool:
    """Whether this text stands for a secret already."""
    return len(value) > 2 and value[0] == "«" and value[-1] == "»"


class Mask:
    """The secrets of one capture and what stands for them."""

    __slots__ = ("_counts", "_inner", "_longest", "_names", "_rare", "probes")

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        # Needle -> placeholder, for texts, and what these look like within a line.
        self._inner: dict[str, str] = {}
        # Needle -> a character of it that base64 has not, if there is one.
        self._rare: dict[str, str] = {}
        self._longest = 0
        self.probes: list[bytes] = []

    def hide(self, name: str, value: str) -> str:
        """The placeholder for a secret; `name` counts when it is met for the first time."""
        if not value or is_placeholder(value):
            self._met(value)
            return value
        found = self._names.get(value)
        if found is None:
            name = SECRET_KEYS.get(name, name)
            number = self._counts[name] = self._counts.get(name, 0) + 1
            found = f"«{name}»" if number == 1 else f"«{name}:{number}»"
            self._names[value] = found
            if len(value) >= MIN_LENGTH and not _is_innocent(value):
                self._seek(value, found)
        return found

    def _met(self, placeholder: str) -> None:
        """Number on from a placeholder that was there already: a replay meets those of before."""
        if found := _PLACEHOLDER.fullmatch(placeholder):
            name, number = found[1], int(found[2] or 1)
            self._counts[name] = max(self._counts.get(name, 0), number)

    def _seek(self, value: str, placeholder: str) -> None:
        """From now on look for this secret in every text, in all its spellings."""
        probes = set(self.probes)
        for form in _spellings(value):
            self._inner[form] = placeholder
            self._rare[form] = (_NO_BASE64.search(form) or form)[0]
            self._longest = max(self._longest, len(form))
            probes.update(probe.encode("utf-8", "surrogatepass") for probe in _spellings(form))
        # A secret that is part of another must not spoil it.
        self._inner = dict(sorted(self._inner.items(), key=lambda pair: -len(pair[0])))
        self.probes[:] = sorted(probes)

    def frame(self, text: str) -> str:
        """A frame of the wire, its secrets replaced."""
        if len(text) > _LONG:
            return self._long_frame(text)
        if _ends_key(text):
            text = _KEYED.sub(self._keyed, text)
        for needle in self._inner:
            if needle in text:
                return self.text(text)
        return text

    def _long_frame(self, text: str) -> str:
        """The same for a frame that is mostly one long text without quotes: sound, most likely."""
        middle = len(text) // 2
        # Single characters are found ten times faster than words.
        begin, end = text.rfind('"', 0, middle) + 1, text.find('"', middle)
        long = bool(begin) and end - begin > middle
        # Keys stand in quotes, of which there is none within.
        if _ends_key(text[:begin] + text[end:]) if long else not _KEYS.isdisjoint(text.split('"')):
            text, long = _KEYED.sub(self._keyed, text), False
        if not long:
            begin, end = 0, len(text)
        edge = self._longest
        around = text[: begin + edge] + text[max(begin, end - edge) :] if long else ""
        for needle, rare in self._rare.items():
            # What has a character that the long text has not, stands around it.
            if needle in (text if text.find(rare, begin, end) >= 0 else around):
                return self.text(text)
        return text

    def _keyed(self, match: re.Match[str]) -> str:
        key, colon, raw, end = match.groups()
        broken = ""
        try:
            value = loads(f'"{raw}"')
        except RemoteProtocolError:
            # An escape that JSON has not, or a line break: the frame must stay as wrong as it is.
            value, broken = raw.removeprefix(_BROKEN), _BROKEN
        return f'"{key}"{colon}"{broken}{self.hide(key, value)}{end}'

    def text(self, text: str) -> str:
        """Any text, the known secrets in it replaced."""
        for needle, placeholder in self._inner.items():
            if needle in text:
                text = text.replace(needle, placeholder)
        return text

    def raw(self, data: bytes) -> bytes:
        """Any bytes, the known secrets in them replaced."""
        for needle, placeholder in self._inner.items():
            data = data.replace(needle.encode("utf-8", "surrogatepass"), placeholder.encode())
        return data

    def shows_in(self, line: bytes) -> bool:
        """Whether a line holds a known secret, in whatever spelling."""
        return any(probe in line for probe in self.probes)

    def clean(self, value: Any) -> Any:
        """A JSON value with the known secrets in its texts and keys replaced."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.clean(item) for item in value]
        if isinstance(value, dict):
            return {self.text(key): self.clean(item) for key, item in value.items()}
        return value


def _ends_key(text: str) -> bool:
    """Whether something ends as secret keys do; most texts hold nothing of the kind."""
    return 'oken"' in text or 'ey"' in text or 'rl"' in text


def _spellings(value: str) -> set[str]:
    """A text plain, as JSON writes it inside quotes, and as a URL writes it."""
    plain = json.dumps(value, ensure_ascii=False)[1:-1]
    ascii_only = json.dumps(value)[1:-1]
    url = quote(value, safe="", errors="replace")
    return {
        value,
        plain,
        ascii_only,
        plain.replace("/", "\\/"),
        ascii_only.replace("/", "\\/"),
        url,
    }
