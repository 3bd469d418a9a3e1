"""`estuary memories` and `players`: what is known, shown, searched, and forgotten when sure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from estuary_anyio.gateway import serve_gateway
from estuary_proto.gateway import ServerConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from anyio.from_thread import BlockingPortal

    from tests.cli.terminal import Terminal

    Ended = Callable[..., tuple[int, str, str]]

TEA, RAIN, NAME = "Your favourite tea is mint.", "You like rain.", "Your name is Ada."
TOLD = "My favourite tea is mint. I like rain. My name is Ada."
ASKED = "What is my favourite tea?"


@pytest.fixture
def house(tmp_path: Path, environment: dict[str, str]) -> Path:
    """Where it is kept, for every command of a test in a process of its own."""
    environment["ESTUARY_DATA"] = str(tmp_path / "house")
    return tmp_path / "house"


@pytest.fixture
def url(portal: BlockingPortal, inside: Ended, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A gateway, for every command of a test in this process."""
    quick = serve_gateway(server=ServerConfig(word_interval=0))
    with portal.wrap_async_context_manager(quick) as gateway:
        monkeypatch.setenv("ESTUARY_SERVER_URL", gateway.url)
        yield gateway.url


@pytest.fixture
def known(inside: Ended, url: str) -> None:
    """The player `me` has told the character three things."""
    assert inside("chat", "--once", TOLD)[0] == 0


def as_json(got: tuple[int, str, str]) -> Any:
    assert (got[0], got[2]) == (0, "")
    return json.loads(got[1])


def columns(got: tuple[int, str, str]) -> list[list[str]]:
    """The cells of a table: two blanks or more part them."""
    assert (got[0], got[2]) == (0, "")
    return [[cell for cell in line.split("  ") if cell.strip()] for line in got[1].splitlines()]


@pytest.mark.usefixtures("known")
def test_the_list_and_its_ids(inside: Ended) -> None:
    rows = columns(inside("memories"))
    assert [cell.strip() for cell in rows[0]] == ["id", "since", "type", "memory"]
    assert [row[-1].strip() for row in rows[1:]] == [NAME, RAIN, TEA]
    ids = [row[0].strip() for row in rows[1:]]
    assert len(set(ids)) == 3
    whole = as_json(inside("memories", "--json"))
    assert [memory["content"] for memory in whole] == [NAME, RAIN, TEA]
    assert [memory["id"][: len(ids[0])] for memory in whole] == ids
    # Those that are named are forgotten, and no other; a wrong name forgets nothing.
    status, out, err = inside("memories", "forget", ids[0], "none", "--yes")
    assert (status, out) == (1, "")
    assert err == ("estuary: no memory has an id that begins with 'none'; nothing was forgotten\n")
    assert inside("memories", "forget", "", "--yes")[0] == 1
    assert "several memories have ids" in inside("memories", "forget", "0-", "--yes")[2]
    assert inside("memories", "forget", ids[0], "--yes") == (0, "forgotten: 1\n", "")
    assert [row[-1].strip() for row in columns(inside("memories", "list"))[1:]] == [RAIN, TEA]
    gone = as_json(inside("memories", "--status", "deleted", "--json"))
    assert [memory["content"] for memory in gone] == [NAME]
    assert inside("chat", "--once", "My favourite tea is oolong.")[0] == 0
    everything = inside("memories", "--status", "all")[1].splitlines()
    assert everything[0].split()[-2:] == ["status", "memory"]
    states = [line.split()[4] for line in everything[1:] if "pref" in line]
    assert states == ["active", "active", "superseded"]


@pytest.mark.usefixtures("known")
def test_what_else_is_shown(inside: Ended, backend: str) -> None:
    how = ("--backend", backend)
    found = columns(inside("memories", "search", "which TEA?", *how))
    assert [row[-1].strip() for row in found] == ["memory", TEA]
    (result,) = as_json(inside("memories", "search", "tea", "--json", *how))
    assert (result["memory"]["content"], result["score"]) == (TEA, 1.0)
    assert inside("memories", "search", "bagpipes", *how)[1] == "nothing is remembered of that\n"
    week, *rest = inside("memories", "timeline", "--by", "week", *how)[1].splitlines()
    assert "-W" in week
    assert [line.strip() for line in rest] == [TEA, RAIN, NAME]
    assert as_json(inside("memories", "timeline", "--json", *how))["total_memories"] == 3
    later = inside("memories", "timeline", "--from", "9000-01-01", *how)
    assert later == (0, "nothing is remembered\n", "")
    figures = [line.split() for line in inside("memories", "stats", *how)[1].splitlines()]
    assert figures == [
        ["active", "3"], ["fact", "1"], ["preference", "2"], ["superseded", "0"],
        ["decayed", "0"], ["core", "facts", "2"],
    ]  # fmt: skip
    assert as_json(inside("memories", "stats", "--json", *how))["by_type"]["fact"] == 1
    facts = columns(inside("memories", "facts", *how))
    assert [[c.strip() for c in row] for row in facts[1:]] == [
        ["favourite_tea", "mint"], ["name", "Ada"]
    ]  # fmt: skip
    assert len(as_json(inside("memories", "facts", "--json", *how))) == 2
    status, out, err = inside("memories", "--limit", "1", *how)
    assert (status, err) == (0, "there are more: --all shows them, --limit so many\n")
    assert out.count("\n") == 2
    assert inside("memories", "--limit", "1", "--all", *how)[1].count("\n") == 4


