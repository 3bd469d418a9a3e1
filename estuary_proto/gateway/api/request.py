"""A request as the routes see it, and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from .access import Caller
    from .forms import Upload
    from .refusal import Headers


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that has been checked: `parts` of the path, `query` and `body` by their wire names,
    `files` of a form, and `base`, the address that the client knows us by. `now` is the time of day
    in seconds since 1970."""

    caller: Caller
    base: str
    now: float
    parts: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Upload] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: JSON, or `data` of `content_type`, or a `stream` of such data."""

    status: int = 200
    json: Any = None
    data: bytes | None = None
    stream: AsyncGenerator[bytes, None] | None = None
    content_type: str = "application/json"
    headers: Headers = ()
