"""Links that let others talk to a character: `/api/v1/share` (PROTOCOL 7.2)."""

from __future__ import annotations

from typing import Any, Final

from estuary_proto.models.shares import Share, SharedSession, ShareList, ShareRevoked
from estuary_proto.rest.call import (
    JSON,
    Access,
    Call,
    Repeat,
    an_answer,
    json_of,
    path_of,
    reads,
)
from estuary_proto.rest.checks import a_choice, a_count, a_switch, a_text, an_id

TTLS: Final = ("24h", "7d", "30d", "90d")
SHARING: Final = ("isolated", "shared")
_ROUTE: Final = "/api/v1/share"


def create_share(
    character_id: str,
    *,
    permanent: bool = False,
    ttl: str = "7d",
    memory_sharing: str = "isolated",
    max_exchanges: int = 5,
    max_interactions: int | None = None,
) -> Call[Share]:
    """Make a link: for `ttl` (24h, 7d, 30d, 90d) and 1 to 100 exchanges, or permanent.

    `memory_sharing` "isolated" gives each guest memories of their own, "shared" the same to all.
    """
    once = {
        "ttl": a_choice("ttl", ttl, TTLS),
        "maxExchanges": a_count("max_exchanges", max_exchanges, 1, 100),
    }
    forever = a_switch("permanent", permanent)
    body = json_of(
        {
            "characterId": an_id("character_id", character_id),
            "permanent": bool(forever),
            "memorySharing": a_choice("memory_sharing", memory_sharing, SHARING),
            **({} if forever else once),
            "maxInteractions": a_count("max_interactions", max_interactions, 1),
        }
    )
    read = reads(Share)
    return Call("POST", _ROUTE, _ROUTE, read, body=body, content_type=JSON, access=Access.BEARER)


def open_share(share_id: str) -> Call[SharedSession]:
    """Begin a session as a guest; nothing that tells who asks is sent."""
    route = _ROUTE + "/{share_id}/open"
    path = path_of(route, share_id=share_id)
    return Call(
        "POST", route, path, reads(SharedSession), access=Access.ANONYMOUS, secrets=(share_id,)
    )


def exchange_share_token(token: str, recipient_id: str | None = None) -> Call[SharedSession]:
    """Trade a share's token for a session; nothing that tells who asks is sent.

    `recipient_id` is the guest's own id, by which they are known again.
    """
    route = _ROUTE + "/{token}/exchange"
    path = path_of(route, token=token)
    return Call(
        "POST",
        route,
        path,
        reads(SharedSession),
        body=json_of({"recipientId": a_text("recipient_id", recipient_id)}),
        content_type=JSON,
        access=Access.ANONYMOUS,
        secrets=(token,),
    )


def list_character_shares(character_id: str) -> Call[ShareList]:
    """All shares of a character."""
    route = _ROUTE + "/character/{character_id}"
    path = path_of(route, character_id=character_id)
    return Call("GET", route, path, _listed, access=Access.BEARER, repeat=Repeat.SAFE)


def _listed(data: Any) -> ShareList:
    return ShareList.from_dict({"shares": data} if isinstance(data, list) else an_answer(data))


def revoke_share_token(share_token_id: str) -> Call[ShareRevoked]:
    """End a share, by the id of its row."""
    route = _ROUTE + "/{share_token_id}"
    path = path_of(route, share_token_id=share_token_id)
    return Call("DELETE", route, path, reads(ShareRevoked), access=Access.BEARER)


def bulk_revoke_by_api_key(api_key_id: str) -> Call[ShareRevoked]:
    """End all shares that were made with an API key, by the key's id."""
    route = _ROUTE + "/by-api-key/{api_key_id}"
    path = path_of(route, api_key_id=api_key_id)
    return Call("DELETE", route, path, reads(ShareRevoked), access=Access.BEARER)
