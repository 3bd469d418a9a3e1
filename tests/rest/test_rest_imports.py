"""What is loaded when, and what is said where httpx is missing."""

from __future__ import annotations

import subprocess
import sys


def fresh(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


LOADED = (
    "print(sorted(n for n in sys.modules if n.startswith(('httpx', 'httpcore')) or '.rest' in n))"
)
MAKE = (
    "import sys, anyio; from estuary_anyio import EstuaryClient, EstuaryConfig; "
    "c = EstuaryClient(EstuaryConfig('http://127.0.0.1:9', 'est_x', 'c', 'p')); "
)


def test_importing_the_door_brings_none_of_it() -> None:
    assert fresh(f"import sys, estuary_anyio; {LOADED}") == "[]"


def test_a_client_that_makes_no_calls_brings_little() -> None:
    assert fresh(MAKE + LOADED) == "['estuary_anyio.parts.rest']"


def test_a_namespace_brings_no_httpx() -> None:
    assert "httpx" not in fresh(MAKE + "c.memory; c.players; c.turn('x', stream=True); " + LOADED)


def test_what_to_install() -> None:
    code = (
        "import sys; sys.modules['httpx'] = None\n" + MAKE + "\n"
        "async def main():\n"
        "    try: await c.memory.get_stats()\n"
        "    except Exception as error: print(type(error).__name__, error)\n"
        "    await c.disconnect()\n"
        "anyio.run(main)"
    )
    said = fresh(code)
    assert said.startswith("EstuaryError [REST_ERROR] REST calls need httpx; install with: pip")
