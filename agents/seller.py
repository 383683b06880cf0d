"""The third-party seller: its books, its strategy, its reputation."""

from __future__ import annotations

import numpy as np

from agents.columns import column
from agents.compiled import rule
from agents.population import ColumnAgent


class Seller(ColumnAgent):
    """A third-party seller with its own cost, quality, cash and listings."""

    key = column(np.uint64, unit="1", doc="identity under which all its draws are keyed", internal=True)
    entered = column(np.int32, unit="week", doc="week it came in")
    cash = column(np.float64, unit="currency", doc="cash")
    cost = column(np.float64, unit="price level", doc="unit cost in units of a category's price level", low=0)
    quality = column(np.float64, unit="utility", doc="quality of its offers")
    listings = column(np.int32, unit="listings", doc="listings it keeps on each of its platforms")
    pricing = column(np.int8, unit="code", doc="pricing rule, by its place in the scenario's table", internal=True)
    mode_taste = column(np.float64, unit="currency", doc="its own leaning towards platform fulfilment, per order")
    ad_bid = column(np.float64, unit="share of price", doc="advertising bid, paid on each sale", low=0, high=0.99)
    patience = column(np.float64, unit="weeks", doc="weeks of losses it will still sit through")
    stars = column(np.float64, unit="stars", doc="sum of the stars of its reviews")
    reviews = column(np.int64, unit="reviews", doc="number of its reviews")
    profit = column(np.float64, unit="currency", doc="profit of the week")
    smoothed_profit = column(np.float64, unit="currency per week", doc="smoothed weekly profit")
    revenue = column(np.float64, unit="currency", doc="sales of the week less refunds")
    year_revenue = column(np.float64, unit="currency per week", doc="weekly sales less refunds, smoothed over a year")
    direction = column(np.int8, 1, unit="sign", doc="direction of its last price step (hill-climbing)")
    climb_profit = column(np.float64, unit="currency per week", doc="smoothed weekly profit, as hill-climbing sees it")
    climb_before = column(np.float64, unit="currency per week", doc="what that was at its last price step")


@rule
def reputation(stars, reviews, weight, prior):  # type: ignore[no-untyped-def]
    """Return reputation in [-1, 1]: the mean of stars shrunk towards a prior, never sales volume."""
    return ((stars + weight * prior) / (reviews + weight) - 3.0) / 2.0
