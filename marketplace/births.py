"""How sellers, listings and offers come into the world. Every trait is drawn under the newborn's own key."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from agents.chance import CUSTOMER, LISTING, OFFER, SELLER, SELLER_MORE, child_keys, draw, draws, normals
from agents.compiled import loop, rule
from agents.customer import ACTIVE, INITIAL
from agents.offer import OWN, PLATFORM
from agents.seller import reputation
from marketplace.ledger import OUTSIDE, SELLERS
from marketplace.search import places_of

if TYPE_CHECKING:
    from marketplace.model import MarketplaceModel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

KIND_CUSTOMER, KIND_SELLER, KIND_PLATFORM = 1, 2, 3
BIRTH_BATCH = 65_536  # customers drawn at a time, so that a large world needs no large temporaries


class Traits(NamedTuple):
    """What n sellers, or candidates, are born with; each (n,)."""

    key: npt.NDArray[np.uint64]
    cost: Floats
    quality: Floats
    listings: Ints
    pricing: npt.NDArray[np.int8]
    mode_taste: Floats
    ad_bid: Floats
    home: Ints  # the only platform it lists on, -1 for all


class Listings(NamedTuple):
    """Listings of some sellers; each (n,). ``owner`` counts within those sellers."""

    owner: Ints
    number: Ints  # number of the listing among its seller's
    category: npt.NDArray[np.int32]
    place: Floats


def customers(model: MarketplaceModel, count: int) -> Ints:
    """Append customers; see `MarketplaceModel.add_customers`."""
    from scipy.special import gammaincinv

    settings, choice = model.scenario.customers, model.scenario.choice
    start = model.customers.size
    for first in range(start, start + count, BIRTH_BATCH):
        number = np.arange(first, min(start + count, first + BIRTH_BATCH))
        key = child_keys(KIND_CUSTOMER, number)
        u = draws(model.seed, CUSTOMER, key)
        shape = settings.need_rate_shape
        rate = np.full(number.size, settings.need_rate)
        if shape > 0.0:
            # Towards shape 0 everybody's rate goes to 0; below some 1e-300 the quotient no longer says so.
            rate *= np.nan_to_num(gammaincinv(shape, u[:, 0]) / shape, posinf=0.0)
        initial = u[:, 3] < settings.initial_adopters
        model.customers.append(
            number.size,
            key=key,
            status=np.where(initial, ACTIVE, 0).astype(np.int8),
            channel=np.where(initial, INITIAL, 0).astype(np.int8),
            joined=np.where(initial, 0, -1).astype(np.int32),
            need_rate=rate,
            alpha=choice.alpha * np.exp(choice.alpha_sd * normals(u[:, 1])),
            leniency=model.scenario.experience.leniency_sd * normals(u[:, 2]),
            satisfaction=model.scenario.experience.launch_satisfaction,
        )
    return np.arange(start, start + count)


def traits_of(model: MarketplaceModel, week: Ints, number: Ints) -> Traits:
    """Draw the traits of sellers or candidates by week of candidacy and number in that week, (n,) each."""
    settings, seed = model.scenario.sellers, model.seed
    key = child_keys(KIND_SELLER, week, number)
    u, more = draws(seed, SELLER, key), draws(seed, SELLER_MORE, key)
    z = normals(u[:, :3])
    listings = np.rint(settings.listings * np.exp(settings.listings_sd * z[:, 2]))
    return Traits(
        key,
        settings.cost * np.exp(settings.cost_sd * z[:, 0]),
        settings.quality + settings.quality_sd * z[:, 1],
        np.clip(listings, 1, settings.listings_max).astype(np.int64),
        np.searchsorted(model.pricing_cdf, u[:, 3], side="right").astype(np.int8),
        settings.mode_taste_sd * normals(more[:, 0]),
        # A bid and the highest commission together always leave something of the price.
        np.minimum(-settings.ad_bid * np.log(more[:, 1]), 0.5 * (1.0 - model.commission.max())),
        np.where(
            more[:, 2] < settings.multi_home,
            -1,
            np.minimum((more[:, 3] * model.platforms.size).astype(np.int64), model.platforms.size - 1),
        ),
    )


def listings_of(model: MarketplaceModel, key: npt.NDArray[np.uint64], listings: Ints) -> Listings:
    """Draw where the listings of some sellers lie: in the categories as needs fall, mostly off the popular places."""
    owner = np.repeat(np.arange(key.size), listings)
    number = np.arange(owner.size) - np.repeat(np.cumsum(listings) - listings, listings)
    u = draws(model.seed, LISTING, key[owner], number)
    aims = model.taste._replace(head_share=model.scenario.sellers.head_share)
    return Listings(owner, number, *places_of(u, aims))


def even_listings(model: MarketplaceModel, listings: Ints) -> Listings:
    """Lay listings out evenly: dealt to the categories in turn, evenly spaced on each circle."""
    owner = np.repeat(np.arange(listings.size), listings)
    number = np.arange(owner.size) - np.repeat(np.cumsum(listings) - listings, listings)
    category = np.arange(owner.size) % model.scenario.market.categories
    place = np.empty(owner.size)
    for c in range(model.scenario.market.categories):
        mine = category == c
        place[mine] = np.arange(mine.sum()) / max(1, mine.sum())
    return Listings(owner, number, category.astype(np.int32), place)


class Shipping(NamedTuple):
    """What sellers weigh when they choose who ships; by platform (platforms,)."""

    choosing: bool  # whether sellers choose at all
    default_mode: npt.NDArray[np.int8]
    offered: npt.NDArray[np.bool_]  # whether the platform fulfils orders for sellers
    saved: Floats  # own cost less the platform's fee, currency per order
    faster: Floats  # what the platform's earlier delivery is worth to customers, in price levels


def shipping_of(model: MarketplaceModel) -> Shipping:
    """Gather what sellers weigh when they choose who ships."""
    scenario, choice = model.scenario, model.scenario.choice
    days = scenario.fulfilment.promise * (scenario.fulfilment.own_delivery_days - model.median_days)
    return Shipping(
        scenario.sellers.fulfilment == "choose",
        default_mode(model),
        model.fulfilment_offered,
        model.own_fulfilment_cost - model.platforms.columns.fulfilment_fee,
        days * choice.delta / choice.alpha,
    )


@rule
def better_mode(m, level, taste, shipping):  # type: ignore[no-untyped-def]
    """Return who had better ship: the fee against own cost, and faster delivery at what it is worth to customers."""
    if not shipping.choosing:
        return shipping.default_mode[m]
    gain = shipping.saved[m] + shipping.faster[m] * level + taste
    return np.int8(PLATFORM if shipping.offered[m] and gain > 0.0 else OWN)


@loop
def choose_modes(rows, seller, platform, category, level, taste, shipping, mode):  # type: ignore[no-untyped-def]
    """Let the sellers of the offers in ``rows`` weigh who ships; writes ``mode``."""
    for row in rows:
        mode[row] = better_mode(platform[row], level[category[row]], taste[seller[row]], shipping)


def open_sellers(
    model: MarketplaceModel, traits: Traits, chosen: Ints, listings: Listings, entry_cost: float = 0.0
) -> Ints:
    """Append the chosen sellers with their listings on their platforms. Returns the sellers' rows.

    Each pays ``entry_cost`` (currency) out of its first cash, before it buys stock.
    """
    settings = model.scenario.sellers
    rows = model.sellers.append(
        chosen.size,
        key=traits.key[chosen],
        entered=model.week,
        cash=settings.cash,
        cost=traits.cost[chosen],
        quality=traits.quality[chosen],
        listings=traits.listings[chosen].astype(np.int32),
        pricing=traits.pricing[chosen],
        mode_taste=traits.mode_taste[chosen],
        ad_bid=traits.ad_bid[chosen],
        patience=settings.patience,
    )
    model.ledger.pay(OUTSIDE, SELLERS, "sellers' capital", settings.cash * chosen.size)
    model.sellers.columns.cash[rows] -= entry_cost
    model.ledger.pay(SELLERS, OUTSIDE, "cost of entry", entry_cost * chosen.size)
    home = traits.home[chosen][listings.owner]
    for m in range(model.platforms.size):
        on = (home < 0) | (home == m)
        if on.any() and model.platforms.columns.failed[m] < 0:
            theirs = listings if on.all() else Listings(*(part[on] for part in listings))
            put_up(model, rows[theirs.owner], m, theirs)
    return rows


def put_up(model: MarketplaceModel, seller: Ints, platform: int, listings: Listings) -> Ints:
    """Append offers of ``seller`` (n,) rows for n listings on one platform, at a first price. Returns offer rows."""
    sellers, settings = model.sellers.columns, model.scenario.sellers
    born = OfferTraits._make(np.empty(seller.size, kind) for kind in OFFER_KINDS)
    draw_offers(
        np.uint64(model.seed), seller, listings.number, platform, model.platforms.size, listings.category,
        model.level, sellers.key, sellers.cost, sellers.quality, sellers.mode_taste, sellers.ad_bid,
        float(model.commission[platform]), float(model.platforms.columns.fulfilment_fee[platform]),
        model.own_fulfilment_cost, min(settings.markup, settings.markup_cap), shipping_of(model), born,
    )  # fmt: skip
    return model.add_offers(
        seller.size,
        seller=seller.astype(np.int32),
        platform=platform,
        category=listings.category,
        place=listings.place,
        launch_price=born.price,
        **born._asdict(),
    )


class OfferTraits(NamedTuple):
    """What n offers of third parties are born with beside their place; each (n,)."""

    key: npt.NDArray[np.uint64]
    price: Floats
    cost: Floats
    quality: Floats
    mode: npt.NDArray[np.int8]


OFFER_KINDS = (np.uint64, np.float64, np.float64, np.float64, np.int8)


@rule
def offer_key(seed, owner_key, number):  # type: ignore[no-untyped-def]
    """Return the key of an offer, drawn under its owner's key and its number there."""
    u_high, u_low, _, _ = draw(seed, OFFER, owner_key, number)
    return np.uint64(u_high * 2.0**32) << np.uint64(32) | np.uint64(u_low * 2.0**32)


