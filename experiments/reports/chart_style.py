"""How every figure looks: palette, lines with their weekly noise, labels at the line, and SVG text.

Nothing here touches pyplot: figures are plain objects, and the style holds only inside `styled`. Series differ in
lightness and dash as well as in hue, so that they survive grayscale print and colour blindness (Okabe & Ito 2008).
"""

from __future__ import annotations

import functools
import io
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import matplotlib
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

Make = TypeVar("Make", bound=Callable[..., Figure])

INK, GREY, FAINT, RULE = "#1f2933", "#6b7680", "#a9b2ba", "#d8dde2"
RUN, TWIN, REAL = "#0b4a7f", "#c9661b", "#1f2933"
SERIES: tuple[tuple[str, Any], ...] = (
    (RUN, "solid"),
    ("#12937c", (0, (1.2, 1.3))),
    ("#7a3f8f", (0, (6, 1.5, 1.2, 1.5))),
    ("#9a7400", (0, (6, 1.6))),
    ("#5b6770", (0, (2.5, 1.2))),
)
TINTS = ("#0b4a7f", "#4f87b5", "#9dc0dc", "#d7e5f0")  # one hue, even steps of lightness, for stacked parts
TWIN_DASH = (0, (3.2, 1.8))

YEAR, SMOOTH = 52, 13  # weeks in a year, and at most in the mean drawn over the weekly noise
LEFT = 0.45  # inches between the edge of a panel and its y axis
WIDTH = 7.3  # inches: the text width of an A4 page
LABEL_GAP = 9.5  # points between labels that would overlap
FAR = 4.0  # weeks may run off the scale if they stretch it to so many times the range of the middle 92 %
ENDS = "line_ends"  # attribute of an Axes: labels to be placed when the figure is complete

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # ships with matplotlib, so that layouts are the same everywhere
    "font.size": 7.5,
    "axes.titlesize": 8.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 7.0,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.5,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "xtick.major.size": 2.5,
    "ytick.major.size": 0.0,
    "ytick.minor.size": 0.0,
    "text.color": INK,
    "text.parse_math": False,  # a label is never mathematics
    "svg.fonttype": "none",
    "svg.hashsalt": "marketplace",  # same figure, same text
    "path.simplify": True,
    "path.simplify_threshold": 0.2,
}
PRINT_FAMILY = "Helvetica, Arial, sans-serif"


class Line(NamedTuple):
    """A series to draw: its values by week, and how it is marked."""

    values: pd.Series
    label: str
    colour: str = RUN
    dash: Any = "solid"
    width: float = 1.7
    noise: bool = True


def styled(make: Make) -> Make:
    """Run a function that makes a figure under the report's style, and leave the global style as it was."""

    @functools.wraps(make)
    def inside(*args: Any, **kwargs: Any) -> Figure:
        with matplotlib.rc_context(STYLE):
            figure = make(*args, **kwargs)
            for ax in figure.axes:
                _place_labels(ax, getattr(ax, ENDS, []))  # now that every axis has its limits
            return figure

    return inside  # type: ignore[return-value]


def panels(rows: int, columns: int, height: float, right: float = 0.75) -> tuple[Figure, list[Axes]]:
    """Return a figure of the page's width with ``rows`` x ``columns`` axes; ``height`` inches a row.

    ``right`` is the room in inches that each panel keeps for the labels at the end of its lines.
    """
    figure = Figure(figsize=(WIDTH, rows * height))
    cell = WIDTH / columns
    left, top, bottom = LEFT, 0.28, 0.36
    axes = []
    for row in range(rows):
        for column in range(columns):
            box = (
                (column * cell + left) / WIDTH,
                ((rows - 1 - row) * height + bottom) / (rows * height),
                (cell - left - right) / WIDTH,
                (height - top - bottom) / (rows * height),
            )
            axes.append(figure.add_axes(box))
    return figure, axes


def time_axis(ax: Axes, weeks: int) -> float:
    """Count the x axis in years where the run is two years or longer, else in weeks; return weeks per unit."""
    per = float(YEAR) if weeks >= 2 * YEAR else 1.0
    ax.set_xlim(0.0, max(weeks, 2) / per)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.set_xlabel("year" if per > 1.0 else "week", labelpad=1.5)
    return per


