"""The six rules that carry the cycle, a second time, from docs/odd.md and not from the code.

Hazard of adoption, search, choice, entry, experience curve with lumpy capacity, pass-through: plain functions of
arrays. They were first written blind; where the description left a choice or was wrong it was mended, and the rule
after it, so that section 7 says all that stands here. Nothing is imported from the model, and speed is no aim.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import wrightomega

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

NOBODY = -1
SMOOTHING = 0.9  # weight of the old value where a platform smooths over ten weeks
ROUNDS = 40  # most best responses that a candidate reckons through


# What everybody perceives


def level_of(capability: Floats, scale: Floats) -> Floats:
    """Level of a capability, in [0, 1), from its stock of spending."""
    return capability / (capability + scale)


def perceived_share(share: Floats, factor: Floats) -> Floats:
    """A share, such as satisfaction, seen through a valve."""
    return np.minimum(1.0, share * factor)


def median_days(launch_days: float, gain: float, delivery: float) -> float:
    """Median delivery time of platform fulfilment at a level of delivery capability."""
    return launch_days * (1.0 - gain * delivery)


def reputation(stars: Floats, reviews: Floats, weight: float, prior: float) -> Floats:
    """Shrunk mean of stars, brought to [-1, 1]."""
    return ((stars + weight * prior) / (reviews + weight) - 3.0) / 2.0


# 1. Hazard of adoption


def external_hazard(p: float, gain: float, advertising: Floats, is_open: Flags) -> float:
    """p', the hazard of joining by advertising; a closed platform counts as one that does nothing at all."""
    return min(1.0, p * float(np.mean(np.where(is_open, 1.0 + gain * advertising, 0.0))))


def network_hazard(p: float, q: float, r: float, degree: float, k: Ints) -> Floats:
    """Weekly hazard with k neighbours who recommend."""
    return 1.0 - (1.0 - p) * ((1.0 - q / degree) * (1.0 - r / degree)) ** k


def mixed_hazard(p: float, q: float, r: float, advocates: float) -> float:
    """Weekly hazard where everybody hears of everybody."""
    return min(1.0, p + (q + r) * advocates)


def return_hazard(hazard: Floats, win_back: float, satisfaction: Floats, launch: float) -> Floats:
    """Weekly hazard of a lapsed customer to come back, with its best perceived satisfaction."""
    return np.minimum(1.0, hazard * win_back * satisfaction / launch)


def network_channels(p: float, q: float, r: float, degree: float, k: Ints) -> Floats:
    """Shares of advertising, word of mouth and referral in who joins, (3, n)."""
    alone = np.full(k.shape, -np.log1p(-p))
    parts = np.array([alone, -k * np.log1p(-q / degree), -k * np.log1p(-r / degree)])
    return parts / parts.sum(axis=0)


def mixed_channels(p: float, q: float, r: float, advocates: float) -> Floats:
    """The same where everybody hears of everybody, (3,)."""
    parts = np.array([p, q * advocates, r * advocates])
    return parts / parts.sum()


def recommends(satisfaction: Floats, leniency: Floats, intercept: float, slope: float) -> Flags:
    """Who recommends: a whole-number answer of 9 or 10 at the best perceived satisfaction."""
    points = np.clip(intercept + slope * satisfaction + leniency, 0.0, 10.0)
    return np.floor(points + 0.5) >= 9.0


# 2. Search


def circle_distance(a: Floats | float, b: Floats | float) -> Floats:
    """Distance of places on a circle of circumference 1."""
    gap = np.abs(np.asarray(a) - np.asarray(b))
    return np.minimum(gap, 1.0 - gap)


def heard_place(place: float, u: float, noise: float, data_gain: float, data: float) -> float:
    """Where the platform hears a need: off by a uniform error whose sd falls with data capability."""
    spread = noise * (1.0 - data_gain * data) * np.sqrt(3.0)
    return float((place + spread * (2.0 * u - 1.0)) % 1.0)


def on_shelf(in_stock: Flags, third_party: Flags, opened: Flags, u: Floats, factor: Floats) -> Flags:
    """Which offers search may see; ``u`` is each offer's own lasting draw."""
    return in_stock & (~third_party | (opened & (u < np.minimum(1.0, factor))))


