"""The figures of the report: functions of a run that return a matplotlib `Figure`.

Every function takes a run as `experiments.results.load_run` returns it (anything with ``scenario``, ``weekly`` and
``twin``) and draws nothing where nothing was recorded. Units come from `marketplace.indicators`.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from agents.policies.levers import CAPABILITIES
from experiments.reports.chart_style import (
    FAINT,
    GREY,
    INK,
    LEFT,
    REAL,
    RUN,
    SERIES,
    TINTS,
    TWIN,
    TWIN_DASH,
    YEAR,
    Line,
    draw_lines,
    label_ends,
    log_ticks,
    panels,
    say_missing,
    smooth,
    styled,
    time_axis,
    unit_axis,
)
from marketplace.indicators import indicator_of

FACTS = resources.files("experiments") / "facts" / "amazon_third_party_share.csv"
QUARTER = 13
COST_PARTS = ("shipping", "capacity", "handling", "speed")
TWIN_LABEL = "loop cut"
Range = tuple[float, float] | None


def platform_names(run: Any) -> list[str]:
    """Names of the platforms of a run, in the scenario's order."""
    return [platform.name for platform in run.scenario.platforms]


def values_of(frame: pd.DataFrame, column: str) -> pd.Series:
    """A column of ``weekly`` with the weeks counted from 0; missing throughout where there is no such column."""
    if column not in frame:
        return pd.Series(np.nan, index=pd.RangeIndex(len(frame)), dtype=float)
    return frame[column].reset_index(drop=True).astype(float).replace([np.inf, -np.inf], np.nan)


def lines_of(run: Any, name: str, label: str = "", *, total: bool = False) -> list[Line]:
    """The lines of one indicator: one a platform where measured so; else, or for the ``total``, with the twin's."""
    names = platform_names(run)
    if not total and len(names) > 1 and indicator_of(name).per_platform:
        columns = [(f"{name}.{platform}", platform, SERIES[i % len(SERIES)]) for i, platform in enumerate(names)]
        return [Line(values_of(run.weekly, column), shown, *style) for column, shown, style in columns]
    lines = [Line(values_of(run.weekly, name), label)]
    if run.twin is not None:
        cut = Line(values_of(run.twin, name), TWIN_LABEL, TWIN, TWIN_DASH, 1.3, noise=False)
        lines = [lines[0]._replace(label=label or "this run"), cut]
    return lines


def draw(
    ax: Axes, run: Any, name: str, title: str, *, log: bool = False, total: bool = False, fixed: Range = None
) -> None:
    """Draw one indicator in one panel with its unit; ``fixed`` states the y axis' limits."""
    indicator = indicator_of(name)
    lines = lines_of(run, name, total=total)
    if log:
        lines = [line._replace(values=line.values.where(line.values > 0.0)) for line in lines]
        if any(line.values.notna().any() for line in lines):
            ax.set_yscale("log")
            log_ticks(ax.yaxis)
    unit_axis(ax, indicator.unit)
    set_title(ax, title, "" if indicator.unit in ("share", "1") else indicator.unit + (", log scale" if log else ""))
    draw_lines(ax, lines, len(run.weekly), fixed)


def set_title(ax: Axes, title: str, unit: str = "") -> None:
    """Title in bold from the left edge of the panel, the unit in grey at its right."""
    figure: Any = ax.figure
    inches = ax.get_position().width * figure.get_figwidth()
    ax.set_title(title, x=-LEFT / inches, pad=7.0)
    if unit:
        ax.annotate(
            unit, (1, 1), xycoords="axes fraction", xytext=(0, 8), textcoords="offset points",
            ha="right", color=GREY, fontsize=7.0,
        )  # fmt: skip


def from_zero(*axes: Axes) -> None:
    """Let the y axis start at zero, where all that is drawn lies above."""
    for ax in axes:
        if ax.dataLim.y0 >= 0.0:
            ax.set_ylim(bottom=0.0)


@styled
def growth(run: Any) -> Figure:
    """GMV (linear and log), active customers and orders, beside the twin with the loop cut."""
    figure, axes = panels(2, 2, 1.75)
    several = len(platform_names(run)) > 1
    draw(axes[0], run, "gmv", "GMV a week, all platforms" if several else "GMV a week", total=True)
    draw(axes[1], run, "gmv", "GMV a week by platform" if several else "GMV a week", log=True)
    draw(axes[2], run, "active_customers", "Active customers")
    draw(axes[3], run, "orders", "Orders a week, all platforms" if several else "Orders a week", total=True)
    from_zero(axes[0], axes[2], axes[3])
    return figure


