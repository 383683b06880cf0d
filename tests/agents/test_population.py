"""Populations, selections and views: identity, combination, refusal, no object where none is asked for."""

import copy
import gc
import itertools
import pickle
import sys
import weakref

import mesa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mesa.agent import AgentSet

from agents.column_model import ColumnModel
from agents.columns import column
from agents.population import ColumnAgent, Population, Selection, Union


class Walker(ColumnAgent):
    energy = column(np.float64, 1.0, unit="J", doc="What it can spend.")
    herd = column(np.int64, 0, unit="number", doc="Which herd it walks with.")
    steps = column(np.float64, 0.0, unit="m", doc="Its last steps.", dim="foot")

    @property
    def tired(self) -> bool:
        return self.energy < 2.0

    def eat(self, amount: float = 1.0) -> float:
        self.energy += amount
        return self.energy


class Shrub(ColumnAgent):
    energy = column(np.float64, 5.0, unit="J", doc="What it holds.")
    leaves = column(np.int64, 7, unit="number", doc="How many leaves it has.")


class Ranger(mesa.Agent):
    """An agent without columns."""

    def __init__(self, model, energy=100.0):
        super().__init__(model)
        self.energy = energy


class Savanna(ColumnModel):
    def __init__(self, walkers: int = 6, **kwargs):
        super().__init__(**kwargs)
        self.walkers = self.add_population(Walker, dims={"foot": 2})
        self.shrubs = self.add_population(Shrub)
        self.week = 0
        self.walkers.append(walkers, energy=np.arange(walkers), herd=np.arange(walkers) % 3)

    def step(self):
        self.week += 1


@pytest.fixture
def model() -> Savanna:
    return Savanna(rng=1)


@pytest.fixture
def walkers(model) -> Population:
    return model.walkers


def ids(agents) -> list[int]:
    return [agent.unique_id for agent in agents]


# --- views


def test_view_is_a_mesa_agent_that_reads_and_writes_its_row(model, walkers):
    walker = walkers[2]
    assert isinstance(walker, mesa.Agent) and type(walker) is Walker
    assert (walker.row, walker.unique_id, walker.energy, walker.pos) == (2, 3, 2.0, None)
    assert walker.model is model and walker.random is model.random and walker.rng is model.rng
    walker.eat(0.5)
    walker.steps = [1, 2]
    assert walkers.columns.energy[2] == 2.5
    assert walkers.columns.steps[2].tolist() == [1, 2]


def test_index_counts_the_living(walkers):
    walkers.remove([0, 3])
    assert [walkers[i].row for i in range(4)] == [1, 2, 4, 5]
    assert walkers[-1].row == 5 and walkers[np.int64(0)].row == 1
    for outside in (4, -5):
        with pytest.raises(IndexError, match="set of 4"):
            walkers[outside]


@pytest.mark.parametrize("name", ["enregy", "model", "row", "unique_id", "alive", "pos", "tired", "eat"])
def test_view_refuses_what_is_not_a_writable_column(walkers, name):
    with pytest.raises(AttributeError):
        setattr(walkers[0], name, 0)
    assert walkers[0].row == 0 and walkers[0].alive


def test_a_column_may_not_hide_what_every_agent_has():
    with pytest.raises(TypeError, match="Bird.model would hide"):

        class Bird(ColumnAgent):
            model = column(np.int64, unit="code", doc="Which make it is.")


def test_a_view_of_a_row_never_appended_is_refused(walkers):
    for row in (-1, 6):
        with pytest.raises(IndexError, match="never appended"):
            walkers.at(row)
    walkers.remove(5)
    assert walkers.at(np.int64(5)).energy == 5.0


def test_refusal_names_the_nearest_spelling(walkers):
    with pytest.raises(AttributeError, match="Walker declares no column 'enregy'.*did you mean 'energy'"):
        walkers[0].enregy = 1


def test_views_of_a_row_are_equal_and_those_of_another_model_are_not(walkers):
    assert walkers[1] == walkers[1] and hash(walkers[1]) == hash(walkers[1])
    assert len({walkers[1], walkers[1], walkers[2]}) == 2
    assert walkers[1] != Savanna().walkers[1] and walkers[1] != 1


def test_calling_the_class_appends_a_row(model, walkers):
    walker = Walker(model, energy=9.0)
    assert walker.row == 6 and walker.energy == 9.0 and len(walkers) == 7
    with pytest.raises(TypeError, match="did you mean 'energy'"):
        Walker(model, enegry=1)
    assert len(walkers) == 7
    assert Walker(model).unique_id == walker.unique_id + 1


