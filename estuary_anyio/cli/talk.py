"""`estuary talk`: a conversation aloud, through microphone and loudspeaker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import anyio

from estuary_anyio.open_microphone import EchoHandling
from estuary_anyio.voice_session import VoiceSession, VoiceSessionState
from estuary_audio.devices import Direction, candidates, list_devices
from estuary_audio.events import CaptureDropped, DeviceChanged
from estuary_audio.extra import require
from estuary_proto.errors import EstuaryError
from estuary_proto.models.session import VoiceMode

from .captions import Captions
from .conversation import Conversation
from .exits import Exit, Stop
from .keyboard import Button, Keyboard
from .run import explain, interrupted, run
from .screen import Screen
from .stdin import typed_keys

if TYPE_CHECKING:
    import signal

    from anyio.abc import TaskGroup
    from anyio.streams.memory import MemoryObjectReceiveStream

    from estuary_anyio.client import EstuaryClient
    from estuary_anyio.gateway import Gateway
    from estuary_audio import SoundEvent

    from .place import Place

REFRESH: Final = 0.1
"""Seconds between two looks at the meters."""

ECHO: Final = {
    EchoHandling.CANCEL: "cancelled; speak whenever you like",
    EchoHandling.SUPPRESS: "the microphone is shut while the character speaks, but for a loud you",
    EchoHandling.OFF: "not handled; wear headphones",
}

END: Final = "\x04"
"""Ctrl-D."""


@dataclass(frozen=True)
class TalkOptions:
    """Devices are indices or (parts of) names; None is the system's default. `volume` is 0 to 1."""

    push_to_talk: bool = False
    input_device: str | int | None = None
    output_device: str | int | None = None
    volume: float = 1.0
    echo: str = "auto"

    @property
    def mode(self) -> VoiceMode:
        """Who finds the end of a turn."""
        return VoiceMode.PUSH_TO_TALK if self.push_to_talk else VoiceMode.CONTINUOUS


def talk(place: Place, backend: str, options: TalkOptions) -> int:
    """Run the command. Returns the exit status; raises Stop or EstuaryError before it begins."""
    keyboard = Keyboard()
    if options.push_to_talk and not keyboard.is_there:
        raise Stop("--push-to-talk needs a terminal, whose space bar is the button", Exit.USAGE)
    conversation = Talk(place, Screen(), keyboard, options)
    return run(conversation.run, backend, conversation.signalled)


