"""The flywheel drawn: its nodes, its twelve links, and on every link what it carried or how strong it was.

The positions put the two loops side by side: selection on the left (visits, sellers, selection), cost on the right
(volume, unit cost, price), both meeting in the customers' experience; what the platform reinvests comes in from the
far right. Thin dashed arrows are identities of the model that need no valve.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from experiments.reports.chart_style import GREY, INK, RUN, TWIN, WIDTH, styled
from marketplace.flywheel import MEANING

NODES: dict[str, tuple[float, float, str]] = {
    "experience": (6.9, 7.4, "customer experience"),
    "delivery": (12.3, 7.4, "delivery"),
    "selection": (1.2, 5.1, "selection"),
    "adoption": (3.9, 4.6, "adoption"),
    "price": (10.4, 5.1, "price"),
    "capabilities": (13.2, 5.1, "capabilities"),
    "sellers": (1.2, 2.5, "sellers"),
    "visits": (4.8, 2.5, "visits"),
    "volume": (7.05, 2.5, "volume"),
    "unit_cost": (10.4, 2.5, "unit cost"),
    "surplus": (13.2, 2.5, "surplus"),
    "fees": (5.9, 0.5, "fees to sellers"),
}
IDENTITIES = (
    ("adoption", "visits"), ("visits", "volume"), ("fees", "sellers"), ("unit_cost", "surplus"),
    ("capabilities", "delivery"),
)  # fmt: skip
# Where a link's label stands: place along the link (0-1), shift right and up in points, side that touches the link.
LABELS: dict[str, tuple[float, float, float, str]] = {
    "price->experience": (0.45, -9.0, -8.0, "right"),
    "selection->experience": (0.5, -7.0, 6.0, "right"),
    "delivery->experience": (0.5, 0.0, 11.0, "center"),
    "experience->visits": (0.55, 7.0, 0.0, "left"),
    "experience->adoption": (0.7, -10.0, 3.0, "right"),
    "visits->sellers": (0.5, 0.0, 11.0, "center"),
    "sellers->selection": (0.5, 7.0, 0.0, "left"),
    "volume->unit_cost": (0.5, 0.0, 11.0, "center"),
    "unit_cost->price": (0.5, -7.0, 0.0, "right"),
    "unit_cost->fees": (0.5, 6.0, -6.0, "left"),
    "surplus->capabilities": (0.5, -7.0, 0.0, "right"),
    "capabilities->experience": (0.45, 6.0, 7.0, "left"),
}
HALF_HEIGHT = 0.36
CHARACTER = 0.079  # half the width of a character of a node's name, in the drawing's units
WIDEST = 7.0  # points: the strongest link


@styled
def loop(labels: Mapping[str, tuple[str, str]], strength: Mapping[str, float | None] | None = None) -> Figure:
    """Draw the flywheel.

    Parameters
    ----------
    labels : mapping of str to (str, str)
        Per link id, the two lines written beside its arrow.
    strength : mapping of str to float or None, optional
        Per link id, the change of log GMV when it is shut; None where it cannot be told from zero or was not
        measured. Given, it sets the widths of the arrows; without it all are equally wide.
    """
    figure = Figure(figsize=(WIDTH, 4.35))
    ax = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    ax.set_axis_off()
    ax.set_xlim(0.0, 14.4)
    ax.set_ylim(0.05, 8.15)
    for start, end in IDENTITIES:
        _arrow(ax, start, end, colour=GREY, width=0.7, dash=(0, (2.5, 2.5)))
    largest = max((abs(value) for value in (strength or {}).values() if value is not None), default=0.0)
    for link in MEANING:
        start, end = link.split("->")
        colour, width, dash = _look(link, strength, largest)
        _arrow(ax, start, end, colour=colour, width=width, dash=dash)
        _label(ax, link, labels.get(link, ("", "")), colour, width)
    for x, y, name in NODES.values():
        _node(ax, x, y, name)
    return figure


def _look(link: str, strength: Mapping[str, float | None] | None, largest: float) -> tuple[str, float, Any]:
    if strength is None:
        return RUN, 1.5, "solid"
    value = strength.get(link)
    if value is None or largest == 0.0:
        return GREY, 1.0, (0, (5, 2))
    width = 1.0 + (WIDEST - 1.0) * abs(value) / largest
    return (RUN if value < 0.0 else TWIN), width, "solid"


def _half_width(name: str) -> float:
    return 0.2 + CHARACTER * len(name)


def _node(ax: Axes, x: float, y: float, name: str) -> None:
    half = _half_width(name)
    main = name == NODES["experience"][2]
    box = FancyBboxPatch(
        (x - half, y - HALF_HEIGHT), 2 * half, 2 * HALF_HEIGHT,
        boxstyle="round,pad=0,rounding_size=0.36", facecolor=INK if main else "white", edgecolor=INK,
        linewidth=0.9, zorder=4,
    )  # fmt: skip
    ax.add_patch(box)
    ax.text(x, y, name, ha="center", va="center", color="white" if main else INK, fontsize=8.0, weight="bold", zorder=5)


def _edge_of(name: str, dx: float, dy: float) -> tuple[float, float]:
    """Where a ray from a node's centre in direction (dx, dy) leaves its box, with a little room."""
    x, y, text = NODES[name]
    half = _half_width(text) + 0.08
    reach = min(half / abs(dx) if dx else 1e9, (HALF_HEIGHT + 0.08) / abs(dy) if dy else 1e9)
    return x + reach * dx, y + reach * dy


def _ends(start: str, end: str) -> tuple[tuple[float, float], tuple[float, float]]:
    dx, dy = NODES[end][0] - NODES[start][0], NODES[end][1] - NODES[start][1]
    return _edge_of(start, dx, dy), _edge_of(end, -dx, -dy)


def _arrow(ax: Axes, start: str, end: str, *, colour: str, width: float, dash: Any) -> None:
    tail, tip = _ends(start, end)
    head = 4.5 + 1.2 * width
    arrow = FancyArrowPatch(
        tail, tip, arrowstyle="-|>", mutation_scale=head, color=colour, linewidth=width, linestyle=dash,
        shrinkA=0.0, shrinkB=0.0, joinstyle="miter", capstyle="butt", zorder=2,
    )  # fmt: skip
    ax.add_patch(arrow)


def _label(ax: Axes, link: str, lines: tuple[str, str], colour: str, width: float) -> None:
    """Two lines beside the middle of a link: what matters in bold, what it is in grey below."""
    tail, tip = _ends(*link.split("->"))
    along, right, up, side = LABELS[link]
    right += {"left": 0.8, "center": 0.0, "right": -0.8}[side] * width
    up += 0.5 * width if side == "center" else 0.0
    at = (tail[0] + along * (tip[0] - tail[0]), tail[1] + along * (tip[1] - tail[1]))
    for line, y, weight, size, ink in ((lines[0], 4.6, "bold", 7.2, colour), (lines[1], -4.2, "normal", 6.2, GREY)):
        ax.annotate(
            line, at, xytext=(right, up + y), textcoords="offset points",
            ha=side, va="center", fontsize=size, weight=weight, color=ink, zorder=3,
        )  # fmt: skip