def test_a_subclass_may_have_its_own_init(model):
    class Calf(Walker):
        def __init__(self, model, mother):
            super().__init__(model, energy=mother.energy / 2)

    model.add_population(Calf, dims={"foot": 2})
    assert Calf(model, model.walkers[4]).energy == 2.0


def test_create_agents_appends_rows_at_once(model, walkers):
    born = Walker.create_agents(model, 3, energy=np.array([7, 8, 9]), herd=5)
    assert isinstance(born, Selection) and born.get("energy").tolist() == [7, 8, 9]
    assert walkers.size == 9 and born[0].herd == 5


def test_from_dataframe_appends_its_rows(model):
    frame = Savanna(3).walkers.table.frame()[["energy", "herd"]]
    assert Walker.from_dataframe(model, frame).get(["energy", "herd"]) == [[0.0, 0], [1.0, 1], [2.0, 2]]


def test_an_agent_needs_its_population(model):
    class Bird(ColumnAgent):
        pass

    with pytest.raises(KeyError, match="no population of Bird"):
        Bird(model)
    with pytest.raises(ValueError, match="Walker already"):
        model.add_population(Walker)


# --- identity and removal


def test_ids_are_unique_over_populations_and_follow_the_order_of_appends(model):
    model.shrubs.append(2)
    Ranger(model)
    model.walkers.append(1)
    assert ids(model.walkers) == [1, 2, 3, 4, 5, 6, 10]
    assert ids(model.shrubs) == [7, 8] and ids(model.others.values()) == [9]


def test_a_refused_append_uses_up_no_id(model, walkers):
    with pytest.raises(ValueError, match="does not fit"):
        walkers.append(2, herd=0.5)
    assert walkers[int(walkers.append(1)[0])].unique_id == 7


def test_removed_agents_leave_every_set_but_stay_readable(model, walkers):
    walker, chosen, everyone = walkers[3], walkers[2:5], model.agents
    mixed = Union(model, everyone.ids)
    walker.remove()
    walker.remove()
    assert not walker.alive and walker.energy == 3.0
    for agents in (walkers, chosen, everyone, mixed):
        assert walker not in agents and 4 not in ids(agents)
    assert [len(agents) for agents in (walkers, chosen, everyone, mixed)] == [5, 2, 5, 5]


def test_on_remove_hears_once_of_the_rows_that_died(walkers):
    heard = []
    walkers.on_remove = heard.append
    walkers[1].remove()
    walkers.remove([1, 2])
    walkers.remove(2)
    assert [rows.tolist() for rows in heard] == [[1], [2]]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.sets(st.integers(0, 30), max_size=4)), max_size=8))
def test_an_id_stays_with_its_values_through_appends_and_removals(acts):
    model, energy = Savanna(0), {}
    for born, dying in acts:
        for walker in Walker.create_agents(model, born):
            walker.energy = energy[walker.unique_id] = float(walker.unique_id) / 3
        model.shrubs.append(1)
        rows = [row for row in dying if row < model.walkers.size]
        for unique_id in model.walkers.columns.unique_id[rows].tolist():
            energy.pop(unique_id, None)
        model.walkers.remove(rows)
    assert dict(zip(model.walkers.ids.tolist(), model.walkers.get("energy").tolist(), strict=True)) == energy
    assert {agent.unique_id: agent.energy for agent in model.walkers} == energy
    for unique_id, value in energy.items():
        assert model.living(unique_id).energy == value


# --- sets


def test_select_by_mask_by_function_and_by_type(model, walkers):
    by_mask = walkers.select(walkers.get("energy") > 2)
    by_function = walkers.select(lambda walker: walker.energy > 2)
    assert isinstance(by_mask, Selection) and ids(by_mask) == ids(by_function) == [4, 5, 6]
    assert ids(by_mask.select(np.array([True, False, True]))) == [4, 6]
    assert len(walkers.select(agent_type=Shrub)) == 0 and len(walkers.select(agent_type=mesa.Agent)) == 6
    model.shrubs.append(2)
    assert ids(model.agents.select(agent_type=Shrub)) == [7, 8]


@pytest.mark.parametrize(
    ("at_most", "expected"),
    [(2, 2), (99, 4), (0.5, 3), (1.0, 4), (0, 0), (0.0, 0), (1, 1), (float("inf"), 4)],
)
def test_at_most_is_a_number_or_a_fraction_of_the_whole(walkers, at_most, expected):
    fed = walkers.get("energy") > 1
    assert ids(walkers.select(fed, at_most)) == ids(walkers.select(lambda a: a.energy > 1, at_most))
    assert ids(walkers.select(fed, at_most)) == [3, 4, 5, 6][:expected]


