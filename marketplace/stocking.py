"""Phases 3 and 5: goods on stock age, come in, are ordered anew and paid for; third parties and own retail alike."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from agents.chance import FORECAST, draw, first_uniform, normal
from agents.compiled import loop
from marketplace.fulfilment import aged, base_stock
from marketplace.ledger import OUTSIDE, PLATFORMS, SELLERS

if TYPE_CHECKING:
    from marketplace.fulfilment import Tally
    from marketplace.model import MarketplaceModel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def age(model: MarketplaceModel) -> None:
    """Scrap what has aged beyond sale, at the cost of those whose it was."""
    rate = model.scenario.fulfilment.ageing
    if model.to_order or rate == 0.0:
        return
    c = model.offers.columns
    model.ledger.goods["scrapped"] += scrap_aged(
        model.offers.rows, np.uint64(model.seed), model.week, c.key, rate, c.seller, c.cost, c.stock,
        model.sellers.columns.profit, model.books.ageing,
    )  # fmt: skip


@loop
def scrap_aged(rows, seed, week, key, rate, seller, cost, stock, profit, retail_loss):  # type: ignore[no-untyped-def]
    """Take aged units off the stock and their cost off profits. Returns how many."""
    lost = np.zeros(profit.size)
    units = 0
    for row in rows:
        _, u_ageing, _, _ = draw(seed, FORECAST, key[row], week)
        gone = aged(stock[row], rate, u_ageing)
        stock[row] -= gone
        units += gone
        if seller[row] < 0:
            retail_loss[-1 - seller[row]] += gone * cost[row]
        else:
            lost[seller[row]] += gone * cost[row]
    for who in range(profit.size):
        profit[who] -= lost[who]
    return units


def restock(model: MarketplaceModel, tally: Tally) -> None:
    """Receive what was ordered, forecast and order anew."""
    if model.to_order:
        return
    rules, rows, c = model.scenario.fulfilment, model.offers.rows, model.offers.columns
    paid = np.zeros(2)
    model.ledger.goods["received"] += replenish(
        rows, np.uint64(model.seed), model.week, c.key, rules.lead_time, 1.0 - rules.forecast_memory, tally.demanded,
        c.platform, rules.forecast_error * model.error_share, rules.base_stock, rules.safety, c.seller, c.cost,
        c.stock, c.pipeline, c.forecast, model.sellers.columns.cash, model.platforms.columns.cash, paid,
    )  # fmt: skip
    pay_for_stock(model, paid)


@loop
def replenish(  # type: ignore[no-untyped-def]
    rows, seed, week, key, lead_time, learning, demanded, platform, error, fixed, safety, seller, cost, stock,
    pipeline, forecast, cash, platform_cash, paid,
):  # fmt: skip
    """Receive, forecast and reorder, offer by offer. Returns units received; adds up what is paid.

    ``error`` (platforms,) is the sd of the log of forecasts over what is expected.
    """
    expected = np.empty(rows.size)
    units = receive(rows, lead_time, learning, demanded, stock, pipeline, forecast)
    for k in range(rows.size):
        row = rows[k]
        expected[k] = forecast[row]
        if error[platform[row]] > 0.0 and fixed == 0:
            u_forecast = first_uniform(seed, FORECAST, key[row], week)
            expected[k] *= math.exp(error[platform[row]] * normal(u_forecast))
    units += reorder(
        rows, fixed, expected, lead_time, safety, seller, cost, stock, pipeline, cash, platform_cash, paid
    )
    return units


@loop
def receive(rows, lead_time, learning, demanded, stock, pipeline, forecast):  # type: ignore[no-untyped-def]
    """Put what is due on stock, move the pipeline on by a week, and learn from demand. Returns units received."""
    units = 0
    last = pipeline.shape[1] - 1
    for row in rows:
        if lead_time > 0:
            stock[row] += pipeline[row, 0]
            units += pipeline[row, 0]
            for weeks in range(last):
                pipeline[row, weeks] = pipeline[row, weeks + 1]
            pipeline[row, last] = 0
        forecast[row] += learning * (demanded[row] - forecast[row])
    return units


@loop
def reorder(  # type: ignore[no-untyped-def]
    rows, fixed, expected, lead_time, safety, seller, cost, stock, pipeline, cash, platform_cash, paid,
):  # fmt: skip
    """Order what stock and pipeline fall short of their base-stock level, as far as cash goes.

    The level is ``fixed`` where that is above 0, else it covers the demand expected over lead time and review period.
    Returns the units that arrive at once, where there is no lead time.
    """
    wanted = np.empty(rows.size, np.int64)
    for k in range(rows.size):
        row = rows[k]
        level = fixed if fixed > 0 else base_stock(expected[k], lead_time + 1.0, safety)
        short = level - stock[row]
        for weeks in range(pipeline.shape[1]):
            short -= pipeline[row, weeks]
        wanted[k] = max(0, short)
    ordered = afford(rows, wanted, seller, cost, cash, platform_cash, paid)
    units = 0
    for k in range(rows.size):
        if lead_time == 0:
            stock[rows[k]] += ordered[k]
            units += ordered[k]
        else:
            pipeline[rows[k], lead_time - 1] += ordered[k]
    return units


def buy(model: MarketplaceModel, rows: Ints, wanted: Ints) -> Ints:
    """Return what of ``wanted`` (n,) units is ordered and paid: a third party never orders more than its cash buys."""
    c, paid = model.offers.columns, np.zeros(2)
    ordered: Ints = afford(
        rows, wanted, c.seller, c.cost, model.sellers.columns.cash, model.platforms.columns.cash, paid
    )
    pay_for_stock(model, paid)
    return ordered


def pay_for_stock(model: MarketplaceModel, paid: Floats) -> None:
    """Enter in the ledger what sellers and platforms have paid for goods, (2,)."""
    by_sellers, by_platforms = paid.tolist()
    model.ledger.pay(SELLERS, OUTSIDE, "procurement", by_sellers)
    model.ledger.pay(PLATFORMS, OUTSIDE, "procurement", by_platforms)


@loop
def afford(rows, wanted, seller, cost, cash, platform_cash, paid):  # type: ignore[no-untyped-def]
    """Let every owner buy the same share of what it wants. Returns units; adds up what sellers and platforms pay."""
    asked = np.zeros(cash.size)
    bill = np.zeros(cash.size)
    platform_bill = np.zeros(platform_cash.size)
    ordered = np.empty(rows.size, np.int64)
    for k in range(rows.size):
        if seller[rows[k]] >= 0:
            asked[seller[rows[k]]] += wanted[k] * cost[rows[k]]
    for k in range(rows.size):
        who = seller[rows[k]]
        share = 1.0
        if who >= 0 and asked[who] > 0.0:
            share = min(1.0, max(0.0, cash[who] / asked[who]))
        ordered[k] = math.floor(wanted[k] * share)
        if who >= 0:
            bill[who] += ordered[k] * cost[rows[k]]
        else:
            platform_bill[-1 - who] += ordered[k] * cost[rows[k]]
    for who in range(cash.size):
        cash[who] -= bill[who]
        paid[0] += bill[who]
    for m in range(platform_cash.size):
        platform_cash[m] -= platform_bill[m]
        paid[1] += platform_bill[m]
    return ordered


def procure_to_order(model: MarketplaceModel, demanded: Ints) -> None:
    """Where stock is procured when it is sold: receive what was just demanded, and pay for it."""
    offers = model.offers.columns
    rows = np.flatnonzero(demanded)
    units = demanded[rows]
    offers.stock[rows] += units
    who, bill = offers.seller[rows], units * offers.cost[rows]
    third = who >= 0
    model.sellers.columns.cash -= np.bincount(who[third], bill[third], model.sellers.size)
    bought = np.bincount(-1 - who[~third], bill[~third], model.platforms.size)
    model.platforms.columns.cash -= bought
    model.ledger.pay(SELLERS, OUTSIDE, "procurement", bill[third])
    model.ledger.pay(PLATFORMS, OUTSIDE, "procurement", bought)
    model.ledger.goods["received"] += int(units.sum())


def take_back(model: MarketplaceModel, tally: Tally, units: int) -> None:
    """Put the ``units`` that came back on stock again, or scrap them where nothing is kept in stock."""
    model.ledger.goods["returned"] += units
    if model.to_order:
        model.ledger.goods["scrapped"] += units
    else:
        model.offers.columns.stock += tally.returned
