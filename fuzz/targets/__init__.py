"""The targets by name: each a plain function of bytes that raises what it finds.

A new parser gets a line in `PLACES`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Final

Target = Callable[[bytes], None]

PLACES: Final = {
    "json_text": "codecs",
    "engine_io": "codecs",
    "socket_io": "codecs",
    "message": "codecs",
    "any_model": "codecs",
    "action_tags": "codecs",
    "transcript": "codecs",
    "websocket": "wires",
    "handshake": "wires",
    "answer": "answers",
    "http_date": "answers",
    "turn_stream": "answers",
    "model_events": "answers",
    "capture": "captures",
    "har": "hars",
    "client_connection": "cores",
    "server_connection": "cores",
    "client": "cores",
    "gateway": "minds",
    "pair": "ends",
    "talk": "ends",
}
"""Name -> the module that it lives in."""

PARSERS: Final = tuple(
    name for name, place in PLACES.items() if place not in ("cores", "minds", "ends")
)
"""What reads bytes or text; the others read operation lists."""

MOST: Final = {"websocket": 2000, "handshake": 2000, "turn_stream": 1500, "action_tags": 6000}
"""The longest input of a target where it is not 600 bytes."""


def target(name: str) -> Target:
    """The function of this name; loads its module."""
    found: Target = getattr(import_module(f"fuzz.targets.{PLACES[name]}"), name)
    return found
