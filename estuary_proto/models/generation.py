"""Characters made of a picture, and their 3D models (seed 003; PROTOCOL 7.2, 7.5)."""

from __future__ import annotations

from dataclasses import field
from typing import ClassVar, Final

from estuary_proto.models.base import Model, model, wire

_ENDINGS: Final = frozenset(
    {"completed", "failed", "texture_failed", "rig_failed", "animation_failed"}
)


@model
class GeneratedCharacter(Model):
    """The character that a picture became. Its 3D model is made later: see `model_status`."""

    id: str = ""
    name: str = ""
    personality: str = ""
    model_url: str | None = None
    model_status: str | None = None
    source_image_url: str | None = None
    tagline: str = ""
    background: str = ""
    appearance: str = ""
    avatar: str | None = None
    generated_voice_id: str | None = None
    model_preview_url: str | None = None
    player_id: str | None = None
    is_active: bool = True
    created_at: str | None = None


@model
class ModelStatus(Model):
    """How far a 3D model is (PROTOCOL 7.5). `progress` is in percent.

    `model_status` is None while none was asked for, then generating, preview_ready, (with a rig)
    posing, rig_checking, rigging, animating, and at the end completed, failed, texture_failed,
    rig_failed or animation_failed.
    """

    CAMEL: ClassVar[bool] = True

    model_status: str | None = wire(default=None, aliases=("status",))
    model_preview_url: str | None = None
    model_url: str | None = None
    thumbnail_url: str | None = None
    progress: int = 0
    rigged: bool = False
    animations: list[str] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """True when it will not change any more."""
        return self.model_status in _ENDINGS

    @property
    def is_usable(self) -> bool:
        """True when it is over and there is something to show: after a failure a part may be."""
        if self.model_status == "texture_failed":
            return bool(self.model_url or self.model_preview_url)
        if self.model_status in ("rig_failed", "animation_failed"):
            return bool(self.model_url)
        return self.model_status == "completed"

    @property
    def has_failed(self) -> bool:
        """True when it is over and there is nothing to show."""
        return self.is_over and not self.is_usable


@model
class ModelStarted(Model):
    """A 3D model is being made."""

    CAMEL: ClassVar[bool] = True

    character_id: str = wire(default="", aliases=("agentId", "agent_id"))
    model_status: str | None = None
    rigged: bool = False
