"""Claims about what is heard, and what a microphone hears (items 53 to 65).

They need the sound card of `tests/audio/card.py`; tests/audio/test_audio_defects.py runs them.
"""

from __future__ import annotations

import base64
import os
import time
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import anyio

from estuary_proto.intents import AudioPlaybackComplete, StartVoice, StreamAudio
from tests.audio.card import Tap, pactl, playing
from tests.audio.sound import cleanest, samples, span, spectrum, to_pcm, tone

from . import claims
from .claims import SOUND_CONTROLS, SOUNDS, Heard, Subject, done, raising
from .speaking import hearing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from tests.anyio.server import Peer

claim = partial(claims.claim, into=SOUNDS)
control = partial(claims.control, into=SOUND_CONTROLS)

RATE = 48000
"""Of the card, in Hz."""
DEFAULT = "pcm.!default {{ type asym playback.pcm {speaker} capture.pcm {microphone} }}"
ANY = '"pipewire"'
"""A device that takes every rate."""
PATIENCE = 4.0
"""Seconds until what should be heard or told is missed."""


@contextmanager
def listening() -> Iterator[Tap]:
    """Somebody at the loudspeaker."""
    with TemporaryDirectory() as folder:
        tap = Tap("speaker", Path(folder) / "heard")
        try:
            yield tap
        finally:
            tap.stop()


@asynccontextmanager
async def connected(subject: Subject, **changes: Any) -> AsyncIterator[tuple[Any, Peer]]:
    """A client that has connected, and the server's end of it."""
    async with hearing() as (server, _), subject.client(server, **changes) as client:
        await client.connect()
        yield client, await server.peer()


@asynccontextmanager
async def aloud(
    subject: Subject, *, volume: float = 1.0, **changes: Any
) -> AsyncIterator[tuple[Any, Peer]]:
    """The same in a voice session."""
    changes = {"audio_sample_rate": 24000, **changes}
    async with connected(subject, **changes) as (client, peer):
        async with subject.library.VoiceSession(client, volume=volume):
            yield client, peer


async def speak(
    peer: Peer, pcm: bytes, *, key: str = "m", final: bool = False, **more: Any
) -> None:
    audio = base64.b64encode(pcm).decode()
    await peer.emit("bot_voice", audio=audio, message_id=key, is_final=final, **more)


async def until(condition: Callable[[], bool], why: str, within: float = PATIENCE) -> None:
    """Look again and again, as somebody who listens does."""
    for _ in range(round(within / 0.02)):
        if condition():
            return
        await anyio.sleep(0.02)
    raise AssertionError(why)


def is_loud(tap: Tap, seconds: float = 0.1) -> bool:
    """Whether there was sound in the last so many seconds."""
    recent = samples(tap.heard()[-2 * round(seconds * RATE) :])
    return bool(abs(recent).max() > 0.02)


async def heard_tone(tap: Tap, seconds: float) -> bytes:
    """The middle of a sound that has so many seconds, when it is over."""
    await until(lambda: is_loud(tap), "nothing is heard")
    await until(lambda: not is_loud(tap), "it does not end")
    begin, _ = span(tap.heard(), RATE, above=0.02)
    first, last = round((begin + 0.1) * RATE), round((begin + seconds - 0.1) * RATE)
    return tap.heard()[2 * first : 2 * last]


async def silence(tap: Tap, within: float) -> None:
    """It must be silent after so many seconds, and half a second more."""
    at = tap.seconds + within + 0.5
    await until(lambda: tap.seconds > at, "the loudspeaker is gone")
    assert not is_loud(tap, 0.5), "it goes on speaking"


async def complete(peer: Peer, key: str = "m") -> None:
    """The server must be told that a message was heard."""

    def told() -> bool:
        return AudioPlaybackComplete(key) in peer.inbox

    await until(told, "the server was not told that it was heard")


