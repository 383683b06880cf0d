"""The customer-seller network: a readable sample of it drawn, and how ties are spread over sellers and customers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from experiments.reports.chart_style import FAINT, GREY, INK, RUN, TWIN, WIDTH, compact, log_ticks, say_missing, styled

SELLERS, CUSTOMERS = 40, 260  # how many are drawn
ROUNDS = 70  # of the spring layout
SHORT = 50  # ties: an axis up to here has marks between the powers of ten
EDGE = 1.15  # radius of the drawing over the radius that holds nine tenths of the nodes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def sample(edges: pd.DataFrame, sellers: int = SELLERS, customers: int = CUSTOMERS) -> pd.DataFrame:
    """Return the ties between the busiest sellers and an even sample (every k-th by id) of their customers."""
    busiest = edges.groupby("seller").size().sort_values(ascending=False, kind="stable").index[:sellers]
    ties = edges[edges["seller"].isin(busiest)]
    ids = np.unique(ties["customer"].to_numpy())
    if ids.size > customers:
        ids = ids[np.linspace(0, ids.size - 1, customers).round().astype(np.int64)]
    return ties[ties["customer"].isin(ids)]


def drawable(edges: pd.DataFrame) -> pd.DataFrame:
    """Ties to third parties, where there are any: own retail, which nearly everybody knows, would hide them."""
    third = edges[edges["seller"] >= 0]
    return edges if third.empty else third


@styled
def network(edges: pd.DataFrame) -> Figure:
    """Draw a sample of the network, and the distributions of ties over all sellers and all customers.

    Parameters
    ----------
    edges : pandas.DataFrame
        ``customer``, ``seller`` (negative: own retail of a platform) and ``weight``, one row a tie.
    """
    figure = Figure(figsize=(WIDTH, 4.0))
    drawing = figure.add_axes((0.0, 0.01, 0.60, 0.93))
    upper = figure.add_axes((0.695, 0.60, 0.285, 0.315))
    lower = figure.add_axes((0.695, 0.09, 0.285, 0.315))
    if edges.empty:
        for ax in (drawing, upper, lower):
            say_missing(ax)
        return figure
    _draw_sample(drawing, sample(drawable(edges)), edges.groupby("seller").size())
    _draw_sellers(upper, edges[edges["seller"] >= 0].groupby("seller").size().to_numpy())
    _draw_customers(lower, edges.groupby("customer").size().to_numpy())
    return figure


def layout(sellers: int, ends: Ints, weight: Floats) -> Floats:
    """Positions of the nodes, (n, 2), by springs (Fruchterman & Reingold 1991) from a start without chance.

    Parameters
    ----------
    sellers : int
        Sellers are nodes 0 .. sellers - 1, the busiest first; the customers follow.
    ends : (ties, 2) int64
        Seller and customer node of each tie.
    weight : (ties,) float64
        Pull of each tie.
    """
    count = int(ends.max()) + 1
    turn = np.arange(count) * np.pi * (3.0 - np.sqrt(5.0))  # sunflower: even, and the same every time
    at = np.sqrt((np.arange(count) + 0.5) / count)[:, None] * np.column_stack((np.cos(turn), np.sin(turn)))
    pulled = np.zeros((count, 2))
    np.add.at(pulled, ends[:, 1], at[ends[:, 0]] * weight[:, None])
    total = np.bincount(ends[:, 1], weight, minlength=count)
    at[sellers:] = 0.8 * pulled[sellers:] / total[sellers:, None] + 0.2 * at[sellers:]
    ideal = 1.0 / np.sqrt(count)
    for heat in np.linspace(0.12, 0.004, ROUNDS):
        gap = at[:, None, :] - at[None, :, :]
        apart = np.maximum(np.square(gap).sum(axis=2), 1e-6)
        force = (gap * (ideal**2 / apart)[:, :, None]).sum(axis=1) - 0.35 * at
        line = at[ends[:, 0]] - at[ends[:, 1]]
        tension = line * (np.sqrt(np.square(line).sum(axis=1)) / ideal * weight)[:, None] * 0.35
        np.add.at(force, ends[:, 0], -tension)
        np.add.at(force, ends[:, 1], tension)
        length = np.maximum(np.sqrt(np.square(force).sum(axis=1, keepdims=True)), 1e-9)
        at = at + force / length * np.minimum(length, heat)
    radius = np.hypot(*at.T)
    edge = EDGE * np.quantile(radius, 0.9)  # a few strays must not shrink the drawing
    return at * np.minimum(1.0, edge / np.maximum(radius, 1e-9))[:, None]


def _draw_sample(ax: Axes, ties: pd.DataFrame, degree: pd.Series) -> None:
    """Sellers as discs as large as their number of ties, own retail as squares, customers as dots."""
    ax.set_axis_off()
    present = degree[degree.index.isin(ties["seller"])].sort_values(ascending=False, kind="stable")
    seller = pd.Index(present.index)
    customer = pd.Index(np.unique(ties["customer"].to_numpy()))
    ends = np.column_stack((seller.get_indexer(ties["seller"]), len(seller) + customer.get_indexer(ties["customer"])))
    weight = ties["weight"].to_numpy(dtype=float)
    weight = weight / weight.mean() if weight.mean() > 0.0 else np.ones(len(ties))
    at = layout(len(seller), ends, weight)
    ax.add_collection(LineCollection(at[ends], colors=FAINT, linewidths=0.35 * np.clip(weight, 0.5, 3.0), zorder=1))
    ax.scatter(*at[len(seller) :].T, s=5.0, color=GREY, linewidths=0, zorder=2)
    size = 12.0 + 190.0 * present.to_numpy() / present.max()
    own = np.asarray(seller < 0)
    for chosen, marker, colour in ((~own, "o", RUN), (own, "s", TWIN)):
        if chosen.any():
            ax.scatter(
                *at[: len(seller)][chosen].T, s=size[chosen], marker=marker, color=colour,
                edgecolors="white", linewidths=0.6, zorder=3,
            )  # fmt: skip
    ax.autoscale_view()
    ax.set_aspect("equal", adjustable="datalim")
    key = [("s", TWIN, 30.0, "own retail") if own.any() else ("o", RUN, 30.0, "seller"), ("o", GREY, 6.0, "customer")]
    place = {"transform": ax.transAxes, "clip_on": False}
    for k, (marker, colour, area, text) in enumerate(key):
        ax.scatter([0.02 + 0.17 * k], [1.02], s=area, marker=marker, color=colour, **place)
        ax.text(0.04 + 0.17 * k, 1.02, text, va="center", color=INK, fontsize=7.0, **place)


def _draw_sellers(ax: Axes, ties: npt.NDArray[np.int64]) -> None:
    """Share of sellers with at least so many ties, on log scales: a straight line is a power law."""
    ax.set_title("Sellers with at least so many ties", pad=5.0)
    if ties.size == 0:
        say_missing(ax)
        return
    values, counts = np.unique(ties, return_counts=True)
    share = counts[::-1].cumsum()[::-1] / ties.size
    ax.loglog(values, share, color=RUN, marker="o", markersize=2.2, linewidth=0.8)
    ax.set_xlabel("ties of a seller (log scale)", labelpad=1.5)
    ax.xaxis.set_major_formatter(FuncFormatter(compact))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:.3g}%"))
    ax.minorticks_off()
    if values.max() < SHORT:
        log_ticks(ax.xaxis)


def _draw_customers(ax: Axes, ties: npt.NDArray[np.int64]) -> None:
    """Share of customers by number of ties."""
    ax.set_title("Customers by number of ties", pad=5.0)
    top = int(ties.max())
    counts = np.bincount(ties, minlength=top + 1)[1:] / ties.size
    ax.bar(np.arange(1, top + 1), counts, width=0.75 if top < 40 else 1.0, color=RUN, linewidth=0)
    ax.set_xlabel("ties of a customer", labelpad=1.5)
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:.3g}%"))
