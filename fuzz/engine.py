"""One target under atheris, in a process of its own: `python -m fuzz.engine NAME [libFuzzer …]`."""

from __future__ import annotations

import sys

import atheris

INSTRUMENTED = ["estuary_proto", "estuary_anyio.gateway.openai_brain", "h11", "wsproto"]


def main() -> None:
    name, *options = sys.argv[1:]
    from .targets import target

    with atheris.instrument_imports(include=INSTRUMENTED, enable_loader_override=False):
        run = target(name)
    # What the core loads on first use would be loaded without an eye on it.
    with atheris.instrument_imports(include=INSTRUMENTED, enable_loader_override=False):
        from estuary_proto.testing.making import all_models

        all_models()
    atheris.Setup([name, *options], run)
    atheris.Fuzz()


main()
