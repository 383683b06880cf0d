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
from marketplace.flywheel import MEANING
from marketplace.ledger import mean, total
from marketplace.network import gini

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
    Indicator("utilisation", "share", "mean", "orders shipped over capacity"),
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


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0.0 else NAN


def top_share(values: npt.NDArray[np.float64], share: float = 0.1) -> float:
    """Share of the total that the top ``share`` of the values holds (at least one value); NaN without any."""
    whole = float(values.sum())
    if values.size == 0 or whole <= 0.0:
        return NAN
    count = max(1, round(values.size * share))
    return float(np.partition(values, values.size - count)[values.size - count :].sum() / whole)


def _mean(values: npt.NDArray[np.float64]) -> float:
    """Mean over the platforms on which a figure is defined; NaN where it is on none."""
    if values.size == 1:
        return float(values[0])
    defined = values[~np.isnan(values)]
    return mean(defined) if defined.size else NAN


def measure(model: MarketplaceModel) -> dict[str, float]:
    """Return this week's row of `weekly`, without the week itself."""
    row = {**_customers(model), **_platforms(model), **_sellers(model), **_orders(model), **_welfare(model)}
    for link, valve in model.flywheel.items():
        _put(row, model, f"link.{link}", valve.value, _mean(valve.value))
    row.update(model.network_measures())
    return row


def _put(
    row: dict[str, float], model: MarketplaceModel, name: str, each: npt.NDArray[np.float64], whole: float
) -> None:
    row[name] = float(whole)
    if model.platforms.size > 1:
        for m, platform in enumerate(model.platform_names):
            row[f"{name}.{platform}"] = float(each[m])


def _customers(model: MarketplaceModel) -> dict[str, float]:
    joined, counts = model.joined_now, model.lapse_counts
    active = int(counts[3])
    newcomers = int(joined[2:5].sum())
    row = {
        "active_customers": float(active),
        "adopters": float(model.adopters),
        "returned_customers": float(joined[5]),
        "churn_rate": _ratio(float(counts[0]), float(counts[0] + active)),
        "retention_rate": model.retention,
        "nps": _ratio(100.0 * float(counts[1] - counts[2]), float(active)),
        "referral_rate": _ratio(float(joined[3] + joined[4]), float(newcomers)),
        "repeat_purchase_rate": _ratio(float(model.repeats), total(model.books.orders)),
    }
    for code, channel in enumerate(CHANNELS[2:], start=2):
        row[f"new_customers.{channel}"] = float(joined[code])
    _put(row, model, "satisfaction", model.mean_satisfaction, mean(model.mean_satisfaction))
    return row


def _platforms(model: MarketplaceModel) -> dict[str, float]:
    p, books = model.platforms.columns, model.books
    gmv = books.retail_gmv + books.third_party_gmv
    row: dict[str, float] = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        _put(row, model, "gmv", gmv, total(gmv))
        _put(row, model, "orders", books.orders, total(books.orders))
        _put(row, model, "visits", books.visits, total(books.visits))
        _put(row, model, "searches", books.searches, total(books.searches))
        _put(row, model, "conversion_rate", books.orders / books.visits, _ratio(total(books.orders), total(books.visits)))
        _put(row, model, "third_party_share", books.third_party_gmv / gmv, _ratio(total(books.third_party_gmv), total(gmv)))
        _put(row, model, "platform_revenue", books.revenue, total(books.revenue))
        margin = np.where(books.revenue > 0.0, books.margin / books.revenue, NAN)
        _put(row, model, "platform_margin", margin, _ratio(total(books.margin), total(books.revenue)) if total(books.revenue) > 0 else NAN)
        _put(row, model, "platform_cash", p.cash, total(p.cash))
        shipped = total(books.fulfilled)
        _put(row, model, "unit_cost", p.unit_cost, _weighted(p.unit_cost, books.fulfilled))
        for part in ("handling", "speed", "capacity", "shipping"):
            row[f"unit_cost.{part}"] = _ratio(float(getattr(books, part).sum()), shipped)
        row["utilisation"] = _ratio(shipped, total(p.capacity))
        row["take_rate"] = _ratio(total(books.commission + books.fees), total(books.third_party_gmv))
        row["platform_surplus"] = total(books.surplus)
        row["platform_investment"] = total(books.spent)
        row["platform_dividend"] = total(books.dividend)
        row["fulfilment_cost_ratio"] = _ratio(total(books.handling + books.speed + books.capacity), total(gmv))
        row["customer_lifetime_value"] = _ratio(model.margin_per_customer, model.smoothed_churn)
    level = model.capability.mean(axis=0)
    row.update({f"capability.{name}": float(level[k]) for k, name in enumerate(CAPABILITIES)})
    return row


