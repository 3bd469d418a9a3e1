"""`estuary doctor`, as a process, on real sockets: what works, and what does not."""

from __future__ import annotations

import json
import re
import socket
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from tests.anyio.proxying import outside_proxy
from tests.cli.fronts import context_of, saying, tls_front
from tests.cli.test_cli_devices import NO_PORTAUDIO
from tests.cli.test_cli_packages import WITHOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from anyio.from_thread import BlockingPortal

    from tests.cli.terminal import Terminal

    Ended = Callable[..., tuple[int, str, str]]
    Gateway = Callable[..., tuple[Any, str]]

KEY = "est_a_key_that_is_not_shown"
SESSION = ["websocket", "engine.io", "socket.io", "key", "round trip"]
AUTHORITY = trustme.CA()


@pytest.fixture
def examined(ended: Ended) -> Callable[..., tuple[int, dict[str, dict[str, Any]]]]:
    """Run `estuary doctor --json`: its status, and the findings by their stages, in order."""

    def run(*args: str, **how: Any) -> tuple[int, dict[str, dict[str, Any]]]:
        status, out, err = ended("doctor", "--json", *args, **how)
        assert err == ""
        assert KEY not in out
        told = json.loads(out)
        assert told["status"] == status
        return status, {one["stage"]: one for one in told["findings"]}

    return run


