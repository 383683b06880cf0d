"""Intervals for the mean of paired differences, and what goes with them: pure functions of arrays.

Differences are those of two arms under the same seed, so they are independent of one another and their mean is the
effect. Coverage of every interval here is measured in tests/experiments/test_intervals.py and stated in
docs/how-to/comparisons.md. Arrays hold one sample along their last axis.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Method = Literal["guarded-t", "t", "hall", "bootstrap-t"]

LEVEL = 0.95
ROUNDING = 1e-12  # relative; sums over a year of weeks differ by no more than this in their last digits
RESAMPLES = 1999
RESAMPLING_SEED = 1  # of the bootstrap only: the same data give the same interval


def interval(
    differences: npt.ArrayLike, level: float = LEVEL, method: Method = "guarded-t"
) -> tuple[Floats, Floats]:
    """Limits of a two-sided confidence interval for the mean.

    Parameters
    ----------
    differences : array_like of float, shape (..., n)
        Finite. With n < 2 both limits are NaN. Differences that are all the same, and not zero, show no spread to
        judge by: where they are too few for `least_p` to reach 1 - level, the limits are NaN as well.
    level : float
        Confidence, in (0, 1).
    method : str
        ``guarded-t``
            The t interval, each limit moved out to that of ``hall`` where that one lies further out. It covers
            at least as often as either: t alone misses the mean too often where differences are skewed, the
            correction alone where they are symmetric with heavy tails.
        ``t``
            Student's. Exact for normal differences.
        ``hall``
            Student's t corrected for skewness by a monotone cubic (Hall 1992, J. R. Stat. Soc. B 54: 221-228), to
            the same order as ``bootstrap-t`` but without resampling, so it holds far out in the tails as well.
        ``bootstrap-t``
            Equal-tailed, studentised (Efron & Tibshirani 1993, "An Introduction to the Bootstrap", sec. 12.5).

    Returns
    -------
    low, high : ndarray, shape (...)
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.shape[-1] < 2:
        empty = np.full(values.shape[:-1], math.nan)
        return empty, empty
    low, high = _INTERVALS[method](values, level)
    unknown = all_equal(values) & (values[..., 0] != 0.0) & (least_p(values.shape[-1]) > 1.0 - level)
    return np.where(unknown, math.nan, low)[()], np.where(unknown, math.nan, high)[()]


def p_value(differences: npt.ArrayLike, method: Method = "guarded-t") -> Floats:
    """Two-sided p of the mean being zero: at most 1 - level exactly where `interval` at that level leaves zero out.

    Parameters
    ----------
    differences : array_like of float, shape (..., n)
        Finite. With n < 2 the value is NaN; with all differences equal it is 1 at zero and `least_p` elsewhere.
    method : str
        See `interval`.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.shape[-1] < 2:
        return np.full(values.shape[:-1], math.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = _P_VALUES[method](values)
    return np.where(all_equal(values), np.where(values[..., 0] == 0.0, 1.0, least_p(values.shape[-1])), found)


def all_equal(values: Floats) -> npt.NDArray[np.bool_]:
    """Whether all values along the last axis are the same but for rounding."""
    return np.asarray(np.ptp(values, axis=-1) <= ROUNDING * np.abs(values).max(axis=-1))


def least_p(n: int) -> float:
    """Two-sided p of n differences that all have one sign, if either sign were as likely: 2^(1 - n).

    The smallest p that the signs alone can give (Fisher 1935, "The Design of Experiments", sec. 21), and all that
    differences without a spread of their own have to offer.
    """
    return 2.0 ** (1 - n)


# -- Student -----------------------------------------------------------------------------------------------------


def t_quantile(df: npt.ArrayLike, level: float) -> Floats:
    """The value that Student's t with ``df`` degrees of freedom stays within, both ways, with chance ``level``."""
    from scipy.special import stdtrit

    return stdtrit(df, 0.5 + level / 2.0)


def _t_interval(values: Floats, level: float) -> tuple[Floats, Floats]:
    mean, error = values.mean(axis=-1), standard_error(values)
    half = t_quantile(values.shape[-1] - 1, level) * error
    return mean - half, mean + half


