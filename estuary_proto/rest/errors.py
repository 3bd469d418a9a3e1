"""What goes wrong with a REST call (API 7): one class for each answer that a program may act on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from estuary_proto.errors import ErrorCode, EstuaryError, RemoteProtocolError, concealed
from estuary_proto.jsontext import loads
from estuary_proto.rest.dates import retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping

    from estuary_proto.rest.http import HttpResponse

EXCERPT: Final = 500
"""Characters of a body that an error keeps."""


class RestError(EstuaryError):
    """A REST call failed: with this HTTP `status`, or None where no answer came.

    `details` may hold `detail` (what the server says, decoded), `code` (its own code for it),
    `body` (the first 500 characters) and `route`.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        details: Mapping[str, Any] | None = None,
        code: ErrorCode = ErrorCode.REST_ERROR,
    ) -> None:
        super().__init__(message, code, details)
        self.status: int | None = status

    @property
    def detail(self) -> Any:
        """What the server says about it (`detail` of its JSON), or None."""
        return self.details.get("detail")

    def conceal(self, secret: str) -> None:
        """Take a secret out of the texts, however deep the server has put it."""
        super().conceal(secret)
        self.details: dict[str, Any] = {
            key: _concealed(value, secret) for key, value in self.details.items()
        }


def _concealed(value: Any, secret: str) -> Any:
    if isinstance(value, str):
        return concealed(value, secret)
    if isinstance(value, list):
        return [_concealed(item, secret) for item in value]
    if isinstance(value, dict):
        return {concealed(key, secret): _concealed(item, secret) for key, item in value.items()}
    return value


class Unauthorized(RestError):
    """401: the key or token is not accepted."""


class Forbidden(RestError):
    """403: the key or token may not do this."""

    @property
    def required_scopes(self) -> tuple[str, ...]:
        """The scopes that it would need, such as `memories:write`; empty if not said (C14)."""
        return tuple(self.details.get("required_scopes", ()))


class NotFound(RestError):
    """404: there is no such thing, or it belongs to somebody else."""


class Conflict(RestError):
    """409: it is being done already."""


class Unprocessable(RestError):
    """422: a field is wrong or unknown."""


class RateLimited(RestError):
    """429: too many requests."""

    @property
    def retry_after(self) -> float | None:
        """Seconds that the server asks to wait, uncapped; None if it does not say."""
        seconds: float | None = self.details.get("retry_after")
        return seconds


class RestTimeout(RestError, TimeoutError):
    """The call took longer than its timeout, repeats included. Also a `TimeoutError`."""


class TurnFailed(RestError):
    """A streamed turn ended without being completed; `partial` is the text that had come."""

    def __init__(
        self, message: str, *, partial: str = "", details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message, status=200, details=details)
        self.partial = partial


class UploadFailedError(RestError):
    """An upload that may be resumed: give `idempotency_key` again, and nothing is done twice.

    `attempts` counts the requests, `last_status` and `last_response_text` are of the last answer,
    None and "" if there was none.
    """

    def __init__(
        self, message: str, *, idempotency_key: str, attempts: int, last: RestError
    ) -> None:
        super().__init__(
            message, status=last.status, details=last.details, code=ErrorCode.UPLOAD_FAILED
        )
        self.idempotency_key = idempotency_key
        self.attempts = attempts

    @property
    def last_status(self) -> int | None:
        """The status of the last answer."""
        return self.status

    @property
    def last_response_text(self) -> str:
        """How the last answer began."""
        return str(self.details.get("body", ""))


CLASSES: Final[Mapping[int, type[RestError]]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    422: Unprocessable,
    429: RateLimited,
}


def error_of(route: str, response: HttpResponse) -> RestError:
    """The error for an answer that is no success."""
    text = response.body.decode("utf-8", "replace")
    details: dict[str, Any] = {"route": route, "body": text[:EXCERPT]}
    try:
        said = loads(text)
    except RemoteProtocolError:
        said = None
    words = _words(said, details) or _excerpt(said, text)
    if 300 <= response.status < 400:
        words = "the server redirects to another address, which is not followed: see server_url"
    if (wait := retry_after(response)) is not None:
        details["retry_after"] = wait
    made = CLASSES.get(response.status, RestError)
    message = f"{route} answered {response.status}"
    return made(
        f"{message}: {words}" if words else message, status=response.status, details=details
    )


def _excerpt(said: Any, text: str) -> str:
    """The beginning of a body that is no JSON, on one line; of JSON there is `detail`."""
    return "" if said is not None else " ".join(text[:EXCERPT].split())[:200]


def _words(said: Any, details: dict[str, Any]) -> str:
    """What a decoded body says in words; the rest goes to `details`."""
    if not isinstance(said, dict):
        return ""
    detail = said.get("detail")
    details["detail"] = detail
    inner = detail if isinstance(detail, dict) else {}
    for source in (inner, said):
        _note_code(source, details)
        _note_scopes(source, details)
    if isinstance(detail, str):
        return detail
    if isinstance(detail, list):
        return "; ".join(filter(None, map(_complaint, detail)))
    return _first_text(inner, "message", "error", "detail") or _first_text(said, "message", "error")


def _first_text(source: dict[str, Any], *keys: str) -> str:
    return next((t for key in keys if isinstance(t := source.get(key), str) and t), "")


def _note_code(source: dict[str, Any], details: dict[str, Any]) -> None:
    code = _first_text(source, "code", "error", "type")
    if code:
        details.setdefault("code", code)


def _note_scopes(source: dict[str, Any], details: dict[str, Any]) -> None:
    for key in ("requiredScopes", "required_scopes", "requiredScope", "required_scope"):
        value = source.get(key)
        many = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        scopes = [scope for scope in many if isinstance(scope, str) and scope]
        if scopes:
            details.setdefault("required_scopes", scopes)


def _complaint(item: Any) -> str:
    """One of the complaints of a 422: where, and what."""
    if not isinstance(item, dict):
        return item if isinstance(item, str) else ""
    place = item.get("loc")
    where = ".".join(str(part) for part in place) if isinstance(place, list) else ""
    what = _first_text(item, "msg", "message", "type")
    return f"{where}: {what}" if where and what else where or what
