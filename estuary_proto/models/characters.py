"""Characters, what they can do, and what drives them (seed 003; PROTOCOL 7.2, snake_case)."""

from __future__ import annotations

from dataclasses import field
from typing import ClassVar

from estuary_proto.models.base import Model, model, wire


@model
class ActionParameter(Model):
    """A parameter of an action; `type` is string, integer, number or boolean."""

    name: str = ""
    type: str = "string"
    required: bool = False
    description: str | None = None


@model
class AgentAction(Model):
    """Something that a character can do in the application."""

    name: str = ""
    description: str | None = None
    parameters: list[ActionParameter] = field(default_factory=list)


@model
class Character(Model):
    """A character, whole.

    `launch_status` is running or stopped, `model_status` as `ModelStatus.model_status`, URLs are
    absolute, times ISO texts. `llm_temperature` runs from 0 to 2, `tts_speed` from 0.5 to 2,
    `vad_sensitivity` from 0 to 1.
    """

    id: str = ""
    name: str = ""
    tagline: str | None = None
    personality: str | None = None
    background: str | None = None
    avatar: str | None = None
    system_prompt: str | None = None
    llm_provider: str = "openai"
    llm_model: str = "gpt-5-mini"
    tts_provider: str = "elevenlabs"
    voice_preset: str | None = wire(default=None, aliases=("tts_voice", "ttsVoice"))
    actions: list[AgentAction] = field(default_factory=list)
    is_public: bool = False
    is_active: bool = False
    launch_status: str = "stopped"
    description: str | None = None
    llm_temperature: float = 0.7
    llm_max_tokens: int = 2048
    llm_verbosity: str = "medium"
    tts_model: str | None = None
    tts_voice: str | None = wire(default=None, aliases=("voice_preset", "voicePreset"))
    tts_speed: float = 1.0
    tts_delivery_mode: str | None = None
    stt_provider: str = "deepgram"
    stt_language: str = "en"
    vad_sensitivity: float = 0.5
    vad_min_speech_duration_ms: int = 250
    vlm_model: str | None = None
    text_only: bool = True
    verbose: bool = False
    player_id: str | None = None
    appearance: str | None = None
    motive: str | None = None
    generated_voice_id: str | None = None
    source_image_url: str | None = None
    model_status: str | None = None
    model_url: str | None = None
    model_preview_url: str | None = None
    model_rigged: bool = False
    model_animations: list[str] = field(default_factory=list)
    created_at: str | None = None
    updated_at: str | None = None


@model
class CharacterListResponse(Model):
    """A page of characters; `total` counts all of them."""

    characters: list[Character] = field(default_factory=list)
    total: int = 0
    limit: int = 20
    offset: int = 0


@model
class Motive(Model):
    """What drives a character towards a player now; None when nothing in particular does.

    A guess: PROTOCOL 7.2 names the route and what is sent, and no public source shows the answer.
    """

    CAMEL: ClassVar[bool] = True
    BARE: ClassVar[str] = "motive"

    motive: str | None = None
    character_id: str = wire(default="", aliases=("agentId", "agent_id"))
    player_id: str = ""
    updated_at: str | None = None


@model
class Encounter(Model):
    """An encounter of two characters that the server has begun (PROTOCOL 7.2).

    What they say comes as `encounter_message` events. A guess: PROTOCOL 7.2 tells what is sent and
    the status 202, and no public source shows the answer.
    """

    CAMEL: ClassVar[bool] = True

    encounter_id: str = wire(default="", aliases=("id",))
    status: str | None = None
    character_a_id: str = ""
    character_b_id: str = ""
    max_turns: int | None = None
