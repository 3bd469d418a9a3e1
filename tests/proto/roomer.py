"""A pair that talks in rooms: a server that offers them, and a driver that joins them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from estuary_proto.answers import Admit
from estuary_proto.errors import ErrorCode, EstuaryError
from estuary_proto.events import (
    FinishTrack,
    JoinRequested,
    JoinRoom,
    LeaveRoom,
    LiveKitConnected,
    LiveKitDisconnected,
    MuteTrack,
    RoomAudioWaits,
)
from estuary_proto.intents import (
    Interrupt,
    LiveKitJoin,
    LiveKitLeave,
    LiveKitMute,
    LiveKitTokenRequest,
    StartVoice,
    StopVoice,
    StreamAudio,
)
from estuary_proto.models.session import SessionInfo
from estuary_proto.models.voice import LiveKitReady, LiveKitToken
from tests.proto.talker import Talker

if TYPE_CHECKING:
    from estuary_proto.testing import Link

URL = "wss://rooms.test"


class House:
    """One room as the driver knows it: what was said in it, and what it was told to do."""

    def __init__(self, command: JoinRoom) -> None:
        self.command = command
        self.number = command.room
        self.muted = command.muted
        self.joined = False
        self.over = False
        self.said = b""
        self.told: list[Any] = []


class Roomer(Talker):
    """`embeds`: the session brings url, room and token; `offers`: the server answers requests;
    `readies`: it says ready; `joins`: the driver joins at once; `drains`: it empties tracks at
    once, and leaves."""

    embeds = offers = readies = joins = drains = takes = True

    def __init__(self, *, transport: str = "livekit", **settings: Any) -> None:
        self.houses: dict[int, House] = {}
        self.minted = 0
        for name in ("embeds", "offers", "readies", "joins", "drains", "takes"):
            setattr(self, name, settings.pop(name, True))
        settings.setdefault("joins_rooms", True)
        super().__init__(voice_transport=transport, **settings)

    def answer(self, link: Link, event: Any) -> None:
        if isinstance(event, JoinRequested):
            room = f"room-{link.number}"
            found = ("embedded", URL, room) if self.embeds else (None, None, None)
            link.submit(Admit(SessionInfo(f"s{link.number}", "", "", "", *found)))
        elif isinstance(event, LiveKitTokenRequest) and self.offers:
            self.minted += 1
            link.submit(LiveKitToken(f"token-{self.minted}", URL, f"room-{link.number}"))
        elif isinstance(event, LiveKitJoin) and self.readies:
            link.submit(LiveKitReady(event.room or ""))
        else:
            super().answer(link, event)

    # --- the driver --------------------------------------------------------------------------

    def step(self) -> None:
        while True:
            seen = len(self.events)
            super().step()
            for event in self.events[seen:]:
                self.drive(event)
            if len(self.events) == seen:
                return

    def drive(self, event: Any) -> None:
        if isinstance(event, JoinRoom):
            assert event.room not in self.houses
            self.houses[event.room] = House(event)
            if self.joins:
                self.join(event.room)
        elif isinstance(event, (LeaveRoom, MuteTrack, FinishTrack, RoomAudioWaits)):
            house = self.houses[event.room]
            house.told.append(event)
            if isinstance(event, LeaveRoom):
                if self.drains or not event.drain:
                    self.take(event.room)
                    self.leave(event.room)
            elif isinstance(event, MuteTrack):
                house.muted = event.muted
            elif isinstance(event, FinishTrack) and self.drains:
                self.finish(event.room)
            elif self.takes:
                self.take(event.room)

    def join(self, room: int) -> None:
        self.houses[room].joined = True
        self.client.room_joined(room, now=self.now)

    def refuse(self, room: int, why: str = "no entry", code: str = "AUTH_FAILED") -> None:
        error = EstuaryError(why, ErrorCode(code))
        self.houses[room].over = True
        self.client.room_left(room, error, now=self.now)
        self.advance(0.0)

    def take(self, room: int) -> None:
        house = self.houses[room]
        while (pcm := self.client.next_room_audio(room)) is not None:
            assert house.joined
            assert not house.over
            assert not house.muted
            house.said += pcm

    def finish(self, room: int) -> None:
        self.take(room)
        self.client.room_spoken(room, now=self.now)
        self.advance(0.0)

    def leave(self, room: int) -> None:
        if not self.houses[room].over:
            self.houses[room].over = True
            self.client.room_left(room, now=self.now)

    def lose(self, room: int, why: str = "the wire is cut", *, deleted: bool = False) -> None:
        self.houses[room].over = True
        error = EstuaryError(why, ErrorCode.CONNECTION_FAILED)
        self.client.room_left(room, error, deleted=deleted, now=self.now)
        self.advance(0.0)

    def state(self, state: str, message_id: str | None = None) -> None:
        self.client.room_state(self.house.number, state, message_id, now=self.now)
        self.advance(0.0)

    # --- what came of it ---------------------------------------------------------------------

    @property
    def house(self) -> House:
        """The newest room."""
        return self.houses[max(self.houses)]

    @property
    def inside(self) -> list[int]:
        """The rooms that the driver holds."""
        return [number for number, house in self.houses.items() if not house.over]

    @property
    def whereabouts(self) -> list[str]:
        """What the user heard of rooms."""
        kinds = {LiveKitConnected: "in", LiveKitDisconnected: "out"}
        return [kinds[type(event)] for event in self.of(*kinds)]

    @property
    def joins_heard(self) -> list[LiveKitJoin]:
        return [message for message in self.link.heard if isinstance(message, LiveKitJoin)]

    @property
    def heard(self) -> str:
        """What the newest server heard of voice: t a request for a token, j a join, l a leave, m a
        mute, u its opposite; and as of a Talker."""
        found = ""
        for message in self.link.heard:
            if isinstance(message, LiveKitMute):
                found += "m" if message.muted else "u"
            elif isinstance(message, StartVoice):
                found += "(" if message.turn_mode is None else "["
            else:
                found += _LETTERS.get(type(message), "")
        return found


_LETTERS: dict[type, str] = {
    LiveKitTokenRequest: "t", LiveKitJoin: "j", LiveKitLeave: "l", StopVoice: ")", Interrupt: "!",
    StreamAudio: "a",
}  # fmt: skip
