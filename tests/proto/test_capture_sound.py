"""Captures without sound: nothing of it is left, and they replay all the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from estuary_proto.capture import Recorder, read, replay
from estuary_proto.capture.forms import value_of
from estuary_proto.capture.sound import hushed, hushed_frame, hushed_text, silent
from estuary_proto.events import PlaybackComplete
from estuary_proto.intents import AudioPlaybackComplete, StreamAudio
from estuary_proto.messages import UnknownEvent
from estuary_proto.models.conversation import BotVoice
from estuary_proto.models.pcm import encode_pcm
from estuary_proto.models.session import VoiceMode
from estuary_proto.models.voice import VoiceStarted
from tests.proto.taped import CONFIG, Taped

SOUND = bytes(range(1, 251)) * 8
HASH = hushed_text(encode_pcm(SOUND)).split()[-1]


def quiet_pair() -> Taped:
    pair = Taped()
    pair.lines.clear()
    pair.recorder = Recorder(CONFIG, pair.lines.append, seed=7, audio=False)
    pair.client = pair.recorder  # type: ignore[assignment]
    return pair


def spoken(pair: Taped) -> None:
    """Sound both ways, whole, short, damaged, by hand and as bytes."""
    pair.connect()
    client: Any = pair.client
    client.start_voice(VoiceMode.CONTINUOUS, now=pair.now)
    pair.advance(0.1)
    pair.tell(VoiceStarted())
    pair.advance(0.1)
    for _ in range(3):
        client.send_audio(SOUND, now=pair.now, live=True)
        pair.advance(0.02)
    client.send_audio(SOUND[:2], now=pair.now)
    pair.submit(StreamAudio(encode_pcm(SOUND)))
    pair.submit(UnknownEvent("blob", (SOUND, {"audio": encode_pcm(SOUND)}, {"audio": [SOUND]})))
    pair.tell(BotVoice(encode_pcm(SOUND), message_id="m"))
    pair.tell(BotVoice(encode_pcm(SOUND[:4]), message_id="m"))
    pair.tell(BotVoice("", message_id="m", is_final=True))
    pair.link.inject('42/sdk,["bot_voice",{"audio":"no base64!","message_id":"n"}]')
    pair.link.inject('42/sdk,["bot_voice",{"audio":"AQ\\/B","message_id":"n"}]')
    pair.link.inject('451-/sdk,["blob",{"_placeholder":true,"num":0}]')
    pair.link.inject(SOUND)
    pair.advance(0.1)
    client.playback_started("m", now=pair.now)
    pair.submit(AudioPlaybackComplete("m"))
    pair.advance(3.0)
    pair.link.inject('42/sdk,["bot_voice",{"audio":"\\x')
    pair.advance(0.1)


def test_a_capture_without_sound_replays_equal_and_holds_none() -> None:
    pair = quiet_pair()
    spoken(pair)
    pair.check()
    assert pair.of(PlaybackComplete)
    text = "".join(pair.lines)
    assert json.loads(pair.lines[0])["audio"] is False
    for size in (8, 40, 400):
        for begin in (0, 1, 2):
            assert encode_pcm(SOUND[begin : begin + size]).rstrip("=")[:-2] not in text
    assert encode_pcm(SOUND[:4]) not in text
    assert text.count(f"«pcm 2000 {HASH}") > 4


def test_with_sound_it_is_all_there() -> None:
    pair = Taped()
    spoken(pair)
    pair.check()
    assert encode_pcm(SOUND) in "".join(pair.lines)


def test_a_sound_of_another_length_is_a_difference() -> None:
    pair = quiet_pair()
    spoken(pair)
    text = "".join(pair.lines).replace('"pcm":{"«pcm»":"«pcm 2000', '"pcm":{"«pcm»":"«pcm 1998', 1)
    assert replay(text.splitlines()).difference is not None


def test_what_stands_for_sounds() -> None:
    assert hushed_text("") == ""
    assert hushed_text("«api_key»") == "«api_key»"
    assert hushed_text("!").startswith("«damaged 1 ")
    assert hushed_frame('42/sdk,["x",{"audio" : "!"').startswith('42/sdk,["x",{"audio" : "«damaged')
    assert hushed_frame('{"audio":"\\x"}') == '{"audio":"\\x"}'
    assert hushed({"got": {"audio": 5, "frame": ["AAAA"]}}) == {
        "got": {"audio": 5, "frame": ["AAAA"]}
    }
    assert silent({"x": ["«pcm 3 0123456789abcdef»", 1]}) == {"x": ["AAAA", 1]}
    assert silent({"«pcm»": "«pcm 3 0123456789abcdef»"}) == {"«bytes»": "AAAA"}
    assert value_of({"«pcm»": "«pcm 3 0123456789abcdef»"}) == b"\0\0\0"


def test_a_reader_sees_frames_of_the_same_size() -> None:
    pair = quiet_pair()
    spoken(pair)
    frames = [entry.frame for entry in read(pair.lines)]
    assert bytes(len(SOUND)) in frames


@pytest.mark.parametrize("odd", ["«pcm x»", "«damaged 3 0123456789abcdef»"])
def test_a_broken_stand_in_is_no_sound(odd: str) -> None:
    with pytest.raises(ValueError, match="base64|[Pp]adding|ascii|ASCII"):
        value_of({"«pcm»": odd})
