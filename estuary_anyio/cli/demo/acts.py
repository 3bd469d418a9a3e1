"""Steps of the demonstration: what characters do, see, and say to each other."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any, Final

import anyio

from estuary_proto.gateway import DEFAULT_FRIEND
from estuary_proto.models.agents import (
    AgentConversationComplete,
    AgentTurnComplete,
    AgentTurnText,
    AgentTurnVoice,
)
from estuary_proto.models.conversation import BotResponse

from .figures import check

if TYPE_CHECKING:
    from estuary_proto.models.conversation import CameraCaptureRequest, CharacterAction

    from ..screen import Flow
    from .stage import Stage

WIDTH: Final = 48
HEIGHT: Final = 32
TURNS: Final = 2


async def wave(stage: Stage) -> str:
    """The character does something, and the application's handler is called."""
    client = stage.client
    actions: list[CharacterAction] = []

    @client.action("wave")
    def wave_back(action: CharacterAction) -> None:
        actions.append(action)
        arguments = ", ".join(f"{name}={value!r}" for name, value in action.params.items())
        stage.happens(f"the app is called: wave({arguments})")

    try:
        await stage.ask("Please wave to me.")
    finally:
        client.off("client_action", wave_back)
    check(len(actions) == 1, f"it waved {len(actions)} times")
    return "the character waved, and said something along with it"


async def look(stage: Stage) -> str:
    """The character asks for a picture, is shown one, and says what it sees."""
    client = stage.client
    requests: list[CameraCaptureRequest] = []
    held = anyio.Event()
    picture = png(WIDTH, HEIGHT)
    size = len(picture)

    @client.camera
    async def take_picture(request: CameraCaptureRequest) -> bytes:
        # A picture is answered at once: what is being said about it is to be heard first.
        await held.wait()
        stage.happens(f"the app's camera: a PNG of {WIDTH} x {HEIGHT} pixels, {size} bytes")
        return picture

    client.on("camera_capture_request", requests.append)
    try:
        await stage.ask("What do you see?")
        check(len(requests) == 1, "it asked for no picture")
        async with client.events(BotResponse) as events:
            held.set()
            answer = await stage.hear(events, aloud=False)
    finally:
        client.off("camera_capture_request", client.answer_camera)
        client.off("camera_capture_request", requests.append)
    seen = f"{size} bytes" in answer.text and "image/png" in answer.text
    check(seen, f"{size} bytes of image/png are not in {answer.text!r}")
    return "it asked for a picture, and saw what it was shown"


def png(width: int, height: int) -> bytes:
    """A picture: evening over the sea."""
    rows = bytearray()
    for y in range(height):
        light = y / height
        sea = light > 0.6
        rows.append(0)  # No filter.
        for x in range(width):
            sun = (x - width / 2) ** 2 + (y - height * 0.6) ** 2 < (height / 4) ** 2
            if sea:
                rows += bytes((20, 40 + 60 * (y % 2), 120))
            elif sun:
                rows += bytes((255, 220, 120))
            else:
                rows += bytes((int(80 + 160 * light), 80, int(140 - 90 * light)))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


async def two(stage: Stage) -> str:
    """Two characters talk to each other, each in its turn."""
    client = stage.client
    turns: list[AgentTurnComplete] = []
    before = stage.counted.heard
    streamed = ""
    flow: Flow | None = None
    kinds: tuple[type[Any], ...] = (
        AgentTurnText, AgentTurnVoice, AgentTurnComplete, AgentConversationComplete
    )  # fmt: skip
    async with client.events(*kinds) as events:
        client.start_agent_conversation(stage.gateway.character_id, DEFAULT_FRIEND, max_turns=TURNS)
        while True:
            event = await stage.next(events, f"turn {len(turns) + 1} of the conversation")
            if isinstance(event, AgentTurnText):
                flow = flow or stage.answer(event.agent_id)
                flow.add(event.text)
                streamed += event.text
            elif isinstance(event, AgentTurnComplete):
                assert flow is not None
                stage.screen.close(flow)
                check(event.text == streamed, "the pieces are not the whole turn")
                flow, streamed = None, ""
                turns.append(event)
                if len(turns) == TURNS:
                    client.stop_agent_conversation()
                else:
                    stage.screen.say("  (which is heard before the other one answers)", "dim")
            elif isinstance(event, AgentConversationComplete):
                break
    check(len(turns) == event.total_turns == TURNS, f"there were {len(turns)} turns")
    check(len({turn.agent_id for turn in turns}) == TURNS, "one of them did not speak")
    words = sum(len(turn.text.split()) for turn in turns)
    aloud = stage.seconds(stage.counted.heard - before)
    return f"{TURNS} turns of {words} words, {aloud:.1f} s of voice; the end: {event.reason}"
