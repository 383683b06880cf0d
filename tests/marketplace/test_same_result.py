"""The same scenario and seed give the same result, bit for bit, however and wherever it is run.

Compiled and uncompiled, on one thread and two, here and in a fresh process, from a branch and from a pickle; and an
agent that does nothing, or one that leaves a market apart, changes nobody else.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents import chance, compiled
from agents.customer import LAPSED
from marketplace import births
from marketplace.model import MarketplaceModel
from marketplace.scenario import Scenario, load_scenario
from marketplace.search import BLOCK, need_category

HOUSE = Path(__file__).resolve().parents[2]
EVERYTHING = load_scenario(Path(__file__).with_name("everything.toml"))
WEEKS = EVERYTHING.run.weeks
TABLES = ("customers", "sellers", "platforms", "offers")

State = dict[str, np.ndarray]

# What a fresh process runs: a scenario file or a pickled model in, the state of the finished model out.
ELSEWHERE = """
import pickle, sys
import numpy as np
from marketplace.model import MarketplaceModel
from marketplace.scenario import load_scenario
source, target = sys.argv[1:]
if source.endswith(".toml"):
    model = MarketplaceModel(load_scenario(source))
else:
    with open(source, "rb") as file:
        model = pickle.load(file)
model.run()
tables = {name: getattr(model, name) for name in ("customers", "sellers", "platforms", "offers")}
state = {f"{name}.{c}": a for name, table in tables.items() for c, a in vars(table.columns).items()}
weekly = model.weekly
np.savez(target, **state, **{f"weekly.{c}": weekly[c].to_numpy() for c in weekly.columns})
"""


def state_of(model: MarketplaceModel) -> State:
    """Every column of every table of agents, and the whole weekly record."""
    state = {
        f"{name}.{column}": array.copy()
        for name in TABLES
        for column, array in vars(getattr(model, name).columns).items()
    }
    weekly = model.weekly
    return state | {f"weekly.{column}": weekly[column].to_numpy() for column in weekly.columns}


def differing(a: State, b: State) -> list[str]:
    """Names of what is not the same bit for bit."""
    assert a.keys() == b.keys() and len(a) > 100
    return [name for name in a if a[name].dtype != b[name].dtype or a[name].tobytes() != b[name].tobytes()]


def run_elsewhere(source: Path, target: Path, **environment: str) -> State:
    """Finish a run in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(source), str(target)],
        env={**os.environ, **environment}, cwd=HOUSE, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(target) as arrays:
        return dict(arrays)


def run_file(scenario: Scenario, folder: Path, **environment: str) -> State:
    """Run a scenario in a fresh process."""
    path = folder / "scenario.toml"
    path.write_text(scenario.to_toml(), encoding="utf-8")
    return run_elsewhere(path, folder / "state.npz", **environment)


@pytest.fixture(scope="module")
def finished() -> State:
    """The state at the end of the run with every feature."""
    return state_of(MarketplaceModel(EVERYTHING).run())


# -- however it is run


OTHERWISE = {
    "fulfilment.stocking": "to-order", "choice.outside_option": "off", "adoption.mixing": "well-mixed",
    "social.graph": "small-world", "entry.rivals_respond": False,
}  # fmt: skip
# More orders than there are offers, searches than the log holds, customers than goods: what is read out of range is
# noticed by plain rules alone.
CROWDED = {
    "run.weeks": 11, "customers.count": 400, "customers.initial_adopters": 0.9, "customers.need_rate": 3.0,
    "sellers.count": 2, "sellers.quality": 7.0, "entry.enabled": False, "fulfilment.base_stock": 60,
}  # fmt: skip


@pytest.mark.parametrize("changes", [{}, OTHERWISE, CROWDED], ids=["everything", "otherwise", "crowded"])
def test_compiled_and_plain_rules_give_the_same_world(tmp_path: Path, changes: dict[str, Any]) -> None:
    if compiled.PLAIN:
        pytest.skip("nothing is compiled here")
    scenario = EVERYTHING.with_changes(changes)
    here = state_of(MarketplaceModel(scenario).run())
    assert changes is not CROWDED or here["weekly.orders"].max() > here["weekly.offers"].max()
    assert differing(here, run_file(scenario, tmp_path, MARKETPLACE_PLAIN="1")) == []


def test_one_thread_and_two_give_the_same_world(tmp_path: Path) -> None:
    big = EVERYTHING.with_changes({"customers.count": 6000, "run.weeks": 12, "run.record_orders": False})
    assert big.customers.count > 2 * BLOCK, "one block is one thread's work"
    folders = [tmp_path / name for name in ("one", "two")]
    states = []
    for threads, folder in zip((1, 2), folders, strict=True):
        folder.mkdir()
        scenario = big.with_changes({"run.threads": threads})
        states.append(run_file(scenario, folder, NUMBA_NUM_THREADS="2"))
    assert differing(*states) == []
    assert states[0]["weekly.orders"].sum() > 1000


