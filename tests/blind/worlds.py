"""Random small worlds, lived through week by week, with what the model saw and did at each step.

Only what the model saw (state, and its own draws) and what came of it is noted; what should have come of it is for
the rules to say.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np

from agents import chance
from marketplace import MarketplaceModel, births, entrants, week
from marketplace.candidates import cohort_of
from marketplace.flywheel import Flywheel
from marketplace.scenario import Scenario
from marketplace.sections import LINKS

CUSTOMER_COLUMNS = (
    "key", "status", "channel", "recommends", "alpha", "leniency", "satisfaction", "tie_offer", "tie_weight",
)  # fmt: skip
OFFER_COLUMNS = (
    "key", "seller", "platform", "category", "place", "price", "launch_price", "regular_price", "cost", "quality",
    "mode", "promised_days", "stock",
)  # fmt: skip
SELLER_COLUMNS = ("stars", "reviews", "ad_bid")
PLATFORM_COLUMNS = (
    "failed", "experience", "capacity", "capability", "volume", "growth", "unit_cost", "launch_unit_cost",
    "fulfilment_fee", "discount", "stars", "reviews",
)  # fmt: skip
POLICIES = ("reinvest", "bottleneck", "single-push", "dividend")


class Dice:
    """Fields of a scenario, drawn one after another."""

    def __init__(self, number: int) -> None:
        self.chance = np.random.default_rng(number)

    def real(self, low: float, high: float) -> float:
        return float(self.chance.uniform(low, high))

    def whole(self, low: int, high: int) -> int:
        return int(self.chance.integers(low, high + 1))

    def one_of(self, *values: Any) -> Any:
        return values[int(self.chance.integers(len(values)))]

    def flag(self, share: float) -> bool:
        return bool(self.chance.random() < share)


def platform_of(dice: Dice, name: str, *, may_fail: bool) -> dict[str, Any]:
    """Draw a platform; one that may fail has no credit and a purse for some weeks."""
    return {
        "name": name, "commission": dice.real(0.0, 0.3), "fulfilment_fee": dice.real(0.05, 0.6),
        "fee_pass_through": dice.real(0.1, 1.0), "pass_through": dice.real(0.1, 1.0),
        "price_speed": dice.real(0.1, 1.0), "target_margin": dice.one_of(dice.real(-0.05, 0.1), dice.real(0.1, 0.5)),
        "first_party_places": dice.whole(1, 3), "first_party_cost": dice.real(0.4, 0.8),
        "first_party_quality": dice.real(3.0, 6.0), "marketplace_opens": dice.whole(1, 3),
        "handling_cost": dice.real(0.1, 0.6), "handling_floor": dice.real(0.0, 0.5),
        "progress_ratio": dice.real(0.7, 0.95), "launch_volume": dice.real(20.0, 400.0),
        "capacity": dice.one_of(0.0, dice.real(1.0, 10.0), dice.real(5.0, 40.0)),
        "capacity_cost": dice.real(0.02, 0.3), "capacity_lump": dice.real(0.1, 0.6),
        "capacity_trigger": dice.real(0.4, 1.0), "capacity_lead": dice.whole(1, 4),
        "capacity_wear": dice.real(0.0, 0.1), "overload_cost": dice.real(0.1, 1.0),
        "speed_cost": dice.real(0.1, 1.0), "overhead": 30.0 if may_fail else dice.real(0.1, 1.0),
        "overhead_share": dice.real(0.0, 0.05), "cash": 200.0 if may_fail else 2000.0,
        "credit_line": 0.0 if may_fail else 1e5, "wear": dice.real(0.01, 0.1),
        "capability_scale": dice.real(2.0, 40.0), "delivery_gain": dice.real(0.2, 0.8),
        "spread_gain": dice.real(0.1, 0.5), "data_gain": dice.real(0.2, 1.0), "policy": dice.one_of(*POLICIES),
    }  # fmt: skip


def valves_of(dice: Dice) -> dict[str, Any]:
    """Draw valves: most open, the others shut, scaled or pushed."""
    valves: dict[str, Any] = {}
    for link in LINKS:
        kind = dice.one_of("open", "open", "open", "shut", "scale", "push")
        if kind == "shut":
            valves[link] = "shut"
        elif kind == "scale":
            valves[link] = {"scale": dice.real(0.6, 1.3)}
        elif kind == "push":
            valves[link] = {"push": dice.real(-0.3, 0.3), "push_from": dice.whole(1, 5)}
    return valves


def wants(dice: Dice, customers: int) -> dict[str, Any]:
    """Draw the sections that say who buys, how, and what it makes of it."""
    return {
        "market": {
            "categories": dice.whole(1, 3), "category_skew": dice.real(0.0, 1.0), "popular_places": dice.whole(3, 5),
            "price_level_sd": dice.real(0.1, 0.8), "head_share": dice.real(0.2, 0.8),
            "head_width": dice.real(0.0, 0.1),
        },
        "customers": {
            "count": customers, "initial_adopters": dice.real(0.3, 0.6), "need_rate": dice.real(0.3, 0.8),
            "browsing": 1.0, "need_rate_shape": dice.real(0.5, 2.0),
        },
        "adoption": {
            "p": dice.real(0.002, 0.05), "q": dice.real(0.05, 0.4), "referral": dice.real(0.05, 0.4),
            "mixing": dice.one_of("network", "network", "well-mixed"), "advertising_gain": dice.real(0.5, 4.0),
            "everyone_recommends": dice.flag(0.2),
        },
        "search": {
            "candidates": dice.whole(5, 14), "shown": dice.whole(1, 5),
            "noise": dice.one_of(0.0, dice.real(0.01, 0.1)), "relevance": dice.real(0.2, 2.0),
            "price": dice.real(0.2, 2.0), "reputation": dice.real(0.2, 2.0),
            "own_brand_boost": dice.real(-1.0, 1.0), "bids": dice.real(1.0, 10.0), "panel": 16,
            "sample": dice.one_of(40, 2000),
        },
        "choice": {
            "alpha": dice.real(1.0, 4.0), "alpha_sd": dice.real(0.1, 0.5), "tau": dice.real(2.0, 40.0),
            "mu": dice.real(0.4, 1.6), "delta": dice.real(0.05, 0.3), "rho": dice.real(0.2, 1.5),
            "outside_option": dice.one_of("off", 0.0, dice.real(-1.0, 2.0), dice.real(0.0, 3.0)),
            "tie_bonus": dice.real(0.2, 1.5), "friend_bonus": dice.real(0.2, 1.5),
            "platform_sensitivity": dice.real(0.0, 6.0), "multi_homing": dice.flag(0.7),
        },
        "experience": {
            "launch_satisfaction": dice.real(0.3, 0.7), "learning": dice.real(0.1, 0.6),
            "score_width": dice.real(0.5, 2.0), "reference_gap": dice.real(0.0, 1.0),
            "late_penalty": dice.real(0.1, 0.5), "stockout_penalty": dice.real(0.1, 0.5),
            "return_penalty": dice.real(0.1, 0.5), "service_recovery": dice.real(0.2, 1.0),
            "lapse_rate": dice.real(0.02, 0.15), "win_back": dice.real(0.3, 3.0),
            "recommend_intercept": dice.real(2.0, 5.0), "recommend_slope": dice.real(5.0, 10.0),
            "leniency_sd": dice.real(0.5, 2.0), "review_rate": dice.real(0.3, 0.9),
            "reputation_weight": dice.real(1.0, 10.0), "reputation_prior": dice.real(2.5, 4.5),
            "ties": dice.whole(1, 4), "tie_gain": dice.real(0.2, 0.6), "tie_decay": dice.real(0.0, 0.03),
        },
        "social": {
            "graph": dice.one_of("small-world", "scale-free"), "mean_degree": dice.one_of(4, 6),
            "recommendation_rate": dice.real(0.2, 0.9),
        },
    }  # fmt: skip


def offers(dice: Dice) -> dict[str, Any]:
    """Draw the sections that say who sells, and who comes in."""
    return {
        "fulfilment": {
            "stocking": dice.one_of("base-stock", "to-order"), "delivery_days": dice.real(2.0, 8.0),
            "own_delivery_days": dice.real(2.0, 8.0), "promise": dice.real(1.0, 2.0),
            "return_rate": dice.real(0.0, 0.2), "shipping_cost": dice.real(0.02, 0.2),
            "own_handling_cost": dice.real(0.05, 0.4), "lead_time": dice.whole(0, 2),
        },
        "sellers": {
            "count": dice.whole(8, 24), "listings": dice.real(1.0, 3.0), "listings_max": 6,
            "head_share": dice.real(0.0, 0.6), "cost": dice.real(0.3, 0.7), "cost_sd": dice.real(0.05, 0.3),
            "quality": dice.real(3.0, 6.0), "quality_sd": dice.real(0.1, 0.6), "markup": dice.real(0.1, 0.8),
            "markup_cap": dice.real(0.8, 4.0), "cash": 80.0, "ad_bid": dice.real(0.0, 0.1),
            "fulfilment": dice.one_of("own", "platform", "choose"), "multi_home": dice.real(0.3, 0.9),
        },
        "entry": {
            "candidates": 4, "cost": dice.real(1.0, 20.0), "fixed_cost": dice.real(0.05, 0.5),
            "horizon": dice.real(20.0, 100.0), "belief_noise": dice.real(0.1, 1.0),
            "rivals_respond": dice.flag(0.4), "tools_gain": dice.real(0.5, 3.0),
        },
    }  # fmt: skip


def draw_world(number: int, weeks: int, customers: int) -> Scenario:
    """Draw a small lively world; every field that enters the six rules differs from world to world."""
    dice = Dice(number)
    platforms = [platform_of(dice, "east", may_fail=False)]
    if number % 2:
        platforms.append(platform_of(dice, "west", may_fail=number % 4 == 3))
    return Scenario.model_validate({
        "run": {"seed": number, "weeks": weeks, "threads": 1},
        **wants(dice, customers),
        **offers(dice),
        "platforms": platforms,
        "policy": {"lever": dice.one_of("price", "advertising", "selection"), "memory": dice.real(0.0, 0.9)},
        "flywheel": {"reference_week": 3, "valves": valves_of(dice)},
    })


def columns(population: Any, names: tuple[str, ...]) -> SimpleNamespace:
    """Copies of some columns, over all rows there ever were."""
    return SimpleNamespace(**{name: np.array(getattr(population.columns, name)) for name in names})


def valves(wheel: Flywheel) -> SimpleNamespace:
    """What every valve made of its quantity last: value and factor by link."""
    return SimpleNamespace(
        value={link: np.array(wheel[link].value) for link in wheel},
        factor={link: np.array(wheel[link].factor) for link in wheel},
    )


def state(model: MarketplaceModel) -> SimpleNamespace:
    """Everything that the six rules read, copied."""
    return SimpleNamespace(
        week=model.week,
        customers=columns(model.customers, CUSTOMER_COLUMNS),
        offers=columns(model.offers, OFFER_COLUMNS),
        alive=np.array(model.offers.rows),
        sellers=columns(model.sellers, SELLER_COLUMNS),
        platforms=columns(model.platforms, PLATFORM_COLUMNS),
        on_order=[list(orders) for orders in model.capacity_orders],
        wheel=valves(model.flywheel),
    )


def draws(model: MarketplaceModel, decision: int, keys: Any, number: int) -> Any:
    """The model's own uniforms for one decision, (keys, 4)."""
    return chance.draws(model.seed, decision, keys, number)


