"""Times as they are kept and told: ISO texts in UTC, all of one length."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from estuary_proto.gateway.api.asking import Refusal


def iso(seconds: float) -> str:
    """The time `seconds` after 1970, to the microsecond."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def seconds_of(text: str) -> float:
    """The time of an ISO text of ours, in seconds after 1970."""
    return datetime.fromisoformat(text).timestamp()


def bound(name: str, text: str, *, end: bool = False) -> str:
    """A date or time that a client gave, as the first moment of it, or the first behind it when it
    is an `end`. Raises Refusal 422."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        if end:
            whole_day = len(text) <= len("2026-01-01")
            moment += timedelta(days=1) if whole_day else timedelta(microseconds=1)
    except (ValueError, OverflowError):
        said = "it is no ISO date or time"
        raise Refusal(422, [{"loc": ["query", name], "msg": said}]) from None
    return f"{moment.year:04}" + moment.strftime("-%m-%dT%H:%M:%S.%fZ")