def real_share() -> pd.Series:
    """Third parties' share of Amazon's physical gross merchandise sales by year, 1999-2018, as a share of 1.

    Source: J. P. Bezos, 2018 letter to shareholders.
    """
    table = pd.read_csv(str(FACTS))
    return pd.Series(table["third_party_share_pct"].to_numpy(dtype=float) / 100.0, index=table["year"])


def compares_with_real(run: Any) -> bool:
    """Whether the real series says something about a run: one platform, ten years or longer."""
    return len(platform_names(run)) == 1 and len(run.weekly) >= 10 * YEAR


def yearly(values: pd.Series) -> pd.Series:
    """Means of whole years, indexed 1, 2, ..."""
    whole = values.iloc[: len(values) // YEAR * YEAR]
    means = whole.groupby(np.arange(len(whole)) // YEAR).mean()
    means.index += 1
    return means


@styled
def third_party_share(run: Any) -> Figure:
    """Third parties' share of GMV, beside Amazon's of 1999-2018 (year 1 = 1999) where that makes sense."""
    figure, (ax,) = panels(1, 1, 2.5, right=1.15)
    lines = lines_of(run, "third_party_share")
    unit_axis(ax, "share")
    set_title(ax, "Third parties' share of GMV")
    draw_lines(ax, lines, len(run.weekly), fixed=(0.0, 1.0))
    opens = min(platform.marketplace_opens for platform in run.scenario.platforms)
    if 1 < opens <= len(run.weekly):
        at = opens / (YEAR if len(run.weekly) >= 2 * YEAR else 1)
        ax.axvline(at, color=FAINT, linewidth=0.8)
        where = {"xytext": (3, 0), "textcoords": "offset points", "va": "top"}
        ax.annotate("opens to third parties", (at, 0.97), color=GREY, **where)
    if compares_with_real(run):
        real = real_share()
        year = np.arange(1, len(real) + 1)
        shown = year <= len(run.weekly) / YEAR
        at, share = year[shown] - 0.5, real.to_numpy()[shown]
        ax.plot(at, share, color=REAL, marker="o", markersize=3.2, linewidth=0.8, markerfacecolor="white", zorder=3)
        label_ends(ax, [(at[-1], share[-1], f"Amazon {real.index[0]}–{real.index[shown.sum() - 1]}", REAL)])
    return figure


@styled
def price_and_cost(run: Any) -> Figure:
    """Price index and own retail price; unit cost, by part."""
    figure, axes = panels(1, 2, 2.2)
    names = platform_names(run)
    if len(names) > 1:
        draw(axes[0], run, "price_index", "Price index")
    else:
        index = lines_of(run, "price_index", "index")
        own = Line(values_of(run.weekly, "retail_price"), "own retail", *SERIES[1])
        cut = [index[1]._replace(label="index, cut")] if len(index) > 1 else []
        unit_axis(axes[0], "price level")
        set_title(axes[0], "Prices", "price level")
        draw_lines(axes[0], [index[0], own, *cut], len(run.weekly))
    draw_cost(axes[1], run)
    return figure


def draw_cost(ax: Axes, run: Any) -> None:
    """Stack the parts of the cost of an order; the twin's whole unit cost as a dashed line."""
    set_title(ax, "Unit cost by part", "currency per order")
    unit_axis(ax, "currency")
    per = time_axis(ax, len(run.weekly))
    parts = [smooth(values_of(run.weekly, f"unit_cost.{part}"), len(run.weekly)) for part in COST_PARTS]
    table = pd.concat(parts, axis=1)
    if table.dropna().empty:
        say_missing(ax)
        return
    x = (table.index.to_numpy(dtype=float) + 1.0) / per
    shown = [k for k in range(len(COST_PARTS)) if table.iloc[:, k].abs().max() > 0.0]
    upper = np.cumsum(table.to_numpy()[:, shown], axis=1)
    lower = np.column_stack([np.zeros(len(table)), upper[:, :-1]])
    last = int(np.flatnonzero(np.isfinite(upper).all(axis=1))[-1])
    ends = []
    for i, k in enumerate(shown):
        ax.fill_between(x, lower[:, i], upper[:, i], color=TINTS[k], linewidth=0.4, edgecolor="white")
        ends.append((x[last], (lower[last, i] + upper[last, i]) / 2.0, COST_PARTS[k], INK))
    top = np.nanmax(upper)
    if run.twin is not None:
        cut = smooth(values_of(run.twin, "unit_cost"), len(run.weekly)).dropna()
        if not cut.empty:
            at = (cut.index.to_numpy(dtype=float) + 1.0) / per
            ax.plot(at, cut, color=TWIN, linestyle=TWIN_DASH, linewidth=1.3)
            ends.append((at[-1], cut.iloc[-1], TWIN_LABEL, TWIN))
            top = max(top, cut.max())
    ax.set_ylim(0.0, 1.08 * top if top > 0.0 else 1.0)
    label_ends(ax, ends)


@styled
def satisfaction_and_delivery(run: Any) -> Figure:
    """Satisfaction, NPS, promised and actual delivery days, and deliveries on time."""
    figure, axes = panels(2, 2, 1.75)
    draw(axes[0], run, "satisfaction", "Satisfaction")
    draw(axes[1], run, "nps", "Net promoter score")
    draw(axes[3], run, "on_time_rate", "Delivered on time")
    set_title(axes[2], "Delivery", "days")
    unit_axis(axes[2], "days")
    promised = Line(values_of(run.weekly, "promised_days"), "promised", *SERIES[1])
    draw_lines(axes[2], [Line(values_of(run.weekly, "delivery_days"), "actual"), promised], len(run.weekly))
    from_zero(axes[2])
    return figure


@styled
def sellers(run: Any) -> Figure:
    """Number of sellers, entries and exits by quarter, Gini and the top tenth's share."""
    figure, axes = panels(2, 2, 1.75)
    draw(axes[0], run, "active_sellers", "Third-party sellers")
    draw(axes[2], run, "seller_gini", "Gini coefficient of sellers' sales", fixed=(0.0, 1.0))
    draw(axes[3], run, "seller_top10_share", "Share of the top tenth in sellers' sales", fixed=(0.0, 1.0))
    from_zero(axes[0])
    draw_turnover(axes[1], run)
    return figure


def draw_turnover(ax: Axes, run: Any) -> None:
    """Entries upward and exits downward, summed over quarters (weeks, in a run of less than two years)."""
    weeks = len(run.weekly)
    step = QUARTER if weeks >= 2 * YEAR else 1
    set_title(ax, "Entries and exits", "sellers a quarter" if step > 1 else "sellers a week")
    unit_axis(ax, "sellers")
    per = time_axis(ax, weeks)
    ends = []
    for name, sign, colour, label in (("entries", 1.0, RUN, "in"), ("exits", -1.0, TWIN, "out")):
        values = values_of(run.weekly, name)
        sums = values.groupby(np.arange(weeks) // step).sum(min_count=1).dropna()
        if not sums.empty:
            at = (sums.index.to_numpy(dtype=float) + 0.5) * step / per
            ax.bar(at, sign * sums, width=0.82 * step / per, color=colour, linewidth=0)
            ends.append((at[-1], sign * sums.abs().max() * 0.5, label, colour))
    if ends:
        ax.axhline(0.0, color=GREY, linewidth=0.6)
        label_ends(ax, ends)
    else:
        say_missing(ax)


@styled
def money(run: Any) -> Figure:
    """The platform's margin, cash, take rate and capabilities."""
    figure, axes = panels(2, 2, 1.75)
    draw(axes[0], run, "platform_margin", "Margin over revenue")
    draw(axes[1], run, "platform_cash", "Cash")
    draw(axes[2], run, "take_rate", "Take rate on third-party sales")
    for ax in axes[:2]:
        if ax.lines:
            ax.axhline(0.0, color=GREY, linewidth=0.6)
    draw_capabilities(axes[3], run)
    return figure


def draw_capabilities(ax: Axes, run: Any) -> None:
    """The level of each capability that was ever built; those that never were are named."""
    set_title(ax, "Capabilities", "level, mean of platforms" if len(platform_names(run)) > 1 else "level")
    unit_axis(ax, "share")
    lines, never = [], []
    for i, name in enumerate(CAPABILITIES):
        line = Line(values_of(run.weekly, f"capability.{name}"), name, *SERIES[i % len(SERIES)], 1.3, False)
        (never if (line.values == 0.0).all() else lines).append(line)
    if lines:
        draw_lines(ax, lines, len(run.weekly), fixed=(0.0, 1.0))
    else:
        time_axis(ax, len(run.weekly))
        ax.set_ylim(0.0, 1.0)
    if never:
        words = f"never built: {', '.join(line.label for line in never)}"
        ax.text(0.02, 0.95, words, transform=ax.transAxes, va="top", color=GREY, fontsize=6.5)
