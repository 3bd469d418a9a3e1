"""Asking a server which side it takes: a few short texts and lines, on sessions of their own.

What would destroy something or cost more than that is not asked.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from estuary_proto.errors import EstuaryError
from estuary_proto.intents import Interrupt, SayLine, SendText, StartVoice, StopVoice
from estuary_proto.models.pcm import decode_or_empty

from ..exits import is_there
from . import contradictions as judge
from .contradictions import TOPICS, Voice, told
from .findings import Verdict
from .walk import open_line
from .way import Failed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from estuary_proto.config import EstuaryConfig

    from .findings import Sheet
    from .line import Line

QUESTION: Final = "Please tell me a very short story, in three sentences."
LINE: Final = "One, two, three."
LONG: Final = " ".join([LINE] * 8)
"""Long enough to be cut short."""
QUIET: Final = 2.0
"""Seconds without a piece after which a voice is taken to have ended."""
RATES: Final = (16000, 24000)
NONSENSE: Final = "estuary_doctor_asks"
"""An event that no server knows."""


@dataclass
class Probe:
    """What was found so far: a side, or why there is none."""

    config: EstuaryConfig
    within: float
    sides: dict[str, str | None] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)

    def says(self, number: str, side: str | None, why: str) -> None:
        """The side of one row; `why` there is none."""
        self.sides[number] = side
        if side is None:
            self.why[number] = why

    @asynccontextmanager
    async def session(self, **changes: Any) -> AsyncGenerator[Line, None]:
        """A session; `changes` of what it joins with, None leaves a field out."""
        auth: Mapping[str, Any] = {
            name: value
            for name, value in (self.config.auth() | changes).items()
            if value is not None
        }
        line = await open_line(self.config, self.within, auth)
        try:
            # Some servers speak to nobody who does not listen and talk.
            line.send(StartVoice())
            await line.until(lambda: bool(line.events("voice_started")), min(QUIET, self.within))
            yield line
            if line.closed is None:
                line.send(StopVoice())
        finally:
            await line.aclose()


async def probe(sheet: Sheet, config: EstuaryConfig, within: float) -> None:
    """Ask, and report each row."""
    asking = Probe(config, within)
    for ask in (_talk, _rates, _search):
        try:
            await ask(asking)
        except (Failed, EstuaryError) as error:
            text = error.text if isinstance(error, Failed) else error.message
            for number in _OF[ask]:
                if number not in asking.sides:
                    asking.says(number, None, f"the session broke: {text}")
    for number, topic in TOPICS.items():
        side = asking.sides.get(number)
        if topic.untried:
            text = f"{topic.about}: not asked, since {topic.untried}"
            sheet.add(number, Verdict.SKIP, text, side=None, asked=False)
        elif side is None:
            why = asking.why.get(number, "nothing that came says so")
            sheet.add(number, Verdict.SKIP, f"{topic.about}: {why}", side=None, asked=True)
        else:
            sheet.add(number, Verdict.OK, told(number, side), side=side, asked=True)


# --- in one session -----------------------------------------------------------------------------


async def _talk(asking: Probe) -> None:
    async with asking.session() as line:
        offered = line.events("session_info")
        asking.says("C8", judge.room(offered[0] if offered else None), "no session_info came")
        await _question(asking, line)
        await _nonsense(asking, line)
        await _cut_short(asking, line)


async def _question(asking: Probe, line: Line) -> None:
    since = len(line.conn.heard)
    line.send(SendText(QUESTION))

    def answers() -> list[Any]:
        given = [one for one in line.events("bot_response", since) if isinstance(one, dict)]
        return [one for one in given if not one.get("is_interjection")]

    if not await line.until(lambda: any(one.get("is_final") for one in answers()), asking.within):
        if line.closed is not None:
            raise line.closed.error
        for number in ("C1", "C2", "C13"):
            asking.says(number, None, f"no answer came within {asking.within:g} s")
        return
    asking.says("C1", judge.pieces(answers()), "the answer came in one piece")
    asking.says("C2", judge.partial(answers()), "no piece has the field")
    if await _is_heard(line, since, asking.within):
        asking.says("C13", "A", "")
        return
    since = len(line.conn.heard)
    line.say("text", {"text": QUESTION, "textOnly": False})
    aloud = await _is_heard(line, since, asking.within)
    asking.says("C13", "B" if aloud else None, "this character has no voice")


async def _is_heard(line: Line, since: int, within: float) -> bool:
    """Whether anything is said aloud from there on."""

    def heard() -> bool:
        return any(isinstance(o, dict) and o.get("audio") for o in line.events("bot_voice", since))

    return await line.until(heard, within)


async def _voice(line: Line, since: int, within: float) -> Voice:
    """What is heard from there on, until it ends or nothing more comes."""

    def pieces() -> list[dict[str, Any]]:
        return [one for one in line.events("bot_voice", since) if isinstance(one, dict)]

    wait = within
    while not any(one.get("is_final") for one in pieces()):
        if not await _more(line, pieces, wait):
            break
        wait = QUIET
    heard = pieces()
    sizes = [len(decode_or_empty(str(one.get("audio") or ""))) for one in heard]
    named = {one.get("sample_rate") for one in heard}
    return Voice(sum(sizes), frozenset(rate for rate in named if isinstance(rate, int)))


async def _more(line: Line, pieces: Callable[[], list[Any]], within: float) -> bool:
    """Whether another piece comes."""
    before = len(pieces())
    return await line.until(lambda: len(pieces()) > before, within)


async def _nonsense(asking: Probe, line: Line) -> None:
    since = len(line.conn.heard)
    line.say(NONSENSE, {})
    line.say("camera_image", {"image": "", "mime_type": "image/jpeg"})
    await line.until(lambda: bool(line.events("error", since)), min(QUIET, asking.within))
    came = line.events("error", since)
    why = "what makes no sense is ignored in silence"
    asking.says("C6", judge.error(came[0]) if came else None, why)


async def _cut_short(asking: Probe, line: Line) -> None:
    since = len(line.conn.heard)
    line.send(SayLine(LONG))

    def begun() -> bool:
        return bool(line.events("bot_response", since) or line.events("bot_voice", since))

    await line.until(begun, asking.within)
    line.send(Interrupt())
    await line.until(lambda: bool(line.events("interrupt", since)), asking.within)
    came = line.events("interrupt", since)
    why = "`interrupt` has no such field" if came else "no `interrupt` came"
    asking.says("C5", judge.moment(came[0]) if came else None, why)


# --- in sessions of several rates ---------------------------------------------------------------


async def _rates(asking: Probe) -> None:
    asked = {rate: await _line_at(asking, rate) for rate in RATES}
    unasked = await _line_at(asking, None)
    mute = "this character has no voice" if not unasked.size else ""
    asking.says("C4", judge.spoken_rate(asked), mute or "the voice says nothing of its rate")
    why = mute or "the voice names no rate, or another one"
    asking.says("C7", judge.default_rate(unasked, asked), why)


async def _line_at(asking: Probe, rate: int | None) -> Voice:
    async with asking.session(audio_sample_rate=rate) as line:
        since = len(line.conn.heard)
        line.send(SayLine(LINE))
        return await _voice(line, since, asking.within)


# --- over HTTP ----------------------------------------------------------------------------------


async def _search(asking: Probe) -> None:
    if not is_there("httpx"):
        for number in ("C10", "C14"):
            asking.says(number, None, "it needs httpx: pip install 'estuary-anyio[gateway]'")
        return
    from .rest import ask_memories

    seen = await ask_memories(asking.config, asking.within)
    side = judge.search(seen.post, seen.get, seen.found)
    asking.says("C10", side, f"POST answers {seen.post}, GET {seen.get}")
    asking.says(
        "C14", judge.scope(seen.refusal), "this key lacks no scope that reading memories takes"
    )


_OF: Final = {_talk: ("C1", "C2", "C5", "C6", "C8", "C13"), _rates: ("C4", "C7"),
              _search: ("C10", "C14")}  # fmt: skip
