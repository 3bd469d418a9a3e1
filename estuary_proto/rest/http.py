"""One HTTP request and one HTTP response, as values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from estuary_proto.errors import SHORTEST_SECRET

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What is to be sent, exactly: `target` is path and query as they stand in the request line.

    `route` is the path with the names of its parts in place of their values, fit for a log: a
    share's token stands in the target.
    """

    method: str
    route: str
    target: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str | None:
        """The value of a header, by its name in any case."""
        return _found(self.headers, name)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What came back, complete: the body with its content encoding undone."""

    status: int
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def is_success(self) -> bool:
        """True for 2xx."""
        return 200 <= self.status < 300

    def header(self, name: str) -> str | None:
        """The value of a header, by its name in any case; the first of several."""
        return _found(self.headers, name)

    def without(self, secrets: Iterable[str]) -> HttpResponse:
        """The same without secrets that the server may have repeated."""
        body = self.body
        headers = self.headers
        for secret in secrets:
            if len(secret) >= SHORTEST_SECRET:
                body = body.replace(secret.encode("utf-8", "replace"), b"***")
                headers = tuple((name, text.replace(secret, "***")) for name, text in headers)
        return replace(self, headers=headers, body=body)


def _found(headers: tuple[tuple[str, str], ...], name: str) -> str | None:
    wanted = name.lower()
    return next((value for key, value in headers if key.lower() == wanted), None)
