"""Phase 5, entry: candidates weigh the market one after another and come in if it pays.

A candidate does not look at what incumbents earn. It takes a sample of the week's searches, puts its own listing
among what was shown, and reckons with the price it would ask then (and, where ``entry.rivals_respond``, with the
prices its rivals would answer with). So entry stops where the next one would not pay, and does not overshoot.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agents.compiled import loop, rule
from agents.customer import circle_distance, utility
from agents.maths import omega

ROUNDS = 40  # of best responses; they contract, so the last rounds change nothing
TOLERANCE = 1e-10
INDIFFERENT = 1e-9  # a candidate that just breaks even comes in, whatever the last digits of its estimate say


@rule
def markup_against(worth, log_rivals):  # type: ignore[no-untyped-def]
    """Return the best mark-up times alpha/mu of an offer worth ``worth`` (utility/mu at no mark-up).

    ``log_rivals`` is the log-sum of everything else; -inf would make a mark-up without bound.
    """
    return 1.0 + omega(worth - 1.0 - log_rivals)


@rule
def log_sum_beside(worth, markup, count, skip, log_outside):  # type: ignore[no-untyped-def]
    """Return the log-sum of ``count`` firms but ``skip`` and of the outside option; -inf where nothing is left."""
    peak = log_outside
    for j in range(count):
        if j != skip:
            peak = max(peak, worth[j] - markup[j])
    if peak == -math.inf:
        return -math.inf
    total = math.exp(log_outside - peak)
    for j in range(count):
        if j != skip:
            total += math.exp(worth[j] - markup[j] - peak)
    return peak + math.log(total)


@rule
def equilibrium(worth, count, log_outside, cap, markup):  # type: ignore[no-untyped-def]
    """Let ``count`` single-product firms answer each other by best responses; fills ``markup`` (times alpha/mu).

    Logit price games are supermodular with one equilibrium, so best responses in turn converge to it
    (Milgrom & Roberts 1990). Returns the share of the last firm.
    """
    for _ in range(ROUNDS):
        moved = 0.0
        for j in range(count):
            rivals = log_sum_beside(worth, markup, count, j, log_outside)
            best = cap if rivals == -math.inf else min(cap, markup_against(worth[j], rivals))
            moved = max(moved, abs(best - markup[j]))
            markup[j] = best
        if moved < TOLERANCE:
            break
    everything = log_sum_beside(worth, markup, count, -1, log_outside)
    return math.exp(worth[count - 1] - markup[count - 1] - everything)


@rule
def log_rivals_of(at, gap, rank, rules, log):  # type: ignore[no-untyped-def]
    """Return the log-sum a newcomer meets in a logged search, +inf where it would not be shown.

    It is shown if it lies within reach and outranks the worst offer listed, whose place it then takes.
    """
    if gap > log.reach[at]:
        return math.inf
    if log.worst_rank[at] == -math.inf:
        return log.log_total[at]
    if rank - rules.relevance * rules.tau * gap <= log.worst_rank[at]:
        return math.inf
    return log.log_total[at] + math.log1p(-min(log.worst_share[at], 1.0 - 1e-12))


@rule
def demand_at(  # type: ignore[no-untyped-def]
    price, place, base, rank, level, mismatch, members, first, last, rules, log
):
    """Return over the searches of a circle: sum of s, of s(1-s), of alpha s(1-s), for a listing at ``price``."""
    reach = 0.0
    slack = 0.0
    weighted = 0.0
    for k in range(first, last):
        at = members[k]
        gap = circle_distance(place, log.place[at])
        rivals = log_rivals_of(at, gap, rank, rules, log)
        if rivals == math.inf:
            continue
        value = utility(base, price / level, gap, log.alpha[at], rules.tau * mismatch) / rules.mu
        share = 1.0 / (1.0 + math.exp(min(700.0, rivals - value)))
        reach += share
        slack += share * (1.0 - share)
        weighted += log.alpha[at] / level * share * (1.0 - share)
    return reach, slack, weighted


@rule
def estimate(  # type: ignore[no-untyped-def]
    place, base, rank, level, break_even, cap, markup, mismatch, members, first, last, rules, log,
):  # fmt: skip
    """Return (price, units, margin) a candidate expects of one listing, summed over the logged searches of a circle.

    The price is its own best response to the searches it samples, from a first price of ``markup`` over break-even;
    ``cap`` bounds the price.
    """
    price = min(cap, break_even * (1.0 + markup))
    units = 0.0
    for _ in range(ROUNDS):
        units, slack, weighted = demand_at(
            price, place, base, rank, level, mismatch, members, first, last, rules, log
        )
        if slack <= 0.0:
            break
        share = min(1.0 - slack / units, 1.0 - 1e-12)
        alpha = weighted / slack
        scaled = alpha * (price - break_even) / rules.mu
        best = 1.0
        if share > 0.0:
            best += omega(scaled - 1.0 + math.log(share) - math.log1p(-share))
        target = min(cap, break_even + rules.mu / alpha * best)
        if abs(target - price) < 1e-6 * price:
            break
        price = target
    return price, units, units * (price - break_even)


@rule
def estimate_with_response(  # type: ignore[no-untyped-def]
    place, base, rank, level, break_even, cap, mismatch, members, first, last, rules, outside, margins, log,
):  # fmt: skip
    """Return (mean price, units, margin) over the logged searches when rivals answer the entry with their prices.

    What rivals ask above break-even now is known in the trade (``margins``, in price levels), so the estimate holds
    while their prices still move, too.
    """
    most = log.shown.shape[1] + 1
    worth = np.empty(most)
    markup = np.empty(most)
    units = 0.0
    margin = 0.0
    paid = 0.0
    for k in range(first, last):
        at = members[k]
        gap = circle_distance(place, log.place[at])
        if log_rivals_of(at, gap, rank, rules, log) == math.inf:
            continue
        alpha = log.alpha[at] / level
        highest = alpha * (cap - break_even) / rules.mu
        count = 0
        for j in range(most - 1):
            if log.shown[at, j] >= 0:
                markup[count] = log.alpha[at] * margins[log.shown[at, j]] / rules.mu
                worth[count] = log.utility[at, j] + markup[count]
                count += 1
        worth[count] = utility(base, break_even, gap, alpha, rules.tau * mismatch) / rules.mu
        markup[count] = 1.0
        share = equilibrium(worth, count + 1, outside, highest, markup)
        mine = markup[count] * rules.mu / alpha
        units += share
        margin += share * mine
        paid += share * (break_even + mine)
    return (paid / units if units > 0.0 else break_even), units, margin


@rule
def take_in(  # type: ignore[no-untyped-def]
    price, place, base, rank, level, mismatch, members, first, last, rules, log
):
    """Put a newcomer's listing among what the logged searches show, so that the next candidate reckons with it."""
    for k in range(first, last):
        at = members[k]
        gap = circle_distance(place, log.place[at])
        rivals = log_rivals_of(at, gap, rank, rules, log)
        if rivals == math.inf:
            continue
        value = utility(base, price / level, gap, log.alpha[at], rules.tau * mismatch) / rules.mu
        peak = max(rivals, value)
        log.log_total[at] = peak + math.log(math.exp(rivals - peak) + math.exp(value - peak))
        log.worst_share[at] = 0.0


