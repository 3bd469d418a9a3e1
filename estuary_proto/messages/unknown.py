"""An event that the vocabulary has no class for, kept whole."""

from __future__ import annotations

from typing import Any, ClassVar

from estuary_proto.models.base import Model, model


@model
class UnknownEvent(Model):
    """An event by its wire `name` with all its `args`, as they came (API 3).

    Newer servers say things that we do not know yet; a listener may still understand them.
    """

    NAME: ClassVar[str] = "unknown_event"

    name: str
    args: tuple[Any, ...] = ()
