"""The part of the client that speaks aloud (seed 000, 002; API 5)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol

import anyio
from anyio.lowlevel import checkpoint, checkpoint_if_cancelled

from estuary_proto.errors import EstuaryError, SendBlocked
from estuary_proto.microphone import check_pcm
from estuary_proto.models.session import VoiceMode
from estuary_proto.voice import FRAME

from .driving import Driving

if TYPE_CHECKING:
    from estuary_proto.events import VoiceSettled
    from estuary_proto.over_livekit import Transport

logger: logging.Logger = logging.getLogger("estuary_anyio")

TURNS: Final = 8
"""After so many sends that did not wait, others get a turn: one each would cost more than the
send."""


class _Request:
    """Something asked of voice, until it settles."""

    def __init__(self) -> None:
        self.done = anyio.Event()
        self.error: EstuaryError | None = None


class Microphone(Protocol):
    """What follows the mute."""

    @property
    def muted(self) -> bool:
        """Whether it is closed."""
        ...

    @muted.setter
    def muted(self, muted: bool, /) -> None: ...


class Speaking(Driving):
    """Voice, continuous or push-to-talk, either way. It opens no device: it takes PCM."""

    def __init__(self) -> None:
        super().__init__()
        self._requests: dict[int, _Request] = {}
        self._stirred: anyio.Event | None = None
        self._sends = 0
        self._microphones: set[Microphone] = set()

    # --- on and off ------------------------------------------------------------------------

    @property
    def is_voice_active(self) -> bool:
        """True while voice is on."""
        return self._core.voice.is_active

    @property
    def is_muted(self) -> bool:
        """True while what is said goes nowhere."""
        return self._core.voice.is_muted

    @property
    def voice_transport(self) -> Transport | None:
        """Which way voice goes, or went last, "websocket" or "livekit"; None before it was on."""
        return self._core.voice.transport

    async def start_voice(self, mode: VoiceMode = VoiceMode.CONTINUOUS) -> None:
        """Begin to be heard.

        CONTINUOUS opens the server's recogniser and waits for it; the server finds the end of each
        turn. PUSH_TO_TALK is local: `start_recording` and `stop_recording` are the button. Over
        LiveKit both join a room first; `voice_transport` tells which way it goes. Raises
        VOICE_ALREADY_ACTIVE, VOICE_START_FAILED, VOICE_MODE_MISMATCH, VOICE_NOT_SUPPORTED,
        LIVEKIT_UNAVAILABLE, NOT_CONNECTED.
        """
        request = self._core.start_voice(mode, now=self._now())
        try:
            await self._settled(request)
        except anyio.get_cancelled_exc_class():
            if self._core.voice.mode is not None:
                self._core.stop_voice(now=self._now())
                self._settle()
            raise
        logger.info("= voice goes over %s", self.voice_transport)

    async def stop_voice(self) -> None:
        """End voice behind what was said, and wait until the server has; nothing when it is off."""
        if self._pump is None:
            return await checkpoint()
        await self._settled(self._core.stop_voice(now=self._now()))

    async def _settled(self, number: int) -> None:
        request = self._requests[number] = _Request()
        try:
            self._settle()
            await checkpoint()
            await request.done.wait()
        finally:
            del self._requests[number]
        if request.error is not None:
            raise request.error

    # --- the button and the microphone -----------------------------------------------------

    async def start_recording(self) -> None:
        """The button is down (push-to-talk): what is sent from now on is one turn.

        Nothing is lost while the server gets ready. Raises VOICE_NOT_ACTIVE.
        """
        await checkpoint()
        self._core.press(now=self._now())
        self._settle()

    async def stop_recording(self) -> None:
        """The button is up: the turn ends behind what was sent. Raises VOICE_NOT_ACTIVE."""
        await checkpoint()
        self._core.release(now=self._now())
        self._settle()

    def mute(self, muted: bool = True) -> None:
        """Mute, or (False) unmute. While muted, audio that is sent goes nowhere, and a VoiceSession
        closes its microphone; voice stays on."""
        self._core.mute(bool(muted), now=self._now())
        self._settle()
        for microphone in tuple(self._microphones):
            microphone.muted = self.is_muted

    def toggle_mute(self) -> None:
        """Mute, or unmute what is muted."""
        self.mute(not self.is_muted)

    async def send_audio(
        self, audio: bytes | bytearray | memoryview, *, live: bool = False
    ) -> None:
        """Send what the user says: PCM16, little-endian, mono, at `mic_sample_rate`, any length.

        It waits while more than `audio_backlog` seconds wait to be sent. `live`, for a microphone,
        never waits: then the oldest audio is dropped and told as `audio_dropped`. Raises
        VOICE_NOT_ACTIVE while voice is off, LocalProtocolError for what is no PCM16.
        """
        pcm = check_pcm(audio)
        size = 2 * int(self.config.mic_sample_rate * FRAME)
        at, waited = 0, False
        while at < len(pcm) or at == 0:
            piece = pcm[at : at + size]
            try:
                self._core.send_audio(piece, now=self._now(), live=live, settles=False)
            except SendBlocked:
                stir = self._stir()  # Before what may make room, and tell of it, at once.
                self._settle()
                await stir.wait()
                waited = True
            else:
                at += size
        self._settle()
        self._sends += 1
        if waited:
            return
        if self._sends % TURNS:
            await checkpoint_if_cancelled()
        else:
            await checkpoint()

    def _stir(self) -> anyio.Event:
        """What is set when there may be room, or no use for it."""
        if self._stirred is None or self._stirred.is_set():
            self._stirred = anyio.Event()
        return self._stirred

    # --- between the core and the user -----------------------------------------------------

    def _voice_settled(self, settled: VoiceSettled) -> None:
        self._voice_moved()
        request = self._requests.get(settled.request)
        if request is not None:
            request.error = settled.error
            request.done.set()

    def _voice_moved(self) -> None:
        """There may be room for audio, or no use for it any more."""
        if self._stirred is not None:
            self._stirred.set()
