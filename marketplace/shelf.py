"""The shelf of the week: the offers that search can find, sorted by place, and how good and how prominent each is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from agents.chance import VISIBLE, first_uniform
from agents.compiled import loop
from agents.seller import reputation
from marketplace.panel import read_shelf

if TYPE_CHECKING:
    from marketplace.flywheel import Valve
    from marketplace.model import MarketplaceModel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Shelf(NamedTuple):
    """The week's visible offers, sorted by (platform, category, place), and how to find a place among them."""

    segment: Ints  # (platforms * categories + 1,) first position of each circle
    bucket: npt.NDArray[np.int32]  # (platforms * categories * buckets + 1,) first position at or after each bucket
    buckets: int  # buckets a circle
    place: Floats  # (offers on the shelf,)
    base: Floats  # utility but for price and mismatch
    price: Floats  # perceived price in units of the category's price level
    rank: Floats  # rank but for relevance
    seller: npt.NDArray[np.int32]
    row: npt.NDArray[np.int32]  # row in the table of offers
    position: npt.NDArray[np.int32]  # (offers.size,) position on the shelf of each row, -1 if it is not there


class Weights(NamedTuple):
    """What makes an offer worth more to customers, and what makes the platform show it sooner; scalars."""

    delta: float  # utility per promised day
    rho: float  # utility of reputation
    reputation_weight: float
    reputation_prior: float
    rank_reputation: float
    rank_price: float  # per unit of relative price
    own_brand_boost: float
    bids: float


def weights_of(model: MarketplaceModel) -> Weights:
    """Gather the scalars of choice, reputation and ranking."""
    choice, rules, rank = model.scenario.choice, model.scenario.experience, model.scenario.search
    return Weights(
        choice.delta, choice.rho, rules.reputation_weight, rules.reputation_prior, rank.reputation,
        rank.price * choice.alpha, rank.own_brand_boost, rank.bids,
    )  # fmt: skip


def lay_shelf(model: MarketplaceModel) -> None:
    """Lay out the week's shelf, read it with the fixed basket, and let the valves on it act."""
    wheel, week = model.flywheel, model.week
    model.shelf = laid_out(model)
    model.panel_now = read_shelf(model)
    wheel["price->experience"].perceive(model.panel_now[:, 0], week)
    wheel["selection->experience"].perceive(model.panel_now[:, 1], week)
    wheel["delivery->experience"].perceive(model.panel_now[:, 2], week)
    bend_shelf(model)


def laid_out(model: MarketplaceModel) -> Shelf:
    """Return the shelf of the offers in stock that search may see; brings their promised days up to date."""
    offers, c, s, p = model.offers, model.offers.columns, model.sellers.columns, model.platforms.columns
    categories, platforms = model.scenario.market.categories, model.platforms.size
    on_sale = model.opens <= max(model.week, 1)  # listed, but not for sale before its date
    valve = perceive_selection(model, on_sale)
    shelf = empty_shelf(len(offers), offers.size, platforms * categories)
    laid = fill_shelf(
        offers.order, c.stock, model.to_order, on_sale, valve.bends, valve.factor, np.uint64(model.seed), c.key,
        c.seller, c.platform, c.category, c.place, c.price, c.quality, c.mode, model.promised, s.stars, s.reviews,
        s.ad_bid, p.stars, p.reviews, weights_of(model), model.level, c.promised_days, shelf,
    )  # fmt: skip
    return Shelf(
        shelf.segment, shelf.bucket, shelf.buckets, shelf.place[:laid], shelf.base[:laid], shelf.price[:laid],
        shelf.rank[:laid], shelf.seller[:laid], shelf.row[:laid], shelf.position,
    )  # fmt: skip


def perceive_selection(model: MarketplaceModel, on_sale: npt.NDArray[np.bool_]) -> Valve:
    """Count the third-party offers in stock by platform, and let the valve of sellers->selection act on them."""
    c, count = model.offers.columns, np.zeros(model.platforms.size)
    count_stocked(model.third_party_rows, c.platform, c.stock, model.to_order, on_sale, count)
    valve = model.flywheel["sellers->selection"]
    valve.perceive(count, model.week)
    if valve.bends:
        valve.hold_below(count)  # offers can be hidden, not made up
    return valve


