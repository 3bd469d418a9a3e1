"""Pictures and gestures: what the character sees, asks to see, and does."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from estuary_proto.gateway import ServerConfig
from estuary_proto.gateway.wishes import GESTURES, gesture_in, wants_a_look
from estuary_proto.intents import SendCameraImage, SendText, UpdatePreferences
from estuary_proto.models.conversation import (
    BotResponse,
    CameraCaptureRequest,
    CharacterAction,
    InterruptData,
)
from estuary_proto.models.memory import MemoryUpdatedEvent
from estuary_proto.models.session import ErrorEvent, QuotaExceededData

from .conftest import AUTH

Join = Callable[..., Any]
QUICK = ServerConfig(word_interval=0)
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(16)).decode()


def capable(**capabilities: bool) -> dict[str, Any]:
    return {**AUTH, "capabilities": {"version": "1", **capabilities}}


# --- pictures -------------------------------------------------------------------------------


@pytest.mark.parametrize("mime", ["image/png", "IMAGE/PNG", " image/png; q=1"])
def test_a_picture_is_answered(join: Join, mime: str) -> None:
    answer = join(QUICK).say(SendCameraImage(PNG, mime))
    assert answer == "I see a picture of 24 bytes, image/png."


def test_what_is_said_to_it_is_answered_too(join: Join) -> None:
    pair = join(QUICK, auth={**AUTH, "realtime_memory": True})
    assert "Ada" in pair.say(SendCameraImage(PNG, "image/png", text=" my name is Ada "))
    assert len(pair.of(MemoryUpdatedEvent)) == 1
    answer = pair.say(SendCameraImage(PNG, "image/png", text="what is my name?"))
    assert answer == "I see a picture of 24 bytes, image/png. Your name is Ada."
    # What is seen has been said already.
    answer = pair.say(SendCameraImage(PNG, "image/png", text="what do you see?"))
    assert answer == "I see a picture of 24 bytes, image/png."


def test_a_picture_interrupts(join: Join) -> None:
    pair = join()
    pair.send(SendText("tell me a story"))
    pair.send(SendCameraImage(PNG, "image/png"))
    assert [data.reason for data in pair.of(InterruptData)] == ["new_message"]


def test_a_brain_is_told_of_it(join: Join) -> None:
    pair = join(QUICK, external=True)
    pair.send(SendCameraImage(PNG, "image/png", text="and this?"))
    pair.send(SendCameraImage(PNG, "image/gif"))
    first, _, second = pair.commands()
    assert first.text == "[a picture: image/png, 24 bytes] and this?"
    assert second.text == "[a picture: image/gif, 24 bytes]"
    assert second.history == (("user", first.text),)


@pytest.mark.parametrize(
    ("image", "mime", "said"),
    [
        (PNG, "image/tiff", "image/tiff"),
        (PNG, "", "''"),
        (PNG, "x" * 500, "xxx"),
        ("", "image/png", "empty"),
        ("!", "image/png", "base64"),
        (PNG[:-1], "image/png", "base64"),
        ("Ω", "image/png", "base64"),
        (f"data:image/png;base64,{PNG}", "image/png", "prefix"),
    ],
)
def test_what_is_no_picture(join: Join, image: str, mime: str, said: str) -> None:
    pair = join(QUICK)
    pair.send(SendCameraImage(image, mime))
    (error,) = pair.of(ErrorEvent)
    assert error.error == "bad_image"
    assert said in error.message
    assert len(error.message) < 250
    assert pair.of(BotResponse) == []
    assert pair.say(SendText("hi"))


def test_too_much_said_to_a_picture(join: Join) -> None:
    pair = join(QUICK)
    pair.send(SendCameraImage(PNG, "image/png", text="x" * 8001))
    assert [error.error for error in pair.of(ErrorEvent)] == ["text_too_long"]


def test_pictures_count_as_messages_do(join: Join) -> None:
    pair = join(ServerConfig(quota=1))
    pair.send(SendCameraImage(PNG, "image/png"))
    pair.send(SendCameraImage(PNG, "image/png"))
    assert len(pair.of(QuotaExceededData)) == 1


# --- looking --------------------------------------------------------------------------------

LOOKS = [
    "look at this", "Look at this!", "what do you see?", "Please take a look.", "look", "look here",
    "What can you see now?", "can you see me?", "could you look at that thing on my desk?",
    "what am I holding?",
]  # fmt: skip
NO_LOOKS = [
    "it looks good", "look forward to it", "what do you think?", "I look at the sea every day",
    "look up the word", "can you see why I did that?", "",
]  # fmt: skip


@pytest.mark.parametrize("text", LOOKS)
def test_the_character_asks_for_a_picture(join: Join, text: str) -> None:
    assert wants_a_look(text)
    pair = join(QUICK)
    assert "look" in pair.say(SendText(text))
    (request,) = pair.of(CameraCaptureRequest)
    assert request.request_id
    assert request.text == text
    answer = pair.say(SendCameraImage(PNG, "image/png", request.request_id))
    assert answer.startswith("I see")
    pair.say(SendText(text))
    assert len({request.request_id for request in pair.of(CameraCaptureRequest)}) == 2


@pytest.mark.parametrize("text", NO_LOOKS)
def test_other_looks(text: str) -> None:
    assert not wants_a_look(text)


def test_without_a_camera_there_is_nothing_to_look_through(join: Join) -> None:
    pair = join(QUICK, auth=capable(camera=False))
    assert "no camera" in pair.say(SendText("look at this"))
    assert pair.of(CameraCaptureRequest) == []


# --- gestures -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("wave!", "wave"), ("please wave", "wave"), ("Could you please wave at me?", "wave"),
        ("wave your hand", "wave"), ("give us a little wave", "wave"), ("dance", "dance"),
        ("Dance with me, please!", "dance"), ("do a little dance", "dance"), ("nod", "nod"),
        ("take a bow", "bow"), ("wave again", "wave"),
    ],
)  # fmt: skip
def test_a_gesture_is_made(join: Join, text: str, name: str) -> None:
    pair = join(QUICK, auth=capable(client_action=True), wall=lambda: "2026-01-02T03:04:05Z")
    answer = pair.say(SendText(text))
    (action,) = pair.of(CharacterAction)
    assert action.name == name
    assert action.message_id == pair.of(BotResponse)[-1].message_id
    assert action.timestamp == "2026-01-02T03:04:05Z"
    assert action.params == dict(GESTURES[name].arguments)
    assert answer == GESTURES[name].words
    assert "<" not in answer


@pytest.mark.parametrize(
    "text", ["I like to dance", "wave goodbye to summer", "the wave was high", "nodding", ""]
)
def test_words_that_are_none(text: str) -> None:
    assert gesture_in(text) is None


def test_arguments_keep_their_types(join: Join) -> None:
    pair = join(QUICK, auth=capable(client_action=True))
    pair.say(SendText("wave!"))
    (frame,) = [frame for frame in pair.frames if '"client_action"' in str(frame)]
    arguments = json.loads(frame[len("42/sdk,") :])[1]["arguments"]
    assert {type(value) for value in arguments.values()} == {str, int, float, bool}


@pytest.mark.parametrize("auth", [AUTH, capable(), capable(client_action=False)])
def test_a_client_without_typed_actions_gets_a_tag(join: Join, auth: dict[str, Any]) -> None:
    pair = join(QUICK, auth=auth)
    assert pair.say(SendText("wave!")) == "Hello over there! "
    assert not [frame for frame in pair.frames if '"client_action"' in str(frame)]
    last = json.loads(pair.frames[-1][len("42/sdk,") :])[1]
    assert last["text"] == 'Hello over there! <action name="wave"/>'
    assert [action.name for action in pair.of(CharacterAction)] == ["wave"]


def test_a_brain_makes_its_own_gestures(join: Join) -> None:
    pair = join(QUICK, auth=capable(client_action=True), external=True)
    pair.send(SendText("wave!"))
    pair.send(SendText("look at this"))
    assert pair.of(CharacterAction, CameraCaptureRequest) == []


def test_preferences_are_accepted(join: Join) -> None:
    pair = join(QUICK)
    pair.events.clear()
    pair.send(UpdatePreferences(True), ack_within=5)
    assert pair.events == pair.acks
