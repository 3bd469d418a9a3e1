"""HAR files that anybody may have exported: retold as a capture that replays, or refused."""

from __future__ import annotations

import json
from itertools import chain
from typing import Any

from estuary_proto.capture import from_har, replay, to_har
from estuary_proto.capture.har_reading import sockets_in
from estuary_proto.errors import EstuaryError, LocalProtocolError
from estuary_proto.testing import making
from estuary_proto.testing.choosing import FromBytes, flag, pick
from estuary_proto.testing.operations import CLIENT, operations
from estuary_proto.testing.runs import ClientRun


def har(data: bytes) -> None:
    """The HAR of a session of ours, some of it changed; or any JSON."""
    choose = FromBytes(data)
    given, changes = _changed(choose, _session(choose)) if flag(choose) else (_any(choose), 1)
    if not changes:
        _in_any_unit(given)
    try:
        told = from_har(given, audio=flag(choose))
    except EstuaryError as error:
        # A refusal says what is wrong with the file. A call that our own client refuses is a bug.
        assert changes
        assert not isinstance(error, LocalProtocolError)
        return
    # What we made of it is a capture like any other, with which nothing is wrong.
    assert replay(told.lines).difference is None
    to_har(told.lines)


def _session(choose: FromBytes) -> dict[str, Any]:
    run = ClientRun()
    # Of few operations, choices are left for the changes.
    for operation in operations(choose, CLIENT, choose.below(11)):
        run.do(operation)
    return to_har(run.lines)


def _in_any_unit(har: dict[str, Any]) -> None:
    """What nobody has touched is read to the last message, at its time: seconds since 1970, which
    some browsers write as milliseconds. In which order the sockets stand is nothing to it."""
    since = 1.7e9
    sockets = [entry["_webSocketMessages"] for entry in har["log"]["entries"]]
    wanted = [[(one["type"], one["time"]) for one in told] for told in sockets if _greeted(told)]
    given = json.loads(json.dumps(har))
    for unit in (1, 1000):
        for entry, told in zip(given["log"]["entries"], sockets, strict=True):
            for one, original in zip(entry["_webSocketMessages"], told, strict=True):
                one["time"] = (original["time"] + since) * unit
        found = [[(one.kind, one.at) for one in socket.messages] for socket in sockets_in(given)]
        assert [len(messages) for messages in found] == [len(messages) for messages in wanted]
        for got, meant in zip(chain(*found), chain(*wanted), strict=True):
            assert got[0] == meant[0]
            assert abs(got[1] - since - meant[1]) < 1e-3
    in_order = sockets_in(given)
    given["log"]["entries"].reverse()
    if len({socket.at for socket in in_order}) == len(in_order):
        assert sockets_in(given) == in_order


def _greeted(told: list[dict[str, Any]]) -> bool:
    """Whether the server has spoken Engine.IO there, from its first word on."""
    heard = [one["data"] for one in told if one["type"] == "receive"]
    return bool(heard) and heard[0].startswith("0{")


def _any(choose: FromBytes) -> Any:
    try:
        return json.loads(choose.rest)
    except (ValueError, RecursionError):
        return making.json(choose)


def _changed(choose: FromBytes, value: dict[str, Any]) -> tuple[Any, int]:
    """With other values in a few places, each found on a walk from the root; and in how many."""
    root: list[Any] = [value]
    changes = choose.below(5)
    for _ in range(changes):
        place: Any = root
        key: Any = 0
        while (inner := place[key]) and isinstance(inner, (dict, list)) and choose.below(8):
            place, key = (
                inner,
                pick(choose, list(inner) if isinstance(inner, dict) else range(len(inner))),
            )
        if isinstance(place[key], str) and flag(choose):
            at = choose.below(len(place[key]) + 1)
            place[key] = place[key][:at] + choose.text(6) + place[key][at + choose.below(4) :]
        else:
            counts = isinstance(place[key], (int, float)) and flag(choose)
            place[key] = making.number(choose) if counts else making.json(choose)
    return root[0], changes
