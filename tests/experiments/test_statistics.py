"""Statistics that are held against real marketplaces: closed forms, tables worked out by hand, published fits."""

from __future__ import annotations

import math
import warnings
from importlib import resources

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats

from experiments.validation import statistics as st
from experiments.validation.curves import LOG_REVENUE, bands, curves_of, flat
from experiments.validation.measures import STATISTICS, Record, real_share
from marketplace.network_measures import gini

RNG = np.random.default_rng(7)


def orders_of(rows: list[tuple[int, int, int, float]]) -> pd.DataFrame:
    """An order table from (week, customer, seller, price)."""
    table = pd.DataFrame(rows, columns=["week", "customer", "seller", "price"])
    return st.delivered(table.assign(units=1))


class TestConcentration:
    def test_an_order_that_met_no_stock_is_no_revenue(self) -> None:
        table = pd.DataFrame({"units": [1, 0, 2], "price": [3.0, 5.0, 4.0], "seller": [1, 1, 1]})
        assert st.revenue_by_seller(st.delivered(table)).tolist() == [11.0]

    def test_own_retail_is_no_seller(self) -> None:
        assert st.revenue_by_seller(orders_of([(1, 1, -1, 9.0), (1, 1, 4, 2.0), (2, 1, 3, 1.0)])).tolist() == [1.0, 2.0]

    def test_sd_of_logs_of_a_lognormal_is_its_parameter(self) -> None:
        sample = np.exp(1.7 * RNG.standard_normal(20_000) + 3.0)
        assert st.log_sd(sample) == pytest.approx(1.7, abs=4 * 1.7 / math.sqrt(2 * 20_000))
        assert math.isnan(st.log_sd([2.0]))

    def test_area_under_the_lorenz_curve_is_the_gini(self) -> None:
        values = RNG.exponential(size=400)
        shares = np.linspace(0.0, 1.0, 401)
        area = np.trapezoid(st.lorenz(values, shares), shares)
        n = values.size  # straight lines between points give the Gini of the population
        assert 1.0 - 2.0 * area == pytest.approx(gini(values), abs=1.5 / n)
        assert np.isnan(st.lorenz([], shares)).all()

    @pytest.mark.parametrize("seed", range(5))
    def test_a_lognormal_is_told_from_a_power_law(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        lognormal, pareto = np.exp(1.5 * rng.standard_normal(1000)), (1.0 - rng.random(1000)) ** (-1 / 1.2)
        assert st.power_law_against_lognormal(lognormal) < -5.0
        assert st.power_law_against_lognormal(pareto) > -1.645

    def test_the_unit_of_money_does_not_matter(self) -> None:
        values = np.exp(RNG.standard_normal(300))
        a, b = st.power_law_against_lognormal(values), st.power_law_against_lognormal(1e6 * values)
        assert a == pytest.approx(b, rel=1e-4)

    @pytest.mark.parametrize("values", [[], [1.0, 2.0], [3.0] * 9, [0.0, 1.0, 2.0]])
    def test_what_has_no_spread_has_no_ratio(self, values: list[float]) -> None:
        assert math.isnan(st.power_law_against_lognormal(values))


class TestStaying:
    # Seller 1 sells in quarters 0, 1, 2; seller 2 in 0 and 2; seller 3 in 1 only; own retail always.
    TABLE = orders_of([
        (1, 1, 1, 1.0), (2, 1, 1, 1.0), (13, 1, 2, 5.0), (14, 1, 1, 2.0), (26, 2, 3, 1.0), (27, 2, 1, 1.0),
        (39, 3, 2, 1.0), (1, 9, -1, 1.0), (14, 9, -1, 1.0), (27, 9, -1, 1.0),
    ])  # fmt: skip

    def test_panel_has_a_row_for_each_seller_and_whole_quarter(self) -> None:
        panel = st.panel(self.TABLE, 39)
        assert panel.values.tolist() == [
            [0, 1, 2, 2.0], [0, 2, 1, 5.0], [1, 1, 1, 2.0], [1, 3, 1, 1.0], [2, 1, 1, 1.0], [2, 2, 1, 1.0],
        ]  # fmt: skip
        assert st.panel(self.TABLE, 38)["period"].max() == 1

    def test_churn_counts_those_without_an_order_in_the_next_quarter(self) -> None:
        assert st.churn(st.panel(self.TABLE, 39)) == 0.5  # seller 2 of two, then seller 3 of two
        assert math.isnan(st.churn(st.panel(self.TABLE, 13)))

    def test_churn_is_that_of_all_periods_together_as_with_olist(self) -> None:
        path = resources.files("experiments") / "facts" / "olist_seller_quarter_aggregates.csv"
        olist = pd.read_csv(str(path)).dropna()
        rows, start = [], 0
        table = zip(olist["active_sellers"], olist["churn_next_quarter"], strict=True)
        for quarter, (active, share) in enumerate(table):
            stay = round(active * (1 - share))
            for seller in range(start, start + active):
                rows.append((13 * quarter + 1, 1, seller, 1.0))
                if seller < start + stay:  # seen once more in the next quarter, as one of another batch
                    rows.append((13 * quarter + 14, 1, seller, 1.0))
            start += active
        panel = st.panel(orders_of(rows), 13 * (len(olist) + 1))
        first = panel.groupby("seller")["period"].transform("min") == panel["period"]
        quit_ = st.quitters(panel).loc[first[first].index.intersection(st.quitters(panel).index)]["quit"]
        assert quit_.mean() == pytest.approx(0.239657, abs=5e-4)

    def test_classes_are_of_equal_size_and_the_fewest_orders_come_first(self) -> None:
        rows = [(1, c, s, 1.0) for s in range(10) for c in range(s + 1)]  # seller s has s + 1 orders
        rows += [(14, 1, s, 1.0) for s in range(4, 10)]  # the four smallest quit
        assert st.churn_by_size(st.panel(orders_of(rows), 26)).tolist() == [1.0, 1.0, 0.0, 0.0, 0.0]

    def test_survival_follows_newcomers_only(self) -> None:
        assert st.survival(st.panel(self.TABLE, 39), 2)[:2].tolist() == [1.0, 0.0]  # seller 3 alone is a newcomer

    def test_nothing_comes_of_nothing(self) -> None:
        empty = st.panel(self.TABLE.iloc[:0], 39)
        assert math.isnan(st.churn(empty)) and np.isnan(st.churn_by_size(empty)).all()
        assert np.isnan(st.survival(empty)).all()


class TestCustomers:
    TABLE = orders_of([(3, 1, 1, 1.0), (5, 1, 1, 1.0), (44, 2, 1, 1.0), (4, 2, 1, 1.0), (5, 3, 1, 1.0), (1, 4, 1, 1.0)])

    def test_a_cohort_begins_within_its_weeks(self) -> None:
        rows = st.cohort(self.TABLE, 3, 2)
        assert sorted(zip(rows["customer"], rows["age"], strict=True)) == [(1, 0), (1, 2), (2, 0), (2, 40)]

    def test_who_comes_back_within_the_time(self) -> None:
        rows = st.cohort(self.TABLE, 3, 2)
        assert [st.repeat_share(rows, weeks) for weeks in (1, 2, 39, 40)] == [0.0, 0.5, 0.5, 1.0]
        assert math.isnan(st.repeat_share(rows.iloc[:0], 39))

    def test_customer_base_counts_weeks(self) -> None:
        base = st.customer_base(self.TABLE, 50)
        assert [row.tolist() for row in base] == [[1, 1, 0, 0], [2, 40, 0, 0], [47, 46, 45, 49]]

    def test_published_fit_of_cdnow(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from lifetimes.datasets import load_cdnow_summary

            table = load_cdnow_summary(index_col=[0])
        fit = st.fit_bg_nbd(st.CustomerBase(*(table[c].to_numpy(float) for c in ("frequency", "recency", "T"))))
        # Fader, Hardie & Lee 2005, table 1.
        assert fit == pytest.approx((0.243, 4.414, 0.793, 2.426), rel=2.5e-3)

    def test_parameters_behind_a_simulated_base_are_found(self) -> None:
        true, n, age = st.BgNbd(0.5, 8.0, 1.0, 3.0), 8000, 52.0
        rate, drop = RNG.gamma(true.r, 1.0 / true.alpha, n), RNG.beta(true.a, true.b, n)
        frequency, recency = np.zeros(n), np.zeros(n)
        for i in range(n):
            t = 0.0
            while RNG.random() >= (drop[i] if frequency[i] else 0.0):
                t += RNG.exponential(1.0 / rate[i])
                if t > age:
                    break
                frequency[i], recency[i] = frequency[i] + 1, t
        fit = st.fit_bg_nbd(st.CustomerBase(frequency, recency, np.full(n, age)))
        assert fit.r == pytest.approx(true.r, rel=0.15) and fit.alpha == pytest.approx(true.alpha, rel=0.25)
        assert fit.a / (fit.a + fit.b) == pytest.approx(0.25, abs=0.05)

    def test_nobody_came_back(self) -> None:
        assert all(map(math.isnan, st.fit_bg_nbd(st.CustomerBase(np.zeros(3), np.zeros(3), np.ones(3)))))
        assert all(map(math.isnan, st.fit_bg_nbd(st.CustomerBase(*[np.zeros(0)] * 3))))

    def test_correlation_leaves_out_what_is_missing(self) -> None:
        a, b = RNG.standard_normal((2, 50))
        expected = scipy_stats.pearsonr(a[5:], b[5:]).statistic
        a[:5] = math.nan
        assert st.correlation(a, b) == pytest.approx(expected)
        assert math.isnan(st.correlation([1.0, 2.0, 3.0], [1.0, 1.0, 1.0]))


def amazon_weekly() -> pd.DataFrame:
    """Weeks in which every year is Amazon's: share, margin, fulfilment over net sales."""
    path = resources.files("experiments") / "facts" / "amazon_annual.csv"
    annual = pd.read_csv(str(path)).pivot_table(index="year", columns="metric", values="value").loc[1999:2018]
    sales = annual["net_sales"].to_numpy()
    yearly = pd.DataFrame({
        "gmv": 2.0 * sales,
        "third_party_share": real_share().to_numpy() / 100.0,
        "platform_revenue": sales,
        "platform_margin": annual["operating_income"].to_numpy() / sales,
        "platform_investment": 0.01 * sales,
        "fulfilment_cost_ratio": annual["fulfillment"].to_numpy() / (2.0 * sales),
        "visits": 100.0, "conversion_rate": 0.02, "orders": 2.0, "return_rate": 0.1,
    })  # fmt: skip
    return yearly.loc[np.repeat(yearly.index, 52)].reset_index(drop=True)


class TestStatisticsOfARun:
    def values(self, weekly: pd.DataFrame) -> dict[str, float]:
        record = Record(weekly)
        return {name: s.of(record) for name, s in STATISTICS.items() if not s.needs_orders}

    def test_a_run_that_is_amazon_has_amazons_statistics(self) -> None:
        found = self.values(amazon_weekly())
        assert found["share_path_error"] == pytest.approx(0.0, abs=1e-9)
        assert found["share_2018"] == pytest.approx(58.0) and found["share_1999_2001"] == pytest.approx(4.0)
        assert found["share_jump_2002"] == pytest.approx(11.0)
        assert found["share_rise_2005_2009"] == pytest.approx(0.8)
        assert found["relative_growth"] == pytest.approx(0.111455, abs=1e-6)  # facts/targets.json C2
        assert found["margin_2003_2018"] == pytest.approx(0.0342, abs=2e-4)
        assert found["worst_margin_2003_2018"] == pytest.approx(0.002, abs=1e-4)
        assert found["margin_2003_2018"] - found["invested_margin_2003_2018"] == pytest.approx(0.01)
        assert found["fulfilment_ratio_fall"] == pytest.approx(math.log(8.37 / 15.04), abs=2e-3)
        assert found["fulfilment_ratio_rise"] == pytest.approx(math.log(14.61 / 8.37), abs=2e-3)
        assert found["conversion"] == pytest.approx(0.02) and found["returns"] == pytest.approx(0.1)

    def test_a_straight_line_is_near_the_path_too(self) -> None:
        weekly = amazon_weekly()
        real = real_share().to_numpy()
        line = np.polyval(np.polyfit(np.arange(20), real, 1), np.arange(20)) / 100.0
        found = self.values(weekly.assign(third_party_share=np.repeat(line, 52)))
        assert found["share_path_error"] == pytest.approx(3.05, abs=0.01)

    def test_a_short_run_leaves_them_undefined(self) -> None:
        found = self.values(amazon_weekly().iloc[: 19 * 52])
        assert math.isnan(found["share_path_error"]) and math.isnan(found["relative_growth"])
        assert found["share_jump_2002"] == pytest.approx(11.0)

    def test_a_year_without_sales_is_no_zero(self) -> None:
        weekly = amazon_weekly()
        weekly.loc[:51, ["gmv", "platform_revenue"]] = 0.0
        weekly.loc[:51, "third_party_share"] = math.nan
        assert math.isnan(Record(weekly).share[0])
        assert math.isnan(self.values(weekly)["share_1999_2001"])

    def test_weeks_with_more_sales_weigh_more(self) -> None:
        weekly = amazon_weekly().iloc[:52].reset_index(drop=True)
        weekly.loc[0, ["gmv", "third_party_share"]] = 51.0 * weekly.loc[1, "gmv"], 1.0
        expected = (1.0 + weekly.loc[1, "third_party_share"]) / 2.0
        assert Record(weekly).share[0] == pytest.approx(expected)

    def test_orders_are_asked_for_in_a_sentence(self) -> None:
        with pytest.raises(ValueError, match="run.record_orders"):
            STATISTICS["seller_gini"].of(Record(amazon_weekly()))

    def test_names_are_those_of_the_registry(self) -> None:
        assert all(name == statistic.name for name, statistic in STATISTICS.items())
        assert len({statistic.title for statistic in STATISTICS.values()}) == len(STATISTICS)


class TestCurves:
    def record(self) -> Record:
        n = 4000
        placed = pd.DataFrame({
            "week": RNG.integers(1, 209, n), "customer": RNG.integers(0, 900, n), "seller": RNG.integers(-1, 60, n),
            "units": 1, "price": np.exp(RNG.standard_normal(n)), "delivery_days": RNG.gamma(2.0, 4.0, n),
            "stars": pd.array(RNG.integers(1, 6, n), dtype="Int8"),
        })  # fmt: skip
        return Record(amazon_weekly().iloc[:208], placed)

    def test_the_histogram_is_a_density_and_curves_have_their_ends(self) -> None:
        curves = curves_of(self.record())
        width = LOG_REVENUE[1] - LOG_REVENUE[0]
        assert curves["log_revenue"].sum() * width == pytest.approx(1.0)
        assert (curves["lorenz"].iloc[0], curves["lorenz"].iloc[-1]) == (0.0, pytest.approx(1.0))
        assert (np.diff(curves["repeat"]) >= 0.0).all()
        assert curves["share"].index.tolist() == [1999, 2000, 2001, 2002]

    def test_curves_come_back_from_a_table_of_runs(self) -> None:
        curves = curves_of(self.record())
        table = pd.DataFrame([flat(curves)] * 3)
        back = bands(table)
        for name, curve in curves.items():
            band = back[name]
            assert band.index.tolist() == curve.index.tolist()
            assert np.allclose(band["mean"], curve, equal_nan=True) and np.allclose(band["low"], curve, equal_nan=True)

    def test_a_curve_runs_by_its_x_whatever_the_order_of_the_columns(self) -> None:
        table = pd.DataFrame([{f"repeat.{x}": float(x) for x in ("0", "12", "3", "39")}])
        assert bands(table)["repeat"].index.tolist() == [0.0, 3.0, 12.0, 39.0]
