"""Every method of the client: what python-socketio's server hears of it, and what our gateway does
about it."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
import pytest

from estuary_anyio import (
    AgentConversationComplete,
    BotResponse,
    BotVoice,
    ConnectionState,
    ErrorCode,
    EstuaryClient,
    EstuaryError,
    InterruptData,
    LinesEnd,
    Outcome,
    PlaybackComplete,
    PlaybackStarted,
    PlaybackState,
    ReplyInterrupted,
    SttResponse,
    VoiceMode,
)
from estuary_anyio.parts.speaking import Speaking

from .houses import House, heard_by, our_gateway

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    Act = Callable[[EstuaryClient], Awaitable[Any]]

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
PICTURE = b64encode(PNG).decode()
LOOK = {"image": PICTURE, "mime_type": "image/png", "sample_rate": 24000}
PCM = b"\x00\x20\x00\xe0" * 1600
"""A loud tone of 0.2 s at 16 kHz."""

AUDIO = ("stream_audio", {"audio": b64encode(PCM[:3200]).decode()})
VOICE = (("start_voice",), ("stop_voice",))
PRESSED = (
    ("client_interrupt", {}),
    ("start_voice", {"turn_mode": "push_to_talk"}),
    *[AUDIO] * 2,
    ("stop_voice",),
)


class Method(NamedTuple):
    """`act` uses it, python-socketio's server `hears` that, and `gateway` sees what comes of it."""

    act: Act
    hears: tuple[Any, ...]
    gateway: Callable[[EstuaryClient, Act], Awaitable[None]]


async def until(client: EstuaryClient, kind: type[Any], **parts: Any) -> Any:
    def fits(event: Any) -> bool:
        return all(getattr(event, key) == value for key, value in parts.items())

    return await client.wait_for(kind, fits, timeout=5)


# --- what comes of it ----------------------------------------------------------------------------


async def answered(client: EstuaryClient, act: Act) -> None:
    heard = client.events(BotResponse)
    await act(client)
    with anyio.fail_after(5):
        async for response in heard:
            if response.is_final:
                assert response.text
                return


async def only_sent(client: EstuaryClient, act: Act) -> None:
    await act(client)
    assert (await client.send_text_and_wait("hello")).text


async def cut(client: EstuaryClient, act: Act) -> None:
    reply = client.ask("tell me a story")
    async for _ in reply:
        break
    interrupted = client.events(InterruptData)
    await act(client)
    with pytest.raises(ReplyInterrupted):
        await reply.final()
    assert (await anext(interrupted)).message_id == reply.message_id


async def looked(client: EstuaryClient, act: Act) -> None:
    heard = client.events(BotResponse)
    await act(client)
    with anyio.fail_after(5):
        async for response in heard:
            if response.is_final and f"{len(PNG)} bytes, image/png" in response.text:
                return


async def photographed(client: EstuaryClient, act: Act) -> None:
    await act(client)
    answer = client.events(BotResponse)
    client.send_text("what do you see?")
    with anyio.fail_after(5):
        async for response in answer:
            if response.is_final and f"{len(PNG)} bytes, image/png" in response.text:
                return


async def talked(client: EstuaryClient, act: Act) -> None:
    over = client.events(AgentConversationComplete)
    await act(client)
    ended = await anext(over)
    assert (ended.reason, ended.total_turns) == ("max_turns", 2)


async def stopped(client: EstuaryClient, act: Act) -> None:
    over = client.events(AgentConversationComplete)
    client.start_agent_conversation("demo", "friend", max_turns=50)
    await act(client)
    assert (await anext(over)).reason == "stopped"


async def understood(client: EstuaryClient, act: Act) -> None:
    heard, voices = client.events(SttResponse), client.events(BotVoice)
    await act(client)
    with anyio.fail_after(5):
        async for transcript in heard:
            if transcript.is_final:
                assert transcript.text
                break
        async for voice in voices:
            assert voice.pcm
            break


async def voice_went_by(client: EstuaryClient, act: Act) -> None:
    await act(client)
    assert not client.is_voice_active


async def played(client: EstuaryClient, act: Act) -> None:
    playback = client.events(PlaybackStarted, PlaybackComplete)
    await act(client)
    assert [await anext(playback), await anext(playback)] == [
        PlaybackStarted("m"),
        PlaybackComplete("m"),
    ]
    assert client.playback_state("m") is PlaybackState.COMPLETE
    assert client.playback_state("other") is None


