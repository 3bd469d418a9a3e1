"""Any order of whatever is said, shown, cut off and renewed besides voice: what always holds."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from estuary_proto.answers import Ack
from estuary_proto.errors import ErrorCode, EstuaryError, SendBlocked
from estuary_proto.events import (
    CredentialNeeded,
    Fault,
    LinesEnded,
    PlaybackComplete,
    PlaybackStarted,
    ReplyEnded,
    ReplyStarted,
    Settled,
    Steer,
)
from estuary_proto.intents import AudioPlaybackComplete, Interrupt, RenewAuthentication, SendText
from estuary_proto.models.conversation import BotVoice, InterruptData, ResponseChunk, SttResponse
from estuary_proto.models.pcm import encode_pcm
from estuary_proto.models.session import ModerationFlag, QuotaExceededData
from estuary_proto.playback import PlaybackState
from estuary_proto.states import State
from tests.proto.talker import SECOND, Talker
from tests.proto.test_voice_machine import Voices

TOKEN = "ect_secret-"
MESSAGES = st.sampled_from(["m1", "m2", "m3"])
CHUNK = encode_pcm(SECOND[:6400])


async def provider() -> Any:
    """Only its being there counts: the core asks by an event."""


class Tokened(Talker):
    """Its client asks for credentials, which a test gives."""

    def give(self, lifetime: float) -> None:
        link = self.client.link
        token = f"{TOKEN}{len(self.of(CredentialNeeded))}"
        self.client.credential(link, token, "ada", lifetime, now=self.now)
        self.advance(0.0)


class Sessions(Voices):
    """Both roles of a pair, driven through everything at once."""

    @initialize()
    def begin(self) -> None:
        settings: dict[str, Any] = {
            "api_key": "",
            "token_provider": provider,
            "auto_interrupt": True,
        }
        self.talk: Tokened = Tokened(
            acks=False, max_reconnect_attempts=10**6, auto_interrupt_grace=0.0, **settings
        )
        self.talk.give(3600.0)
        self.requests: list[int] = []
        self.receipts: list[int] = []
        self.asked: list[int] = []
        self.scripts: list[int] = []
        self.given = 1

    @property
    def serves(self) -> bool:
        return self.talk.server.state is State.READY

    # --- credentials -------------------------------------------------------------------------

    @rule(lifetime=st.sampled_from([31.0, 45.0, 3600.0]))
    def give(self, lifetime: float) -> None:
        self.talk.give(lifetime)

    @rule(lifetime=st.sampled_from([-1.0, float("nan")]))
    def give_what_is_none(self, lifetime: float) -> None:
        self.talk.give(lifetime)

    @rule(stale=st.booleans())
    def fail_to_give(self, stale: bool) -> None:
        error = EstuaryError("the backend is down", ErrorCode.AUTH_FAILED)
        link = self.talk.client.link - stale
        self.talk.client.credential_failed(link, error, now=self.talk.now)
        self.talk.advance(0.0)

    @precondition(lambda self: self.talk.due)
    @rule(agrees=st.booleans())
    def agree(self, agrees: bool) -> None:
        if self.serves:
            ack = Ack(self.talk.due.pop(0), ({"ok": agrees},))
            self.talk.link.submit(ack)
            self.talk.advance(0.0)

    # --- the user ----------------------------------------------------------------------------

    @rule(timeout=st.sampled_from([None, 1.0, 20.0]), concurrent=st.booleans())
    def ask(self, timeout: float | None, concurrent: bool) -> None:
        try:
            number = self.talk.ask(SendText("hi"), timeout=timeout, concurrent=concurrent)
        except (EstuaryError, SendBlocked):
            return
        self.asked.append(number)

    @rule(count=st.integers(1, 3), loop=st.booleans())
    def say_lines(self, count: int, loop: bool) -> None:
        lines = ["hi"] * count
        try:
            number = self.talk.client.say_lines(
                lines, now=self.talk.now, line_timeout=5.0, loop=loop
            )
        except EstuaryError:
            return
        self.scripts.append(number)
        self.talk.advance(0.0)

    @rule(what=st.sampled_from(Steer))
    def steer(self, what: Steer) -> None:
        self.talk.client.steer(len(self.scripts), what, now=self.talk.now)
        self.talk.advance(0.0)

    @rule(message_id=st.none() | MESSAGES)
    def interrupt(self, message_id: str | None) -> None:
        try:
            self.receipts.append(self.talk.submit(Interrupt(message_id)))
        except EstuaryError:
            pass

    @rule(message_id=MESSAGES)
    def play(self, message_id: str) -> None:
        self.talk.client.playback_started(message_id, now=self.talk.now)
        self.talk.advance(0.0)

    @rule(message_id=st.none() | MESSAGES)
    def heard(self, message_id: str | None) -> None:
        try:
            self.receipts.append(self.talk.submit(AudioPlaybackComplete(message_id)))
        except EstuaryError:
            pass

    # --- the server --------------------------------------------------------------------------

    @rule(message_id=MESSAGES, final=st.booleans(), text=st.sampled_from(["h", "hi", "ho", ""]))
    def write(self, message_id: str, final: bool, text: str) -> None:
        if self.serves:
            self.talk.says(ResponseChunk(text, final, None, message_id))

    @rule(message_id=MESSAGES, final=st.booleans(), audio=st.sampled_from([CHUNK, "", "!"]))
    def speak(self, message_id: str, final: bool, audio: str) -> None:
        if self.serves:
            before = self.talk.client.playback.state_of(message_id)
            count = len(self.talk.of(BotVoice))
            self.talk.says(BotVoice(audio, message_id, is_final=final))
            for voice in self.talk.of(BotVoice)[count:]:  # One, unless it was redacted.
                assert voice.late is (before is PlaybackState.INTERRUPTED)

    @rule(message_id=st.none() | MESSAGES)
    def cut_short(self, message_id: str | None) -> None:
        if self.serves:
            self.talk.says(InterruptData(message_id))
            for name in [message_id] if message_id else ["m1", "m2", "m3"]:
                state = self.talk.client.playback.state_of(name)
                assert state is not PlaybackState.PLAYING

    @rule(final=st.booleans())
    def understand(self, final: bool) -> None:
        if self.serves:
            self.talk.says(SttResponse("stop", final))

    @rule(message_id=MESSAGES)
    def redact(self, message_id: str) -> None:
        if self.serves:
            self.talk.says(ModerationFlag(message_id, "redacted"))

    @rule()
    def use_up(self) -> None:
        if self.serves:
            self.talk.says(QuotaExceededData("no more"))

    # --- what always holds -------------------------------------------------------------------

    @invariant()
    def what_ends_ends_once(self) -> None:
        talk = self.talk
        ended = [event.reply for event in talk.of(ReplyEnded)]
        assert len(ended) == len(set(ended))
        begun = [event.reply for event in talk.of(ReplyStarted)]
        assert len(begun) == len(set(begun))
        over = [event.script for event in talk.of(LinesEnded)]
        assert len(over) == len(set(over))
        sounding: set[str] = set()  # A name that is used again is another message.
        for event in talk.of(BotVoice, PlaybackStarted, PlaybackComplete):
            if isinstance(event, PlaybackComplete):
                assert event.message_id in sounding
                sounding.discard(event.message_id)
            elif not getattr(event, "late", False):
                sounding.add(event.message_id)

    @invariant()
    def one_refresh_at_a_time(self) -> None:
        """No server is told of a second token while it judges the first."""
        for link in self.talk.links.values():
            tokens = [m.client_token for m in link.heard if isinstance(m, RenewAuthentication)]
            assert len(tokens) == len(set(tokens))

    @invariant()
    def no_secret_shows(self) -> None:
        shown = " ".join(map(repr, self.talk.of(Fault, CredentialNeeded, ReplyEnded)))
        assert TOKEN not in shown

    def teardown(self) -> None:
        if not hasattr(self, "talk"):
            return
        super().teardown()
        talk = self.talk
        assert {event.reply for event in talk.of(ReplyEnded)} == set(self.asked)
        assert {event.script for event in talk.of(LinesEnded)} == set(self.scripts)
        settled = Counter(event.receipt for event in talk.of(Settled))
        assert all(settled[receipt] == 1 for receipt in self.receipts)
        assert not talk.client.wants_write(talk.client.link)


Sessions.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
TestSessions = Sessions.TestCase
