"""The brain behind an OpenAI-compatible endpoint, against a scripted one."""

from __future__ import annotations

import json
import sys
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
from anyio.abc import SocketAttribute, SocketStream

from estuary_anyio.gateway import BrainError, OpenAIBrain, OpenAISettings, serve_gateway
from estuary_proto.errors import EstuaryError
from estuary_proto.gateway import AskBrain, Character

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

ASK = AskBrain(
    0,
    "And me?",
    Character("Wren", persona="Be kind."),
    (("user", "hello"), ("assistant", "Hi!")),
    ("Your name is Ada.",),
)


def sse(*events: Any) -> bytes:
    lines = (e if isinstance(e, str) else json.dumps(e) for e in events)
    return b": comment\n\n" + b"".join(f"data: {line}\r\n\r\n".encode() for line in lines)


def delta(text: str | None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}}]}


def brain(answer: Callable[[httpx.Request], httpx.Response], **settings: Any) -> OpenAIBrain:
    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return OpenAIBrain(OpenAISettings("http://model.test/v1/", **settings), http_client=client)


async def heard(one: OpenAIBrain, ask: AskBrain = ASK) -> list[str]:
    return [piece async for piece in one.stream(ask)]


async def test_it_streams_and_sends_what_is_known() -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        events = (delta(None), delta("You are "), {"odd": 1}, "not json", delta("Ada."))
        return httpx.Response(200, content=sse(*events, "[DONE]", delta("never")))

    one = brain(answer, api_key="sk-1", model="tiny")
    assert await heard(one) == ["You are ", "Ada."]
    (request,) = requests
    assert str(request.url) == "http://model.test/v1/chat/completions"
    assert request.headers["authorization"] == "Bearer sk-1"
    body = json.loads(request.content)
    assert (body["model"], body["stream"]) == ("tiny", True)
    roles = [(m["role"], m["content"]) for m in body["messages"]]
    assert roles[0][0] == "system"
    assert roles[0][1].startswith("Be kind.")
    assert "- Your name is Ada." in roles[0][1]
    assert roles[1:] == [("user", "hello"), ("assistant", "Hi!"), ("user", "And me?")]


async def test_without_key_persona_or_facts() -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, content=sse(delta("Hm.")))

    assert await heard(brain(answer), AskBrain(0, "hi", Character("Lea"))) == ["Hm."]
    assert "authorization" not in requests[0].headers
    assert "You are Lea" in json.loads(requests[0].content)["messages"][0]["content"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx.Response(404, json={"error": {"message": "no such model"}}), "404: no such model"),
        (httpx.Response(500, text="oops"), "500: Internal Server Error"),
        (httpx.Response(401, json={"error": "bad key"}), "401: bad key"),
        (
            httpx.Response(200, content=sse(delta("x"), {"error": {"message": "overloaded"}})),
            "overloaded",
        ),
        (httpx.ReadTimeout("slow"), "did not answer within 60 s"),
        (httpx.ConnectError("refused"), "cannot be reached: refused"),
        (httpx.ConnectError(""), "cannot be reached: ConnectError"),
    ],
)
async def test_problems_are_named(answer: Any, said: str) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, httpx.Response)
        return answer

    with pytest.raises(BrainError, match=said) as caught:
        await heard(brain(respond, api_key="sk-secret"))
    assert "sk-secret" not in str(caught.value)


async def test_a_gateway_reports_a_missing_model(dial: Callable[..., Any]) -> None:
    settings = OpenAISettings("http://127.0.0.1:9/v1", timeout=2)
    async with serve_gateway(brain="openai", openai=settings) as gw, dial(gw.url) as wire:
        await wire.join()
        await wire.event("text", {"text": "hello"})
        seen = await wire.until('"interrupt"')
        assert "cannot be reached" in seen[-2]


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


@asynccontextmanager
async def endpoint(*events: Any, lingers: bool) -> AsyncGenerator[tuple[str, anyio.Event], None]:
    """A real server that streams `events`, and may then linger until its client leaves."""
    left = anyio.Event()

    async def serve(stream: SocketStream) -> None:
        async with stream:
            asked = b""
            while not asked.endswith(b"}"):
                asked += await stream.receive()
            await stream.send(HEAD + sse(*events))
            if lingers:
                with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                    await stream.receive()
            left.set()

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, serve)
            port = listener.extra(SocketAttribute.local_port)
            yield f"http://127.0.0.1:{port}/v1", left
            tasks.cancel_scope.cancel()


async def test_a_whole_answer_over_a_real_socket(dial: Callable[..., Any]) -> None:
    async with endpoint(delta("One "), delta("two."), "[DONE]", lingers=False) as (url, _):
        async with serve_gateway(brain="openai", openai=OpenAISettings(url)) as gw:
            async with dial(gw.url) as wire:
                await wire.join()
                await wire.event("text", {"text": "hello"})
                assert '"text":"One two."' in (await wire.until('"is_final":true'))[-1]


async def test_an_interrupt_leaves_a_model_that_goes_on(dial: Callable[..., Any]) -> None:
    async with endpoint(delta("One "), lingers=True) as (url, left):
        async with serve_gateway(brain="openai", openai=OpenAISettings(url)) as gw:
            async with dial(gw.url) as wire:
                await wire.join()
                await wire.event("text", {"text": "hello"})
                await wire.until("One ")
                await wire.event("client_interrupt", {})
                await wire.until('"interrupt"')
                with anyio.fail_after(2):
                    await left.wait()


async def test_a_stream_that_lingers_after_done_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("estuary_anyio.gateway.openai.DRAIN", 0.05)
    async with endpoint(delta("One."), "[DONE]", lingers=True) as (url, left):
        assert await heard(OpenAIBrain(OpenAISettings(url))) == ["One."]
        with anyio.fail_after(2):
            await left.wait()


async def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(BrainError, match=r"estuary-anyio\[gateway\]"):
        await heard(OpenAIBrain())


@pytest.mark.parametrize(
    ("field", "value"), [("base_url", "ftp://x"), ("model", ""), ("timeout", 0)]
)
def test_wrong_settings_name_their_field(field: str, value: Any) -> None:
    with pytest.raises(EstuaryError, match=field):
        OpenAISettings(**{field: value})


def test_the_key_does_not_show() -> None:
    assert "sk-secret" not in repr(OpenAISettings(api_key="sk-secret"))
