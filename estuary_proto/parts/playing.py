"""The part of `Client` that knows what is heard of the character: playback, barge-in, lines."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..errors import ErrorCode, EstuaryError, LocalProtocolError, SendBlocked
from ..events import Fault
from ..intents import AudioPlaybackComplete, Interrupt, SayLine
from ..lines import check_lines
from ..timers import Timer
from .part import Part

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..events import Steer
    from ..models.agents import AgentTurnVoice
    from ..models.conversation import BotVoice, InterruptData, SttResponse
    from ..models.session import ModerationFlag


class Playing(Part):
    """All inputs take the time, as every other."""

    # --- inputs ----------------------------------------------------------------------------

    def playback_started(self, message_id: str, *, now: float) -> None:
        """A player: the first sample of this message is heard now.

        When the last one has been, submit `AudioPlaybackComplete`.
        """
        if not isinstance(message_id, str):
            raise LocalProtocolError(f"message_id is {type(message_id).__name__}, not str")
        self.playback.started(message_id, self._tick(now))

    def say_lines(
        self,
        lines: Iterable[str],
        *,
        now: float,
        gap: float = 0.0,
        line_timeout: float = 30.0,
        text_only: bool = False,
        loop: bool = False,
    ) -> int:
        """Have these lines said, each when the one before has been heard and `gap` seconds passed.

        Returns the script's number: LineStarted follows for each, and one LinesEnded. A line of
        which nothing comes for `line_timeout` seconds is passed over. Raises LocalProtocolError
        for lines that cannot be said, while others are, and outside a session.
        """
        now = self._tick(now)
        if not self.is_connected:
            raise self._not_connected("say lines")
        assert self._connection is not None  # It is connected.
        texts = check_lines(lines, gap, line_timeout)
        for text in texts:
            self._connection.check(SayLine(text, text_only))
        number = self._lines.start(
            texts, now=now, gap=gap, patience=line_timeout, text_only=text_only, loop=loop
        )
        self._collect()
        self._rearm_lines()
        return number

    def steer(self, script: int, what: Steer, *, now: float) -> None:
        """Pause, resume, skip or stop the lines of this number; nothing when they are over."""
        self._lines.steer(script, what, self._tick(now))
        self._collect()
        self._rearm_lines()

    # --- what follows from what is said ----------------------------------------------------

    def _heed(self, message: Any) -> None:
        """The user has said something that changes what is heard."""
        kind = type(message)
        if kind is Interrupt:
            self._cut(message.message_id)
            self._lines.interrupt(message.message_id)
        elif kind is AudioPlaybackComplete:
            self.playback.complete(message.message_id)
            self._lines.expire(self._now)
        else:
            return
        self._rearm_lines()

    def _cut(self, message_id: str | None) -> None:
        under_way = () if self._connection is None else self._connection.under_way
        self.playback.interrupt(message_id, under_way, self._now)

    def _send_line(self, message: Any) -> None:
        if not self.is_connected:  # A goodbye is under way, and ends the script with it.
            raise SendBlocked("a goodbye is under way")
        self._say(message, None)

    def _rearm_lines(self) -> None:
        deadline = self._lines.deadline
        if deadline is None:
            self._timers.stop(Timer.LINE)
        else:
            self._timers.start(Timer.LINE, deadline)

    def _is_hushed(self) -> bool:
        """Whether the microphone is shut, because the character is heard in it."""
        hushes = self.config.suppress_mic_during_playback
        return hushes and self.playback.heard_now(self._now) is not None

    # --- what comes ------------------------------------------------------------------------

    def _on_bot_voice(self, voice: BotVoice) -> None:
        self.playback.voice(voice, self._now)
        self._pass_on(voice)
        if voice.damaged:
            self._tell(Fault(_damage(f"message {voice.message_id!r}", voice.chunk_index)))

    def _on_agent_voice(self, voice: AgentTurnVoice) -> None:
        self._pass_on(voice)
        if voice.damaged:
            self._tell(Fault(_damage(f"agent {voice.agent_id!r}", voice.chunk_index)))

    def _on_interrupt(self, data: InterruptData) -> None:
        self._pass_on(data)
        self._cut(data.message_id)

    def _on_flag(self, flag: ModerationFlag) -> None:
        self._pass_on(flag)
        if flag.action == "redacted" and flag.message_id:
            self._cut(flag.message_id)

    def _on_heard(self, heard: SttResponse) -> None:
        """What the user says stops the character, where that is wanted (PROTOCOL 5, barge-in)."""
        self._pass_on(heard)
        config = self.config
        if not config.auto_interrupt or config.suppress_mic_during_playback:
            return
        if heard.is_final or not heard.text.strip() or not self.is_connected:
            return
        message_id = self.playback.yields(self._now)
        if message_id is not None:
            with suppress(SendBlocked):  # A peer that does not read hears of nothing.
                self._say(Interrupt(message_id), None)


def _damage(what: str, chunk: int) -> EstuaryError:
    return EstuaryError(
        f"the voice of {what} is damaged: the audio of chunk {chunk} is not base64",
        ErrorCode.PROTOCOL_ERROR,
    )
