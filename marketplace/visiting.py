"""Phase 2, the loop: the customers of a block visit, search and choose side by side.

`marketplace.search` says what one customer does; here many do it in step. One stage after another is gone through for
up to `BATCH` searches, in scratch that stays in the nearest cache (`marketplace.desk`). So the memory of one customer
is fetched while another is served, loops over searches are vectorised, and where a single search would branch on what
it finds, in a way no processor can guess, here both outcomes are computed and one is kept. The results are those of
one customer after another, bit for bit.
"""

from __future__ import annotations

import math

import numpy as np

from agents.chance import ELSEWHERE, NEED, SEARCH, VISIT, draw
from agents.compiled import block_loop, block_rule
from agents.customer import ACTIVE, circle_distance, utility, visit_rate, visits, wrap
from agents.maths import exponential
from marketplace.desk import BATCH, ONE, ZERO, empty_crowd, empty_desk
from marketplace.search import (
    BLOCK,
    UNIFORM_WIDTH,
    above_nothing,
    add,
    around,
    excess,
    favourite,
    log_sum_of,
    need_category,
    need_place,
    pick_platform,
    reads,
    which,
)

NOBODY = -(2**31)  # seller of a tie that is not there


@block_rule
def find_visitors(block, seed, week, rules, people, seen, crowd):  # type: ignore[no-untyped-def]
    """Let the customers of a block decide whether they visit, and where first.

    Fills the front of ``crowd`` with those who do and returns how many. Lists are made without a branch: the next
    row takes the place of one that does not fit.
    """
    row_of, key, u_visit = crowd.row, crowd.key, crowd.u_visit
    first = block * BLOCK
    last = min(people.status.size, first + BLOCK)
    active = 0
    for row in range(first, last):
        row_of[active] = row
        key[active] = people.key[row]
        active += people.status[row] == ACTIVE
    for k in range(active):  # a loop of its own, so that it is vectorised
        u_visit[k], crowd.u_platform[k], crowd.u_elsewhere[k], crowd.u_log[k] = draw(seed, VISIT, key[k], week)
    found = 0
    for k in range(active):
        row, u = row_of[k], u_visit[k]
        platform = pick_platform(
            crowd.u_platform[k], people.satisfaction, row, seen.satisfaction, seen.closed, rules.platform_sensitivity,
            -1,
        )  # fmt: skip
        rate = 0.0
        if platform >= 0:
            perceived = min(1.0, people.satisfaction[row, platform] * seen.satisfaction[platform])
            rate = visit_rate(people.need_rate[row], perceived, rules)
        row_of[found] = row
        key[found] = key[k]
        crowd.platform[found] = platform
        crowd.rate[found] = rate
        u_visit[found] = u
        crowd.u_elsewhere[found] = crowd.u_elsewhere[k]
        crowd.u_log[found] = crowd.u_log[k]
        found += u < rate  # most of those visit, and no others
    visitors = 0
    for k in range(found):
        row_of[visitors] = row_of[k]
        key[visitors] = key[k]
        crowd.platform[visitors] = crowd.platform[k]
        crowd.u_elsewhere[visitors] = crowd.u_elsewhere[k]
        crowd.u_log[visitors] = crowd.u_log[k]
        visitors += visits(u_visit[k], crowd.rate[k])
    return visitors


@block_rule
def sit_down(first, count, people, offer_seller, position, crowd, desk):  # type: ignore[no-untyped-def]
    """Fetch what the searches need of their customers, all at once, so that one waits for memory beside another."""
    ties = people.tie_offer.shape[1]
    for k in range(count):
        row = crowd.row[first + k]
        desk.row[k] = row
        desk.key[k] = crowd.key[first + k]
        desk.platform[k] = crowd.platform[first + k]
        desk.alpha[k] = people.alpha[row]
        desk.degree[k] = people.indptr[row + 1] - people.indptr[row]
        for t in range(ties):
            offer = people.tie_offer[row, t]
            there = offer >= 0
            offer = max(0, offer)
            desk.tie_at[k, t] = position[offer] if there else -1
            desk.tie_seller[k, t] = offer_seller[offer] if there else NOBODY
            desk.tie_weight[k, t] = people.tie_weight[row, t]


