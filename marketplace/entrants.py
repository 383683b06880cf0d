"""Phase 5, entry: candidates weigh the market, and those for whom it pays come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from agents.compiled import loop
from marketplace import births
from marketplace.candidates import Candidates, candidates_of, prospects_of
from marketplace.entry import weigh

if TYPE_CHECKING:
    from marketplace.model import MarketplaceModel


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


@loop
def sort_by_circle(platform, category, categories, members, first, logged):  # type: ignore[no-untyped-def]
    """Sort the searches of a log by circle, in order within each.

    Parameters
    ----------
    members : (searches,) int64, out
    first : (circles + 1,) int64, out
        Where each circle begins in ``members``.
    logged : (platforms,) int64, out
        Searches logged on each platform.
    """
    first[:] = 0
    logged[:] = 0
    for at in range(platform.size):
        first[platform[at] * categories + category[at] + 1] += 1
        logged[platform[at]] += 1
    for circle in range(first.size - 1):
        first[circle + 1] += first[circle]
    free = first.copy()
    for at in range(platform.size):
        circle = platform[at] * categories + category[at]
        members[free[circle]] = at
        free[circle] += 1


def enter(model: MarketplaceModel) -> int:
    """Let this week's candidates weigh the market and come in. Returns how many do."""
    settings, log = model.scenario.entry, model.log
    if not settings.enabled or settings.candidates == 0 or not model.marketplace_open or log.platform.size == 0:
        return 0
    cost = model.entry_cost()
    if cost > model.scenario.sellers.cash:
        return 0  # nobody could pay it
    candidates = candidates_of(model)
    comes = who_comes(model, candidates, cost / settings.horizon)
    chosen = np.flatnonzero(comes)
    if chosen.size:
        listings = candidates.listings
        mine = comes[listings.owner]
        owner = np.searchsorted(chosen, listings.owner[mine])
        kept = births.Listings(owner, listings.number[mine], listings.category[mine], listings.place[mine])
        births.open_sellers(model, candidates.traits, chosen, kept, entry_cost=cost)
    return int(chosen.size)


def who_comes(model: MarketplaceModel, candidates: Candidates, hurdle: float) -> npt.NDArray[np.bool_]:
    """Return who of the candidates comes in, where a weekly profit of ``hurdle`` pays the entry cost."""
    scenario, log, platforms = model.scenario, model.log, model.platforms.size
    categories = scenario.market.categories
    members = np.empty(log.platform.size, np.int64)
    first, logged = np.empty(platforms * categories + 1, np.int64), np.empty(platforms, np.int64)
    sort_by_circle(log.platform, log.category, categories, members, first, logged)
    scale = model.flywheel["visits->sellers"].value / np.maximum(1, logged)
    margins = margins_of(model) if scenario.entry.rivals_respond else np.empty(0)
    comes = np.zeros(scenario.entry.candidates, np.bool_)
    weigh(
        comes.size, prospects_of(model, candidates), scale, candidates.belief, hurdle, scenario.entry.fixed_cost,
        scenario.entry.rivals_respond, scenario.sellers.markup, scenario.sellers.markup_cap,
        model.flywheel["selection->experience"].factor, members, first, model.rules, margins, log, comes,
    )  # fmt: skip
    return comes
