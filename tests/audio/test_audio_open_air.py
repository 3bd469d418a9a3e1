"""Conversations over an open loudspeaker: a room between the two sides of the virtual sound card.

.venv/bin/python -m pytest -m long -s tests/audio/test_audio_open_air.py
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from estuary_anyio import EchoHandling, EstuaryClient, VoiceSession
from tests.audio.apart import gateway
from tests.audio.conversing import Answers, Conversation, Report, device_delay, echoes, sentences
from tests.audio.live_room import Air, LiveRoom
from tests.speech.flite import need

if TYPE_CHECKING:
    from pathlib import Path

    from tests.audio.card import Card

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("ample_machine")]

SOON = 0.5
"""Seconds from the user's onset until the character is silent."""
ROOM = Air(delay=0.05, reverberation=0.06, distortion=0.2)
WORSE = Air(delay=0.12, reverberation=0.1, distortion=0.3, noise=-55)
NEAR = Air(delay=0.03, reverberation=0.06, distortion=0.2)
FAR = Air(delay=0.2, reverberation=0.06, distortion=0.2)
"""0.3 s with what the devices add."""


async def converse(
    folder: Path,
    air: Air,
    echo: str,
    loudness: float,
    number: int,
    *,
    seed: str = "",
    livekit: str = "",
) -> Report:
    """So many interruptions by sentences that nobody has seen before."""
    pytest.importorskip("pocketsphinx", reason="not installed: the extra [speech]")
    need("flite")
    seed = seed or str(time.time_ns())
    with LiveRoom(air, folder) as room, gateway(livekit) as config:
        delay = await device_delay(room)
        async with EstuaryClient(config) as client:
            await client.connect()
            answers = Answers(client)
            talk = Conversation(client, room, delay, loudness=loudness, seed=seed)
            session = VoiceSession(client, echo=echo, on_playback_event=talk.told)
            async with session:
                assert session.echo is EchoHandling(echo)
                assert client.voice_transport == config.voice_transport
                report = await talk.run(session, sentences(number, seed))
    report.echoes = echoes(report, answers.texts)
    print(f"\n{echo}, {air}, seed {seed}: {report}")
    return report


WAYS = [("cancel", 1.0), ("suppress", 2.0)]
"""And how loud a user is, beside a loudspeaker whose echo is half as loud as itself."""


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("anyio_backend", "way"),
    [("asyncio", WAYS[0]), ("trio", WAYS[1])],
    ids=["asyncio-cancel", "trio-suppress"],
)
async def test_a_user_is_heard_and_the_character_is_not(
    sound_card: Card, tmp_path: Path, anyio_backend: Any, way: tuple[str, float]
) -> None:
    report = await converse(tmp_path, ROOM, *way, number=2)
    check(report)
    assert report.word_error < 0.5


def check(report: Report) -> None:
    """What holds however much is understood."""
    assert report.self_interruptions == []
    assert report.ghosts == []
    assert report.echoes == []
    for turn in report.turns:
        assert turn.silent is not None
        assert turn.silent <= SOON


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
@pytest.mark.parametrize("way", WAYS, ids=["cancel", "suppress"])
@pytest.mark.parametrize(
    ("air", "enough"),
    [(ROOM, 0.9), (WORSE, 0.9), (NEAR, 0.9), (FAR, 0.8)],
    ids=["room", "worse", "near", "far"],
)
async def test_five_minutes(
    sound_card: Card,
    tmp_path: Path,
    anyio_backend: Any,
    air: Air,
    enough: float,
    way: tuple[str, float],
) -> None:
    report = await converse(tmp_path, air, *way, number=28)
    check(report)
    assert report.seconds > 300
    assert report.understood >= enough
