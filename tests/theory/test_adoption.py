"""Adoption against Bass (1969) in discrete time.

F, the adopters' share, follows ``F' = F + (1 - F) h(F)``. A finite crowd of N scatters about it. To first order in
1/N (van Kampen 2007, Stochastic Processes in Physics and Chemistry, ch. X) the share's variance V and the shift B
of its mean follow, with ``g(F) = (1 - F) h(F)``,

    ``V' = (1 + g')^2 V + g (1 - h) / N``,    ``B' = (1 + g') B + g'' V / 2``,

and the tolerances below are these.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest

SEEDS = 10
CASES = [  # p, q, share of initial adopters, weeks
    (0.002, 0.1, 0.0, 110),
    (0.01, 0.3, 0.0, 30),
    (0.05, 0.0, 0.0, 60),
    (0.0, 0.2, 0.05, 50),
]


class Path(NamedTuple):
    """Theory's weeks 1, 2, ...: the share, the shift of its mean and its standard deviation in a crowd of N."""

    share: np.ndarray
    shift: np.ndarray
    sd: np.ndarray


def theory(hazard, crowd, weeks, start=0.0):
    """Return theory's path; ``hazard`` gives h, h' and h'' at a share."""
    share, shift, variance, rows = start, 0.0, 0.0, []
    for _ in range(weeks):
        h, h1, h2 = hazard(share)
        slope, bend = (1.0 - share) * h1 - h, (1.0 - share) * h2 - 2.0 * h1
        shift = (1.0 + slope) * shift + bend * variance / 2.0
        variance = (1.0 + slope) ** 2 * variance + (1.0 - share) * h * (1.0 - h) / crowd
        share += (1.0 - share) * h
        rows.append((share, shift, math.sqrt(variance)))
    return Path(*np.array(rows).T)


def well_mixed(p, q):
    """Return Bass's hazard p + q F with its derivatives."""
    return lambda share: (p + q * share, q, 0.0)


def complete_graph(p, q, crowd):
    """Return the hazard ``1 - (1 - p) (1 - q / (N - 1))^(N F)`` of a crowd in which all know each other."""
    rate = -crowd * math.log1p(-q / (crowd - 1))

    def hazard(share):
        stay = (1.0 - p) * math.exp(-rate * share)
        return 1.0 - stay, rate * stay, -(rate**2) * stay

    return hazard


def shares(run, name, changes, seed):
    """Return a run's share of adopters before week 1, and its weekly shares."""
    model = run(name, changes, seed)
    start = np.mean(model.customers.column("joined") == 0)
    return start, model.weekly["adopters"].to_numpy() / len(model.customers)


@pytest.mark.parametrize(("p", "q", "initial", "weeks"), CASES)
def test_adoption_follows_the_discrete_bass_recursion(run, holds, sigmas, p, q, initial, weeks):
    changes = {"adoption.p": p, "adoption.q": q, "customers.initial_adopters": initial, "run.weeks": weeks}
    off = []
    for seed in range(SEEDS):
        start, measured = shares(run, "bass", changes, seed)
        path = theory(well_mixed(p, q), 20_000, weeks, start)
        distance = np.abs(measured - path.share).max()  # the sup-distance of one run
        holds("adoption, well-mixed", distance / path.sd.max(), sigmas, "standard deviations")
        off.append((measured - path.share - path.shift) / path.sd)
    assert path.share[-1] > 0.9  # the curve was seen to its end
    of_mean = np.abs(np.mean(off, axis=0)).max() * math.sqrt(SEEDS)  # and that of the mean of runs, week by week
    holds("adoption, well-mixed", of_mean, sigmas, "standard deviations")


def test_adoption_on_a_complete_graph_is_well_mixed(run, holds, sigmas):
    p, q, crowd = 0.002, 0.1, 1001
    off = []
    for seed in range(SEEDS):
        _, measured = shares(run, "bass-network", {"adoption.p": p, "adoption.q": q}, seed)
        path = theory(complete_graph(p, q, crowd), crowd, measured.size)
        off.append((measured - path.share - path.shift) / path.sd)
    assert path.share[-1] > 0.9
    of_mean = np.abs(np.mean(off, axis=0)).max() * math.sqrt(SEEDS)
    holds("adoption, complete graph", of_mean, sigmas, "standard deviations")


def test_newcomers_are_attributed_in_proportion_to_the_hazards(run, holds, half_width):
    p, q = 0.01, 0.3
    excess = []  # of those who came by advertising over what the week's hazards give, in shares of all of them
    for seed in range(SEEDS):
        weekly = run("bass", {"adoption.p": p, "adoption.q": q, "run.weeks": 30}, seed).weekly
        joined = weekly["adopters"].diff().fillna(weekly["adopters"].iloc[0])
        before = (weekly["adopters"] - joined) / 20_000
        advertising = joined * p / (p + q * before)
        excess.append((weekly["new_customers.advertising"] - advertising).sum() / advertising.sum())
    assert half_width(excess) < 0.05
    holds("channel of newcomers", abs(np.mean(excess)), half_width(excess), "relative")
