"""The local gateway: an Estuary server on this machine, with nothing else needed.

    async with serve_gateway() as gw:
        config = EstuaryConfig(gw.url, gw.api_key, gw.character_id, "me")

`GatewayApp` is the same as an ASGI application, for a server of your own.
"""

from __future__ import annotations

from .app import GatewayApp
from .link import Brain, BrainError
from .livekit import LiveKitSettings
from .openai_brain import OpenAIBrain, OpenAISettings
from .script_file import read_script
from .senses import LiveRecogniser, Recogniser, RecogniserError, Voice, VoiceError
from .serve import Gateway, GatewayConfig, run_gateway, serve_gateway
from .speech import OpenAIRecogniser, OpenAIVoice, SpeechEndpoint, Sphinx

__all__ = [
    "Brain",
    "BrainError",
    "Gateway",
    "GatewayApp",
    "GatewayConfig",
    "LiveKitSettings",
    "LiveRecogniser",
    "OpenAIBrain",
    "OpenAIRecogniser",
    "OpenAISettings",
    "OpenAIVoice",
    "Recogniser",
    "RecogniserError",
    "SpeechEndpoint",
    "Sphinx",
    "Voice",
    "VoiceError",
    "read_script",
    "run_gateway",
    "serve_gateway",
]