def rank(
    price: Floats, reputation: Floats, favour: Floats, distance: Floats, alpha: float, rho: float, tau: float,
    price_weight: float, reputation_weight: float, relevance: float,
) -> Floats:  # fmt: skip
    """Rank score; ``price`` over price level, ``favour`` the own-brand boost or what a bid is worth."""
    return (
        reputation_weight * rho * reputation - price_weight * alpha * price + favour - relevance * tau * distance
    )


def retrieved(distance: Floats, candidates: int) -> Ints:
    """The offers nearest to the heard place, nearest first."""
    return np.argsort(distance, kind="stable")[:candidates]


def best_ranked(candidates: Ints, score: Floats, most: int) -> Ints:
    """Those shown of the candidates, best first; ``score`` (candidates,)."""
    return candidates[np.argsort(-score, kind="stable")[:most]]


def considered(listed: Ints, known: Ints, advised: int) -> Ints:
    """What is shown, beside it the offers of sellers one is tied to, and a friend's favourite; each once."""
    together = [*listed, *known, *([] if advised == NOBODY else [advised])]
    return np.array(list(dict.fromkeys(together)), dtype=np.int64)


def favourite(friend_recommends: bool, offers: Ints, weights: Floats, here: Flags) -> int:
    """The strongest tie of a friend who recommends among the offers on this circle and platform."""
    weights = np.where(here & (offers >= 0), weights, 0.0)
    return int(offers[np.argmax(weights)]) if friend_recommends and weights.max(initial=0.0) > 0.0 else NOBODY


# 3. Choice


def utility(
    quality: Floats, price: Floats, distance: Floats, days: Floats, reputation: Floats, tie: Floats, friend: Flags,
    alpha: float, tau: float, delta: float, rho: float, tie_bonus: float, friend_bonus: float,
) -> Floats:  # fmt: skip
    """Utility without taste noise; price (over price level), distance and days as they are perceived."""
    known = tie_bonus * tie + friend_bonus * friend
    return quality - alpha * price - tau * distance - delta * days + rho * reputation + known


def log_sum(values: Floats) -> float:
    """Logarithm of the sum of exponentials; -inf of nothing."""
    return float(np.logaddexp.reduce(np.append(values, -np.inf)))


def shares(value: Floats, outside: float, mu: float) -> Floats:
    """Choice probabilities of the offers considered (multinomial logit with an outside option, -inf without one)."""
    return np.exp(value / mu - np.logaddexp(log_sum(value / mu), outside / mu))


def inclusive_value(value: Floats, mu: float) -> float:
    """ln(1 + sum exp(v/mu)): what a search is worth beside doing nothing."""
    return float(np.logaddexp(0.0, log_sum(value / mu)))


def score(
    inclusive: float, reference: float, width: float, penalty: float, recovery: float, service: float
) -> float:
    """Score of a search: logistic in its inclusive value, less what service did not make good."""
    worth = 1.0 / (1.0 + np.exp((reference - inclusive) / width))
    return max(0.0, worth - penalty * (1.0 - recovery * service))


def penalty_of(
    short: bool, late: bool, returned: bool, stockout_penalty: float, late_penalty: float, return_penalty: float
) -> float:
    """What goes wrong with an order: it meets no stock, or else comes late, comes back, or both."""
    return stockout_penalty if short else late_penalty * late + return_penalty * returned


def updated_satisfaction(satisfaction: float, score: float, learning: float) -> float:
    """Satisfaction after a search."""
    return (1.0 - learning) * satisfaction + learning * score


# 4. Entry


class Seen(NamedTuple):
    """Logged searches of one circle on one platform, as a candidate reads them; (n,) but for ``others``."""

    place: Floats  # of the need
    alpha: Floats  # of the customer
    total: Floats  # log-sum of all that is offered, the outside option included
    worst_share: Floats  # share of the last offer listed; 0 once a newcomer has taken its place
    worst_rank: Floats  # its rank; -inf where the list had room
    reach: Floats  # distance from the heard need to the farthest candidate; inf where all were retrieved
    others: list[tuple[Floats, Floats]]  # utility/mu and mark-up (over price level) of each offer considered


class Listing(NamedTuple):
    """A listing that a candidate would put up on one platform."""

    place: float
    base: float  # utility but for price and mismatch
    rank: float  # rank but for relevance
    level: float  # price level of the category, as customers feel it
    break_even: float
    keep: float  # share of the price that stays with the seller


