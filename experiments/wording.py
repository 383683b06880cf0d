"""What the terminal and the pages put into words alike."""

from __future__ import annotations

HUGE = 1e15  # from here on figures are written with an exponent


def how_many(count: int, thing: str) -> str:
    """``1 pair``, ``3 pairs``, ``1,000 runs``."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def last_weeks(weeks: int) -> str:
    """What a summary covers: ``the last 52 weeks``."""
    return "the last week" if weeks == 1 else f"the last {weeks} weeks"
