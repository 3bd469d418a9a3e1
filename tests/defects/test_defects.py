"""Each claim holds for ours on every loop, and fails on estuary-sdk 0.8.0 in the way it says."""

from __future__ import annotations

import asyncio
import importlib
import re
import sys
from typing import TYPE_CHECKING, Any

import anyio
import pytest

import estuary_anyio
from estuary_proto import SendText
from tests.anyio.server import serving
from tests.judges.outside import sdk_folder

from . import connecting, keeping, listening, talking  # noqa: F401  They declare the claims.
from .claims import CLAIMS, Claim, Heard, Subject
from .table import LOOPS, TABLE, WITHOUT
from .talking import answer

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio

EACH = pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)


@pytest.fixture(scope="module")
def incumbent() -> Any:
    try:
        return importlib.import_module("estuary_sdk")
    except ImportError:
        sys.path.append(str(sdk_folder("0.8.0")))
        return importlib.import_module("estuary_sdk")


@EACH
async def test_ours(claim: Claim) -> None:
    with anyio.fail_after(20):
        await claim.body(Subject(estuary_anyio))


@EACH
@pytest.mark.incumbent
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "anyio_backend", [pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio")]
)
async def test_incumbent(
    claim: Claim, incumbent: Any, record_property: Callable[[str, object], None]
) -> None:
    assert incumbent.__version__ == "0.8.0"
    # What falls in tasks of its own is not what this is about.
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    try:
        with anyio.fail_after(20):
            await claim.body(Subject(incumbent))
    except Exception as error:
        failed: BaseException = error
        while isinstance(failed, BaseExceptionGroup):
            failed = failed.exceptions[0]
        how = f"{type(failed).__name__}: {failed}".splitlines()[0]
        record_property("how", how)
        assert re.match(claim.fails, how), f"it failed in another way: {how}"
    else:
        pytest.fail("the claim holds for it")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "anyio_backend", [pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio")]
)
@pytest.mark.parametrize("library", ["estuary_anyio", "estuary_sdk"])
async def test_what_both_can_do(library: str, incumbent: Any) -> None:
    """The harness is not simply broken for one of them."""
    subject = Subject(incumbent if library == "estuary_sdk" else estuary_anyio)
    async with serving() as server, subject.client(server) as client:
        heard = Heard(client, "bot_response", "disconnected")
        session = await client.connect()
        assert session.session_id == "session"
        peer = await server.peer()
        client.send_text("hello")
        assert (await peer.get(SendText)).text == "hello"
        await answer(peer, "m", "hello to you")
        assert (await heard.get("bot_response")).text == "hello to you"
        await client.disconnect()
        await peer.left()


def test_the_table_is_of_these_claims() -> None:
    text = TABLE.read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    listed = {(row[0].strip("| "), row[1]) for row in rows if len(row) == 4}
    assert listed - {("item", "claim")} == {(claim.item, claim.says) for claim in CLAIMS}
    for row in rows:
        if len(row) == 4 and row[0] != "| item":
            assert row[2] == ", ".join(LOOPS)
    items = {claim.item for claim in CLAIMS} | set(WITHOUT)
    assert items == {str(n) for n in (*range(1, 36), *range(80, 85))}
