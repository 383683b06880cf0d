"""What is measured every week. One registry says what each indicator is; undefined values are missing.

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
from marketplace.record import Noted, Weeks, all_weeks, figures, totals

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

Rule = Literal["mean", "sum", "last"]
NAN = math.nan
Floats = npt.NDArray[np.float64]


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
    Indicator("open_platforms", "platforms", "last", "platforms that have not failed: 1 or 0 for each", per_platform=True),
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


def weekly_table(noted: Sequence[Noted], platforms: list[str]) -> pd.DataFrame:
    """Return `weekly`: what was noted of every week, as indicators. One row a week; week is an integer."""
    import pandas as pd

    names = column_names(platforms)[1:]
    columns = columns_of(all_weeks(noted), platforms) if noted else dict.fromkeys(names, np.empty(0))
    frame = pd.DataFrame(np.array([columns[name] for name in names]).T, columns=names)
    frame.insert(0, "week", np.arange(1, len(noted) + 1))
    return frame


def columns_of(noted: Weeks, platforms: list[str]) -> dict[str, Floats]:
    """Work the indicators out from what was noted of n weeks.

    Returns
    -------
    dict of str to (n,) float64
        By column name; the week itself is not among them.
    """
    books, whole = figures(noted), totals(noted)
    every = {
        **_customers(noted, whole), **_platforms(noted, books, whole), **_sellers(noted), **_orders(noted, whole),
        **_welfare(noted, whole),
    }  # fmt: skip
    every.update(zip(LINK_COLUMNS, _mean(noted["links"]).T, strict=True))
    every.update(zip(NETWORK, noted["network"].T, strict=True))
    if len(platforms) > 1:
        for name, each in _each_platform(noted, books).items():
            every.update((f"{name}.{platform}", each[:, m]) for m, platform in enumerate(platforms))
    return every


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Part over the whole; NaN of nothing."""
    out = np.full(np.broadcast_shapes(part.shape, whole.shape), NAN)
    return np.divide(part, whole, out=out, where=whole > 0.0)


def _mean(values: Floats) -> Floats:
    """Mean over the platforms (the last axis) on which a figure is defined; NaN where it is on none."""
    if values.shape[-1] == 1:
        return values[..., 0]
    defined = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1).astype(np.float64))


def _each_platform(noted: Weeks, books: Weeks) -> dict[str, Floats]:
    """What is recorded of every platform where there are several; (n, platforms) each."""
    gmv = books["retail_gmv"] + books["third_party_gmv"]
    return {
        "satisfaction": noted["satisfaction"],
        "gmv": gmv,
        "orders": books["orders"],
        "visits": books["visits"],
        "searches": books["searches"],
        "conversion_rate": _ratio(books["orders"], books["visits"]),
        "third_party_share": _ratio(books["third_party_gmv"], gmv),
        "platform_revenue": books["revenue"],
        "platform_margin": _ratio(books["margin"], books["revenue"]),
        "platform_cash": noted["cash"],
        "open_platforms": noted["open"],
        "unit_cost": noted["unit_cost"],
        "offers": noted["offers"],
        "price_index": noted["panel"][:, :, 0],
        "selection_distance": noted["panel"][:, :, 1],
        "retail_price": noted["retail_price"],
        **{column: noted["links"][:, k] for k, column in enumerate(LINK_COLUMNS)},
    }


def _customers(noted: Weeks, whole: Weeks) -> dict[str, Floats]:
    joined = noted["joined"]
    lapsed, promoters, detractors, active = noted["lapses"].T
    return {
        "active_customers": active,
        "adopters": noted["adopters"],
        "returned_customers": joined[:, 5],
        "churn_rate": _ratio(lapsed, lapsed + active),
        "retention_rate": noted["retention"],
        "nps": _ratio(100.0 * (promoters - detractors), active),
        "referral_rate": _ratio(joined[:, 3] + joined[:, 4], joined[:, 2:5].sum(axis=1)),
        "repeat_purchase_rate": _ratio(noted["repeats"], whole["orders"]),
        "satisfaction": noted["satisfaction"].mean(axis=1),
        **{f"new_customers.{channel}": joined[:, code] for code, channel in enumerate(CHANNELS) if code >= 2},
    }