@loop
def offer_keys(seed, owner_key, count):  # type: ignore[no-untyped-def]
    """Return the keys of an owner's first ``count`` offers, (count,) uint64."""
    keys = np.empty(count, np.uint64)
    for number in range(count):
        keys[number] = offer_key(seed, owner_key, number)
    return keys


@loop
def draw_offers(  # type: ignore[no-untyped-def]
    seed, seller, number, platform, platforms, category, level, seller_key, seller_cost, seller_quality, taste, ad_bid,
    commission, fee, own_shipping, markup, shipping, born,
):  # fmt: skip
    """Draw the keys of newcomers' offers on one platform, and let their sellers choose who ships and set first prices.

    Parameters
    ----------
    seller : (n,) int64
        Rows of the owners.
    number : (n,) int64
        Number of each listing among its owner's.
    seller_key, seller_cost, seller_quality, taste, ad_bid : (sellers,)
        Columns of the sellers.
    born : OfferTraits, out
    """
    for k in range(seller.size):
        who, usual = seller[k], level[category[k]]
        born.key[k] = offer_key(seed, seller_key[who], number[k] * platforms + platform)
        born.mode[k] = better_mode(platform, usual, taste[who], shipping)
        born.cost[k] = seller_cost[who] * usual
        born.quality[k] = seller_quality[who]
        fulfilment = fee if born.mode[k] == PLATFORM else own_shipping
        break_even = (born.cost[k] + fulfilment) / (1.0 - commission - ad_bid[who])
        born.price[k] = break_even * (1.0 + markup)