def _weighted(values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> float:
    whole = total(weights)
    return float(np.dot(values, weights) / whole) if whole > 0.0 else mean(values)


def _sellers(model: MarketplaceModel) -> dict[str, float]:
    sellers, offers, rows = model.sellers.columns, model.offers, model.sellers.rows
    yearly = sellers.year_revenue[rows]
    yearly = yearly[yearly > 0.0]
    week = np.maximum(sellers.revenue[rows], 0.0)
    sales = np.concatenate((week, np.maximum(model.books.retail_gmv - model.books.retail_refunds, 0.0)))
    whole = float(sales.sum())
    row = {
        "active_sellers": float(rows.size),
        "entries": float(model.entries),
        "exits": float(model.exits),
        "third_party_offers": float(offers.third_party.size),
        "seller_gini": gini(yearly) if yearly.size else NAN,
        "seller_top10_share": top_share(yearly),
        "hhi": float(np.square(sales / whole).sum()) if whole > 0.0 else NAN,
    }
    each = np.bincount(offers.columns.platform[offers.rows], minlength=model.platforms.size).astype(np.float64)
    _put(row, model, "offers", each, each.sum())
    panel = model.panel_now
    for name, k in (("price_index", 0), ("selection_distance", 1)):
        _put(row, model, name, panel[:, k], _mean(panel[:, k]))
    row["promised_days"] = _mean(panel[:, 2])
    retail = np.array([model.retail_price(m) for m in range(model.platforms.size)])
    _put(row, model, "retail_price", retail, _mean(retail))
    return row


def _orders(model: MarketplaceModel) -> dict[str, float]:
    books = model.books
    demanded, delivered = total(books.demanded), total(books.delivered)
    return {
        "search_success_rate": _ratio(demanded, total(books.searches)),
        "average_order_value": _ratio(total(books.retail_gmv + books.third_party_gmv), delivered),
        "delivery_days": _ratio(total(books.days), delivered),
        "on_time_rate": _ratio(delivered - total(books.late), delivered),
        "stockout_rate": _ratio(demanded - delivered, demanded),
        "return_rate": _ratio(total(books.returned), delivered),
        "stars": model.mean_stars,
    }


def _welfare(model: MarketplaceModel) -> dict[str, float]:
    log, rules = model.log, model.rules
    seller = float(model.seller_surplus)
    expected = NAN
    if log.alpha.size and rules.outside > -math.inf:
        # The log's inclusive value sets doing nothing at 0; surplus is measured from the outside option.
        with np.errstate(divide="ignore"):
            inside = log.inclusive + np.log(-np.expm1(-log.inclusive))
        inclusive = np.logaddexp(0.0, inside - rules.outside / rules.mu)
        worth = rules.mu * inclusive * model.level[log.category] / log.alpha
        expected = mean(worth) * total(model.books.searches)
    return {
        "consumer_surplus": model.consumer_surplus,
        "expected_consumer_surplus": expected,
        "seller_surplus": seller,
        "welfare": model.consumer_surplus + seller + total(model.books.margin),
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
