"""Common random numbers: arms of a comparison share every draw that concerns the same decision."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.designs import Design
from marketplace import MarketplaceModel
from marketplace.scenario import Scenario, load_scenario

WEEKS = 40
WORLD = {
    "run.weeks": WEEKS, "run.seed": 5, "run.threads": 1, "customers.count": 1500, "sellers.count": 60,
    "search.sample": 100_000, "platform.marketplace_opens": 20,
}  # fmt: skip
ARMS = {"commission": {"platform.commission": 0.25}, "dividend": {"policy.name": "dividend"}}


def scenario(**changes: object) -> Scenario:
    return load_scenario("tiny").with_changes(WORLD | changes)


def searches(model: MarketplaceModel) -> pd.DataFrame:
    """Every first search of the week: who (a price sensitivity is nobody else's), and what was needed."""
    log = model.log
    table = pd.DataFrame({"alpha": log.alpha, "category": log.category, "place": log.place})
    return table.drop_duplicates("alpha").set_index("alpha").sort_index()


@pytest.mark.parametrize("changes", ARMS.values(), ids=list(ARMS))
def test_who_searches_in_both_arms_needs_the_same(changes: dict[str, object]) -> None:
    """Worlds may part; a customer's need in a week may not, whatever others did in between."""
    base, arm = MarketplaceModel(scenario()), MarketplaceModel(scenario(**changes))
    common = 0
    for _ in range(WEEKS):
        base.step()
        arm.step()
        a, b = searches(base), searches(arm)
        both = a.index.intersection(b.index)
        assert a.loc[both].equals(b.loc[both]), f"needs differ in week {base.week}"
        common += both.size
        assert both.size > 0.8 * max(len(a), len(b)), f"hardly anybody searches in both arms in week {base.week}"
    assert common > 20 * WEEKS


def test_arms_are_the_same_to_the_last_bit_until_they_differ() -> None:
    """A commission changes nothing before third parties come."""
    base, arm = (MarketplaceModel(scenario(**changes)).run().weekly for changes in ({}, ARMS["commission"]))
    before = base["week"] < WORLD["platform.marketplace_opens"]
    pd.testing.assert_frame_equal(base[before], arm[before], check_exact=True)
    assert not base["gmv"].equals(arm["gmv"])


def test_who_joins_is_drawn_alike_in_both_arms() -> None:
    base, arm = MarketplaceModel(scenario()), MarketplaceModel(scenario(**ARMS["commission"]))
    base.run()
    arm.run()
    a, b = base.customers.columns.joined, arm.customers.columns.joined
    apart = np.flatnonzero(a != b)
    assert (a > 0).sum() > 0 and apart.size < 0.2 * (a > 0).sum()


def test_a_design_gives_every_point_the_same_seeds() -> None:
    factors = {"platform.commission": [0.1, 0.2, 0.3]}
    common = Design.of(scenario(), factors=factors, replications=4)
    seeds = np.array([[common.seed(point, replicate) for replicate in range(4)] for point in range(3)])
    assert (seeds == seeds[0]).all() and len(set(seeds[0])) == 4
    apart = Design.of(scenario(), factors=factors, replications=4, seeds="independent")
    assert len({apart.seed(point, replicate) for replicate in range(4) for point in range(3)}) == 12
