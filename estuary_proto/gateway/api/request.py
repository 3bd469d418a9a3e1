"""A request as the routes see it, its answer, and the refusal of one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from .access import Caller
    from .forms import Upload

Headers = tuple[tuple[str, str], ...]


class Refusal(Exception):
    """A request is answered with this status and `{"detail": …}`."""

    def __init__(self, status: int, detail: Any, headers: Headers = ()) -> None:
        super().__init__(status, detail)
        self.status: int = status
        self.detail: Any = detail
        self.headers: Headers = headers


def not_found(what: str) -> Refusal:
    """404: there is no such thing."""
    return Refusal(404, f"{what} not found")


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
