"""What the script says when a package is missing, and what it does not import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from estuary_proto.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    Ended = Callable[..., tuple[int, str, str]]

WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1].split(","):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from estuary_anyio.__main__ import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize(
    ("missing", "args", "says"),
    [
        ("click,rich", ("--help",), "click and rich not found; install with: {}[cli]'"),
        ("rich", ("--version",), "rich not found; install with: {}[cli]'"),
        ("hypercorn", ("gateway",), "hypercorn not found; install with: {}[gateway]'"),
        ("hypercorn", ("demo",), "hypercorn not found; install with: {}[gateway]'"),
        ("hypercorn", ("chat", "--once", "Hi"), "hypercorn not found; install with: {}[gateway]'"),
        (
            "httpx",
            ("gateway", "--brain", "openai"),
            "httpx not found; install with: {}[gateway]'",
        ),
        ("trio", ("chat", "--backend", "trio"), "trio not found; install with: {}[trio]'"),
        ("trio", ("demo", "--backend", "trio"), "trio not found; install with: {}[trio]'"),
        (
            "trio",
            ("gateway", "--port", "0", "--backend", "trio"),
            "trio not found; install with: {}[trio]'",
        ),
    ],
)
def test_missing(ended: Ended, missing: str, args: tuple[str, ...], says: str) -> None:
    status, out, err = ended(missing, *args, program=("-c", WITHOUT))
    wanted = says.format("pip install 'estuary-anyio")
    assert (status, out, err) == (2, "", f"estuary: {wanted}\n")


def test_a_chat_with_a_server_needs_no_gateway(
    ended: Ended, gateway: Callable[..., tuple[Any, str]]
) -> None:
    _, url = gateway()
    args = ("chat", "--url", url, "--once", "Hello")
    status, out, err = ended("hypercorn,httpx,trio", *args, program=("-c", WITHOUT))
    assert (status, err) == (0, "")
    assert out.startswith("Hello!")


def test_help_imports_next_to_nothing(ended: Ended) -> None:
    code = (
        "import sys; from estuary_anyio.__main__ import main; status = main(sys.argv[1:]); "
        "heavy = {'anyio', 'asyncio', 'rich', 'trio', 'hypercorn', 'httpx', 'wsproto'}; "
        "sys.exit(status or str(heavy & set(sys.modules)))"
    )
    for args in (("--help",), ("chat", "--help"), ("gateway", "--help"), ("demo", "-h")):
        _, out, err = ended(*args, program=("-c", code))
        assert err == "set()\n"
        assert "130  ended by Ctrl-C" in out


def test_version_and_nothing(ended: Ended) -> None:
    assert ended("--version") == (0, f"estuary {__version__}\n", "")
    status, _, err = ended()
    assert status == 2
    assert "Usage: estuary" in err
