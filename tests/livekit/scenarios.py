"""What happens in a room. Each gives what a test then judges; `running` plays them."""

from __future__ import annotations

import sys
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import anyio

from estuary_audio.livekit import BotState, RoomLost, TrackEnded, TrackStarted, open_room
from estuary_proto.errors import EstuaryError
from tests.livekit.keys import token
from tests.livekit.running import PATIENCE, Stage, level_of, measured, share, tone

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.livekit.running import Ear

USER_RATE, BOT_RATE = 16000, 24000
"""What they send; each hears at the other's."""

BOT: dict[str, Any] = {"rate": BOT_RATE, "hear_rate": USER_RATE}
USER: dict[str, Any] = {"rate": USER_RATE, "hear_rate": BOT_RATE}


def _told(error: EstuaryError) -> dict[str, Any]:
    return {"code": error.code, "message": str(error), "details": error.details}


async def _gone(ear: Ear) -> list[Any]:
    """How the room ended, and what is said to who goes on."""
    await ear.until(lambda: ear.ended)
    last = ear.events[-1]
    assert isinstance(last, RoomLost), ear.events
    said = []
    acts: list[Callable[[], Awaitable[None]]] = [
        lambda: ear.room.send_audio(tone(440, 5, USER_RATE)),
        ear.room.flush,
        lambda: ear.room.set_muted(True),
        lambda: ear.room.set_attributes({"a": "b"}),
        ear.room.until_heard,
    ]
    for act in acts:
        try:
            await act()
        except EstuaryError as error:
            said.append(error.code)
    ear.room.push_audio(tone(440, 0.1, USER_RATE))
    assert await ear.room.next_event() is None
    return [last.reason, ear.room.lost, said]


# Sound


async def _flow(speaker: Ear, hearer: Ear, rate: int) -> None:
    """Wait until what one says is heard by the other, and all of that has been heard."""
    with anyio.fail_after(PATIENCE):
        await speaker.room.until_heard()
        begin = len(hearer.audio)
        # The first packets of a connection may still be lost.
        while measured(hearer.audio[begin:], rate)["seconds"] < 0.1:
            await speaker.room.send_audio(tone(300, 0.1, rate))
            await hearer.seconds(0.1, rate)
        await speaker.room.flush()
        while measured(await hearer.seconds(0.3, rate), rate)["seconds"]:
            pass


async def tones(stage: Stage) -> Any:
    """Both speak at the same time."""
    async with stage.joined("user", **USER) as user, stage.joined("bot", **BOT) as bot:
        await _flow(user, bot, USER_RATE)
        await _flow(bot, user, BOT_RATE)
        begins = len(user.audio), len(bot.audio)
        # Odd lengths: 10 ms frames are made of whatever comes.
        sound = tone(440, 1.003, USER_RATE)
        for begin in range(0, len(sound), 1234):
            await user.room.send_audio(sound[begin : begin + 1234])
        await bot.room.send_audio(tone(880, 1.003, BOT_RATE))
        await user.room.flush()
        await bot.room.flush()
        await user.seconds(0.5, BOT_RATE)
        await bot.seconds(0.5, USER_RATE)
        return {
            "user": measured(user.audio[begins[0] :], BOT_RATE),
            "bot": measured(bot.audio[begins[1] :], USER_RATE),
            "dropped": [user.room.dropped, bot.room.dropped, user.room.unsent],
        }


async def mute(stage: Stage) -> Any:
    """A microphone goes on while its track is muted, and is unmuted again."""
    async with stage.joined("user", **USER) as user, stage.joined("bot", **BOT) as bot:
        await _flow(user, bot, USER_RATE)
        start = len(bot.audio)

        async def say(frequency: float) -> None:
            for _ in range(30):
                user.room.push_audio(tone(frequency, 0.02, USER_RATE))
                await bot.seconds(0.02, USER_RATE)

        with anyio.fail_after(PATIENCE):  # Until it is heard: how long it is on its way, varies.
            while measured(bot.audio[start:], USER_RATE)["seconds"] <= 0.3:
                await say(500)
        muted_at = time.monotonic()
        await user.room.set_muted(True)
        first = len(bot.audio)
        await say(700)
        quiet = bot.audio[first:]
        late: list[float] = []
        silent_after: list[float] = []
        if stage.arguments.get("own"):
            late = await stage.test("muted", identity="user")
            ends = await stage.test("loud", identity="user")
            silent_after = [end - muted_at for end in ends]
        begin = len(bot.audio)
        await user.room.set_muted(False)
        await user.room.send_audio(tone(900, 0.6, USER_RATE))
        await user.room.flush()
        await bot.seconds(0.3, USER_RATE)
        return {
            "before": measured(bot.audio[start:first], USER_RATE),
            "after": measured(quiet, USER_RATE)["seconds"],
            "leaked": share(bot.audio[first:], USER_RATE, 700),
            "late": late,
            "silent_after": silent_after,
            "again": measured(bot.audio[begin:], USER_RATE),
        }


