"""An event that the vocabulary has no class for, kept whole."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

from estuary_proto.models.base import Model, model

_SECRET: Final = re.compile(
    r"(token|key|secret|password|credential|authorization|(share|anchor)_?url)s?\Z", re.IGNORECASE
)
"""How the keys of secrets end, in the spellings of the wire and of servers to come."""


@model
class UnknownEvent(Model):
    """An event by its wire `name` with all its `args`, as they came (API 3).

    Newer servers say things that we do not know yet; a listener may still understand them. What
    stands in `args` under the name of a secret ("client_token", say) is left out of the repr.
    """

    NAME: ClassVar[str] = "unknown_event"

    name: str
    args: tuple[Any, ...] = ()

    def __repr__(self) -> str:
        return f"UnknownEvent(name={self.name!r}, args={_shown(self.args)!r})"


def _shown(value: Any) -> Any:
    """A JSON value without its secrets."""
    if isinstance(value, dict):
        return {
            key: "***" if _SECRET.search(str(key)) else _shown(item) for key, item in value.items()
        }
    if isinstance(value, tuple):
        return tuple(map(_shown, value))
    return list(map(_shown, value)) if isinstance(value, list) else value