def searches_of(model: MarketplaceModel) -> SimpleNamespace:
    """The week's searches, in the order in which each customer made them."""
    slots = week.used_slots(model)
    visits = {name: np.array(getattr(model.visits, name)[slots]) for name in
              ("customer", "platform", "offer", "distance", "inclusive", "surplus")}  # fmt: skip
    return SimpleNamespace(**visits)


def live_a_week(model: MarketplaceModel, *, copies: bool) -> SimpleNamespace:
    """Live through one week, a phase at a time, and note what was seen and done.

    With ``copies`` the model is kept as it was when candidates, and when platforms, decided: it can be asked again.
    """
    seed_draws = {name: draws(model, getattr(chance, name), model.customers.columns.key, model.week + 1)
                  for name in ("JOIN", "SEARCH", "ELSEWHERE")}  # fmt: skip
    note = SimpleNamespace(scenario=model.scenario, level=np.array(model.level), draws=seed_draws)
    note.graph = model.social.indptr, model.social.indices
    week.begin(model)
    note.adopting = state(model)
    week.adopt(model)
    note.visiting = state(model)
    note.visible_draw = draws(model, chance.VISIBLE, note.visiting.offers.key, 0)[:, 0]
    week.visit_and_choose(model)
    note.visited = state(model)
    note.shelf = np.sort(model.shelf.row)
    note.log = model.log._replace(**{name: np.array(part) for name, part in model.log._asdict().items()})
    note.searches = searches_of(model)
    note.reference, note.panel = np.array(model.reference), (model.panel_category, model.panel_place)
    week.fulfil(model)
    orders = model.week_orders
    note.orders = {int(c): k for k, c in enumerate(orders.customer)}
    note.outcome, note.late, note.returned = orders.outcome == 2, orders.late != 0, orders.returned != 0
    week.experience(model)
    note.satisfied = state(model)
    with patch.object(entrants, "enter", lambda model: _enter(model, note, copies=copies)):
        week.sellers_act(model)
    note.running = state(model)
    note.works = model.branch() if copies else None
    with patch.object(model, "policies", [Overheard(policy) for policy in model.policies]):
        week.platforms_act(model)
        note.price_money = [policy.price_money for policy in model.policies]
    note.fulfilled, note.retail_volume = np.array(model.books.fulfilled), np.array(model.retail_volume)
    week.measure(model)
    note.run = state(model)
    return note