def _t_p(values: Floats) -> Floats:
    return _two_sided(values.mean(axis=-1) / standard_error(values), values.shape[-1] - 1)


def _two_sided(t: Floats, df: int) -> Floats:
    from scipy.special import stdtr

    return 2.0 * stdtr(df, -np.abs(t))


def standard_error(values: Floats) -> Floats:
    """Of the mean along the last axis."""
    return values.std(axis=-1, ddof=1) / math.sqrt(values.shape[-1])


# -- Hall --------------------------------------------------------------------------------------------------------


def _hall_interval(values: Floats, level: float) -> tuple[Floats, Floats]:
    n, mean, sd, skew = values.shape[-1], values.mean(axis=-1), values.std(axis=-1, ddof=1), _skewness(values)
    reach = t_quantile(n - 1, level) / math.sqrt(n)
    return mean - sd * _hall_inverse(reach, skew, n), mean - sd * _hall_inverse(-reach, skew, n)


def _hall_p(values: Floats) -> Floats:
    n, skew = values.shape[-1], _skewness(values)
    t = values.mean(axis=-1) / values.std(axis=-1, ddof=1)
    corrected = t + skew * t**2 / 3.0 + skew**2 * t**3 / 27.0 + skew / (6.0 * n)
    return _two_sided(math.sqrt(n) * corrected, n - 1)


def _hall_inverse(reach: float, skew: Floats, n: int) -> Floats:
    """The mean in standard deviations that Hall's cubic takes to ``reach``."""
    shifted = reach - skew / (6.0 * n)
    slight = np.abs(skew) < 1e-8  # where the quotient below would be rounding only
    divisor = np.where(slight, 1.0, skew)
    return np.where(slight, shifted, 3.0 * (np.cbrt(1.0 + skew * shifted) - 1.0) / divisor)


def _skewness(values: Floats) -> Floats:
    centred = values - values.mean(axis=-1, keepdims=True)
    spread = np.mean(centred**2, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread > 0.0, np.mean(centred**3, axis=-1) / spread**1.5, 0.0)


# -- the two together --------------------------------------------------------------------------------------------


def _guarded_interval(values: Floats, level: float) -> tuple[Floats, Floats]:
    plain, corrected = _t_interval(values, level), _hall_interval(values, level)
    return np.minimum(plain[0], corrected[0]), np.maximum(plain[1], corrected[1])


def _guarded_p(values: Floats) -> Floats:
    return np.maximum(_t_p(values), _hall_p(values))


# -- bootstrap ---------------------------------------------------------------------------------------------------


def _bootstrap_interval(values: Floats, level: float) -> tuple[Floats, Floats]:
    mean, error, t = values.mean(axis=-1), standard_error(values), _resampled_t(values)
    outer = (1.0 - level) / 2.0
    low, high = np.quantile(t, [outer, 1.0 - outer], axis=-1, method="inverted_cdf")
    with np.errstate(invalid="ignore"):
        upper = np.where(error > 0.0, high * error, 0.0)
        lower = np.where(error > 0.0, low * error, 0.0)
    return mean - upper, mean - lower


def _bootstrap_p(values: Floats) -> Floats:
    t = _resampled_t(values)
    observed = (values.mean(axis=-1) / standard_error(values))[..., None]
    tail = np.minimum((t >= observed).sum(axis=-1), (t <= observed).sum(axis=-1))
    return np.minimum(1.0, 2.0 * (1.0 + tail) / (1.0 + RESAMPLES))


def _resampled_t(values: Floats) -> Floats:
    """Studentised means of resamples around the sample's mean, shape (..., RESAMPLES); infinite without spread."""
    from scipy.stats import randint

    n = values.shape[-1]
    drawn = values[..., randint.rvs(0, n, size=(RESAMPLES, n), random_state=RESAMPLING_SEED)]
    away = drawn.mean(axis=-1) - values.mean(axis=-1)[..., None]
    error = standard_error(drawn)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(error > 0.0, away / error, np.copysign(math.inf, away))
    return np.where(away == 0.0, 0.0, t)


