"""The seven phases of a week. Within a phase all agents see the same state."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from agents.chance import BROWSE, draw, poisson
from agents.customer import ACTIVE
from agents.offer import OWN, PLATFORM
from agents.policies.levers import ADVERTISING, DATA, DELIVERY, SERVICE
from marketplace import (
    adoption,
    entrants,
    fulfilment,
    operations,
    order_record,
    panel,
    record,
    repricing,
    sales,
    search,
    search_log,
    selling,
    shelf,
    stocking,
    visiting,
)
from marketplace import experience as experiences
from marketplace.ledger import mean, total

if TYPE_CHECKING:
    from marketplace.model import MarketplaceModel

Floats = npt.NDArray[np.float64]

CUSTOMER_FACING = (DELIVERY, SERVICE, DATA)


def begin(model: MarketplaceModel) -> None:
    """Open the books of a new week, and the marketplace if its date has come."""
    model.week += 1
    model.ledger.open_week()
    model.books.clear()
    model.open_marketplace()
    model.make_room()
    for link in ("experience->visits", "experience->adoption"):
        model.flywheel[link].perceive(model.mean_satisfaction, model.week)
    perceive_capabilities(model)


def prepare(model: MarketplaceModel) -> None:
    """Before week 1: draw the fixed basket of needs, and read the launch utility that scores refer to."""
    panel.draw_panel(model)
    perceive_capabilities(model)
    shelf.lay_shelf(model)
    model.reference = panel.read_shelf(model)[:, 3] - model.scenario.experience.reference_gap
    for valve in model.flywheel.values():
        valve.reset()
    customers = model.customers.columns
    counts = np.zeros((model.visits.filled.size, 4), np.int64)
    if model.adopters:
        recommend(model, counts, keep_all=True)
    model.lapse_counts[3] = int((customers.status == ACTIVE).sum())


# -- 1. adopt ----------------------------------------------------------------------------------------------------


def adopt(model: MarketplaceModel) -> None:
    """Potential customers join; lapsed ones come back."""
    scenario, c, settings = model.scenario, model.customers.columns, model.scenario.adoption
    open_ = model.platforms.columns.failed < 0
    boost = 1.0 + settings.advertising_gain * model.capability[:, ADVERTISING]
    # Platforms advertise the same thing, shopping online: their efforts share one audience.
    p = min(1.0, settings.p * mean(np.where(open_, boost, 0.0)))
    well_mixed = settings.mixing == "well-mixed"
    recommending = float(np.count_nonzero(c.recommends)) / c.status.size if well_mixed else 0.0
    degree = 1 if well_mixed else scenario.social.mean_degree
    joined = np.zeros((model.visits.filled.size, 6), np.int64)
    adoption.adopt(
        len(joined), np.uint64(model.seed), model.week, c.key, c.status, c.channel, c.joined, c.recommends,
        c.satisfaction, model.flywheel["experience->visits"].factor * open_, model.social.indptr,
        model.social.indices, p, adoption.per_neighbour(settings.q, degree),
        adoption.per_neighbour(settings.referral, degree), well_mixed, recommending,
        scenario.experience.win_back, scenario.experience.launch_satisfaction, joined,
    )  # fmt: skip
    model.joined_now = np.add.reduce(joined)
    *joiners, returned = model.joined_now.tolist()
    model.adopters += sum(joiners)
    model.referred = joiners[4]
    model.active_customers += sum(joiners) + returned


# -- 2. visit and choose -----------------------------------------------------------------------------------------


def perceive_capabilities(model: MarketplaceModel) -> None:
    """Let customers meet the capabilities of delivery, service and data, through their valve."""
    scenario, valve = model.scenario, model.flywheel["capabilities->experience"]
    model.capability = model.capability_levels()
    facing = [[level[k] for k in CUSTOMER_FACING] for level in model.capability.tolist()]
    valve.perceive([sum(levels) / len(levels) for levels in facing], model.week)
    for m, (levels, factor) in enumerate(zip(facing, valve.factor.tolist(), strict=True)):
        delivery, service, data = (min(1.0, level * factor) for level in levels)
        gain = scenario.platforms[m]
        model.median_days[m] = scenario.fulfilment.delivery_days * (1.0 - gain.delivery_gain * delivery)
        model.promised[m, OWN] = scenario.fulfilment.promise * scenario.fulfilment.own_delivery_days
        model.promised[m, PLATFORM] = scenario.fulfilment.promise * model.median_days.item(m)
        model.spread[m] = scenario.fulfilment.delivery_spread * (1.0 - gain.spread_gain * delivery)
        model.error_share[m] = 1.0 - gain.data_gain * data
        model.kept_share[m] = 1.0 - scenario.experience.service_recovery * service


def people_of(model: MarketplaceModel) -> search.People:
    """The customers' columns that a search reads."""
    c = model.customers.columns
    return search.People(
        c.key, c.status, c.need_rate, c.alpha, c.satisfaction, c.recommends, c.tie_offer, c.tie_weight,
        model.social.indptr, model.social.indices,
    )  # fmt: skip


