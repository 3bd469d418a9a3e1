"""The local gateway's mind: a server that answers, still without I/O.

    config = ServerConfig()
    session = ServerSession(config, memory=MemoryStore(), entropy=os.urandom)

`estuary_anyio.gateway` gives it a body. See `session` for how it is moved.
"""

from __future__ import annotations

from .acts import Cut, Report
from .asking import AskBrain, Recall, StopBrain, Transcribe
from .config import DEFAULT_CHARACTER, DEFAULT_FRIEND, DEFAULT_KEY, Character, ServerConfig
from .credentials import ClientToken, Guest
from .keeping import Forgotten, Kept, Learned, Recalled, Spoken
from .memory import Fact, Memory, MemoryStore
from .registry import Registry
from .rules import RulesBrain
from .script import Script
from .session import ServerSession

__all__ = [
    "DEFAULT_CHARACTER",
    "DEFAULT_FRIEND",
    "DEFAULT_KEY",
    "AskBrain",
    "Character",
    "ClientToken",
    "Cut",
    "Fact",
    "Forgotten",
    "Guest",
    "Kept",
    "Learned",
    "Memory",
    "MemoryStore",
    "Recall",
    "Recalled",
    "Registry",
    "Report",
    "RulesBrain",
    "Script",
    "ServerConfig",
    "ServerSession",
    "Spoken",
    "StopBrain",
    "Transcribe",
]
