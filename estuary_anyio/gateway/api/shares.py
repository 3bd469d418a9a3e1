"""`/share`: links that let others talk to a character, for a time and so often."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

from estuary_proto.gateway import Guest
from estuary_proto.gateway.api.request import Answer, Ask
from estuary_proto.gateway.credentials import SHARE, digest_of
from estuary_proto.models import Share, SharedSession, ShareList, ShareRevoked

from ..store import characters, shares
from ..store.moments import iso, seconds_of

if TYPE_CHECKING:
    import sqlite3

    from estuary_proto.models import Character

    from .house import House

HOUR: Final = 3600
TTLS: Final = {"24h": 24 * HOUR, "7d": 168 * HOUR, "30d": 720 * HOUR, "90d": 2160 * HOUR}


def _share(row: sqlite3.Row, base: str) -> Share:
    return Share(
        token=row["token"],
        share_url=f"{base}/s/{row['token']}",
        expires_at=row["expires_at"],
        id=row["id"],
        character_id=row["character_id"],
        permanent=bool(row["permanent"]),
        memory_sharing=row["memory_sharing"],
        max_exchanges=row["max_exchanges"],
        max_interactions=row["max_interactions"],
        created_at=row["created_at"],
    )


async def create_share(house: House, ask: Ask) -> Answer:
    """A new one: for seven days and five exchanges, unless it says otherwise."""
    body, permanent = ask.body, ask.body.get("permanent", False)
    character_id, token, at = body["characterId"], "shr_" + house.entropy(24).hex(), house.at()
    ends = None if permanent else iso(ask.now + TTLS[body.get("ttl", "7d")])
    row = (
        house.new_id(), token, character_id, ask.caller.key_id, permanent,
        body.get("memorySharing", "isolated"),
        None if permanent else body.get("maxExchanges", 5),
        body.get("maxInteractions"), ends, at,
    )  # fmt: skip

    def create(db: sqlite3.Connection) -> Share:
        characters.need(db, character_id)
        shares.add(db, row)
        return _share(shares.find(db, token, at), ask.base)

    return Answer(json=await house.database.write(create))


async def open_share(house: House, ask: Ask) -> Answer:
    """Come in as somebody new."""
    return await _come_in(house, ask, ask.parts["share_id"], None, by_id=True)


async def exchange_share(house: House, ask: Ask) -> Answer:
    """Come in, as who one was before if one says so; that counts once."""
    return await _come_in(house, ask, ask.parts["token"], ask.body.get("recipientId"))


async def _come_in(
    house: House, ask: Ask, given: str, recipient: str | None, *, by_id: bool = False
) -> Answer:
    session, at = SHARE + house.entropy(24).hex(), house.at()
    stranger = house.new_id()

    def come(db: sqlite3.Connection) -> tuple[sqlite3.Row, str, Character]:
        row = shares.find(db, given, at, by_id=by_id)
        player_id = _player(row, recipient, stranger)
        known = recipient is not None and shares.is_known(db, row["id"], player_id)
        if not known:
            shares.count_exchange(db, row)
        shares.let_in(db, digest_of(session), row["id"], player_id, at)
        return row, player_id, characters.get(db, row["character_id"])

    row, player_id, character = await house.database.write(come)
    left = None if row["expires_at"] is None else seconds_of(row["expires_at"]) - ask.now
    house.registry.credentials.let_in(
        Guest(
            digest_of(session),
            row["id"],
            character.id,
            player_id,
            None if left is None else house.monotonic() + left,
            row["max_interactions"],
        )
    )
    who = {"id": character.id, "name": character.name, "tagline": character.tagline}
    return Answer(
        json=SharedSession(session, character.id, player_id, ask.base, who, row["memory_sharing"])
    )


def _player(row: sqlite3.Row, recipient: str | None, stranger: str) -> str:
    """Who a guest is: one for all where memories are shared, else one for each recipient."""
    if row["memory_sharing"] == "shared":
        return f"share-{row['id'][:16]}"
    if recipient is None:
        return f"guest-{stranger[:16]}"
    return "guest-" + sha256(f"{row['id']}:{recipient}".encode()).hexdigest()[:16]


async def list_shares(house: House, ask: Ask) -> Answer:
    """Those of a character, also those whose time is over."""
    character_id = ask.parts["character_id"]

    def listing(db: sqlite3.Connection) -> list[Share]:
        characters.need(db, character_id)
        return [_share(row, ask.base) for row in shares.of_character(db, character_id)]

    return Answer(json=ShareList(await house.database.read(listing)))


async def revoke_share(house: House, ask: Ask) -> Answer:
    """End it, and the sessions that came of it."""
    return await _revoke(house, [ask.parts["share_id"]])


async def revoke_by_key(house: House, ask: Ask) -> Answer:
    """End all that were made with a key."""
    key_id = ask.parts["key_id"]
    return await _revoke(house, await house.database.read(lambda db: shares.of_key(db, key_id)))


async def _revoke(house: House, ids: list[str]) -> Answer:
    removed = await house.database.write(lambda db: sum(shares.revoke(db, one) for one in ids))
    killed = 0
    for share_id in ids:
        house.registry.credentials.turn_out(share_id)
        killed += house.sessions.revoke(share_id)
    return Answer(json=ShareRevoked(len(ids), killed, removed))


async def serve_share(house: House, token: str) -> Answer:
    """What a share's address tells: whom it leads to, and how to come in."""
    at = house.at()

    def look(db: sqlite3.Connection) -> Character:
        return characters.get(db, shares.find(db, token, at)["character_id"])

    character = await house.database.read(look)
    who = {"name": character.name, "tagline": character.tagline}
    way = f"POST /api/v1/share/{token}/exchange"
    return Answer(json={"character": who, "exchange": way})
