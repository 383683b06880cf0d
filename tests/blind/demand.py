"""What the rules of the demand side say of a noted week (adoption, search, choice), beside what the model did.

Triples of a label, ours and theirs. ``rules`` is the module of the blind rules, or a spoilt copy of it; ``note`` a
week of `worlds.live`. Nothing is taken from the model but what it saw, what it drew, and what came of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

Triple = tuple[str, Any, Any]

DELIVERY, _, SERVICE, DATA, ADVERTISING = range(5)
ACTIVE, LAPSED, PROMISING = 1, 2, 0
PLATFORM = 1  # who ships


def levels(rules: Any, note: SimpleNamespace, platforms: SimpleNamespace, link: str | None) -> Any:
    """Levels of all capabilities, (platforms, capabilities), true or as they are perceived on a link."""
    scale = np.array([p.capability_scale for p in note.scenario.platforms])
    level = rules.level_of(platforms.capability, scale[:, None])
    return level if link is None else rules.perceived_share(level, note.visited.wheel.factor[link][:, None])


def best_perceived(rules: Any, satisfaction: Any, factor: Any, failed: Any) -> Any:
    """Best perceived satisfaction with an open platform, (customers,); 0 where none is open."""
    seen = rules.perceived_share(satisfaction, factor)
    return np.where(failed < 0, seen, 0.0).max(axis=1)


def recommending_neighbours(note: SimpleNamespace, recommends: Any) -> Any:
    """How many neighbours of each customer recommend, (customers,)."""
    start, neighbour = note.graph
    who = np.repeat(np.arange(recommends.size), np.diff(start))
    return np.bincount(who, recommends[neighbour], recommends.size).astype(np.int64)


def hazards(rules: Any, note: SimpleNamespace) -> tuple[Any, Any]:
    """Hazard of everybody to join, as if it had not, and the shares of the channels, (3, customers)."""
    s, c, p = note.scenario, note.adopting.customers, note.adopting.platforms
    advertising = levels(rules, note, p, None)[:, ADVERTISING]
    outer = rules.external_hazard(s.adoption.p, s.adoption.advertising_gain, advertising, p.failed < 0)
    if s.adoption.mixing == "well-mixed":
        advocates = float(np.mean(c.recommends != 0))
        hazard = np.full(c.status.size, rules.mixed_hazard(outer, s.adoption.q, s.adoption.referral, advocates))
        shares = rules.mixed_channels(outer, s.adoption.q, s.adoption.referral, advocates)
        return hazard, np.repeat(shares[:, None], c.status.size, axis=1)
    terms = outer, s.adoption.q, s.adoption.referral, s.social.mean_degree, recommending_neighbours(note, c.recommends)
    return rules.network_hazard(*terms), rules.network_channels(*terms)


def joining(rules: Any, note: SimpleNamespace) -> tuple[Any, Any]:
    """Hazard with which each customer turns active this week, 0 for those who are, and channel shares."""
    s, c, p = note.scenario.experience, note.adopting.customers, note.adopting.platforms
    hazard, channels = hazards(rules, note)
    best = best_perceived(rules, c.satisfaction, note.adopting.wheel.factor["experience->visits"], p.failed)
    back = rules.return_hazard(hazard, s.win_back, best, s.launch_satisfaction)
    return np.select([c.status == PROMISING, c.status == LAPSED], [hazard, back], 0.0), channels


def adoption(rules: Any, note: SimpleNamespace) -> Iterator[Triple]:
    """Who joins, comes back, by which channel, given the model's draws; who recommends afterwards."""
    u, before, after = note.draws["JOIN"], note.adopting.customers, note.visiting.customers
    hazard, channels = joining(rules, note)
    joins = (before.status != ACTIVE) & (after.status == ACTIVE)
    yield "who joins", u[:, 0] < hazard, joins
    new = joins & (before.status == PROMISING)
    channel = 2 + (u[:, 1] >= channels[0]) + (u[:, 1] >= channels[0] + channels[1])
    yield "by which channel", channel[new], after.channel[new]
    s, c = note.scenario.experience, note.satisfied.customers
    told = best_perceived(
        rules, c.satisfaction, note.visited.wheel.factor["experience->adoption"], note.satisfied.platforms.failed
    )
    says = rules.recommends(told, c.leniency, s.recommend_intercept, s.recommend_slope)
    says = (says | note.scenario.adoption.everyone_recommends) & (c.status == ACTIVE)
    yield "who recommends", says, c.recommends != 0


