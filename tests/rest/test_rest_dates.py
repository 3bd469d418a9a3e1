"""HTTP dates by hand (RFC 9110 5.6.7), against the standard library's reader."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estuary_proto.rest.dates import seconds_of_date


@given(st.datetimes(datetime(1900, 1, 1), datetime(2999, 12, 31)))
def test_the_same_as_the_standard_library_writes(when: datetime) -> None:
    whole = when.replace(microsecond=0, tzinfo=UTC)
    # The first day of the year 1 counts as a day that has passed.
    wanted = (whole - datetime(1, 1, 1, tzinfo=UTC) + timedelta(days=1)) // timedelta(seconds=1)
    assert seconds_of_date(format_datetime(whole, usegmt=True)) == wanted
    assert seconds_of_date(f"{whole:%a %b} {whole.day:2} {whole:%H:%M:%S %Y}") == wanted
    if 1970 <= when.year < 2070:
        assert seconds_of_date(f"{whole:%A, %d-%b-%y %H:%M:%S} GMT") == wanted


def test_the_century_of_two_digits() -> None:
    first, last = "Thursday, 01-Jan-70 00:00:00 GMT", "Tuesday, 31-Dec-69 23:59:59 GMT"
    assert seconds_of_date(first) == seconds_of_date("Thu, 01 Jan 1970 00:00:00 GMT")
    assert seconds_of_date(last) == seconds_of_date("Tue, 31 Dec 2069 23:59:59 GMT")


def test_four_digits_are_the_year() -> None:
    long_ago = seconds_of_date("Mon, 01 Jan 0001 00:00:00 GMT")
    assert long_ago == 24 * 3600
    assert long_ago == seconds_of_date("Mon Jan  1 00:00:00 0001")


@pytest.mark.parametrize(
    "text",
    [
        "", "soon", "7", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, ٠6 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
    ],
)  # fmt: skip
def test_no_dates(text: str) -> None:
    assert seconds_of_date(text) is None


def test_a_leap_second() -> None:
    then = seconds_of_date("Sat, 31 Dec 2016 23:59:60 GMT")
    assert then == seconds_of_date("Sun, 01 Jan 2017 00:00:00 GMT")


@given(st.text(max_size=40))
def test_never_raises(text: str) -> None:
    seconds_of_date(text)
