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

from agents.compiled import block_rule, loop, rule
from agents.customer import circle_distance, utility, wrap
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


class Shelf(NamedTuple):
    """The week's visible offers, sorted by (platform, category, place), and how to find a place among them."""

    segment: Ints  # (platforms * categories + 1,) first position of each circle
    bucket: npt.NDArray[np.int32]  # (platforms * categories * buckets + 1,) first position at or after each bucket
    buckets: int  # buckets a circle
    place: Floats  # (offers on the shelf,)
    base: Floats  # utility but for price and mismatch
    price: Floats  # perceived price in units of the category's price level
    rank: Floats  # rank but for relevance
    seller: npt.NDArray[np.int32]
    row: npt.NDArray[np.int32]  # row in the table of offers
    position: npt.NDArray[np.int32]  # (offers.size,) position on the shelf of each row, -1 if it is not there


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


class Log(NamedTuple):
    """A sample of the week's searches with what was shown: what sellers and entrants learn from."""

    platform: npt.NDArray[np.int8]
    category: npt.NDArray[np.int32]
    place: Floats  # true place of the need
    alpha: Floats
    shown: npt.NDArray[np.int32]  # (searches, most shown) rows of offers, -1 beyond
    utility: Floats  # (searches, most shown)
    share: Floats  # (searches, most shown) choice probabilities
    inclusive: Floats
    log_total: Floats  # log-sum of all that is offered, the outside option included
    worst_share: Floats  # share of the last offer listed, which a newcomer would replace where the list is full
    worst_rank: Floats  # lowest rank score shown, -inf where a free place was left
    reach: Floats  # distance from the heard need of the farthest candidate, inf where all were retrieved
    filled: Ints  # (blocks,) searches written by each block of customers


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
def log_sum_of(peak, total):  # type: ignore[no-untyped-def]
    """Return the log-sum of utilities/mu: of the largest and the total of exp(v - largest); -inf without any."""
    return peak + logarithm(total) if peak > -math.inf else -math.inf


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
        value[j] = exponential(value[j] - peak)
        total += value[j]
    return log_sum_of(peak, total), total


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


@block_rule
def join_log(log, out, outside, room_shown):  # type: ignore[no-untyped-def]
    """Do the work of `close_log`."""
    room = log.platform.size // log.filled.size
    written = 0
    most = log.shown.shape[1]
    for block in range(log.filled.size):
        for at in range(block * room, block * room + log.filled[block]):
            out.platform[written] = log.platform[at]
            out.category[written] = log.category[at]
            out.place[written] = log.place[at]
            out.alpha[written] = log.alpha[at]
            out.worst_rank[written] = log.worst_rank[at]
            out.reach[written] = log.reach[at]
            peak = -math.inf
            for j in range(most):
                out.shown[written, j] = log.shown[at, j]
                out.utility[written, j] = log.utility[at, j]
                out.share[written, j] = 0.0
                if log.shown[at, j] >= 0:
                    peak = max(peak, log.utility[at, j])
            total = 0.0
            for j in range(most):
                if log.shown[at, j] >= 0:
                    total += math.exp(log.utility[at, j] - peak)
            inside = peak + math.log(total) if total > 0.0 else -math.inf
            out.inclusive[written] = above_nothing(inside)
            top = max(peak, outside)
            whole = total * math.exp(peak - top) + math.exp(outside - top) if top > -math.inf else 0.0
            out.log_total[written] = top + math.log(whole) if whole > 0.0 else -math.inf
            for j in range(most):
                if log.shown[at, j] >= 0:  # by weights, not by logs, so that shares add up to 1 at any utility
                    out.share[written, j] = math.exp(log.utility[at, j] - top) / whole
            out.worst_share[written] = out.share[written, room_shown - 1]
            written += 1
    return written


@loop
def close_log(log, out, outside, room_shown):  # type: ignore[no-untyped-def]
    """Bring the blocks' parts of a log together in ``out`` and add what follows from utilities. Returns how many."""
    return join_log(log, out, outside, room_shown)