@block_rule
def name_needs(count, seed, week, taste, desk):  # type: ignore[no-untyped-def]
    """Draw what the customers need."""
    for k in range(count):
        desk.u_first[k], desk.u_friend[k], desk.u_buy[k], desk.u_which[k] = draw(seed, NEED, desk.key[k], week)
    for k in range(count):
        desk.category[k] = need_category(desk.u_first[k], taste.category_cdf)
    for k in range(count):
        desk.place[k] = need_place(
            desk.u_friend[k], desk.u_buy[k], desk.u_which[k], taste.popular_places, taste.head_share, taste.head_width
        )


@block_rule
def retrieve(count, seed, week, decision, rules, categories, shelf, noise, desk):  # type: ignore[no-untyped-def]
    """Let the platforms hear the needs, and find where the window of the nearest candidates begins.

    The candidates lie side by side on the circle, about the need. Bisection over where the window may start.
    """
    for k in range(count):
        desk.u_first[k], desk.u_friend[k], desk.u_buy[k], desk.u_which[k] = draw(seed, decision, desk.key[k], week)
    for k in range(count):
        width = noise[desk.platform[k]]
        heard = desk.place[k]
        if width > 0.0:
            heard = wrap(heard + width * UNIFORM_WIDTH * (desk.u_first[k] - 0.5))
        desk.heard[k] = heard
        circle = desk.platform[k] * categories + desk.category[k]
        low, high = shelf.segment[circle], shelf.segment[circle + 1]
        take = min(rules.candidates, high - low)
        bucket = circle * shelf.buckets + int(heard * shelf.buckets)
        first = shelf.bucket[bucket] - take
        answers = shelf.bucket[bucket + 1] - first + 1 if take > 0 else 1
        desk.low[k] = low
        desk.high[k] = high
        desk.take[k] = take
        while answers > 1:
            half = answers // 2
            before = first + half - 1
            goes_on = heard - reads(shelf.place, before, low, high) > (
                reads(shelf.place, before + take, low, high) - heard
            )
            first += half * goes_on
            answers -= half
        desk.first[k] = first


@block_rule
def rank(count, rules, shelf, desk):  # type: ignore[no-untyped-def]
    """Rank the candidates of all searches and keep the best ``shown`` of each, best first, by insertion in step."""
    mismatch_weight = rules.relevance * rules.tau
    most = 0
    for k in range(count):
        low, high, heard, take = desk.low[k], desk.high[k], desk.heard[k], desk.take[k]
        first = desk.first[k]
        most = max(most, take)
        for c in range(take):
            at, turn = around(first + c, low, high)
            desk.score[c, k] = shelf.rank[at] - mismatch_weight * abs(shelf.place[at] + turn - heard)
        for c in range(take, desk.score.shape[0]):
            desk.score[c, k] = -math.inf
    for s in range(rules.shown):
        top_score = desk.top_score[s]
        for k in range(count):
            top_score[k] = -math.inf
    carried = desk.carried
    for c in range(most):
        score = desk.score[c]
        for k in range(count):
            carried[k] = c
        for s in range(min(c + 1, rules.shown)):
            top_score, top = desk.top_score[s], desk.top[s]
            for k in range(count):
                better = score[k] > top_score[k]
                new, new_one, held, held_one = score[k], carried[k], top_score[k], top[k]
                top_score[k] = new if better else held
                top[k] = new_one if better else held_one
                score[k] = held if better else new
                carried[k] = held_one if better else new_one


@block_rule
def list_shown(count, rules, desk):  # type: ignore[no-untyped-def]
    """List the best ranked candidates: what is shown."""
    for k in range(count):
        kept = min(rules.shown, desk.take[k])
        for j in range(kept):
            at, _ = around(desk.first[k] + desk.top[j, k], desk.low[k], desk.high[k])
            desk.at[k, j] = np.int64(at)
        desk.kept[k] = kept
        desk.advised[k] = -1


