"""The fixed basket of needs with which the shelf is read every week: price index, distance, days, inclusive value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from agents.chance import MARKET, SEARCH, child_keys, draws
from agents.compiled import block_rule, loop
from marketplace.desk import BATCH, ZERO, empty_desk
from marketplace.search import places_of
from marketplace.visiting import list_shown, rank, retrieve, value, weigh

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


@loop
def read_panel(category, place, alpha, shelf, days, rules, categories, out):  # type: ignore[no-untyped-def]
    """Read the shelf of every platform with a fixed basket of needs, without search noise.

    Fills ``out`` (platforms, 4) with the mean over needs of the expected price (relative to the price level, given a
    choice), of the distance and the promised days of what is shown, and of the inclusive value. A need that nothing
    is shown for lies half a circle away; it is left out of price and days. NaN where no need is served.
    """
    exact = np.zeros(out.shape[0])
    true = np.ones(out.shape[0])
    desk = empty_desk(BATCH, min(rules.candidates, shelf.place.size), rules.shown, ZERO)
    for platform in range(out.shape[0]):
        served = 0
        out[platform] = 0.0
        for first in range(0, category.size, BATCH):
            count = min(BATCH, category.size - first)
            for k in range(count):
                desk.key[k] = 0
                desk.alpha[k] = alpha
                desk.platform[k] = platform
                desk.category[k] = category[first + k]
                desk.place[k] = place[first + k]
            retrieve(count, np.uint64(0), ZERO, np.int64(SEARCH), rules, categories, shelf, exact, desk)
            rank(count, rules, shelf, desk)
            list_shown(count, rules, desk)
            value(count, rules, true, ZERO, shelf, desk)
            weigh(count, 0.0, desk)
            served += read_desk(count, shelf, days, desk, out[platform])
        out[platform, 0] = out[platform, 0] / served if served > 0 else math.nan
        out[platform, 1] /= category.size
        out[platform, 2] = out[platform, 2] / served if served > 0 else math.nan
        out[platform, 3] /= category.size


@block_rule
def read_desk(count, shelf, days, desk, sums):  # type: ignore[no-untyped-def]
    """Add up price, distance, days and inclusive value over the needs at the desk. Returns how many are served."""
    most = desk.at.shape[1]
    served = 0
    for k in range(count):
        kept = desk.kept[k]
        sums[3] += desk.inclusive[k]
        if kept == 0:
            sums[1] += 0.5
            continue
        price = 0.0
        gap = 0.0
        wait = 0.0
        for j in range(kept):
            at = desk.at[k, j]
            price += desk.weight[k * most + j] / desk.total[k] * shelf.price[at]
            gap += desk.gap[k, j]
            wait += days[shelf.row[at]]
        sums[0] += price
        sums[1] += gap / kept
        sums[2] += wait / kept
        served += 1
    return served
