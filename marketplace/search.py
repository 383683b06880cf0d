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

from agents.chance import ELSEWHERE, NEED, SEARCH, VISIT, draw
from agents.compiled import block_loop, block_rule, loop, rule
from agents.customer import ACTIVE, circle_distance, utility, visit_rate, visits, wrap

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
    high = cdf.size - 1
    while low < high:
        middle = (low + high) // 2
        if u < cdf[middle]:
            high = middle
        else:
            low = middle + 1
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
def reads(place, at, low, high):  # type: ignore[no-untyped-def]
    """Return the place at a position of a circle that runs on beyond its ends: one turn back below, one on above."""
    if at < low:
        return place[at + high - low] - 1.0
    if at >= high:
        return place[at - high + low] + 1.0
    return place[at]


@rule
def nearest_window(place, low, high, right, take, heard):  # type: ignore[no-untyped-def]
    """Return the first position of the ``take`` offers nearest to a heard need; they lie side by side on the circle.

    ``right`` is the first position at or after the need. Bisection over where the window may start.
    """
    first = right - take
    last = right
    while first < last:
        middle = (first + last) // 2
        if heard - reads(place, middle, low, high) > reads(place, middle + take, low, high) - heard:
            first = middle + 1
        else:
            last = middle
    return first


@rule
def rank_in(position, score, kept, most, top, top_score):  # type: ignore[no-untyped-def]
    """Put an offer among the best ``most`` by score, best first. Returns how many are kept."""
    if kept < most:
        slot = kept
        kept += 1
    elif score > top_score[most - 1]:
        slot = most - 1
    else:
        return kept
    while slot > 0 and top_score[slot - 1] < score:
        top_score[slot] = top_score[slot - 1]
        top[slot] = top[slot - 1]
        slot -= 1
    top_score[slot] = score
    top[slot] = position
    return kept


@rule
def find_shown(place, rank, low, high, right, heard, candidates, most, mismatch_weight, top, top_score):  # type: ignore[no-untyped-def]
    """Retrieve the nearest candidates to a heard need and keep the best ranked.

    Parameters
    ----------
    place, rank : (offers on the shelf,) float64
        Of the whole shelf; the circle lies from ``low`` to ``high``.
    right : int
        First position of the circle at or after the heard need; ``high`` if there is none.
    top, top_score : (most,), out
        Positions on the shelf, best first, and their rank scores.

    Returns
    -------
    kept, reach
        How many are shown, and the distance of the farthest candidate; infinite where the whole circle was
        retrieved.
    """
    size = high - low
    take = min(candidates, size)
    first = nearest_window(place, low, high, right, take, heard)
    kept = 0
    reach = 0.0
    # Outwards from the need on either side, so that most of the later ones are turned away at once.
    for at in range(right, first + take):
        gap = reads(place, at, low, high) - heard
        reach = max(reach, gap)
        position = at - size if at >= high else at
        kept = rank_in(position, rank[position] - mismatch_weight * gap, kept, most, top, top_score)
    for at in range(right - 1, first - 1, -1):
        gap = heard - reads(place, at, low, high)
        reach = max(reach, gap)
        position = at + size if at < low else at
        kept = rank_in(position, rank[position] - mismatch_weight * gap, kept, most, top, top_score)
    return kept, (reach if take < size else math.inf)


@rule
def first_after(place, bucket, buckets, circle, high, heard):  # type: ignore[no-untyped-def]
    """Return the first position of a circle at or after a place; ``high``, its end, if there is none."""
    right = bucket[circle * buckets + int(heard * buckets)]
    while right < high and place[right] < heard:
        right += 1
    return right


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
def log_sum(value, kept):  # type: ignore[no-untyped-def]
    """Turn utilities/mu into weights of the offers considered.

    Returns the log-sum of the offers (-inf without any) and the total of what ``value`` then holds, exp(v - largest).
    """
    peak = -math.inf
    for j in range(kept):
        peak = max(peak, value[j])
    total = 0.0
    for j in range(kept):
        value[j] = math.exp(value[j] - peak)
        total += value[j]
    return (peak + math.log(total) if kept > 0 else -math.inf), total


