"""Steps of the demonstration: what is written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from estuary_proto.errors import ReplyInterrupted

from .figures import Wrong, check

if TYPE_CHECKING:
    from .stage import Stage

NAME: Final = "Ada"


async def stream(stage: Stage) -> str:
    """An answer comes in pieces."""
    before = stage.counted.pieces
    text = await stage.ask("Tell me a story.")
    pieces = stage.counted.pieces - before
    check(pieces > 1, "the answer came in one piece")
    return f"{len(text)} characters came in {pieces} pieces"


async def remember(stage: Stage) -> str:
    """What was told is known later."""
    await stage.ask(f"Hello! My name is {NAME}.")
    await stage.ask("I live in a small house by the sea.")
    return await recall(stage)


async def recall(stage: Stage) -> str:
    """Whether the character knows the name."""
    text = await stage.ask("What is my name?", text_only=True)
    check(re.search(rf"\b{NAME}\b", text) is not None, f"{NAME!r} is not in {text!r}")
    return f'"{NAME}" is in the answer'


async def interrupt(stage: Stage) -> str:
    """An answer is cut short."""
    before = len(stage.counted.confirmed)

    async def cut() -> None:
        stage.client.interrupt()

    try:
        await stage.ask("Tell me another story.", cut)
    except ReplyInterrupted as error:
        said = len(error.partial.split())
    else:
        raise Wrong("the answer went on to its end")
    check(len(stage.counted.confirmed) == before + 1, "the server did not confirm it")
    return f"the character stopped after {said} words, and the server confirmed it"
