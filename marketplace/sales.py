"""Phase 5, first of all: the money of the week's sales moves between customers, sellers, platforms and the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agents.compiled import loop, rule
from agents.offer import PLATFORM
from marketplace.ledger import CARRIERS, CUSTOMERS, OUTSIDE, PLATFORMS, SELLERS

if TYPE_CHECKING:
    from marketplace.fulfilment import Tally
    from marketplace.model import MarketplaceModel

# Commission is charged on sales and given back on refunds. In the order in which `settle_sales` adds them up.
FLOWS = (
    (CUSTOMERS, SELLERS, "sales"),
    (SELLERS, CUSTOMERS, "refunds"),
    (SELLERS, PLATFORMS, "commission"),
    (PLATFORMS, SELLERS, "commission returned"),
    (SELLERS, PLATFORMS, "fulfilment fees"),
    (SELLERS, OUTSIDE, "own handling"),
    (SELLERS, CARRIERS, "shipping"),
    (CUSTOMERS, PLATFORMS, "sales"),
    (PLATFORMS, CUSTOMERS, "refunds"),
)


def settle(model: MarketplaceModel, tally: Tally) -> None:
    """Settle the week's sales and returns, third parties' and own retail's, and enter them in the books."""
    o, s, p, rules = model.offers.columns, model.sellers.columns, model.platforms.columns, model.scenario.fulfilment
    books, flows = model.books, np.zeros(len(FLOWS))
    settle_sales(
        tally.sold, tally.returned, o.seller, o.platform, o.mode, o.price, o.regular_price, o.cost, s.ad_bid,
        model.commission, p.fulfilment_fee, rules.own_handling_cost, rules.shipping_cost, not model.to_order,
        s.cash, s.revenue, s.profit, p.cash, books.takings, flows,
    )  # fmt: skip
    for (payer, payee, purpose), amount in zip(FLOWS, flows.tolist(), strict=True):
        model.ledger.pay(payer, payee, purpose, amount)


@rule
def fulfilment_of(units, mode, fee, own_handling, shipping):  # type: ignore[no-untyped-def]
    """Return what a third party pays to have ``units`` shipped: to the platform, for handling, to the carrier."""
    if mode == PLATFORM:
        return fee * units, 0.0, 0.0
    return 0.0, own_handling * units, shipping * units


@loop
def settle_sales(  # type: ignore[no-untyped-def]
    units_sold, units_returned, seller, platform, mode, price, regular_price, cost, ad_bid, commission_rate,
    fee_rate, own_handling, shipping_rate, resold, cash, revenue, profit, platform_cash, takings, flows,
):  # fmt: skip
    """Settle every offer's sales of the week.

    Parameters
    ----------
    resold : bool
        Whether goods that come back can be sold again, so that only units that stay with customers cost their
        procurement.
    cash, revenue, profit : (sellers,) float64, out
        Cash is added to; revenue and profit, of the week, are written anew.
    takings : Takings
        Added to.
    flows : (len(FLOWS),) float64, out
    """
    income = np.zeros(cash.size)
    platform_income = np.zeros(platform_cash.size)
    revenue[:] = 0.0
    profit[:] = 0.0
    for row in range(units_sold.size):
        if units_sold[row] == 0 and units_returned[row] == 0:
            continue
        m = platform[row]
        who = seller[row]
        sold = float(units_sold[row])
        returned = float(units_returned[row])
        taken = price[row] * sold
        refunded = price[row] * returned
        goods = cost[row] * sold
        if resold:
            goods -= cost[row] * returned
        takings.orders[m] += sold
        if mode[row] == PLATFORM:
            takings.fulfilled[m] += sold
        if who < 0:
            takings.retail_gmv[m] += taken
            takings.retail_refunds[m] += refunded
            takings.retail_cost[m] += goods
            takings.retail_units[m] += sold
            takings.price_cuts[m] += (regular_price[row] - price[row]) * sold
            flows[7] += taken
            flows[8] += refunded
            continue
        net = taken - refunded
        rate = 1.0 - (1.0 - commission_rate[m] - ad_bid[who])
        commission = net * rate
        fee, handling, shipping = fulfilment_of(sold, mode[row], fee_rate[m], own_handling, shipping_rate)
        earned = net - commission - fee - handling - shipping
        takings.commission[m] += commission
        takings.fees[m] += fee
        takings.third_party_gmv[m] += taken
        platform_income[m] += commission + fee
        income[who] += earned
        revenue[who] += net
        profit[who] += earned - goods
        flows[0] += taken
        flows[1] += refunded
        flows[2] += taken * rate
        flows[3] += refunded * rate
        flows[4] += fee
        flows[5] += handling
        flows[6] += shipping
    for who in range(cash.size):
        cash[who] += income[who]
    for m in range(platform_cash.size):
        platform_cash[m] += platform_income[m]
        platform_cash[m] += takings.retail_gmv[m] - takings.retail_refunds[m]
