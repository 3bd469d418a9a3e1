"""Restricted tokens of an end user, for applications that must not hold the developer's key (1.6).

The core asks for one by `CredentialNeeded` and is given it by `Client.credential`. It is kept until
30 s before it lapses and serves every connection until then; a live session is renewed at that
moment, and ends if that fails. After a refusal the token is thrown away: it is never tried twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from .errors import ErrorCode, EstuaryError
from .events import Outcome

if TYPE_CHECKING:
    from .events import AckSettled

PREFIX: Final = "ect_"
"""How a restricted token begins."""
SPARE: Final = 30.0
"""Seconds before the end of a token's life in which it is not used any more."""
RENEWED_WITHIN: Final = 15.0
"""Seconds in which a server acknowledges a renewal."""
MAX_GIVEN: Final = 16
"""Tokens that are kept in mind, so that a server's words do not show them."""
PROVIDED_WITHIN: Final = 15.0
"""Seconds that a token provider may take."""


@dataclass(frozen=True, slots=True)
class ClientCredential:
    """What a `token_provider` returns: `expires_at` is in epoch seconds, as the backend gave it."""

    token: str = field(repr=False)
    player_id: str
    expires_at: float


def refused(problem: str) -> EstuaryError:
    """What is wrong with a credential; its text is never shown."""
    return EstuaryError(f"the token provider's credential: {problem}", ErrorCode.AUTH_FAILED)


class Credentials:
    """The token in use and until when. All times are monotonic seconds."""

    def __init__(self) -> None:
        self.token: str = ""
        self.player_id: str | None = None
        self.given: dict[str, None] = {}
        """The tokens of now and of before, and those of rooms: none of them may be shown."""
        self._until = 0.0
        self._spare = SPARE

    def note(self, token: str | None) -> None:
        """One more that may not be shown; of so many the oldest are forgotten."""
        if token:
            self.given[token] = None
            if len(self.given) > MAX_GIVEN:
                del self.given[next(iter(self.given))]

    def holds(self, now: float) -> bool:
        """Whether there is a token that may be used."""
        return bool(self.token) and now < self.renew_at

    @property
    def renew_at(self) -> float:
        """When the next one should be asked for."""
        return self._until - self._spare

    @property
    def until(self) -> float:
        """When the token lapses."""
        return self._until

    def take(self, token: str, player_id: str, lifetime: float, now: float) -> None:
        """Use this token. Raises EstuaryError AUTH_FAILED, and the one before stays."""
        if not isinstance(token, str) or not token:
            raise refused("there is no token in it")
        if not isinstance(player_id, str) or not player_id:
            raise refused("it names no player")
        if self.player_id is not None and player_id != self.player_id:
            raise refused("it is for another player than before; use another client for that")
        if not isfinite(lifetime) or lifetime <= 0:
            raise refused("it has expired already, or says nothing of when it will")
        self.token = token
        self.note(token)
        self.player_id = player_id
        self._until = now + lifetime
        # Of a short life a half is used.
        self._spare = min(SPARE, lifetime / 2)

    def forget(self) -> None:
        """The server did not want it."""
        self.token = ""

    def auth(self, payload: dict[str, Any]) -> dict[str, Any]:
        """The payload of CONNECT with the token in place of the key (PROTOCOL 1.2)."""
        rest = {key: value for key, value in payload.items() if key != "api_key"}
        return {"client_token": self.token, **rest, "player_id": self.player_id}


def disagreed(settled: AckSettled) -> bool:
    """Whether a server has not agreed to a renewal: its answer must say `ok` (PROTOCOL 1.6)."""
    answer = settled.args[0] if settled.args else None
    agreed = isinstance(answer, dict) and bool(answer.get("ok"))
    return settled.outcome is not Outcome.LOST and not agreed


def check_token(token: object) -> str:
    """A token as it may stand in a header; raises EstuaryError AUTH_FAILED."""
    if not isinstance(token, str) or not token.startswith(PREFIX):
        raise refused(f"its token does not begin with {PREFIX!r}")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise refused("its token holds blanks, line breaks or other odd characters")
    return token
