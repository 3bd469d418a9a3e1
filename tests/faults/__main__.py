"""`python -m tests.faults table | prove | soak --minutes N --sessions N [--backend NAME]`."""

from __future__ import annotations

import argparse
from typing import Any


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parts = parser.add_subparsers(dest="part", required=True)
    parts.add_parser("table", help="write TABLE.md")
    prove = parts.add_parser("prove", help="every row turns red under its mutant")
    prove.add_argument("rows", nargs="*", help="of the table; all by default")
    soak = parts.add_parser("soak", help="many sessions, faults every few seconds")
    soak.add_argument("--minutes", type=float, default=60.0)
    soak.add_argument("--sessions", type=int, default=100)
    soak.add_argument("--backend", default="asyncio", choices=("asyncio", "uvloop", "trio"))
    soak.add_argument("--picture", default="soak.svg")
    soak.add_argument("--report", default="", help="a file for the figures")
    options: Any = parser.parse_args(argv)
    if options.part == "soak":
        from . import soak as soaking

        return soaking.main(
            options.minutes, options.sessions, options.backend, options.picture, options.report
        )
    from . import table

    if options.part == "table":
        table.FILE.write_text(table.text(), encoding="utf-8")
        return 0
    from . import mutants

    return mutants.prove(options.rows)


if __name__ == "__main__":
    raise SystemExit(main())
