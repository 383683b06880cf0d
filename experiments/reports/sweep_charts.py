"""The figures of a sweep's page: main effects, two factors together, courses over time, indices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.reports.chart_style import (
    FAINT,
    GREY,
    INK,
    RUN,
    SERIES,
    TWIN,
    WIDTH,
    label_ends,
    panels,
    say_missing,
    shorten,
    smooth,
    styled,
    time_axis,
    unit_axis,
)
from experiments.reports.words import number
from marketplace.indicators import indicator_of

ACROSS = 3  # panels side by side
Bands = Mapping[str, Mapping[str, pd.DataFrame]]


@styled
def main_effects(effects: Mapping[tuple[str, str], pd.DataFrame]) -> Figure:
    """A row of panels an indicator, a panel a factor: mean at each level, with its interval.

    Parameters
    ----------
    effects : mapping of (indicator, factor) to DataFrame
        As `experiments.sensitivity.effects.level_means` makes them.
    """
    indicators = list(dict.fromkeys(indicator for indicator, _ in effects))
    factors = list(dict.fromkeys(factor for _, factor in effects))
    columns = min(ACROSS, len(factors))
    blocks = -(-len(factors) // columns)
    figure, axes = panels(len(indicators) * blocks, columns, 1.65, right=0.2)
    free = list(axes)
    for indicator in indicators:
        bounds: list[float] = []
        mine = [free.pop(0) for _ in range(blocks * columns)]
        for k, (ax, factor) in enumerate(zip(mine, factors, strict=False)):
            _level_panel(ax, effects[indicator, factor], bounds)
            unit_axis(ax, indicator_of(indicator).unit)
            ax.set_title(f"{indicator.replace('_', ' ')} by {factor}" if k == 0 else f"by {factor}", fontsize=7.2)
        for ax in mine[: len(factors)]:  # one scale an indicator, so that factors can be told apart by strength
            _same_scale(ax, bounds)
        for ax in mine[len(factors) :]:
            ax.set_axis_off()
    return figure


def _level_panel(ax: Axes, table: pd.DataFrame, bounds: list[float]) -> None:
    if table.empty or table["mean"].isna().all():
        say_missing(ax)
        return
    words = not pd.api.types.is_numeric_dtype(table["level"])
    x = np.arange(len(table)) if words else table["level"].to_numpy(dtype=float)
    low, high = (table[name].fillna(table["mean"]) for name in ("low", "high"))
    ax.vlines(x, low, high, color=FAINT, linewidth=3.0)
    ax.plot(x, table["mean"], color=RUN, marker="o", markersize=3.2, linewidth=0.0 if words else 1.2)
    bounds += [float(low.min()), float(high.max())]
    if words:
        ax.set_xticks(x, [shorten(str(name), 12) for name in table["level"]])
        ax.set_xlim(-0.5, len(x) - 0.5)


def _same_scale(ax: Axes, bounds: Sequence[float]) -> None:
    if bounds:
        low, high = min(bounds), max(bounds)
        room = 0.08 * (high - low) or 0.05 * abs(high) or 0.5
        ax.set_ylim(low - room, high + room)


@styled
def heat_map(cells: pd.DataFrame, row: str, column: str, indicator: str) -> Figure:
    """Means of an indicator by two factors, as `experiments.sensitivity.effects.cell_means` makes them."""
    unit = indicator_of(indicator).unit
    height = 0.75 + 0.34 * len(cells)
    figure = Figure(figsize=(WIDTH, height))
    across, down = min(5.2, 0.95 * cells.shape[1]), 0.34 * len(cells)
    ax = figure.add_axes((1.5 / WIDTH, 0.5 / height, across / WIDTH, down / height))
    values = cells.to_numpy(dtype=float)
    low, high = np.nanmin(values), np.nanmax(values)
    across_at, down_at = (np.arange(size + 1) - 0.5 for size in (cells.shape[1], len(cells)))
    span = (high - low) or 1.0
    mesh = ax.pcolormesh(across_at, down_at, values, cmap="Blues", vmin=low - 0.15 * span, vmax=high + 0.25 * span)
    mesh.set_rasterized(False)  # drawn as shapes: nothing in a page is an image
    ax.invert_yaxis()
    for i, j in np.ndindex(values.shape):
        if np.isfinite(values[i, j]):
            dark = high > low and (values[i, j] - low) / (high - low) > 0.72
            ax.text(j, i, number(values[i, j], unit), ha="center", va="center", color="white" if dark else INK)
    ax.set_xticks(range(cells.shape[1]), [_level(name) for name in cells.columns])
    ax.set_yticks(range(len(cells)), [_level(name) for name in cells.index])
    ax.set_xlabel(column)
    ax.set_ylabel(row)
    ax.grid(False)
    return figure


def _level(value: Any) -> str:
    return number(value) if isinstance(value, float) else shorten(str(value), 14)


@styled
def courses(bands: Bands, order: Sequence[str] = ()) -> Figure:
    """A panel an indicator: its mean course with the interval of the mean, for each group of runs.

    Parameters
    ----------
    bands : mapping
        Indicator -> group -> table with ``week mean low high``.
    order : sequence of str
        Groups by their place in the palette, so that one has the same colour in every figure of a page; by default
        the groups as they come.
    """
    columns = 2 if len(bands) > 1 else 1
    figure, axes = panels(-(-len(bands) // columns), columns, 1.9, right=0.85)
    weeks = shortest(bands)
    for ax, (indicator, groups) in zip(axes, bands.items(), strict=False):
        ends = []
        per = time_axis(ax, max((int(t["week"].max()) for t in groups.values() if len(t)), default=1))
        styles = dict(zip(order or groups, SERIES, strict=False))
        for group in [group for group in groups if group in styles]:
            ends += _course(ax, groups[group], group, styles[group], weeks, per)
        label_ends(ax, ends)
        unit_axis(ax, indicator_of(indicator).unit)
        ax.set_title(indicator.replace("_", " "))
    for ax in axes[len(bands) :]:
        ax.set_axis_off()
    return figure


def shortest(bands: Bands) -> int:
    """Weeks of the shortest course: the mean that is drawn must not level it out."""
    return min((len(table) for groups in bands.values() for table in groups.values() if len(table)), default=1)


def _course(
    ax: Axes, table: pd.DataFrame, group: str, style: tuple[str, Any], weeks: int, per: float
) -> list[tuple[float, float, str, str]]:
    """Draw one course with its band; return its end, to be labelled, if it has one."""
    colour, dash = style
    x = table["week"].to_numpy(dtype=float) / per
    mean, low, high = (smooth(table[name], weeks) for name in ("mean", "low", "high"))
    ax.fill_between(x, low, high, color=colour, alpha=0.16, linewidth=0.0)
    ax.plot(x, mean, color=colour, linestyle=dash, linewidth=1.5)
    known = np.flatnonzero(np.isfinite(mean))
    return [(float(x[known[-1]]), float(mean.iloc[known[-1]]), group, colour)] if known.size else []


@styled
def index_bars(indices: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """Sensitivity indices with their intervals, a line each, the strongest factor first."""
    rows = list(indices)
    height = 0.7 + 0.2 * len(rows)
    figure = Figure(figsize=(WIDTH, height))
    ax = figure.add_axes((2.4 / WIDTH, 0.45 / height, 4.6 / WIDTH, 0.2 * len(rows) / height))
    for k, row in enumerate(rows):
        colour = RUN if row["name"] in ("ST", "mu_star") else TWIN
        if row.get("low") is not None:
            ax.plot([row["low"], row["high"]], [k, k], color=colour, alpha=0.35, linewidth=3.0)
        ax.plot([row["value"]], [k], "o", color=colour, markersize=3.6)
    ax.axvline(0.0, color=GREY, linewidth=0.6)
    ax.set_yticks(range(len(rows)), [f"{row['name']}  {' x '.join(row['factors'])}" for row in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.grid(True, axis="x")
    ax.set_title(title)
    return figure


@styled
def forest(rows: Sequence[Mapping[str, Any]], title: str, colour: str = RUN) -> Figure:
    """Differences of an arm from the baseline, a line an indicator: per cent of the baseline, with intervals.

    Parameters
    ----------
    rows : sequence of mapping
        ``label``, ``effect low high`` on a common scale, and ``sure`` (whether it is distinguishable).
    title : str
        Above the figure.
    colour : str
        Of the arm; what is not distinguishable is pale, with a hollow mark.
    """
    height = 0.75 + 0.19 * len(rows)
    figure = Figure(figsize=(WIDTH, height))
    ax = figure.add_axes((1.7 / WIDTH, 0.42 / height, 5.2 / WIDTH, 0.19 * len(rows) / height))
    for k, row in enumerate(rows):
        ax.plot([row["low"], row["high"]], [k, k], color=colour, linewidth=2.4, alpha=0.6 if row["sure"] else 0.25)
        filled = colour if row["sure"] else "white"
        ax.plot([row["effect"]], [k], "o", color=colour, markersize=3.6, markerfacecolor=filled, markeredgewidth=0.8)
    ax.axvline(0.0, color=GREY, linewidth=0.7)
    ax.set_yticks(range(len(rows)), [row["label"] for row in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.grid(True, axis="x")
    ax.set_title(title)
    return figure
