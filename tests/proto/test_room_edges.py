"""What is asked of a room twice is done once."""

from __future__ import annotations

from estuary_proto.room import Stage
from tests.proto.roomer import Roomer


def test_left_and_muted_once() -> None:
    talk = Roomer()
    talk.start()
    room = talk.voice._room
    room.mute(True)
    room.mute(True)
    assert talk.voice._room._muted
    room.leave()
    assert room.stage is Stage.LEAVING
    room.leave()
    assert room.stage is Stage.LEAVING


def test_muted_outside() -> None:
    room = Roomer().voice._room
    room.mute(True)
    assert room._muted
    assert room.stage is Stage.OUT
