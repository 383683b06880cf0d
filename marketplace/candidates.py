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


class Candidates(NamedTuple):
    """Candidates, in order: of one week, or of the weeks drawn together."""

    traits: births.Traits
    listings: births.Listings
    belief: Floats  # factor by which each misjudges its profit before fixed cost


class Cohort(NamedTuple):
    """The candidates of `DRAWN_TOGETHER` weeks."""

    first_week: int
    each: int  # candidates a week
    all: Candidates
    first_listing: Ints  # of every candidate, and one beyond

    def of_week(self, week: int) -> Candidates:
        """Return one week's candidates; owners count within the week."""
        low = (week - self.first_week) * self.each
        high = low + self.each
        of, to = self.first_listing[low], self.first_listing[high]
        owner, number, category, place = self.all.listings
        return Candidates(
            births.Traits._make(part[low:high] for part in self.all.traits),
            births.Listings(owner[of:to] - low, number[of:to], category[of:to], place[of:to]),
            self.all.belief[low:high],
        )


def candidates_of(model: MarketplaceModel) -> Candidates:
    """Return this week's candidates."""
    cohort = model.cohort
    if cohort is None or not 0 <= model.week - cohort.first_week < DRAWN_TOGETHER:
        cohort = model.cohort = draw_cohort(model)
    return cohort.of_week(model.week)


def draw_cohort(model: MarketplaceModel) -> Cohort:
    """Draw the candidates of this week and of those to come, each under its own key."""
    settings = model.scenario.entry
    week = np.repeat(np.arange(model.week, model.week + DRAWN_TOGETHER), settings.candidates)
    traits = births.traits_of(model, week, np.tile(np.arange(settings.candidates), DRAWN_TOGETHER))
    listings = births.listings_of(model, traits.key, traits.listings)
    noise = normals(draws(model.seed, BELIEF, traits.key, week)[:, 0])
    belief = np.exp(settings.belief_noise * noise)
    first = np.concatenate(([0], np.cumsum(traits.listings)))
    return Cohort(model.week, settings.candidates, Candidates(traits, listings, belief), first)


class Terms(NamedTuple):
    """What a newcomer's listing meets: by platform (platforms,), and the same for all."""

    open: npt.NDArray[np.bool_]  # whether third parties may list there
    commission: Floats
    fulfilment: Floats  # cost of having an order shipped, currency
    days: Floats  # promised, as customers perceive them
    felt: Floats  # factor on prices as customers perceive them
    delta: float
    standing: float  # utility of the reputation it begins with
    rank_standing: float  # what that reputation is worth in the ranking
    rank_price: float
    bids: float
    markup: float  # that it would begin with


def terms_of(model: MarketplaceModel) -> Terms:
    """Gather the terms on which candidates would list this week."""
    wheel, search, choice = model.flywheel, model.scenario.search, model.scenario.choice
    mode = births.default_mode(model)
    reputation = births.first_reputation(model)
    fee = model.platforms.columns.fulfilment_fee
    return Terms(
        (model.opens <= model.week) & (model.platforms.columns.failed < 0),
        model.commission,
        np.where(mode == PLATFORM, fee, model.own_fulfilment_cost),
        model.promises()[np.arange(fee.size), mode] * wheel["delivery->experience"].factor,
        # Customers feel price x felt; where a valve lets no price through, the cap on mark-ups is what binds.
        np.maximum(wheel["price->experience"].factor, 1e-6),
        choice.delta,
        choice.rho * reputation,
        search.reputation * choice.rho * reputation,
        search.price * choice.alpha,
        search.bids,
        model.scenario.sellers.markup,
    )


@loop
def lay_out(traits, listings, terms, level):  # type: ignore[no-untyped-def]
    """Return what every candidate would list, platform by platform, as `Prospects`."""
    room = listings.owner.size * terms.open.size
    out = Prospects(
        np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room), np.empty(room),
        np.empty(room), np.empty(room), np.empty(room), np.empty(room),
    )  # fmt: skip
    laid = 0
    first = 0
    for who in range(traits.listings.size):
        last = first + traits.listings[who]
        for m in range(terms.open.size):
            if not terms.open[m] or (traits.home[who] >= 0 and traits.home[who] != m):
                continue
            keep = 1.0 - terms.commission[m] - traits.ad_bid[who]
            for k in range(first, last):
                usual = level[listings.category[k]]
                break_even = (traits.cost[who] * usual + terms.fulfilment[m]) / keep
                likely = break_even * (1.0 + terms.markup) / usual
                out.owner[laid] = who
                out.circle[laid] = m * level.size + listings.category[k]
                out.platform[laid] = m
                out.place[laid] = listings.place[k]
                out.base[laid] = traits.quality[who] - terms.delta * terms.days[m] + terms.standing
                out.rank[laid] = terms.rank_standing - terms.rank_price * likely + terms.bids * traits.ad_bid[who]
                out.level[laid] = usual / terms.felt[m]
                out.break_even[laid] = break_even
                out.keep[laid] = keep
                laid += 1
        first = last
    return Prospects(
        out.owner[:laid], out.circle[:laid], out.platform[:laid], out.place[:laid], out.base[:laid], out.rank[:laid],
        out.level[:laid], out.break_even[:laid], out.keep[:laid],
    )  # fmt: skip
