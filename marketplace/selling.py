"""Phase 5: sellers keep their books, set prices, restock, choose who ships, list on platforms, leave and come in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agents.chance import EXIT, FORECAST, draws
from agents.offer import PLATFORM
from agents.pricing import PricingView
from marketplace import births
from marketplace.assortment import numbered
from marketplace.fulfilment import aged, base_stock
from marketplace.learning import Learned, learn_from
from marketplace.ledger import CARRIERS, CUSTOMERS, OUTSIDE, PLATFORMS, SELLERS, mean

if TYPE_CHECKING:
    from marketplace.fulfilment import Tally
    from marketplace.model import MarketplaceModel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

QUARTER = 13  # weeks
YEAR = 52  # weeks


class Sales(NamedTuple):
    """The week's sales by offer, for the offers that sold or took something back; each (n,)."""

    rows: Ints
    sold: Floats  # units
    returned: Floats  # units
    taken: Floats  # currency from customers
    refunded: Floats  # currency to customers
    cost: Floats  # currency, procurement cost of what was sold and kept
    third_party: npt.NDArray[np.bool_]


def sales_of(model: MarketplaceModel, tally: Tally) -> Sales:
    """Gather what was sold and what came back this week."""
    offers = model.offers.columns
    rows = np.flatnonzero(tally.sold + tally.returned)
    sold = tally.sold[rows].astype(np.float64)
    returned = tally.returned[rows].astype(np.float64)
    price, cost = offers.price[rows], offers.cost[rows]
    return Sales(rows, sold, returned, price * sold, price * returned, cost * sold, offers.seller[rows] >= 0)


def settle(model: MarketplaceModel, sales: Sales) -> None:
    """Move the money of the week's third-party sales: customers, sellers, platforms, carriers, outside."""
    offers, sellers, platforms = model.offers.columns, model.sellers.columns, model.platforms.columns
    ledger, rules = model.ledger, model.scenario.fulfilment
    mine = np.flatnonzero(sales.third_party)
    rows = sales.rows[mine]
    who, platform = offers.seller[rows], offers.platform[rows]
    sold, taken, refunded = sales.sold[mine], sales.taken[mine], sales.refunded[mine]
    net = taken - refunded
    rate = 1.0 - model.keep(who, platform)
    commission = net * rate
    by_platform = offers.mode[rows] == PLATFORM
    fee = np.where(by_platform, platforms.fulfilment_fee[platform] * sold, 0.0)
    shipped_alone = np.where(by_platform, 0.0, sold)
    handling, shipping = rules.own_handling_cost * shipped_alone, rules.shipping_cost * shipped_alone

    ledger.pay(CUSTOMERS, SELLERS, "sales", taken)
    ledger.pay(SELLERS, CUSTOMERS, "refunds", refunded)
    # Commission is charged on sales and given back on refunds.
    ledger.pay(SELLERS, PLATFORMS, "commission", taken * rate)
    ledger.pay(PLATFORMS, SELLERS, "commission returned", refunded * rate)
    ledger.pay(SELLERS, PLATFORMS, "fulfilment fees", fee)
    ledger.pay(SELLERS, OUTSIDE, "own handling", handling)
    ledger.pay(SELLERS, CARRIERS, "shipping", shipping)

    income = net - commission - fee - handling - shipping
    size, count = model.sellers.size, model.platforms.size
    sellers.cash += np.bincount(who, income, size)
    platforms.cash += np.bincount(platform, commission + fee, count)
    model.books.commission[:] = np.bincount(platform, commission, count)
    model.books.fees[:] = np.bincount(platform, fee, count)
    model.books.third_party_gmv[:] = np.bincount(platform, taken, count)
    # Goods that come back can be sold again, so only the units that stay with customers cost their procurement.
    cost = sales.cost[mine] - offers.cost[rows] * sales.returned[mine] * (not model.to_order)
    sellers.revenue[:] = np.bincount(who, net, size)
    sellers.profit[:] = np.bincount(who, income - cost, size)


def pay_running_costs(model: MarketplaceModel) -> None:
    """Charge living sellers their fixed cost and the holding of stock, and smooth their profit."""
    sellers, offers = model.sellers.columns, model.offers.columns
    living = model.sellers.rows
    if living.size == 0:
        return
    held = np.zeros(model.sellers.size)
    if model.scenario.fulfilment.holding_cost > 0.0:
        stocked = model.third_party_rows
        value = offers.stock[stocked] * offers.cost[stocked] * model.scenario.fulfilment.holding_cost
        held = np.bincount(offers.seller[stocked], value, model.sellers.size).astype(np.float64)
    cost = held
    cost[living] += model.scenario.entry.fixed_cost
    model.ledger.pay(SELLERS, OUTSIDE, "fixed and holding cost", cost)
    sellers.cash -= cost
    sellers.profit -= cost
    sellers.smoothed_profit += 0.1 * (sellers.profit - sellers.smoothed_profit)
    sellers.climb_profit += 0.3 * (sellers.profit - sellers.climb_profit)
    sellers.year_revenue += (sellers.revenue - sellers.year_revenue) / YEAR


