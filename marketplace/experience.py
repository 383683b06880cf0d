"""Phase 4: satisfaction, ties, reviews, telling friends, lapsing."""

from __future__ import annotations

import numpy as np

from agents.chance import LAPSE, REVIEW, draw, first_uniform, normal
from agents.compiled import block_loop, loop, rule
from agents.customer import (
    ACTIVE,
    LAPSED,
    lapse_hazard,
    likelihood_to_recommend,
    score,
    stars,
)
from marketplace.fulfilment import DELIVERED, STOCKOUT
from marketplace.search import BLOCK


@rule
def penalty_of(outcome, late, returned, kept_share, rules):  # type: ignore[no-untyped-def]
    """Return what is taken from a score for what went wrong; service makes good all but ``kept_share`` of it."""
    if outcome == STOCKOUT:
        return rules.stockout_penalty * kept_share
    penalty = 0.0
    if late:
        penalty += rules.late_penalty
    if returned:
        penalty += rules.return_penalty
    return penalty * kept_share


@rule
def strengthen_tie(row, offer, seller, offer_seller, tie_offer, tie_weight, rules):  # type: ignore[no-untyped-def]
    """Let all ties fade a little and move the tie with this seller towards 1; the weakest gives way to a new one."""
    slot = -1
    empty = -1
    weakest = 0
    for k in range(tie_offer.shape[1]):
        if tie_offer[row, k] < 0:
            empty = k
            break
        tie_weight[row, k] *= 1.0 - rules.tie_decay
        if offer_seller[tie_offer[row, k]] == seller:
            slot = k
        if tie_weight[row, k] < tie_weight[row, weakest]:
            weakest = k
    if slot < 0:
        slot = empty if empty >= 0 else weakest
        tie_weight[row, slot] = 0.0
    tie_offer[row, slot] = offer
    tie_weight[row, slot] += rules.tie_gain * (1.0 - tie_weight[row, slot])


@block_loop
def experience(  # type: ignore[no-untyped-def]
    first_block, last_block, week, visits, each, first_order, outcome, late, returned, reference, kept_share,
    rules, offer_seller, satisfaction, tie_offer, tie_weight, orders, last_order, quarters, repeats,
):  # fmt: skip
    """Update every visitor's satisfaction, ties and purchase record.

    ``first_order`` (blocks,) is the number of the first order of each block; orders lie in the sequence of the
    visits. ``repeats`` (blocks,) counts delivered orders of customers who had ordered before.
    """
    for block in range(first_block, last_block):
        order = first_order[block]
        repeats[block] = 0
        start = block * BLOCK * each
        for slot in range(start, start + visits.filled[block]):
            row = visits.customer[slot]
            m = int(visits.platform[slot])
            penalty = 0.0
            if visits.offer[slot] >= 0:
                penalty = penalty_of(outcome[order], late[order], returned[order], kept_share[m], rules)
                if outcome[order] == DELIVERED:
                    if orders[row] > 0:
                        repeats[block] += 1
                    orders[row] += 1
                    last_order[row] = week
                    quarters[row] |= np.uint8(1)
                    if returned[order] == 0 and rules.tie_gain > 0.0:
                        offer = visits.offer[slot]
                        strengthen_tie(row, offer, offer_seller[offer], offer_seller, tie_offer, tie_weight, rules)
                order += 1
            felt = score(visits.inclusive[slot], reference[m], penalty, rules.score_width)
            satisfaction[row, m] += rules.learning * (felt - satisfaction[row, m])


@block_loop
def lapse_and_recommend(  # type: ignore[no-untyped-def]
    first_block, last_block, seed, week, key, status, satisfaction, leniency, recommends, seen_visits,
    seen_adoption, rules, counts, sums,
):  # fmt: skip
    """Let active customers lapse or stay, and say whether they recommend.

    Parameters
    ----------
    seen_visits, seen_adoption : (platforms,) float64
        Valve factors on satisfaction: for lapsing, and for recommending.
    counts : (blocks, 4) int64, out
        Lapses, promoters, detractors, active after lapsing.
    sums : (blocks, platforms) float64, out
        Satisfaction summed over those who stay.
    """
    customers = status.size
    platforms = satisfaction.shape[1]
    rows = np.empty(BLOCK, np.int64)
    keys = np.empty(BLOCK, np.uint64)
    u_lapses = np.empty(BLOCK)
    for block in range(first_block, last_block):
        first = block * BLOCK
        last = min(customers, first + BLOCK)
        active = 0
        for row in range(first, last):  # listed without a branch: the next one takes the place of one that does not fit
            rows[active] = row
            keys[active] = key[row]
            active += status[row] == ACTIVE
        for k in range(active):  # a loop of its own, so that it is vectorised
            u_lapses[k] = first_uniform(seed, LAPSE, keys[k], week)
        promoters = 0
        detractors = 0
        staying = 0
        for k in range(active):
            row = rows[k]
            best = 0.0
            told = 0.0
            for m in range(platforms):
                best = max(best, min(1.0, satisfaction[row, m] * seen_visits[m]))
                told = max(told, min(1.0, satisfaction[row, m] * seen_adoption[m]))
            if u_lapses[k] < lapse_hazard(best, rules):
                status[row] = LAPSED
                recommends[row] = 0
                continue
            points = likelihood_to_recommend(told, leniency[row], rules)
            recommends[row] = points >= 9 or rules.everyone_recommends
            promoters += points >= 9
            detractors += points <= 6
            rows[staying] = row
            staying += 1
        counts[block, 0] = active - staying
        counts[block, 1] = promoters
        counts[block, 2] = detractors
        counts[block, 3] = staying
        for m in range(platforms):
            total = 0.0
            for k in range(staying):
                total += satisfaction[rows[k], m]
            sums[block, m] = total


@loop
def review(  # type: ignore[no-untyped-def]
    seed, week, key, customer, offer, outcome, late, days, promised, promise, platform, felt, rules, quality,
    usual_quality, seller, seller_stars, seller_reviews, retail_stars, retail_reviews, given,
):  # fmt: skip
    """Leave reviews and add them to the reputation of sellers and of platforms' own retail.

    Parameters
    ----------
    promised, promise : (offers.size,) float64, float
        Promised days, and how many times the median that is.
    felt : (platforms,) float64
        Factor on days as customers perceive them.
    given : (orders,) int8, out
        Stars of each order, 0 without a review.

    Returns
    -------
    stars, reviews
        Sum and number of the week's stars.
    """
    all_stars = 0
    reviews = 0
    for order in range(customer.size):
        given[order] = 0
        if outcome[order] != DELIVERED:
            continue
        u_review, u_stars, _, _ = draw(seed, REVIEW, key[customer[order]], week)
        if u_review >= rules.review_rate:
            continue
        row = offer[order]
        seen = felt[platform[row]]
        delay = days[order] * seen - promised[row] / promise * seen
        left = stars(normal(u_stars), quality[row] - usual_quality, delay, late[order] != 0, rules)
        given[order] = np.int8(left)
        all_stars += left
        reviews += 1
        who = seller[row]
        if who >= 0:
            seller_stars[who] += left
            seller_reviews[who] += 1
        else:
            retail_stars[-1 - who] += left
            retail_reviews[-1 - who] += 1
    return all_stars, reviews
