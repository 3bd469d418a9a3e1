"""Steps of the demonstration: what is said aloud, and heard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import anyio

from estuary_proto.errors import ReplyInterrupted
from estuary_proto.events import LinesEnd
from estuary_proto.models.conversation import BotResponse, BotVoice, InterruptData, SttResponse
from estuary_proto.models.session import VoiceMode
from estuary_proto.playback import PlaybackState

from .figures import Wrong, check
from .stage import STEP_WITHIN

if TYPE_CHECKING:
    from estuary_anyio.reply import Reply

    from .stage import Answer, Stage

LABEL: Final = "  you (aloud) > "
PIECE: Final = 0.1
"""Seconds of the microphone's sound that are sent at once."""

SAID_WITHIN: Final = 1.5
"""Seconds for all of it: a longer sound is sent faster than it was spoken."""

ALOUD: Final = "Tell me another story, aloud."
FAR: Final = 0.5
"""Seconds for which a gateway that is asked this reads nothing, as if it were far away."""

FAR_AWAY: Final[dict[str, Any]] = {
    "when": {"text": {"equals": ALOUD}},
    "do": [{"stall": FAR}],
}
CHUNKS: Final = 5
"""Chunks of a voice after which it is interrupted."""

LINES: Final = ("The tide is in.", "Time to go.")


async def speak(stage: Stage) -> str:
    """The user speaks and sees captions; the character answers aloud."""
    sound = stage.sound
    await stage.client.start_voice(VoiceMode.PUSH_TO_TALK)
    stage.happens(f"push-to-talk: {sound.name}, {sound.seconds:.1f} s at {sound.rate / 1000:g} kHz")
    captions, released, answer = await say(stage, live=True)
    stage.passed(f"captions while it was spoken: {captions}")
    after = 1000 * (answer.began - released)
    return (
        f"{stage.seconds(answer.heard):.1f} s of voice came in {answer.chunks} chunks at "
        f"{stage.rate / 1000:g} kHz, the first after {after:.0f} ms"
    )


async def say(stage: Stage, *, live: bool) -> tuple[int, float, Answer]:
    """Press the button and say it; `live` as fast as it is spoken.

    Returns how many captions came on the way, when the button was released, and the answer.
    """
    client, captions = stage.client, 0

    def caption(speech: SttResponse) -> None:
        nonlocal captions
        if speech.is_final:
            stage.screen.caption_done(LABEL, speech.text)
        else:
            captions += 1
            stage.screen.caption(LABEL, speech.text)

    client.on("stt_response", caption)
    kinds: tuple[type[Any], ...] = (SttResponse, BotResponse, BotVoice)
    try:
        async with client.events(*kinds) as events:
            await client.start_recording()
            await _send(stage, live)
            await client.stop_recording()
            released = anyio.current_time()
            last = False
            while not last:
                event = await stage.next(events, "what was understood of it (is it speech?)")
                last = isinstance(event, SttResponse) and event.is_final
            check(captions > 0, "no caption came before the last one")
            answer = await stage.hear(events, aloud=True)
    finally:
        client.off("stt_response", caption)
    # There is no loudspeaker: what has come counts as heard.
    client.notify_audio_playback_complete(answer.message_id)
    return captions, released, answer


async def _send(stage: Stage, live: bool) -> None:
    sound = stage.sound
    size = 2 * int(sound.rate * PIECE)
    pieces = [sound.pcm[at : at + size] for at in range(0, len(sound.pcm), size)]
    pause = min(PIECE, SAID_WITHIN / len(pieces))
    for piece in pieces:
        await stage.client.send_audio(piece)
        stage.counted.said += len(piece)
        if live:
            await anyio.sleep(pause)


class _Loudspeaker:
    """What is played of a voice until it is silenced; what comes then is not."""

    def __init__(self) -> None:
        self.played: list[BotVoice] = []
        self.after: list[BotVoice] = []
        self.silent = False

    def take(self, voice: BotVoice) -> None:
        """A chunk has come."""
        (self.after if self.silent else self.played).append(voice)


async def hush(stage: Stage) -> str:
    """The character is interrupted while it speaks aloud."""
    client, speaker = stage.client, _Loudspeaker()
    before = len(stage.counted.confirmed)
    stage.screen.say(f"  you > {ALOUD}")
    flow = stage.answer()
    kinds: tuple[type[Any], ...] = (BotResponse, BotVoice)
    client.on("bot_voice", speaker.take)
    try:
        async with client.events(*kinds) as events:
            reply = client.ask(ALOUD, timeout=STEP_WITHIN)
            stage.counted.turns += 1
            while len(speaker.played) < CHUNKS:
                event = await stage.next(events, "enough of its voice")
                if isinstance(event, BotResponse):
                    flow.add(event.partial)
        speaker.silent = True
        client.interrupt(reply.message_id)
        cut = anyio.current_time()
        stage.screen.close(flow, "...")
        heard = stage.seconds(sum(len(voice.pcm) for voice in speaker.played))
        stage.happens(f"interrupted after {heard:.1f} s of voice: silence at once")
        await _cut_short(reply)
    finally:
        client.off("bot_voice", speaker.take)
    took = anyio.current_time() - cut
    confirmed: list[InterruptData] = stage.counted.confirmed[before:]
    named = [one.message_id for one in confirmed] == [reply.message_id]
    check(named, "the server did not confirm it once")
    check(all(voice.late for voice in speaker.after), "a late chunk would have been played")
    state = client.playback_state(reply.message_id or "")
    check(state is PlaybackState.INTERRUPTED, f"its voice is {state}")
    stage.passed(f"chunks that came late: {len(speaker.after)}, none of them played")
    return f"the server, made slow to listen, confirmed it after {took:.1f} s"


async def _cut_short(reply: Reply) -> None:
    try:
        await reply.final()
    except ReplyInterrupted:
        return
    raise Wrong("the answer went on to its end")


async def lines(stage: Stage) -> str:
    """The character says what it is given, line by line."""
    client = stage.client
    cuts, before = len(stage.counted.confirmed), stage.counted.heard
    async with client.events(BotResponse) as events:
        script = client.say_lines(LINES)
        for line in LINES:
            answer = await stage.hear(events, aloud=False)
            check(answer.text == line, f"it said {answer.text!r}, not {line!r}")
        end = await script
    check(end is LinesEnd.FINISHED and script.said == len(LINES), f"it ended as {end.value}")
    check(len(stage.counted.confirmed) == cuts, "a line was cut short by the next one")
    heard = stage.counted.heard - before
    check(heard > 0, "the lines had no voice")
    client.notify_audio_playback_complete()
    return f"each when the one before had been heard: {stage.seconds(heard):.1f} s of voice"
