"""The seven phases of a week. Within a phase all agents see the same state."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agents.chance import BROWSE, DISRUPTION, MARKET, VISIBLE, child_keys, draws
from agents.customer import ACTIVE
from agents.offer import OWN, PLATFORM
from agents.policies import CAPABILITIES
from agents.seller import reputation
from marketplace import adoption, entrants, fulfilment, indicators, operations, search, selling, visiting
from marketplace import experience as experiences
from marketplace.ledger import mean

if TYPE_CHECKING:
    import pandas as pd

    from marketplace.model import MarketplaceModel

Floats = npt.NDArray[np.float64]

DELIVERY, SERVICE, DATA, ADVERTISING = (
    CAPABILITIES.index(name) for name in ("delivery", "service", "data", "advertising")
)
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
    panel = model.scenario.search.panel
    u = draws(model.seed, MARKET, child_keys(0, np.full(panel, 1), np.arange(panel)))
    model.panel_category, model.panel_place = search.places_of(u, model.taste)
    perceive_capabilities(model)
    lay_shelf(model)
    model.reference = read_panel(model)[:, 3] - model.scenario.experience.reference_gap
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
    model.joined_now = joined.sum(axis=0)
    model.adopters += int(model.joined_now[:5].sum())
    model.referred = int(model.joined_now[4])
    model.active_customers += int(model.joined_now.sum())


# -- 2. visit and choose -----------------------------------------------------------------------------------------


def perceive_capabilities(model: MarketplaceModel) -> None:
    """Let customers meet the capabilities of delivery, service and data, through their valve."""
    scenario, level = model.scenario, model.capability_levels()
    model.capability = level.copy()
    facing = level[:, CUSTOMER_FACING]
    valve = model.flywheel["capabilities->experience"]
    valve.perceive(facing.mean(axis=1), model.week)
    seen = np.minimum(1.0, facing * valve.factor[:, None])
    gain = np.array([(p.delivery_gain, p.spread_gain, p.data_gain) for p in scenario.platforms])
    delivery, service, data = seen.T
    model.median_days = scenario.fulfilment.delivery_days * (1.0 - gain[:, 0] * delivery)
    model.spread = scenario.fulfilment.delivery_spread * (1.0 - gain[:, 1] * delivery)
    model.error_share = 1.0 - gain[:, 2] * data
    model.kept_share = 1.0 - scenario.experience.service_recovery * service


def lay_shelf(model: MarketplaceModel) -> None:
    """Lay out the week's shelf, read it with the fixed basket, and let the valves on it act."""
    scenario, offers = model.scenario, model.offers
    c = offers.columns
    c.promised_days[:] = model.promised_days(c.mode, c.platform)
    base, rank = utilities(model)
    count = model.platforms.size
    shelf = search.empty_shelf(len(offers), count * scenario.market.categories)
    shelf = shelf._replace(position=np.empty(max(1, offers.size), np.int32))
    laid = search.fill_shelf(
        offers.order, c.stock, model.to_order, visible(model), c.platform, c.category, c.place, c.price, base, rank,
        c.seller, model.level, scenario.market.categories, shelf,
    )  # fmt: skip
    model.shelf = shelf._replace(
        place=shelf.place[:laid], base=shelf.base[:laid], price=shelf.price[:laid], rank=shelf.rank[:laid],
        seller=shelf.seller[:laid], row=shelf.row[:laid],
    )  # fmt: skip
    model.panel_now = read_panel(model)
    week, wheel = model.week, model.flywheel
    wheel["price->experience"].perceive(model.panel_now[:, 0], week)
    wheel["selection->experience"].perceive(model.panel_now[:, 1], week)
    wheel["delivery->experience"].perceive(model.panel_now[:, 2], week)
    bend_shelf(model)


def utilities(model: MarketplaceModel) -> tuple[Floats, Floats]:
    """Return utility but for price and mismatch, and rank but for relevance, of every row of offers."""
    scenario, c, s, p = model.scenario, model.offers.columns, model.sellers.columns, model.platforms.columns
    weight, prior = scenario.experience.reputation_weight, scenario.experience.reputation_prior
    known = reputation(
        np.concatenate((s.stars, p.stars)), np.concatenate((s.reviews, p.reviews)), weight, prior
    )
    who = np.where(c.seller >= 0, c.seller, model.sellers.size - 1 - c.seller)
    standing = scenario.choice.rho * known[who]
    base = c.quality - scenario.choice.delta * c.promised_days + standing
    settings = scenario.search
    rank = settings.reputation * standing - settings.price * scenario.choice.alpha * c.price / model.level[c.category]
    bids = np.concatenate((s.ad_bid, np.zeros(model.platforms.size)))
    rank = rank + np.where(c.seller < 0, settings.own_brand_boost, settings.bids * bids[who])
    return base, rank


