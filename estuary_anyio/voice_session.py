"""Microphone and loudspeaker around a client: `async with VoiceSession(client)` and you talk.

Seed 002, API 2 and 5, PROTOCOL 5.
"""

from __future__ import annotations

import inspect
import logging
from enum import Enum
from typing import TYPE_CHECKING, Any

import anyio

from estuary_audio import AudioPlayer, AudioRecorder
from estuary_audio import events as sound
from estuary_proto.errors import EstuaryError, LocalProtocolError
from estuary_proto.events import Fault, PlaybackComplete
from estuary_proto.models.session import VoiceMode

from .open_microphone import EchoHandling, OpenMicrophone
from .room_sound import RoomSound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType
    from typing import Self

    from estuary_audio import SoundEvent
    from estuary_proto.models.conversation import BotVoice, SttResponse

    from .client import EstuaryClient

logger: logging.Logger = logging.getLogger("estuary_anyio")


class VoiceSessionState(Enum):
    """What `on_state` is told."""

    STARTING = "starting"
    LISTENING = "listening"
    """What the microphone hears goes out; in push-to-talk while the button is down."""
    IDLE = "idle"
    """The button is up, or voice is away with the connection."""
    SPEAKING = "speaking"
    """The character is heard."""
    STOPPED = "stopped"


