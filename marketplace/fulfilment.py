"""Phase 3: orders meet stock in an order drawn by key; goods ship, arrive on time or late, come back or stay.

Also the other side of it: base-stock orders, lead times, ageing.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agents.chance import DELIVERY, DISRUPTION, draw, normal
from agents.compiled import block_loop, loop, rule
from agents.customer import chance_of_return
from agents.offer import OWN, PLATFORM
from marketplace.search import BLOCK, Visits

STOCKOUT, DELIVERED = 1, 2

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Orders(NamedTuple):
    """The week's orders, in the sequence of the visits they came from; each (orders,)."""

    customer: npt.NDArray[np.int32]
    offer: npt.NDArray[np.int32]
    distance: Floats
    surplus: Floats
    outcome: npt.NDArray[np.int8]
    days: Floats
    late: npt.NDArray[np.int8]
    returned: npt.NDArray[np.int8]


class Tally(NamedTuple):
    """The week's units by offer, over all rows of the table of offers; each (offers.size,)."""

    demanded: Ints
    sold: Ints
    returned: Ints


@block_loop
def _gather(  # type: ignore[no-untyped-def]
    first_block, last_block, visits, each, first_order, orders,
):  # fmt: skip
    """Gather the orders of one block of customers."""
    for block in range(first_block, last_block):
        order = first_order[block]
        start = block * BLOCK * each
        for slot in range(start, start + visits.filled[block]):
            if visits.offer[slot] >= 0:
                orders.customer[order] = visits.customer[slot]
                orders.offer[order] = visits.offer[slot]
                orders.distance[order] = visits.distance[slot]
                orders.surplus[order] = visits.surplus[slot]
                order += 1


def gather_orders(visits: Visits, each: int) -> tuple[Orders, Ints]:
    """Return the orders of the week and, per block of customers, the number of its first order."""
    first_order = np.cumsum(visits.bought) - visits.bought
    count = int(np.add.reduce(visits.bought))
    orders = Orders(
        np.empty(count, np.int32),
        np.empty(count, np.int32),
        np.empty(count),
        np.empty(count),
        np.empty(count, np.int8),
        np.zeros(count),
        np.zeros(count, np.int8),
        np.zeros(count, np.int8),
    )
    _gather(visits.filled.size, visits, each, first_order, orders)
    return orders, first_order


@loop
def meet_stock(seed, week, key, customer, offer, outcome, stock, demanded, sold):  # type: ignore[no-untyped-def]
    """Fill orders from stock. Where an offer is short, those with the lowest keyed priority are served.

    ``stock`` is reduced by what is sold. Returns units sold.
    """
    short = 0
    for order in range(offer.size):
        demanded[offer[order]] += 1
        outcome[order] = DELIVERED
    for order in range(offer.size):
        row = offer[order]
        if demanded[row] > stock[row]:
            short += 1
        else:
            sold[row] += 1
    waiting = np.empty(short, np.int64)
    priority = np.empty(short)
    short = 0
    for order in range(offer.size):
        if demanded[offer[order]] > stock[offer[order]]:
            _, u_priority, _, _ = draw(seed, DELIVERY, key[customer[order]], week)
            waiting[short] = order
            priority[short] = u_priority
            short += 1
    for at in np.argsort(priority, kind="mergesort"):
        order = waiting[at]
        row = offer[order]
        if sold[row] < stock[row]:
            sold[row] += 1
        else:
            outcome[order] = STOCKOUT
    units = 0
    for order in range(offer.size):
        if outcome[order] == DELIVERED:
            stock[offer[order]] -= 1
            units += 1
    return units


@block_loop
def deliver(  # type: ignore[no-untyped-def]
    first_block, last_block, seed, week, key, orders, platform, mode, quality, promised, median, spread, usual_quality,
    rules,
):  # fmt: skip
    """Draw delivery days, lateness and returns of the orders that were filled.

    Parameters
    ----------
    platform, mode, quality, promised : (offers.size,)
        Columns of the offers.
    median, spread : (platforms, modes) float64
        Median days (disruptions included) and sd of log days.
    """
    for block in range(first_block, last_block):
        for order in range(block * BLOCK, min(orders.offer.size, (block + 1) * BLOCK)):
            if orders.outcome[order] == DELIVERED:
                row = orders.offer[order]
                u_days, _, u_return, _ = draw(seed, DELIVERY, key[orders.customer[order]], week)
                took = median[platform[row], mode[row]]
                if spread[platform[row], mode[row]] > 0.0 and took > 0.0:
                    took *= math.exp(spread[platform[row], mode[row]] * normal(u_days))
                orders.days[order] = took
                orders.late[order] = 1 if took > promised[row] else 0
                if u_return < chance_of_return(orders.distance[order], -(quality[row] - usual_quality), rules):
                    orders.returned[order] = 1


@loop
def count_orders(orders, bent, platform, units_returned, demanded, delivered, late, returned, days):  # type: ignore[no-untyped-def]
    """Count the week's orders by platform, and by offer the units that came back.

    Parameters
    ----------
    bent : (orders,) float64
        What valves added to the perceived disutility of each order, in currency: surplus is counted at true values.
        Empty where they add nothing.
    units_returned : (offers.size,) int64, out
    demanded, delivered, late, returned, days : (platforms,) float64, out
        Added to; ``days`` is the sum over delivered orders.

    Returns
    -------
    units, surplus
        Units that came back, and the realised surplus of the orders that stay, in currency.
    """
    units = 0
    surplus = 0.0
    for order in range(orders.offer.size):
        row = orders.offer[order]
        m = platform[row]
        demanded[m] += 1.0
        if orders.outcome[order] != DELIVERED:
            continue
        delivered[m] += 1.0
        late[m] += orders.late[order]
        days[m] += orders.days[order]
        if orders.returned[order] != 0:
            returned[m] += 1.0
            units_returned[row] += 1
            units += 1
            continue
        surplus += orders.surplus[order]
        if bent.size > 0:
            surplus += bent[order]
    return units, surplus


@loop
def disrupt(  # type: ignore[no-untyped-def]
    seed, week, key, rate, factor, own_days, own_spread, platform_days, platform_spread, median, spread,
):  # fmt: skip
    """Draw which ways of delivery are disrupted this week, each platform's own way and that of its sellers.

    Parameters
    ----------
    rate, factor : float
        Chance that a way is disrupted, and how many times longer its deliveries then take.
    platform_days, platform_spread : (platforms,) float64
        Median days and sd of log days of what platforms ship.
    median, spread : (platforms, modes) float64, out
        Median days, disruptions included, and sd of log days.
    """
    for m in range(key.size):
        u_own, u_platform, _, _ = draw(seed, DISRUPTION, key[m], week)
        median[m, OWN] = own_days * (factor if u_own < rate else 1.0)
        median[m, PLATFORM] = platform_days[m] * (factor if u_platform < rate else 1.0)
        spread[m, OWN] = own_spread
        spread[m, PLATFORM] = platform_spread[m]


@rule
def base_stock(forecast, weeks, safety):  # type: ignore[no-untyped-def]
    """Return the base-stock level: demand over the protection interval plus ``safety`` of its Poisson sd, at least 1.

    ``forecast`` is in units per week; ``weeks`` is the lead time plus the review period of one week.
    """
    mean = forecast * weeks
    return max(1, math.ceil(mean + safety * math.sqrt(mean)))


@rule
def aged(stock, rate, u):  # type: ignore[no-untyped-def]
    """Return units lost to ageing: ``stock x rate`` in expectation, whole units by a keyed uniform."""
    return min(stock, math.floor(stock * rate + u))
