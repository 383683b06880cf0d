"""Main effects and interactions: how an indicator moves with one factor, and with two, over the others' values.

Everything here describes the runs as they are. Shares of variance mean what they say only where the design is
balanced (a grid); of sampled designs they are read off bins, and the indices of `experiments.sensitivity.indices`
say it better.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

LEVELS = 12  # a listed factor with more values than this is cut into bins
BINS = 8
CELLS = 5  # bins to a side of a table of two factors
FEWEST = 4  # points that a bin, or a cell of two factors, is to hold on average


class Cuts(NamedTuple):
    """How numeric factors are cut into bins.

    Attributes
    ----------
    keep : int
        A factor with so many values or fewer keeps them.
    bins : int
        Number of bins of one factor by itself.
    side : int
        Number of bins of each of two factors together.
    """

    keep: int = LEVELS
    bins: int = BINS
    side: int = CELLS


def cuts_for(points: int, *, sampled: bool) -> Cuts:
    """How the factors of a design are cut: fewer points make fewer bins where values are drawn and seldom come twice.

    Parameters
    ----------
    points : int
        Points of the design that have runs.
    sampled : bool
        Whether values are drawn, from ranges for the most part; listed ones are kept as they are.
    """
    if not sampled:
        return Cuts()
    return Cuts(0, min(BINS, max(2, points // FEWEST)), min(CELLS, max(2, math.isqrt(points // FEWEST))))


def levels_of(values: pd.Series, bins: int = BINS, keep: int = LEVELS) -> pd.Series:
    """The level that each run's value of a factor belongs to.

    Parameters
    ----------
    values : Series
        A factor's value in every run.
    bins : int
        Number of bins of equally many values into which a numeric factor is cut.
    keep : int
        A factor with so many values or fewer keeps them, and so does one with no more values than bins.

    Returns
    -------
    Series
        The value itself, or the mean of its bin; of dtype object where the values are not numbers.
    """
    import pandas as pd

    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if not numeric or values.nunique() <= max(keep, bins):
        return values
    ranks = values.rank(method="dense")
    return values.groupby(np.ceil(ranks * bins / values.nunique())).transform("mean")


def level_means(runs: pd.DataFrame, level: pd.Series, indicator: str, *, common: bool) -> pd.DataFrame:
    """Mean of an indicator at every level of a factor, with its 95 % t interval over seeds.

    Parameters
    ----------
    runs : DataFrame
        Complete runs: ``replicate`` and the indicator.
    level : Series
        As `levels_of` makes it, aligned with ``runs``.
    indicator : str
        Column of ``runs``.
    common : bool
        Whether a replicate has one seed at all points. What a seed does to all levels alike is then taken out of the
        interval, since it moves no level against another.

    Returns
    -------
    DataFrame
        ``level n mean low high``, ascending; ``n`` counts runs. NaN limits where there are fewer than two seeds.
    """
    import pandas as pd

    from experiments.comparison.intervals import interval

    known = runs[indicator].notna()
    table = pd.DataFrame({"level": level[known], "seed": runs.loc[known, "replicate"], "y": runs.loc[known, indicator]})
    if table.empty:
        return pd.DataFrame(columns=["level", "n", "mean", "low", "high"])
    by_seed = table.pivot_table(index="seed", columns="level", values="y", aggfunc="mean", observed=True)
    moved = by_seed.sub(by_seed.mean(axis=1), axis=0) + by_seed.mean(axis=1).mean() if common else by_seed
    counts = table.groupby("level", observed=True).size()
    rows = []
    for name, values in moved.items():
        seeds = values.dropna().to_numpy(dtype=np.float64)
        low, high = interval(seeds, 0.95, "t")
        rows.append((name, int(counts[name]), float(by_seed[name].mean()), float(low), float(high)))
    return pd.DataFrame(rows, columns=["level", "n", "mean", "low", "high"])


def cell_means(runs: pd.DataFrame, first: str, second: str, indicator: str, cuts: Cuts | None = None) -> pd.DataFrame:
    """Mean of an indicator by two factors: rows are levels of the first, columns of the second; NaN where no run is."""
    cuts = cuts or Cuts()
    rows, columns = (levels_of(runs[name], cuts.side, cuts.keep) for name in (first, second))
    cells = runs[indicator].groupby([rows.rename("row"), columns.rename("column")], observed=True).mean()
    return cells.unstack("column")


def variance_shares(
    runs: pd.DataFrame, factors: Sequence[str], indicator: str, cuts: Cuts | None = None
) -> dict[tuple[str, ...], float]:
    """Share of the variance between points that each factor, and each pair beyond its two, accounts for.

    Returns
    -------
    dict
        ``(factor,)`` or ``(first, second)`` -> share (eta squared). Empty where all points are alike.
    """
    cuts = cuts or Cuts()
    means = runs.groupby("point")[[indicator]].mean().dropna()
    first = runs.groupby("point")[list(factors)].first().loc[means.index]
    y = means[indicator].to_numpy(dtype=np.float64)
    whole = float(y.var())
    if not whole > 0.0:
        return {}
    codes = {name: _codes(levels_of(first[name], cuts.bins, cuts.keep)) for name in factors}
    shares: dict[tuple[str, ...], float] = {(name,): _explained(y, codes[name]) / whole for name in factors}
    coarse = {name: _codes(levels_of(first[name], cuts.side, cuts.keep)) for name in factors}
    for a, b in combinations(factors, 2):
        joint = coarse[a] * (coarse[b].max() + 1) + coarse[b]
        beyond = _explained(y, joint) - _explained(y, coarse[a]) - _explained(y, coarse[b])
        shares[a, b] = max(0.0, beyond / whole)
    return shares


def _codes(levels: pd.Series) -> npt.NDArray[np.int64]:
    import pandas as pd

    return np.asarray(pd.factorize(levels.astype(str))[0], dtype=np.int64)


def _explained(y: npt.NDArray[np.float64], codes: npt.NDArray[np.int64]) -> float:
    """Variance of the group means, each counted as often as it has points."""
    count = np.bincount(codes)
    mean = np.bincount(codes, y) / np.maximum(1, count)
    return float((count * (mean - y.mean()) ** 2).sum() / y.size)
