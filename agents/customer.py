"""The customer: joins, visits, chooses, is satisfied or not, tells friends, lapses and comes back.

State is declared once as columns; each rule is a short function of scalars, as one customer sees it. The loops that
apply the rules to all customers stand in `marketplace`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from agents.columns import column
from agents.compiled import rule
from agents.population import ColumnAgent

POTENTIAL, ACTIVE, LAPSED = 0, 1, 2
NO_CHANNEL, INITIAL, ADVERTISING, WORD_OF_MOUTH, REFERRAL = 0, 1, 2, 3, 4
CHANNELS = ("none", "initial", "advertising", "word_of_mouth", "referral")


class Customer(ColumnAgent):
    """A potential customer, adopted or not."""

    key = column(np.uint64, unit="1", doc="identity under which all its draws are keyed", internal=True)
    status = column(np.int8, unit="code", doc="0 potential, 1 active, 2 lapsed", low=0, high=2)
    channel = column(np.int8, unit="code", doc="channel it joined by: " + ", ".join(CHANNELS), low=0, high=4)
    recommends = column(np.uint8, unit="yes/no", doc="recommends to its neighbours this week", low=0, high=1)
    joined = column(np.int32, -1, unit="week", doc="week it joined, -1 if it has not")
    last_order = column(np.int32, -1, unit="week", doc="week of its latest delivered order, -1 if none")
    orders = column(np.int32, unit="orders", doc="delivered orders so far", low=0)
    quarters = column(np.uint8, unit="bits", doc="bit k is set if it ordered k quarters ago")
    need_rate = column(np.float64, unit="needs per week", doc="need rate lambda at launch satisfaction", low=0)
    alpha = column(np.float64, unit="utility per price level", doc="price sensitivity", low=0)
    leniency = column(np.float64, unit="points", doc="its own shift of the likelihood to recommend")
    satisfaction = column(
        np.float64, unit="share", dim="platform", doc="satisfaction S with each platform", low=0, high=1
    )
    tie_offer = column(
        np.int32, -1, unit="offer row", dim="tie", doc="offer last bought from each tied seller", internal=True
    )
    tie_weight = column(np.float64, unit="share", dim="tie", doc="weight of each tie", low=0, high=1)


class CustomerRules(NamedTuple):
    """Scalars of a scenario that the customer's rules read."""

    tau: float
    mu: float
    outside: float  # -inf where there is no outside option
    tie_bonus: float
    friend_bonus: float
    platform_sensitivity: float
    recommendation_rate: float
    candidates: int
    shown: int
    relevance: float
    launch_satisfaction: float
    visit_response: float
    lapse_rate: float
    lapse_response: float
    learning: float
    score_width: float
    late_penalty: float
    stockout_penalty: float
    return_penalty: float
    recommend_intercept: float
    recommend_slope: float
    everyone_recommends: bool
    review_rate: float
    stars_base: float
    stars_per_quality: float
    stars_per_day: float
    stars_late: float
    stars_sd: float
    tie_gain: float
    tie_decay: float
    return_rate: float
    return_mismatch: float
    return_quality: float


@rule
def hazard_of_joining(p, q, neighbours, referral):  # type: ignore[no-untyped-def]
    """Return the weekly hazard ``1 - (1-p)(1-q)^k (1-referral)^k`` with k recommending neighbours (Bass 1969).

    On a graph the hazards of independent influences multiply as survivals (Goldenberg, Libai & Muller 2001).
    """
    stay = math.log1p(-q) + math.log1p(-referral) if q < 1.0 and referral < 1.0 else -math.inf
    if neighbours == 0.0:
        return p
    return 1.0 - (1.0 - p) * math.exp(neighbours * stay)


@rule
def visit_rate(need_rate, satisfaction, rules):  # type: ignore[no-untyped-def]
    """Return visits with a need per week: lambda times a(S), a(S) = 1 + response (S / S_launch - 1), not below 0."""
    appeal = 1.0 + rules.visit_response * (satisfaction / rules.launch_satisfaction - 1.0)
    return need_rate * appeal if appeal > 0.0 else 0.0


@rule
def visits(u, rate):  # type: ignore[no-untyped-def]
    """Decide, with a uniform u, whether at least one need arises: probability ``1 - exp(-rate)``."""
    if u >= rate:  # 1 - exp(-x) <= x, so most customers are spared the exponential
        return False
    least = rate * (1.0 - 0.5 * rate)  # 1 - exp(-x) lies between x - x^2/2 and x - x^2/2 + x^3/6
    if u < least - 1e-12:
        return True
    if u > least + rate * rate * rate / 6.0 + 1e-12:
        return False
    return u < -math.expm1(-rate)


@rule
def utility(base, price, distance, alpha, mismatch_cost):  # type: ignore[no-untyped-def]
    """Return ``base - alpha price - tau distance``; base holds quality, delivery and reputation (McFadden 1974)."""
    return base - alpha * price - mismatch_cost * distance


@rule
def lapse_hazard(satisfaction, rules):  # type: ignore[no-untyped-def]
    """Return the weekly hazard of lapsing, which grows with dissatisfaction 1 - S from its value at launch."""
    launch = 1.0 - rules.launch_satisfaction
    if launch <= 0.0:
        return 0.0
    growth = 1.0 + rules.lapse_response * ((1.0 - satisfaction) / launch - 1.0)
    hazard = rules.lapse_rate * growth
    return min(1.0, max(0.0, hazard))


@rule
def score(inclusive_value, reference, penalty, width):  # type: ignore[no-untyped-def]
    """Return the score of a search in [0, 1]: logistic in its inclusive value, less what then went wrong."""
    worth = 1.0 / (1.0 + math.exp((reference - inclusive_value) / width))
    return max(0.0, worth - penalty)


@rule
def likelihood_to_recommend(satisfaction, leniency, rules):  # type: ignore[no-untyped-def]
    """Return the 0-10 answer to "how likely are you to recommend us" (Reichheld 2003), a whole number."""
    points = rules.recommend_intercept + rules.recommend_slope * satisfaction + leniency
    return math.floor(min(10.0, max(0.0, points)) + 0.5)


@rule
def chance_of_return(distance, quality_gap, rules):  # type: ignore[no-untyped-def]
    """Return the chance that a delivered item comes back: it rises with mismatch and with poor quality."""
    chance = rules.return_rate + rules.return_mismatch * distance + rules.return_quality * max(0.0, quality_gap)
    return min(1.0, chance)


@rule
def stars(noise, quality, days_beyond, late, rules):  # type: ignore[no-untyped-def]
    """Return the stars (1-5, whole) of a delivered order; ``noise`` is standard normal."""
    felt = rules.stars_base + rules.stars_per_quality * quality + rules.stars_per_day * days_beyond
    felt += rules.stars_sd * noise
    if late:
        felt += rules.stars_late
    return min(5.0, max(1.0, math.floor(felt + 0.5)))


@rule
def circle_distance(a, b):  # type: ignore[no-untyped-def]
    """Return the distance of two places on a circle of circumference 1."""
    gap = abs(a - b)
    return min(gap, 1.0 - gap)


@rule
def wrap(place):  # type: ignore[no-untyped-def]
    """Bring a place back onto [0, 1)."""
    place = place - math.floor(place)
    return place if place < 1.0 else 0.0
