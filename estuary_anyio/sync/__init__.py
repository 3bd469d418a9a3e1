"""The client without `await`, for scripts and notebooks.

    from estuary_anyio.sync import EstuaryClient

    with EstuaryClient(config) as client:
        client.connect()
        print(client.send_text_and_wait("Who are you?").text)

Models, events and errors are those of `estuary_anyio`. Names load on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .answers import Receipt, Reply, Script
    from .client import EstuaryClient
    from .gateway import Gateway, serve_gateway
    from .iterators import EventStream, ReplyVoice
    from .replay import ReplayServer
    from .rest_clients import Pages, TurnStream
    from .voice_session import VoiceSession

_HOMES = {
    "EstuaryClient": "client",
    "EventStream": "iterators",
    "Gateway": "gateway",
    "Pages": "rest_clients",
    "Receipt": "answers",
    "ReplayServer": "replay",
    "Reply": "answers",
    "ReplyVoice": "iterators",
    "Script": "answers",
    "TurnStream": "rest_clients",
    "VoiceSession": "voice_session",
    "serve_gateway": "gateway",
}

__all__ = [
    "EstuaryClient",
    "EventStream",
    "Gateway",
    "Pages",
    "Receipt",
    "ReplayServer",
    "Reply",
    "ReplyVoice",
    "Script",
    "TurnStream",
    "VoiceSession",
    "serve_gateway",
]


def __getattr__(name: str) -> Any:
    """Load what is asked for, when it is asked for."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
