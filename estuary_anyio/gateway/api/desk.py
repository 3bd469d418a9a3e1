"""Where requests come in: read, checked against the table of routes, answered.

Whatever is wrong with a request ends in a documented status and `{"detail": …}` (PROTOCOL 7.1).
"""

from __future__ import annotations

import json
import logging
import re
import sqlite3
from contextlib import aclosing
from math import ceil
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import anyio

from estuary_proto.errors import RemoteProtocolError
from estuary_proto.gateway.acts import Wait
from estuary_proto.gateway.api import forms, openapi, routes
from estuary_proto.gateway.api.access import admit, caller_of
from estuary_proto.gateway.api.refusal import Headers, Refusal
from estuary_proto.gateway.api.request import Answer, Ask
from estuary_proto.gateway.script_requests import RequestScript, Respond
from estuary_proto.jsontext import loads
from estuary_proto.models.base import Model

from . import characters, generation, memories, players, shares, turns

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from ..link import Receive, Send
    from .house import House

    Operation = Callable[[House, Ask], Awaitable[Answer]]

MAX_JSON: Final = 2**20
MAX_UPLOAD: Final = 16 * 2**20
"""Bytes of a body."""
BODY_WITHIN: float = 60.0
"""Seconds in which a body must have come."""

_log = logging.getLogger("estuary.gateway")

OPERATIONS: Final[Mapping[str, Operation]] = {
    "list_memories": memories.list_memories,
    "create_memory": memories.create_memory,
    "update_memory": memories.update_memory,
    "delete_memory": memories.delete_memory,
    "delete_memories": memories.delete_memories,
    "timeline": memories.tell_timeline,
    "memory_stats": memories.memory_stats,
    "core_facts": memories.core_facts,
    "graph": memories.tell_graph,
    "search": memories.search,
    "list_players": players.list_players,
    "player_stats": players.player_stats,
    "get_player": players.get_player,
    "get_messages": players.get_messages,
    "delete_player": players.delete_player,
    "create_character": characters.create_character,
    "list_characters": characters.list_characters,
    "get_character": characters.get_character,
    "update_character": characters.update_character,
    "delete_character": characters.delete_character,
    "transfer": characters.transfer,
    "get_motive": characters.get_motive,
    "set_motive": characters.set_motive,
    "clear_motive": characters.clear_motive,
    "set_avatar": characters.set_avatar,
    "set_model_file": characters.set_model_file,
    "from_image": generation.from_image,
    "start_model": generation.start_model,
    "get_model": generation.get_model,
    "create_share": shares.create_share,
    "open_share": shares.open_share,
    "exchange_share": shares.exchange_share,
    "list_shares": shares.list_shares,
    "revoke_share": shares.revoke_share,
    "revoke_by_key": shares.revoke_by_key,
    "turn": turns.turn,
    "start_encounter": turns.start_encounter,
    "try_endpoint": turns.try_endpoint,
}