def test_a_function_is_not_asked_beyond_at_most(walkers):
    asked = []
    walkers.select(lambda walker: asked.append(walker.row) or walker.row > 0, at_most=2)
    assert asked == [0, 1, 2]


@pytest.mark.parametrize("mask", [np.ones(5, bool), np.ones(6), np.arange(6), np.ones((6, 1), bool)])
def test_a_mask_of_another_kind_is_refused(walkers, mask):
    with pytest.raises(ValueError, match=r"bool of shape \(6,\)"):
        walkers.select(mask)


def test_a_mask_is_no_list_of_rows(walkers):
    assert len(Selection(walkers, [])) == 0
    with pytest.raises(TypeError, match="mask"):
        Selection(walkers, np.ones(6, bool))


def test_inplace_changes_a_selection_and_never_the_population(model, walkers):
    chosen = walkers.copy()
    assert chosen.select(chosen.get("energy") > 3, inplace=True) is chosen and ids(chosen) == [5, 6]
    chosen.sort("energy", inplace=True)
    assert ids(chosen) == [6, 5]
    for everyone in (walkers, model.agents):
        with pytest.raises(TypeError, match="all living agents"):
            everyone.shuffle(inplace=True)
    with pytest.raises(TypeError, match="all living agents"):
        walkers.discard(walkers[0])
    assert len(walkers) == 6


def test_add_discard_and_remove_change_a_selection(model, walkers):
    chosen = walkers[1:3]
    chosen.add(walkers[5])
    chosen.add(walkers[5])
    chosen.discard(walkers[0])
    chosen.remove(walkers[1])
    assert ids(chosen) == [3, 6] and len(walkers) == 6
    with pytest.raises(KeyError):
        chosen.remove(walkers[0])
    with pytest.raises(TypeError, match="selection of Walker"):
        chosen.add(Shrub(model))
    chosen |= walkers[:1]
    chosen -= walkers[2:3]
    assert ids(chosen) == [6, 1]


def test_sets_of_one_population_combine_on_rows(walkers):
    low, high = walkers[:4], walkers[2:]
    for combined, expected in [
        (high & low, [3, 4]),
        (low | high, [1, 2, 3, 4, 5, 6]),
        (low - high, [1, 2]),
        (low ^ high, [1, 2, 5, 6]),
        (low & [walkers[1], walkers[5]], [2]),
        ([walkers[4], walkers[0]] - low, [5]),
    ]:
        assert isinstance(combined, Selection) and ids(combined) == expected


def test_mesas_own_sets_combine_with_columnar_ones(model, walkers):
    rangers = [Ranger(model), Ranger(model)]
    plain = AgentSet(rangers, random=model.random)
    assert ids(plain | walkers[:2]) == [7, 8, 1, 2] and isinstance(plain | walkers[:2], Union)
    assert ids(plain - model.agents.select(lambda agent: agent is rangers[0])) == [8]
    assert ids(plain & model.agents) == [7, 8] and ids(plain ^ model.agents) == ids(walkers)
    assert ids([walkers[3], walkers[1]] & walkers) == [2, 4]  # Python's set mixins take the right one's order
    stranger = Ranger(Savanna())
    with pytest.raises(ValueError, match="another"):
        _ = AgentSet([stranger], random=model.random) | walkers


def test_sets_compare_by_their_agents(walkers):
    assert walkers[:] == walkers and walkers[:3] == walkers[:3].shuffle()
    assert walkers[:2] < walkers and walkers >= walkers[1:] and walkers[:2] != walkers[1:3]
    assert walkers[:2].isdisjoint(walkers[2:]) and not walkers[:3].isdisjoint(walkers[2:])
    assert walkers != Savanna().walkers and walkers != 6


def test_sets_of_several_populations_combine(model, walkers):
    model.shrubs.append(2)
    ranger = Ranger(model)
    mixed = model.shrubs | walkers[:2] | [ranger]
    assert ids(mixed) == [7, 8, 1, 2, 9]
    assert [type(agent) for agent in mixed] == [Shrub, Shrub, Walker, Walker, Ranger]
    assert mixed.get("energy").tolist() == [5, 5, 0, 1, 100]
    assert ids(mixed.sort("energy", ascending=True)) == [1, 2, 7, 8, 9]
    assert ids(mixed & model.shrubs) == [7, 8] and ids(mixed - walkers) == [7, 8, 9]
    assert ids(walkers & mixed) == [1, 2] and ids(mixed[1:3]) == [8, 1] and mixed[-1] is ranger
    assert mixed.set("energy", 3) is mixed and walkers[0].energy == ranger.energy == 3
    with pytest.raises(AttributeError, match="'leaves'"):
        mixed.get("leaves")
    assert mixed.get("leaves", "default", -1).tolist() == [7, 7, -1, -1, -1]
    assert mixed.groupby("energy").count() == {3: 5}


