"""The contract that every pricing rule keeps, and what each comes to in worlds with a known answer."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle
from typing import Any, ClassVar

import numpy as np
import pytest
from scipy.special import lambertw

from agents.pricing import (
    PRICING,
    BestResponse,
    CostPlus,
    HillClimbing,
    PricingView,
    SellerPricing,
    Undercutting,
    pricing_named,
)
from agents.pricing.base import Floats
from agents.pricing.logit import logit_markup


@dataclasses.dataclass(frozen=True)
class Settings:
    """Stands for the scenario's sellers section."""

    markup: float = 0.35
    markup_cap: float = 3.0
    price_step: float = 0.03
    damping: float = 0.1


def view(n: int, settings: Settings | None = None, **changes: Any) -> PricingView:
    """A view of n sellers with one offer each, at cost 1 and price 1.5, of which nothing is known."""
    plain: dict[str, Any] = {
        "price": np.full(n, 1.5),
        "unit_cost": np.ones(n),
        "keep": np.ones(n),
        "level": np.ones(n),
        "group": np.arange(n),
        "seller": np.arange(n),
        "own_share": np.full(n, np.nan),
        "alpha": np.full(n, np.nan),
        "seen": np.zeros(n, dtype=np.int64),
        "rival_price": np.full(n, np.nan),
        "profit": np.zeros(n),
        "profit_before": np.zeros(n),
        "direction": np.ones(n, dtype=np.int8),
        "mu": 1.0,
        "settings": settings or Settings(),
    }
    return PricingView(**(plain | changes))


def market(rng: np.random.Generator, n: int = 60, groups: int = 25, sellers: int = 10) -> PricingView:
    """A view with several offers a group and several groups a seller, and every oddity a week can bring."""
    group = np.concatenate([np.arange(groups), rng.integers(0, groups, n - groups)])
    owner = np.concatenate([np.arange(sellers), rng.integers(0, sellers, groups - sellers)])
    seen = rng.integers(0, 4, groups)
    share = np.where(seen > 0, rng.uniform(0.0, 1.0, groups), np.nan)
    share[:3], seen[:3] = (0.0, 1.0, np.nan), 1
    alpha = np.where(seen > 0, rng.lognormal(0.7, 0.5, groups), np.nan)
    alpha[3:5], seen[3:5] = (np.nan, 0.0), 1
    rival = np.where(rng.random(n) < 0.3, np.nan, rng.lognormal(0.3, 1.0, n))
    return view(
        n,
        price=rng.lognormal(0.3, 0.8, n),
        unit_cost=rng.lognormal(0.0, 0.3, n),
        keep=rng.uniform(0.5, 1.0, n),
        group=group,
        seller=owner[group],
        own_share=share,
        alpha=alpha,
        seen=seen,
        rival_price=rival,
        profit=rng.normal(size=sellers),
        profit_before=rng.normal(size=sellers),
        direction=rng.choice(np.array([-1, 1], dtype=np.int8), sellers),
    )


ARRAYS = [f.name for f in dataclasses.fields(PricingView) if f.name not in ("mu", "settings")]


