"""A session under its script: performs the acts, and holds what of them lasts.

What the session does anyway it is asked for (`Host`); frames that no connection would send, silence
and standing still are kept here, and the session looks at them.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from ..events import Outcome
from ..messages import UnknownEvent, class_of
from ..models.session import AuthError
from ..states import Role
from ..timers import Deadline, Timer, earlier
from . import acts
from .acts import Cut, Report
from .script import JOINING
from .script_runner import ScriptRunner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..events import AckSettled
    from ..models.base import Model
    from .acts import Act
    from .commands import Recall
    from .script import Script

ACK_WITHIN = 10.0
"""Seconds that a client has to acknowledge what a script asks."""

MAX_REPORTS = 1000
"""Reports that wait for whoever moves the session; later ones are not made."""

_SHOWN = 200
"""Characters of an acknowledgement that a report shows."""


class Host(Protocol):
    """What a session does for its script."""

    @property
    def session_id(self) -> str:
        """Of this session; "" before it stands."""
        ...

    @property
    def message_id(self) -> str:
        """Of the answer that is spoken, or was spoken last; "" before the first."""
        ...

    @property
    def joining(self) -> bool:
        """True while the client waits for the answer to its request to join."""
        ...

    def tell(self, message: Model, *, asked_by: int = 0) -> None:
        """Send; who is still joining is let into the namespace before. What a rule asks for is to
        be acknowledged within `ACK_WITHIN`, and that comes to `Rehearsal.acked`."""

    def say(self, pieces: Sequence[str], interval: float | None) -> None:
        """The character says this."""

    def slow(self, seconds: float) -> None:
        """Begin answers so much later."""

    def leave(self) -> None:
        """End the session with a namespace disconnect."""

    def hang_up(self, code: int, reason: str) -> None:
        """Close the WebSocket behind what waits."""

    def refuse(self, message: str) -> None:
        """Answer the request to join with a connect error."""


class Rehearsal:
    """See the module. `commands` are for whoever moves the session."""

    def __init__(self, script: Script, host: Host) -> None:
        self.commands: deque[Cut | Report | Recall] = deque()
        self._name = script.name
        self._host = host
        self._runner = ScriptRunner(script)
        self._frames: deque[str | Cut] = deque()
        self._cut = False
        self._silent_until: float | None = None
        self._stalled_until: float | None = None

    # --- what lasts ------------------------------------------------------------------------

    @property
    def silent(self) -> bool:
        """True while nothing may be sent."""
        return self._cut or self._silent_until is not None

    @property
    def stalled(self) -> bool:
        """True while nothing may be read."""
        return self._stalled_until is not None

    @property
    def wants_write(self) -> bool:
        """True while `next_frame` has something to do."""
        return bool(self._frames)

    def next_frame(self) -> str | None:
        """The next frame that is not the connection's, while `wants_write`; None where a cut has
        waited for its turn, which is commanded now. Taken when the connection has no frame left."""
        frame = self._frames.popleft()
        if isinstance(frame, Cut):
            self._cut = True
            self.commands.append(frame)
            return None
        return frame

    @property
    def deadline(self) -> Deadline | None:
        """When `run` has something to do."""
        due = None if self._frames else self._runner.due_at
        found: Deadline | None = None
        for at in (due, self._silent_until, self._stalled_until):
            found = earlier(found, None if at is None else Deadline(at, Timer.SCRIPT))
        return found

    # --- what happens ----------------------------------------------------------------------

    def saw(self, event: str, *, now: float, text: str = "", number: int = 0) -> bool:
        """The client did this; True when the script stands for the usual answer."""
        return self._runner.saw(event, now=now, text=text, number=number)

    def began(self, *, now: float, number: int) -> None:
        """The session stands, the gateway's `number`-th."""
        self._runner.began(now=now, number=number)

    @property
    def holds_the_door(self) -> bool:
        """True while it is not done with a request to join."""
        return self._cut or bool(self._frames) or self._runner.busy(JOINING)

    def acked(self, rule: int, settled: AckSettled) -> None:
        """What a rule asked for has been acknowledged, or never will be."""
        if settled.outcome is Outcome.OK:
            self._report(rule, f"acknowledged with {settled.args!r:.{_SHOWN}}")
        else:
            self._report(rule, f"not acknowledged ({settled.outcome.value})")

    def speak_up(self) -> None:
        """The gateway says goodbye: nothing holds that back."""
        self._silent_until = self._stalled_until = None

    def stop(self) -> None:
        """The session is over."""
        self._runner.stop()
        self._frames.clear()
        self.speak_up()

    def run(self, *, now: float) -> None:
        """Do what is due."""
        if self._silent_until is not None and self._silent_until <= now:
            self._silent_until = None
        if self._stalled_until is not None and self._stalled_until <= now:
            self._stalled_until = None
        # A frame goes when the connection has none; what comes after it waits for that.
        while not self._frames and (found := self._runner.next_act(now)) is not None:
            rule, act = found
            self._report(rule.number, acts.name_of(act))
            self._perform(rule.number, act, now)

    def _report(self, rule: int, what: str) -> None:
        if len(self.commands) < MAX_REPORTS:
            self.commands.append(Report(f"{self._name}: rule {rule}: {what}"))

    # --- the acts --------------------------------------------------------------------------

    def _perform(self, rule: int, act: Act, now: float) -> None:
        host = self._host
        match act:
            case acts.Emit():
                self._emit(rule, act)
            case acts.EmitAny():
                host.tell(UnknownEvent(act.name, act.args))
            case acts.Say():
                host.say(act.pieces, act.interval)
            case acts.Slow():
                host.slow(act.seconds)
            case acts.Frame():
                self._frames.append(act.text)
            case acts.Drop():
                self._frames.append(Cut())
            case acts.Silence():
                self._silent_until = now + act.seconds
            case acts.Stall():
                self._stalled_until = now + act.seconds
            case acts.Refuse():
                self._refuse(act)
            case _:
                self._end(act)

    def _emit(self, rule: int, act: acts.Emit) -> None:
        cls = class_of(Role.SERVER, act.name)
        assert cls is not None  # The script was checked.
        ids = {"$message": self._host.message_id, "$session": self._host.session_id}
        message = cls.from_dict(filled(act.fields, ids))
        self._host.tell(message, asked_by=rule if act.ask else 0)
        if act.leaves:
            self._host.leave()

    def _refuse(self, act: acts.Refuse) -> None:
        """Who joined without credentials is in the namespace already: nothing is left to refuse but
        the session (PROTOCOL 1.3)."""
        if self._host.joining:
            self._host.refuse(act.message)
        else:
            self._host.tell(AuthError(act.message))
            self._host.leave()

    def _end(self, act: Act) -> None:
        if isinstance(act, acts.Leave):
            self._host.leave()
        elif isinstance(act, acts.Close):
            self._host.hang_up(act.code, act.reason)
        else:  # EngineClose: the rest has been done before.
            self._frames.append("1")
            self._host.hang_up(1000, "")


def filled(value: Any, ids: Mapping[str, str]) -> Any:
    """`value` with the ids in the places that a script leaves for them."""
    if isinstance(value, str):
        for name, ident in ids.items():
            value = value.replace(name, ident)
        return value
    if isinstance(value, dict):
        return {key: filled(each, ids) for key, each in value.items()}
    return [filled(each, ids) for each in value] if isinstance(value, list) else value
