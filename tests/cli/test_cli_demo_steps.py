"""`estuary demo`: each step that is acted, shown or said aloud fails when something is wrong."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from estuary_anyio.cli.demo.acts import png

if TYPE_CHECKING:
    from collections.abc import Callable

    Ended = Callable[..., tuple[int, str, str]]

SIZE = len(png(48, 32))

PROGRAM = """
import sys
from estuary_anyio.cli.demo.show import run_demo
from estuary_anyio.cli.exits import Stop
{patch}
try:
    sys.exit(run_demo(sys.argv[1], None, **{settings!r}))
except Stop as stop:
    sys.exit(f"{{stop.status}} {{stop.message}}")
"""


def failed(ended: Ended, backend: str, patch: str = "", **settings: Any) -> str:
    """How the demonstration fails with these settings of `run_demo`, behind this patch."""
    program = PROGRAM.format(patch=patch, settings=settings)
    status, out, err = ended(backend, program=("-c", program))
    assert status == 1
    assert "passed" not in out
    return err


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (
            {"when": {"text": {"contains": "wave"}}, "do": {"say": "No."}},
            "1 step 5 (an action) failed: it waved 0 times\n",
        ),
        (
            {"when": {"text": {"contains": "do you see"}}, "do": {"say": "Nothing."}},
            "1 step 6 (a picture) failed: it asked for no picture\n",
        ),
        (
            {"when": "camera_image", "instead": True, "do": {"say": "I see a cat."}},
            f"1 step 6 (a picture) failed: {SIZE} bytes of image/png are not in 'I see a cat.'\n",
        ),
        (
            {
                "when": "start_agent_conversation",
                "instead": True,
                "do": {"emit": {"event": "error", "error": "They are not at home"}},
            },
            "1 step 7 (two characters) failed: turn 1 of the conversation never came "
            "(They are not at home)\n",
        ),
        (
            {
                "when": "start_agent_conversation",
                "do": {
                    "emit": {
                        "event": "agent_conversation_complete",
                        "reason": "timeout",
                        "total_turns": 0,
                    }
                },
            },
            "1 step 7 (two characters) failed: there were 0 turns\n",
        ),
        (
            {"when": "start_voice", "instead": True, "do": {"emit": {"event": "voice_started"}}},
            "1 step 8 (speech, both ways) failed: "
            "what was understood of it (is it speech?) never came\n",
        ),
        (
            {"when": {"event": "client_interrupt", "nth": 3}, "instead": True, "do": {"wait": 0}},
            "1 step 9 (an interruption, aloud) failed: the answer went on to its end\n",
        ),
        (
            {"when": "say_line", "instead": True, "do": {"say": "I forgot."}},
            "1 step 10 (scripted lines) failed: it said 'I forgot.', not 'The tide is in.'\n",
        ),
        (
            {"when": {"event": "joining", "nth": 2}, "do": {"refuse": "The house is full"}},
            "1 step 11 (a dropped connection) failed: the connection has ended "
            "(the server refused the connection: The house is full)\n",
        ),
    ],
)
def test_a_server_that_does_otherwise(ended: Ended, rule: dict[str, Any], says: str) -> None:
    assert failed(ended, "asyncio", rules=[rule]) == says


def test_a_character_without_a_voice(ended: Ended) -> None:
    says = "1 step 8 (speech, both ways) failed: the voice of the answer never came\n"
    assert failed(ended, "trio", voice="never") == says


MARKS_NOTHING = """
from estuary_proto.playback import Playback
Playback.interrupt = lambda self, message_id, under_way, now: None
"""
FORGETS_VOICE = """
from functools import partial
from estuary_anyio.cli.demo import show
show.EstuaryConfig = partial(show.EstuaryConfig, resume_voice_on_reconnect=False)
"""


@pytest.mark.parametrize(
    ("patch", "says"),
    [
        (MARKS_NOTHING, "9 (an interruption, aloud) failed: a late chunk would have been played"),
        (
            FORGETS_VOICE,
            "11 (a dropped connection) failed: a new connection, with voice never came",
        ),
    ],
)
def test_a_client_that_does_otherwise(ended: Ended, patch: str, says: str) -> None:
    assert failed(ended, "trio", patch) == f"1 step {says}\n"


def test_the_picture_is_a_png() -> None:
    data = png(48, 32)
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = {}, 8
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", data, at + 8 + size)[0] == zlib.crc32(kind + body)
        chunks[kind] = body
        at += 12 + size
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    assert chunks[b"IHDR"] == struct.pack(">IIBBBBB", 48, 32, 8, 2, 0, 0, 0)
    assert len(zlib.decompress(chunks[b"IDAT"])) == 32 * (1 + 3 * 48)
