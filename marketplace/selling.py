"""Phase 5: sellers pay their running costs, choose who ships, list on platforms, and leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from agents.chance import EXIT, draws, first_uniform
from agents.compiled import loop, rule
from marketplace import births
from marketplace.ledger import OUTSIDE, SELLERS, mean

if TYPE_CHECKING:
    from marketplace.model import MarketplaceModel

Ints = npt.NDArray[np.int64]

QUARTER = 13  # weeks
YEAR = 52  # weeks


def pay_running_costs(model: MarketplaceModel) -> None:
    """Charge living sellers their fixed cost and the holding of stock, and smooth their profit."""
    if model.sellers.rows.size == 0:
        return
    s, o, scenario = model.sellers.columns, model.offers.columns, model.scenario
    paid = charge(
        model.third_party_rows, o.seller, o.stock, o.cost, scenario.fulfilment.holding_cost, s.alive,
        scenario.entry.fixed_cost, s.cash, s.profit, s.revenue, s.smoothed_profit, s.climb_profit, s.year_revenue,
    )  # fmt: skip
    model.ledger.pay(SELLERS, OUTSIDE, "fixed and holding cost", paid)


@loop
def charge(  # type: ignore[no-untyped-def]
    rows, seller, stock, unit_cost, holding, alive, fixed, cash, profit, revenue, smoothed, climb, year,
):  # fmt: skip
    """Do the work of `pay_running_costs`. Returns what all pay together."""
    cost = np.zeros(cash.size)
    paid = 0.0
    for row in rows:
        cost[seller[row]] += stock[row] * unit_cost[row] * holding
    for who in range(cash.size):
        if alive[who]:
            cost[who] += fixed
        cash[who] -= cost[who]
        profit[who] -= cost[who]
        smoothed[who] += 0.1 * (profit[who] - smoothed[who])
        climb[who] += 0.3 * (profit[who] - climb[who])
        year[who] += (revenue[who] - year[who]) / YEAR
        paid += cost[who]
    return paid


def choose_modes(model: MarketplaceModel) -> None:
    """Once a quarter, let sellers weigh the platform's fulfilment against their own."""
    if model.scenario.sellers.fulfilment == "own" or model.week % QUARTER:
        return
    rows = model.third_party_rows
    offers = model.offers.columns
    births.choose_modes(
        rows, offers.seller, offers.platform, offers.category, model.level, model.sellers.columns.mode_taste,
        births.shipping_of(model), offers.mode,
    )  # fmt: skip


def relist(model: MarketplaceModel) -> None:
    """Let some sellers look at the platforms they are not on, and list where demand per third-party offer is higher."""
    settings, platforms = model.scenario.sellers, model.platforms
    if platforms.size == 1 or settings.relist_rate == 0.0 or model.third_party_rows.size == 0:
        return
    offers, rows = model.offers.columns, model.third_party_rows
    listed = np.zeros((model.sellers.size, platforms.size), np.bool_)
    listed[offers.seller[rows], offers.platform[rows]] = True
    crowd = np.bincount(offers.platform[rows], minlength=platforms.size)
    per_offer = model.flywheel["visits->sellers"].value / np.maximum(1, crowd)
    living = model.sellers.rows
    looks = draws(model.seed, EXIT, model.sellers.columns.key[living], model.week)[:, 2] < settings.relist_rate
    home = np.argmax(listed[living], axis=1)
    for m in range(platforms.size):
        if platforms.columns.failed[m] >= 0 or model.week < model.opens[m]:
            continue
        goes = looks & ~listed[living, m] & (per_offer[m] > per_offer[home])
        movers = living[goes]
        if movers.size:
            at_home = offers.platform[rows] == np.argmax(listed, axis=1)[offers.seller[rows]]
            births.list_again(model, rows[at_home & np.isin(offers.seller[rows], movers)], m)
            offers = model.offers.columns


def leave(model: MarketplaceModel) -> int:
    """Let sellers go whose cash or patience has ended, or whom fate calls away. Returns how many."""
    living, s, settings = model.sellers.rows, model.sellers.columns, model.scenario.sellers
    if living.size == 0:
        return 0
    leaves = np.empty(living.size, np.int64)
    count = part(
        living, np.uint64(model.seed), model.week, s.key, s.cash, s.smoothed_profit, s.patience,
        mean(model.flywheel["visits->sellers"].factor), model.scenario.entry.fixed_cost, settings.patience,
        settings.exit_rate, leaves,
    )  # fmt: skip
    if count:
        close(model, leaves[:count])
    return int(count)


@rule
def patience_after(patience, profit, fixed, demand_seen, most):  # type: ignore[no-untyped-def]
    """Return the weeks of losses a seller will still sit through: one fewer after a loss it expects to go on."""
    expected = (profit + fixed) * demand_seen - fixed
    return min(most, patience + (-1.0 if expected < 0.0 else 0.5))


@loop
def part(  # type: ignore[no-untyped-def]
    living, seed, week, key, cash, profit, patience, demand_seen, fixed, most, exit_rate, leaves,
):  # fmt: skip
    """Bring every living seller's patience up to date, and write down who leaves. Returns how many."""
    count = 0
    for who in living:
        patience[who] = patience_after(patience[who], profit[who], fixed, demand_seen, most)
        fate = first_uniform(seed, EXIT, key[who], week)
        if cash[who] < 0.0 or patience[who] <= 0.0 or fate < exit_rate:
            leaves[count] = who
            count += 1
    return count


def close(model: MarketplaceModel, gone: Ints) -> None:
    """Wind sellers up: stock is scrapped, what cash is left goes to the owner, who also covers a debt."""
    offers, s = model.offers.columns, model.sellers.columns
    theirs = np.empty(model.third_party_rows.size, np.int64)
    count, scrapped, left, owed = wind_up(
        gone, model.third_party_rows, offers.seller, offers.stock, s.cash, s.profit, s.revenue, s.smoothed_profit,
        s.year_revenue, theirs,
    )  # fmt: skip
    model.ledger.goods["scrapped"] += scrapped
    model.ledger.pay(SELLERS, OUTSIDE, "winding up", left)
    model.ledger.pay(OUTSIDE, SELLERS, "debts written off", owed)
    model.offers.remove(theirs[:count])
    model.sellers.remove(gone)


@loop
def wind_up(gone, rows, seller, stock, cash, profit, revenue, smoothed, year, theirs):  # type: ignore[no-untyped-def]
    """Clear the books of those who are gone; fills ``theirs`` with the rows of their offers.

    Returns how many offers those are, units scrapped, cash left, and debts, both in currency.
    """
    leaves = np.zeros(cash.size, np.bool_)
    left = 0.0
    owed = 0.0
    for who in gone:
        leaves[who] = True
        left += max(0.0, cash[who])
        owed += max(0.0, -cash[who])
        cash[who] = 0.0
        profit[who] = 0.0
        revenue[who] = 0.0
        smoothed[who] = 0.0
        year[who] = 0.0
    count = 0
    scrapped = 0
    for row in rows:
        if leaves[seller[row]]:
            theirs[count] = row
            count += 1
            scrapped += stock[row]
            stock[row] = 0
    return count, scrapped, left, owed
