"""Inline action tags: taken out wherever the text is split, everything else untouched."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from estuary_proto.actions import MAX_TAG, ActionTag, TagFilter


def run(*pieces: str) -> tuple[str, list[ActionTag]]:
    """What is shown of these pieces in the end, and the tags in them."""
    tags_of = TagFilter()
    shown, tags = "", []
    for piece in pieces:
        more, found = tags_of.feed(piece)
        shown += more
        tags += found
    return shown + tags_of.flush(), tags


@pytest.mark.parametrize(
    ("text", "shown", "tags"),
    [
        ("plain", "plain", []),
        ("", "", []),
        ('a <action name="wave"/> b', "a  b", [("wave", {})]),
        ('<ACTION NAME="x" name="wave" />', "", [("wave", {"NAME": "x"})]),
        ("<action name='sit' on=\"the 'mat'\"/>!", "!", [("sit", {"on": "the 'mat'"})]),
        ('<action name="go" to=">/>" a-b="1"></action>', "", [("go", {"to": ">/>", "a-b": "1"})]),
        ("<action name='a' to=\"\" by=''/>", "", [("a", {"to": "", "by": ""})]),
        ('<action\n name = "go">now</action>', "now", [("go", {})]),
        ('<action name="a"/><action name="b"/>', "", [("a", {}), ("b", {})]),
        # No tags: they are shown as they are.
        ("<action/>", "<action/>", []),
        ('<action speed="2"/>', '<action speed="2"/>', []),
        ('<action name=""/>', '<action name=""/>', []),
        ('<actions name="a"/>', '<actions name="a"/>', []),
        ("a < b <<b> </b> <", "a < b <<b> </b> <", []),
        ("<actio", "<actio", []),
        ("<action", "<action", []),
        ("<action ", "<action ", []),
        ("</actio x", "</actio x", []),
        ('<action name="open', '<action name="open', []),
        ('<<action name="a"/>', "<", [("a", {})]),
        ('<action <action name="a"/>', "", [("a", {})]),
        ('<ac<action name="a"/>', "<ac", [("a", {})]),
        ("</action>", "", []),
    ],
)
def test_filtering(text: str, shown: str, tags: list[tuple[str, dict[str, str]]]) -> None:
    expected = (shown, [ActionTag(*tag) for tag in tags])
    assert run(text) == expected
    assert run(*text) == expected


def test_only_what_may_become_a_tag_is_held_back() -> None:
    tags_of = TagFilter()
    assert tags_of.feed("see <") == ("see ", [])
    assert tags_of.feed("b>") == ("<b>", [])
    assert tags_of.feed("<action na") == ("", [])
    assert tags_of.feed('me="x"') == ("", [])
    assert tags_of.feed("/> ok <") == (" ok ", [ActionTag("x", {})])
    assert tags_of.flush() == "<"
    assert tags_of.flush() == ""


@pytest.mark.parametrize("inside", ["", ">"])
def test_an_endless_tag_is_text(inside: str) -> None:
    start = f'<action name="{inside}'
    tags_of = TagFilter()
    held = start + "x" * (MAX_TAG - len(start) - 1)
    assert tags_of.feed(held) == ("", [])
    assert tags_of.feed("y") == (held + "y", [])


def test_the_longest_tag_that_counts() -> None:
    tag = '<action name="' + "n" * (MAX_TAG - 17) + '"/>'
    assert len(tag) == MAX_TAG
    assert run(tag)[0] == ""
    assert run(tag.replace("nn", "nnn", 1)) == (tag.replace("nn", "nnn", 1), [])


PARTS = st.sampled_from(
    ["<", ">", "/", '"', "'", "<action", "<Action ", ' name="a"', " n='1'", "/>", "</action>", "x"]
) | st.text(max_size=3)


@settings(deadline=None)
@given(st.lists(PARTS), st.lists(st.integers(0, 60)))
@example(['<action name="', "/>", "'", '"/>'], [3, 15, 16])
def test_splitting_changes_nothing(parts: list[str], cuts: list[int]) -> None:
    text = "".join(parts)
    ends = [0, *sorted(cut for cut in cuts if cut <= len(text)), len(text)]
    pieces = [text[a:b] for a, b in zip(ends, ends[1:], strict=False)]
    assert run(*pieces) == run(text) == run(*text)


@settings(deadline=None)
@given(st.text(alphabet="<acton/> \"'=", max_size=200))
def test_without_a_tag_the_text_stays_whole(text: str) -> None:
    shown, tags = run(text)
    if not tags and "</action>" not in text.lower():
        assert shown == text
    assert len(shown) <= len(text)
