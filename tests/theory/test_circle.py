"""The circle of tastes: prices of neighbours (Salop 1979, logit version) and the distance to the nearest offer."""

from __future__ import annotations

import math

import numpy as np
import pytest

from marketplace import MarketplaceModel, load_scenario

SETTLED = 30  # last weeks of a run over which prices are averaged
LAYOUTS = 600


def neighbour_price(sellers, cost, alpha, tau, mu, commission):
    """Return ``c / (1 - r) + tau / (alpha n) coth(tau / (2 n mu))``.

    A customer between two neighbours a distance 1/n apart chooses by a logit whose utility gap runs evenly from
    -tau/n to tau/n, so ``sum s / sum s (1 - s)`` over a seller's two arcs is ``tau / (n mu) coth(tau / (2 n mu))``.
    """
    return cost / (1.0 - commission) + tau / (alpha * sellers) / math.tanh(tau / (2.0 * sellers * mu))


def prices_by_circle(changes):
    """Return each circle's mean price over the settled weeks: as many independent repetitions as circles.

    Sellers learn their demand from the week's searches, a finite sample, which shifts the mean price by a term in
    1/searches; the scenario has searches enough for the shift to be small beside the standard error, in 1/sqrt.
    """
    model = MarketplaceModel(load_scenario("theory/circle").with_changes(changes), rng=1)
    model.run(model.scenario.run.weeks - SETTLED)
    category, weeks = model.offers.column("category"), []
    for _ in range(SETTLED):
        model.step()
        weeks.append(np.bincount(category, model.offers.column("price")) / np.bincount(category))
    return np.mean(weeks, axis=0)


SLOW = pytest.mark.slow
CASES = [  # sellers a circle, alpha, tau, mu, commission
    (4, 2.0, 8.0, 1.0, 0.0),
    (4, 2.0, 8.0, 0.5, 0.15),
    pytest.param(8, 1.0, 40.0, 1.0, 0.0, marks=SLOW),
    pytest.param(4, 2.0, 0.01, 1.0, 0.1, marks=SLOW),  # no distance to speak of: the logit duopoly, 2 mu / alpha
]


@pytest.mark.parametrize(("sellers", "alpha", "tau", "mu", "commission"), CASES)
def test_neighbours_ask_the_coth_price(holds, half_width, sellers, alpha, tau, mu, commission):
    changes = {
        "sellers.count": 12 * sellers,
        "choice.alpha": alpha,
        "choice.tau": tau,
        "choice.mu": mu,
        "platform.commission": commission,
    }
    prices = prices_by_circle(changes)
    expected = neighbour_price(sellers, 1.0, alpha, tau, mu, commission)
    assert half_width(prices) < 0.01 * expected
    off = abs(prices.mean() - expected) / expected
    holds("neighbours on the circle", off, half_width(prices) / expected, "relative")


@pytest.mark.parametrize(("sellers", "tau"), [(2, 4.0), pytest.param(3, 7.5, marks=SLOW)])
def test_without_noise_neighbours_ask_salops_price(holds, half_width, sellers, tau):
    mu = tau / (10.0 * sellers)
    changes = {
        "sellers.count": 12 * sellers,
        "choice.alpha": 1.0,
        "choice.tau": tau,
        "choice.mu": mu,
        "run.weeks": 160,  # best responses close a share mu n / tau of the gap to it a week
    }
    salop = 1.0 + tau / sellers
    assert neighbour_price(sellers, 1.0, 1.0, tau, mu, 0.0) == pytest.approx(salop, rel=1e-4)  # this is Salop's end
    prices = prices_by_circle(changes)
    assert half_width(prices) < 0.02 * salop
    off = abs(prices.mean() - salop) / salop
    holds("the same, mu to 0", off, half_width(prices) / salop, "relative")


def gaps(model):
    """Return the gaps between neighbouring offers on the circle, from the table of offers."""
    place = np.sort(model.offers.column("place"))
    return np.diff(np.append(place, place[0] + 1.0))


def nearest_distance(gap):
    """Return mean and variance of a uniform need's distance to the nearest offer.

    A gap g holds g of the needs, at distances uniform on [0, g/2]: mean sum g^2 / 4, mean square sum g^3 / 12.
    """
    mean = np.sum(gap**2) / 4.0
    return mean, np.sum(gap**3) / 12.0 - mean**2


@pytest.mark.parametrize("sellers", [7, pytest.param(3, marks=SLOW)])
def test_over_layouts_the_nearest_of_n_lies_1_over_2n_plus_2_away(run, holds, half_width, sellers):
    measured = [
        run("nearest", {"sellers.count": sellers}, seed).weekly["selection_distance"].iloc[0] for seed in range(LAYOUTS)
    ]
    expected = 1.0 / (2.0 * (sellers + 1))
    assert half_width(measured) < 1.0 / (2.0 * sellers) - expected  # could tell n from n + 1
    off = abs(np.mean(measured) - expected) / expected
    holds("nearest offer, random places", off, half_width(measured) / expected, "relative")


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", ["nearest", "nearest-even"])
def test_one_layout_gives_a_quarter_of_its_squared_gaps(run, holds, sigmas, name, seed):
    needs = 20_000
    model = run(name, {"search.panel": needs}, seed)
    mean, variance = nearest_distance(gaps(model))
    if name == "nearest-even":
        assert mean == pytest.approx(1.0 / (4 * len(model.sellers)))
    off = abs(model.weekly["selection_distance"].iloc[0] - mean) / math.sqrt(variance / needs)
    places = "even" if name == "nearest-even" else "random"
    holds(f"nearest offer, {places} places", off, sigmas, "standard errors")


@pytest.mark.parametrize("name", ["nearest", "nearest-even"])
def test_orders_go_to_the_nearest_offer(run, holds, sigmas, name):
    """Each offer sells to half of either gap beside it, and returns, as likely as distance, measure the distance."""
    customers = 40_000
    model = run(name, {"customers.count": customers, "run.record_orders": True}, seed=3)
    orders, place = model.orders(), model.offers.column("place")
    order, gap = np.argsort(place), gaps(model)
    counts = np.bincount(orders["offer"], minlength=place.size)[order]
    cells = (gap + np.roll(gap, 1)) / 2.0
    holds.chi_square("orders of the nearest offer", counts, customers * cells)

    chance = model.scenario.fulfilment.return_mismatch * nearest_distance(gap)[0]
    spread = math.sqrt(chance * (1.0 - chance) / customers)
    assert abs(orders["returned"].mean() - chance) < sigmas * spread
