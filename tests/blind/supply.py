"""What the rules of the supply side say of a noted week (entry, operations, prices), beside what the model did.

Triples of a label, ours and theirs. ``rules`` is the module of the blind rules, or a spoilt copy of it; ``note`` a
week of `worlds.live`.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

Triple = tuple[str, Any, Any]

DELIVERY, SELECTION = 0, 1  # places among the capabilities
PLATFORM = 1  # who ships
A_HAIR = 1e-7  # how near to a threshold the model is asked, as a share of it


def levels(rules: Any, note: SimpleNamespace) -> tuple[Any, Any]:
    """Levels of all capabilities in the week, (platforms, capabilities): true, and as customers meet them."""
    scale = np.array([p.capability_scale for p in note.scenario.platforms])
    true = rules.level_of(note.visiting.platforms.capability, scale[:, None])
    return true, rules.perceived_share(true, note.visited.wheel.factor["capabilities->experience"][:, None])


class Candidates:
    """The week's candidates, as the rules reckon for them."""

    def __init__(self, rules: Any, note: SimpleNamespace) -> None:
        self.rules, self.note, self.scenario = rules, note, note.scenario
        s, p = self.scenario, note.weighing.platforms
        self.by_platform = s.sellers.fulfilment == "platform"
        self.factor = note.weighing.wheel.factor
        self.shipping = p.fulfilment_fee if self.by_platform else self._own_shipping() + 0.0 * p.fulfilment_fee
        self.commission = np.array([x.commission for x in s.platforms])
        opens = np.array([x.marketplace_opens for x in s.platforms])
        self.is_open = (opens <= note.weighing.week) & (p.failed < 0)
        logged = np.bincount(note.log.platform, minlength=opens.size)
        self.scale = note.weighing.wheel.value["visits->sellers"] / np.maximum(1, logged)
        selection = np.where(p.failed < 0, levels(rules, note)[0][:, SELECTION], 0.0)
        self.cost = rules.entry_cost(s.entry.cost, s.entry.tools_gain, selection)
        self.reputation = rules.reputation(0.0, 0.0, s.experience.reputation_weight, s.experience.reputation_prior)
        self.margins = self._margins()

    def _own_shipping(self) -> float:
        return self.scenario.fulfilment.own_handling_cost + self.scenario.fulfilment.shipping_cost

    def _margins(self) -> Any:
        """What every offer asked above its break-even price in the logged week, over price level, as it is felt."""
        o, note, rules = self.note.weighing.offers, self.note, self.rules
        p, bid = note.weighing.platforms, np.append(note.weighing.sellers.ad_bid, 0.0)[np.maximum(o.seller, -1)]
        ship = np.where(o.mode == PLATFORM, p.fulfilment_fee[o.platform], self._own_shipping())
        third = rules.break_even(o.cost, 1.0, ship, self.commission[o.platform], bid)
        even = np.where(o.seller >= 0, third, o.cost + p.unit_cost[o.platform])
        asked = np.full(o.seller.size, np.nan)
        asked[: note.visiting.offers.price.size] = note.visiting.offers.price
        return (asked - even) / note.level[o.category] * self.factor["price->experience"][o.platform]

    def listing(self, candidate: int, place: float, category: int, m: int) -> Any:
        """One listing of a candidate on one platform."""
        rules, s, traits = self.rules, self.scenario, self.note.traits
        bid, level = traits.ad_bid[candidate], self.note.level[category]
        even = rules.break_even(traits.cost[candidate], level, self.shipping[m], self.commission[m], bid)
        delivery = levels(rules, self.note)[1][m, DELIVERY]
        f = s.fulfilment
        platform_days = rules.median_days(f.delivery_days, s.platforms[m].delivery_gain, delivery)
        days = f.promise * (platform_days if self.by_platform else f.own_delivery_days)
        base = rules.utility(
            traits.quality[candidate], 0.0, 0.0, days * self.factor["delivery->experience"][m], self.reputation, 0.0,
            False, 0.0, 0.0, s.choice.delta, s.choice.rho, 0.0, 0.0,
        )  # fmt: skip
        rank = rules.rank(
            even * (1.0 + s.sellers.markup) / level, self.reputation, s.search.bids * bid, 0.0, s.choice.alpha,
            s.choice.rho, s.choice.tau, s.search.price, s.search.reputation, s.search.relevance,
        )  # fmt: skip
        felt = level / max(self.factor["price->experience"][m], 1e-6)
        return rules.Listing(place, base, rank, felt, even, 1.0 - self.commission[m] - bid)

    def listings(self, candidate: int) -> Iterator[tuple[Any, tuple[int, int]]]:
        """All listings of a candidate, with the circle each lies on."""
        home, l = self.note.traits.home[candidate], self.note.listings  # noqa: E741
        for m in np.flatnonzero(self.is_open):
            for k in np.flatnonzero(l.owner == candidate):
                if home < 0 or home == m:
                    yield self.listing(candidate, l.place[k], l.category[k], m), (int(m), int(l.category[k]))

    def logs(self) -> dict[tuple[int, int], Any]:
        """The logged searches, circle by circle."""
        log, circles = self.note.log, {}
        for m in range(self.is_open.size):
            for category in range(self.scenario.market.categories):
                at = np.flatnonzero((log.platform == m) & (log.category == category))
                others = [(log.utility[k][log.shown[k] >= 0], self.margins[log.shown[k][log.shown[k] >= 0]])
                          for k in at]  # fmt: skip
                circles[m, category] = self.rules.Seen(
                    log.place[at], log.alpha[at], log.log_total[at], log.worst_share[at], log.worst_rank[at],
                    log.reach[at], others,
                )  # fmt: skip
        return circles

    def decide(self, fixed_cost: float) -> tuple[list[int], list[float]]:
        """Who enters at a fixed cost, and the profit before it that each expected, until nobody is asked any more."""
        rules, s, note = self.rules, self.scenario, self.note
        entered: list[int] = []
        profits: list[float] = []
        if self.cost > s.sellers.cash or note.log.platform.size == 0 or not self.is_on():
            return entered, profits
        circles = self.logs()
        for candidate in range(s.entry.candidates):
            plan = [(listing, circle, *self.expects(listing, circles[circle], circle[0]))
                    for listing, circle in self.listings(candidate)]  # fmt: skip
            profits.append(sum(margin * listing.keep * self.scale[circle[0]] for listing, circle, _, margin in plan))
            if not rules.comes_in(profits[-1], note.belief[candidate], s.entry.belief_noise, fixed_cost, self.cost,
                                  s.entry.horizon):  # fmt: skip
                continue
            entered.append(candidate)
            if s.entry.rivals_respond:
                break
            for listing, circle, price, _ in plan:
                circles[circle] = rules.with_newcomer(price, listing, circles[circle], *self.taste(circle[0]))
        return entered, profits

    def is_on(self) -> bool:
        """Whether third parties may sell anywhere."""
        return any(p.marketplace_opens <= self.note.weighing.week for p in self.scenario.platforms)

    def taste(self, m: int) -> tuple[float, ...]:
        """What bends a newcomer's demand: tau, mu, relevance, and mismatch as it is felt."""
        s = self.scenario
        return s.choice.tau, s.choice.mu, s.search.relevance, self.factor["selection->experience"][m]

    def expects(self, listing: Any, seen: Any, m: int) -> tuple[float, float]:
        """Price and margin that a candidate expects of a listing, over the logged searches of its circle."""
        s, rules = self.scenario, self.rules
        if s.entry.rivals_respond:
            outside = -np.inf if s.choice.outside_option == "off" else s.choice.outside_option
            margin = rules.margin_in_equilibrium(listing, seen, s.sellers.markup_cap, outside, *self.taste(m))
            return np.nan, margin
        price, units = rules.best_price(listing, seen, s.sellers.markup, s.sellers.markup_cap, *self.taste(m))
        return price, units * (price - listing.break_even)


