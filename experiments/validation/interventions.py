"""What happens to a model when one thing in it is moved: elasticities by intervention, beside the literature's.

Every arm is a branch of the finished run that goes on under the same luck. *At once* is a single week in which nobody
has had time to answer, over several weeks; *after a year* is a quarter's mean at the end of a year in which
everybody has. Logs of ratios between arms are divided by the log of what was moved, so that the size of the
intervention does not matter to first order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from marketplace.model import MarketplaceModel

STEP = 0.05  # share by which own retail prices are moved up and down
SELLER_STEP = 0.10  # share by which single sellers' prices are moved; their demand is small and noisy
ONE_IN = 10  # of the sellers move their prices at a time, so that rivals keep theirs
GROUPS = (0, 3, 5, 8)  # remainders of unique ids by which sellers move
SINGLE_WEEKS = 4  # weeks on which a single week's answer is read
YEAR, WINDOW = 52, 13  # weeks
HIDDEN = 0.8  # factor on what is perceived of offers, and of visits

RATIO, PARTS = "cross_side_ratio", ("offers_to_customers", "visits_to_sellers")
"""An effect that is made of two others over all seeds, since a ratio of one seed's is too noisy."""

Intervene = Callable[["MarketplaceModel"], None]


@dataclass(frozen=True)
class Effect:
    """One elasticity: what it is, and what the literature says of it.

    Attributes
    ----------
    name, title, unit : str
        As tables say it.
    fact : str
        The row of ``facts/elasticities.csv`` it stands beside; empty where there is none.
    comparable : str
        How far the two may be compared.
    """

    name: str
    title: str
    unit: str
    fact: str
    comparable: str

    @cached_property
    def real(self) -> float:
        """The literature's value, in the same unit; NaN where there is none."""
        if not self.fact:
            return math.nan
        return float(facts().loc[self.fact, "value"])

    @cached_property
    def source(self) -> str:
        """Where the value comes from, with its status; empty where there is none."""
        if not self.fact:
            return ""
        row = facts().loc[self.fact]
        return f"{row['status']}: {row['source']}"


EFFECTS: Mapping[str, Effect] = {
    effect.name: effect
    for effect in (
        Effect(
            "seller_price_at_once", "sellers' own-price elasticity, at once", "1",
            "own-price elasticity, mean of 1,851 estimates / 81 studies",
            "in size: one seller in ten moves, rivals keep their prices; the studies are of brands, mostly in shops",
        ),
        Effect(
            "retail_price_at_once", "own retail's price elasticity, at once", "1",
            "own-price elasticity Amazon books 2001",
            "in size: a whole shop's prices move against the rest; books, one year, one country",
        ),
        Effect(
            "retail_price_after_year", "own retail's price elasticity, after a year", "1",
            "own-price elasticity Amazon books 2001",
            "in sign only: within the year sellers answer, and customers come and go",
        ),
        Effect(
            "faster_day_at_once", "orders for a promise one day faster, at once", "log points per day",
            "sales per day of faster delivery PROMISE (not actual)",
            "in size: the promise alone moves, as in the study",
        ),
        Effect(
            "faster_day_after_year", "orders for a promise one day faster, after a year", "log points per day",
            "online sales per business day of faster delivery",
            "in sign, hardly in size: the study is of actual days, customers of the model see promised ones",
        ),
        Effect(
            "offers_to_orders", "orders for offers seen, after a year", "1", "",
            "not at all: no figure at hand",
        ),
        Effect(
            "offers_to_customers", "active customers for offers seen, after a year", "1", "",
            "through the ratio below only",
        ),
        Effect(
            "visits_to_sellers", "active sellers for visits seen, after a year", "1", "",
            "through the ratio below only",
        ),
        Effect(
            RATIO, "the effect on customers over that on sellers", "1",
            "cross-network effect seller->buyer relative to buyer->seller (Taobao)",
            "in whether it is above 1: the study is of a platform's years of growth, the model stands at its end",
        ),
    )
}  # fmt: skip

def facts() -> pd.DataFrame:
    """The literature's elasticities by quantity."""
    path = resources.files("experiments") / "facts" / "elasticities.csv"
    return pd.read_csv(str(path), index_col="quantity")


def effects_of(model: MarketplaceModel) -> dict[str, float]:
    """Measure every effect but `RATIO` on branches of a model; NaN where the world lacks what would be moved.

    The model itself is left as it is.
    """
    return at_once(model) | after_a_year(model)


# -- at once -----------------------------------------------------------------------------------------------------


def at_once(model: MarketplaceModel) -> dict[str, float]:
    """Effects within a week, summed over several weeks of one trajectory."""
    base = model.branch()
    sums = {name: np.zeros(2) for name in ("retail", "sellers", "days")}
    steps = {"retail": math.log((1 + STEP) / (1 - STEP)), "sellers": math.log((1 + SELLER_STEP) / (1 - SELLER_STEP))}
    for _ in range(SINGLE_WEEKS):
        for side, sign in enumerate((1.0, -1.0)):
            if retail_rows(base).size:
                sums["retail"][side] += _demand_at(base, retail_rows(base), 1.0 + sign * STEP)
            for group in GROUPS:
                rows = rows_of_group(base, group)
                if rows.size:
                    sums["sellers"][side] += _demand_at(base, rows, 1.0 + sign * SELLER_STEP)
            sums["days"][side] += _orders_if(base, lambda branch, sign=sign: add_days(branch, sign))
        base.step()
    return {
        "seller_price_at_once": log_ratio(*sums["sellers"]) / steps["sellers"],
        "retail_price_at_once": log_ratio(*sums["retail"]) / steps["retail"],
        "faster_day_at_once": -log_ratio(*sums["days"]) / 2.0,
    }


