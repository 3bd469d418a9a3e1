"""The example scripts on real sockets: every ending of API 6 on demand, seen by our client."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
import pytest

from estuary_anyio import (
    ErrorCode,
    EstuaryClient,
    EstuaryConfig,
    EstuaryError,
)
from estuary_anyio.gateway import read_script, serve_gateway
from estuary_proto.gateway import Script, ServerConfig
from estuary_proto.models.session import (
    AuthError,
    ModerationWarning,
    QuotaExceededData,
    SessionRejected,
    SessionTimeout,
)
from estuary_proto.policy import ENDINGS, Cause

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from estuary_anyio import ClientCredential
    from estuary_anyio.gateway import Gateway

pytestmark = pytest.mark.anyio

SCRIPTS = Path(__file__).parent / "scripts"


class Row(NamedTuple):
    """What a client tells when the script of this name has run."""

    cause: Cause
    announced: tuple[type, ...] = ()


ROWS = {
    "network": Row(Cause.NETWORK),
    "heartbeat": Row(Cause.HEARTBEAT),
    "server_restart": Row(Cause.SERVER_RESTART),
    "engine_close": Row(Cause.SERVER_RESTART),
    "server_disconnect": Row(Cause.SERVER_DISCONNECT),
    "session_timeout": Row(Cause.SESSION_TIMEOUT, (SessionTimeout,)),
    "session_rejected": Row(Cause.SESSION_REJECTED, (SessionRejected,)),
    "moderation": Row(Cause.MODERATION, (ModerationWarning, ModerationWarning)),
    "quota": Row(Cause.QUOTA, (QuotaExceededData,)),
    "auth": Row(Cause.AUTH, (AuthError,)),
    "protocol": Row(Cause.PROTOCOL),
}
DOORS = {
    "refused": ErrorCode.AUTH_FAILED,
    "rejected_at_the_door": ErrorCode.CONNECTION_FAILED,
    "revoked_at_the_door": ErrorCode.AUTH_FAILED,
    "dropped_at_the_door": ErrorCode.CONNECTION_FAILED,
    "silent_at_the_door": ErrorCode.CONNECTION_TIMEOUT,
}
QUICK: dict[str, Any] = {"ping_interval": 0.1, "ping_timeout": 0.1, "word_interval": 0.001}


def mind(name: str, **more: Any) -> ServerConfig:
    (path,) = SCRIPTS.glob(f"{name}.*")
    return ServerConfig(script=read_script(path), **(QUICK if name == "heartbeat" else {}), **more)


def config(gw: Gateway, **more: Any) -> EstuaryConfig:
    return EstuaryConfig(gw.url, gw.api_key, gw.character_id, "p", reconnect_delay=0.01, **more)


def end_of(client: EstuaryClient, told: list[Any]) -> anyio.Event:
    """Set when the client is disconnected; the reason is told."""
    over = anyio.Event()

    def ended(reason: str) -> None:
        told.append(reason)
        over.set()

    client.on("disconnected", ended)
    return over


def test_every_script_and_every_ending_has_its_row() -> None:
    others = {"events", "renewal_fails"}
    assert {path.stem for path in SCRIPTS.iterdir()} == {*ROWS, *DOORS, *others}
    # An attempt that times out ends no session, a credential and the client have tests below.
    assert {row.cause for row in ROWS.values()} == {*Cause} - {
        Cause.TIMEOUT,
        Cause.CREDENTIAL,
        Cause.CLIENT,
    }


@pytest.mark.parametrize("name", ROWS)
async def test_an_ending_on_demand(name: str) -> None:
    row, told = ROWS[name], list[Any]()
    reports: list[str] = []
    async with serve_gateway(server=mind(name), report=reports.append) as gw:
        async with EstuaryClient(config(gw)) as client:
            await client.connect()
            back = anyio.Event()
            client.on("*", told.append)
            over = end_of(client, told)
            client.on("connected", lambda session: back.set())
            client.send_text("go")
            with anyio.fail_after(10):
                await over.wait()
                if ENDINGS[row.cause].retry:
                    await back.wait()
            assert row.cause.value in told
            seen = [type(each) for each in told if type(each) in row.announced]
            assert tuple(seen) == row.announced
            if ENDINGS[row.cause].retry:
                assert await client.send_text_and_wait("hello", timeout=10)
            else:
                assert client.state.value == "disconnected"
    assert all(line.startswith(f"{name}.yaml: rule 1: ") for line in reports)
    assert reports


@pytest.mark.parametrize("name", DOORS)
async def test_a_first_connect_that_fails(name: str) -> None:
    async with serve_gateway(server=mind(name)) as gw:
        silent = DOORS[name] is ErrorCode.CONNECTION_TIMEOUT
        async with EstuaryClient(config(gw, connect_timeout=0.4 if silent else 9.0)) as client:
            with pytest.raises(EstuaryError) as caught, anyio.fail_after(10):
                await client.connect()
            assert caught.value.code is DOORS[name]
            assert client.state.value in ("disconnected", "error")


async def test_disconnecting_needs_no_script() -> None:
    reasons: list[str] = []
    async with serve_gateway() as gw, EstuaryClient(config(gw)) as client:
        client.on("disconnected", reasons.append)
        await client.connect()
        await client.disconnect()
    assert reasons == ["client"]


# --- credentials ------------------------------------------------------------------------------


def provider(gw: Gateway, lifetimes: list[float]) -> Callable[[], Awaitable[ClientCredential]]:
    """Mints a token at each call, as an app's backend would; the last lifetime is for the rest."""

    async def provide() -> ClientCredential:
        await anyio.lowlevel.checkpoint()
        return gw.mint("ada", lifetime=lifetimes.pop(0) if len(lifetimes) > 1 else lifetimes[0])

    return provide


