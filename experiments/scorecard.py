"""The scorecard in the terminal: a row per headline indicator, with a small curve beside its figures."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from experiments.wording import HUGE

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from experiments.runs import Outcome

HEADLINES = {
    "gmv": "GMV",
    "active_customers": "customers",
    "nps": "net promoter score",
    "satisfaction": "satisfaction",
    "conversion_rate": "conversion",
    "price_index": "price index",
    "unit_cost": "unit cost",
    "delivery_days": "delivery",
    "on_time_rate": "on time",
    "active_sellers": "sellers",
    "offers": "offers",
    "third_party_share": "third-party share",
    "seller_gini": "seller Gini",
    "take_rate": "take rate",
    "platform_margin": "platform margin",
    "platform_cash": "platform cash",
    "consumer_surplus": "consumer surplus",
    "welfare": "welfare",
}
"""Indicators on the scorecard and what they are called there."""

YEAR = 52
CURVE = 14  # characters
BLOCKS = "▁▂▃▄▅▆▇█"
ASCII = "_.-=*#"
NARROWEST = 100  # characters; where there is no terminal, nothing need be squeezed


def print_scorecard(outcome: Outcome) -> None:
    """Print the scorecard of a run to stdout."""
    from rich.table import Table

    console = make_console()
    weekly, twin = outcome.weekly, outcome.twin
    first, last = _span(weekly.head(YEAR)), _span(weekly.tail(YEAR))
    state = "" if outcome.status == "complete" else f", {outcome.status}"
    title = f"{outcome.scenario.name}, seed {outcome.scenario.run.seed}{state}"
    table = Table(title=title, box=None, title_justify="left", padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column(first, justify="right", no_wrap=True)
    table.add_column(last, justify="right", no_wrap=True)
    if twin is not None:
        table.add_column("loop\ncut", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column(f"weeks\n1-{len(weekly)}", no_wrap=True)
    for row in rows(weekly, twin, _signs(console)):
        table.add_row(*row)
    console.print(table)
    for sentence in _closures(outcome):
        console.print(sentence, soft_wrap=True)


def _closures(outcome: Outcome) -> list[str]:
    """Platforms that failed, in the run and in its twin."""
    from experiments.closures import closure_sentences, failed_platforms

    own, twin = failed_platforms(outcome.weekly, outcome.scenario), outcome.twin
    cut = {} if twin is None else failed_platforms(twin, outcome.scenario)
    return closure_sentences(own, outcome.scenario) + closure_sentences(cut, outcome.scenario, cut=True)


def make_console() -> Console:
    """A console on stdout, wide enough for a table where it is no terminal."""
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = max(console.width, NARROWEST)
    return console


def rows(weekly: pd.DataFrame, twin: pd.DataFrame | None, signs: str = BLOCKS) -> list[list[str]]:
    """The cells of the scorecard: name, first year, last year, the twin's last year if any, unit, curve.

    A year is condensed by the indicator's own rule; where it is undefined the cell is empty.
    """
    from marketplace.indicators import BY_NAME, summary

    first, last = summary(weekly.head(YEAR)), summary(weekly)
    cut = None if twin is None else summary(twin)
    out = []
    for name, label in HEADLINES.items():
        unit = BY_NAME[name].unit
        cells = [number(year[name], unit) for year in (first, last, cut) if year is not None]
        name_of = f"{label}, sum" if BY_NAME[name].rule == "sum" else label
        shown = {"share": "%", "1": ""}.get(unit, unit)
        out.append([name_of, *cells, shown, sparkline(weekly[name].to_numpy(), signs=signs)])
    return out


def number(value: float | None, unit: str = "") -> str:
    """A figure with three or four digits that count; shares as per cent; nothing for an undefined one."""
    if value is None or not math.isfinite(value):
        return ""
    if unit == "share":
        return f"{100.0 * value:.1f}" if abs(value) < HUGE else f"{100.0 * value:.1e}"
    if abs(value) >= HUGE:
        return f"{value:.1e}"
    for size, letter in ((1e9, " bn"), (1e6, " m")):
        if abs(value) >= size:
            return f"{value / size:,.2f}{letter}"
    digits = 0 if abs(value) >= 100 or value == round(value) else 1 if abs(value) >= 10 else 3
    return f"{value:,.{digits}f}"


def sparkline(values: Sequence[float] | np.ndarray, width: int = CURVE, signs: str = BLOCKS) -> str:
    """Draw a curve with one character for each of ``width`` equal spans of time; a blank where it is undefined."""
    values = np.asarray(values, dtype=np.float64)
    spans = [part[np.isfinite(part)] for part in np.array_split(values, min(width, max(1, len(values))))]
    means = [float(part.mean()) if part.size else math.nan for part in spans]
    known = [mean for mean in means if not math.isnan(mean)]
    if not known:
        return ""
    low, high = min(known), max(known)
    # Rounding in the means must not draw mountains on a level curve.
    size = high - low if high - low > 1e-9 * max(abs(low), abs(high)) else 0.0
    level = [mean if math.isnan(mean) else 0.5 if size == 0.0 else (mean - low) / size for mean in means]
    return "".join(" " if math.isnan(x) else signs[min(len(signs) - 1, int(x * len(signs)))] for x in level)


def _signs(console: Console) -> str:
    encoding = getattr(sys.stdout, "encoding", None) or console.encoding
    try:
        BLOCKS.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return BLOCKS


def _span(weekly: pd.DataFrame) -> str:
    return f"weeks\n{weekly['week'].iloc[0]}-{weekly['week'].iloc[-1]}"