@block_rule
def read_needs(  # type: ignore[no-untyped-def]
    platform, category, place, alpha, shelf, days, rules, categories, out, top, top_score, value
):
    """Read one platform's shelf; see `read_panel`. What comes after ``out`` is scratch."""
    segment, bucket, buckets, place_of, base, price_of, rank, _, row_of, _ = shelf
    most = rules.shown
    served = 0
    price = 0.0
    distance = 0.0
    wait = 0.0
    inclusive = 0.0
    for need in range(category.size):
        circle = platform * categories + category[need]
        low, high = segment[circle], segment[circle + 1]
        if high == low:
            distance += 0.5
            continue
        right = first_after(place_of, bucket, buckets, circle, high, place[need])
        kept, _ = find_shown(place_of, rank, low, high, right, place[need], rules.candidates, most,
                             rules.relevance * rules.tau, top, top_score)  # fmt: skip
        mean_gap = 0.0
        mean_days = 0.0
        for j in range(kept):
            gap = circle_distance(place[need], place_of[top[j]])
            worth = utility(base[top[j]], price_of[top[j]], gap, alpha, rules.tau)
            value[j] = worth / rules.mu
            mean_gap += gap
            mean_days += days[row_of[top[j]]]
        inside, total = log_sum(value, kept)
        inclusive += above_nothing(inside)
        mean_price = 0.0
        for j in range(kept):
            mean_price += value[j] / total * price_of[top[j]]
        price += mean_price
        distance += mean_gap / kept
        wait += mean_days / kept
        served += 1
    out[0] = price / served if served > 0 else math.nan
    out[1] = distance / category.size
    out[2] = wait / served if served > 0 else math.nan
    out[3] = inclusive / category.size


@loop
def read_panel(category, place, alpha, shelf, days, rules, categories, out):  # type: ignore[no-untyped-def]
    """Read the shelf of every platform with a fixed basket of needs, without search noise.

    Fills ``out`` (platforms, 4) with the mean over needs of the expected price (relative to the price level, given a
    choice), of the distance and the promised days of what is shown, and of the inclusive value. A need that nothing
    is shown for lies half a circle away; it is left out of price and days. NaN where no need is served.
    """
    top = np.empty(rules.shown, np.int64)
    top_score = np.empty(rules.shown)
    value = np.empty(rules.shown)
    for platform in range(out.shape[0]):
        read_needs(
            platform, category, place, alpha, shelf, days, rules, categories, out[platform], top, top_score, value
        )


@loop
def fill_shelf(  # type: ignore[no-untyped-def]
    order, stock, to_order, visible, platform, category, place, price, base, rank, seller, level,
    categories, shelf,
):  # fmt: skip
    """Lay out the offers in stock and visible, given in ``order`` of (platform, category, place). Returns how many."""
    at = 0
    circle = 0
    shelf.position[:] = -1
    shelf.segment[0] = 0
    next_bucket = 0
    buckets = shelf.buckets
    for k in range(order.size):
        row = order[k]
        if not visible[row] or not (to_order or stock[row] > 0):
            continue
        mine = platform[row] * categories + category[row]
        while circle < mine:
            circle += 1
            shelf.segment[circle] = at
        last_bucket = mine * buckets + int(place[row] * buckets)
        while next_bucket <= last_bucket:
            shelf.bucket[next_bucket] = at
            next_bucket += 1
        shelf.place[at] = place[row]
        shelf.base[at] = base[row]
        shelf.price[at] = price[row] / level[category[row]]
        shelf.rank[at] = rank[row]
        shelf.seller[at] = seller[row]
        shelf.row[at] = row
        shelf.position[row] = at
        at += 1
    while circle < shelf.segment.size - 1:
        circle += 1
        shelf.segment[circle] = at
    while next_bucket < shelf.bucket.size:
        shelf.bucket[next_bucket] = at
        next_bucket += 1
    return at


def empty_shelf(offers: int, circles: int) -> Shelf:
    """Room for a shelf of at most ``offers`` rows on ``circles`` circles, with about one offer a bucket."""
    buckets = 1 << max(0, (max(1, offers // circles) - 1).bit_length())
    return Shelf(
        np.zeros(circles + 1, np.int64),
        np.zeros(circles * buckets + 1, np.int32),
        buckets,
        np.empty(offers),
        np.empty(offers),
        np.empty(offers),
        np.empty(offers),
        np.empty(offers, np.int32),
        np.empty(offers, np.int32),
        np.empty(offers, np.int32),
    )


def empty_log(searches: int, most: int, blocks: int) -> Log:
    """Room for a log of ``searches`` searches that each consider at most ``most`` offers."""
    wide = (searches, most)
    return Log(
        np.empty(searches, np.int8),
        np.empty(searches, np.int32),
        np.empty(searches),
        np.empty(searches),
        np.empty(wide, np.int32),
        np.empty(wide),
        np.empty(wide),
        np.empty(searches),
        np.empty(searches),
        np.empty(searches),
        np.empty(searches),
        np.empty(searches),
        np.zeros(blocks, np.int64),
    )


def first_rows(log: Log, count: int) -> Log:
    """The part of a log that was written this week."""
    return log._replace(**{name: part[:count] for name, part in log._asdict().items()})
