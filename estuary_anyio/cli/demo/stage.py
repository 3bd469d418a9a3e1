"""What the steps of the demonstration share: asking, showing what comes, and counting it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import anyio

from estuary_proto.errors import EstuaryError
from estuary_proto.models.conversation import BotResponse, BotVoice

from .figures import Counted, Wrong, check

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from estuary_anyio.client import EstuaryClient
    from estuary_anyio.gateway import Gateway
    from estuary_anyio.streams import EventStream
    from estuary_proto.models.agents import AgentTurnVoice
    from estuary_proto.models.conversation import SttResponse

    from ..screen import Flow, Screen
    from ..sound import Sound

STEP_WITHIN: Final = 15.0
"""Seconds after which a step has failed."""

NEWS_WITHIN: Final = 3.0
"""Seconds in which something comes, while something is to come."""

CUT_AT: Final = 12
"""The piece of an answer at which it is interrupted, or the connection cut."""

T = TypeVar("T")


@dataclass
class Answer:
    """What the character said without being asked in writing. `heard` is bytes of PCM in `chunks`,
    the first of them at the time `began`."""

    text: str = ""
    message_id: str = ""
    heard: int = 0
    chunks: int = 0
    began: float = 0.0


class Stage:
    """The client and the gateway, and what the user says aloud."""

    def __init__(
        self, screen: Screen, client: EstuaryClient, gateway: Gateway, sound: Sound
    ) -> None:
        self.screen = screen
        self.client = client
        self.gateway = gateway
        self.sound = sound
        self.counted: Counted = Counted()
        self.faults: list[EstuaryError] = []
        self.rate: int = client.config.audio_sample_rate
        client.on("bot_response", self._read)
        client.on("bot_voice", self._heard)
        client.on("agent_turn_voice", self._heard)
        client.on("stt_response", self._understood)
        client.on("client_action", self._acted)
        client.on("interrupt", self.counted.confirmed.append)
        client.on("error", self.faults.append)

    # --- counting ----------------------------------------------------------------------------

    def _read(self, response: BotResponse) -> None:
        self.counted.pieces += bool(response.partial)

    def _heard(self, voice: BotVoice | AgentTurnVoice) -> None:
        self.counted.heard += len(voice.pcm)
        self.counted.late += isinstance(voice, BotVoice) and voice.late

    def _understood(self, speech: SttResponse) -> None:
        self.counted.turns += speech.is_final and bool(speech.text)

    def _acted(self, action: Any) -> None:
        self.counted.actions += 1

    def seconds(self, heard: int) -> float:
        """How long so many bytes of the character's voice are."""
        return heard / 2 / self.rate

    # --- showing -----------------------------------------------------------------------------

    def passed(self, shown: str) -> None:
        """A line for what is as it should be."""
        mark = "\u2713" if self.screen.can_show("\u2713") else "ok:"
        self.screen.say(f"  {mark} {shown}", "green")

    def happens(self, what: str) -> None:
        """A line for what is done, or happens, beside the conversation."""
        self.screen.say(f"  {what}", "yellow")

    def answer(self, who: str = "") -> Flow:
        """A place for what a character says."""
        return self.screen.answer(f"  {who or self.gateway.character_id} > ", always=True)

    # --- talking -----------------------------------------------------------------------------

    async def ask(
        self,
        text: str,
        midway: Callable[[], Awaitable[None]] | None = None,
        *,
        text_only: bool = False,
    ) -> str:
        """Ask, show the answer as it comes, and do `midway` in the middle of it."""
        self.screen.say(f"  you > {text}")
        flow: Flow | None = None  # What is done comes before what is said to it.
        reply = self.client.ask(text, text_only=text_only, timeout=STEP_WITHIN)
        self.counted.turns += 1
        seen = 0
        try:
            async for piece in reply:
                flow = flow or self.answer()
                flow.add(piece.text)
                seen += 1
                if seen == CUT_AT and midway is not None:
                    await midway()
        except EstuaryError:
            self.screen.close(flow or self.answer(), "...")
            raise
        self.screen.close(flow or self.answer())
        whole = await reply.final()
        check(whole.text == reply.partial, "the pieces are not the whole answer")
        return whole.text

    async def next(self, events: EventStream[T], missing: str) -> T:
        """The next of `events`. Raises Wrong when nothing comes, which is then `missing`."""
        with anyio.move_on_after(NEWS_WITHIN):
            async for event in events:
                return event
            raise Wrong("the connection has ended")
        raise Wrong(f"{missing} never came")

    async def hear(self, events: EventStream[Any], *, aloud: bool) -> Answer:
        """The answer that comes next in `events`, shown as it comes; `aloud` with its voice."""
        found = Answer()
        flow: Flow | None = None
        written, spoken = False, not aloud
        try:
            while not (written and spoken):
                missing = "the voice of the answer" if written else "the text of the answer"
                event = await self.next(events, missing)
                if isinstance(event, BotResponse):
                    flow = flow or self.answer()
                    flow.add(event.partial)
                    found.text, found.message_id = event.text, event.message_id
                    written = event.is_final
                    if written:
                        self.screen.close(flow)
                elif isinstance(event, BotVoice) and not event.late:
                    self._listen(event, found)
                    spoken = event.is_final
        except Wrong:
            if flow is not None and not written:
                self.screen.close(flow, "...")
            raise
        return found

    def _listen(self, voice: BotVoice, found: Answer) -> None:
        found.began = found.began or anyio.current_time()
        found.heard += len(voice.pcm)
        found.chunks += 1
        rate = voice.sample_rate or self.rate
        check(rate == self.rate, f"the voice has {rate} Hz, {self.rate} were wanted")
