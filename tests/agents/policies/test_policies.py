"""The contract that every policy keeps, and the point of each."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle
from typing import Any, ClassVar

import numpy as np
import pytest

from agents.policies import (
    CAPABILITIES,
    LEVERS,
    PLANNED,
    POLICIES,
    Books,
    Bottleneck,
    Decision,
    Dividend,
    Hold,
    PlatformPolicy,
    Reinvest,
    SinglePush,
    policy_named,
)


@dataclasses.dataclass(frozen=True)
class Settings:
    """Stands for the scenario's policy section."""

    name: str = "hold"
    lever: str = "delivery"
    spend: float = 1.0
    memory: float = 0.9


HEALTHY = Books(
    week=10,
    platform="platform",
    gmv=3000.0,
    revenue=2000.0,
    orders=1000.0,
    first_party_orders=600.0,
    searches=2000.0,
    visits=20_000.0,
    failed_searches=0.0,
    unit_cost=0.0,
    cash=500.0,
    credit_line=1000.0,
    surplus=100.0,
    discount=0.0,
    active_customers=5000.0,
    active_sellers=50,
    offers=100,
    satisfaction=0.6,
    late_rate=0.0,
    stockout_rate=0.0,
    return_rate=0.0,
    promised_days=1.0,
    first_party_share=0.6,
    capabilities=dict.fromkeys(CAPABILITIES, 0.0),
)


def books(**changes: Any) -> Books:
    """Books in which nothing hurts, but for what is changed."""
    return dataclasses.replace(HEALTHY, **changes)


def undefined(**changes: Any) -> Books:
    """Books of a platform without an order so far: every float is NaN, but for what is changed."""
    floats = {f.name: math.nan for f in dataclasses.fields(Books) if f.type == "float"}
    blank = dict.fromkeys(CAPABILITIES, math.nan)
    return books(**{**floats, "active_sellers": 0, "offers": 0, "capabilities": blank, **changes})


def test_what_the_books_do_not_hold_gets_the_nearest_spelling() -> None:
    with pytest.raises(AttributeError, match=r"^books\.budgets does not exist: did you mean 'budget'\?$"):
        HEALTHY.budgets  # noqa: B018
    assert not hasattr(HEALTHY, "week_of_day")
    assert copy.deepcopy(HEALTHY) == pickle.loads(pickle.dumps(HEALTHY)) == HEALTHY


AILING = {
    "late_rate": 0.3,
    "promised_days": 8.0,
    "failed_searches": 0.6,
    "unit_cost": 0.7,
    "return_rate": 0.2,
}


class PolicyContract:
    """What is true of every policy."""

    policy: ClassVar[type[PlatformPolicy]]

    def make(self) -> PlatformPolicy:
        return self.policy(Settings(name=self.policy.name))

    def test_is_found_by_its_name_and_cites_a_source(self) -> None:
        assert policy_named(self.policy.name) is self.policy
        assert self.policy.source not in ("", "assumption")
        assert self.policy.__doc__

    @pytest.mark.parametrize("seen", [books(), books(**AILING), undefined(surplus=7.0)])
    def test_same_books_same_decision(self, seen: Books) -> None:
        assert self.make().decide(seen) == self.make().decide(seen)

    @pytest.mark.parametrize("surplus", [1e-300, 0.1, 1.0 / 3.0, 12_345.678, 1e15])
    @pytest.mark.parametrize("state", [{}, AILING])
    def test_never_spends_more_than_the_surplus(self, surplus: float, state: dict[str, float]) -> None:
        decision = self.make().decide(books(surplus=surplus, **state))
        assert 0.0 <= decision.total <= surplus * (1.0 + 1e-12)

    @pytest.mark.parametrize("surplus", [0.0, -0.0, -1e-9, -500.0, math.nan])
    @pytest.mark.parametrize("state", [{}, AILING])
    def test_spends_nothing_without_a_surplus(self, surplus: float, state: dict[str, float]) -> None:
        assert self.make().decide(books(surplus=surplus, **state)).total == 0.0

    def test_copes_with_books_without_figures(self) -> None:
        assert self.make().decide(undefined()).total == 0.0
        assert 0.0 <= self.make().decide(undefined(surplus=50.0)).total <= 50.0 * (1.0 + 1e-12)

    def test_leaves_its_books_as_they_are(self) -> None:
        seen = books(**AILING)
        before = copy.deepcopy(seen)
        self.make().decide(seen)
        assert seen == before

    def test_pickles_and_copies(self) -> None:
        policy, seen = self.make(), books(**AILING)
        decision = policy.decide(seen)
        for twin in (pickle.loads(pickle.dumps(policy)), copy.deepcopy(policy)):
            assert type(twin) is self.policy
            assert twin.decide(seen) == decision
        assert pickle.loads(pickle.dumps(decision)) == decision


class TestHold(PolicyContract):
    policy = Hold

    def test_does_nothing(self) -> None:
        assert self.make().decide(books(**AILING)) == Decision()


class TestDividend(PolicyContract):
    policy = Dividend

    def test_pays_the_whole_surplus_out(self) -> None:
        assert self.make().decide(books(surplus=80.0)) == Decision(dividend=80.0)


class TestReinvest(PolicyContract):
    policy = Reinvest

    def test_spends_the_whole_surplus_and_pays_no_dividend(self) -> None:
        decision = self.make().decide(books(surplus=80.0))
        assert decision.total == pytest.approx(80.0, rel=1e-12)
        assert decision.dividend == 0.0

    def test_puts_price_delivery_and_selection_first(self) -> None:
        spend = self.make().decide(books()).spend
        assert set(spend) == set(LEVERS)
        assert sorted(spend, key=spend.__getitem__, reverse=True)[:3] == ["price", "delivery", "selection"]

    def test_shares_add_up_to_one(self) -> None:
        assert math.fsum(Reinvest.shares.values()) == pytest.approx(1.0, rel=1e-12)


