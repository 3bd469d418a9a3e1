"""`estuary gateway --mic-rate`, which no field of the wire can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from estuary_anyio import EstuaryClient, EstuaryConfig
from tests.gateway.sounds import silence, tone

if TYPE_CHECKING:
    from collections.abc import Callable


async def test_the_microphone_has_the_rate_that_it_was_told(gateway: Callable[..., Any]) -> None:
    _, url = gateway("--mic-rate", "8000", "--stt", "none")
    config = EstuaryConfig(url, "est_dev", "demo", "p", mic_sample_rate=8000)
    heard: list[str] = []
    done = anyio.Event()

    def understood(said: Any) -> None:
        if said.is_final:
            heard.append(said.text)
            done.set()

    async with EstuaryClient(config) as client:
        client.on("stt_response", understood)
        await client.connect()
        await client.start_voice()
        await client.send_audio(tone(1.0, rate=8000) + silence(0.6, rate=8000))
        with anyio.fail_after(10):
            await done.wait()
    assert heard == ["(1.0 s of speech)"]


def test_a_rate_that_is_none(ended: Callable[..., tuple[int, str, str]]) -> None:
    status, out, err = ended("gateway", "--mic-rate", "44")
    assert (status, out) == (2, "")
    assert "--mic-rate" in err
