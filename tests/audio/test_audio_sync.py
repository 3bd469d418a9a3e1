"""A microphone and a loudspeaker for code without `await`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from estuary_anyio import LocalProtocolError, PlaybackComplete, VoiceSessionState
from estuary_anyio.sync import EstuaryClient, VoiceSession
from tests.audio.card import Card, playing
from tests.audio.sound import tone

if TYPE_CHECKING:
    from estuary_anyio import EstuaryConfig
    from estuary_audio import SoundEvent

TALK = (tone(440, 1.2, 48000, 0.6) + bytes(3 * 48000)) * 8
"""Somebody says something, and is silent; again and again."""


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_conversation(sound_card: Card, estuary_config: EstuaryConfig, backend: str) -> None:
    states: list[VoiceSessionState] = []
    sounds: list[SoundEvent] = []

    async def in_the_loop(event: SoundEvent) -> None:
        sounds.append(event)

    with EstuaryClient(estuary_config, backend=backend) as client, playing("mic", TALK):
        client.connect()
        heard = client.events(PlaybackComplete, timeout=30)
        session = VoiceSession(client, on_state=states.append, on_playback_event=in_the_loop)
        assert (session.client, session.is_started) == (client, False)
        with session:
            assert session.is_started
            session.volume = 0.5
            assert session.volume == 0.5
            assert session.echo is not None
            assert next(heard).message_id
            assert session.input_level() >= 0
            assert session.output_level() >= 0
        assert session.state is VoiceSessionState.STOPPED
    assert states[0] is VoiceSessionState.STARTING
    assert VoiceSessionState.SPEAKING in states
    assert states[-1] is VoiceSessionState.STOPPED
    assert sounds


def test_what_is_wrong_is_raised(sound_card: Card, estuary_config: EstuaryConfig) -> None:
    with EstuaryClient(estuary_config) as client:
        with pytest.raises(LocalProtocolError, match="sample_rate is 8000"):
            VoiceSession(client, sample_rate=8000)
        client.connect()
        session = VoiceSession(client)
        session.start()
        with pytest.raises(LocalProtocolError, match="started already"):
            session.start()
        session.stop()
        with pytest.raises(ZeroDivisionError), session:
            raise ZeroDivisionError
        assert not session.is_started
