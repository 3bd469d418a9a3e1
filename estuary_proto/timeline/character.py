"""The character: what it writes, how long it is heard, and what silences it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from ..capture.forms import brief
from .news import clean, rate_of
from .shapes import Item
from .sound import shortened, unheard

if TYPE_CHECKING:
    from .news import News
    from .shapes import Wave
    from .sound import Keeper

MAX_WAITING: Final = 256
"""Pieces of audio that may have come in and not been told yet."""

SETTLED: Final = 30.0
"""Seconds after its end when no more of a voice is to be expected."""

_ENDS = {
    "final": "",
    "open": "no end of it in this capture",
    "cut": "interrupted",
    "lost": "the connection fell",
    "taken back": "taken back by moderation",
}


@dataclass(slots=True)
class Message:
    """What one message has come to."""

    key: str
    who: str = ""
    at: float | None = None
    until: float = 0.0
    text: str = ""
    pieces: list[float] = field(default_factory=list)
    end: str = "open"
    interjection: bool = False
    # Its voice.
    begun: float | None = None
    ends: float = 0.0
    chunks: int = 0
    pcm: bytearray = field(default_factory=bytearray)
    withheld: int = 0
    """Bytes of it that the capture has the length of alone."""
    wave: Wave | None = None
    """What `pcm` has become, once no more of it is to come."""
    rate: int = 0
    late: float = 0.0
    late_chunks: int = 0
    reported: bool = False
    silent: float | None = None
    """When it was silenced."""
    complete: float | None = None
    """When a player said that it had been heard."""

    @property
    def heard_until(self) -> float:
        """When the voice ends, as far as the capture tells."""
        if self.silent is not None:
            return max(self.begun or 0.0, min(self.ends, self.silent))
        if self.reported and self.complete is not None:
            return max(self.begun or 0.0, self.complete)
        return self.ends


class Answering:
    """Makes the lanes "text" and "voice" from messages."""

    def __init__(self, rate: int, keeper: Keeper) -> None:
        self.messages: dict[str, Message] = {}
        self.cuts: set[float] = set()
        """When something was interrupted."""
        self._rate = rate
        self._keeper = keeper
        # Those whose sound is still held.
        self._fresh: list[Message] = []
        self._waiting: deque[tuple[str, bytes, int]] = deque(maxlen=MAX_WAITING)

    def add(self, news: News) -> None:
        """Take it, if it comes from the character."""
        if news.kind == "came":
            self._waiting.append((_form_of(news), news.pcm, news.withheld))
        elif news.kind == "sent" and news.name == "client_interrupt":
            self._cut(news.at, news.message_id)
        elif news.kind == "event" and (take := _EVENTS.get(news.name)):
            take(self, news)

    def _message(self, key: str, who: str = "") -> Message:
        return self.messages.setdefault(key, Message(key, who))

    # --- text ------------------------------------------------------------------------------

    def _response(self, news: News) -> None:
        message = self._message(news.message_id)
        message.interjection = news.data.get("is_interjection") is True
        text = clean(news.data.get("text"))
        self._piece(message, news.at, text, bool(news.data.get("partial")))
        if news.data.get("is_final") is True and message.end == "open":
            message.end = "final"

    def _piece(self, message: Message, at: float, text: str, new: bool) -> None:
        if message.end == "taken back":
            return
        if message.at is None:
            message.at = at
        message.until = at
        message.text = text or message.text
        if new:
            message.pieces.append(at)

    def _turn_text(self, news: News) -> None:
        message = self._turn(news.data)
        self._piece(message, news.at, message.text + clean(news.data.get("text")), True)

    def _turn_complete(self, news: News) -> None:
        message = self._turn(news.data)
        self._piece(message, news.at, clean(news.data.get("text")), False)
        message.end = "final"

    def _turn(self, data: dict[str, Any]) -> Message:
        who = clean(data.get("agent_id"))
        return self._message(clean(f"{who}, turn {data.get('turn_number')}"), who)

    # --- voice -----------------------------------------------------------------------------

    def _voice(self, news: News) -> None:
        self._chunk(self._message(news.message_id), news)

    def _turn_voice(self, news: News) -> None:
        self._chunk(self._turn(news.data), news)

    def _chunk(self, message: Message, news: News) -> None:
        pcm, withheld = self._sound_of(news.audio)
        rate = news.data.get("sample_rate")
        if not message.rate:
            message.rate = rate_of(rate, self._rate)
        seconds = (len(pcm) + withheld) / 2 / message.rate
        if news.data.get("late") is True:
            message.late += seconds
            message.late_chunks += 1
            return
        if not news.audio or message.end == "taken back":
            return
        if message.begun is None:
            message.begun = message.ends = news.at
            self._seal(news.at - SETTLED)
            self._fresh.append(message)
        message.chunks += 1
        message.pcm += pcm
        message.withheld += withheld
        message.ends = max(message.ends, news.at) + seconds

    def _seal(self, before: float) -> None:
        """Let go of the sound of messages that were over by then: peaks, and what may be kept."""
        for message in [one for one in self._fresh if one.ends < before]:
            self._fresh.remove(message)
            if message.pcm:
                message.wave = self._keeper.wave(bytes(message.pcm), message.rate)
                message.pcm = bytearray()
            elif message.withheld:
                message.wave = unheard(message.withheld, message.rate)

    def _sound_of(self, shown: str) -> tuple[bytes, int]:
        """The audio of the frame that an event was made from, and how much of it was withheld."""
        for number, (form, pcm, withheld) in enumerate(self._waiting):
            if form in (brief(shown), shown.partition(",")[0]):
                for _ in range(number + 1):
                    self._waiting.popleft()
                return pcm, withheld
        return b"", 0

    def _played(self, news: News) -> None:
        message = self._message(news.message_id)
        if message.begun is not None and not message.reported:
            message.ends += news.at - message.begun
            message.begun = news.at
        message.reported = True

    def _done(self, news: News) -> None:
        message = self._message(news.message_id)
        if news.data.get("interrupted") is True:
            if message.silent is None:
                message.silent = news.at
        else:
            message.complete = news.at

    # --- endings ---------------------------------------------------------------------------

    def _interrupted(self, news: News) -> None:
        self._cut(news.at, news.message_id)

    def _cut(self, at: float, key: str) -> None:
        """An interruption of this message, or of all that are under way."""
        named = [self.messages[key]] if key in self.messages else []
        for message in named if key else list(self.messages.values()):
            if message.end == "open" and message.at is not None:
                message.end = "cut"
                self.cuts.add(at)
            if message.silent is None and message.begun is not None and at < message.ends:
                message.silent = at
            if message.silent == at:
                self.cuts.add(at)

    def _redacted(self, news: News) -> None:
        if news.data.get("action") != "redacted":
            return
        message = self._message(news.message_id)
        message.text, message.pcm, message.wave = "", bytearray(), None
        message.end = "taken back"
        if message.begun is not None and message.silent is None:
            message.silent = news.at

    def _fell(self, news: News) -> None:
        for message in self.messages.values():
            if message.end == "open" and message.at is not None:
                message.end = "lost"

    # --- the lanes -------------------------------------------------------------------------

    @property
    def texts(self) -> list[Item]:
        """What was written, message by message."""
        made = []
        for message in self.messages.values():
            if message.at is None:
                continue
            facts = [("pieces", str(len(message.pieces)))]
            if why := _ENDS[message.end]:
                facts.append(("but", why))
            if message.interjection:
                facts.append(("unasked", "yes"))
            title = f"{message.who or 'character'} writes"
            if message.end == "taken back":
                title = "taken back"
            made.append(
                Item(
                    message.at, message.until, message.end, title, message.text, tuple(facts),
                    message.key, tuple(message.pieces),
                )
            )  # fmt: skip
        return made

    @property
    def voices(self) -> list[Item]:
        """What was heard, message by message; the audio behind the end of it is left out."""
        self._seal(float("inf"))
        made = []
        for message in self.messages.values():
            if message.begun is None:
                continue
            until = message.heard_until
            wave, cut = message.wave, message.silent is not None
            received = wave.seconds if wave else 0.0
            facts = [("received", f"{received:.2f} s in {message.chunks} chunks")]
            if message.withheld:
                facts.append(("sound", "withheld from the capture"))
            if cut:
                facts.append(("silenced after", f"{until - message.begun:.2f} s"))
                wave = shortened(wave, until - message.begun) if wave else None
            if message.late_chunks:
                late = f"{message.late_chunks} chunks, {message.late:.2f} s, never played"
                facts.append(("came too late", late))
            kind, title = ("silenced", "silenced") if cut else ("voice", "character speaks")
            made.append(
                Item(
                    message.begun, until, kind, title, message.text, tuple(facts),
                    message.key, wave=wave,
                )
            )  # fmt: skip
        return made


def _form_of(news: News) -> str:
    """What the audio of a frame looks like in its event: of what was withheld, all but its hash."""
    characters = 4 * ceil(news.withheld / 3)
    is_long = brief("x" * characters).startswith("«")
    return f"«{characters} characters" if is_long else brief(news.audio)


_EVENTS = {
    "BotResponse": Answering._response,
    "BotVoice": Answering._voice,
    "AgentTurnText": Answering._turn_text,
    "AgentTurnComplete": Answering._turn_complete,
    "AgentTurnVoice": Answering._turn_voice,
    "PlaybackStarted": Answering._played,
    "PlaybackComplete": Answering._done,
    "InterruptData": Answering._interrupted,
    "ModerationFlag": Answering._redacted,
    "Disconnected": Answering._fell,
}
