"""A pair with a voice, and a server that acknowledges and answers voice as a test tells it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from estuary_proto.answers import Ack, Admit
from estuary_proto.events import AckDue, AudioDropped, JoinRequested, VoiceSettled
from estuary_proto.intents import Interrupt, StartVoice, StopVoice, StreamAudio
from estuary_proto.models.session import SessionInfo, VoiceMode
from estuary_proto.models.voice import VoiceError, VoiceStarted, VoiceStopped, VoiceTimeout
from estuary_proto.testing import Link, Pair
from estuary_proto.testing.pair import CONFIG

if TYPE_CHECKING:
    from estuary_proto.voice import Voice

CONTINUOUS, BUTTON = VoiceMode.CONTINUOUS, VoiceMode.PUSH_TO_TALK
SECOND = b"\x01\x00" * 16000
TENTH = SECOND[:3200]


class Talker(Pair):
    """`acks`: whether the server acknowledges by itself."""

    def __init__(self, *, acks: bool = True, joins_rooms: bool = False, **settings: Any) -> None:
        self.acks = acks
        self.due: list[int] = []
        super().__init__(replace(CONFIG, **settings), latency=0.0, joins_rooms=joins_rooms)
        self.serve = self.answer
        self.connect(within=0.0)
        self.events.clear()

    def answer(self, link: Link, event: Any) -> None:
        if isinstance(event, JoinRequested):
            link.submit(Admit(SessionInfo(f"s{link.number}")))
        elif isinstance(event, AckDue):
            if self.acks:
                link.submit(Ack(event.ack_id))
            else:
                self.due.append(event.ack_id)

    def ack(self) -> None:
        """Acknowledge what waits longest."""
        self.link.submit(Ack(self.due.pop(0)))
        self.advance(0.0)

    def says(self, message: Any) -> None:
        self.tell(message)
        self.advance(0.0)

    # --- the user ----------------------------------------------------------------------------

    def start(self, mode: VoiceMode = CONTINUOUS) -> int:
        request = self.client.start_voice(mode, now=self.now)
        self.advance(0.0)
        return request

    def stop(self) -> int:
        request = self.client.stop_voice(now=self.now)
        self.advance(0.0)
        return request

    def press(self) -> None:
        self.client.press(now=self.now)
        self.advance(0.0)

    def release(self) -> None:
        self.client.release(now=self.now)
        self.advance(0.0)

    def say(self, pcm: bytes = TENTH, *, live: bool = False) -> int:
        receipt = self.client.send_audio(pcm, now=self.now, live=live)
        self.advance(0.0)
        return receipt

    # --- what came of it ---------------------------------------------------------------------

    @property
    def voice(self) -> Voice:
        return self.client.voice

    @property
    def told(self) -> list[str]:
        """What the user heard about voice, as words."""
        kinds = {
            VoiceStarted: "started",
            VoiceStopped: "stopped",
            VoiceError: "error",
            VoiceTimeout: "timeout",
        }
        return [kinds[type(e)] for e in self.of(*kinds)]

    @property
    def settled(self) -> list[tuple[int, str | None]]:
        return [
            (e.request, None if e.error is None else e.error.code.value)
            for e in self.of(VoiceSettled)
        ]

    @property
    def dropped(self) -> list[tuple[str, float]]:
        return [(e.reason, round(e.seconds, 6)) for e in self.of(AudioDropped)]

    @property
    def heard(self) -> str:
        """What the newest server heard of voice: ( start, [ start of push-to-talk, ) stop, ! an
        interrupt, a letter for each piece of audio."""
        found = ""
        for message in self.link.heard:
            if isinstance(message, StartVoice):
                found += "(" if message.turn_mode is None else "["
            elif isinstance(message, StopVoice):
                found += ")"
            elif isinstance(message, Interrupt):
                found += "!"
            elif isinstance(message, StreamAudio):
                found += "a"
        return found

    @property
    def pcm(self) -> bytes:
        return b"".join(m.pcm for m in self.link.heard if isinstance(m, StreamAudio))
