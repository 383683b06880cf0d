"""Phase 5, entry: who the week's candidates are, what they would list, and who of them comes in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from agents.chance import BELIEF, draws, normals
from marketplace import births
from marketplace.entry import Prospects, weigh

if TYPE_CHECKING:
    from marketplace.model import MarketplaceModel


def prospects_of(model: MarketplaceModel, traits: births.Traits, listings: births.Listings) -> Prospects:
    """Lay out what every candidate would list, platform by platform."""
    platforms, categories = model.platforms.size, model.scenario.market.categories
    listing = np.tile(np.arange(listings.owner.size), platforms)
    platform = np.repeat(np.arange(platforms), listings.owner.size)
    owner = listings.owner[listing]
    home = traits.home[owner]
    open_ = (model.opens <= model.week) & (model.platforms.columns.failed < 0)
    keep_row = ((home < 0) | (home == platform)) & open_[platform]
    order = np.flatnonzero(keep_row)[np.argsort(owner[keep_row], kind="stable")]
    owner, platform, listing = owner[order], platform[order], listing[order]
    category = listings.category[listing]
    level = model.level[category]
    mode = np.full(owner.size, births.default_mode(model), np.int8)
    keep = 1.0 - model.commission[platform] - traits.ad_bid[owner]
    cost = traits.cost[owner] * level + model.fulfilment_cost(mode, platform)
    break_even = cost / keep
    reputation = births.first_reputation(model)
    days = model.promised_days(mode, platform) * model.flywheel["delivery->experience"].factor[platform]
    search, choice = model.scenario.search, model.scenario.choice
    base = traits.quality[owner] - choice.delta * days + choice.rho * reputation
    likely = break_even * (1.0 + model.scenario.sellers.markup) / level
    rank = search.reputation * choice.rho * reputation - search.price * choice.alpha * likely
    rank = rank + search.bids * traits.ad_bid[owner]
    place = listings.place[listing]
    # Customers feel price / felt; where a valve lets no price through, the cap on mark-ups is what binds.
    felt = level / np.maximum(model.flywheel["price->experience"].factor[platform], 1e-6)
    return Prospects(owner, platform * categories + category, platform, place, base, rank, felt, break_even, keep)


def margins_of(model: MarketplaceModel) -> npt.NDArray[np.float64]:
    """What each offer on the shelf asks above break-even, in price levels as customers feel them; NaN off the shelf."""
    shelf, c = model.shelf, model.offers.columns
    rows = shelf.row
    seller, platform, mode = c.seller[rows], c.platform[rows], c.mode[rows]
    break_even = c.cost[rows] + model.platforms.columns.unit_cost[platform]
    third = np.flatnonzero(seller >= 0)
    break_even[third] = model.break_even(c.cost[rows[third]], mode[third], seller[third], platform[third])
    margins = np.full(model.offers.size, np.nan)
    felt = model.flywheel["price->experience"].factor[platform] / model.level[c.category[rows]]
    margins[rows] = shelf.price - break_even * felt
    return margins


def enter(model: MarketplaceModel) -> int:
    """Let this week's candidates weigh the market and come in. Returns how many do."""
    settings = model.scenario.entry
    log = model.log
    if not settings.enabled or settings.candidates == 0 or not model.marketplace_open or log.platform.size == 0:
        return 0
    cost = model.entry_cost()
    if cost > model.scenario.sellers.cash:
        return 0  # nobody could pay it
    traits = births.traits_of(model, model.week, settings.candidates)
    listings = births.listings_of(model, traits.key, traits.listings)
    prospects = prospects_of(model, traits, listings)
    circle = log.platform.astype(np.int64) * model.scenario.market.categories + log.category
    circles = model.platforms.size * model.scenario.market.categories
    # Short integers sort in linear time.
    members = np.argsort(circle.astype(np.min_scalar_type(circles)), kind="stable")
    first = np.searchsorted(circle[members], np.arange(circles + 1))
    logged = np.bincount(log.platform, minlength=model.platforms.size)
    scale = model.flywheel["visits->sellers"].value / np.maximum(1, logged)
    margins = margins_of(model) if settings.rivals_respond else np.empty(0)
    noise = normals(draws(model.seed, BELIEF, traits.key, model.week)[:, 0])
    comes = np.zeros(settings.candidates, np.bool_)
    hurdle = cost / settings.horizon
    weigh(
        settings.candidates, prospects, scale, np.exp(settings.belief_noise * noise), hurdle, settings.fixed_cost,
        settings.rivals_respond, model.scenario.sellers.markup, model.scenario.sellers.markup_cap,
        model.flywheel["selection->experience"].factor, members, first, model.rules, margins,
        log, comes,
    )  # fmt: skip
    chosen = np.flatnonzero(comes)
    if chosen.size:
        mine = comes[listings.owner]
        owner = np.searchsorted(chosen, listings.owner[mine])
        kept = births.Listings(owner, listings.number[mine], listings.category[mine], listings.place[mine])
        births.open_sellers(model, traits, chosen, kept, entry_cost=cost)
    return int(chosen.size)