async def button(stage: Stage) -> Any:
    """Push-to-talk: published muted, and each press is heard from its first to its last sample."""
    async with stage.joined("bot", **BOT) as bot, stage.joined("user", muted=True, **USER) as user:
        await user.room.until_heard()
        await bot.seconds(0.3, USER_RATE)
        await user.room.send_audio(tone(700, 0.3, USER_RATE))
        await user.room.flush()
        await bot.seconds(0.3, USER_RATE)
        unheard = measured(bot.audio, USER_RATE)["seconds"]
        presses = []
        for frequency in (500, 900):
            begin = len(bot.audio)
            await user.room.set_muted(False)
            await user.room.send_audio(tone(frequency, 0.605, USER_RATE))
            await user.room.flush()
            await user.room.set_muted(True)
            await bot.seconds(0.5, USER_RATE)
            presses.append(measured(bot.audio[begin:], USER_RATE))
        return {"unheard": unheard, "presses": presses, "muted": user.room.muted}


async def clear(stage: Stage) -> Any:
    """An interrupted character: what it had not said yet is not heard."""
    async with stage.joined("user", **USER) as user, stage.joined("bot", **BOT) as bot:
        await _flow(bot, user, BOT_RATE)
        begin = len(user.audio)
        await bot.room.send_audio(tone(500, 1.5, BOT_RATE))
        await user.until(lambda: measured(user.audio[begin:], BOT_RATE)["seconds"] > 0.3)
        await bot.room.clear_audio()
        await user.seconds(0.8, BOT_RATE)
        heard = measured(user.audio[begin:], BOT_RATE)["seconds"]
        begin = len(user.audio)
        await bot.room.send_audio(tone(900, 0.5, BOT_RATE))
        await bot.room.flush()
        await user.seconds(0.3, BOT_RATE)
        return {"heard": heard, "next": measured(user.audio[begin:], BOT_RATE)}


async def several(stage: Stage) -> Any:
    """Two characters speak at once, and one of them goes."""
    async with stage.joined("user", **USER) as user, stage.joined("bot", **BOT) as bot:
        async with stage.joined("other", **BOT) as other:
            for ear in (bot, other):
                await _flow(ear, user, BOT_RATE)
            both = await _mixed(user, {500: bot, 900: other})
        await user.until(lambda: "room_track_ended" in user.kinds())
        one = await _mixed(user, {500: bot})
        return {"both": both, "one": one}


async def _mixed(user: Ear, voices: dict[int, Ear]) -> list[float]:
    """Levels at 500 and 900 Hz while all of these speak, each at its frequency."""

    async def speak(frequency: int, ear: Ear) -> None:
        while True:
            await ear.room.send_audio(tone(frequency, 1.0, BOT_RATE))

    async with anyio.create_task_group() as group:
        for frequency, ear in voices.items():
            group.start_soon(speak, frequency, ear)
        with anyio.fail_after(PATIENCE):
            # Each begins when its own way is through, however long that is under load.
            while True:
                audio = await user.seconds(0.1, BOT_RATE)
                if all(share(audio, BOT_RATE, each) > -20 for each in voices):
                    break
        audio = await user.seconds(0.6, BOT_RATE)
        group.cancel_scope.cancel()
    for ear in voices.values():
        await ear.room.clear_audio()
    return [level_of(audio, BOT_RATE, frequency) for frequency in (500, 900)]


