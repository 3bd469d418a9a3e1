"""Run one body on estuary-sdk, in a process of its own: what it leaves behind is nobody's trouble.

`python -m tests.defects.alone NAME` prints how it failed as "Type: message", or that it held.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
import warnings
from typing import Any

import anyio

# They declare the claims.
from . import (  # noqa: F401
    calling,
    connecting,
    control,
    keeping,
    listening,
    rooming,
    sounding,
    speaking,
    talking,
)
from .claims import CLAIMS, CONTROLS, SOUND_CONTROLS, SOUNDS, Subject

HELD = "it held"


async def run(body: Any, library: Any) -> str:
    # What falls in tasks of its own is not what this is about.
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    try:
        with anyio.fail_after(20):
            await body(Subject(library))
    except Exception as error:
        failed: BaseException = error
        while isinstance(failed, BaseExceptionGroup):
            failed = failed.exceptions[0]
        return f"{type(failed).__name__}: {failed}".splitlines()[0]
    return HELD


def main(name: str) -> None:
    warnings.simplefilter("ignore")
    library = importlib.import_module("estuary_sdk")
    version = library.__version__
    assert version == "0.8.0", version
    known = (*CLAIMS, *CONTROLS, *SOUNDS, *SOUND_CONTROLS)
    (body,) = [one.body for one in known if one.name == name]
    print(asyncio.run(run(body, library)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
