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

from agents.chance import ELSEWHERE, FRIEND, LOG, NEED, SEARCH, VISIT, draw
from agents.compiled import loop, prange, rule
from agents.customer import ACTIVE, circle_distance, utility, visit_rate, visits, wrap

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
    noise: Floats  # sd of the error with which each platform hears a need
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
    count: Ints  # (blocks,) slots filled
    bought: Ints  # (blocks,) of them with an offer


class Log(NamedTuple):
    """A sample of the week's searches with what was shown: what sellers and entrants learn from."""

    platform: npt.NDArray[np.int8]
    category: npt.NDArray[np.int32]
    place: Floats  # true place of the need
    alpha: Floats
    shown: npt.NDArray[np.int32]  # (searches, most shown) rows of offers, -1 beyond
    utility: Floats  # (searches, most shown)
    distance: Floats  # (searches, most shown) true mismatch
    share: Floats  # (searches, most shown) choice probabilities
    inclusive: Floats
    worst_rank: Floats  # lowest rank score shown, -inf where a free place was left
    reach: Floats  # distance from the heard need of the farthest candidate, inf where all were retrieved


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
def find_shown(shelf, circle, heard, candidates, most, mismatch_weight, top, top_score):  # type: ignore[no-untyped-def]
    """Retrieve the nearest candidates to a heard need and keep the best ranked.

    Walks outwards from the need on both sides. Fills ``top`` with positions on the shelf, best first, and
    ``top_score`` with their rank scores. Returns how many are shown and the distance of the farthest candidate,
    infinite where the whole circle was retrieved.
    """
    low = shelf.segment[circle]
    high = shelf.segment[circle + 1]
    take = min(candidates, high - low)
    if take == 0:
        return 0, math.inf
    right = shelf.bucket[circle * shelf.buckets + int(heard * shelf.buckets)]
    while right < high and shelf.place[right] < heard:
        right += 1
    left = right - 1
    right_turn = 0.0
    left_turn = 0.0
    if right == high:
        right = low
        right_turn = 1.0
    if left < low:
        left = high - 1
        left_turn = 1.0
    from_right = shelf.place[right] + right_turn - heard
    from_left = heard - shelf.place[left] + left_turn
    kept = 0
    reach = 0.0
    for _ in range(take):
        if from_right < from_left:
            position = right
            reach = from_right
            right += 1
            if right == high:
                right = low
                right_turn = 1.0
            from_right = shelf.place[right] + right_turn - heard
        else:
            position = left
            reach = from_left
            left -= 1
            if left < low:
                left = high - 1
                left_turn = 1.0
            from_left = heard - shelf.place[left] + left_turn
        score = shelf.rank[position] - mismatch_weight * reach
        if kept < most:
            slot = kept
            kept += 1
        elif score > top_score[most - 1]:
            slot = most - 1
        else:
            continue
        while slot > 0 and top_score[slot - 1] < score:
            top_score[slot] = top_score[slot - 1]
            top[slot] = top[slot - 1]
            slot -= 1
        top_score[slot] = score
        top[slot] = position
    return kept, (reach if take < high - low else math.inf)


@rule
def known_offers(kept, top, shelf, circle, row, people):  # type: ignore[no-untyped-def]
    """Add to what is shown the offers this customer's ties point to, as far as they fit the need. Return the count."""
    low = shelf.segment[circle]
    high = shelf.segment[circle + 1]
    for k in range(people.tie_offer.shape[1]):
        offer = people.tie_offer[row, k]
        if offer < 0:
            continue
        position = shelf.position[offer]
        if position < low or position >= high:
            continue
        for j in range(kept):
            if top[j] == position:
                break
        else:
            top[kept] = position
            kept += 1
    return kept


