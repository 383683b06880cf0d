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
from matplotlib.figure import Figure
from matplotlib.ticker import Formatter, FuncFormatter, MaxNLocator, PercentFormatter

Make = TypeVar("Make", bound=Callable[..., Figure])

INK, GREY, FAINT, RULE = "#1f2933", "#6b7680", "#a9b2ba", "#d8dde2"
RUN, TWIN, REAL = "#0b4a7f", "#c9661b", "#1f2933"
SERIES: tuple[tuple[str, Any], ...] = (
    (RUN, "solid"),
    (TWIN, (0, (6, 1.6))),
    ("#00806a", (0, (1.2, 1.4))),
    ("#7a3f8f", (0, (6, 1.5, 1.2, 1.5))),
    ("#8a6d00", (0, (3, 1.2))),
    ("#5b6770", (0, (9, 2))),
)
TINTS = ("#0b4a7f", "#4f87b5", "#9dc0dc", "#d7e5f0")  # one hue, even steps of lightness, for stacked parts
TWIN_DASH = (0, (3.2, 1.8))

YEAR, SMOOTH = 52, 13  # weeks in a year, and in the mean drawn over the weekly noise
WIDTH = 7.3  # inches: the text width of an A4 page
LABEL_GAP = 9.5  # points between labels that would overlap
ENDS = "line_ends"  # attribute of an Axes: labels to be placed when the figure is complete

STYLE = {
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
    "text.color": INK,
    "text.parse_math": False,  # a platform may well be called $hop
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


def panels(rows: int, columns: int, height: float, right: float = 0.9) -> tuple[Figure, list[Axes]]:
    """Return a figure of the page's width with ``rows`` x ``columns`` axes; ``height`` inches a row.

    ``right`` is the room in inches that each panel keeps for the labels at the end of its lines.
    """
    figure = Figure(figsize=(WIDTH, rows * height))
    cell = WIDTH / columns
    left, top, bottom = 0.45, 0.28, 0.36
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


def smooth(values: pd.Series) -> pd.Series:
    """Centred mean over 13 weeks, missing where nothing was recorded nearby."""
    return values.rolling(SMOOTH, center=True, min_periods=1).mean()


def draw_lines(ax: Axes, lines: Sequence[Line], weeks: int) -> None:
    """Draw series over time: the weeks faint, their 13-week mean strong, each with its label at its end."""
    per = time_axis(ax, weeks)
    ends = []
    for line in lines:
        seen = line.values.dropna()
        if seen.empty:
            continue
        sparse = len(seen) < 0.5 * len(line.values)  # measured by the quarter
        x = (seen.index.to_numpy(dtype=float) + 1.0) / per
        y = seen.to_numpy(dtype=float) if sparse else smooth(line.values).loc[seen.index].to_numpy(dtype=float)
        if line.noise and not sparse and len(seen) > SMOOTH:
            ax.plot(x, seen, color=line.colour, alpha=0.22, linewidth=0.45)
        alone = "o" if len(seen) == 1 else None
        ax.plot(x, y, color=line.colour, linestyle=line.dash, linewidth=line.width, marker=alone, markersize=3.5)
        ends.append((x[-1], y[-1], line.label, line.colour))
    if ends:
        label_ends(ax, ends)
    else:
        say_missing(ax)


def label_ends(ax: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Have the ends (x, y, label, colour) of lines labelled beside the panel when the figure is complete."""
    setattr(ax, ENDS, [*getattr(ax, ENDS, []), *(end for end in ends if end[2])])


def _place_labels(ax: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Write each label at the height of its line's end, moved apart vertically where they would overlap."""
    if not ends:
        return
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
    formatter: Formatter = PercentFormatter(1.0, decimals=None) if unit == "share" else FuncFormatter(compact)
    ax.yaxis.set_major_formatter(formatter)


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

