"""The headline of a sweep's page: where GMV is highest and lowest, whether the two can be told apart, what moves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from experiments.closures import closure_notes, flags_of
from experiments.comparison.comparison import compare_arms
from experiments.comparison.printing import change, span
from experiments.errors import ResultsError
from experiments.reports.even import Even
from experiments.reports.shell import Section, paragraphs
from experiments.reports.words import number, times
from experiments.sensitivity.effects import variance_shares
from experiments.wording import how_many, last_weeks

if TYPE_CHECKING:
    from experiments.store.reading import Results

LEVEL = 0.95
YEAR = 52  # weeks that a summary covers
NAMED = 6  # factors by which a sentence names a point


def headline(results: Results, runs: pd.DataFrame, even: Even) -> Section:
    """The section on what matters most, in sentences.

    Parameters
    ----------
    results : Results
        The sweep.
    runs : DataFrame
        All complete runs.
    even : Even
        Those by which points can be compared.
    """
    said = [*([even.said] if even.said else []), *_closures(results, runs)]
    if even.runs.empty:
        return Section("Headline", "", paragraphs(*said))
    first, *rest = _ranking(results, even.runs)
    return Section("Headline", "", paragraphs(first, *rest, *said))


def _ranking(results: Results, runs: pd.DataFrame) -> list[str]:
    means, weeks = runs.groupby("point")["gmv"].mean().dropna(), last(results)
    if means.empty:
        return [f"No run sold anything in {weeks}."]
    best, worst = means.idxmax(), means.idxmin()
    if best == worst or means[best] == means[worst]:
        some = f"all {len(means):,} points" if len(means) > 1 else "the only point"
        where = "every point" if len(means) == len(results.points) else f"{some} that can be compared"
        return [f"GMV of {weeks} is {number(float(means[best]))} at {where}."]
    ratio = more(float(means[worst]), float(means[best]))
    first = (
        f"GMV of {weeks} ranges from {number(float(means[worst]))} to {number(float(means[best]))}"
        + (f", {ratio}." if ratio else ".")
    )
    rest = [
        f"It is highest at {_named(results, best)}{_ties(means == means[best])}; "
        f"it is lowest at {_named(results, worst)}{_ties(means == means[worst])}."
    ]
    rest.append(apart(runs, best, worst, len(means)))
    return [first, *rest, *_strongest(results, runs)]


def _closures(results: Results, runs: pd.DataFrame) -> list[str]:
    """How many runs ended with a platform that had failed, arm by arm, or else at which point most did."""
    notes = closure_notes(runs)
    if "arm" in runs:
        return [f"{note}." for note in notes]
    said = [f"{note[:1].upper()}{note[1:]}." for note in notes]
    failures = (runs[flags_of(runs)] == 0.0).sum(axis=1).groupby(runs["point"]).agg(["sum", "size"])
    if said and len(failures) > 1:
        most = failures["sum"].idxmax()
        where = _named(results, most) + _ties(failures["sum"] == failures.loc[most, "sum"])
        of = f"{failures.loc[most, 'sum']} of them in {how_many(int(failures.loc[most, 'size']), 'run')}"
        said.append(f"Most failures are at {where}: {of}.")
    return said


def _ties(equal: pd.Series) -> str:
    """That other points are as high, or as low, as the one that is named."""
    others = int(equal.sum()) - 1
    return f" (and at {how_many(others, 'other point')} alike)" if others else ""


def more(low: float, high: float) -> str:
    """``3.4 % more`` or ``2.5 times as much``; nothing where there is nothing to compare with."""
    if low <= 0.0 or high / low >= 1e4:
        return ""
    ratio = high / low
    return f"{times(ratio)} as much" if ratio >= 2.0 else f"{number(ratio - 1.0, 'share')} more"


def last(results: Results) -> str:
    """The weeks that a summary covers, in words."""
    return last_weeks(min(YEAR, int(results.provenance.get("weeks", YEAR))))


def apart(runs: pd.DataFrame, best: Any, worst: Any, points: int) -> str:
    """Whether the highest and the lowest point can be told apart, seed by seed, after having been picked.

    They are the extremes of all pairs of points, so p is Bonferroni's over that many.
    """
    two = runs[runs["point"].isin([best, worst])]
    summary = two[["seed", "gmv", "status"]].assign(arm=two["point"].map({worst: "lowest", best: "highest"}))
    try:
        row = compare_arms(summary, baseline="lowest", indicators=["gmv"]).table.iloc[0]
    except ResultsError:
        return "Whether the two can be told apart was not tested: no seed has a run at both."
    if row["n"] < 2:
        return "Whether the two can be told apart cannot be said: a single seed has a run at both."
    pairs = points * (points - 1) // 2
    p = min(1.0, float(row["p"]) * pairs)
    limits = f", {100 * LEVEL:g} % interval {span(row)}" if span(row) else ""
    found = f"{change(row)} over {row['n']} pairs of runs with the same seed{limits}".replace("-", "−")
    how = f"p = {p:.2g}" + (f", Bonferroni over {pairs} pairs of points" if pairs > 1 else "")
    told = "can be told apart" if p <= 1.0 - LEVEL else "cannot be told apart"
    return f"The two {told}: {found}; {how}."


def _named(results: Results, point: int) -> str:
    """A point by the factors that differ between points, as many as a sentence bears."""
    row, moved = results.points.loc[point], varied(results.points)
    said = ", ".join(f"{name} = {shown(row[name])}" for name in moved[:NAMED]) or f"point {point}"
    return said + (f" and {how_many(len(moved) - NAMED, 'other factor')}" if len(moved) > NAMED else "")


def _strongest(results: Results, runs: pd.DataFrame) -> list[str]:
    """What moves GMV most, where the design is a grid, so that shares of variance mean what they say."""
    if results.provenance.get("design_kind") != "grid" or len(results.factors) < 2:
        return []
    if not whole(results, runs):
        count, all_points = runs["point"].nunique(), how_many(len(results.points), "point")
        return [f"What each factor accounts for is left out, because only {count:,} of {all_points} can be compared."]
    shares = variance_shares(runs, results.factors, "gmv")
    if not shares:
        return []
    alone = sorted(((share, key[0]) for key, share in shares.items() if len(key) == 1), reverse=True)
    share, name = alone[0]
    said = [f"{name} alone accounts for {share:.0%} of the variance of GMV between points."]
    pairs = sorted(((value, key) for key, value in shares.items() if len(key) == 2), reverse=True)
    if pairs and pairs[0][0] >= 0.05:
        said.append(f"{' and '.join(pairs[0][1])} together account for {pairs[0][0]:.0%} beyond what each does alone.")
    return said


def whole(results: Results, runs: pd.DataFrame) -> bool:
    """Whether all points of the design are among some runs: shares of variance say nothing of half a grid."""
    return runs["point"].nunique() == len(results.points)


def varied(table: pd.DataFrame) -> list[str]:
    """The columns that hold more than one value."""
    return [str(name) for name in table if table[name].nunique() > 1]


def shown(value: Any) -> str:
    """A factor's value in a sentence."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