@control
async def a_voice_both_ways(subject: Subject) -> None:
    with listening() as tap:
        async with connected(subject, audio_sample_rate=16000) as (client, peer):
            async with subject.library.VoiceSession(client, sample_rate=16000):
                await speak(peer, tone(440, 1.0, 16000), final=True)
                hertz, rest = cleanest(await heard_tone(tap, 1.0), RATE)
                assert abs(hertz - 440) < 1
                assert rest < -40
                await complete(peer)
                # (Who speaks meanwhile silences it, where echo is handled.)
                with playing("mic", tone(1000, 12.0, RATE)):
                    hertz, rest = cleanest((await said(peer, 1.0))[16000:], 16000)
                assert round(hertz) == 1000
                assert rest < -40


# --- 53, 54: what is told of what is heard -----------------------------------------------------


@claim(
    "53",
    "an empty last piece ends a message: the server is told that it was heard",
    fails="AssertionError: the server was not told that it was heard",
)
async def an_empty_last_piece(subject: Subject) -> None:
    async with aloud(subject) as (_, peer):
        await speak(peer, tone(440, 0.5, 24000))
        await speak(peer, b"", final=True)
        await complete(peer)


@claim(
    "54",
    "that a message begins is told when it begins to be heard",
    fails=r"AssertionError: it was told [12]\.\d s late",
)
async def the_beginning_is_told(subject: Subject) -> None:
    with listening() as tap:
        at: list[float] = []

        def note(what: Any, *_: Any) -> None:
            kind = what if isinstance(what, str) else type(what).__name__
            if "started" in kind.lower():
                at.append(tap.seconds)

        async with connected(subject, audio_sample_rate=24000) as (client, peer):
            async with subject.library.VoiceSession(client, on_playback_event=note):
                await speak(peer, tone(440, 2.0, 24000), final=True)
                await until(lambda: bool(at), "it was not told")
        begin, _ = span(tap.heard(), RATE)
        late = at[0] - begin
        assert -0.5 < late < 1.0, f"it was told {late:.1f} s late"


# --- 55: interruptions -------------------------------------------------------------------------


@claim(
    "55",
    "what the server interrupts is silent",
    fails="AssertionError: it goes on speaking",
)
async def the_server_interrupts(subject: Subject) -> None:
    with listening() as tap:
        async with aloud(subject) as (_, peer):
            await speak(peer, tone(440, 4.0, 24000))
            await until(lambda: is_loud(tap), "nothing is heard")
            await peer.emit("interrupt", message_id="m", reason="barge_in")
            await silence(tap, 1.0)


@claim(
    "55",
    "what the user interrupts is silent",
    fails="AssertionError: it goes on speaking",
)
async def the_user_interrupts(subject: Subject) -> None:
    with listening() as tap:
        async with aloud(subject) as (client, peer):
            await speak(peer, tone(440, 4.0, 24000))
            await until(lambda: is_loud(tap), "nothing is heard")
            await done(client.interrupt("m"))
            await silence(tap, 1.0)


@claim(
    "55",
    "what comes late of an interrupted message is not heard",
    fails="AssertionError: it goes on speaking",
)
async def late_pieces(subject: Subject) -> None:
    with listening() as tap:
        async with aloud(subject) as (_, peer):
            await speak(peer, tone(440, 0.5, 24000))
            await until(lambda: is_loud(tap), "nothing is heard")
            await until(lambda: not is_loud(tap), "it does not end")
            await peer.emit("interrupt", message_id="m", reason="barge_in")
            await speak(peer, tone(440, 3.0, 24000))
            await silence(tap, 1.0)


# --- 56: rates ---------------------------------------------------------------------------------


@claim(
    "56",
    "what the server speaks at the rate of the configuration has its own pitch",
    fails="AssertionError: 440 Hz were heard as 660 Hz",
)
async def the_rate_that_was_agreed(subject: Subject) -> None:
    with listening() as tap:
        async with aloud(subject, audio_sample_rate=16000) as (_, peer):
            await speak(peer, tone(440, 1.0, 16000), final=True)
            hertz, _ = spectrum(await heard_tone(tap, 0.6), RATE)
        assert round(hertz) == 440, f"440 Hz were heard as {hertz:.0f} Hz"


