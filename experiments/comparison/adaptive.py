"""When a comparison has enough runs: looking at an interval after every few pairs, and stopping when it is narrow.

Stopping at the first look that satisfies makes intervals slightly optimistic: it picks the moments at which the
spread happens to be estimated low (Anscombe 1953, J. R. Stat. Soc. B 15: 1-29; Law & Kelton 1982, Oper. Res. 30:
537-550). So two looks in succession must satisfy. What that does to coverage is measured in
tests/experiments/test_intervals.py and stated in docs/how-to/comparisons.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from experiments.comparison.comparison import compare_arms
from experiments.comparison.intervals import Method, interval, simultaneous_level

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

PILOT = 10  # pairs at the first look: fewer say too little about the spread
BATCH = 5  # pairs between two looks
AGREEING = 2  # looks in succession that must satisfy


def looks(most: int) -> Iterator[int]:
    """Numbers of pairs at which the interval is looked at, up to ``most``."""
    number = min(PILOT, most)
    yield number
    while number < most:
        number = min(number + BATCH, most)
        yield number


def half_width(differences: npt.ArrayLike, level: float, method: Method = "guarded-t") -> float:
    """Half the length of an interval; infinite where there is none yet."""
    low, high = interval(differences, level, method)
    return math.inf if math.isnan(float(low)) else float(high - low) / 2.0


class Looking:
    """Takes half-widths look by look and says when to stop.

    Parameters
    ----------
    wanted : float
        Half-width that is to be reached.
    """

    def __init__(self, wanted: float) -> None:
        self.wanted = wanted
        self.satisfied = 0

    def enough(self, reached: float) -> bool:
        """Whether this look and those just before it all have the wanted half-width."""
        self.satisfied = self.satisfied + 1 if reached <= self.wanted else 0
        return self.satisfied >= AGREEING


def widest(summary: pd.DataFrame, baseline: str, indicator: str, level: float, method: Method = "guarded-t") -> float:
    """Half-width of the widest of an indicator's intervals, one for each arm, which cover together with ``level``.

    Parameters
    ----------
    summary : DataFrame
        As `experiments.comparison.comparison.compare_arms` takes it.
    """
    arms = summary["arm"].nunique() - 1
    each = simultaneous_level(level, max(1, arms))
    table = compare_arms(summary, baseline=baseline, indicators=[indicator], level=each, method=method).table
    if len(table) < arms:
        return math.inf  # an arm has no run yet
    halves = (table["high"] - table["low"]) / 2.0
    return math.inf if halves.isna().any() else float(halves.max())
