"""Every public name of estuary_sdk, a line each: run with that package on the path."""

import dataclasses
import enum
import inspect
import re
from pathlib import Path
from typing import Any

import estuary_sdk
from estuary_sdk.rest.characters_client import CharactersClient
from estuary_sdk.rest.generate_client import GenerateClient
from estuary_sdk.rest.memory_client import MemoryClient
from estuary_sdk.rest.players_client import PlayersClient
from estuary_sdk.rest.shares_client import SharesClient

REST = {
    "memory": MemoryClient,
    "players": PlayersClient,
    "characters": CharactersClient,
    "generate": GenerateClient,
    "shares": SharesClient,
}
PACKAGE = Path(estuary_sdk.__file__).parent


def members(kind: type) -> list[str]:
    if issubclass(kind, enum.Enum):
        return list(kind.__members__)
    own = set(dir(kind)) - set(dir(Exception))
    found = {name for name in own if not name.startswith("_")}
    if dataclasses.is_dataclass(kind):
        found |= {field.name for field in dataclasses.fields(kind)}
    return sorted(found)


def main() -> None:
    for name in estuary_sdk.__all__:
        print(name)
        kind: Any = getattr(estuary_sdk, name)
        if inspect.isclass(kind):
            for member in members(kind):
                print(f"{name}.{member}")
    for name, kind in REST.items():
        for member in members(kind):
            print(f"client.{name}.{member}")
    # Events have no list: what the client is seen to emit.
    told = re.findall(r'self\.emit\(\s*"(\w+)"', (PACKAGE / "client.py").read_text())
    for event in sorted(set(told)):
        print(f'"{event}"')


if __name__ == "__main__":
    main()
