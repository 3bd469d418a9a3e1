"""Settings: checked when made, errors that name the way out, secrets that never show."""

from __future__ import annotations

import os
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from estuary_proto.config import EstuaryConfig, RetryConfig, SessionCapabilities
from estuary_proto.errors import ErrorCode, EstuaryError

URL = "https://api.estuary-ai.com"


def make(**settings: Any) -> EstuaryConfig:
    given: dict[str, Any] = {
        "server_url": URL,
        "api_key": "est_secret",
        "character_id": "c",
        "player_id": "p",
    }
    return EstuaryConfig(**{**given, **settings})


async def provider() -> str:
    """A token provider that nobody calls."""
    return ""


def test_defaults() -> None:
    config = EstuaryConfig(URL, "est_secret", "c", "p")
    names = {f.name: getattr(config, f.name) for f in fields(config)}
    assert names == {
        "server_url": URL,
        "api_key": "est_secret",
        "character_id": "c",
        "player_id": "p",
        "audio_sample_rate": 16000,
        "mic_sample_rate": 16000,
        "auto_reconnect": True,
        "max_reconnect_attempts": 5,
        "reconnect_delay": 1.0,
        "reconnect_delay_max": 30.0,
        "debug": False,
        "voice_transport": "websocket",
        "realtime_memory": False,
        "capabilities": None,
        "token_provider": None,
        "apm_echo_cancellation": True,
        "apm_noise_suppression": False,
        "apm_auto_gain_control": False,
        "apm_high_pass_filter": True,
        "connect_timeout": 15.0,
        "voice_start_timeout": 10.0,
        "resume_voice_on_reconnect": True,
        "auto_interrupt": False,
        "auto_interrupt_grace": 1.5,
        "suppress_mic_during_playback": False,
        "retry": RetryConfig(),
        "text_mode": "auto",
        "max_message_size": 16 * 2**20,
        "audio_backlog": 1.0,
        "enable_animation": False,
        "enable_body_animation": False,
    }


def test_it_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        make().debug = True  # type: ignore[misc]


def test_secrets_never_show() -> None:
    config = make(token_provider=provider)
    assert "est_secret" not in repr(config)
    assert "provider" not in repr(config)
    assert config == make()


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("server_url", None, "it is NoneType, not str"),
        ("server_url", "ftp://host", "the scheme 'ftp' is none of http, ws, https, wss"),
        ("server_url", "api.estuary-ai.com", "the scheme '' is none of"),
        ("server_url", "http://", "names no host"),
        ("server_url", "http://host:0", "names no host or port"),
        ("server_url", "http://host:99999", "out of range"),
        ("server_url", "http://[::1", "Invalid IPv6 URL"),
        ("server_url", "http://ho st", "blank or control character"),
        ("server_url", "http://host/\x7f", "blank or control character"),
        ("server_url", "http://host/\n", "blank or control character"),
        ("server_url", "http://user:pw@host", "it carries a user name or password"),
        ("server_url", "http://host/?a=b", "it carries a query or fragment"),
        ("server_url", "http://host/#a", "it carries a query or fragment"),
        ("api_key", 7, "it is int, not str"),
        ("api_key", " ", "it is empty"),
        ("api_key", "est_secret\r", "it contains a control character"),
        ("api_key", "est_secret\x7f", "it contains a control character"),
        ("api_key", "est_secret\udc80", "half a surrogate pair"),
        ("character_id", 7, "it is int, not str"),
        ("character_id", "\t", "it is empty"),
        ("player_id", "", "it is empty"),
        ("player_id", "p\ud800", "half a surrogate pair"),
        ("audio_sample_rate", 7999, "7999 is out of range; give one from 8000 to 48000"),
        ("audio_sample_rate", 48001, "out of range"),
        ("mic_sample_rate", 16000.0, "16000.0 is not a whole number"),
        ("mic_sample_rate", True, "True is not a whole number"),
        ("max_reconnect_attempts", -1, "out of range"),
        ("max_reconnect_attempts", 1.5, "not a whole number"),
        ("reconnect_delay", -0.1, "out of range"),
        ("reconnect_delay", "1", "'1' is not a number"),
        ("reconnect_delay_max", float("inf"), "out of range"),
        ("auto_interrupt_grace", float("nan"), "out of range"),
        ("connect_timeout", 10**400, "out of range"),
        ("connect_timeout", 0, "out of range"),
        ("voice_start_timeout", 0.0001, "out of range"),
        ("audio_backlog", -1.0, "out of range"),
        ("max_message_size", 1023, "out of range"),
        ("voice_transport", "carrier pigeon", "give one of websocket, livekit, auto"),
        ("text_mode", None, "None is not known; give one of auto, delta, cumulative"),
        ("capabilities", {}, "it is dict; give SessionCapabilities or None"),
        ("retry", None, "it is NoneType; give RetryConfig"),
        ("debug", 1, "1 is no bool; give True or False"),
        ("auto_reconnect", "yes", "'yes' is no bool"),
    ],
)
def test_a_wrong_value_is_named_with_the_way_out(field: str, value: object, problem: str) -> None:
    with pytest.raises(EstuaryError) as caught:
        make(**{field: value})
    error = caught.value
    assert (error.code, error.details) == (ErrorCode.CONFIG_INVALID, {"field": field})
    assert error.message.startswith(f"{field}: ")
    assert problem in error.message
    assert "; " in error.message
    assert "est_secret" not in error.message


