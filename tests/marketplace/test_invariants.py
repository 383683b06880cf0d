"""What no world may break: money, goods, identity and probability, week by week over random valid scenarios.

The scenarios are drawn from the declarations in `marketplace.sections`: a lively small world is stated in full where
it matters, and any of the declared fields may then differ from it, within its bounds.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, reject, settings
from hypothesis import strategies as st

from agents.customer import CHANNELS
from agents.policies import LEVERS, POLICIES
from agents.pricing import PRICING
from marketplace.declarations import Declaration, alternatives, declarations
from marketplace.indicators import INDICATORS, column_names
from marketplace.ledger import ACCOUNTS, PLATFORMS, SELLERS
from marketplace.model import MarketplaceModel
from marketplace.scenario import Scenario, ScenarioError, load_scenario
from marketplace.scenario_checks import LEAST_CAPACITY
from marketplace.sections import LINKS

FIELDS = {field.path: field for field in declarations(Scenario)}
QUARTER = 13  # weeks
# A sum of n doubles is off by at most n/2 units in the last place of its largest partial sum, which is at most all
# the money that ever moved; no account of these worlds sees more than a few thousand payments.
ROUNDING = 4096 * np.finfo(np.float64).eps

# A market with people and trade in it, so that there is something to conserve; the defaults are tuned elsewhere.
LIVELY: dict[str, Any] = {
    "run": {"seed": 1, "weeks": 8, "threads": 1},
    "market": {"categories": 3, "popular_places": 4},
    "customers": {"count": 120, "initial_adopters": 0.6, "need_rate": 0.5},
    "search": {"candidates": 8, "shown": 4, "panel": 24, "sample": 60},
    "sellers": {"count": 10, "listings": 2.0, "listings_max": 8, "cash": 60.0},
    "entry": {"enabled": True, "candidates": 3, "cost": 5.0, "fixed_cost": 0.2},
    "social": {"mean_degree": 4},
}
LIVELY_PLATFORM = {
    "marketplace_opens": 1, "first_party_places": 2, "capacity": 12.0, "capacity_cost": 0.05, "overhead": 0.5,
    "cash": 500.0, "handling_cost": 0.2, "target_margin": 0.2, "capability_scale": 50.0,
}  # fmt: skip

NEAR = 4.0  # how far, as a factor of its default, a field of an ordinary world strays
FAR = 1000.0  # how far a field strays that declares no bound
SLIGHT = 1e-3  # least value of a field that must be above zero: beyond it lie only overflows
SLIGHTEST = 1e-9  # what is nearer to zero is zero: a commission of 1e-308 makes ratios of money overflow

# What keeps a world small, or cannot be drawn at random. Everything else follows its declaration.
SMALL: dict[str, st.SearchStrategy[Any]] = {
    "run.weeks": st.integers(2, 15),
    "run.threads": st.just(1),
    "run.record_orders": st.booleans(),
    "market.categories": st.integers(1, 6),
    "market.popular_places": st.integers(1, 12),
    "customers.count": st.integers(1, 300),
    "search.candidates": st.integers(1, 20),
    "search.shown": st.integers(1, 20),
    "search.panel": st.integers(1, 40),
    "search.sample": st.integers(1, 400),
    "fulfilment.base_stock": st.integers(0, 40),
    "experience.ties": st.integers(1, 8),
    "social.graph": st.sampled_from(["small-world", "scale-free", "none"]),
    "social.mean_degree": st.integers(1, 5).map(lambda half: 2 * half),
    "social.file": st.just(""),
    "sellers.count": st.integers(0, 30),
    "sellers.listings": st.floats(0.5, 5.0),
    "sellers.listings_max": st.integers(1, 12),
    "sellers.pricing": st.one_of(
        st.sampled_from(sorted(PRICING)),
        st.dictionaries(st.sampled_from(sorted(PRICING)), st.floats(0.1, 1.0), min_size=1),
    ),
    "entry.candidates": st.integers(0, 6),
    "policy.name": st.sampled_from(sorted(POLICIES)),
    "policy.lever": st.sampled_from(LEVERS),
    "platform.policy": st.sampled_from(["", *sorted(POLICIES)]),
    "platform.marketplace_opens": st.integers(1, 10),
    "platform.capacity": st.one_of(st.just(0.0), st.floats(LEAST_CAPACITY, FAR)),
    "platform.capacity_lead": st.integers(1, 8),
    "flywheel.reference_week": st.integers(1, 12),
}  # fmt: skip
LEFT_ALONE = ("name", "description", "platform.name", "flywheel.valves")


def values(declared: Declaration, wild: bool) -> st.SearchStrategy[Any]:
    """Values of a field: anywhere within its bounds if ``wild``, else within a factor of its default too."""
    kinds = alternatives(declared.info.annotation)
    options: list[st.SearchStrategy[Any]] = [st.sampled_from(declared.choices)] if declared.choices else []
    options += [st.booleans()] if bool in kinds else []
    options += [numbers(declared, kind, wild) for kind in (int, float) if kind in kinds]
    return st.one_of(options)


def numbers(declared: Declaration, kind: type, wild: bool) -> st.SearchStrategy[Any]:
    """Numbers of a field, within its declared bounds."""
    bounds = declared.bounds
    lowest, highest = bounds.get("ge", bounds.get("gt", -FAR)), bounds.get("le", bounds.get("lt", FAR))
    low, high = lowest, highest
    if kind is float and low == bounds.get("gt") == 0.0:
        low = SLIGHT
    if not wild:
        reach = NEAR * max(abs(float(declared.default)), 0.1)
        low, high = max(low, -math.ceil(reach)), min(high, math.ceil(reach))
    above, below = low == bounds.get("gt"), high == bounds.get("lt")
    if kind is int:
        return st.integers(int(low) + above, int(high) - below)
    drawn = st.floats(float(low), float(high), exclude_min=above, exclude_max=below)
    return drawn if above else drawn.map(lambda value: value if abs(value) >= SLIGHTEST else 0.0)


def tables(prefix: str, wild: bool) -> st.SearchStrategy[dict[str, Any]]:
    """A table of some fields of one section."""
    names = {
        path.removeprefix(prefix): SMALL[path] if path in SMALL else values(field, wild)
        for path, field in FIELDS.items()
        if path.startswith(prefix) and path not in LEFT_ALONE and path.count(".") == 1
    }
    return st.fixed_dictionaries({}, optional=names)


VALVES = st.dictionaries(
    st.sampled_from(LINKS),
    st.fixed_dictionaries(
        {},
        optional={
            "state": st.sampled_from(["open", "shut"]),
            "scale": st.sampled_from([0.0, 0.5, 0.9, 1.1, 3.0]),
            "push": st.sampled_from([-0.99, -0.05, 0.05, 2.0]),
            "push_from": st.integers(1, 15),
        },
    ),
    max_size=4,
)
SECTIONS = sorted({path.split(".")[0] for path in FIELDS if "." in path} - {"platform", "flywheel"})


@st.composite
def worlds(draw: st.DrawFn, wild: bool = False) -> Scenario:
    """A small valid scenario."""
    world = {name: {**LIVELY.get(name, {}), **draw(tables(f"{name}.", wild))} for name in SECTIONS}
    names = draw(st.sampled_from([["solo"], ["east", "west"]]))
    world["platforms"] = [{"name": name, **LIVELY_PLATFORM, **draw(tables("platform.", wild))} for name in names]
    world["flywheel"] = {**draw(tables("flywheel.", wild)), "valves": draw(VALVES)}
    fit(world)
    try:
        return Scenario(**world)
    except ScenarioError:
        reject()


def fit(world: dict[str, Any]) -> None:
    """Bring fields drawn apart from each other to where they agree."""
    weeks, places = world["run"]["weeks"], world["market"]["popular_places"]
    world["search"]["shown"] = min(world["search"]["shown"], world["search"]["candidates"])
    for platform in world["platforms"]:
        platform["first_party_places"] = min(platform["first_party_places"], places, 3)
    wheel = world["flywheel"]
    wheel["reference_week"] = min(wheel.get("reference_week", 1), weeks - 1)
    for valve in wheel["valves"].values():
        valve["push_from"] = min(valve.get("push_from", 1), weeks)


# Every feature at once, for long enough that quarters turn and sellers come and go.
EVERYTHING = load_scenario(Path(__file__).with_name("everything.toml"))


class Before:
    """What a world was like before the week that is to be checked."""

    def __init__(self, model: MarketplaceModel, turnover: float = 0.0) -> None:
        self.turnover = turnover + math.fsum(model.ledger.flows.values())
        self.stock = int(model.offers.columns.stock.sum())
        self.cash = {SELLERS: total(model.sellers.columns.cash), PLATFORMS: total(model.platforms.columns.cash)}
        self.balance = dict(model.ledger.balance)
        self.active = model.lapse_counts[3]
        self.names = {name: frozen(table) for name, table in named_tables(model)}


def total(amounts: np.ndarray) -> float:
    return math.fsum(amounts.tolist())


def named_tables(model: MarketplaceModel) -> list[tuple[str, Any]]:
    return [("customers", model.customers), ("sellers", model.sellers), ("platforms", model.platforms),
            ("offers", model.offers)]  # fmt: skip


PERMANENT = ("unique_id", "key", "seller", "platform", "category", "place", "quality", "entered", "alive")


def frozen(table: Any) -> dict[str, np.ndarray]:
    """Columns of a table that never change (and who is alive), as they are now."""
    names = vars(table.columns).keys() & set(PERMANENT)
    return {name: table.column(name).copy() for name in names}


def check_week(model: MarketplaceModel, before: Before) -> None:
    """Check everything that one week may have broken."""
    check_money(model, before)
    check_goods(model, before)
    check_orders(model, before)
    check_identities(model, before)
    weekly = model.weekly
    row = dict(zip(weekly.columns, weekly.to_numpy()[-1].tolist(), strict=True))
    check_shares(model, row)
    check_numbers(model, row)
    check_missing(model, before, weekly, row)


def check_money(model: MarketplaceModel, before: Before) -> None:
    ledger = model.ledger
    flows = math.fsum(ledger.flows.values())
    assert math.isfinite(flows) and min(ledger.flows.values(), default=0.0) >= 0.0
    slack = ROUNDING * (before.turnover + flows)
    assert abs(math.fsum(ledger.balance.values())) <= slack, "the ledger's two sides differ"
    for account in ACCOUNTS:
        received = math.fsum(v for (_, payee, _), v in ledger.flows.items() if payee == account)
        spent = math.fsum(v for (payer, _, _), v in ledger.flows.items() if payer == account)
        moved = ledger.balance[account] - before.balance[account]
        assert abs(moved - (received - spent)) <= slack, f"{account}: the balance moved by more than the flows"
    for account, columns in ((SELLERS, model.sellers.columns), (PLATFORMS, model.platforms.columns)):
        held = total(columns.cash)
        moved = ledger.balance[account] - before.balance[account]
        assert abs(held - before.cash[account] - moved) <= slack, f"{account}: cash and ledger moved apart"
        assert abs(held - ledger.balance[account]) <= slack, f"{account}: cash is not what the ledger says"
    living = model.sellers.columns.cash[model.sellers.rows]
    assert living.min(initial=0.0) >= -slack, "a seller lives on with a debt"


def check_goods(model: MarketplaceModel, before: Before) -> None:
    goods, stock = model.ledger.goods, model.offers.columns.stock
    assert all(units >= 0 for units in goods.values())
    after = before.stock + goods["received"] + goods["returned"] - goods["sold"] - goods["scrapped"]
    assert after == int(stock.sum()), "goods appeared or vanished"
    assert stock.min(initial=0) >= 0 and model.offers.columns.pipeline.min(initial=0) >= 0
    dead = ~model.offers.columns.alive
    assert not stock[dead].any(), "a dead offer holds stock"
    assert goods["sold"] == int(model.tally.sold.sum()) == int(model.books.delivered.sum())
    assert (model.tally.returned <= model.tally.sold).all() and (model.tally.sold <= model.tally.demanded).all()


def check_orders(model: MarketplaceModel, before: Before) -> None:
    orders, offers = model.week_orders, model.offers.columns
    assert ((orders.offer >= 0) & (orders.offer < model.tally.demanded.size)).all()
    assert (model.shelf.position[orders.offer] >= 0).all(), "an order for what no shelf held"
    assert (np.bincount(orders.offer, minlength=offers.stock.size)[: model.tally.demanded.size]
            == model.tally.demanded).all()  # fmt: skip
    alive_then = before.names["offers"]["alive"]
    old = orders.offer[orders.offer < alive_then.size]
    assert alive_then[old].all(), "an order for an offer that had left"
    assert np.unique(orders.customer).size == orders.customer.size, "two orders of one customer in a week"
    assert (model.customers.columns.joined[orders.customer] >= 0).all(), "an order by someone who never joined"
    third = offers.seller[orders.offer] >= 0
    opens = np.asarray(model.opens)[offers.platform[orders.offer]]
    assert (model.week >= opens[third]).all(), "a third party sold before the marketplace opened"


def check_identities(model: MarketplaceModel, before: Before) -> None:
    everyone = np.concatenate([table.columns.unique_id for name, table in named_tables(model) if name != "offers"])
    assert np.unique(everyone).size == everyone.size
    for name, table in named_tables(model):
        was = before.names[name]
        for column, values_ in was.items():
            now = table.column(column)[: values_.shape[0]]
            same = (now <= values_) if column == "alive" else (now == values_)
            assert same.all(), f"{name}.{column} of someone changed, or the dead came back"
        keys = table.columns.key
        assert np.unique(keys).size == keys.size, f"two {name} share a key"


def check_shares(model: MarketplaceModel, row: dict[str, float]) -> None:
    c, log = model.customers.columns, model.log
    for name, shares in (("satisfaction", c.satisfaction), ("tie weight", c.tie_weight), ("choice", log.share)):
        assert ((shares >= 0.0) & (shares <= 1.0)).all(), f"{name} outside [0, 1]"
    assert (log.share.sum(axis=1) <= 1.0 + ROUNDING).all()
    assert ((model.capability >= 0.0) & (model.capability < 1.0)).all()
    for name, value in row.items():
        if BOUNDED.get(base_of(name)) and not math.isnan(value):
            assert 0.0 <= value <= 1.0 + ROUNDING, f"{name} = {value}"
    assert math.isnan(row["nps"]) or -100.0 <= row["nps"] <= 100.0


def check_numbers(model: MarketplaceModel, row: dict[str, float]) -> None:
    for name, table in named_tables(model):
        for column, array in vars(table.columns).items():
            if array.dtype.kind == "f":
                assert np.isfinite(array).all(), f"{name}.{column} is not finite"
    offers = model.offers.columns
    assert (offers.price >= 0.0).all(), "a negative price"
    assert not [name for name, value in row.items() if math.isinf(value)]


@cache
def base_of(column: str) -> str:
    """Name of the indicator of a column, whichever platform's."""
    known = {indicator.name for indicator in INDICATORS}
    return column if column in known else column.rpartition(".")[0]


