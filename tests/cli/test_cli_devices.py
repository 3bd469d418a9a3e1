"""`estuary devices` where there is no sound card, or nothing to use one with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.test_cli_packages import WITHOUT

if TYPE_CHECKING:
    from collections.abc import Callable

    Ended = Callable[..., tuple[int, str, str]]

NO_PORTAUDIO = """
import ctypes.util, sys
ctypes.util.find_library = lambda name: None
from estuary_anyio.__main__ import main
sys.exit(main(sys.argv[1:]))
"""

COMMANDS = [("devices",), ("devices", "--json"), ("devices", "--test"), ("talk",)]


@pytest.mark.parametrize("package", ["sounddevice", "numpy", "soxr"])
@pytest.mark.parametrize("command", COMMANDS)
def test_without_the_extra(ended: Ended, package: str, command: tuple[str, ...]) -> None:
    wanted = f"estuary: {package} not found; install with: pip install 'estuary-anyio[audio]'\n"
    assert ended(package, *command, program=("-c", WITHOUT)) == (2, "", wanted)


@pytest.mark.parametrize("command", COMMANDS)
def test_without_portaudio(ended: Ended, command: tuple[str, ...], backend: str) -> None:
    pytest.importorskip("numpy")
    args = (*command, "--backend", backend)
    status, out, err = ended(*args, program=("-c", NO_PORTAUDIO))
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("estuary: the system's PortAudio cannot be used (")
    assert "apt-get install libportaudio2" in err


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--input-device", "0"), "need --test"),
        (("--output-device", "speaker"), "need --test"),
        (("--backend", "gevent"), "'--backend'"),
        (("more",), "unexpected extra argument"),
    ],
)
def test_wrong_usage(ended: Ended, args: tuple[str, ...], says: str) -> None:
    status, out, err = ended("devices", *args)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert says in err
