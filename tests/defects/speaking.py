"""Claims about speaking aloud and showing pictures (items 36, 37, 48 to 52)."""

from __future__ import annotations

import base64
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio

from estuary_proto import SendText
from estuary_proto.events import AckDue
from estuary_proto.intents import SendCameraImage, StartVoice, StopVoice, StreamAudio
from tests.anyio.server import GONE, HANDSHAKE, Peer, Server, serving

from .claims import Heard, Subject, claim, raising
from .talking import answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TENTH = b"\x01\x00" * 1600
"""A tenth of a second, at 16 kHz."""
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


class Ear:
    """The server's recogniser: it tells and acknowledges when it has opened and closed."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._open = False
        self._free = anyio.Event()
        self._free.set()

    def hold(self) -> None:
        """Leave what comes unanswered until `let_go`."""
        self._free = anyio.Event()

    def let_go(self) -> None:
        self._free.set()

    async def listen(self) -> None:
        at = 0
        with suppress(*GONE):  # Who has spoken did not wait for the answer.
            while not self._peer.gone.is_set():
                news = self._peer.news
                for heard in self._peer.inbox[at:]:
                    at += 1
                    await self._answer(heard)
                await news.wait()

    async def _answer(self, heard: Any) -> None:
        await self._free.wait()
        if isinstance(heard, StartVoice):
            again = {"already_active": True} if self._open else {}
            self._open = True
            await self._peer.emit("voice_started", **again)
        elif isinstance(heard, StopVoice):
            self._open = False
            await self._peer.emit("voice_stopped")
        elif isinstance(heard, AckDue):
            await self._peer.text(f"43/sdk,{heard.ack_id}[]")
        elif isinstance(heard, SendText):
            await answer(self._peer, heard.text, "yes")


@asynccontextmanager
async def hearing() -> AsyncIterator[tuple[Server, list[Ear]]]:
    """A server with an ear for each connection, in their order."""
    ears: list[Ear] = []

    async def script(peer: Peer) -> None:
        ear = Ear(peer)
        ears.append(ear)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ear.listen)
            await peer.converse()
            tasks.cancel_scope.cancel()

    async with serving(script) as server:
        yield server, ears


async def behind(client: Any, peer: Peer) -> None:
    """Wait until all has come that was sent before."""
    number = peer.count(SendText) + 1
    client.send_text("behind it")
    await peer.get(SendText, number)


def voiced(peer: Peer) -> list[str]:
    """What was said about voice on the wire, in its order."""
    kinds = (StartVoice, StopVoice, StreamAudio)
    return [one.WIRE for one in peer.inbox if isinstance(one, kinds)]


def button(subject: Subject) -> Any:
    return subject.library.VoiceMode.PUSH_TO_TALK


@claim("36", "voice is off when the connection has fallen", fails="AssertionError: voice is on")
async def a_fall_takes_voice_with_it(subject: Subject) -> None:
    async with hearing() as (server, _):
        async with subject.client(server, auto_reconnect=False) as client:
            heard = Heard(client, "disconnected")
            await client.connect()
            peer = await server.peer()
            await client.start_voice()
            assert client.is_voice_active
            await peer.cut()
            await heard.get("disconnected")
            assert not client.is_voice_active, "voice is on"


@claim(
    "36",
    "voice comes back with the connection: no audio reaches a session that does not listen",
    fails=r"AssertionError: the new session was told \['stream_audio'\]",
)
async def voice_comes_back(subject: Subject) -> None:
    async with hearing() as (server, _), subject.client(server) as client:
        heard = Heard(client, "connected")
        await client.connect()
        peer = await server.peer()
        await client.start_voice()
        await peer.cut()
        await heard.get("connected", 2)
        again = await server.peer(2)
        await client.send_audio(TENTH)
        await again.get(StreamAudio)
        told = voiced(again)
        assert told == ["start_voice", "stream_audio"], f"the new session was told {told}"


@claim(
    "36",
    "voice can be started in the session after a fall",
    fails="EstuaryError: Voice is already active",
)
async def voice_after_a_fall(subject: Subject) -> None:
    async with hearing() as (server, _):
        async with subject.client(server, auto_reconnect=False) as client:
            heard = Heard(client, "disconnected")
            await client.connect()
            peer = await server.peer()
            await client.start_voice()
            await peer.cut()
            await heard.get("disconnected")
            await client.connect()
            await client.start_voice()
            assert (await server.peer(2)).count(StartVoice) == 1


@claim(
    "37",
    "of two start_voice() at a time one starts voice, and the other is told",
    fails="AssertionError: start_voice was sent 2 times",
)
async def two_start_voice(subject: Subject) -> None:
    async with hearing() as (server, _), subject.client(server) as client:
        await client.connect()
        peer = await server.peer()
        codes: list[Any] = []

        async def start() -> None:
            try:
                await client.start_voice()
            except subject.EstuaryError as error:
                codes.append(error.code)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(start)
            tasks.start_soon(start)
        await behind(client, peer)
        count = peer.count(StartVoice)
        assert count == 1, f"start_voice was sent {count} times"
        assert codes == [subject.ErrorCode.VOICE_ALREADY_ACTIVE]


@claim(
    "48",
    "push-to-talk opens the server's ear when the button is pressed, and not before",
    fails=r"AssertionError: before the press it sent \['start_voice'\]",
)
async def the_press_opens_the_ear(subject: Subject) -> None:
    async with hearing() as (server, _), subject.client(server) as client:
        await client.connect()
        peer = await server.peer()
        await client.start_voice(button(subject))
        await behind(client, peer)
        told = voiced(peer)
        assert not told, f"before the press it sent {told}"
        await client.start_recording()
        await peer.get(StartVoice)


@claim(
    "48",
    "a turn with the button is one start_voice, what was said, and one stop_voice",
    fails=r"AssertionError: it sent \['start_voice', 'start_voice', 'stream_audio', 'stop_voice', "
    r"'stop_voice'\]",
)
async def one_turn_by_the_button(subject: Subject) -> None:
    async with hearing() as (server, _), subject.client(server) as client:
        await client.connect()
        peer = await server.peer()
        await client.start_voice(button(subject))
        await client.start_recording()
        await client.send_audio(TENTH)
        await client.stop_recording()
        await client.stop_voice()
        await behind(client, peer)
        told = voiced(peer)
        assert told == ["start_voice", "stream_audio", "stop_voice"], f"it sent {told}"


@claim(
    "48",
    "stop_voice() while the button is down ends the turn once",
    fails="AssertionError: stop_voice was sent 2 times",
)
async def stopped_while_held(subject: Subject) -> None:
    async with hearing() as (server, _), subject.client(server) as client:
        await client.connect()
        peer = await server.peer()
        await client.start_voice(button(subject))
        await client.start_recording()
        await peer.get(StartVoice)
        await client.stop_voice()
        await behind(client, peer)
        count = peer.count(StopVoice)
        assert count == 1, f"stop_voice was sent {count} times"


@claim(
    "49",
    "what is said before the server listens is kept for it",
    fails="AssertionError: it was sent to a server that does not listen",
)
async def first_words_are_kept(subject: Subject) -> None:
    async with hearing() as (server, ears), subject.client(server) as client:
        await client.connect()
        peer, ear = await server.peer(), ears[0]
        await client.start_voice(button(subject))
        await client.start_recording()
        await client.stop_recording()
        await peer.get(StopVoice)
        await client.send_text_and_wait("is it closed?", timeout=5)
        begun = peer.count(StartVoice)
        ear.hold()
        await client.start_recording()
        await peer.get(StartVoice, begun + 1)
        await client.send_audio(TENTH)
        await behind(client, peer)
        assert not peer.count(StreamAudio), "it was sent to a server that does not listen"
        ear.let_go()
        assert (await peer.get(StreamAudio)).pcm == TENTH


@claim(
    "49",
    "a press waits until the server has closed the turn before it",
    fails="AssertionError: it began in the midst of the end",
)
async def a_press_waits_for_the_end(subject: Subject) -> None:
    async with hearing() as (server, ears), subject.client(server) as client:
        await client.connect()
        peer, ear = await server.peer(), ears[0]
        await client.start_voice(button(subject))
        await client.start_recording()
        await client.send_audio(TENTH)
        await peer.get(StreamAudio)
        ear.hold()
        await client.stop_recording()
        await peer.get(StopVoice)
        begun = peer.count(StartVoice)
        await client.start_recording()
        await behind(client, peer)
        assert peer.count(StartVoice) == begun, "it began in the midst of the end"
        ear.let_go()
        await peer.get(StartVoice, begun + 1)


@claim(
    "50",
    "continuous voice in a session of push-to-talk is refused",
    fails="AssertionError: nothing was raised",
)
async def the_mode_of_a_session(subject: Subject) -> None:
    async with hearing() as (server, _), subject.client(server) as client:
        await client.connect()
        peer = await server.peer()
        await client.start_voice(button(subject))
        await client.start_recording()
        await peer.get(StartVoice)
        await client.stop_recording()
        await client.stop_voice()
        with raising(subject.EstuaryError) as found:
            await client.start_voice(subject.library.VoiceMode.CONTINUOUS)
        assert found[0].code == subject.ErrorCode.VOICE_MODE_MISMATCH  # type: ignore[attr-defined]
        await behind(client, peer)
        assert all(one.turn_mode for one in peer.inbox if isinstance(one, StartVoice))


@claim(
    "51",
    "audio that goes nowhere because of the mute is told",
    fails="AssertionError: no audio_dropped came",
)
async def muted_audio_is_told(subject: Subject) -> None:
    async with hearing() as (server, _), subject.client(server) as client:
        heard = Heard(client, "audio_dropped")
        await client.connect()
        peer = await server.peer()
        await client.start_voice()
        client.toggle_mute()
        await client.send_audio(TENTH)
        client.toggle_mute()
        await behind(client, peer)
        assert not peer.count(StreamAudio)
        dropped = await heard.get("audio_dropped", within=1.0)
        assert dropped.seconds == 0.1


@claim(
    "51",
    "audio that goes nowhere because the button is up is told",
    fails="AssertionError: no audio_dropped came",
)
async def unheld_audio_is_told(subject: Subject) -> None:
    async with hearing() as (server, _), subject.client(server) as client:
        heard = Heard(client, "audio_dropped")
        await client.connect()
        peer = await server.peer()
        await client.start_voice(button(subject))
        await client.send_audio(10 * TENTH)
        await behind(client, peer)
        assert not peer.count(StreamAudio)
        dropped = await heard.get("audio_dropped", within=1.0)
        assert round(dropped.seconds, 6) == 1.0


@claim(
    "52",
    "a picture tells the rate that its answer is to be spoken at",
    fails="AssertionError: the rate is None",
)
async def the_rate_of_a_picture(subject: Subject) -> None:
    async with serving() as server:
        async with subject.client(server, audio_sample_rate=24000) as client:
            await client.connect()
            client.send_camera_image(base64.b64encode(PNG).decode(), "image/png")
            rate = (await (await server.peer()).get(SendCameraImage)).sample_rate
            assert rate == 24000, f"the rate is {rate}"


@claim(
    "52",
    "a picture may be given as its bytes",
    fails="AssertionError: what came is no base64",
)
async def a_picture_as_bytes(subject: Subject) -> None:
    async with serving() as server, subject.client(server) as client:
        await client.connect()
        client.send_camera_image(PNG, "image/png")
        shown = await (await server.peer()).get(SendCameraImage)
        assert shown.image == base64.b64encode(PNG).decode(), "what came is no base64"


@claim(
    "52",
    "a picture that is larger than the server takes raises at once",
    fails="AssertionError: nothing was raised",
)
async def a_picture_too_large(subject: Subject) -> None:
    async with serving(handshake=replace(HANDSHAKE, max_payload=10_000)) as server:
        async with subject.client(server) as client:
            await client.connect()
            with raising(subject.EstuaryError):
                client.send_camera_image(base64.b64encode(100 * PNG).decode(), "image/png")
            client.send_camera_image(base64.b64encode(PNG).decode(), "image/png")
            await (await server.peer()).get(SendCameraImage)
