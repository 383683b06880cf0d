"""Phase 6: platforms keep their books, pay their costs, learn, build capacity, set prices and fees, invest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from agents.compiled import loop
from agents.platform import capability_level, learned_cost, speed_premium
from agents.plugins import PluginError
from agents.policies import CAPABILITIES, Books, Decision
from marketplace.ledger import CARRIERS, CUSTOMERS, OUTSIDE, PLATFORMS, ratio

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
    figures : (figures, platforms) float64
        All of them, in the order of `FIELDS`.
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
        return self.figures

    def __setstate__(self, figures: Floats) -> None:
        self.figures = figures
        for name, each in zip(self.FIELDS, figures, strict=True):
            setattr(self, name, each)
        self.takings = Takings(*figures[: len(Takings._fields)])
        first = self.FIELDS.index(self.COSTS[0])
        self.costs = figures[first : first + len(self.COSTS)]

    def clear(self) -> None:
        """Begin a new week."""
        self.figures[:] = 0.0

    def of(self, m: int) -> dict[str, float]:
        """Return every figure of platform m."""
        return dict(zip(self.FIELDS, self.figures[:, m].tolist(), strict=True))

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Floats: ...


def launch_unit_cost(platform: Platform, shipping: float) -> float:
    """Cost of fulfilling one order at launch, with capacity used as far as its trigger, in currency."""
    capacity = platform.capacity_cost / platform.capacity_trigger if platform.capacity > 0.0 else 0.0
    return platform.handling_cost + capacity + shipping


def count_retail(model: MarketplaceModel) -> None:
    """Smooth what platforms sell of their own."""
    weight = SMOOTHING if model.week > 1 else 0.0
    for m, units in enumerate(model.books.retail_units.tolist()):
        model.retail_volume[m] = smoothed(model.retail_volume.item(m), units, weight)


def smoothed(before: float, now: float, weight: float = SMOOTHING) -> float:
    """Return a smoothed figure, where ``weight`` is that of its old value."""
    return weight * before + (1.0 - weight) * now


# Platforms are few, so their week is plain arithmetic: on arrays of length one each step would cost ten times as much.


def learn(model: MarketplaceModel) -> None:
    """Update volume, experience and the parts of unit cost, and pay what fulfilment costs.

    Technology perceives volume through its valve, its growth and its overload included. What is paid is the
    perceived unit cost of each order truly shipped, so that a shut valve means a technology that sees the volume of
    the reference week, and goes on learning at that pace.
    """
    p, fulfilled = model.platforms.columns, model.books.fulfilled.tolist()
    valve = model.flywheel["volume->unit_cost"]
    before = [seen if math.isfinite(seen) else true for seen, true in zip(valve.value, p.volume.tolist(), strict=True)]
    for m, orders in enumerate(fulfilled):
        p.volume[m] = smoothed(p.volume.item(m), orders)
    volume, factor = valve.perceive(p.volume, model.week).tolist(), valve.factor.tolist()
    for m, settings in enumerate(model.scenario.platforms):
        p.growth[m] = smoothed(p.growth.item(m), volume[m] - float(before[m]))
        p.experience[m] += fulfilled[m] * factor[m]
        fulfilment, shipping = produce(model, m, settings, volume[m], factor[m])
        build_capacity(model, m, settings, volume[m])
        model.ledger.pay(PLATFORMS, OUTSIDE, "fulfilment", fulfilment)
        model.ledger.pay(PLATFORMS, CARRIERS, "shipping", shipping)
        p.cash[m] -= fulfilment + shipping


def produce(
    model: MarketplaceModel, m: int, settings: Platform, volume: float, factor: float
) -> tuple[float, float]:
    """Work out what platform m's fulfilment cost this week, where it perceives ``factor`` times its true volume.

    Returns what is paid for fulfilment and to carriers, in currency.
    """
    p, books, rules = model.platforms.columns, model.books, model.scenario.fulfilment
    shipped, stands, true_volume = books.fulfilled.item(m), p.capacity.item(m), p.volume.item(m)
    learned = settings.handling_cost * learned_cost(
        p.experience.item(m), settings.launch_volume, settings.progress_ratio, settings.handling_floor
    )
    premium = speed_premium(model.median_days.item(m), rules.delivery_days, settings.speed_cost)
    overload = max(0.0, shipped - stands / factor) if settings.capacity > 0.0 and factor > 0.0 else 0.0
    # Perceived at the same floor as in a unit cost, so that a technology without volume is dear, not infinitely so.
    capacity = settings.capacity_cost * stands * (max(true_volume, 1.0) / max(volume, 1.0))
    handling, speed = learned * (shipped + settings.overload_cost * overload), learned * (premium - 1.0) * shipped
    shipping = rules.shipping_cost * shipped
    books.stood[m] = stands
    books.handling[m], books.speed[m], books.capacity[m], books.shipping[m] = handling, speed, capacity, shipping
    before = now = p.unit_cost.item(m)
    if shipped > 0.0:
        now = (handling + speed + shipping) / shipped + capacity / max(true_volume, 1.0)
    p.unit_cost[m] = smoothed(before, now, SMOOTHING if settings.capacity > 0.0 else 0.0)
    return handling + speed + capacity, shipping


def build_capacity(model: MarketplaceModel, m: int, settings: Platform, volume: float) -> None:
    """Let lumps stand that are due, and order one when the forecast over the lead time asks for it."""
    if settings.capacity == 0.0 or model.platforms.columns.failed[m] >= 0:
        return
    p, pending = model.platforms.columns, model.capacity_orders[m]
    stands = p.capacity.item(m) * (1.0 - settings.capacity_wear)
    while pending and pending[0][0] <= model.week:
        stands += pending.pop(0)[1]
    p.capacity[m] = stands
    coming = stands + sum(lump for _, lump in pending)
    forecast = volume + max(0.0, p.growth.item(m)) * settings.capacity_lead
    if forecast > settings.capacity_trigger * coming:
        pending.append((model.week + settings.capacity_lead, settings.capacity_lump * coming))


def close_books(model: MarketplaceModel) -> None:
    """Add up revenue and cost, pay overheads, and smooth the surplus."""
    p, books, ledger = model.platforms.columns, model.books, model.ledger
    rate, memory = model.scenario.fulfilment.holding_cost, model.scenario.policy.memory
    open_ = [failed < 0 for failed in p.failed.tolist()]
    bonus = model.scenario.adoption.referral_bonus * model.referred / max(1, sum(open_))
    for m, settings in enumerate(model.scenario.platforms):
        gmv = books.retail_gmv.item(m) + books.third_party_gmv.item(m)
        overhead = settings.overhead * open_[m] + settings.overhead_share * gmv
        holding = rate * stock_value(model, m) if rate > 0.0 else 0.0
        bonuses = bonus * open_[m]
        books.overhead[m], books.holding[m], books.bonuses[m] = overhead, holding, bonuses
        ledger.pay(PLATFORMS, OUTSIDE, "overhead and holding cost", overhead + holding)
        ledger.pay(PLATFORMS, CUSTOMERS, "referral bonuses", bonuses)
        p.cash[m] -= overhead + holding + bonuses
        revenue = (
            books.retail_gmv.item(m) - books.retail_refunds.item(m) + books.commission.item(m) + books.fees.item(m)
        )
        margin = revenue - sum(books.costs[:, m].tolist())
        # Price cuts that the surplus pays for are handed back before the policy decides anew.
        surplus = margin + books.price_cuts.item(m)
        books.revenue[m], books.margin[m], books.surplus[m] = revenue, margin, surplus
        p.surplus[m] = smoothed(p.surplus.item(m), surplus, memory)


def stock_value(model: MarketplaceModel, m: int) -> float:
    """What platform m's own stock has cost, in currency."""
    rows, c = model.offers.retail(m), model.offers.columns
    return float(np.dot(c.stock[rows], c.cost[rows]))