@block_rule
def list_known(count, rules, people, position, desk):  # type: ignore[no-untyped-def]
    """List, beside what is shown, what the customer knows and what a friend advises."""
    ties = people.tie_offer.shape[1]
    for k in range(count):
        low, high = desk.low[k], desk.high[k]
        listed = desk.at[k]
        kept = desk.kept[k]
        for t in range(ties):
            if low <= desk.tie_at[k, t] < high:
                kept = add(desk.tie_at[k, t], kept, listed)
        advised = -1
        if desk.degree[k] > 0 and desk.u_friend[k] < rules.recommendation_rate:
            ours = people.indptr[desk.row[k]]
            friend = people.indices[ours + int(desk.u_friend[k] / rules.recommendation_rate * desk.degree[k])]
            advised = favourite(friend, low, high, people.recommends, people.tie_offer, people.tie_weight, position)
            if advised >= 0:
                kept = add(advised, kept, listed)
        desk.kept[k] = kept
        desk.advised[k] = advised


@block_rule
def value(count, rules, mismatch, ties, shelf, desk):  # type: ignore[no-untyped-def]
    """Find the utility of all that is considered."""
    most = desk.at.shape[1]
    for k in range(count):
        cost = rules.tau * mismatch[desk.platform[k]]
        kept = desk.kept[k]
        peak = -math.inf
        for j in range(kept):
            at = desk.at[k, j]
            gap = circle_distance(desk.place[k], shelf.place[at])
            worth = utility(shelf.base[at], shelf.price[at], gap, desk.alpha[k], cost)
            bond = 0.0
            for t in range(ties):
                bond += desk.tie_weight[k, t] if desk.tie_seller[k, t] == shelf.seller[at] else 0.0
            worth += rules.tie_bonus * bond
            worth += rules.friend_bonus if at == desk.advised[k] else 0.0
            desk.gap[k, j] = gap
            desk.value[k, j] = worth / rules.mu
            peak = max(peak, desk.value[k, j])
        desk.peak[k] = peak
        for j in range(kept):
            desk.weight[k * most + j] = desk.value[k, j] - peak
        for j in range(kept, most):
            desk.weight[k * most + j] = -math.inf


@block_rule
def weigh(count, outside, desk):  # type: ignore[no-untyped-def]
    """Turn utilities into weights, and find by how much the best offer beats the outside option."""
    most = desk.at.shape[1]
    weight, total, inside, margin, inclusive = desk.weight, desk.total, desk.inside, desk.margin, desk.inclusive
    for i in range(count * most):  # loops of their own, so that they are vectorised
        weight[i] = exponential(weight[i])
    for k in range(count):
        total[k] = 0.0
        for j in range(k * most, (k + 1) * most):
            total[k] += weight[j]
    for k in range(count):
        inside[k] = log_sum_of(desk.peak[k], total[k])
    for k in range(count):
        margin[k] = excess(desk.u_buy[k], inside[k], outside)
    for k in range(count):
        inclusive[k] = above_nothing(inside[k])


@block_rule
def choose(k, slot, rules, level, shelf, desk, visits_):  # type: ignore[no-untyped-def]
    """Let one customer choose among what it considers, and write the visit down. Returns whether it buys."""
    most = desk.at.shape[1]
    margin = desk.margin[k]
    visits_.customer[slot] = desk.row[k]
    visits_.platform[slot] = desk.platform[k]
    visits_.inclusive[slot] = desk.inclusive[k]
    buys = margin > 0.0
    if buys:
        j = which(desk.u_which[k], desk.weight, k * most, desk.total[k], desk.kept[k])
        visits_.offer[slot] = shelf.row[desk.at[k, j]]
        visits_.distance[slot] = desk.gap[k, j]
        visits_.surplus[slot] = rules.mu * margin * level[desk.category[k]] / desk.alpha[k]
    else:
        visits_.offer[slot] = -1
        visits_.distance[slot] = 0.0
        visits_.surplus[slot] = 0.0
    return buys


@block_rule
def write_down(k, at, rules, shelf, desk, log):  # type: ignore[no-untyped-def]
    """Write a search into the log."""
    low, high, take, heard = desk.low[k], desk.high[k], desk.take[k], desk.heard[k]
    log.platform[at] = desk.platform[k]
    log.category[at] = desk.category[k]
    log.place[at] = desk.place[k]
    log.alpha[at] = desk.alpha[k]
    log.worst_rank[at] = desk.top_score[rules.shown - 1, k] if take >= rules.shown else -math.inf
    log.reach[at] = math.inf
    if take < high - low:
        back = heard - reads(shelf.place, desk.first[k], low, high)
        ahead = reads(shelf.place, desk.first[k] + take - 1, low, high) - heard
        log.reach[at] = max(0.0, back, ahead)
    for j in range(log.shown.shape[1]):
        inside = j < desk.kept[k]
        log.shown[at, j] = shelf.row[desk.at[k, j]] if inside else -1
        log.utility[at, j] = desk.value[k, j] if inside else 0.0


