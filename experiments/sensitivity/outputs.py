"""What an analysis starts from: one number a point and replicate, and none of them missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.errors import ResultsError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from experiments.designs.settings import Settings

IDS = ("run_id", "point", "replicate", "seed", "status", "seconds")
COMPLETE = "complete"


@dataclass(frozen=True)
class Outputs:
    """One indicator of a sweep that is whole.

    Attributes
    ----------
    indicator : str
        Its name.
    log : bool
        Whether `values` are its natural logarithms.
    values : ndarray
        Shape (points, replicates), in the indicator's unit, or logarithms of it; all finite.
    points : DataFrame
        The factors, one row a point.
    settings : Settings
        What the design says.
    """

    indicator: str
    log: bool
    values: np.ndarray
    points: pd.DataFrame
    settings: Settings

    @property
    def means(self) -> np.ndarray:
        """Mean over replicates, shape (points,)."""
        return self.values.mean(axis=1)


def settings_of_results(results: Any) -> Settings:
    """What the design of a sweep says; neither its scenario nor a file that it brings in is read.

    Raises
    ------
    DesignError
        If the folder's design cannot be understood.
    """
    from experiments.designs.errors import naming
    from experiments.designs.files import parse_design
    from experiments.designs.settings import settings_of

    with naming("design.toml"):
        return settings_of(parse_design(results.design), "design")


def outputs_of(results: Any, indicator: str = "gmv", *, log: bool = False) -> Outputs:
    """One indicator of all runs of a sweep.

    An index that is made while runs are missing is wrong without looking so (SALib turns one undefined output into
    indices of zero), so nothing is left out and nothing is filled in here.

    Parameters
    ----------
    results : Results
        As `load_results` gives them.
    indicator : str
        A column of ``results.summary``.
    log : bool
        Whether to take its natural logarithm.

    Raises
    ------
    ResultsError
        If there is no such indicator, a run is missing or failed, or the indicator (or its logarithm) is undefined at
        a run.
    """
    import numpy as np

    settings = settings_of_results(results)
    summary = results.summary
    check_indicator(results, indicator)
    refuse_gaps(results)
    table = summary.sort_values(["point", "replicate"])
    column = table[indicator].to_numpy(dtype=float)
    _refuse_undefined(table, ~np.isfinite(column), f"{indicator} is undefined")
    if log:
        _refuse_undefined(table, column <= 0.0, f"{indicator} is not above 0, so it has no logarithm,")
        column = np.log(column)
    values = column.reshape(len(results.points), settings.replications)
    return Outputs(indicator, log, values, results.points, settings)


def indicators_of(results: Any) -> list[str]:
    """Names of the indicators of a sweep."""
    known = {*IDS, *results.points.columns}
    return [name for name in results.summary.columns if name not in known]


def check_indicator(results: Any, indicator: str) -> None:
    """Refuse what is no indicator of a sweep, with the nearest spelling.

    Raises
    ------
    ResultsError
        One sentence.
    """
    from marketplace.scenario_errors import nearest, one_line, show

    known = indicators_of(results)
    if indicator not in known:
        near = nearest(indicator, known) or f"; there are {', '.join(known[:12])} and more"
        raise ResultsError(one_line(f"{show(indicator)} is no indicator of this sweep{near}"))


def gaps_of(results: Any) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Runs that are missing, and runs that failed, each as (point, replicate)."""
    replications = settings_of_results(results).replications
    summary = results.summary
    planned = {(int(p), r) for p in results.points.index for r in range(replications)}
    there = dict(zip(zip(summary["point"], summary["replicate"], strict=True), summary["status"], strict=True))
    missing = sorted(planned - {(int(p), int(r)) for p, r in there})
    failed = sorted((int(p), int(r)) for (p, r), status in there.items() if status != COMPLETE)
    return missing, failed


def refuse_gaps(results: Any) -> None:
    """Refuse a sweep that is not whole.

    Raises
    ------
    ResultsError
        One sentence that says how to fill it.
    """
    missing, failed = gaps_of(results)
    part = getattr(getattr(results, "manifest", None), "part", None)
    if missing and part:
        raise ResultsError(f"this is part {part[0]} of {part[1]} of a sweep: `marketplace merge` joins the parts")
    said = [f"{_runs(len(gap))} {how} (first: {_place(gap[0])})" for gap, how in _named(missing, failed) if gap]
    if said:
        raise ResultsError(
            f"{' and '.join(said)}, so indices would be wrong: --fill runs them again, and so does "
            "`marketplace sweep --resume`"
        )
    extra = len(results.summary) - len(results.points) * settings_of_results(results).replications
    if extra:
        raise ResultsError(f"there are {_runs(extra)} more than the design asks for: this is not its sweep")


def _named(missing: Sequence[Any], failed: Sequence[Any]) -> list[tuple[Sequence[Any], str]]:
    return [(missing, "missing"), (failed, "failed")]


def _refuse_undefined(table: pd.DataFrame, where: np.ndarray, what: str) -> None:
    if where.any():
        first = table[where].iloc[0]
        place = _place((int(first["point"]), int(first["replicate"])))
        raise ResultsError(f"{what} at {int(where.sum())} of {_runs(len(table))} (first: {place})")


def _runs(count: int) -> str:
    return f"{count:,} run" + ("" if count == 1 else "s")


def _place(run: tuple[int, int]) -> str:
    return f"point {run[0]}, replicate {run[1]}"
