"""Valves: open, shut, scaled, pushed and replayed, on the real model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from marketplace.flywheel import MEANING, Flywheel, Valve, multiplier
from marketplace.model import MarketplaceModel
from marketplace.scenario import Scenario, load_scenario
from marketplace.sections import LINKS
from marketplace.sections import Flywheel as FlywheelSection

WEEKS = 16
REFERENCE = 7
# The world with every feature, all valves open.
WORLD = load_scenario(
    Path(__file__).with_name("everything.toml"),
    {"run.weeks": WEEKS, "flywheel.valves": {}, "flywheel.reference_week": REFERENCE},
)


def with_valves(**valves: object) -> Scenario:
    return WORLD.with_changes({"flywheel.valves": valves})


def link_values(weekly: pd.DataFrame, link: str) -> np.ndarray:
    """What a link carried, (weeks, platforms)."""
    return weekly[[f"link.{link}.{platform.name}" for platform in WORLD.platforms]].to_numpy()


def same(a: pd.DataFrame, b: pd.DataFrame) -> bool:
    """Whether two records are the same bit for bit, missing values included."""
    return list(a.columns) == list(b.columns) and a.to_numpy().tobytes() == b.to_numpy().tobytes()


@pytest.fixture(scope="module")
def recorded() -> pd.DataFrame:
    """The record of the run in which nothing is touched."""
    return MarketplaceModel(WORLD).run().weekly


# -- replay


def test_a_replay_without_a_push_is_the_run_it_was_recorded_from(recorded: pd.DataFrame) -> None:
    model = MarketplaceModel(WORLD)
    for link in LINKS:
        model.flywheel[link].replay(link_values(recorded, link))
    assert same(model.run().weekly, recorded)


@pytest.mark.parametrize("link", LINKS)
def test_a_replay_of_one_link_is_the_run_too(recorded: pd.DataFrame, link: str) -> None:
    model = MarketplaceModel(WORLD)
    model.flywheel[link].replay(link_values(recorded, link))
    assert same(model.run().weekly, recorded)


def test_after_its_last_recorded_week_a_replay_lets_go(recorded: pd.DataFrame) -> None:
    model = MarketplaceModel(WORLD)
    model.flywheel["experience->visits"].replay(link_values(recorded, "experience->visits")[:5])
    assert same(model.run().weekly, recorded)


def test_a_pushed_replay_carries_the_pushed_record(recorded: pd.DataFrame) -> None:
    link, first = "visits->sellers", 5
    before = link_values(recorded, link)
    model = MarketplaceModel(WORLD)
    model.flywheel[link].replay(before).push(0.05, from_week=first)
    weekly = model.run().weekly
    after = link_values(weekly, link)
    assert np.array_equal(after[: first - 1], before[: first - 1])
    assert np.array_equal(after[first - 1 :], before[first - 1 :] * 1.05)
    assert same(weekly[: first - 1], recorded[: first - 1]) and not same(weekly, recorded)


def test_a_replay_of_another_number_of_platforms_is_refused() -> None:
    valve = MarketplaceModel(WORLD).flywheel["price->experience"]
    with pytest.raises(ValueError, match=r"price->experience: a replay needs shape \(weeks, 2\)"):
        valve.replay(np.ones(WEEKS))
    with pytest.raises(ValueError, match="shape"):
        valve.replay(np.ones((WEEKS, 3)))


# -- shut, and the twin


def is_frozen(link: str, carried: np.ndarray) -> bool:
    """Whether a link carries its first value throughout. Offers can be hidden but not made up: never more than it."""
    if link == "sellers->selection":
        return bool((carried <= carried[0]).all())
    return np.array_equal(carried, np.broadcast_to(carried[0], carried.shape))


@pytest.mark.parametrize("link", LINKS)
def test_a_shut_valve_is_frozen_from_the_reference_week(recorded: pd.DataFrame, link: str) -> None:
    weekly = MarketplaceModel(with_valves(**{link: "shut"})).run().weekly
    carried = link_values(weekly, link)
    assert same(weekly[:REFERENCE], recorded[:REFERENCE])
    assert is_frozen(link, carried[REFERENCE - 1 :])
    moved = link_values(recorded, link)
    assert not np.array_equal(moved[REFERENCE:], np.broadcast_to(moved[REFERENCE - 1], moved[REFERENCE:].shape))


def test_the_twin_is_the_run_up_to_the_reference_week_and_its_loop_is_cut(recorded: pd.DataFrame) -> None:
    twin = MarketplaceModel(WORLD)
    twin.flywheel.shut_all()
    weekly = twin.run().weekly
    assert same(weekly[:REFERENCE], recorded[:REFERENCE])
    assert not same(weekly, recorded)
    for link in LINKS:
        carried = link_values(weekly, link)[REFERENCE - 1 :]
        assert is_frozen(link, carried), link


def test_shut_all_is_all_valves_shut_in_the_scenario() -> None:
    by_hand = MarketplaceModel(WORLD)
    by_hand.flywheel.shut_all(week=4)
    stated = WORLD.with_changes(
        {"flywheel.valves": dict.fromkeys(LINKS, "shut"), "flywheel.reference_week": 4}
    )
    assert same(by_hand.run().weekly, MarketplaceModel(stated).run().weekly)


def test_shut_after_its_reference_week_a_valve_freezes_just_now(recorded: pd.DataFrame) -> None:
    model = MarketplaceModel(WORLD).run(REFERENCE + 3)
    model.flywheel.shut_all()
    weekly = model.run().weekly
    for link in LINKS:
        carried = link_values(weekly, link)
        assert np.array_equal(carried[: REFERENCE + 3], link_values(recorded, link)[: REFERENCE + 3])
        assert is_frozen(link, carried[REFERENCE + 2 :]), link


def test_opened_again_a_valve_lets_everything_through(recorded: pd.DataFrame) -> None:
    model = MarketplaceModel(WORLD)
    for link in LINKS:
        model.flywheel[link].shut(1).scale(3.0).push(0.5).replay(np.ones((WEEKS, 2))).open()
    assert same(model.run().weekly, recorded)


# -- scale and push


@pytest.mark.parametrize("link", LINKS)
def test_a_scaled_valve_carries_a_multiple_and_somebody_minds(recorded: pd.DataFrame, link: str) -> None:
    weekly = MarketplaceModel(with_valves(**{link: {"scale": 0.25}})).run().weekly
    # In its first week nothing has come back round the loop yet.
    assert np.array_equal(link_values(weekly, link)[0], 0.25 * link_values(recorded, link)[0])
    others = [name for name in recorded.columns if not name.startswith(f"link.{link}")]
    assert not same(weekly[others], recorded[others]), "nobody perceives this link"


@pytest.mark.parametrize("link", LINKS)
def test_a_valve_set_in_the_scenario_is_a_valve_set_by_hand(link: str) -> None:
    """In particular, the launch that scores refer to is the true one in both."""
    stated = MarketplaceModel(with_valves(**{link: {"scale": 0.8, "push": 0.1, "push_from": 3}}))
    by_hand = MarketplaceModel(WORLD)
    by_hand.flywheel[link].scale(0.8).push(0.1, from_week=3)
    assert np.array_equal(stated.reference, by_hand.reference)
    assert same(stated.run(6).weekly, by_hand.run(6).weekly)


def test_offers_can_be_hidden_but_not_made_up(recorded: pd.DataFrame) -> None:
    assert same(MarketplaceModel(with_valves(**{"sellers->selection": {"scale": 1.5}})).run().weekly, recorded)


@pytest.mark.parametrize("link", LINKS)
def test_a_push_begins_in_its_week(recorded: pd.DataFrame, link: str) -> None:
    weekly = MarketplaceModel(with_valves(**{link: {"push": -0.05, "push_from": 4}})).run(4).weekly
    assert same(weekly[:3], recorded[:3])
    assert np.array_equal(link_values(weekly, link)[3], link_values(recorded, link)[3] * (1.0 - 0.05))


def test_relative_values_stay(recorded: pd.DataFrame) -> None:
    """A valve multiplies all micro values by one factor a platform: here, the prices on the shelf."""
    plain, dear = MarketplaceModel(WORLD), MarketplaceModel(with_valves(**{"price->experience": {"scale": 2.0}}))
    plain.step()
    dear.step()
    assert np.array_equal(dear.shelf.price, 2.0 * plain.shelf.price) and plain.shelf.price.size > 0
    assert np.array_equal(dear.flywheel["price->experience"].factor, [2.0, 2.0])


# -- one valve by itself


def test_a_factor_of_nothing_is_one() -> None:
    valve = Valve("price->experience", 3, 26).scale(2.0)
    assert np.array_equal(valve.perceive([0.0, np.nan, 3.0], 1), [0.0, np.nan, 6.0], equal_nan=True)
    assert np.array_equal(valve.factor, [1.0, 1.0, 2.0])


def test_every_link_has_a_valve_and_a_meaning() -> None:
    wheel = Flywheel(FlywheelSection(), 1)
    assert tuple(wheel) == LINKS == tuple(MEANING) and len(wheel) == len(LINKS)
    with pytest.raises(KeyError, match="unit_cost->price"):
        wheel["unit_cost->prices"]


# -- the loop's multiplier


@pytest.mark.parametrize("gain", [-0.9, -0.3, 0.0, 0.25, 0.5, 0.9])
def test_the_multiplier_of_one_round_a_week_is_a_geometric_sum(gain: float) -> None:
    weeks = 200
    got = multiplier([gain] + [0.0] * (weeks - 1))
    horizon = np.arange(weeks + 1)
    exact = (1.0 - gain ** (horizon + 1.0)) / (1.0 - gain)
    # Each term is a sum of products, all rounded; what was rounded goes round the loop again.
    assert np.all(np.abs(got - exact) <= 4.0 * np.finfo(float).eps * weeks * np.maximum(1.0, np.abs(exact)))


@pytest.mark.parametrize("gains", [[0.1, 0.2, 0.05], [0.4, -0.2, 0.1, 0.3], [0.0, 0.0, 0.5]])
def test_the_multiplier_tends_to_the_steady_state(gains: list[float]) -> None:
    weeks = 400
    got = multiplier(gains + [0.0] * (weeks - len(gains)))
    assert got[0] == 1.0
    assert got[-1] == pytest.approx(1.0 / (1.0 - sum(gains)), rel=1e-12)
    # The definition: X_h - sum_k g_k X_(h-k) = 1 at every horizon.
    back = np.convolve(got, np.concatenate(([1.0], -np.array(gains))))[: weeks + 1]
    assert np.allclose(back, 1.0, rtol=0.0, atol=1e-12)


# -- what a valve refuses


@pytest.mark.parametrize(
    ("field", "value"),
    [("scale", -1.0), ("scale", 101.0), ("scale", np.nan), ("scale", "half"), ("push", -2.0), ("push", np.inf)],
)
def test_a_valve_takes_what_a_scenario_would(field: str, value: object) -> None:
    valve = Valve("unit_cost->price", 1, 1)
    with pytest.raises(ValueError, match=f"unit_cost->price: {field} is a number from .* to 100"):
        getattr(valve, field)(value)


@pytest.mark.parametrize(("values", "told"), [([], "shape"), ([1.0, float("inf")], "that of week 2 is infinite")])
def test_a_replay_of_nothing_or_of_infinity_is_refused(values: list[float], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Valve("unit_cost->price", 1, 1).replay(values)


def test_after_its_last_week_a_replay_lets_things_be_perceived_as_they_are() -> None:
    valve = Valve("unit_cost->price", 1, 1).replay([7.0])
    assert valve.perceive([1.0], 1).tolist() == [7.0]
    assert valve.perceive([2.0], 2).tolist() == [2.0]