class Market:
    """A week's offers as search and customers find them."""

    def __init__(self, rules: Any, note: SimpleNamespace, seen: SimpleNamespace, wheel: SimpleNamespace | None) -> None:
        self.rules, self.note, self.scenario = rules, note, note.scenario
        s, o = self.scenario, seen.offers
        self.offers = o
        ones = np.ones(len(s.platforms))
        factor = {link: ones for link in note.visited.wheel.factor} if wheel is None else wheel.factor
        self.factor = factor
        scale = np.array([p.capability_scale for p in s.platforms])[:, None]
        level = rules.level_of(seen.platforms.capability, scale)
        self.level = rules.perceived_share(level, factor["capabilities->experience"][:, None])
        self.days = self.promised_days()
        stars, reviews = (np.concatenate((getattr(seen.sellers, n), getattr(seen.platforms, n)))
                          for n in ("stars", "reviews"))  # fmt: skip
        known = rules.reputation(stars, reviews, s.experience.reputation_weight, s.experience.reputation_prior)
        self.is_third = o.seller >= 0
        self.reputation = known[np.where(self.is_third, o.seller, seen.sellers.stars.size - 1 - o.seller)]
        self.price = o.price / note.level[o.category]
        bids = np.append(seen.sellers.ad_bid, 0.0)[np.maximum(o.seller, -1)]
        self.favour = np.where(self.is_third, s.search.bids * bids, s.search.own_brand_boost)
        opens = np.array([p.marketplace_opens for p in s.platforms])[o.platform]
        alive = np.isin(np.arange(o.seller.size), seen.alive)
        stocked = alive & ((o.stock > 0) | (s.fulfilment.stocking == "to-order"))
        visible = factor["sellers->selection"][o.platform]
        draw = np.zeros(o.seller.size) if wheel is None else note.visible_draw
        self.on_shelf = rules.on_shelf(stocked, self.is_third, opens <= max(seen.week, 1), draw, visible)

    def promised_days(self) -> Any:
        """Promised days of every offer."""
        s, o = self.scenario.fulfilment, self.offers
        gain = np.array([p.delivery_gain for p in self.scenario.platforms])
        median = self.rules.median_days(s.delivery_days, gain, self.level[:, DELIVERY])
        return s.promise * np.where(o.mode == PLATFORM, median[o.platform], s.own_delivery_days)

    def circle(self, platform: int, category: int) -> Any:
        """Rows on the shelf of one circle."""
        return np.flatnonzero(self.on_shelf & (self.offers.platform == platform) & (self.offers.category == category))

    def listed(self, rows: Any, heard: float) -> tuple[Any, Any, float]:
        """What is shown of the rows of a circle, best first; rank scores; distance of the farthest candidate."""
        s, rules = self.scenario, self.rules
        gap = rules.circle_distance(heard, self.offers.place[rows])
        near = rules.retrieved(gap, s.search.candidates)
        score = rules.rank(
            self.price[rows], self.reputation[rows], self.favour[rows], gap, s.choice.alpha, s.choice.rho,
            s.choice.tau, s.search.price, s.search.reputation, s.search.relevance,
        )  # fmt: skip
        best = rules.best_ranked(near, score[near], s.search.shown)
        reach = gap[near].max() if near.size < rows.size else np.inf
        return rows[best], score[best], reach

    def values(self, rows: Any, place: float, alpha: float, tie: Any, friend: Any) -> tuple[Any, Any]:
        """Utility of some offers to a customer whose need lies at a place, and their mismatch."""
        c, f, m = self.scenario.choice, self.factor, self.offers.platform[rows]
        gap = self.rules.circle_distance(place, self.offers.place[rows])
        value = self.rules.utility(
            self.offers.quality[rows], f["price->experience"][m] * self.price[rows],
            f["selection->experience"][m] * gap, f["delivery->experience"][m] * self.days[rows],
            self.reputation[rows], tie, friend, alpha, c.tau, c.delta, c.rho, c.tie_bonus, c.friend_bonus,
        )  # fmt: skip
        return value, gap