@rule
def friends_offer(u, seed, week, row, people, shelf, circle):  # type: ignore[no-untyped-def]
    """Return the position of a recommending friend's favourite that fits the need, or -1."""
    degree = people.indptr[row + 1] - people.indptr[row]
    if degree == 0:
        return -1
    friend = people.indices[people.indptr[row] + int(u * degree)]
    if people.recommends[friend] == 0:
        return -1
    low = shelf.segment[circle]
    high = shelf.segment[circle + 1]
    best = -1
    weight = 0.0
    for k in range(people.tie_offer.shape[1]):
        offer = people.tie_offer[friend, k]
        if offer >= 0 and people.tie_weight[friend, k] > weight:
            position = shelf.position[offer]
            if low <= position < high:
                best = position
                weight = people.tie_weight[friend, k]
    return best


@rule
def tie_weight(seller, row, people, offer_seller):  # type: ignore[no-untyped-def]
    """Return the weight of the tie with a seller, 0 without one."""
    for k in range(people.tie_offer.shape[1]):
        offer = people.tie_offer[row, k]
        if offer >= 0 and offer_seller[offer] == seller:
            return people.tie_weight[row, k]
    return 0.0


@rule
def consider(  # type: ignore[no-untyped-def]
    seed, week, decision, row, platform, category, place, alpha, people, shelf, seen, offer_seller, rules, categories,
    top, top_score, value, gap,
):  # fmt: skip
    """Search one platform for one need: fill ``top``, ``value`` and ``gap`` with what is considered.

    Returns
    -------
    count, u_buy, u_which, listed, reach
        Offers considered, the two uniforms of the choice, offers the platform itself listed, distance of the
        farthest candidate.
    """
    u_noise, u_noise2, u_buy, u_which = draw(seed, decision, people.key[row], week)
    circle = platform * categories + category
    heard = place
    if seen.noise[platform] > 0.0:  # the sum of two uniforms has variance 1/6
        heard = wrap(place + seen.noise[platform] * 2.449489742783178 * (u_noise + u_noise2 - 1.0))
    listed, reach = find_shown(
        shelf, circle, heard, rules.candidates, rules.shown, rules.relevance * rules.tau, top, top_score
    )
    kept = listed
    friend = -1
    if rules.recommendation_rate > 0.0:
        u_friend, u_who, _, _ = draw(seed, FRIEND, people.key[row], week)
        if u_friend < rules.recommendation_rate:
            friend = friends_offer(u_who, seed, week, row, people, shelf, circle)
    has_ties = people.tie_offer[row, 0] >= 0
    if has_ties:
        kept = known_offers(kept, top, shelf, circle, row, people)
    if friend >= 0:
        for j in range(kept):
            if top[j] == friend:
                break
        else:
            top[kept] = friend
            kept += 1
    cost = rules.tau * seen.mismatch[platform]
    for j in range(kept):
        at = top[j]
        gap[j] = circle_distance(place, shelf.place[at])
        worth = utility(shelf.base[at], shelf.price[at], gap[j], alpha, cost)
        if has_ties:
            worth += rules.tie_bonus * tie_weight(shelf.seller[at], row, people, offer_seller)
        if at == friend:
            worth += rules.friend_bonus
        value[j] = worth / rules.mu
    return kept, u_buy, u_which, listed, reach


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
    return inside - outside + math.log(u) - math.log1p(-u)


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