# --- using it ----------------------------------------------------------------------------------


async def send_text(client: EstuaryClient) -> None:
    assert await client.send_text("hello") is Outcome.SENT


async def ask(client: EstuaryClient) -> None:
    reply = client.ask("hello", text_only=True)
    assert "".join([piece.text async for piece in reply]) == (await reply.final()).text


async def send_text_and_wait(client: EstuaryClient) -> None:
    assert (await client.send_text_and_wait("hello", timeout=5)).is_final


async def stream_text(client: EstuaryClient) -> None:
    assert [piece async for piece in client.stream_text("hello")]


async def say_line(client: EstuaryClient) -> None:
    assert await client.say_line("A line.", text_only=True) is Outcome.SENT
    assert await client.say_line("  ") is Outcome.SENT  # Nothing to say: nothing is sent.


async def say_lines(client: EstuaryClient) -> None:
    script = client.say_lines(["One.", "Two."], gap=0.01, line_timeout=0.2, text_only=True)
    script.pause()
    script.resume()
    assert script.position == 0
    assert await script is LinesEnd.FINISHED
    assert await script.finished() is script.end
    assert (script.position, script.said) == (1, 2)
    assert repr(script) == "<Script at line 1, finished>"
    script.stop()  # Free.


async def lines_were_said(client: EstuaryClient, act: Act) -> None:
    finals: list[str] = []
    client.on("bot_response", lambda r: finals.append(r.text) if r.is_final else None)
    await act(client)
    assert finals == ["One.", "Two."]


async def interrupt(client: EstuaryClient) -> None:
    assert await client.interrupt() is Outcome.SENT


async def flush(client: EstuaryClient) -> None:
    client.send_text("hello", text_only=True)
    await client.flush()


async def send_camera_image(client: EstuaryClient) -> None:
    receipts = [
        client.send_camera_image(PICTURE, "image/png"),
        client.send_camera_image(PNG, "image/png", request_id="r", text="what is it?"),
    ]
    assert [await receipt for receipt in receipts] == [Outcome.SENT] * 2


async def update_preferences(client: EstuaryClient) -> None:
    await client.update_preferences(enable_vision_acknowledgment=True)
    await client.update_preferences()


async def notify(client: EstuaryClient) -> None:
    client.notify_audio_playback_started("m")
    await client.notify_audio_playback_complete("m")
    await client.notify_audio_playback_complete()


async def start_agents(client: EstuaryClient) -> None:
    await client.start_agent_conversation(
        "demo", "friend", conversation_context="tea", max_turns=2, timeout_seconds=30
    )


async def stop_agents(client: EstuaryClient) -> None:
    await client.stop_agent_conversation()


async def voice_on_and_off(client: EstuaryClient) -> None:
    await client.start_voice()
    assert client.is_voice_active
    with pytest.raises(EstuaryError) as raised:
        await client.start_voice()
    assert raised.value.code is ErrorCode.VOICE_ALREADY_ACTIVE
    await client.start_recording()  # In continuous mode there is nothing to do.
    await client.stop_recording()
    client.mute()
    await client.send_audio(PCM)
    assert client.is_muted
    client.toggle_mute()
    assert not client.is_muted
    await client.stop_voice()
    with pytest.raises(EstuaryError) as raised:
        await client.send_audio(PCM)
    assert raised.value.code is ErrorCode.VOICE_NOT_ACTIVE


async def push_to_talk(client: EstuaryClient) -> None:
    await client.start_voice(VoiceMode.PUSH_TO_TALK)
    await client.start_recording()
    await client.start_recording()
    await client.send_audio(PCM[:1])
    await client.send_audio(memoryview(PCM)[1:])
    await client.stop_recording()
    await client.stop_recording()
    await client.stop_voice()  # Behind all that was said.


