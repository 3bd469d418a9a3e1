"""LiveKit rooms for a client: joined, spoken and heard in, and left, as its core commands.

Each room has a task of the client's, from the command to join to the last of its release; the core
is told once how it ended. What is heard goes to the listeners as it comes.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import anyio

from estuary_proto.errors import ErrorCode, EstuaryError
from estuary_proto.events import (
    AudioReceived,
    FinishTrack,
    JoinRoom,
    LeaveRoom,
    MuteTrack,
    RoomAudioWaits,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from estuary_audio.livekit import Room, RoomLost
    from estuary_proto.config import EstuaryConfig

    from .pump import Pump

COMMANDS = frozenset({JoinRoom, LeaveRoom, MuteTrack, FinishTrack, RoomAudioWaits})
"""What a core says of rooms; of no interest to listeners."""

_BY_THE_SERVER = frozenset({"room_deleted", "participant_removed", "room_closed"})
"""Reasons for which a room is not entered again."""


def can_join(config: EstuaryConfig) -> bool:
    """Whether voice may go over LiveKit here: it is wished for, and its packages are there."""
    if config.voice_transport == "websocket":
        return False
    wanted = ("livekit", "livekit.rtc", "numpy", "soxr")
    try:
        return all(find_spec(name) is not None for name in wanted)
    except (ImportError, ValueError):  # What a broken installation makes of it.
        return False


class Rooms:
    """The rooms of one client, mostly one at a time. `tell` takes what is heard."""

    def __init__(self, config: EstuaryConfig, tell: Callable[[Any], None]) -> None:
        self._config = config
        self._tell = tell
        self._stays: dict[int, _Stay] = {}

    def obey(self, command: Any, pump: Pump) -> None:
        """Do what the core commands; nothing about rooms that have ended."""
        if isinstance(command, JoinRoom):
            stay = self._stays[command.room] = _Stay(self._config, command, pump, self._tell)
            pump.hold(lambda: self._stay(stay))
            return
        known = self._stays.get(command.room)
        if known is not None:
            known.obey(command)

    async def _stay(self, stay: _Stay) -> None:
        try:
            await stay.run()
        finally:
            del self._stays[stay.number]


class _Stay:
    """One room."""

    def __init__(
        self, config: EstuaryConfig, command: JoinRoom, pump: Pump, tell: Callable[[Any], None]
    ) -> None:
        self.number = command.room
        self._config = config
        self._command = command
        self._pump = pump
        self._tell = tell
        self._scope = anyio.CancelScope()
        self._muted = command.muted
        self._finishes = False
        self._drains = False
        self._news = anyio.Event()
        self._lost: RoomLost | None = None

    def obey(self, command: LeaveRoom | MuteTrack | FinishTrack | RoomAudioWaits) -> None:
        """Note what is wanted; who does it is woken."""
        if isinstance(command, LeaveRoom):
            if not command.drain:
                self._scope.cancel()
            self._drains = True
        elif isinstance(command, MuteTrack):
            self._muted = command.muted
        elif isinstance(command, FinishTrack):
            self._finishes = True
        self._news.set()

    async def run(self) -> None:
        """Join, talk until it is to be left or is lost, and let go of everything."""
        error: EstuaryError | None = None
        core, pump = self._pump.core, self._pump
        try:
            with self._scope:
                await self._visit()
            if self._lost is not None:
                error = EstuaryError(self._lost.reason, ErrorCode.CONNECTION_FAILED)
        except EstuaryError as problem:
            error = problem
        finally:
            deleted = self._lost is not None and self._lost.reason in _BY_THE_SERVER
            core.room_left(self.number, error, deleted=deleted, now=pump.clock())
            pump.settle()

    async def _visit(self) -> None:
        from estuary_audio.livekit import open_room  # Late: heavy, and of an extra.

        config, command = self._config, self._command
        # Without `processing`: who has the microphone knows when the loudspeaker plays, and has
        # done all that the configuration's `apm_*` ask for (VoiceSession).
        async with open_room(
            command.url,
            command.token,
            rate=config.mic_sample_rate,
            hear_rate=config.audio_sample_rate,
            muted=command.muted,
            connect_within=config.voice_start_timeout,
        ) as room:
            self._pump.core.room_joined(self.number, now=self._pump.clock())
            self._pump.settle()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._mute, room)
                tasks.start_soon(self._speak, room, tasks.cancel_scope)
                await self._hear(room)
                tasks.cancel_scope.cancel()

    async def _wait(self) -> None:
        if self._news.is_set():
            self._news = anyio.Event()
        await self._news.wait()

    # --- our voice -------------------------------------------------------------------------

    async def _mute(self, room: Room) -> None:
        """Beside what is being said: muting does not wait for it."""
        try:
            while True:
                if room.muted is not self._muted:
                    await room.set_muted(self._muted)
                    self._news.set()
                await self._wait()
        except EstuaryError:
            return  # The room is lost, and who hears is told.

    async def _speak(self, room: Room, scope: anyio.CancelScope) -> None:
        core, pump = self._pump.core, self._pump
        try:
            while True:
                if room.muted is self._muted:
                    pcm = core.next_room_audio(self.number)
                    pump.settle()
                    if pcm is not None:
                        await room.send_audio(pcm)
                        continue
                    if self._drains:
                        await room.flush()
                        scope.cancel()
                        return
                    if self._finishes:
                        await room.flush()
                        self._finishes = False
                        core.room_spoken(self.number, now=pump.clock())
                        pump.settle()
                        continue
                await self._wait()
        except EstuaryError:
            return  # As above.

    # --- the character's -------------------------------------------------------------------

    async def _hear(self, room: Room) -> None:
        from estuary_audio.livekit import BotAudio, BotState, RoomLost

        core, pump = self._pump.core, self._pump
        async for event in room:
            if isinstance(event, BotAudio):
                message_id = core.room_sounds(self.number, now=pump.clock())
                if message_id is not None:
                    self._tell(AudioReceived(event.pcm, message_id))
            elif isinstance(event, BotState):
                state, message_id = event.state, event.message_id
                core.room_state(self.number, state, message_id, now=pump.clock())
                pump.settle()
            elif isinstance(event, RoomLost):
                self._lost = event