# Ratios of money may leave [0, 1]: a loss, fees above the price of a cheap order, orders above capacity.
UNBOUNDED = {"platform_margin", "take_rate", "fulfilment_cost_ratio", "utilisation"}
# Pushed or scaled, a link carries what no share can be.
BOUNDED = {
    i.name: i.unit == "share" and i.name not in UNBOUNDED and not i.name.startswith("link.") for i in INDICATORS
}


def check_missing(model: MarketplaceModel, before: Before, weekly: pd.DataFrame, row: dict[str, float]) -> None:
    """An indicator is missing if and only if there is nothing it could be measured on."""
    for column, value in row.items():
        if column != "week":
            name = base_of(column)
            platform = model.platform_names.index(column[len(name) + 1 :]) if column != name else None
            missing = undefined(model, before, weekly, name, platform)
            assert math.isnan(value) == missing, f"week {model.week}: {column} = {value}"


def undefined(model: MarketplaceModel, before: Before, weekly: pd.DataFrame, name: str, m: int | None) -> bool:
    """Whether an indicator has nothing to be measured on this week, on platform ``m`` or (None) on the market."""
    over = slice(None) if m is None else slice(m, m + 1)
    books = {field: float(getattr(model.books, field)[over].sum()) for field in model.books.FIELDS}
    gmv = books["retail_gmv"] + books["third_party_gmv"]
    shown = shelves(model)[over]
    nothing = {
        "conversion_rate": books["visits"] == 0.0,
        "search_success_rate": books["searches"] == 0.0,
        "average_order_value": books["delivered"] == 0.0,
        "churn_rate": before.active + model.joined_now.sum() == 0,  # nobody was there to leave
        "retention_rate": nobody_to_retain(model, weekly),
        "repeat_purchase_rate": books["orders"] == 0.0,
        "customer_lifetime_value": not (weekly["churn_rate"] > 0.0).any(),
        "nps": model.lapse_counts[3] == 0,
        "referral_rate": model.joined_now[2:5].sum() == 0,
        "third_party_share": gmv == 0.0,
        "seller_gini": not (model.sellers.columns.year_revenue[model.sellers.rows] > 0.0).any(),
        "seller_top10_share": not (model.sellers.columns.year_revenue[model.sellers.rows] > 0.0).any(),
        "hhi": not sold_net(model),
        "price_index": not shown.any(),
        "promised_days": not shown.any(),
        "retail_price": not any(model.offers.retail(k).size for k in range(model.platforms.size)[over]),
        "platform_margin": books["revenue"] <= 0.0,
        "utilisation": model.books.stood[over].sum() == 0.0,
        "take_rate": books["third_party_gmv"] == 0.0,
        "fulfilment_cost_ratio": gmv == 0.0,
        "delivery_days": books["delivered"] == 0.0,
        "on_time_rate": books["delivered"] == 0.0,
        "stockout_rate": books["demanded"] == 0.0,
        "return_rate": books["delivered"] == 0.0,
        "stars": not (model.stars_given > 0).any(),
        "consumer_surplus": model.scenario.choice.outside_option == "off",  # without bound where one must buy
        "welfare": model.scenario.choice.outside_option == "off",
        "expected_consumer_surplus": model.log.platform.size == 0 or model.scenario.choice.outside_option == "off",
        "link.price->experience": carries_nothing(model, "price->experience", over, shown),
        "link.delivery->experience": carries_nothing(model, "delivery->experience", over, shown),
    }
    if name.startswith("unit_cost."):
        return books["fulfilled"] == 0.0
    if name.startswith("network."):
        return network_undefined(model, name)
    return bool(nothing.get(name, False))


