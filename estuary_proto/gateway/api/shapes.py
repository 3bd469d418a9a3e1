"""What requests hold (PROTOCOL 7.2), in the wire's own names."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from ...rest import characters as limits
from ...rest import memory, players, shares
from ..credentials import MAX_ID
from .fields import Field, Free, Group, Items, Moment, Number, Switch, Text

if TYPE_CHECKING:
    from collections.abc import Mapping

MEMORY_TYPES: Final = (
    "fact", "preference", "relationship", "event", "emotional_state", "correction",
    "character_self", "spatial_change", "episodic", "semantic", "emotional",
)  # fmt: skip
STATUSES: Final = ("active", "superseded", "decayed", "deleted")

ID: Final = Text(MAX_ID, 1)
ID_WORD: Final = Text(MAX_ID, 1, blank=False)
LINE: Final = Text(500)
_PORT: Final = r"[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5]"
ADDRESS: Final = Text(
    2000,
    pattern=rf"^https?://[A-Za-z0-9]([A-Za-z0-9.-]{{0,200}}[A-Za-z0-9])?(:({_PORT}))?(/[!-~]*)?$",
    called="http or https address",
)
SHARE_OF_ONE: Final = Number(0, 1)

_SORT: Final = {"sortOrder": Text(choices=("asc", "desc"))}


def _page(most: int, default: int) -> dict[str, Field]:
    return {
        "limit": Number(1, most, whole=True, default=default),
        "offset": Number(0, whole=True, default=0),
    }


MEMORIES_QUERY: Final[Mapping[str, Field]] = MappingProxyType(
    {
        **_page(memory.MOST, 50),
        "memoryType": Text(choices=MEMORY_TYPES),
        "status": Text(choices=STATUSES),
        "sortBy": Text(choices=memory.SORT_BY),
        **_SORT,
    }
)
TIMELINE_QUERY: Final[Mapping[str, Field]] = MappingProxyType(
    {
        "startDate": Moment(),
        "endDate": Moment(end=True),
        "groupBy": Text(choices=memory.GROUP_BY),
    }
)
GRAPH_QUERY: Final[Mapping[str, Field]] = MappingProxyType(
    {"includeEntities": Switch(), "includeCharacterMemories": Switch()}
)
PLAYERS_QUERY: Final[Mapping[str, Field]] = MappingProxyType(
    {
        **_page(players.MOST, 50),
        "sortBy": Text(choices=players.SORT_BY),
        **_SORT,
        "playerSearch": Text(MAX_ID),
        "minMessages": Number(0, whole=True),
    }
)
MESSAGES_QUERY: Final[Mapping[str, Field]] = MappingProxyType(
    {
        "limit": Number(1, 1000, whole=True, default=100),
        "page": Number(1, 1_000_000, whole=True, default=1),
    }
)
CHARACTERS_QUERY: Final[Mapping[str, Field]] = MappingProxyType(_page(limits.MOST, 20))
MOTIVE_QUERY: Final[Mapping[str, Field]] = MappingProxyType({"playerId": ID_WORD})

CONTENT: Final = Text(8000, 1, blank=False)
_MEMORY: Final[dict[str, Field]] = {
    "content": CONTENT,
    "memoryType": Text(choices=MEMORY_TYPES),
    "importance": SHARE_OF_ONE,
    "confidence": SHARE_OF_ONE,
    "topic": Text(200),
}
NEW_MEMORY: Final = Group({**_MEMORY, "sourceQuote": Text(8000)}, needed=("content",))
CHANGED_MEMORY: Final = Group(_MEMORY, some=True, nullable=False)
SEARCH: Final = Group({"query": CONTENT, "limit": Number(1, 50, whole=True)}, needed=("query",))

_ACTION: Final = Group(
    {
        "name": Text(100, 1, blank=False),
        "description": Text(2000),
        "parameters": Items(
            Group(
                {
                    "name": Text(100, 1, blank=False),
                    "type": Text(choices=("string", "integer", "number", "boolean")),
                    "required": Switch(),
                    "description": Text(2000),
                },
                needed=("name",),
            ),
            50,
        ),
    },
    needed=("name",),
)
_PERSONA: Final[dict[str, Field]] = {
    "name": Text(255, 1, blank=False),
    "tagline": Text(500),
    "personality": Text(5000),
    "background": Text(32000),
    "system_prompt": Text(32000),
    "description": Text(5000),
}
_CHARACTER: Final[dict[str, Field]] = {
    "llm": Group(
        {
            "provider": LINE,
            "model": LINE,
            "temperature": Number(0, 2),
            "max_tokens": Number(1, 4096, whole=True),
            "verbosity": Text(choices=limits.VERBOSITY),
        }
    ),
    "tts": Group(
        {
            "provider": LINE,
            "model": LINE,
            "voice": LINE,
            "speed": Number(0.5, 2),
            "delivery_mode": Text(choices=limits.DELIVERY_MODES),
        }
    ),
    "stt": Group({"provider": LINE, "language": LINE}),
    "vad": Group(
        {"sensitivity": SHARE_OF_ONE, "min_speech_duration_ms": Number(0, 60_000, whole=True)}
    ),
    "vlm": Group({"model": LINE}),
    "avatar": Text(2000),
    "text_only": Switch(),
    "verbose": Switch(),
    "actions": Items(_ACTION, 100),
    "is_public": Switch(),
}
NEW_CHARACTER: Final = Group(
    {"persona": Group(_PERSONA, needed=("name",)), **_CHARACTER}, needed=("persona",)
)
CHANGED_CHARACTER: Final = Group(
    {"persona": Group(_PERSONA), **_CHARACTER}, some=True, nullable=False
)
TRANSFER: Final = Group({"destination": ID_WORD, "orgId": ID_WORD}, needed=("destination",))
MOTIVE: Final = Group({"motive": Text(2000, 1, blank=False)}, needed=("motive",))
ENDPOINT: Final = Group(
    {
        "endpoint": Group(
            {
                "name": Text(100, 1, blank=False),
                "description": Text(2000),
                "url": ADDRESS,
                "parameters": Items(Free(), 50),
            },
            needed=("name", "url"),
        ),
        "arguments": Free(),
    },
    needed=("endpoint",),
)
_FROM_IMAGE: Final[dict[str, Field]] = {
    "ttsProvider": LINE,
    "appearancePrompt": Text(5000),
    "voicePrompt": Text(5000),
    "personaPrompt": Text(5000),
    "useDefaultVoice": Switch(),
}
IMAGE_FORM: Final = Group(_FROM_IMAGE)
IMAGE_JSON: Final = Group(
    {"image": Text(None, 1), "mimeType": Text(100), **_FROM_IMAGE}, needed=("image",)
)
NOTHING_MORE: Final = Group({})
START_MODEL: Final = Group({"rigged": Switch()})
TURN: Final = Group(
    {
        "message": CONTENT,
        "playerId": ID_WORD,
        "stream": Switch(),
        "timeoutSeconds": Number(0.1, 600),
        "remember": Switch(),
        "speakerName": Text(255),
        "callbackUrl": ADDRESS,
        "callbackContext": Free(),
    },
    needed=("message", "playerId"),
)
ENCOUNTER: Final = Group(
    {
        "characterAId": ID_WORD,
        "characterBId": ID_WORD,
        "prompt": Text(5000),
        "maxTurns": Number(1, 100, whole=True),
    },
    needed=("characterAId", "characterBId"),
)
SHARE: Final = Group(
    {
        "characterId": ID_WORD,
        "permanent": Switch(),
        "memorySharing": Text(choices=shares.SHARING),
        "ttl": Text(choices=shares.TTLS),
        "maxExchanges": Number(1, 100, whole=True),
        "maxInteractions": Number(1, whole=True),
    },
    needed=("characterId",),
    never=("permanent", "ttl", "maxExchanges"),
)
EXCHANGE: Final = Group({"recipientId": ID_WORD})
