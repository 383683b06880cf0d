"""Choice against the multinomial logit (McFadden 1974), and its consumer surplus (Small & Rosen 1981)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import logsumexp, spence

MARKETS = [  # mu, outside option
    (1.0, 0.0),
    (0.5, 1.5),
    (2.0, -1.0),
]


def offers(model):
    """Return each offer's utility over mu, at the prices and qualities that the table of offers shows."""
    choice, column = model.scenario.choice, model.offers.column
    return (column("quality") - choice.alpha * column("price")) / choice.mu


@pytest.mark.parametrize(("mu", "outside"), [*MARKETS, (1.0, "off")])
def test_shares_of_orders_are_multinomial_logit(run, holds, mu, outside):
    model = run("logit-shares", {"choice.mu": mu, "choice.outside_option": outside})
    utility, orders = offers(model), model.orders()
    searches = int(model.weekly["searches"].sum())
    assert searches == model.week * len(model.customers)  # a need each week is as good as certain

    counts = orders["offer"].value_counts().reindex(range(utility.size), fill_value=0).to_numpy()
    if outside == "off":
        share = np.exp(utility - logsumexp(utility))
    else:
        everything = np.append(utility, outside / mu)
        share = np.exp(everything - logsumexp(everything))
        counts = np.append(counts, searches - counts.sum())
    assert np.ptp(share[: utility.size]) > 0.05  # the offers do differ
    holds.chi_square("shares of orders", counts, searches * share)


def surplus_moments(inside):
    """Return mean and variance of max(0, I + L) for L standard logistic: the surplus of a search over mu/alpha.

    ``E = ln(1 + e^I)`` and ``E2 = -2 Li2(-e^I)``; SciPy's ``spence(z)`` is ``Li2(1 - z)``.
    """
    mean = math.log1p(math.exp(inside))
    return mean, -2.0 * spence(1.0 + math.exp(inside)) - mean**2


@pytest.mark.parametrize(("mu", "outside"), MARKETS)
def test_consumer_surplus_is_the_log_sum(run, holds, sigmas, mu, outside):
    model = run("consumer-surplus", {"choice.mu": mu, "choice.outside_option": outside})
    weekly, scale = model.weekly, mu / model.scenario.choice.alpha
    mean, variance = surplus_moments(logsumexp(offers(model)) - outside / mu)
    searches = weekly["searches"].sum()

    expected = scale * mean * weekly["searches"].to_numpy()
    holds.relative("consumer surplus, expected", weekly["expected_consumer_surplus"], expected, 1e-9)
    realised = weekly["consumer_surplus"].sum() / searches
    error = scale * math.sqrt(variance / searches)
    holds("consumer surplus, realised", abs(realised - scale * mean) / error, sigmas, "standard errors")


def test_expected_and_realised_surplus_agree_where_customers_and_needs_differ(run, half_width):
    changes = {
        "choice.alpha_sd": 0.3,
        "choice.tau": 8.0,
        "choice.outside_option": 0.5,
        "market.categories": 3,
        "market.price_level_sd": 0.5,
        "sellers.count": 15,
        "search.sample": 2000,
    }
    weekly = run("consumer-surplus", changes).weekly
    off = weekly["consumer_surplus"] / weekly["expected_consumer_surplus"] - 1.0
    assert half_width(off) < 0.02
    assert abs(off.mean()) < half_width(off)


def test_surplus_is_missing_without_an_outside_option(run):
    weekly = run("consumer-surplus", {"choice.outside_option": "off", "run.weeks": 2}).weekly
    assert weekly[["consumer_surplus", "expected_consumer_surplus"]].isna().all(axis=None)