async def busy(stage: Stage) -> Any:
    """An application that hears two voices does something else for a while."""
    async with stage.joined("user", **USER) as user, AsyncExitStack() as stack:
        for frequency in (500, 900):
            parts = [stage.url, stage.name, f"voice-{frequency}", str(frequency)]
            command = [sys.executable, "-m", "tests.livekit.voice", *parts]
            process = await stack.enter_async_context(await anyio.open_process(command))
            assert process.stdin is not None
            stack.push_async_callback(process.stdin.aclose)
        with anyio.fail_after(PATIENCE):
            while True:
                audio = await user.seconds(0.1, BOT_RATE)
                if min(share(audio, BOT_RATE, each) for each in (500, 900)) > -20:
                    break
        time.sleep(0.5)  # noqa: ASYNC251 - This is what is tested.
        audio = await user.seconds(0.5, BOT_RATE)
        levels = [level_of(audio, BOT_RATE, frequency) for frequency in (500, 900)]
    await stage.empty()
    return {"levels": levels, "dropped": user.room.dropped}


async def replaced(stage: Stage) -> Any:
    """A character comes back with another track; its old stay ends."""
    async with stage.joined("user", **USER) as user, stage.joined("bot", **BOT) as old:
        await old.room.until_heard()
        await user.until(lambda: "room_track_started" in user.kinds())
        async with stage.joined("bot", **BOT) as bot:
            await old.until(lambda: old.ended)
            await _flow(bot, user, BOT_RATE)
            begin = len(user.audio)
            await bot.room.send_audio(tone(900, 0.5, BOT_RATE))
            await bot.room.flush()
            await user.seconds(0.3, BOT_RATE)
        tracks = [one for one in user.events if isinstance(one, TrackStarted | TrackEnded)]
        return {
            "old": old.room.lost,
            "heard": measured(user.audio[begin:], BOT_RATE),
            "tracks": [type(one).__name__ for one in tracks],
            "distinct": len({one.track for one in tracks}),
        }


# What is told


async def attributes(stage: Stage) -> Any:
    """What the character does is told once for each change, and not that of who is not heard."""
    async with stage.joined("bot", **BOT) as bot:
        await bot.room.set_attributes({"estuary.state": "idle", "color": "blue"})
        hears = "bot".__eq__
        async with stage.joined("user", hears=hears, **USER) as user, stage.joined("spy") as spy:
            await user.until(lambda: "room_state" in user.kinds())
            await spy.room.set_attributes({"estuary.state": "speaking"})
            speaking = {"estuary.state": "speaking", "estuary.message_id": "m1"}
            for attributes in (
                speaking,
                {"color": "red"},
                {"estuary.message_id": "m2"},
                {"estuary.state": "idle", "estuary.message_id": ""},
            ):
                await bot.room.set_attributes(attributes)
            await user.until(lambda: user.kinds().count("room_state") == 4)
            await spy.until(lambda: spy.kinds().count("room_state") == 4)
            states = [one for one in user.events if isinstance(one, BotState)]
            return {
                "states": [[one.identity, one.state, one.message_id] for one in states],
                "others": [one.identity for one in user.events if hasattr(one, "identity")],
                "identity": user.room.identity,
            }


async def coming_and_going(stage: Stage) -> Any:
    """Who was there before, who comes, who goes."""
    async with stage.joined("first", publish=False) as first:
        async with stage.joined("user", publish=False) as user:
            async with stage.joined("last"):
                await user.until(lambda: user.kinds().count("room_joined") == 2)
            await user.until(lambda: "room_left" in user.kinds())
            await first.until(lambda: "room_left" in first.kinds())
            return [
                [type(one).__name__, one.identity]
                for one in user.events
                if one.NAME in ("room_joined", "room_left") and hasattr(one, "identity")
            ]


# How it ends


async def deleted(stage: Stage) -> Any:
    """The server deletes the room."""
    async with stage.joined("user", **USER) as user:
        await user.room.send_audio(tone(440, 0.2, USER_RATE))
        await stage.delete()
        return await _gone(user)


async def removed(stage: Stage) -> Any:
    """The server sends the participant out."""
    async with stage.joined("user", **USER) as user:
        await stage.remove("user")
        return await _gone(user)


