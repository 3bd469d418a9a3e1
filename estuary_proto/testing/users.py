"""Who uses a client, and what it was promised."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from ..capture import replay
from ..events import AckSettled, LinesEnded, ReplyEnded, Settled, VoiceSettled
from ..intents import SendText
from .operations import LINES

if TYPE_CHECKING:
    from collections.abc import Iterable

REFUSABLE: Final = frozenset(
    "submit ask start_voice stop_voice press release send_audio say_lines speak".split()
)
"""What a client may refuse its user."""

NUMBERS: Final[dict[type[Any], str]] = {
    Settled: "receipt",
    AckSettled: "receipt",
    ReplyEnded: "reply",
    LinesEnded: "script",
    VoiceSettled: "request",
}
"""What comes once for each number that was given, and under which name it carries it."""


def holds(condition: object, what: str) -> None:
    """Raise AssertionError with these words unless it is so."""
    if not condition:
        raise AssertionError(what)


def replays(lines: Iterable[str]) -> None:
    """Check that a fresh client does the same again, all that a capture tells."""
    difference = replay(lines).difference
    holds(difference is None, f"it replays: {difference}")


class User:
    """Does with a client (or a Recorder) what operations say, and notes what it was promised."""

    def __init__(self, core: Any, now: float) -> None:
        self.core: Any = core
        self.now: float = now
        self.promised: dict[type, list[int]] = {kind: [] for kind in NUMBERS}

    def use(self, verb: str, args: tuple[Any, ...]) -> None:
        """Perform one operation; raises what the client raises."""
        own = getattr(self, f"do_{verb}", None)
        if own is not None:
            own(*args)
        else:
            getattr(self.core, verb)(*args, now=self.now)

    def kept(self, events: list[Any]) -> None:
        """Check that what was promised came once among these events, and nothing twice."""
        for kind, promised in self.promised.items():
            told = Counter(getattr(e, NUMBERS[kind]) for e in events if type(e) is kind)
            missing = [number for number in promised if told[number] != 1]
            holds(not missing, f"{kind.__name__} comes once for each: {missing}")
            holds(all(count == 1 for count in told.values()), f"{kind.__name__} comes once")

    def do_submit(self, message: Any, ack_within: float | None) -> None:
        """A message, which settles once."""
        receipt = self.core.submit(message, now=self.now, ack_within=ack_within)
        self.promised[Settled].append(receipt)
        if ack_within is not None:
            self.promised[AckSettled].append(receipt)

    def do_ask(self, timeout: float | None, concurrent: bool) -> None:
        """A question, whose reply ends once."""
        number = self.core.ask(SendText("hi"), now=self.now, timeout=timeout, concurrent=concurrent)
        self.promised[ReplyEnded].append(number)

    def do_start_voice(self, mode: Any) -> None:
        """Voice is wanted."""
        self.promised[VoiceSettled].append(self.core.start_voice(mode, now=self.now))

    def do_stop_voice(self) -> None:
        """Voice is not wanted any more."""
        self.promised[VoiceSettled].append(self.core.stop_voice(now=self.now))

    def do_send_audio(self, pcm: bytes, live: bool) -> None:
        """Sound from a microphone, or from elsewhere."""
        receipt = self.core.send_audio(pcm, now=self.now, live=live)
        if receipt:
            self.promised[Settled].append(receipt)

    def do_say_lines(self, gap: float, text_only: bool, loop: bool) -> None:
        """A script, which ends once."""
        number = self.core.say_lines(
            list(LINES), now=self.now, gap=gap, line_timeout=3.0, text_only=text_only, loop=loop
        )
        self.promised[LinesEnded].append(number)
