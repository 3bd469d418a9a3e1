"""`estuary talk --input-wav`: a file speaks in real time, and what is answered becomes a file."""

from __future__ import annotations

import wave
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import anyio

from estuary_anyio.room_sound import RoomSound
from estuary_proto.errors import EstuaryError
from estuary_proto.models.session import VoiceMode

from .captions import Captions
from .conversation import Conversation
from .exits import Exit, Stop
from .loudspeaker import Loudspeaker
from .run import explain, interrupted, run
from .screen import Screen
from .sound import read_wav

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator
    from pathlib import Path

    from anyio.abc import TaskGroup

    from estuary_anyio.client import EstuaryClient
    from estuary_audio import Resampler
    from estuary_proto.events import PlaybackComplete
    from estuary_proto.models.conversation import BotVoice

    from .place import Place

RATE: Final = 16000
"""Hz, of what servers are sent and of what they are asked for."""

BLOCK: Final = 0.02
"""Seconds that are sent at once, as a microphone does."""

QUIET: Final = 2.0
"""Seconds without anything due, after which nothing more is expected."""

LONGEST: Final = 3600.0
"""Seconds of a file."""


@dataclass(frozen=True)
class Files:
    """What is said, and where to write what is answered; `timeout` is seconds for an answer."""

    said: Path
    answered: Path | None
    push_to_talk: bool
    timeout: float


def talk_wav(place: Place, backend: str, files: Files) -> int:
    """Run the command. Returns the exit status; raises Stop for files that are not fit."""
    pcm = _fitted(files.said)
    with _written(files.answered) as out:
        conversation = WavTalk(place, Screen(), files, pcm, out)
        return run(conversation.run, backend, conversation.signalled)


def _fitted(path: Path) -> bytes:
    sound = read_wav(path, "--input-wav", LONGEST)
    if sound.rate == RATE:
        return sound.pcm
    from estuary_audio.resample import convert

    try:
        return convert(sound.pcm, sound.rate, RATE)
    except EstuaryError as error:
        raise Stop(
            f"--input-wav {path}: {sound.rate} Hz, and {RATE} are needed: {explain(error)}",
            Exit.USAGE,
        ) from None


@contextmanager
def _written(path: Path | None) -> Iterator[wave.Wave_write | None]:
    """A WAV file that is one however it ends."""
    if path is None:
        yield None
        return
    try:
        file = path.open("wb")
    except OSError as error:
        raise Stop(f"--output-wav {path}: {error.strerror or error}", Exit.USAGE) from None
    with file, wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(b"")
        yield out


