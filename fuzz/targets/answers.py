"""What HTTP servers answer: every endpoint's answer, streamed turns, times, a model's events."""

from __future__ import annotations

import json
from calendar import day_name, month_abbr, monthrange
from datetime import datetime
from functools import cache
from typing import Any

from estuary_anyio.gateway.link import BrainError
from estuary_anyio.gateway.openai_brain import DONE, read_line
from estuary_proto.config import RetryConfig
from estuary_proto.messages import UnknownEvent
from estuary_proto.models.base import Model
from estuary_proto.models.extras import ApiEndpointResult
from estuary_proto.models.turns import TurnResult, TurnText
from estuary_proto.rest import (
    Call,
    Exchange,
    HttpResponse,
    Identity,
    RestError,
    TurnFailed,
    characters,
    generation,
    memory,
    players,
    shares,
    turns,
)
from estuary_proto.rest.dates import retry_after, seconds_of_date
from estuary_proto.rest.exchange import MAX_WAIT
from estuary_proto.rest.forms import File
from estuary_proto.rest.turns import TurnReader
from estuary_proto.testing import making
from estuary_proto.testing.choosing import FromBytes, flag, pick

from .references import REFUSED, json_value, misfit, refusal_of

SECRET = "est_the_key_of_nobody"
LINE = 400
"""Bytes that a line of a streamed turn may have here."""


@cache
def calls() -> tuple[Call[Any], ...]:
    """One call for every way in which an answer is read."""
    image = File("a.png", "image/png", b"\x89PNG\r\n\x1a\n")
    return (
        memory.get_memories("c", "p"),
        memory.get_timeline("c", "p"),
        memory.get_stats("c", "p"),
        memory.get_core_facts("c", "p"),
        memory.get_graph("c", "p"),
        memory.search("c", "p", "tea"),
        memory.delete_all("c", "p"),
        memory.create("c", "p", "tea"),
        memory.delete("c", "p", "m"),
        players.list_players("c"),
        players.get_stats("c"),
        players.get("c", "p"),
        players.get_messages("c", "p"),
        players.delete("c", "p"),
        characters.create("Ada", {}),
        characters.list_characters(),
        characters.delete("c"),
        characters.get_motive("c", "p"),
        characters.set_avatar("c", image, boundary="b"),
        generation.image_to_character(image, idempotency_key="k", boundary="b"),
        generation.generate_model("c"),
        generation.get_model_status("c"),
        shares.create_share("c"),
        shares.exchange_share_token("sst_the_token_of_nobody"),
        shares.list_character_shares("c"),
        shares.revoke_share_token("s"),
        turns.turn("c", "p", "hi"),
        turns.start_encounter("a", "b"),
    )


STATUSES = (200, 200, 200, 201, 204, 301, 400, 401, 403, 404, 409, 422, 429, 500, 503, 299, 999)
HEADERS = (
    ("Retry-After", "5"),
    ("Retry-After", "Fri, 21 Nov 2025 10:00:00 GMT"),
    ("Date", "Fri, 21 Nov 2025 09:59:00 GMT"),
    ("Content-Type", "application/json"),
)


def answer(data: bytes) -> None:
    """An answer is a value, or a RestError without our secrets; it waits no longer than it may."""
    choose = FromBytes(data)
    call = pick(choose, calls())
    headers = tuple(pick(choose, HEADERS) for _ in range(choose.below(3)))
    if choose.below(8) == 7:
        headers += (("Retry-After", choose.text(40)), ("Date", choose.text(40)))
    status = pick(choose, STATUSES)
    response = HttpResponse(status, headers, _body(choose))
    exchange = Exchange(
        call, Identity("c", "", SECRET), RetryConfig(choose.below(3)), chance=lambda: 0.5
    )
    try:
        delay = exchange.answered(response)
    except RestError as error:
        assert SECRET not in f"{error} {error!r} {error.details}"
        assert error.code in type(error.code)
        if not response.is_success:
            assert error.details.get("code") == refusal_of(response.body.decode("utf-8", "replace"))
        return
    if delay is None:
        assert response.is_success
        if isinstance(exchange.value, Model):
            assert exchange.value.check()
            assert misfit(exchange.value) is None
            repr(exchange.value)
    else:
        assert not response.is_success
        assert 0 <= delay <= MAX_WAIT