def test_agents_of_another_model_are_never_mixed_in(walkers):
    foreign = Savanna().walkers
    assert walkers[0] in walkers and foreign[0] not in walkers and foreign[0] not in walkers[:]
    assert len(walkers & foreign) == 0 and walkers - foreign == walkers
    with pytest.raises(ValueError, match="another"):
        _ = walkers | foreign


# --- reading and writing


def test_get_returns_copies_and_for_several_names_what_mesa_returns(walkers):
    energy = walkers.get("energy")
    energy[0] = 99
    assert walkers.columns.energy[0] == 0
    assert walkers[:2].get(["energy", "herd"]) == [[0.0, 0], [1.0, 1]]
    assert walkers.get("steps").shape == (6, 2)
    assert walkers.get("tired").tolist() == [True, True, False, False, False, False]
    assert walkers.get("row").tolist() == list(range(6))
    assert walkers.get("wings", handle_missing="default", default_value=0).tolist() == [0] * 6
    with pytest.raises(AttributeError, match="did you mean 'energy'"):
        walkers.get("enegry")
    with pytest.raises(ValueError, match="handle_missing"):
        walkers.get("energy", handle_missing="ignore")


def test_get_keeps_values_that_are_no_numbers(walkers):
    Walker.name = property(lambda walker: (walker.row, "w"))
    try:
        assert walkers[:2].get("name").tolist() == [(0, "w"), (1, "w")]
    finally:
        del Walker.name


def test_set_writes_one_value_or_one_for_each(walkers):
    walkers[1:3].set("energy", 7).set("herd", [8, 9])
    assert walkers.get("energy").tolist() == [0, 7, 7, 3, 4, 5]
    assert walkers[2].herd == 9
    with pytest.raises(ValueError, match=r"not \(2,\)"):
        walkers.set("energy", [1, 2])
    for name in ("alive", "unique_id", "wings"):
        with pytest.raises(AttributeError):
            walkers.set(name, 0)


def test_agg_takes_one_function_or_several(walkers):
    assert walkers.agg("energy", np.mean) == 2.5
    assert walkers[1:].agg("energy", [min, max, sum]) == [1, 5, 15]


def test_do_map_and_shuffle_do_reach_every_living_agent(walkers):
    assert walkers.do("eat", amount=2) is walkers
    assert walkers.map(Walker.eat, 1) == [3, 4, 5, 6, 7, 8]
    order = []
    walkers.shuffle_do(lambda walker: order.append(walker.row))
    assert sorted(order) == list(range(6))


@pytest.mark.parametrize("kind", [Walker, object, Union])
def test_an_agent_removed_by_another_misses_its_turn(model, walkers, kind):
    turns = []

    def hunt(walker):
        turns.append(walker.row)
        walkers.remove((walker.row + 1) % 6)

    hunted = {Walker: walkers, object: model.agents, Union: Union(model, walkers.ids)}[kind]
    hunted.do(hunt)
    assert turns == [0, 2, 4]
    assert model.living(1) == walkers[0] and model.living(2) is None and model.living(99) is None


def test_groupby_groups_in_order_of_appearance(walkers):
    groups = walkers.groupby("herd")
    assert {key: ids(members) for key, members in groups} == {0: [1, 4], 1: [2, 5], 2: [3, 6]}
    assert groups.count() == {0: 2, 1: 2, 2: 2} and groups.agg("energy", np.sum) == {0: 3, 1: 5, 2: 7}
    assert groups.map(len) == {0: 2, 1: 2, 2: 2}
    groups.do("set", "energy", 0)
    assert walkers.agg("energy", np.sum) == 0
    lists = walkers.groupby(lambda walker: walker.row > 3, result_type="list").groups
    assert {key: ids(members) for key, members in lists.items()} == {False: [1, 2, 3, 4], True: [5, 6]}
    with pytest.raises(ValueError, match="result_type"):
        walkers.groupby("herd", "set")


# --- the model


