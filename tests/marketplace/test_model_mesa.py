"""Mesa's own tools on the real model, whichever Mesa is installed."""

from __future__ import annotations

import gc
import operator
import weakref
from pathlib import Path
from typing import Any

import mesa
import numpy as np
import pytest
from mesa.agent import AgentSet

from agents.customer import Customer
from agents.platform import Platform
from agents.seller import Seller
from marketplace.model import MarketplaceModel
from marketplace.scenario import Scenario, ScenarioError, load_scenario

EVERYTHING = load_scenario(Path(__file__).with_name("everything.toml"))
WEEKS = 8
SHORT = EVERYTHING.with_changes({"run.weeks": WEEKS, "flywheel.valves": {}})
SMALL = {"run.weeks": WEEKS, "customers.count": 60, "customers.initial_adopters": 0.5, "sellers.count": 5}


class Watched(MarketplaceModel):
    """The model with a collector of the user's own, as Mesa's tutorial has it."""

    def __init__(self, scenario: Scenario = SHORT, **kwargs: Any) -> None:
        super().__init__(scenario, **kwargs)
        self.datacollector = mesa.DataCollector(
            model_reporters={"week": "week", "gmv": gmv, "sellers": lambda model: len(model.sellers)},
            agent_reporters={"cash": cash_or_none},
            agenttype_reporters={
                Seller: {"cash": operator.attrgetter("cash"), "quality": "quality"},
                Platform: {"unit_cost": "unit_cost"},
            },
        )

    def step(self) -> None:
        super().step()
        self.datacollector.collect(self)


def gmv(model: MarketplaceModel) -> float:
    return float(model.weekly["gmv"].iloc[-1])


def cash_or_none(agent: Any) -> float | None:
    return getattr(agent, "cash", None)


@pytest.fixture(scope="module")
def model() -> MarketplaceModel:
    return MarketplaceModel(SHORT).run()


# -- the clock


def test_mesas_clock_is_the_week() -> None:
    model = MarketplaceModel(SHORT)
    assert isinstance(model, mesa.Model) and model.steps == model.week == 0 and model.running
    for week in range(1, WEEKS + 1):
        assert model.running
        model.step()
        assert model.steps == model.week == week
    assert not model.running
    assert model.weekly["week"].tolist() == list(range(1, WEEKS + 1))


def test_run_model_stops_with_the_scenario() -> None:
    model = MarketplaceModel(SHORT)
    model.run_model()
    assert model.steps == model.week == WEEKS and not model.running


# -- agents


def test_all_agents_are_those_of_the_three_kinds(model: MarketplaceModel) -> None:
    kinds = [model.customers, model.sellers, model.platforms]
    assert len(model.agents) == sum(map(len, kinds)) == len(list(model.agents))
    assert all(isinstance(agent, mesa.Agent) and agent.model is model for agent in model.agents)
    ids = [agent.unique_id for agent in model.agents]
    assert len(set(ids)) == len(ids)


def test_agents_by_type_are_the_populations(model: MarketplaceModel) -> None:
    assert set(model.agent_types) == {Customer, Seller, Platform}
    assert model.agents_by_type[Seller] is model.sellers and isinstance(model.sellers, AgentSet)
    assert model.agents_by_type[Customer] is model.customers


def test_mesas_agent_set_methods_work_on_columns(model: MarketplaceModel) -> None:
    active = model.customers.select(lambda customer: customer.status == 1)
    assert len(active) == int((model.customers.get("status") == 1).sum()) > 0
    richest = model.sellers.sort("cash")[0]
    assert richest.cash == model.sellers.agg("cash", max) == model.sellers.get("cash").max()
    by_status = model.customers.groupby("status").count()
    assert sum(by_status.values()) == len(model.customers)


def test_a_view_writes_its_column() -> None:
    model = MarketplaceModel(SHORT)
    model.customers[3].need_rate = 7.5
    assert model.customers.columns.need_rate[3] == 7.5
    model.sellers.set("cash", 11.0)
    assert all(seller.cash == 11.0 for seller in model.sellers)


def test_a_customer_made_as_mesa_makes_agents_takes_part() -> None:
    model = MarketplaceModel(SHORT)
    newcomer = Customer(model, key=np.uint64(2**60), status=1, need_rate=50.0, alpha=1.0, satisfaction=1.0, joined=0)
    model.run()
    assert newcomer.orders > 0 and newcomer in model.agents


# -- DataCollector


def test_the_models_own_collector_holds_the_weekly_record(model: MarketplaceModel) -> None:
    frame = model.datacollector.get_model_vars_dataframe()
    assert list(frame.columns) == list(model.weekly.columns)
    assert frame.to_numpy().tobytes() == model.weekly.astype(float).to_numpy().tobytes()
    model.datacollector.collect(model)  # as a habit of Mesa's users; it is recorded already
    assert len(model.datacollector.get_model_vars_dataframe()) == WEEKS


def test_the_models_own_collector_goes_with_a_branch() -> None:
    model = MarketplaceModel(SHORT).run(3)
    branch = model.branch().run()
    assert branch.datacollector.model_vars["week"] == list(range(1, WEEKS + 1))
    assert model.datacollector.model_vars["week"] == [1, 2, 3]


