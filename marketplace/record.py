"""Phase 7: what is noted of every week. The indicators are worked out of it, for all weeks at once, when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from marketplace.concentration import concentration
from marketplace.operations import WeekBooks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from marketplace.model import MarketplaceModel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Noted(NamedTuple):
    """What is noted of a week."""

    books: Floats  # (figures of WeekBooks, platforms)
    cash: Floats  # (platforms,)
    unit_cost: Floats  # (platforms,)
    open: npt.NDArray[np.bool_]  # (platforms,) whether it has not failed
    satisfaction: Floats  # (platforms,) mean of active customers
    retail_price: Floats  # (platforms,) over price level
    offers: Ints  # (platforms,)
    panel: Floats  # (platforms, 4) price, distance, days, inclusive value; see `marketplace.panel`
    capability: Floats  # (platforms, capabilities)
    links: Floats  # (links, platforms) what each link of the flywheel carried
    network: Floats  # (4,) NaN but in the last week of a quarter
    joined: Ints  # (channels + 1,) newcomers by channel, and those who came back
    lapses: Ints  # (4,) lapses, promoters, detractors, active customers
    adopters: int
    repeats: int
    retention: float
    margin_per_customer: float  # smoothed over a year
    churn: float  # smoothed over a year
    sellers: int
    entries: int
    exits: int
    third_party_offers: int
    gini: float
    top_share: float
    hhi: float
    stars: float
    consumer_surplus: float
    expected_surplus: float
    seller_surplus: float


Weeks = dict[str, Floats]
"""Figures of n weeks by name, each with a first axis (n,)."""


def note(model: MarketplaceModel) -> Noted:
    """Return what is noted of the week that ends."""
    s, p, books, offers, sellers = (
        model.sellers.columns, model.platforms.columns, model.books, model.offers, model.sellers.rows,
    )  # fmt: skip
    platforms = range(model.platforms.size)
    gini, top_share, hhi = concentration(sellers, s.year_revenue, s.revenue, books.retail_gmv - books.retail_refunds)
    return Noted(
        books.figures.copy(),
        p.cash.copy(),
        p.unit_cost.copy(),
        p.failed < 0,
        model.mean_satisfaction,
        np.array([model.retail_price(m) for m in platforms]),
        np.array([offers.third_party_on(m)[0] + offers.retail(m).size for m in platforms]),
        model.panel_now,
        model.capability,
        np.array([valve.value for valve in model.flywheel.values()]),
        np.array(list(model.network_measures().values())),
        model.joined_now,
        model.lapse_counts,
        model.adopters,
        model.repeats,
        model.retention,
        model.margin_per_customer,
        model.smoothed_churn,
        sellers.size,
        model.entries,
        model.exits,
        model.third_party_rows.size,
        gini,
        top_share,
        hhi,
        model.mean_stars,
        model.consumer_surplus,
        model.expected_surplus,
        model.seller_surplus,
    )


def all_weeks(noted: Sequence[Noted]) -> Weeks:
    """Put what is noted of n weeks, at least one, together by the fields of `Noted`."""
    every = zip(Noted._fields, zip(*noted, strict=True), strict=True)
    return {name: np.array(values, np.float64) for name, values in every}


def figures(weeks: Weeks) -> Weeks:
    """Return the platforms' figures by name, (n, platforms) each."""
    return dict(zip(WeekBooks.FIELDS, np.moveaxis(weeks["books"], 1, 0), strict=True))


def totals(weeks: Weeks) -> Weeks:
    """Return the figures summed over the platforms, (n,) each."""
    return dict(zip(WeekBooks.FIELDS, weeks["books"].sum(axis=2).T, strict=True))