class WavTalk:
    """One conversation: `pcm` is said, `out` gets what is heard meanwhile, from its first sample
    on."""

    def __init__(
        self, place: Place, screen: Screen, files: Files, pcm: bytes, out: wave.Wave_write | None
    ) -> None:
        self._place = place
        self._screen = screen
        self._files = files
        self._pcm = pcm
        self._out = out
        self._speaker = Loudspeaker()
        self._conversation: Conversation | None = None
        self._captions: Captions | None = None
        self._room_sound = RoomSound(self._speaker, RATE)
        self._busy_at = 0.0
        self._resamplers: dict[str, Resampler] = {}
        self._unheard: str | None = None

    async def run(self, tasks: TaskGroup, scope: anyio.CancelScope) -> int:
        """The conversation, from connecting to its exit status."""
        self._place.announce(self._screen)
        async with self._place.open() as config, self._place.client(config) as client:
            assert config.mic_sample_rate == config.audio_sample_rate == RATE
            self._captions = captions = Captions(self._screen, config.character_id)
            self._conversation = Conversation(client, captions, scope)
            client.on("bot_voice", self._take)
            client.on("*", self._room_sound.hear)
            client.on("playback_complete", self._cut)
            client.on("disconnected", self._lost)
            with scope:
                await client.connect()
                with captions.showing():
                    return await self._talk(client)
        if self._conversation.failure is not None:
            captions.error(self._conversation.failure)
        return Exit.FAILED

    async def _talk(self, client: EstuaryClient) -> int:
        assert self._conversation is not None
        assert self._captions is not None
        held = self._files.push_to_talk
        await client.start_voice(VoiceMode.PUSH_TO_TALK if held else VoiceMode.CONTINUOUS)
        if held:
            await client.start_recording()
        began, size, at = anyio.current_time(), round(2 * RATE * BLOCK), 0
        until = began + len(self._pcm) / 2 / RATE
        self._busy_at = until
        while self._is_wanted(until):
            # A microphone gives what it has heard.
            await anyio.sleep_until(began + (at + size) / 2 / RATE)
            piece = self._pcm[at : at + size]
            last = at < len(self._pcm) <= at + size
            await self._say(client, piece if held else piece.ljust(size, b"\0"))
            self._hear(client, size // 2)
            if held and last:
                await client.stop_recording()
            at += size
        if client.is_connected:
            await client.stop_voice()
        if self._unheard is not None:
            self._captions.error(self._unheard)
            return Exit.FAILED
        if not self._conversation.answers:
            self._captions.error(
                f"nothing was answered within {self._files.timeout:g} s "
                "(is it speech? --timeout waits longer)"
            )
            return Exit.FAILED
        return Exit.DONE

    def _is_wanted(self, until: float) -> bool:
        """Whether it goes on: the file, or what is due of the conversation."""
        assert self._conversation is not None
        now = anyio.current_time()
        if now < until:
            return True
        if self._speaker.is_playing:
            self._busy_at = now
            return True
        self._busy_at = max(self._busy_at, self._conversation.latest)
        if self._conversation.answers and not self._conversation.is_due:
            return now < self._busy_at + QUIET
        return now < self._busy_at + self._files.timeout

    async def _say(self, client: EstuaryClient, pcm: bytes) -> None:
        if pcm and client.is_voice_active:  # Else it is away with the connection.
            try:
                await client.send_audio(pcm, live=True)
            except EstuaryError:
                pass  # It went just now.

    # --- the answer --------------------------------------------------------------------------

    def _take(self, voice: BotVoice) -> None:
        if voice.late or voice.is_livekit:
            return
        pcm = voice.pcm[: len(voice.pcm) & ~1]
        if (voice.sample_rate or RATE) != RATE:
            try:
                pcm = self._at_our_rate(voice, pcm)
            except EstuaryError as error:
                self._unheard = f"the voice has {voice.sample_rate} Hz: {explain(error)}"
                return
        self._speaker.push(voice.message_id, pcm, final=voice.is_final)

    def _at_our_rate(self, voice: BotVoice, pcm: bytes) -> bytes:
        from estuary_audio.resample import Resampler

        rate = voice.sample_rate or RATE
        resampler = self._resamplers.pop(voice.message_id, None)
        if resampler is None or resampler.source != rate:
            resampler = Resampler(rate, RATE)
        if not voice.is_final:
            self._resamplers[voice.message_id] = resampler
            return resampler.push(pcm)
        return resampler.push(pcm) + resampler.finish()

    def _cut(self, complete: PlaybackComplete) -> None:
        if complete.interrupted:
            self._resamplers.pop(complete.message_id, None)
            self._speaker.flush(complete.message_id)

    def _lost(self, reason: str) -> None:
        # The rest of what was being said will never come.
        self._speaker.clear()
        self._resamplers.clear()

    def _hear(self, client: EstuaryClient, frames: int) -> None:
        pcm, began, ended = self._speaker.pull(frames)
        if self._out is not None:
            self._out.writeframesraw(pcm)
        try:
            for message_id in filter(self._is_ours, began):
                client.notify_audio_playback_started(message_id)
            for message_id in filter(self._is_ours, ended):
                client.notify_audio_playback_complete(message_id)
        except EstuaryError:
            pass  # The connection is away, and the server knows nothing of them any more.

    def _is_ours(self, message_id: str) -> bool:
        return not self._room_sound.plays(message_id)

    def signalled(self, number: signal.Signals) -> int | None:
        """The first Ctrl-C interrupts the character, the next one ends the program."""
        conversation = self._conversation
        if number.name == "SIGINT" and conversation is not None:
            speaks = self._speaker.is_playing or conversation.is_answering
            if speaks and not conversation.is_interrupted:
                try:
                    conversation.interrupt()
                except EstuaryError:
                    pass  # The connection is gone, and the answer with it.
                else:
                    return None
        if self._captions is not None:
            self._captions.close()
        return interrupted(number)