class TestSinglePush(PolicyContract):
    policy = SinglePush

    @pytest.mark.parametrize("lever", LEVERS)
    def test_puts_all_on_its_lever(self, lever: str) -> None:
        assert SinglePush(Settings(lever=lever)).decide(books(surplus=9.0)) == Decision({lever: 9.0})

    @pytest.mark.parametrize(
        ("lever", "sentence"),
        [
            ("delivry", r"^policy\.lever: 'delivry' is not a lever: did you mean 'delivery'\?$"),
            ("innovation", r"^policy\.lever: lever 'innovation' has no mechanism yet"),
        ],
    )
    def test_refuses_a_lever_that_does_not_work(self, lever: str, sentence: str) -> None:
        with pytest.raises(ValueError, match=sentence):
            SinglePush(Settings(lever=lever))


class TestBottleneck(PolicyContract):
    policy = Bottleneck

    @pytest.mark.parametrize(
        ("lever", "state"),
        [
            ("price", {"unit_cost": 2.0}),
            ("delivery", {"late_rate": 0.4}),
            ("delivery", {"promised_days": 9.0}),
            ("selection", {"failed_searches": 0.8}),
            ("service", {"return_rate": 0.4}),
            ("data", {"stockout_rate": 0.2}),
            ("advertising", {"visits": 100.0}),
        ],
    )
    def test_feeds_what_hurts(self, lever: str, state: dict[str, float]) -> None:
        assert self.make().decide(books(**state)) == Decision({lever: 100.0})

    def test_feeds_the_worse_of_two(self) -> None:
        policy = self.make()
        assert set(policy.decide(books(late_rate=0.45, failed_searches=0.5)).spend) == {"delivery"}
        assert set(policy.decide(books(late_rate=0.20, failed_searches=0.5)).spend) == {"selection"}

    def test_a_discount_given_eases_the_price(self) -> None:
        pains = [
            Bottleneck(Settings()).pains(books(unit_cost=1.0, discount=cut))["price"]
            for cut in (0.0, 0.5, 2.0)
        ]
        assert pains == pytest.approx([1 / 3, 1 / 6, 0.0])

    def test_what_money_cannot_mend_makes_way(self) -> None:
        state = {"promised_days": 10.0, "failed_searches": 0.4}
        spent = [
            set(self.make().decide(books(**state, capabilities={"delivery": level})).spend)
            for level in (0.0, 0.9)
        ]
        assert spent == [{"delivery"}, {"selection"}]

    def test_keeps_the_money_where_nothing_hurts(self) -> None:
        assert self.make().decide(books()) == Decision()

    def test_pains_are_shares_of_known_levers(self) -> None:
        pains = Bottleneck(Settings()).pains(
            books(late_rate=1.0, promised_days=99.0, unit_cost=99.0, visits=0.0)
        )
        assert set(pains) == set(LEVERS)
        assert all(0.0 <= pain <= 1.0 for pain in pains.values())


def test_every_policy_of_the_house_is_under_the_contract() -> None:
    house = {name for name, policy in POLICIES.items() if policy.__module__.startswith("agents.")}
    assert house == {contract.policy.name for contract in PolicyContract.__subclasses__()}


class TestDecision:
    def test_takes_numbers_of_any_kind_and_keeps_a_copy(self) -> None:
        given = {"price": 1, "data": np.float64(2.5)}
        decision = Decision(given, dividend=np.float32(0.5))
        given["price"] = 99
        assert decision == Decision({"price": 1.0, "data": 2.5}, 0.5)
        assert decision.total == 4.0
        assert all(type(amount) is float for amount in decision.spend.values())

    def test_is_empty_unless_told(self) -> None:
        assert Decision().total == 0.0

    def test_names_the_nearest_lever(self) -> None:
        with pytest.raises(ValueError, match=r"^'prise' is not a lever: did you mean 'price'\?$"):
            Decision({"prise": 1.0})

    def test_lists_the_levers_where_none_is_near(self) -> None:
        with pytest.raises(ValueError, match="there are advertising, data, delivery, price"):
            Decision({"zzz": 1.0})

    @pytest.mark.parametrize("lever", PLANNED)
    def test_refuses_a_lever_without_a_mechanism(self, lever: str) -> None:
        with pytest.raises(ValueError, match="has no mechanism yet"):
            Decision({lever: 0.0})

    @pytest.mark.parametrize("amount", [-1e-9, math.nan, math.inf, -math.inf, 10**400, "5", None, True, 1j])
    def test_refuses_what_is_not_an_amount(self, amount: Any) -> None:
        with pytest.raises(
            ValueError, match=r"^spend on 'price' must be a finite amount of at least 0, not "
        ):
            Decision({"price": amount})
        with pytest.raises(ValueError, match=r"^dividend must be a finite amount of at least 0, not "):
            Decision(dividend=amount)

    def test_refuses_what_is_not_a_mapping(self) -> None:
        with pytest.raises(ValueError, match="spend must be a mapping"):
            Decision(5.0)  # type: ignore[arg-type]


def test_unknown_policy_gets_the_nearest_name() -> None:
    with pytest.raises(ValueError, match=r"^'reinvst' is not a policy: did you mean 'reinvest'\?$"):
        policy_named("reinvst")
