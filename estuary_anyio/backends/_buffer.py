"""The buffer that sockets are read into: one a thread, since each read is dealt with at once.

A fresh buffer for every read costs more than the read itself, and one a connection costs 64 KiB for
each that is idle.
"""

from __future__ import annotations

import threading

READ_SIZE = 65536


class _Buffer(threading.local):
    def __init__(self) -> None:
        self.view = memoryview(bytearray(READ_SIZE))


_buffer = _Buffer()


def shared_buffer() -> memoryview:
    """This thread's buffer; what stands in it holds until the next read."""
    return _buffer.view
