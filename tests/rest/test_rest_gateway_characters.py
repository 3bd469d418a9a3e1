"""Characters over REST, and that the socket talks as they are: persona, actions, voice."""

from __future__ import annotations

import base64
import json
import struct
from typing import TYPE_CHECKING, Any

import pytest

from estuary_anyio import EstuaryClient, EstuaryConfig
from estuary_anyio.gateway import serve_gateway
from estuary_proto.gateway import ServerConfig
from estuary_proto.models import BotVoice, CharacterAction, ModelStatus, MotiveUpdated

from .gateway import DEMO, Clock, gateway_client

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import httpx

    from estuary_proto.gateway import AskBrain

pytestmark = pytest.mark.anyio

C = "/api/v1/characters"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
QUICK = ServerConfig(word_interval=0)


class Echo:
    """A brain that keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[AskBrain] = []

    async def stream(self, ask: AskBrain) -> AsyncGenerator[str, None]:
        """Say it back."""
        self.asked.append(ask)
        yield "You said: "
        yield ask.text


async def made(client: httpx.AsyncClient, **groups: Any) -> dict[str, Any]:
    body = {"persona": {"name": "Nell"}, **groups}
    answer = await client.post(C, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_made_listed_changed_deleted() -> None:
    async with gateway_client() as client:
        body = {"llm": {"temperature": 0.5}, "tts": {"voice": "low", "speed": 2}, "is_public": True}
        nell = await made(client, **body)
        assert nell["llm_temperature"] == 0.5
        assert nell["tts_voice"] == nell["voice_preset"] == "low"
        assert (nell["tts_speed"], nell["is_public"], nell["text_only"]) == (2, True, False)
        page = (await client.get(C, params={"limit": 2})).json()
        assert (page["total"], [c["id"] for c in page["characters"]]) == (3, ["demo", "friend"])
        rest = (await client.get(C, params={"offset": 2})).json()
        assert [c["id"] for c in rest["characters"]] == [nell["id"]]

        one = f"{C}/{nell['id']}"
        changed = await client.put(one, json={"persona": {"tagline": "Hm."}})
        assert (changed.json()["tagline"], changed.json()["name"]) == ("Hm.", "Nell")
        assert (await client.get(one)).json() == changed.json()
        given = await client.post(f"{one}/transfer", json={"destination": "org", "orgId": "o1"})
        assert given.json()["orgId"] == "o1"
        of_org = (await client.get(C, headers={"X-Org-Id": "o1"})).json()
        assert [c["id"] for c in of_org["characters"]] == [nell["id"]]
        assert (await client.delete(one)).status_code == 204
        for method in ("GET", "DELETE"):
            assert (await client.request(method, one)).status_code == 404


async def test_the_socket_talks_as_they_are_now() -> None:
    brain = Echo()
    async with serve_gateway(brain=brain) as gateway:
        config = EstuaryConfig(gateway.url, gateway.api_key, "demo", "ada")
        async with EstuaryClient(config) as rest:
            nell = await rest.characters.create(
                "Nell", personality="dry", background="a lighthouse"
            )
            await rest.characters.set_motive(nell.id, "to find her dog", "ada")
        async with EstuaryClient(EstuaryConfig(gateway.url, "est_dev", nell.id, "ada")) as client:
            await client.connect()
            assert (await client.send_text_and_wait("Hi")).text == "You said: Hi"
            persona = brain.asked[-1].character.persona
            assert "You are Nell." in persona
            assert "dry" in persona
            assert "lighthouse" in persona
            assert "find her dog" in persona
            async with client.events(MotiveUpdated) as told:
                await client.characters.set_motive(nell.id, "to sail")
                async for event in told:
                    assert event.motive == "to sail"
                    break
            await client.send_text_and_wait("Hm")
            assert "to sail" in brain.asked[-1].character.persona
            assert brain.asked[-1].history[-1] == ("assistant", "You said: Hi")
        async with EstuaryClient(EstuaryConfig(gateway.url, "est_dev", nell.id, "ada")) as again:
            await again.connect()
            await again.send_text_and_wait("Still there?")
            assert ("user", "Hi") in brain.asked[-1].history


LIGHT = "I keep the light."
ACTIONS = [
    {"name": "sail_to", "parameters": [{"name": "place", "required": True}]},
    {"name": "ring", "parameters": [
        {"name": "times", "type": "integer"}, {"name": "loud", "type": "boolean"}
    ]},
]  # fmt: skip


async def test_its_actions_and_its_own_words() -> None:
    async with serve_gateway(server=QUICK) as gateway:
        config = EstuaryConfig(gateway.url, gateway.api_key, "demo", "ada")
        async with EstuaryClient(config) as rest:
            nell = await rest.characters.create(
                "Nell", tagline="I keep the light.", actions=ACTIONS
            )
        async with EstuaryClient(EstuaryConfig(gateway.url, "est_dev", nell.id, "ada")) as client:
            await client.connect()
            about = await client.send_text_and_wait("Who are you?")
            assert about.text == "I'm Nell. I keep the light."
            done: list[CharacterAction] = []
            client.on("client_action", done.append)
            await client.send_text_and_wait("Please sail to the Skerries!")
            await client.send_text_and_wait("ring 3 times")
            assert [(a.name, a.params) for a in done] == [
                ("sail_to", {"place": "Skerries"}), ("ring", {"times": 3, "loud": True})
            ]  # fmt: skip
            which = await client.send_text_and_wait("Sail to")
            assert "place" in which.text
            assert len(done) == 2


async def test_its_voice() -> None:
    async with serve_gateway(server=ServerConfig(word_interval=0, voice="always")) as gateway:
        config = EstuaryConfig(gateway.url, gateway.api_key, "demo", "ada")
        sounds: dict[str, int] = {}
        async with EstuaryClient(config) as rest:
            fields: dict[str, dict[str, Any]] = {
                "usual": {}, "fast": {"tts_speed": 2}, "mute": {"text_only": True},
                "other": {"tts_voice": "gravel"},
            }  # fmt: skip
            ids = {n: (await rest.characters.create(n, **f)).id for n, f in fields.items()}
        heard: dict[str, bytes] = {}
        for name, character_id in ids.items():
            heard[name] = b""
            async with EstuaryClient(
                EstuaryConfig(gateway.url, "est_dev", character_id, "ada")
            ) as client:
                await client.connect()
                async with client.events(BotVoice) as voice:
                    client.say_line("One two three four five")
                    if name == "mute":
                        await client.send_text_and_wait("Hello")
                        continue
                    async for chunk in voice:
                        heard[name] += chunk.pcm
                        if chunk.is_final:
                            break
            sounds[name] = len(heard[name])
        assert heard["mute"] == b""
        assert sounds["fast"] < sounds["usual"] * 0.7
        assert heard["other"] != heard["usual"]


async def upload(
    client: httpx.AsyncClient, picture: bytes, kind: str = "image/png", **more: Any
) -> httpx.Response:
    files = {"image": ("x.png", picture, kind)}
    return await client.post(f"{C}/from-image", files=files, **more)


async def test_a_picture_becomes_a_character_once() -> None:
    async with gateway_client() as client:
        headers = {"Idempotency-Key": "k" * 32, "X-Player-Id": "ada"}
        first = await upload(client, PNG, headers=headers, data={"personaPrompt": "a sailor"})
        assert first.status_code == 201
        one = first.json()
        assert (one["personality"], one["player_id"]) == ("a sailor", "ada")
        assert one["generated_voice_id"]
        again = await upload(client, PNG, headers=headers, data={"personaPrompt": "a sailor"})
        assert (again.status_code, again.json()) == (201, one)
        other = await upload(client, PNG, headers=headers, data={"personaPrompt": "a baker"})
        assert other.status_code == 422
        body = {"image": base64.b64encode(PNG).decode(), "useDefaultVoice": True}
        plain = await client.post(f"{C}/from-image", json=body)
        assert plain.status_code == 201
        assert plain.json()["id"] != one["id"]
        assert "generated_voice_id" not in plain.json()
        unknown = await client.post(f"{C}/from-image", json={**body, "colour": "red"})
        assert unknown.status_code == 422
        picture = await client.get(one["source_image_url"])
        assert (picture.content, picture.headers["content-type"]) == (PNG, "image/png")
        assert picture.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [
        (b"", "image/png", "empty"),
        (b"<svg onload=alert(1)>", "image/svg+xml", "no PNG"),
        (PNG, "image/jpeg", "was said to be"),
        (PNG[:16] + struct.pack(">II", 0, 9) + PNG[24:], "image/png", "pixels"),
        (PNG[:16] + struct.pack(">II", 99999, 9) + PNG[24:], "image/png", "pixels"),
        (PNG + bytes(10 * 2**20), "image/png", "are the most"),
    ],
)
async def test_what_is_no_picture_is_refused(data: bytes, kind: str, said: str) -> None:
    async with gateway_client() as client:
        answer = await upload(client, data, kind)
        assert answer.status_code == 422
        assert said in answer.json()["detail"][0]["msg"]
        assert (await client.get(C)).json()["total"] == 2


async def test_a_model_advances_and_can_be_had() -> None:
    clock = Clock()
    config = ServerConfig(model_seconds=100)
    async with gateway_client(config, clock=clock) as client:
        one = (await upload(client, PNG)).json()["id"]

        async def status() -> ModelStatus:
            return ModelStatus.from_dict((await client.get(f"{C}/{one}/model")).json())

        assert (await status()).model_status is None
        begun = await client.post(f"{C}/{one}/model", json={"rigged": True})
        assert (begun.status_code, begun.json()["modelStatus"]) == (202, "generating")
        seen = []
        for seconds in (0, 40, 15, 10, 10, 15, 9, 2):
            clock.now += seconds
            at = await status()
            seen.append((at.model_status, at.progress))
            assert bool(at.model_preview_url) is (at.model_status != "generating")
            assert bool(at.model_url) is (at.model_status == "completed")
            if at.model_status != "completed":
                assert (await client.post(f"{C}/{one}/model", json={})).status_code == 409
        assert seen == [
            ("generating", 0), ("preview_ready", 40), ("posing", 55), ("rig_checking", 65),
            ("rigging", 75), ("animating", 90), ("animating", 99), ("completed", 100),
        ]  # fmt: skip
        done = await status()
        assert (done.rigged, done.animations) == (True, ["idle"])
        assert done.model_url is not None
        model = (await client.get(done.model_url)).content
        document = read_glb(model)
        assert document["animations"][0]["name"] == "idle"
        assert document["images"][0]["mimeType"] == "image/png"
        preview = read_glb((await client.get(str(done.model_preview_url))).content)
        assert "images" not in preview
        whole = (await client.get(f"{C}/{one}")).json()
        assert (whole["model_status"], whole["model_url"]) == ("completed", done.model_url)
        assert (await client.post(f"{C}/{one}/model")).status_code == 202


def read_glb(data: bytes) -> dict[str, Any]:
    """The document of a binary glTF, whose lengths are checked (glTF 2.0, 4.4)."""
    magic, version, length = struct.unpack("<4sII", data[:12])
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size, kind = struct.unpack("<I4s", data[12:20])
    assert kind == b"JSON"
    document: dict[str, Any] = json.loads(data[20 : 20 + size])
    left, kind = struct.unpack("<I4s", data[20 + size : 28 + size])
    assert (kind, left) == (b"BIN\0", len(data) - 28 - size)
    assert document["buffers"][0]["byteLength"] == left
    for view in document["bufferViews"]:
        assert view["byteOffset"] % 4 == 0
        assert view["byteOffset"] + view["byteLength"] <= left
    return document


@pytest.mark.parametrize(
    ("ending", "rigged", "usable", "url"),
    [
        ("failed", False, False, False),
        ("texture_failed", False, True, False),
        ("rig_failed", True, True, True),
        ("animation_failed", True, True, True),
        ("rig_failed", False, True, True),
    ],
)
async def test_models_that_fail(ending: str, rigged: bool, usable: bool, url: bool) -> None:
    clock = Clock()
    config = ServerConfig(model_seconds=1, model_ending=ending)
    async with gateway_client(config, clock=clock) as client:
        await client.post(f"{DEMO}/model", json={"rigged": rigged})
        clock.now += 2
        at = ModelStatus.from_dict((await client.get(f"{DEMO}/model")).json())
        assert at.is_over
        assert at.is_usable is usable
        assert bool(at.model_url) is url
        assert at.model_status == (ending if rigged or "rig" not in ending else "completed")


async def test_a_picture_and_a_model_of_ones_own() -> None:
    async with gateway_client() as client:
        files = {"image": ("a.png", PNG, "image/png")}
        put = await client.put(f"{DEMO}/avatar", files=files)
        assert put.json()["avatar"] == (await client.get(DEMO)).json()["avatar"]
        glb = struct.pack("<4sII", b"glTF", 2, 12)
        own = await client.put(f"{DEMO}/model-file", files={"file": ("m.glb", glb)})
        assert own.status_code == 200
        at = (await client.get(f"{DEMO}/model")).json()
        assert (at["modelStatus"], at["modelUrl"]) == ("completed", own.json()["modelUrl"])
        assert (await client.get(at["modelUrl"])).content == glb
        wrong = await client.put(f"{DEMO}/model-file", files={"file": ("m.glb", b"glTF")})
        assert wrong.status_code == 422
        none = await client.put(f"{DEMO}/avatar", files={"file": ("a.png", PNG)})
        assert none.status_code == 422
        assert (await client.put(f"{DEMO}/avatar", json={})).status_code == 415
        assert (await client.get("/files/nothing")).status_code == 404


async def test_motives() -> None:
    async with gateway_client() as client:
        query = {"playerId": "ada"}
        url = f"{DEMO}/motive"
        assert "motive" not in (await client.get(url, params=query)).json()
        assert (await client.patch(url, params=query, json={"motive": "tea"})).json()[
            "motive"
        ] == "tea"
        assert (await client.get(url, params=query)).json()["motive"] == "tea"
        assert "motive" not in (await client.get(url, params={"playerId": "bob"})).json()
        assert (await client.delete(url, params=query)).status_code == 204
        assert "motive" not in (await client.get(url, params=query)).json()
        assert (await client.get(url)).status_code == 422
