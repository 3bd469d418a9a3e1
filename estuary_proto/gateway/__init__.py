"""The local gateway's mind: a server that answers, still without I/O.

    config = ServerConfig()
    session = ServerSession(config, memory=MemoryStore(), entropy=os.urandom)

`estuary_anyio.gateway` gives it a body. See `session` for how it is moved.
"""

from __future__ import annotations

from .acts import Cut, Report
from .commands import (
    AskBrain,
    CloseRoom,
    Expect,
    Follow,
    HushRoom,
    InRoom,
    Mint,
    OpenRoom,
    Outside,
    Recall,
    Say,
    StopBrain,
    StopFollowing,
    StopSaying,
    Transcribe,
    Utter,
)
from .config import DEFAULT_CHARACTER, DEFAULT_FRIEND, DEFAULT_KEY, Character, ServerConfig
from .credentials import ClientToken, Guest
from .memory import Fact, Memory, MemoryStore
from .records import Forgotten, Kept, Learned, Recalled, Spoken
from .registry import Registry
from .rules import RulesBrain
from .script import Script
from .session import ServerSession

__all__ = [
    "AskBrain",
    "Character",
    "ClientToken",
    "CloseRoom",
    "Cut",
    "DEFAULT_CHARACTER",
    "DEFAULT_FRIEND",
    "DEFAULT_KEY",
    "Expect",
    "Fact",
    "Follow",
    "Forgotten",
    "Guest",
    "HushRoom",
    "InRoom",
    "Kept",
    "Learned",
    "Memory",
    "MemoryStore",
    "Mint",
    "OpenRoom",
    "Outside",
    "Recall",
    "Recalled",
    "Registry",
    "Report",
    "RulesBrain",
    "Say",
    "Script",
    "ServerConfig",
    "ServerSession",
    "Spoken",
    "StopBrain",
    "StopFollowing",
    "StopSaying",
    "Transcribe",
    "Utter",
]
