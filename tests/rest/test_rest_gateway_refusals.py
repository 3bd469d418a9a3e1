"""What the API refuses: strangers, scopes, traversal, injection, odd bodies, scripted failures."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from estuary_anyio import EstuaryClient, EstuaryConfig, RetryConfig
from estuary_anyio.gateway import GatewayApp, serve_gateway
from estuary_proto.errors import EstuaryError
from estuary_proto.gateway import Script, ServerConfig
from estuary_proto.rest.errors import Forbidden, RateLimited

from .gateway import ADA, DEMO, gateway_client

pytestmark = pytest.mark.anyio

C = "/api/v1/characters"


def refused(answer: httpx.Response, status: int) -> Any:
    """The detail of a refusal with this status."""
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"detail"}
    assert answer.headers["content-type"] == "application/json"
    return answer.json()["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {}, {"X-API-Key": "est_wrong"}, {"Authorization": "Bearer "}, {"X-API-Key": "ect_x"},
        {"Authorization": "Basic est_dev"}, {"X-API-Key": "sst_unknown"},
        {"Authorization": "Bearer est_dev\u00e4"},
    ],
)  # fmt: skip
async def test_strangers(headers: dict[str, str]) -> None:
    async with gateway_client(headers={}) as client:
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        answer = await client.get(C, headers=raw)
        assert "est_" not in json.dumps(refused(answer, 401))
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_key_has_its_scopes() -> None:
    config = ServerConfig(
        api_keys=("est_dev", "est_reader"), scopes={"est_reader": ("memories:read",)}
    )
    async with gateway_client(config, headers={"X-API-Key": "est_reader"}) as client:
        assert (await client.get(ADA)).status_code == 200
        detail = refused(await client.post(ADA, json={"content": "x"}), 403)
        assert detail["requiredScopes"] == ["memories:write"]
    async with (
        serve_gateway(api_keys=config.api_keys, server=ServerConfig(scopes={})) as gateway,
        EstuaryClient(EstuaryConfig(gateway.url, "est_reader", "demo", "ada")) as client,
    ):
        assert (await client.memory.create("x")).content == "x"
    with pytest.raises(EstuaryError, match="scopes"):
        ServerConfig(scopes={"est_other": ()})
    with pytest.raises(EstuaryError, match="no 'all'"):
        ServerConfig(scopes={"est_dev": ("all",)})
    with pytest.raises(EstuaryError, match="model_ending"):
        ServerConfig(model_ending="well")


async def test_an_end_users_token_is_for_that_player() -> None:
    async with serve_gateway(server=ServerConfig(word_interval=0)) as gateway:
        token = gateway.mint("ada").token
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=gateway.url, headers=headers) as client:
            assert (await client.post(ADA, json={"content": "x"})).status_code == 200
            assert (await client.get(DEMO)).status_code == 200
            refused(await client.get(f"{DEMO}/players/bob/memories"), 403)
            refused(await client.get(ADA, headers={"X-Player-Id": "bob"}), 403)
            refused(await client.get(C), 403)
            refused(await client.get(f"{DEMO}/players"), 403)
            turn = {"message": "Hi", "playerId": "bob"}
            refused(await client.post(f"{DEMO}/turn", json=turn), 403)
            refused(await client.post("/api/v1/share", json={"characterId": "demo"}), 403)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/characters/..%2f..%2fv1%2fadmin", 404),
        ("/api/v1/characters/x%3Fy", 404),
        ("/api/v1/characters/a%2Fb%20%23", 404),
        ("/api/v1/characters/%00", 404),
        ("/api/v1/characters/%ff", 400),
        ("/api/v1/characters/", 404),
        ("/api/v1/characters//players", 404),
        ("/api/v1/admin", 404),
        ("/api/v1/characters/' OR 1=1 --", 404),
        ("/api/v1/characters/" + "x" * 5000, 404),
        ("/api/v1/characters/demo/players/%20/memories", 422),
        ("/api/v1/characters/demo/players/" + "x" * 300 + "/memories", 422),
        ("/api/v1/characters?limit=0", 422),
        ("/api/v1/characters?limit=101", 422),
        ("/api/v1/characters?limit=1_0", 422),
        ("/api/v1/characters?limit=ten", 422),
        ("/api/v1/characters?limit=1&limit=2", 422),
        ("/api/v1/characters?offset=99999999999999999999", 422),
        ("/api/v1/characters?limit=%ff", 400),
        (f"{ADA}?sortBy=id;drop", 422),
        (f"{ADA}?memoryType=", 422),
        (f"{ADA}/graph?includeEntities=yes", 422),
    ],
)
async def test_odd_addresses(path: str, status: int) -> None:
    async with gateway_client() as client:
        refused(await client.get(path), status)


async def test_an_id_is_an_id_whatever_is_in_it() -> None:
    async with gateway_client() as client:
        for player in ("a/b", "..", "x?y", "a b #", "'; DROP TABLE memories; --", "%2e", "ü"):
            path = f"{DEMO}/players/{httpx.URL('/', params={'p': player}).query.decode()[2:]}"
            path = path.replace("+", "%20").replace("/..", "/%2e%2e")
            made = await client.post(f"{path}/memories", json={"content": player})
            assert made.json()["playerId"] == player
            found = (await client.get(f"{path}/memories")).json()
            assert [memory["content"] for memory in found["memories"]] == [player]


async def test_wrong_methods_name_the_right_ones() -> None:
    async with gateway_client() as client:
        for method in ("PUT", "HEAD", "OPTIONS", "TRACE"):
            answer = await client.request(method, ADA)
            assert answer.status_code == 405
            assert answer.headers["allow"] == "DELETE, GET, POST"


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"[]", "application/json", 422),
        (b"", "application/json", 422),
        (b"{}", "application/json", 422),
        (b'{"content": ""}', "application/json", 422),
        (b'{"content": " "}', "application/json", 422),
        (b'{"content": null}', "application/json", 422),
        (b'{"content": 1}', "application/json", 422),
        (b'{"content": "x", "more": 1}', "application/json", 422),
        (b'{"content": "x", "importance": 1e999}', "application/json", 422),
        (b'{"content": "x", "importance": true}', "application/json", 422),
        (b'{"content": "x"}', "text/plain", 415),
        (b'{"content": "' + b"x" * 2_000_000 + b'"}', "application/json", 413),
    ],
)
async def test_odd_bodies(content: bytes, kind: str, status: int) -> None:
    async with gateway_client() as client:
        answer = await client.post(ADA, content=content, headers={"Content-Type": kind})
        refused(answer, status)
        assert (await client.get(ADA)).json()["total"] == 0


async def test_half_a_character_is_mended() -> None:
    async with gateway_client() as client:
        body = b'{"content": "x\\ud800"}'
        made = await client.post(ADA, content=body, headers={"Content-Type": "application/json"})
        assert made.json()["content"] == "x\ufffd"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "multipart/form-data", 400),
        (b"x", "multipart/form-data; boundary=b", 400),
        (b"--b\r\n\r\n", "multipart/form-data; boundary=b", 400),
        (b"--b\r\nno headers\r\n--b--", "multipart/form-data; boundary=b", 400),
        (b"--b\r\nA: b\r\n\r\nx\r\n--b--", "multipart/form-data; boundary=b", 400),
        (b"--b--", 'multipart/form-data; boundary="b"', 422),
        (b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n" * 60 + b"--b--",
         "multipart/form-data; boundary=b", 400),
        (b"--b\r\nContent-Disposition: form-data; name=voicePrompt\r\n\r\nx\r\n" * 2 + b"--b--",
         "multipart/form-data; boundary=b", 422),
        (b"--b\r\nContent-Disposition: form-data; name=voicePrompt\r\n\r\n\xff\r\n--b--",
         "multipart/form-data; boundary=b", 400),
    ],
)  # fmt: skip
async def test_odd_forms(body: bytes, kind: str, status: int) -> None:
    async with gateway_client() as client:
        answer = await client.post(f"{C}/from-image", content=body, headers={"Content-Type": kind})
        refused(answer, status)


async def test_fields_of_a_form_are_checked() -> None:
    async with gateway_client() as client:
        files = {"image": ("x", b"x")}
        for data in ({"colour": "red"}, {"useDefaultVoice": "maybe"}):
            refused(await client.post(f"{C}/from-image", files=files, data=data), 422)
        for image in ("not base64!", "data:image/png;base64,AAAA"):
            refused(await client.post(f"{C}/from-image", json={"image": image}), 422)
        headers = {"Idempotency-Key": "k" * 300}
        body = {"image": "R0lGODlhAQABAAAAACw="}
        refused(await client.post(f"{C}/from-image", json=body, headers=headers), 400)
        assert (await client.post(f"{C}/from-image", json=body)).status_code == 201


async def test_hosts_that_are_none_are_not_repeated() -> None:
    async with gateway_client() as client:
        files = {"image": ("x", b"GIF89a\x01\0\x01\0", "image/gif")}
        for host, wanted in (("good:1", "http://good:1/"), ('"><script>', "http://gw/")):
            answer = await client.put(f"{DEMO}/avatar", files=files, headers={"Host": host})
            assert answer.json()["avatar"].startswith(wanted)


async def test_a_body_that_ends_early() -> None:
    app = GatewayApp()
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": ADA, "query_string": b"", "server": None,
        "headers": [(b"x-api-key", b"est_dev"), (b"content-type", b"application/json")],
    }  # fmt: skip
    await app(scope, receive, send)
    await app.close()
    assert sent[0]["status"] == 400


# --- by script --------------------------------------------------------------------------------


def scripted(*rules: dict[str, Any]) -> ServerConfig:
    return ServerConfig(script=Script.read(list(rules)))


async def test_refusals_on_demand_are_survived() -> None:
    config = scripted(
        {"when": {"request": "GET */memories*", "nth": 1}, "do": {"respond": 503}},
        {
            "when": {"request": "get */PLAYERS/stats"},
            "do": [{"wait": 0}, {"respond": {"status": 429, "retry_after": 0.2, "detail": "No."}}],
        },
        {"when": {"request": "* /api/v1/characters/demo", "nth": 1}, "do": "drop"},
    )
    retry = RetryConfig(max_retries=1, backoff_factor=0.01)
    async with serve_gateway(server=config) as gateway:
        client_config = EstuaryConfig(gateway.url, "est_dev", "demo", "ada", retry=retry)
        async with EstuaryClient(client_config) as client:
            assert (await client.memory.get_memories()).total == 0
            assert (await client.characters.get("demo")).name == "Wren"
            with pytest.raises(RateLimited, match="No") as caught:
                await client.players.get_stats()
            assert caught.value.retry_after == 1
    async with gateway_client(config) as bare:
        with pytest.raises(ConnectionAbortedError):
            await bare.get(DEMO)


async def test_a_rate_limit_by_script() -> None:
    limit = {"requests": 2, "per": 60}
    config = scripted({"when": {"request": f"GET {C}"}, "do": {"limit": limit}})
    async with gateway_client(config) as client:
        statuses = [(await client.get(C)).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        answer = await client.get(C)
        assert 0 < int(answer.headers["retry-after"]) <= 60
        assert (await client.get(DEMO)).status_code == 200


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"when": {"request": ""}, "do": "drop"}, "no text"),
        ({"when": {"request": "*"}}, "nothing to do"),
        ({"when": {"request": "*"}, "do": "leave"}, "not one act"),
        ({"when": {"request": "*"}, "do": {"say": "x"}}, "no act 'say'"),
        ({"when": {"request": "*"}, "do": {"respond": 200}}, "out of bounds"),
        ({"when": {"request": "*"}, "do": {"respond": {"state": 1}}}, "no 'state'"),
        ({"when": {"request": "*"}, "do": {"limit": 5}}, "no mapping"),
        ({"when": {"request": "*"}, "do": {"limit": {"requests": 0}}}, "out of bounds"),
        ({"when": {"request": "*"}, "do": "drop", "instead": True}, "no 'instead'"),
    ],
)
def test_scripts_that_make_no_sense(rule: dict[str, Any], said: str) -> None:
    with pytest.raises(EstuaryError, match=said):
        Script.read([rule])


async def test_what_the_client_makes_of_a_scope() -> None:
    config = ServerConfig(scopes={"est_dev": ()})
    async with serve_gateway(server=config) as gateway:
        async with EstuaryClient(EstuaryConfig(gateway.url, "est_dev", "demo", "a")) as client:
            with pytest.raises(Forbidden) as caught:
                await client.memory.get_stats()
            assert caught.value.required_scopes == ("memories:read",)


async def test_the_document_is_there_for_everybody() -> None:
    async with gateway_client(headers={}) as client:
        document = (await client.get("/openapi.json")).json()
        assert document["openapi"] == "3.1.0"
        assert await client.get("/openapi.json") is not None
        refused(await client.post("/openapi.json"), 404)


async def test_a_shares_key_of_the_configuration_is_for_the_socket_alone() -> None:
    config = ServerConfig(api_keys=("est_dev", "sst_fixed"))
    async with gateway_client(config, headers={"X-API-Key": "sst_fixed"}) as client:
        refused(await client.get(C), 403)
