"""Phase 7: what is measured every week. One registry says what each indicator is; undefined values are missing.

`summary` condenses the last 52 weeks by each indicator's rule: ``mean``, ``sum`` or ``last``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from agents.customer import CHANNELS
from agents.policies.levers import CAPABILITIES
from marketplace.concentration import concentration
from marketplace.flywheel import MEANING
from marketplace.ledger import mean, ratio, total

if TYPE_CHECKING:
    import pandas as pd

    from marketplace.model import MarketplaceModel

Rule = Literal["mean", "sum", "last"]
NAN = math.nan


class Indicator(NamedTuple):
    """One column of `weekly`."""

    name: str
    unit: str
    rule: Rule
    doc: str
    source: str = "definition"
    per_platform: bool = False


INDICATORS: tuple[Indicator, ...] = (
    Indicator("gmv", "currency", "sum", "gross merchandise value: price of delivered orders, before returns", per_platform=True),
    Indicator("orders", "orders", "sum", "delivered orders", per_platform=True),
    Indicator("visits", "visits", "sum", "visits with a need and browsing visits", per_platform=True),
    Indicator("searches", "searches", "sum", "visits with a need", per_platform=True),
    Indicator("conversion_rate", "share", "mean", "delivered orders over visits", per_platform=True),
    Indicator("search_success_rate", "share", "mean", "searches that end in an order placed"),
    Indicator("average_order_value", "currency", "mean", "GMV over delivered orders"),
    Indicator("active_customers", "customers", "last", "customers that have joined and not lapsed"),
    Indicator("adopters", "customers", "last", "customers that have ever joined"),
    *(Indicator(f"new_customers.{c}", "customers", "sum", f"customers who joined by {c.replace('_', ' ')}") for c in CHANNELS[2:]),
    Indicator("returned_customers", "customers", "sum", "lapsed customers who came back"),
    Indicator("churn_rate", "share", "mean", "customers who lapse, over those active before"),
    Indicator("retention_rate", "share", "mean", "customers with an order last quarter who ordered this quarter too; in the last week of each quarter"),
    Indicator("repeat_purchase_rate", "share", "mean", "orders by customers who had ordered before, over orders"),
    Indicator("customer_lifetime_value", "currency", "mean", "weekly platform margin per active customer over churn rate, a year's means (Gupta & Lehmann 2003, no discounting)", "Gupta & Lehmann 2003"),
    Indicator("nps", "points", "mean", "net promoter score: per cent answering 9-10 less per cent answering 0-6, active customers", "Reichheld 2003"),
    Indicator("referral_rate", "share", "mean", "newcomers by word of mouth or referral, over newcomers"),
    Indicator("satisfaction", "share", "mean", "mean satisfaction of active customers", per_platform=True),
    Indicator("active_sellers", "sellers", "last", "third-party sellers on the market"),
    Indicator("entries", "sellers", "sum", "sellers who came in"),
    Indicator("exits", "sellers", "sum", "sellers who left"),
    Indicator("offers", "offers", "last", "offers on the market, own retail included", per_platform=True),
    Indicator("third_party_offers", "offers", "last", "offers of third-party sellers"),
    Indicator("third_party_share", "share", "mean", "third parties' share of GMV", "Bezos 2018 letter to shareholders", per_platform=True),
    Indicator("seller_gini", "1", "last", "Gini coefficient of sellers' sales, smoothed over a year, sellers with sales"),
    Indicator("seller_top10_share", "share", "last", "share of the top tenth of sellers in sellers' sales, smoothed over a year"),
    Indicator("hhi", "1", "mean", "Herfindahl-Hirschman index of sales less refunds, living sellers and own retail, 0-1"),
    Indicator("price_index", "price level", "mean", "expected price, over price level, of what a fixed basket of needs is shown", per_platform=True),
    Indicator("retail_price", "price level", "mean", "mean price of own retail over price level", per_platform=True),
    Indicator("selection_distance", "circumference", "mean", "mean distance from a fixed basket of needs to what is shown, without search noise", per_platform=True),
    Indicator("unit_cost", "currency", "mean", "smoothed cost of fulfilling one order", per_platform=True),
    Indicator("unit_cost.handling", "currency", "mean", "handling per order shipped, overload included: what learning lowers"),
    Indicator("unit_cost.speed", "currency", "mean", "premium for the speed promised, per order shipped"),
    Indicator("unit_cost.capacity", "currency", "mean", "cost of capacity per order shipped"),
    Indicator("unit_cost.shipping", "currency", "mean", "carriers' price per order shipped"),
    Indicator("utilisation", "share", "mean", "orders shipped over the capacity that stood in the week"),
    Indicator("take_rate", "share", "mean", "commission and fees over third-party GMV"),
    Indicator("platform_revenue", "currency", "sum", "own sales less refunds, commission and fees", per_platform=True),
    Indicator("platform_margin", "share", "mean", "revenue less all running cost, over revenue, before what the policy spends on capabilities", per_platform=True),
    Indicator("platform_surplus", "currency", "sum", "margin in currency, with price cuts paid from it added back"),
    Indicator("platform_investment", "currency", "sum", "spent on capabilities"),
    Indicator("platform_dividend", "currency", "sum", "paid out to owners"),
    Indicator("platform_cash", "currency", "last", "cash", per_platform=True),
    Indicator("fulfilment_cost_ratio", "share", "mean", "handling, speed and capacity cost over GMV", "compare facts/amazon_annual.csv"),
    *(Indicator(f"capability.{c}", "share", "last", f"level of the {c} capability, 0-1, mean of platforms") for c in CAPABILITIES),
    Indicator("delivery_days", "days", "mean", "mean delivery time of delivered orders"),
    Indicator("promised_days", "days", "mean", "mean promised days of what a fixed basket of needs is shown"),
    Indicator("on_time_rate", "share", "mean", "delivered orders that came within the promise"),
    Indicator("stockout_rate", "share", "mean", "orders placed that met no stock"),
    Indicator("return_rate", "share", "mean", "delivered orders that came back"),
    Indicator("stars", "stars", "mean", "mean of the week's reviews"),
    Indicator("consumer_surplus", "currency", "sum", "(utility of the offer bought less the outside option's)/alpha, delivered orders that stay, at true prices", "Small & Rosen 1981"),
    Indicator("expected_consumer_surplus", "currency", "sum", "mu ln(1 + sum exp((v - outside)/mu))/alpha over logged searches, scaled to all; missing without an outside option", "Small & Rosen 1981"),
    Indicator("seller_surplus", "currency", "sum", "sellers' profit: sales less commission, fees, handling, procurement, ageing, holding and fixed cost; cost of entry is not in it"),
    Indicator("welfare", "currency", "sum", "consumer surplus, sellers' profit and platforms' margin"),
    Indicator("network.ties", "ties", "last", "customer-seller ties; in the last week of each quarter"),
    Indicator("network.seller_degree_gini", "1", "last", "Gini coefficient of sellers' ties; in the last week of each quarter"),
    Indicator("network.giant_component", "share", "last", "share of nodes in the giant component of the customer-seller network; in the last week of each quarter"),
    Indicator("network.density", "share", "last", "ties over possible ties; in the last week of each quarter"),
    *(Indicator(f"link.{link}", unit, "mean", f"flywheel: {what}, as perceived by {who}", per_platform=True) for link, (what, unit, who) in MEANING.items()),
)  # fmt: skip
NETWORK = tuple(i.name for i in INDICATORS if i.name.startswith("network."))
CAPABILITY_COLUMNS = tuple(f"capability.{c}" for c in CAPABILITIES)
LINK_COLUMNS = {f"link.{link}": link for link in MEANING}
BY_NAME = {indicator.name: indicator for indicator in INDICATORS}


def column_names(platforms: list[str]) -> list[str]:
    """Columns of `weekly`: the week, every indicator, and per platform where there are several."""
    names = ["week"]
    for indicator in INDICATORS:
        names.append(indicator.name)
        if indicator.per_platform and len(platforms) > 1:
            names.extend(f"{indicator.name}.{platform}" for platform in platforms)
    return names


def indicator_of(column: str) -> Indicator:
    """Return the indicator that a column of `weekly` holds, whichever platform's."""
    while column not in BY_NAME:
        column = column.rpartition(".")[0]
        if not column:
            raise KeyError("no such indicator")
    return BY_NAME[column]


