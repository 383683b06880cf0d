"""What the report says in words: numbers as people write them, and sentences computed from a run.

A sentence is plain text; the page escapes it. Where a value is missing the sentence says so or is left out: nothing
is said that the numbers do not carry.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from experiments.reports.chart_style import YEAR, smooth
from experiments.reports.charts import compares_with_real, platform_names, real_share, values_of, yearly
from experiments.wording import HUGE
from marketplace.indicators import indicator_of

STEADY = 0.05  # a change smaller than this share is called none
PEAK = 1.15  # a peak is mentioned if it stood at least so much above the end
SMALL = 1e-5  # nearer to zero is written as nearly zero
NO_VALUE = "–"


class Span(NamedTuple):
    """The stretch of weeks that stands for the start and the end of a run."""

    weeks: int

    @property
    def name(self) -> str:
        """``year``, or the number of weeks where the run is shorter than two years."""
        if self.weeks == YEAR:
            return "year"
        return "week" if self.weeks == 1 else f"{self.weeks} weeks"


def span_of(weeks: int) -> Span:
    """A year where the run has two of them, else a quarter of the run, at least a week."""
    return Span(YEAR if weeks >= 2 * YEAR else max(1, weeks // 4))


class Change(NamedTuple):
    """An indicator at the start and at the end of a run; NaN where it is undefined."""

    first: float
    last: float

    @property
    def ratio(self) -> float:
        """Last over first; NaN where that says nothing."""
        return self.last / self.first if self.first > 0.0 and self.last >= 0.0 else math.nan


def condense(values: pd.Series, rule: str) -> float:
    """Condense weeks by an indicator's rule (``mean``, ``sum``, ``last``); NaN without any value."""
    seen = values.dropna()
    if seen.empty:
        return math.nan
    return float(seen.iloc[-1] if rule == "last" else getattr(seen, rule)())


def change(frame: pd.DataFrame, column: str, rule: str | None = None) -> Change:
    """An indicator in the first and the last span of a run, by its own rule or by ``rule``."""
    values, weeks = values_of(frame, column), span_of(len(frame)).weeks
    rule = rule or indicator_of(column).rule
    return Change(condense(values.iloc[:weeks], rule), condense(values.iloc[-weeks:], rule))


def twin_last(run: Any, column: str, rule: str | None = None) -> float:
    """An indicator at the end of the twin; NaN without a twin that lived as many weeks as the run."""
    if run.twin is None or len(run.twin) != len(run.weekly):
        return math.nan
    return change(run.twin, column, rule).last


def number(value: float | None, unit: str = "") -> str:
    """Write a number with three figures that matter: ``1,240``, ``0.0312``, ``58 %``, ``1.24 million``."""
    if value is None or not math.isfinite(value):
        return NO_VALUE
    if unit == "share":
        size = abs(100.0 * value)
        if 0.0 < size < 0.005:
            return "≈ 0 %"
        if size >= HUGE:
            return f"{100.0 * value:.1e} %".replace("-", "−")
        nearly_all = 99.5 <= size < 100.0
        whole = (size >= 9.95 and not nearly_all) or size == 0.0
        return _signed(100.0 * value, 0 if whole else 1 if size >= 0.995 and not nearly_all else 2) + " %"
    if abs(value) >= HUGE:
        return f"{value:.1e}".replace("-", "−")
    for scale, name in ((1e9, "billion"), (1e6, "million")):
        if abs(value) >= scale:
            return f"{_signed(value / scale, 2)} {name}"
    size = abs(value)
    if value == int(value):
        return _signed(value, 0)
    if size < SMALL:
        return "≈ 0"
    return _signed(value, 0 if size >= 99.5 else max(0, 2 - math.floor(math.log10(size))))


def _signed(value: float, digits: int) -> str:
    text = f"{value:,.{digits}f}".replace("-", "−")
    return text.lstrip("−") if not any(d in text for d in "123456789") else text


def times(ratio: float) -> str:
    """``26 times``, ``1.4 times``."""
    return f"{ratio:.0f} times" if ratio >= 10.0 else f"{ratio:.1f} times"


