"""Voice, lines, playback and credentials in whatever order: nothing that comes raises, whatever
waits settles, and all of it replays to the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from estuary_proto.testing import strategies
from estuary_proto.testing.operations import CLIENT, Operation
from estuary_proto.testing.runs import CONFIG, ClientRun

YES = st.booleans()


async def provider() -> Any:
    """Only its being there counts."""


@settings(max_examples=100, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "auto_interrupt": YES,
            "suppress_mic_during_playback": YES,
            "token_provider": st.sampled_from([None, provider]),
            "audio_backlog": st.sampled_from([0.2, 1.0]),
        }
    ),
    YES,
    strategies.operations(CLIENT, max_size=40),
)
def test_whatever_happens_settles_and_replays(
    options: dict[str, Any], faithful: bool, wanted: list[Operation]
) -> None:
    run = ClientRun(replace(CONFIG, **options), faithful=faithful)
    for operation in wanted:
        run.do(operation)
    run.finish()
