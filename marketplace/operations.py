"""Phase 6: platforms keep their books, pay their costs, learn, build capacity, set prices and fees, invest."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from agents.platform import capability_level, learned_cost, speed_premium
from agents.plugins import PluginError
from agents.policies import CAPABILITIES, Books, Decision
from marketplace.ledger import CARRIERS, CUSTOMERS, OUTSIDE, PLATFORMS, total

if TYPE_CHECKING:
    from marketplace.model import MarketplaceModel
    from marketplace.sections import Platform

Floats = npt.NDArray[np.float64]

SMOOTHING = 0.9  # weight of the old value in a platform's view of its own volume, demand and cost: ten weeks


class Takings(NamedTuple):
    """What `marketplace.sales` adds up of a week's sales; each (platforms,), in currency or units."""

    commission: Floats
    fees: Floats
    third_party_gmv: Floats
    retail_gmv: Floats
    retail_refunds: Floats
    retail_units: Floats
    price_cuts: Floats
    orders: Floats
    fulfilled: Floats
    retail_cost: Floats


class WeekBooks:
    """The platforms' figures of one week; each (platforms,) float64, in currency or units.

    Attributes
    ----------
    takings : Takings
        Some of the figures, the very same arrays, as one argument for a loop.
    costs : (costs, platforms) float64
        Likewise: all that is taken from revenue to give the margin.
    """

    COSTS = (
        "retail_cost", "handling", "speed", "capacity", "shipping", "overhead", "holding", "bonuses", "ageing",
    )  # fmt: skip
    FIELDS = (
        *Takings._fields, *COSTS[1:], "stood", "surplus", "spent", "dividend", "revenue", "margin", "searches",
        "failed", "visits", "late", "delivered", "demanded", "returned", "days",
    )  # fmt: skip

    def __init__(self, platforms: int) -> None:
        self.__setstate__(np.zeros((len(self.FIELDS), platforms)))

    def __getstate__(self) -> Floats:
        return self._figures

    def __setstate__(self, figures: Floats) -> None:
        self._figures = figures
        for name, each in zip(self.FIELDS, figures, strict=True):
            setattr(self, name, each)
        self.takings = Takings(*figures[: len(Takings._fields)])
        first = self.FIELDS.index(self.COSTS[0])
        self.costs = figures[first : first + len(self.COSTS)]

    def clear(self) -> None:
        """Begin a new week."""
        self._figures[:] = 0.0

    def totals(self) -> dict[str, float]:
        """Return every figure summed over the platforms."""
        return dict(zip(self.FIELDS, np.add.reduce(self._figures, axis=1).tolist(), strict=True))

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Floats: ...


def launch_unit_cost(platform: Platform, shipping: float) -> float:
    """Cost of fulfilling one order at launch, with capacity used as far as its trigger, in currency."""
    capacity = platform.capacity_cost / platform.capacity_trigger if platform.capacity > 0.0 else 0.0
    return platform.handling_cost + capacity + shipping


def count_retail(model: MarketplaceModel) -> None:
    """Smooth what platforms sell of their own."""
    weight = SMOOTHING if model.week > 1 else 0.0
    model.retail_volume[:] = weight * model.retail_volume + (1.0 - weight) * model.books.retail_units


def learn(model: MarketplaceModel) -> None:
    """Update volume, experience and the parts of unit cost, and pay what fulfilment costs.

    Technology perceives volume through its valve, its growth and its overload included. What is paid is the
    perceived unit cost of each order truly shipped, so that a shut valve means a technology that sees the volume of
    the reference week, and goes on learning at that pace.
    """
    p, books = model.platforms.columns, model.books
    valve = model.flywheel["volume->unit_cost"]
    before = np.where(np.isfinite(valve.value), valve.value, p.volume)
    p.volume[:] = SMOOTHING * p.volume + (1.0 - SMOOTHING) * books.fulfilled
    volume = valve.perceive(p.volume, model.week)
    p.growth[:] = SMOOTHING * p.growth + (1.0 - SMOOTHING) * (volume - before)
    p.experience += books.fulfilled * valve.factor
    for m, settings in enumerate(model.scenario.platforms):
        produce(model, m, settings, float(volume[m]), float(valve.factor[m]))
        build_capacity(model, m, settings, float(volume[m]))
    paid = books.handling + books.speed + books.capacity
    model.ledger.pay(PLATFORMS, OUTSIDE, "fulfilment", paid)
    model.ledger.pay(PLATFORMS, CARRIERS, "shipping", books.shipping)
    p.cash -= paid + books.shipping


