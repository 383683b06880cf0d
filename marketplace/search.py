"""Phase 2: customers pick a platform, search its shelf on the circle of tastes, and choose one offer or none.

The shelf is the week's offers in stock, sorted by platform, category and place. A search retrieves the nearest
`candidates` to the need as the platform hears it, ranks them, shows the first `shown`, and beside them the offers of
sellers the customer has a tie with and one that a friend recommends.

The choice is a multinomial logit drawn without a Gumbel variate per offer. Gumbel noise is max-stable: the best
offer's utility is Gumbel with scale mu about the log-sum of the offers, whichever offer that is (McFadden 1978;
Train 2009, section 3.10). So "buy or not" is one logistic draw, "which" is one uniform draw on the shares, and the
realised surplus follows from the first, all with the very distribution of the full set of Gumbel draws.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agents.compiled import loop, rule
from agents.customer import wrap
from agents.maths import exponential, logarithm, logarithm_beside_one

UNIFORM_WIDTH = math.sqrt(12.0)  # of a uniform distribution with standard deviation 1
BLOCK = 2048  # customers a thread takes at a time; each block fills its own slice of the visits

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Taste(NamedTuple):
    """Where needs fall; see `Market`."""

    category_cdf: Floats  # (categories,) cumulative shares of needs
    popular_places: int
    head_share: float
    head_width: float


class Perception(NamedTuple):
    """What the flywheel's valves make of quantities that customers perceive; (platforms,) factors each."""

    mismatch: Floats
    satisfaction: Floats
    noise: Floats  # sd of the uniform error with which each platform hears a need
    closed: npt.NDArray[np.bool_]  # platforms that have failed


class People(NamedTuple):
    """Columns of the customers that a search reads, and their social graph."""

    key: npt.NDArray[np.uint64]
    status: npt.NDArray[np.int8]
    need_rate: Floats
    alpha: Floats
    satisfaction: Floats  # (customers, platforms)
    recommends: npt.NDArray[np.uint8]
    tie_offer: npt.NDArray[np.int32]  # (customers, ties)
    tie_weight: Floats
    indptr: Ints
    indices: npt.NDArray[np.int32]


class Visits(NamedTuple):
    """One slot per search of the week; a block of customers fills the front of its own slice."""

    customer: npt.NDArray[np.int32]
    platform: npt.NDArray[np.int8]
    offer: npt.NDArray[np.int32]  # row of the offer chosen, -1 if none
    distance: Floats  # true mismatch of the offer chosen
    inclusive: Floats  # log-sum of what was shown, outside option at 0 utility
    surplus: Floats  # realised, in currency of price level 1; 0 where nothing is bought
    filled: Ints  # (blocks,) slots filled
    bought: Ints  # (blocks,) of them with an offer