@claim(
    "56",
    "a piece that tells a rate of its own has its own pitch",
    fails="AssertionError: 440 Hz were heard as 660 Hz",
)
async def the_rate_of_a_piece(subject: Subject) -> None:
    with listening() as tap:
        async with aloud(subject) as (_, peer):
            await speak(peer, tone(440, 1.0, 16000), final=True, sample_rate=16000)
            hertz, _ = spectrum(await heard_tone(tap, 0.6), RATE)
        assert round(hertz) == 440, f"440 Hz were heard as {hertz:.0f} Hz"


# --- 57, 58: pieces that are cut or damaged ----------------------------------------------------


async def stays_clean(subject: Subject, volume: float, size: int) -> None:
    """A tone in pieces of so many bytes, each with a stray one behind it."""
    with listening() as tap:
        async with aloud(subject, volume=volume) as (_, peer):
            pcm = tone(440, 1.5, 24000)
            for at in range(0, len(pcm), size):
                await speak(peer, pcm[at : at + size] + b"\x55", final=at + size >= len(pcm))
            heard = await heard_tone(tap, 1.5)
            await complete(peer)
    hertz, rest = cleanest(heard, RATE)
    assert rest < -40, f"all else is at {rest:.0f} dB"
    assert abs(hertz - 440) < 1
    assert abs(abs(samples(heard)).max() - 0.5 * volume) < 0.02


@claim(
    "57",
    "a message with an odd number of bytes is complete at half volume",
    fails="AssertionError: the server was not told that it was heard",
)
async def odd_at_half_volume(subject: Subject) -> None:
    await stays_clean(subject, 0.5, 10**6)


@claim(
    "57",
    "a stray byte behind a piece is not heard in the next",
    fails="AssertionError: all else is at",
)
async def stray_bytes(subject: Subject) -> None:
    await stays_clean(subject, 1.0, 4800)


@claim(
    "58",
    "a message whose last piece is no base64 is complete for the server all the same",
    fails="AssertionError: the server was not told that it was heard",
)
async def a_damaged_last_piece(subject: Subject) -> None:
    async with aloud(subject) as (_, peer):
        await speak(peer, tone(440, 0.5, 24000))
        await peer.emit("bot_voice", audio="A", message_id="m", is_final=True)
        await complete(peer)


@claim(
    "58",
    "audio with signs in it that are no base64 is told as an error",
    fails="AssertionError: no error came",
)
async def signs_that_are_no_base64(subject: Subject) -> None:
    async with aloud(subject) as (client, peer):
        heard = Heard(client, "error")
        audio = base64.b64encode(tone(440, 0.2, 24000)).decode()
        await peer.emit("bot_voice", audio=f"!!{audio}", message_id="m", is_final=True)
        await heard.get("error")


# --- 59: a start that fails --------------------------------------------------------------------


@claim(
    "59",
    "a session whose start the server refused does not play",
    fails="AssertionError: it goes on speaking",
)
async def a_refused_start(subject: Subject) -> None:
    with listening() as tap:
        async with hearing() as (server, ears), subject.client(server) as client:
            await client.connect()
            peer = await server.peer()
            ears[0].hold()
            session = subject.library.VoiceSession(client)

            async def refuse() -> None:
                await peer.get(StartVoice)
                await peer.emit("voice_error", error="no recogniser is free")

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(refuse)
                with raising(subject.EstuaryError):
                    await session.start()
            await session.stop()
            await speak(peer, tone(440, 3.0, 24000))
            await silence(tap, 1.0)


# --- 60 to 62: devices and their rates --------------------------------------------------------


@contextmanager
def settings(text: str) -> Iterator[None]:
    """Settings of the user for the sound system, which are read with those of the card."""
    place = Path(os.environ["XDG_CONFIG_HOME"]) / "alsa" / "asoundrc"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    _read_again()
    try:
        yield
    finally:
        place.unlink()
        _read_again()


