"""What a client says, as it stands on the wire (PROTOCOL 2), and the caller's mistakes."""

from __future__ import annotations

from typing import Any

import pytest

from estuary_proto import intents
from estuary_proto.errors import LocalProtocolError
from estuary_proto.intents import (
    AudioPlaybackComplete,
    Authenticate,
    Interrupt,
    LiveKitJoin,
    LiveKitLeave,
    LiveKitMute,
    LiveKitTokenRequest,
    RenewAuthentication,
    SayLine,
    SendCameraImage,
    SendText,
    StartAgentConversation,
    StartVoice,
    StopAgentConversation,
    StopVoice,
    StreamAudio,
    SubscribeEncounter,
    UpdatePreferences,
)
from estuary_proto.messages import TO_SERVER, class_of, read, write
from estuary_proto.models import Model, VoiceMode, encode_pcm
from estuary_proto.states import Role

WIRE: list[tuple[Model, str, list[Any]]] = [
    (
        Authenticate(api_key="est_1", character_id="c", player_id="p"),
        "authenticate",
        [
            {
                "api_key": "est_1",
                "character_id": "c",
                "player_id": "p",
                "audio_sample_rate": 16000,
                "realtime_memory": False,
            }
        ],
    ),
    (
        Authenticate(
            character_id="c",
            player_id="p",
            audio_sample_rate=24000,
            realtime_memory=True,
            capabilities={"version": "1", "camera": False, "client_action": True},
            client_token="ect_1",
            token="jwt",
            enable_animation=True,
            enable_body_animation=True,
        ),
        "authenticate",
        [
            {
                "character_id": "c",
                "player_id": "p",
                "audio_sample_rate": 24000,
                "realtime_memory": True,
                "capabilities": {"version": "1", "camera": False, "client_action": True},
                "client_token": "ect_1",
                "token": "jwt",
                "enable_animation": True,
                "enable_body_animation": True,
            }
        ],
    ),
    (RenewAuthentication("ect_2"), "renew_authentication", [{"client_token": "ect_2"}]),
    (SendText("hi"), "text", [{"text": "hi"}]),
    (SendText("hi", text_only=True), "text", [{"text": "hi", "textOnly": True}]),
    (SayLine("hi"), "say_line", [{"text": "hi", "text_only": False}]),
    (SayLine("hi", True), "say_line", [{"text": "hi", "text_only": True}]),
    (Interrupt(), "client_interrupt", [{}]),
    (Interrupt("m"), "client_interrupt", [{"message_id": "m"}]),
    (StartVoice(), "start_voice", []),
    (StartVoice("push_to_talk"), "start_voice", [{"turn_mode": "push_to_talk"}]),
    (StartVoice(VoiceMode.PUSH_TO_TALK), "start_voice", [{"turn_mode": "push_to_talk"}]),
    (StopVoice(), "stop_voice", []),
    (StreamAudio("AAAA"), "stream_audio", [{"audio": "AAAA"}]),
    (LiveKitTokenRequest(), "livekit_token", []),
    (LiveKitTokenRequest("push_to_talk"), "livekit_token", [{"turn_mode": "push_to_talk"}]),
    (LiveKitJoin(), "livekit_join", []),
    (LiveKitJoin("r"), "livekit_join", [{"room": "r"}]),
    (
        LiveKitJoin("r", "push_to_talk"),
        "livekit_join",
        [{"room": "r", "turn_mode": "push_to_talk"}],
    ),
    (LiveKitLeave(), "livekit_leave", []),
    (LiveKitMute(True), "livekit_mute", [{"muted": True}]),
    (LiveKitMute(False), "livekit_mute", [{"muted": False}]),
    (
        SendCameraImage("abc="),
        "camera_image",
        [{"image": "abc=", "mime_type": "image/jpeg"}],
    ),
    (
        SendCameraImage("abc=", "image/png", "r", "what is it?", 24000),
        "camera_image",
        [
            {
                "image": "abc=",
                "mime_type": "image/png",
                "request_id": "r",
                "text": "what is it?",
                "sample_rate": 24000,
            }
        ],
    ),
    (UpdatePreferences(), "update_preferences", [{}]),
    (UpdatePreferences(False), "update_preferences", [{"enableVisionAcknowledgment": False}]),
    (AudioPlaybackComplete(), "audio_playback_complete", []),
    (AudioPlaybackComplete("m"), "audio_playback_complete", [{"message_id": "m"}]),
    (
        StartAgentConversation("a", "b"),
        "start_agent_conversation",
        [
            {
                "agent_a_id": "a",
                "agent_b_id": "b",
                "conversation_context": "",
                "max_turns": 8,
                "timeout_seconds": 90.0,
            }
        ],
    ),
    (StopAgentConversation(), "stop_agent_conversation", [{}]),
    (SubscribeEncounter("e"), "subscribe_encounter", [{"encounterId": "e"}]),
]


