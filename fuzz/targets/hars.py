"""HAR files that anybody may have exported: retold as a capture that replays, or refused."""

from __future__ import annotations

import json
from typing import Any

from estuary_proto.capture import from_har, replay, to_har
from estuary_proto.errors import EstuaryError
from estuary_proto.testing import making
from estuary_proto.testing.choosing import FromBytes, flag, pick
from estuary_proto.testing.operations import CLIENT, operations
from estuary_proto.testing.runs import ClientRun


def har(data: bytes) -> None:
    """The HAR of a session of ours, some of it changed; or any JSON."""
    choose = FromBytes(data)
    given = _changed(choose, _session(choose)) if flag(choose) else _any(choose)
    try:
        told = from_har(given, audio=flag(choose))
    except EstuaryError:
        return
    # What we made of it is a capture like any other, with which nothing is wrong.
    assert replay(told.lines).difference is None
    to_har(told.lines)


def _session(choose: FromBytes) -> dict[str, Any]:
    run = ClientRun()
    for operation in operations(choose, CLIENT, 10):
        run.do(operation)
    return to_har(run.lines)


def _any(choose: FromBytes) -> Any:
    try:
        return json.loads(choose.rest)
    except (ValueError, RecursionError):
        return making.json(choose)


def _changed(choose: FromBytes, value: dict[str, Any]) -> Any:
    """With other values in a few places, each found on a walk from the root."""
    root: list[Any] = [value]
    for _ in range(choose.below(5)):
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
            place[key] = making.json(choose)
    return root[0]