def network(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {n: one["verdict"] for n, one in found.items() if one["part"] == "network"}


def failed(found: dict[str, dict[str, Any]], stage: str, untried: list[str]) -> dict[str, Any]:
    """The finding of the one stage that failed; those behind it were not tried."""
    verdicts = network(found)
    assert [name for name, verdict in verdicts.items() if verdict == "fail"] == [stage]
    assert [name for name, verdict in verdicts.items() if verdict == "skip"] == untried
    return found[stage]


# --- a good one ------------------------------------------------------------------------------


def test_the_gateway_inside(examined: Any, backend: str) -> None:
    status, found = examined("--backend", backend)
    assert status == 0
    assert network(found) == dict.fromkeys(["name", "connection", *SESSION], "ok")
    assert found["engine.io"]["max_payload"] == 1_000_000
    assert len(found["round trip"]["round_trips"]) == 3
    assert min(found["round trip"]["round_trips"]) > 0
    assert found["library"]["packages"]["anyio"]
    assert found["python"]["version"] == sys.version.split()[0]


def test_a_gateway_and_a_terminal(
    gateway: Gateway, terminal: Callable[..., Terminal], backend: str
) -> None:
    _, url = gateway()
    shown = terminal("doctor", "--url", url, "--backend", backend)
    assert shown.end() == 0
    lines = shown.text.splitlines()
    assert max(map(len, lines)) <= 80
    order = [line.split()[1] for line in lines if re.match(r"  (ok|warn|fail|-) ", line)]
    assert order[order.index("name") :][-6:] == [
        "connection", "websocket", "engine.io", "socket.io", "key", "round",
    ]  # fmt: skip
    assert "\x1b[32mok" in shown.raw
    assert re.search(r"round trip    3 pings, the median is shown \([0-9.]+ ms\)", shown.text)
    plain = terminal("doctor", "--url", url, NO_COLOR="1")
    assert plain.end() == 0
    assert "\x1b[" not in plain.raw


def test_it_leaves_in_good_order(gateway: Gateway, ended: Ended) -> None:
    process, url = gateway()
    assert ended("doctor", "--url", url)[0] == 0
    process.terminate()
    assert process.communicate()[1] == ""


# --- the way there ---------------------------------------------------------------------------


def test_nobody_listens(examined: Any, backend: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # Nobody else gets it, and it does not listen.
        port = taken.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        status, found = examined("--url", url, "--api-key", KEY, "--backend", backend)
    assert status == 1
    told = failed(found, "connection", SESSION)
    assert told["text"] == f"nobody listens at 127.0.0.1:{port} (connection refused)"
    assert told["mend"] == "is the server running, and is the port right?"


def test_a_name_that_nobody_has(examined: Any, backend: str) -> None:
    url = "https://no-such-name.invalid"
    args = ("--url", url, "--api-key", KEY, "--character", "c", "--backend", backend)
    status, found = examined(*args)
    assert status == 1
    told = failed(found, "name", ["connection", "tls", *SESSION])
    assert "no-such-name.invalid" in told["text"]
    assert told["mend"]


def test_a_name_with_addresses(examined: Any, gateway: Gateway) -> None:
    _, url = gateway()
    status, found = examined("--url", url.replace("127.0.0.1", "localhost"))
    assert status == 0
    assert "127.0.0.1" in found["name"]["addresses"]
    # The gateway listens on one of them: the other, where there is one, is told.
    tried = found["connection"]["tried"]
    assert found["connection"]["verdict"] == ("ok" if len(tried) == 1 else "warn")


# --- TLS -------------------------------------------------------------------------------------


@pytest.fixture
def trusted(tmp_path: Path, environment: dict[str, str]) -> None:
    """The script trusts our authority alone."""
    path = tmp_path / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(str(path))
    environment["SSL_CERT_FILE"] = str(path)


def front(
    portal: BlockingPortal, gateway: Gateway, *names: str, **certificate: Any
) -> tuple[Any, str]:
    port = int(gateway()[1].rpartition(":")[2])
    context = context_of(AUTHORITY.issue_cert(*names, **certificate))
    return portal.wrap_async_context_manager(tls_front(port, context)), "https://127.0.0.1:{}"


@pytest.mark.usefixtures("trusted")
def test_tls(portal: BlockingPortal, gateway: Gateway, examined: Any, backend: str) -> None:
    until = datetime.now(UTC) + timedelta(days=100)
    opened, url = front(portal, gateway, "127.0.0.1", "other.example", not_after=until)
    with opened as port:
        status, found = examined("--url", url.format(port), "--backend", backend)
    assert status == 0
    assert network(found) == dict.fromkeys(["name", "connection", "tls", *SESSION], "ok")
    assert set(found["tls"]["names"]) == {"other.example", "127.0.0.1"}
    assert found["tls"]["version"] in ("TLSv1.2", "TLSv1.3")
    assert found["tls"]["until"] == until.strftime("%Y-%m-%d")
    assert "(100 days)" in found["tls"]["text"]


@pytest.mark.usefixtures("trusted")
def test_a_certificate_that_ends_soon(
    portal: BlockingPortal, gateway: Gateway, examined: Any
) -> None:
    until = datetime.now(UTC) + timedelta(days=3)
    opened, url = front(portal, gateway, "127.0.0.1", not_after=until)
    with opened as port:
        status, found = examined("--url", url.format(port))
    assert (status, found["tls"]["verdict"]) == (0, "warn")
    assert "it ends soon" in found["tls"]["mend"]


PAST = datetime.now(UTC) - timedelta(days=2)


@pytest.mark.parametrize(
    ("names", "certificate", "says", "mend"),
    [
        (
            ("127.0.0.1",),
            {"not_before": PAST - timedelta(days=9), "not_after": PAST},
            "certificate has expired",
            f"needs a new one, unless the clock is wrong here (it says {time.gmtime().tm_year}-",
        ),
        (("other.example",), {}, "IP address mismatch", "the name that it was made out for"),
    ],
)
@pytest.mark.usefixtures("trusted")
def test_certificates_that_are_no_good(
    portal: BlockingPortal,
    gateway: Gateway,
    examined: Any,
    names: tuple[str, ...],
    certificate: dict[str, Any],
    says: str,
    mend: str,
) -> None:
    opened, url = front(portal, gateway, *names, **certificate)
    with opened as port:
        status, found = examined("--url", url.format(port))
    assert status == 1
    told = failed(found, "tls", SESSION)
    assert says in told["text"]
    assert mend in told["mend"]


def test_a_certificate_that_nobody_trusts(
    portal: BlockingPortal, gateway: Gateway, examined: Any, backend: str
) -> None:
    opened, url = front(portal, gateway, "127.0.0.1")
    with opened as port:
        status, found = examined("--url", url.format(port), "--backend", backend)
    assert status == 1
    assert "SSL_CERT_FILE" in failed(found, "tls", SESSION)["mend"]


def test_https_to_a_plain_gateway(gateway: Gateway, examined: Any, backend: str) -> None:
    _, url = gateway()
    status, found = examined("--url", url.replace("http:", "https:"), "--backend", backend)
    assert status == 1
    told = failed(found, "tls", SESSION)
    assert "WRONG_VERSION_NUMBER" in told["text"]
    assert "write http:// in --url" in told["mend"]


def test_http_to_tls(portal: BlockingPortal, gateway: Gateway, examined: Any) -> None:
    opened, _ = front(portal, gateway, "127.0.0.1")
    with opened as port:
        status, found = examined("--url", f"http://127.0.0.1:{port}")
    assert status == 1
    told = failed(found, "websocket", SESSION[1:])
    assert told["mend"] in ("write https:// in --url", "is that an Estuary server?")


# --- a proxy ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of proxy.py, which wants a name and a password."""
    with outside_proxy(tmp_path_factory.mktemp("proxy"), "me:pass-word-9") as port:
        yield port


@pytest.mark.parametrize("password", ["pass-word-9", "wrong-word-9", ""])
def test_through_a_proxy(
    proxy: int,
    gateway: Gateway,
    examined: Any,
    environment: dict[str, str],
    backend: str,
    password: str,
) -> None:
    _, url = gateway()
    who = f"me:{password}@" if password else ""
    environment |= {"HTTP_PROXY": f"http://{who}127.0.0.1:{proxy}", "NO_PROXY": "", "no_proxy": ""}
    environment.pop("http_proxy", None)
    status, found = examined("--url", url, "--backend", backend)
    assert password not in str(found) or not password
    if password == "pass-word-9":
        assert status == 0
        stages = ["name", "connection", "proxy", *SESSION]
        assert network(found) == dict.fromkeys(stages, "ok")
        assert found["proxy"]["proxy"] == f"127.0.0.1:{proxy}"
        return
    assert status == 1
    told = failed(found, "proxy", SESSION)
    assert "refused with HTTP 407" in told["text"]
    assert "into HTTP_PROXY" in told["mend"]


def test_a_proxy_that_is_none(examined: Any, environment: dict[str, str]) -> None:
    environment |= {"HTTP_PROXY": "socks5://me:a-secret-word@127.0.0.1:1", "NO_PROXY": ""}
    environment.pop("no_proxy", None)
    status, found = examined("--url", "http://127.0.0.1:9")
    assert status == 2
    assert "a-secret-word" not in str(found)
    assert "socks5" in found["proxy"]["text"]


# --- what is no server -----------------------------------------------------------------------

UPGRADE = b"HTTP/1.1 101 Go on\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
NOT_FOUND = b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"
MOVED = b"HTTP/1.1 302 No\r\nLocation: https://there.example/x?k=s\r\nContent-Length: 0\r\n\r\n"
BUSY = b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
DENIED = b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"
PLAIN = b"HTTP/1.1 200 Fine\r\nContent-Length: 2\r\n\r\nhi"


@pytest.mark.parametrize(
    ("answers", "stays", "says", "mend"),
    [
        ((NOT_FOUND,), True, "HTTP 404", "no Socket.IO is served"),
        ((MOVED,), True, "it points to https://there.example/x", "write that address"),
        ((BUSY,), True, "HTTP 503", "try again later"),
        ((DENIED,), True, "HTTP 403", "other credentials"),
        ((PLAIN,), True, "HTTP 200", "a proxy between"),
        ((b"SSH-2.0-x\r\n",), True, "does not speak HTTP", "an Estuary server?"),
        ((), True, "did not come within 0.4 s", "an Estuary server?"),
        ((b"",), False, "closed the connection before", "an Estuary server?"),
        ((UPGRADE,), True, "handshake is wrong", "an Estuary server?"),
    ],
)
def test_no_websocket(
    portal: BlockingPortal,
    examined: Any,
    answers: tuple[bytes, ...],
    stays: bool,
    says: str,
    mend: str,
) -> None:
    with portal.wrap_async_context_manager(saying(*answers, stays=stays)) as port:
        status, found = examined("--url", f"http://127.0.0.1:{port}", "--timeout", "0.4")
    assert status == 1
    told = failed(found, "websocket", SESSION[1:])
    assert says in told["text"]
    assert mend in told["mend"]


def test_a_server_that_shakes_no_hands(portal: BlockingPortal, examined: Any) -> None:
    with portal.wrap_async_context_manager(saying()) as port:
        status, found = examined("--url", f"https://127.0.0.1:{port}", "--timeout", "0.4")
    assert status == 1
    assert "did not shake hands within 0.4 s" in failed(found, "tls", SESSION)["text"]


# --- the key, the settings -------------------------------------------------------------------


def test_a_wrong_key(gateway: Gateway, ended: Ended, examined: Any, backend: str) -> None:
    _, url = gateway()
    args = ("--url", url, "--api-key", KEY, "--backend", backend)
    status, found = examined(*args)
    assert status == 1
    assert found["socket.io"]["verdict"] == "ok"
    told = failed(found, "key", ["round trip"])
    assert "Invalid API key" in told["text"]
    assert "ESTUARY_API_KEY" in told["mend"]
    status, out, err = ended("doctor", *args)
    assert (status, err) == (1, "")
    assert "-> check ESTUARY_API_KEY (or --api-key-file) and\n" in out
    assert "not tried: round trip" in out
    assert KEY not in out


def test_a_key_from_a_file(gateway: Gateway, examined: Any, tmp_path: Path) -> None:
    _, url = gateway()
    (tmp_path / "key").write_text("est_dev\n")
    assert examined("--url", url, "--api-key-file", str(tmp_path / "key"))[0] == 0


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--url", "https://there.example"), "api_key: there is none"),
        (("--url", "ftp://there.example"), "server_url"),
        (("--url", f"https://me:{KEY}@there.example"), "user name or password"),
        (("--url", f"https://there.example/?key={KEY}"), "a query"),
    ],
)
def test_settings(ended: Ended, examined: Any, args: tuple[str, ...], says: str) -> None:
    status, found = examined(*args)
    assert status == 2
    assert says in found["settings"]["text"]
    assert KEY not in ended("doctor", *args)[1]