def produce(model: MarketplaceModel, m: int, settings: Platform, volume: float, factor: float) -> None:
    """Work out what platform m's fulfilment cost this week, where it perceives ``factor`` times its true volume."""
    p, books, rules = model.platforms.columns, model.books, model.scenario.fulfilment
    shipped, stands, smoothed = float(books.fulfilled[m]), float(p.capacity[m]), float(p.volume[m])
    books.stood[m] = stands
    learned = settings.handling_cost * learned_cost(
        float(p.experience[m]), settings.launch_volume, settings.progress_ratio, settings.handling_floor
    )
    premium = speed_premium(float(model.median_days[m]), rules.delivery_days, settings.speed_cost)
    overload = max(0.0, shipped - stands / factor) if settings.capacity > 0.0 and factor > 0.0 else 0.0
    # Perceived at the same floor as in a unit cost, so that a technology without volume is dear, not infinitely so.
    capacity = settings.capacity_cost * stands * (max(smoothed, 1.0) / max(volume, 1.0))
    handling, speed = learned * (shipped + settings.overload_cost * overload), learned * (premium - 1.0) * shipped
    shipping = rules.shipping_cost * shipped
    books.handling[m], books.speed[m], books.capacity[m], books.shipping[m] = handling, speed, capacity, shipping
    before = now = float(p.unit_cost[m])
    if shipped > 0.0:
        now = (handling + speed + shipping) / shipped + capacity / max(smoothed, 1.0)
    weight = SMOOTHING if settings.capacity > 0.0 else 0.0
    p.unit_cost[m] = weight * before + (1.0 - weight) * now


def build_capacity(model: MarketplaceModel, m: int, settings: Platform, volume: float) -> None:
    """Let lumps stand that are due, and order one when the forecast over the lead time asks for it."""
    if settings.capacity == 0.0 or model.platforms.columns.failed[m] >= 0:
        return
    p, pending = model.platforms.columns, model.capacity_orders[m]
    stands = float(p.capacity[m]) * (1.0 - settings.capacity_wear)
    while pending and pending[0][0] <= model.week:
        stands += pending.pop(0)[1]
    p.capacity[m] = stands
    coming = stands + sum(lump for _, lump in pending)
    forecast = volume + max(0.0, float(p.growth[m])) * settings.capacity_lead
    if forecast > settings.capacity_trigger * coming:
        pending.append((model.week + settings.capacity_lead, settings.capacity_lump * coming))


def close_books(model: MarketplaceModel) -> None:
    """Add up revenue and cost, pay overheads, and smooth the surplus."""
    p, books, ledger = model.platforms.columns, model.books, model.ledger
    gmv = books.retail_gmv + books.third_party_gmv
    open_ = p.failed < 0
    books.overhead[:] = model.overhead * open_ + model.overhead_share * gmv
    rate = model.scenario.fulfilment.holding_cost
    if rate > 0.0:
        for m in range(model.platforms.size):
            rows = model.offers.retail(m)
            books.holding[m] = rate * float(np.dot(model.offers.columns.stock[rows], model.offers.columns.cost[rows]))
    ledger.pay(PLATFORMS, OUTSIDE, "overhead and holding cost", books.overhead + books.holding)
    bonus = model.scenario.adoption.referral_bonus * model.referred
    if bonus > 0.0:
        books.bonuses[:] = open_ * (bonus / max(1, int(open_.sum())))
        ledger.pay(PLATFORMS, CUSTOMERS, "referral bonuses", books.bonuses)
    p.cash -= books.overhead + books.holding + books.bonuses
    books.revenue[:] = books.retail_gmv - books.retail_refunds + books.commission + books.fees
    books.margin[:] = books.revenue - np.add.accumulate(books.costs)[-1]
    # Price cuts that the surplus pays for are handed back before the policy decides anew.
    books.surplus[:] = books.margin + books.price_cuts
    memory = model.scenario.policy.memory
    p.surplus[:] = memory * p.surplus + (1.0 - memory) * books.surplus


