"""Shares: made, opened, capped, ended; guests on the socket and over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from estuary_anyio import EstuaryClient, EstuaryConfig
from estuary_anyio.gateway import serve_gateway
from estuary_proto.errors import EstuaryError
from estuary_proto.events import Disconnected
from estuary_proto.gateway import ServerConfig
from estuary_proto.gateway.api.access import key_id
from estuary_proto.models import ShareRevoked
from estuary_proto.rest.errors import NotFound, RateLimited

from .gateway import DEMO, Clock, gateway_client

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

S = "/api/v1/share"
BEARER = {"Authorization": "Bearer est_dev"}
QUICK = ServerConfig(word_interval=0)


async def test_expiry_and_exchanges() -> None:
    clock = Clock()
    async with gateway_client(clock=clock, headers=BEARER) as client:
        body = {"characterId": "demo", "ttl": "24h", "maxExchanges": 2}
        share = (await client.post(S, json=body)).json()
        assert share["expiresAt"] == "2026-01-03T12:00:00.000000Z"
        exchange = f"{S}/{share['token']}/exchange"
        one = (await client.post(exchange, json={"recipientId": "ada"})).json()
        again = (await client.post(exchange, json={"recipientId": "ada"})).json()
        assert one["playerId"] == again["playerId"]
        assert one["sessionToken"] != again["sessionToken"]
        two = (await client.post(exchange)).json()
        assert two["playerId"] != one["playerId"]
        third = await client.post(exchange, json={})
        assert third.status_code == 429
        looked = await client.get(share["shareUrl"])
        assert looked.json()["character"]["name"] == "Wren"
        clock.now += 86400
        assert (await client.post(exchange, json={"recipientId": "ada"})).status_code == 404
        assert (await client.get(share["shareUrl"])).status_code == 404
        listed = (await client.get(f"{S}/character/demo")).json()["shares"]
        assert [each["id"] for each in listed] == [share["id"]]


async def test_permanent_shares_and_shared_memory() -> None:
    async with gateway_client(headers=BEARER) as client:
        wrong = {"characterId": "demo", "permanent": True, "ttl": "7d"}
        assert (await client.post(S, json=wrong)).status_code == 422
        assert (await client.post(S, json={"characterId": "nobody"})).status_code == 404
        body = {"characterId": "demo", "permanent": True, "memorySharing": "shared"}
        share = (await client.post(S, json=body)).json()
        assert "expiresAt" not in share
        guests = [(await client.post(f"{S}/{share['id']}/open")).json() for _ in range(6)]
        assert len({guest["playerId"] for guest in guests}) == 1
        assert guests[0]["memorySharing"] == "shared"
        assert (await client.post(f"{S}/{share['id']}/exchange")).status_code == 404


async def test_the_key_is_read_as_a_bearer_alone() -> None:
    async with gateway_client() as client:
        assert (await client.post(S, json={"characterId": "demo"})).status_code == 401


async def test_a_guest_talks_and_stays_a_guest() -> None:
    async with serve_gateway(server=QUICK) as gateway:
        owner = EstuaryClient(EstuaryConfig(gateway.url, gateway.api_key, "demo", "owner"))
        async with owner:
            share = await owner.shares.create_share("demo", max_interactions=2)
            session = await owner.shares.exchange_share_token(share.token, "ada")
        config = EstuaryConfig(
            gateway.url, session.session_token, "demo", session.player_id, auto_reconnect=False
        )
        async with EstuaryClient(config) as guest:
            await guest.connect()
            answer = await guest.send_text_and_wait("My name is Ada.", text_only=True)
            assert "Ada" in answer.text
            assert (await guest.memory.get_memories()).total == 1
            with pytest.raises(EstuaryError, match="403"):
                await guest.characters.delete("demo")
            with pytest.raises(EstuaryError, match="403"):
                await guest.shares.create_share("demo")
            with pytest.raises(EstuaryError, match="403"):
                await guest.characters.get("friend")
            with pytest.raises(EstuaryError, match="403"):
                await guest.players.get("somebody")
            await guest.turn("Hello")
            with pytest.raises(RateLimited, match="quota"):
                await guest.turn("Hello?")
        for character, player in (("friend", session.player_id), ("demo", "me")):
            stranger = EstuaryConfig(gateway.url, session.session_token, character, player)
            async with EstuaryClient(stranger) as client:
                with pytest.raises(EstuaryError, match="share session"):
                    await client.connect()


async def test_revoking_ends_sessions() -> None:
    async with serve_gateway(server=QUICK) as gateway:
        owner = EstuaryConfig(gateway.url, gateway.api_key, "demo", "owner")
        async with EstuaryClient(owner) as client:
            share = await client.shares.create_share("demo")
            session = await client.shares.open_share(share.id)
            config = EstuaryConfig(gateway.url, session.session_token, "demo", session.player_id)
            async with EstuaryClient(config) as guest:
                await guest.connect()
                async with guest.events(Disconnected) as endings:
                    ended = await client.shares.revoke_share_token(share.id)
                    async for ending in endings:
                        assert ending.reason == "auth"
                        break
                assert ended == ShareRevoked(1, 1, 1)
            with pytest.raises(NotFound):
                await client.shares.revoke_share_token(share.id)
            async with EstuaryClient(config) as guest:
                with pytest.raises(EstuaryError):
                    await guest.connect()
            for _ in range(2):
                await client.shares.create_share("demo")
            every = await client.shares.bulk_revoke_by_api_key(key_id("est_dev"))
            assert every.revoked == 2
            assert (await client.shares.list_character_shares("demo")).shares == []


async def test_guests_come_back_after_a_restart(tmp_path: Path) -> None:
    async with serve_gateway(server=QUICK, data=tmp_path) as gateway:
        owner = EstuaryConfig(gateway.url, gateway.api_key, "demo", "owner")
        async with EstuaryClient(owner) as client:
            share = await client.shares.create_share("demo")
            session = await client.shares.exchange_share_token(share.token)
    assert session.session_token.encode() not in (tmp_path / "gateway.sqlite3").read_bytes()
    async with serve_gateway(server=QUICK, data=tmp_path) as gateway:
        config = EstuaryConfig(gateway.url, session.session_token, "demo", session.player_id)
        async with EstuaryClient(config) as guest:
            info = await guest.connect()
            assert info.player_id == session.player_id


async def test_deleting_a_character_ends_its_shares() -> None:
    async with gateway_client(headers=BEARER) as client:
        share = (await client.post(S, json={"characterId": "demo"})).json()
        guest = (await client.post(f"{S}/{share['token']}/exchange")).json()
        as_guest = {"Authorization": f"Bearer {guest['sessionToken']}"}
        assert (await client.get(DEMO, headers=as_guest)).status_code == 200
        assert (await client.delete(DEMO)).status_code == 204
        assert (await client.get(DEMO, headers=as_guest)).status_code == 401
        assert (await client.post(f"{S}/{share['token']}/exchange")).status_code == 404
