"""Links that let others talk to a character (PROTOCOL 7.2, camelCase). Tokens are secrets."""

from __future__ import annotations

from dataclasses import field
from typing import Any, ClassVar

from estuary_proto.models.base import Model, model, wire


@model
class Share(Model):
    """A share as its owner sees it: just made, or in a list. `expires_at` None: it is permanent."""

    CAMEL: ClassVar[bool] = True

    token: str = wire(default="", secret=True)
    share_url: str = wire(default="", secret=True)
    expires_at: str | None = None
    anchor_url: str | None = wire(default=None, secret=True)
    id: str = ""
    character_id: str = ""
    permanent: bool = False
    memory_sharing: str | None = None
    max_exchanges: int | None = None
    max_interactions: int | None = None
    created_at: str | None = None


@model
class ShareList(Model):
    """The shares of a character."""

    CAMEL: ClassVar[bool] = True

    shares: list[Share] = field(default_factory=list)


@model
class SharedSession(Model):
    """What somebody gets who opens a share: `session_token` serves as `api_key` (`sst_…`)."""

    CAMEL: ClassVar[bool] = True

    session_token: str = wire(default="", secret=True)
    character_id: str = ""
    player_id: str = ""
    server_url: str = ""
    character: dict[str, Any] = field(default_factory=dict)
    memory_sharing: str | None = None


@model
class ShareRevoked(Model):
    """What revoking has ended: sessions in progress, and what was kept of them."""

    CAMEL: ClassVar[bool] = True

    revoked: int = 0
    killed_sessions: int = 0
    removed_session_blobs: int = 0

    @staticmethod
    def _tidy(data: dict[str, Any]) -> dict[str, Any]:
        # One share may be answered by true, many by their number.
        done = data.get("revoked")
        return {**data, "revoked": int(done)} if isinstance(done, bool) else data
