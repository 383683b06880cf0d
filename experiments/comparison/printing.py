"""A comparison in the terminal: a row per indicator, by how much it differs, and whether that is certain."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from experiments.comparison.comparison import RATIO
from experiments.comparison.labels import full_labels, short_labels
from experiments.wording import HUGE, how_many

if TYPE_CHECKING:
    from rich.table import Table

    from experiments.comparison.comparison import Comparison


def print_comparison(comparison: Comparison, *, details: bool = False) -> None:
    """Print a table for each arm, and what has to be known to read it, to stdout.

    Parameters
    ----------
    comparison : Comparison
        What was found.
    details : bool
        Whether to print p values, effect sizes, what pairing removed and the pairs needed, too.
    """
    from experiments.scorecard import make_console

    console = make_console()
    names = short_labels(comparison.arms)
    for line in full_labels(names):
        console.print(line, soft_wrap=True)
    for label in comparison.arms[1:]:
        rows = comparison.table[comparison.table["arm"] == label].to_dict("records")
        tables = [_changes(comparison, label, rows, names), *([_details(label, rows)] if details else [])]
        for title, table in tables:
            console.print(title, soft_wrap=True)
            # Where there is no terminal to fit into, nothing need be squeezed.
            wide = None if console.is_terminal else console.measure(table).maximum
            console.print(table, width=wide)
            console.print()
    for sentence in (*legend(comparison, details), *comparison.notes):
        console.print(sentence, soft_wrap=True)


def _changes(
    comparison: Comparison, label: str, rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]
) -> tuple[str, Table]:
    title = f"{label} against {comparison.baseline}, {how_many(comparison.pairs[label], 'pair')} of runs"
    table = _table()
    level = f"{100.0 * comparison.level:g} % interval"
    for heading in (names[comparison.baseline], names[label], "change", level):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")  # like the name it wraps on a narrow terminal; figures do not
    for row in rows:
        table.add_row(*cells(row, comparison.pairs[label]))
    return title, table


def _details(label: str, rows: Sequence[Mapping[str, Any]]) -> tuple[str, Table]:
    table = _table()
    for heading in ("p", "p, Holm", "d_z", "d of baseline", "pairing removed", "pairs for"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*detail_cells(row))
    return f"{label}: how certain, how large, how many pairs", table


def _table() -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("")
    return table


def cells(row: Mapping[str, Any], pairs: int) -> list[str]:
    """An indicator's row: name, both means, change, interval, verdict."""
    said = row["verdict"] + (f" ({row['n']} of {pairs} pairs)" if row["n"] < pairs else "")
    means = [_mean(row[key], row["unit"]) for key in ("baseline_mean", "arm_mean")]
    return [_name(row), *means, change(row), span(row), said]


def _mean(value: float, unit: str) -> str:
    from experiments.scorecard import number

    figure = number(value, unit)
    return f"{figure} %" if unit == "share" and figure else figure


def detail_cells(row: Mapping[str, Any]) -> list[str]:
    """An indicator's row of details: name, p, adjusted p, both effect sizes, what pairing removed, pairs needed."""
    removed, needed = row["removed"], row["pairs_needed"]
    return [
        _name(row), _p(row["p"]), _p(row["p_holm"]), _plain(row["d_z"]), _plain(row["d_baseline"]),
        "" if math.isnan(removed) else f"{100.0 * removed:.1f} %",
        "" if math.isnan(needed) else f"+-{_width(row)}: {needed:,.0f}",
    ]  # fmt: skip


def _name(row: Mapping[str, Any]) -> str:
    from experiments.scorecard import HEADLINES

    return HEADLINES.get(row["indicator"], row["indicator"])


def change(row: Mapping[str, Any]) -> str:
    """An effect as people read it: per cent for ratios, percentage points for shares, points for scores, else bare."""
    if math.isnan(row["effect"]):
        return ""
    value, unit = as_shown(row, "effect")
    return _signed(value, _digits(row)) + unit


def span(row: Mapping[str, Any]) -> str:
    """The interval as people read it; nothing where there is none."""
    if math.isnan(row["low"]) or row["low"] == row["high"]:
        return ""
    (low, unit), (high, _), digits = as_shown(row, "low"), as_shown(row, "high"), _digits(row)
    return f"{_signed(low, digits)} to {_signed(high, digits)}{unit}"


def as_shown(row: Mapping[str, Any], key: str) -> tuple[float, str]:
    """An effect or a limit, and the sign behind it."""
    value = row[key]
    if row["scale"] == RATIO:
        return 100.0 * math.expm1(value), " %"
    if row["unit"] == "share":
        return 100.0 * value, " pp"
    return value, " points" if row["unit"] == "points" else ""


def _digits(row: Mapping[str, Any]) -> int:
    """Decimals that leave two digits of the interval's half-width, or three of the effect where there is none."""
    if not math.isnan(row["low"]) and row["high"] > row["low"]:
        size, wanted = (as_shown(row, "high")[0] - as_shown(row, "low")[0]) / 2.0, 2
    else:
        size, wanted = abs(as_shown(row, "effect")[0]), 3
    if size == 0.0 or not math.isfinite(size):
        return 0
    return min(8, max(0, wanted - 1 - math.floor(math.log10(size))))


def _signed(value: float, digits: int) -> str:
    if value == 0.0:
        return "0"
    return f"{value:+,.{digits}f}" if abs(value) < HUGE else f"{value:+.1e}"


def legend(comparison: Comparison, details: bool = False) -> list[str]:
    """What has to be known to read the tables, in sentences."""
    level, alpha = f"{100.0 * comparison.level:g} %", f"{100.0 * (1.0 - comparison.level):.3g} %"
    lines = [
        "Means over pairs of runs with the same seed. "
        f"Each interval ({level}, {comparison.method}) is for its row alone.",
        *_judged(comparison.tests, alpha),
        "Money and counts are compared as ratios (means of logs); pp: percentage points of a share.",
    ]
    if details:
        lines.append(
            "d_z: change over the spread of the paired differences; d of baseline: over the baseline's spread between "
            "seeds (both after Hedges). Pairing removed: share of the variance that independent seeds would leave. "
            "Pairs for: number at which the t interval would have that half-width."
        )
    return lines


def _judged(tests: int, alpha: str) -> list[str]:
    """What the verdicts are corrected for; nothing where nothing was tested."""
    if tests == 0:
        return []
    if tests == 1:
        return [f"The verdict is of one test, so it is not corrected: the chance that it is false is at most {alpha}."]
    said = f"Verdicts are corrected for all {tests:,} tests (Holm, arms x indicators)"
    return [f"{said}: the chance of any false one is at most {alpha}."]


def _width(row: Mapping[str, Any]) -> str:
    wanted = row["wanted"]
    if row["scale"] == RATIO:
        return f"{100.0 * wanted:.3g} %"
    if row["unit"] == "share":
        return f"{100.0 * wanted:.3g} pp"
    return f"{wanted:.3g}" + (" points" if row["unit"] == "points" else "")


def _plain(value: float) -> str:
    return "" if math.isnan(value) else f"{value:+.2f}"


def _p(value: float) -> str:
    return "" if math.isnan(value) else "<0.001" if value < 0.001 else f"{value:.3f}"
