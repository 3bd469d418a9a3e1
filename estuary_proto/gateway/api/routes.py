"""The routes of PROTOCOL 7.2 as a table: who may call them, with what, and what comes back.

`find` leads from a request line to its route. Path parts are split before they are decoded, so
that no part can lead elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote_to_bytes

from . import shapes
from .access import Door
from .fields import Switch, Wrong
from .refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .fields import Field, Group

MAX_PART: Final = 1024
"""Characters of a part of a path."""


@dataclass(frozen=True)
class Route:
    """One operation. `answer` names a model of `estuary_proto.models`; "" is any JSON object.

    `query` holds what may stand there, `needed` what must; `body` is JSON, `form` with `file` is
    multipart/form-data. `statuses` are the refusals of its own, beside those that all have.
    """

    method: str
    path: str
    operation: str
    about: str
    answer: str = ""
    scope: str = ""
    door: Door = Door.DEVELOPER
    query: Mapping[str, Field] = field(default_factory=dict)
    needed: tuple[str, ...] = ()
    body: Group | None = None
    body_needed: bool = True
    form: Group | None = None
    file: str = ""
    status: int = 200
    statuses: tuple[int, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """The path between its slashes."""
        return tuple(self.path.split("/")[1:])

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parts that vary."""
        return tuple(part[1:-1] for part in self.parts if part.startswith("{"))


C: Final = "/api/v1/characters"
ONE: Final = C + "/{character_id}"
P: Final = ONE + "/players"
M: Final = P + "/{player_id}/memories"
S: Final = "/api/v1/share"

