"""Microphone and loudspeaker around a synchronous client: `with VoiceSession(client)`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from estuary_proto.models.session import VoiceMode

from ..voice_session import VoiceSession as Async
from .twin import Twin, twin
from .workers import in_order

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from estuary_audio import SoundEvent

    from ..open_microphone import EchoHandling
    from ..voice_session import VoiceSessionState
    from .client import EstuaryClient


class VoiceSession(Twin[Async], of=Async):
    """A microphone and a loudspeaker, wired to a connected client.

        with VoiceSession(client):
            client.wait_for(Disconnected)

    `estuary_anyio.VoiceSession` says what the arguments mean. `on_state` and `on_playback_event`
    are called in threads, each in order, and coroutine functions in the client's loop.
    """

    def __init__(
        self,
        client: EstuaryClient,
        mode: VoiceMode = VoiceMode.CONTINUOUS,
        *,
        sample_rate: int = 16000,
        on_state: Callable[[VoiceSessionState], object] | None = None,
        on_playback_event: Callable[[SoundEvent], object] | None = None,
        input_device: str | int | None = None,
        output_device: str | int | None = None,
        volume: float = 1.0,
        echo: str = "auto",
    ) -> None:
        self._client = client
        make = partial(
            Async,
            client.async_client,
            mode,
            sample_rate=sample_rate,
            on_state=in_order(on_state),
            on_playback_event=in_order(on_playback_event),
            input_device=input_device,
            output_device=output_device,
            volume=volume,
            echo=echo,
        )
        super().__init__(client._loop, client._loop.do(make))

    @property
    def client(self) -> EstuaryClient:
        """The client that it talks through."""
        return self._client

    @property
    def state(self) -> VoiceSessionState:
        """What it does."""
        return self._source.state

    @property
    def is_started(self) -> bool:
        """True between `start` and `stop`."""
        return self._source.is_started

    @property
    def echo(self) -> EchoHandling:
        """How echo is handled: what `echo` has come to."""
        return self._source.echo

    @property
    def volume(self) -> float:
        """Of the loudspeaker, 0 to 1; may be set."""
        return self._source.volume

    @volume.setter
    def volume(self, volume: float) -> None:
        self._loop.do(setattr, self._source, "volume", volume)

    input_level: Final = twin(Async.input_level)
    output_level: Final = twin(Async.output_level)
    start: Final = twin(Async.start)
    stop: Final = twin(Async.stop)
    start_recording: Final = twin(Async.start_recording)
    stop_recording: Final = twin(Async.stop_recording)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.run(self._source.__aexit__, kind, error, trace)
