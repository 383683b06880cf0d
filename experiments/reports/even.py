"""Which runs of a sweep its points can be compared by: those that give all points the same seeds.

Under common seeds a point whose runs are those of lucky seeds would pass for a good point. So where runs are missing
or failed, either only the seeds that all points have count, or only the points that have all seeds, whichever keeps
more runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from experiments.wording import how_many

if TYPE_CHECKING:
    import pandas as pd


class Even(NamedTuple):
    """Runs by which points can be compared.

    Attributes
    ----------
    runs : DataFrame
        Those of the points, and under the seeds, that count; empty where points cannot be compared.
    said : str
        Why some are left out, or all, in a sentence; empty where none is.
    """

    runs: pd.DataFrame
    said: str = ""


def even_runs(runs: pd.DataFrame, *, common: bool) -> Even:
    """Leave out what makes seeds differ between points.

    Parameters
    ----------
    runs : DataFrame
        Complete runs, with ``point`` and ``seed``.
    common : bool
        Whether the design has the same seeds at all points; else nothing is left out.
    """
    there = runs.groupby(["point", "seed"]).size().unstack().notna()
    if not common or bool(there.to_numpy().all()):
        return Even(runs)
    shared, full = there.columns[there.all()], there.index[there.all(axis=1)]
    by_seed, by_point = len(shared) * len(there), (len(full) if len(full) > 1 else 0) * there.shape[1]
    if max(by_seed, by_point) == 0:
        why = "they do not have the same seeds, so that differences between seeds would pass for theirs"
        return Even(runs.iloc[:0], f"Points are not compared, because {why}.")
    if by_seed > by_point:
        told = f"Only {_of(len(shared), there.shape[1], 'seed')} that all points have runs under"
        return Even(runs[runs["seed"].isin(shared)], f"{told} {'counts' if len(shared) == 1 else 'count'} here.")
    told = f"Only {_of(len(full), len(there), 'point')} that have runs under all {how_many(there.shape[1], 'seed')}"
    return Even(runs[runs["point"].isin(full)], f"{told} count here.")


def _of(count: int, whole: int, thing: str) -> str:
    return f"the {count:,} of {how_many(whole, thing)}"
