"""How much of the variance between runs is chance: a random-effects analysis of variance over points and seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments.errors import ResultsError

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class SeedShare:
    """Components of the variance between runs.

    Attributes
    ----------
    share : float
        Share of the variance of single runs that is due to the seed: the variance between replicates of a point,
        over itself and the variance between points.
    low, high : float or None
        Interval of `share`, exact for normal effects and independent seeds; None under common seeds, for which there
        is no such interval.
    share_of_means : float
        Share of the variance of the points' means, of which indices are made, that is still chance.
    common : float or None
        Share of the variance due to the seed that all points have in common, and that cancels where points are
        compared; None where seeds are independent.
    between, within : float
        Variance between points and between replicates of a point, in squared units of the output.
    level : float
        Confidence of the interval.
    """

    share: float
    low: float | None
    high: float | None
    share_of_means: float
    common: float | None
    between: float
    within: float
    level: float


def seed_share(values: np.ndarray, *, common: bool, level: float = 0.95) -> SeedShare:
    """How much of the variance between runs is due to the seed.

    With independent seeds, the one-way random-effects model y = m + point + seed; with common ones the two-way model
    y = m + point + seed + point x seed, because a seed's effect on all points alike is no noise between them
    (Searle, Casella & McCulloch, Variance Components, 1992, chapters 3 and 4).

    Parameters
    ----------
    values : ndarray
        Shape (points, replicates).
    common : bool
        Whether a replicate has the same seed at all points.
    level : float
        Confidence of the interval.

    Raises
    ------
    ResultsError
        If there are fewer than two points or replicates, or all runs gave the same.
    """
    points, replicates = values.shape
    if points < 2 or replicates < 2:
        raise ResultsError("what is due to the seed shows from two points and two replications on")
    # Around the middle, and in units of the spread, so that large numbers keep their digits.
    spread = float(values.max() - values.min())
    if spread == 0.0:
        raise ResultsError("all runs gave the same, so there is no variance to attribute")
    of_points, within, noise = _mean_squares((values - values.mean()) / spread, common)
    between = max((of_points - noise) / replicates, 0.0)
    low, high = (None, None) if common else _interval(of_points, within, points, replicates, level)
    return SeedShare(
        share=within / (within + between),
        low=low, high=high,
        share_of_means=min(noise / of_points, 1.0) if of_points > 0.0 else 1.0,
        common=min(max(1.0 - noise / within, 0.0), 1.0) if common and within > 0.0 else None,
        between=between * spread**2, within=within * spread**2, level=level,
    )  # fmt: skip


def _mean_squares(y: np.ndarray, common: bool) -> tuple[float, float, float]:
    """Of points, of replicates within points, and of what is noise between points; y (points, replicates)."""
    points, replicates = y.shape
    means = y.mean(axis=1)
    of_points = replicates * float((means**2).sum()) / (points - 1)
    inside = float(((y - means[:, None]) ** 2).sum())
    within = inside / (points * (replicates - 1))
    if not common:
        return of_points, within, within
    alike = points * float((y.mean(axis=0) ** 2).sum())
    return of_points, within, max(inside - alike, 0.0) / ((points - 1) * (replicates - 1))


def _interval(
    of_points: float, within: float, points: int, replicates: int, level: float
) -> tuple[float, float]:
    """The exact interval of within / (within + between), from the F distribution of the ratio of mean squares."""
    from scipy.special import fdtri

    if within == 0.0:
        return 0.0, 0.0
    freedom = points - 1, points * (replicates - 1)
    ratio, tail = of_points / within, (1.0 - level) / 2.0
    ends = [(ratio / float(fdtri(*freedom, p)) - 1.0) / replicates for p in (tail, 1.0 - tail)]
    return tuple(1.0 / (1.0 + max(end, 0.0)) for end in ends)  # type: ignore[return-value]
