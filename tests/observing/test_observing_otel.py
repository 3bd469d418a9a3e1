"""Spans and metrics, by OpenTelemetry's own SDK."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from estuary_anyio import EstuaryClient, EstuaryConfig, EstuaryError, RestError, VoiceMode, otel
from estuary_anyio.gateway import serve_gateway
from estuary_proto.gateway import ServerConfig
from tests.anyio.server import KEY, serving

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from estuary_anyio.observing import Observation

pytestmark = pytest.mark.anyio


class Backend:
    """The SDK, with what it exports kept in memory."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader], shutdown_on_exit=False)

    def observe(self, client: EstuaryClient) -> Observation:
        return otel.observe(client, tracer_provider=self.tracers, meter_provider=self.meters)

    def spans(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.name == name]

    async def until(self, name: str, count: int) -> list[ReadableSpan]:
        with anyio.fail_after(10):
            while len(self.spans(name)) < count:
                await anyio.lowlevel.checkpoint()
        return self.spans(name)

    def points(self) -> dict[tuple[Any, ...], Any]:
        """Sums, and counts of histograms, by name and attributes."""
        found: dict[tuple[Any, ...], Any] = {}
        data = self.reader.get_metrics_data()
        assert data is not None
        for resource in data.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points:
                        about = tuple(str(value) for value in (point.attributes or {}).values())
                        value: Any = getattr(point, "count", None)
                        found[metric.name, *about] = value or getattr(point, "value", None)
        return found


async def test_a_session_with_the_gateway() -> None:
    sdk = Backend()
    mind = ServerConfig(voice="always")
    async with serve_gateway(server=mind, tts="tone", stt="none") as gateway:
        config = EstuaryConfig(gateway.url, gateway.api_key, gateway.character_id, "me")
        async with EstuaryClient(config) as client:
            with sdk.observe(client):
                await client.connect()
                tracer = sdk.tracers.get_tracer("test")
                with tracer.start_as_current_span("mine") as mine:
                    reply = client.ask("an unmistakable question")
                answer = await reply.final()
                (spoken,) = await sdk.until("estuary.turn", 1)
                await client.send_text_and_wait("written", text_only=True)
                await client.memory.get_stats()
                with pytest.raises(RestError):
                    await client.characters.get("nobody")
                await client.disconnect()
    (connect,) = sdk.spans("estuary.connect")
    assert connect.kind is SpanKind.CLIENT
    assert connect.status.status_code is StatusCode.UNSET
    assert connect.attributes is not None
    assert connect.attributes["server.port"] == gateway.port
    assert connect.attributes["estuary.outcome"] == "connected"
    check_turn(spoken, mine.get_span_context().span_id)
    stats, nobody = (span for span in sdk.exporter.get_finished_spans() if span.name[:4] == "GET ")
    assert stats.name.endswith("/memories/stats")
    assert (stats.status.status_code, nobody.status.status_code) == (
        StatusCode.UNSET, StatusCode.ERROR,
    )  # fmt: skip
    assert nobody.attributes is not None
    assert nobody.attributes["http.response.status_code"] == 404
    shown = " ".join(span.to_json() for span in sdk.exporter.get_finished_spans())
    for secret in (gateway.api_key, "unmistakable", answer.text, "nobody/"):
        assert secret not in shown
    points = sdk.points()
    assert points["estuary.turns", "text", "final"] == 2
    assert points["estuary.turn.duration", "text", "final"] == 2
    assert points["estuary.turn.first_token", "text"] == 2
    assert points["estuary.turn.first_sound", "text"] == 1
    assert points["estuary.connect.duration", "connected"] == 1
    assert points["estuary.network.io", "receive"] > 1000
    assert points["estuary.network.io", "transmit"] > 200
    assert sum(v for k, v in points.items() if k[0] == "http.client.request.duration") == 2


