"""Phase 5: sellers set prices by their rules, from what the log of the week's searches tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from agents.chance import EXIT, draws
from agents.compiled import loop
from agents.offer import PLATFORM
from agents.plugins import PluginError
from agents.pricing import PricingView, SellerPricing
from marketplace.learning import Learned, learn_from

if TYPE_CHECKING:
    from marketplace.model import MarketplaceModel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def reprice(model: MarketplaceModel) -> None:
    """Let sellers set prices by their rules, from the week's log."""
    rows = model.third_party_rows
    if rows.size == 0:
        return
    offers, sellers = model.offers.columns, model.sellers.columns
    learned = learn_from(model.log, model.group_of, model.groups, offers.seller)
    rate = model.scenario.sellers.reprice_rate
    if rate < 1.0:
        due = draws(model.seed, EXIT, sellers.key, model.week)[:, 1] < rate
        rows = rows[due[offers.seller[rows]]]
    for code, rule in enumerate(model.pricing):
        mine = rows if len(model.pricing) == 1 else rows[sellers.pricing[offers.seller[rows]] == code]
        if mine.size:
            offers.price[mine] = price_by(model, rule, mine, learned)


class Outlook(NamedTuple):
    """What `look` writes down of n offers in G groups of S sellers."""

    price: Floats  # (n,)
    unit_cost: Floats  # (n,)
    keep: Floats  # (n,)
    level: Floats  # (n,)
    group: Ints  # (n,) from 0 to G - 1
    seller: Ints  # (n,) from 0 to S - 1
    own_share: Floats  # (G,) of it, and so are the next two
    alpha: Floats
    seen: Floats
    who: Ints  # (S,) of it: the sellers' rows


KINDS = tuple(np.int64 if name in ("group", "seller", "who") else np.float64 for name in Outlook._fields)


def price_by(model: MarketplaceModel, rule: SellerPricing, rows: Ints, learned: Learned) -> Floats:
    """Return the prices of one rule for the offers in ``rows``, with their view of the market."""
    o, sellers = model.offers.columns, model.sellers.columns
    out = Outlook._make(np.empty(rows.size, kind) for kind in KINDS)
    groups, count = look(
        rows, o.seller, o.platform, o.category, o.mode, o.price, o.cost, model.group_of, learned, sellers.ad_bid,
        model.commission, model.platforms.columns.fulfilment_fee, model.own_fulfilment_cost,
        model.level, model.flywheel["price->experience"].factor, out,
    )  # fmt: skip
    who = out.who[:count]
    direction = sellers.direction[who]
    view = PricingView(
        price=out.price,
        unit_cost=out.unit_cost,
        keep=out.keep,
        level=out.level,
        group=out.group,
        seller=out.seller,
        own_share=out.own_share[:groups],
        alpha=out.alpha[:groups],
        seen=out.seen[:groups],
        rival_price=model.offers.rival_price(rows) if rule.sees_rivals else np.full(rows.size, np.nan),
        profit=sellers.climb_profit[who],
        profit_before=sellers.climb_before[who],
        direction=direction,
        mu=model.rules.mu,
        settings=model.scenario.sellers,
    )
    given = rule.prices(view)
    try:
        prices = rule.checked(view, given)
    except ValueError as error:
        raise PluginError(str(error)) from None
    sellers.direction[who] = direction
    sellers.climb_before[who] = sellers.climb_profit[who]
    return prices


@loop
def look(  # type: ignore[no-untyped-def]
    rows, seller, platform, category, mode, price, cost, group_of, learned, ad_bid, commission, fee, own_shipping,
    level, felt, out,
):  # fmt: skip
    """Write down what the sellers of the offers in ``rows`` see. Returns how many groups and sellers they are.

    Parameters
    ----------
    own_shipping : float
        What it costs a seller to ship an order by itself, currency.
    felt : (platforms,) float64
        Factor on prices as customers perceive them.
    """
    groups = 0
    sellers = 0
    number_of_group = np.full(learned.seen.size, -1, np.int64)
    number_of_seller = np.full(ad_bid.size, -1, np.int64)
    for k in range(rows.size):
        row = rows[k]
        who, m, group = seller[row], platform[row], group_of[row]
        out.price[k] = price[row]
        out.unit_cost[k] = cost[row] + (fee[m] if mode[row] == PLATFORM else own_shipping)
        out.keep[k] = 1.0 - commission[m] - ad_bid[who]
        out.level[k] = level[category[row]]
        if number_of_group[group] < 0:
            number_of_group[group] = groups
            out.own_share[groups] = learned.own_share[group]
            out.alpha[groups] = learned.alpha[group] / out.level[k] * max(felt[m], 1e-6)
            out.seen[groups] = learned.seen[group]
            groups += 1
        if number_of_seller[who] < 0:
            number_of_seller[who] = sellers
            out.who[sellers] = who
            sellers += 1
        out.group[k] = number_of_group[group]
        out.seller[k] = number_of_seller[who]
    return groups, sellers