def window(weeks: int) -> int:
    """Weeks of the mean that is drawn for a run of so many: a quarter of them, odd, at most 13; 1 is no mean at all."""
    most = min(SMOOTH, max(1, weeks // 4))
    return most if most % 2 else most - 1


def window_words(weeks: int) -> str:
    """``13-week mean``: what the strong lines of a run of so many weeks are; nothing where they are the weeks."""
    return f"{window(weeks)}-week mean" if window(weeks) > 1 else ""


def smooth(values: pd.Series, weeks: int) -> pd.Series:
    """Centred mean over the `window` of a run of so many weeks, missing where nothing was recorded nearby."""
    return values.rolling(window(weeks), center=True, min_periods=1).mean()


def draw_lines(ax: Axes, lines: Sequence[Line], weeks: int, fixed: tuple[float, float] | None = None) -> None:
    """Draw series over time: the weeks faint, their mean over a `window` strong, each with its label at its end.

    The y axis fits all that is drawn, or is ``fixed``.
    """
    per = time_axis(ax, weeks)
    ends, drawn = [], []
    for line in lines:
        seen = line.values.dropna()
        if seen.empty:
            continue
        # What is measured by the quarter is joined up; elsewhere a gap in the record is a gap in the line.
        sparse = len(seen) > 1 and np.median(np.diff(seen.index)) > 1
        mean = seen if sparse else smooth(line.values, weeks)
        x, y = (mean.index.to_numpy(dtype=float) + 1.0) / per, mean.to_numpy(dtype=float)
        if line.noise and not sparse and window(weeks) > 1:
            ax.plot(x, line.values, color=line.colour, alpha=0.22, linewidth=0.45)
            drawn.append(line.values.to_numpy(dtype=float))
        alone = "o" if len(seen) == 1 else None
        ax.plot(x, y, color=line.colour, linestyle=line.dash, linewidth=line.width, marker=alone, markersize=3.5)
        last = int(np.flatnonzero(np.isfinite(y))[-1])
        ends.append((x[last], y[last], line.label, line.colour))
        drawn.append(y)
    if not ends:
        say_missing(ax)
        return
    label_ends(ax, ends)
    if fixed:
        ax.set_ylim(*fixed)
    elif ax.get_yscale() == "linear":
        _limit(ax, np.concatenate(drawn))


def _limit(ax: Axes, y: npt.NDArray[np.float64]) -> None:
    """Fit the axis to all that is drawn; where a few weeks dwarf all others, let them run off and say so."""
    y = y[np.isfinite(y)]
    low, high = float(y.min()), float(y.max())
    q_low, q_high = (float(q) for q in np.quantile(y, (0.04, 0.96)))
    off = q_high > q_low and high - low > FAR * (q_high - q_low)
    if off:
        reach = q_high - q_low
        low, high = max(low, q_low - 0.5 * reach), min(high, q_high + 0.5 * reach)
        ax.text(0.02, 0.03, "some weeks lie off the scale", transform=ax.transAxes, color=GREY, fontsize=6.2)
    room = 0.08 * (high - low) or 0.05 * abs(high) or 0.5
    ax.set_ylim(low - room, high + room)


def label_ends(ax: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Have the ends (x, y, label, colour) of lines labelled beside the panel when the figure is complete."""
    setattr(ax, ENDS, [*getattr(ax, ENDS, []), *(end for end in ends if end[2])])


def _place_labels(ax: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Write each label at the height of its line's end, moved apart vertically where they would overlap."""
    if not ends:
        return
    ax.get_ylim()  # settles limits that are still to be found
    figure: Any = ax.figure
    points = 72.0 / figure.dpi
    box = ax.get_window_extent()
    height = box.height * points
    at = np.array([ax.transData.transform((x, y))[1] - box.y0 for x, y, *_ in ends]) * points
    for (_, _, label, colour), y in zip(ends, spread(at, LABEL_GAP, 0.0, height), strict=True):
        ax.annotate(
            shorten(label),
            (1.0, y / height),
            xycoords="axes fraction",
            xytext=(4.0, 0.0),
            textcoords="offset points",
            color=colour,
            va="center",
            fontsize=7.0,
        )


def spread(at: npt.NDArray[np.float64], gap: float, low: float, high: float) -> npt.NDArray[np.float64]:
    """Move positions apart to at least ``gap``, keeping their order, within [low, high] where there is room."""
    order = np.argsort(at, kind="stable")
    placed = np.clip(at[order], low, high)
    for i in range(1, placed.size):
        placed[i] = max(placed[i], placed[i - 1] + gap)
    over = placed[-1] - high
    if over > 0.0:
        placed[-1] = high
        for i in range(placed.size - 2, -1, -1):
            placed[i] = min(placed[i], placed[i + 1] - gap)
    out = np.empty_like(placed)
    out[order] = placed
    return out


def shorten(text: str, most: int = 16) -> str:
    """Cut a label that would run over the next panel."""
    return text if len(text) <= most else text[: most - 1] + "…"


def say_missing(ax: Axes) -> None:
    """Say in an empty panel that there is nothing to draw."""
    ax.set_yticks([])
    ax.text(0.5, 0.5, "not recorded in this run", transform=ax.transAxes, ha="center", va="center", color=GREY)


def unit_axis(ax: Axes, unit: str) -> None:
    """Write the y axis in the unit of an indicator: shares in per cent, large numbers as k and M."""
    ax.yaxis.set_major_formatter(FuncFormatter(per_cent if unit == "share" else compact))


def log_ticks(axis: Axis) -> None:
    """Mark 1, 2 and 5 of every decade, so that even a short log axis has ticks to read."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_minor_locator(NullLocator())


def per_cent(value: float, _position: Any = None) -> str:
    """Write a tick of a share."""
    return f"{100.0 * value:,.6g}%".replace("-", "−")


def compact(value: float, _position: Any = None) -> str:
    """Write a tick as people say it: 1,200,000 is 1.2M."""
    for size, letter in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}".replace("-", "−")
    return f"{value:.4g}".replace("-", "−")


def svg_text(figure: Figure, prefix: str) -> str:
    """Return a figure as SVG to be put into an HTML page: no header, no metadata, ids of its own.

    Parameters
    ----------
    figure : Figure
        Drawn at its own size; it is shown at the width of the page.
    prefix : str
        Put before every id, so that several figures live in one page.
    """
    out = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # The reader's browser writes the text and has the glyphs that matplotlib's font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(out, format="svg", transparent=True, metadata=nothing)
    text = out.getvalue()
    box = re.search(r'viewBox="[^"]*"', text)
    text = text[text.index(">", text.index("<svg")) + 1 :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{prefix}-', text)
    text = text.replace("url(#", f"url(#{prefix}-").replace('xlink:href="#', f'href="#{prefix}-')
    text = re.sub(r"'DejaVu Sans'[^;\"]*", PRINT_FAMILY, text)
    text = re.sub(r'(?<= (?:d|x|y)=")[^"]*', lambda found: re.sub(r"(\.\d\d)\d+", r"\1", found[0]), text)
    text = re.sub(r"\n\s*", "\n", text)
    return f"<svg {box[0] if box else ''}>{text}"
