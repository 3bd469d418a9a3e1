"""Times as they are kept and told: ISO texts in UTC, all of one length."""

from __future__ import annotations

from datetime import UTC, datetime


def iso(seconds: float) -> str:
    """The time `seconds` after 1970, to the microsecond."""
    return text_of(datetime.fromtimestamp(seconds, UTC))


def seconds_of(text: str) -> float:
    """The time of an ISO text of ours, in seconds after 1970."""
    return datetime.fromisoformat(text).timestamp()


def text_of(moment: datetime) -> str:
    """A moment in UTC as such a text."""
    return f"{moment.year:04}" + moment.strftime("-%m-%dT%H:%M:%S.%fZ")
