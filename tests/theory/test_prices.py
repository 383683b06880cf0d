"""Sellers' prices against the equilibria of logit demand (Anderson, de Palma & Thisse 1992) and of Bertrand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import lambertw

CLOSE = 1e-9  # relative: prices converge until rounding
NASH = "Nash price, equal or unequal sellers"


def share_at(worth, log_everything):
    """Return the share s at which ``ln s + 1 / (1 - s) = worth - ln A``: best price and demand of one seller at once.

    ``worth`` is utility over mu at break-even price, A the sum of exp over all that a customer can do.
    """
    # In z = ln(s / (1 - s)) the left side is -ln(1 + e^-z) + 1 + e^z; it grows from minus to plus infinity.
    target = worth - log_everything
    z = brentq(lambda z: -np.logaddexp(0.0, -z) + 1.0 + math.exp(z) - target, min(target, 0.0) - 60.0, 30.0, xtol=1e-14)
    return 1.0 / (1.0 + math.exp(-z))


def nash_prices(break_even, quality, alpha, mu, outside):
    """Return the Nash prices ``p = c / (1 - r) + mu / (alpha (1 - s))`` of single-offer sellers under logit.

    The shares and the outside option's must sum to one, which fixes A: one equation, whatever the number of sellers.
    """
    worth = (quality - alpha * break_even) / mu

    def unsold(log_everything):
        return 1.0 - math.exp(outside / mu - log_everything) - sum(share_at(v, log_everything) for v in worth)

    lowest = outside / mu
    log_everything = brentq(unsold, lowest, max(lowest, worth.max()) + 10.0 + math.log(worth.size), xtol=1e-13)
    share = np.array([share_at(v, log_everything) for v in worth])
    return break_even + mu / (alpha * (1.0 - share))


def symmetric_price(sellers, quality, cost, alpha, mu=1.0, commission=0.0, outside=0.0):
    """Return the price of equal sellers from the first-order condition itself, by bisection."""
    break_even = cost / (1.0 - commission)

    def slack(price):
        value = math.exp((quality - alpha * price - outside) / mu)
        return price - break_even - mu / alpha * (1.0 + sellers * value) / (1.0 + (sellers - 1) * value)

    return brentq(slack, break_even, break_even + mu / alpha * (10.0 + quality), xtol=1e-14)


def expected_of(model):
    """Return the Nash prices of a run's sellers from their own costs and qualities."""
    scenario, column = model.scenario, model.offers.column
    break_even = column("cost") / (1.0 - scenario.platform.commission)
    choice = scenario.choice
    return nash_prices(break_even, column("quality"), choice.alpha, choice.mu, choice.outside_option)


def test_the_worked_example():
    """Five sellers, alpha 2, quality 4, cost 1: both ways of solving give the price that is printed everywhere."""
    ours = nash_prices(np.full(5, 1.0), np.full(5, 4.0), 2.0, 1.0, 0.0)
    assert ours == pytest.approx(np.full(5, symmetric_price(5, 4.0, 1.0, 2.0)), rel=1e-12)
    assert round(ours[0], 4) == 1.6121


@pytest.mark.parametrize("damping", [1.0, 0.3])
@pytest.mark.parametrize(
    ("sellers", "alpha", "mu", "commission", "outside"),
    [
        (5, 2.0, 1.0, 0.0, 0.0),
        (5, 2.0, 1.0, 0.15, 0.0),
        (2, 2.0, 1.0, 0.3, 0.0),
        (3, 1.0, 1.0, 0.0, 1.0),
        (10, 3.0, 1.0, 0.1, -1.0),
        (40, 2.0, 1.0, 0.0, 0.0),
        (5, 2.0, 0.5, 0.1, 0.0),
        (4, 1.0, 2.0, 0.0, 0.5),
    ],
)
def test_equal_sellers_ask_the_nash_price(run, holds, sellers, alpha, mu, commission, outside, damping):
    changes = {
        "sellers.count": sellers,
        "sellers.damping": damping,
        "choice.alpha": alpha,
        "choice.mu": mu,
        "choice.outside_option": outside,
        "platform.commission": commission,
    }
    model = run("nash", changes)
    settings = model.scenario.sellers
    price = symmetric_price(sellers, settings.quality, settings.cost, alpha, mu, commission, outside)
    holds.relative(NASH, model.offers.column("price"), np.full(sellers, price), CLOSE)


@pytest.mark.parametrize("sellers", [1, 2])
@pytest.mark.parametrize("quality", [8.0, 12.0, 40.0, 90.0])
def test_high_shares_do_not_diverge(run, holds, sellers, quality):
    """Above a share of one half, iterating ``p = c + mu / (alpha (1 - s))`` runs away; Lambert's form does not."""
    model = run("nash", {"sellers.count": sellers, "sellers.quality": quality})
    settings, alpha = model.scenario.sellers, model.scenario.choice.alpha
    price = symmetric_price(sellers, quality, settings.cost, alpha)
    if sellers == 1:
        share = 1.0 - 1.0 / (alpha * (price - settings.cost))
        assert share > 0.5  # this is such a case
    holds.relative("the same at shares above one half", model.offers.column("price"), np.full(sellers, price), CLOSE)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("mu", "commission", "quality"), [(1.0, 0.0, 4.0), (0.5, 0.15, 5.0), (1.0, 0.15, 10.0)])
