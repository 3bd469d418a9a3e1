"""Where generated things get their choices from: the bytes of a fuzzer, or Hypothesis.

    choose = FromBytes(data)
    frame(choose, Role.SERVER)      # of `making`; equal bytes make equal things

What makes packets, messages and operations asks a `Chooser` and knows nothing else, so one
description of them serves a fuzzer that follows coverage and the strategies of `strategies`.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


class Chooser(Protocol):
    """Something that decides."""

    @property
    def more(self) -> bool:
        """Whether a list of things may go on."""
        ...

    def below(self, limit: int) -> int:
        """A whole number from 0 to `limit` - 1; the lower ones are the plain cases."""
        ...

    def whole(self) -> int:
        """A whole number of at most 64 bits, signed."""
        ...

    def number(self) -> float:
        """Any float, infinities and NaN among them."""
        ...

    def text(self, most: int = 16) -> str:
        """Text of at most so many characters, without lone surrogates."""
        ...

    def binary(self, most: int = 64) -> bytes:
        """At most so many bytes."""
        ...


class FromBytes:
    """Takes its choices from `data`, front to back; past its end all of them are 0 or empty."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def more(self) -> bool:
        """Whether bytes are left."""
        return self._at < len(self._data)

    @property
    def rest(self) -> bytes:
        """What no choice was taken from yet."""
        return self._data[self._at :]

    def _take(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken

    def below(self, limit: int) -> int:
        """One byte for up to 256 choices, else eight."""
        return int.from_bytes(self._take(1 if limit <= 256 else 8), "little") % limit

    def whole(self) -> int:
        """A byte for the size, then the number."""
        return int.from_bytes(self._take(1 << self.below(4)), "little", signed=True)

    def number(self) -> float:
        """Eight bytes as they stand (IEEE 754); 0 when they are not there."""
        taken = self._take(8)
        found: float = struct.unpack("<d", taken)[0] if len(taken) == 8 else 0.0
        return found

    def text(self, most: int = 16) -> str:
        """A byte for the length; what is no UTF-8 becomes U+FFFD."""
        return self._take(self.below(most + 1)).decode("utf-8", "replace")

    def binary(self, most: int = 64) -> bytes:
        """A byte for the length."""
        return self._take(self.below(most + 1))


def pick(choose: Chooser, options: Sequence[T]) -> T:
    """One of the options; the first is the plainest."""
    return options[choose.below(len(options))]


def flag(choose: Chooser) -> bool:
    """Yes or no."""
    return choose.below(2) == 1


def many(choose: Chooser, make: Callable[[Chooser], T], most: int) -> list[T]:
    """At most so many of what `make` makes."""
    return [make(choose) for _ in range(choose.below(most + 1))]