def moved(what: str, pair: Change, unit: str, *, plural: bool = False) -> str:
    """``The price index fell from 1.41 to 1.12 (−21 %).``; empty where either end is undefined."""
    if not all(math.isfinite(value) for value in pair):
        return ""
    first, last = number(pair.first, unit), number(pair.last, unit)
    scale = max(abs(pair.first), abs(pair.last))
    if scale == 0.0 or abs(pair.last - pair.first) < STEADY * scale:
        verb = "were" if plural else "was"
        there = f"{verb} {first} at the start and {last} at the end" if first != last else f"stayed at {last}"
        return f"{what} {there}."
    verb = "rose" if pair.last > pair.first else "fell"
    return f"{what} {verb} from {first} to {last}{_relative(pair, unit)}."


def _relative(pair: Change, unit: str) -> str:
    """`` (−21 %)`` or `` (2.3 times)``; nothing for shares, whose points speak for themselves."""
    if unit == "share" or not pair.ratio > 0.0:
        return ""
    if pair.ratio >= 2.0:
        return f" ({times(pair.ratio)})"
    return f" ({'+' if pair.ratio > 1.0 else '−'}{number(abs(pair.ratio - 1.0), 'share')})"


def headline(run: Any) -> list[str]:
    """The findings in sentences, the most important first."""
    sentences = [_growth(run), _third_parties(run), _against_twin(run), _strongest(run)]
    sentences += [_cost(run), *_rivals(run), _purse(run)]
    return [sentence for sentence in sentences if sentence]


def _growth(run: Any) -> str:
    gmv, span = change(run.weekly, "gmv", "mean"), span_of(len(run.weekly)).name
    if not math.isfinite(gmv.last):
        return "No GMV was recorded in this run, so it says nothing about growth."
    if not math.isfinite(gmv.first) or gmv.first <= 0.0:
        return f"GMV reached {number(gmv.last)} a week in the last {span}; at the start there was none to compare with."
    said = f"from {number(gmv.first)} a week in the first {span} to {number(gmv.last)} a week in the last"
    if abs(gmv.ratio - 1.0) < STEADY:
        text = f"GMV hardly changed: {said}."
    elif gmv.ratio > 1.0:
        text = f"GMV grew {said}{_relative(gmv, 'currency')}."
    else:
        text = f"GMV shrank {said}{_relative(gmv, 'currency')}."
    return text + _peak(run, gmv.last)


def _peak(run: Any, last: float) -> str:
    """A clause on an earlier peak, in runs long enough to have one."""
    if len(run.weekly) < 2 * YEAR:
        return ""
    mean = smooth(values_of(run.weekly, "gmv"), len(run.weekly))
    top = mean.max()
    if not top > PEAK * last:
        return ""
    year = int(mean.idxmax()) // YEAR + 1
    below = number(1 - last / top, "share")
    return f" It had peaked at {number(top)} a week in year {year}; the last year lies {below} below that."


def _third_parties(run: Any) -> str:
    share, span = change(run.weekly, "third_party_share"), span_of(len(run.weekly)).name
    if not math.isfinite(share.last):
        return "Third parties' share of it is not defined."
    if share.last < 0.005:
        return f"Third parties sell next to nothing of it ({number(share.last, 'share')})."
    how_much = "all" if share.last > 0.9999 else number(share.last, "share")
    then = number(share.first, "share") if share.first > 0.0 else "none"
    before = f", against {then} in the first" if math.isfinite(share.first) else ""
    return f"Third parties sell {how_much} of it in the last {span}{before}."


def _against_twin(run: Any) -> str:
    whole = (run.ablation or {}).get("all") or {}
    if run.twin is None and whole.get("mean") is not None:
        return _whole_loop(whole)
    if run.twin is None:
        return (
            "The same world with the loop cut was not run beside it, "
            "so this report cannot say how much of the outcome the flywheel carried."
        )
    if len(run.twin) != len(run.weekly):
        return (
            f"The same world with the loop cut lived {len(run.twin):,} weeks and the run {len(run.weekly):,}, "
            "so their ends are not compared."
        )
    gmv, cut = change(run.weekly, "gmv", "mean").last, twin_last(run, "gmv", "mean")
    if not (math.isfinite(gmv) and math.isfinite(cut)):
        return "The same world with the loop cut has no GMV to compare with."
    text = f"The same world under the same luck with the loop cut reached {number(cut)} a week"
    if cut <= 0.0:
        return text + "."
    return _against_cut(text, gmv, cut) + (f" {_whole_loop(whole)}" if whole.get("mean") is not None else "")


