"""`estuary gateway` as a process: what it says, who gets in, how it ends."""

from __future__ import annotations

import json
import signal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Ended = Callable[..., tuple[int, str, str]]
    Gateway = Callable[..., tuple[Any, str]]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_and_ends_cleanly(
    gateway: Gateway, backend: str, number: signal.Signals
) -> None:
    process, url = gateway("--backend", backend)
    out = "".join(iter(process.stdout.readline, "Ctrl-C ends it\n"))
    assert "est_dev" in out
    assert "demo" in out
    assert f"  estuary chat --url {url}\n" in out
    assert "\x1b" not in out
    process.send_signal(number)
    assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 0


def test_a_client_that_is_there_does_not_keep_it(
    gateway: Gateway, start: Callable[..., Any], backend: str
) -> None:
    server, url = gateway("--backend", backend)
    chat = start("chat", "--url", url)
    chat.stdin.write("Hello\n")
    chat.stdin.flush()
    assert chat.stdout.readline().strip()
    server.send_signal(signal.SIGTERM)
    assert server.wait(10) == 0
    assert server.stderr.read() == ""
    # It said goodbye: the client does not take it for a broken network.
    assert chat.stderr.readline() == "the connection is lost (server_restart)\n"
    assert chat.stderr.readline().startswith("reconnecting: attempt 1 in ")
    chat.send_signal(signal.SIGINT)
    assert chat.wait(10) == 130


def test_port_in_use(gateway: Gateway, ended: Ended) -> None:
    _, url = gateway()
    port = url.rpartition(":")[2]
    status, out, err = ended("gateway", "--port", port)
    assert (status, out) == (1, "")
    assert err.startswith(f"estuary: 127.0.0.1:{port} cannot be listened on (")
    assert err.endswith("try --port 0\n")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--port", "70000"), "'--port'"),
        (("--host", "0.0.0.0"), "--api-key"),
        (("--backend", "twisted"), "'--backend'"),
        (("--llm-url", "http://127.0.0.1:1"), "--brain openai"),
        (("--brain", "openai", "--llm-url", "127.0.0.1"), "--llm-url"),
        (("--api-key-file", "/nonexistent/file"), "--api-key-file"),
    ],
)
def test_wrong_usage(ended: Ended, args: tuple[str, ...], says: str) -> None:
    status, out, err = ended("gateway", *args)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("estuary: ")
    assert says in err


def test_keys_of_ones_own(
    gateway: Gateway, ended: Ended, environment: dict[str, str], tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    keys.write_text("est_second\n\nest_third\n")
    server, url = gateway("--api-key", "est_first", "--api-key-file", str(keys))
    for key, status in (("est_first", 0), ("est_third", 0), ("est_dev", 1)):
        environment["ESTUARY_API_KEY"] = key
        assert ended("chat", "--url", url, "--once", "Hello")[0] == status
    server.send_signal(signal.SIGTERM)
    assert "est_" not in server.stdout.read()


class _Model(BaseHTTPRequestHandler):
    """A model server that says what it was asked for."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        said = f"{asked['model']} hears {asked['messages'][-1]['content']}; {self.path}; "
        said += str(self.headers["authorization"])
        body = "".join(
            f"data: {json.dumps({'choices': [{'delta': {'content': word}}]})}\n\n"
            for word in said.split(" ")
        )
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{body}data: [DONE]\n\n".encode())

    def log_message(self, *_: object) -> None:
        """Be silent."""


def test_a_model_behind_an_address(
    gateway: Gateway, ended: Ended, environment: dict[str, str], backend: str
) -> None:
    environment["OPENAI_API_KEY"] = "sk-other"
    environment["ESTUARY_LLM_API_KEY"] = "sk-ours"
    with ThreadingHTTPServer(("127.0.0.1", 0), _Model) as model:
        Thread(target=model.serve_forever).start()
        try:
            address = f"http://127.0.0.1:{model.server_port}/v1"
            options = ("--brain", "openai", "--llm-url", address, "--llm-model", "tiny")
            _, url = gateway("--backend", backend, *options)
            status, out, err = ended("chat", "--url", url, "--once", "you")
        finally:
            model.shutdown()
    assert (status, err) == (0, "")
    assert out == "tinyhearsyou;/v1/chat/completions;Bearersk-ours\n"
