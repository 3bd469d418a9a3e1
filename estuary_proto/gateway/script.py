"""A script makes a gateway do what a developer wants to rehearse: every event, every ending.

It is plain data, a list of rules, as YAML or JSON bring it (`Script.read` takes what they hold):

    - when: {text: {contains: rude}}
      do:
        - wait: 0.5
        - emit: {event: moderation_flag, message_id: $message, action: redacted}
        - moderation: warning
    - when: {event: connected, nth: 2}
      do: [{wait: 3}, session_timeout]

A rule is `{when: …, do: act or list of acts, instead: true | false}`. `instead` keeps what the
client sent from being dealt with as usual; it is true by itself where a rule about `text` says
something, or where one about `joining` refuses.

| when | fires |
|---|---|
| `joining` | when a client asks to come in, before its credentials are looked at |
| `connected` | when its session stands |
| `text`, `start_voice`, … | at each event of this name from the client (PROTOCOL 2) |
| `{event: NAME, nth: N}` | at the N-th of them; of `joining` and `connected` the N-th of the gateway |
| `{text: {equals \\| contains \\| matches: …}, nth: N}` | at a text; `*` in `matches` is any run of characters; case does not count |
| `{after: SECONDS}` | so long after `connected` |
| `{request: GLOB, nth: N}` | at a request of the REST API; see `script_requests` for its acts |

| do | does |
|---|---|
| `emit: {event: NAME, FIELD: VALUE, …}` | sends an event of PROTOCOL 3 with the fields of the wire |
| `ask: {event: NAME, …}` | the same, wants it acknowledged and reports the answer |
| `say: TEXT`, `{text \\| pieces, interval: SECONDS}` | the character says it |
| `wait: SECONDS` | before the next act of this rule |
| `session_timeout`, `session_rejected`, `auth_error`, each also with `{FIELD: VALUE}` | sends it, and ends the session |
| `quota_exceeded`, `voice_timeout`, also with `{FIELD: VALUE}` | sends it; the session goes on |
| `moderation: warning \\| terminated` | sends `moderation_warning`; terminated ends the session |
| `leave` | ends the session without a cause: a namespace disconnect |
| `engine_close` | Engine.IO's close |
| `close: CODE`, `{code, reason}` | closes the WebSocket |
| `drop` | cuts the transport |
| `refuse: TEXT` | a connect error, at `joining` only |
| `silence: SECONDS` | sends nothing meanwhile, no heartbeat either |
| `stall: SECONDS` | reads nothing meanwhile |
| `slow: SECONDS` | answers begin so much later from here on |
| `garbage`, `garbage: TEXT` | sends a frame that is no packet, or this one |
| `unknown: NAME`, `{event, args: […]}` | an event of any name |
| `binary: {event: NAME, size: BYTES}` | an event whose `audio` is an attachment of so many bytes |

In strings `$message` stands for the id of the answer that is spoken or was spoken last, `$session`
for the session's. Rules that fire together act in the order of the file; each goes its own way at
a `wait`.
"""  # noqa: E501 - A row of a table is one line.

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ..errors import ErrorCode, EstuaryError
from ..messages import TO_SERVER
from .acts import Refuse, Say
from .script_acts import Problem, known, number, read_acts, text_of
from .script_requests import REQUEST, read_request_acts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .acts import Act
    from .script_requests import RequestAct

MAX_RULES: Final = 1000
MAX_PATTERN: Final = 1000
"""Characters of what a text is compared with."""

MAX_SECONDS: Final = 86_400.0

JOINING: Final = "joining"
CONNECTED: Final = "connected"
AFTER: Final = "after"
_EVENTS: Final = (JOINING, CONNECTED, *(name for name in TO_SERVER if name != "authenticate"))