def reprice(model: MarketplaceModel) -> None:
    """Let sellers set prices by their rules, from last week's log."""
    rows = model.third_party_rows
    if rows.size == 0:
        return
    offers, sellers = model.offers.columns, model.sellers.columns
    learned = learn_from(model.log, model.group_of, model.groups, offers.seller)
    due = np.ones(rows.size, np.bool_)
    rate = model.scenario.sellers.reprice_rate
    who = offers.seller[rows]
    if rate < 1.0:
        due = draws(model.seed, EXIT, sellers.key, model.week)[who, 1] < rate
    for code, rule in enumerate(model.pricing):
        mine = rows[due & (sellers.pricing[who] == code)]
        if mine.size:
            offers.price[mine] = price_by(model, rule, mine, learned)


def price_by(model: MarketplaceModel, rule: Any, rows: Ints, learned: Learned) -> Floats:
    """Return the prices of one rule for the offers in ``rows``, with their view of the market."""
    offers, sellers = model.offers.columns, model.sellers.columns
    group, group_index = numbered(model.group_of[rows], model.groups)
    who, seller_index = numbered(offers.seller[rows], model.sellers.size)
    level = model.level[offers.category[rows]]
    group_level = np.empty(group.size)
    group_level[group_index] = level
    felt = np.empty(group.size)
    felt[group_index] = np.maximum(model.flywheel["price->experience"].factor[offers.platform[rows]], 1e-6)
    direction = sellers.direction[who]
    view = PricingView(
        price=offers.price[rows],
        unit_cost=model.unit_cost_of(rows),
        keep=model.keep(offers.seller[rows], offers.platform[rows]),
        level=level,
        group=group_index,
        seller=seller_index,
        own_share=learned.own_share[group],
        alpha=learned.alpha[group] / group_level * felt,
        seen=learned.seen[group],
        rival_price=model.offers.rival_price(rows) if rule.name == "undercutting" else np.full(rows.size, np.nan),
        profit=sellers.climb_profit[who],
        profit_before=sellers.climb_before[who],
        direction=direction,
        mu=model.rules.mu,
        settings=model.scenario.sellers,
    )
    prices = rule.prices(view)
    sellers.direction[who] = direction
    sellers.climb_before[who] = sellers.climb_profit[who]
    return np.asarray(prices, dtype=np.float64)


def restock(model: MarketplaceModel, tally: Tally) -> None:
    """Receive what was ordered, forecast and order anew: third parties and platforms' own retail alike."""
    rules = model.scenario.fulfilment
    if model.to_order:
        return
    offers, rows = model.offers.columns, model.offers.rows
    stock, pipeline = offers.stock[rows], offers.pipeline[rows]
    u = draws(model.seed, FORECAST, offers.key[rows], model.week)
    arrived = np.zeros(rows.size, np.int64)
    if rules.lead_time > 0:
        arrived = pipeline[:, 0].copy()
        stock += arrived
        pipeline[:, :-1] = pipeline[:, 1:]
        pipeline[:, -1] = 0
    offers.forecast[rows] += (1.0 - rules.forecast_memory) * (tally.demanded[rows] - offers.forecast[rows])
    level = order_up_to(model, rows, u[:, 0])
    wanted = np.maximum(0, level - stock - pipeline.sum(axis=1))
    ordered = afford(model, rows, wanted)
    if rules.lead_time == 0:
        stock += ordered
        arrived = ordered
    else:
        pipeline[:, rules.lead_time - 1] += ordered
    offers.stock[rows], offers.pipeline[rows] = stock, pipeline
    model.ledger.goods["received"] += int(arrived.sum())


def age(model: MarketplaceModel) -> None:
    """Scrap what has aged beyond sale, at the cost of those whose it was."""
    rate = model.scenario.fulfilment.ageing
    if model.to_order or rate == 0.0:
        return
    offers, rows = model.offers.columns, model.offers.rows
    lost = aged(offers.stock[rows], rate, draws(model.seed, FORECAST, offers.key[rows], model.week)[:, 1])
    offers.stock[rows] -= lost
    model.ledger.goods["scrapped"] += int(lost.sum())
    who, worth = offers.seller[rows], lost * offers.cost[rows]
    own = who < 0
    model.books.ageing[:] = np.bincount(-1 - who[own], worth[own], model.platforms.size)
    model.sellers.columns.profit -= np.bincount(who[~own], worth[~own], model.sellers.size)


