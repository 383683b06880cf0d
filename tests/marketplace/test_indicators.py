"""Indicators are worked out of what was noted of weeks, and condensed by the rule of each."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from marketplace import MarketplaceModel, load_scenario
from marketplace.indicators import column_names, indicator_of, summary, weekly_table

CHANGES = {"run.weeks": 27, "customers.count": 300, "flywheel.valves": {"sellers->selection": {"scale": 0.5}}}


@pytest.fixture(scope="module")
def model() -> MarketplaceModel:
    return MarketplaceModel(load_scenario("two-platforms").with_changes(CHANGES)).run()


def test_a_week_is_measured_alone_as_it_is_among_others(model: MarketplaceModel) -> None:
    weekly = model.weekly
    assert list(weekly.columns) == column_names(model.platform_names)
    assert weekly["week"].dtype == np.int64 and weekly["week"].tolist() == list(range(1, 28))
    for week in range(27):
        alone = weekly_table(model.noted[week : week + 1], model.platform_names)
        pd.testing.assert_series_equal(
            alone.drop(columns="week").iloc[0], weekly.drop(columns="week").iloc[week], check_names=False, rtol=1e-15
        )


def test_what_was_noted_does_not_change_when_the_model_goes_on(model: MarketplaceModel) -> None:
    branch = model.branch()
    branch.run(3)
    pd.testing.assert_frame_equal(branch.weekly.head(27), model.weekly)
    assert len(branch.weekly) == 30 and len(model.weekly) == 27


def test_before_the_first_week_there_is_an_empty_table() -> None:
    weekly = MarketplaceModel("tiny").weekly
    assert len(weekly) == 0 and list(weekly.columns) == column_names(["platform"])


def test_platforms_add_up(model: MarketplaceModel) -> None:
    weekly, names = model.weekly, model.platform_names
    for total in ("gmv", "orders", "visits", "searches", "offers", "platform_revenue"):
        np.testing.assert_allclose(sum(weekly[f"{total}.{name}"] for name in names), weekly[total], rtol=1e-12)


def test_a_summary_follows_the_rule_of_each_indicator(model: MarketplaceModel) -> None:
    weekly = model.weekly.assign(nps=math.nan)
    condensed = summary(weekly, 10)
    assert condensed.pop("nps") is None and "week" not in condensed
    for name, value in condensed.items():
        defined = weekly[name].tail(10).dropna()
        rule = indicator_of(name).rule
        if defined.empty:
            assert value is None
        else:
            assert value == pytest.approx(defined.iloc[-1] if rule == "last" else getattr(defined, rule)(), rel=1e-12)
    assert {indicator_of(name).rule for name in condensed} == {"mean", "sum", "last"}
