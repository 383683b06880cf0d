"""Statistics of order tables and series that are compared with real marketplaces; pure functions of arrays and tables.

An *order table* has a row per order that was delivered: ``week`` (1..), ``customer``, ``seller`` (ids), ``value``
(currency), as `delivered` makes it of a run's ``orders()``. Undefined statistics are NaN, never zero.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

QUARTER = 13  # weeks
YEAR = 52  # weeks


def delivered(orders: pd.DataFrame) -> pd.DataFrame:
    """The orders of a run that were delivered, with their ``value`` (units times price, currency)."""
    kept = orders[orders["units"] > 0]
    return kept.assign(value=kept["units"] * kept["price"])


# -- concentration -----------------------------------------------------------------------------------------------


def revenue_by_seller(orders: pd.DataFrame) -> Floats:
    """Revenue of each third-party seller that sold anything, ascending, in currency."""
    third = orders[orders["seller"] >= 0]
    return np.sort(third.groupby("seller")["value"].sum().to_numpy(dtype=np.float64))


def top_share(values: npt.ArrayLike, share: float = 0.1) -> float:
    """Share of the total that the top ``share`` of the values holds (at least one value); NaN without any."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    whole = float(ordered.sum())
    if ordered.size == 0 or whole <= 0.0:
        return math.nan
    return float(ordered[ordered.size - max(1, round(ordered.size * share)) :].sum() / whole)


def log_sd(values: npt.ArrayLike) -> float:
    """Standard deviation of the natural logs of positive values (n - 1 in the denominator); NaN of fewer than two."""
    logs = np.log(np.asarray(values, dtype=np.float64))
    return float(logs.std(ddof=1)) if logs.size > 1 else math.nan


def power_law_against_lognormal(values: npt.ArrayLike) -> float:
    """Vuong's normalised log-likelihood ratio of a power law against a lognormal; negative prefers the lognormal.

    Both are fitted by maximum likelihood to all values from the smallest on, the lognormal truncated there as
    the power law is, so that neither wins by its support (Clauset, Shalizi & Newman 2009, sec. 5; Vuong 1989). A
    truncated lognormal comes as near to a power law as one likes, so the ratio is hardly ever above zero: what
    speaks against the power law is a ratio well below zero (-1.645 at 5 per cent), not its sign.
    """
    from scipy.optimize import minimize

    x = np.asarray(values, dtype=np.float64)
    if x.size < 3 or x.min() <= 0.0 or x.min() == x.max():
        return math.nan
    logs = np.log(x)
    above = (logs - logs.min()) / logs.std()  # a change of unit alters both likelihoods alike
    power = math.log(1.0 / above.mean()) - above / above.mean()
    density = _log_density_above_zero
    fitted = minimize(lambda p: -density(above, p).sum(), [above.mean(), 0.0], method="Nelder-Mead")
    gap = power - density(above, fitted.x)
    sd = gap.std()
    return float(gap.sum() / (sd * math.sqrt(x.size))) if sd > 0.0 else math.nan


def _log_density_above_zero(x: Floats, parameters: Floats) -> Floats:
    """Log density at x >= 0 of a normal with a mean and a log sd, truncated at zero."""
    from scipy.special import log_ndtr

    mean, sd = parameters[0], math.exp(parameters[1])
    z = (x - mean) / sd
    return np.asarray(-0.5 * z * z - math.log(sd * math.sqrt(2.0 * math.pi)) - log_ndtr(mean / sd))


def lorenz(values: npt.ArrayLike, shares: npt.ArrayLike) -> Floats:
    """Share of the total that the smallest ``shares`` of the values hold, by straight lines; NaN of none."""
    x = np.sort(np.asarray(values, dtype=np.float64))
    if x.size == 0 or x.sum() <= 0.0:
        return np.full(np.shape(shares), math.nan)
    held = np.concatenate(([0.0], np.cumsum(x))) / x.sum()
    return np.interp(np.asarray(shares, dtype=np.float64), np.linspace(0.0, 1.0, x.size + 1), held)


# -- who stays ---------------------------------------------------------------------------------------------------


