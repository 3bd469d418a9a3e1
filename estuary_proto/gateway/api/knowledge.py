"""What memories amount to: which of them stay, what they are about, and how near they are to words.

The keys of facts are those of `estuary_proto.gateway.memory`.
"""

from __future__ import annotations

import re
from collections import Counter
from math import sqrt
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_PASSING: Final = ("taste ", "note ", "memory ")
_WORD: Final = re.compile(r"\w+")


def is_core(key: str) -> bool:
    """Whether a fact with this key says who the player is; tastes and notes do not."""
    return bool(key) and not key.startswith(_PASSING)


def snake(key: str) -> str:
    """A key as PROTOCOL spells them: "favourite tea" is favourite_tea."""
    return "_".join(_WORD.findall(key.lower()))


def terms(text: str) -> list[str]:
    """The words of a text, in small letters and the singular, more or less."""
    words = _WORD.findall(text.casefold())
    return [word[:-1] if len(word) > 3 and word.endswith("s") else word for word in words]


def matching(text: str) -> str:
    """An FTS5 expression for the memories that hold any of these words, "" if there is none.

    Each word is a quoted string: nothing in it is an operator.
    """
    words = dict.fromkeys(_WORD.findall(text.casefold()))
    return " OR ".join(f'"{word}"' for word in list(words)[:50])


def similarity(one: Iterable[str], other: Iterable[str]) -> float:
    """The cosine of the angle between two texts' words, from 0 to 1."""
    left, right = Counter(one), Counter(other)
    product = sum(count * right[word] for word, count in left.items())
    size = sqrt(sum(n * n for n in left.values()) * sum(n * n for n in right.values()))
    return round(product / size, 6) if size else 0.0
