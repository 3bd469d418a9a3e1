"""Scripts talk to the gateway: everything that is awaited elsewhere, plainly."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from estuary_anyio import (
    BotResponse,
    BotVoice,
    CharacterAction,
    ConnectionState,
    ErrorCode,
    EstuaryError,
    LinesEnd,
    NotFound,
    Outcome,
    ReplyEnd,
    ReplyInterrupted,
    SttResponse,
    TurnResult,
    TurnText,
    VoiceMode,
    WaitTimeout,
)
from estuary_anyio.sync import EstuaryClient
from estuary_proto.gateway import ServerConfig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from estuary_anyio import CameraCaptureRequest, EstuaryConfig

JPEG = b"\xff\xd8\xff\xe0" + bytes(2000)
ECHO = pytest.mark.estuary(brain=lambda text: ["to ", text])
SLOW = pytest.mark.estuary(server=ServerConfig(word_interval=0.05))


@pytest.fixture
def client(estuary_config: EstuaryConfig, backend: str) -> Iterator[EstuaryClient]:
    with EstuaryClient(estuary_config, backend=backend) as client:
        client.connect()
        yield client


@ECHO
def test_an_answer(client: EstuaryClient) -> None:
    reply = client.ask("you")
    assert [piece.text for piece in reply] == ["to ", "you"]
    assert reply.final().text == reply.partial == "to you"
    assert reply.end is ReplyEnd.FINAL
    assert reply.message_id == reply.final().message_id
    assert [piece.text for piece in reply.pieces()] == ["to ", "you"]
    assert "FINAL" in repr(reply) or "final" in repr(reply)


@ECHO
def test_views_of_it(client: EstuaryClient) -> None:
    assert client.send_text_and_wait("you", text_only=True).text == "to you"
    assert "".join(piece.text for piece in client.stream_text("them")) == "to them"


@SLOW
def test_an_answer_is_interrupted(client: EstuaryClient) -> None:
    reply = client.ask("tell me a story")
    pieces = iter(reply)
    next(pieces)
    assert reply.interrupt().wait() is Outcome.SENT
    with pytest.raises(ReplyInterrupted) as stopped:
        reply.final()
    assert stopped.value.partial == reply.partial
    with pytest.raises(ReplyInterrupted):
        list(pieces)


@ECHO
def test_what_is_sent_settles(client: EstuaryClient) -> None:
    answers = client.events(BotResponse, timeout=10)
    receipt = client.send_text("you")
    client.flush()
    assert receipt.outcome is Outcome.SENT
    assert receipt.wait(timeout=0) is Outcome.SENT
    assert next(one for one in answers if one.is_final).text == "to you"
    assert client.say_line("Good evening.").wait(timeout=5) is Outcome.SENT
    assert next(one for one in answers if one.is_final).text == "Good evening."


def test_events_have_a_time_limit(client: EstuaryClient) -> None:
    with client.events(BotResponse, timeout=0.05) as events:
        with pytest.raises(WaitTimeout, match=r"no event came in 0\.05 s"):
            next(events)
        events.timeout = 10
        client.send_text("hello")
        assert isinstance(next(events), BotResponse)
        assert events.dropped == 0
    assert list(events) == []
    with pytest.raises(WaitTimeout):
        client.wait_for(SttResponse, timeout=0.05)


def test_events_end_with_the_client(client: EstuaryClient) -> None:
    events = client.events(SttResponse)
    client.disconnect()
    assert list(events) == []


def test_handlers_of_both_kinds(client: EstuaryClient) -> None:
    plain: list[tuple[str, int]] = []
    asynchronous: list[tuple[str, int]] = []
    here = threading.get_ident()

    @client.on("bot_response")
    def heard(response: BotResponse) -> None:
        plain.append((response.partial, threading.get_ident()))

    @client.on("bot_response")
    async def heard_in_the_loop(response: BotResponse) -> None:
        await client.async_client.flush()
        asynchronous.append((response.partial, threading.get_ident()))

    assert client.listener_count("bot_response") == 2
    client.send_text_and_wait("hello")
    client.disconnect()
    assert [text for text, _ in plain] == [text for text, _ in asynchronous] != []
    threads = {thread for _, thread in plain} | {thread for _, thread in asynchronous}
    assert here not in threads
    assert len({thread for _, thread in asynchronous} & {thread for _, thread in plain}) == 0
    client.off("bot_response", heard)
    client.off("bot_response", heard_in_the_loop)
    assert client.listener_count("bot_response") == 0


def test_a_handler_may_call_the_client(client: EstuaryClient) -> None:
    """And a slow one delays neither the conversation nor another handler."""
    told: list[str] = []
    go, done = threading.Event(), threading.Event()

    @client.once("bot_response")
    def slow(response: BotResponse) -> None:
        assert go.wait(20)
        told.append(client.send_text_and_wait("what is my name?").text)
        told.append(str(client.memory.get_stats().total_active))
        told.extend(piece.text for piece in client.ask("hello"))
        done.set()

    client.send_text_and_wait("my name is Ada")
    client.send_text_and_wait("hello")  # This goes on meanwhile.
    assert told == []
    go.set()
    assert done.wait(20)
    assert "Ada" in told[0]
    assert told[1] == "1"
    assert "Ada" in "".join(told[2:])


def test_a_handler_that_raises_is_told(client: EstuaryClient) -> None:
    problems: list[EstuaryError] = []
    told = threading.Event()

    def wrong(response: BotResponse) -> None:
        raise ValueError("wrong")

    @client.on("error")
    def problem(error: EstuaryError) -> None:
        problems.append(error)
        told.set()

    client.once("bot_response", wrong)
    client.send_text_and_wait("hello")
    assert told.wait(10)
    assert "wrong' of 'bot_response' raised ValueError: wrong" in problems[0].message.replace(
        "wrong of", "wrong' of"
    )
    client.remove_all_listeners()
    assert client.listener_count("error") == 0


def test_a_coroutine_function_is_told_where_it_is(client: EstuaryClient) -> None:
    raised: list[EstuaryError] = []

    @client.once("interrupt")
    async def mistaken(event: object) -> None:
        assert client.listener_count("interrupt") == 0  # What does not wait works here too.
        try:
            client.send_text_and_wait("this would wait for itself")
        except EstuaryError as error:
            raised.append(error)

    client.emit("interrupt", object())
    client.disconnect()
    assert "async_client" in raised[0].message


def test_unknown_names_and_what_cannot_be_called(client: EstuaryClient) -> None:
    listen: Any
    for listen in (client.on, client.once):
        with pytest.raises(ValueError, match="did you mean 'bot_response'"):
            listen("bot_respones")
        with pytest.raises(TypeError, match="not callable"):
            listen("error", 3)


@pytest.mark.estuary(
    script=[
        {
            "when": {"text": {"equals": "one"}},
            "do": [{"emit": {"event": "client_action", "name": "wave"}}],
            "instead": True,
        },
        {
            "when": {"text": {"equals": "two"}},
            "do": [{"ask": {"event": "camera_capture", "request_id": "r1"}}],
            "instead": True,
        },
    ]
)
def test_actions_and_the_camera(client: EstuaryClient) -> None:
    seen: list[object] = []
    waved = threading.Event()

    @client.action("wave")
    def wave(action: CharacterAction) -> None:
        seen.append(action.name)
        waved.set()

    @client.camera
    def look(request: CameraCaptureRequest) -> bytes:
        seen.append(request.request_id)
        return JPEG

    client.send_text("one")
    assert waved.wait(10)
    sees = client.events(BotResponse, timeout=10)
    client.send_text("two")
    assert any("see" in one.text or "picture" in one.text for one in sees if one.is_final)
    assert seen == ["wave", "r1"]
    client.off("camera_capture_request", client.answer_camera)
    client.off("client_action", wave)
    assert client.listener_count("camera_capture_request") == 0
    assert client.listener_count("client_action") == 0


def test_pictures(client: EstuaryClient, tmp_path: Path) -> None:
    assert client.send_camera_image(JPEG, "image/jpeg").wait() is Outcome.SENT
    (tmp_path / "picture.jpg").write_bytes(JPEG)
    assert client.send_camera_file(tmp_path / "picture.jpg").wait() is Outcome.SENT
    with pytest.raises(OSError, match="nothing"):
        client.send_camera_file(tmp_path / "nothing.jpg")


def test_lines(client: EstuaryClient) -> None:
    script = client.say_lines(["One.", "Two."], text_only=True)
    script.pause()
    script.resume()
    assert script.finished() is script.end is LinesEnd.FINISHED
    assert (script.said, script.position) == (2, 1)
    stopped = client.say_lines(["One.", "Two."], text_only=True, loop=True)
    stopped.skip()
    stopped.stop()
    assert stopped.finished() is LinesEnd.STOPPED


def test_voice(client: EstuaryClient) -> None:
    heard = client.events(SttResponse, timeout=20)
    client.start_voice(VoiceMode.PUSH_TO_TALK)
    assert client.is_voice_active
    assert client.voice_transport == "websocket"
    client.start_recording()
    client.send_audio(b"\x00\x20\x00\xe0" * 8000)
    client.stop_recording()
    assert next(one for one in heard if one.is_final).text
    client.toggle_mute()
    assert client.is_muted
    client.mute(False)
    assert not client.is_muted
    client.stop_voice()
    with pytest.raises(EstuaryError) as refused:
        client.send_audio(b"\x00\x00")
    assert refused.value.code is ErrorCode.VOICE_NOT_ACTIVE


@pytest.mark.estuary(server=ServerConfig(voice="always", word_interval=0.001))
def test_the_voice_of_an_answer(client: EstuaryClient) -> None:
    reply = client.ask("hello")
    voice = reply.voice()
    voice.timeout = 20
    chunks = list(voice)
    assert chunks
    assert all(isinstance(one, BotVoice) and one.pcm for one in chunks)
    assert client.playback_state(chunks[0].message_id) is not None
    client.notify_audio_playback_started(chunks[0].message_id)
    assert client.notify_audio_playback_complete(chunks[0].message_id).wait() is Outcome.SENT


def test_rest(client: EstuaryClient) -> None:
    client.memory.create("The tea is mint.")
    client.memory.create("The coffee is black.")
    assert {one.content for one in client.memory.iter_memories(page_size=1)} == {
        "The tea is mint.",
        "The coffee is black.",
    }
    assert client.memory.search("tea").results[0].memory.content == "The tea is mint."
    assert client.turn("hello").text
    with client.turn("hello", stream=True) as events:
        assert events.result is None
        kinds = [type(event) for event in events]
        assert events.result is not None
        assert events.text == events.result.text
    assert (kinds[0], kinds[-1]) == (TurnText, TurnResult)
    assert client.characters.list().characters
    assert client.players.list().conversations
    assert client.shares.create_share(client.config.character_id).token
    with pytest.raises(NotFound):
        client.generate.get_model_status("nobody")
    with pytest.raises(NotFound):
        client.encounters.start("nobody", "nobody else")


def test_two_characters_talk(client: EstuaryClient) -> None:
    assert client.start_agent_conversation("demo", "demo", max_turns=1).wait() is Outcome.SENT
    assert client.stop_agent_conversation().wait() is Outcome.SENT
    assert client.update_preferences(True).wait() is Outcome.SENT
    assert client.state is ConnectionState.CONNECTED
    assert client.session is not None
    emitted: list[str] = []
    client.once("voice_error", emitted.append)
    client.emit("voice_error", "made up")
    client.disconnect()
    assert emitted == ["made up"]
