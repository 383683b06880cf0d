"""The figures of a validation: the model's mean and the middle 90 per cent of its seeds, beside what is real."""

from __future__ import annotations

import math
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from experiments.reports.chart_style import (
    FAINT,
    GREY,
    REAL,
    RULE,
    RUN,
    TWIN,
    WIDTH,
    label_ends,
    panels,
    per_cent,
    shorten,
    styled,
)
from experiments.validation.curves import LOG_REVENUE
from experiments.validation.measures import real_share
from experiments.validation.targets import Target, Targets

MODEL, TRUE = "model", "real"
TURNS = ((1999, 2001, "opening"), (2002, 2002, "\njump"), (2005, 2009, "plateau"))
"""Years in which the path of third parties' share turns; those of the statistics `share_1999_2001` and so on."""

END = 3.2  # of the scale of bounds, in halves of what is allowed
FROM = 2000  # year to which the fulfilment ratio is set to 100
Bands = dict[str, pd.DataFrame]


def amazon(metric: str) -> pd.Series:
    """A yearly figure of Amazon's, in per cent, by year."""
    path = resources.files("experiments") / "facts" / "amazon_annual.csv"
    table = pd.read_csv(str(path))
    chosen = table[table["metric"] == metric].set_index("year")["value"]
    return chosen.astype(float).sort_index()


@styled
def share_path(bands: Bands, targets: Targets) -> Figure:
    """Third parties' share of GMV by year, and the log of its odds, whose slope is C2."""
    figure, (left, right) = panels(1, 2, 2.3)
    band, real = bands["share"], real_share() / 100.0
    _turns(left)
    _band(left, band)
    _line(left, real, TRUE, REAL)
    _years(left, "share of GMV")
    left.yaxis.set_major_formatter(FuncFormatter(per_cent))
    left.set_ylim(0.0, 1.0)
    shares = band[["mean", "low", "high"]]
    inside = shares[((shares > 0.0) & (shares < 1.0)).all(axis=1)]
    _band(right, np.log(inside / (1.0 - inside)))
    _line(right, np.log(real / (1.0 - real)), TRUE, REAL)
    _years(right, "ln(third-party over own sales)")
    return figure


def _turns(ax: Axes) -> None:
    """Mark the years in which the real path turns, which a straight line through it does not."""
    for first, last, name in TURNS:
        ax.axvspan(first - 0.5, last + 0.5, color=RULE, alpha=0.55, linewidth=0)
        ax.annotate(name, ((first + last) / 2.0, 0.97), xycoords=("data", "axes fraction"), ha="center", va="top",
                    fontsize=6.5, color=GREY)  # fmt: skip


@styled
def margin(bands: Bands, targets: Targets) -> Figure:
    """The platform's margin by year, with the band in which Amazon's has been once mature."""
    figure, (ax,) = panels(1, 1, 2.3)
    ax.axhspan(0.0, 0.07, color=RULE, alpha=0.55, linewidth=0)
    _band(ax, bands["margin"])
    real = amazon("operating_income_over_net_sales") / 100.0
    _line(ax, real[real.index <= bands["margin"].index.max()], TRUE, REAL)
    _years(ax, "margin over revenue; shaded: 0 to 7 %")
    ax.yaxis.set_major_formatter(FuncFormatter(per_cent))
    ax.set_ylim(-0.4, 0.2)
    return figure


@styled
def fulfilment(bands: Bands, targets: Targets) -> Figure:
    """Fulfilment cost over revenue by year, both as an index: levels depend on what a customer's order is worth."""
    figure, (ax,) = panels(1, 1, 2.3)
    band, real = bands["fulfilment"], amazon("fulfillment_over_net_sales")
    if FROM in band.index and band.loc[FROM, "mean"] > 0.0:
        _band(ax, 100.0 * band / band.loc[FROM, "mean"])
    _line(ax, 100.0 * real[real.index <= band.index.max()] / real[FROM], TRUE, REAL)
    _years(ax, f"fulfilment cost over revenue, {FROM} = 100")
    return figure


