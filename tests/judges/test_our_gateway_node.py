"""Our gateway on each loop, judged by Node's socket.io-client."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from .outside import Lines, node_folder, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anyio.from_thread import BlockingPortal

    from estuary_anyio.gateway import Gateway


@pytest.fixture
def judge() -> Iterator[Lines]:
    with running(["node", node_folder() / "client.mjs"]) as process:
        yield Lines(process)


def credentials(gw: Gateway, player: str) -> dict[str, str]:
    return {"api_key": gw.api_key, "character_id": gw.character_id, "player_id": player}


def enter(judge: Lines, gw: Gateway, player: str, **options: Any) -> Any:
    judge.do("connect", url=gw.url, auth=credentials(gw, player), **options)
    info = judge.until("session_info")
    assert info["player_id"] == player
    return info


def test_a_streamed_answer_an_ack_and_a_goodbye(gateway: Gateway, judge: Lines) -> None:
    enter(judge, gateway, "node a")
    judge.do("emit", name="text", data={"text": "tell me a joke"}, ack=True)
    final = judge.until("bot_response", is_final=True)
    chunks = [told["data"] for told in judge.told if told["event"] == "bot_response"]
    assert "".join(chunk["partial"] for chunk in chunks) == final["text"]
    assert any(told == {"event": "ack", "data": []} for told in judge.told)
    judge.do("disconnect")
    assert judge.until("disconnect") == "io client disconnect"


def test_an_interrupt(gateway: Gateway, judge: Lines) -> None:
    enter(judge, gateway, "node b")
    judge.do("emit", name="text", data={"text": "tell me a story"})
    chunk = judge.until("bot_response", chunk_index=3)
    judge.do("emit", name="client_interrupt", data={"message_id": chunk["message_id"]})
    assert judge.until("interrupt")["message_id"] == chunk["message_id"]


def test_attachments_are_taken_and_acknowledged(gateway: Gateway, judge: Lines) -> None:
    enter(judge, gateway, "node c")
    data = base64.b64encode(bytes(range(256)) * 100).decode()
    judge.do("binary", name="picture", bytes=data)
    assert judge.until("ack") == []
    judge.do("emit", name="text", data={"text": "still there?"})
    assert judge.until("bot_response", is_final=True)["text"]


def test_a_wrong_key(gateway: Gateway, judge: Lines) -> None:
    auth = {**credentials(gateway, "node d"), "api_key": "est_wrong"}
    judge.do("connect", url=gateway.url, auth=auth)
    assert judge.until("connect_error") == "Invalid API key"


def test_credentials_as_a_message(gateway: Gateway, judge: Lines) -> None:
    judge.do("connect", url=gateway.url, auth={})
    judge.until("connect")
    judge.do("emit", name="authenticate", data=credentials(gateway, "node e"))
    assert judge.until("session_info")["player_id"] == "node e"


def test_it_comes_back_and_is_remembered(
    gateway: Gateway, portal: BlockingPortal, judge: Lines
) -> None:
    enter(judge, gateway, "node f", reconnect=True)
    judge.do("emit", name="text", data={"text": "my name is Ada"})
    judge.until("bot_response", is_final=True)
    portal.call(gateway.drop_connections)
    assert judge.until("disconnect") in ("transport close", "transport error")
    judge.until("session_info")
    judge.do("emit", name="text", data={"text": "what is my name?"})
    assert judge.until("bot_response", is_final=True)["text"] == "Your name is Ada."
