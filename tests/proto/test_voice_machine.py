"""Any order of whatever users, servers and networks do: what always holds of voice."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from estuary_proto.errors import EstuaryError, SendBlocked
from estuary_proto.events import Settled
from estuary_proto.intents import StartVoice, StopVoice, StreamAudio
from estuary_proto.models.voice import VoiceError, VoiceStarted, VoiceStopped, VoiceTimeout
from estuary_proto.states import Role, State
from estuary_proto.voice_turn import Ear
from tests.proto.talker import BUTTON, CONTINUOUS, TENTH, Talker

CLOSED_BY_ITSELF = object()


class Voices(RuleBasedStateMachine):
    """Both roles of a pair, driven through voice, turns, drops and a stalled writer."""

    @initialize()
    def begin(self) -> None:
        self.talk = Talker(acks=False, max_reconnect_attempts=10**6)
        self.requests: list[int] = []
        self.receipts: list[int] = []

    # --- the user ----------------------------------------------------------------------------

    @rule(mode=st.sampled_from([CONTINUOUS, BUTTON]))
    def start(self, mode: object) -> None:
        try:
            self.requests.append(self.talk.start(mode))  # type: ignore[arg-type]
        except EstuaryError:
            pass

    @rule()
    def stop(self) -> None:
        self.requests.append(self.talk.stop())

    @rule(down=st.booleans())
    def button(self, down: bool) -> None:
        try:
            self.talk.press() if down else self.talk.release()
        except EstuaryError:
            assert self.talk.voice.mode is None

    @rule(size=st.integers(0, 9000), live=st.booleans())
    def say(self, size: int, live: bool) -> None:
        before = self.talk.voice.mode
        try:
            receipt = self.talk.say((TENTH * 3)[:size], live=live)
        except SendBlocked:
            assert not live
        except EstuaryError:
            assert before is None
        else:
            if receipt:
                self.receipts.append(receipt)

    @rule(muted=st.booleans())
    def mute(self, muted: bool) -> None:
        self.talk.client.mute(muted, now=self.talk.now)

    @rule()
    def leave(self) -> None:
        self.talk.client.disconnect(now=self.talk.now)
        self.talk.advance(3.0)
        self.talk.connect(within=0.0)

    # --- the server and the network ----------------------------------------------------------

    @precondition(lambda self: self.talk.due)
    @rule()
    def ack(self) -> None:
        if self.talk.server.state is State.READY:
            self.talk.ack()

    @rule(message=st.sampled_from([VoiceStarted(), VoiceStopped(), VoiceError(), VoiceTimeout()]))
    def tell(self, message: object) -> None:
        if self.talk.server.state is State.READY:
            if isinstance(message, (VoiceStopped, VoiceTimeout)):
                self.talk.link.heard.append(CLOSED_BY_ITSELF)
            self.talk.says(message)

    @rule()
    def cut(self) -> None:
        self.talk.due.clear()
        self.talk.link.cut()

    @rule()
    def kick(self) -> None:
        self.talk.due.clear()
        self.talk.server.close(now=self.talk.now)
        self.talk.advance(0.0)

    @rule(stalled=st.booleans())
    def stall(self, stalled: bool) -> None:
        self.talk.link.stalled.clear()
        if stalled:
            self.talk.link.stalled.add(Role.CLIENT)
        self.talk.advance(0.0)

    @rule(seconds=st.sampled_from([0.1, 2.0, 11.0, 40.0]))
    def wait(self, seconds: float) -> None:
        self.talk.advance(seconds)

    # --- what always holds -------------------------------------------------------------------

    @invariant()
    def every_server_hears_turns(self) -> None:
        """One start and one stop a turn, in turns, and no audio outside of them."""
        for link in self.talk.links.values():
            ear = "closed"
            for message in link.heard:
                if isinstance(message, StartVoice):
                    assert ear != "open"
                    ear = "open"
                elif isinstance(message, StopVoice):
                    assert ear != "closed"
                    ear = "closed"
                elif isinstance(message, StreamAudio):
                    assert ear != "closed"
                elif message is CLOSED_BY_ITSELF:
                    ear = "unknown"  # What was under way may still come.

    @invariant()
    def started_and_stopped_take_turns(self) -> None:
        voice = self.talk.voice
        if voice.mode is None and voice.ear is Ear.CLOSED and not voice.room:
            assert not voice.is_active

    @invariant()
    def requests_settle_once(self) -> None:
        settled = [request for request, _ in self.talk.settled]
        assert len(settled) == len(set(settled))

    def teardown(self) -> None:
        if not hasattr(self, "talk"):
            return
        talk = self.talk
        talk.link.stalled.clear()
        talk.client.disconnect(now=talk.now)
        talk.advance(100.0)
        assert talk.client.deadline is None
        settled = {request for request, _ in talk.settled}
        assert set(self.requests) <= settled
        ended = [event.receipt for event in talk.of(Settled)]
        assert len(ended) == len(set(ended))
        assert set(self.receipts) <= set(ended)
        assert not talk.voice.is_active
        assert not talk.voice.is_recording


Voices.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestVoices = Voices.TestCase
