"""Any order of whatever users, servers, networks and drivers do: what always holds of rooms."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from estuary_proto.errors import ErrorCode, EstuaryError
from estuary_proto.events import LeaveRoom
from estuary_proto.intents import LiveKitJoin, LiveKitLeave, LiveKitTokenRequest
from estuary_proto.models.voice import LiveKitError, LiveKitReady, LiveKitToken
from estuary_proto.states import State
from tests.proto.roomer import URL, Roomer
from tests.proto.test_voice_machine import CLOSED_BY_ITSELF, Voices

SAID = [
    LiveKitToken("t1", URL, "room-1"), LiveKitToken("t2", URL, "elsewhere"),
    LiveKitToken("t3", URL), LiveKitToken(), LiveKitReady(), LiveKitReady("room-1"),
    LiveKitReady("elsewhere"),
    LiveKitError("no"),
]  # fmt: skip
DELETED = CLOSED_BY_ITSELF


class Rooms(Voices):
    """As `Voices`, in rooms."""

    talk: Roomer

    @initialize(transport=st.sampled_from(["livekit", "auto"]), embeds=st.booleans())
    def begin(self, transport: str = "livekit", embeds: bool = True) -> None:
        self.talk = Roomer(
            acks=False, transport=transport, embeds=embeds, offers=False, readies=False,
            joins=False, drains=False, takes=False, max_reconnect_attempts=10**6,
        )  # fmt: skip
        self.requests = []
        self.receipts = []

    # --- the server --------------------------------------------------------------------------

    @rule(easy=st.booleans())
    def be_easy(self, easy: bool) -> None:
        """Whether everybody does at once what is wanted."""
        talk = self.talk
        talk.offers = talk.readies = talk.joins = talk.drains = talk.takes = easy

    @rule(message=st.sampled_from(SAID))
    def say_of_rooms(self, message: object) -> None:
        if self.talk.server.state is State.READY:
            self.talk.says(message)

    # --- the driver --------------------------------------------------------------------------

    @precondition(lambda self: self.talk.inside)
    @rule(data=st.data(), what=st.sampled_from(["join", "refuse", "lose", "delete", "leave"]))
    def drive(self, data: st.DataObject, what: str) -> None:
        talk = self.talk
        room = data.draw(st.sampled_from(talk.inside))
        house = talk.houses[room]
        if what == "join" and not house.joined:
            talk.join(room)
        elif what == "refuse" and not house.joined:
            talk.refuse(room)
        elif what in ("lose", "delete") and house.joined:
            if what == "delete":
                talk.link.heard.append(DELETED)
            talk.lose(room, deleted=what == "delete")
        elif what == "leave" and any(isinstance(e, LeaveRoom) for e in house.told):
            talk.leave(room)
        talk.advance(0.0)

    @rule(room=st.integers(0, 4), what=st.sampled_from(["take", "finish", "join", "leave"]))
    def late_words(self, room: int, what: str) -> None:
        talk = self.talk
        house = talk.houses.get(room)
        if house is not None and not house.over:
            if what == "take" and house.joined:
                talk.take(room)
            elif what == "finish" and house.joined:
                talk.finish(room)
            return
        client, now = talk.client, talk.now
        if what == "join":
            client.room_joined(room, now=now)
        elif what == "leave":
            client.room_left(room, EstuaryError("late", ErrorCode.UNKNOWN), now=now)
        elif what == "finish":
            client.room_spoken(room, now=now)
        else:
            assert client.next_room_audio(room) is None
        talk.advance(0.0)

    @precondition(lambda self: self.talk.houses)
    @rule(state=st.sampled_from(["speaking", "idle", ""]), name=st.sampled_from([None, "a", "b"]))
    def speak(self, state: str, name: str | None) -> None:
        if self.talk.server.state is State.READY:
            self.talk.state(state, name)

    # --- what always holds -------------------------------------------------------------------

    @invariant()
    def one_room_at_a_time(self) -> None:
        talk = self.talk
        wanted = [
            number
            for number in talk.inside
            if not any(isinstance(told, LeaveRoom) for told in talk.houses[number].told)
        ]
        assert len(wanted) <= 1
        assert wanted in ([], [talk.voice.room])

    @invariant()
    def in_and_out_take_turns(self) -> None:
        places = self.talk.whereabouts
        assert places == (["in", "out"] * len(places))[: len(places)]

    @invariant()
    def every_server_hears_of_the_end(self) -> None:
        """A request is followed by a leave before the next one, unless the server knows."""
        for link in self.talk.links.values():
            open_ = False
            for message in link.heard:
                if isinstance(message, LiveKitTokenRequest):
                    assert not open_
                    open_ = True
                elif isinstance(message, LiveKitLeave):
                    open_ = False
                elif isinstance(message, LiveKitJoin):
                    assert open_
                elif message is DELETED:
                    break  # What was under way may still come.

    @invariant()
    def a_track_is_muted_unless_something_may_be_said(self) -> None:
        talk = self.talk
        talk.step()
        if talk.voice.is_muted and talk.voice.room:
            assert talk.house.muted

    def teardown(self) -> None:
        super().teardown()
        if not hasattr(self, "talk"):
            return
        for number in self.talk.inside:
            told = self.talk.houses[number].told
            assert any(isinstance(each, LeaveRoom) for each in told)
            assert not all(each.drain for each in told if isinstance(each, LeaveRoom))
        assert self.talk.whereabouts[-1:] in ([], ["out"])


Rooms.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestRooms = Rooms.TestCase
del Voices  # Its own file runs it.