def list_again(model: MarketplaceModel, rows: Ints, platform: int) -> Ints:
    """Put up the offers in ``rows`` once more, on another platform. Returns the new rows."""
    c = model.offers.columns
    seller = c.seller[rows].astype(np.int64)
    order = np.argsort(seller, kind="stable")
    number = np.empty(rows.size, np.int64)  # counted within each seller: nobody else's move may change its draws
    number[order] = np.arange(rows.size) - np.searchsorted(seller[order], seller[order])
    counter = number + (1 << 20) + model.week * 4096
    again = Listings(number, counter, c.category[rows], c.place[rows])
    return put_up(model, seller, platform, again)


def put_up_retail(model: MarketplaceModel, m: int) -> Ints:
    """Append platform m's own range: at its popular places in every category. Returns offer rows."""
    settings, market = model.scenario.platforms[m], model.scenario.market
    places, categories = settings.first_party_places, market.categories
    if places == 0:
        return np.empty(0, np.int64)
    count = places * categories
    category = np.repeat(np.arange(categories), places).astype(np.int32)
    cost = settings.first_party_cost * model.level[category]
    price = (cost + model.platforms.columns.launch_unit_cost[m]) / (1.0 - settings.target_margin)
    return model.add_offers(
        count,
        key=offer_keys(np.uint64(model.seed), model.platforms.columns.key[m], count),
        seller=-1 - m,
        platform=m,
        category=category,
        place=np.tile(np.arange(places) / market.popular_places, categories),
        price=price,
        launch_price=price,
        regular_price=price,
        cost=cost,
        quality=settings.first_party_quality,
        mode=PLATFORM,
    )


def default_mode(model: MarketplaceModel) -> npt.NDArray[np.int8]:
    """Who ships on each platform for a seller that knows no leaning of its own, (platforms,)."""
    if model.scenario.sellers.fulfilment != "platform":
        return np.full(model.platforms.size, OWN, np.int8)
    return np.where(model.fulfilment_offered, PLATFORM, OWN).astype(np.int8)


def first_reputation(model: MarketplaceModel) -> float:
    """Reputation of a seller without reviews, in [-1, 1]."""
    settings = model.scenario.experience
    return float(reputation(0.0, 0, settings.reputation_weight, settings.reputation_prior))
