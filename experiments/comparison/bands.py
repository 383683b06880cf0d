"""Paired differences week by week, with a band: what a plot of two arms shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.comparison.comparison import on_scale, scale_of
from experiments.comparison.intervals import LEVEL, Method, interval
from experiments.errors import ResultsError

if TYPE_CHECKING:
    import pandas as pd


def paired_band(
    weekly: pd.DataFrame, indicator: str, arm: Any, baseline: Any, *, by: str = "arm", level: float = LEVEL,
    method: Method = "guarded-t",
) -> pd.DataFrame:  # fmt: skip
    """Mean difference of an arm from the baseline in every week, with an interval, paired by seed.

    Parameters
    ----------
    weekly : DataFrame
        A row per run and week: ``seed``, ``week``, the indicator, and the column ``by``.
    indicator : str
        Column to compare.
    arm, baseline
        Two values of the column ``by``.
    by : str
        Column that tells the arms apart.
    level : float
        Confidence in every week by itself: a whole curve stays within its band less often.
    method : str
        Kind of interval.

    Returns
    -------
    DataFrame
        ``week n mean low high``, a row per week that both arms have. All limits are log points where
        ``attrs["scale"]`` is ``log ratio``, else in the unit; ``attrs["level"]`` is the level. ``n`` counts the
        pairs in which both are defined; NaN where there are too few.

    Raises
    ------
    ResultsError
        If an arm is not there, or the two share no seed and week.
    """
    import pandas as pd

    wide = {}
    for label in (baseline, arm):
        rows = weekly[weekly[by] == label]
        if rows.empty:
            raise ResultsError(f"there are no weeks of {label}")
        wide[label] = rows.pivot(index="week", columns="seed", values=indicator)
    weeks = wide[baseline].index.intersection(wide[arm].index)
    seeds = wide[baseline].columns.intersection(wide[arm].columns)
    if weeks.empty or seeds.empty:
        raise ResultsError(f"{arm} and {baseline} share no seed and week, so nothing can be paired")
    a, b = (wide[label].loc[weeks, seeds].to_numpy(dtype=np.float64) for label in (baseline, arm))
    scale = scale_of(indicator, [a.ravel(), b.ravel()])
    first, second = on_scale(a, b, scale)
    band = pd.DataFrame([_week(row, level, method) for row in second - first], columns=["n", "mean", "low", "high"])
    band.insert(0, "week", weeks.to_numpy())
    band.attrs.update(scale=scale, level=level, indicator=indicator)
    return band


def _week(differences: np.ndarray, level: float, method: Method) -> tuple[int, float, float, float]:
    known = differences[~np.isnan(differences)]
    low, high = interval(known, level, method)
    return known.size, float(known.mean()) if known.size else float("nan"), float(low), float(high)