class Prospects(NamedTuple):
    """Listings of the week's candidates on the platforms they would list on; each (n,), candidates in order."""

    owner: npt.NDArray[np.int64]
    circle: npt.NDArray[np.int64]  # platform * categories + category
    platform: npt.NDArray[np.int64]
    place: npt.NDArray[np.float64]
    base: npt.NDArray[np.float64]  # utility but for price and mismatch
    rank: npt.NDArray[np.float64]
    level: npt.NDArray[np.float64]
    break_even: npt.NDArray[np.float64]
    keep: npt.NDArray[np.float64]


@loop
def weigh(  # type: ignore[no-untyped-def]
    candidates, prospects, scale, belief, hurdle, fixed_cost, respond, markup, cap, mismatch, members, first, rules,
    margins, log, comes,
):  # fmt: skip
    """Let candidates decide one after another; each reckons with those that came before it this week.

    Parameters
    ----------
    scale : (platforms,) float64
        Searches of a week, as entrants perceive them, per logged search.
    belief : (candidates,) float64
        Factor by which each misjudges its profit before fixed cost.
    hurdle : float
        Weekly profit that pays the entry cost within the horizon, in currency.
    first : (circles + 1,) int64
        Where each circle's searches begin in ``members``.
    margins : (offers,) float64
        What each offer shown asks above its break-even price, in price levels.
    comes : (candidates,) bool, out
    """
    listing = 0
    price = np.empty(prospects.owner.size)
    for candidate in range(candidates):
        begin = listing
        profit = 0.0
        while listing < prospects.owner.size and prospects.owner[listing] == candidate:
            k = listing
            low, high = first[prospects.circle[k]], first[prospects.circle[k] + 1]
            m = prospects.platform[k]
            bound = prospects.break_even[k] * (1.0 + cap)
            if respond:
                price[k], _, margin = estimate_with_response(
                    prospects.place[k], prospects.base[k], prospects.rank[k], prospects.level[k],
                    prospects.break_even[k], bound, mismatch[m], members, low, high, rules, rules.outside / rules.mu,
                    margins, log,
                )  # fmt: skip
            else:
                price[k], _, margin = estimate(
                    prospects.place[k], prospects.base[k], prospects.rank[k], prospects.level[k],
                    prospects.break_even[k], bound, markup, mismatch[m], members, low, high, rules,
                    log,
                )  # fmt: skip
            profit += margin * prospects.keep[k] * scale[m]
            listing += 1
        comes[candidate] = profit * belief[candidate] >= (fixed_cost + hurdle) * (1.0 - INDIFFERENT)
        if comes[candidate] and respond:  # the others wait until the prices that answer this one can be seen
            return
        if comes[candidate]:
            for k in range(begin, listing):
                low, high = first[prospects.circle[k]], first[prospects.circle[k] + 1]
                take_in(
                    price[k], prospects.place[k], prospects.base[k], prospects.rank[k], prospects.level[k],
                    mismatch[prospects.platform[k]], members, low, high, rules, log,
                )  # fmt: skip