def carries_nothing(model: MarketplaceModel, link: str, over: slice, shown: np.ndarray) -> bool:
    """Whether a link on what is shown has nothing to carry: no offer now, or in the week it was shut at."""
    valve = model.flywheel[link]
    if valve.is_shut and model.week > valve.reference_week and valve.reference is not None:
        return bool(np.isnan(valve.reference[over]).all())
    return not shown.any()


def shelves(model: MarketplaceModel) -> np.ndarray:
    """Whether the fixed basket of needs meets any offer on each platform's shelf, (platforms,)."""
    count = np.diff(model.shelf.segment).reshape(model.platforms.size, -1)
    return count[:, np.unique(model.panel_category)].sum(axis=1) > 0


def nobody_to_retain(model: MarketplaceModel, weekly: pd.DataFrame) -> bool:
    if model.week % QUARTER:
        return True
    return sum(weekly["orders"][-2 * QUARTER : -QUARTER]) == 0.0


def sold_net(model: MarketplaceModel) -> bool:
    retail = (model.books.retail_gmv - model.books.retail_refunds).max()
    return bool(max(retail, model.sellers.columns.revenue[model.sellers.rows].max(initial=0.0)) > 0.0)


def network_undefined(model: MarketplaceModel, name: str) -> bool:
    if model.week % QUARTER:
        return True
    tied = model.customers.columns.tie_offer[model.customers.rows] >= 0
    if name == "network.ties":
        return False
    if name == "network.seller_degree_gini":
        offers = np.unique(model.customers.columns.tie_offer[model.customers.rows][tied])
        return not (model.offers.columns.seller[offers] >= 0).any()
    if name == "network.density":
        return not tied.any()
    return not tied.any() and len(model.sellers) == 0