def test_a_collector_of_ones_own_reports_on_model_and_agents() -> None:
    model = Watched()
    model.run()
    frame = model.datacollector.get_model_vars_dataframe()
    assert frame["week"].tolist() == model.weekly["week"].tolist()
    assert frame["gmv"].tolist() == model.weekly["gmv"].tolist()
    assert frame["sellers"].tolist() == model.weekly["active_sellers"].tolist()
    agents = model.datacollector.get_agent_vars_dataframe().loc[WEEKS]
    ids = [agent.unique_id for agent in model.agents]
    assert agents.index.tolist() == ids
    cash = np.concatenate((model.platforms.get("cash"), model.sellers.get("cash")))
    assert np.array_equal(agents["cash"].dropna(), cash)
    sellers = model.datacollector.get_agenttype_vars_dataframe(Seller).loc[WEEKS]
    assert sellers.index.tolist() == model.sellers.ids.tolist()
    assert np.array_equal(sellers["cash"], model.sellers.get("cash"))
    platforms = model.datacollector.get_agenttype_vars_dataframe(Platform).loc[WEEKS]
    assert np.array_equal(platforms["unit_cost"], model.platforms.get("unit_cost"))


# -- batch_run


def batch(model_class: type, parameters: dict[str, Any], **kwargs: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = mesa.batch_run(model_class, parameters, display_progress=False, **kwargs)
    return rows


def test_batch_run_takes_scenario_names_dotted_fields_and_seeds() -> None:
    rows = batch(MarketplaceModel, {"scenario": ["tiny", "amazon"], "platform.commission": [0.05, 0.3], "rng": [1, 2],
                                    **SMALL})  # fmt: skip
    assert len(rows) == 8 and all(row["week"] == WEEKS for row in rows)
    for row in rows:
        changes = {"platform.commission": row["platform.commission"], **SMALL}
        alone = MarketplaceModel(row["scenario"], rng=row["rng"], **changes).run()
        assert row["gmv"] == alone.weekly["gmv"].iloc[-1]
        assert row["active_customers"] == alone.weekly["active_customers"].iloc[-1]
    seeds = {seed: [row["visits"] for row in rows if row["rng"] == seed] for seed in (1, 2)}
    assert seeds[1] != seeds[2]


def test_batch_run_gives_every_week() -> None:
    rows = batch(MarketplaceModel, {"scenario": [SHORT], "platforms.east.pass_through": [0.0, 1.0], **SMALL},
                 data_collection_period=1)  # fmt: skip
    runs = {share: [row for row in rows if row["platforms.east.pass_through"] == share] for share in (0.0, 1.0)}
    for share, run in runs.items():
        alone = MarketplaceModel(SHORT, **{"platforms.east.pass_through": share, **SMALL}).run()
        assert [row["week"] for row in run] == list(range(1, WEEKS + 1))
        assert [row["gmv.west"] for row in run] == alone.weekly["gmv.west"].tolist()


def test_batch_run_with_agent_reporters() -> None:
    rows = batch(Watched, {"sellers.count": [3, 6], "entry.enabled": False, "sellers.exit_rate": 0.0})
    for count in (3, 6):
        mine = [row for row in rows if row["sellers.count"] == count and row.get("cash") is not None]
        agents = {row["AgentID"] for row in mine}
        assert {row["sellers"] for row in mine} == {count} and len(agents) == count + len(SHORT.platforms)


def test_batch_run_hands_on_the_sentence_about_a_wrong_field() -> None:
    with pytest.raises(ScenarioError, match="comission"):
        batch(MarketplaceModel, {"scenario": "tiny", "platform.comission": [0.1]})


# -- memory


def test_a_deleted_model_is_collected() -> None:
    """Also one that was run, branched, looked at and collected from; Mesa 3.3 would keep each in a table of ids."""
    model = Watched()
    model.run(2)
    views = [model.customers[0], model.sellers[0]]
    branch = model.branch()
    gone = [weakref.ref(one) for one in (model, branch, model.customers, model.datacollector)]
    del model, branch, views
    gc.collect()
    assert [one() for one in gone] == [None] * len(gone)


# -- what is refused


@pytest.mark.parametrize("given", [{"rng": 1, "seed": 2}, {"rng": 1.7}, {"rng": True}, {"rng": -1}, {"seed": "x"}])
def test_a_seed_is_one_integer_from_zero(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="seed"):
        MarketplaceModel(SHORT, **given)


@pytest.mark.parametrize("weeks", [2.5, -3])
def test_weeks_are_a_whole_number_from_zero(weeks: Any) -> None:
    with pytest.raises(ValueError, match=f"weeks is a whole number from 0; {weeks} was given"):
        MarketplaceModel(SHORT).run(weeks)


@pytest.mark.parametrize("changes", [{1: 2}, [1]])
def test_changes_are_a_mapping_of_paths(changes: Any) -> None:
    with pytest.raises(ScenarioError, match="changes are a mapping of dotted paths to values"):
        SHORT.with_changes(changes)


@pytest.mark.parametrize("wrong", [[True], "orders"])
def test_what_is_neither_a_mask_nor_a_function_selects_nothing(wrong: Any) -> None:
    with pytest.raises(TypeError, match="select takes a boolean NumPy array over this set, or a function"):
        MarketplaceModel(SHORT).customers.select(wrong)


def test_a_row_that_does_not_exist_cannot_be_written_into_a_tie() -> None:
    with pytest.raises(AttributeError, match="read-only"):
        MarketplaceModel(SHORT).customers.set("tie_offer", 100_000)