@styled
def concentration(bands: Bands, targets: Targets) -> Figure:
    """Lorenz curve of sellers' revenue, and its distribution against a lognormal and a power law."""
    figure, (left, right) = panels(1, 2, 2.5)
    left.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8)
    _band(left, bands["lorenz"])
    top = _target(targets, "seller_top10_share")
    if top is not None:
        left.plot([0.9], [1.0 - top.value], "o", color=REAL, markersize=4)
        label_ends(left, [(0.9, 1.0 - top.value, TRUE, REAL)])
    for axis in (left.xaxis, left.yaxis):
        axis.set_major_formatter(FuncFormatter(per_cent))
    left.set_title("revenue held by the smallest sellers")
    left.set_xlabel("share of sellers", labelpad=1.5)
    _histogram(right, bands)
    return figure


def _histogram(ax: Axes, bands: Bands) -> None:
    width, heights = LOG_REVENUE[1] - LOG_REVENUE[0], bands["log_revenue"]
    low = heights.index.to_numpy(dtype=float)
    ax.bar(low, heights["mean"], width, align="edge", color=RUN, alpha=0.3, linewidth=0)
    fits = bands["log_revenue_fits"]["mean"]
    x = np.linspace(LOG_REVENUE[0], LOG_REVENUE[-1], 241)
    normal = np.exp(-0.5 * ((x - fits["mean"]) / fits["sd"]) ** 2) / (fits["sd"] * math.sqrt(2.0 * math.pi))
    above = x >= fits["least"]
    power = fits["exponent"] * np.exp(-fits["exponent"] * (x - fits["least"]))
    ax.plot(x, normal, color=RUN, linewidth=1.5)
    ax.plot(x[above], power[above], color=TWIN, linewidth=1.3, linestyle=(0, (3.2, 1.8)))
    label_ends(ax, [(x[-1], normal[-1], "lognormal", RUN), (x[-1], float(power[-1]), "power law", TWIN)])
    ax.set_title("sellers by revenue (density)")
    ax.set_xlabel("ln(revenue over its median)", labelpad=1.5)
    most = float(np.nanmax(heights["high"])) if heights["high"].notna().any() else 1.0
    ax.set_ylim(0.0, 1.4 * max(most, float(normal.max())))


@styled
def staying(bands: Bands, targets: Targets) -> Figure:
    """Churn of sellers by size, and survival of newcomers among them."""
    figure, (left, right) = panels(1, 2, 2.3)
    churn = bands["churn"]
    left.bar(churn.index, churn["mean"], 0.62, color=RUN, alpha=0.45, linewidth=0)
    left.vlines(churn.index, churn["low"], churn["high"], color=RUN, linewidth=1.1)
    fact = _target(targets, "seller_churn")
    if fact is not None:
        left.axhline(fact.value, color=REAL, linewidth=1.1)
        label_ends(left, [(5.5, fact.value, "real, all", REAL)])
    left.set_xticks([1, 2, 3, 4, 5], ["fewest orders", "2", "3", "4", "most"])
    left.grid(visible=False, axis="x")
    _finish(left, "quarterly churn by fifth of sellers", "")
    _band(right, bands["survival"])
    _finish(right, "newcomers that still sell", "quarters since the first order")
    return figure


@styled
def customers(bands: Bands, targets: Targets) -> Figure:
    """How many of a cohort order again, and what delivery days do to stars."""
    figure, (left, right) = panels(1, 2, 2.3)
    _band(left, bands["repeat"])
    fact = _target(targets, "repeat_share")
    if fact is not None:
        left.plot([39, 39], [fact.low, fact.high], color=REAL, linewidth=1.2)
        left.plot([39], [fact.value], "o", color=REAL, markersize=4)
        label_ends(left, [(39.0, fact.value, TRUE, REAL)])
    _finish(left, "new customers who have ordered again", "weeks since the first order")
    _band(right, bands["stars"])
    slope, known = _target(targets, "stars_per_day"), bands["stars"]["mean"].dropna()
    if slope is not None and known.size:
        x = np.array([float(known.index.min()), float(known.index.max())])
        # Only the slope is known: it is drawn through the middle of the model's.
        y = float(known.mean()) + slope.value * (x - float(np.mean(known.index.to_numpy(dtype=float))))
        right.plot(x, y, color=REAL, linewidth=1.1)
        label_ends(right, [(float(x[-1]), float(y[-1]), "real slope", REAL)])
    right.set_title("mean stars of an order")
    right.set_xlabel("delivery days, from", labelpad=1.5)
    return figure


