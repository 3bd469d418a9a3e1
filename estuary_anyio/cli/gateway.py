"""`estuary gateway`: a server on this machine, until it is told to stop."""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import anyio

from estuary_anyio.gateway import GatewayConfig, LiveKitSettings, OpenAISettings, read_script
from estuary_anyio.gateway.serve import serving
from estuary_proto.errors import ErrorCode, EstuaryError
from estuary_proto.gateway import DEFAULT_KEY, ServerConfig

from .exits import Exit, Stop, need, one_line
from .run import run
from .screen import Screen
from .speech import SpeechOptions, hears, speaks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from anyio import CancelScope
    from anyio.abc import TaskGroup

    from estuary_anyio.gateway import Gateway

_LIMITS = {
    "idle_timeout": "session_idle",
    "voice_idle_timeout": "voice_idle",
    "quota": "quota",
    "mic_rate": "mic_rate",
}
"""What the options are called in `ServerConfig`."""

_DEFAULT = SpeechOptions()

LLM_KEYS = ("ESTUARY_LLM_API_KEY", "OPENAI_API_KEY")
"""Where the key of the model stands; the first that is set."""


def livekit_of(url: str | None, key: str | None, secret: str | None) -> LiveKitSettings | None:
    """The LiveKit server of these options, None without an address; raises Stop."""
    if not url:
        return None
    try:
        return LiveKitSettings(url, key or "", secret or "")
    except EstuaryError as error:
        raise Stop(
            f"--livekit-url, --livekit-key, --livekit-secret: {error.message}", Exit.USAGE
        ) from error


def serve(
    host: str,
    port: int,
    keys: Sequence[str],
    backend: str,
    brain: str,
    llm: tuple[str | None, str | None],
    script: Path | None = None,
    limits: Mapping[str, Any] = MappingProxyType({}),
    data: Path | None = None,
    speech: SpeechOptions = _DEFAULT,
    livekit: LiveKitSettings | None = None,
) -> int:
    """Run the command; `llm` is the endpoint's address and model, `limits` and `speech` are the
    options of that kind, `data` is where it keeps what it knows, `livekit` its rooms. Returns the
    exit status."""
    try:
        config = GatewayConfig(
            host,
            port,
            list(keys) or None,
            brain=brain,
            openai=_openai(brain, *llm),
            server=_mind(script, limits),
            stt=speech.stt,
            tts=speech.tts,
            stt_endpoint=speech.stt_endpoint,
            tts_endpoint=speech.tts_endpoint,
            data=data,
            livekit=livekit,
        )
    except EstuaryError as error:
        # The field is one of Python's; people typed an option.
        raise Stop(f"--{_option(error)}", Exit.USAGE) from error
    screen = Screen()

    async def job(tasks: TaskGroup, scope: CancelScope) -> int:
        # The scope ends inside, so that clients hear that the server is going away.
        async with serving(config, lambda line: screen.say(one_line(line), "dim")) as gateway:
            _greet(screen, gateway)
            with scope:
                await anyio.sleep_forever()
        return Exit.DONE

    try:
        # Being told to stop is how a server ends well.
        return run(job, backend, lambda number: Exit.DONE)
    except Stop as stop:
        cause = stop.__cause__
        if isinstance(cause, EstuaryError) and cause.details.get("field") == "data":
            raise Stop(f"--{cause.message}") from cause
        if isinstance(cause, EstuaryError) and cause.details.get("field") in ("stt", "tts"):
            raise Stop(f"--{cause.message}", Exit.USAGE) from cause
        if isinstance(cause, EstuaryError) and cause.details.get("field") == "port":
            text = cause.message.removeprefix("port: ").replace("port=0", "--port 0")
            raise Stop(text) from cause
        raise


def _mind(script: Path | None, limits: Mapping[str, Any]) -> ServerConfig:
    given = {_LIMITS[name]: value for name, value in limits.items() if value is not None}
    if script is not None:
        given["script"] = read_script(script)
    return ServerConfig(**given)


def _option(error: EstuaryError) -> str:
    names = {
        "api_keys": "api-key",
        "base_url": "llm-url",
        "model": "llm-model",
        "session_idle": "idle-timeout",
        "voice_idle": "voice-idle-timeout",
    }
    assert error.code is ErrorCode.CONFIG_INVALID
    if error.details.get("field") == "script":
        return f"script: {one_line(error.message)}"
    field, _, problem = error.message.partition(":")
    return f"{names.get(field, field)}:{problem}"


def _openai(brain: str, url: str | None, model: str | None) -> OpenAISettings | None:
    if brain != "openai":
        if url or model:
            raise Stop("--llm-url and --llm-model are for --brain openai", Exit.USAGE)
        return None
    need("gateway", "httpx")
    found = OpenAISettings(api_key=next(filter(None, map(os.environ.get, LLM_KEYS)), ""))
    return OpenAISettings(url or found.base_url, model or found.model, found.api_key)


def _greet(screen: Screen, gateway: Gateway) -> None:
    default = gateway.api_key == DEFAULT_KEY
    key = DEFAULT_KEY if default else "the key that you gave"
    screen.say(f"listening on {gateway.url}", "bold")
    screen.say(f"  api key    {key}\n  character  {gateway.character_id}")
    screen.say(f"  hears      {hears(gateway)}\n  speaks     {speaks(gateway)}")
    screen.say("talk to it from another terminal:")
    variable = "" if default else "ESTUARY_API_KEY=... "
    screen.say(f"  {variable}estuary chat --url {gateway.url}", "cyan")
    screen.say("or in Python:")
    config = f'EstuaryConfig("{gateway.url}", "{DEFAULT_KEY if default else "..."}", '
    screen.say(f'  {config}"{gateway.character_id}", "me")', "cyan")
    screen.say("Ctrl-C ends it", "dim")
