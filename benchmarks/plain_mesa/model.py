"""The customer's week as a plain Mesa model: one Python object per customer, per offer and per circle of tastes.

Written as a user of Mesa would write it, with Mesa's own idioms and the standard library: `AgentSet.do` and
`shuffle_do`, `random.Random` (the model's own), `bisect` on the places of a circle. See DECLARATION.md.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, field

import mesa

POTENTIAL, ACTIVE, LAPSED = "potential", "active", "lapsed"
ADVERTISING, WORD_OF_MOUTH, REFERRAL = "advertising", "word of mouth", "referral"


@dataclass(frozen=True, slots=True)
class Rules:
    """Scalars of the scenario; units as in `marketplace.sections`."""

    p: float
    q: float
    referral: float
    win_back: float
    head_share: float
    head_width: float
    popular_places: int
    noise: float
    candidates: int
    shown: int
    relevance: float
    tau: float
    mu: float
    outside: float
    tie_bonus: float
    friend_bonus: float
    recommendation_rate: float
    launch_satisfaction: float
    visit_response: float
    lapse_rate: float
    lapse_response: float
    learning: float
    score_width: float
    reference: float
    recommend_intercept: float
    recommend_slope: float
    tie_gain: float
    tie_decay: float
    ties: int


@dataclass(slots=True, eq=False)
class Offer:
    """An offer on the shelf of one category."""

    category: int
    seller: int
    place: float
    price: float  # in units of the category's price level
    base: float  # utility but for price and mismatch
    rank: float  # rank but for relevance


@dataclass(slots=True)
class Tie:
    """What binds a customer to a seller: the offer last bought there, and how strongly."""

    offer: Offer
    weight: float


@dataclass(slots=True)
class Circle:
    """The offers of a category, sorted by their place on its circle of tastes."""

    offers: list[Offer]
    places: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self.offers.sort(key=lambda offer: offer.place)
        self.places = [offer.place for offer in self.offers]

    def nearest(self, heard: float, count: int) -> list[tuple[float, Offer]]:
        """Return the ``count`` offers nearest to a place, each with its distance."""
        offers, places = self.offers, self.places
        size = len(offers)
        count = min(count, size)
        right = bisect_left(places, heard)
        left = right - 1  # a negative index is the other side of the circle
        found = []
        from_right = places[right] - heard if right < size else places[right - size] + 1.0 - heard
        from_left = heard - places[left] if left >= 0 else heard - places[left] + 1.0
        for _ in range(count):
            if from_right < from_left:
                found.append((from_right, offers[right if right < size else right - size]))
                right += 1
                from_right = places[right] - heard if right < size else places[right - size] + 1.0 - heard
            else:
                found.append((from_left, offers[left]))
                left -= 1
                from_left = heard - places[left] if left >= 0 else heard - places[left] + 1.0
        return found


class Customer(mesa.Agent):
    """A potential customer, adopted or not."""

    def __init__(self, model: Marketplace, need_rate: float, alpha: float, leniency: float) -> None:
        super().__init__(model)
        self.need_rate = need_rate
        self.alpha = alpha
        self.leniency = leniency
        self.status = POTENTIAL
        self.channel: str | None = None
        self.joined = -1
        self.last_order = -1
        self.orders = 0
        self.satisfaction = model.rules.launch_satisfaction
        self.recommends = False
        self.friends: list[Customer] = []
        self.ties: list[Tie] = []
        self.bought: Offer | None = None
        self.inclusive: float | None = None  # of this week's search, None without one

    # -- 1. adopt

    def adopt(self) -> None:
        """Join by advertising, word of mouth or referral, or come back."""
        if self.status == ACTIVE:
            return
        rules, random = self.model.rules, self.model.random
        neighbours = sum(friend.recommends for friend in self.friends)
        hazard = 1.0 - (1.0 - rules.p) * ((1.0 - rules.q) * (1.0 - rules.referral)) ** neighbours
        if self.status == LAPSED:
            hazard *= rules.win_back * min(1.0, self.satisfaction) / rules.launch_satisfaction
            if random.random() < hazard:
                self.status = ACTIVE
        elif random.random() < hazard:
            self.status = ACTIVE
            self.joined = self.model.week
            self.channel = self.channel_joined_by(neighbours)

    def channel_joined_by(self, neighbours: int) -> str:
        """Attribute a newcomer to one channel in proportion to the channels' integrated hazards."""
        rules = self.model.rules
        advertising = -math.log1p(-rules.p)
        word = -neighbours * math.log1p(-rules.q)
        told = -neighbours * math.log1p(-rules.referral)
        mark = self.model.random.random() * (advertising + word + told)
        if mark < advertising:
            return ADVERTISING
        return WORD_OF_MOUTH if mark < advertising + word else REFERRAL

    # -- 2. visit and choose

    def shop(self) -> None:
        """Visit if a need arises; search and choose one offer or none."""
        if self.status != ACTIVE:
            return
        rules, random = self.model.rules, self.model.random
        appeal = 1.0 + rules.visit_response * (self.satisfaction / rules.launch_satisfaction - 1.0)
        rate = self.need_rate * appeal
        u = random.random()
        if u >= rate or u >= -math.expm1(-rate):  # the first test spares most the exponential
            return
        category, place = self.model.draw_need()
        self.choose(self.consideration_set(category, place), place)

    def consideration_set(self, category: int, place: float) -> dict[Offer, float]:
        """Return the offers considered, each with its bonus: those shown, those known, one that a friend recommends."""
        rules, random = self.model.rules, self.model.random
        heard = place
        if rules.noise > 0.0:
            heard = (place + rules.noise * math.sqrt(12.0) * (random.random() - 0.5)) % 1.0
        weight = rules.relevance * rules.tau
        ranked = [
            (offer.rank - weight * distance, at, offer)
            for at, (distance, offer) in enumerate(self.model.circles[category].nearest(heard, rules.candidates))
        ]
        ranked.sort(reverse=True)
        considered = {offer: 0.0 for _, _, offer in ranked[: rules.shown]}
        if self.ties:
            for tie in self.ties:
                if tie.offer.category == category:
                    considered[tie.offer] = 0.0
            weights = {tie.offer.seller: tie.weight for tie in self.ties}
            for offer in considered:
                if offer.seller in weights:
                    considered[offer] = rules.tie_bonus * weights[offer.seller]
        if self.friends and random.random() < rules.recommendation_rate:
            offer = random.choice(self.friends).favourite(category)
            if offer is not None:
                considered[offer] = considered.get(offer, 0.0) + rules.friend_bonus
        return considered

    def favourite(self, category: int) -> Offer | None:
        """Return the offer of a category it would recommend to a friend: its strongest tie there, if any."""
        if not self.recommends:
            return None
        fitting = [tie for tie in self.ties if tie.offer.category == category]
        return max(fitting, key=lambda tie: tie.weight).offer if fitting else None

    def choose(self, considered: dict[Offer, float], place: float) -> None:
        """Choose by multinomial logit: buy or not is one logistic draw, which offer is one draw on the shares."""
        rules, random = self.model.rules, self.model.random
        values = []
        for offer, bonus in considered.items():
            gap = abs(place - offer.place)
            gap = min(gap, 1.0 - gap)
            values.append((offer.base - self.alpha * offer.price - rules.tau * gap + bonus) / rules.mu)
        peak = max(values)
        weights = [math.exp(value - peak) for value in values]
        inside = peak + math.log(sum(weights))
        self.inclusive = max(inside, 0.0) + math.log1p(math.exp(-abs(inside)))
        u = random.random()
        margin = inside - rules.outside / rules.mu + math.log(u / (1.0 - u))
        if margin > 0.0:
            self.bought = random.choices(list(considered), weights)[0]
            self.model.consumer_surplus += rules.mu * margin / self.alpha

    # -- 4. experience

    def experience(self) -> None:
        """Update satisfaction and ties after a search; lapse or stay; recommend or not."""
        if self.status != ACTIVE:
            return
        rules, model = self.model.rules, self.model
        if self.inclusive is not None:
            model.searches += 1
            if self.bought is not None:
                model.purchases += 1
                self.orders += 1
                self.last_order = model.week
                self.strengthen_tie(self.bought)
                self.bought = None
            felt = 1.0 / (1.0 + math.exp((rules.reference - self.inclusive) / rules.score_width))
            self.satisfaction += rules.learning * (felt - self.satisfaction)
            self.inclusive = None
        growth = (1.0 - self.satisfaction) / (1.0 - rules.launch_satisfaction) - 1.0
        if model.random.random() < rules.lapse_rate * (1.0 + rules.lapse_response * growth):
            self.status = LAPSED
            self.recommends = False
            return
        points = rules.recommend_intercept + rules.recommend_slope * self.satisfaction + self.leniency
        self.recommends = points >= 8.5  # 9 or 10 on a scale of whole points

    def strengthen_tie(self, offer: Offer) -> None:
        """Let all ties fade and move the tie with this seller towards 1; the weakest gives way to a new one."""
        rules = self.model.rules
        mine = None
        for tie in self.ties:
            tie.weight *= 1.0 - rules.tie_decay
            if tie.offer.seller == offer.seller:
                mine = tie
        if mine is None:
            if len(self.ties) == rules.ties:
                self.ties.remove(min(self.ties, key=lambda tie: tie.weight))
            mine = Tie(offer, 0.0)
            self.ties.append(mine)
        mine.offer = offer
        mine.weight += rules.tie_gain * (1.0 - mine.weight)


