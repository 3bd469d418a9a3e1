"""A client of estuary-sdk, of whichever version the path holds, that does what its input says."""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
from dataclasses import asdict, is_dataclass
from typing import Any

from estuary_sdk import EstuaryClient, EstuaryConfig

EVENTS = ("connected", "disconnected", "bot_response", "interrupt", "error", "auth_error")
client: Any = None


def plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def tell(event: str, data: Any = None) -> None:
    print(json.dumps({"event": event, "data": plain(data)}), flush=True)


def listen(name: str) -> None:
    async def handler(*args: Any) -> None:
        tell(name, args[0] if args else None)

    client.on(name, handler)


async def do(what: str, how: dict[str, Any]) -> Any:
    global client
    if what == "new":
        client = EstuaryClient(EstuaryConfig(**how))
        for name in EVENTS:
            listen(name)
        return None
    result = getattr(client, what)(**how)
    return await result if inspect.isawaitable(result) else result


async def act(what: str, how: dict[str, Any]) -> None:
    try:
        tell(f"{what} done", await do(what, how))
    except Exception as error:
        code = getattr(error, "code", "")
        tell(f"{what} failed", f"{type(error).__name__} {getattr(code, 'value', code)}")


async def main() -> None:
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        how = json.loads(line)
        await act(how.pop("do"), how)


if __name__ == "__main__":
    asyncio.run(main())