@pytest.mark.parametrize("args", [("--timeout", "0"), ("more",), ("--backend", "gevent")])
def test_wrong_usage(ended: Ended, args: tuple[str, ...]) -> None:
    status, out, err = ended("doctor", *args)
    assert (status, out, err.count("\n")) == (2, "", 1)


# --- sound, packages -------------------------------------------------------------------------


def test_no_portaudio(ended: Ended) -> None:
    for args, status, mark in (((), 0, "warn"), (("--sound",), 2, "fail")):
        done, out, err = ended("doctor", *args, program=("-c", NO_PORTAUDIO))
        assert (done, err) == (status, "")
        assert f"  {mark:<6}portaudio     the system's PortAudio cannot be used" in out
        assert "-> apt-get install libportaudio2" in out


def test_no_devices(examined: Any, environment: dict[str, str], tmp_path: Path) -> None:
    pytest.importorskip("sounddevice")
    # PortAudio asks ALSA, which asks a sound server, which is not there.
    (tmp_path / "asound.conf").write_text("pcm.default { type pipewire }")
    environment |= {
        "ALSA_CONFIG_PATH": str(tmp_path / "asound.conf"),
        "PULSE_SERVER": "unix:/nowhere",
        "XDG_RUNTIME_DIR": str(tmp_path),
    }
    for args, status, verdict in (((), 0, "warn"), (("--sound",), 2, "fail")):
        done, found = examined(*args)
        assert done == status
        for noun in ("microphone", "loudspeaker"):
            assert found[noun]["verdict"] == verdict
            assert f"there is no {noun}" in found[noun]["text"]
            assert "start the sound server" in found[noun]["mend"]


def test_without_packages(ended: Ended) -> None:
    status, out, _ = ended("sounddevice", "doctor", "--sound", program=("-c", WITHOUT))
    assert status == 2
    assert "-> pip install 'estuary-anyio[audio]'" in out
    status, out, _ = ended("hypercorn", "doctor", program=("-c", WITHOUT))
    assert status == 2
    assert "needs hypercorn" in " ".join(out.split())