def _platforms(noted: Weeks, books: Weeks, whole: Weeks) -> dict[str, Floats]:
    gmv, shipped, revenue = whole["retail_gmv"] + whole["third_party_gmv"], whole["fulfilled"], whole["revenue"]
    weighted = _ratio((noted["unit_cost"] * books["fulfilled"]).sum(axis=1), shipped)
    return {
        "gmv": gmv,
        "orders": whole["orders"],
        "visits": whole["visits"],
        "searches": whole["searches"],
        "conversion_rate": _ratio(whole["orders"], whole["visits"]),
        "third_party_share": _ratio(whole["third_party_gmv"], gmv),
        "platform_revenue": revenue,
        "platform_margin": _ratio(whole["margin"], revenue),
        "platform_cash": noted["cash"].sum(axis=1),
        "open_platforms": noted["open"].sum(axis=1),
        "unit_cost": np.where(shipped > 0.0, weighted, noted["unit_cost"].mean(axis=1)),
        "unit_cost.handling": _ratio(whole["handling"], shipped),
        "unit_cost.speed": _ratio(whole["speed"], shipped),
        "unit_cost.capacity": _ratio(whole["capacity"], shipped),
        "unit_cost.shipping": _ratio(whole["shipping"], shipped),
        "utilisation": _ratio(shipped, whole["stood"]),
        "take_rate": _ratio(whole["commission"] + whole["fees"], whole["third_party_gmv"]),
        "platform_surplus": whole["surplus"],
        "platform_investment": whole["spent"],
        "platform_dividend": whole["dividend"],
        "fulfilment_cost_ratio": _ratio(whole["handling"] + whole["speed"] + whole["capacity"], gmv),
        "customer_lifetime_value": _ratio(noted["margin_per_customer"], noted["churn"]),
        **dict(zip(CAPABILITY_COLUMNS, noted["capability"].mean(axis=1).T, strict=True)),
    }


def _sellers(noted: Weeks) -> dict[str, Floats]:
    return {
        "active_sellers": noted["sellers"],
        "entries": noted["entries"],
        "exits": noted["exits"],
        "offers": noted["offers"].sum(axis=1),
        "third_party_offers": noted["third_party_offers"],
        "seller_gini": noted["gini"],
        "seller_top10_share": noted["top_share"],
        "hhi": noted["hhi"],
        "price_index": _mean(noted["panel"][:, :, 0]),
        "selection_distance": _mean(noted["panel"][:, :, 1]),
        "promised_days": _mean(noted["panel"][:, :, 2]),
        "retail_price": _mean(noted["retail_price"]),
    }


def _orders(noted: Weeks, whole: Weeks) -> dict[str, Floats]:
    demanded, delivered = whole["demanded"], whole["delivered"]
    return {
        "search_success_rate": _ratio(demanded, whole["searches"]),
        "average_order_value": _ratio(whole["retail_gmv"] + whole["third_party_gmv"], delivered),
        "delivery_days": _ratio(whole["days"], delivered),
        "on_time_rate": _ratio(delivered - whole["late"], delivered),
        "stockout_rate": _ratio(demanded - delivered, demanded),
        "return_rate": _ratio(whole["returned"], delivered),
        "stars": noted["stars"],
    }


def _welfare(noted: Weeks, whole: Weeks) -> dict[str, Floats]:
    return {
        "consumer_surplus": noted["consumer_surplus"],
        "expected_consumer_surplus": noted["expected_surplus"],
        "seller_surplus": noted["seller_surplus"],
        "welfare": noted["consumer_surplus"] + noted["seller_surplus"] + whole["margin"],
    }


def summary(weekly: pd.DataFrame, weeks: int = 52) -> dict[str, float | None]:
    """Condense the last ``weeks`` weeks by each indicator's rule; None where it is undefined throughout."""
    columns = [name for name in weekly.columns if name != "week"]
    tail = weekly[columns].tail(weeks).to_numpy(np.float64)
    return {name: _condensed(tail[:, k], indicator_of(name).rule) for k, name in enumerate(columns)}


def _condensed(values: Floats, rule: Rule) -> float | None:
    defined = values[~np.isnan(values)]
    if defined.size == 0:
        return None
    return float(defined[-1] if rule == "last" else defined.mean() if rule == "mean" else defined.sum())