class VoiceSession:
    """A microphone and a loudspeaker, wired to a connected client.

        async with VoiceSession(client) as session:
            await client.wait_for(Disconnected)

    `sample_rate` is the microphone's towards the server, the configuration's `mic_sample_rate`.
    `input_device` and `output_device` are indices or (parts of) names, None the system's defaults;
    a device that vanishes is replaced by the next. While the client is muted, the microphone is
    closed. `echo` is how the character's own voice is kept out of an open loudspeaker's microphone:
    "cancel" (extra [livekit]), "suppress", "off" (for headphones), or "auto", the best of what is
    installed that the configuration allows. A user who speaks then interrupts the character, and
    their first words are kept. `on_state(state)` and `on_playback_event(event)` are told in the
    event loop what changes; both may be coroutine functions. What the devices tell
    (`estuary_audio.SoundEvent`) goes to `on_playback_event`.

    `start` and `stop` do what `async with` does. All belongs to the client and ends with it. Errors
    are EstuaryError: AUDIO_UNAVAILABLE without the extra [audio] or a device, and what
    `client.start_voice` raises; a failed start leaves nothing open.
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
        config = client.config
        if sample_rate != config.mic_sample_rate:
            raise LocalProtocolError(
                f"sample_rate is {sample_rate} and the configuration's mic_sample_rate "
                f"{config.mic_sample_rate}: give both the same"
            )
        self._client = client
        self._mode = VoiceMode(mode)
        self._on_state = on_state
        self._on_playback_event = on_playback_event
        button = self._mode is VoiceMode.PUSH_TO_TALK
        self._microphone = OpenMicrophone(sample_rate, config, echo, button=button)
        handled = self._microphone.handled
        self.state: VoiceSessionState = VoiceSessionState.STOPPED
        self.player: AudioPlayer = AudioPlayer(
            config.audio_sample_rate,
            device=output_device,
            volume=volume,
            on_event=self._heard,
            far_end=handled.far_end if handled is not None else None,
        )
        self.recorder: AudioRecorder = AudioRecorder(
            sample_rate,
            device=input_device,
            paused=True,
            on_event=self._recorded,
        )
        self._room_sound = RoomSound(self.player, config.audio_sample_rate)
        self._scope: anyio.CancelScope | None = None
        self._over: anyio.Event | None = None
        self._ready: anyio.Event | None = None
        self._problem: BaseException | None = None
        self._recording = False
        self._begun: sound.PlaybackStarted | None = None  # Of what is heard now.

    @property
    def client(self) -> EstuaryClient:
        """The client that it talks through."""
        return self._client

    @property
    def is_started(self) -> bool:
        """True between `start` and `stop`."""
        return self._over is not None and not self._over.is_set()

    @property
    def echo(self) -> EchoHandling:
        """How echo is handled: what `echo` has come to."""
        return self._microphone.handling

    @property
    def volume(self) -> float:
        """Of the loudspeaker, 0 to 1; may be set."""
        return self.player.volume

    @volume.setter
    def volume(self, volume: float) -> None:
        self.player.volume = volume

    def input_level(self) -> float:
        """How loud the microphone is now: the root mean square, 0 to 1 of full scale."""
        return self.recorder.level()

    def output_level(self) -> float:
        """How loud the character is now: the root mean square, 0 to 1 of full scale."""
        return self.player.level()

    # --- life ------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            with anyio.CancelScope(shield=True):
                await self.stop()
        except EstuaryError as failed:
            if error is None:
                raise
            self._report(failed)  # What the caller raised leaves as itself.

    async def start(self) -> None:
        """Open the devices, begin to be heard. Raises what is wrong, with nothing left open."""
        if self.is_started:
            raise LocalProtocolError("this voice session is started already; stop() it first")
        self._client._run_in_client(self._serve)  # It begins when we wait.
        self._scope, self._over = anyio.CancelScope(), anyio.Event()
        self._ready = ready = anyio.Event()
        self._problem = None
        self._change(VoiceSessionState.STARTING)
        try:
            await ready.wait()
            if self._problem is None:
                await self._client.start_voice(self._mode)
        except BaseException as error:
            self._problem = error
        if self._problem is not None:
            problem, self._problem = self._problem, None
            with anyio.CancelScope(shield=True):
                await self._close()
            raise problem
        if self._mode is VoiceMode.CONTINUOUS:
            self._record()
        self._change(self._rest_state())

    async def stop(self) -> None:
        """Say what was said to its end, end voice, close the devices; nothing when it is stopped.

        Raises the first EstuaryError of what failed; all else is done all the same.
        """
        if not self.is_started:
            return
        failed: EstuaryError | None = None
        try:
            if self._client.is_connected:
                await self._drain()
                self._ignore()
                await self._client.stop_voice()
        except EstuaryError as error:
            failed = error
        finally:
            with anyio.CancelScope(shield=True):
                await self._close()
        if failed is not None:
            raise failed

    async def _close(self) -> None:
        scope, over = self._scope, self._over
        assert scope is not None
        assert over is not None
        scope.cancel()
        await over.wait()

    async def _serve(self) -> None:
        """Devices, open for as long as the session lasts; a task of the client's."""
        assert self._scope is not None
        assert self._over is not None
        assert self._ready is not None
        try:
            with self._scope:
                async with self.player, self.recorder:
                    self._listen()
                    self._ready.set()
                    try:
                        await self._send_what_is_heard()
                    finally:
                        self._ignore()
        except Exception as error:  # Of a device; or of ours, and then it must not go unseen.
            problem = error
            while isinstance(problem, ExceptionGroup):
                problem = problem.exceptions[0]
            if self._ready.is_set():
                self._report(problem)
            self._problem = problem
        finally:
            self._recording = False
            self._change(VoiceSessionState.STOPPED)
            self._ready.set()
            self._over.set()

    def _report(self, problem: Exception) -> None:
        if not isinstance(problem, EstuaryError):
            logger.error("! a voice session has failed", exc_info=problem)
            problem = EstuaryError(f"the voice session has failed: {problem}")
        self._client._tell(Fault(problem))

    # --- the microphone --------------------------------------------------------------------

    async def start_recording(self) -> None:
        """The button is down: what is said from now on is one turn. Raises VOICE_NOT_ACTIVE.

        The character is silent at once. In continuous mode it only opens the microphone.
        """
        await self._client.start_recording()
        if self._mode is VoiceMode.PUSH_TO_TALK:
            self.player.flush()
        self._record()
        self._change(self._rest_state())

    async def stop_recording(self) -> None:
        """The button is up: the turn ends behind the last word. Raises VOICE_NOT_ACTIVE."""
        self._recording = False
        # Half a second at most. A button that is up for us is up for the server.
        with anyio.CancelScope(shield=True):
            await self._drain()
            await self._client.stop_recording()
        self._change(self._rest_state())

    def _record(self) -> None:
        self._recording = True
        self.recorder.resume()

    async def _send_what_is_heard(self) -> None:
        async for block in self.recorder:
            words = self._microphone.hear(block)
            if self._begun is not None and self._microphone.over(self._begun.at):
                self._give_way()  # First, since what is said over the character is not understood.
            await self._send(words)

    async def _drain(self) -> None:
        await self.recorder.drain()
        await self._send(self._microphone.finish())

    async def _send(self, words: bytes) -> None:
        if words and self._client.is_voice_active:  # Else it is away with the connection.
            try:
                await self._client.send_audio(words, live=True)
            except EstuaryError:
                pass  # It went just now.

    def _give_way(self) -> None:
        """The user speaks: the character is silent, whether or not the server can be told."""
        message_id = self.player.playing
        if message_id is None or self._mode is VoiceMode.PUSH_TO_TALK or self._client.is_muted:
            return
        try:
            self._client.interrupt(message_id)
        except EstuaryError:
            pass  # The connection is away.
        self.player.flush(message_id)

    def _recorded(self, event: SoundEvent) -> None:
        if isinstance(event, sound.DeviceChanged):
            self._microphone.reset()
        self._told(event)

    # --- the loudspeaker -------------------------------------------------------------------

    def _listen(self) -> None:
        self._client.on("bot_voice", self._play)
        self._client.on("*", self._room_sound.hear)
        self._client.on("playback_complete", self._cut)
        self._client.on("stt_response", self._understood)
        self._client.on("voice_started", self._voice_changed)
        self._client.on("voice_stopped", self._voice_changed)
        self.recorder.muted = self._client.is_muted
        self._client._microphones.add(self.recorder)

    def _ignore(self) -> None:
        self._client.off("bot_voice", self._play)
        self._client.off("*", self._room_sound.hear)
        self._client.off("playback_complete", self._cut)
        self._client.off("stt_response", self._understood)
        self._client.off("voice_started", self._voice_changed)
        self._client.off("voice_stopped", self._voice_changed)
        self._client._microphones.discard(self.recorder)

    def _voice_changed(self) -> None:
        """Voice went or came back with the connection, or the server ended it."""
        if self.state is VoiceSessionState.STARTING:
            return
        if self._mode is VoiceMode.PUSH_TO_TALK and not self._client.is_voice_active:
            self._recording = False  # A button that was held is up.
            self.recorder.pause()
            self._microphone.finish()  # Nobody hears it any more.
        if self.state is not VoiceSessionState.SPEAKING:
            self._change(self._rest_state())

    def _play(self, voice: BotVoice) -> None:
        if not voice.late:
            self.player.play(voice)

    def _cut(self, complete: PlaybackComplete) -> None:
        """Somebody interrupted it: the server, the user, moderation."""
        if complete.interrupted:
            self.player.flush(complete.message_id)

    def _understood(self, words: SttResponse) -> None:
        """The server hears a user speak who was not noticed here."""
        if self.echo is not EchoHandling.OFF and words.text.strip() and not words.is_final:
            self._give_way()

    def _heard(self, event: SoundEvent) -> None:
        """The player tells what is heard; so do we, to whom it concerns."""
        if isinstance(event, sound.DeviceChanged):
            self._microphone.reset()
        try:
            if self._room_sound.plays(getattr(event, "message_id", "")):
                pass  # The room tells, and so does the core.
            elif isinstance(event, sound.PlaybackStarted):
                self._client.notify_audio_playback_started(event.message_id)
            elif isinstance(event, sound.PlaybackComplete):
                self._client.notify_audio_playback_complete(event.message_id)
        except EstuaryError:
            pass  # The connection is away, and the server knows nothing of this message any more.
        self._told(event)
        if isinstance(event, sound.PlaybackStarted):
            self._begun = event
            self._change(VoiceSessionState.SPEAKING)
        elif isinstance(event, (sound.PlaybackComplete, sound.PlaybackInterrupted)):
            if self._begun is not None and self._begun.message_id == event.message_id:
                self._begun = None
            if self.state is VoiceSessionState.SPEAKING and self.player.playing is None:
                self._change(self._rest_state())

    # --- what is told ----------------------------------------------------------------------

    def _rest_state(self) -> VoiceSessionState:
        listens = self._recording and self._client.is_voice_active
        return VoiceSessionState.LISTENING if listens else VoiceSessionState.IDLE

    def _change(self, state: VoiceSessionState) -> None:
        if state is not self.state:
            self.state = state
            self._call(self._on_state, state)

    def _told(self, event: SoundEvent) -> None:
        self._call(self._on_playback_event, event)

    def _call(self, handler: Callable[[Any], object] | None, what: object) -> None:
        if handler is None:
            return
        try:
            result = handler(what)
        except Exception:
            logger.exception("! %r has failed with %r", handler, what)
            return
        if inspect.isawaitable(result):
            self._client._run_in_client(lambda: self._await(result, handler))

    async def _await(self, result: Awaitable[Any], handler: object) -> None:
        try:
            await result
        except Exception:
            logger.exception("! %r has failed", handler)
