"""Voice, lines, playback and credentials in whatever order: nothing that comes raises, whatever
waits settles, and all of it replays to the same."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from estuary_proto.capture import Recorder, replay
from estuary_proto.config import EstuaryConfig
from estuary_proto.errors import EstuaryError
from estuary_proto.events import (
    CredentialNeeded,
    LinesEnded,
    ReplyEnded,
    Settled,
    Steer,
    VoiceSettled,
)
from estuary_proto.intents import (
    AudioPlaybackComplete,
    Interrupt,
    SayLine,
    SendCameraImage,
    SendText,
    StopVoice,
)
from estuary_proto.models.pcm import encode_pcm
from estuary_proto.models.session import VoiceMode
from tests.proto.test_capture_any import GREETING

TENTH = encode_pcm(b"\x01\x00" * 1600)
LINES = ["One is first.", '<action name="a"/>Two.', "One is first."]
IDS = st.sampled_from(["", "m1", "m2"])
TEXTS = st.sampled_from(["", "One", LINES[0], "Two.", LINES[1], "no line"])


def wire(name: str, /, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    made = st.fixed_dictionaries({}, optional=fields)
    return made.map(lambda payload: "42/sdk," + json.dumps([name, payload]))


YES = st.booleans()
HEARD = st.one_of(
    st.sampled_from(["voice_started", "voice_stopped", "voice_error", "voice_timeout"]).map(
        lambda name: f'42/sdk,["{name}"]'
    ),
    wire(
        "bot_response",
        text=TEXTS,
        partial=TEXTS,
        is_final=YES,
        message_id=IDS,
        is_interjection=YES,
    ),
    wire(
        "bot_voice",
        audio=st.sampled_from(["", TENTH, "?", TENTH * 0]),
        message_id=IDS,
        is_final=YES,
        sample_rate=st.sampled_from([None, 0, -1, 1, 24000, 1e400, 10**400, "16000", True]),
    ),
    wire("interrupt", message_id=IDS),
    wire("stt_response", text=TEXTS, is_final=YES),
    wire("moderation_flag", action=st.just("redacted"), message_id=IDS),
    wire("agent_turn_voice", audio=st.sampled_from([TENTH, "?"]), agent_id=IDS),
    st.sampled_from(['42/sdk,["quota_exceeded",{}]', '42/sdk,["interrupt"]', "2", "2", "41/sdk,"]),
    st.sampled_from(['42/sdk,5["camera_capture",{"request_id":"r"}]', '42/sdk,["auth_error",{}]']),
    st.integers(1, 30).flatmap(
        lambda n: st.sampled_from([f"43/sdk,{n}[]", f'43/sdk,{n}[{{"ok":true}}]'])
    ),
)
SAID = st.sampled_from(
    [
        Interrupt(),
        Interrupt("m1"),
        AudioPlaybackComplete(),
        AudioPlaybackComplete("m1"),
        SayLine(LINES[1]),
        SendText("hi"),
        SendText("x" * 3_000_000),
        SendCameraImage("AAAA"),
        StopVoice(),
    ]
)
AUDIO = st.sampled_from([b"", b"\x01", b"\x01\x00" * 1600, b"\x01\x00" * 9000, b"\x01" * 333])
STEP = st.one_of(
    st.tuples(st.just("receive"), HEARD),
    st.tuples(st.just("receive"), HEARD),
    st.tuples(st.just("ack")),
    st.tuples(st.just("ack")),
    st.tuples(st.just("join")),
    st.tuples(st.just("disconnect")),
    st.tuples(st.just("receive_eof"), st.sampled_from([None, 1000, 1001, 1008])),
    st.tuples(st.just("handle_timeout")),
    st.tuples(st.just("due")),
    st.tuples(st.just("start_voice"), st.sampled_from([*VoiceMode, *VoiceMode, "nonsense"])),
    st.tuples(st.just("stop_voice")),
    st.tuples(st.just("press")),
    st.tuples(st.just("release")),
    st.tuples(st.just("mute"), YES),
    st.tuples(st.just("send_audio"), AUDIO, YES, YES),
    st.tuples(st.just("playback_started"), IDS),
    st.tuples(st.just("say_lines"), st.sampled_from([0.0, 0.5]), YES, YES),
    st.tuples(st.just("steer"), st.integers(0, 3), st.sampled_from(Steer)),
    st.tuples(st.just("submit"), SAID),
    st.tuples(st.just("ask"), st.sampled_from([None, 1.5])),
    st.tuples(st.just("credential"), st.sampled_from([60.0, 0.5, -1.0])),
    st.tuples(st.just("credential_failed")),
    st.tuples(st.just("frame"), st.integers(1, 9), YES),
    st.tuples(st.just("frame"), st.integers(1, 9), YES),
)
OTHERS = ("join", "due", "receive", "receive_eof", "handle_timeout", "ack")
"""What the user does not do: nothing of it may raise."""
SECONDS = st.sampled_from([0.0, 0.0, 0.0, 0.1, 0.1, 0.5, 1.0, 2.0, 5.0, 11.0, 100.0])


async def provider() -> Any:
    """Only its being there counts."""


class Session:
    """A client in a recorder, and what it promised."""

    def __init__(self, config: EstuaryConfig) -> None:
        self.lines: list[str] = []
        self.recorder = Recorder(config, self.lines.append, seed=1)
        self.events: list[Any] = []
        self.requests: list[int] = []
        self.receipts: list[int] = []
        self.asked: list[int] = []
        self.scripts: list[int] = []
        self.now = 5.0
        self.acks: list[int] = []
        self.opened = 0
        """The link whose transport was opened last."""

    def drain(self) -> None:
        recorder = self.recorder
        while (event := recorder.next_event()) is not None:
            self.events.append(event)
        while recorder.next_command() is not None:
            pass

    def frame(self, count: int, batch: bool) -> None:
        for number in range(count):
            frame = self.recorder.next_frame(self.recorder.link, batch=batch and number > 0)
            if isinstance(frame, str) and frame.startswith("42/sdk,"):
                digits = frame[7:].partition("[")[0]
                if digits:
                    self.acks.append(int(digits))

    def join(self) -> None:
        recorder, now = self.recorder, self.now
        recorder.connect(now=now)
        self.drain()
        if self.events and isinstance(self.events[-1], CredentialNeeded):
            recorder.credential(recorder.link, "ect_x", "player", 60.0, now=now)
        if self.opened == recorder.link or recorder.deadline is None:
            return  # It is open already, or there is no credential for it.
        self.opened = recorder.link
        recorder.opened(recorder.link, now=now)
        for frame in (GREETING.replace("900", "999999"), "40/sdk,{}", '42/sdk,["session_info",{}]'):
            recorder.receive(recorder.link, frame, now=now)

    def perform(self, verb: str, *args: Any) -> None:
        recorder, now, link = self.recorder, self.now, self.recorder.link
        if verb in ("join", "frame"):
            getattr(self, verb)(*args)
        elif verb == "due":
            if recorder.deadline is not None:
                self.now = max(now, recorder.deadline.at)
                recorder.handle_timeout(now=self.now)
        elif verb == "receive":
            if self.opened == link:
                recorder.receive(link, *args, now=now)
        elif verb == "ack":
            if self.acks and self.opened == link:
                recorder.receive(link, f'43/sdk,{self.acks.pop(0)}[{{"ok":true}}]', now=now)
        elif verb == "receive_eof":
            recorder.receive_eof(link, now=now, code=args[0])
        elif verb == "send_audio":
            receipt = recorder.send_audio(args[0], now=now, live=args[1], settles=args[2])
            self.receipts += [receipt] if receipt else []
        elif verb == "say_lines":
            gap, text_only, loop = args
            self.scripts.append(
                recorder.say_lines(
                    LINES, now=now, gap=gap, line_timeout=3.0, text_only=text_only, loop=loop
                )
            )
        elif verb == "submit":
            self.receipts.append(recorder.submit(*args, now=now))
        elif verb == "ask":
            self.asked.append(recorder.ask(SendText("hi"), now=now, timeout=args[0]))
        elif verb == "credential":
            recorder.credential(link, "ect_y", "player", args[0], now=now)
        elif verb == "credential_failed":
            recorder.credential_failed(link, EstuaryError("no"), now=now)
        elif verb in ("start_voice", "stop_voice"):
            self.requests.append(getattr(recorder, verb)(*args, now=now))
        else:
            getattr(recorder, verb)(*args, now=now)

    def finish(self) -> None:
        recorder = self.recorder
        recorder.disconnect(now=self.now)
        recorder.receive_eof(recorder.link, now=self.now)
        self.drain()

    def of(self, kind: type, name: str) -> list[int]:
        return [getattr(event, name) for event in self.events if type(event) is kind]


@settings(max_examples=250, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "auto_interrupt": YES,
            "suppress_mic_during_playback": YES,
            "token_provider": st.sampled_from([None, provider]),
            "audio_backlog": st.sampled_from([0.2, 1.0]),
        }
    ),
    YES,
    st.lists(st.tuples(SECONDS, STEP), min_size=10, max_size=60),
)
def test_whatever_happens_settles_and_replays(
    options: dict[str, Any], faithful: bool, steps: list[tuple[float, tuple[Any, ...]]]
) -> None:
    config = EstuaryConfig("ws://h", "est_long_key", "c", "p", max_reconnect_attempts=9)
    session = Session(replace(config, **options))
    session.join()
    for seconds, (verb, *args) in steps:
        session.now += seconds
        if faithful and not session.recorder.is_connected:
            session.join()
        try:
            session.perform(verb, *args)
        except EstuaryError:
            assert verb not in OTHERS
        if faithful:
            session.frame(20, batch=False)
        session.drain()
    session.finish()
    recorder = session.recorder
    assert recorder.deadline is None
    assert not recorder.voice.is_active
    for promised, kind, name in (
        (session.requests, VoiceSettled, "request"),
        (session.receipts, Settled, "receipt"),
        (session.asked, ReplyEnded, "reply"),
        (session.scripts, LinesEnded, "script"),
    ):
        told = session.of(kind, name)
        assert len(told) == len(set(told))
        assert set(promised) <= set(told)
    replayed = replay(session.lines)
    assert replayed.difference is None, str(replayed.difference)