def check_turn(span: ReadableSpan, parent: int) -> None:
    """One that was answered aloud; its times agree with each other."""
    assert span.parent is not None
    assert span.parent.span_id == parent
    about = span.attributes
    assert about is not None
    assert (about["estuary.turn.kind"], about["estuary.outcome"]) == ("text", "final")
    assert about["estuary.message.id"]
    assert span.start_time is not None
    assert span.end_time is not None
    events = {event.name: event.timestamp for event in span.events}
    for name in ("first_token", "first_sound"):
        took = about[f"estuary.turn.{name}"]
        assert isinstance(took, float)
        assert took > 0
        assert abs(events[name] - span.start_time - took * 1e9) < 1e5  # 0.1 ms of rounding
        assert span.start_time < events[name] <= span.end_time


async def test_failures_have_their_kind_and_no_key() -> None:
    sdk = Backend()
    async with EstuaryClient(EstuaryConfig("http://127.0.0.1:1", KEY, "c", "p")) as client:
        with sdk.observe(client), pytest.raises(EstuaryError):
            await client.connect()
    (span,) = sdk.spans("estuary.connect")
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes is not None
    assert span.attributes["error.type"] == "CONNECTION_FAILED"
    assert KEY not in span.to_json()
    assert sdk.points()["estuary.connect.duration", "failed"] == 1


async def test_a_fall_and_the_way_back() -> None:
    sdk = Backend()
    async with serving() as server, EstuaryClient(server.config()) as client:
        with sdk.observe(client):
            await client.connect()
            client.send_text("who hears this?")
            reply = client.ask("or this?")
            await (await server.peer()).cut()
            with pytest.raises(EstuaryError):
                await reply.final()
            await sdk.until("estuary.connect", 2)
    assert [span.attributes["estuary.attempt"] for span in sdk.spans("estuary.connect")] == [0, 1]  # type: ignore[index]
    for span in sdk.spans("estuary.turn"):
        assert span.status.status_code is StatusCode.ERROR
        assert span.attributes is not None
        assert span.attributes["estuary.outcome"] == "lost"
    points = sdk.points()
    assert points["estuary.reconnects",] == 1
    assert points["estuary.turns", "text", "lost"] == 2


async def test_an_interruption_is_no_failure() -> None:
    sdk = Backend()
    async with serving() as server, EstuaryClient(server.config()) as client:
        with sdk.observe(client):
            await client.connect()
            client.send_text("go on")
            peer = await server.peer()
            await peer.emit("bot_response", text="and", is_final=False, message_id="m")
            await peer.emit("interrupt", message_id="m")
            (span,) = await sdk.until("estuary.turn", 1)
    assert span.status.status_code is StatusCode.UNSET
    assert sdk.points()["estuary.turns", "text", "interrupted"] == 1


async def test_what_was_dropped() -> None:
    sdk = Backend()
    async with serving() as server, EstuaryClient(server.config()) as client:
        hold = anyio.Event()

        async def slow(_: object) -> None:
            await hold.wait()

        with sdk.observe(client):
            await client.connect()
            peer = await server.peer()
            client.on("motive_updated", slow)
            overflown = anyio.Event()
            client.once("listener_overflow", lambda _: overflown.set())
            await peer.text(*['42/sdk,["motive_updated",{"motive":"x"}]'] * 10_010)
            with anyio.fail_after(10):
                await overflown.wait()
            dropped = anyio.Event()
            client.once("audio_dropped", lambda _: dropped.set())
            await client.start_voice(VoiceMode.PUSH_TO_TALK)
            await client.send_audio(bytes(16000))
            await client.stop_voice()
            with anyio.fail_after(10):
                await dropped.wait()
            hold.set()
    points = sdk.points()
    assert points["estuary.listener.overflows", "motive_updated"] >= 1
    assert points["estuary.audio.dropped", "button_up"] == pytest.approx(0.5)


def test_without_the_extra() -> None:
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "try:\n    import estuary_anyio.otel\n"
        "except Exception as error:\n    print(repr(error))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert "pip install 'estuary-anyio[otel]'" in done.stdout
    assert done.stdout.startswith("EstuaryError(")