@dataclass(frozen=True, slots=True)
class When:
    """What makes a rule fire: `event`, the `nth` of them (0: each), and for a text how it is
    compared (`equals`, `contains`, `matches`, or "") with what, in folded case."""

    event: str
    nth: int = 0
    how: str = ""
    what: str = ""
    seconds: float = 0.0

    def holds(self, text: str) -> bool:
        """Whether a text, in folded case, is what the rule is about."""
        if self.how == "contains":
            return self.what in text
        if self.how == "matches":
            return _glob(self.what, text)
        return not self.how or self.what == text.strip()


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `number` counts from 1, as people and errors do."""

    number: int
    when: When
    acts: tuple[Act, ...]
    instead: bool = False
    requests: tuple[RequestAct, ...] = ()


@dataclass(frozen=True)
class Script:
    """A script that makes sense. `name` is what errors and reports call it."""

    rules: tuple[Rule, ...] = ()
    name: str = field(default="script", compare=False)

    @classmethod
    def read(cls, plain: object, name: str = "script") -> Script:
        """The script in a decoded YAML or JSON document: a list of rules, or `{rules: […]}`.

        Raises EstuaryError CONFIG_INVALID that names the file, the rule, the field, what is wrong
        with it and the way out.
        """
        try:
            if isinstance(plain, dict):
                known(plain, ("rules",), "rules")
                plain = plain.get("rules")
            if not isinstance(plain, list):
                raise Problem("rules", "there is no list of rules", "begin with `- when: …`")
            if len(plain) > MAX_RULES:
                raise Problem("rules", f"there are {len(plain)}", f"{MAX_RULES} are the most")
        except Problem as problem:
            raise _invalid(problem, name) from None
        rules = []
        for place, rule in enumerate(plain, 1):
            try:
                rules.append(_rule(place, rule))
            except Problem as problem:
                raise _invalid(problem, f"{name}: rule {place}") from None
        return cls(tuple(rules), name)


def _invalid(problem: Problem, where: str) -> EstuaryError:
    return EstuaryError(
        f"{where}: {problem.field}: {problem.what}; {problem.way_out}",
        ErrorCode.CONFIG_INVALID,
        {"field": "script", "where": problem.field},
    )


def _rule(place: int, plain: object) -> Rule:
    if not isinstance(plain, dict):
        raise Problem("rule", "it is no mapping", "write {when: …, do: …}")
    known(plain, ("when", "do", "instead"), "rule")
    when = _when(plain.get("when"))
    if when.event == REQUEST:
        known(plain, ("when", "do"), "rule")
        return Rule(place, when, (), requests=read_request_acts(plain.get("do")))
    acts = read_acts(plain.get("do"), joining=when.event == JOINING)
    kind = Refuse if when.event == JOINING else Say
    instead = plain.get("instead")
    if instead is None:
        instead = when.event in (JOINING, "text") and any(isinstance(act, kind) for act in acts)
    elif not isinstance(instead, bool):
        raise Problem("instead", "it is neither true nor false", "leave it out for the usual")
    elif instead and when.event in (CONNECTED, AFTER):
        raise Problem("instead", f"there is nothing to replace at {when.event!r}", "leave it out")
    return Rule(place, when, acts, instead)


def _when(plain: object) -> When:
    if isinstance(plain, str):
        return When(_event(plain))
    if not isinstance(plain, dict):
        raise Problem("when", "it is missing or no trigger", "try `when: connected`")
    triggers = [key for key in ("event", "text", "after", REQUEST) if key in plain]
    if len(triggers) != 1:
        raise Problem(
            "when", "it needs one of event, text, after, request", "try {event: connected}"
        )
    if triggers == ["after"]:
        known(plain, ("after",), "when")
        return When(AFTER, seconds=number(plain["after"], "when.after", 0, MAX_SECONDS))
    known(plain, (triggers[0], "nth"), "when")
    nth = _nth(plain)
    if triggers == [REQUEST]:
        line = text_of(plain[REQUEST], f"when.{REQUEST}", MAX_PATTERN).casefold()
        return When(REQUEST, nth, "matches", line)
    if triggers == ["event"]:
        return When(_event(plain["event"]), nth)
    compared = plain["text"]
    if not isinstance(compared, dict) or len(compared) != 1:
        raise Problem("when.text", "it says not how to compare", "try {text: {contains: hello}}")
    known(compared, ("equals", "contains", "matches"), "when.text")
    ((how, what),) = compared.items()
    what = text_of(what, f"when.text.{how}", MAX_PATTERN).casefold()
    return When("text", nth, how, what.strip() if how == "equals" else what)


def _event(name: object) -> str:
    if not isinstance(name, str) or name not in _EVENTS:
        raise Problem(
            "when", f"there is no event {name!r} of a client", f"take one of {', '.join(_EVENTS)}"
        )
    return name


def _nth(plain: Mapping[str, Any]) -> int:
    if "nth" not in plain:
        return 0
    nth = plain["nth"]
    if not isinstance(nth, int) or isinstance(nth, bool) or nth < 1:
        raise Problem("when.nth", f"{nth!r} is no count", "give 1, 2, 3 …")
    return nth


def _glob(pattern: str, text: str) -> bool:
    """Whether `text` is `pattern`, in which each `*` is any run of characters. In linear time for
    each star: there is nothing to go back to."""
    first, *stars = pattern.split("*")
    if not stars:
        return first == text
    *middle, last = stars
    if not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return at <= end
