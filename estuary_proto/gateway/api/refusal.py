"""How a request is refused: a status, and why."""

from __future__ import annotations

from typing import Any

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