def bend_shelf(model: MarketplaceModel) -> None:
    """Let prices and promised days be perceived through their valves; nothing to do where both are open."""
    price, days = model.flywheel["price->experience"], model.flywheel["delivery->experience"]
    shelf, c = model.shelf, model.offers.columns
    if price.bends:
        shelf.price[:] *= price.factor[c.platform[shelf.row]]
    if days.bends:
        platform = c.platform[shelf.row]
        shelf.base[:] -= model.scenario.choice.delta * c.promised_days[shelf.row] * (days.factor[platform] - 1.0)


@loop
def count_stocked(rows, platform, stock, to_order, on_sale, count):  # type: ignore[no-untyped-def]
    """Count the offers that can be had, by platform."""
    for row in rows:
        if on_sale[platform[row]] and (to_order or stock[row] > 0):
            count[platform[row]] += 1.0


@loop
def fill_shelf(  # type: ignore[no-untyped-def]
    order, stock, to_order, on_sale, hides, share_seen, seed, key, seller, platform, category, place, price, quality,
    mode, promises, stars, reviews, ad_bid, retail_stars, retail_reviews, weights, level, promised_days, shelf,
):  # fmt: skip
    """Lay out the offers in stock and visible, given in ``order`` of (platform, category, place). Returns how many.

    Parameters
    ----------
    on_sale : (platforms,) bool
        Where third parties may sell.
    hides, share_seen : bool, (platforms,) float64
        Whether only a share of third-party offers can be seen, and which share of each platform's.
    promises : (platforms, modes) float64
        Days that are promised; written into ``promised_days`` of every living offer.
    """
    at = 0
    circle = 0
    shelf.position[:] = -1
    shelf.segment[0] = 0
    next_bucket = 0
    buckets = shelf.buckets
    categories = level.size
    for row in order:
        m = platform[row]
        who = seller[row]
        days = promises[m, mode[row]]
        promised_days[row] = days
        if not to_order and stock[row] <= 0:
            continue
        if who >= 0:
            if not on_sale[m] or (hides and first_uniform(seed, VISIBLE, key[row], 0) >= share_seen[m]):
                continue
            known = reputation(stars[who], reviews[who], weights.reputation_weight, weights.reputation_prior)
            favour = weights.bids * ad_bid[who]
        else:
            own = -1 - who
            known = reputation(
                retail_stars[own], retail_reviews[own], weights.reputation_weight, weights.reputation_prior
            )
            favour = weights.own_brand_boost
        mine = m * categories + category[row]
        while circle < mine:
            circle += 1
            shelf.segment[circle] = at
        last_bucket = mine * buckets + int(place[row] * buckets)
        while next_bucket <= last_bucket:
            shelf.bucket[next_bucket] = at
            next_bucket += 1
        standing = weights.rho * known
        usual_price = level[category[row]]
        shelf.place[at] = place[row]
        shelf.base[at] = quality[row] - weights.delta * days + standing
        shelf.price[at] = price[row] / usual_price
        shelf.rank[at] = weights.rank_reputation * standing - weights.rank_price * price[row] / usual_price + favour
        shelf.seller[at] = who
        shelf.row[at] = row
        shelf.position[row] = at
        at += 1
    while circle < shelf.segment.size - 1:
        circle += 1
        shelf.segment[circle] = at
    while next_bucket < shelf.bucket.size:
        shelf.bucket[next_bucket] = at
        next_bucket += 1
    return at


def empty_shelf(offers: int, rows: int, circles: int) -> Shelf:
    """Room for a shelf of at most ``offers`` of ``rows`` rows on ``circles`` circles, with about one offer a bucket."""
    buckets = 1 << max(0, (max(1, offers // circles) - 1).bit_length())
    return Shelf(
        np.zeros(circles + 1, np.int64),
        np.zeros(circles * buckets + 1, np.int32),
        buckets,
        np.empty(offers),
        np.empty(offers),
        np.empty(offers),
        np.empty(offers),
        np.empty(offers, np.int32),
        np.empty(offers, np.int32),
        np.empty(max(1, rows), np.int32),
    )
