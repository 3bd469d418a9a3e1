"""Waiting for a 3D model, as data: when to look again, what is news, when it is over (7.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from estuary_proto.errors import ErrorCode, EstuaryError
from estuary_proto.rest.checks import a_number, wrong

if TYPE_CHECKING:
    from estuary_proto.models.generation import ModelStatus
    from estuary_proto.rest.errors import RestError

GROWTH: Final = 1.5
SLOWEST: Final = 10.0
"""Seconds between two polls at most, unless more were asked for."""
FAILURES: Final = 3
"""Failed polls in a row that are given up on."""


class ModelWatch:
    """The polls for one model. `delay` is the seconds before the next one."""

    def __init__(self, poll_interval: float = 2.0) -> None:
        given = a_number("poll_interval", poll_interval, 0.01, 3600)
        if given is None:
            raise wrong("poll_interval", "it is not given")
        self.delay: float = given
        self.latest: ModelStatus | None = None
        self._slowest = max(given, SLOWEST)
        self._failures = 0
        self._unknown = 0

    def saw(self, status: ModelStatus) -> bool:
        """A poll has been answered; True if that is news.

        Raises EstuaryError when nobody has begun to make a model: it would never end.
        """
        self._failures = 0
        before, self.latest = self.latest, status
        if status.model_status is None:
            self._unknown += 1
            # The first may be ahead of a job that has just been accepted.
            if self._unknown == 2:
                raise EstuaryError(
                    "no 3D model is being made of this character: generate_model() begins one",
                    ErrorCode.REST_ERROR,
                )
        else:
            self._unknown = 0
        self._slower()
        return before is None or _news(before) != _news(status)

    def missed(self, error: RestError) -> None:
        """A poll has failed. Raises the error again if it will not pass, or comes too often."""
        self._failures += 1
        passing = error.status is None or error.status == 429 or error.status >= 500
        if not passing or self._failures >= FAILURES:
            raise error
        self._slower()

    @property
    def is_over(self) -> bool:
        """True when the model will not change any more."""
        return self.latest is not None and self.latest.is_over

    def _slower(self) -> None:
        self.delay = min(self.delay * GROWTH, self._slowest)


def _news(status: ModelStatus) -> tuple[object, ...]:
    return status.model_status, status.progress