def _mean(values: npt.NDArray[np.float64]) -> float:
    """Mean over the platforms on which a figure is defined; NaN where it is on none."""
    if values.size == 1:
        return float(values[0])
    defined = values[~np.isnan(values)]
    return mean(defined) if defined.size else NAN


def measure(model: MarketplaceModel) -> dict[str, float]:
    """Return this week's row of `weekly`, without the week itself."""
    row = {**_customers(model), **_platforms(model), **_sellers(model), **_orders(model), **_welfare(model)}
    for column, link in LINK_COLUMNS.items():
        row[column] = _mean(model.flywheel[link].value)
    row.update(model.network_measures())
    if model.platforms.size > 1:
        for name, each in _each_platform(model).items():
            for platform, value in zip(model.platform_names, each.tolist(), strict=True):
                row[f"{name}.{platform}"] = value
    return row


def _each_platform(model: MarketplaceModel) -> dict[str, npt.NDArray[np.float64]]:
    """Return what is recorded of every platform where there are several; each (platforms,)."""
    p, books, panel, offers = model.platforms.columns, model.books, model.panel_now, model.offers
    gmv = books.retail_gmv + books.third_party_gmv
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "satisfaction": model.mean_satisfaction,
            "gmv": gmv,
            "orders": books.orders,
            "visits": books.visits,
            "searches": books.searches,
            "conversion_rate": books.orders / books.visits,
            "third_party_share": books.third_party_gmv / gmv,
            "platform_revenue": books.revenue,
            "platform_margin": np.where(books.revenue > 0.0, books.margin / books.revenue, NAN),
            "platform_cash": p.cash,
            "unit_cost": p.unit_cost,
            "offers": np.bincount(offers.columns.platform[offers.rows], minlength=p.cash.size).astype(np.float64),
            "price_index": panel[:, 0],
            "selection_distance": panel[:, 1],
            "retail_price": _retail_prices(model),
            **{column: model.flywheel[link].value for column, link in LINK_COLUMNS.items()},
        }


