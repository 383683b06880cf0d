"""Phase 5, entry: candidates weigh the market, and those for whom it pays come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from agents.compiled import loop
from marketplace import births
from marketplace.candidates import Cohort, cohort_of, lay_out, terms_of
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


def enter(model: MarketplaceModel) -> int:
    """Let this week's candidates weigh the market and come in. Returns how many do."""
    settings, log = model.scenario.entry, model.log
    if not settings.enabled or settings.candidates == 0 or not model.marketplace_open or log.platform.size == 0:
        return 0
    cost = model.entry_cost()
    if cost > model.scenario.sellers.cash:
        return 0  # nobody could pay it
    cohort = cohort_of(model)
    chosen = who_comes(model, cohort, cost / settings.horizon)
    if chosen.size:
        births.open_sellers(model, cohort.traits, chosen, cohort.listings_of(chosen), entry_cost=cost)
    return chosen.size


def who_comes(model: MarketplaceModel, cohort: Cohort, hurdle: float) -> npt.NDArray[np.int64]:
    """Return the numbers of the week's candidates that come in, where a weekly profit of ``hurdle`` pays the cost."""
    entry, sellers, wheel = model.scenario.entry, model.scenario.sellers, model.flywheel
    margins = margins_of(model) if entry.rivals_respond else np.empty(0)
    comes = np.zeros(entry.candidates, np.bool_)
    first = cohort.first_of(model.week)
    consider(
        first, cohort.traits, cohort.listings, cohort.first_listing, cohort.belief, terms_of(model), model.level,
        model.log, wheel["visits->sellers"].value, hurdle, entry.fixed_cost, entry.rivals_respond, sellers.markup_cap,
        wheel["selection->experience"].factor, model.rules, margins, comes,
    )  # fmt: skip
    return first + np.flatnonzero(comes)


@loop
def consider(  # type: ignore[no-untyped-def]
    first_candidate, traits, listings, first_listing, belief, terms, level, log, demand, hurdle, fixed_cost, respond,
    cap, mismatch, rules, margins, comes,
):  # fmt: skip
    """Let every candidate lay out what it would list and weigh it against the week's searches; see `weigh`.

    ``demand`` (platforms,) is the searches of a week as entrants perceive them.
    """
    prospects = lay_out(first_candidate, comes.size, traits, listings, first_listing, terms, level)
    members, first, logged = sort_by_circle(log.platform, log.category, demand.size, level.size)
    weigh(
        comes.size, prospects, demand / np.maximum(1, logged), belief[first_candidate:], hurdle, fixed_cost, respond,
        terms.markup, cap, mismatch, members, first, rules, margins, log, comes,
    )  # fmt: skip


@loop
def sort_by_circle(platform, category, platforms, categories):  # type: ignore[no-untyped-def]
    """Sort the searches of a log by circle.

    Returns
    -------
    members : (searches,) int64
        Places in the log, in order within each circle.
    first : (circles + 1,) int64
        Where each circle begins in ``members``.
    logged : (platforms,) int64
        Searches logged on each platform.
    """
    first = np.zeros(platforms * categories + 1, np.int64)
    logged = np.zeros(platforms, np.int64)
    for at in range(platform.size):
        first[platform[at] * categories + category[at] + 1] += 1
        logged[platform[at]] += 1
    for circle in range(first.size - 1):
        first[circle + 1] += first[circle]
    members = np.empty(platform.size, np.int64)
    free = first.copy()
    for at in range(platform.size):
        circle = platform[at] * categories + category[at]
        members[free[circle]] = at
        free[circle] += 1
    return members, first, logged
