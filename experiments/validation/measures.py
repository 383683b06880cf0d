"""What is compared with real marketplaces: one small class for each statistic of a run.

    from experiments.validation.measures import Record, STATISTICS
    STATISTICS["seller_churn"].of(Record.of(model))

A statistic reads the weekly table and, where it says so, the orders of a finished run; it is NaN where the run does
not define it. Real values, tolerances and sources stand in target files: see `experiments.validation.targets`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from experiments.validation import statistics as st
from marketplace.network_measures import gini

if TYPE_CHECKING:
    from marketplace.model import MarketplaceModel

FIRST_YEAR = 1999
"""Week 1 is the first of January 1999, and a year has 52 weeks: nothing is stretched to fit."""

TWO_YEARS = 2 * st.YEAR
COHORT = 12  # weeks in which a cohort begins to buy; CDNOW's is of 12 weeks, too
FOLLOWED = 39  # weeks for which a cohort is followed; CDNOW's calibration period


@dataclass(frozen=True)
class Record:
    """What a statistic may read of a finished run.

    Attributes
    ----------
    weekly : DataFrame
        One row a week.
    placed : DataFrame or None
        Every order placed, where the scenario records them.
    """

    weekly: pd.DataFrame
    placed: pd.DataFrame | None = None

    @classmethod
    def of(cls, model: MarketplaceModel) -> Record:
        """The record of a model that has run."""
        return cls(model.weekly, model.orders() if model.scenario.run.record_orders else None)

    @cached_property
    def orders(self) -> pd.DataFrame:
        """All delivered orders, with their ``value``.

        Raises
        ------
        ValueError
            If the run recorded none.
        """
        if self.placed is None:
            raise ValueError("this statistic needs run.record_orders = true; it is false")
        return st.delivered(self.placed)

    @cached_property
    def recent(self) -> pd.DataFrame:
        """The delivered orders of the last two years, their weeks counted from 1."""
        start = len(self.weekly) - self.recent_weeks
        rows = self.orders[self.orders["week"] > start]
        return rows.assign(week=rows["week"] - start)

    @property
    def recent_weeks(self) -> int:
        """Number of weeks that `recent` covers."""
        return min(TWO_YEARS, len(self.weekly))

    @cached_property
    def panel(self) -> pd.DataFrame:
        """Third-party sellers by quarter of the last two years; see `statistics.panel`."""
        return st.panel(self.recent, self.recent_weeks)

    @cached_property
    def revenues(self) -> np.ndarray:
        """Revenue of each third-party seller in the last two years, ascending."""
        return st.revenue_by_seller(self.recent)

    @cached_property
    def cohort(self) -> pd.DataFrame:
        """Orders of the last cohort of new customers that can be followed to its end."""
        first = len(self.weekly) - COHORT - FOLLOWED + 1
        if first < 1:
            return self.orders.iloc[:0].assign(age=0)
        return st.cohort(self.orders, first, COHORT)

    def years(self, first: int, last: int) -> slice:
        """Where two calendar years and those between lie in a yearly series; empty if the run is too short."""
        whole = len(self.weekly) // st.YEAR
        return slice(first - FIRST_YEAR, last - FIRST_YEAR + 1) if last - FIRST_YEAR < whole else slice(0, 0)

    @cached_property
    def share(self) -> np.ndarray:
        """Third parties' share of GMV by year, (years,)."""
        return self.weighted("third_party_share", "gmv")

    @cached_property
    def margin(self) -> np.ndarray:
        """The platform's margin over its revenue by year, (years,)."""
        return self.weighted("platform_margin", "platform_revenue")

    @cached_property
    def fulfilment(self) -> np.ndarray:
        """Cost of handling, speed and capacity over the platform's revenue by year, (years,).

        Amazon's fulfilment expense has shipping in it as little, and is stated over net sales, of which third
        parties' sales are no part but for what Amazon charges them.
        """
        cost = self.weekly["fulfilment_cost_ratio"] * self.weekly["gmv"]
        return st.ratio_by_year(self.weekly, cost, self.weekly["platform_revenue"])

    def weighted(self, name: str, weight: str) -> np.ndarray:
        """A weekly ratio by year, each week weighted by what the ratio is over, (years,)."""
        whole = self.weekly[weight]
        return st.ratio_by_year(self.weekly, self.weekly[name] * whole, whole)

    def last_year(self, name: str, weight: str) -> float:
        """A weekly ratio over the last 52 weeks, or those there are, weighted likewise."""
        rows = self.weekly.tail(st.YEAR)
        whole = float(rows[weight].sum())
        return float((rows[name] * rows[weight]).sum()) / whole if whole > 0.0 else math.nan


