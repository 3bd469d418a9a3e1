"""`estuary gateway`: a server on this machine, until it is told to stop."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio

from estuary_anyio.gateway import GatewayConfig, LiveKitSettings, OpenAISettings, read_script
from estuary_anyio.gateway.serve import serving
from estuary_proto.errors import ErrorCode, EstuaryError
from estuary_proto.gateway import DEFAULT_KEY, ServerConfig

from .exits import Exit, Stop, need, one_line
from .run import run
from .screen import Screen
from .speech import hears, speaks

if TYPE_CHECKING:
    from pathlib import Path

    from anyio import CancelScope
    from anyio.abc import TaskGroup

    from estuary_anyio.gateway import Gateway

    from .speech import SpeechOptions

LLM_KEYS = ("ESTUARY_LLM_API_KEY", "OPENAI_API_KEY")
"""Where the key of the model stands; the first that is set."""


@dataclass(frozen=True, kw_only=True)
class GatewayOptions:
    """What the options say; None is what nobody said. Secrets stay out of the repr."""

    host: str
    port: int
    keys: tuple[str, ...] = field(repr=False)
    brain: str
    llm_url: str | None
    llm_model: str | None
    speech: SpeechOptions
    livekit_url: str | None
    livekit_key: str | None
    livekit_secret: str | None = field(repr=False)
    script: Path | None
    data: Path | None
    """Where it keeps what it knows; None is in memory."""
    idle_timeout: float | None
    voice_idle_timeout: float | None
    mic_rate: int | None
    quota: int | None

    def config(self) -> GatewayConfig:
        """The gateway that they ask for. Raises Stop, in the words of the options."""
        try:
            return GatewayConfig(
                self.host,
                self.port,
                list(self.keys) or None,
                brain=self.brain,
                openai=self._openai(),
                server=self._mind(),
                stt=self.speech.stt,
                tts=self.speech.tts,
                stt_endpoint=self.speech.stt_endpoint,
                tts_endpoint=self.speech.tts_endpoint,
                data=self.data,
                livekit=self._livekit(),
            )
        except EstuaryError as error:
            # The field is one of Python's; people typed an option.
            raise Stop(f"--{_option(error)}", Exit.USAGE) from error

    def _openai(self) -> OpenAISettings | None:
        url, model = self.llm_url, self.llm_model
        if self.brain != "openai":
            if url or model:
                raise Stop("--llm-url and --llm-model are for --brain openai", Exit.USAGE)
            return None
        need("gateway", "httpx")
        found = OpenAISettings(api_key=next(filter(None, map(os.environ.get, LLM_KEYS)), ""))
        return OpenAISettings(url or found.base_url, model or found.model, found.api_key)

    def _mind(self) -> ServerConfig:
        limits: dict[str, Any] = {
            "session_idle": self.idle_timeout,
            "voice_idle": self.voice_idle_timeout,
            "quota": self.quota,
            "mic_rate": self.mic_rate,
        }
        given = {name: value for name, value in limits.items() if value is not None}
        if self.script is not None:
            given["script"] = read_script(self.script)
        return ServerConfig(**given)

    def _livekit(self) -> LiveKitSettings | None:
        if not self.livekit_url:
            return None
        try:
            return LiveKitSettings(
                self.livekit_url, self.livekit_key or "", self.livekit_secret or ""
            )
        except EstuaryError as error:
            raise Stop(
                f"--livekit-url, --livekit-key, --livekit-secret: {error.message}", Exit.USAGE
            ) from error


def serve(options: GatewayOptions, backend: str) -> int:
    """Run the command. Returns the exit status."""
    config = options.config()
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
