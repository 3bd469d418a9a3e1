"""A 3D model that is being made: its states over time (PROTOCOL 7.5), and what comes of it.

How far it is follows from when it was begun: nothing runs meanwhile. What is made is real, if
small: a panel with the picture on it, as binary glTF 2.0, with a joint and an idle motion when it
was to be rigged.
"""

from __future__ import annotations

import json
from math import cos, pi, sin
from struct import pack
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .images import Image

_PLAIN: Final = (("generating", 0.5), ("preview_ready", 1.0))
_RIGGED: Final = (
    ("generating", 0.35), ("preview_ready", 0.5), ("posing", 0.6), ("rig_checking", 0.7),
    ("rigging", 0.85), ("animating", 1.0),
)  # fmt: skip
"""Each state, and the share of the time at which it ends."""

_FAILS_IN: Final = {
    "failed": "generating",
    "texture_failed": "preview_ready",
    "rig_failed": "rigging",
    "animation_failed": "animating",
}
"""The state from which an ending that is no success comes."""


class Stage(NamedTuple):
    """How far it is: a state of PROTOCOL 7.5, per cent, and what there is to show by now."""

    status: str
    progress: int
    preview: bool
    model: bool
    animated: bool
    over: bool


def stage(elapsed: float, seconds: float, *, rigged: bool, ending: str = "completed") -> Stage:
    """The stage `elapsed` seconds after it was begun, of `seconds` in all. An ending for which a
    plain model has no state is a success there."""
    share = max(0.0, elapsed / seconds)
    states = _RIGGED if rigged else _PLAIN
    names = [name for name, _ in states]
    last = _FAILS_IN.get(ending, "")
    if last not in names:
        last, ending = names[-1], "completed"
    shown_from, last_at = names.index("preview_ready"), names.index(last)
    for at, (name, until) in enumerate(states[: last_at + 1]):
        if share < until:
            progress = min(99, int(share * 100))
            return Stage(name, progress, at >= shown_from, False, False, False)
    done = ending == "completed"
    progress = 100 if done else int(states[last_at][1] * 100)
    made = done or ending in ("rig_failed", "animation_failed")
    return Stage(ending, progress, last_at >= shown_from, made, rigged and done, True)


# --- the model ----------------------------------------------------------------------------------

_POSITIONS: Final = ((-1, -1), (1, -1), (1, 1), (-1, 1))
_FLOAT: Final = 5126
_SHORT: Final = 5123


class _Buffer:
    """The binary half of a GLB: views and accessors into it."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def view(self, data: bytes) -> int:
        """Add bytes, aligned to four; returns the number of the view."""
        self.views.append({"buffer": 0, "byteOffset": len(self.data), "byteLength": len(data)})
        self.data += data + bytes(-len(data) % 4)
        return len(self.views) - 1

    def accessor(self, rows: Sequence[Sequence[float]], kind: str, component: int = _FLOAT) -> int:
        """Add numbers; returns the number of the accessor."""
        flat = [value for row in rows for value in row]
        form = "f" if component == _FLOAT else "H"
        columns = list(zip(*rows, strict=True))
        self.accessors.append(
            {
                "bufferView": self.view(pack(f"<{len(flat)}{form}", *flat)),
                "componentType": component,
                "count": len(rows),
                "type": kind,
                "min": [min(column) for column in columns],
                "max": [max(column) for column in columns],
            }
        )
        return len(self.accessors) - 1


def glb(name: str, image: Image, *, textured: bool, animated: bool = False) -> bytes:
    """The panel as binary glTF 2.0: as wide and high as the picture is, one unit high."""
    buffer = _Buffer()
    width = image.width / image.height / 2
    corners = [(x * width, y / 2, 0.0) for x, y in _POSITIONS]
    places = [((x + 1) / 2, (1 - y) / 2) for x, y in _POSITIONS]
    primitive: dict[str, Any] = {
        "attributes": {
            "POSITION": buffer.accessor(corners, "VEC3"),
            "NORMAL": buffer.accessor([(0.0, 0.0, 1.0)] * 4, "VEC3"),
            "TEXCOORD_0": buffer.accessor(places, "VEC2"),
        },
        "indices": buffer.accessor([(i,) for i in (0, 1, 2, 0, 2, 3)], "SCALAR", _SHORT),
        "material": 0,
    }
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "estuary-anyio"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": name}],
        "meshes": [{"primitives": [primitive]}],
        "materials": [{"doubleSided": True, "pbrMetallicRoughness": {"metallicFactor": 0.0}}],
    }
    if textured:
        _texture(document, buffer, image)
    if animated:
        _animate(document, buffer)
    document |= {
        "bufferViews": buffer.views,
        "accessors": buffer.accessors,
        "buffers": [{"byteLength": len(buffer.data)}],
    }
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    body = pack("<I4s", len(text), b"JSON") + text
    body += pack("<I4s", len(buffer.data), b"BIN\0") + buffer.data
    return pack("<4sII", b"glTF", 2, 12 + len(body)) + body


def _texture(document: dict[str, Any], buffer: _Buffer, image: Image) -> None:
    """The picture on it. glTF knows PNG and JPEG by itself, WebP by an extension, and no GIF."""
    if image.mime_type == "image/gif":
        return
    texture: dict[str, Any] = {"source": 0}
    if image.mime_type == "image/webp":
        texture = {"extensions": {"EXT_texture_webp": {"source": 0}}}
        document["extensionsUsed"] = document["extensionsRequired"] = ["EXT_texture_webp"]
    document["images"] = [{"bufferView": buffer.view(image.data), "mimeType": image.mime_type}]
    document["textures"] = [texture]
    document["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"] = {"index": 0}


def _animate(document: dict[str, Any], buffer: _Buffer) -> None:
    """A joint in its middle, and a slow sway of it."""
    primitive = document["meshes"][0]["primitives"][0]
    joints = buffer.accessor([(0, 0, 0, 0)] * 4, "VEC4", _SHORT)
    weights = buffer.accessor([(1.0, 0.0, 0.0, 0.0)] * 4, "VEC4")
    primitive["attributes"] |= {"JOINTS_0": joints, "WEIGHTS_0": weights}
    document["nodes"] = [{**document["nodes"][0], "skin": 0}, {"name": "root"}]
    document["scenes"] = [{"nodes": [0, 1]}]
    document["skins"] = [{"joints": [1]}]
    turns = [sin(2 * pi * step / 8) * 0.1 for step in range(9)]
    swings = [(0.0, sin(turn / 2), 0.0, cos(turn / 2)) for turn in turns]
    sampler = {
        "input": buffer.accessor([(step / 2,) for step in range(9)], "SCALAR"),
        "output": buffer.accessor(swings, "VEC4"),
    }
    channel = {"sampler": 0, "target": {"node": 1, "path": "rotation"}}
    document["animations"] = [{"name": "idle", "samplers": [sampler], "channels": [channel]}]


ANIMATIONS: Final = ("idle",)