def test_a_fresh_process_gives_the_same_world(finished: State, tmp_path: Path) -> None:
    assert differing(finished, run_file(EVERYTHING, tmp_path, PYTHONHASHSEED="7")) == []


def test_the_same_model_twice_and_another_between(finished: State) -> None:
    other = MarketplaceModel(EVERYTHING, rng=2).run()
    assert differing(finished, state_of(MarketplaceModel(EVERYTHING).run())) == []
    assert "weekly.gmv" in differing(finished, state_of(other))


@pytest.mark.parametrize("week", [0, 3, 13, WEEKS - 1])
def test_a_branch_goes_on_as_its_original_does(finished: State, week: int) -> None:
    original = MarketplaceModel(EVERYTHING).run(week)
    branch = original.branch()
    before = state_of(original)
    assert differing(before, state_of(branch)) == []
    assert differing(finished, state_of(branch.run())) == []
    assert differing(before, state_of(original)) == [], "the branch moved its original"
    assert differing(finished, state_of(original.run())) == []


def test_a_branch_is_independent() -> None:
    original = MarketplaceModel(EVERYTHING).run(10)
    branch = original.branch()
    branch.flywheel.shut_all()
    branch.customers.columns.satisfaction[:] = 0.0
    branch.ledger.balance["customers"] += 1.0
    assert not original.flywheel["unit_cost->price"].is_shut
    assert original.customers.columns.satisfaction.any()
    assert original.ledger.balance["customers"] != branch.ledger.balance["customers"]
    assert branch.customers.model is branch and branch.customers[0].model is branch


@pytest.mark.parametrize("week", [0, 9])
def test_a_pickled_model_goes_on_as_its_original_does(finished: State, week: int, tmp_path: Path) -> None:
    model = MarketplaceModel(EVERYTHING).run(week)
    packed = pickle.dumps(model)
    assert differing(finished, state_of(pickle.loads(packed).run())) == []
    path = tmp_path / "model.pickle"
    path.write_bytes(packed)
    assert differing(finished, run_elsewhere(path, tmp_path / "state.npz")) == []


def test_run_in_steps_or_at_once(finished: State) -> None:
    model = MarketplaceModel(EVERYTHING)
    for _ in range(5):
        model.step()
    model.run(weeks=7)
    assert model.week == 12
    assert differing(finished, state_of(model.run())) == []


# -- whether or not another agent exists


def but(state: State, *names: str) -> State:
    """A state without some columns."""
    return {name: array for name, array in state.items() if not name.startswith(names)}


@pytest.mark.parametrize("week", [0, 5])
@pytest.mark.parametrize("graph", ["small-world", "scale-free", "none"])
def test_an_inert_customer_changes_nobody(graph: str, week: int) -> None:
    """One who has no needs and will never join: not even the indicators notice."""
    scenario = EVERYTHING.with_changes({"social.graph": graph, "run.weeks": 15})
    alone, joined = MarketplaceModel(scenario).run(week), MarketplaceModel(scenario).run(week)
    row = joined.add_customers(1)[0]
    c = joined.customers.columns
    c.status[row], c.need_rate[row], c.satisfaction[row], c.joined[row] = LAPSED, 0.0, 0.0, 0
    a, b = state_of(alone.run()), state_of(joined.run())
    for name in [name for name in b if name.startswith("customers.")]:
        b[name] = np.delete(b[name], row, axis=0)
    ids = ("sellers.unique_id",)  # numbers of those who came after it; nothing is drawn by them
    assert differing(but(a, *ids), but(b, *ids)) == []


def test_an_added_customer_lives_like_any_other() -> None:
    model = MarketplaceModel(EVERYTHING).run(3)
    rows = model.add_customers(2 * BLOCK)
    c = model.customers.columns
    c.status[rows], c.joined[rows], c.need_rate[rows] = 1, 3, 5.0
    model.run(weeks=6)
    assert (model.customers.columns.orders[rows] > 0).any()
    assert model.social.nodes == model.customers.size


def test_an_inert_seller_changes_nobody() -> None:
    """One without listings and without costs; those who count sellers count one more."""
    scenario = EVERYTHING.with_changes({"entry.fixed_cost": 0.0, "sellers.exit_rate": 0.0})
    alone, joined = MarketplaceModel(scenario), MarketplaceModel(scenario)
    key = chance.child_keys(births.KIND_SELLER, 2**24 - 1, 0)
    row = joined.sellers.append(1, key=key, cash=1.0, patience=1e6)[0]
    a, b = state_of(alone.run()), state_of(joined.run())
    assert joined.sellers.columns.alive[row] and not (joined.offers.columns.seller == row).any()
    for name in [name for name in b if name.startswith("sellers.")]:
        b[name] = np.delete(b[name], row, axis=0)
    assert np.array_equal(b["weekly.active_sellers"], a["weekly.active_sellers"] + 1.0)
    shifted = b["offers.seller"]
    b["offers.seller"] = (shifted - (shifted > row)).astype(shifted.dtype)
    # One more zero in a sum moves its rounding, by at most a unit in the last place of what is summed for each seller.
    summed = ("weekly.hhi", "weekly.seller_surplus", "weekly.welfare")
    slack = np.finfo(float).eps * joined.sellers.size * max(1.0, a["weekly.gmv"].max())
    assert all(np.allclose(a[name], b[name], rtol=0.0, atol=slack, equal_nan=True) for name in summed)
    counts = ("sellers.unique_id", "weekly.active_sellers", "weekly.network.")
    assert differing(but(a, *counts, *summed), but(b, *counts, *summed)) == []


