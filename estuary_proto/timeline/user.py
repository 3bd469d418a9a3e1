"""The user: sound on its way to the server, what was understood of it, what was typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .news import clean, fields
from .shapes import PEAKS_PER_SECOND, Item, Wave
from .sound import peaks_of, unheard, utterances

if TYPE_CHECKING:
    from .news import News
    from .sound import Keeper

JOINED: Final = 0.35
"""Seconds between two pieces of sound that still belong together."""

LONG: Final = 60.0
"""Seconds after which a microphone that never pauses is looked at, so that memory is bounded."""

_CLOSED = ("VoiceStopped", "VoiceTimeout", "VoiceError", "Disconnected")


class Speaking:
    """Makes the lane "speech": when the server listened, and what went up to it."""

    def __init__(self, rate: int, keeper: Keeper) -> None:
        self.items: list[Item] = []
        self.releases: list[float] = []
        """When the button went up."""
        self.unknown: list[tuple[float, float]] = []
        """From when until when the user may have spoken and the capture has not the sound of it."""
        self._rate = rate
        self._keeper = keeper
        self._open: float | None = None
        self._sent = False
        """Whether sound went up in frames since the server listens; else it may in a room."""
        self._pcm = bytearray()
        self._withheld = 0
        self._begun = self._last = 0.0

    def add(self, news: News) -> None:
        """Take it, if it is about the microphone."""
        if news.kind == "sent" and news.name == "stream_audio":
            self._sound(news.at, news.pcm, news.withheld)
        elif news.kind == "input" and news.name == "release":
            self.releases.append(news.at)
        elif news.kind == "event" and news.name == "VoiceStarted":
            if self._open is None:
                self._open, self._sent = news.at, False
        elif news.kind == "event" and news.name in _CLOSED:
            self._shut(news.at)

    def close(self, at: float) -> None:
        """The capture ends here."""
        self._end_run()
        self._shut(at)

    def _shut(self, at: float) -> None:
        if self._open is not None:
            self.items.append(Item(self._open, at, "listening", "the server listens"))
            if not self._sent:
                self.unknown.append((self._open, at))
        self._open = None

    def _sound(self, at: float, pcm: bytes, withheld: int) -> None:
        self._sent = True
        begins = at - (len(pcm) + withheld) / 2 / self._rate
        runs = self._pcm or self._withheld
        if runs and (begins > self._last + JOINED or at > self._begun + LONG):
            self._end_run()
            runs = False
        if not runs:
            self._begun = max(begins, self._last, 0.0)
        self._pcm += pcm
        self._withheld += withheld
        self._last = max(self._last, at)

    def _end_run(self) -> None:
        if self._withheld:
            # When somebody spoke is not known: this is all that the microphone has heard.
            wave = unheard(self._withheld, self._rate)
            facts = (("sound", f"{wave.seconds:.2f} s, withheld from the capture"),)
            title = "your microphone"
            self.items.append(
                Item(self._begun, self._last, "microphone", title, "", facts, wave=wave)
            )
            self.unknown.append((self._begun, self._last + JOINED))
            self._withheld = 0
        pcm, self._pcm = bytes(self._pcm), bytearray()
        peaks = peaks_of(pcm, self._rate)
        # Sound from a file may be sent faster than it was spoken.
        pace = (self._last - self._begun) / max(1, len(peaks))
        size = 2 * (self._rate // PEAKS_PER_SECOND)
        for first, last in utterances(peaks):
            part = pcm[first * size : last * size]
            seconds = len(part) / 2 / self._rate
            wave = Wave(self._rate, seconds, peaks[first:last], self._keeper.keep(part))
            at, until = self._begun + first * pace, self._begun + last * pace
            facts = (("sound", f"{seconds:.2f} s"),)
            self.items.append(Item(at, until, "speech", "you speak", "", facts, wave=wave))


class Saying:
    """Makes the lane "said": words of the user, typed or understood."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self._captions: list[float] = []
        self._text = ""
        self._scripts: dict[Any, list[Any]] = {}

    def add(self, news: News) -> None:
        """Take it, if it is something that the user says."""
        if news.kind == "input":
            self._input(news.at, news.name, news.data)
        elif news.kind == "event" and news.name == "SttResponse":
            self._heard(news.at, clean(news.data.get("text")), news.data.get("is_final") is True)
        elif news.kind == "event" and news.name == "LineStarted":
            lines = self._scripts.get(str(news.data.get("script")), [])
            index = news.data.get("index")
            if isinstance(index, int) and 0 <= index < len(lines):
                self._moment(news.at, "line", "a line to say", clean(lines[index]))

    def close(self, at: float) -> None:
        """The capture ends here."""
        if self._captions:
            self._heard(at, self._text, True, "never final")

    def _moment(self, at: float, kind: str, title: str, text: str) -> None:
        self.items.append(Item(at, at, kind, title, text))

    def _input(self, at: float, verb: str, data: dict[str, Any]) -> None:
        if verb in ("submit", "ask"):
            message = fields(data.get("message"))
            wire, said = message.get("wire"), fields(message.get("fields"))
            text = clean(said.get("text"))
            if wire == "text":
                self._moment(at, "typed", "you write", text)
            elif wire == "say_line":
                self._moment(at, "line", "a line to say", text)
            elif wire == "camera_image":
                self._moment(at, "picture", "you show a picture", text)
        elif verb == "say_lines" and isinstance(data.get("lines"), list):
            self._scripts[str(data.get("gives"))] = data["lines"]

    def _heard(self, at: float, text: str, final: bool, note: str = "") -> None:
        if not final:
            if text:
                self._captions.append(at)
                self._text = text
            return
        marks, self._captions, self._text = tuple(self._captions), [], ""
        if text:
            facts = (("captions", str(len(marks))), *((("but", note),) if note else ()))
            begun = marks[0] if marks else at
            self.items.append(Item(begun, at, "heard", "you say", text, facts, marks=marks))
