"""A room as it lives on asyncio, with the package `livekit`: joining, sending, telling, leaving."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from estuary_audio.livekit import native
from estuary_audio.livekit.events import (
    BotState,
    ParticipantJoined,
    ParticipantLeft,
    RoomLost,
    RoomReconnected,
    RoomReconnecting,
)
from estuary_audio.livekit.hearing import Hearing
from estuary_audio.livekit.speaking import Speaking

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from estuary_audio.livekit.mailbox import Mailbox
    from estuary_audio.livekit.options import RoomOptions

T = TypeVar("T")

STATE, MESSAGE_ID = "estuary.state", "estuary.message_id"
"""The attributes that tell what a character does (PROTOCOL 3)."""

LEAVE_WITHIN = 3.0
"""Seconds that leaving may take; a server that is gone does not say goodbye."""


class Engine:
    """One stay in a room. All belongs to one asyncio loop, but `far_end`."""

    def __init__(self, options: RoomOptions, mailbox: Mailbox) -> None:
        self.rate: int = options.rate
        self.identity: str = ""
        self.lost: str | None = None
        self._options = options
        self._mailbox = mailbox
        self._room: Any = None
        self._speaking: Speaking | None = None
        self._hearing: Hearing | None = None
        self._publishing: asyncio.Future[None] | None = None
        self._states: dict[str, tuple[str, str | None]] = {}
        self._over = asyncio.Event()

    # Joining and leaving

    async def open(self) -> None:
        """Join and publish, in time."""
        within = self._options.connect_within
        try:
            async with asyncio.timeout(within):
                await self._join()
                if self._options.publish:
                    self._speaking = Speaking(self._options)
                    publishing = self._speaking.publish(self._room.local_participant)
                    self._publishing = asyncio.ensure_future(publishing)
                    # LiveKit's own part goes on when it is cancelled, and is missed then: it ends
                    # when the room does.
                    await self._unless_lost(_ended(self._publishing))
        except TimeoutError:
            raise native.too_late(within) from None

    async def _join(self) -> None:
        rtc = native.load()
        room = self._room = rtc.Room()
        self._hearing = Hearing(rtc, self._options, self._mailbox.put)
        for name, handler in self._handlers().items():
            room.on(name, handler)
        options = rtc.RoomOptions(
            connect_timeout=self._options.connect_within,
            single_peer_connection=self._options.single_connection,
        )
        try:
            await native.Joining(room).join(self._options.url, self._options.token, options)
        except rtc.ConnectError as error:
            raise native.join_failed(error, self._options.token) from None
        self.identity = room.local_participant.identity
        for participant in list(room.remote_participants.values()):
            self._joined(participant)

    def _handlers(self) -> dict[str, Callable[..., None]]:
        return {
            "participant_connected": self._joined,
            "participant_disconnected": self._left,
            "participant_attributes_changed": self._changed,
            "track_subscribed": self._track_began,
            "track_unsubscribed": self._track_ended,
            "reconnecting": lambda: self._mailbox.put(RoomReconnecting()),
            "reconnected": lambda: self._mailbox.put(RoomReconnected()),
            "disconnected": self._disconnected,
        }

    async def close(self) -> None:
        """Leave, and let go of everything, whatever has been reached."""
        self._end()
        if self._hearing is not None:
            await self._hearing.close()
        if self._speaking is not None:
            await self._speaking.stop()
        room, self._room = self._room, None
        if room is not None:
            try:
                await asyncio.wait_for(room.disconnect(), LEAVE_WITHIN)
            except Exception as error:
                native.logger.warning("a LiveKit room was not left properly: %r", error)
        if self._publishing is not None:
            self._publishing.cancel()
            await asyncio.gather(self._publishing, return_exceptions=True)
        if self._speaking is not None:
            await self._speaking.release()
        if room is not None:
            native.release(*_parts(room), room)

    def _end(self) -> None:
        self._over.set()
        self._mailbox.end()

    # What the room tells

    def _is_heard(self, participant: Any) -> bool:
        hears = self._options.hears
        return hears is None or hears(participant.identity)

    def _joined(self, participant: Any) -> None:
        if self._is_heard(participant):
            self._mailbox.put(ParticipantJoined(participant.identity))
            self._tell_state(participant)

    def _left(self, participant: Any) -> None:
        if self._is_heard(participant):
            self._states.pop(participant.identity, None)
            self._mailbox.put(ParticipantLeft(participant.identity))

    def _changed(self, changed: dict[str, str], participant: Any) -> None:
        if participant.identity != self.identity and self._is_heard(participant):
            self._tell_state(participant)

    def _tell_state(self, participant: Any) -> None:
        attributes = participant.attributes
        state = attributes.get(STATE, ""), attributes.get(MESSAGE_ID) or None
        if state != self._states.get(participant.identity, ("", None)):
            self._states[participant.identity] = state
            self._mailbox.put(BotState(participant.identity, *state))

    def _track_began(self, track: Any, publication: Any, participant: Any) -> None:
        if self._hearing is not None and self._is_heard(participant):
            self._hearing.begin(track, publication.sid, participant.identity)

    def _track_ended(self, track: Any, publication: Any, participant: Any) -> None:
        if self._hearing is not None:
            self._hearing.end(publication.sid)

    def _disconnected(self, reason: int) -> None:
        if self._over.is_set():
            return  # We have left.
        self.lost = native.reason(reason)
        if self._hearing is not None:
            self._hearing.end_all()
        self._mailbox.put(RoomLost(self.lost))
        self._end()

    # What is asked of us

    def push(self, audio: bytes, at: float) -> None:
        """Sound of a microphone, which does not wait."""
        if self._speaking is not None:
            self._speaking.push(audio, at)

    @property
    def unsent(self) -> float:
        """Seconds that were pushed and not sent."""
        return self._speaking.unsent if self._speaking is not None else 0.0

    @property
    def muted(self) -> bool:
        """Whether our track is muted."""
        return self._speaking is not None and self._speaking.muted

    async def send(self, audio: bytes, at: float) -> None:
        """Sound that waits for room."""
        await self._unless_lost(self._voice.send(audio, at))

    async def until_heard(self) -> None:
        """Wait for somebody who hears us."""
        await self._unless_lost(self._voice.until_heard())

    async def flush(self) -> None:
        """Wait until all is sent."""
        await self._unless_lost(self._voice.flush())

    async def clear(self) -> None:
        """Forget what is not sent."""
        self._voice.clear()

    async def set_muted(self, muted: bool) -> None:
        """Mute or unmute our track."""
        self._check()
        self._voice.set_muted(muted)

    def far_end(self, audio: bytes, rate: int, at: float) -> None:
        """What the loudspeaker plays; from any thread."""
        speaking = self._speaking
        if speaking is not None:
            speaking.far_end(audio, rate, at)

    async def set_attributes(self, attributes: dict[str, str]) -> None:
        """Tell the others."""
        self._check()
        await self._unless_lost(self._room.local_participant.set_attributes(attributes))

    @property
    def _voice(self) -> Speaking:
        if self._speaking is None:
            raise native.unpublished()
        return self._speaking

    def _check(self) -> None:
        if self._over.is_set():
            raise native.lost(self.lost or "it has been left")

    async def _unless_lost(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it, unless the room is over before: LiveKit would wait for ever."""
        doing = asyncio.ensure_future(work)
        over = asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait({doing, over}, return_when=asyncio.FIRST_COMPLETED)
            if doing.done():
                return doing.result()
        finally:
            for task in (doing, over):
                task.cancel()
            await asyncio.gather(doing, over, return_exceptions=True)
        raise native.lost(self.lost or "it has been left")


async def _ended(work: asyncio.Future[T]) -> T:
    """Wait for it, and let it go on when the wait is cancelled."""
    return await asyncio.shield(work)


def _parts(room: Any) -> list[Any]:
    """All of a room that has a part in LiveKit's native half."""
    local = room._local_participant
    there = [local, *room.remote_participants.values()] if local is not None else []
    publications = [one for who in there for one in who.track_publications.values()]
    return [*(one.track for one in publications), *publications, *there]
