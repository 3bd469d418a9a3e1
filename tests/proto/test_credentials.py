"""Restricted tokens: asked for, kept, renewed on the live session, never tried twice (1.6)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from estuary_proto.answers import Ack, Admit, Refuse
from estuary_proto.client import Client
from estuary_proto.config import EstuaryConfig
from estuary_proto.credentials import (
    MAX_GIVEN,
    PREFIX,
    SPARE,
    ClientCredential,
    Credentials,
    check_token,
)
from estuary_proto.errors import ErrorCode, EstuaryError
from estuary_proto.events import (
    AckDue,
    ConnectFailed,
    CredentialNeeded,
    Disconnected,
    Fault,
    JoinRequested,
)
from estuary_proto.intents import RenewAuthentication
from estuary_proto.models.session import AuthError, ConnectionState, SessionInfo
from estuary_proto.testing import Link, Pair
from estuary_proto.testing.pair import CONFIG

TOKEN = PREFIX + "token-1"


async def provider() -> Any:
    """Only its being there counts: the core asks by an event."""


class Asking(Pair):
    """A pair whose client asks for credentials; `answer` is what a renewal is acknowledged with."""

    def __init__(self, **settings: Any) -> None:
        self.auths: list[dict[str, Any]] = []
        self.answer: tuple[Any, ...] | None = ({"ok": True},)
        super().__init__(replace(CONFIG, api_key="", token_provider=provider, **settings))
        self.serve = self.admit

    def admit(self, link: Link, event: Any) -> None:
        if isinstance(event, JoinRequested):
            self.auths.append(event.auth)
            link.submit(Admit(SessionInfo(f"session-{link.number}")))
        elif isinstance(event, AckDue) and self.answer is not None:
            link.submit(Ack(event.ack_id, self.answer))

    @property
    def needed(self) -> int:
        return len(self.of(CredentialNeeded))

    def give(self, token: str = TOKEN, player: str = "ada", lifetime: float = 3600.0) -> None:
        self.client.credential(self.client.link, token, player, lifetime, now=self.now)
        self.advance(0.0)

    def begin(self, **options: Any) -> None:
        self.client.connect(now=self.now)
        self.advance(0.0)
        self.give(**options)
        self.advance(1.0)
        assert self.client.is_connected

    @property
    def reasons(self) -> list[str]:
        return [event.reason for event in self.of(Disconnected)]


def test_it_is_asked_for_before_anything_is_dialled() -> None:
    pair = Asking()
    pair.client.connect(now=pair.now)
    pair.advance(0.0)
    assert pair.of(CredentialNeeded) == [CredentialNeeded(1)]
    assert pair.dials == []
    pair.give()
    pair.advance(1.0)
    assert pair.client.is_connected
    (auth,) = pair.auths
    assert auth["client_token"] == TOKEN
    assert auth["player_id"] == "ada"
    assert "api_key" not in auth


def test_it_serves_later_connections_until_shortly_before_its_end() -> None:
    pair = Asking()
    pair.begin()
    pair.link.cut()
    pair.advance(5.0)
    assert pair.client.is_connected
    assert (pair.needed, len(pair.auths)) == (1, 2)
    pair.client.disconnect(now=pair.now)
    pair.advance(3600.0 - SPARE)
    pair.client.connect(now=pair.now)
    pair.advance(0.0)
    assert pair.needed == 2


def test_a_live_session_is_renewed_before_its_end() -> None:
    pair = Asking()
    pair.begin(lifetime=100.0)
    pair.advance(100.0 - SPARE - 1.1)
    assert pair.needed == 1
    pair.advance(0.2)
    assert pair.needed == 2
    pair.give(PREFIX + "token-2", lifetime=100.0)
    pair.advance(1.0)
    (renewal,) = [one for one in pair.link.heard if isinstance(one, RenewAuthentication)]
    assert renewal.client_token == PREFIX + "token-2"
    pair.advance(100.0 - SPARE)
    assert pair.needed == 3
    assert pair.client.is_connected
    assert pair.of(AuthError) == []


@pytest.mark.parametrize("answer", [(), ({"ok": False},), ("ok",), ({},), None])
def test_a_renewal_that_the_server_does_not_agree_to(answer: tuple[Any, ...] | None) -> None:
    pair = Asking()
    pair.begin(lifetime=100.0)
    pair.answer = answer
    pair.advance(100.0 - SPARE)
    pair.give()
    pair.advance(20.0)
    assert pair.of(AuthError) == [AuthError("credential_renewal_failed")]
    assert pair.reasons == ["credential"]
    assert pair.client.state is ConnectionState.DISCONNECTED
    pair.advance(100.0)
    assert len(pair.auths) == 1
    # The next connect asks anew.
    pair.client.connect(now=pair.now)
    assert pair.client.next_event() is not None
    pair.advance(0.0)
    assert pair.needed == 3


def test_a_renewal_whose_provider_fails_or_says_nothing() -> None:
    for fails in (True, False):
        pair = Asking()
        pair.begin(lifetime=100.0)
        pair.advance(100.0 - SPARE)
        if fails:
            error = EstuaryError("no", ErrorCode.AUTH_FAILED)
            pair.client.credential_failed(1, error, now=pair.now)
        pair.advance(SPARE + 3.0)
        assert pair.of(AuthError) == [AuthError("credential_renewal_failed")]
        assert pair.reasons == ["credential"]


def test_a_drop_while_the_renewal_is_under_way_is_only_a_drop() -> None:
    pair = Asking()
    pair.begin(lifetime=100.0)
    pair.answer = None
    pair.advance(100.0 - SPARE)
    pair.give()
    pair.link.cut()
    pair.answer = ({"ok": True},)
    pair.advance(5.0)
    assert pair.client.is_connected
    assert pair.reasons == ["network"]
    assert pair.of(AuthError) == []


def test_a_drop_while_one_is_asked_for_asks_again() -> None:
    pair = Asking()
    pair.begin(lifetime=100.0)
    pair.advance(100.0 - SPARE)
    assert pair.needed == 2
    pair.link.cut()
    pair.give(PREFIX + "late")  # For the link that is gone.
    pair.advance(5.0)
    assert pair.needed == 3
    pair.give()
    pair.advance(1.0)
    assert pair.client.is_connected


def test_no_credential_no_connection() -> None:
    pair = Asking()
    pair.client.connect(now=pair.now)
    error = EstuaryError("the backend is down", ErrorCode.AUTH_FAILED)
    pair.client.credential_failed(1, error, now=pair.now)
    pair.advance(100.0)
    (failed,) = pair.of(ConnectFailed)
    assert failed.error is error
    assert pair.client.state is ConnectionState.ERROR
    assert pair.dials == []


def test_none_while_reconnecting_is_the_end() -> None:
    pair = Asking()
    pair.begin(lifetime=100.0)
    pair.advance(100.0 - SPARE - 1.1)
    pair.link.cut()
    pair.advance(2.0)
    assert pair.needed == 2
    error = EstuaryError("the backend is down", ErrorCode.AUTH_FAILED)
    pair.client.credential_failed(pair.client.link, error, now=pair.now)
    pair.advance(100.0)
    assert [fault.error for fault in pair.of(Fault)] == [error]
    assert pair.client.state is ConnectionState.ERROR


def test_a_provider_that_says_nothing() -> None:
    pair = Asking()
    pair.client.connect(now=pair.now)
    pair.advance(16.0)
    (failed,) = pair.of(ConnectFailed)
    assert failed.error.code is ErrorCode.AUTH_FAILED
    assert "token provider did not answer" in failed.error.message
    pair.give()  # Too late, and harmless.
    assert pair.dials == []


def test_disconnecting_while_it_is_asked_for() -> None:
    pair = Asking()
    pair.client.connect(now=pair.now)
    pair.client.disconnect(now=pair.now)
    pair.give()
    pair.client.credential_failed(1, EstuaryError("late"), now=pair.now)
    pair.advance(100.0)
    assert pair.client.state is ConnectionState.DISCONNECTED
    assert pair.dials == []
    assert pair.client.deadline is None


def test_a_token_that_was_refused_is_not_tried_again() -> None:
    pair = Asking()

    def refuse(link: Link, event: Any) -> None:
        if isinstance(event, JoinRequested):
            link.submit(Refuse(f"what is {TOKEN}?"))

    pair.serve = refuse
    pair.client.connect(now=pair.now)
    pair.advance(0.0)
    pair.give()
    pair.advance(1.0)
    (failed,) = pair.of(ConnectFailed)
    assert TOKEN not in str(failed.error)
    pair.client.connect(now=pair.now)
    pair.advance(0.0)
    assert pair.needed == 2


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (("", "ada", 60.0), "no token"),
        ((None, "ada", 60.0), "no token"),
        ((TOKEN, "", 60.0), "names no player"),
        ((TOKEN, None, 60.0), "names no player"),
        ((TOKEN, "ada", 0.0), "expired"),
        ((TOKEN, "ada", -5.0), "expired"),
        ((TOKEN, "ada", float("nan")), "expired"),
        ((TOKEN, "ada", float("inf")), "expired"),
    ],
)
def test_wrong_credentials(given: Any, problem: str) -> None:
    pair = Asking()
    pair.client.connect(now=pair.now)
    pair.client.credential(1, *given, now=pair.now)
    pair.advance(0.0)
    (failed,) = pair.of(ConnectFailed)
    assert failed.error.code is ErrorCode.AUTH_FAILED
    assert problem in failed.error.message
    assert pair.dials == []


def test_the_player_stays_the_same() -> None:
    pair = Asking()
    pair.begin(lifetime=100.0)
    pair.advance(100.0 - SPARE)
    pair.give(player="bob")
    pair.advance(3.0)
    assert pair.reasons == ["credential"]


def test_of_a_short_life_a_half_is_used() -> None:
    credentials = Credentials()
    assert not credentials.holds(0.0)
    credentials.take(TOKEN, "ada", 10.0, 100.0)
    assert credentials.renew_at == 105.0
    assert credentials.holds(104.9)
    assert not credentials.holds(105.0)
    credentials.forget()
    assert not credentials.holds(100.0)


@pytest.mark.parametrize("token", [None, 5, "", "est_x", "ect_a b", "ect_a\r\nX: y", "ect_ä"])
def test_tokens_that_are_none(token: object) -> None:
    with pytest.raises(EstuaryError) as raised:
        check_token(token)
    assert raised.value.code is ErrorCode.AUTH_FAILED
    assert str(token) not in raised.value.message or not token


def test_a_credential_does_not_show() -> None:
    assert check_token(TOKEN) == TOKEN
    assert TOKEN not in repr(ClientCredential(TOKEN, "ada", 1.0))


def test_a_credential_that_comes_while_we_leave() -> None:
    pair = Asking()
    pair.begin(lifetime=100.0)
    pair.advance(100.0 - SPARE)
    pair.link.black_hole()
    pair.client.disconnect(now=pair.now)
    pair.client.credential(1, TOKEN, "ada", 60.0, now=pair.now)
    pair.advance(10.0)
    assert pair.reasons == ["client"]


def test_no_renewal_while_we_leave() -> None:
    pair = Asking()
    pair.begin(lifetime=100.0)
    pair.advance(100.0 - SPARE - 1.5)
    pair.link.black_hole()
    pair.client.disconnect(now=pair.now)
    pair.advance(10.0)
    assert (pair.needed, pair.reasons) == (1, ["client"])


def test_no_error_shows_a_token_of_before_or_one_of_a_room() -> None:
    client = Client(EstuaryConfig("ws://h", "est_0123456789", "c", "p"))
    client.connect(now=0.0)
    client.opened(client.link, now=0.0)
    for frame in (
        '0{"sid":"s"}',
        "40/sdk,{}",
        '42/sdk,["session_info",{"session_id":"s","livekit_token":"lk-of-session"}]',
        '42/sdk,["session_info",{"session_id":"s"}]',
        '42/sdk,["livekit_token",{"token":"lk-of-room","url":"u","room":"r"}]',
        '42/sdk,["error",{"message":"est_0123456789 lk-of-session lk-of-room","error":"x"}]',
    ):
        client.receive(client.link, frame, now=1.0)
    assert client.secrets == ("est_0123456789", "lk-of-session", "lk-of-room")
    told = []
    while (event := client.next_event()) is not None:
        told.append(event)
    assert [str(one.error) for one in told if isinstance(one, Fault)] == ["[UNKNOWN] *** *** ***"]


def test_the_oldest_tokens_are_forgotten() -> None:
    credentials = Credentials()
    for number in range(MAX_GIVEN + 2):
        credentials.take(f"ect_{number}", "ada", 60.0, 0.0)
    assert list(credentials.given) == [f"ect_{number}" for number in range(2, MAX_GIVEN + 2)]
