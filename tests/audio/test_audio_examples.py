"""The examples with a sound card: the README's, and those of the page that users know (002)."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

import anyio
import pytest

from estuary_anyio import (
    EstuaryClient,
    EstuaryConfig,
    PlaybackComplete,
    SttResponse,
    VoiceMode,
    VoiceSession,
)
from estuary_anyio.gateway import serve_gateway
from tests.audio.card import Card, playing
from tests.audio.sound import tone
from tests.test_readme import BLOCKS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from estuary_anyio.gateway import Gateway

pytestmark = pytest.mark.anyio

TALK = (tone(440, 1.2, 48000, 0.6) + bytes(3 * 48000)) * 8
"""Somebody says something, and is silent; again and again."""


@pytest.fixture
async def gateway_here() -> AsyncIterator[Gateway]:
    async with serve_gateway(stt="none", tts="tone") as gateway:
        yield gateway


async def test_the_readme_talks(sound_card: Card, gateway_here: Gateway) -> None:
    (program,) = [code for language, code in BLOCKS if "VoiceSession(" in code]
    environment = {
        "ESTUARY_SERVER_URL": gateway_here.url,
        "ESTUARY_API_KEY": gateway_here.api_key,
        "ESTUARY_CHARACTER_ID": gateway_here.character_id,
        "ESTUARY_PLAYER_ID": "reader",
    }
    with playing("mic", TALK), anyio.fail_after(40):
        done = await anyio.run_process(
            [sys.executable, "-c", program], env={**os.environ, **environment}, check=False
        )
    shown = done.stdout.decode().splitlines()
    assert done.returncode == 0, done.stderr.decode()[-500:]
    assert shown[0].startswith("you: ")
    assert shown[-1].startswith("character: ")


async def test_continuous_mode(sound_card: Card, gateway_here: Gateway) -> None:
    config = EstuaryConfig(gateway_here.url, "est_dev", gateway_here.character_id, "me")

    async def main() -> None:
        async with EstuaryClient(config) as client:
            await client.connect()

            async with VoiceSession(client, mode=VoiceMode.CONTINUOUS) as session:
                # Microphone is streaming, speaker plays responses automatically.
                assert session.is_started
                await client.wait_for(PlaybackComplete, timeout=30)

    with playing("mic", TALK):
        await main()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_push_to_talk_mode(sound_card: Card, gateway_here: Gateway) -> None:
    config = EstuaryConfig(gateway_here.url, "est_dev", gateway_here.character_id, "me")
    async with EstuaryClient(config) as client:
        await client.connect()
        heard = client.events(SttResponse)
        with playing("mic", TALK):
            async with VoiceSession(client, mode=VoiceMode.PUSH_TO_TALK) as session:
                # User presses button
                await session.start_recording()

                await asyncio.sleep(3)

                # User releases button -- triggers end-of-turn
                await session.stop_recording()
                with anyio.fail_after(10):
                    async for transcript in heard:
                        if transcript.is_final:
                            break