def test_model_knows_its_agents_by_type_and_drops_them(model):
    ranger = Ranger(model)
    assert model.agent_types == [Walker, Shrub, Ranger] == list(model.agents_by_type)
    assert model.agents_by_type[Walker] is model.walkers and list(model.agents_by_type[Ranger]) == [ranger]
    assert len(model.agents) == 7 == len(list(model.agents)) and ranger in model.agents
    ranger.remove()
    ranger.remove()
    assert len(model.agents) == 6 and ranger not in model.agents
    closed = []
    model.data_registry = type("Registry", (), {"close": lambda self: closed.append(True)})()
    model.remove_all_agents()
    assert closed == [True] * hasattr(mesa, "time")  # only Mesa 3.5 has data sets to close
    assert len(model.agents) == 0 and model.walkers.size == 6
    with pytest.raises(AttributeError, match="another name"):
        model.agents = []


def test_scenario_is_kept_and_not_written_to():
    class Dry(Savanna):
        def __init__(self, scenario, **kwargs):
            self.scenario = scenario
            super().__init__(**kwargs)

    frozen = (("rain", 0),)
    assert Dry(frozen).scenario is frozen
    assert Savanna().scenario is None


@pytest.mark.parametrize("name", ["rng", "seed"])
def test_one_seed_under_two_names(name):
    model = Savanna(**{name: np.int64(5)})
    assert model.run_seed == 5 and type(model.run_seed) is int
    assert model.random.random() == Savanna(rng=5).random.random()
    assert model.rng.random() == Savanna(rng=5).rng.random()


@pytest.mark.parametrize("wrong", [{"rng": 1, "seed": 1}, {"rng": -1}, {"rng": "1"}, {"rng": 1.5}])
def test_what_is_no_seed_is_refused(wrong):
    with pytest.raises(ValueError, match="seed"):
        Savanna(**wrong)


def test_an_unknown_parameter_is_refused():
    with pytest.raises(TypeError, match="'sede'"):
        Savanna(sede=1)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copied_model_goes_on_by_itself(model, copied):
    model.hero, model.herd, model.everyone = model.walkers[1], model.walkers[2:4], model.agents
    model.ranger = Ranger(model)
    model.walkers.remove(0)
    model.step()
    twin = copied(model)
    assert twin.walkers.model is twin.hero.model is twin.agents.model is twin.ranger.model is twin
    assert twin.hero.population is twin.herd.population is twin.populations[Walker] is twin.walkers
    assert twin.hero == twin.walkers[0] and twin.ranger in twin.agents and ids(twin.herd) == [3, 4]
    twin.step()
    twin.hero.energy = -1
    twin.walkers.remove(3)
    twin.walkers.append(4)
    assert (model.week, model.steps, twin.week, twin.steps) == (1, 1, 2, 2)
    assert model.hero.energy == 1 and ids(model.herd) == [3, 4] and len(model.agents) == 6
    assert Walker(model).unique_id == 8 and Walker(twin).unique_id == 12


def test_a_view_or_a_selection_carries_its_model(walkers):
    view = pickle.loads(pickle.dumps(walkers[2]))
    assert (type(view), view.row, view.energy) == (Walker, 2, 2.0) and len(view.model.walkers) == 6
    assert ids(pickle.loads(pickle.dumps(walkers[2:4]))) == [3, 4]
    assert type(copy.copy(walkers)) is Selection and copy.copy(walkers) == walkers


def test_a_deleted_model_is_collected():
    model = Savanna()
    Ranger(model)
    model.step()
    model.held = model.walkers[:2]
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


# --- no object where none is asked for


@pytest.fixture
def count_views(monkeypatch):
    made = []
    at = Population.at
    monkeypatch.setattr(Population, "at", lambda self, row: made.append(row) or at(self, row))
    return made


def test_a_million_rows_are_read_without_an_agent_or_a_python_loop(count_views):
    model = Savanna(1_000_000)
    walkers, lines = model.walkers, itertools.count()

    def trace(frame, event, arg):
        next(lines)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        chosen = walkers.select(walkers.get("energy") >= 500_000)
        total = chosen.agg("energy", np.sum)
        counts = [len(walkers), len(chosen), len(model.agents), len(walkers & chosen)]
        smaller = chosen < walkers and walkers[:] == walkers
        walkers.set("herd", 4)
    finally:
        sys.settrace(before)
    assert counts == [1_000_000, 500_000, 1_000_000, 500_000]
    assert smaller and total == np.arange(500_000, 1e6).sum()
    assert count_views == [] and next(lines) < 2000
    assert walkers[3].row == 3 and count_views == [3]


def test_there_is_nothing_in_a_population_that_mesa_would_hold(walkers):
    assert isinstance(walkers, AgentSet) and not hasattr(walkers, "_agents")