def visit_and_choose(model: MarketplaceModel) -> None:
    """Needs arise; customers pick a platform, search, and choose one offer or none. Some searches are logged."""
    shelf.lay_shelf(model)
    scenario, wheel, books = model.scenario, model.flywheel, model.books
    seen = search.Perception(
        wheel["selection->experience"].factor,
        wheel["experience->visits"].factor,
        scenario.search.noise * model.error_share,
        model.platforms.columns.failed >= 0,
    )
    people, seller, seed = people_of(model), model.offers.columns.seller, np.uint64(model.seed)
    expected = max(1.0, model.searches_last_week)
    log_share = min(1.0, scenario.search.sample / expected)
    visiting.visit_and_choose(
        model.visits.filled.size, seed, model.week, model.searches_each, log_share, model.rules, seller, model.level,
        people, model.taste, model.shelf, seen, model.visits, model.raw_log,
    )  # fmt: skip
    logged = search_log.close_log(
        model.raw_log, model.whole_log, model.rules.outside / model.rules.mu, model.rules.shown
    )
    model.log = search_log.first_rows(model.whole_log, logged)
    model.searches_last_week = total(model.visits.filled)
    model.expected_surplus = search_log.expected_surplus(model)
    count_visits(model)
    p = model.platforms.columns
    for m, searches in enumerate(books.searches.tolist()):
        p.demand[m] = operations.smoothed(p.demand.item(m), searches) if model.week > 1 else searches
    wheel["visits->sellers"].perceive(p.demand, model.week)


def count_visits(model: MarketplaceModel) -> None:
    """Count searches and failed searches by platform, and draw browsing visits."""
    books, count = model.books, model.platforms.size
    if count == 1:
        books.searches[0] = model.searches_last_week
        books.failed[0] = model.searches_last_week - total(model.visits.bought)
    else:
        slots = used_slots(model)
        platform, failed = model.visits.platform[slots], model.visits.offer[slots] < 0
        books.searches[:] = np.bincount(platform, minlength=count)
        books.failed[:] = np.bincount(platform, failed, count)
    seed, key = np.uint64(model.seed), model.platforms.columns.key
    for m, searches in enumerate(books.searches.tolist()):
        expected = model.scenario.customers.browsing * searches
        books.visits[m] = searches
        if expected > 0.0:
            u, _, _, _ = draw(seed, BROWSE, key[m], model.week)
            books.visits[m] += poisson(u, expected)


def used_slots(model: MarketplaceModel) -> npt.NDArray[np.int64]:
    """Slots of the visits that were filled this week, in order."""
    room = search.BLOCK * model.searches_each
    starts = np.arange(model.visits.filled.size) * room
    return np.concatenate([np.arange(s, s + n) for s, n in zip(starts, model.visits.filled, strict=True)])


