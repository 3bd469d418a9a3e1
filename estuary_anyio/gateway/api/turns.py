"""`…/turn`, whole or streamed, `/encounters`, and tools that are tried."""

from __future__ import annotations

import json
import logging
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import anyio

from estuary_proto.gateway import Memory
from estuary_proto.gateway.api.access import a_player
from estuary_proto.gateway.api.refusal import Refusal, not_found
from estuary_proto.gateway.api.request import Answer, Ask
from estuary_proto.gateway.api.turn import Turn
from estuary_proto.gateway.limits import Limits, Moderation
from estuary_proto.intents import StartAgentConversation
from estuary_proto.models import Encounter, SessionInfo
from estuary_proto.models.session import QuotaExceededData

from ..link import BrainError
from ..store import characters
from . import outgoing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from estuary_proto.gateway import Recalled
    from estuary_proto.models import TurnResult

    from .house import House

NDJSON: Final = "application/x-ndjson"
USUAL_TIMEOUT: Final = 60.0
"""Seconds that a turn may take."""

_log = logging.getLogger("estuary.gateway")


async def turn(house: House, ask: Ask) -> Answer:
    """Say something, and hear the answer."""
    body, character_id = ask.body, ask.parts["character_id"]
    player_id = a_player(body["playerId"])
    if ask.caller.player_id not in ("", player_id):
        raise Refusal(403, "The token is another player's")
    character = house.registry.cast.get(character_id)
    if character is None:
        raise not_found("Character")
    _allow(house, ask, player_id)
    remember = body.get("remember", True)
    known = await house.archive.recall(character_id, player_id)
    if not remember:
        known = replace(known, memory=_copy(house, known))
    text = body["message"]
    if house.brain is not None and body.get("speakerName"):
        text = f"{body['speakerName']}: {text}"
    begun = Turn(
        house.config,
        SessionInfo(house.new_id(), known.conversation_id, character_id, player_id),
        character,
        known,
        new_id=house.new_id,
        external=house.brain is not None,
        wall=house.at,
        keep=house.archive.keep if remember else None,
    )
    begun.begin(text, now=house.monotonic())
    if body.get("stream", False):
        return Answer(stream=_stream(house, ask, begun), content_type=NDJSON)
    async for _ in _pieces(house, ask, begun):
        pass
    await house.archive.settle()
    if begun.result is None:
        raise Refusal(504 if begun.problem == _LATE else 502, begun.problem)
    await _call_back(ask, begun.result)
    return Answer(json=begun.result)


def _copy(house: House, known: Recalled) -> Memory:
    """What is known, for a turn that leaves nothing behind."""
    memory = Memory(house.config.max_facts)
    memory.motive = known.memory.motive
    for fact in known.memory:
        memory.put(fact)
    return memory


def _allow(house: House, ask: Ask, player_id: str) -> None:
    """Raise Refusal for what the player may not say, or not any more."""
    limits = Limits(
        house.config, house.registry, Moderation(house.config.banned_words), player_id,
        now=house.monotonic(), quota=ask.caller.quota,
    )  # fmt: skip
    refusal = limits.refusal(ask.body["message"])
    if isinstance(refusal, QuotaExceededData):
        raise Refusal(429, {"code": "quota_exceeded", **refusal.to_dict()})
    if refusal is not None:
        raise Refusal(422, [{"loc": ["body", "message"], "msg": "a word in it is not welcome"}])


_LATE: Final = "The brain took too long"


async def _pieces(
    house: House, ask: Ask, begun: Turn
) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
    """The events of a turn as they come; a brain outside is asked meanwhile."""
    while begun.events:
        yield begun.events.popleft()
    wanted = begun.ask
    if wanted is None or house.brain is None:
        return
    ends = anyio.current_time() + ask.body.get("timeoutSeconds", USUAL_TIMEOUT)
    problem = ""
    async with aclosing(house.brain.stream(wanted)) as pieces:
        while begun.result is None:
            try:
                with anyio.fail_after(max(0.0, ends - anyio.current_time())):
                    piece = await anext(pieces)
            except StopAsyncIteration:
                begun.done(wanted.turn, now=house.monotonic())
                break
            except TimeoutError:
                problem = _LATE
                break
            except BrainError as error:
                problem = str(error) or "The brain failed"
                break
            begun.piece(wanted.turn, piece, now=house.monotonic())
            while begun.events:
                yield begun.events.popleft()
    if problem:
        begun.failed(wanted.turn, problem, now=house.monotonic())


async def _stream(house: House, ask: Ask, begun: Turn) -> AsyncGenerator[bytes, None]:
    async with aclosing(_pieces(house, ask, begun)) as events:
        async for name, data in events:
            yield _line(name, data)
    await house.archive.settle()
    if begun.result is None:
        yield _line("error", {"message": begun.problem})
        return
    await _call_back(ask, begun.result)
    yield _line("turn_completed", begun.result.to_dict())


def _line(name: str, data: dict[str, Any]) -> bytes:
    return json.dumps({"type": name, "data": data}, ensure_ascii=False).encode() + b"\n"


async def _call_back(ask: Ask, result: TurnResult) -> None:
    """Tell the address that was given; that it does not listen is no failure of the turn."""
    url = ask.body.get("callbackUrl")
    if url is None:
        return
    context = ask.body.get("callbackContext")
    try:
        await outgoing.post(url, {**result.to_dict(), "callbackContext": context})
    except outgoing.Unreachable as error:
        _log.warning("a turn's callback failed: %s", error)


async def start_encounter(house: House, ask: Ask) -> Answer:
    """Two characters meet; those who are connected to one of them hear it."""
    a, b = ask.body["characterAId"], ask.body["characterBId"]
    for who in (a, b):
        if who not in house.registry.cast:
            raise not_found("Character")
    if a == b:
        raise Refusal(422, [{"loc": ["body", "characterBId"], "msg": "it is the same character"}])
    encounter_id, turns = house.new_id(), ask.body.get("maxTurns", 8)
    wanted = StartAgentConversation(a, b, ask.body.get("prompt", ""), turns)
    house.sessions.encounter(encounter_id, wanted)
    return Answer(202, Encounter(encounter_id, "running", a, b, turns))


async def try_endpoint(house: House, ask: Ask) -> Answer:
    """Call a tool as a character would, and tell what it says."""
    character_id = ask.parts["character_id"]
    url = ask.body["endpoint"]["url"]
    await house.database.read(lambda db: characters.need(db, character_id))
    try:
        status, text = await outgoing.post(url, ask.body.get("arguments", {}))
    except outgoing.Unreachable as error:
        return Answer(json={"ok": False, "error": str(error)})
    return Answer(json={"ok": 200 <= status < 300, "status": status, "body": text})