ROUTES: Final = (
    Route("POST", C, "create_character", "Create a character", "Character", "characters:write",
          body=shapes.NEW_CHARACTER),
    Route("GET", C, "list_characters", "A page of characters", "CharacterListResponse",
          "characters:read", query=shapes.CHARACTERS_QUERY),
    Route("POST", C + "/from-image", "from_image", "Make a character of a picture",
          "GeneratedCharacter", "characters:write", body=shapes.IMAGE_JSON,
          form=shapes.IMAGE_FORM, file="image", status=201, statuses=(409,)),
    Route("GET", ONE, "get_character", "One character", "Character", "characters:read",
          Door.PLAYER, statuses=(404,)),
    Route("PUT", ONE, "update_character", "Change a character", "Character", "characters:write",
          body=shapes.CHANGED_CHARACTER, statuses=(404,)),
    Route("DELETE", ONE, "delete_character", "Delete a character with all it knows", "",
          "characters:write", status=204, statuses=(404,)),
    Route("POST", ONE + "/transfer", "transfer", "Give a character away", "", "characters:write",
          body=shapes.TRANSFER, statuses=(404,)),
    Route("GET", ONE + "/motive", "get_motive", "What drives it towards a player", "Motive",
          "characters:read", query=shapes.MOTIVE_QUERY, needed=("playerId",), statuses=(404,)),
    Route("PATCH", ONE + "/motive", "set_motive", "Let this drive it", "Motive",
          "characters:write", query=shapes.MOTIVE_QUERY, needed=("playerId",),
          body=shapes.MOTIVE, statuses=(404,)),
    Route("DELETE", ONE + "/motive", "clear_motive", "Let nothing in particular drive it", "",
          "characters:write", query=shapes.MOTIVE_QUERY, needed=("playerId",), status=204,
          statuses=(404,)),
    Route("PUT", ONE + "/avatar", "set_avatar", "Give it a picture", "", "characters:write",
          form=shapes.NOTHING_MORE, file="image", statuses=(404,)),
    Route("PUT", ONE + "/model-file", "set_model_file", "Give it a 3D model", "",
          "characters:write", form=shapes.NOTHING_MORE, file="file", statuses=(404,)),
    Route("POST", ONE + "/api-endpoints/test", "try_endpoint", "Try a tool", "",
          "characters:write", body=shapes.ENDPOINT, statuses=(404,)),
    Route("POST", ONE + "/model", "start_model", "Begin to make its 3D model", "ModelStarted",
          "characters:write", body=shapes.START_MODEL, body_needed=False, status=202,
          statuses=(404, 409)),
    Route("GET", ONE + "/model", "get_model", "How far its 3D model is", "ModelStatus",
          "characters:read", Door.PLAYER, statuses=(404,)),
    Route("POST", ONE + "/turn", "turn", "One turn of conversation", "TurnResult", "turns:write",
          Door.PLAYER, body=shapes.TURN, statuses=(404, 502, 504)),
    Route("GET", P, "list_players", "A page of players", "PlayerConversationList",
          "players:read", query=shapes.PLAYERS_QUERY, statuses=(404,)),
    Route("GET", P + "/stats", "player_stats", "All players in figures", "PlayerStats",
          "players:read", statuses=(404,)),
    Route("GET", P + "/{player_id}", "get_player", "One player", "PlayerConversation",
          "players:read", Door.PLAYER, statuses=(404,)),
    Route("DELETE", P + "/{player_id}", "delete_player", "Delete a player with everything", "",
          "players:write", status=204, statuses=(404,)),
    Route("GET", P + "/{player_id}/messages", "get_messages", "A page of messages",
          "PlayerMessageList", "players:read", Door.PLAYER, query=shapes.MESSAGES_QUERY,
          statuses=(404,)),
    Route("GET", M, "list_memories", "A page of memories", "MemoryListResponse", "memories:read",
          Door.PLAYER, query=shapes.MEMORIES_QUERY, statuses=(404,)),
    Route("POST", M, "create_memory", "Let it remember this", "MemoryData", "memories:write",
          Door.PLAYER, body=shapes.NEW_MEMORY, statuses=(404,)),
    Route("DELETE", M, "delete_memories", "Forget everything", "MemoryDeleteResponse",
          "memories:write", Door.PLAYER, query=MappingProxyType({"confirm": Switch(True)}),
          needed=("confirm",), statuses=(404,)),
    Route("GET", M + "/timeline", "timeline", "Memories by day, week or month", "MemoryTimeline",
          "memories:read", Door.PLAYER, query=shapes.TIMELINE_QUERY, statuses=(404,)),
    Route("GET", M + "/stats", "memory_stats", "How many memories there are", "MemoryStats",
          "memories:read", Door.PLAYER, statuses=(404,)),
    Route("GET", M + "/core-facts", "core_facts", "The facts that stay", "CoreFactsResponse",
          "memories:read", Door.PLAYER, statuses=(404,)),
    Route("GET", M + "/graph", "graph", "The graph of what is known", "MemoryGraph",
          "memories:read", Door.PLAYER, query=shapes.GRAPH_QUERY, statuses=(404,)),
    Route("POST", M + "/search", "search", "The memories nearest to a query",
          "MemorySearchResponse", "memories:read", Door.PLAYER, body=shapes.SEARCH,
          statuses=(404,)),
    Route("PATCH", M + "/{memory_id}", "update_memory", "Change a memory", "MemoryData",
          "memories:write", Door.PLAYER, body=shapes.CHANGED_MEMORY, statuses=(404,)),
    Route("DELETE", M + "/{memory_id}", "delete_memory", "Forget one memory", "",
          "memories:write", Door.PLAYER, query=MappingProxyType({"hard": Switch()}),
          statuses=(404,)),
    Route("POST", S, "create_share", "Make a link to a character", "Share", "shares:write",
          Door.BEARER, body=shapes.SHARE, statuses=(404,)),
    Route("POST", S + "/{share_id}/open", "open_share", "Begin a session as a guest",
          "SharedSession", door=Door.ANYBODY, statuses=(404,)),
    Route("POST", S + "/{token}/exchange", "exchange_share", "Trade a token for a session",
          "SharedSession", door=Door.ANYBODY, body=shapes.EXCHANGE, body_needed=False,
          statuses=(404,)),
    Route("GET", S + "/character/{character_id}", "list_shares", "The shares of a character",
          "ShareList", "shares:read", Door.BEARER, statuses=(404,)),
    Route("DELETE", S + "/{share_id}", "revoke_share", "End a share", "ShareRevoked",
          "shares:write", Door.BEARER, statuses=(404,)),
    Route("DELETE", S + "/by-api-key/{key_id}", "revoke_by_key", "End all shares of a key",
          "ShareRevoked", "shares:write", Door.BEARER),
    Route("POST", "/api/v1/encounters", "start_encounter", "Let two characters meet",
          "Encounter", "turns:write", body=shapes.ENCOUNTER, status=202, statuses=(404,)),
)  # fmt: skip


