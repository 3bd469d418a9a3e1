"""What the core tells that is no message: values, equal by their parts, without secrets."""

from __future__ import annotations

import pytest

from estuary_proto.errors import (
    ConnectionLost,
    ErrorCode,
    EstuaryError,
    LocalProtocolError,
    QuotaExceeded,
    RemoteProtocolError,
    ReplyInterrupted,
    ReplyTimeout,
    SendBlocked,
    WaitTimeout,
)
from estuary_proto.events import (
    Dial,
    Disconnected,
    HangUp,
    JoinRequested,
    Outcome,
    Reconnecting,
    Settled,
    TextPiece,
    Writable,
)


def test_equal_by_class_and_parts() -> None:
    assert Settled(1, Outcome.SENT) == Settled(1, Outcome.SENT)
    assert Settled(1, Outcome.SENT) != Settled(2, Outcome.SENT)
    assert HangUp() == HangUp(1000, "")
    assert HangUp(1, "x") != Reconnecting(1, 0.0)
    assert Writable() == Writable()
    assert Disconnected("x") != "x"
    assert len({TextPiece("a"), TextPiece("a"), TextPiece("a", True), Disconnected("a")}) == 3


def test_shown_by_their_parts() -> None:
    assert repr(HangUp(1001, "away")) == "HangUp(code=1001, reason='away')"
    assert str(TextPiece("Hello", True)) == "Hello"


def test_credentials_do_not_show() -> None:
    wish = JoinRequested({"player_id": "p", "api_key": "est_secret"})
    assert repr(wish) == "JoinRequested(['api_key', 'player_id'])"


@pytest.mark.parametrize(
    ("dial", "authority", "url"),
    [
        (Dial(1, "host", 80, False, "/x?y"), "host", "ws://host/x?y"),
        (Dial(1, "host", 443, True, "/x"), "host", "wss://host/x"),
        (Dial(1, "host", 443, False, "/x"), "host:443", "ws://host:443/x"),
        (Dial(1, "host", 80, True, "/x"), "host:80", "wss://host:80/x"),
        (Dial(1, "::1", 4001, False, "/x"), "[::1]:4001", "ws://[::1]:4001/x"),
        (Dial(1, "::1", 443, True, "/x"), "[::1]", "wss://[::1]/x"),
    ],
)
def test_where_to_dial(dial: Dial, authority: str, url: str) -> None:
    assert (dial.authority, dial.url) == (authority, url)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (EstuaryError("x"), "UNKNOWN"),
        (ReplyTimeout("x"), "TIMEOUT"),
        (ReplyInterrupted("x"), "INTERRUPTED"),
        (ConnectionLost("x"), "CONNECTION_FAILED"),
        (QuotaExceeded("x"), "QUOTA_EXCEEDED"),
        (LocalProtocolError("x"), "PROTOCOL_ERROR"),
        (LocalProtocolError("x", ErrorCode.NOT_CONNECTED), "NOT_CONNECTED"),
        (SendBlocked("x"), "SEND_BUFFER_FULL"),
        (WaitTimeout("x"), "TIMEOUT"),
        (RemoteProtocolError("x"), "PROTOCOL_ERROR"),
    ],
)
def test_errors_have_one_root_and_a_code(error: EstuaryError, code: str) -> None:
    assert isinstance(error, EstuaryError)
    assert (error.code, error.message, error.details) == (ErrorCode(code), "x", {})
    assert str(error) == f"[{code}] x"
    assert repr(error) == f"{type(error).__name__}('x', {code})"


def test_partial_texts_travel_with_the_error() -> None:
    error = QuotaExceeded("x", partial="half", details={"limit": 3})
    assert (error.partial, error.details) == ("half", {"limit": 3})
    assert ReplyTimeout("x").partial == ""
    assert isinstance(ReplyTimeout("x"), TimeoutError)


def test_every_code_equals_its_name() -> None:
    assert all(code.value == code.name == str(code) for code in ErrorCode)
