"""What is typed on stdin, read without ever holding up the event loop or the end of the program."""

from __future__ import annotations

import sys
from codecs import getincrementaldecoder
from concurrent.futures import CancelledError
from threading import Thread
from typing import TYPE_CHECKING, BinaryIO

import anyio
from anyio.from_thread import BlockingPortal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from anyio.abc import TaskGroup
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

_AT_ONCE = 65536


def typed_lines(tasks: TaskGroup) -> MemoryObjectReceiveStream[str]:
    """The lines of stdin, without their ends, each when it is asked for; it ends with the input.

    The reading runs in `tasks`. A worker thread of anyio's would keep the program from ending until
    somebody presses Enter, and a buffered file would be locked then; so it is a daemon thread on
    the raw file.
    """
    return _typed(tasks, _Lines)


def typed_keys(tasks: TaskGroup) -> MemoryObjectReceiveStream[str]:
    """The keys of a terminal that gives each at once (see `keyboard`), likewise."""
    return _typed(tasks, _keys)


def _typed(
    tasks: TaskGroup, split: Callable[[BinaryIO], Iterable[str]]
) -> MemoryObjectReceiveStream[str]:
    send, receive = anyio.create_memory_object_stream[str](0)
    tasks.start_soon(_read, send, split)
    return receive


async def _read(
    send: MemoryObjectSendStream[str], split: Callable[[BinaryIO], Iterable[str]]
) -> None:
    async with send, BlockingPortal() as portal:
        Thread(target=_serve, args=(portal, send, split), name="stdin", daemon=True).start()
        await portal.sleep_until_stopped()


def _serve(
    portal: BlockingPortal,
    send: MemoryObjectSendStream[str],
    split: Callable[[BinaryIO], Iterable[str]],
) -> None:
    try:
        if sys.stdin is not None:
            buffer = sys.stdin.buffer
            for text in split(getattr(buffer, "raw", buffer)):
                portal.call(send.send, text)
        portal.call(portal.stop)
    except (
        RuntimeError,
        CancelledError,
        anyio.BrokenResourceError,
        anyio.ClosedResourceError,
    ):
        pass  # The program has ended meanwhile.


class _Lines:
    """Text lines from a raw file. What is no UTF-8 becomes a replacement character."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._text = ""

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        while "\n" not in self._text:
            data = self._raw.read(_AT_ONCE)
            self._text += self._decode(data or b"", final=not data)
            if not data:
                if not self._text:
                    raise StopIteration
                last, self._text = self._text, ""
                return last
        line, _, self._text = self._text.partition("\n")
        return line.removesuffix("\r")


def _keys(raw: BinaryIO) -> Iterator[str]:
    decode = getincrementaldecoder("utf-8")("replace").decode
    while data := raw.read(_AT_ONCE):
        yield from decode(data)