def order_up_to(model: MarketplaceModel, rows: Ints, u: Floats) -> Ints:
    """Return base-stock levels: fixed by the scenario, or from a forecast whose error data capability reduces."""
    rules = model.scenario.fulfilment
    if rules.base_stock > 0:
        return np.full(rows.size, rules.base_stock, np.int64)
    offers = model.offers.columns
    forecast = offers.forecast[rows]
    if rules.forecast_error > 0.0:
        from agents.chance import normals

        error = rules.forecast_error * model.error_share[offers.platform[rows]]
        forecast = forecast * np.exp(error * normals(u))
    return base_stock(forecast, rules.lead_time + 1.0, rules.safety)


def afford(model: MarketplaceModel, rows: Ints, wanted: Ints) -> Ints:
    """Return what is ordered and paid: a third party never orders more than its cash buys."""
    offers, sellers, platforms = model.offers.columns, model.sellers.columns, model.platforms.columns
    count, who, cost = model.sellers.size, offers.seller[rows], offers.cost[rows]
    third = who >= 0
    purse = np.where(third, who, count - 1 - who)  # sellers' purses, then platforms'
    share = np.ones(count + model.platforms.size)  # of what is wanted that each can pay
    asked = np.bincount(purse, wanted * cost, share.size)[:count]
    np.divide(sellers.cash, asked, out=share[:count], where=asked > 0.0)
    ordered = np.floor(wanted * np.clip(share, 0.0, 1.0)[purse]).astype(np.int64)
    bill = ordered * cost
    paid = np.bincount(purse, bill, share.size)
    sellers.cash -= paid[:count]
    platforms.cash -= paid[count:]
    model.ledger.pay(SELLERS, OUTSIDE, "procurement", bill[third])
    model.ledger.pay(PLATFORMS, OUTSIDE, "procurement", paid[count:])
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


def take_back(model: MarketplaceModel, tally: Tally) -> None:
    """Put returned units back on stock, or scrap them where nothing is kept in stock."""
    returned = int(tally.returned.sum())
    model.ledger.goods["returned"] += returned
    if model.to_order:
        model.ledger.goods["scrapped"] += returned
    else:
        model.offers.columns.stock += tally.returned


def choose_modes(model: MarketplaceModel) -> None:
    """Once a quarter, let sellers weigh the platform's fulfilment against their own."""
    if model.scenario.sellers.fulfilment != "choose" or model.week % QUARTER:
        return
    rows = model.third_party_rows
    offers = model.offers.columns
    offers.mode[rows] = births.better_mode(
        model, offers.seller[rows], offers.platform[rows], model.level[offers.category[rows]]
    )


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
    living = model.sellers.rows
    if living.size == 0:
        return 0
    sellers, settings = model.sellers.columns, model.scenario.sellers
    demand_seen = model.flywheel["visits->sellers"].factor
    fixed = model.scenario.entry.fixed_cost
    expected = sellers.smoothed_profit[living]
    expected = (expected + fixed) * mean(demand_seen) - fixed
    change = np.where(expected < 0.0, -1.0, 0.5)
    sellers.patience[living] = np.minimum(settings.patience, sellers.patience[living] + change)
    u = draws(model.seed, EXIT, sellers.key[living], model.week)[:, 0]
    gone = living[(sellers.cash[living] < 0.0) | (sellers.patience[living] <= 0.0) | (u < settings.exit_rate)]
    if gone.size:
        close(model, gone)
    return int(gone.size)


def close(model: MarketplaceModel, gone: Ints) -> None:
    """Wind sellers up: stock is scrapped, what cash is left goes to the owner, who also covers a debt."""
    offers, sellers = model.offers.columns, model.sellers.columns
    theirs = model.third_party_rows
    leaves = np.zeros(model.sellers.size, np.bool_)
    leaves[gone] = True
    theirs = theirs[leaves[offers.seller[theirs]]]
    model.ledger.goods["scrapped"] += int(offers.stock[theirs].sum())
    offers.stock[theirs] = 0
    model.ledger.pay(SELLERS, OUTSIDE, "winding up", np.maximum(sellers.cash[gone], 0.0))
    model.ledger.pay(OUTSIDE, SELLERS, "debts written off", np.maximum(-sellers.cash[gone], 0.0))
    sellers.cash[gone] = 0.0
    for name in ("profit", "revenue", "smoothed_profit", "year_revenue"):
        model.sellers.column(name)[gone] = 0.0
    model.offers.remove(theirs)
    model.sellers.remove(gone)
