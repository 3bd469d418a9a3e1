"""`estuary characters` and `generate`: who there is to talk to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import pytest

from estuary_anyio.cli.commands.characters import FIELDS
from estuary_anyio.gateway import serve_gateway
from estuary_proto.gateway import ServerConfig
from estuary_proto.rest.characters import CharacterFields
from tests.rest.flaky import Flaky, says, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from pathlib import Path

    from anyio.from_thread import BlockingPortal

    from tests.cli.terminal import Terminal

    Ended = Callable[..., tuple[int, str, str]]

PIXEL = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0\x90wS\xde\0\0\0\x0cIDATx\x9cc"
    b"\xf8\xff\xff?\0\5\xfe\2\xfe\xa75\x81\x84\0\0\0\0IEND\xaeB`\x82"
)


@pytest.fixture
def picture(tmp_path: Path) -> str:
    path = tmp_path / "picture.png"
    path.write_bytes(PIXEL)
    return str(path)


def beside(
    portal: BlockingPortal, server: AbstractAsyncContextManager[Any]
) -> AbstractContextManager[Any]:
    return portal.wrap_async_context_manager(server)


def test_every_field_is_an_option() -> None:
    hints = get_type_hints(CharacterFields)
    assert set(FIELDS) == set(hints)
    for name, (kind, _) in FIELDS.items():
        assert (kind is bool) == (bool in get_args(hints[name]))


def test_a_character_lives(inside: Ended, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESTUARY_DATA", str(tmp_path / "house"))
    actions = tmp_path / "actions.json"
    actions.write_text('[{"name": "wave", "description": "Waves"}]')
    fields = ("--tagline", "Tea?", "--llm-temperature", "1.5", "--text-only")
    status, out, err = inside("characters", "create", "Ada", *fields, "--actions", str(actions))
    assert (status, err) == (0, "")
    told = dict(line.split("  ", 1) for line in out.splitlines())
    told = {name: value.strip() for name, value in told.items()}
    assert told["name"] == "Ada"
    assert (told["llm temperature"], told["text only"], told["actions"]) == ("1.5", "yes", "wave")
    key = told["id"]
    whole = json.loads(inside("characters", "show", key, "--json")[1])
    assert (whole["id"], whole["tagline"], whole["actions"][0]["name"]) == (key, "Tea?", "wave")
    listed = inside("characters")[1].splitlines()
    assert [line.split()[1] for line in listed] == ["name", "Wren", "Tern", "Ada"]
    # The conversation is with this one.
    assert "Ada" in inside("chat", "--character", key, "--once", "Who are you?")[1]
    changed = json.loads(inside("characters", "update", key, "--name", "Bea", "--json")[1])
    assert (changed["name"], changed["tagline"]) == ("Bea", "Tea?")
    assert json.loads(inside("characters", "show", "--character", key, "--json")[1]) == changed
    status, out, err = inside("characters", "delete", key)
    assert (status, out) == (2, "")
    assert "say --yes" in err
    assert inside("characters", "delete", key, "--yes") == (0, f"deleted: {key}\n", "")
    status, out, err = inside("characters", "show", key)
    assert (status, out, err) == (1, "", "estuary: the server answers 404: Character not found\n")


@pytest.mark.parametrize(
    ("args", "says_what"),
    [
        (("characters", "update", "demo"), "nothing is to be changed"),
        (("characters", "create", ""), "name: it is empty"),
        (("characters", "create", "A", "--llm-temperature", "3"), "'--llm-temperature'"),
        (("characters", "create", "A", "--actions", "none.json"), "No such file"),
        (("characters", "create", "A", "--actions", "README.md"), "it is no JSON"),
        (("characters", "create", "A", "--actions", "7.json"), "it is no list"),
        (("characters", "create", "A", "--actions", "lists.json"), "actions"),
        (("generate", "none.png"), "'none.png' does not exist"),
        (("generate", "README.md", "--no-model", "--rigged"), "not for --no-model"),
    ],
)
def test_mistakes(inside: Ended, tmp_path: Path, args: tuple[str, ...], says_what: str) -> None:
    (tmp_path / "7.json").write_text("7")
    (tmp_path / "lists.json").write_text("[7]")
    here = [str(tmp_path / arg) if arg[:1] in ("7", "l") else arg for arg in args]
    status, out, err = inside(*here)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert says_what in err


def test_a_picture_becomes_a_model(
    inside: Ended,
    terminal: Callable[..., Terminal],
    portal: BlockingPortal,
    picture: str,
    tmp_path: Path,
    backend: str,
) -> None:
    quick = serve_gateway(server=ServerConfig(model_seconds=1.0))
    with beside(portal, quick) as gateway:
        where = ("--url", gateway.url, "--backend", backend)
        glb = tmp_path / "model.glb"
        one = terminal("generate", picture, "--rigged", "--output", str(glb), *where)
        one.until("reading the picture")
        one.until("personality")
        for state in ("generating", "completed"):
            one.until(state)
        one.until("kept")
        assert one.end() == 0
        assert glb.read_bytes()[:4] == b"glTF"
        status, out, err = inside("generate", picture, "--no-model", "--json", *where)
        assert (status, err) == (0, "")
        made = json.loads(out)
        assert made["model"] is None
        shown = json.loads(
            inside("characters", "show", made["character"]["id"], "--json", *where)[1]
        )
        assert shown["name"] == made["character"]["name"]
        nowhere = str(tmp_path / "none" / "model.glb")
        status, out, err = inside("generate", picture, "--output", nowhere, *where)
        assert (status, err.count("\n")) == (1, 1)
        assert f"--output {nowhere}: No such file or directory" in err


def test_a_model_that_fails(inside: Ended, portal: BlockingPortal, picture: str) -> None:
    bad = serve_gateway(server=ServerConfig(model_seconds=0.1, model_ending="failed"))
    with beside(portal, bad) as gateway:
        status, out, err = inside("generate", picture, "--json", "--url", gateway.url)
        made = json.loads(out)
        assert (status, made["model"]["model_status"]) == (1, "failed")
        assert err == f"estuary: the 3D model of {made['character']['id']} ended as failed\n"
    slow = serve_gateway(server=ServerConfig(model_seconds=60))
    with beside(portal, slow) as gateway:
        where = ("--url", gateway.url, "--timeout", "0.2")
        status, out, err = inside("generate", picture, *where)
        assert status == 1
        key = out.split()[1]
        assert err == (
            f"estuary: {key} is there, but not its 3D model: the 3D model was not complete "
            "within 0.2 s (--timeout waits longer)\n"
        )
        status, out, err = inside("generate", __file__, *where)
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert "it is no PNG, JPEG, WebP or GIF" in err


def test_an_upload_that_failed_is_resumed(
    inside: Ended, portal: BlockingPortal, picture: str
) -> None:
    server = Flaky(says(503, {}, ("Retry-After", "0")))
    where = ("--character", "c1", "--no-model")
    with beside(portal, serving(server)):
        status, out, err = inside("generate", picture, "--url", server.url, *where)
        assert (status, out, err.count("\n")) == (1, "", 1)
        (key,) = {got.headers["idempotency-key"] for got in server.requests}
        assert err.endswith(f"(--idempotency-key {key} resumes it)\n")
        server.acts[:] = [says(201, {"id": "c2", "name": "Ada"})]
        again = inside("generate", picture, "--url", server.url, *where, "--idempotency-key", key)
        assert again[0] == 0
        assert server.requests[-1].headers["idempotency-key"] == key