async def cut(stage: Stage) -> Any:
    """The connection is cut, and comes back: both ways are heard again."""
    async with stage.joined("user", **USER) as user, stage.joined("bot", **BOT) as bot:
        await _flow(user, bot, USER_RATE)
        await stage.test("cut", identity="user")
        await user.until(lambda: "room_reconnected" in user.kinds())
        heard = []
        for speaker, hearer, rate in ((user, bot, USER_RATE), (bot, user, BOT_RATE)):
            await _flow(speaker, hearer, rate)
            begin = len(hearer.audio)
            await speaker.room.send_audio(tone(900, 0.8, rate))
            await speaker.room.flush()
            await hearer.seconds(0.3, rate)
            heard.append(measured(hearer.audio[begin:], rate))
        kinds = user.kinds()
        return {
            "heard": heard,
            "told": [kind for kind in kinds if "reconnect" in kind or kind == "room_lost"],
        }


# How it does not begin


async def refused(stage: Stage) -> Any:
    """A join that fails, and how."""
    ticket = token("user", stage.name)
    if stage.arguments.get("secret"):
        ticket = token("user", stage.name, stage.arguments["secret"])
    url = stage.arguments.get("url", stage.url)
    within = stage.arguments.get("within", 10.0)
    try:
        async with open_room(url, ticket, connect_within=within, single_connection=stage.single):
            return {"code": "none"}
    except EstuaryError as error:
        return {**_told(error), "secret": ticket in repr(error) + str(error.details)}


async def unready(stage: Stage) -> Any:
    """A server that takes the connection, says nothing, and hangs up at last."""
    await stage.test("unready")
    found = await refused(stage)
    # LiveKit's native part gives the join up, yet holds the socket as long as the server does.
    await stage.test("hang_up")
    return found


async def given_up(stage: Stage) -> Any:
    """Joins that are cancelled, each a little later; nobody stays in the room."""
    joined = 0
    for steps in range(0, 30, 2):
        with anyio.move_on_after(steps / 100):
            async with open_room(stage.url, token("user", stage.name), **USER):
                joined += 1
    await stage.empty()
    return {"joined": joined}


async def given_up_unready(stage: Stage) -> Any:
    """A join that is cancelled while the server says nothing."""
    await stage.test("unready")
    with anyio.move_on_after(0.2) as scope:
        async with open_room(stage.url, token("user", stage.name)):
            pass
    return scope.cancelled_caught


async def cancelled(stage: Stage) -> Any:
    """Cancellation at each wait, and the room goes on; then one at the end of the block."""
    caught = []
    async with stage.joined("bot", **BOT) as bot, stage.joined("user", **USER) as user:
        await user.room.until_heard()
        acts: list[Callable[[], Awaitable[object]]] = [
            lambda: user.room.send_audio(tone(440, 9, USER_RATE)),
            user.room.flush,
            bot.room.next_event,
            lambda: user.room.set_attributes({"a": "b"}),
        ]
        for act in acts:
            with anyio.CancelScope() as scope:
                scope.cancel()
                await act()
            caught.append(scope.cancelled_caught)
        with anyio.move_on_after(0.1) as scope:
            await user.room.send_audio(tone(440, 9, USER_RATE))
        caught.append(scope.cancelled_caught)
        with anyio.move_on_after(0.1) as scope:
            await user.room.flush()
        caught.append(scope.cancelled_caught)
        await user.room.clear_audio()
        await bot.seconds(0.5, USER_RATE)
        begin = len(bot.audio)
        await user.room.send_audio(tone(900, 0.5, USER_RATE))
        await user.room.flush()
        await bot.seconds(0.3, USER_RATE)
        heard = measured(bot.audio[begin:], USER_RATE)
    with anyio.CancelScope() as scope:
        async with open_room(stage.url, token("user", stage.name)):
            scope.cancel()
            await anyio.sleep_forever()
    await stage.empty()
    return {"caught": caught, "heard": heard, "left": scope.cancelled_caught}


# The log


async def chatter(stage: Stage) -> dict[str, Any]:
    """How many records of the native part the package looks at while somebody joins."""
    from livekit.rtc import _ffi_client as ffi

    with patch.object(ffi, "to_python_level", wraps=ffi.to_python_level) as looks:
        async with stage.joined("user") as user:
            await user.room.set_attributes({"a": "b"})
    return {"looked_at": looks.call_count}