def visible(model: MarketplaceModel) -> npt.NDArray[np.bool_]:
    """Which offers search may see: all, or the share of third-party offers that sellers->selection lets through."""
    c = model.offers.columns
    third = model.offers.third_party
    seen = np.ones(model.offers.size, np.bool_)
    seen[third] = model.opens[c.platform[third]] <= max(model.week, 1)  # listed, but not for sale before its date
    stocked = third[seen[third] & (model.to_order | (c.stock[third] > 0))]
    count = np.bincount(c.platform[stocked], minlength=model.platforms.size).astype(np.float64)
    valve = model.flywheel["sellers->selection"]
    valve.perceive(count, model.week)
    if valve.bends:
        valve.hold_below(count)  # offers can be hidden, not made up
        u = draws(model.seed, VISIBLE, c.key[third])[:, 0]
        seen[third] &= u < valve.factor[c.platform[third]]
    return seen


def read_panel(model: MarketplaceModel) -> Floats:
    """Read the shelf with the fixed basket; (platforms, 4): price index, distance, promised days, inclusive value."""
    out = np.empty((model.platforms.size, 4))
    search.read_panel(
        model.panel_category, model.panel_place, model.scenario.choice.alpha, model.shelf,
        model.offers.columns.promised_days, model.rules, model.scenario.market.categories, out,
    )  # fmt: skip
    return out


def bend_shelf(model: MarketplaceModel) -> None:
    """Let prices and promised days be perceived through their valves; nothing to do where both are open."""
    price, days = model.flywheel["price->experience"], model.flywheel["delivery->experience"]
    shelf, c = model.shelf, model.offers.columns
    if price.bends:
        shelf.price[:] *= price.factor[c.platform[shelf.row]]
    if days.bends:
        platform = c.platform[shelf.row]
        shelf.base[:] -= model.scenario.choice.delta * c.promised_days[shelf.row] * (days.factor[platform] - 1.0)


def people_of(model: MarketplaceModel) -> search.People:
    """The customers' columns that a search reads."""
    c = model.customers.columns
    return search.People(
        c.key, c.status, c.need_rate, c.alpha, c.satisfaction, c.recommends, c.tie_offer, c.tie_weight,
        model.social.indptr, model.social.indices,
    )  # fmt: skip


def visit_and_choose(model: MarketplaceModel) -> None:
    """Needs arise; customers pick a platform, search, and choose one offer or none. Some searches are logged."""
    lay_shelf(model)
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
    logged = search.close_log(
        model.raw_log, model.whole_log, model.rules.outside / model.rules.mu, model.rules.shown
    )
    model.log = search.first_rows(model.whole_log, logged)
    model.searches_last_week = float(model.visits.filled.sum())
    count_visits(model)
    p = model.platforms.columns
    p.demand[:] = operations.SMOOTHING * p.demand + (1.0 - operations.SMOOTHING) * books.searches
    if model.week == 1:
        p.demand[:] = books.searches
    wheel["visits->sellers"].perceive(p.demand, model.week)


