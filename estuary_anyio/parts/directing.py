"""The part of the client that stages things: scripted lines, two characters, playback, wishes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from estuary_proto.events import LinesEnded, Steer
from estuary_proto.intents import (
    AudioPlaybackComplete,
    StartAgentConversation,
    StopAgentConversation,
    UpdatePreferences,
)

from ..script import Script
from .driving import Driving

if TYPE_CHECKING:
    from collections.abc import Iterable

    from estuary_proto.events import LineStarted
    from estuary_proto.playback import PlaybackState

    from ..receipt import Receipt


class Directing(Driving):
    """What is neither said nor shown by the user."""

    def __init__(self) -> None:
        super().__init__()
        self._scripts: dict[int, Script] = {}

    # --- lines -----------------------------------------------------------------------------

    def say_lines(
        self,
        lines: Iterable[str],
        *,
        gap: float = 0.0,
        line_timeout: float = 30.0,
        text_only: bool = False,
        loop: bool = False,
    ) -> Script:
        """Let the character say these lines, each when the one before has been heard.

        `gap` seconds lie between two; a line of which nothing comes for `line_timeout` seconds is
        passed over. An interruption, a redaction, the end of the connection end all of it. One
        script at a time. Raises LocalProtocolError for lines that cannot be said, NOT_CONNECTED.
        """
        number = self._core.say_lines(
            lines,
            now=self._now(),
            gap=gap,
            line_timeout=line_timeout,
            text_only=text_only,
            loop=loop,
        )

        def steer(script: Script, what: Steer) -> None:
            if script.end is None:
                self._core.steer(number, what, now=self._now())
                self._settle()

        script = self._scripts[number] = Script(steer)
        self._settle()
        return script

    def _tell_script(self, event: LineStarted | LinesEnded) -> None:
        script = self._scripts.get(event.script)
        if script is not None:
            script.update(event)
            if type(event) is LinesEnded:
                del self._scripts[event.script]

    # --- what is heard ---------------------------------------------------------------------

    def notify_audio_playback_complete(self, message_id: str | None = None) -> Receipt:
        """Tell the server that the voice of this message, or all of it, has been heard.

        Who plays the sound calls this; VoiceSession does. `playback_complete` follows.
        """
        return self._send(AudioPlaybackComplete(message_id))

    def notify_audio_playback_started(self, message_id: str) -> None:
        """Say that the first sample of this message is heard now; nothing is sent.

        Without it a message is taken to be heard from its first chunk on, for as long as its
        samples last. `auto_interrupt_grace` counts from here, `playback_started` follows.
        """
        self._core.playback_started(message_id, now=self._now())
        self._settle()

    def playback_state(self, message_id: str) -> PlaybackState | None:
        """Where the voice of a message stands; None for one that has no voice, or none yet."""
        return self._core.playback.state_of(message_id)

    # --- two characters --------------------------------------------------------------------

    def start_agent_conversation(
        self,
        agent_a_id: str,
        agent_b_id: str,
        *,
        conversation_context: str = "",
        max_turns: int = 8,
        timeout_seconds: float = 90,
    ) -> Receipt:
        """Let two characters talk to each other, for so many turns or seconds at most.

        What they say comes as `agent_turn_text`, `agent_turn_voice`, `agent_turn_complete`, the end
        as `agent_conversation_complete`. Raises NOT_CONNECTED, SEND_BUFFER_FULL.
        """
        return self._send(
            StartAgentConversation(
                agent_a_id, agent_b_id, conversation_context, max_turns, timeout_seconds
            )
        )

    def stop_agent_conversation(self) -> Receipt:
        """End the conversation of two characters. Raises NOT_CONNECTED, SEND_BUFFER_FULL."""
        return self._send(StopAgentConversation())

    # --- wishes ----------------------------------------------------------------------------

    def update_preferences(self, enable_vision_acknowledgment: bool | None = None) -> Receipt:
        """Change what the user prefers. The vendor's server takes it and does nothing (C9)."""
        return self._send(UpdatePreferences(enable_vision_acknowledgment))
