"""One target under atheris, in a process of its own: `python -m fuzz.engine NAME [libFuzzer …]`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import atheris

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

INSTRUMENTED = ["estuary_proto", "estuary_anyio.gateway.openai_brain", "h11", "wsproto"]
READERS = ("capture",)
"""Targets that look for ways through `estuary_proto.capture` alone. Those through the client behind
it, which whatever was read is fed to, are for the target `client` to find."""


def behind_readers() -> list[str]:
    """The modules that these are not steered by."""
    root = Path(__file__).parents[1]
    files = [file.relative_to(root) for file in (root / "estuary_proto").rglob("*.py")]
    return [".".join(file.with_suffix("").parts) for file in files if "capture" not in file.parts]


def main() -> None:
    name, *options = sys.argv[1:]
    from .targets import target

    def watched() -> AbstractContextManager[None]:
        unseen = behind_readers() if name in READERS else []
        hook: AbstractContextManager[None] = atheris.instrument_imports(
            INSTRUMENTED, unseen, enable_loader_override=False
        )
        return hook

    with watched():
        run = target(name)
    # What the core loads on first use would be loaded without an eye on it.
    with watched():
        from estuary_proto.testing.making import all_models

        all_models()
    atheris.Setup([name, *options], run)
    atheris.Fuzz()


main()
