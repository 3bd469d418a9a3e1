"""What only a bare call reaches: a page without raw paths, a database that fails, live changes."""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from estuary_anyio import EstuaryClient, EstuaryConfig
from estuary_anyio.gateway import GatewayApp, serve_gateway
from estuary_anyio.gateway.api import outgoing
from estuary_anyio.gateway.store.database import FILE
from estuary_proto.errors import EstuaryError
from estuary_proto.gateway import ServerConfig
from estuary_proto.gateway.api.fields import Text

from .gateway import ADA, DEMO, Clock, gateway_client

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


async def test_a_database_that_another_holds_is_busy(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("estuary_anyio.gateway.store.database._BUSY", 0.05)
    async with gateway_client(data=tmp_path) as client:
        assert (await client.get(ADA)).status_code == 200
        other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        busy = await client.post(ADA, json={"content": "x"})
        assert busy.status_code == 503
        assert busy.json() == {"detail": "The database cannot be used now"}
        assert busy.headers["retry-after"] == "1"
        other.execute("ROLLBACK")
        other.close()
        assert (await client.post(ADA, json={"content": "x"})).status_code == 200


async def test_servers_without_raw_paths() -> None:
    app, sent = GatewayApp(), list[Any]()

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": "/api/v1/characters/ü/players",
        "query_string": b"",
        "headers": [(b"x-api-key", b"est_dev")], "scheme": "http", "server": ("gw", 80),
    }  # fmt: skip
    await app(scope, receive, send)
    await app.close()
    assert (sent[0]["status"], sent[1]["body"]) == (404, b'{"detail":"Character not found"}')


async def test_a_file_and_a_fleeting_house_serve_the_same(tmp_path: Path) -> None:
    clock = Clock()
    for data in (None, tmp_path):
        async with gateway_client(data=data, clock=clock) as client:
            body = {"message": "My favourite tea is mint.", "playerId": "ada"}
            await client.post(f"{DEMO}/turn", json=body)
            found = (await client.post(f"{ADA}/search", json={"query": "tea"})).json()
            assert [result["content"] for result in found["results"]] == [
                "Your favourite tea is mint."
            ]


async def test_a_character_that_is_deleted_while_somebody_talks_to_it() -> None:
    config = ServerConfig(word_interval=0)
    async with serve_gateway(server=config) as gateway:
        owner = EstuaryClient(EstuaryConfig(gateway.url, gateway.api_key, "demo", "owner"))
        async with owner:
            nell = (await owner.characters.create("Nell")).id
            async with EstuaryClient(EstuaryConfig(gateway.url, "est_dev", nell, "ada")) as client:
                await client.connect()
                await client.send_text_and_wait("My name is Ada.", text_only=True)
                await owner.characters.delete(nell)
                answer = await client.send_text_and_wait("What is my name?", text_only=True)
                assert "Ada" not in answer.text
            async with EstuaryClient(EstuaryConfig(gateway.url, "est_dev", nell, "ada")) as client:
                with pytest.raises(EstuaryError, match="Unknown character"):
                    await client.connect()


async def test_nobody_waits_for_ever_for_a_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "WITHIN", 0.1)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        with pytest.raises(outgoing.Unreachable, match="no answer within|timed out|Timeout"):
            await outgoing.post(f"http://127.0.0.1:{port}/", {})


async def test_starting_with_a_directory_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EstuaryError, match="data:"):
        async with serve_gateway(data=tmp_path / "file" / "house"):
            pass


@pytest.mark.parametrize(
    ("name", "status"),
    # Python and JavaScript differ in what is blank: neither may take what the schema forbids.
    [("", 422), (" \t", 422), ("\x1c\x1f", 422), ("\x85", 422), ("\ufeff", 422), ("\u200b", 200)],
)
async def test_what_is_blank_is_no_name(name: str, status: int) -> None:
    async with gateway_client() as client:
        made = await client.post("/api/v1/characters", json={"persona": {"name": name}})
        assert made.status_code == status
    # The schema says the same.
    assert bool(re.search(Text(blank=False).schema()["pattern"], name)) == (status == 200)
