"""Texts for the log, without keys and tokens."""

from __future__ import annotations

import re
from typing import Final

_TOKEN: Final = re.compile(r"\b((?:est|sst|ect)_)[\w-]{4,}")
"""What every key and token of this protocol looks like (PROTOCOL 1.2, 1.6), whosever it is."""


def conceal_keys(text: str) -> str:
    """The text, with the secret part of each key and token left out."""
    return _TOKEN.sub(r"\1***", text)