def break_even(cost: float, level: float, shipping: float, commission: float, bid: float) -> float:
    """Price at which a sale earns nothing; ``shipping`` is own handling and parcel, or the platform's fee."""
    return (cost * level + shipping) / (1.0 - commission - bid)


def rivals_of(listing: Listing, seen: Seen, relevance: float, tau: float) -> tuple[Flags, Floats]:
    """In which logged searches a newcomer is shown, and the log-sum of what it then stands beside."""
    gap = circle_distance(listing.place, seen.place)
    is_full = np.isfinite(seen.worst_rank)
    shown = (gap <= seen.reach) & (~is_full | (listing.rank - relevance * tau * gap > seen.worst_rank))
    gone = np.where(is_full, np.minimum(seen.worst_share, 1.0 - 1e-12), 0.0)
    return shown, seen.total + np.log1p(-gone)


def demand(price: float, listing: Listing, seen: Seen, tau: float, mu: float, relevance: float, felt: float) -> Floats:
    """Chance of being chosen in each logged search at a price, 0 where not shown; ``felt`` bends mismatch."""
    shown, rivals = rivals_of(listing, seen, relevance, tau)
    gap = felt * circle_distance(listing.place, seen.place)
    value = (listing.base - seen.alpha * price / listing.level - tau * gap) / mu
    return np.where(shown, 1.0 / (1.0 + np.exp(np.minimum(700.0, rivals - value))), 0.0)


def best_price(
    listing: Listing, seen: Seen, markup: float, cap: float, tau: float, mu: float, relevance: float, felt: float
) -> tuple[float, float]:
    """Price that answers best to the logged searches, and units sold at it."""
    cost, highest = listing.break_even, listing.break_even * (1.0 + cap)
    price, units = min(highest, cost * (1.0 + markup)), 0.0
    for _ in range(ROUNDS):
        s = demand(price, listing, seen, tau, mu, relevance, felt)
        units, slack = float(s.sum()), float((s * (1.0 - s)).sum())
        if slack <= 0.0:
            break
        alpha = float((seen.alpha / listing.level * s * (1.0 - s)).sum()) / slack
        own = min(1.0 - slack / units, 1.0 - 1e-12)
        odds = np.log(own) - np.log1p(-own) if own > 0.0 else -np.inf
        best = mu / alpha * (1.0 + float(wrightomega(alpha * (price - cost) / mu - 1.0 + odds)))
        target = min(highest, cost + best)
        if abs(target - price) < 1e-6 * price:
            break
        price = target
    return price, units


def equilibrium(worth: Floats, markup: Floats, outside: float, cap: float) -> Floats:
    """Mark-ups (times alpha/mu) of single-product firms that answer each other, in turn; ``worth`` at no mark-up."""
    markup = markup.copy()
    for _ in range(ROUNDS):
        before = markup.copy()
        for j in range(worth.size):
            rivals = np.logaddexp(log_sum(np.delete(worth - markup, j)), outside)
            markup[j] = cap if rivals == -np.inf else min(cap, 1.0 + float(wrightomega(worth[j] - 1.0 - rivals)))
        if np.abs(markup - before).max() < 1e-10:
            break
    return markup


def margin_in_equilibrium(
    listing: Listing, seen: Seen, cap: float, outside: float, tau: float, mu: float, relevance: float, felt: float
) -> float:
    """Margin over the logged searches, before commission, where rivals answer in each of them."""
    shown, _ = rivals_of(listing, seen, relevance, tau)
    gap = felt * circle_distance(listing.place, seen.place)
    total = 0.0
    for k in np.flatnonzero(shown):
        per_unit = seen.alpha[k] / listing.level / mu  # mark-up in currency to mark-up times alpha/mu
        value, above = seen.others[k]
        asked = seen.alpha[k] * above / mu
        mine = (listing.base - tau * gap[k]) / mu - per_unit * listing.break_even
        markup = equilibrium(
            np.append(value + asked, mine), np.append(asked, 1.0), outside / mu, per_unit * listing.break_even * cap
        )
        mine_now = mine - markup[-1]
        everything = np.logaddexp(log_sum(np.append(value + asked - markup[:-1], mine_now)), outside / mu)
        total += float(np.exp(mine_now - everything)) * markup[-1] / per_unit
    return total


