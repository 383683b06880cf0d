"""Sobol and Morris indices by SALib, behind a guard: only of sweeps that are whole, and laid out as SALib expects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from experiments.errors import ResultsError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from experiments.sensitivity.outputs import Outputs

RESAMPLES = 1000
FEWEST_RESAMPLES = 100
DRAWS = 4_000_000
"""Numbers that one bootstrap may hold at a time."""

SEED = 1  # of the bootstrap; SALib would take 0 for none


@dataclass(frozen=True)
class Index:
    """One index of a factor, or of a pair.

    Attributes
    ----------
    name : str
        ``S1``, ``ST``, ``S2``, ``mu``, ``mu_star`` or ``sigma``.
    factors : tuple of str
        The factor, or both of a pair.
    value : float
        Sobol indices are shares of the variance; those of Morris are in the output's unit, for a step over the whole
        range of the factor's quantiles.
    low, high : float or None
        Bootstrapped interval; None where there is none (``mu``, ``sigma``).
    """

    name: str
    factors: tuple[str, ...]
    value: float
    low: float | None = None
    high: float | None = None

    @property
    def unsure(self) -> bool:
        """Whether its interval is wider than the index itself."""
        return self.low is not None and self.high is not None and self.high - self.low > abs(self.value)


def indices_of(outputs: Outputs, *, level: float = 0.95) -> list[Index]:
    """The indices that a design allows, of the means over replicates.

    Parameters
    ----------
    outputs : Outputs
        Of a sweep of kind ``sobol`` or ``morris``.
    level : float
        Confidence of the bootstrapped intervals.

    Raises
    ------
    ResultsError
        For another kind of sweep, for points that are not laid out as it says, and where all means are the same.
    """
    kind, means = outputs.settings.kind, outputs.means
    if kind not in ("sobol", "morris"):
        raise ResultsError(
            f"a sweep of kind {kind} gives no Sobol or Morris indices: they need a design of kind sobol or morris; "
            "`marketplace sensitivity DIR --prim` and `marketplace report DIR` work on this one"
        )
    if float(means.max()) == float(means.min()):
        raise ResultsError(f"{outputs.indicator} is the same at all points, so there is nothing to attribute")
    return list(_sobol(outputs, level) if kind == "sobol" else _morris(outputs, level))


def _problem(names: Sequence[str]) -> dict[str, Any]:
    return {"num_vars": len(names), "names": list(names), "bounds": [[0.0, 1.0]] * len(names)}


# -- Sobol -------------------------------------------------------------------------------------------------------


def _sobol(outputs: Outputs, level: float) -> Iterator[Index]:
    from SALib.analyze import sobol

    names = list(outputs.points.columns)
    second = outputs.settings.sampling is not None and outputs.settings.sampling.second_order
    blocks = blocks_of_saltelli(outputs.points, second)
    found = sobol.analyze(
        _problem(names), outputs.means, calc_second_order=second, conf_level=level, seed=SEED,
        num_resamples=max(FEWEST_RESAMPLES, min(RESAMPLES, DRAWS // blocks)),
    )  # fmt: skip
    for j, name in enumerate(names):
        for index in ("S1", "ST"):
            yield _with_interval(index, (name,), found[index][j], found[f"{index}_conf"][j])
    for j, k in combinations(range(len(names)), 2) if second else ():
        yield _with_interval("S2", (names[j], names[k]), found["S2"][j, k], found["S2_conf"][j, k])


def blocks_of_saltelli(points: pd.DataFrame, second_order: bool) -> int:
    """Number of blocks of a Sobol design, each A, A with one factor of B (and B with one of A), B.

    Raises
    ------
    ResultsError
        If the points are not so laid out.
    """
    import numpy as np

    codes = codes_of(points)
    count, factors = codes.shape
    size = 2 * factors + 2 if second_order else factors + 2
    if count == 0 or count % size:
        raise ResultsError(f"{count:,} points are not those of a Sobol design of {factors} factors")
    blocks = codes.reshape(-1, size, factors)
    first, last = blocks[:, 0], blocks[:, -1]
    wanted = [first, *(_with_column(first, last, j) for j in range(factors))]
    wanted += [_with_column(last, first, j) for j in range(factors) if second_order]
    if not np.array_equal(blocks, np.stack([*wanted, last], axis=1)):
        raise ResultsError("the points are not laid out as those of a Sobol design, so they have no indices")
    return len(blocks)


def _with_column(rows: np.ndarray, others: np.ndarray, column: int) -> np.ndarray:
    mixed = rows.copy()
    mixed[:, column] = others[:, column]
    return mixed


def _with_interval(name: str, factors: tuple[str, ...], value: float, half: float) -> Index:
    return Index(name, factors, float(value), float(value - half), float(value + half))


# -- Morris ------------------------------------------------------------------------------------------------------


def _morris(outputs: Outputs, level: float) -> Iterator[Index]:
    from SALib.analyze import morris

    names = list(outputs.points.columns)
    sampling = outputs.settings.sampling
    assert sampling is not None
    found = morris.analyze(
        _problem(names), steps_of_morris(outputs.points), outputs.means, num_levels=sampling.levels,
        num_resamples=RESAMPLES, conf_level=level, seed=SEED,
    )  # fmt: skip
    for j, name in enumerate(names):
        yield _with_interval("mu_star", (name,), found["mu_star"][j], found["mu_star_conf"][j])
        yield Index("mu", (name,), float(found["mu"][j]))
        yield Index("sigma", (name,), float(found["sigma"][j]))


def steps_of_morris(points: pd.DataFrame) -> np.ndarray:
    """Trajectories in which every factor goes up or down once, as its values do; shape of the points.

    A step that the rounding of a whole number, or a choice, has swallowed goes up: the factor is the one that has not
    moved yet.

    Raises
    ------
    ResultsError
        If the points are no trajectories.
    """
    import numpy as np

    codes = codes_of(points)
    count, factors = codes.shape
    if count == 0 or count % (factors + 1):
        raise ResultsError(f"{count:,} points are not the trajectories of a Morris design of {factors} factors")
    signs = np.sign(np.diff(codes.reshape(-1, factors + 1, factors), axis=1))
    moved = np.abs(signs)
    if (moved.sum(axis=2) > 1).any() or (moved.sum(axis=1) > 1).any():
        raise ResultsError("the points are not laid out as trajectories of a Morris design, so they have no indices")
    for trajectory, moves in zip(signs, moved, strict=True):
        idle = iter(np.flatnonzero(moves.sum(axis=0) == 0))
        for step in np.flatnonzero(moves.sum(axis=1) == 0):
            trajectory[step, next(idle)] = 1
    start = np.where(signs.sum(axis=1, keepdims=True) > 0, 0.0, 1.0)
    return np.concatenate([start, start + np.cumsum(signs, axis=1)], axis=1).reshape(count, factors).astype(float)


def codes_of(points: pd.DataFrame) -> np.ndarray:
    """Every value as its number among the values of its column, in their order; shape of the points."""
    import numpy as np

    columns = [np.unique(points[name].to_numpy(), return_inverse=True)[1] for name in points.columns]
    return np.stack(columns, axis=1) if columns else np.zeros((len(points), 0), int)