class Desk:
    """Serves everything under `/api/`, and the document that describes it."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._script = RequestScript(house.config.script)
        self._document: bytes | None = None

    async def serve(
        self,
        scope: Mapping[str, Any],
        receive: Receive,
        send: Send,
        cut: Callable[[], None] | None = None,
    ) -> None:
        """Answer one request; `cut` ends its connection without a word."""
        path = (scope.get("raw_path") or b"").decode("ascii", "replace")
        for act in self._script.acts(scope["method"], path, now=self._house.monotonic()):
            if isinstance(act, Wait):
                await anyio.sleep(act.seconds)
            elif isinstance(act, Respond):
                after: Headers = ()
                if act.retry_after is not None:
                    after = (("Retry-After", _whole(act.retry_after)),)
                return await _send(send, _refused(act.status, act.detail, after))
            elif cut is not None:
                return cut()
            else:
                raise ConnectionAbortedError("the script drops this request")
        try:
            answer = await self._answer(scope, receive)
        except Refusal as refusal:
            answer = _refused(refusal.status, refusal.detail, refusal.headers)
        except sqlite3.Error as error:
            _log.error("the database failed: %s", error)
            answer = _refused(503, "The database cannot be used now", (("Retry-After", "1"),))
        await _send(send, answer)

    async def _answer(self, scope: Mapping[str, Any], receive: Receive) -> Answer:
        raw = scope.get("raw_path") or quote(scope["path"]).encode()
        if raw == b"/openapi.json" and scope["method"] == "GET":
            return Answer(data=self._described())
        kind, _, name = raw.decode("ascii", "replace")[1:].partition("/")
        if kind in _PAGES and name and scope["method"] == "GET":
            return await _PAGES[kind](self._house, name)
        route, parts = routes.find(scope["method"], raw)
        house, headers = self._house, _headers(scope)
        caller = caller_of(
            house.config, house.registry.credentials, headers, route.door, now=house.monotonic()
        )
        admit(caller, route.scope, parts)
        query = routes.query_of(route, scope["query_string"])
        body, files = await _body(route, headers, receive)
        ask = Ask(caller, _base(scope, headers), house.clock(), parts, query, body, files, headers)
        return await OPERATIONS[route.operation](house, ask)

    def _described(self) -> bytes:
        if self._document is None:
            self._document = json.dumps(openapi.document()).encode()
        return self._document


_PAGES: Final[Mapping[str, Callable[[House, str], Awaitable[Answer]]]] = {
    "files": characters.serve_file,
    "s": shares.serve_share,
}
"""What whoever knows its name may have: pictures and models, and where shares lead to."""


def _whole(seconds: float) -> str:
    """Seconds as Retry-After takes them (RFC 9110 10.2.3): whole ones, and enough."""
    return str(ceil(seconds))


def _headers(scope: Mapping[str, Any]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): v.decode("latin-1") for name, v in scope["headers"]}


_HOST: Final = re.compile(r"[\w.-]{1,255}(?::\d{1,5})?|\[[0-9a-fA-F:.]{2,45}\](?::\d{1,5})?", re.A)


def _base(scope: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    """How the client reaches us: what it said, if that is an address at all."""
    host = headers.get("host", "")
    if not _HOST.fullmatch(host):
        name, port = scope.get("server") or ("localhost", None)
        host = f"{name}:{port}" if port else str(name)
    return f"{scope.get('scheme', 'http')}://{host}{scope.get('root_path', '')}"


# --- bodies -------------------------------------------------------------------------------------


async def _body(
    route: routes.Route, headers: Mapping[str, str], receive: Receive
) -> tuple[dict[str, Any], dict[str, forms.Upload]]:
    if route.body is None and route.form is None:
        return {}, {}
    most = MAX_JSON if route.form is None else MAX_UPLOAD
    try:
        with anyio.fail_after(BODY_WITHIN):
            data = await _read(headers, receive, most)
    except TimeoutError:
        close = (("Connection", "close"),)
        raise Refusal(408, f"The body did not come in {BODY_WITHIN:g} s", close) from None
    said = headers.get("content-type", "")
    kind = said.partition(";")[0].strip().lower()
    if route.form is not None and kind == "multipart/form-data":
        fields, files = forms.read_form(said, data)
        if set(files) - {route.file} or route.file not in files:
            raise Refusal(422, [{"loc": ["body", route.file], "msg": "one file is needed there"}])
        return routes.form_of(route.form, fields), files
    if route.body is None or kind not in ("application/json", ""):
        raise Refusal(415, f"A body of type {kind[:100] or 'nothing'} is not taken here")
    if not data.strip():
        if route.body_needed:
            raise Refusal(422, [{"loc": ["body"], "msg": "it is missing"}])
        return {}, {}
    try:
        plain = loads(data.decode())
    except UnicodeDecodeError:
        raise Refusal(400, "The body is not UTF-8") from None
    except RemoteProtocolError as error:
        raise Refusal(400, f"The body is {error.message}") from None
    return routes.body_of(route.body, plain), {}


async def _read(headers: Mapping[str, str], receive: Receive, most: int) -> bytes:
    length = headers.get("content-length", "0")
    if length.isascii() and length.isdigit() and int(length[:20]) > most:
        raise Refusal(413, f"The body is too large: {most} bytes are the most")
    data = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(400, "The body ended too early")
        data += message.get("body", b"")
        if len(data) > most:
            raise Refusal(413, f"The body is too large: {most} bytes are the most")
        if not message.get("more_body", False):
            return bytes(data)


# --- answers ------------------------------------------------------------------------------------


def _refused(status: int, detail: Any, headers: tuple[tuple[str, str], ...]) -> Answer:
    return Answer(status, {"detail": detail}, headers=headers)


async def _send(send: Send, answer: Answer) -> None:
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers]
    headers.append((b"cache-control", b"no-store"))
    start: dict[str, Any] = {"type": "http.response.start", "status": answer.status}
    if answer.stream is not None:
        headers.append((b"content-type", answer.content_type.encode()))
        await send({**start, "headers": headers})
        async with aclosing(answer.stream) as pieces:
            async for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return
    data = answer.data
    if data is None:
        plain = answer.json.to_dict() if isinstance(answer.json, Model) else answer.json
        text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
        data = b"" if answer.status == 204 else text.encode()
    if answer.status != 204:
        headers.append((b"content-type", answer.content_type.encode()))
        headers.append((b"content-length", b"%d" % len(data)))
    await send({**start, "headers": headers})
    await send({"type": "http.response.body", "body": data})