def with_newcomer(
    price: float, listing: Listing, seen: Seen, tau: float, mu: float, relevance: float, felt: float
) -> Seen:
    """The logged searches after a candidate has come in, as the next one reads them."""
    shown, rivals = rivals_of(listing, seen, relevance, tau)
    gap = felt * circle_distance(listing.place, seen.place)
    value = (listing.base - seen.alpha * price / listing.level - tau * gap) / mu
    return seen._replace(
        total=np.where(shown, np.logaddexp(rivals, value), seen.total),
        worst_share=np.where(shown, 0.0, seen.worst_share),
    )


def entry_cost(cost: float, gain: float, selection: Floats) -> float:
    """Sunk cost of entry, lowered by the tools of the platform that has the best."""
    return cost / (1.0 + gain * float(np.max(selection)))


def comes_in(profit: float, z: float, belief_noise: float, fixed_cost: float, cost: float, horizon: float) -> bool:
    """Whether a candidate enters; ``profit`` a week before fixed cost, ``z`` its standard normal draw."""
    return bool(profit * np.exp(belief_noise * z) >= (fixed_cost + cost / horizon) * (1.0 - 1e-9))


# 5. Experience curve with lumpy capacity


def smoothed(old: float, new: float) -> float:
    """A platform's view of its own volume, growth and cost: ten weeks."""
    return SMOOTHING * old + (1.0 - SMOOTHING) * new


def handling_cost(handling: float, floor: float, experience: float, launch: float, progress: float) -> float:
    """Handling cost of one order after ``experience`` orders in all (Wright 1936)."""
    return handling * (floor + (1.0 - floor) * (experience / launch) ** np.log2(progress))


def speed_premium(speed_cost: float, launch_days: float, days: float) -> float:
    """Factor on handling cost of a median of ``days`` instead of ``launch_days``."""
    return 1.0 + speed_cost * np.log2(launch_days / days)


def overload(shipped: float, capacity: float) -> float:
    """Orders above capacity."""
    return max(0.0, shipped - capacity)


def unit_cost(
    handling: float, premium: float, shipped: float, above: float, overload_cost: float, capacity_cost: float,
    capacity: float, volume: float, shipping: float,
) -> float:  # fmt: skip
    """Cost of one order this week; capacity is spread over smoothed volume as the technology perceives it."""
    work = handling * (shipped + overload_cost * above) + handling * (premium - 1.0) * shipped
    return work / shipped + shipping + capacity_cost * capacity / max(volume, 1.0)


def launch_unit_cost(handling: float, capacity: float, capacity_cost: float, trigger: float, shipping: float) -> float:
    """Unit cost at launch: capacity, where any is needed, used as far as its trigger."""
    return handling + (capacity_cost / trigger if capacity > 0.0 else 0.0) + shipping


def standing(capacity: float, wear: float, due: float) -> float:
    """Capacity that stands after a week's wear, with the lumps that are due."""
    return capacity * (1.0 - wear) + due


def forecast(volume: float, growth: float, lead: float) -> float:
    """Volume foreseen for when a lump ordered now would stand; nobody foresees a decline."""
    return volume + lead * max(0.0, growth)


def lump(forecast: float, coming: float, trigger: float, share: float) -> float:
    """Capacity ordered this week, 0 for none; ``coming`` stands or is on order."""
    return share * coming if forecast > trigger * coming else 0.0


# 6. Pass-through


def launch_price(cost: Floats, launch_cost: float, margin: float) -> Floats:
    """Own retail's first price: its target margin over full unit cost."""
    return (cost + launch_cost) / (1.0 - margin)


def regular_price(
    price: Floats, launch: Floats, pass_through: float, unit_cost: float, launch_cost: float, margin: float,
    speed: float,
) -> Floats:  # fmt: skip
    """Own retail's price before cuts, a step nearer to its target."""
    target = launch + pass_through * (unit_cost - launch_cost) / (1.0 - margin)
    return price + speed * (target - price)


def discount(before: float, price_money: float, units: float, speed: float) -> float:
    """Price cut per unit that the policy's price money pays for, a step nearer to its target."""
    return before + speed * (price_money / max(1.0, units) - before)


def retail_price(regular: Floats, discount: float, cost: Floats) -> Floats:
    """Own retail's price: cuts give away its margin, never its goods."""
    return np.maximum(regular - discount, np.minimum(regular, cost))


def fulfilment_fee(launch_fee: float, pass_through: float, unit_cost: float, launch_cost: float) -> float:
    """Fee per order fulfilled for a seller; it follows at once."""
    return max(0.0, launch_fee + pass_through * (unit_cost - launch_cost))
