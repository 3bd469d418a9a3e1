"""The part of `Client` that holds a credential of a token provider (PROTOCOL 1.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..credentials import RENEWED_WITHIN, disagreed
from ..errors import EstuaryError
from ..events import CredentialNeeded
from ..intents import RenewAuthentication
from ..models.session import AuthError
from ..policy import Cause
from ..states import State
from ..timers import Timer
from .part import Part

if TYPE_CHECKING:
    from ..events import AckSettled


class Renewing(Part):
    """It is asked for before each connection, and again on the live one before it expires."""

    def credential(
        self, link: int, token: str, player_id: str, lifetime: float, *, now: float
    ) -> None:
        """What CredentialNeeded asked for: a token for `player_id`, good for `lifetime` seconds."""
        now = self._tick(now)
        if not self._credential_due or link != self.link:
            return
        try:
            self._credentials.take(token, player_id, lifetime, now)
        except EstuaryError as error:
            return self.credential_failed(link, error, now=now)
        self._credential_due = False
        assert self._connection is not None  # It is due to one.
        if self._connection.state is State.IDLE:
            self._connection.authorize(self._credentials.auth(self.config.auth()))
            self._commands.append(self._way())
        elif self._connection.state is State.READY:
            self._renewal = self._say(RenewAuthentication(token), RENEWED_WITHIN)
            self._timers.start(Timer.RENEW, self._credentials.renew_at)

    def credential_failed(self, link: int, error: EstuaryError, *, now: float) -> None:
        """There is no credential."""
        now = self._tick(now)
        if self._credential_due and link == self.link:
            self._credential_due = False
            assert self._connection is not None  # It is due to one.
            if self._connection.state is State.IDLE:
                self._connection.refused(error, now=now)
                self._collect()
            else:
                self._expel(error.message)

    def _ask_for_credential(self) -> None:
        self._credential_due = True
        self._tell(CredentialNeeded(self.link))

    def _expel(self, why: str) -> None:
        """The session may not go on under the old credential (PROTOCOL 1.6)."""
        if not self.is_connected:
            return  # It is going already.
        assert self._connection is not None  # It is connected.
        self._tell(AuthError("credential_renewal_failed"))
        text = f"the credential could not be renewed: {why}"
        self._connection.close(now=self._now, cause=Cause.CREDENTIAL, text=text)
        self._collect()

    def _renew(self) -> None:
        """Ask for the next credential; the second time it is too late."""
        if self._credential_due:
            self._credential_due = False
            self._expel("the token provider did not answer in time")
        elif self.is_connected:
            self._ask_for_credential()
            self._timers.start(Timer.RENEW, self._credentials.until)

    def _is_renewal(self, settled: AckSettled) -> bool:
        """Whether this settles a renewal; one that the server did not agree to is the end."""
        if settled.receipt != self._renewal:
            return False
        if disagreed(settled):
            self._expel("the server did not agree to it")
        return True
