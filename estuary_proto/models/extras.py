"""The optional messages: motives, delegation, tools, timings, encounters, animation (section 3)."""

from __future__ import annotations

from dataclasses import field
from typing import Any, ClassVar

from estuary_proto.models.base import Model, model, wire


@model
class MotiveUpdated(Model):
    """What drives the character now. Private; comes just before its `memory_updated`."""

    NAME: ClassVar[str] = "motive_updated"
    WIRE: ClassVar[str] = "motive_updated"

    agent_id: str = ""
    player_id: str = ""
    motive: str = ""
    conversation_id: str = ""
    timestamp: str = ""


@model
class DelegationUpdate(Model):
    """How a task that the character handed on is going.

    `status` is working, completed, authorization_required, input_required, failed or error.
    """

    NAME: ClassVar[str] = "delegation_update"
    WIRE: ClassVar[str] = "delegation_update"

    status: str = ""
    invocation_id: str = ""
    message_id: str = ""
    timestamp: str = ""
    task: Any = None
    result: Any = None
    error: str | None = None
    authorization_url: str | None = None


@model
class ApiMedia(Model):
    """A picture that a tool found."""

    CAMEL: ClassVar[bool] = True

    type: str = "image"
    url: str = ""
    mime_type: str | None = None
    title: str | None = None
    alt: str | None = None
    source_url: str | None = None


@model
class ApiCitation(Model):
    """Where a tool has it from."""

    title: str | None = None
    url: str | None = None


@model
class ApiEndpointResult(Model):
    """What a tool of the character brought back."""

    NAME: ClassVar[str] = "api_endpoint_result"
    WIRE: ClassVar[str] = "api_endpoint_result"

    tool_call_id: str = ""
    operation: str = ""
    status: str = "completed"
    media: list[ApiMedia] = field(default_factory=list)
    citations: list[ApiCitation] = field(default_factory=list)
    message_id: str = ""
    timestamp: str = ""


@model
class TurnMetrics(Model):
    """How long the parts of a turn took, in milliseconds; None is not measured.

    `status` is complete, interrupted or error; `emit_epoch_ms` is the server's wall clock.
    """

    NAME: ClassVar[str] = "turn_metrics"
    WIRE: ClassVar[str] = "turn_metrics"

    message_id: str = ""
    status: str = ""
    eager: bool = False
    emit_epoch_ms: float | None = None
    endpoint_wait_ms: float | None = None
    speech_end_ms: float | None = None
    memory_ms: float | None = None
    dispatch_context_ms: float | None = None
    queue_wait_ms: float | None = None
    llm_ttft_ms: float | None = None
    llm_total_ms: float | None = None
    tts_engaged_ms: float | None = None
    tts_first_audio_ms: float | None = None
    tts_total_ms: float | None = None
    kb_tool_ms: float | None = None
    kb_tool_source: str | None = None
    server_process_ms: float | None = None
    stt_net_rtt_ms: float | None = None
    llm_net_rtt_ms: float | None = None
    tts_net_rtt_ms: float | None = None


@model
class EncounterMessage(Model):
    """What character "a" or "b" says in an encounter."""

    NAME: ClassVar[str] = "encounter_message"
    WIRE: ClassVar[str] = "encounter_message"
    CAMEL: ClassVar[bool] = True

    encounter_id: str = ""
    speaker: str = ""
    turn_index: int = 0
    text: str = ""


@model
class EncounterVoice(Model):
    """The voice to an encounter's message, base64. Its keys are a guess by the message's."""

    NAME: ClassVar[str] = "encounter_voice"
    WIRE: ClassVar[str] = "encounter_voice"
    CAMEL: ClassVar[bool] = True

    encounter_id: str = ""
    speaker: str = ""
    turn_index: int = 0
    audio: str = wire(default="", hidden=True)


@model
class EncounterEnd(Model):
    """The encounter is over, and why."""

    NAME: ClassVar[str] = "encounter_end"
    WIRE: ClassVar[str] = "encounter_end"
    CAMEL: ClassVar[bool] = True

    encounter_id: str = ""
    reason: str = ""
    turns_emitted: int = 0


@model
class BotAnimation(Model):
    """One frame of the face: ARKit weights, 0 to 1. `sequence` -1 is the last."""

    NAME: ClassVar[str] = "bot_animation"
    WIRE: ClassVar[str] = "bot_animation"

    message_id: str = ""
    sequence: int = 0
    time_code_sec: float = 0.0
    fps: float = 30.0
    weights: dict[str, float] = field(default_factory=dict)
    emit_epoch_ms: float | None = None
    is_final: bool = False


@model
class PoseBone(Model):
    """One bone's rotation as x, y, z, w."""

    name: str = ""
    quat: tuple[float, ...] = ()


@model
class BotPose(Model):
    """One frame of the body. The hips' places are x, y, z; `sequence` -1 is the last."""

    NAME: ClassVar[str] = "bot_pose"
    WIRE: ClassVar[str] = "bot_pose"

    message_id: str = ""
    sequence: int = 0
    time_code_sec: float = 0.0
    fps: float = 30.0
    bones: list[PoseBone] = field(default_factory=list)
    hips_world: tuple[float, ...] = ()
    hips_local_to_floor: tuple[float, ...] = ()
    emit_epoch_ms: float | None = None
    is_final: bool = False
