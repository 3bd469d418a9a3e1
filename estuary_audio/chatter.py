"""LiveKit's native part hands all of its log to Python, which throws nearly all of it away.

To join a room makes thousands of records within a second. Each takes the package 10 µs in a native
thread that holds the interpreter, and a microphone beside it comes too late. Here what nobody reads
is thrown away before the package looks at it.
"""

from __future__ import annotations

import ctypes
import logging
import os
from importlib import import_module
from typing import Any, Final

FREQUENT: Final = frozenset({"audio_stream_event", "capture_audio_frame"})
"""What comes with each piece of sound; it goes where the package would put it, without a detour."""

_LEVELS: Final = (
    (logging.DEBUG, "LOG_DEBUG"),
    (logging.INFO, "LOG_INFO"),
    (logging.WARNING, "LOG_WARN"),
    (logging.ERROR, "LOG_ERROR"),
)

_log: Final = logging.getLogger("estuary_audio")
_called: list[Any] = []
"""What native code calls must not be collected."""


def hush() -> None:
    """Have Python called for what somebody reads only. Once is enough.

    With the package's LIVEKIT_RTC_DEBUG all stays as it was.
    """
    if _called or os.environ.get("LIVEKIT_RTC_DEBUG", "").strip().lower() in ("true", "1"):
        return
    try:
        ffi = import_module("livekit.rtc._ffi_client")
        client = ffi.FfiClient.instance
        _called.append(listener(ffi, client))
        version = ffi.__version__.encode("ascii")
        client._ffi_lib.livekit_ffi_initialize(_called[-1], True, b"python", version)
    except Exception:  # Inner parts of the package, which another release may not have.
        _log.debug("LiveKit's log goes all the way through its package", exc_info=True)


def listener(ffi: Any, client: Any) -> Any:
    """A C function in place of `ffi.ffi_event_callback`, which it calls where that has to act."""
    proto, logger = ffi.proto_ffi, ffi.logger
    package, put = ffi.ffi_event_callback, client.queue.put
    levels = [(level, proto.LogLevel.Value(name)) for level, name in _LEVELS]

    # Under the name of the package's, by which parting finds it.
    def ffi_event_callback(data: Any, size: int) -> None:
        event = proto.FfiEvent.FromString(ctypes.string_at(data, size))
        which = event.WhichOneof("message")
        if which in FREQUENT:
            put(event)
        elif which != "logs":
            package(data, size)
        else:
            most = next((least for level, least in levels if logger.isEnabledFor(level)), -1)
            records = [record for record in event.logs.records if record.level <= most]
            if records:
                rest = proto.FfiEvent(logs=proto.LogBatch(records=records)).SerializeToString()
                package((ctypes.c_uint8 * len(rest)).from_buffer_copy(rest), len(rest))

    return ffi.ffi_cb_fnc(ffi_event_callback)
