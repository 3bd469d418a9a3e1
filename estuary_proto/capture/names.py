"""What the lines of a capture hold whatever was said."""

from __future__ import annotations

from enum import Enum
from functools import cache

from .. import events, policy
from ..client import Client
from ..messages import all_messages
from ..models import session


@cache
def names_of_ours() -> str:
    """The names of events and messages, of their fields, of states, and verbs; one text, in which
    each stands between blanks. To make it loads every message: ask only when it matters."""
    kinds = [kind for module in (events, policy, session) for kind in vars(module).values()]
    kinds = [kind for kind in kinds if isinstance(kind, type)]
    kinds += [kind for _, kind in all_messages()]
    names = [*dir(Client), *(kind.__name__ for kind in kinds)]
    for kind in kinds:
        names += getattr(kind, "__dataclass_fields__", ())
        names += [str(one.value) for one in kind] if issubclass(kind, Enum) else ()
    return " ".join(sorted(set(names)))
