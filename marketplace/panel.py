"""The fixed basket of needs with which the shelf is read every week: price index, distance, days, inclusive value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from agents.chance import MARKET, child_keys, draws
from agents.compiled import block_rule, loop
from agents.customer import circle_distance, utility
from marketplace.search import above_nothing, find_shown, first_after, log_sum, places_of

if TYPE_CHECKING:
    from marketplace.model import MarketplaceModel

Floats = npt.NDArray[np.float64]


def draw_panel(model: MarketplaceModel) -> None:
    """Draw the fixed basket of needs, once, before week 1."""
    panel = model.scenario.search.panel
    u = draws(model.seed, MARKET, child_keys(0, np.full(panel, 1), np.arange(panel)))
    model.panel_category, model.panel_place = places_of(u, model.taste)


def read_shelf(model: MarketplaceModel) -> Floats:
    """Read the shelf with the fixed basket; (platforms, 4): price index, distance, promised days, inclusive value."""
    out = np.empty((model.platforms.size, 4))
    read_panel(
        model.panel_category, model.panel_place, model.scenario.choice.alpha, model.shelf,
        model.offers.columns.promised_days, model.rules, model.scenario.market.categories, out,
    )  # fmt: skip
    return out


@block_rule
def read_needs(  # type: ignore[no-untyped-def]
    platform, category, place, alpha, shelf, days, rules, categories, out, top, top_score, value
):
    """Read one platform's shelf; see `read_panel`. What comes after ``out`` is scratch."""
    segment, bucket, buckets, place_of, base, price_of, rank, _, row_of, _ = shelf
    most = rules.shown
    served = 0
    price = 0.0
    distance = 0.0
    wait = 0.0
    inclusive = 0.0
    for need in range(category.size):
        circle = platform * categories + category[need]
        low, high = segment[circle], segment[circle + 1]
        if high == low:
            distance += 0.5
            continue
        right = first_after(place_of, bucket, buckets, circle, high, place[need])
        kept, _ = find_shown(place_of, rank, low, high, right, place[need], rules.candidates, most,
                             rules.relevance * rules.tau, top, top_score)  # fmt: skip
        mean_gap = 0.0
        mean_days = 0.0
        for j in range(kept):
            gap = circle_distance(place[need], place_of[top[j]])
            worth = utility(base[top[j]], price_of[top[j]], gap, alpha, rules.tau)
            value[j] = worth / rules.mu
            mean_gap += gap
            mean_days += days[row_of[top[j]]]
        inside, total = log_sum(value, kept)
        inclusive += above_nothing(inside)
        mean_price = 0.0
        for j in range(kept):
            mean_price += value[j] / total * price_of[top[j]]
        price += mean_price
        distance += mean_gap / kept
        wait += mean_days / kept
        served += 1
    out[0] = price / served if served > 0 else math.nan
    out[1] = distance / category.size
    out[2] = wait / served if served > 0 else math.nan
    out[3] = inclusive / category.size


@loop
def read_panel(category, place, alpha, shelf, days, rules, categories, out):  # type: ignore[no-untyped-def]
    """Read the shelf of every platform with a fixed basket of needs, without search noise.

    Fills ``out`` (platforms, 4) with the mean over needs of the expected price (relative to the price level, given a
    choice), of the distance and the promised days of what is shown, and of the inclusive value. A need that nothing
    is shown for lies half a circle away; it is left out of price and days. NaN where no need is served.
    """
    top = np.empty(rules.shown, np.int64)
    top_score = np.empty(rules.shown)
    value = np.empty(rules.shown)
    for platform in range(out.shape[0]):
        read_needs(
            platform, category, place, alpha, shelf, days, rules, categories, out[platform], top, top_score, value
        )