def spend_surplus(model: MarketplaceModel) -> None:
    """Let every platform's policy decide, and carry out what it decides."""
    p = model.platforms.columns
    surplus = model.flywheel["surplus->capabilities"].perceive(p.surplus, model.week).tolist()
    for m, settings in enumerate(model.scenario.platforms):
        p.capability[m] *= 1.0 - settings.wear
        if p.failed[m] >= 0:
            continue
        decision = model.policies[m].decide(books_of(model, m, surplus[m] * model.scenario.policy.spend))
        if not isinstance(decision, Decision):
            raise PluginError(f"policy {model.policies[m].name!r} must return a Decision, not {decision!r:.60}.")
        units, discount = max(1.0, model.retail_volume.item(m)), p.discount.item(m)
        p.discount[m] = discount + settings.price_speed * (decision.spend.get("price", 0.0) / units - discount)
        invested = [decision.spend.get(lever, 0.0) for lever in CAPABILITIES]
        p.capability[m] += invested
        spent = sum(invested)
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
    p, settings, books = model.platforms.columns, model.scenario.platforms[m], model.books.of(m)
    offers, sellers = model.offers.third_party_on(m)
    gmv = books["retail_gmv"] + books["third_party_gmv"]
    level = capability_level(p.capability[m], settings.capability_scale)
    return Books(
        week=model.week,
        platform=settings.name,
        gmv=gmv,
        revenue=books["revenue"],
        orders=books["orders"],
        first_party_orders=books["retail_units"],
        searches=books["searches"],
        visits=books["visits"],
        failed_searches=ratio(books["failed"], books["searches"]),
        unit_cost=p.unit_cost.item(m),
        cash=p.cash.item(m),
        credit_line=settings.credit_line,
        surplus=budget,
        discount=p.discount.item(m),
        active_customers=float(model.active_customers),
        active_sellers=sellers,
        offers=offers + model.offers.retail(m).size,
        satisfaction=model.mean_satisfaction.item(m),
        late_rate=ratio(books["late"], books["delivered"]),
        stockout_rate=ratio(books["demanded"] - books["delivered"], books["demanded"]),
        return_rate=ratio(books["returned"], books["delivered"]),
        promised_days=model.median_days.item(m) * model.scenario.fulfilment.promise,
        first_party_share=ratio(books["retail_gmv"], gmv),
        capabilities=dict(zip(CAPABILITIES, level.tolist(), strict=True)),
    )


