"""From a tidy table of runs to what differs between arms: a row per arm and indicator.

Every arm is compared with one baseline, seed by seed. Money and counts, whose natural scale is the logarithm, are
compared as log ratios, everything else as differences. The verdicts are corrected by Holm over all tests of the
comparison, that is over arms and indicators together.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.comparison.intervals import (
    LEVEL,
    ROUNDING,
    Floats,
    Method,
    all_equal,
    holm,
    interval,
    pairs_needed,
    share_removed,
    simultaneous_level,
    standardised,
)
from experiments.comparison.steps import p_of_pairs, same_step
from experiments.errors import ResultsError
from experiments.wording import how_many
from marketplace.scenario_errors import nearest, show

if TYPE_CHECKING:
    import pandas as pd

RATIO, DIFFERENCE = "log ratio", "difference"
LOG_UNITS = frozenset(
    (
        "currency", "orders", "visits", "searches", "customers", "sellers", "offers", "ties", "days", "price level",
        "circumference",
    )
)
"""Units of money, counts, lengths and durations; ``orders per week`` goes with ``orders``."""
WANTED = 0.01  # log points, so about one per cent
WANTED_IN_UNIT = {"share": 0.01, "1": 0.01, "points": 1.0}

IDENTICAL = "identical to the last bit"
ROUNDED = "the same but for rounding"
NOT_DISTINGUISHABLE = "not distinguishable"
ONE_PAIR = "one pair, so no interval"
UNMEASURED = "not measured: no pair has it"


@dataclass(frozen=True)
class Comparison:
    """Arms against a baseline.

    Attributes
    ----------
    table : DataFrame
        A row per arm and indicator, see `compare_arms`.
    arms : tuple of str
        Labels, the baseline first.
    level : float
        Confidence of every interval by itself, and of all verdicts together.
    method : str
        Kind of interval, see `experiments.comparison.intervals.interval`.
    tests : int
        Number of tests that the verdicts are corrected for.
    pairs : dict of str to int
        Seeds that an arm shares with the baseline.
    notes : list of str
        What a reader must know: runs that are missing, pairs that were dropped, and the like.
    """

    table: pd.DataFrame
    arms: tuple[str, ...]
    level: float
    method: str
    tests: int
    pairs: dict[str, int]
    notes: list[str] = field(default_factory=list)

    @property
    def baseline(self) -> str:
        return self.arms[0]

    @property
    def indicators(self) -> list[str]:
        """Those compared, in the order of the table."""
        return list(dict.fromkeys(self.table["indicator"]))

    def to_json(self) -> dict[str, Any]:
        """The content of ``comparison.json``, as plain values."""
        return {
            "baseline": self.baseline,
            "arms": list(self.arms),
            "level": self.level,
            "interval": self.method,
            "correction": f"Holm over {self.tests} tests (arms x indicators)",
            "tests": self.tests,
            "pairs": dict(self.pairs),
            "notes": list(self.notes),
            "rows": self.table.astype(object).where(self.table.notna(), None).to_dict("records"),
        }


def compare_arms(
    summary: pd.DataFrame, *, baseline: str | None = None, arms: Sequence[str] | None = None,
    indicators: Sequence[str] | None = None, level: float = LEVEL, method: Method = "guarded-t",
    wanted: float | None = None,
) -> Comparison:  # fmt: skip
    """Compare arms with a baseline, paired by seed.

    Parameters
    ----------
    summary : DataFrame
        A row per run: ``arm``, ``seed``, and a column per indicator; runs whose ``status`` (where there is such a
        column) is not ``complete`` are left out.
    baseline : str or None
        Arm that the others are compared with; None takes the first.
    arms : sequence of str or None
        Labels in the order in which they shall stand; None takes the order of the table. An arm without a complete
        run is left out, and a note says so.
    indicators : sequence of str or None
        Columns to compare, in their order; None takes `default_indicators`.
    level : float
        Confidence, in (0, 1).
    method : str
        Kind of interval.
    wanted : float or None
        Half-width for which the number of pairs is stated, on the scale of the comparison. None takes 0.01 for
        ratios, shares and indices, one point for scores, and a hundredth of the baseline's mean for the rest.

    Returns
    -------
    Comparison
        Its table has the columns ``arm baseline indicator unit scale n left_out baseline_mean arm_mean effect low
        high simultaneous_low simultaneous_high p p_holm d_z d_baseline removed wanted pairs_needed distinguishable
        verdict``. ``effect`` and all limits are log points where ``scale`` is ``log ratio``, else in the unit.
        ``removed`` is the share of variance that pairing removed. Undefined numbers are NaN.

    Raises
    ------
    ResultsError
        If there are fewer than two arms, an arm or an indicator is unknown, an arm has two runs of one seed, or
        no arm shares a seed with the baseline.
    """
    import pandas as pd

    done = summary[summary["status"] == "complete"] if "status" in summary else summary
    labels, notes = _order(summary, done, arms, baseline)
    columns = list(indicators) if indicators is not None else default_indicators(done.columns)
    _refuse_unknown(columns, [str(name) for name in done.columns])
    runs = {label: _by_seed(done, label) for label in labels}
    shared = {label: runs[labels[0]].index.intersection(runs[label].index).sort_values() for label in labels[1:]}
    notes += _seed_notes(runs, shared, labels)
    scales = {name: scale_of(name, [_values(runs[label], name) for label in labels]) for name in columns}
    rows = []
    for label, seeds in shared.items():
        base, arm = runs[labels[0]].loc[seeds], runs[label].loc[seeds]
        for name in columns:
            row = _row(name, scales[name], _values(base, name), _values(arm, name), level, method, wanted)
            rows.append({"arm": label, "baseline": labels[0], **row})
    table = pd.DataFrame(rows)
    tests = _correct(table, level, method)
    notes += _scale_notes(table) + _pair_notes(table)
    pairs = {label: len(seeds) for label, seeds in shared.items()}
    return Comparison(table.drop(columns="differences"), tuple(labels), level, method, tests, pairs, notes)


def default_indicators(columns: Iterable[Any]) -> list[str]:
    """The headline indicators of the scorecard that a table holds, the most important first."""
    from experiments.scorecard import HEADLINES

    present = set(columns)
    return [name for name in HEADLINES if name in present]


def all_indicators(columns: Iterable[Any]) -> list[str]:
    """Every indicator that a table holds, the headline indicators first."""
    from marketplace.indicators import indicator_of

    first = default_indicators(columns := [str(name) for name in columns])
    return first + [name for name in columns if name not in first and _known(name, indicator_of)]


def _known(column: str, indicator_of: Any) -> bool:
    try:
        indicator_of(column)
    except KeyError:
        return False
    return True


def scale_of(indicator: str, values: Sequence[Floats]) -> str:
    """``log ratio`` for money and counts that are positive wherever they are defined, in all arms; else ``difference``.

    Parameters
    ----------
    indicator : str
        Column of a summary.
    values : sequence of ndarray
        Its values in every arm, NaN where undefined.
    """
    if not has_log_scale(indicator):
        return DIFFERENCE
    known = np.concatenate([one[~np.isnan(one)] for one in values]) if values else np.empty(0)
    return RATIO if bool((known > 0.0).all()) else DIFFERENCE


def has_log_scale(indicator: str) -> bool:
    """Whether an indicator is money, a count, a length or a duration by its unit."""
    from marketplace.indicators import indicator_of

    return indicator_of(indicator).unit.split(" per ")[0] in LOG_UNITS


def on_scale(a: Floats, b: Floats, scale: str) -> tuple[Floats, Floats]:
    """Two arms as they are subtracted: their logs for ratios."""
    return (np.log(a), np.log(b)) if scale == RATIO else (a, b)


# -- arms and seeds ----------------------------------------------------------------------------------------------


def _order(
    summary: pd.DataFrame, done: pd.DataFrame, arms: Sequence[str] | None, baseline: str | None
) -> tuple[list[str], list[str]]:
    """Labels with at least one complete run, the baseline first, and notes on the others."""
    asked = list(arms) if arms is not None else list(dict.fromkeys(summary["arm"]))
    first = asked[0] if baseline is None and asked else baseline
    if first not in asked:
        near = nearest(str(first), asked)
        raise ResultsError(f"baseline {show(first)} is no arm: the arms are {', '.join(asked)}{near}")
    present = set(done["arm"])
    if first not in present:
        raise ResultsError(f'no run of the baseline "{first}" is complete, so there is nothing to compare with')
    empty = [label for label in asked if label not in present]
    labels = [first, *(label for label in asked if label in present and label != first)]
    if len(labels) < 2:
        if not empty:
            raise ResultsError(f"a comparison needs two arms, and {first} is the only one")
        raise ResultsError(
            f"a comparison needs two arms with complete runs; only {first} has any, no run of {', '.join(empty)} is "
            "complete"
        )
    return labels, [f"{label}: no run is complete, so it is not compared" for label in empty]


def _by_seed(done: pd.DataFrame, label: str) -> pd.DataFrame:
    runs = done[done["arm"] == label].set_index("seed")
    if not runs.index.is_unique:
        twice = runs.index[runs.index.duplicated()][0]
        raise ResultsError(f"{label} has more than one run with seed {twice}, so runs cannot be paired by seed")
    return runs


def _seed_notes(runs: Mapping[str, pd.DataFrame], shared: Mapping[str, Any], labels: Sequence[str]) -> list[str]:
    if not any(len(seeds) for seeds in shared.values()):
        raise ResultsError(
            f"no arm shares a seed with {labels[0]}, so nothing can be paired: run them with the same seeds"
        )
    notes = []
    for label, seeds in shared.items():
        alone = len(runs[label]) + len(runs[labels[0]]) - 2 * len(seeds)
        if alone:
            left = f"{alone} runs have no partner and are" if alone > 1 else "a run has no partner and is"
            notes.append(f"{label}: {how_many(len(seeds), 'pair')}; {left} left out")
    return notes


def _refuse_unknown(wanted: Sequence[str], columns: Sequence[str]) -> None:
    known = all_indicators(columns)
    for name in wanted:
        if name not in known:
            raise ResultsError(f"{show(name)} is not an indicator of these runs{nearest(name, known)}")
    if not wanted:
        raise ResultsError("there is no indicator to compare")


def _values(runs: pd.DataFrame, name: str) -> Floats:
    return runs[name].to_numpy(dtype=np.float64, na_value=math.nan)


# -- a row -------------------------------------------------------------------------------------------------------


def _row(
    name: str, scale: str, a: Floats, b: Floats, level: float, method: Method, wanted: float | None
) -> dict[str, Any]:
    from marketplace.indicators import indicator_of

    both = ~(np.isnan(a) | np.isnan(b))
    left_out = int(both.size - both.sum())
    a, b = a[both], b[both]
    first, second = on_scale(a, b, scale)
    differences = second - first
    n = differences.size
    mean = float(differences.mean()) if n else math.nan
    if same_step(a, b):  # 197 to 196 and 196 to 195 are the same step; what their logs differ by is no spread
        differences = np.full(n, mean)
    equal = n > 1 and mean != 0.0 and bool(all_equal(differences))
    sd = float(differences.std(ddof=1)) if n > 1 and not equal else math.nan
    low, high = (float(limit) for limit in interval(differences, level, method))
    unit = indicator_of(name).unit
    half = wanted_half_width(scale, unit, float(a.mean()) if n else math.nan) if wanted is None else wanted
    return {
        "indicator": name, "unit": unit, "scale": scale, "n": n, "left_out": left_out,
        "baseline_mean": float(a.mean()) if n else math.nan, "arm_mean": float(b.mean()) if n else math.nan,
        "effect": mean, "low": low, "high": high,
        "p": math.nan if n < 2 else 1.0 if sameness(a, b) else p_of_pairs(a, b, differences, method),
        "d_z": standardised(mean, sd, n),
        "d_baseline": standardised(mean, float(first.std(ddof=1)) if n > 1 else math.nan, n),
        "removed": share_removed(first, second), "wanted": half, "pairs_needed": pairs_needed(sd, half, level),
        "verdict": sameness(a, b) or (same_words(n) if equal else ""), "differences": differences,
    }  # fmt: skip


def wanted_half_width(scale: str, unit: str, mean: float) -> float:
    """The half-width for which the number of pairs is stated where nothing else is wanted."""
    return WANTED if scale == RATIO else WANTED_IN_UNIT.get(unit, WANTED * abs(mean))


def sameness(a: Floats, b: Floats) -> str:
    """That all pairs are equal, to the last bit or but for rounding, in words; nothing where they are not."""
    if a.size == 0:
        return ""
    if np.array_equal(a, b):
        return IDENTICAL
    close = np.abs(b - a) <= ROUNDING * np.maximum(np.abs(a), np.abs(b))
    return ROUNDED if bool(close.all()) else ""


def same_words(n: int) -> str:
    """That the difference is the same in all of n pairs, which are too few for a verdict."""
    return f"the same in {'both' if n == 2 else f'all {n}'} pairs: too few pairs to judge"


def _correct(table: pd.DataFrame, level: float, method: Method) -> int:
    """Add what depends on the number of tests: adjusted p, simultaneous limits and the verdicts; return the number."""
    tests = int(table["p"].notna().sum())
    table["p_holm"] = holm(table["p"].to_numpy())
    table["distinguishable"] = table["p_holm"] <= 1.0 - level
    limits = [interval(d, simultaneous_level(level, max(1, tests)), method) for d in table["differences"]]
    table["simultaneous_low"] = [float(low) for low, _ in limits]
    table["simultaneous_high"] = [float(high) for _, high in limits]
    table["verdict"] = [verdict(row) for row in table.to_dict("records")]
    return tests


def verdict(row: Mapping[str, Any]) -> str:
    """What a row says, in words: ``not distinguishable`` exactly where the corrected test cannot reject."""
    if row["n"] == 0:
        return UNMEASURED
    if row["verdict"] in (IDENTICAL, ROUNDED):
        return str(row["verdict"])
    if row["n"] == 1:
        return ONE_PAIR
    if not row["distinguishable"]:
        return str(row["verdict"]) or NOT_DISTINGUISHABLE
    return "higher" if row["effect"] > 0.0 else "lower"


# -- notes -------------------------------------------------------------------------------------------------------


def _scale_notes(table: pd.DataFrame) -> list[str]:
    plain = [
        name for name, scale in table.groupby("indicator", sort=False)["scale"].first().items()
        if scale == DIFFERENCE and has_log_scale(str(name))
    ]  # fmt: skip
    if not plain:
        return []
    return [f"Compared as differences, because values at or below zero have no logarithm: {', '.join(plain)}"]


def _pair_notes(table: pd.DataFrame) -> list[str]:
    return [
        f"{row.indicator}, {row.arm}: undefined in {row.left_out} pairs, which are left out; {row.n} remain"
        if row.left_out > 1 else
        f"{row.indicator}, {row.arm}: undefined in one pair, which is left out; {row.n} remain"
        for row in table.itertuples()
        if row.left_out
    ]  # fmt: skip
