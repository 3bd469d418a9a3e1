"""Memories in the order of time, by day, week or month (PROTOCOL 7.2)."""

from __future__ import annotations

from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING

from ...models.memory import MemoryTimeline, TimelineEntry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...models.memory import MemoryData


def period(moment: str, group_by: str) -> str:
    """What the period of an ISO time in UTC is called: 2026-01-02, 2026-W01 (ISO 8601) or
    2026-01."""
    if group_by == "month":
        return moment[:7]
    if group_by == "week":
        year, week, _ = date.fromisoformat(moment[:10]).isocalendar()
        return f"{year}-W{week:02}"
    return moment[:10]


def timeline(memories: Sequence[MemoryData], group_by: str) -> MemoryTimeline:
    """The periods of `memories`, which come in the order of time."""
    periods = groupby(memories, lambda memory: period(memory.created_at or "", group_by))
    entries = [TimelineEntry(label, list(some)) for label, some in periods]
    return MemoryTimeline(entries, len(memories), group_by)
