"""The client for scripts and notebooks (API 3, without `await`)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..client import EstuaryClient as Async
from . import answers  # noqa: F401 - twins of what methods give
from .iterators import EventStream
from .loop import Loop
from .rest import Rest
from .twin import twin
from .workers import Handler, is_async

if TYPE_CHECKING:
    import os
    import ssl
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Self

    import httpx

    from estuary_proto.config import EstuaryConfig
    from estuary_proto.models.conversation import CharacterAction
    from estuary_proto.models.session import ConnectionState, SessionInfo
    from estuary_proto.over_livekit import Transport

    from ..handlers import Register
    from ..parts.seeing import Camera

T = TypeVar("T")
R = TypeVar("R")
C = TypeVar("C", bound="Camera")


class EstuaryClient(Rest):
    """A conversation with a character, for code without `async`.

        with EstuaryClient(config) as client:
            client.connect()
            for piece in client.ask("Who are you?"):
                print(piece, end="")

    It may also be used bare: `client.connect()` and, at the end, `client.disconnect()`; one that is
    forgotten ends with the interpreter, and says so by a ResourceWarning. Everything that
    `estuary_anyio.EstuaryClient` has is here, under the same name and with the same parameters;
    what is awaited there waits here, and raises the same. An event loop of its own does the work,
    in a thread of its own: on asyncio, or with `backend="trio"`, and with `backend_options` as
    `anyio.run` takes them. Nothing depends on the program's own loop, so it works in a notebook;
    but a coroutine that calls it blocks the loop that it runs in, as `time.sleep` would:
    use `estuary_anyio.EstuaryClient` there.

    Any thread may call it. KeyboardInterrupt while it waits takes back what was asked, and leaves
    the connection as it is.

    Handlers that are plain functions are called in threads of the client's, never in yours: the
    calls of one come one after the other, in the order of the wire, and those of several side by
    side. They may take their time and call the client. Coroutine functions run in the client's
    loop, where `async_client` is the client to use. What `wait_for(where=…)` and
    `wait_for_model(on_progress=…)` are given runs in that loop too, and must not wait.
    """

    def __init__(
        self,
        config: EstuaryConfig,
        *,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | None = None,
        headers: Mapping[str, str] | None = None,
        path: str = "/socket.io/",
        http_client: httpx.AsyncClient | None = None,
        capture: str | os.PathLike[str] | Callable[[str], None] | None = None,
        capture_audio: bool = True,
        backend: str = "asyncio",
        backend_options: Mapping[str, Any] | None = None,
    ) -> None:
        loop = Loop("client", backend, backend_options)
        source = Async(
            config,
            ssl_context=ssl_context,
            proxy=proxy,
            headers=headers,
            path=path,
            http_client=http_client,
            capture=capture,
            capture_audio=capture_audio,
        )
        super().__init__(loop, source)
        self._bare = True
        self._connecting = 0
        self._lock = threading.Lock()

    # --- the life of a client --------------------------------------------------------------

    def __enter__(self) -> Self:
        self._loop.begin(self._source)
        self._bare = False
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bare = True
        self._loop.end()

    def __del__(self) -> None:
        loop: Loop | None = getattr(self, "_loop", None)
        if loop is not None and loop.is_running:
            loop.forgotten()

    def connect(self) -> SessionInfo:
        """Connect and authenticate; calls that overlap share one attempt.

        Raises EstuaryError with AUTH_FAILED, CONNECTION_FAILED, CONNECTION_TIMEOUT or
        QUOTA_EXCEEDED. The first connection is not retried.
        """
        with self._lock:
            if not self._loop.is_living:
                self._loop.begin(self._source)
            self._connecting += 1
        try:
            session: SessionInfo = self._loop.run(self._source.connect)
        except BaseException:
            with self._lock:
                last = self._connecting == 1
            if last and self._bare:  # Nothing is left of what has failed.
                self._loop.end()
            raise
        finally:
            with self._lock:
                self._connecting -= 1
        return session

    def disconnect(self) -> None:
        """Send what was accepted, say goodbye, let handlers finish; each for 2 s at most.

        Ends a pending `connect()` or a wait for the next attempt too, and outside of `with` the
        client's thread. Legal from a handler, which is then not waited for.
        """
        if self._loop.is_running:
            self._loop.run(self._source.disconnect)
        if self._bare:
            self._loop.end()

    @property
    def async_client(self) -> Async:
        """The client beneath, for coroutine functions that run in its loop."""
        return self._source

    @property
    def config(self) -> EstuaryConfig:
        """The configuration, as it was given."""
        return self._source.config

    @property
    def state(self) -> ConnectionState:
        """Where the connection stands (seed 001)."""
        return self._source.state

    @property
    def is_connected(self) -> bool:
        """True while sending works."""
        return self._source.is_connected

    @property
    def session(self) -> SessionInfo | None:
        """The session, or None when there is none."""
        return self._source.session

    # --- talking ---------------------------------------------------------------------------

    send_text: Final = twin(Async.send_text)
    ask: Final = twin(Async.ask)
    send_text_and_wait: Final = twin(Async.send_text_and_wait)
    stream_text: Final = twin(Async.stream_text)
    say_line: Final = twin(Async.say_line)
    interrupt: Final = twin(Async.interrupt)
    flush: Final = twin(Async.flush)

    # --- speaking --------------------------------------------------------------------------

    @property
    def is_voice_active(self) -> bool:
        """True while voice is on."""
        return self._source.is_voice_active

    @property
    def is_muted(self) -> bool:
        """True while what is said goes nowhere."""
        return self._source.is_muted

    @property
    def voice_transport(self) -> Transport | None:
        """Which way voice goes, or went last, "websocket" or "livekit"; None before it was on."""
        return self._source.voice_transport

    start_voice: Final = twin(Async.start_voice)
    stop_voice: Final = twin(Async.stop_voice)
    start_recording: Final = twin(Async.start_recording)
    stop_recording: Final = twin(Async.stop_recording)
    send_audio: Final = twin(Async.send_audio)
    mute: Final = twin(Async.mute)
    toggle_mute: Final = twin(Async.toggle_mute)
    notify_audio_playback_started: Final = twin(Async.notify_audio_playback_started)
    notify_audio_playback_complete: Final = twin(Async.notify_audio_playback_complete)
    playback_state: Final = twin(Async.playback_state)

    # --- showing, staging ------------------------------------------------------------------

    send_camera_image: Final = twin(Async.send_camera_image)
    send_camera_file: Final = twin(Async.send_camera_file)
    answer_camera: Final = twin(Async.answer_camera)
    say_lines: Final = twin(Async.say_lines)
    start_agent_conversation: Final = twin(Async.start_agent_conversation)
    stop_agent_conversation: Final = twin(Async.stop_agent_conversation)
    update_preferences: Final = twin(Async.update_preferences)

    # --- listening -------------------------------------------------------------------------

    if TYPE_CHECKING:
        on: Register
        once: Register
    else:

        def on(self, name: str, handler: Any = None) -> Any:
            """Call `handler` for every event of this name; also a decorator. `"*"` is every event.

            Plain functions are called in a thread of the client's, coroutine functions in its
            loop. An unknown name raises ValueError with the nearest one.
            """
            return self._listen(self._source.on, name, handler)

        def once(self, name: str, handler: Any = None) -> Any:
            """Like `on`, for the next event only."""
            return self._listen(self._source.once, name, handler)

    def _listen(self, register: Any, name: str, handler: Any) -> Any:
        if handler is None:
            self._source.listener_count(name)  # It is checked where it was written.
            return lambda function: self._listen(register, name, function)
        self._loop.do(register, name, self._handler(handler))
        return handler

    def _handler(self, function: Any) -> Any:
        if is_async(function) or not callable(function):
            return function
        return Handler(self._loop.workers, function)

    def action(
        self, name: str
    ) -> Callable[[Callable[[CharacterAction], R]], Callable[[CharacterAction], R]]:
        """Decorate the handler of one of the character's actions: `@client.action("wave")`.

        `client.off("client_action", handler)` removes it.
        """

        def decorate(handler: Callable[[CharacterAction], R]) -> Callable[[CharacterAction], R]:
            self._loop.do(self._source.action(name), self._handler(handler))
            return handler

        return decorate

    def camera(self, handler: C) -> C:
        """Decorate what takes the picture when the character asks for one; the last one counts.

            @client.camera
            def look(request):
                return jpeg_bytes

        It returns bytes, a path, `(image, mime_type)`, or None to decline.
        `client.off("camera_capture_request", client.answer_camera)` takes it away.
        """
        self._loop.do(self._source.camera, self._handler(handler))
        return handler

    def off(self, name: str, handler: Callable[..., Any]) -> None:
        """No later call of this handler for this name starts."""
        known = self._source.answer_camera if handler == self.answer_camera else handler
        self._loop.do(self._source.off, name, self._handler(known))

    emit: Final = twin(Async.emit)
    remove_all_listeners: Final = twin(Async.remove_all_listeners)
    listener_count: Final = twin(Async.listener_count)

    def events(self, *classes: type[T], timeout: float | None = None) -> EventStream[T]:
        """The events of these classes (all, when none is given), from now on, as an iterator.

        With `timeout`, each step raises WaitTimeout after so many seconds, and may be tried again.
        """
        source = self._loop.do(self._source.events, *classes)
        stream: EventStream[T] = EventStream(self._loop, source)
        stream.timeout = timeout
        return stream

    def wait_for(
        self,
        event: type[T],
        where: Callable[[T], bool] | None = None,
        timeout: float | None = None,
    ) -> T:
        """The next event of a class that `where` holds for.

        Raises WaitTimeout after `timeout` seconds, ConnectionLost when the client has disconnected
        for good.
        """
        found: T = self._loop.run(self._source.wait_for, event, where, timeout)
        return found
