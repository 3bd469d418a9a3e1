"""Letting go of a device that has vanished under PortAudio.

Up to 19.7, PortAudio's ALSA thread never ends when its device has failed in a certain way (the
sound server restarts, a sink is taken away): it goes round in its error handler, writes a line to
stderr each time and cannot be stopped, since it has switched cancelling off (PortAudio issue 1037).
Here that is switched on again in that thread, by a signal, so that its next write to stderr ends
it, and PortAudio cleans up behind it as if it had cancelled the thread itself.

Only for a thread that goes round, on Linux with the GNU C library; elsewhere nothing is done.
"""

from __future__ import annotations

import ctypes
import signal
import sys
from pathlib import Path

BUSY = 0.02
"""How many seconds of computing since its last call for sound tell that a thread goes round."""

LINUX = sys.platform == "linux"

ENABLE = 0
"""PTHREAD_CANCEL_ENABLE."""


def processor_time(native_id: int) -> float:
    """Seconds that a thread of ours has computed, as its `time.thread_time`; 0 when it is gone."""
    try:
        return int(Path(f"/proc/self/task/{native_id}/schedstat").read_bytes().split()[0]) / 1e9
    except OSError:  # It has ended, or this is not Linux.
        return 0.0


def end_thread(thread: int) -> bool:
    """Cancel a thread (its `threading.get_ident`) that goes round in PortAudio.

    False when that is not possible here. The thread must live, not be in Python, and have been
    asked to end by PortAudio.
    """
    library = ctypes.CDLL(None) if LINUX else None
    if library is None or _set_state is None or not hasattr(library, "gnu_get_libc_version"):
        return False
    number = signal.SIGRTMAX - 3
    library.signal.restype = ctypes.c_void_p
    library.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
    ours = ctypes.cast(_HANDLER, ctypes.c_void_p)
    before = library.signal(number, ours)
    if before not in (None, ours.value):
        # Somebody else uses this signal; what is theirs is not taken.
        library.signal(number, before)
        return False
    target = ctypes.c_ulong(thread)
    return not library.pthread_cancel(target) and not library.pthread_kill(target, number)


def _allow_cancelling(number: int) -> None:
    if _set_state is not None:
        _set_state(ENABLE, None)


# Looked up here: a signal's handler shall do as little as it can.
_set_state = getattr(ctypes.CDLL(None), "pthread_setcancelstate", None) if LINUX else None
_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_int)(_allow_cancelling)
