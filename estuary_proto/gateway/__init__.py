"""The local gateway's mind: a server that answers, still without I/O.

    config = ServerConfig()
    session = ServerSession(config, memory=MemoryStore(), entropy=os.urandom)

`estuary_anyio.gateway` gives it a body. See `session` for how it is moved.
"""

from __future__ import annotations

from .asking import AskBrain, StopBrain
from .config import DEFAULT_CHARACTER, DEFAULT_KEY, Character, ServerConfig
from .memory import Fact, Memory, MemoryStore
from .rules import RulesBrain
from .session import ServerSession

__all__ = [
    "DEFAULT_CHARACTER",
    "DEFAULT_KEY",
    "AskBrain",
    "Character",
    "Fact",
    "Memory",
    "MemoryStore",
    "RulesBrain",
    "ServerConfig",
    "ServerSession",
    "StopBrain",
]