def _read_again() -> None:
    """A file that has got older is another one, for who keeps what was in it."""
    card = os.environ["ALSA_CONFIG_PATH"]
    older = os.stat(card).st_mtime - 60
    os.utime(card, (older, older))


async def said(peer: Peer, seconds: float) -> bytes:
    """What a server at 16 kHz hears of a voice from its first loud piece on, for so long."""
    need = round(seconds * 16000) * 2
    pieces: list[bytes] = []

    def enough() -> bool:
        pieces[:] = [one.pcm for one in peer.inbox if isinstance(one, StreamAudio)]
        while pieces and abs(samples(pieces[0])).max() < 0.1:
            del pieces[0]
        return sum(map(len, pieces)) >= need

    await until(enough, "the microphone is silent", 8.0)
    return b"".join(pieces)[:need]


async def purity(subject: Subject, sound: Any, card: int) -> float:
    """How many dB below 1 kHz all else is that a server hears of a microphone with such a rate."""
    microphone = DEFAULT.format(speaker=ANY, microphone=f"{{ type pipewire rate {card} }}")
    with settings(microphone), playing("mic", to_pcm(sound)):
        async with connected(subject, audio_sample_rate=16000) as (client, peer):
            async with subject.library.VoiceSession(client, sample_rate=16000):
                pcm = await said(peer, 1.5)
    hertz, rest = spectrum(pcm[len(pcm) // 3 :], 16000)
    # 3 kHz is what 13 kHz would come back as.
    assert round(hertz) in (1000, 3000), f"the loudest is {hertz:.1f} Hz, all else at {rest:.0f} dB"
    return rest


@claim(
    "60",
    "a default microphone that opens no more is replaced by another",
    fails="RuntimeError: No supported input sample rate found",
)
async def another_microphone(subject: Subject) -> None:
    with playing("mic", tone(440, 12.0, RATE)):
        async with connected(subject, audio_sample_rate=16000) as (client, peer):
            session = subject.library.VoiceSession(client, sample_rate=16000)
            async with session:
                await said(peer, 0.1)
            with settings(DEFAULT.format(speaker=ANY, microphone='"no such thing"')):
                async with session:
                    await said(peer, 0.1)


@claim(
    "61",
    "a tone of 13 kHz leaves nothing in what a server at 16 kHz hears",
    fails=r"AssertionError: all else is at -?\d dB",
)
async def nothing_folds_back(subject: Subject) -> None:
    both = samples(tone(1000, 12.0, RATE, 0.3)) + samples(tone(13000, 12.0, RATE, 0.3))
    rest = await purity(subject, both, 48000)
    assert rest < -40, f"all else is at {rest:.0f} dB"


@claim(
    "61",
    "a tone from a microphone at 44.1 kHz arrives clean",
    fails=r"AssertionError: all else is at -2\d dB",
)
async def a_clean_tone(subject: Subject) -> None:
    rest = await purity(subject, samples(tone(1000, 12.0, RATE)), 44100)
    assert rest < -40, f"all else is at {rest:.0f} dB"


@claim(
    "62",
    "a loudspeaker that runs at 48 kHz only plays what is spoken at 24 kHz",
    fails="PortAudioError: Error opening RawOutputStream: Invalid sample rate",
)
async def a_loudspeaker_with_a_rate(subject: Subject) -> None:
    one_rate = DEFAULT.format(speaker="{ type pipewire rate 48000 }", microphone=ANY)
    with listening() as tap, settings(one_rate):
        async with aloud(subject) as (_, peer):
            await speak(peer, tone(440, 1.0, 24000), final=True)
            hertz, rest = cleanest(await heard_tone(tap, 1.0), RATE)
    assert abs(hertz - 440) < 1
    assert rest < -40


# --- 63: what an interruption ends --------------------------------------------------------------


@claim(
    "63",
    "what was interrupted has an end, which is told",
    fails="AssertionError: no end was told",
)
async def an_interruption_is_an_end(subject: Subject) -> None:
    ends: list[str] = []

    def note(what: Any, *_: Any) -> None:
        kind = what if isinstance(what, str) else type(what).__name__
        if "complete" in kind.lower() or "interrupted" in kind.lower():
            ends.append(kind)

    async with connected(subject, audio_sample_rate=24000) as (client, peer):
        async with subject.library.VoiceSession(client, on_playback_event=note):
            with listening() as tap:
                await speak(peer, tone(440, 6.0, 24000), final=True)
                await until(lambda: is_loud(tap), "nothing is heard")
                await peer.emit("interrupt", message_id="m", reason="barge_in")
                await until(lambda: bool(ends), "no end was told", 2.0)


@claim(
    "63",
    "what waits behind an interrupted message is heard",
    fails="AssertionError: the next is not heard",
)
async def the_next_is_heard(subject: Subject) -> None:
    with listening() as tap:
        async with aloud(subject) as (_, peer):
            await speak(peer, tone(440, 6.0, 24000), final=True)
            await speak(peer, tone(880, 2.0, 24000), key="n", final=True)
            await until(lambda: is_loud(tap), "nothing is heard")
            await peer.emit("interrupt", message_id="m", reason="barge_in")

            def next_is_heard() -> bool:
                recent = tap.heard()[-2 * round(0.2 * RATE) :]
                return is_loud(tap) and round(spectrum(recent, RATE)[0], -1) == 880

            await until(next_is_heard, "the next is not heard", 3.0)


# --- 64: a loop that stands still ----------------------------------------------------------------


@claim(
    "64",
    "who blocks the event loop is not heard with all that they said meanwhile",
    fails=r"AssertionError: [5-9]\.\d s of sound came behind it",
)
async def a_loop_that_stands_still(subject: Subject) -> None:
    with playing("mic", tone(440, 20.0, RATE)):
        async with connected(subject, audio_sample_rate=16000) as (client, peer):
            async with subject.library.VoiceSession(client, sample_rate=16000):
                await said(peer, 0.1)
                before = peer.count(StreamAudio)
                time.sleep(5.0)  # noqa: ASYNC251 - That is what this is about.
                await anyio.sleep(0.5)
                pieces = [one.pcm for one in peer.inbox if isinstance(one, StreamAudio)][before:]
    seconds = sum(map(len, pieces)) / 2 / 16000
    assert seconds < 3.0, f"{seconds:.1f} s of sound came behind it"


# --- 65: ends, and the mute ----------------------------------------------------------------------


@claim(
    "65",
    "what goes wrong when a session stops is raised",
    fails="AssertionError: nothing was raised",
)
async def a_stop_that_fails(subject: Subject) -> None:
    async with connected(subject, audio_sample_rate=16000) as (client, _):
        session = subject.library.VoiceSession(client, sample_rate=16000)
        await session.start()
        stop_voice = client.stop_voice

        async def fails() -> None:
            await stop_voice()
            raise subject.EstuaryError("the server is tired")

        client.stop_voice = fails
        with raising(subject.EstuaryError):
            await session.stop()
        assert recordings() == 0


@claim(
    "65",
    "a microphone that is muted is not open",
    fails="AssertionError: the microphone is open",
)
async def muted(subject: Subject) -> None:
    with playing("mic", tone(440, 20.0, RATE)):
        async with connected(subject, audio_sample_rate=16000) as (client, peer):
            async with subject.library.VoiceSession(client, sample_rate=16000):
                await said(peer, 0.1)
                await done(client.toggle_mute())
                await until(lambda: not recordings(), "the microphone is open")
                await done(client.toggle_mute())
                peer.inbox.clear()
                await said(peer, 0.1)


def recordings() -> int:
    """How many programs record, as the sound server sees it; listeners at sinks are none."""
    return pactl("list", "source-outputs").count('application.name = "PipeWire ALSA')