def spend_surplus(model: MarketplaceModel) -> None:
    """Let every platform's policy decide, and carry out what it decides."""
    p = model.platforms.columns
    budget = model.flywheel["surplus->capabilities"].perceive(p.surplus, model.week) * model.scenario.policy.spend
    for m, settings in enumerate(model.scenario.platforms):
        p.capability[m] *= 1.0 - settings.wear
        if p.failed[m] >= 0:
            continue
        decision = model.policies[m].decide(books_of(model, m, float(budget[m])))
        if not isinstance(decision, Decision):
            raise PluginError(f"policy {model.policies[m].name!r} must return a Decision, not {decision!r:.60}.")
        units = max(1.0, float(model.retail_volume[m]))
        p.discount[m] += settings.price_speed * (decision.spend.get("price", 0.0) / units - p.discount[m])
        invested = np.array([decision.spend.get(lever, 0.0) for lever in CAPABILITIES])
        p.capability[m] += invested
        spent = total(invested)
        model.books.spent[m] = spent
        model.books.dividend[m] = decision.dividend
        p.cash[m] -= spent + decision.dividend
        model.ledger.pay(PLATFORMS, OUTSIDE, "capabilities", spent)
        model.ledger.pay(PLATFORMS, OUTSIDE, "dividends", decision.dividend)
        if p.cash[m] < -settings.credit_line:
            fail(model, m)


def fail(model: MarketplaceModel, m: int) -> None:
    """Close platform m: nothing is offered on it any more, its stock is scrapped, its capacity given up."""
    offers = model.offers.columns
    model.platforms.columns.failed[m] = model.week
    model.platforms.columns.capacity[m] = 0.0
    model.capacity_orders[m].clear()
    rows = model.offers.rows[offers.platform[model.offers.rows] == m]
    model.ledger.goods["scrapped"] += int(offers.stock[rows].sum())
    offers.stock[rows] = 0
    model.offers.remove(rows)


def books_of(model: MarketplaceModel, m: int, budget: float) -> Books:
    """Return what platform m's policy sees."""
    p, books, settings = model.platforms.columns, model.books, model.scenario.platforms[m]
    offers, sellers = model.offers.third_party_on(m)
    gmv = float(books.retail_gmv[m] + books.third_party_gmv[m])
    level = capability_level(p.capability[m], settings.capability_scale)
    return Books(
        week=model.week,
        platform=settings.name,
        gmv=gmv,
        revenue=float(books.revenue[m]),
        orders=float(books.orders[m]),
        first_party_orders=float(books.retail_units[m]),
        searches=float(books.searches[m]),
        visits=float(books.visits[m]),
        failed_searches=_ratio(books.failed[m], books.searches[m]),
        unit_cost=float(p.unit_cost[m]),
        cash=float(p.cash[m]),
        credit_line=settings.credit_line,
        surplus=budget,
        discount=float(p.discount[m]),
        active_customers=float(model.active_customers),
        active_sellers=sellers,
        offers=offers + model.offers.retail(m).size,
        satisfaction=float(model.mean_satisfaction[m]),
        late_rate=_ratio(books.late[m], books.delivered[m]),
        stockout_rate=_ratio(books.demanded[m] - books.delivered[m], books.demanded[m]),
        return_rate=_ratio(books.returned[m], books.delivered[m]),
        promised_days=float(model.median_days[m] * model.scenario.fulfilment.promise),
        first_party_share=_ratio(books.retail_gmv[m], gmv),
        capabilities=dict(zip(CAPABILITIES, level.tolist(), strict=True)),
    )


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0.0 else float("nan")


def set_prices_and_fees(model: MarketplaceModel) -> None:
    """Let own retail prices and fulfilment fees follow unit cost as far as it is passed through."""
    p, offers, week = model.platforms.columns, model.offers.columns, model.week
    for_price = model.flywheel["unit_cost->price"].perceive(p.unit_cost, week)
    for_fees = model.flywheel["unit_cost->fees"].perceive(p.unit_cost, week)
    for m, settings in enumerate(model.scenario.platforms):
        change = for_price[m] - p.launch_unit_cost[m]
        rows = model.offers.retail(m)
        target = offers.launch_price[rows] + settings.pass_through * change / (1.0 - settings.target_margin)
        offers.regular_price[rows] += settings.price_speed * (target - offers.regular_price[rows])
        # Own retail gives away its margin, never its goods.
        regular = offers.regular_price[rows]
        offers.price[rows] = np.maximum(regular - p.discount[m], np.minimum(regular, offers.cost[rows]))
        fee = settings.fulfilment_fee + settings.fee_pass_through * (for_fees[m] - p.launch_unit_cost[m])
        p.fulfilment_fee[m] = max(0.0, fee)
