"""What may be said with `send_audio`, and where its samples begin."""

from __future__ import annotations

from array import array
from typing import Any

import pytest

from estuary_proto.errors import LocalProtocolError
from estuary_proto.intents import Interrupt
from estuary_proto.models.conversation import BotVoice
from estuary_proto.models.pcm import encode_pcm
from tests.proto.talker import BUTTON, SECOND, TENTH, Talker
from tests.proto.taped import Taped

SAMPLES = array("h", range(1600))
FLOATS = array("f", [0.5] * 1600)


@pytest.mark.parametrize("audio", [SAMPLES, memoryview(SAMPLES), SAMPLES.tobytes()])
def test_samples_as_they_are(audio: Any) -> None:
    talk = Talker()
    talk.start()
    talk.say(audio)
    assert talk.pcm == SAMPLES.tobytes()


@pytest.mark.parametrize("audio", [FLOATS, memoryview(FLOATS), array("i", range(100))])
def test_other_samples_would_be_noise(audio: Any) -> None:
    talk = Talker()
    talk.start()
    with pytest.raises(LocalProtocolError, match="not of 16 bit integers"):
        talk.say(audio)
    assert talk.heard == "("


@pytest.mark.parametrize("audio", [SAMPLES, memoryview(SAMPLES), memoryview(FLOATS), FLOATS, "x"])
def test_whatever_is_said_replays(audio: Any) -> None:
    pair = Taped()
    pair.connect()
    client: Any = pair.client
    client.start_voice("continuous", now=pair.now)
    pair.advance(0.1)
    try:
        client.send_audio(audio, now=pair.now, live=1)
    except LocalProtocolError:
        assert audio is not SAMPLES
    pair.advance(0.1)
    pair.check()


def test_a_stream_in_odd_pieces_keeps_its_samples_through_a_mute() -> None:
    talk = Talker()
    talk.start()
    sound = bytes(range(60))
    for at in range(0, 60, 3):
        talk.client.mute(18 < at < 33, now=talk.now)
        talk.say(sound[at : at + 3])
    # A sample of which a half was muted is left out or in as a whole.
    assert talk.pcm == sound[:20] + sound[32:]
    assert talk.pcm[20] % 2 == 0


def test_a_press_that_waits_for_its_turn_is_not_suppressed() -> None:
    talk = Talker(acks=False, suppress_mic_during_playback=True)
    talk.start(BUTTON)
    talk.press()
    talk.ack()
    talk.release()
    talk.says(BotVoice(encode_pcm(SECOND * 5), "m"))
    talk.press()  # The end of the first turn is not acknowledged yet.
    talk.say(TENTH)
    talk.ack()
    assert [type(one) for one in talk.link.heard].count(Interrupt) == 2
    talk.ack()
    talk.release()
    assert talk.pcm == TENTH
    assert talk.dropped == []
