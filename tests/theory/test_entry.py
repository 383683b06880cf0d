"""Free entry under logit demand without an outside option (Anderson, de Palma & Thisse 1992, ch. 7).

N equal sellers share M customers a week at a price of ``c / (1 - r) + 1 / (alpha (1 - 1/N))``, so each earns
``(1 - r) M / (alpha (N - 1)) - F`` a week, and entry pays up to ``N* = 1 + (1 - r) M / (alpha F)``.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

CASES = [  # commission, customers, alpha, fixed cost, sellers at the start
    (0.0, 2000, 2.0, 300.0, 2),  # N* = 4.33
    (0.15, 2000, 2.0, 300.0, 2),  # 3.83
    (0.15, 1000, 1.0, 100.0, 2),  # 9.5
    (0.0, 1000, 3.0, 40.0, 3),  # 9.33
    (0.3, 3000, 2.0, 50.0, 2),  # 22
    (0.0, 2000, 2.0, 100.0, 2),  # 11: the last one just breaks even, and comes
    (0.0, 2000, 2.0, 100.2, 2),  # 10.98: and now it does not
    (0.0, 2000, 2.0, 800.0, 2),  # 2.25: two are enough
    (0.1, 1500, 1.5, 110.0, 1),  # 9.18, from a monopoly
    (0.0, 2000, 2.0, 130.0, 0),  # 8.69, from an empty market
    (0.0, 2000, 2.0, 26.0, 2),  # 39.5
]


@pytest.mark.parametrize(("commission", "customers", "alpha", "fixed_cost", "start"), CASES)
def test_free_entry_stops_at_the_last_that_pays(run, holds, commission, customers, alpha, fixed_cost, start):
    changes = {
        "platform.commission": commission,
        "customers.count": customers,
        "choice.alpha": alpha,
        "entry.fixed_cost": fixed_cost,
        "sellers.count": start,
    }
    model = run("free-entry", changes)
    weekly = model.weekly
    expected = math.floor(1.0 + (1.0 - commission) * customers / (alpha * fixed_cost) + 1e-12)
    holds("free entry", abs(weekly["active_sellers"].iloc[-1] - expected), 0, "sellers")
    assert weekly["entries"].tail(20).sum() == 0  # entry has come to its end
    assert weekly["exits"].sum() == 0  # and nobody had to leave

    break_even = model.scenario.sellers.cost / (1.0 - commission)
    price = break_even + 1.0 / (alpha * (1.0 - 1.0 / expected))
    holds.relative("free entry", model.offers.column("price"), np.full(expected, price), 1e-9)
    profit = (1.0 - commission) * customers / (alpha * (expected - 1)) - fixed_cost
    assert weekly["seller_surplus"].iloc[-1] / expected == pytest.approx(profit, rel=1e-6, abs=1e-6 * fixed_cost)


@pytest.mark.parametrize("damping", [1.0, 0.3, 0.1])
@pytest.mark.parametrize("start", [0, 1, 2])
@pytest.mark.parametrize("most", [2, 3, 5])
def test_entry_stops_there_while_prices_still_move(run, holds, most, start, damping):
    """One hundredth short of the next whole number, from any start: no price on its way lets one too many in."""
    fixed_cost = 2000 / (2.0 * (most - 0.01))
    changes = {"sellers.damping": damping, "sellers.count": start, "entry.fixed_cost": fixed_cost, "run.weeks": 60}
    there = run("free-entry", changes).weekly["active_sellers"].iloc[-1]
    holds("free entry", abs(there - most), 0, "sellers")
