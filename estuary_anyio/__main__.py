"""`python -m estuary_anyio`, and the script `estuary`: the command line, if its extra is there."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from .cli.exits import Exit, Stop, need, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line (`sys.argv` by default) and return its exit status."""
    try:
        need("cli", "click", "rich")
        from .cli.app import run

        return run(args)
    except Stop as stop:
        # Without rich there is no screen yet: plain text does.
        print(f"estuary: {one_line(stop.message)}", file=sys.stderr)
        return stop.status
    except KeyboardInterrupt:
        return Exit.INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