@rule
def visit_block(block, seed, week, people, taste, shelf, seen, offer_seller, level, rules, visits_, each):  # type: ignore[no-untyped-def]
    """Let one block of customers visit and choose; see `visit_and_choose`."""
    customers = people.status.size
    categories = taste.category_cdf.size
    outside = rules.outside / rules.mu
    most = rules.shown + people.tie_offer.shape[1] + 1
    top = np.empty(most, np.int64)
    top_score = np.empty(most)
    value = np.empty(most)
    gap = np.empty(most)
    slot = block * BLOCK * each
    first = slot
    bought = 0
    for row in range(block * BLOCK, min(customers, (block + 1) * BLOCK)):
        if people.status[row] != ACTIVE:
            continue
        u_visit, u_platform, u_elsewhere, _ = draw(seed, VISIT, people.key[row], week)
        platform = pick_platform(
            u_platform, people.satisfaction, row, seen.satisfaction, seen.closed, rules.platform_sensitivity, -1
        )
        if platform < 0:
            continue
        felt = min(1.0, people.satisfaction[row, platform] * seen.satisfaction[platform])
        if not visits(u_visit, visit_rate(people.need_rate[row], felt, rules)):
            continue
        u_category, u_head, u_place, u_spread = draw(seed, NEED, people.key[row], week)
        category = need_category(u_category, taste.category_cdf)
        place = need_place(u_head, u_place, u_spread, taste.popular_places, taste.head_share, taste.head_width)
        alpha = people.alpha[row]
        decision = SEARCH
        for _ in range(each):
            kept, u_buy, u_which, _, _ = consider(
                seed, week, decision, row, platform, category, place, alpha, people, shelf, seen, offer_seller,
                rules, categories, top, top_score, value, gap,
            )  # fmt: skip
            inside, total = log_sum(value, kept)
            margin = excess(u_buy, inside, outside)
            visits_.customer[slot] = row
            visits_.platform[slot] = platform
            visits_.inclusive[slot] = above_nothing(inside)
            visits_.offer[slot] = -1
            visits_.distance[slot] = 0.0
            visits_.surplus[slot] = 0.0
            if margin > 0.0:
                j = which(u_which, value, total, kept)
                visits_.offer[slot] = shelf.row[top[j]]
                visits_.distance[slot] = gap[j]
                visits_.surplus[slot] = rules.mu * margin * level[category] / alpha
                bought += 1
                slot += 1
                break
            slot += 1
            platform = pick_platform(
                u_elsewhere, people.satisfaction, row, seen.satisfaction, seen.closed,
                rules.platform_sensitivity, platform,
            )  # fmt: skip
            if platform < 0:
                break
            decision = ELSEWHERE
    visits_.count[block] = slot - first
    visits_.bought[block] = bought


@loop(parallel=True)
def visit_and_choose(seed, week, people, taste, shelf, seen, offer_seller, level, rules, visits_, each):  # type: ignore[no-untyped-def]
    """Let every active customer decide whether to visit, where, and what to buy. Fills ``visits_``.

    ``each`` is how many searches a customer may make in a week: 2 where a failed search goes on elsewhere.
    """
    for block in prange(visits_.count.size):
        visit_block(block, seed, week, people, taste, shelf, seen, offer_seller, level, rules, visits_, each)


@loop()
def log_searches(seed, week, share, people, taste, shelf, seen, offer_seller, rules, visits_, each, log):  # type: ignore[no-untyped-def]
    """Repeat a keyed sample of the week's searches, this time writing down what was shown. Returns how many."""
    categories = taste.category_cdf.size
    outside = rules.outside / rules.mu
    most = log.shown.shape[1]
    top = np.empty(most, np.int64)
    top_score = np.empty(most)
    value = np.empty(most)
    gap = np.empty(most)
    logged = 0
    for block in range(visits_.count.size):
        start = block * BLOCK * each
        for slot in range(start, start + visits_.count[block]):
            row = visits_.customer[slot]
            if share < 1.0:
                u_log, _, _, _ = draw(seed, LOG, people.key[row], week)
                if u_log >= share:
                    continue
            if logged == log.platform.size:
                return logged
            platform = int(visits_.platform[slot])
            again = slot > start and visits_.customer[slot - 1] == row
            u_category, u_head, u_place, u_spread = draw(seed, NEED, people.key[row], week)
            category = need_category(u_category, taste.category_cdf)
            place = need_place(u_head, u_place, u_spread, taste.popular_places, taste.head_share, taste.head_width)
            kept, _, _, listed, reach = consider(
                seed, week, ELSEWHERE if again else SEARCH, row, platform, category, place, people.alpha[row], people,
                shelf, seen, offer_seller, rules, categories, top, top_score, value, gap,
            )  # fmt: skip
            write_log(log, logged, platform, category, place, people.alpha[row], kept, listed, reach, rules.shown,
                      outside, shelf, top, top_score, value, gap)  # fmt: skip
            logged += 1
    return logged