METHODS: dict[str, Method] = {
    "send_text": Method(send_text, (("text", {"text": "hello"}),), answered),
    "ask": Method(ask, (("text", {"text": "hello", "textOnly": True}),), only_sent),
    "send_text_and_wait": Method(send_text_and_wait, (("text", {"text": "hello"}),), only_sent),
    "stream_text": Method(stream_text, (("text", {"text": "hello"}),), only_sent),
    "say_line": Method(say_line, (("say_line", {"text": "A line.", "text_only": True}),), answered),
    "say_lines": Method(
        say_lines,
        tuple(("say_line", {"text": text, "text_only": True}) for text in ("One.", "Two.")),
        lines_were_said,
    ),
    "interrupt": Method(interrupt, (("client_interrupt", {}),), cut),
    "flush": Method(flush, (("text", {"text": "hello", "textOnly": True}),), answered),
    "send_camera_image": Method(
        send_camera_image,
        (
            ("camera_image", LOOK),
            ("camera_image", {**LOOK, "request_id": "r", "text": "what is it?"}),
        ),
        looked,
    ),
    "update_preferences": Method(
        update_preferences,
        (
            ("update_preferences", {"enableVisionAcknowledgment": True}),
            ("update_preferences", {}),
        ),
        only_sent,
    ),
    "notify_audio_playback_complete": Method(
        notify,
        (("audio_playback_complete", {"message_id": "m"}), ("audio_playback_complete",)),
        played,
    ),
    "start_agent_conversation": Method(
        start_agents,
        (
            (
                "start_agent_conversation",
                {
                    "agent_a_id": "demo",
                    "agent_b_id": "friend",
                    "conversation_context": "tea",
                    "max_turns": 2,
                    "timeout_seconds": 30,
                },
            ),
        ),
        talked,
    ),
    "stop_agent_conversation": Method(stop_agents, (("stop_agent_conversation", {}),), stopped),
    "start_voice": Method(voice_on_and_off, VOICE, voice_went_by),
    "start_recording": Method(push_to_talk, PRESSED, understood),
}
"""By the method that it is about; the others that it uses stand in ALSO."""

ALSO = {
    # In the rows of `start_voice`, `start_recording` and `notify_audio_playback_complete`.
    *("stop_voice", "send_audio", "stop_recording", "mute", "toggle_mute", "is_muted"),
    *("is_voice_active", "voice_transport", "notify_audio_playback_started", "playback_state"),
    # In the tests below the table.
    *("send_camera_file", "camera", "answer_camera"),
    # The life of a client, and listening to it: every test here, tests/anyio.
    *("connect", "disconnect", "is_connected", "session", "state", "config"),
    *("on", "once", "off", "emit", "remove_all_listeners", "listener_count", "action"),
    *("events", "wait_for"),
    # REST: tests/rest.
    *("memory", "players", "characters", "generate", "shares", "encounters", "turn"),
}


def test_the_table_is_whole() -> None:
    public = {name for name in dir(EstuaryClient) if not name.startswith("_")} | {"config"}
    assert set(METHODS) | ALSO == public
    assert hasattr(Speaking, "send_audio")


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> Method:
    return METHODS[request.param]


async def test_our_gateway_does_it(method: Method) -> None:
    async with our_gateway() as house, house.guest(audio_sample_rate=24000) as client:
        faults: list[EstuaryError] = []
        client.on("error", faults.append)
        await method.gateway(client, method.act)
        assert client.state is ConnectionState.CONNECTED
        assert faults == []


async def test_python_socketio_hears_it(method: Method, socketio_house: House) -> None:
    async with socketio_house.guest(audio_sample_rate=24000) as client:
        await method.act(client)
        await client.flush()
        heard = await heard_by(client)
    assert heard == [tuple(one) for one in json.loads(json.dumps(method.hears))]


# --- pictures ------------------------------------------------------------------------------------


async def test_a_picture_from_a_file(tmp_path: Path, socketio_house: House) -> None:
    file = tmp_path / "seen.bin"
    file.write_bytes(PNG)
    async with socketio_house.guest(audio_sample_rate=24000) as client:
        await client.send_camera_file(file, text="look")
        await client.send_camera_file(str(file), "image/gif", "r")
        with pytest.raises(FileNotFoundError):
            await client.send_camera_file(tmp_path / "none")
        heard = await heard_by(client)
        file.unlink()
    with pytest.raises(EstuaryError, match="not running"):
        await client.send_camera_file(file)
    assert heard == [
        ("camera_image", {**LOOK, "text": "look"}),
        ("camera_image", {**LOOK, "mime_type": "image/gif", "request_id": "r"}),
    ]