class Overheard:
    """A policy whose price money is noted."""

    def __init__(self, policy: Any) -> None:
        self.policy, self.name, self.price_money = policy, policy.name, None

    def decide(self, books: Any) -> Any:
        decision = self.policy.decide(books)
        self.price_money = decision.spend.get("price", 0.0)
        return decision


real_enter = entrants.enter


def _enter(model: MarketplaceModel, note: SimpleNamespace, *, copies: bool) -> int:
    """Let candidates in, and note what they saw."""
    note.weighing = state(model)
    note.market = model.branch() if copies else None
    cohort = cohort_of(model)
    mine = cohort.first_of(model.week) + np.arange(cohort.each)
    note.traits, note.listings = births.Traits._make(part[mine] for part in cohort.traits), cohort.listings_of(mine)
    note.belief = chance.normals(draws(model, chance.BELIEF, note.traits.key, model.week)[:, 0])
    before = model.sellers.size
    count = real_enter(model)
    note.entered = [int(np.flatnonzero(note.traits.key == key)[0]) for key in model.sellers.columns.key[before:]]
    return count


def who_enters(note: SimpleNamespace, fixed_cost: float) -> list[int]:
    """Which candidates the model lets in at another fixed cost, the market being as it was."""
    market = note.market
    log = market.log
    entry = market.scenario.entry.model_copy(update={"fixed_cost": fixed_cost})
    market.scenario = market.scenario.model_copy(update={"entry": entry})
    market.log = log._replace(log_total=log.log_total.copy(), worst_share=log.worst_share.copy())
    with patch.object(births, "open_sellers") as opened:
        real_enter(market)
    market.log = log
    first = cohort_of(market).first_of(market.week)
    return [int(c) - first for call in opened.call_args_list for c in call.args[2]]


def orders_at(note: SimpleNamespace, m: int, trigger: float) -> list[tuple[int, float]]:
    """Capacity that platform m would have on order at another trigger, the week being as it was."""
    works = note.works.branch()
    platforms = list(works.scenario.platforms)
    platforms[m] = platforms[m].model_copy(update={"capacity_trigger": trigger})
    works.scenario = works.scenario.model_copy(update={"platforms": tuple(platforms)})
    week.platforms_act(works)
    return [(int(when), float(size)) for when, size in works.capacity_orders[m]]


def live(number: int, weeks: int, customers: int = 220, *, copies: bool = True) -> list[SimpleNamespace]:
    """Live through the world of a number; a note a week."""
    model = MarketplaceModel(draw_world(number, weeks, customers))
    launch = state(model)
    notes = [live_a_week(model, copies=copies) for _ in range(weeks)]
    for note in notes:
        note.launch = launch
    return notes