@pytest.mark.parametrize(
    ("field", "value"),
    [("max_retries", -1), ("max_retries", 2.0), ("backoff_factor", -1), ("backoff_factor", "x")],
)
def test_retries_are_checked(field: str, value: Any) -> None:
    with pytest.raises(EstuaryError, match=f"retry.{field}: "):
        RetryConfig(**{field: value})


def test_the_key_may_be_empty_with_a_provider() -> None:
    assert make(api_key="", token_provider=provider).api_key == ""


@pytest.mark.parametrize("edge", [8000, 44100, 48000])
def test_rates_in_range(edge: int) -> None:
    assert make(audio_sample_rate=edge).auth()["audio_sample_rate"] == edge


@pytest.mark.parametrize(
    ("url", "secure", "host", "port", "target"),
    [
        ("http://h", False, "h", 80, "/socket.io/?EIO=4&transport=websocket"),
        ("ws://h:4001", False, "h", 4001, "/socket.io/?EIO=4&transport=websocket"),
        ("https://H/", True, "h", 443, "/socket.io/?EIO=4&transport=websocket"),
        ("wss://[::1]:8/a/b/", True, "::1", 8, "/a/b/socket.io/?EIO=4&transport=websocket"),
    ],
)
def test_where_to_connect(url: str, secure: bool, host: str, port: int, target: str) -> None:
    config = make(server_url=url)
    assert (config.secure, config.host, config.port) == (secure, host, port)
    assert config.target() == target


def test_another_path_is_quoted_once() -> None:
    assert make().target("/my io/%20") == "/my%20io/%20?EIO=4&transport=websocket"


def test_what_the_server_is_told() -> None:
    assert make().auth() == {
        "api_key": "est_secret",
        "character_id": "c",
        "player_id": "p",
        "audio_sample_rate": 16000,
        "realtime_memory": False,
        "capabilities": {
            "version": "1",
            "camera": True,
            "microphone": True,
            "speaker": True,
            "client_action": True,
        },
    }


def test_what_the_server_is_told_on_demand() -> None:
    auth = make(
        capabilities=SessionCapabilities(camera=False, microphone=False, speaker=False),
        realtime_memory=True,
        enable_animation=True,
        enable_body_animation=True,
    ).auth()
    assert (auth["enable_animation"], auth["enable_body_animation"]) == (True, True)
    assert auth["realtime_memory"] is True
    assert auth["capabilities"] == {
        "version": "1",
        "camera": False,
        "microphone": False,
        "speaker": False,
        "client_action": True,
    }


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("ESTUARY_SERVER_URL", "http://h")
    monkeypatch.setenv("ESTUARY_API_KEY", "est_env")
    monkeypatch.setenv("ESTUARY_CHARACTER_ID", "c")
    monkeypatch.setenv("ESTUARY_PLAYER_ID", "p")
    return monkeypatch


def test_from_the_environment(environment: pytest.MonkeyPatch) -> None:
    assert EstuaryConfig.from_env() == EstuaryConfig("http://h", "est_env", "c", "p")
    assert EstuaryConfig.from_env(player_id="me", debug=True).player_id == "me"


def test_what_the_environment_lacks_is_named(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("ESTUARY_API_KEY")
    with pytest.raises(EstuaryError, match="ESTUARY_API_KEY is not set; set it or pass api_key="):
        EstuaryConfig.from_env()
    assert EstuaryConfig.from_env(api_key="est_x").api_key == "est_x"


def test_an_environment_that_is_no_text(environment: pytest.MonkeyPatch) -> None:
    environment.setitem(os.environb, b"ESTUARY_PLAYER_ID", b"\xff")
    with pytest.raises(EstuaryError, match="player_id: it contains half a surrogate pair"):
        EstuaryConfig.from_env()