@pytest.mark.parametrize(("intent", "name", "args"), WIRE, ids=lambda each: type(each).__name__)
def test_an_intent_on_the_wire_and_back(intent: Model, name: str, args: list[Any]) -> None:
    assert write(intent) == (name, args)
    assert read(Role.CLIENT, name, args) == intent


def test_every_intent_of_the_table_has_an_example() -> None:
    assert {name for _, name, _ in WIRE} == set(TO_SERVER)
    assert {type(intent) for intent, _, _ in WIRE} == {
        class_of(Role.CLIENT, name) for name in TO_SERVER
    }


def test_every_intent_of_the_module_is_in_the_table() -> None:
    defined = {
        value
        for value in vars(intents).values()
        if isinstance(value, type) and value.__module__ == intents.__name__
    }
    assert defined == {class_of(Role.CLIENT, name) for name in TO_SERVER}


@pytest.mark.parametrize(
    ("name", "payload", "intent"),
    [
        ("text", {"text": "a", "text_only": True}, SendText("a", True)),
        ("say_line", {"text": "a", "textOnly": "true"}, SayLine("a", True)),
        ("text", None, SendText("")),
        ("text", {"text": None}, SendText("")),
        ("stream_audio", {"audio": 5}, StreamAudio("5")),
        ("stream_audio", [], StreamAudio("")),
        ("start_voice", None, StartVoice()),
        ("start_voice", {"turn_mode": None}, StartVoice()),
        ("start_voice", {"turnMode": "push_to_talk"}, StartVoice("push_to_talk")),
        ("livekit_mute", {}, LiveKitMute(False)),
        (
            "camera_image",
            {"image": "a", "sampleRate": "24000"},
            SendCameraImage("a", sample_rate=24000),
        ),
        ("authenticate", {"apiKey": "k", "capabilities": 1}, Authenticate("k")),
        ("subscribe_encounter", {"encounter_id": "e"}, SubscribeEncounter("e")),
    ],
)
def test_a_server_reads_intents_tolerantly(name: str, payload: object, intent: Model) -> None:
    assert read(Role.CLIENT, name, [payload]) == intent


@pytest.mark.parametrize(
    ("intent", "says"),
    [
        (SendText(5), "SendText.text must be str, not int"),  # type: ignore[arg-type]
        (SendText("a", "yes"), "SendText.text_only must be bool, not str"),  # type: ignore[arg-type]
        (StreamAudio(b"a"), "StreamAudio.audio must be str, not bytes"),  # type: ignore[arg-type]
        (Interrupt(5), "Interrupt.message_id must be str or None, not int"),  # type: ignore[arg-type]
        (
            Authenticate(audio_sample_rate=16000.0),  # type: ignore[arg-type]
            "Authenticate.audio_sample_rate must be int, not float",
        ),
        (
            SendCameraImage("a", sample_rate=True),
            "SendCameraImage.sample_rate must be int or None, not bool",
        ),
        (
            RenewAuthentication(b"SECRET"),  # type: ignore[arg-type]
            "RenewAuthentication.client_token must be str, not bytes",
        ),
        (
            StartAgentConversation("a", "b", timeout_seconds=float("inf")),
            "StartAgentConversation.timeout_seconds must be a finite number, not float",
        ),
    ],
)
def test_a_wrong_type_is_the_callers_mistake(intent: Model, says: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        write(intent)
    assert caught.value.message == says


@pytest.mark.parametrize(
    "intent",
    [
        Authenticate(api_key="SECRET", client_token="SECRET", token="SECRET"),
        RenewAuthentication("SECRET"),
        SendCameraImage("SECRET"),
        StreamAudio("SECRET"),
    ],
)
def test_credentials_and_bulk_do_not_show(intent: Model) -> None:
    assert "SECRET" not in f"{intent!r} {intent}"


def test_microphone_audio_decodes() -> None:
    assert StreamAudio(encode_pcm(b"\x01\x02")).pcm == b"\x01\x02"
    assert StreamAudio("!").pcm == b""