def credential_config(gw: Gateway, *lifetimes: float) -> EstuaryConfig:
    return EstuaryConfig(
        gw.url, "", gw.character_id, "ada", token_provider=provider(gw, list(lifetimes))
    )


async def test_a_credential_is_renewed_on_the_live_session() -> None:
    renewed = anyio.Event()
    script = Script.read([{"when": "renew_authentication", "do": {"unknown": "seen"}}])
    # A story of more than the half second that the first token still has.
    mind = ServerConfig(script=script, word_interval=0.01)
    async with serve_gateway(server=mind) as gw:
        async with EstuaryClient(credential_config(gw, 0.6, 3600)) as client:
            client.on("unknown_event", lambda event: renewed.set())
            ends: list[str] = []
            client.on("disconnected", ends.append)
            await client.connect()
            with anyio.fail_after(10):
                await renewed.wait()
                # Past the moment at which the first token lapsed: the session is still the same.
                reply = await client.send_text_and_wait("tell me a story", timeout=20)
            assert reply
            assert ends == []


async def test_a_renewal_that_fails_ends_the_session() -> None:
    reasons: list[str] = []
    async with serve_gateway(server=mind("renewal_fails")) as gw:
        async with EstuaryClient(credential_config(gw, 0.6)) as client:
            over = end_of(client, reasons)
            await client.connect()
            with anyio.fail_after(10):
                await over.wait()
    assert reasons == [Cause.CREDENTIAL.value]


async def test_a_token_that_lapses_ends_the_session_with_auth_error() -> None:
    errors: list[str] = []
    async with serve_gateway() as gw:
        token = gw.mint("ada", lifetime=0.3).token
        config = EstuaryConfig(gw.url, token, gw.character_id, "ada")
        async with EstuaryClient(config) as client:
            client.on("auth_error", errors.append)
            over = end_of(client, errors)
            await client.connect()
            with anyio.fail_after(10):
                await over.wait()
    assert errors[0] == "credential_expired"
    assert errors[-1] == "auth"


# --- events -----------------------------------------------------------------------------------


async def test_events_on_demand() -> None:
    reports: list[str] = []
    told: list[Any] = []
    news = anyio.Event()

    def note(name: str) -> Callable[..., None]:
        def noted(*args: Any) -> None:
            nonlocal news
            told.append((name, *args))
            news.set()
            news = anyio.Event()

        return noted

    def report(line: str) -> None:
        reports.append(line)
        note("report")()

    async with serve_gateway(server=mind("events", word_interval=0.02), report=report) as gw:
        async with EstuaryClient(config(gw)) as client:
            for name in ("camera_capture_request", "unknown_event", "voice_timeout"):
                client.on(name, note(name))
            await client.connect()
            reply = client.ask("tell me something rude, a story")
            with pytest.raises(EstuaryError, match="redacted|taken back"):
                await reply.final()
            client.send_text("show me a picture")
            client.send_text("Anything")
            with anyio.fail_after(10):
                while len([each for each in told if each[0] == "unknown_event"]) < 2 or not any(
                    "acknowledged with ()" in line for line in reports
                ):
                    await news.wait()
            unknown = [each[1] for each in told if each[0] == "unknown_event"]
            session = client.session
            assert session is not None
            assert [each.name for each in unknown] == ["from_the_future", "blob"]
            assert unknown[1].args == ({"audio": bytes(3)},)
            assert [each[1].request_id for each in told if "camera" in each[0]] == ["r-1"]


async def test_a_scripted_answer_is_an_answer() -> None:
    script = Script.read(
        [{"when": {"text": {"equals": "2+2"}}, "do": {"say": {"pieces": ["fo", "ur"]}}}]
    )
    async with serve_gateway(server=ServerConfig(script=script)) as gw:
        async with EstuaryClient(config(gw)) as client:
            await client.connect()
            answer = await client.send_text_and_wait("2+2", timeout=10)
            assert answer.text == "four"


# --- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.yaml", "- when: [", "a.yaml: it is not YAML"),
        ("a.json", "[1, 2", "a.json: it is not JSON"),
        ("a.json", "[" * 100_000, "a.json: it is not JSON"),
        ("a.yaml", "- &x {when: text, do: drop}\n- *x", "holds an alias"),
        ("a.yaml", b"\xff", "it is not UTF-8 (byte 0)"),
        ("a.yaml", "#" * (2**20 + 1), "is longer than"),
        ("a.yaml", "- {when: text, do: {close: 99}}", "a.yaml: rule 1: do[1].close: 99 is no code"),
        ("a.yaml", "- !!python/object/apply:os.abort []", "it is not YAML"),
    ],
)
def test_a_file_that_is_no_script(tmp_path: Path, name: str, content: Any, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(EstuaryError, match=re.escape(said)) as caught:
        read_script(path)
    assert caught.value.code is ErrorCode.CONFIG_INVALID


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EstuaryError, match="gone.yaml: No such file"):
        read_script(tmp_path / "gone.yaml")