def _against_cut(text: str, gmv: float, cut: float) -> str:
    """How the last GMV of the run lies to that of its twin."""
    if abs(gmv / cut - 1.0) < STEADY:
        return f"{text}: the loop made no difference worth the name."
    if gmv > cut:
        more = times(gmv / cut) + " as much" if gmv >= 2.0 * cut else number(gmv / cut - 1.0, "share") + " more"
        return f"{text}: with the loop turning the last GMV is {more}."
    less = number(1.0 - gmv / cut, "share")
    return f"{text}: with the loop turning the last GMV is {less} less, so here it held growth back."


def _whole_loop(whole: Mapping[str, Any]) -> str:
    """What all links carried together, over seeds."""
    n, change = whole.get("n", 0), _as_share(whole["mean"])
    if n < 2:
        return f"With all links of the loop shut, GMV comes out {change} (one seed)."
    sure = "" if whole.get("distinguishable") else ", which cannot be told from no change"
    return f"With all links of the loop shut, GMV comes out {change} (mean over {n} seeds){sure}."


def _as_share(log_change: float) -> str:
    """A change of the log in words: ``76 % lower``."""
    size = number(abs(math.expm1(log_change)), "share")
    return f"{size} {'lower' if log_change < 0.0 else 'higher'}"


def _strongest(run: Any) -> str:
    """The link that carries most growth, where an ablation measured it."""
    rows = (run.ablation or {}).get("links") or []
    told = [row for row in rows if row.get("distinguishable") and row["mean"] < 0.0]
    if not told:
        return ""
    first = min(told, key=lambda row: row["mean"])
    what = str(first["link"]).replace("->", " → ").replace("_", " ")
    return (
        f"Of the single links, {what} carries most: shut alone, it leaves GMV "
        f"{_as_share(first['mean'])}; {len(told)} of {len(rows)} links carry growth that can be told from zero."
    )


def _cost(run: Any) -> str:
    parts = [
        moved("The price index", change(run.weekly, "price_index"), "price level"),
        moved("the cost of fulfilling an order", change(run.weekly, "unit_cost"), "currency"),
    ]
    parts = [part.rstrip(".") for part in parts if part]
    text = "; ".join(parts)
    return text[:1].upper() + text[1:] + "." if text else ""


def _rivals(run: Any) -> list[str]:
    """How the platforms share the last GMV, where there are several."""
    names = platform_names(run)
    if len(names) < 2:
        return []
    total = change(run.weekly, "gmv", "mean").last
    if not total > 0.0:
        return []
    shares = [(change(run.weekly, f"gmv.{name}", "mean").last / total, name) for name in names]
    said = ", ".join(f"{name} {number(share, 'share')}" for share, name in sorted(shares, reverse=True))
    return [f"Of the last GMV the platforms hold: {said}."]


def _purse(run: Any) -> str:
    cash = change(run.weekly, "platform_cash").last
    if not math.isfinite(cash) or cash >= 0.0:
        return ""
    who = "The platforms end" if len(platform_names(run)) > 1 else "The platform ends"
    return f"{who} in debt, with {number(cash)} in cash."


def real_gap(run: Any) -> str:
    """How far third parties' yearly shares lie from Amazon's of 1999-2018; empty where they are not compared."""
    if not compares_with_real(run):
        return ""
    real = real_share()
    first = int(real.index[0]) - 1  # the year before year 1
    real.index -= first
    gap = (yearly(values_of(run.weekly, "third_party_share")) - real).dropna()
    if gap.empty:
        return ""
    rms = math.sqrt(float((gap**2).mean()))
    end = int(gap.index[-1])
    way = "above" if gap.iloc[-1] > 0 else "below"
    return (
        f"Year by year the run lies {100 * rms:.0f} percentage points (root mean square, {len(gap)} years) from "
        f"Amazon's share; in year {end} it is {100 * abs(gap.iloc[-1]):.0f} points {way} the "
        f"{number(real[end], 'share')} of {first + end}."
    )