def find(method: str, raw_path: bytes) -> tuple[Route, dict[str, str]]:
    """The route of a request and the parts of its path, decoded.

    Raises Refusal 404 for a path that is none, 405 for a method that it has not, 400 for a part
    that is not UTF-8.
    """
    parts = tuple(raw_path.decode("ascii", "replace").split("/")[1:])
    fitting = [route for route in ROUTES if _fits(route.parts, parts)]
    if not fitting:
        raise Refusal(404, "Not found")
    # The most literal path is meant: `/players/stats` is no player.
    literal = min(len(route.names) for route in fitting)
    fitting = [route for route in fitting if len(route.names) == literal]
    # HEAD is not offered: no answer of this API is worth only its headers.
    route = next((route for route in fitting if route.method == method), None)
    if route is None:
        allowed = ", ".join(sorted(route.method for route in fitting))
        raise Refusal(405, f"{method} is not offered here", (("Allow", allowed),))
    given = zip(route.parts, parts, strict=True)
    return route, {name[1:-1]: _decoded(part) for name, part in given if name.startswith("{")}


def _fits(wanted: tuple[str, ...], given: tuple[str, ...]) -> bool:
    if len(wanted) != len(given):
        return False
    pairs = zip(wanted, given, strict=True)
    return all(have and (want == have or want.startswith("{")) for want, have in pairs)


def _decoded(part: str) -> str:
    if len(part) > MAX_PART:
        raise Refusal(404, "Not found")
    try:
        return unquote_to_bytes(part).decode()
    except UnicodeDecodeError:
        raise Refusal(400, "The path is not UTF-8") from None


def query_of(route: Route, raw: bytes) -> dict[str, Any]:
    """The query's values by name. Names that the route does not know are ignored (PROTOCOL 7.1), as
    are empty values. Raises Refusal 400 and 422."""
    try:
        pairs = parse_qsl(
            raw.decode("ascii", "replace"), keep_blank_values=True, errors="strict",
            max_num_fields=100,
        )  # fmt: skip
    except ValueError:
        raise Refusal(400, "The query is not UTF-8, or too long") from None
    found: dict[str, Any] = {}
    for name, text in pairs:
        if name in route.query:
            if name in found:
                raise unprocessable(Wrong(("query", name), "it is given twice"))
            try:
                found[name] = route.query[name].read(text, ("query", name))
            except Wrong as wrong:
                raise unprocessable(wrong) from None
    for name in route.needed:
        if name not in found:
            raise unprocessable(Wrong(("query", name), "it is missing"))
    return found


def body_of(group: Group, body: object) -> dict[str, Any]:
    """What a decoded JSON body holds. Raises Refusal 422."""
    try:
        return group.check(body, ("body",))
    except Wrong as wrong:
        raise unprocessable(wrong) from None


def form_of(group: Group, fields: Mapping[str, str]) -> dict[str, Any]:
    """What the fields of a form hold. Raises Refusal 422."""
    try:
        for name in fields:
            if name not in group.fields:
                raise Wrong(("body", name[:80]), "there is no such field")
        return {name: group.fields[name].read(t, ("body", name)) for name, t in fields.items()}
    except Wrong as wrong:
        raise unprocessable(wrong) from None


def unprocessable(wrong: Wrong) -> Refusal:
    """422, with the place and the problem as FastAPI's servers say them."""
    where, said = list(wrong.where), wrong.problem
    return Refusal(422, [{"loc": where, "msg": said, "type": "value_error"}])
