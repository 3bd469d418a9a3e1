"""The times in HTTP headers: Retry-After (RFC 9110 10.2.3) and the dates of 5.6.7.

By hand, since `email.utils` would bring sockets into the core. Nobody asks a clock here: a date in
Retry-After is measured against the response's own Date header.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from estuary_proto.rest.http import HttpResponse

_MONTHS: Final = tuple("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split())
_TIME: Final = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_FORMS: Final = tuple(
    re.compile(form, re.ASCII)
    for form in (
        rf"[A-Z][a-z]{{2}}, (?P<day>\d\d) (?P<month>\w{{3}}) (?P<year>\d{{4}}) {_TIME} GMT",
        rf"[A-Z][a-z]{{5,8}}, (?P<day>\d\d)-(?P<month>\w{{3}})-(?P<year>\d\d) {_TIME} GMT",
        rf"[A-Z][a-z]{{2}} (?P<month>\w{{3}}) (?P<day>[ \d]\d) {_TIME} (?P<year>\d{{4}})",
    )
)
"""IMF-fixdate, and the two that servers no longer send but recipients must read."""
_DAY: Final = 86400
_MOST: Final = 10**9
"""Seconds beyond which a server may say what it likes."""


def seconds_of_date(text: str) -> int | None:
    """The seconds from the year 1 to an HTTP date; None if it is none."""
    found = next((m for form in _FORMS if (m := form.fullmatch(text.strip()))), None)
    if found is None:
        return None
    month: str = found["month"]
    if month not in _MONTHS:
        return None
    year = int(found["year"])
    if len(found["year"]) == 2:  # A date of our time (RFC 9110 5.6.7).
        year += 2000 if year < 70 else 1900
    try:
        days = date(year, _MONTHS.index(month) + 1, int(found["day"])).toordinal()
    except ValueError:
        return None
    hour, minute, second = (int(found[part]) for part in ("hour", "minute", "second"))
    if hour > 23 or minute > 59 or second > 60:  # 60 is a leap second.
        return None
    return days * _DAY + hour * 3600 + minute * 60 + second


def retry_after(response: HttpResponse) -> float | None:
    """The seconds that a server asks us to wait; None if it does not say, or not understandably."""
    said = (response.header("retry-after") or "").strip()
    if said.isascii() and said.isdigit():
        return float(_MOST) if len(said) > 9 else float(said)
    then = seconds_of_date(said)
    now = seconds_of_date(response.header("date") or "")
    if then is None or now is None:
        return None
    return float(max(0, then - now))
