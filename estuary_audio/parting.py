"""How LiveKit's native part is parted from an interpreter that ends.

Its threads call into Python, with their log too, until they are told not to, and the package does
not tell them in time: one that calls while the interpreter ends is ended by it, which LiveKit's
code does not survive ("panic in a function that cannot unwind", SIGABRT). So what it calls is
replaced, before anything ends, by a function of the C library that does nothing.
"""

from __future__ import annotations

import atexit
import ctypes
import logging
import os
import sys
import time
from importlib import import_module
from typing import Any, Final

logger: logging.Logger = logging.getLogger("estuary_audio")

LONGEST: Final = 1.0
"""Seconds that calls which have begun may take to end."""

_STEP: Final = 0.01

_prepared = False


def prepare() -> None:
    """Part them when the interpreter ends. Once is enough."""
    global _prepared
    if _prepared:
        return
    try:
        client = import_module("livekit.rtc._ffi_client").FfiClient.instance
    except Exception:
        return  # It cannot be used, and whoever does is told.
    _prepared = True
    # Registered after the package's own, which disposes, it runs before that.
    atexit.register(_part, client)


def _part(client: Any) -> None:
    if client._pid != os.getpid():
        return  # A fork: LiveKit's threads are not here.
    try:
        from livekit.rtc import _ffi_client as ffi

        nothing = ctypes.cast(_strnlen(), ffi.ffi_cb_fnc)
        client._ffi_lib.livekit_ffi_initialize(nothing, False, b"python", b"")
    except Exception:
        logger.debug("LiveKit's threads may still call an interpreter that ends", exc_info=True)
        return
    _until_returned()


def _strnlen() -> Any:
    """It takes what LiveKit calls with, a pointer and a length, and changes nothing."""
    library = ctypes.CDLL("msvcrt" if sys.platform == "win32" else None)
    return library.strnlen


def _until_returned() -> None:
    """Wait for the calls that had begun. They need the interpreter, which is theirs meanwhile."""
    end = time.monotonic() + LONGEST
    time.sleep(_STEP)
    while time.monotonic() < end and _calls():
        time.sleep(_STEP)


def _calls() -> bool:
    """Whether any thread is in the package's callback."""
    for frame in sys._current_frames().values():
        outermost = frame
        while outermost.f_back is not None:
            outermost = outermost.f_back
        if outermost.f_code.co_name == "ffi_event_callback":
            return True
    return False