class PricingContract:
    """What is true of every pricing rule."""

    rule: ClassVar[type[SellerPricing]]
    writes: ClassVar[frozenset[str]] = frozenset()

    def make(self) -> SellerPricing:
        return self.rule(Settings())

    @pytest.fixture(params=[1, 2, 3])
    def seen(self, request: pytest.FixtureRequest) -> PricingView:
        return market(np.random.default_rng(request.param))

    def test_is_found_by_its_name_and_cites_a_source(self) -> None:
        assert pricing_named(self.rule.name) is self.rule
        assert self.rule.source not in ("", "assumption")
        assert self.rule.__doc__

    def test_gives_finite_prices_within_the_bounds(self, seen: PricingView) -> None:
        prices = self.make().prices(seen)
        assert prices.shape == seen.price.shape
        assert prices.dtype == np.float64
        assert np.isfinite(prices).all()
        assert (prices >= seen.break_even).all()
        assert (prices <= (1.0 + Settings().markup_cap) * seen.break_even).all()

    def test_same_view_same_prices(self, seen: PricingView) -> None:
        twin = copy.deepcopy(seen)
        np.testing.assert_array_equal(self.make().prices(seen), self.make().prices(twin))
        np.testing.assert_array_equal(seen.direction, twin.direction)

    def test_writes_only_what_it_may(self, seen: PricingView) -> None:
        before = copy.deepcopy(seen)
        prices = self.make().prices(seen)
        for name in ARRAYS:
            assert not np.shares_memory(prices, getattr(seen, name))
            if name not in self.writes:
                np.testing.assert_array_equal(getattr(seen, name), getattr(before, name))
        assert set(np.unique(seen.direction)) <= {-1, 1}

    def test_copes_with_nobody(self) -> None:
        assert self.make().prices(view(0)).shape == (0,)

    def test_pickles_and_copies(self, seen: PricingView) -> None:
        rule = self.make()
        twins = pickle.loads(pickle.dumps(rule)), copy.deepcopy(rule)
        expected = rule.prices(copy.deepcopy(seen))
        for twin in twins:
            assert type(twin) is self.rule
            np.testing.assert_array_equal(twin.prices(copy.deepcopy(seen)), expected)


class TestCostPlus(PricingContract):
    rule = CostPlus

    def test_adds_the_markup_to_full_cost(self) -> None:
        prices = self.make().prices(view(2, unit_cost=np.array([1.0, 2.0]), keep=np.array([1.0, 0.8])))
        np.testing.assert_allclose(prices, [1.35, 2.5 * 1.35])


class TestUndercutting(PricingContract):
    rule = Undercutting

    def test_goes_below_its_rival_but_never_below_cost(self) -> None:
        prices = self.make().prices(view(3, rival_price=np.array([1.4, 1.01, np.nan])))
        np.testing.assert_allclose(prices, [1.4 * 0.97, 1.0, 1.5])


class TestHillClimbing(PricingContract):
    rule = HillClimbing
    writes = frozenset({"direction"})

    def test_goes_on_until_profit_falls(self) -> None:
        seen = view(3, profit=np.array([2.0, 1.0, 1.0]), profit_before=np.array([1.0, 2.0, 1.0]))
        np.testing.assert_allclose(self.make().prices(seen), 1.5 * np.array([1.03, 0.97, 1.03]))
        assert seen.direction.tolist() == [1, -1, 1]

    def test_moves_all_prices_of_a_seller_together(self) -> None:
        seen = view(3, seller=np.array([0, 0, 1]), profit=np.zeros(2), profit_before=np.array([1.0, 0.0]))
        seen.direction = np.ones(2, dtype=np.int8)
        np.testing.assert_allclose(self.make().prices(seen), 1.5 * np.array([0.97, 0.97, 1.03]))

    def test_turns_round_at_a_bound(self) -> None:
        seen = view(2, price=np.array([1.0, 4.0]), direction=np.array([-1, 1], dtype=np.int8))
        np.testing.assert_allclose(self.make().prices(seen), [1.03, 4.0 * 0.97])
        assert seen.direction.tolist() == [1, -1]

    def test_a_bound_that_stops_some_offers_turns_nobody(self) -> None:
        seen = view(2, price=np.array([1.0, 2.0]), seller=np.zeros(2, dtype=np.int64))
        seen.profit = seen.profit_before = np.zeros(1)
        seen.direction = np.array([-1], dtype=np.int8)
        np.testing.assert_allclose(self.make().prices(seen), [1.0, 1.94])
        assert seen.direction.tolist() == [-1]

    @pytest.mark.parametrize("start", [1.0, 1.05, 3.9])
    def test_finds_the_monopoly_price(self, start: float) -> None:
        world, step = Logit(sellers=1), 0.01
        rule = HillClimbing(Settings(price_step=step))
        seen = view(1, price=np.array([start]))
        path = []
        for _ in range(400):
            seen.profit_before, seen.profit = seen.profit, world.profit(seen.price)
            seen.price = rule.prices(seen)
            path.append(seen.price[0])
        best = world.nash()
        assert np.abs(np.array(path[200:]) / best - 1.0).max() < 3 * step