@rule
def excess(u, inside, outside):  # type: ignore[no-untyped-def]
    """Return (best offer's utility - the outside option's)/mu: logistic about the difference of log-sums."""
    if inside == -math.inf:
        return -math.inf
    if outside == -math.inf:
        return math.inf
    return inside - outside + math.log(u / (1.0 - u))


@rule
def which(u, value, total, kept):  # type: ignore[no-untyped-def]
    """Return which of the offers considered is chosen, by its share."""
    mark = u * total
    for j in range(kept):
        mark -= value[j]
        if mark <= 0.0:
            return j
    return kept - 1


@rule
def above_nothing(inside):  # type: ignore[no-untyped-def]
    """Return ln(1 + exp(inside)): the inclusive value of a search beside doing nothing."""
    if inside > 0.0:
        return inside + math.log1p(math.exp(-inside))
    return math.log1p(math.exp(inside))


@block_rule
def visit_block(  # type: ignore[no-untyped-def]
    block, seed, week, each, log_share, rules, offer_seller, level, people, taste, shelf, seen, visits_, log,
    top, top_score, value, gap, known_at, known_seller, u_visits, u_logs,
):  # fmt: skip
    """Let one block of customers visit and choose; see `visit_and_choose`. What comes after ``log`` is scratch."""
    key, status, need_rate, alphas, satisfaction, recommends, tie_offer, tie_weight, indptr, indices = people
    category_cdf, popular_places, head_share, head_width = taste
    segment, bucket, buckets, place_of, base, price, rank, seller, row_of, position = shelf
    mismatch, felt, noise, closed = seen
    v_customer, v_platform, v_offer, v_distance, v_inclusive, v_surplus, v_count, v_bought = visits_
    l_platform, l_category, l_place, l_alpha, l_shown, l_utility, _, _, _, l_worst, l_reach, l_count = log
    categories = category_cdf.size
    outside = rules.outside / rules.mu
    ties = tie_offer.shape[1]
    most = rules.shown + ties + 1
    first_row = block * BLOCK
    last_row = min(status.size, first_row + BLOCK)
    for row in range(first_row, last_row):  # a loop of its own, so that it is vectorised
        u_visits[row - first_row], _, _, u_logs[row - first_row] = draw(seed, VISIT, key[row], week)
    log_room = l_platform.size // v_count.size
    log_at = block * log_room
    log_end = log_at + log_room
    slot = first_row * each
    bought = 0
    for row in range(first_row, last_row):
        if status[row] != ACTIVE:
            continue
        u_elsewhere = 0.0
        platform = 0
        if felt.size > 1:
            _, u_platform, u_elsewhere, _ = draw(seed, VISIT, key[row], week)
            platform = pick_platform(u_platform, satisfaction, row, felt, closed, rules.platform_sensitivity, -1)
            if platform < 0:
                continue
        elif closed[0]:
            continue
        perceived = min(1.0, satisfaction[row, platform] * felt[platform])
        if not visits(u_visits[row - first_row], visit_rate(need_rate[row], perceived, rules)):
            continue
        u_category, u_head, u_place, u_spread = draw(seed, NEED, key[row], week)
        category = need_category(u_category, category_cdf)
        place = need_place(u_head, u_place, u_spread, popular_places, head_share, head_width)
        alpha = alphas[row]
        known = 0
        while known < ties and tie_offer[row, known] >= 0:
            known_at[known] = position[tie_offer[row, known]]
            known_seller[known] = offer_seller[tie_offer[row, known]]
            known += 1
        degree = indptr[row + 1] - indptr[row]
        decision = SEARCH
        for _ in range(each):
            u_noise, u_friend, u_buy, u_which = draw(seed, decision, key[row], week)
            circle = platform * categories + category
            low = segment[circle]
            high = segment[circle + 1]
            heard = place
            if noise[platform] > 0.0:
                heard = wrap(place + noise[platform] * UNIFORM_WIDTH * (u_noise - 0.5))
            kept = 0
            reach = math.inf
            advised = -1
            if high > low:
                right = first_after(place_of, bucket, buckets, circle, high, heard)
                kept, reach = find_shown(place_of, rank, low, high, right, heard, rules.candidates, rules.shown,
                                         rules.relevance * rules.tau, top, top_score)  # fmt: skip
            listed = kept
            for k in range(known):
                if low <= known_at[k] < high:
                    kept = add(known_at[k], kept, top)
            if degree > 0 and u_friend < rules.recommendation_rate:
                friend = indices[indptr[row] + int(u_friend / rules.recommendation_rate * degree)]
                advised = favourite(friend, low, high, recommends, tie_offer, tie_weight, position)
                if advised >= 0:
                    kept = add(advised, kept, top)
            peak = -math.inf
            for j in range(kept):
                at = top[j]
                gap[j] = circle_distance(place, place_of[at])
                worth = utility(base[at], price[at], gap[j], alpha, rules.tau * mismatch[platform])
                for k in range(known):
                    if known_seller[k] == seller[at]:
                        worth += rules.tie_bonus * tie_weight[row, k]
                        break
                if at == advised:
                    worth += rules.friend_bonus
                value[j] = worth / rules.mu
                peak = max(peak, value[j])
            if log_at < log_end and (log_share >= 1.0 or u_logs[row - first_row] < log_share):
                l_platform[log_at] = platform
                l_category[log_at] = category
                l_place[log_at] = place
                l_alpha[log_at] = alpha
                l_worst[log_at] = top_score[listed - 1] if listed == rules.shown else -math.inf
                l_reach[log_at] = reach
                for j in range(most):
                    l_shown[log_at, j] = row_of[top[j]] if j < kept else -1
                    l_utility[log_at, j] = value[j] if j < kept else 0.0
                log_at += 1
            total = 0.0
            for j in range(kept):
                value[j] = math.exp(value[j] - peak)
                total += value[j]
            inside = peak + math.log(total) if kept > 0 else -math.inf
            margin = excess(u_buy, inside, outside)
            v_customer[slot] = row
            v_platform[slot] = platform
            v_inclusive[slot] = above_nothing(inside)
            if margin > 0.0:
                j = which(u_which, value, total, kept)
                v_offer[slot] = row_of[top[j]]
                v_distance[slot] = gap[j]
                v_surplus[slot] = rules.mu * margin * level[category] / alpha
                bought += 1
                slot += 1
                break
            v_offer[slot] = -1
            v_distance[slot] = 0.0
            v_surplus[slot] = 0.0
            slot += 1
            if each > 1:
                platform = pick_platform(
                    u_elsewhere, satisfaction, row, felt, closed, rules.platform_sensitivity, platform
                )
                if platform < 0:
                    break
                decision = ELSEWHERE
    v_count[block] = slot - first_row * each
    v_bought[block] = bought
    l_count[block] = log_at - block * log_room


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
    ties = people.tie_offer.shape[1]
    most = rules.shown + ties + 1
    gap = np.empty(most)
    known_at = np.empty(ties, np.int64)
    known_seller = np.empty(ties, np.int64)
    top = np.empty(most, np.int64)
    top_score = np.empty(most)
    u_logs = np.empty(BLOCK)
    u_visits = np.empty(BLOCK)
    value = np.empty(most)
    for block in range(first_block, last_block):
        visit_block(
            block, seed, week, each, log_share, rules, offer_seller, level, people, taste, shelf, seen, visits_, log,
            top, top_score, value, gap, known_at, known_seller, u_visits, u_logs,
        )  # fmt: skip