def entry(rules: Any, note: SimpleNamespace, who_enters: Any = None) -> Iterator[Triple]:
    """Who enters; and, a hair above and below what each candidate expects to earn, who would.

    ``who_enters(note, fixed_cost)`` asks the model who would enter at another fixed cost.
    """
    candidates = Candidates(rules, note)
    s = note.scenario.entry
    yield "entered", candidates.decide(s.fixed_cost)[0], note.entered
    if who_enters is None:
        return
    hurdle = candidates.cost / s.horizon
    expected = {profit * np.exp(s.belief_noise * z)
                for fixed_cost in (np.inf, -np.inf)
                for profit, z in zip(candidates.decide(fixed_cost)[1], note.belief, strict=False)}  # fmt: skip
    for worth in sorted(expected - {0.0}):
        for fixed_cost in (worth * (1.0 - A_HAIR) - hurdle, worth * (1.0 + A_HAIR) - hurdle):
            yield "would enter", candidates.decide(fixed_cost)[0], who_enters(note, fixed_cost)


def operations(rules: Any, note: SimpleNamespace, orders_at: Any = None) -> Iterator[Triple]:
    """Volume, experience, unit cost, capacity; own retail prices, discounts and fees.

    ``orders_at(note, m, trigger)`` asks the model what would be on order at another trigger of new capacity.
    """
    before, after = note.running, note.run
    launch_days = note.scenario.fulfilment.delivery_days
    delivery = levels(rules, note)[1][:, DELIVERY]
    for m, s in enumerate(note.scenario.platforms):
        b = SimpleNamespace(**{name: column[m] for name, column in vars(before.platforms).items()})
        a = SimpleNamespace(**{name: column[m] for name, column in vars(after.platforms).items()})
        seen, factor = after.wheel.value["volume->unit_cost"][m], after.wheel.factor["volume->unit_cost"][m]
        last = before.wheel.value["volume->unit_cost"][m]
        shipped = note.fulfilled[m]
        yield "volume", rules.smoothed(b.volume, shipped), a.volume
        yield "growth", rules.smoothed(b.growth, seen - (last if np.isfinite(last) else b.volume)), a.growth
        yield "experience", b.experience + factor * shipped, a.experience
        now = b.unit_cost
        if shipped > 0.0:
            handling = rules.handling_cost(
                s.handling_cost, s.handling_floor, b.experience + factor * shipped, s.launch_volume, s.progress_ratio
            )
            premium = rules.speed_premium(
                s.speed_cost, launch_days, rules.median_days(launch_days, s.delivery_gain, delivery[m])
            )
            above = rules.overload(shipped, b.capacity / factor) if s.capacity > 0.0 and factor > 0.0 else 0.0
            now = rules.unit_cost(
                handling, premium, shipped, above, s.overload_cost, s.capacity_cost, b.capacity, seen,
                note.scenario.fulfilment.shipping_cost,
            )  # fmt: skip
        yield "unit cost", rules.smoothed(b.unit_cost, now) if s.capacity > 0.0 else now, a.unit_cost
        if a.failed < 0:
            yield from capacity(rules, note, m, b, a, seen, orders_at)
        yield from prices(rules, note, m, b, a)


