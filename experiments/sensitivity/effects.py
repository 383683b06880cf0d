"""Main effects and interactions: how an indicator moves with one factor, and with two, over the others' values.

Everything here describes the runs as they are. Shares of variance mean what they say only where the design is
balanced (a grid); of sampled designs they are read off bins, and the indices of `experiments.sensitivity.indices`
say it better.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

LEVELS = 12  # a factor with more values than this is cut into bins
BINS = 8
CELLS = 5  # bins to a side of a table of two factors


def levels_of(values: pd.Series, bins: int = BINS) -> pd.Series:
    """The level that each run's value of a factor belongs to.

    Parameters
    ----------
    values : Series
        A factor's value in every run.
    bins : int
        Number of bins of equally many runs into which a numeric factor with more than 12 values is cut.

    Returns
    -------
    Series
        The value itself, or the mean of its bin; of dtype object where the values are not numbers.
    """
    import pandas as pd

    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if not numeric or values.nunique() <= LEVELS:
        return values
    ranks = values.rank(method="dense", pct=True)
    number = np.minimum((ranks * bins).apply(math.ceil), bins)
    return values.groupby(number).transform("mean")


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


def cell_means(runs: pd.DataFrame, first: str, second: str, indicator: str) -> pd.DataFrame:
    """Mean of an indicator by two factors: rows are levels of the first, columns of the second; NaN where no run is."""
    rows, columns = levels_of(runs[first], CELLS), levels_of(runs[second], CELLS)
    cells = runs[indicator].groupby([rows.rename("row"), columns.rename("column")], observed=True).mean()
    return cells.unstack("column")


def variance_shares(runs: pd.DataFrame, factors: Sequence[str], indicator: str) -> dict[tuple[str, ...], float]:
    """Share of the variance between points that each factor, and each pair beyond its two, accounts for.

    Returns
    -------
    dict
        ``(factor,)`` or ``(first, second)`` -> share (eta squared). Empty where all points are alike.
    """
    means = runs.groupby("point")[[indicator]].mean().dropna()
    first = runs.groupby("point")[list(factors)].first().loc[means.index]
    y = means[indicator].to_numpy(dtype=np.float64)
    whole = float(y.var())
    if not whole > 0.0:
        return {}
    codes = {name: _codes(levels_of(first[name], BINS)) for name in factors}
    shares: dict[tuple[str, ...], float] = {(name,): _explained(y, codes[name]) / whole for name in factors}
    coarse = {name: _codes(levels_of(first[name], CELLS)) for name in factors}
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