def whole(request: Any) -> Any:
    return PNG


async def later(request: Any) -> Any:
    await anyio.lowlevel.checkpoint()
    return bytearray(PNG)


def typed(request: Any) -> Any:
    return PICTURE, "image/png"


@pytest.mark.parametrize("camera", [whole, later, typed])
async def test_the_camera_answers_what_is_asked(camera: Any) -> None:
    async with our_gateway() as house, house.guest() as client:
        client.camera(lambda request: pytest.fail("the last one counts"))
        assert client.camera(camera) is camera
        assert client.listener_count("camera_capture_request") == 1
        await photographed(client, lambda _: anyio.lowlevel.checkpoint())


async def test_the_camera_may_give_a_file(tmp_path: Path) -> None:
    file = tmp_path / "seen.png"
    file.write_bytes(PNG)
    async with our_gateway() as house, house.guest() as client:

        @client.camera
        def look(request: Any) -> Path:
            return file

        await photographed(client, lambda _: anyio.lowlevel.checkpoint())


WRONG = "LocalProtocolError: [PROTOCOL_ERROR]"


async def test_the_camera_may_decline_or_fail(socketio_house: House) -> None:
    given: list[Any] = [None, 5, b"no picture", (PICTURE, "video/mp4"), PNG]
    async with socketio_house.guest() as client:
        client.camera(lambda request: given.pop(0))
        with pytest.raises(TypeError, match="the camera is int"):
            client.camera(5)  # type: ignore[type-var]
        faults: list[str] = []
        client.on("error", lambda error: faults.append(error.message))
        request = 'fire [["camera_capture", {"request_id": "r"}]]'
        for _ in range(5):
            client.send_text(request)
        with anyio.fail_after(5):
            while len(heard := await heard_by(client)) == 0 or heard[-1][0] != "camera_image":
                pass
        client.off("camera_capture_request", client.answer_camera)
        assert client.listener_count("camera_capture_request") == 0
    assert [fault.partition(" raised ")[2] for fault in faults] == [
        "TypeError: the camera gave int: give bytes, a path, (image, mime_type), or None",
        f"{WRONG} the image is neither JPEG, PNG, WebP nor GIF by its first bytes: say its "
        "mime_type",
        f"{WRONG} mime_type is 'video/mp4': give one such as 'image/jpeg'",
    ]


@pytest.mark.parametrize(
    ("image", "mime_type", "problem"),
    [
        ("", "image/png", "the image is empty"),
        (b"", "image/png", "the image is empty"),
        ("no base64!", "image/png", "image_base64 is not base64"),
        (PICTURE[:-1], "image/png", "image_base64 is not base64"),
        (PICTURE[:20] + "\n" + PICTURE[20:], "image/png", "image_base64 is not base64"),
        ("bäse64", "image/png", "image_base64 is not base64"),
        (f"data:image/png;base64,{PICTURE}", "image/png", "begins with 'data:'"),
        (5, "image/png", "the image is int: give base64 text, or its bytes"),
        (None, "image/png", "the image is NoneType"),
        (PICTURE, "png", "mime_type is 'png': give one such as 'image/jpeg'"),
        (PICTURE, None, "mime_type is None"),
        (PNG * 30_000, "image/png", "'camera_image' takes 19.* bytes on the wire and the server"),
    ],
)
async def test_what_is_no_picture_is_refused(
    image: Any, mime_type: Any, problem: str, socketio_house: House
) -> None:
    async with socketio_house.guest() as client:
        with pytest.raises(EstuaryError, match=problem):
            client.send_camera_image(image, mime_type)
        assert await heard_by(client) == []


async def test_a_path_is_sent_by_another_method(tmp_path: Path, socketio_house: House) -> None:
    async with socketio_house.guest() as client:
        with pytest.raises(EstuaryError, match="send_camera_file"):
            client.send_camera_image(tmp_path, "image/png")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "mime_type"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBP", "image/webp"),
    ],
)
async def test_a_type_is_told_by_the_first_bytes(
    data: bytes, mime_type: str, tmp_path: Path, socketio_house: House
) -> None:
    (tmp_path / "x").write_bytes(data)
    async with socketio_house.guest() as client:
        await client.send_camera_file(tmp_path / "x")
        heard = await heard_by(client)
    assert heard[0][1]["mime_type"] == mime_type
