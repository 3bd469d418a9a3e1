"""A server of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .houses import House, socketio_server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def socketio_house() -> Iterator[House]:
    with socketio_server() as house:
        yield house
