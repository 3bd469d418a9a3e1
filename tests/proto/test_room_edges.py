"""What is asked of a room twice is done once."""

from __future__ import annotations

from estuary_proto.capture.halves import _sort_of
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


def test_the_last_piece_is_of_another_kind() -> None:
    piece = '42/sdk,["bot_response",{"text":"a","is_final":%s}]'
    assert _sort_of(piece % "true") == _sort_of(piece % "false") + ", final"


def test_muted_outside() -> None:
    room = Roomer().voice._room
    room.mute(True)
    assert room._muted
    assert room.stage is Stage.OUT