def panel(orders: pd.DataFrame, weeks: int, period: int = QUARTER) -> pd.DataFrame:
    """Sellers by period: ``period`` (0..), ``seller``, ``orders``, ``value``; only whole periods of ``weeks`` weeks."""
    third = orders[orders["seller"] >= 0]
    number = (third["week"] - 1) // period
    whole = third[number < weeks // period].assign(period=number)
    table = whole.groupby(["period", "seller"], as_index=False).agg(orders=("value", "size"), value=("value", "sum"))
    return table.astype({"period": int})


def quitters(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a `panel` but its last period's, with ``quit``: no order in the next period."""
    keys = set(zip(table["period"], table["seller"], strict=True))
    last = table["period"].max()
    rows = table[table["period"] < last]
    after = [(p + 1, s) not in keys for p, s in zip(rows["period"], rows["seller"], strict=True)]
    return rows.assign(quit=np.array(after, dtype=bool))


def churn(table: pd.DataFrame) -> float:
    """Share of sellers active in a period that have no order in the next, all periods together; NaN without two."""
    rows = quitters(table)
    return float(rows["quit"].mean()) if len(rows) else math.nan


def churn_by_size(table: pd.DataFrame, classes: int = 5) -> Floats:
    """Churn of sellers by class of their orders in the period, smallest first, (classes,); ties split by seller."""
    rows = quitters(table)
    if rows.empty:
        return np.full(classes, math.nan)
    by_period = rows.groupby("period")["orders"]
    before, count = by_period.rank(method="first") - 1.0, by_period.transform("size")
    of = (before * classes // count).to_numpy(dtype=int)
    return rows["quit"].groupby(of).mean().reindex(range(classes)).to_numpy(dtype=np.float64)


def survival(table: pd.DataFrame, periods: int = 8) -> Floats:
    """Share of sellers that still sell k periods after their first one, (periods + 1,), over those it can be seen of.

    Sellers that were there in the first period of the table are left out: their age is unknown.
    """
    first, last = table.groupby("seller")["period"].min(), table.groupby("seller")["period"].max()
    newcomers = first[first > table["period"].min()].index
    first, last, end = first[newcomers], last[newcomers], table["period"].max()
    share = np.full(periods + 1, math.nan)
    for k in range(periods + 1):
        seen = first + k <= end
        if seen.any():
            share[k] = float((last[seen] >= first[seen] + k).mean())
    return share


# -- customers ---------------------------------------------------------------------------------------------------


def cohort(orders: pd.DataFrame, first: int, weeks: int) -> pd.DataFrame:
    """Orders of the customers whose first order fell into ``weeks`` weeks from week ``first``, with their ``age``.

    ``age`` counts weeks since the customer's first order.
    """
    begun = orders.groupby("customer")["week"].min()
    members = begun[(begun >= first) & (begun < first + weeks)]
    rows = orders[orders["customer"].isin(members.index)]
    return rows.assign(age=rows["week"] - rows["customer"].map(members))


def repeat_share(rows: pd.DataFrame, weeks: int) -> float:
    """Share of a `cohort` with a second order within ``weeks`` weeks of the first; NaN of an empty one."""
    customers = rows["customer"].nunique()
    again = rows[(rows["age"] > 0) & (rows["age"] <= weeks)]["customer"].nunique()
    return again / customers if customers else math.nan


class CustomerBase(NamedTuple):
    """A customer base in the form that customer-base models take; each (customers,), times in weeks."""

    frequency: Floats  # weeks with an order after the first
    recency: Floats  # from the first order to the last
    age: Floats  # from the first order to the end


def customer_base(rows: pd.DataFrame, end: int) -> CustomerBase:
    """Frequency, recency and age of every customer of an order table that ends with week ``end``."""
    weeks = rows[["customer", "week"]].drop_duplicates().groupby("customer")["week"].agg(["min", "max", "size"])
    first, last, count = (weeks[name].to_numpy(dtype=np.float64) for name in ("min", "max", "size"))
    return CustomerBase(count - 1.0, last - first, end - first)


class BgNbd(NamedTuple):
    """Parameters of the BG/NBD model: gamma shape ``r`` and rate ``alpha`` (weeks), beta ``a`` and ``b``."""

    r: float
    alpha: float
    a: float
    b: float


def fit_bg_nbd(base: CustomerBase) -> BgNbd:
    """Maximum-likelihood fit of the BG/NBD model (Fader, Hardie & Lee 2005, eq. 6); NaN where nobody came back."""
    from scipy.optimize import minimize
    from scipy.special import gammaln

    if base.frequency.size == 0 or not (base.frequency > 0.0).any():
        return BgNbd(*[math.nan] * 4)
    rows, weight = np.unique(np.column_stack(base), axis=0, return_counts=True)
    x, t, age = rows.T
    back = x > 0.0

    def loss(logs: Floats) -> float:
        r, alpha, a, b = np.exp(logs)
        common = gammaln(r + x) - gammaln(r) + r * math.log(alpha)
        common += gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
        alive = -(r + x) * np.log(alpha + age)
        gone = np.where(back, math.log(a) - np.log(b + np.maximum(x, 1.0) - 1.0) - (r + x) * np.log(alpha + t), -np.inf)
        return -float(weight @ (common + np.logaddexp(alive, gone))) / weight.sum()

    start = np.log([1.0, max(1.0, float(age.mean()) / 4.0), 1.0, 3.0])
    bounds = [(-7.0, 7.0)] * 4  # beyond, a parameter is not identified and only drifts
    fitted = minimize(loss, start, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-13, "gtol": 1e-8})
    return BgNbd(*(float(value) for value in np.exp(fitted.x)))


def correlation(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Pearson's correlation over the pairs of which both are known; NaN of fewer than three or without spread."""
    pairs = np.column_stack([np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)])
    pairs = pairs[~np.isnan(pairs).any(axis=1)]
    if len(pairs) < 3 or (pairs.std(axis=0) == 0.0).any():
        return math.nan
    return float(np.corrcoef(pairs.T)[0, 1])


# -- years -------------------------------------------------------------------------------------------------------


def by_year(weekly: pd.DataFrame, values: pd.Series) -> Floats:
    """Sums of a weekly series over whole years of 52 weeks, (years,)."""
    years = len(weekly) // YEAR
    return values.to_numpy(dtype=np.float64)[: years * YEAR].reshape(years, YEAR).sum(axis=1)


def ratio_by_year(weekly: pd.DataFrame, part: pd.Series, whole: pd.Series) -> Floats:
    """Yearly sum of one weekly series over that of another, (years,); NaN where the latter is zero."""
    a, b = by_year(weekly, part.fillna(0.0)), by_year(weekly, whole.fillna(0.0))
    return np.divide(a, b, out=np.full(a.size, math.nan), where=b != 0.0)


def slope(values: npt.ArrayLike) -> float:
    """Least-squares slope of evenly spaced values, per step; values that are not finite are left out."""
    y = np.asarray(values, dtype=np.float64)
    kept = np.isfinite(y)
    if kept.sum() < 2:
        return math.nan
    return float(np.polyfit(np.flatnonzero(kept), y[kept], 1)[0])
