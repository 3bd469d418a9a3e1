"""Our gateway on each loop, judged by three releases of the vendor's own SDK.

0.8.0 sends capabilities and knows most events; 0.4.2 has `say_line` and no capabilities; 0.2.7 has
neither, nor `send_text_and_wait`.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from .outside import HERE, Lines, running, sdk_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anyio.from_thread import BlockingPortal

    from estuary_anyio.gateway import Gateway

VERSIONS = ("0.8.0", "0.4.2", "0.2.7")


class Judge(Lines):
    version = ""

    def enter(self, gw: Gateway, player: str, **settings: Any) -> Any:
        who = {"api_key": gw.api_key, "character_id": gw.character_id, "player_id": player}
        self.do("new", server_url=gw.url, **{**who, "reconnect_delay": 0.02, **settings})
        self.do("connect")

    def answer(self, text: str) -> Any:
        """The final text, and every piece before it."""
        told = len(self.told)
        self.do("send_text", text=text)
        final = self.until("bot_response", is_final=True)
        pieces = [one["data"] for one in self.told[told:] if one["event"] == "bot_response"]
        return final, pieces

    def until_it_can_send(self) -> None:
        """It says that it is connected a moment before it lets anybody send."""
        event = "send_text failed"
        while event == "send_text failed":
            self.do("send_text", text="are you there?")
            event = ""
            while not event.startswith("send_text"):
                event = self.next()["event"]
        self.until("bot_response", is_final=True)


@pytest.fixture(params=VERSIONS)
def judge(request: pytest.FixtureRequest) -> Iterator[Judge]:
    environment = {**os.environ, "PYTHONPATH": str(sdk_folder(request.param))}
    with running([sys.executable, HERE / "sdk_client.py"], env=environment) as process:
        judge = Judge(process)
        judge.version = request.param
        yield judge


def test_a_session_from_hello_to_goodbye(gateway: Gateway, judge: Judge) -> None:
    before = gateway.sessions
    judge.enter(gateway, f"sdk {judge.version}")
    session = judge.until("connect done")
    assert session["player_id"] == f"sdk {judge.version}"
    assert gateway.sessions == before + 1
    final, pieces = judge.answer("tell me a joke")
    assert len(pieces) > 10
    assert "".join(piece["partial"] for piece in pieces) == final["text"]
    judge.do("disconnect")
    judge.until("disconnect done")
    assert judge.told[-1]["event"] == "disconnect done"


def test_waiting_for_an_answer(gateway: Gateway, judge: Judge) -> None:
    if judge.version == "0.2.7":
        pytest.skip("estuary-sdk 0.2.7 cannot wait for an answer")
    judge.enter(gateway, "waits")
    judge.until("connect done")
    judge.do("send_text_and_wait", text="hello")
    assert judge.until("send_text_and_wait done")["is_final"]


def test_an_interrupt(gateway: Gateway, judge: Judge) -> None:
    judge.enter(gateway, "interrupts")
    judge.until("connect done")
    judge.do("send_text", text="tell me a story")
    chunk = judge.until("bot_response", chunk_index=3)
    judge.do("interrupt", message_id=chunk["message_id"])
    assert judge.until("interrupt")["message_id"] == chunk["message_id"]


def test_a_line(gateway: Gateway, judge: Judge) -> None:
    if judge.version == "0.2.7":
        pytest.skip("estuary-sdk 0.2.7 has no say_line")
    judge.enter(gateway, "lines")
    judge.until("connect done")
    judge.do("say_line", text="Welcome to the lighthouse.")
    assert judge.until("bot_response", is_final=True)["text"] == "Welcome to the lighthouse."


def test_a_wrong_key(gateway: Gateway, judge: Judge) -> None:
    judge.enter(gateway, "nobody", api_key="est_wrong")
    # That it says CONNECTION_FAILED is its own doing.
    assert judge.until("connect failed").startswith("EstuaryError ")


def test_it_comes_back_and_is_remembered(
    gateway: Gateway, portal: BlockingPortal, judge: Judge
) -> None:
    judge.enter(gateway, f"falls {judge.version}")
    judge.until("connect done")
    judge.answer("my name is Ada")
    portal.call(gateway.drop_connections)
    judge.until("disconnected")
    judge.until("connected")
    judge.until_it_can_send()
    final, _ = judge.answer("what is my name?")
    assert final["text"] == "Your name is Ada."
