"""The platform's technology and prices: Wright's experience curve, the fill rate, pass-through."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats


@pytest.mark.parametrize("ratio", [0.7, 0.8, 0.874, 1.0])
@pytest.mark.parametrize("launch", [100.0, 5000.0])
def test_handling_cost_falls_by_the_progress_ratio_with_each_doubling(run, holds, ratio, launch):
    """Wright (1936): log cost on log cumulative volume has slope log2(progress ratio)."""
    weekly = run("experience-curve", {"platform.progress_ratio": ratio, "platform.launch_volume": launch}).weekly
    volume = launch + weekly["orders"].cumsum()
    assert volume.iloc[-1] / volume.iloc[0] > 4.0  # at least two doublings seen
    slope, level = np.polyfit(np.log(volume / launch), np.log(weekly["unit_cost.handling"]), 1)
    holds("experience curve", abs(slope - math.log2(ratio)), 1e-12, "slope")
    assert math.exp(level) == pytest.approx(1.0, rel=1e-12)  # the launch cost at the launch volume


def filled(law, base_stock):
    """Return the fill rate ``f = E[min(D, B)] / E[D]`` of demand D and base stock B, and Var(min(D, B) - f D)."""
    demand = np.arange(int(law.ppf(1.0 - 1e-15)) + 1)
    chance = law.pmf(demand)
    sold = np.minimum(demand, base_stock)
    rate = (chance @ sold) / law.mean()
    return rate, chance @ (sold - rate * demand) ** 2


@pytest.mark.parametrize("base_stock", [10, 16, 20, 24, 30])
def test_the_fill_rate_of_a_base_stock(run, holds, sigmas, base_stock):
    """Lost sales, no lead time: E[min(D, B)] / E[D]; one need a week makes D binomial, here as good as Poisson."""
    model = run("fill-rate", {"fulfilment.base_stock": base_stock})
    weekly, customers = model.weekly, len(model.customers)
    sold = (weekly["searches"] * (1.0 - weekly["stockout_rate"])).sum()
    assert sold == pytest.approx(weekly["orders"].sum())
    measured = sold / weekly["searches"].sum()

    need = -math.expm1(-model.scenario.customers.need_rate)
    for law in (stats.binom(customers, need), stats.poisson(customers * need)):
        rate, variance = filled(law, base_stock)
        spread = math.sqrt(variance / len(weekly)) / law.mean()
        holds("fill rate", abs(measured - rate) / spread, sigmas, "standard errors")


@pytest.mark.parametrize("pass_through", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("speed", [1.0, 0.25])
def test_own_price_follows_unit_cost_as_far_as_it_is_passed_through(run, holds, pass_through, speed):
    """The target price moves by pass-through x change of unit cost / (1 - margin); the price closes the gap to it."""
    model = run("pass-through", {"platform.pass_through": pass_through, "platform.price_speed": speed})
    weekly, settings = model.weekly, model.scenario.platform
    share = 1.0 - settings.target_margin
    launch = (settings.first_party_cost + settings.handling_cost) / share
    target = launch + pass_through * (weekly["unit_cost"] - settings.handling_cost) / share
    price, expected = launch, []
    for goal in target:
        price += speed * (goal - price)
        expected.append(price)
    assert weekly["unit_cost"].iloc[-1] < 0.6 * settings.handling_cost  # there was something to pass on
    holds.relative("pass-through", weekly["retail_price"], expected, 1e-12)


def test_full_pass_through_keeps_the_target_margin(run):
    model = run("pass-through", {"platform.pass_through": 1.0})
    weekly, settings = model.weekly, model.scenario.platform
    margin = 1.0 - (settings.first_party_cost + weekly["unit_cost"]) / weekly["retail_price"]
    assert margin.to_numpy() == pytest.approx(np.full(len(weekly), settings.target_margin), rel=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_fulfilment_fee_follows_by_its_own_share(run, share):
    model = run("experience-curve", {"platform.fulfilment_fee": 2.0, "platform.fee_pass_through": share})
    weekly, settings = model.weekly, model.scenario.platform
    change = weekly["unit_cost"].iloc[-1] - settings.handling_cost
    assert change < -0.3
    fee = model.platforms.column("fulfilment_fee")
    assert fee == pytest.approx([settings.fulfilment_fee + share * change], rel=1e-12)