class Statistic(ABC):
    """A number of a run that real marketplaces have, too.

    Attributes
    ----------
    name : str
        By which target files ask for it.
    title, unit, meaning : str
        For tables.
    needs_orders : bool
        Whether the run must record orders.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    unit: ClassVar[str]
    meaning: ClassVar[str]
    needs_orders: ClassVar[bool] = False

    @abstractmethod
    def of(self, record: Record) -> float:
        """The statistic of a run; NaN where it is not defined."""


# -- a platform that opens itself to third parties ---------------------------------------------------------------


def real_share() -> pd.Series:
    """Third parties' real share of Amazon's physical sales, in per cent, by year 1999-2018."""
    table = pd.read_csv(str(resources.files("experiments") / "facts" / "amazon_third_party_share.csv"))
    return table.set_index("year").iloc[:, 0].astype(float)


class SharePathError(Statistic):
    name, title, unit = "share_path_error", "third-party share, distance from the path", "percentage points"
    meaning = "root mean square error of the yearly shares of GMV, 1999-2018"

    def of(self, record: Record) -> float:
        real = real_share()
        mine = 100.0 * record.share[record.years(int(real.index[0]), int(real.index[-1]))]
        return float(np.sqrt(np.mean((mine - real.to_numpy()) ** 2))) if mine.size else math.nan


class ShareAtTheEnd(Statistic):
    name, title, unit = "share_2018", "third-party share in 2018", "per cent"
    meaning = "share of the year's GMV"

    def of(self, record: Record) -> float:
        return _only(100.0 * record.share[record.years(2018, 2018)])


class ShareAtOpening(Statistic):
    name, title, unit = "share_1999_2001", "third-party share, mean of 1999-2001", "per cent"
    meaning = "mean of the yearly shares of GMV: third parties had shops of their own, and few sales"

    def of(self, record: Record) -> float:
        return 100.0 * _mean(record.share[record.years(1999, 2001)])


class ShareJump(Statistic):
    name, title, unit = "share_jump_2002", "jump of the third-party share in 2002", "percentage points"
    meaning = "share of 2002 less that of 2001: third parties' offers came beside own retail from November 2000 on"

    def of(self, record: Record) -> float:
        return _only(100.0 * np.diff(record.share[record.years(2001, 2002)]))


class SharePlateau(Statistic):
    name, title, unit = "share_rise_2005_2009", "rise of the third-party share, 2005-2009", "percentage points a year"
    meaning = "least-squares slope of the yearly shares"

    def of(self, record: Record) -> float:
        return 100.0 * st.slope(record.share[record.years(2005, 2009)])


class RelativeGrowth(Statistic):
    name, title, unit = "relative_growth", "third-party over own growth, 2002-2018", "log points a year"
    meaning = "least-squares slope of ln(third-party GMV / own GMV) over the years"

    def of(self, record: Record) -> float:
        share = record.share[record.years(2002, 2018)]
        with np.errstate(divide="ignore", invalid="ignore"):
            return st.slope(np.log(share / (1.0 - share)))


class MatureMargin(Statistic):
    name, title, unit = "margin_2003_2018", "platform's margin, mean of 2003-2018", "share of revenue"
    meaning = "mean of the yearly margins, before what the policy spends on capabilities"

    def of(self, record: Record) -> float:
        return _mean(record.margin[record.years(2003, 2018)])


class WorstMargin(Statistic):
    name, title, unit = "worst_margin_2003_2018", "platform's worst yearly margin, 2003-2018", "share of revenue"
    meaning = "least of the yearly margins, before what the policy spends on capabilities"

    def of(self, record: Record) -> float:
        years = record.margin[record.years(2003, 2018)]
        return float(np.min(years)) if years.size else math.nan


class InvestedMargin(Statistic):
    name, title = "invested_margin_2003_2018", "platform's margin after its investment, mean of 2003-2018"
    unit, meaning = "share of revenue", "mean of the yearly margins less what the policy spends on capabilities"

    def of(self, record: Record) -> float:
        weekly = record.weekly
        spent = st.ratio_by_year(weekly, weekly["platform_investment"], weekly["platform_revenue"])
        return _mean((record.margin - spent)[record.years(2003, 2018)])


class FulfilmentFall(Statistic):
    name, title, unit = "fulfilment_ratio_fall", "fulfilment cost ratio, change 2000-2009", "log points"
    meaning = "ln of fulfilment cost over the platform's revenue of 2009 less that of 2000: the network learns"

    def of(self, record: Record) -> float:
        return _change(record.fulfilment[record.years(2000, 2009)])


class FulfilmentRise(Statistic):
    name, title, unit = "fulfilment_ratio_rise", "fulfilment cost ratio, change 2009-2018", "log points"
    meaning = "ln of fulfilment cost over the platform's revenue of 2018 less that of 2009: the network buys speed"

    def of(self, record: Record) -> float:
        return _change(record.fulfilment[record.years(2009, 2018)])


def _only(values: np.ndarray) -> float:
    return float(values[0]) if values.size else math.nan


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else math.nan


def _change(values: np.ndarray) -> float:
    """Change of the log from the first to the last; NaN where a value is missing or not above zero."""
    if not values.size or not (values[0] > 0.0 and values[-1] > 0.0):
        return math.nan
    return math.log(values[-1] / values[0])


# -- a marketplace of third parties ------------------------------------------------------------------------------


class SellerGini(Statistic):
    name, title, unit = "seller_gini", "Gini of sellers' revenue", "1"
    meaning, needs_orders = "over all sellers with a delivered order in the last two years", True

    def of(self, record: Record) -> float:
        return gini(record.revenues)


class SellerTopShare(Statistic):
    name, title, unit = "seller_top10_share", "revenue share of the top tenth of sellers", "share"
    meaning, needs_orders = "over all sellers with a delivered order in the last two years", True

    def of(self, record: Record) -> float:
        return st.top_share(record.revenues)


class SellerLogSd(Statistic):
    name, title, unit = "seller_log_sd", "sd of log revenue over sellers", "log points"
    meaning, needs_orders = "over all sellers with a delivered order in the last two years", True

    def of(self, record: Record) -> float:
        return st.log_sd(record.revenues)


class PowerLaw(Statistic):
    name, title, unit = "power_law_against_lognormal", "power law against lognormal", "1"
    meaning, needs_orders = "Vuong's ratio for sellers' revenue; negative prefers the lognormal", True

    def of(self, record: Record) -> float:
        return st.power_law_against_lognormal(record.revenues)


class SellerChurn(Statistic):
    name, title, unit = "seller_churn", "sellers' quarterly churn", "share"
    meaning, needs_orders = "share of sellers with an order in a quarter that have none in the next", True

    def of(self, record: Record) -> float:
        return st.churn(record.panel)


class ChurnFall(Statistic):
    name, title, unit = "churn_fall_with_size", "churn of small less large sellers", "share"
    meaning, needs_orders = "quarterly churn of the fifth with fewest orders less that of the fifth with most", True

    def of(self, record: Record) -> float:
        by_size = st.churn_by_size(record.panel)
        return float(by_size[0] - by_size[-1])


class RepeatShare(Statistic):
    name, title, unit = "repeat_share", "new customers who order again within 39 weeks", "share"
    meaning, needs_orders = "of those whose first order fell into 12 weeks, each followed for 39", True

    def of(self, record: Record) -> float:
        return st.repeat_share(record.cohort, FOLLOWED)


class PurchaseRateShape(Statistic):
    name, title, unit = "purchase_rate_shape", "heterogeneity r of customers' purchase rates", "1"
    meaning, needs_orders = "gamma shape of a BG/NBD fit to a cohort of 12 weeks, followed for 39 more", True

    def of(self, record: Record) -> float:
        return st.fit_bg_nbd(st.customer_base(record.cohort, len(record.weekly))).r


class DeliveryAndStars(Statistic):
    name, title, unit = "delivery_stars_correlation", "correlation of delivery days and stars", "1"
    meaning, needs_orders = "Pearson's r over delivered orders with a review", True

    def of(self, record: Record) -> float:
        return st.correlation(*_days_and_stars(record))


class StarsPerDay(Statistic):
    name, title, unit = "stars_per_day", "stars for a day more of delivery", "stars per day"
    meaning, needs_orders = "least-squares slope over delivered orders with a review", True

    def of(self, record: Record) -> float:
        days, stars = _days_and_stars(record)
        spread, r = np.nanstd(days), st.correlation(days, stars)
        return r * float(np.nanstd(stars) / spread) if math.isfinite(r) else math.nan


def _days_and_stars(record: Record) -> tuple[np.ndarray, np.ndarray]:
    """Delivery days and stars of the recent orders that got a review."""
    rows = record.recent[record.recent["stars"].notna()]
    return rows["delivery_days"].to_numpy(dtype=float), rows["stars"].to_numpy(dtype=float)


class Conversion(Statistic):
    name, title, unit = "conversion", "orders over visits", "share"
    meaning = "in the last year"

    def of(self, record: Record) -> float:
        return record.last_year("conversion_rate", "visits")


class Returns(Statistic):
    name, title, unit = "returns", "orders that come back", "share"
    meaning = "in the last year"

    def of(self, record: Record) -> float:
        return record.last_year("return_rate", "orders")


STATISTICS: Mapping[str, Statistic] = {
    kind.name: kind()
    for kind in (
        SharePathError, ShareAtTheEnd, ShareAtOpening, ShareJump, SharePlateau, RelativeGrowth, MatureMargin,
        WorstMargin, InvestedMargin, FulfilmentFall, FulfilmentRise, SellerGini, SellerTopShare, SellerLogSd, PowerLaw,
        SellerChurn, ChurnFall, RepeatShare, PurchaseRateShape, DeliveryAndStars, StarsPerDay, Conversion, Returns,
    )
}  # fmt: skip