def _body(choose: FromBytes) -> bytes:
    kind = choose.below(4)
    if kind == 0:
        return choose.rest
    if kind == 1:
        cls = pick(choose, making.all_models())
        return json.dumps(making.payload(choose, cls)).encode()
    if kind == 2:
        words = making.json(choose), f"no {SECRET}", {"loc": ["body", 1], "msg": SECRET}
        detail = pick(choose, words)
        inner = {"detail": detail, "code": making.json(choose, 1), "requiredScope": SECRET}
        outer: dict[str, Any] = {"detail": inner, "x": [inner]}
        for place in inner, outer:
            place |= {key: key * 2 for key in ("code", "error", "type") if choose.below(4) == 3}
        said = json.dumps(inner if flag(choose) else outer)
        # As JSON may write it too.
        return (said.replace("est_", "\\u0065st_") if flag(choose) else said).encode()
    return json.dumps([making.json(choose)]).encode()


def http_date(data: bytes) -> None:
    """Times in headers are numbers, or None; what calendars know is read as they say."""
    choose = FromBytes(data)
    kind = choose.below(4)
    if kind > 1:
        _calendar(choose, century=kind == 2)
        return
    text = _date(choose) if kind else choose.rest.decode("latin-1")
    seconds = seconds_of_date(text)
    assert seconds is None or 0 <= seconds < 10**12
    for now in (text, "Fri, 21 Nov 2025 09:59:00 GMT"):
        wait = retry_after(HttpResponse(503, (("retry-after", text), ("date", now))))
        assert wait is None or 0 <= wait < 10**12


def _calendar(choose: FromBytes, *, century: bool) -> None:
    """Two times, in every form that RFC 9110 has for them: one is as long after the other as
    the calendar says, and nobody waits for what has been. Two digits are a year from 1970 on."""
    one, other = (_moment(choose, century=century) for _ in range(2))
    wait = max(0.0, (one - other).total_seconds())
    for then in _forms(one, century=century):
        for now in _forms(other, century=century):
            said = (("Retry-After", then), ("Date", now))
            assert retry_after(HttpResponse(503, said)) == wait
    seconds = choose.below(10**9)
    assert retry_after(HttpResponse(503, (("Retry-After", str(seconds)),))) == seconds


def _moment(choose: FromBytes, *, century: bool) -> datetime:
    year = 1970 + choose.below(100) if century else 1 + choose.below(9999)
    month = 1 + choose.below(12)
    day = 1 + choose.below(monthrange(year, month)[1])
    return datetime(year, month, day, choose.below(24), choose.below(60), choose.below(60))


def _forms(when: datetime, *, century: bool) -> list[str]:
    """A time in the three forms of RFC 9110 5.6.7; two digits say a year of this century only."""
    name, month, day = day_name[when.weekday()], month_abbr[when.month], when.day
    year, time = f"{when.year:04}", f"{when:%H:%M:%S}"
    forms = [
        f"{name[:3]}, {day:02} {month} {year} {time} GMT",
        f"{name[:3]} {month} {day:2} {time} {year}",
    ]
    return [*forms, f"{name}, {day:02}-{month}-{year[2:]} {time} GMT"] if century else forms


_MONTHS = ("Jan", "Feb", "Dec", "Foo")
_DAYS = ("31", "01", "29", "30", "00", " 1")


def _date(choose: FromBytes) -> str:
    day, month = pick(choose, _DAYS), pick(choose, _MONTHS)
    year = pick(choose, ("2025", "0000", "9999", "2024", "0001"))
    time = f"{choose.below(30):02}:{choose.below(70):02}:{choose.below(70):02}"
    forms = (
        f"Fri, {day} {month} {year} {time} GMT",
        f"Friday, {day}-{month}-{year[2:]} {time} GMT",
        f"Fri {month} {day} {time} {year}",
    )
    return pick(choose, forms)


