"""The virtual sound card, which is skipped with its reason where the system lacks it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from estuary_audio.devices import read_anew
from tests.audio import card

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[card.Card]:
    """A sound server of this process."""
    missing = card.missing()
    if missing:
        why = f"not installed: {', '.join(missing)} (apt-get install {' '.join(card.PACKAGES)})"
        if os.environ.get("ESTUARY_JUDGES") == "required":
            pytest.fail(why)
        pytest.skip(why)
    home = tmp_path_factory.mktemp("sound")
    with card.settings(home), card.running(home) as ours:
        yield ours


@pytest.fixture
def sound_card(servers: card.Card) -> card.Card:
    """A loudspeaker, a headset and a microphone, as new."""
    servers.reset()
    read_anew()
    return servers


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is measured on a card that shares its machine may be disturbed once; not three times."""
    for item in items:
        on_card = {"sound_card", "servers"} & set(getattr(item, "fixturenames", ()))
        if on_card and item.get_closest_marker("long") is None:
            item.add_marker(pytest.mark.flaky(reruns=2))