def test_unequal_sellers_ask_their_own_nash_prices(run, holds, seed, mu, commission, quality):
    changes = {
        "sellers.cost_sd": 0.3,
        "sellers.quality_sd": 0.8,
        "sellers.quality": quality,
        "choice.mu": mu,
        "platform.commission": commission,
    }
    model = run("nash", changes, seed)
    price = model.offers.column("price")
    assert np.ptp(price) > 0.05
    holds.relative(NASH, price, expected_of(model), CLOSE)


def test_price_levels_change_the_unit_of_money_only(run):
    """Cost rises and price sensitivity falls with a category's price level: price over cost is the same everywhere."""
    model = run("nash", {"market.categories": 3, "market.price_level_sd": 0.9, "sellers.count": 15})
    price, cost = model.offers.column("price"), model.offers.column("cost")
    assert np.ptp(cost) > 0.1
    assert price / cost == pytest.approx(np.full(15, symmetric_price(5, 4.0, 1.0, 2.0)), rel=CLOSE)


@pytest.mark.parametrize("listings", [2, 4])
def test_a_seller_of_several_offers_prices_them_jointly(run, holds, listings):
    """Offers of one seller do not compete: k equal ones are priced as one that is worth ``mu ln k`` more."""
    changes = {"sellers.count": 3, "sellers.listings": float(listings), "sellers.listings_max": listings}
    model = run("nash", changes)
    alpha, settings = model.scenario.choice.alpha, model.scenario.sellers
    price = symmetric_price(3, settings.quality + math.log(listings), settings.cost, alpha)
    assert price > 1.02 * symmetric_price(3 * listings, settings.quality, settings.cost, alpha)
    holds.relative("several offers a seller", model.offers.column("price"), np.full(3 * listings, price), CLOSE)


@pytest.mark.parametrize("commission", [0.0, 0.15])
def test_customers_who_differ_in_price_sensitivity(run, holds, commission):
    """With each customer's alpha: ``p = c / (1 - r) + mu sum s / sum alpha s (1 - s)``, the sums over customers."""
    sellers, customers = 4, 300
    changes = {
        "sellers.count": sellers,
        "choice.alpha_sd": 0.5,
        "customers.count": customers,
        "search.sample": customers,  # sellers learn from every search
        "platform.commission": commission,
    }
    model = run("nash", changes)
    settings, mu, alpha = model.scenario.sellers, model.scenario.choice.mu, model.customers.column("alpha")
    break_even = settings.cost / (1.0 - commission)

    def slack(price):
        value = np.exp((settings.quality - alpha * price) / mu)
        share = value / (1.0 + sellers * value)
        return price - break_even - mu * share.sum() / (alpha * share * (1.0 - share)).sum()

    price = brentq(slack, break_even, 10.0 * break_even, xtol=1e-14)
    assert abs(price / symmetric_price(sellers, settings.quality, settings.cost, 2.0, commission=commission) - 1) > 0.02
    holds.relative("customers of unequal alpha", model.offers.column("price"), np.full(sellers, price), CLOSE)


@pytest.mark.parametrize(
    ("quality", "alpha", "mu", "commission", "outside"),
    [(4.0, 2.0, 1.0, 0.0, 0.0), (4.0, 1.0, 1.0, 0.2, 0.0), (12.0, 2.0, 1.0, 0.1, 1.0), (6.0, 2.0, 0.5, 0.0, -0.5)],
)
def test_a_monopolist_asks_the_lambert_price(run, holds, quality, alpha, mu, commission, outside):
    changes = {
        "sellers.quality": quality,
        "choice.alpha": alpha,
        "choice.mu": mu,
        "choice.outside_option": outside,
        "platform.commission": commission,
    }
    model = run("monopoly", changes)
    break_even = model.scenario.sellers.cost / (1.0 - commission)
    odds = math.exp((quality - outside - alpha * break_even) / mu - 1.0)
    price = break_even + mu / alpha * (1.0 + lambertw(odds).real)
    holds.relative("monopoly price", model.offers.column("price"), [price], CLOSE)


@pytest.mark.parametrize("commission", [0.0, pytest.param(0.2, marks=pytest.mark.slow)])
def test_hill_climbing_settles_within_a_step_of_the_best_response(run, holds, commission):
    """Eight monopolists that know nothing but their own profit hover about the price that those who reckon ask."""
    changes = {"platform.commission": commission}
    reckoned = run("monopoly", changes).offers.column("price")[0]
    model = run("hill-climbing", changes)
    price, step = model.weekly["price_index"], model.scenario.sellers.price_step
    start, settled = price.iloc[0], price.iloc[80:].mean()
    assert abs(start / reckoned - 1.0) > 3.0 * step  # it had some way to go
    holds("hill-climbing", abs(settled / reckoned - 1.0), step, "relative")


@pytest.mark.parametrize("commission", [0.0, 0.25])
def test_undercutting_ends_at_break_even(run, holds, commission):
    model = run("undercutting", {"platform.commission": commission})
    break_even = model.scenario.sellers.cost / (1.0 - commission)
    assert model.offers.column("launch_price").min() > 1.1 * break_even
    holds.relative("undercutting", model.offers.column("price"), np.full(2, break_even), 1e-12)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_cheaper_undercutter_stays_a_step_below_the_dearer_ones_cost(run, holds, seed):
    model = run("undercutting", {"sellers.cost_sd": 0.3}, seed)
    low, high = np.sort(model.offers.column("cost"))
    step = model.scenario.sellers.price_step
    holds.relative("undercutting", np.sort(model.offers.column("price")), [max(low, (1.0 - step) * high), high], 1e-12)