def set_prices_and_fees(model: MarketplaceModel) -> None:
    """Let own retail prices and fulfilment fees follow unit cost as far as it is passed through."""
    p, offers, week = model.platforms.columns, model.offers.columns, model.week
    for_price = model.flywheel["unit_cost->price"].perceive(p.unit_cost, week).tolist()
    for_fees = model.flywheel["unit_cost->fees"].perceive(p.unit_cost, week).tolist()
    for m, settings in enumerate(model.scenario.platforms):
        launch = p.launch_unit_cost.item(m)
        passed_on = settings.pass_through * (for_price[m] - launch) / (1.0 - settings.target_margin)
        set_retail_prices(
            model.offers.retail(m), passed_on, settings.price_speed, p.discount.item(m), offers.launch_price,
            offers.regular_price, offers.cost, offers.price,
        )  # fmt: skip
        p.fulfilment_fee[m] = max(0.0, settings.fulfilment_fee + settings.fee_pass_through * (for_fees[m] - launch))


@loop
def set_retail_prices(rows, passed_on, speed, discount, launch_price, regular_price, cost, price):  # type: ignore[no-untyped-def]
    """Move own retail's regular prices towards their targets, and take the discount off: of the margin, not the goods.

    ``passed_on`` is by how much costs have moved target prices since launch, in currency; ``speed`` the share of the
    way that regular prices go in a week.
    """
    for row in rows:
        regular_price[row] += speed * (launch_price[row] + passed_on - regular_price[row])
        regular = regular_price[row]
        price[row] = max(regular - discount, min(regular, cost[row]))