def turn_stream(data: bytes) -> None:
    """A streamed turn cut anywhere gives the events that its lines hold, or the same failure with
    its text."""
    choose = FromBytes(data)
    stream = _lines(choose) if flag(choose) else choose.rest
    found = [_turn(stream, size) for size in (max(1, len(stream)), 1, 5)]
    assert all(one == found[0] for one in found)
    told, text, how = found[0]
    assert ([type(event) for event in told], text, how == "done") == _by_lines(stream)


def _by_lines(stream: bytes) -> tuple[list[type], str, bool]:
    """What whole lines tell: kinds of events, the text, and whether all went well."""
    kinds: list[type] = []
    text = ""
    for line in stream.split(b"\n"):
        if not line.strip() and len(line) <= LINE:
            continue
        said = json_value(line.decode()) if len(line) <= LINE and _is_text(line) else REFUSED
        if not isinstance(said, dict) or said.get("type") == "error":
            break
        named = said.get("type")
        kinds.append(_KINDS.get(named, UnknownEvent) if isinstance(named, str) else UnknownEvent)
        if kinds[-1] is TurnText:
            text += TurnText.from_dict(said.get("data")).text
        if kinds[-1] is TurnResult:
            return kinds, text, True
    return kinds, text, False


def _is_text(line: bytes) -> bool:
    return line.decode("utf-8", "ignore").encode() == line


_KINDS: dict[str, type] = {
    "text_delta": TurnText,
    "turn_completed": TurnResult,
    "api_endpoint_result": ApiEndpointResult,
}


_EVENTS = (
    '{"type":"text_delta","data":{"text":"hi"}}',
    '{"type":"turn_completed","data":{"response":"hi"}}',
    '{"type":"error","data":{"message":"no"}}',
    '{"type":"api_endpoint_result","data":{}}',
    "{}",
    "",
    "[]",
)


def _lines(choose: FromBytes) -> bytes:
    lines = []
    while choose.more:
        kind = choose.below(4)
        if kind < 2:
            lines.append(pick(choose, _EVENTS).encode())
        elif kind == 2:
            said = {"type": choose.text(12), "data": making.json(choose)}
            lines.append(json.dumps(said).encode())
        else:
            lines.append(choose.binary(40))
    return b"\n".join(lines)


def _turn(stream: bytes, size: int) -> tuple[list[Any], str, str]:
    reader = TurnReader(LINE)
    told: list[Any] = []
    try:
        for at in range(0, len(stream), size):
            told += reader.feed(stream[at : at + size])
            assert len(reader._rest) <= LINE + size
        told += reader.finish()
    except TurnFailed as error:
        assert error.partial == reader.text
        # How much of a line that is too long had come depends on the pieces.
        return told, reader.text, "" if "longer" in error.message else error.message
    assert isinstance(told[-1], TurnResult)
    assert told[-1] is reader.result
    assert [type(event) for event in told].count(TurnResult) == 1
    return told, reader.text, "done"


def model_events(data: bytes) -> None:
    """The server-sent events of a brain: text, the end, or a BrainError of bounded length."""
    choose = FromBytes(data)
    lines = _model_lines(choose) if flag(choose) else choose.rest.decode("utf-8", "replace")
    for line in lines.splitlines():
        try:
            piece = read_line(line)
        except BrainError as error:
            assert len(str(error)) < 600
            return
        assert isinstance(piece, str) or piece is DONE


def _model_lines(choose: FromBytes) -> str:
    lines = ["data: [DONE]"] if choose.below(8) == 7 else []
    while choose.more:
        delta = {"content": making.json(choose, 1)} if flag(choose) else making.json(choose, 1)
        choices = [{"delta": delta}] if flag(choose) else making.json(choose, 1)
        said = {pick(choose, ("choices", "error")): choices}
        if choose.below(8) == 7:
            said = {"error": {"message": making.json(choose, 0)}}
        lines.append("data:" + json.dumps(said))
    return "\n".join(lines)
