"""End-user tokens: who they let in, for how long, and how they are renewed, in virtual time."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from estuary_proto import intents
from estuary_proto.errors import ErrorCode, EstuaryError
from estuary_proto.events import Closed, Ready
from estuary_proto.gateway import ClientToken, Registry, ServerConfig
from estuary_proto.gateway.credentials import MAX_TOKENS, Credentials
from estuary_proto.models.session import AuthError
from estuary_proto.policy import Cause
from estuary_proto.timers import Deadline, Timer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.gateway.conftest import Pair

    Join = Callable[..., Pair]


def registry(config: ServerConfig | None = None) -> Registry:
    numbers = count()
    return Registry(config or ServerConfig(), lambda size: next(numbers).to_bytes(size, "big"))


def with_token(token: ClientToken | str, player: str = "ada") -> dict[str, Any]:
    text = token if isinstance(token, str) else token.token
    return {"client_token": text, "character_id": "demo", "player_id": player}


def enter(join: Join, shared: Registry, auth: dict[str, Any], *, style_b: bool = False) -> Pair:
    if not style_b:
        return join(registry=shared, auth=auth)
    pair = join(registry=shared, auth=None)
    pair.send(intents.Authenticate(**auth))
    return pair


@pytest.mark.parametrize("style_b", [False, True])
@pytest.mark.parametrize("player", ["ada", ""])
def test_a_token_lets_its_player_in(join: Join, style_b: bool, player: str) -> None:
    shared = registry()
    token = shared.credentials.mint("ada", 60, now=100)
    pair = enter(join, shared, with_token(token, player), style_b=style_b)
    (ready,) = pair.of(Ready)
    assert ready.session.player_id == "ada"
    assert token.token.startswith("ect_")
    assert token.token not in repr(token)


@pytest.mark.parametrize("field", ["api_key", "token"])
def test_a_token_may_stand_in_another_field(join: Join, field: str) -> None:
    shared = registry()
    token = shared.credentials.mint("ada", 60, now=100)
    auth = {field: token.token, "character_id": "demo", "player_id": "ada"}
    assert enter(join, shared, auth).ready


def test_a_token_goes_before_a_key(join: Join) -> None:
    auth = {**with_token("ect_wrong"), "api_key": "est_dev"}
    assert not enter(join, registry(), auth).ready


@pytest.mark.parametrize("style_b", [False, True])
@pytest.mark.parametrize(
    ("player", "at", "revoked", "said"),
    [
        ("bob", 100, False, "The client token is another player's"),
        ("ada", 160, False, "The client token is unknown or has lapsed"),
        ("ada", 100, True, "The client token is unknown or has lapsed"),
    ],
)
def test_a_token_that_does_not_open(
    join: Join, style_b: bool, player: str, at: float, revoked: bool, said: str
) -> None:
    shared = registry()
    token = shared.credentials.mint("ada", 60, now=100)
    if revoked:
        shared.credentials.revoke(token.token)
    pair = join(registry=shared, auth=None if style_b else with_token(token, player), now=at)
    if style_b:
        pair.send(intents.Authenticate(**with_token(token, player)))
        assert pair.of(AuthError) == [AuthError(said)]
    assert not pair.ready
    assert pair.closed.cause is Cause.AUTH
    assert said in pair.closed.error.message


def test_a_token_of_the_configuration_never_lapses(join: Join) -> None:
    config = ServerConfig(client_tokens={"ect_fixed": "ada"})
    assert "ect_fixed" not in repr(config)
    pair = join(config, auth=with_token("ect_fixed"))
    pair.advance(10_000)
    assert pair.of(Closed) == []
    pair.send(intents.RenewAuthentication("ect_fixed"), ack_within=5)
    assert pair.acks[0].args == ({"ok": True},)


def test_a_token_that_lapses_ends_its_session(join: Join) -> None:
    shared = registry()
    token = shared.credentials.mint("ada", 20, now=100)
    pair = enter(join, shared, with_token(token))
    assert pair.server.deadline == Deadline(120, Timer.RENEW)
    pair.advance(19.9)
    assert pair.of(Closed) == []
    pair.advance(0.2)
    assert pair.of(AuthError) == [AuthError("credential_expired")]
    assert pair.closed.cause is Cause.AUTH
    assert pair.server.closed is not None


def test_a_renewed_session_stays_the_same(join: Join) -> None:
    shared = registry()
    mint = shared.credentials.mint
    pair = enter(join, shared, with_token(mint("ada", 20, now=100)))
    pair.advance(10)
    info = pair.server.info
    pair.send(intents.RenewAuthentication(mint("ada", 30, now=110).token), ack_within=5)
    assert pair.acks[0].args == ({"ok": True},)
    pair.advance(29.9)
    assert pair.of(Closed) == []
    assert pair.server.info == info
    pair.advance(0.2)
    assert pair.of(AuthError)


def test_what_does_not_renew_leaves_the_old_token(join: Join) -> None:
    shared = registry()
    mint = shared.credentials.mint
    pair = enter(join, shared, with_token(mint("ada", 20, now=100)))
    lapsed = mint("ada", 1, now=100).token
    pair.advance(2)
    for token in (lapsed, "ect_unknown", "est_dev", "", mint("bob", 60, now=102).token):
        pair.send(intents.RenewAuthentication(token), ack_within=5)
    assert [ack.args for ack in pair.acks] == [({"ok": False},)] * 5
    pair.advance(17)
    assert pair.of(Closed) == []
    pair.advance(2)
    assert pair.of(AuthError)


def test_a_session_of_a_key_may_go_on_with_a_token(join: Join) -> None:
    shared = registry()
    auth = {"api_key": "est_dev", "character_id": "demo", "player_id": "ada"}
    pair = enter(join, shared, auth)
    token = shared.credentials.mint("ada", 20, now=100).token
    pair.send(intents.RenewAuthentication(token), ack_within=5)
    assert pair.acks[0].args == ({"ok": True},)
    pair.advance(21)
    assert pair.of(AuthError)


@pytest.mark.parametrize(
    ("player", "lifetime"), [("", 5), (" ", 5), ("p" * 257, 5), ("p", 0), ("p", float("nan"))]
)
def test_what_no_token_is_made_for(player: str, lifetime: float) -> None:
    with pytest.raises(EstuaryError) as caught:
        registry().credentials.mint(player, lifetime, now=0)
    assert caught.value.code is ErrorCode.CONFIG_INVALID


def test_tokens_are_bounded() -> None:
    numbers = count()
    some = Credentials(lambda size: next(numbers).to_bytes(size, "big"), {})
    brief = some.mint("p", 5, now=0)
    kept = [some.mint("p", 1000 + number, now=0) for number in range(MAX_TOKENS - 1)]
    assert some.find(brief.token, now=0) == brief
    some.mint("p", 10_000, now=0)
    assert some.find(brief.token, now=0) is None
    assert some.find(kept[0].token, now=0) == kept[0]
