"""What LiveKit's native part logs, and who has to read it."""

from __future__ import annotations

import ctypes
import logging
from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from estuary_audio import chatter

if TYPE_CHECKING:
    from collections.abc import Callable

ffi = pytest.importorskip("livekit.rtc._ffi_client")


class Place:
    """A listener, in front of a package and a client that are watched."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self._client = ffi.FfiClient.instance
        self._package = ffi.ffi_cb_fnc(self._comes)
        watched = SimpleNamespace(
            proto_ffi=ffi.proto_ffi,
            ffi_event_callback=self._package,
            ffi_cb_fnc=ffi.ffi_cb_fnc,
            logger=ffi.logger,
        )
        client = SimpleNamespace(queue=SimpleNamespace(put=self._put))
        self._listener = chatter.listener(watched, client)

    def _comes(self, data: Any, size: int) -> None:
        event = ffi.proto_ffi.FfiEvent.FromString(ctypes.string_at(data, size))
        self.seen[f"package: {event.WhichOneof('message')}"] += 1
        ffi.ffi_event_callback(data, size)

    def _put(self, event: Any) -> None:
        self.seen[f"queue: {event.WhichOneof('message')}"] += 1

    def call(self, **event: Any) -> None:
        """As the native part calls."""
        data = ffi.proto_ffi.FfiEvent(**event).SerializeToString()
        buffer = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
        self._listener(buffer, len(data))


@pytest.fixture
def place() -> Place:
    return Place()


def batch(*levels: str) -> Any:
    """A record of each level."""
    proto = ffi.proto_ffi
    return proto.LogBatch(
        records=[
            proto.LogRecord(
                level=proto.LogLevel.Value(f"LOG_{level}"),
                target="rustls",
                module_path="a::b",
                file="a.rs",
                line=7,
                message=f"it is {level}",
            )
            for level in levels
        ]
    )


@pytest.mark.parametrize(
    ("level", "told"),
    [
        (logging.WARNING, ["it is ERROR", "it is WARN"]),
        (logging.INFO, ["it is ERROR", "it is WARN", "it is INFO"]),
        (logging.DEBUG, ["it is ERROR", "it is WARN", "it is INFO", "it is DEBUG"]),
        (logging.CRITICAL, []),
    ],
)
def test_what_somebody_reads_is_told(
    place: Place, caplog: pytest.LogCaptureFixture, level: int, told: list[str]
) -> None:
    with caplog.at_level(level, "livekit"):
        place.call(logs=batch("ERROR", "WARN", "INFO", "DEBUG", "TRACE"))
    assert [message.rpartition(" - ")[2] for message in caplog.messages] == told
    assert place.seen["package: logs"] == bool(told)


def test_what_nobody_reads_is_not_looked_at(place: Place) -> None:
    place.call(logs=batch(*["DEBUG", "TRACE"] * 100))
    assert place.seen == {}


def test_all_else_goes_where_it_went(place: Place) -> None:
    place.call(capture_audio_frame={"async_id": 1})
    assert place.seen == {"queue: capture_audio_frame": 1}
    place.seen.clear()
    place.call(disconnect={"async_id": 1})
    assert place.seen == {"package: disconnect": 1}


def test_a_room_is_joined_in_quiet(play: Callable[..., Any]) -> None:
    assert play("chatter")["chatter"]["looked_at"] < 50


def test_who_wants_all_gets_all(play: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEKIT_RTC_DEBUG", "1")
    assert play("chatter")["chatter"]["looked_at"] > 500


def test_another_release_of_the_package_ends_no_program(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(chatter, "_called", [])
    monkeypatch.delattr(ffi, "proto_ffi")
    with caplog.at_level("DEBUG", "estuary_audio"):
        chatter.hush()
    assert "all the way" in caplog.text
