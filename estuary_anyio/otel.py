"""OpenTelemetry: spans and metrics of a client (extra `[otel]`: the API alone).

    async with EstuaryClient(config) as client:
        with otel.observe(client):
            await client.connect()

Spans: `estuary.connect` for each attempt, `estuary.turn` from what was said to the last of the
answer, `GET /api/v1/…` for a REST call. Metrics, in seconds and bytes:

    estuary.turns                  counter    by kind and outcome
    estuary.turn.duration          histogram  until the text has ended
    estuary.turn.first_token       histogram
    estuary.turn.first_sound       histogram
    estuary.connect.duration       histogram  by outcome
    estuary.reconnects             counter    attempts to come back
    estuary.network.io             counter    bytes, by direction: receive, transmit
    estuary.audio.dropped          counter    seconds, by reason
    estuary.listener.overflows     counter    events, by event, as `listener_overflow` tells
    http.client.request.duration   histogram  by method, route and error

What is said in a conversation is in none of them, and no key.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import anyio

from estuary_proto.errors import ErrorCode, EstuaryError
from estuary_proto.events import AudioDropped, ListenerOverflow
from estuary_proto.version import __version__

from .observing.hooks import Attempt, Hooks, RestCall, Turn
from .observing.observation import Observation

try:
    from opentelemetry import metrics, trace
except ModuleNotFoundError as _error:
    raise EstuaryError(
        f"{_error.name} is not installed: pip install 'estuary-anyio[otel]'",
        ErrorCode.CONFIG_INVALID,
        {"missing": _error.name, "extra": "otel"},
    ) from None

if TYPE_CHECKING:
    from opentelemetry.metrics import Histogram, MeterProvider
    from opentelemetry.trace import Span, TracerProvider

    from .client import EstuaryClient

__all__ = ["Telemetry", "observe"]

_NAME: Final = "estuary_anyio"

_COUNTERS: Final = {
    "estuary.turns": ("{turn}", "Turns, by kind and outcome"),
    "estuary.reconnects": ("{attempt}", "Attempts to come back"),
    "estuary.network.io": ("By", "Bytes that passed the socket, TLS not counted"),
    "estuary.audio.dropped": ("s", "Audio that was not sent"),
    "estuary.listener.overflows": ("{event}", "Events that slow listeners did not get"),
}
_HISTOGRAMS: Final = {
    "estuary.turn.duration": "From what was said to the end of the answer's text",
    "estuary.turn.first_token": "From what was said to the first text of the answer",
    "estuary.turn.first_sound": "From what was said to the first sound of the answer",
    "estuary.connect.duration": "From dialling to the session, or to the failure",
    "http.client.request.duration": "REST calls, repeats included",
}


def observe(
    client: EstuaryClient,
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
) -> Observation:
    """Report this client to OpenTelemetry from now on, until `stop()` or the end of a `with`.

    Call it inside the event loop and before `connect()`. Without providers the global ones count.
    """
    return Observation(client, Telemetry(client, tracer_provider, meter_provider))


class Telemetry(Hooks):
    """What `observe` attaches: spans and metrics of one client."""

    def __init__(
        self,
        client: EstuaryClient,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self._tracer = trace.get_tracer(_NAME, __version__, tracer_provider)
        meter = metrics.get_meter(_NAME, __version__, meter_provider)
        self._counters = {
            name: meter.create_counter(name, unit, words)
            for name, (unit, words) in _COUNTERS.items()
        }
        self._histograms: dict[str, Histogram] = {
            name: meter.create_histogram(name, "s", words) for name, words in _HISTOGRAMS.items()
        }
        self._character = client.config.character_id
        self._spans: dict[int, tuple[Span, int]] = {}
        """Each with what its times are behind the wall clock, in nanoseconds."""
        self._overflown: dict[str, int] = {}

    # --- spans -------------------------------------------------------------------------------

    def _begin(self, record: Attempt | Turn | RestCall, name: str, **attributes: Any) -> None:
        client = not isinstance(record, Turn)
        behind = time.time_ns() - int(anyio.current_time() * 1e9)
        span = self._tracer.start_span(
            name,
            kind=trace.SpanKind.CLIENT if client else trace.SpanKind.INTERNAL,
            attributes=attributes,
            start_time=int(record.began * 1e9) + behind,
        )
        self._spans[id(record)] = span, behind

    def _end(
        self, record: Attempt | Turn | RestCall, fault: BaseException | str | None, **more: Any
    ) -> None:
        span, behind = self._spans.pop(id(record))
        for name, value in more.items():
            if value is not None:
                span.set_attribute(name, value)
        if fault is not None:
            span.set_attribute("error.type", _kind(fault))
            words = fault.message if isinstance(fault, EstuaryError) else None
            span.set_status(trace.Status(trace.StatusCode.ERROR, words))
        assert record.ended is not None
        span.end(int(record.ended * 1e9) + behind)

    def _took(self, name: str, began: float, ended: float | None, **attributes: Any) -> None:
        if ended is not None:
            known = {key: value for key, value in attributes.items() if value is not None}
            self._histograms[name].record(ended - began, known)

    # --- connections -------------------------------------------------------------------------

    def attempt_began(self, attempt: Attempt) -> None:
        """See `Hooks`."""
        if attempt.number:
            self._counters["estuary.reconnects"].add(1)
        where = {"server.address": attempt.host, "server.port": attempt.port}
        self._begin(attempt, "estuary.connect", **where, **{"estuary.attempt": attempt.number})

    def attempt_ended(self, attempt: Attempt) -> None:
        """See `Hooks`."""
        outcome = {"estuary.outcome": attempt.outcome}
        fault = attempt.error or ("failed" if attempt.outcome == "failed" else None)
        self._end(attempt, fault, **outcome)
        self._took("estuary.connect.duration", attempt.began, attempt.ended, **outcome)

    def moved(self, received: int, sent: int) -> None:
        """See `Hooks`."""
        for size, direction in ((received, "receive"), (sent, "transmit")):
            if size:
                self._counters["estuary.network.io"].add(size, {"network.io.direction": direction})

    # --- turns -------------------------------------------------------------------------------

    def turn_began(self, turn: Turn) -> None:
        """See `Hooks`."""
        about = {"estuary.turn.kind": turn.kind, "estuary.character.id": self._character}
        self._begin(turn, "estuary.turn", **about)

    def turn_ended(self, turn: Turn) -> None:
        """See `Hooks`."""
        kind = {"estuary.turn.kind": turn.kind}
        about = {**kind, "estuary.outcome": turn.outcome}
        span, behind = self._spans[id(turn)]
        more: dict[str, Any] = {"estuary.outcome": turn.outcome}
        more["estuary.message.id"] = turn.message_id or None
        for name, at in (("first_token", turn.first_token), ("first_sound", turn.first_sound)):
            if at is not None:
                span.add_event(name, timestamp=int(at * 1e9) + behind)
                more[f"estuary.turn.{name}"] = at - turn.began
            self._took(f"estuary.turn.{name}", turn.began, at, **kind)
        self._end(turn, turn.error or (turn.outcome if turn.outcome in _BAD else None), **more)
        self._counters["estuary.turns"].add(1, about)
        self._took("estuary.turn.duration", turn.began, turn.answered, **about)

    # --- the rest ----------------------------------------------------------------------------

    def call_began(self, call: RestCall) -> None:
        """See `Hooks`."""
        self._begin(call, f"{call.method} {call.route}", **_of_call(call))

    def call_ended(self, call: RestCall) -> None:
        """See `Hooks`."""
        fault = None if call.error is None else _kind(call.error)
        status = {"http.response.status_code": call.status}
        self._end(call, call.error, **status)
        about = _of_call(call) | status | {"error.type": fault}
        self._took("http.client.request.duration", call.began, call.ended, **about)

    def told(self, event: Any) -> None:
        """See `Hooks`."""
        if type(event) is AudioDropped:
            about = {"estuary.reason": event.reason}
            self._counters["estuary.audio.dropped"].add(event.seconds, about)
        elif type(event) is ListenerOverflow:
            before = self._overflown.get(event.event, 0)
            fresh = event.dropped - before if event.dropped > before else event.dropped
            self._overflown[event.event] = event.dropped
            about = {"estuary.event": event.event}
            self._counters["estuary.listener.overflows"].add(fresh, about)


_BAD: Final = frozenset({"lost", "quota", "error", "timeout"})
"""Outcomes of a turn that are failures; who interrupts has got what was wanted."""


def _of_call(call: RestCall) -> dict[str, Any]:
    return {
        "http.request.method": call.method,
        "url.template": call.route,
        "server.address": call.host,
        "server.port": call.port,
    }


def _kind(fault: BaseException | str) -> str:
    """What kind of failure it was, for grouping (never its words)."""
    if isinstance(fault, str):
        return fault
    return fault.code.value if isinstance(fault, EstuaryError) else type(fault).__qualname__