def _retail_prices(model: MarketplaceModel) -> npt.NDArray[np.float64]:
    return np.array([model.retail_price(m) for m in range(model.platforms.size)])


def _customers(model: MarketplaceModel) -> dict[str, float]:
    joined, counts = model.joined_now.tolist(), model.lapse_counts.tolist()
    active = counts[3]
    row = {
        "active_customers": float(active),
        "adopters": float(model.adopters),
        "returned_customers": float(joined[5]),
        "churn_rate": ratio(float(counts[0]), float(counts[0] + active)),
        "retention_rate": model.retention,
        "nps": ratio(100.0 * float(counts[1] - counts[2]), float(active)),
        "referral_rate": ratio(float(joined[3] + joined[4]), float(sum(joined[2:5]))),
        "repeat_purchase_rate": ratio(float(model.repeats), total(model.books.orders)),
        "satisfaction": mean(model.mean_satisfaction),
    }
    for code, channel in enumerate(CHANNELS[2:], start=2):
        row[f"new_customers.{channel}"] = float(joined[code])
    return row


def _platforms(model: MarketplaceModel) -> dict[str, float]:
    p, books = model.platforms.columns, model.books
    whole = books.totals()
    gmv, shipped, revenue = whole["retail_gmv"] + whole["third_party_gmv"], whole["fulfilled"], whole["revenue"]
    level = np.add.reduce(model.capability) / model.platforms.size
    return {
        "gmv": gmv,
        "orders": whole["orders"],
        "visits": whole["visits"],
        "searches": whole["searches"],
        "conversion_rate": ratio(whole["orders"], whole["visits"]),
        "third_party_share": ratio(whole["third_party_gmv"], gmv),
        "platform_revenue": revenue,
        "platform_margin": ratio(whole["margin"], revenue),
        "platform_cash": total(p.cash),
        "unit_cost": _weighted(p.unit_cost, books.fulfilled),
        "unit_cost.handling": ratio(whole["handling"], shipped),
        "unit_cost.speed": ratio(whole["speed"], shipped),
        "unit_cost.capacity": ratio(whole["capacity"], shipped),
        "unit_cost.shipping": ratio(whole["shipping"], shipped),
        "utilisation": ratio(shipped, whole["stood"]),
        "take_rate": ratio(whole["commission"] + whole["fees"], whole["third_party_gmv"]),
        "platform_surplus": whole["surplus"],
        "platform_investment": whole["spent"],
        "platform_dividend": whole["dividend"],
        "fulfilment_cost_ratio": ratio(whole["handling"] + whole["speed"] + whole["capacity"], gmv),
        "customer_lifetime_value": ratio(model.margin_per_customer, model.smoothed_churn),
        **dict(zip(CAPABILITY_COLUMNS, level.tolist(), strict=True)),
    }