@pytest.mark.usefixtures("known")
def test_players_and_what_they_said(inside: Ended, backend: str) -> None:
    how = ("--backend", backend)
    assert inside("chat", "--player", "bob", "--once", "Hello")[0] == 0
    rows = columns(inside("players", *how))
    assert [row[0].strip() for row in rows] == ["player", "bob", "me"]
    (me,) = as_json(inside("players", "list", "--search", "m", "--json", *how))
    assert (me["player_id"], me["message_count"]) == ("me", 2)
    said = columns(inside("players", "messages", *how))
    assert [row[1].strip() for row in said if len(row) == 3] == ["who", "me", "demo"]
    assert said[1][-1].strip() == TOLD
    last = as_json(inside("players", "messages", "bob", "--limit", "1", "--json", *how))
    assert [message["role"] for message in last] == ["assistant"]
    _, out, err = inside("players", "messages", "bob", "--limit", "1", *how)
    assert "Hello" not in out.splitlines()[1].split()
    assert err.startswith("there are more")
    assert inside("players", "delete", "bob", "--yes", *how) == (0, "deleted: bob\n", "")
    assert [row[0].strip() for row in columns(inside("players", *how))] == ["player", "me"]
    status, out, err = inside("players", "delete", "bob", "--yes", *how)
    assert (status, out, err) == (1, "", "estuary: the server answers 404: Player not found\n")


@pytest.mark.usefixtures("url")
def test_where_nothing_is(inside: Ended) -> None:
    assert inside("memories") == (0, "nothing is remembered\n", "")
    assert inside("memories", "facts") == (0, "no facts are known\n", "")
    assert inside("players") == (0, "nobody has talked yet\n", "")
    assert as_json(inside("memories", "--json")) == []
    missing = (1, "", "estuary: the server answers 404: Character not found\n")
    assert inside("memories", "--character", "nobody") == missing


def test_who_looks_for_a_character_makes_none(
    inside: Ended, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ESTUARY_DATA", str(tmp_path))
    missing = (1, "", "estuary: the server answers 404: Character not found\n")
    assert inside("memories", "--character", "nobody") == missing
    assert len(as_json(inside("characters", "--json"))) == 2


@pytest.mark.usefixtures("known")
def test_forgetting_asks_first(inside: Ended, terminal: Callable[..., Terminal], url: str) -> None:
    status, out, err = inside("memories", "forget")
    assert (status, out) == (2, "")
    assert err.startswith("estuary: it cannot be undone, and nobody can be asked: say --yes")
    one = terminal("memories", "forget", ESTUARY_SERVER_URL=url)
    one.until("Forget everything that demo has of me? [y/N]: ")
    one.keys("n\n")
    assert (one.end(), one.text.endswith("estuary: nothing was done\n")) == (1, True)
    one = terminal("memories", "forget", ESTUARY_SERVER_URL=url)
    one.until("[y/N]: ")
    one.keys("\x03\n")  # Python may still be on its way to wait for a line.
    assert one.end() == 130
    assert len(as_json(inside("memories", "--json"))) == 3
    one = terminal("memories", "forget", ESTUARY_SERVER_URL=url)
    one.until("[y/N]: ")
    one.keys("y\n")
    one.until("forgotten: 3")
    assert one.end() == 0
    assert inside("memories")[1] == "nothing is remembered\n"
    assert "mint" not in inside("chat", "--once", ASKED)[1]


def test_todays_tea_tomorrow_at_another_gateway(
    gateway: Callable[..., tuple[Any, str]], inside: Ended, house: Path
) -> None:
    for asked in (False, True):
        process, url = gateway("--data", str(house))
        if asked:
            found = columns(inside("memories", "search", "tea", "--url", url))
            assert found[1][-1].strip() == TEA
            assert inside("chat", "--url", url, "--once", ASKED)[1] == f"{TEA}\n"
        else:
            assert inside("chat", "--url", url, "--once", "My favourite tea is mint.")[0] == 0
        process.terminate()
        assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("memories", "search", ""), "query: it is empty"),
        (("memories", "timeline", "--from", "soon"), "422: query.startDate: it is no ISO date"),
        (("memories", "--limit", "0"), "'--limit'"),
        (("memories", "nonsense"), "No such command 'nonsense'"),
        (("players", "delete", "--yes"), "Missing argument 'PLAYER'"),
    ],
)
@pytest.mark.usefixtures("url")
def test_mistakes_are_a_line(inside: Ended, args: tuple[str, ...], says: str) -> None:
    status, out, err = inside(*args)
    assert (status, out, err.count("\n")) == (1 if "422" in says else 2, "", 1)
    assert err.startswith("estuary: ")
    assert says in err


def test_a_wrong_key_and_nobody(gateway: Callable[..., tuple[Any, str]], inside: Ended) -> None:
    process, url = gateway()
    status, out, err = inside("memories", "--url", url, "--api-key", "est_wrong_key")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("estuary: the server answers 401: ")
    assert err.endswith("(check the key)\n")
    assert "est_wrong_key" not in err
    process.kill()
    process.wait()
    status, out, err = inside("memories", "forget", "--url", url, "--yes")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert f"nobody listens at {url[7:]}" in err