class Marketplace(mesa.Model):
    """Customers on a social graph, and the shelf of one platform.

    Parameters
    ----------
    rules
        Scalars of the scenario.
    offers
        Every offer on the shelf.
    category_weights
        Shares of needs by category.
    seed
        Seed of the model's `random.Random`.
    """

    def __init__(self, rules: Rules, offers: list[Offer], category_weights: list[float], seed: int) -> None:
        super().__init__(seed=seed)
        self.rules = rules
        self.categories = range(len(category_weights))
        self.cumulative = [sum(category_weights[: c + 1]) for c in self.categories]
        self.circles = [Circle([offer for offer in offers if offer.category == c]) for c in self.categories]
        self.week = 0
        self.searches = self.purchases = 0
        self.consumer_surplus = 0.0

    def draw_need(self) -> tuple[int, float]:
        """Draw a category, and a place on its circle: near a popular place for the head, anywhere for the long tail."""
        rules, random = self.rules, self.random
        category = random.choices(self.categories, cum_weights=self.cumulative)[0]
        if random.random() < rules.head_share:
            popular = random.randrange(rules.popular_places) / rules.popular_places
            return category, (popular + rules.head_width * (random.random() + random.random() - 1.0)) % 1.0
        return category, random.random()

    def step(self) -> None:
        """Live through one customer's week."""
        self.week += 1
        self.searches = self.purchases = 0
        self.consumer_surplus = 0.0
        self.agents.do("adopt")
        self.agents.shuffle_do("shop")
        self.agents.do("experience")
