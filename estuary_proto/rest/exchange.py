"""A call on its way: which answers end it, and when to try again (API 2, PROTOCOL 7.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from estuary_proto.policy import retry_delay
from estuary_proto.rest.call import Repeat
from estuary_proto.rest.dates import retry_after
from estuary_proto.rest.errors import RestError, UploadFailedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from estuary_proto.config import RetryConfig
    from estuary_proto.rest.call import Call, Identity
    from estuary_proto.rest.http import HttpRequest, HttpResponse

T = TypeVar("T")

MAX_WAIT: Final = 30.0
"""Seconds that are waited at most before a request is repeated, whatever the server asks for."""


class Exchange(Generic[T]):
    """The attempts of one call.

    Send `request`; tell the outcome by `answered` or `failed`; each returns the seconds to wait
    before sending it again, or raises the error that ends it. None from `answered`: `value` holds
    the answer. `chance` gives numbers uniform in [0, 1).
    """

    def __init__(
        self,
        call: Call[T],
        identity: Identity,
        retry: RetryConfig,
        *,
        chance: Callable[[], float],
    ) -> None:
        self.request: HttpRequest = call.request(identity)
        self.attempts: int = 0
        self.value: T
        self._call = call
        self._secrets = identity.secrets + call.secrets
        self._retry = retry
        self._chance = chance

    def answered(self, response: HttpResponse) -> float | None:
        """An answer has come. Raises RestError when it is the last, and no success."""
        self.attempts += 1
        if not response.is_success:
            response = response.without(self._secrets)
        try:
            self.value = self._call.parse(response)
        except RestError as error:
            delay = None if response.is_success else self._delay_after(response)
            if delay is None:
                raise self._last(error, self._is_passing(response.status)) from None
            return delay
        return None

    def failed(self, reason: str, details: dict[str, Any] | None = None) -> float:
        """No answer came, or not all of it. Raises RestError when that was the last attempt."""
        self.attempts += 1
        if self._may_repeat:
            return self._backoff()
        route = f"{self._call.method} {self._call.route}"
        error = RestError(f"{route} failed: {reason}", details={"route": route, **(details or {})})
        raise self._last(error, True)

    @property
    def _may_repeat(self) -> bool:
        allowed = self._call.repeat is not Repeat.NEVER
        return allowed and self.attempts <= self._retry.max_retries

    def _is_passing(self, status: int) -> bool:
        """Whether the next attempt may well succeed."""
        # 409: the request of the same key, whose answer was lost, is still being worked on.
        in_flight = status == 409 and self._call.repeat is Repeat.KEYED
        return status == 429 or in_flight or status in self._retry.retry_on_status

    def _delay_after(self, response: HttpResponse) -> float | None:
        if not self._is_passing(response.status) or not self._may_repeat:
            return None
        asked = retry_after(response)
        return self._backoff() if asked is None else min(asked, MAX_WAIT)

    def _backoff(self) -> float:
        return retry_delay(self.attempts, self._retry.backoff_factor, MAX_WAIT, self._chance())

    def _last(self, error: RestError, passing: bool) -> RestError:
        """The error that the caller gets: without secrets, and resumable where it is."""
        if passing and self._call.repeat is Repeat.KEYED:
            error = UploadFailedError(
                f"{error.message} (attempts: {self.attempts})",
                idempotency_key=self._call.idempotency_key,
                attempts=self.attempts,
                last=error,
            )
        for secret in self._secrets:
            error.conceal(secret)
        return error