def empty_visits(customers: int, searches_each: int) -> Visits:
    """Room for the searches of a week. Memory that no visit touches is never mapped."""
    slots = customers * searches_each
    blocks = -(-customers // BLOCK)
    return Visits(
        np.empty(slots, np.int32),
        np.empty(slots, np.int8),
        np.empty(slots, np.int32),
        np.empty(slots),
        np.empty(slots),
        np.empty(slots),
        np.zeros(blocks, np.int64),
        np.zeros(blocks, np.int64),
    )


@rule
def need_category(u, cdf):  # type: ignore[no-untyped-def]
    """Return the category of a need."""
    low = 0
    answers = cdf.size
    while answers > 1:  # bisection without a branch
        half = answers // 2
        low += half * (cdf[low + half - 1] <= u)
        answers -= half
    return low


@rule
def need_place(u_head, u_place, u_spread, popular_places, head_share, head_width):  # type: ignore[no-untyped-def]
    """Return the place of a need: near a popular place for the head, anywhere for the long tail."""
    if u_head < head_share:
        popular = math.floor(u_head / head_share * popular_places) / popular_places
        return wrap(popular + head_width * (u_place + u_spread - 1.0))
    return u_place


@loop
def _fall(u, taste, category, place):  # type: ignore[no-untyped-def]
    for k in range(category.size):
        category[k] = need_category(u[k, 0], taste.category_cdf)
        place[k] = need_place(u[k, 1], u[k, 2], u[k, 3], taste.popular_places, taste.head_share, taste.head_width)


def places_of(u: Floats, taste: Taste) -> tuple[npt.NDArray[np.int32], Floats]:
    """Return the categories and places that uniforms ``u`` (n, 4) fall on under a taste, each (n,)."""
    category, place = np.empty(len(u), np.int32), np.empty(len(u))
    _fall(u, taste, category, place)
    return category, place


@rule
def pick_platform(u, satisfaction, row, factor, closed, sensitivity, avoid):  # type: ignore[no-untyped-def]
    """Return a platform by logit on perceived satisfaction, never ``avoid``; -1 if none is open."""
    count = factor.size
    if count == 1:
        return -1 if closed[0] or avoid == 0 else 0
    total = 0.0
    for m in range(count):
        if not closed[m] and m != avoid:
            total += math.exp(sensitivity * (min(1.0, satisfaction[row, m] * factor[m]) - 1.0))
    if total == 0.0:
        return -1
    mark = u * total
    chosen = -1
    for m in range(count):
        if not closed[m] and m != avoid:
            chosen = m
            mark -= math.exp(sensitivity * (min(1.0, satisfaction[row, m] * factor[m]) - 1.0))
            if mark <= 0.0:
                break
    return chosen


@rule
def around(at, low, high):  # type: ignore[no-untyped-def]
    """Return the position on the shelf of one on a circle that runs on beyond its ends, and the turns it is away."""
    turn = 0.0
    if at >= high:
        at -= high - low
        turn = 1.0
    elif at < low:
        at += high - low
        turn = -1.0
    return np.uint64(at), turn  # unsigned, so that the compiler need not look for an index that counts from the end


@rule
def reads(place, at, low, high):  # type: ignore[no-untyped-def]
    """Return the place at a position of a circle that runs on beyond its ends: one turn back below, one on above."""
    position, turn = around(at, low, high)
    return place[position] + turn


@rule
def add(position, kept, top):  # type: ignore[no-untyped-def]
    """Put an offer beside those shown, if it is not among them. Returns how many there are."""
    for j in range(kept):
        if top[j] == position:
            return kept
    top[kept] = position
    return kept + 1


@rule
def favourite(friend, low, high, recommends, tie_offer, tie_weight, position):  # type: ignore[no-untyped-def]
    """Return the position of a recommending friend's strongest tie on a circle, or -1."""
    best = -1
    weight = 0.0
    if recommends[friend] != 0:
        for k in range(tie_offer.shape[1]):
            offer = tie_offer[friend, k]
            if offer >= 0 and tie_weight[friend, k] > weight:
                at = position[offer]
                if low <= at < high:
                    best = at
                    weight = tie_weight[friend, k]
    return best


@rule
def log_sum_of(peak, total):  # type: ignore[no-untyped-def]
    """Return the log-sum of utilities/mu: of the largest and the total of exp(v - largest); -inf without any."""
    return peak + logarithm(total) if peak > -math.inf else -math.inf


@rule
def excess(u, inside, outside):  # type: ignore[no-untyped-def]
    """Return (best offer's utility - the outside option's)/mu: logistic about the difference of log-sums."""
    more = inside - outside + logarithm(u / (1.0 - u))
    return more if inside > -math.inf else -math.inf


@rule
def which(u, weight, first, total, kept):  # type: ignore[no-untyped-def]
    """Return which of the offers considered is chosen, by its share; their weights begin at ``first``."""
    mark = u * total
    beyond = 0
    for j in range(first, first + kept - 1):
        mark -= weight[j]
        beyond += mark > 0.0
    return beyond


@rule
def above_nothing(inside):  # type: ignore[no-untyped-def]
    """Return ln(1 + exp(inside)): the inclusive value of a search beside doing nothing."""
    return max(0.0, inside) + logarithm_beside_one(exponential(-abs(inside)))
