"""REST calls in a capture: what was sent and what came back, without secrets.

    {"t": 3.1, "rest": "sent", "call": 1, "method": "GET", "route": …, "target": …, "headers": […]}
    {"t": 3.4, "rest": "answered", "call": 1, "status": 200, "headers": […], "body": "{…}"}
    {"t": 3.9, "rest": "failed", "call": 2, "reason": "the connection broke"}

Each attempt is a call of its own. Bodies are text; those that are none, or longer than `LONGEST`,
are told by length and hash. No core takes part, so that a replay passes them over.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from .forms import dumps

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..rest.http import HttpRequest
    from .lines import Lines
    from .spool import Spool

LONGEST: Final = 256 * 1024
"""Bytes of a body that are kept."""

SECRET_HEADERS: Final = {
    "x-api-key": "api_key",
    "authorization": "client_token",
    "proxy-authorization": "proxy",
    "cookie": "cookie",
    "set-cookie": "cookie",
    "idempotency-key": "idempotency_key",
}
"""Headers whose value is a secret -> the name in its placeholder."""

_BEARER: Final = "Bearer "


class RestLines:
    """Writes the lines of REST calls."""

    def __init__(self, lines: Lines, spool: Spool) -> None:
        self._lines = lines
        self._mask = lines.mask
        self._spool = spool
        self._calls = 0

    def sent(self, request: HttpRequest, *, now: float, secrets: Iterable[str] = ()) -> int:
        """A request is on its way; returns the number of its call. `secrets` may stand in it."""
        self._calls += 1
        line = {"rest": "sent", "call": self._calls, "method": request.method}
        line |= {"route": request.route, "target": request.target}
        self._put(now, line, request.headers, request.body, secrets)
        return self._calls

    def answered(
        self,
        call: int,
        status: int,
        headers: Iterable[tuple[str, str]],
        body: bytes,
        *,
        now: float,
        whole: bool = True,
    ) -> None:
        """An answer has come, or a part of one after which nobody listened any more."""
        line: dict[str, Any] = {"rest": "answered", "call": call, "status": status}
        if not whole:
            line["whole"] = False
        self._put(now, line, headers, body)

    def failed(self, call: int, reason: str, *, now: float) -> None:
        """No answer came."""
        self._put(now, {"rest": "failed", "call": call, "reason": reason}, (), b"")

    def _put(
        self,
        now: float,
        line: dict[str, Any],
        headers: Iterable[tuple[str, str]],
        body: bytes,
        secrets: Iterable[str] = (),
    ) -> None:
        with self._spool.guard:
            self._spool.settle()
            for secret in secrets:
                self._mask.hide("token", secret)
            self._spool.put(self._line(now, line, headers, body))
        self._spool.more()

    def _line(
        self, now: float, line: dict[str, Any], headers: Iterable[tuple[str, str]], body: bytes
    ) -> bytes:
        if shown := [self._header(name, value) for name, value in headers]:
            line["headers"] = shown
        if body:
            line["body"] = self._body(body)
        text = dumps(self._mask.clean(line))
        return f"{self._lines.aside(now)},{text[1:]}\n".encode()

    def _header(self, name: str, value: str) -> list[str]:
        secret = SECRET_HEADERS.get(name.lower())
        if secret is None:
            return [name, value]
        if value.startswith(_BEARER):
            return [name, _BEARER + self._mask.hide(secret, value[len(_BEARER) :])]
        return [name, self._mask.hide(secret, value)]

    def _body(self, body: bytes) -> str:
        if len(body) <= LONGEST:
            try:
                return self._mask.frame(body.decode())
            except UnicodeDecodeError:
                pass
        return f"«body {len(body)} {sha256(body).hexdigest()[:16]}»"