@styled
def ranges(rows: list[dict[str, Any]]) -> Figure:
    """Every target on a scale of its own: allowed bounds shaded, the real value, the mean and its interval."""
    height = 0.24 * len(rows) + 0.5
    figure = Figure(figsize=(WIDTH, height))
    ax = figure.add_axes((0.14, 0.32 / height, 0.7, 1.0 - 0.4 / height))
    for k, row in enumerate(rows):
        _range(ax, -k, row)
    ax.set_xlim(-END, END)
    ax.set_ylim(-len(rows) + 0.4, 0.6)
    ax.set_yticks([-k for k in range(len(rows))], [shorten(row["target"]) for row in rows])
    ax.set_xticks([-1, 1], ["lowest allowed", "highest allowed"])
    ax.grid(visible=False)
    return figure


def _range(ax: Axes, y: float, row: dict[str, Any]) -> None:
    low, high = row["allowed_low"], row["allowed_high"]
    left, right = (-END if low is None else -1.0), (END if high is None else 1.0)
    ax.barh(y, right - left, 1.0, left, color=RULE, alpha=0.55, linewidth=0)
    # Of a fact with one side, the real value marks the other end; without one, the bound's own size does.
    ends = [end for end in (low, high) if end is not None]
    unit = abs((row["real"] if row["real"] is not None else 0.0) - ends[0]) or abs(ends[0]) or 1.0
    low, high = (high - unit if low is None else low), (low + unit if high is None else high)

    def place(value: float) -> float:
        return float(np.clip(2.0 * (value - low) / (high - low) - 1.0, -3.0, 3.0))

    colour = RUN if row["verdict"] == "inside" else TWIN
    if row["real"] is not None:
        ax.plot([place(row["real"])], [y], "|", color=REAL, markersize=9, markeredgewidth=1.3)
    if row["mean"] is not None:
        if row["low"] is not None:
            ax.plot([place(row["low"]), place(row["high"])], [y, y], color=colour, linewidth=1.6)
        ax.plot([place(row["mean"])], [y], "o", color=colour, markersize=4.5)
    word = row["verdict"] + ("" if row["required"] else ", shown only")
    ax.annotate(word, (1.0, y), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points",
                va="center", fontsize=7.0, color=colour)  # fmt: skip


def _band(ax: Axes, band: pd.DataFrame) -> None:
    known = band.dropna(subset=["mean"])
    x = known.index.to_numpy(dtype=float)
    if not x.size:
        return
    ax.fill_between(x, known["low"].to_numpy(float), known["high"].to_numpy(float), color=RUN, alpha=0.18, linewidth=0)
    ax.plot(x, known["mean"].to_numpy(float), color=RUN, linewidth=1.7, marker="o" if x.size == 1 else None)
    label_ends(ax, [(float(x[-1]), float(known["mean"].iloc[-1]), MODEL, RUN)])


def _line(ax: Axes, series: pd.Series, label: str, colour: str) -> None:
    x = series.index.to_numpy(dtype=float)
    ax.plot(x, series.to_numpy(dtype=float), color=colour, linewidth=1.1, marker="o", markersize=2.4)
    if x.size:
        label_ends(ax, [(float(x[-1]), float(series.iloc[-1]), label, colour)])


def _years(ax: Axes, title: str) -> None:
    ax.set_title(title)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))


def _finish(ax: Axes, title: str, x: str) -> None:
    ax.set_title(title)
    ax.set_xlabel(x, labelpad=1.5)
    ax.set_ylim(bottom=0.0)
    ax.yaxis.set_major_formatter(FuncFormatter(per_cent))
    ax.yaxis.label.set_color(GREY)


def _target(targets: Targets, statistic: str) -> Target | None:
    """The target for a statistic, where its real value is known."""
    known = (one for one in targets.targets if one.statistic == statistic and not math.isnan(one.value))
    return next(known, None)