def capacity(
    rules: Any, note: SimpleNamespace, m: int, b: Any, a: Any, volume: float, orders_at: Any
) -> Iterator[Triple]:
    """Capacity that stands, and what is on order with its week, at a trigger a hair to either side as well."""
    s, week = note.scenario.platforms[m], note.run.week
    orders = note.running.on_order[m]
    due = sum(size for when, size in orders if when <= week)
    stands = rules.standing(b.capacity, s.capacity_wear, due) if s.capacity > 0.0 else 0.0
    yield "capacity", stands, a.capacity
    later = [(when, size) for when, size in orders if when > week]
    if s.capacity == 0.0:
        return
    coming = stands + sum(size for _, size in later)
    foreseen = rules.forecast(volume, a.growth, s.capacity_lead)
    asked = [(s.capacity_trigger, note.run.on_order[m])]
    if orders_at:
        triggers = [foreseen / coming * (1.0 + side * A_HAIR) for side in (-1.0, 1.0)]
        asked += [(trigger, orders_at(note, m, trigger)) for trigger in triggers if trigger > 0.0]
    for trigger, theirs in asked:
        size = rules.lump(foreseen, coming, trigger, s.capacity_lump)
        ours = later + ([(week + s.capacity_lead, size)] if size else [])
        yield "when lumps stand", [when for when, _ in ours], [when for when, _ in theirs]
        yield "lumps", [size for _, size in ours], [size for _, size in theirs]


def prices(rules: Any, note: SimpleNamespace, m: int, b: Any, a: Any) -> Iterator[Triple]:
    """Own retail prices, the discount and the fulfilment fee."""
    s, o, was, wheel = note.scenario.platforms[m], note.run.offers, note.running.offers, note.run.wheel.value
    launch = rules.launch_unit_cost(
        s.handling_cost, s.capacity, s.capacity_cost, s.capacity_trigger, note.scenario.fulfilment.shipping_cost
    )
    yield "launch unit cost", launch, a.launch_unit_cost
    cut = b.discount
    if note.price_money[m] is not None:
        cut = rules.discount(b.discount, note.price_money[m], note.retail_volume[m], s.price_speed)
    yield "discount", cut, a.discount
    rows = note.run.alive[o.seller[note.run.alive] == -1 - m]
    start = rules.launch_price(o.cost[rows], launch, s.target_margin)
    regular = rules.regular_price(
        was.regular_price[rows], start, s.pass_through, wheel["unit_cost->price"][m], launch, s.target_margin,
        s.price_speed,
    )  # fmt: skip
    yield "regular price", regular, o.regular_price[rows]
    yield "retail price", rules.retail_price(regular, cut, o.cost[rows]), o.price[rows]
    fee = rules.fulfilment_fee(s.fulfilment_fee, s.fee_pass_through, wheel["unit_cost->fees"][m], launch)
    yield "fulfilment fee", fee, a.fulfilment_fee