@dataclasses.dataclass(frozen=True)
class Logit:
    """A market without noise: equal sellers, each with the same number of offers, under multinomial logit."""

    sellers: int = 5
    alpha: float = 2.0
    mu: float = 1.0
    quality: float = 4.0
    cost: float = 1.0
    commission: float = 0.0
    offers: int = 1
    outside: float = 1.0  # weight exp(v / mu) of the outside option

    @property
    def break_even(self) -> float:
        return self.cost / (1.0 - self.commission)

    def shares(self, price: Floats) -> Floats:
        """Each seller's own share, float64[S]."""
        weight = np.exp((self.quality - self.alpha * price) / self.mu)
        share: Floats = weight.reshape(self.sellers, -1).sum(axis=1) / (self.outside + weight.sum())
        return share

    def profit(self, price: Floats) -> Floats:
        """Profit of each seller, one offer each, per customer, float64[S]."""
        return ((1.0 - self.commission) * price - self.cost) * self.shares(price)

    def nash(self) -> float:
        """Price at which the first-order condition of a symmetric equilibrium holds, by bisection."""
        low, high = self.break_even, self.break_even + 100.0
        for _ in range(200):
            price = 0.5 * (low + high)
            own = float(self.shares(np.full(self.sellers * self.offers, price))[0])
            gap = price - self.break_even - self.mu / (self.alpha * (1.0 - own))
            low, high = (price, high) if gap < 0 else (low, price)
        return price

    def settle(self, start: float, damping: float, weeks: int) -> Floats:
        """Let best responses play themselves out; return the prices, float64[S x offers]."""
        n = self.sellers * self.offers
        owner = np.repeat(np.arange(self.sellers), self.offers)
        settings = Settings(markup_cap=1000.0, damping=damping)
        rule = BestResponse(settings)
        seen = view(
            n,
            settings,
            price=np.full(n, start),
            unit_cost=np.full(n, self.cost),
            keep=np.full(n, 1.0 - self.commission),
            group=owner,
            seller=owner,
            alpha=np.full(self.sellers, self.alpha),
            seen=np.ones(self.sellers, dtype=np.int64),
            mu=self.mu,
        )
        for _ in range(weeks):
            seen.own_share = self.shares(seen.price)
            seen.price = rule.prices(seen)
        return seen.price