class Talk:
    """One conversation aloud."""

    def __init__(
        self, place: Place, screen: Screen, keyboard: Keyboard, options: TalkOptions
    ) -> None:
        self._place = place
        self._screen = screen
        self._keyboard = keyboard
        self._options = options
        self._captions: Captions | None = None
        self._conversation: Conversation | None = None
        self._session: VoiceSession | None = None

    async def run(self, tasks: TaskGroup, scope: anyio.CancelScope) -> int:
        """The conversation, from looking for devices to its exit status."""
        require()
        # Whoever has no sound is told before a server is.
        for direction, wanted in (
            (Direction.INPUT, self._options.input_device),
            (Direction.OUTPUT, self._options.output_device),
        ):
            candidates(list_devices(), direction, wanted)
        self._place.announce(self._screen)
        async with (
            self._place.open(self._introduce) as config,
            self._place.client(config) as client,
        ):
            self._captions = captions = Captions(self._screen, config.character_id)
            self._conversation = Conversation(client, captions, scope)
            with scope:
                await client.connect()
                return await self._talk(client, tasks)
        if self._conversation.failure is not None:
            captions.error(self._conversation.failure)
        return Exit.FAILED

    def _introduce(self, gateway: Gateway) -> None:
        from .speech import hears, speaks

        self._screen.notice(f"it hears {hears(gateway)}; it speaks {speaks(gateway)}")

    async def _talk(self, client: EstuaryClient, tasks: TaskGroup) -> int:
        assert self._captions is not None
        options = self._options
        session = VoiceSession(
            client,
            options.mode,
            sample_rate=client.config.mic_sample_rate,
            on_playback_event=self._told,
            input_device=options.input_device,
            output_device=options.output_device,
            volume=options.volume,
            echo=options.echo,
        )
        async with session:
            self._session = session
            self._greet(session)
            try:
                with self._captions.showing():
                    await self._converse(session, tasks)
            finally:
                self._keyboard.end()
        return Exit.DONE

    def _greet(self, session: VoiceSession) -> None:
        assert self._captions is not None
        microphone, loudspeaker = session.recorder.device, session.player.device
        names = (one.name if one is not None else "none" for one in (microphone, loudspeaker))
        self._captions.notice("connected; microphone: {}, loudspeaker: {}".format(*names))
        self._captions.notice(f"echo: {ECHO[session.echo]}")
        ways = "Ctrl-C interrupts, twice ends"
        if self._options.push_to_talk:
            ways = f"hold the space bar to talk, or tap it; {ways}"
        self._captions.notice(ways)

    async def _converse(self, session: VoiceSession, tasks: TaskGroup) -> None:
        async with anyio.create_task_group() as beside:
            beside.start_soon(self._meter, session)
            if self._keyboard.is_there:
                self._keyboard.begin()
                await self._serve_keys(session, typed_keys(tasks))
            else:
                await anyio.sleep_forever()
            beside.cancel_scope.cancel()

    # --- the user's hands ----------------------------------------------------------------------

    async def _serve_keys(
        self, session: VoiceSession, keys: MemoryObjectReceiveStream[str]
    ) -> None:
        """Until Ctrl-D, or the end of the terminal."""
        button = Button()
        while True:
            key, was_down = "", button.is_down
            wait = None if button.due is None else max(0.0, button.due - anyio.current_time())
            with anyio.move_on_after(wait):
                try:
                    key = await keys.receive()
                except anyio.EndOfStream:
                    key = END
            if key == END:
                return
            if key == " " and self._options.push_to_talk:
                button.type(anyio.current_time())
            button.tick(anyio.current_time())
            if button.is_down is not was_down and not await self._switch(session, button.is_down):
                button = Button()

    async def _switch(self, session: VoiceSession, down: bool) -> bool:
        assert self._captions is not None
        try:
            await (session.start_recording if down else session.stop_recording)()
        except EstuaryError as error:
            self._captions.error(explain(error))
            return False
        return True

    def signalled(self, number: signal.Signals) -> int | None:
        """The first Ctrl-C interrupts the character, the next one ends the program."""
        conversation = self._conversation
        if number.name == "SIGINT" and conversation is not None and self._is_speaking():
            if not conversation.is_interrupted:
                try:
                    conversation.interrupt()
                except EstuaryError:
                    pass  # The connection is gone, and the answer with it.
                else:
                    return None
        # A third one leaves no time for that.
        if self._captions is not None:
            self._captions.close()
        self._keyboard.end()
        return interrupted(number)

    def _is_speaking(self) -> bool:
        assert self._conversation is not None
        sounds = self._session is not None and self._session.player.playing is not None
        return sounds or self._conversation.is_answering

    # --- what is shown -------------------------------------------------------------------------

    async def _meter(self, session: VoiceSession) -> None:
        assert self._captions is not None
        while self._captions.is_live:
            self._captions.meters(
                session.input_level(), session.output_level(), self._state(session)
            )
            await anyio.sleep(REFRESH)

    def _state(self, session: VoiceSession) -> str:
        if session.recorder.device is None:
            return "no microphone"
        if not session.client.is_voice_active:
            return "not connected"
        if self._options.push_to_talk and not session.recorder.is_paused:
            return "listening; space ends"
        if session.state is VoiceSessionState.SPEAKING:
            return "speaking; Ctrl-C interrupts"
        return "space to talk" if self._options.push_to_talk else "listening"

    def _told(self, event: SoundEvent) -> None:
        assert self._captions is not None
        if isinstance(event, DeviceChanged):
            noun = Direction(event.direction).noun
            now = event.device or "none is left, tried again each second"
            self._captions.notice(f"{noun}: {now} ({event.reason})", "yellow")
        elif isinstance(event, CaptureDropped):
            self._captions.notice(f"{event.seconds:.1f} s of the microphone are lost", "yellow")
