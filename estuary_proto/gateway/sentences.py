"""Cutting a text that still streams into what is spoken at once: sentences.

1. A sentence ends with `. ! ? …`, closing quotes behind it, and white space; a line ends one too.
   Behind an abbreviation or an initial nothing ends.
2. The first of a text may end with a comma, a semicolon, a colon or a dash once it has `FIRST`
   characters: the sooner it is known, the sooner something is heard.
3. None is longer than `LONGEST` characters: it is parted between two words.
4. What has no letter and no digit is not spoken.
"""

from __future__ import annotations

import re
from typing import Final

FIRST: Final = 30
LONGEST: Final = 240

_END: Final = re.compile(r"""[.!?…]+["'”’)\]]*(?=\s)|\n""")
_CLAUSE: Final = re.compile(r"[,;:–—](?=\s)")
_SHORT: Final = re.compile(
    r"(?:^|[\s(\"'“])(?:mr|mrs|ms|dr|prof|st|vs|etc|e\.g|i\.e|approx|[a-z])\.\Z", re.I
)


class Sentences:
    """See the module."""

    __slots__ = ("_any", "_text")

    def __init__(self) -> None:
        self._text = ""
        self._any = False

    def feed(self, text: str) -> list[str]:
        """The sentences that are complete with this piece."""
        self._text += text
        found = []
        while (end := self._end()) is not None:
            found += self._cut(end)
        return found

    def flush(self) -> list[str]:
        """The text is at its end: what is left of it."""
        found = self.feed("\n")
        self._text = ""
        self._any = False
        return found

    def _end(self) -> int | None:
        text = self._text
        for match in _END.finditer(text, 0, LONGEST):
            if not _SHORT.search(text, 0, match.end()):
                return match.end()
        if not self._any:
            clause = _CLAUSE.search(text, FIRST, LONGEST)
            if clause is not None:
                return clause.end()
        if len(text) < LONGEST:
            return None
        space = text.rfind(" ", 1, LONGEST)
        return space if space > 0 else LONGEST

    def _cut(self, end: int) -> list[str]:
        said, self._text = " ".join(self._text[:end].split()), self._text[end:]
        if not any(map(str.isalnum, said)):
            return []
        self._any = True
        return [said]