_INTERVALS: dict[str, Callable[[Floats, float], tuple[Floats, Floats]]] = {
    "guarded-t": _guarded_interval,
    "t": _t_interval,
    "hall": _hall_interval,
    "bootstrap-t": _bootstrap_interval,
}
_P_VALUES: dict[str, Callable[[Floats], Floats]] = {
    "guarded-t": _guarded_p,
    "t": _t_p,
    "hall": _hall_p,
    "bootstrap-t": _bootstrap_p,
}
METHODS = tuple(_INTERVALS)


# -- several comparisons, sizes, and numbers ---------------------------------------------------------------------


def holm(p: Sequence[float] | Floats) -> Floats:
    """Holm's (1979, Scand. J. Statist. 6: 65-70) adjusted p values, in the order given.

    Rejecting where the adjusted value is at most alpha keeps the chance of any false rejection among all the tests
    at most alpha, whatever their dependence. NaN marks no test: it stays NaN and does not count.
    """
    raw = np.asarray(p, dtype=np.float64)
    adjusted = np.full(raw.shape, math.nan)
    tests = np.flatnonzero(~np.isnan(raw))
    order = tests[np.argsort(raw[tests], kind="stable")]
    factors = np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(raw[order] * factors)) if order.size else adjusted[order]
    return adjusted


def simultaneous_level(level: float, count: int) -> float:
    """Level of each of ``count`` intervals that makes all of them cover together with ``level`` (Bonferroni)."""
    return 1.0 - (1.0 - level) / count


def small_sample_factor(df: int) -> float:
    """What a mean over a standard deviation with ``df`` degrees of freedom is multiplied by to be unbiased.

    Exact for normal values (Hedges 1981, J. Educ. Stat. 6: 107-128); NaN below two degrees of freedom.
    """
    if df < 2:
        return math.nan
    return math.exp(math.lgamma(df / 2.0) - math.lgamma((df - 1) / 2.0)) / math.sqrt(df / 2.0)


def standardised(mean: float, spread: float, n: int) -> float:
    """Effect in units of a standard deviation estimated from n values, after Hedges; NaN without spread or n < 3.

    With the spread of the differences this is d_z, how plainly the effect shows between twins of the same luck;
    with that of the baseline it is how large the effect is beside what luck alone does (Lakens 2013, Front.
    Psychol. 4: 863).
    """
    return small_sample_factor(n - 1) * mean / spread if spread > 0.0 and n > 2 else math.nan


def share_removed(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Share of the variance of a difference of independent runs that pairing removed.

    1 - var(b - a)/(var(a) + var(b)): near 1 where the same luck moves both arms alike, 0 where pairing is of no
    use, negative where it does harm. NaN from fewer than two pairs, or where neither arm varies.

    Parameters
    ----------
    a, b : array_like of float, shape (n,)
        The two arms, seed by seed.
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.size < 2:
        return math.nan
    apart = float(first.var(ddof=1) + second.var(ddof=1))
    return 1.0 - float((second - first).var(ddof=1)) / apart if apart > 0.0 else math.nan


def pairs_needed(sd: float, half_width: float, level: float = LEVEL) -> float:
    """Smallest number of pairs at which the t interval of differences with spread ``sd`` has this half-width.

    By the t quantile of the number itself rather than the normal's, so it does not promise too much where the
    number is small. At least 2; infinite where the half-width is 0 and there is spread; NaN where the spread is.

    Raises
    ------
    ValueError
        If the half-width is negative.
    """
    if half_width < 0.0:
        raise ValueError(f"half_width = {half_width} is not allowed: it must be at least 0")
    if math.isnan(sd) or sd == 0.0 or half_width == 0.0:
        return math.nan if math.isnan(sd) else 2.0 if sd == 0.0 else math.inf
    low, high = 1, 2
    while _half_width(sd, high, level) > half_width:
        low, high = high, 2 * high
    while high - low > 1:  # the half-width falls with n
        middle = (low + high) // 2
        low, high = (low, middle) if _half_width(sd, middle, level) <= half_width else (middle, high)
    return float(high)


def _half_width(sd: float, n: int, level: float) -> float:
    return float(t_quantile(n - 1, level)) * sd / math.sqrt(n)
