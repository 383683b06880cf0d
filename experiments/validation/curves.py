"""Curves of a run that are drawn beside real ones: functions of a `Record`, each a series by its x.

They are measured where the run is, since orders are large and curves small.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from experiments.validation import statistics as st
from experiments.validation.measures import FIRST_YEAR, FOLLOWED, TWO_YEARS, Record

Curve = pd.Series  # float64, by x

LORENZ_STEP = 0.05
LOG_REVENUE = np.arange(-6.0, 6.01, 0.5)  # edges of the histogram, ln of revenue over its median
DAYS = np.array([0.0, 3.0, 6.0, 9.0, 12.0, 15.0, 20.0, 30.0, math.inf])
AGES = np.arange(0, FOLLOWED + 1, 3)


def share_by_year(record: Record) -> Curve:
    """Third parties' share of GMV by calendar year."""
    return _by_year(record.share)


def margin_by_year(record: Record) -> Curve:
    """The platform's margin over its revenue by calendar year."""
    return _by_year(record.margin)


def fulfilment_by_year(record: Record) -> Curve:
    """Fulfilment cost over the platform's revenue by calendar year."""
    return _by_year(record.fulfilment)


def lorenz(record: Record) -> Curve:
    """Share of revenue that the smallest sellers hold, by their share of sellers."""
    shares = np.round(np.arange(0.0, 1.0 + LORENZ_STEP / 2.0, LORENZ_STEP), 2)
    return pd.Series(st.lorenz(record.revenues, shares), shares)


def log_revenue(record: Record) -> Curve:
    """Density of ln(revenue over its median) over sellers, by the lower edge of the bin."""
    logs = _logs(record)
    inside = np.clip(logs, LOG_REVENUE[0], LOG_REVENUE[-1] - 1e-9)  # what lies beyond is in the outermost bins
    count, _ = np.histogram(inside, LOG_REVENUE)
    width = LOG_REVENUE[1] - LOG_REVENUE[0]
    return pd.Series(count / max(1, logs.size) / width if logs.size else math.nan, LOG_REVENUE[:-1])


def log_revenue_fits(record: Record) -> Curve:
    """What the lognormal and the power law over all values are: mean and sd of ln(revenue over its median), the
    smallest of them, and the power law's exponent."""
    logs = _logs(record)
    if logs.size < 2 or np.ptp(logs) == 0.0:
        return pd.Series(math.nan, ["mean", "sd", "least", "exponent"])
    exponent = 1.0 / float(np.mean(logs - logs.min()))
    return pd.Series([logs.mean(), logs.std(), logs.min(), exponent], ["mean", "sd", "least", "exponent"])


def churn_by_size(record: Record) -> Curve:
    """Quarterly churn of sellers by fifth of their orders in the quarter, 1 the fewest."""
    return pd.Series(st.churn_by_size(record.panel), np.arange(1, 6))


def survival(record: Record) -> Curve:
    """Share of newcomers among sellers that still sell, by quarters since their first order."""
    values = st.survival(st.panel(record.orders, len(record.weekly)))
    return pd.Series(values, np.arange(values.size))


def repeat(record: Record) -> Curve:
    """Share of a cohort of new customers that has ordered again, by weeks since the first order."""
    return pd.Series([st.repeat_share(record.cohort, int(age)) for age in AGES], AGES)


def stars_by_days(record: Record) -> Curve:
    """Mean stars of reviewed orders by delivery days, by the lower edge of the bin."""
    rows = record.recent[record.recent["stars"].notna()]
    stars = rows["stars"].to_numpy(dtype=float)
    which = np.digitize(rows["delivery_days"].to_numpy(dtype=float), DAYS) - 1
    means = pd.Series(stars).groupby(which).mean()
    return pd.Series(means.reindex(range(DAYS.size - 1)).to_numpy(dtype=float), DAYS[:-1])


def _by_year(values: np.ndarray) -> Curve:
    return pd.Series(values, FIRST_YEAR + np.arange(values.size))


def _logs(record: Record) -> np.ndarray:
    """Logs of sellers' revenue over its median, ascending."""
    revenue = record.revenues[record.revenues > 0.0]
    return np.log(revenue / np.median(revenue)) if revenue.size else revenue


OF_WEEKS: Mapping[str, Callable[[Record], Curve]] = {
    "share": share_by_year, "margin": margin_by_year, "fulfilment": fulfilment_by_year,
}  # fmt: skip
OF_ORDERS: Mapping[str, Callable[[Record], Curve]] = {
    "lorenz": lorenz, "log_revenue": log_revenue, "log_revenue_fits": log_revenue_fits, "churn": churn_by_size,
    "survival": survival, "repeat": repeat, "stars": stars_by_days,
}  # fmt: skip


def curves_of(record: Record) -> dict[str, Curve]:
    """All curves that a run defines."""
    long = len(record.weekly) >= TWO_YEARS
    wanted = (OF_WEEKS if long else {}) | (OF_ORDERS if record.placed is not None else {})
    return {name: make(record) for name, make in wanted.items()}


def flat(curves: Mapping[str, Curve]) -> dict[str, float]:
    """Curves as figures, ``share.1999`` and so on, that go through a table of runs; see `bands`."""
    return {f"{name}.{x}": float(y) for name, curve in curves.items() for x, y in curve.items()}


def bands(figures: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Curves of several runs: by x the ``mean``, the ``low`` and ``high`` of the runs' middle 90 per cent, and ``n``.

    Parameters
    ----------
    figures : DataFrame
        A row a run, a column for each figure of `flat`.
    """
    found: dict[str, dict[float | str, tuple[float, float, float, int]]] = {}
    for column in figures.columns:
        name, _, text = column.partition(".")
        known = figures[column].dropna().to_numpy(dtype=float)
        row = (math.nan, math.nan, math.nan, 0)
        if known.size:
            row = (float(known.mean()), *(float(q) for q in np.quantile(known, (0.05, 0.95))), known.size)
        found.setdefault(name, {})[_x(text)] = row
    names = ["mean", "low", "high", "n"]
    tables = {name: pd.DataFrame.from_dict(rows, orient="index", columns=names) for name, rows in found.items()}
    # Runs that define more of a curve than the first one, and tables ordered by name, would put x in another order.
    return {name: table.sort_index() if _numeric(table.index) else table for name, table in tables.items()}


def _numeric(index: pd.Index) -> bool:
    return all(isinstance(x, float) for x in index)


def _x(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
