"""The customer's week in C and as plain Mesa is the same model as ours: C bit for bit, Mesa in distribution."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.customer import ACTIVE
from marketplace import MarketplaceModel, load_scenario

ROOT = Path(__file__).resolve().parents[2]
WEEKS = 6
CHANGES: dict[str, Any] = {
    "customers.count": 5_000,
    "customers.initial_adopters": 0.6,
    "customers.need_rate": 0.5,
    "adoption.p": 0.01,
    "adoption.q": 0.05,
    "adoption.referral": 0.02,
    "sellers.count": 60,
    "platform.marketplace_opens": 1,
    "search.noise": 0.03,
    "experience.lapse_rate": 0.03,
    "experience.recommend_intercept": 4.0,
    "social.recommendation_rate": 0.5,
    "entry.enabled": False,
}


@pytest.fixture(autouse=True)
def _benchmarks_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """`benchmarks` is no part of the installed package."""
    monkeypatch.syspath_prepend(str(ROOT))


def world(base: str = "amazon", **changes: Any) -> MarketplaceModel:
    """A small market after a few weeks, with ties, friends who recommend, lapsed customers and search noise."""
    return MarketplaceModel(load_scenario(base).with_changes(CHANGES | changes), rng=3).run(WEEKS)


def two_platforms() -> MarketplaceModel:
    """The same on two platforms, where a failed search goes on elsewhere."""
    changes = {key: value for key, value in CHANGES.items() if not key.startswith("platform.")}
    scenario = load_scenario("two-platforms").with_changes(changes | {"choice.multi_homing": True})
    return MarketplaceModel(scenario, rng=3).run(WEEKS)


@pytest.mark.parametrize("build", [world, two_platforms], ids=["one platform", "two platforms"])
def test_c_holds_the_bits_of_the_package(build: Any) -> None:
    """After each of some weeks, every column that a week writes is the same, as are all visits."""
    from benchmarks.c_loop.customer_week import CWeek, has_compiler
    from benchmarks.customer_week import STRICT, same_state
    from benchmarks.world import OurWeek, catch_week

    if not has_compiler():
        pytest.skip("there is no gcc here to compile benchmarks/c_loop/customer_week.c with")
    model = build()
    caught = catch_week(model)
    ours, c = OurWeek(caught, 2), CWeek(caught, *STRICT)
    before = ours.arguments["adopt"]["status"].copy()
    ours.make_ready()
    for week in range(model.week + 1, model.week + 1 + WEEKS):
        ours.live(week)
        c.live(week)
        assert same_state(ours, c), f"week {week}"
    assert ours.searches > 500 and ours.orders > 100
    assert (ours.arguments["adopt"]["status"] != before).mean() > 0.05, "nobody joined, lapsed or came back"
    c.arrays["satisfaction"][0, 0] += 2.0**-40
    assert not same_state(ours, c), "the comparison must see a difference"


def test_plain_mesa_agrees_in_distribution() -> None:
    """Searches, orders, newcomers, lapses and recommenders agree within the sampling error of their counts."""
    from benchmarks.plain_mesa import model as plain
    from benchmarks.plain_mesa.from_columns import plain_model
    from benchmarks.world import OurWeek, catch_week

    model = world()
    caught = catch_week(model)
    ours, mesa = OurWeek(caught, 2), plain_model(caught, model.customers.size)
    totals = np.zeros((2, 3))
    for week in range(model.week + 1, model.week + 1 + WEEKS):
        ours.live(week)
        mesa.step()
        adopted = ours.arguments["adopt"]["joined_now"].sum(axis=0)
        totals[0] += ours.searches, ours.orders, adopted[1:5].sum()
        totals[1] += mesa.searches, mesa.purchases, 0
    totals[1, 2] = sum(agent.joined >= 0 for agent in mesa.agents)
    columns = ours.arguments["adopt"]
    stocks = np.array([
        [np.sum(columns["status"] == ACTIVE), columns["recommends"].sum()],
        [sum(a.status == plain.ACTIVE for a in mesa.agents), sum(a.recommends for a in mesa.agents)],
    ])  # fmt: skip
    both = np.hstack((totals, stocks))
    # Counts of nearly independent rare events: the difference of two has at most the variance of their sum.
    assert np.all(np.abs(both[0] - both[1]) < 4.0 * np.sqrt(both.sum(axis=0))), both
    assert both.min() > 100
    felt = columns["satisfaction"][columns["status"] == ACTIVE, 0]
    theirs = np.array([a.satisfaction for a in mesa.agents if a.status == plain.ACTIVE])
    error = math.sqrt(felt.var() / felt.size + theirs.var() / theirs.size)
    assert abs(felt.mean() - theirs.mean()) < 4.0 * error
