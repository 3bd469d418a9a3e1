"""The ears and the voice of a gateway of ours, as options say."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from estuary_anyio.gateway import SpeechEndpoint
from estuary_proto.errors import EstuaryError

from .exits import Exit, Stop, need

if TYPE_CHECKING:
    from collections.abc import Mapping

    from estuary_anyio.gateway import Gateway

_KEYS: Final = "ESTUARY_{}_API_KEY"
_ANY_KEY: Final = "OPENAI_API_KEY"


@dataclass(frozen=True)
class SpeechOptions:
    """As `GatewayConfig` takes them."""

    stt: str = "auto"
    tts: str = "auto"
    stt_endpoint: SpeechEndpoint | None = None
    tts_endpoint: SpeechEndpoint | None = None


NOTHING_SAID: Final = SpeechOptions()


def speech_of(given: Mapping[str, Any]) -> SpeechOptions:
    """The options of that kind. Raises Stop for those that do not go together."""
    stt, tts = (_endpoint(name, given) for name in ("stt", "tts"))
    return SpeechOptions(given["stt"], given["tts"], stt, tts)


def _endpoint(name: str, given: Mapping[str, Any]) -> SpeechEndpoint | None:
    url, chosen = given[f"{name}_url"], given[name]
    details = {
        key: value
        for key in ("model", "voice")
        if (value := given.get(f"{name}_{key}")) is not None
    }
    if url is None:
        if chosen == "openai":
            raise Stop(f"--{name} openai needs --{name}-url", Exit.USAGE)
        if details:
            raise Stop(f"--{name}-{next(iter(details))} is for --{name}-url", Exit.USAGE)
        return None
    if chosen not in ("auto", "openai"):
        raise Stop(f"--{name}-url is not for --{name} {chosen}", Exit.USAGE)
    need("gateway", "httpx")
    key = os.environ.get(_KEYS.format(name.upper())) or os.environ.get(_ANY_KEY, "")
    try:
        return SpeechEndpoint(url, api_key=key, **details)
    except EstuaryError as error:
        raise Stop(f"--{name}-url:{error.message.partition(':')[2]}", Exit.USAGE) from error


def hears(gateway: Gateway) -> str:
    """What it understands, and what would understand more."""
    return {
        "none": "how long you speak (--stt-url, or pip install 'estuary-anyio[speech]', for words)",
        "pocketsphinx": "clear English, with pocketsphinx (--stt-url for a better recogniser)",
    }.get(gateway.stt, "with the recogniser of --stt-url")


def speaks(gateway: Gateway) -> str:
    """How it speaks, and what would be better."""
    return {
        "tone": "in tones (--tts-url, or install flite, for words)",
        "openai": "with the voice of --tts-url",
    }.get(gateway.tts, f"with {gateway.tts}")
