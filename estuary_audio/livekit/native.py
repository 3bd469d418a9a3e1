"""The package `livekit`, loaded late, and what it does not do itself: give up a join, let go."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import contextmanager, suppress
from types import coroutine
from typing import TYPE_CHECKING, Any

from estuary_audio.apm import livekit
from estuary_proto.errors import ErrorCode, EstuaryError, LocalProtocolError, concealed

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator, Iterator

logger: logging.Logger = logging.getLogger("estuary_audio")


def load() -> Any:
    """The module `livekit.rtc`; raises EstuaryError LIVEKIT_UNAVAILABLE without it."""
    return livekit("livekit.rtc", "a LiveKit room")


def _client() -> Any:
    return livekit("livekit.rtc._ffi_client").FfiClient.instance


def release(*things: Any) -> None:
    """Let go of what LiveKit's native part holds for these, now rather than when they are found."""
    for thing in things:
        handle = getattr(thing, "_ffi_handle", None)
        if handle is not None:
            handle.dispose()


class Joining:
    """A join, which can be given up.

    LiveKit's own cannot: it would go on, and leave a participant in the room that nobody knows.
    """

    def __init__(self, room: Any) -> None:
        self._room = room
        self._lock = threading.Lock()
        self._id: int | None = None
        self._result: Any = None
        self._given_up = False
        # Called in a native thread with all that happens; it lets nothing through.
        self._watch = _client().queue.subscribe(asyncio.get_running_loop(), self._happened)

    async def join(self, url: str, token: str, options: Any) -> None:
        """Join; cancelled, it has been given up and is undone if it still succeeds."""
        try:
            await self._noted(self._room.connect(url, token, options))
        except BaseException:
            self._give_up()
            raise
        _client().queue.unsubscribe(self._watch)

    @coroutine
    def _noted(self, joining: Coroutine[Any, Any, None]) -> Generator[Any, Any, None]:
        # The request is made before the first wait; by its number its end is known.
        try:
            with _asked() as ids:
                waited = joining.send(None)
            self._id = ids[0] if ids else None
            while True:
                try:
                    sent = yield waited
                except BaseException as error:
                    waited = joining.throw(error)
                else:
                    waited = joining.send(sent)
        except StopIteration:
            return

    def _happened(self, event: Any) -> bool:
        if event.WhichOneof("message") == "connect" and event.connect.async_id == self._id:
            with self._lock:
                self._result = event.connect
                if self._given_up:
                    # Not in this thread: it is LiveKit's, and holds its locks.
                    threading.Thread(target=self._undo, name="estuary-livekit-undo").start()
        return False

    def _give_up(self) -> None:
        # LiveKit forgets its other subscription when it is cancelled.
        with suppress(AttributeError):
            _client().queue.unsubscribe(self._room._ffi_queue)
        with self._lock:
            self._given_up = True
            if self._result is None and self._id is not None:
                return
        self._undo()

    def _undo(self) -> None:
        """Leave the room that was joined after all."""
        client = _client()
        client.queue.unsubscribe(self._watch)
        if self._result is None or self._result.error:
            return
        proto = livekit("livekit.rtc._proto.ffi_pb2")
        joined = self._result.result
        ready = proto.FfiRequest()
        ready.ready_for_room_event.room_handle = joined.room.handle.id
        client.request(ready)
        leave = proto.FfiRequest()
        leave.disconnect.room_handle = joined.room.handle.id
        client.request(leave)
        held = [joined.room, joined.local_participant]
        for there in joined.participants:
            held += [there.participant, *there.publications]
        handle = livekit("livekit.rtc._ffi_client").FfiHandle
        for thing in held:
            handle(thing.handle.id).dispose()


@contextmanager
def _asked() -> Iterator[list[int]]:
    """The numbers of the joins that are asked for in this block, which must not wait."""
    client = _client()
    request, thread = client.request, threading.get_ident()
    ids: list[int] = []

    def noting(wish: Any) -> Any:
        if wish.WhichOneof("message") == "connect":
            # Nobody could end its attempts, and each would push out who joined in the meantime.
            wish.connect.options.join_retries = 0
        answer = request(wish)
        if threading.get_ident() == thread and answer.WhichOneof("message") == "connect":
            ids.append(answer.connect.async_id)
        return answer

    client.request = noting
    try:
        yield ids
    finally:
        del client.request


def join_failed(error: Exception, token: str) -> EstuaryError:
    """Why a room could not be joined, by what LiveKit says of it."""
    text = concealed(str(getattr(error, "message", error)), token)
    refused = any(sign in text.lower() for sign in ("401", "403", "unauthorized", "invalid token"))
    code = ErrorCode.AUTH_FAILED if refused else ErrorCode.CONNECTION_FAILED
    return EstuaryError(
        f"the LiveKit room cannot be joined: {text}", code, {"transport": "livekit"}
    )


def too_late(seconds: float) -> EstuaryError:
    """A room that is not joined in time."""
    return EstuaryError(
        f"the LiveKit room was not joined within {seconds:g} s",
        ErrorCode.CONNECTION_TIMEOUT,
        {"transport": "livekit"},
    )


def lost(reason: str) -> EstuaryError:
    """What is told to who uses a room that is over."""
    return EstuaryError(
        f"the LiveKit room is lost: {reason}",
        ErrorCode.CONNECTION_FAILED,
        {"transport": "livekit", "reason": reason},
    )


def not_published(error: Exception) -> EstuaryError:
    """A track that the server does not take."""
    text = str(getattr(error, "message", error))
    return EstuaryError(
        f"the LiveKit track cannot be published: {text}",
        ErrorCode.CONNECTION_FAILED,
        {"transport": "livekit"},
    )


def unpublished() -> EstuaryError:
    """Sound for a room that was opened to hear only."""
    return LocalProtocolError(
        "the room was opened with publish=False: there is no track; open it without that to speak"
    )


def reason(number: int) -> str:
    """Why LiveKit ended a room, in words."""
    kinds = livekit("livekit.rtc").DisconnectReason
    name: str = kinds.Name(number) if number in kinds.values() else "unknown_reason"
    return name.lower()
