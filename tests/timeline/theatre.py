"""Sessions in virtual time: a recorded client, the gateway's mind, a microphone, a loudspeaker.

Everything that a capture of it holds has happened: the same client, the same server, half an hour
in a second or two.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from heapq import heappop, heappush
from itertools import count
from math import pi, sin
from random import Random
from struct import pack
from typing import TYPE_CHECKING, Any

from estuary_proto.capture import Recorder
from estuary_proto.config import EstuaryConfig
from estuary_proto.errors import EstuaryError
from estuary_proto.events import Dial, HangUp, PlaybackComplete
from estuary_proto.gateway import MemoryStore, Outside, ServerConfig, ServerSession
from estuary_proto.gateway.commands import Say
from estuary_proto.intents import AudioPlaybackComplete, Interrupt, SendText
from estuary_proto.models.conversation import BotVoice
from estuary_proto.models.session import VoiceMode

if TYPE_CHECKING:
    from collections.abc import Callable

    Speak = Callable[[str], bytes]

RATE = 16000
PIECE = 0.1
KEY = "est_theatre-secret-51f0"
NEAR, FAR = 0.02, 0.04
"""Seconds that a frame takes at least, and on the average beyond that."""
CONFIG = EstuaryConfig("http://gateway.test", KEY, "demo", "visitor", auto_interrupt=True)
STORIES = ("Tell me a story.", "What is your name?", "What is my name?", "Please wave to me.")


@lru_cache(maxsize=256)
def babble(text: str) -> bytes:
    """A sound with a syllable for every few letters, and nothing to understand."""
    made: list[int] = []
    for number, letter in enumerate(text[::3]):
        length, high = RATE // 9, 130 + 3 * (ord(letter) % 32)
        level = 0 if letter in " ." else 6000 + 2500 * (number * 7 % 9)
        made += (
            round(level * sin(pi * i / length) * sin(2 * pi * high * i / RATE))
            for i in range(length)
        )
    return pack(f"<{len(made)}h", *made)


class Theatre:
    """See the module. `speak` turns a text into PCM16 mono at 16 kHz, for both sides."""

    def __init__(
        self,
        *,
        config: EstuaryConfig = CONFIG,
        speak: Speak = babble,
        **server: Any,
    ) -> None:
        self.now = 1000.0
        self.lines: list[str] = []
        self.events: list[Any] = []
        self._speak = speak
        settings = {"api_keys": (config.api_key,), "word_interval": 0.07, "voice": "auto"}
        self._server = ServerConfig(**{**settings, **server})
        self._memory = MemoryStore()
        self._numbers = count(1)
        self._chance = Random(7)
        self._last: dict[int, float] = {}
        self.client = Recorder(
            config, self.lines.append, seed=3, started="2026-03-01T10:00:00.000+00:00"
        )
        self._links: dict[int, ServerSession] = {}
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._playing: dict[str, float] = {}
        self.stalled = False
        """The client's socket is full."""

    # --- what somebody does ----------------------------------------------------------------

    def connect(self) -> None:
        self.client.connect(now=self.now)
        self.advance(1.0)

    def write(self, text: str, wait: float = 0.0) -> None:
        self.client.ask(SendText(text), now=self.now)
        self.advance(wait)

    def interrupt(self) -> None:
        self.client.submit(Interrupt(), now=self.now)
        self.advance(0.0)

    def listen(self) -> None:
        self.client.start_voice(VoiceMode.CONTINUOUS, now=self.now)
        self.advance(0.5)

    def say(self, text: str, wait: float = 0.0) -> None:
        """Say it into the open microphone, then be silent for so long."""
        self.hear(bytes(2 * RATE // 5) + self._speak(text))
        self.hear(bytes(2 * round(RATE * wait)))

    def hear(self, pcm: bytes) -> None:
        """The microphone hears this, as fast as it sounds."""
        size = 2 * round(RATE * PIECE)
        for at in range(0, len(pcm), size):
            part = pcm[at : at + size]
            self.advance(len(part) / 2 / RATE)
            # A microphone does not ask whether anybody listens.
            with suppress(EstuaryError):
                self.client.send_audio(part, now=self.now, live=True, settles=False)
            self.advance(0.0)

    def understands(self, *said: str) -> None:
        """What a session that begins from now on takes speech for, in turn."""
        self._server = replace(self._server, hears=said)

    def cut(self) -> None:
        """The network falls."""
        number = self.client.link
        self._links.pop(number, None)
        self.stalled = False
        self.client.receive_eof(number, now=self.now)
        self.advance(0.0)

    def end(self) -> list[str]:
        """Say goodbye; returns the capture."""
        self.client.disconnect(now=self.now)
        self.advance(1.0)
        return self.lines

    # --- the time --------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Let time pass, moment by moment."""
        until = self.now + seconds
        self._step()
        while (at := self._next()) is not None and at <= until:
            self.now = max(self.now, at)
            if self._due and self._due[0][0] <= self.now:
                heappop(self._due)[2]()
            else:
                self.client.handle_timeout(now=self.now)
                for server in list(self._links.values()):
                    server.handle_timeout(now=self.now)
            self._step()
        self.now = until

    def _next(self) -> float | None:
        due = [self._due[0][0]] if self._due else []
        halves: list[Any] = [self.client, *self._links.values()]
        due += [half.deadline.at for half in halves if half.deadline is not None]
        return min(due, default=None)

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        heappush(self._due, (self.now + seconds, next(self._numbers), action))

    def _step(self) -> None:
        moved = True
        while moved:
            moved = False
            while (command := self.client.next_command()) is not None:
                moved = True
                if isinstance(command, Dial):
                    self._dial(command.link)
            for number, server in list(self._links.items()):
                moved = self._carry(number, server) or moved
            while (event := self.client.next_event()) is not None:
                moved = True
                self.events.append(event)
                self._play(event)

    # --- the network -----------------------------------------------------------------------

    def _dial(self, number: int) -> None:
        numbers = self._numbers
        server = ServerSession(
            self._server,
            memory=self._memory,
            entropy=lambda size: next(numbers).to_bytes(size, "big"),
            outside=Outside(voice=True),
        )

        def opened() -> None:
            self._links[number] = server
            server.start(now=self.now)
            self.client.opened(number, now=self.now)

        self._after(self._lag(number), opened)

    def _lag(self, way: int) -> float:
        """How long the next thing on this way takes; nothing overtakes."""
        at = self.now + NEAR + self._chance.expovariate(1 / FAR)
        self._last[way] = max(at, self._last.get(way, 0.0))
        return self._last[way] - self.now

    def _carry(self, number: int, server: ServerSession) -> bool:
        moved = False
        while not self.stalled and (frame := self.client.next_frame(number)) is not None:
            moved = True
            self._after(self._lag(number), lambda f=frame: self._to_server(number, f))  # type: ignore[misc]
        while (frame := server.next_frame()) is not None:
            moved = True
            self._after(self._lag(-number), lambda f=frame: self._to_client(number, f))  # type: ignore[misc]
        while (command := server.next_command()) is not None:
            moved = True
            if isinstance(command, Say):
                server.voice_sound(command.number, self._speak(command.text), now=self.now)
                server.voice_done(command.number, now=self.now)
        return moved

    def _to_server(self, number: int, frame: str | bytes | HangUp) -> None:
        server = self._links.get(number)
        if server is not None:
            if isinstance(frame, HangUp):
                server.receive_eof(now=self.now, code=frame.code)
                self.client.receive_eof(number, now=self.now, code=frame.code)
                del self._links[number]
            else:
                server.receive(frame, now=self.now)

    def _to_client(self, number: int, frame: str | bytes | HangUp) -> None:
        if number in self._links:
            if isinstance(frame, HangUp):
                self.client.receive_eof(number, now=self.now, code=frame.code)
                self._links.pop(number)
            else:
                self.client.receive(number, frame, now=self.now)

    # --- the loudspeaker -------------------------------------------------------------------

    def _play(self, event: Any) -> None:
        if isinstance(event, BotVoice) and event.pcm and not event.late:
            self._sound(event)
        elif isinstance(event, PlaybackComplete) and event.interrupted:
            self._playing.pop(event.message_id, None)

    def _sound(self, voice: BotVoice) -> None:
        key = voice.message_id
        if key not in self._playing:
            self._playing[key] = self.now + 0.05
            self._after(0.05, lambda: self.client.playback_started(key, now=self.now))
        self._playing[key] += len(voice.pcm) / 2 / (voice.sample_rate or RATE)
        until = self._playing[key]
        self._after(until - self.now, lambda: self._heard(key, until))

    def _heard(self, key: str, until: float) -> None:
        if self._playing.get(key) == until and self.client.is_connected:
            del self._playing[key]
            self.client.submit(AudioPlaybackComplete(key), now=self.now)


# --- plays ---------------------------------------------------------------------------------


def text_session(speak: Speak = babble) -> list[str]:
    """Written only: a few questions, an action, an interruption."""
    play = Theatre(speak=speak, voice="never")
    play.connect()
    play.write("Hello! My name is Ada.", 4)
    play.write("Please wave to me.", 3)
    play.write("Tell me a story.", 2.2)
    play.interrupt()
    play.advance(1.5)
    play.write("What is my name?", 4)
    play.write("I live in a small house by the sea.", 5)
    play.write("Tell me another story.", 16)
    return play.end()


def voice_session(speak: Speak = babble) -> list[str]:
    """Aloud: a question, a story that the user talks into, another question."""
    said = ("Hello, my name is Ada.", "Tell me a story.", "Wait, what is my name?", "Please wave.")
    play = Theatre(speak=speak, hears=said)
    play.connect()
    play.listen()
    play.say(said[0], 5)
    play.say(said[1], 4.5)
    play.say(said[2], 4)
    play.say(said[3], 4)
    return play.end()


def broken_session(speak: Speak = babble) -> list[str]:
    """Two falls of the network: one in the middle of an answer, one while the user speaks."""
    said = ("Hello, my name is Ada.", "Are you there?", "What is my name?")
    play = Theatre(speak=speak, hears=said)
    play.connect()
    play.write("Tell me a story.", 2)
    play.cut()
    play.advance(4)
    play.listen()
    play.say(said[0], 4)
    play.stalled = True
    play.understands(said[2])
    play.hear(speak("Tell me a story about the sea, and about the ships that cross it"))
    play.cut()
    play.hear(speak(said[1]))
    play.advance(5)
    play.say(said[2], 5)
    return play.end()


def half_hour(speak: Speak = babble, minutes: float = 30) -> list[str]:
    """The microphone stays open, and they talk for so many minutes."""
    said = (*STORIES, "I live in a small house by the sea.", "Tell me another story.")
    play = Theatre(speak=speak, hears=said * 200)
    play.connect()
    play.listen()
    begun = play.now
    for turn in count():
        if play.now - begun > 60 * minutes:
            return play.end()
        play.say(said[turn % len(said)], 4 + turn * 37 % 11)
        if turn % 25 == 24:
            play.cut()
            play.advance(3)
    raise AssertionError
