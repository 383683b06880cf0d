"""The state of a run that belongs to no agent and to no offer, and what the tables of agents are called."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

TABLES = {"customers": "customer", "sellers": "seller", "platforms": "platform", "offers": "offer"}
"""Tables of the model, and the kind of entity each holds."""


class State(NamedTuple):
    """One piece of the environment's state: an attribute of the model."""

    name: str
    unit: str
    span: str  # fixed: from the start; kept: from week to week; week: made anew every week
    meaning: str


STATES = (
    State("week", "week", "kept", "number of the week; 0 before the first"),
    State("level", "currency", "fixed", "price level of each category"),
    State("taste", "share", "fixed", "cumulative shares of the categories, popular places, head share and head width"),
    State("pricing_cdf", "share", "fixed", "cumulative shares of the pricing rules among sellers"),
    State("panel_category", "category", "fixed", "categories of the fixed basket of needs"),
    State("panel_place", "circumference", "fixed", "places of the fixed basket of needs"),
    State("reference", "1", "fixed", "inclusive value that scores refer to, by platform"),
    State("social", "customers", "fixed", "who knows whom"),
    State("commission", "share of price", "fixed", "commission of each platform"),
    State("opens", "week", "fixed", "first week of third parties on each platform"),
    State("has_opened", "yes/no", "kept", "whether the first sellers have been let in"),
    State("searches_last_week", "searches", "kept", "searches of the week before"),
    State("capacity_orders", "week, orders a week", "kept", "lumps of capacity under way, with the week each is due"),
    State("retail_volume", "units per week", "kept", "smoothed units of own retail"),
    State("mean_satisfaction", "share", "kept", "mean satisfaction of active customers, by platform"),
    State("active_customers", "customers", "kept", "customers that have joined and not lapsed"),
    State("adopters", "customers", "kept", "customers that have ever joined"),
    State("smoothed_churn", "per week", "kept", "share of active customers that lapse, smoothed over a year"),
    State("margin_per_customer", "currency a week", "kept", "platforms' margin per active customer, a year's mean"),
    State("ledger", "currency, units", "kept", "balances of the five kinds of account; the week's payments and goods"),
    State("_orders", "orders", "kept", "orders recorded so far, where the scenario asks for them"),
    State("noted", "as indicators", "kept", "what the indicators are worked out of, of every week so far"),
    State("capability", "share", "week", "true level of each capability of each platform"),
    State("median_days", "days", "week", "median delivery time of each platform's fulfilment"),
    State("promised", "days", "week", "promised delivery time by platform and mode"),
    State("spread", "log", "week", "sd of log delivery days of each platform's fulfilment"),
    State("error_share", "share", "week", "share of search noise and forecast error that data leaves"),
    State("kept_share", "share", "week", "share of a penalty that service leaves"),
    State("shelf", "offers", "week", "offers in stock and visible, by platform, category and place"),
    State("panel_now", "mixed", "week", "what the fixed basket reads off each platform's shelf"),
    State("visits", "searches", "week", "a slot a search: customer, platform, offer chosen, mismatch, inclusive value"),
    State("log", "searches", "week", "sampled searches: what was shown, with utilities and choice probabilities"),
    State("week_orders", "orders", "week", "orders placed and what became of each"),
    State("tally", "units", "week", "units demanded, sold and returned of each offer"),
    State("price_paid", "currency", "week", "price of each order when it was placed"),
    State("stars_given", "stars", "week", "stars of each order, 0 without a review"),
    State("books", "currency, units", "week", "the platforms' figures of the week"),
    State("joined_now", "customers", "week", "newcomers by channel, and those who came back"),
    State("referred", "customers", "week", "newcomers by referral"),
    State("first_order", "orders", "week", "number of the first order of each block of customers"),
    State("consumer_surplus", "currency", "week", "realised gains of the customers who bought and kept"),
    State("repeats", "orders", "week", "delivered orders of customers who had ordered before"),
    State("retention", "share", "week", "last quarter's customers who ordered this quarter too, at a quarter's end"),
    State("mean_stars", "stars", "week", "mean of the week's reviews"),
    State("expected_surplus", "currency", "week", "expected gains of all searches, from their log-sums"),
    State("seller_surplus", "currency", "week", "profit of all sellers"),
    State("entries", "sellers", "week", "sellers who came in"),
    State("exits", "sellers", "week", "sellers who left"),
    State("lapse_counts", "customers", "week", "who lapsed, promoters, detractors, active"),
)  # fmt: skip
ENVIRONMENT = {state.name: state for state in STATES}


@cache
def declared_fields() -> frozenset[str]:
    """Paths of all scenario fields."""
    from marketplace.scenario import fields

    return frozenset(row["field"] for row in fields())


@cache
def rule_scalars() -> dict[str, str]:
    """Scenario field behind each scalar that the customers' rules read.

    Found by gathering the scalars of a stand-in whose every field holds a number of its own.
    """
    from types import SimpleNamespace

    from marketplace.model import customer_rules

    paths = sorted(path for path in declared_fields() if "<" not in path)
    tables: dict[str, SimpleNamespace] = {}
    for number, path in enumerate(paths):
        section, _, name = path.rpartition(".")
        setattr(tables.setdefault(section, SimpleNamespace()), name, float(number))
    found = customer_rules(SimpleNamespace(**tables))
    return {name: paths[int(number)] for name, number in found._asdict().items()}
