"""Timelines: what stands in which lane."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest

from estuary_proto.errors import EstuaryError
from estuary_proto.timeline import as_json, timeline

from .tape import RATE, Tape, sound


def spans(tape: Tape, lane: str) -> list[tuple[str, float, float]]:
    return [(i.kind, round(i.at, 3), round(i.until, 3)) for i in tape.items(lane)]


# --- the whole ------------------------------------------------------------------------------


def test_an_empty_session_has_every_lane_and_measure() -> None:
    found = Tape().drawn()
    assert [lane.key for lane in found.lanes] == [
        "connection", "reconnects", "speech", "said", "text", "voice", "interruptions", "actions",
        "dropped",
    ]  # fmt: skip
    assert not any(lane.items for lane in found.lanes)
    keys = ["first_token", "first_sound", "reply", "barge_in"]
    assert [measure.key for measure in found.measures] == keys
    assert found.measures[0].quantile(0.5) is None
    assert (found.seconds, found.conversation) == (0.0, ())


def test_of_the_header_only_what_may_be_shown() -> None:
    found = Tape().drawn()
    assert (found.server, found.character, found.player) == ("server.test:81", "demo", "")
    assert found.started == "2026-03-01T10:00:00+00:00"
    assert "secret" not in repr(found)
    assert Tape(config={"server_url": "http://[", "mic_sample_rate": True}).drawn().server == ""
    assert Tape(config=7, started=None).drawn().started is None


def test_what_is_no_capture_is_refused() -> None:
    with pytest.raises(EstuaryError, match="line 2 of the capture"):
        timeline([Tape().lines[0], "nonsense"])


def test_there_is_no_such_lane() -> None:
    found = Tape().drawn()
    with pytest.raises(KeyError):
        found.lane("nonsense")
    with pytest.raises(KeyError):
        found.measure("nonsense")


def test_time_never_runs_backwards() -> None:
    tape = Tape()
    tape.typed(5.0, "late")
    tape.typed(3.0, "later")
    tape.typed(1e300, "far")
    assert [item.at for item in tape.items("said")] == [5.0, 5.0, 5.0]


def test_text_is_made_fit_for_pages_and_pictures() -> None:
    tape = Tape()
    tape.typed(0.0, "a\ud800b\x00c\x1b[1md\ufffe\ne\tf")
    text = tape.one("said").text
    assert text == "a\ufffdb\ufffdc\ufffd[1md\ufffd\ne\tf"
    assert text.encode()


def test_names_of_messages_are_made_fit_too() -> None:
    tape = Tape()
    tape.event(0.0, "AgentTurnText", agent_id="a\ud800", turn_number="\ud800", text="x")
    assert tape.one("text").message_id.encode()


def test_items_at_the_same_time_get_rows_of_their_own() -> None:
    tape = Tape()
    for key, begins, ends in (("a", 0, 4), ("b", 1, 2), ("c", 2, 3), ("d", 3, 5), ("e", 4, 6)):
        tape.answer(begins, "x", key)
        tape.answer(ends, "x", key, final=True)
    tape.lines[1:] = sorted(tape.lines[1:], key=lambda line: json.loads(line)["t"])
    assert tape.drawn().lane("text").rows == (0, 1, 1, 1, 0)


def test_what_others_understand_nothing_of_is_passed_over() -> None:
    tape = Tape()
    tape.event(0.0, "Nonsense", whatever=1)
    tape.line(0.1, pull="event", got=None)
    tape.line(0.1, pull="event", got="text")
    tape.line(0.1, pull="command", got={"is": "Dial"})
    tape.input(0.2, "receive", link=1, frame='42/sdk,["bot_voice",')
    tape.input(0.2, "receive", link=1, frame='42/sdk,["bot_voice"]')
    tape.input(0.2, "receive", link=1, frame='42["nonsense",{}]')
    tape.input(0.2, "receive", link=1, frame="2")
    tape.input(0.2, "receive", link=1, frame={"«bytes»": "AAAA"})
    tape.input(0.3, "ask", message={"wire": "text", "fields": {"text": "x"}}, raised={"is": "E"})
    tape.input(0.3, "ask", message=7)
    found = tape.drawn()
    assert not any(lane.items for lane in found.lanes)
    assert found.seconds == 0.3


# --- the connection -------------------------------------------------------------------------


def connected(tape: Tape, at: float, session: str = "s") -> None:
    tape.event(at, "StateChanged", state="connected")
    tape.event(at, "Connected", session={"is": "SessionInfo", "session_id": session})


def test_states_and_a_return() -> None:
    tape = Tape()
    tape.event(0.0, "StateChanged", state="connecting")
    connected(tape, 0.5)
    tape.event(4.0, "StateChanged", state="reconnecting")
    tape.event(4.0, "Disconnected", reason="network")
    tape.event(4.0, "Reconnecting", attempt=1, delay=1.0)
    tape.event(5.5, "Reconnecting", attempt=2, delay=2.0)
    connected(tape, 7.5)
    tape.input(9.0, "disconnect")
    assert spans(tape, "connection") == [
        ("connecting", 0.0, 0.5),
        ("connected", 0.5, 4.0),
        ("reconnecting", 4.0, 7.5),
        ("connected", 7.5, 9.0),
    ]
    assert tape.items("connection")[1].facts == (("session", "s"),)
    item = tape.one("reconnects")
    assert (item.kind, item.at, item.until, item.marks) == ("back", 4.0, 7.5, (5.0, 7.5))
    assert item.facts == (("after", "network"), ("attempts", "2"))


def test_a_connection_that_never_comes_back() -> None:
    tape = Tape()
    connected(tape, 0.5)
    tape.event(4.0, "StateChanged", state="reconnecting")
    tape.event(4.0, "Reconnecting", attempt=1, delay="nonsense")
    tape.event(6.0, "StateChanged", state="error")
    tape.event(6.0, "Fault", error={"is": "EstuaryError", "message": "gone", "code": "X"})
    tape.event(7.0, "ConnectFailed", error=None)
    assert spans(tape, "reconnects") == [("lost", 4.0, 7.0)]
    kinds = [item.kind for item in tape.items("connection")]
    assert kinds == ["connected", "reconnecting", "fault", "error", "fault"]
    texts = [line.text for line in tape.drawn().conversation if line.what == "error"]
    assert texts == ["gone", ""]


# --- the user -------------------------------------------------------------------------------


def test_words_of_the_user() -> None:
    tape = Tape()
    tape.typed(0.0, "hello")
    say = {"wire": "say_line", "fields": {"text": "a line"}}
    tape.input(1.0, "submit", message=say, gives=2)
    tape.input(2.0, "submit", message={"wire": "camera_image", "fields": {"image": "AAAA"}})
    tape.input(3.0, "say_lines", lines=["one", "two"], gives=4)
    tape.event(3.0, "LineStarted", script=4, index=1)
    tape.event(3.0, "LineStarted", script=4, index=2)
    tape.event(3.0, "LineStarted", script=5, index=0)
    tape.input(3.5, "say_lines", lines="one", gives=6)
    tape.input(3.5, "submit", message={"wire": "client_interrupt", "fields": {}})
    found = [(item.kind, item.text) for item in tape.items("said")]
    assert found == [("typed", "hello"), ("line", "a line"), ("picture", ""), ("line", "two")]


def test_captions_and_what_was_understood() -> None:
    tape = Tape()
    tape.heard(1.0, "", final=False)
    tape.heard(1.2, "what", final=False)
    tape.heard(1.5, "what is", final=False)
    tape.heard(2.0, "what is it?")
    tape.heard(3.0, "")
    tape.heard(4.0, "at once")
    tape.heard(5.0, "cut", final=False)
    tape.input(6.0, "disconnect")
    first, second, third = tape.items("said")
    assert (first.at, first.until, first.text, first.marks) == (1.2, 2.0, "what is it?", (1.2, 1.5))
    assert (second.at, second.until) == (4.0, 4.0)
    assert (third.at, third.until, third.facts[-1]) == (5.0, 6.0, ("but", "never final"))


def test_speech_is_found_in_what_the_microphone_sends() -> None:
    tape = Tape()
    tape.event(0.5, "VoiceStarted")
    tape.event(0.5, "VoiceStarted", already_active=True)
    tape.speaks(1.0, 1.0, level=0)
    tape.speaks(2.0, 1.0)
    tape.speaks(3.0, 1.0, level=0)
    tape.speaks(4.0, 0.5)
    tape.speaks(10.0, 0.5)
    tape.event(12.0, "VoiceStopped")
    tape.event(12.0, "VoiceStopped")
    assert spans(tape, "speech") == [
        ("listening", 0.5, 12.0),
        ("speech", 1.94, 3.06),
        ("speech", 3.94, 4.5),
        ("speech", 10.0, 10.5),
    ]
    wave = tape.items("speech")[1].wave
    assert wave is not None
    assert (len(wave.peaks), max(wave.peaks), wave.seconds) == (56, 62, 1.12)
    assert wave.pcm == bytes(1920) + sound(1.0) + bytes(1920)


def test_sound_that_is_sent_faster_than_it_was_spoken_ends_when_it_was_sent() -> None:
    tape = Tape()
    for number in range(10):
        tape.spoken(1.0 + number / 100, sound(0.1))
    item = tape.one("speech")
    assert (round(item.at, 3), round(item.until, 3)) == (0.9, 1.09)
    assert item.facts == (("sound", "1.00 s"),)


def test_a_microphone_that_never_pauses_is_looked_at_each_minute() -> None:
    tape = Tape()
    tape.speaks(0.0, 70.0)
    assert spans(tape, "speech") == [("speech", 0.0, 60.0), ("speech", 60.0, 70.0)]


def test_silence_is_no_speech_and_voice_ends_with_the_capture() -> None:
    tape = Tape()
    tape.event(0.0, "VoiceStarted")
    tape.speaks(0.0, 3.0, level=100)
    tape.spoken(3.2, b"")
    tape.input(4.0, "disconnect")
    assert spans(tape, "speech") == [("listening", 0.0, 4.0)]


# --- the character --------------------------------------------------------------------------


def test_text_piece_by_piece() -> None:
    tape = Tape()
    tape.answer(1.0, "Hel")
    tape.answer(1.2, "Hello", partial="lo", is_interjection=True)
    tape.answer(1.3, "Hello", final=True)
    tape.answer(1.4, "", final=True)
    item = tape.one("text")
    assert (item.kind, item.text, item.at, item.until) == ("final", "Hello", 1.0, 1.4)
    assert item.marks == (1.0, 1.2)
    assert ("pieces", "2") in item.facts


@pytest.mark.parametrize(
    ("ends", "kind", "note"),
    [
        (lambda tape: None, "open", "no end of it in this capture"),
        (lambda tape: tape.sent(2.0, "client_interrupt"), "cut", "interrupted"),
        (lambda tape: tape.sent(2.0, "client_interrupt", message_id="m"), "cut", "interrupted"),
        (lambda tape: tape.sent(2.0, "client_interrupt", message_id="n"), "open", "no end of it"),
        (lambda tape: tape.event(2.0, "InterruptData", message_id="m"), "cut", "interrupted"),
        (lambda tape: tape.event(2.0, "Disconnected", reason="network"), "lost", "connection fell"),
    ],
)
def test_how_a_text_ends(ends: Any, kind: str, note: str) -> None:
    tape = Tape()
    tape.event(0.0, "PlaybackComplete", message_id="before", interrupted=False)
    tape.answer(1.0, "Hel")
    ends(tape)
    item = tape.one("text")
    assert item.kind == kind
    assert note in dict(item.facts)["but"]
    tape.answer(1.0, "Hello", final=True)
    assert tape.one("text").kind == ("final" if kind == "open" else kind)


def test_what_moderation_takes_back_is_not_shown() -> None:
    tape = Tape()
    tape.answer(1.0, "rude")
    tape.voice(1.0, sound(1.0))
    tape.event(1.1, "ModerationFlag", message_id="m", action="warned")
    tape.event(1.5, "ModerationFlag", message_id="m", action="redacted")
    tape.answer(1.6, "rude words", final=True)
    tape.voice(1.6, sound(1.0))
    tape.event(1.7, "ModerationFlag", message_id="m", action="redacted")
    tape.event(1.7, "ModerationFlag", message_id="other", action="redacted")
    found = tape.drawn()
    assert "rude" not in json.dumps(as_json(found))
    (item,), (voice,) = found.lane("text").items, found.lane("voice").items
    assert (item.kind, item.title) == ("taken back", "taken back")
    assert (voice.until, voice.wave) == (1.5, None)


def test_a_voice_without_a_player_is_heard_as_long_as_it_sounds() -> None:
    tape = Tape()
    tape.answer(1.0, "Hello")
    tape.voice(1.1, sound(0.5))
    tape.voice(1.2, sound(0.5), sample_rate="nonsense")
    tape.voice(4.0, sound(0.5), sample_rate=8000)
    item = tape.one("voice")
    assert (item.kind, item.at, item.until, item.text) == ("voice", 1.1, 4.5, "Hello")
    assert item.wave is not None
    assert item.wave.pcm == sound(1.5)
    assert item.facts == (("received", "1.50 s in 3 chunks"),)


def test_a_player_knows_better() -> None:
    tape = Tape()
    tape.voice(1.0, sound(1.0), sample_rate=8000)
    tape.event(1.5, "PlaybackStarted", message_id="m")
    tape.event(1.6, "PlaybackStarted", message_id="m")
    assert spans(tape, "voice") == [("voice", 1.5, 3.5)]
    tape.event(4.0, "PlaybackComplete", message_id="m", interrupted=False)
    assert spans(tape, "voice") == [("voice", 1.5, 4.0)]


def test_a_voice_is_silenced_and_what_was_not_heard_is_left_out() -> None:
    tape = Tape()
    tape.voice(1.0, sound(2.0))
    tape.event(1.5, "PlaybackComplete", message_id="m", interrupted=True)
    tape.sent(1.6, "client_interrupt")
    tape.event(1.7, "PlaybackComplete", message_id="m", interrupted=True)
    tape.voice(1.8, sound(0.5), late=True)
    item = tape.one("voice")
    assert (item.kind, item.until) == ("silenced", 1.5)
    assert item.wave is not None
    assert (item.wave.pcm, len(item.wave.peaks)) == (sound(0.5), 25)
    assert dict(item.facts) == {
        "received": "2.00 s in 1 chunks",
        "silenced after": "0.50 s",
        "came too late": "1 chunks, 0.50 s, never played",
    }


def test_an_interruption_after_the_last_sound_silences_nothing() -> None:
    tape = Tape()
    tape.voice(1.0, sound(0.5))
    tape.event(3.0, "PlaybackComplete", message_id="m", interrupted=True)
    assert spans(tape, "voice") == [("silenced", 1.0, 1.5)]
    tape = Tape()
    tape.voice(1.0, sound(0.5))
    tape.sent(3.0, "client_interrupt")
    assert spans(tape, "voice") == [("voice", 1.0, 1.5)]


def test_audio_that_the_capture_has_not() -> None:
    tape = Tape()
    tape.event(1.0, "BotVoice", audio="«9 characters, crc32 00000000»", message_id="m")
    tape.event(2.0, "BotVoice", audio="", message_id="n")
    tape.event(3.0, "BotVoice", audio=None, message_id="o")
    item = tape.one("voice")
    assert (item.at, item.until, item.wave) == (1.0, 1.0, None)


def test_what_came_and_was_not_told_is_not_mistaken_for_what_was() -> None:
    tape = Tape()
    tape.came(0.9, "bot_voice", audio="AAAA", message_id="dead")
    tape.voice(1.0, sound(0.2))
    tape.came(2.0, "bot_voice", audio="AQAB")
    tape.event(2.0, "BotVoice", audio="AQAB", message_id="m")
    wave = tape.one("voice").wave
    assert wave is not None
    assert wave.pcm == sound(0.2) + b"\x01\x00\x01"


def test_two_characters() -> None:
    tape = Tape()
    turn: dict[str, Any] = {"agent_id": "friend", "turn_number": 2}
    tape.event(1.0, "AgentTurnText", text="Hel", **turn)
    tape.event(1.1, "AgentTurnText", text="lo", **turn)
    tape.voice(1.1, sound(0.3), name="agent_turn_voice", **turn)
    tape.event(1.2, "AgentTurnComplete", text="Hello!", **turn)
    item, voice = tape.one("text"), tape.one("voice")
    assert (item.title, item.text, item.kind) == ("friend writes", "Hello!", "final")
    assert voice.message_id == item.message_id
    assert tape.measured("first_token") == []


def test_only_so_much_sound_is_kept() -> None:
    tape = Tape()
    tape.voice(0.0, sound(1.0), "a")
    tape.voice(50.0, sound(1.0), "b")
    tape.voice(100.0, sound(0.5), "c")
    waves = [item.wave for item in tape.drawn(max_sound=3 * RATE).lane("voice").items]
    assert [len(wave.pcm) if wave else 0 for wave in waves] == [2 * RATE, 0, RATE]
    assert all(wave and max(wave.peaks) == 62 for wave in waves)
    tape.event(100.2, "PlaybackComplete", message_id="a", interrupted=True)
    assert tape.items("voice")[0].until == 1.0


# --- what happens once ----------------------------------------------------------------------


def cuts(tape: Tape) -> list[tuple[str, float, float, str]]:
    return [(i.kind, i.at, i.until, i.message_id) for i in tape.items("interruptions")]


def test_an_interruption_and_its_confirmation() -> None:
    tape = Tape()
    tape.answer(1.0, "Hello")
    tape.sent(2.0, "client_interrupt")
    tape.event(2.3, "InterruptData", message_id="m", reason="client_interrupt")
    assert cuts(tape) == [("client", 2.0, 2.3, "m")]
    facts = (("reason", "client interrupt"), ("confirmed", "after 300 ms"))
    assert tape.one("interruptions").facts == facts


def test_confirmations_find_their_own() -> None:
    tape = Tape()
    for key, at in (("a", 1.0), ("b", 1.1)):
        tape.answer(at, "x", key)
    tape.sent(2.0, "client_interrupt", message_id="a")
    tape.sent(2.1, "client_interrupt", message_id="b")
    tape.event(2.5, "InterruptData", message_id="a")
    tape.event(2.6, "InterruptData", message_id=None)
    tape.event(2.7, "InterruptData", message_id="c", reason="user_speech")
    assert cuts(tape) == [
        ("client", 2.0, 2.5, "a"),
        ("client", 2.1, 2.6, "b"),
        ("server", 2.7, 2.7, "c"),
    ]


def test_what_interrupts_nothing_is_left_out() -> None:
    tape = Tape()
    tape.input(1.0, "press")
    tape.sent(1.0, "client_interrupt")
    tape.answer(2.0, "Hello")
    tape.sent(3.0, "client_interrupt")
    tape.event(20.0, "InterruptData", message_id="m")
    assert cuts(tape) == [("client", 3.0, 3.0, ""), ("server", 20.0, 20.0, "m")]
    assert tape.items("interruptions")[0].facts == (("confirmed", "never"),)


def test_actions_and_dropped_audio() -> None:
    tape = Tape()
    tape.event(1.0, "CharacterAction", name="wave", params={"times": 3}, message_id="m")
    tape.event(2.0, "CharacterAction", name="bow", params={})
    tape.event(3.0, "CameraCaptureRequest", text="Let me see.")
    tape.event(0.4, "AudioDropped", seconds=0.5, frames=5, reason="button_up")
    tape.event(5.0, "AudioDropped", seconds=True, frames=float("inf"))
    wave, bow, look = tape.items("actions")
    assert (wave.text, wave.facts, wave.message_id) == (
        "wave",
        (("parameters", '{"times": 3}'),),
        "m",
    )
    assert (bow.facts, look.kind, look.text) == ((), "look", "Let me see.")
    first, second = tape.items("dropped")
    assert (first.at, first.until) == (2.5, 3.0)
    assert first.facts == (("sound", "0.50 s in 5 pieces"), ("because", "button up"))
    assert second.title == "0.00 s dropped"


def test_the_conversation_in_order() -> None:
    tape = Tape()
    connected(tape, 0.5)
    tape.typed(1.0, "hello")
    tape.answer(1.5, "Hi", final=True)
    tape.event(1.2, "CharacterAction", name="wave", params={"a": 1})
    tape.event(3.0, "AudioDropped", seconds=1.0, frames=1, reason="muted")
    tape.voice(1.5, sound(0.1))
    found = [(line.who, line.what, line.text, line.note) for line in tape.drawn().conversation]
    assert found == [
        ("", "connected", "", ""),
        ("You", "you write", "hello", ""),
        ("Character", "character writes", "Hi", ""),
        ("Character", "wave", "wave", '{"a": 1}'),
        ("", "1.00 s dropped", "", "1.00 s in 1 pieces; because muted"),
    ]


# --- JSON -----------------------------------------------------------------------------------


def test_json_holds_everything_but_the_sound() -> None:
    tape = Tape()
    tape.typed(1.0, "hello")
    tape.answer(1.25, "Hi")
    tape.voice(1.5, sound(1.0))
    made = json.loads(json.dumps(as_json(tape.drawn())))
    assert (made["estuary_timeline"], made["seconds"], made["character"]) == (1, 2.5, "demo")
    lanes = {lane["key"]: lane["items"] for lane in made["lanes"]}
    assert lanes["said"] == [
        {"at": 1.0, "until": 1.0, "row": 0, "kind": "typed", "title": "you write", "text": "hello"}
    ]
    assert lanes["text"][0]["marks"] == [1.25]
    wave = lanes["voice"][0]["wave"]
    assert (wave["rate"], wave["seconds"], wave["heard"]) == (RATE, 1.0, True)
    assert b64decode(wave["peaks"]) == bytes([62]) * 50
    token = made["measures"][0]
    assert (token["samples"], token["median"], token["p90"]) == ([[1.0, 0.25]], 0.25, 0.25)
    assert made["measures"][3]["median"] is None
    assert made["conversation"][0]["text"] == "hello"


def test_a_named_confirmation_goes_to_the_interruption_of_that_name() -> None:
    tape = Tape()
    tape.answer(1.0, "x", "a")
    tape.answer(1.0, "x", "b")
    tape.sent(2.0, "client_interrupt", message_id="a")
    tape.sent(2.1, "client_interrupt")
    tape.event(2.5, "InterruptData", message_id="a")
    assert cuts(tape) == [("client", 2.0, 2.5, "a"), ("client", 2.1, 2.1, "")]


def test_attempts_that_the_capture_does_not_reach_are_not_marked() -> None:
    tape = Tape()
    connected(tape, 0.5)
    tape.event(4.0, "StateChanged", state="reconnecting")
    tape.event(4.0, "Reconnecting", attempt=1, delay=1.0)
    tape.event(5.5, "Reconnecting", attempt=2, delay=60.0)
    tape.input(9.0, "disconnect")
    assert tape.one("reconnects").marks == (5.0,)