class TestBestResponse(PricingContract):
    rule = BestResponse

    def test_nash_price_of_five_sellers(self) -> None:
        np.testing.assert_allclose(Logit().settle(1.5, damping=0.1, weeks=400), 1.6121, atol=5e-5)

    @pytest.mark.parametrize(
        "world",
        [
            Logit(commission=0.15),
            Logit(commission=0.4, sellers=3),
            Logit(mu=0.5, alpha=1.3),
            Logit(offers=3),
            Logit(offers=4, sellers=1, commission=0.12),
            Logit(alpha=0.02, cost=100.0),
            Logit(outside=0.0),
        ],
    )
    @pytest.mark.parametrize("damping", [0.1, 1.0])
    def test_nash_price_by_the_first_order_condition(self, world: Logit, damping: float) -> None:
        prices = world.settle(1.2 * world.break_even, damping, weeks=400)
        np.testing.assert_allclose(prices, world.nash(), rtol=1e-9)

    @pytest.mark.parametrize("sellers", [1, 2])
    @pytest.mark.parametrize("damping", [0.1, 1.0])
    @pytest.mark.parametrize("start", [1.0, 1.5, 20.0])
    def test_high_shares_where_naive_iteration_diverges(
        self, sellers: int, damping: float, start: float
    ) -> None:
        world = Logit(sellers=sellers, quality=12.0)
        best = world.nash()
        assert 1.0 / (world.alpha * (1.0 - world.shares(np.full(sellers, best))[0])) == pytest.approx(
            best - 1.0
        )
        np.testing.assert_allclose(world.settle(start, damping, weeks=600), best, rtol=1e-9)

    def test_naive_iteration_does_diverge_there(self) -> None:
        world = Logit(sellers=1, quality=12.0)
        best = world.nash()
        price = best * 1.001
        for _ in range(5):
            price = 1.0 + 1.0 / (world.alpha * (1.0 - float(world.shares(np.array([price]))[0])))
        assert abs(price - best) > 1.0

    def test_monopoly_price_in_closed_form(self) -> None:
        for quality in (0.0, 4.0, 12.0):
            closed = 1.0 + (1.0 + lambertw(np.exp(quality - 2.0 - 1.0)).real) / 2.0
            prices = Logit(sellers=1, quality=quality).settle(1.5, 0.5, weeks=200)
            np.testing.assert_allclose(prices, closed, rtol=1e-10)

    def test_against_rivals_that_stand_still_one_step_is_enough(self) -> None:
        """The mark-up is the best reply itself: no price on a fine grid earns more."""
        world = Logit(sellers=2, quality=8.0)
        seen = view(2, Settings(damping=1.0), price=np.array([1.1, 2.0]), alpha=np.full(2, 2.0))
        seen.own_share, seen.seen = world.shares(seen.price), np.array([1, 0])
        reply = BestResponse(Settings(damping=1.0)).prices(seen)
        assert reply[1] == 2.0  # not seen: keeps its price
        grid = np.linspace(1.0, 4.0, 3001)
        earned = [world.profit(np.array([price, 2.0]))[0] for price in grid]
        assert abs(grid[int(np.argmax(earned))] - reply[0]) <= 0.001

    def test_goes_part_of_the_way(self) -> None:
        seen = view(1, own_share=np.zeros(1), alpha=np.full(1, 0.5), seen=np.ones(1))
        np.testing.assert_allclose(self.make().prices(seen), 1.5 + 0.1 * (1.0 + 2.0 - 1.5))

    def test_where_demand_is_unknown_prices_stay(self) -> None:
        share, alpha = np.array([0.2, np.nan, 0.2, 0.2]), np.array([2.0, 2.0, np.nan, 0.0])
        seen = view(4, own_share=share, alpha=alpha, seen=np.array([0, 1, 1, 1]))
        np.testing.assert_array_equal(self.make().prices(seen), seen.price)

    def test_offers_of_a_group_approach_one_markup(self) -> None:
        group = np.zeros(2, dtype=np.int64)
        seen = view(
            2, Settings(damping=1.0), unit_cost=np.array([1.0, 2.0]), price=np.array([1.2, 3.0]), group=group
        )
        seen.own_share, seen.alpha, seen.seen = np.array([0.4]), np.array([2.0]), np.array([3])
        markup = BestResponse(Settings(damping=1.0)).prices(seen) - seen.unit_cost
        assert markup[0] == pytest.approx(markup[1])

    @pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
    @pytest.mark.parametrize("markup", [-1e3, 0.0, 1e6])
    def test_markup_never_overflows(self, share: float, markup: float) -> None:
        best = logit_markup(markup, share, 2.0)
        assert math.isfinite(best)
        assert best >= 0.5

    def test_markup_agrees_with_lambert_w(self) -> None:
        markup, share = np.linspace(0.1, 5.0, 20), np.linspace(0.05, 0.95, 20)
        inner = np.exp(2.0 * markup - 1.0) * share / (1.0 - share)
        expected = 0.5 * (1.0 + lambertw(inner).real)
        best = [logit_markup(m, s, 2.0) for m, s in zip(markup, share, strict=True)]
        np.testing.assert_allclose(best, expected, rtol=1e-12)


def test_every_rule_of_the_house_is_under_the_contract() -> None:
    house = {name for name, rule in PRICING.items() if rule.__module__.startswith("agents.")}
    assert house == {contract.rule.name for contract in PricingContract.__subclasses__()}


def test_unknown_rule_gets_the_nearest_name() -> None:
    with pytest.raises(ValueError, match=r"^'cost-pluss' is not a pricing rule: did you mean 'cost-plus'\?$"):
        pricing_named("cost-pluss")
