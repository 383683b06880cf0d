"""The model: a week from top to bottom, and the world it happens in."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agents import chance, compiled
from agents.column_model import ColumnModel, seed_of
from agents.customer import ACTIVE, Customer, CustomerRules
from agents.offer import PLATFORM
from agents.platform import Platform, capability_level
from agents.policies import CAPABILITIES, PlatformPolicy, policy_named
from agents.policies.levers import SELECTION
from agents.pricing import SellerPricing, pricing_named
from agents.seller import Seller
from marketplace import births, indicators, operations, order_record, selling, stocking, week
from marketplace.assortment import Assortment
from marketplace.candidates import Cohort
from marketplace.collector import WeeklyCollector
from marketplace.flywheel import Flywheel
from marketplace.ledger import OUTSIDE, PLATFORMS, Ledger, mean
from marketplace.record import Noted
from marketplace.scenario import Scenario, default_scenario, load_scenario
from marketplace.search import BLOCK, Taste, empty_visits
from marketplace.search_log import Log, empty_log, first_rows
from marketplace.social import social_graph, with_isolated

if TYPE_CHECKING:
    import networkx as nx
    import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST_LOGGED = 3  # room in the log, as a multiple of the searches it is to hold
LOG_SLACK = 32  # searches more for each block of customers, since small blocks vary


class MarketplaceModel(ColumnModel):
    """A marketplace: customers, third-party sellers and platforms over a seller-customer network.

    Parameters
    ----------
    scenario : Scenario, str, Path or None
        A scenario, a shipped name or a path; None takes the default scenario.
    rng, seed : int or None
        Seed of the run; None takes ``run.seed`` of the scenario. The scenario that the model keeps states it.
    **kwargs
        Changes to scenario fields under their dotted paths, as Mesa's batch runner and SolaraViz give them.

    Raises
    ------
    ScenarioError
        If a change does not fit the scenario.
    ValueError
        If the seed is no integer from 0, or given twice.

    Examples
    --------
    >>> model = MarketplaceModel("tiny", rng=1)
    >>> model.run()
    >>> model.weekly["gmv"]
    """

    def __init__(
        self,
        scenario: Scenario | str | Path | None = None,
        *,
        rng: int | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        if scenario is None:
            scenario = default_scenario()
        elif not isinstance(scenario, Scenario):
            scenario = load_scenario(scenario)
        if rng is not None and seed is not None:
            raise ValueError(f"rng and seed both name the seed; rng={rng!r} and seed={seed!r} were given.")
        given = rng if rng is not None else seed
        changes = dict(kwargs) | ({"run.seed": seed_of(given)} if given is not None else {})
        if changes:
            scenario = scenario.with_changes(changes)
        self._scenario = scenario
        super().__init__(rng=scenario.run.seed)
        self.scenario = scenario
        self.seed = scenario.run.seed
        self.week = 0
        compiled.set_threads(scenario.run.threads)
        self._make_world()
        week.prepare(self)

    # -- the world -----------------------------------------------------------------------------------------------

    def _make_world(self) -> None:
        scenario = self.scenario
        self.rules = customer_rules(scenario)
        self.to_order = scenario.fulfilment.stocking == "to-order"
        self.ledger = Ledger()
        self.flywheel = Flywheel(scenario.flywheel, len(scenario.platforms))
        self.policies: list[PlatformPolicy] = [
            policy_named(p.policy or scenario.policy.name)(scenario.policy) for p in scenario.platforms
        ]
        self._make_market()
        self._make_platforms()
        self._make_customers()
        self._make_offers()
        self._make_instruments()

    def _make_market(self) -> None:
        market = self.scenario.market
        share = 1.0 / np.arange(1, market.categories + 1) ** market.category_skew
        cdf = np.cumsum(share / share.sum())
        cdf[-1] = 1.0
        self.taste = Taste(cdf, market.popular_places, market.head_share, market.head_width)
        keys = chance.child_keys(0, np.arange(market.categories))
        z = chance.normals(chance.draws(self.seed, chance.MARKET, keys)[:, 0])
        self.level: Floats = np.exp(market.price_level_sd * z)
        rules = self.scenario.sellers.pricing
        shares = {rules: 1.0} if isinstance(rules, str) else dict(rules)
        self.pricing: list[SellerPricing] = [pricing_named(name)(self.scenario.sellers) for name in shares]
        weights = np.cumsum(list(shares.values()))
        self.pricing_cdf: Floats = weights / weights[-1]

    def _make_platforms(self) -> None:
        settings, count = self.scenario.platforms, len(self.scenario.platforms)
        self.platforms = self.add_population(Platform, {"capability": len(CAPABILITIES)}, count)
        launch = np.array(
            [operations.launch_unit_cost(p, self.scenario.fulfilment.shipping_cost) for p in settings]
        )
        self.platforms.append(
            count,
            key=chance.child_keys(births.KIND_PLATFORM, np.arange(count)),
            cash=np.array([p.cash for p in settings]),
            experience=np.array([p.launch_volume for p in settings]),
            capacity=np.array([p.capacity for p in settings]),
            volume=np.array([p.capacity * p.capacity_trigger for p in settings]),  # what launch was planned for
            unit_cost=launch,
            launch_unit_cost=launch,
            fulfilment_fee=np.array([p.fulfilment_fee for p in settings]),
        )
        self.ledger.pay(OUTSIDE, PLATFORMS, "platforms' capital", self.platforms.columns.cash)
        self.platform_names = [p.name for p in settings]
        self.commission: Floats = np.array([p.commission for p in settings])
        self.books = operations.WeekBooks(count)
        self.capacity_orders: list[list[tuple[int, float]]] = [[] for _ in settings]
        self.retail_volume = np.zeros(count)
        self.median_days = np.full(count, self.scenario.fulfilment.delivery_days)
        self.promised = np.empty((count, 2))
        self.spread = np.full(count, self.scenario.fulfilment.delivery_spread)
        self.error_share, self.kept_share = np.ones(count), np.ones(count)
        self.capability = np.zeros((count, len(CAPABILITIES)))
        self.capability_scale = np.array([[p.capability_scale] for p in settings])

    def _make_customers(self) -> None:
        scenario = self.scenario
        count, dims = scenario.customers.count, {
            "platform": len(scenario.platforms),
            "tie": scenario.experience.ties,
        }  # fmt: skip
        self.customers = self.add_population(Customer, dims, count)
        self.add_customers(count)
        self.social = social_graph(scenario.social, count, self.seed)
        self.adopters = int((self.customers.columns.status == ACTIVE).sum())

    def add_customers(self, count: int) -> Ints:
        """Append customers, numbered on from those there are; each is drawn under its own key. Returns rows.

        Customers added after the model was made have no neighbours on the social graph.
        """
        return births.customers(self, count)

    def _make_offers(self) -> None:
        self.sellers = self.add_population(Seller)
        self.offers = Assortment(self.scenario.market.categories, max(1, self.scenario.fulfilment.lead_time))
        self.opens: Ints = np.array([p.marketplace_opens for p in self.scenario.platforms])
        self.first_opening = int(self.opens.min())
        self.fulfilment_opens: Ints = np.array([p.fulfilment_opens for p in self.scenario.platforms])
        for m in range(self.platforms.size):
            births.put_up_retail(self, m)
        self.has_opened = False
        self.cohort: Cohort | None = None
        self.open_marketplace()

    def _make_instruments(self) -> None:
        scenario, count = self.scenario, self.platforms.size
        self.searches_each = 2 if count > 1 and scenario.choice.multi_homing else 1
        self._make_room()
        self.log: Log = first_rows(self.whole_log, 0)
        self.searches_last_week = self.adopters * scenario.customers.need_rate
        self.panel_now = np.full((count, 4), math.nan)
        self.reference: Floats = np.zeros(count)
        self.noted: list[Noted] = []
        self.datacollector = WeeklyCollector(self.noted, self.platform_names)
        self._orders: list[dict[str, Any]] = []
        self.entries = self.exits = self.referred = self.repeats = 0
        self.retention = self.mean_stars = math.nan
        self.consumer_surplus = self.expected_surplus = self.seller_surplus = 0.0
        self.margin_per_customer = self.smoothed_churn = 0.0
        self.mean_satisfaction = np.full(count, scenario.experience.launch_satisfaction)
        self.lapse_counts: Ints = np.zeros(4, np.int64)
        self.joined_now: Ints = np.zeros(6, np.int64)
        self.active_customers = self.adopters

    def _make_room(self) -> None:
        search = self.scenario.search
        self.visits = empty_visits(self.customers.size, self.searches_each)
        wide = search.shown + self.scenario.experience.ties + 1
        blocks = self.visits.filled.size
        room = min(-(-search.sample * MOST_LOGGED // blocks) + LOG_SLACK, BLOCK * self.searches_each)
        self.raw_log = empty_log(room * blocks, wide, blocks)
        self.whole_log = empty_log(room * blocks, wide, blocks)

    def make_room(self) -> None:
        """Let customers who were added since the last week take part: without neighbours, but with room to visit."""
        strangers = self.customers.size - self.social.nodes
        if strangers:
            self.social = with_isolated(self.social, strangers)
            self._make_room()

    # -- the week ------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Live through one week."""
        week.begin(self)
        week.adopt(self)
        week.visit_and_choose(self)
        week.fulfil(self)
        week.experience(self)
        week.sellers_act(self)
        week.platforms_act(self)
        week.measure(self)
        self.running = self.week < self.scenario.run.weeks

    def run(self, weeks: int | None = None) -> MarketplaceModel:
        """Live through ``weeks`` weeks, a whole number from 0, or to the end of ``run.weeks``."""
        if weeks is not None and (not isinstance(weeks, int | np.integer) or weeks < 0):
            raise ValueError(f"weeks is a whole number from 0; {weeks!r} was given.")
        end = self.scenario.run.weeks if weeks is None else self.week + int(weeks)
        while self.week < end:
            self.step()
        return self

    run_model = run

    def branch(self) -> MarketplaceModel:
        """Return an independent copy that goes on from this week."""
        return copy.deepcopy(self)

    # -- what came out -------------------------------------------------------------------------------------------

    @property
    def weekly(self) -> pd.DataFrame:
        """One row a week, a column per indicator (and per platform where there are several); week is an integer."""
        return indicators.weekly_table(self.noted, self.platform_names)

    def orders(self) -> pd.DataFrame:
        """Every order placed, where ``run.record_orders`` asks for them; ids are permanent.

        An order that met no stock has 0 ``units`` and no ``delivery_days``: leave these out to count what
        ``weekly.orders`` counts.
        """
        return order_record.order_table(self, self._orders)

    def purchase_network(self) -> nx.Graph:
        """Customers and sellers, linked by the strongest ties, or by all purchases where orders are recorded."""
        from marketplace.network import purchase_network

        return purchase_network(self)

    def social_network(self) -> nx.Graph:
        """Customers and whom they tell."""
        from marketplace.network import social_network

        return social_network(self)

    def network_measures(self) -> dict[str, float]:
        """The networks' measures in the last week of a quarter, missing in the others."""
        from marketplace.network import measure_networks

        if self.week % selling.QUARTER:
            return dict.fromkeys(indicators.NETWORK, math.nan)
        measured = measure_networks(self)
        return {name: measured[name] for name in indicators.NETWORK}

    # -- terms of trade ------------------------------------------------------------------------------------------

    @property
    def fulfilment_offered(self) -> npt.NDArray[np.bool_]:
        """Whether each platform fulfils orders for sellers by now, (platforms,)."""
        return np.asarray(self.fulfilment_opens <= max(self.week, 1))

    @property
    def marketplace_open(self) -> bool:
        """Whether third parties may sell on any platform."""
        return self.week >= self.first_opening

    def open_marketplace(self) -> None:
        """Let the first third-party sellers in, in the week the marketplace opens (or at launch)."""
        if not self.has_opened and max(self.week, 1) >= self.first_opening:
            self.has_opened = True
            founders = np.arange(self.scenario.sellers.count)
            traits = births.traits_of(self, np.zeros_like(founders), founders)
            even = self.scenario.sellers.layout == "even"
            listings = (
                births.even_listings(self, traits.listings)
                if even
                else births.listings_of(self, traits.key, traits.listings)
            )
            births.open_sellers(self, traits, np.arange(traits.key.size), listings)

    @property
    def third_party_rows(self) -> Ints:
        """Rows of living third-party offers."""
        return self.offers.third_party

    @property
    def group_of(self) -> npt.NDArray[np.int32]:
        """Pricing group of each offer row; see `Assortment.groups`."""
        return self.offers.groups[0]

    @property
    def groups(self) -> int:
        """Number of pricing groups."""
        return self.offers.groups[1]

    def keep(self, seller: Ints, platform: Ints) -> Floats:
        """Share of the price that sellers keep after commission and advertising bid, (n,)."""
        return np.asarray(1.0 - self.commission[platform] - self.sellers.columns.ad_bid[seller])

    @property
    def own_fulfilment_cost(self) -> float:
        """What it costs a third party to ship one order by itself, in currency."""
        return self.scenario.fulfilment.own_handling_cost + self.scenario.fulfilment.shipping_cost

    def fulfilment_cost(self, mode: npt.NDArray[np.int8], platform: Ints) -> Floats:
        """What a third party pays to have one order shipped, in currency, (n,)."""
        return np.where(mode == PLATFORM, self.platforms.columns.fulfilment_fee[platform], self.own_fulfilment_cost)

    def break_even(self, cost: Floats, mode: npt.NDArray[np.int8], seller: Ints, platform: Ints) -> Floats:
        """Price at which a sale neither earns nor loses, in currency, (n,)."""
        return np.asarray((cost + self.fulfilment_cost(mode, platform)) / self.keep(seller, platform))

    def retail_price(self, m: int) -> float:
        """Mean price of platform m's own range over price level; NaN without one."""
        rows = self.offers.retail(m)
        if rows.size == 0:
            return math.nan
        c = self.offers.columns
        return mean(c.price[rows] / self.level[c.category[rows]])

    def entry_cost(self) -> float:
        """Sunk cost of entry, lowered by the best open platform's tools for sellers, in currency."""
        settings = self.scenario.entry
        levels = zip(self.capability[:, SELECTION].tolist(), self.platforms.columns.failed.tolist(), strict=True)
        tools = max((level for level, failed in levels if failed < 0), default=0.0)
        return settings.cost / (1.0 + settings.tools_gain * tools)

    def add_offers(self, count: int, **values: Any) -> Ints:
        """Append offers and give each its first stock, paid by its owner as far as its cash goes. Returns rows."""
        rows = self.offers.append(count, **values)
        stock = 0 if self.to_order else max(1, self.scenario.fulfilment.base_stock)
        bought = stocking.buy(self, rows, np.full(count, stock, np.int64))
        self.offers.columns.stock[rows] = bought
        self.ledger.goods["received"] += int(bought.sum())
        return rows

    def capability_levels(self) -> Floats:
        """True levels of the capabilities, (platforms, capabilities), each in [0, 1)."""
        return np.asarray(capability_level(self.platforms.columns.capability, self.capability_scale))


def customer_rules(scenario: Scenario) -> CustomerRules:
    """Gather the scalars that the customer's rules read, each from the section that has a field of its name."""
    choice = scenario.choice
    outside = -math.inf if choice.outside_option == "off" else float(choice.outside_option)
    named: dict[str, Any] = {
        "outside": outside,
        "everyone_recommends": scenario.adoption.everyone_recommends,
        "recommendation_rate": scenario.social.recommendation_rate,
    }
    homes = (choice, scenario.experience, scenario.search, scenario.fulfilment)
    for name in CustomerRules._fields:
        if name not in named:
            named[name] = next(getattr(home, name) for home in homes if hasattr(home, name))
    return CustomerRules(**named)