# -- 3. fulfil ---------------------------------------------------------------------------------------------------


def fulfil(model: MarketplaceModel) -> None:
    """Orders meet stock; goods ship, arrive on time or late, come back or stay."""
    c, key, seed = model.offers.columns, model.customers.columns.key, np.uint64(model.seed)
    orders, model.first_order = fulfilment.gather_orders(model.visits, model.searches_each)
    tally = fulfilment.Tally(*(np.zeros(model.offers.size, np.int64) for _ in range(3)))
    model.week_orders, model.tally = orders, tally
    model.price_paid = c.price[orders.offer]
    if model.to_order:
        stocking.procure_to_order(model, np.bincount(orders.offer, minlength=model.offers.size))
    model.ledger.goods["sold"] += fulfilment.meet_stock(
        seed, model.week, key, orders.customer, orders.offer, orders.outcome, c.stock, tally.demanded, tally.sold
    )
    median, spread = delivery_terms(model)
    fulfilment.deliver(
        -(-orders.offer.size // search.BLOCK), seed, model.week, key, orders, c.platform, c.mode, c.quality,
        c.promised_days, median, spread, model.scenario.sellers.quality, model.rules,
    )  # fmt: skip
    stocking.take_back(model, tally, count_orders(model))


def delivery_terms(model: MarketplaceModel) -> tuple[Floats, Floats]:
    """Return median days (disruptions included) and sd of log days, (platforms, modes) each."""
    rules, terms = model.scenario.fulfilment, np.empty((2, model.platforms.size, 2))
    fulfilment.disrupt(
        np.uint64(model.seed), model.week, model.platforms.columns.key, rules.disruption_rate, rules.disruption_days,
        rules.own_delivery_days, rules.delivery_spread, model.median_days, model.spread, *terms,
    )  # fmt: skip
    return terms[0], terms[1]


def count_orders(model: MarketplaceModel) -> int:
    """Count the week's orders by outcome, days and consumer surplus. Returns the units that came back."""
    orders, books = model.week_orders, model.books
    came_back, surplus = fulfilment.count_orders(
        orders, bent(model), model.offers.columns.platform, model.tally.returned, books.demanded, books.delivered,
        books.late, books.returned, books.days,
    )  # fmt: skip
    model.consumer_surplus = surplus if model.rules.outside > -math.inf else math.nan
    return int(came_back)


def bent(model: MarketplaceModel) -> Floats:
    """What valves added to the perceived disutility of each order, in currency; empty where they add nothing."""
    wheel, c, orders = model.flywheel, model.offers.columns, model.week_orders
    valves = [wheel[link] for link in ("price->experience", "selection->experience", "delivery->experience")]
    if not any(valve.bends for valve in valves):
        return np.empty(0)
    rows = orders.offer
    price, distance, days = (valve.factor[c.platform[rows]] - 1.0 for valve in valves)
    choice = model.scenario.choice
    worth = model.level[c.category[rows]] / model.customers.columns.alpha[orders.customer]
    felt = choice.tau * orders.distance * distance + choice.delta * c.promised_days[rows] * days
    return np.asarray(c.price[rows] * price + worth * felt)


# -- 4. experience -----------------------------------------------------------------------------------------------


def experience(model: MarketplaceModel) -> None:
    """Satisfaction, ties, reviews, telling friends, lapsing."""
    c, orders = model.customers.columns, model.week_orders
    blocks = model.visits.filled.size
    repeats = np.zeros(blocks, np.int64)
    if model.week % selling.QUARTER == 1:
        c.quarters[:] <<= 1
    experiences.experience(
        blocks, model.week, model.visits, model.searches_each, model.first_order, orders.outcome, orders.late,
        orders.returned, model.reference, model.kept_share, model.rules, model.offers.columns.seller, c.satisfaction,
        c.tie_offer,
        c.tie_weight, c.orders, c.last_order, c.quarters, repeats,
    )  # fmt: skip
    model.repeats = int(total(repeats))
    review(model)
    counts = np.zeros((blocks, 4), np.int64)
    recommend(model, counts, keep_all=False)
    model.lapse_counts = np.add.reduce(counts)
    model.active_customers = int(model.lapse_counts[3])
    lapsed = int(model.lapse_counts[0])
    churn = lapsed / max(1, lapsed + model.active_customers)
    model.smoothed_churn += (churn - model.smoothed_churn) / selling.YEAR
    model.retention = math.nan
    if model.week % selling.QUARTER == 0:
        before = (c.quarters & 2) > 0
        both = before & ((c.quarters & 1) > 0)
        model.retention = float(both.sum() / before.sum()) if before.any() else math.nan


def review(model: MarketplaceModel) -> None:
    """Reviews are left, and become the reputation of sellers and of own retail."""
    orders, s, p, c, scenario = (
        model.week_orders, model.sellers.columns, model.platforms.columns, model.offers.columns, model.scenario,
    )  # fmt: skip
    model.stars_given = np.zeros(orders.offer.size, np.int8)
    stars, reviews = experiences.review(
        np.uint64(model.seed), model.week, model.customers.columns.key, orders.customer, orders.offer, orders.outcome,
        orders.late, orders.days, c.promised_days, scenario.fulfilment.promise or 1.0, c.platform,
        model.flywheel["delivery->experience"].factor, model.rules, c.quality, scenario.sellers.quality, c.seller,
        s.stars, s.reviews, p.stars, p.reviews, model.stars_given,
    )  # fmt: skip
    model.mean_stars = stars / reviews if reviews else math.nan


def recommend(model: MarketplaceModel, counts: npt.NDArray[np.int64], *, keep_all: bool) -> None:
    """Let active customers lapse (unless ``keep_all``) and say whether they recommend; update mean satisfaction."""
    c, wheel = model.customers.columns, model.flywheel
    sums = np.zeros((counts.shape[0], model.platforms.size))
    living = model.platforms.columns.failed < 0  # nobody is held, or told of, by a platform that has closed
    rules = model.rules._replace(lapse_rate=0.0) if keep_all else model.rules
    experiences.lapse_and_recommend(
        len(counts), np.uint64(model.seed), model.week, c.key, c.status, c.satisfaction, c.leniency, c.recommends,
        wheel["experience->visits"].factor * living, wheel["experience->adoption"].factor * living, rules, counts, sums,
    )  # fmt: skip
    active = int(total(counts[:, 3]))
    if active:
        model.mean_satisfaction = np.add.reduce(sums) / active


# -- 5. sellers --------------------------------------------------------------------------------------------------


def sellers_act(model: MarketplaceModel) -> None:
    """Books, prices, stock, who ships, where to list, exit; then entrants weigh the market and come in."""
    sales.settle(model, model.tally)
    operations.count_retail(model)
    order_record.keep_orders(model)
    stocking.age(model)
    selling.pay_running_costs(model)
    model.seller_surplus = total(model.sellers.columns.profit)
    repricing.reprice(model)
    stocking.restock(model, model.tally)
    selling.choose_modes(model)
    selling.relist(model)
    model.exits = selling.leave(model)
    model.entries = entrants.enter(model)


# -- 6. platforms ------------------------------------------------------------------------------------------------


def platforms_act(model: MarketplaceModel) -> None:
    """Books, costs, what to do with the surplus, own prices, fees, capabilities."""
    operations.learn(model)
    operations.close_books(model)
    operations.spend_surplus(model)
    operations.set_prices_and_fees(model)
    per_customer = total(model.books.margin) / max(1, model.active_customers)
    model.margin_per_customer += (per_customer - model.margin_per_customer) / selling.YEAR


# -- 7. measure --------------------------------------------------------------------------------------------------


def measure(model: MarketplaceModel) -> None:
    """Note the week: what the indicators are worked out of, and what the flywheel's links carried."""
    model.noted.append(record.note(model))