@block_rule
def search(count, seed, week, decision, rules, people, taste, shelf, seen, desk):  # type: ignore[no-untyped-def]
    """Let the customers at the desk search: afterwards it holds what each considers, and its utility."""
    categories = taste.category_cdf.size
    retrieve(count, seed, week, decision, rules, categories, shelf, seen.noise, desk)
    rank(count, rules, shelf, desk)
    list_shown(count, rules, desk)
    list_known(count, rules, people, shelf.position, desk)
    value(count, rules, seen.mismatch, people.tie_offer.shape[1], shelf, desk)
    weigh(count, rules.outside / rules.mu, desk)


@block_rule
def visit_block(  # type: ignore[no-untyped-def]
    block, seed, week, each, log_share, rules, offer_seller, level, people, taste, shelf, seen, visits_, log, crowd,
    desk, alone,
):  # fmt: skip
    """Let one block of customers visit and choose; see `visit_and_choose`. What comes after ``log`` is scratch."""
    log_room = log.platform.size // log.filled.size
    log_at = block * log_room
    log_end = log_at + log_room
    slot = block * BLOCK * each
    bought = 0
    visitors = find_visitors(block, seed, week, rules, people, seen, crowd)
    for first in range(0, visitors, BATCH):
        count = min(BATCH, visitors - first)
        sit_down(first, count, people, offer_seller, shelf.position, crowd, desk)
        name_needs(count, seed, week, taste, desk)
        search(count, seed, week, np.int64(SEARCH), rules, people, taste, shelf, seen, desk)
        for k in range(count):
            logged = log_share >= 1.0 or crowd.u_log[first + k] < log_share
            if logged and log_at < log_end:
                write_down(k, log_at, rules, shelf, desk, log)
                log_at += 1
            buys = choose(k, slot, rules, level, shelf, desk, visits_)
            slot += 1
            if each > 1 and not buys:
                platform = pick_platform(
                    crowd.u_elsewhere[first + k], people.satisfaction, desk.row[k], seen.satisfaction, seen.closed,
                    rules.platform_sensitivity, desk.platform[k],
                )  # fmt: skip
                if platform >= 0:
                    sit_down(first + k, ONE, people, offer_seller, shelf.position, crowd, alone)
                    alone.platform[0] = platform
                    alone.category[0] = desk.category[k]
                    alone.place[0] = desk.place[k]
                    search(ONE, seed, week, np.int64(ELSEWHERE), rules, people, taste, shelf, seen, alone)
                    if logged and log_at < log_end:
                        write_down(ZERO, log_at, rules, shelf, alone, log)
                        log_at += 1
                    buys = choose(ZERO, slot, rules, level, shelf, alone, visits_)
                    slot += 1
            bought += buys
    visits_.filled[block] = slot - block * BLOCK * each
    visits_.bought[block] = bought
    log.filled[block] = log_at - block * log_room


@block_loop
def visit_and_choose(  # type: ignore[no-untyped-def]
    first_block, last_block, seed, week, each, log_share, rules, offer_seller, level, people, taste, shelf,
    seen, visits_, log,
):  # fmt: skip
    """Let every active customer decide whether to visit, where, and what to buy. Fills ``visits_`` and ``log``.

    Parameters
    ----------
    each : int
        Searches a customer may make in a week: 2 where a failed search goes on elsewhere.
    log_share : float
        Share of searches to log. Each block of customers has its part of the log's room.
    """
    crowd = empty_crowd(BLOCK)
    ties = people.tie_offer.shape[1]
    take = min(rules.candidates, shelf.place.size)
    desk = empty_desk(BATCH, take, rules.shown, ties)
    alone = empty_desk(ONE, take, rules.shown, ties)
    for block in range(first_block, last_block):
        visit_block(
            block, seed, week, each, log_share, rules, offer_seller, level, people, taste, shelf, seen, visits_, log,
            crowd, desk, alone,
        )  # fmt: skip
