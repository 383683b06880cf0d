"""Phase 5, entry: who the week's candidates are, and what they would list."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from agents.chance import BELIEF, draws, normals
from agents.compiled import loop
from agents.offer import PLATFORM
from marketplace import births
from marketplace.entry import Prospects

if TYPE_CHECKING:
    from marketplace.model import MarketplaceModel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DRAWN_TOGETHER = 52  # weeks whose candidates are drawn at a time: nothing that happens in the market changes them


class Cohort(NamedTuple):
    """The candidates of `DRAWN_TOGETHER` weeks, in order."""

    first_week: int
    each: int  # candidates a week
    traits: births.Traits
    listings: births.Listings
    first_listing: Ints  # of every candidate, and one beyond
    belief: Floats  # factor by which each misjudges its profit before fixed cost

    def first_of(self, week: int) -> int:
        """Number of a week's first candidate."""
        return (week - self.first_week) * self.each

    def listings_of(self, chosen: Ints) -> births.Listings:
        """Return the listings of some candidates; owners count within them."""
        first, end = self.first_listing[chosen], self.first_listing[chosen + 1]
        mine = np.concatenate([np.arange(a, b) for a, b in zip(first, end, strict=True)])
        _, *rest = (part[mine] for part in self.listings)
        return births.Listings(np.repeat(np.arange(chosen.size), end - first), *rest)


def cohort_of(model: MarketplaceModel) -> Cohort:
    """Return the cohort that this week's candidates are of."""
    cohort = model.cohort
    if cohort is None or not 0 <= model.week - cohort.first_week < DRAWN_TOGETHER:
        cohort = model.cohort = draw_cohort(model)
    return cohort


def draw_cohort(model: MarketplaceModel) -> Cohort:
    """Draw the candidates of this week and of those to come, each under its own key."""
    settings = model.scenario.entry
    week = np.repeat(np.arange(model.week, model.week + DRAWN_TOGETHER), settings.candidates)
    traits = births.traits_of(model, week, np.tile(np.arange(settings.candidates), DRAWN_TOGETHER))
    listings = births.listings_of(model, traits.key, traits.listings)
    noise = normals(draws(model.seed, BELIEF, traits.key, week)[:, 0])
    belief = np.exp(settings.belief_noise * noise)
    first = np.concatenate(([0], np.cumsum(traits.listings)))
    return Cohort(model.week, settings.candidates, traits, listings, first, belief)


class Terms(NamedTuple):
    """What a newcomer's listing meets: by platform (platforms,), and the same for all."""

    week: int
    opens: Ints  # first week in which third parties may list
    failed: npt.NDArray[np.int32]  # week in which the platform closed, -1 if it lives
    default_mode: npt.NDArray[np.int8]  # who would ship
    promised: Floats  # (platforms, modes) days
    delivery_felt: Floats  # factor on days as customers perceive them
    price_felt: Floats  # factor on prices as customers perceive them
    commission: Floats
    fee: Floats  # of the platform's fulfilment, currency per order
    own_shipping: float  # cost of shipping an order oneself, currency
    delta: float
    standing: float  # utility of the reputation it begins with
    rank_standing: float  # what that reputation is worth in the ranking
    rank_price: float
    bids: float
    markup: float  # that it would begin with


def terms_of(model: MarketplaceModel) -> Terms:
    """Gather the terms on which candidates would list this week."""
    wheel, search, choice = model.flywheel, model.scenario.search, model.scenario.choice
    platforms, reputation = model.platforms.columns, births.first_reputation(model)
    return Terms(
        model.week, model.opens, platforms.failed, births.default_mode(model), model.promised,
        wheel["delivery->experience"].factor, wheel["price->experience"].factor, model.commission,
        platforms.fulfilment_fee, model.own_fulfilment_cost, choice.delta, choice.rho * reputation,
        search.reputation * choice.rho * reputation, search.price * choice.alpha, search.bids,
        model.scenario.sellers.markup,
    )  # fmt: skip


@loop
def lay_out(first, candidates, traits, listings, first_listing, terms, level):  # type: ignore[no-untyped-def]
    """Return what the ``candidates`` from number ``first`` on would list, platform by platform, as `Prospects`.

    Their owners are numbered from 0.
    """
    room = (first_listing[first + candidates] - first_listing[first]) * terms.commission.size
    out = Prospects(
        np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room), np.empty(room),
        np.empty(room), np.empty(room), np.empty(room), np.empty(room),
    )  # fmt: skip
    laid = 0
    for who in range(first, first + candidates):
        for m in range(terms.commission.size):
            is_open = terms.opens[m] <= terms.week and terms.failed[m] < 0
            if not is_open or (traits.home[who] >= 0 and traits.home[who] != m):
                continue
            keep = 1.0 - terms.commission[m] - traits.ad_bid[who]
            mode = terms.default_mode[m]
            fulfilment = terms.fee[m] if mode == PLATFORM else terms.own_shipping
            days = terms.promised[m, mode] * terms.delivery_felt[m]
            # Customers feel price x felt; where a valve lets no price through, the cap on mark-ups is what binds.
            felt = max(terms.price_felt[m], 1e-6)
            for k in range(first_listing[who], first_listing[who + 1]):
                usual = level[listings.category[k]]
                break_even = (traits.cost[who] * usual + fulfilment) / keep
                likely = break_even * (1.0 + terms.markup) / usual
                out.owner[laid] = who - first
                out.circle[laid] = m * level.size + listings.category[k]
                out.platform[laid] = m
                out.place[laid] = listings.place[k]
                out.base[laid] = traits.quality[who] - terms.delta * days + terms.standing
                out.rank[laid] = terms.rank_standing - terms.rank_price * likely + terms.bids * traits.ad_bid[who]
                out.level[laid] = usual / felt
                out.break_even[laid] = break_even
                out.keep[laid] = keep
                laid += 1
    return Prospects(
        out.owner[:laid], out.circle[:laid], out.platform[:laid], out.place[:laid], out.base[:laid], out.rank[:laid],
        out.level[:laid], out.break_even[:laid], out.keep[:laid],
    )  # fmt: skip