def live_through(scenario: Scenario) -> MarketplaceModel:
    """Run a world to its end and check it after every week."""
    model = MarketplaceModel(scenario)
    turnover = 0.0
    while model.running:
        before = Before(model, turnover)
        turnover = before.turnover
        model.step()
        check_week(model, before)
    assert model.week == scenario.run.weeks
    return model


RELAXED = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@settings(RELAXED, max_examples=60, derandomize=True)
@given(worlds())
@example(EVERYTHING)
def test_no_world_breaks_an_invariant(scenario: Scenario) -> None:
    live_through(scenario)


@settings(RELAXED, max_examples=30, derandomize=True)
@given(worlds(wild=True))
def test_no_world_breaks_an_invariant_at_the_ends_of_its_bounds(scenario: Scenario) -> None:
    live_through(scenario)


@pytest.mark.slow
@settings(RELAXED, max_examples=1500)
@given(st.booleans().flatmap(worlds))
def test_many_worlds_break_no_invariant(scenario: Scenario) -> None:
    live_through(scenario)


def test_the_world_with_everything_trades_and_changes() -> None:
    """The invariants above are worth nothing in a world where nothing happens."""
    model = live_through(EVERYTHING)
    weekly = model.weekly
    happened = ["orders", "entries", "exits", "returned_customers", "platform_investment", "churn_rate", "return_rate",
                "stockout_rate", *(f"new_customers.{channel}" for channel in CHANNELS[2:])]  # fmt: skip
    assert [name for name in happened if not weekly[name].sum() > 0.0] == []
    assert 0.0 < weekly["third_party_share"].mean() < 1.0
    assert (weekly["gmv.west"] > 0.0).any() and (weekly["retention_rate"] > 0.0).any()
    assert list(weekly.columns) == column_names(model.platform_names)
