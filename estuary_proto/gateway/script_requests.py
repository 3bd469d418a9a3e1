"""What a script does to requests of the REST API: refusals, rate limits, delays, drops.

    - when: {request: "POST */memories/search", nth: 1}
      do: {respond: {status: 503, retry_after: 1}}
    - when: {request: "*"}
      do: {limit: {requests: 5, per: 60}}

A request is compared as `METHOD /path`, in any case; `*` is any run of characters. Its acts are
`wait`, `respond`, `limit` and `drop`; after one that ends it nothing else happens.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .acts import Drop, Wait
from .script_acts import MAX_TEXT, MAX_WAIT, Problem, known, number, text_of

if TYPE_CHECKING:
    from .script import Script

REQUEST: Final = "request"


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer with this status and `{"detail": …}`; `retry_after` goes into its header, in
    seconds."""

    status: int
    detail: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """Let so many `requests` pass in any `per` seconds; answer the others with 429."""

    requests: int
    per: float


RequestAct = Wait | Respond | Limit | Drop


def read_request_acts(plain: object) -> tuple[RequestAct, ...]:
    """The acts of a rule about requests. Raises Problem."""
    listed = plain if isinstance(plain, list) else [plain]
    if not listed or listed == [None]:
        raise Problem("do", "there is nothing to do", "try `do: {respond: 503}`")
    return tuple(_act(one, f"do[{place}]") for place, one in enumerate(listed, 1))


def _act(plain: object, where: str) -> RequestAct:
    if plain == "drop":
        return Drop()
    if not isinstance(plain, dict) or len(plain) != 1:
        raise Problem(where, "it is not one act", "take wait, respond, limit or drop")
    ((name, value),) = plain.items()
    if name == "wait":
        return Wait(number(value, f"{where}.wait", 0, MAX_WAIT))
    if name == "respond":
        return _respond(value, f"{where}.respond")
    if name == "limit":
        return _limit(value, f"{where}.limit")
    raise Problem(where, f"there is no act {name!r} here", "take wait, respond, limit or drop")


def _respond(value: Any, where: str) -> Respond:
    plain = value if isinstance(value, dict) else {"status": value}
    known(plain, ("status", "detail", "retry_after"), where)
    status = int(number(plain.get("status"), f"{where}.status", 400, 599))
    detail = text_of(plain.get("detail", "The script says so"), f"{where}.detail", MAX_TEXT)
    after = plain.get("retry_after")
    if after is not None:
        after = number(after, f"{where}.retry_after", 0, MAX_WAIT)
    return Respond(status, detail, after)


def _limit(value: Any, where: str) -> Limit:
    if not isinstance(value, dict):
        raise Problem(where, "it is no mapping", "give {requests: 5, per: 60}")
    known(value, ("requests", "per"), where)
    requests = int(number(value.get("requests"), f"{where}.requests", 1, 1_000_000))
    return Limit(requests, number(value.get("per", 60), f"{where}.per", 0.001, MAX_WAIT))


class RequestScript:
    """The rules of a script that are about requests, counted over the whole gateway."""

    def __init__(self, script: Script) -> None:
        self._rules = [rule for rule in script.rules if rule.when.event == REQUEST]
        self._seen: dict[int, int] = {}
        self._passed: dict[int, deque[float]] = {}

    def acts(self, method: str, path: str, *, now: float) -> list[Wait | Respond | Drop]:
        """What is to be done before this request is dealt with, if it is dealt with at all."""
        found: list[Wait | Respond | Drop] = []
        line = f"{method} {path}".casefold()
        for rule in self._rules:
            if not rule.when.holds(line):
                continue
            count = self._seen[rule.number] = self._seen.get(rule.number, 0) + 1
            if rule.when.nth not in (0, count):
                continue
            for act in rule.requests:
                if isinstance(act, Limit):
                    refusal = self._exceeds(rule.number, act, now)
                    if refusal is not None:
                        found.append(refusal)
                else:
                    found.append(act)
        return found

    def _exceeds(self, number: int, limit: Limit, now: float) -> Respond | None:
        passed = self._passed.setdefault(number, deque(maxlen=limit.requests))
        if len(passed) == limit.requests and now - passed[0] < limit.per:
            left = passed[0] + limit.per - now
            return Respond(429, "Too many requests", left)
        passed.append(now)
        return None