def test_a_seller_that_lists_elsewhere_draws_the_same_whoever_moves_with_it() -> None:
    model = MarketplaceModel(EVERYTHING).run(2)
    offers = model.offers.columns
    on_east = model.third_party_rows[offers.platform[model.third_party_rows] == 0]
    mover, others = offers.seller[on_east].max(), on_east
    mine = on_east[offers.seller[on_east] == mover]
    assert mine.size < others.size
    together, by_itself = model.branch(), model.branch()
    crowd = births.list_again(together, others, 1)
    rows = births.list_again(by_itself, mine, 1)
    among = crowd[together.offers.columns.seller[crowd] == mover]
    assert np.array_equal(together.offers.columns.key[among], by_itself.offers.columns.key[rows])
    assert np.unique(together.offers.columns.key).size == together.offers.size


# Two categories with nothing in common but the people: every seller has one listing, and what happens in one
# category leaves no trace in satisfaction, ties, talk, fees or the platform's own range.
APART = EVERYTHING.with_changes(
    {
        "run.weeks": 14, "market.categories": 2, "customers.initial_adopters": 1.0, "customers.need_rate": 0.15,
        "customers.count": 500, "sellers.quality": 7.0, "choice.tau": 15.0,
        "social.graph": "none", "experience.visit_response": 0.0, "experience.lapse_rate": 0.0,
        "experience.ties": 64, "experience.tie_decay": 0.0, "sellers.listings": 1.0, "sellers.listings_sd": 0.0,
        "sellers.count": 40, "search.sample": 1000, "flywheel.valves": {}, "policy.name": "hold",
        "platforms": [{"name": "solo", "first_party_places": 0, "fee_pass_through": 0.0, "capacity": 0.0,
                       "marketplace_opens": 1, "commission": 0.12}],
    }
)  # fmt: skip
BAN_WEEK = 4


def live_apart(*, ban: bool) -> tuple[MarketplaceModel, set[int]]:
    """Run the two markets, banning the best seller of category 0; and who searched there afterwards."""
    model = MarketplaceModel(APART).run(BAN_WEEK)
    orders = model.orders()
    if ban:
        best = orders.loc[(orders["category"] == 0) & (orders["units"] > 0), "offer"].mode()[0]
        model.offers.columns.stock[best] = 0
        model.offers.remove([best])
    touched: set[int] = set()
    while model.running:
        model.step()
        rows = model.visits.customer[: int(model.visits.filled[0])]
        u = chance.draws(model.seed, chance.NEED, model.customers.columns.key[rows], model.week)[:, 0]
        category = np.array([need_category(x, model.taste.category_cdf) for x in u])
        touched.update(rows[category == 0].tolist())
    return model, touched


def market_of(model: MarketplaceModel, category: int) -> dict[str, np.ndarray]:
    """All that is known of the offers, sellers and orders of one category, by key."""
    offers, sellers = model.offers.columns, model.sellers.columns
    mine = np.flatnonzero(offers.category == category)
    who = np.unique(offers.seller[mine])
    state = {f"offers.{c}": a[mine] for c, a in vars(offers).items() if c != "seller"}
    state |= {f"sellers.{c}": a[who] for c, a in vars(sellers).items() if c != "unique_id"}
    orders = model.orders()
    orders = orders[orders["category"] == category]
    names = ("week", "customer", "price", "units", "delivery_days", "late", "returned")
    state |= {f"orders.{c}": orders[c].to_numpy() for c in names}
    return state | {"orders.offer": offers.key[orders["offer"].to_numpy()]}


def test_a_ban_leaves_alone_whom_it_does_not_concern() -> None:
    (free, here), (banned, there) = live_apart(ban=False), live_apart(ban=True)
    a, b = market_of(free, 1), market_of(banned, 1)
    assert [name for name in a if a[name].tobytes() != b[name].tobytes()] == []
    assert len(a["orders.week"]) > 50 and (a["offers.alive"].sum() > 5)
    x, y = market_of(free, 0), market_of(banned, 0)
    assert x["orders.offer"].tobytes() != y["orders.offer"].tobytes(), "the ban concerned nobody"
    apart = sorted(set(range(free.customers.size)) - here - there)
    assert len(apart) > 20
    for name, column in vars(free.customers.columns).items():
        if name != "tie_offer":  # rows of offers, which newcomers to the other category shift
            assert np.array_equal(column[apart], getattr(banned.customers.columns, name)[apart]), name