def _demand_at(base: MarketplaceModel, rows: np.ndarray, factor: float) -> float:
    """Orders placed next week for some offers if their prices alone are multiplied by a factor."""
    branch = base.branch()
    branch.offers.columns.price[rows] *= factor
    branch.step()
    return float(branch.tally.demanded[rows].sum())


def _orders_if(base: MarketplaceModel, intervene: Intervene) -> float:
    branch = base.branch()
    intervene(branch)
    branch.step()
    return float(branch.tally.demanded.sum())


def retail_rows(model: MarketplaceModel) -> np.ndarray:
    """Rows of all platforms' own offers."""
    return np.concatenate([model.offers.retail(m) for m in range(model.platforms.size)])


def rows_of_group(model: MarketplaceModel, group: int) -> np.ndarray:
    """Rows of the offers of every tenth third-party seller."""
    rows = model.third_party_rows
    ids = model.sellers.columns.unique_id
    return rows[ids[model.offers.columns.seller[rows]] % ONE_IN == group] if rows.size else rows


def add_days(model: MarketplaceModel, days: float) -> None:
    """Have customers perceive a promise that is longer by some days, at the mean of what they are shown."""
    now = float(np.nanmean(model.panel_now[:, 2]))
    if now > abs(days):
        model.flywheel["delivery->experience"].scale((now + days) / now)


# -- after a year ------------------------------------------------------------------------------------------------


@dataclass
class Lived:
    """Means over the last quarter of a year; NaN where something is not defined."""

    retail: float = math.nan  # orders placed for own retail
    orders: float = math.nan  # orders placed
    customers: float = math.nan  # active customers
    sellers: float = math.nan  # active third-party sellers
    offers_seen: float = math.nan  # third-party offers that search sees
    visits_seen: float = math.nan  # visits that sellers and entrants see


def after_a_year(model: MarketplaceModel) -> dict[str, float]:
    """Effects of a year of intervention, with all answers to it."""
    faster, slower = (live_a_year(model, lambda b, d=days: add_days(b, d)) for days in (-1.0, 1.0))
    found = {
        "retail_price_after_year": math.nan,
        "faster_day_after_year": log_ratio(faster.orders, slower.orders) / 2.0,
    }
    if retail_rows(model).size:
        dear, cheap = (live_a_year(model, price_factor=1.0 + sign * STEP) for sign in (1.0, -1.0))
        found["retail_price_after_year"] = log_ratio(dear.retail, cheap.retail) / math.log((1 + STEP) / (1 - STEP))
    base = live_a_year(model)
    hidden = live_a_year(model, lambda b: b.flywheel["sellers->selection"].scale(HIDDEN))
    unseen = live_a_year(model, lambda b: b.flywheel["visits->sellers"].scale(HIDDEN))
    offers, visits = log_ratio(base.offers_seen, hidden.offers_seen), log_ratio(base.visits_seen, unseen.visits_seen)
    return found | {
        "offers_to_orders": _ratio(log_ratio(base.orders, hidden.orders), offers),
        "offers_to_customers": _ratio(log_ratio(base.customers, hidden.customers), offers),
        "visits_to_sellers": _ratio(log_ratio(base.sellers, unseen.sellers), visits),
    }


def live_a_year(
    model: MarketplaceModel, intervene: Intervene = lambda branch: None, price_factor: float = 1.0
) -> Lived:  # fmt: skip
    """Live through a year on a branch.

    Parameters
    ----------
    model : MarketplaceModel
        Left as it is.
    intervene : callable
        What is done to the branch before its first week.
    price_factor : float
        By which the prices of own retail are multiplied in every week. The platform sets them anew at the end of each
        week from what it would have asked, so that the factor does not pile up and nothing else is moved.
    """
    branch, weeks = model.branch(), []
    intervene(branch)
    for week in range(YEAR):
        rows = retail_rows(branch)
        if price_factor != 1.0:
            branch.offers.columns.price[rows] *= price_factor
        branch.step()
        if week >= YEAR - WINDOW:
            wheel, demanded = branch.flywheel, branch.tally.demanded
            weeks.append((
                demanded[rows].sum(), demanded.sum(), branch.active_customers, len(branch.sellers),
                wheel["sellers->selection"].value.sum(), wheel["visits->sellers"].value.sum(),
            ))  # fmt: skip
    return Lived(*(float(value) for value in np.mean(weeks, axis=0)))


def log_ratio(a: float, b: float) -> float:
    """ln(a / b); NaN where either is not above zero."""
    return math.log(a / b) if a > 0.0 and b > 0.0 else math.nan


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole != 0.0 else math.nan
