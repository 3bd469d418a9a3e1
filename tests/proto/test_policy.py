"""The tables of endings (API 6) and the arithmetic of retries."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estuary_proto.errors import ErrorCode
from estuary_proto.models.session import (
    AuthError,
    ErrorEvent,
    ModerationWarning,
    QuotaExceededData,
    SessionRejected,
    SessionTimeout,
)
from estuary_proto.policy import ENDINGS, Cause, cause_of_close, retry_delay, verdict_of

# API 6, row by row: reason, reconnect, may the counter be reset, does voice resume.
ROWS = [
    ("network", True, True, True),
    ("heartbeat", True, True, True),
    ("server_restart", True, True, True),
    ("timeout", True, True, True),
    ("server_disconnect", True, False, False),
    ("protocol", True, False, False),
    ("session_timeout", False, False, False),
    ("session_rejected", False, False, False),
    ("moderation", False, False, False),
    ("quota", False, False, False),
    ("auth", False, False, False),
    ("credential", False, False, False),
    ("client", False, False, False),
]


@pytest.mark.parametrize(("reason", "retry", "resets", "voice"), ROWS)
def test_the_table_of_endings(reason: str, retry: bool, resets: bool, voice: bool) -> None:
    ending = ENDINGS[Cause(reason)]
    assert ending[:3] == (retry, resets, voice)


def test_every_cause_has_its_row() -> None:
    assert {Cause(row[0]) for row in ROWS} == set(Cause) == set(ENDINGS)


def test_the_codes_that_are_not_connection_failed() -> None:
    odd = {c: e.code for c, e in ENDINGS.items() if e.code is not ErrorCode.CONNECTION_FAILED}
    assert odd == {
        Cause.TIMEOUT: ErrorCode.CONNECTION_TIMEOUT,
        Cause.QUOTA: ErrorCode.QUOTA_EXCEEDED,
        Cause.AUTH: ErrorCode.AUTH_FAILED,
        Cause.CREDENTIAL: ErrorCode.AUTH_FAILED,
    }


@pytest.mark.parametrize(
    ("message", "cause", "text"),
    [
        (AuthError("bad key"), Cause.AUTH, "authentication failed: bad key"),
        (AuthError(), Cause.AUTH, "authentication failed"),
        (SessionTimeout(), Cause.SESSION_TIMEOUT, "the session was idle for too long: inactivity"),
        (SessionRejected("cap", 2), Cause.SESSION_REJECTED, "the session was rejected: cap"),
        (QuotaExceededData("all gone"), Cause.QUOTA, "the quota is used up: all gone"),
        (
            ModerationWarning("terminated", "enough"),
            Cause.MODERATION,
            "moderation ended the session: enough",
        ),
    ],
)
def test_verdicts(message: object, cause: Cause, text: str) -> None:
    verdict = verdict_of(message)
    assert verdict is not None
    assert (verdict.cause, verdict.text) == (cause, text)


def test_a_verdict_keeps_what_the_server_said() -> None:
    verdict = verdict_of(SessionRejected("concurrent_limit", 2, "share-1"))
    assert verdict is not None
    assert verdict.details == {
        "reason": "concurrent_limit",
        "cap": 2,
        "share_token_id": "share-1",
    }


@pytest.mark.parametrize(
    "message",
    [ModerationWarning("warning"), ModerationWarning("notice"), ErrorEvent("no"), object()],
)
def test_what_is_no_verdict(message: object) -> None:
    assert verdict_of(message) is None


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (None, Cause.NETWORK),
        (1000, Cause.SERVER_DISCONNECT),
        (1001, Cause.SERVER_RESTART),
        (1006, Cause.NETWORK),
        (1008, Cause.SERVER_DISCONNECT),
        (1011, Cause.NETWORK),
        (1012, Cause.SERVER_RESTART),
        (1013, Cause.SERVER_RESTART),
        (4000, Cause.NETWORK),
    ],
)
def test_close_codes(code: int | None, cause: Cause) -> None:
    assert cause_of_close(code) is cause


def test_delays_double_up_to_the_ceiling() -> None:
    assert [retry_delay(n, 1.0, 30.0, 1.0) for n in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]
    assert retry_delay(1, 1.0, 30.0, 0.0) == 0.5
    assert retry_delay(3, 0.5, 30.0, 0.5) == 1.5


SECONDS = st.floats(0, 86400)


@settings(deadline=None)
@given(st.integers(1, 10**6), SECONDS, SECONDS, st.floats(0, 1, exclude_max=True))
def test_a_delay_stays_below_its_ceiling(n: int, base: float, top: float, chance: float) -> None:
    assert 0 <= retry_delay(n, base, top, chance) <= top