def _weighted(values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> float:
    whole = total(weights)
    return float(np.dot(values, weights) / whole) if whole > 0.0 else mean(values)


def _sellers(model: MarketplaceModel) -> dict[str, float]:
    s, books, rows, panel = model.sellers.columns, model.books, model.sellers.rows, model.panel_now
    gini, top, hhi = concentration(rows, s.year_revenue, s.revenue, books.retail_gmv - books.retail_refunds)
    return {
        "active_sellers": float(rows.size),
        "entries": float(model.entries),
        "exits": float(model.exits),
        "offers": float(len(model.offers)),
        "third_party_offers": float(model.third_party_rows.size),
        "seller_gini": gini,
        "seller_top10_share": top,
        "hhi": hhi,
        "price_index": _mean(panel[:, 0]),
        "selection_distance": _mean(panel[:, 1]),
        "promised_days": _mean(panel[:, 2]),
        "retail_price": _mean(_retail_prices(model)),
    }


def _orders(model: MarketplaceModel) -> dict[str, float]:
    books = model.books
    demanded, delivered = total(books.demanded), total(books.delivered)
    return {
        "search_success_rate": ratio(demanded, total(books.searches)),
        "average_order_value": ratio(total(books.retail_gmv + books.third_party_gmv), delivered),
        "delivery_days": ratio(total(books.days), delivered),
        "on_time_rate": ratio(delivered - total(books.late), delivered),
        "stockout_rate": ratio(demanded - delivered, demanded),
        "return_rate": ratio(total(books.returned), delivered),
        "stars": model.mean_stars,
    }


def _welfare(model: MarketplaceModel) -> dict[str, float]:
    return {
        "consumer_surplus": model.consumer_surplus,
        "expected_consumer_surplus": model.expected_surplus,
        "seller_surplus": model.seller_surplus,
        "welfare": model.consumer_surplus + model.seller_surplus + total(model.books.margin),
    }


def summary(weekly: pd.DataFrame, weeks: int = 52) -> dict[str, float | None]:
    """Condense the last ``weeks`` weeks by each indicator's rule; None where it is undefined throughout."""
    tail = weekly.tail(weeks)
    out: dict[str, float | None] = {}
    for column in weekly.columns:
        if column == "week":
            continue
        values = tail[column].dropna()
        rule = indicator_of(column).rule
        if values.empty:
            out[column] = None
        else:
            out[column] = float(values.iloc[-1] if rule == "last" else getattr(values, rule)())
    return out
