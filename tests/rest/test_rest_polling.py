"""Waiting for a 3D model, without a clock (PROTOCOL 7.5)."""

from __future__ import annotations

import pytest

from estuary_proto.errors import EstuaryError, LocalProtocolError
from estuary_proto.models import ModelStatus
from estuary_proto.rest import NotFound, RateLimited, RestError
from estuary_proto.rest.polling import ModelWatch


def test_it_looks_less_and_less_often() -> None:
    watch = ModelWatch(2.0)
    delays = []
    for _ in range(6):
        delays.append(watch.delay)
        watch.saw(ModelStatus("generating"))
    assert delays == [2.0, 3.0, 4.5, 6.75, 10.0, 10.0]
    slow = ModelWatch(60.0)
    slow.saw(ModelStatus("generating"))
    assert slow.delay == 60.0


def test_only_what_changes_is_news() -> None:
    watch = ModelWatch()
    told = [
        watch.saw(ModelStatus(status, progress=progress))
        for status, progress in [
            ("generating", 0), ("generating", 0), ("generating", 5), ("preview_ready", 5),
            ("preview_ready", 5), ("completed", 100),
        ]
    ]  # fmt: skip
    assert told == [True, False, True, True, False, True]
    assert watch.is_over


@pytest.mark.parametrize(
    ("status", "over", "usable"),
    [
        (ModelStatus(None), False, False),
        (ModelStatus("generating"), False, False),
        (ModelStatus("new_state", model_url="u"), False, False),
        (ModelStatus("completed"), True, True),
        (ModelStatus("failed", model_url="u"), True, False),
        (ModelStatus("texture_failed", model_preview_url="u"), True, True),
        (ModelStatus("texture_failed", model_url="u"), True, True),
        (ModelStatus("texture_failed"), True, False),
        (ModelStatus("rig_failed", model_url="u"), True, True),
        (ModelStatus("rig_failed", model_preview_url="u"), True, False),
        (ModelStatus("animation_failed"), True, False),
    ],
)
def test_endings(status: ModelStatus, over: bool, usable: bool) -> None:
    assert (status.is_over, status.is_usable) == (over, usable)
    assert status.has_failed is (over and not usable)


def test_one_failed_poll_is_survived_and_three_are_not() -> None:
    watch = ModelWatch()
    for error in (RestError("x"), RateLimited("x", status=429)):
        watch.missed(error)
    watch.saw(ModelStatus("generating"))
    for _ in range(2):
        watch.missed(RestError("x", status=503))
    with pytest.raises(RestError, match="the last"):
        watch.missed(RestError("the last", status=503))
    assert not watch.is_over


def test_what_will_not_pass_ends_it_at_once() -> None:
    with pytest.raises(NotFound):
        ModelWatch().missed(NotFound("x", status=404))


def test_a_model_that_nobody_has_begun() -> None:
    watch = ModelWatch()
    assert watch.saw(ModelStatus())
    assert watch.saw(ModelStatus("generating"))
    watch.saw(ModelStatus())
    with pytest.raises(EstuaryError, match="generate_model"):
        watch.saw(ModelStatus())


@pytest.mark.parametrize("interval", [0, -1, None, "2"])
def test_no_intervals(interval: float) -> None:
    with pytest.raises(LocalProtocolError, match="poll_interval"):
        ModelWatch(interval)