class Searcher:
    """A customer who searches: whom it knows, and what its friends say."""

    def __init__(self, market: Market, row: int, words: Any) -> None:
        self.market, self.row, self.words = market, row, words
        c = market.note.visiting.customers
        self.ties, self.weights, self.alpha = c.tie_offer[row], c.tie_weight[row], c.alpha[row]

    def advised(self, rows: Any) -> int:
        """Offer on the circle that a friend recommends, if one is asked."""
        note, c = self.market.note, self.market.note.visiting.customers
        rate, start = note.scenario.social.recommendation_rate, note.graph[0]
        degree = start[self.row + 1] - start[self.row]
        if degree == 0 or self.words[1] >= rate:
            return -1
        friend = note.graph[1][start[self.row] + int(self.words[1] / rate * degree)]
        theirs = c.tie_offer[friend]
        return self.market.rules.favourite(
            c.recommends[friend] != 0, theirs, c.tie_weight[friend], np.isin(theirs, rows)
        )

    def finds(self, platform: int, category: int, place: float) -> SimpleNamespace:
        """What the customer is shown and makes of it."""
        market, rules, s = self.market, self.market.rules, self.market.scenario
        rows = market.circle(platform, category)
        heard = rules.heard_place(
            place, self.words[0], s.search.noise, s.platforms[platform].data_gain, market.level[platform, DATA]
        )
        listed, score, reach = market.listed(rows, heard)
        advised = self.advised(rows)
        all_ = rules.considered(listed, self.ties[np.isin(self.ties, rows)], advised)
        seller = market.offers.seller
        used = self.ties >= 0
        bond = (seller[all_][:, None] == seller[self.ties[used]]) @ self.weights[used]
        value, gap = market.values(all_, place, self.alpha, bond, all_ == advised)
        is_full = listed.size == s.search.shown
        outside = -np.inf if s.choice.outside_option == "off" else s.choice.outside_option
        share = rules.shares(value, outside, s.choice.mu)
        return SimpleNamespace(
            rows=all_, value=value, gap=gap, share=share, inclusive=rules.inclusive_value(value, s.choice.mu),
            total=np.logaddexp(rules.log_sum(value / s.choice.mu), outside / s.choice.mu), reach=reach,
            worst_rank=score[-1] if is_full else -np.inf, worst_share=share[s.search.shown - 1] if is_full else None,
        )  # fmt: skip

    def takes(self, found: SimpleNamespace) -> int:
        """Place in the list of the offer bought, -1 for none, given the model's draws."""
        if not self.words[2] > 1.0 - found.share.sum():
            return -1
        return int(np.searchsorted(np.cumsum(found.share), self.words[3] * found.share.sum()))


def search_and_choice(rules: Any, note: SimpleNamespace) -> Iterator[Triple]:
    """What is on the shelf, and for every logged search what was shown, how it was judged, what was taken."""
    market, log, searches = Market(rules, note, note.visiting, note.visited.wheel), note.log, note.searches
    yield "shelf", np.flatnonzero(market.on_shelf), note.shelf
    alive = note.visited.alive
    yield "promised days", market.days[alive], note.visited.offers.promised_days[alive]
    who = {alpha: row for row, alpha in enumerate(note.visiting.customers.alpha)}
    mu = note.scenario.choice.mu
    for at in range(log.platform.size):
        row, platform = who[log.alpha[at]], log.platform[at]
        mine = np.flatnonzero(searches.customer == row)
        turn = int(np.flatnonzero(searches.platform[mine] == platform)[0])
        words = note.draws["ELSEWHERE" if turn else "SEARCH"][row]
        found = Searcher(market, row, words).finds(platform, log.category[at], log.place[at])
        shown = log.shown[at][log.shown[at] >= 0]
        yield "shown", found.rows, shown
        yield "utility", found.value / mu, log.utility[at][: shown.size]
        yield "share", found.share, log.share[at][: shown.size]
        yield "log-sum", found.total, log.log_total[at]
        yield "reach", found.reach, log.reach[at]
        yield "worst rank", found.worst_rank, log.worst_rank[at]
        if found.worst_share is not None:
            yield "worst share", found.worst_share, log.worst_share[at]
        yield "inclusive value of the visit", found.inclusive, searches.inclusive[mine[turn]]
        taken = Searcher(market, row, words).takes(found)
        yield "taken", found.rows[taken] if taken >= 0 else -1, searches.offer[mine[turn]]
        yield "mismatch", found.gap[taken] if taken >= 0 else 0.0, searches.distance[mine[turn]]


def satisfaction(rules: Any, note: SimpleNamespace) -> Iterator[Triple]:
    """What scores refer to, and everybody's satisfaction after the week."""
    s = note.scenario.experience
    category, place = note.panel
    market = Market(rules, note, note.launch, None)
    for m in range(len(note.scenario.platforms)):
        worth = []
        for need in range(place.size):
            rows = market.circle(m, category[need])
            listed = market.listed(rows, place[need])[0]
            value, _ = market.values(listed, place[need], note.scenario.choice.alpha, 0.0, False)
            worth.append(rules.inclusive_value(value, note.scenario.choice.mu))
        yield "reference", np.mean(worth) - s.reference_gap, note.reference[m]
    service = levels(rules, note, note.visiting.platforms, "capabilities->experience")[:, SERVICE]
    before, after = note.visiting.customers.satisfaction.copy(), note.satisfied.customers.satisfaction
    for row, m, offer, worth in zip(
        note.searches.customer, note.searches.platform, note.searches.offer, note.searches.inclusive, strict=True
    ):
        penalty = 0.0
        if offer >= 0:
            k = note.orders[int(row)]
            penalty = rules.penalty_of(
                not note.outcome[k], note.late[k], note.returned[k], s.stockout_penalty, s.late_penalty,
                s.return_penalty,
            )  # fmt: skip
        score = rules.score(worth, note.reference[m], s.score_width, penalty, s.service_recovery, service[m])
        before[row, m] = rules.updated_satisfaction(before[row, m], score, s.learning)
    yield "satisfaction", before, after