@rule
def write_log(  # type: ignore[no-untyped-def]
    log, at, platform, category, place, alpha, kept, listed, reach, room, outside, shelf, top, top_score, value, gap
):
    """Write one search into the log."""
    log.platform[at] = platform
    log.category[at] = category
    log.place[at] = place
    log.alpha[at] = alpha
    log.worst_rank[at] = top_score[listed - 1] if listed == room else -math.inf
    log.reach[at] = reach
    for j in range(log.shown.shape[1]):
        log.shown[at, j] = -1
        log.share[at, j] = 0.0
    for j in range(kept):
        log.shown[at, j] = shelf.row[top[j]]
        log.utility[at, j] = value[j]
        log.distance[at, j] = gap[j]
    inside, total = log_sum(value, kept)
    log.inclusive[at] = above_nothing(inside)
    if kept > 0:
        beside = 0.0 if outside == -math.inf else 1.0 / (1.0 + math.exp(inside - outside))
        for j in range(kept):
            log.share[at, j] = (1.0 - beside) * value[j] / total


@loop()
def read_panel(platform, category, place, alpha, shelf, days, mismatch_factor, rules, categories, out):  # type: ignore[no-untyped-def]
    """Read a shelf with a fixed basket of needs, without search noise.

    Fills ``out`` (4,) with the mean over needs of the expected price (relative to the price level, given a choice),
    of the distance and the promised days of what is shown, and of the inclusive value. A need that nothing is shown
    for lies half a circle away; it is left out of price and days. NaN where no need is served.
    """
    most = rules.shown
    top = np.empty(most, np.int64)
    top_score = np.empty(most)
    value = np.empty(most)
    served = 0
    price = 0.0
    distance = 0.0
    wait = 0.0
    inclusive = 0.0
    for need in range(category.size):
        kept, _ = find_shown(shelf, platform * categories + category[need], place[need], rules.candidates, most,
                             rules.relevance * rules.tau, top, top_score)  # fmt: skip
        if kept == 0:
            distance += 0.5
            continue
        mean_gap = 0.0
        mean_days = 0.0
        for j in range(kept):
            gap = circle_distance(place[need], shelf.place[top[j]])
            worth = utility(shelf.base[top[j]], shelf.price[top[j]], gap, alpha, rules.tau * mismatch_factor)
            value[j] = worth / rules.mu
            mean_gap += gap
            mean_days += days[shelf.row[top[j]]]
        inside, total = log_sum(value, kept)
        inclusive += above_nothing(inside)
        mean_price = 0.0
        for j in range(kept):
            mean_price += value[j] / total * shelf.price[top[j]]
        price += mean_price
        distance += mean_gap / kept
        wait += mean_days / kept
        served += 1
    out[0] = price / served if served > 0 else math.nan
    out[1] = distance / category.size
    out[2] = wait / served if served > 0 else math.nan
    out[3] = inclusive / category.size


@loop()
def fill_shelf(  # type: ignore[no-untyped-def]
    order, stock, to_order, visible, platform, category, place, price, base, rank, seller, level, price_factor,
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
        shelf.price[at] = price[row] / level[category[row]] * price_factor[platform[row]]
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


def empty_log(searches: int, most: int) -> Log:
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
        np.empty(wide),
        np.empty(searches),
        np.empty(searches),
        np.empty(searches),
    )


def first_rows(log: Log, count: int) -> Log:
    """The part of a log that was written this week."""
    return Log(*(part[:count] for part in log))
