"""Times and moments as people read them."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """A moment of the session: 1:02.5, or 1:00:02.5."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    second = f"{rest // 10:02d}.{rest % 10}"
    return f"{hours}:{minutes:02d}:{second}" if hours else f"{minutes}:{second}"


def span(seconds: float) -> str:
    """How long something took: 4.2 ms, 295 ms, 1.43 s, 2 min 5 s."""
    if seconds < 0.00005:
        return "0 ms"
    if seconds < 0.00995:
        return f"{1000 * seconds:.1f} ms"
    if seconds < 0.9995:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def day(started: str | None) -> str:
    """An ISO time to the minute; what is none as it is."""
    if not started:
        return ""
    date, _, rest = started.partition("T")
    return f"{date} {rest[:5]}" if rest else started