def count_visits(model: MarketplaceModel) -> None:
    """Count searches and failed searches by platform, and draw browsing visits."""
    from scipy.special import pdtrik

    books, count = model.books, model.platforms.size
    if count == 1:
        books.searches[0] = model.visits.filled.sum()
        books.failed[0] = books.searches[0] - model.visits.bought.sum()
    else:
        slots = used_slots(model)
        platform, failed = model.visits.platform[slots], model.visits.offer[slots] < 0
        books.searches[:] = np.bincount(platform, minlength=count)
        books.failed[:] = np.bincount(platform, failed, count)
    mean = model.scenario.customers.browsing * books.searches
    u = draws(model.seed, BROWSE, model.platforms.columns.key, model.week)[:, 0]
    browsing = np.where(mean > 0.0, np.ceil(pdtrik(u, np.maximum(mean, 1e-300))), 0.0)
    books.visits[:] = books.searches + np.maximum(browsing, 0.0)


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
        selling.procure_to_order(model, np.bincount(orders.offer, minlength=model.offers.size))
    fulfilment.meet_stock(
        seed, model.week, key, orders.customer, orders.offer, orders.outcome, c.stock, tally.demanded, tally.sold
    )
    model.ledger.goods["sold"] += int(tally.sold.sum())
    median, spread, quality = delivery_terms(model)
    fulfilment.deliver(
        -(-orders.offer.size // search.BLOCK), seed, model.week, key, orders, median, c.promised_days, spread,
        quality, model.rules,
    )  # fmt: skip
    fulfilment.tally_returns(orders.offer, orders.outcome, orders.returned, tally.returned)
    count_deliveries(model)
    selling.take_back(model, tally)


def delivery_terms(model: MarketplaceModel) -> tuple[Floats, Floats, Floats]:
    """Return median days (disruptions included), sd of log days and quality less the mean, of every row of offers."""
    rules, c = model.scenario.fulfilment, model.offers.columns
    u = draws(model.seed, DISRUPTION, model.platforms.columns.key, model.week)
    median = np.where(u[:, :2] < rules.disruption_rate, rules.disruption_days, 1.0)
    median[:, OWN] *= rules.own_delivery_days
    median[:, PLATFORM] *= model.median_days
    spread = np.full(median.shape, rules.delivery_spread)
    spread[:, PLATFORM] = model.spread
    path = 2 * c.platform + c.mode
    return median.ravel()[path], spread.ravel()[path], c.quality - model.scenario.sellers.quality


def count_deliveries(model: MarketplaceModel) -> None:
    """Count demanded, delivered, late and returned orders, days and consumer surplus."""
    orders, books, count = model.week_orders, model.books, model.platforms.size
    platform = model.offers.columns.platform[orders.offer]
    delivered = orders.outcome == fulfilment.DELIVERED
    books.demanded[:] = np.bincount(platform, minlength=count)
    books.delivered[:] = np.bincount(platform, delivered, count)
    books.late[:] = np.bincount(platform, orders.late, count)
    books.returned[:] = np.bincount(platform, orders.returned, count)
    books.days[:] = np.bincount(platform, orders.days * delivered, count)
    kept = delivered & (orders.returned == 0)
    if model.rules.outside == -math.inf:
        model.consumer_surplus = math.nan
    else:
        model.consumer_surplus = float(np.sum((orders.surplus + unbent(model))[kept]))


def unbent(model: MarketplaceModel) -> Floats | float:
    """What valves added to the perceived disutility of each order, in currency: surplus is counted at true values."""
    wheel, c, orders = model.flywheel, model.offers.columns, model.week_orders
    valves = [wheel[link] for link in ("price->experience", "selection->experience", "delivery->experience")]
    if not any(valve.bends for valve in valves):
        return 0.0
    rows = orders.offer
    price, distance, days = (valve.factor[c.platform[rows]] - 1.0 for valve in valves)
    choice = model.scenario.choice
    worth = model.level[c.category[rows]] / model.customers.columns.alpha[orders.customer]
    bent = choice.tau * orders.distance * distance + choice.delta * c.promised_days[rows] * days
    return np.asarray(c.price[rows] * price + worth * bent)


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
    model.repeats = int(repeats.sum())
    review(model)
    counts = np.zeros((blocks, 4), np.int64)
    recommend(model, counts, keep_all=False)
    model.lapse_counts = counts.sum(axis=0)
    model.active_customers = int(model.lapse_counts[3])
    churn = model.lapse_counts[0] / max(1, model.lapse_counts[0] + model.active_customers)
    model.smoothed_churn += (float(churn) - model.smoothed_churn) / selling.YEAR
    model.retention = math.nan
    if model.week % selling.QUARTER == 0:
        before = (c.quarters & 2) > 0
        both = before & ((c.quarters & 1) > 0)
        model.retention = float(both.sum() / before.sum()) if before.any() else math.nan


def review(model: MarketplaceModel) -> None:
    """Reviews are left, and become the reputation of sellers and of own retail."""
    orders, s, p, c = model.week_orders, model.sellers.columns, model.platforms.columns, model.offers.columns
    model.stars_given = np.zeros(orders.offer.size, np.int8)
    expected = c.promised_days / (model.scenario.fulfilment.promise or 1.0)
    seen = model.flywheel["delivery->experience"].factor[c.platform]
    experiences.review(
        np.uint64(model.seed), model.week, model.customers.columns.key, orders.customer, orders.offer, orders.outcome,
        orders.late, orders.days * seen[orders.offer], expected * seen, model.rules,
        c.quality - model.scenario.sellers.quality, c.seller, s.stars, s.reviews, p.stars, p.reviews,
        model.stars_given,
    )  # fmt: skip
    given = model.stars_given[model.stars_given > 0]
    model.mean_stars = mean(given) if given.size else math.nan


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
    active = int(counts[:, 3].sum())
    if active:
        model.mean_satisfaction = sums.sum(axis=0) / active


# -- 5. sellers --------------------------------------------------------------------------------------------------


def sellers_act(model: MarketplaceModel) -> None:
    """Books, prices, stock, who ships, where to list, exit; then entrants weigh the market and come in."""
    model.sales = selling.sales_of(model, model.tally)
    selling.settle(model, model.sales)
    operations.settle_retail(model, model.sales)
    keep_orders(model)
    selling.age(model)
    selling.pay_running_costs(model)
    model.seller_surplus = float(model.sellers.columns.profit.sum())
    selling.reprice(model)
    selling.restock(model, model.tally)
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
    per_customer = float(model.books.margin.sum()) / max(1, model.active_customers)
    model.margin_per_customer += (per_customer - model.margin_per_customer) / selling.YEAR


# -- 7. measure --------------------------------------------------------------------------------------------------


def measure(model: MarketplaceModel) -> None:
    """One row of indicators; the flywheel's link values."""
    model.record(indicators.measure(model))


def keep_orders(model: MarketplaceModel) -> None:
    """Keep the week's orders where the scenario records them."""
    if not model.scenario.run.record_orders or model.week_orders.offer.size == 0:
        return
    orders, c = model.week_orders, model.offers.columns
    rows = orders.offer
    seller = c.seller[rows].astype(np.int64)
    ids = model.sellers.columns.unique_id
    model._orders.append({
        "week": np.full(rows.size, model.week, np.int32),
        "customer": model.customers.columns.unique_id[orders.customer],
        "seller": np.where(seller >= 0, ids[np.maximum(seller, 0)] if ids.size else -1, seller),
        "platform": c.platform[rows],
        "category": c.category[rows],
        "offer": rows.astype(np.int64),
        "units": (orders.outcome == fulfilment.DELIVERED).astype(np.int32),
        "price": model.price_paid,
        "fulfilment": c.mode[rows],
        "promised_days": c.promised_days[rows],
        "delivery_days": np.where(orders.outcome == fulfilment.DELIVERED, orders.days, math.nan),
        "late": orders.late.astype(np.bool_),
        "returned": orders.returned.astype(np.bool_),
        "stars": model.stars_given.copy(),
    })  # fmt: skip


def order_table(model: MarketplaceModel, weeks: list[dict[str, Any]]) -> pd.DataFrame:
    """One row per order placed; units is 0 where it met no stock, stars are missing without a review.

    Raises
    ------
    ValueError
        If the scenario does not record orders.
    """
    import pandas as pd

    if not model.scenario.run.record_orders:
        raise ValueError("orders() needs run.record_orders = true in the scenario; it is false.")
    names = ("week", "customer", "seller", "platform", "category", "offer", "units", "price", "fulfilment",
             "promised_days", "delivery_days", "late", "returned", "stars")  # fmt: skip
    columns = {n: np.concatenate([w[n] for w in weeks]) if weeks else np.empty(0) for n in names}
    frame = pd.DataFrame(columns)
    frame["platform"] = pd.Categorical.from_codes(frame["platform"].astype(int), model.platform_names)
    frame["fulfilment"] = pd.Categorical.from_codes(frame["fulfilment"].astype(int), ["own", "platform"])
    frame["stars"] = frame["stars"].astype("Int8").mask(frame["stars"] == 0)
    frame.insert(0, "order_id", np.arange(len(frame)))
    return frame


assert OWN == 0 and PLATFORM == 1  # the tables of delivery terms are indexed by mode
