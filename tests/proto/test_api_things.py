"""Pictures by their bytes, models over time, graphs, and how near texts are."""

from __future__ import annotations

import struct

import pytest

from estuary_proto.gateway import Fact
from estuary_proto.gateway.api import generation, images
from estuary_proto.gateway.api.forms import Upload
from estuary_proto.gateway.api.graph import graph, link_of
from estuary_proto.gateway.api.knowledge import is_core, matching, similarity, snake, terms
from estuary_proto.gateway.api.refusal import Refusal
from estuary_proto.gateway.credentials import Credentials, Guest, digest_of
from estuary_proto.gateway.wishes import Gesture, action_in
from estuary_proto.models import ActionParameter, AgentAction, MemoryData


def webp(kind: bytes, rest: bytes) -> bytes:
    return b"RIFF\0\0\0\0WEBP" + kind + bytes(4) + rest.ljust(14, b"\0")


FRAME = struct.pack(">HH", 3, 5)
PICTURES = {
    "gif": (b"GIF89a" + struct.pack("<HH", 5, 3), "image/gif"),
    "webp, lossy": (webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 5, 3)), "image/webp"),
    "webp, lossless": (webp(b"VP8L", b"\x2f" + (4 | 2 << 14).to_bytes(4, "little")), "image/webp"),
    "webp, extended": (webp(b"VP8X", bytes(4) + b"\4\0\0\2\0\0"), "image/webp"),
    "jpeg": (b"\xff\xd8\xff\xc0\0\x11\x08" + FRAME, "image/jpeg"),
    "jpeg, with more before": (
        b"\xff\xd8\xff\xe0\0\4xx\xff\xff\xc4\0\3y\xff\xc2\0\x11\x08" + FRAME, "image/jpeg"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_tell_their_size(name: str) -> None:
    data, kind = PICTURES[name]
    found = images.image_of(Upload(data, ""))
    assert (found.mime_type, found.width, found.height) == (kind, 5, 3)
    with pytest.raises(Refusal):
        images.image_of(Upload(data[: len(data) // 2], kind))


@pytest.mark.parametrize(
    "data", [webp(b"ODD ", b""), webp(b"VP8 ", b""), webp(b"VP8L", b""), b"\xff\xd8\xff\xd9" * 3]
)
def test_what_only_begins_as_a_picture(data: bytes) -> None:
    with pytest.raises(Refusal, match="422"):
        images.image_of(Upload(data, ""))


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("animated", [True, False])
def test_a_model_of_each_picture(name: str, animated: bool) -> None:
    made = generation.glb(
        "Nell", images.image_of(Upload(PICTURES[name][0], "")), textured=True, animated=animated
    )
    assert images.model_of(Upload(made, "")) == made
    assert (b"EXT_texture_webp" in made) is name.startswith("webp")
    assert (b'"textures"' in made) is (name != "gif")
    assert (b'"skins"' in made) is animated


def test_every_ending_ends() -> None:
    for ending in ("completed", "failed", "texture_failed", "rig_failed", "animation_failed"):
        for rigged in (True, False):
            stages = [
                generation.stage(second / 10, 10, rigged=rigged, ending=ending)
                for second in range(120)
            ]
            progress = [stage.progress for stage in stages if not stage.over]
            assert progress == sorted(progress)
            assert not stages[0].over
            assert stages[-1].over
            assert [s for s in stages if s.over] == [stages[-1]] * sum(s.over for s in stages)
    assert generation.stage(-5, 10, rigged=False).status == "generating"


def test_what_facts_are_about() -> None:
    assert link_of(Fact("name", "Ada", "")) is None
    assert link_of(Fact("favourite tea", "mint", "")) == ("mint", "thing", "favourite tea")
    disliked = link_of(Fact("taste rain", "rain", "You dislike rain."))
    assert disliked == ("rain", "thing", "dislikes")
    assert link_of(Fact("workplace", "at the harbour", "")) == ("the harbour", "place", "works")
    assert graph("ada", []).nodes[0].label == "ada"
    twice = [
        (MemoryData(id=str(n), memory_type="event"), Fact(f"name of {n}", "Miso", ""))
        for n in range(2)
    ]
    made = graph("ada", twice)
    assert [(n.label, n.mention_count) for n in made.nodes if n.type == "entity"] == [("Miso", 2)]
    assert made.stats.clusters == {"Events": 2}


def test_how_near_texts_are() -> None:
    assert similarity(terms("teas"), terms("Tea!")) == 1
    assert similarity(terms("tea milk"), terms("tea")) == pytest.approx(0.707107)
    assert similarity(terms("tea"), terms("")) == 0
    assert matching('tea "AND" tea*') == '"tea" OR "and"'
    assert matching("?!") == ""
    assert (snake("name of best friend"), is_core("name"), is_core("taste x"), is_core("")) == (
        "name_of_best_friend", True, False, False
    )  # fmt: skip


ACTIONS = [
    AgentAction("set-light", None, [
        ActionParameter("on", "boolean"), ActionParameter("level", "number"),
        ActionParameter("room", "string"), ActionParameter("step", "integer", required=True),
    ]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "Could you please set light at 0.5 and 3",
            {"on": True, "level": 0.5, "room": "0.5 and 3", "step": 3},
        ),
        ("set light off 1 2", {"on": False, "level": 1.0, "room": "off 1 2", "step": 2}),
    ],
)  # fmt: skip
def test_actions_are_asked_for_by_name(text: str, wanted: dict[str, object]) -> None:
    found = action_in(text, ACTIONS)
    assert isinstance(found, Gesture)
    assert (found.name, found.arguments) == ("set-light", wanted)


def test_actions_that_are_not_asked_for() -> None:
    missing = action_in("set light", ACTIONS)
    assert isinstance(missing, str)
    assert "step" in missing
    assert action_in("I set light aside", ACTIONS) is None
    assert action_in("hello", []) is None
    plain = action_in("jump.", [AgentAction("jump", None, [ActionParameter("where")])])
    assert plain == Gesture("jump", "Here you go!", {})


def test_guests_stay_as_long_as_their_share() -> None:
    credentials = Credentials(bytes, {})
    credentials.let_in(Guest(digest_of("sst_a"), "s", "c", "p", expires_at=10))
    credentials.let_in(Guest(digest_of("sst_b"), "s", "c", "p"))
    assert credentials.guest("sst_x", now=0) is None
    assert credentials.guest("sst_a", now=9) is not None
    assert credentials.guest("sst_a", now=10) is None
    assert credentials.guest("sst_a", now=9) is None
    assert credentials.guest("sst_b", now=99) is not None
    assert "sst" not in repr(credentials.guest("sst_b", now=0))
    credentials.turn_out("s")
    assert credentials.guest("sst_b", now=0) is None


@pytest.mark.parametrize("head", [("<4sII", b"glTF", 1, 12), ("<4sII", b"glTF", 2, 13)])
def test_models_that_are_none(head: tuple[str, bytes, int, int]) -> None:
    with pytest.raises(Refusal):
        images.model_of(Upload(struct.pack(*head), ""))
