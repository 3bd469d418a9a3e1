"""How the halves of a capture tell frames apart, and show them."""

from __future__ import annotations

from estuary_proto.capture.halves import _shown, _sort_of


def test_the_last_piece_is_of_another_kind() -> None:
    piece = '42/sdk,["bot_response",{"text":"a","is_final":%s}]'
    assert _sort_of(piece % "true") == _sort_of(piece % "false") + ", final"


def test_bytes_are_shown_by_their_number() -> None:
    assert _shown(b"abc") == "3 bytes"
