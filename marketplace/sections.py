"""Every field of a scenario, with its unit, range, default, meaning and source.

The sections below are the only place where defaults live. They are read by the loader, by
``marketplace scenarios explain`` and by the tables of ``docs/odd.md``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

LINKS = (
    "price->experience",
    "selection->experience",
    "delivery->experience",
    "experience->visits",
    "experience->adoption",
    "visits->sellers",
    "sellers->selection",
    "volume->unit_cost",
    "unit_cost->price",
    "unit_cost->fees",
    "surplus->capabilities",
    "capabilities->experience",
)

AMAZON_10K = "Amazon 10-K, 1998-2023 (facts/amazon_annual.csv)"


def field(default: Any, unit: str, doc: str, source: str = "assumption", **bounds: Any) -> Any:
    """Declare a scenario field: ``bounds`` are pydantic's (``ge``, ``gt``, ``le``, ``lt``).

    The source begins with its status, as in the tables of experiments/facts: ``verified``, ``derived``, ``memory`` or
    ``assumption``.
    """
    return Field(default, description=doc, json_schema_extra={"unit": unit, "source": source}, **bounds)


class Section(BaseModel):
    """A table of a scenario file. Frozen; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


class Run(Section):
    """How long, under which luck, and what is kept."""

    seed: int = field(1, "1", "seed of every draw of the run", ge=0, lt=2**63)
    weeks: int = field(1040, "weeks", "length of the run; 52 weeks make a year", ge=1, le=10_400)
    record_orders: bool = field(False, "yes/no", "keep every order for orders() and the full purchase network")
    threads: int = field(0, "threads", "threads of the customer loop; 0 takes what the machine has", ge=0, le=256)


class Market(Section):
    """What is wanted: categories, their circles of tastes and where needs fall on them."""

    categories: int = field(30, "categories", "number of product categories, each a circle of tastes", ge=1, le=500)
    category_skew: float = field(0.5, "1", "Zipf exponent of the categories' shares of needs; 0 is equal shares", ge=0, le=3)
    price_level_sd: float = field(0.0, "log currency", "sd of log price levels between categories; alpha is inverse to the level", ge=0, le=2)
    popular_places: int = field(4, "places", "popular places on each circle, evenly spaced from 0", ge=1, le=1000)
    head_share: float = field(0.45, "share", "share of needs that fall near a popular place; the rest is uniform", "assumption: 30-40 % of Amazon's book sales lay outside a store's range (Brynjolfsson, Hu & Smith 2003, from memory)", ge=0, le=1)
    head_width: float = field(0.02, "circumference", "half-width of the triangular spread of needs about a popular place", ge=0, le=0.5)


class Customers(Section):
    """Who buys."""

    count: int = field(20_000, "customers", "potential customers, adopted or not", ge=1, le=20_000_000)
    initial_adopters: float = field(0.02, "share", "share of customers that have joined before week 1", ge=0, le=1)
    need_rate: float = field(0.3, "needs per week", "mean weekly need rate lambda at launch satisfaction", ge=0, le=50)
    browsing: float = field(12.0, "visits per need", "mean number of browsing visits without a need, for each visit with one", "derived: conversion of 3.3 % of visits, Internet Retailer Top-500 2015 (facts/elasticities.csv)", ge=0, le=1000)
    need_rate_shape: float = field(0.8, "1", "shape of the gamma distribution of lambda over customers; 0 makes all equal", "derived: BG/NBD r of 0.83 for UCI's online retailer, 0.25 for CDNOW (facts/targets/bazaar.toml, C8)", ge=0, le=1000)


class Adoption(Section):
    """How potential customers join (Bass 1969)."""

    p: float = field(0.0004, "per week", "external influence: weekly hazard of joining by advertising", "assumption: Bass (1969) has 0.03 a year for consumer durables, from memory", ge=0, le=1)
    q: float = field(0.04, "per week", "internal influence: weekly hazard with every neighbour recommending", "assumption: Bass (1969) has 0.38 a year for consumer durables, well-mixed, from memory", ge=0, le=1)
    mixing: Literal["network", "well-mixed"] = field("network", "choice", "who hears of whom: neighbours on the social graph, or everybody")
    everyone_recommends: bool = field(False, "yes/no", "every adopter recommends every week (the plain Bass limit), whatever the satisfaction")
    referral: float = field(0.0, "per week", "referral programme: extra hazard with every neighbour recommending; 0 is no programme", ge=0, le=1)
    referral_bonus: float = field(0.0, "currency", "bonus a platform pays for each referred newcomer", ge=0, le=10_000)
    advertising_gain: float = field(1.0, "1", "p is multiplied by 1 + gain x advertising capability", ge=0, le=100)


class Search(Section):
    """How the platform hears a need and what it shows."""

    candidates: int = field(16, "offers", "nearest offers in stock that are retrieved", ge=1, le=1000)
    shown: int = field(5, "offers", "offers shown of those retrieved", ge=1, le=64)
    noise: float = field(0.03, "circumference", "sd of the error with which a need is heard at zero data capability", ge=0, le=0.5)
    relevance: float = field(1.0, "1", "weight of tau x distance in the ranking", ge=0, le=100)
    price: float = field(0.5, "1", "weight of alpha x price in the ranking", ge=0, le=100)
    reputation: float = field(0.5, "1", "weight of rho x reputation in the ranking", ge=0, le=100)
    own_brand_boost: float = field(0.0, "utility", "added to the rank of the platform's own retail", ge=-100, le=100)
    bids: float = field(5.0, "utility per share of price", "weight of a seller's advertising bid (share of price) in the ranking", ge=0, le=1000)
    panel: int = field(256, "needs", "fixed basket of needs on which price, selection and delivery indices are read", ge=1, le=100_000)
    sample: int = field(1500, "searches", "searches of a week that are logged with their probabilities, for sellers and entrants to learn from", ge=1, le=1_000_000)


class Choice(Section):
    """Multinomial logit with an outside option (McFadden 1974)."""

    alpha: float = field(3.0, "utility per currency", "price sensitivity at price level 1; own-price elasticity is alpha x price x (1 - share)", "assumption: mean own-price elasticity of -2.62 over 81 studies (Bijmolt, van Heerde & Pieters 2005, facts/elasticities.csv)", gt=0, le=1000)
    alpha_sd: float = field(0.25, "log", "sd of log alpha over customers", ge=0, le=2)
    tau: float = field(50.0, "utility per circumference", "cost of mismatch between need and offer", "assumption: the circle is Salop's (1979), the value nobody's", ge=0, le=10_000)
    mu: float = field(1.0, "utility", "scale of the Gumbel taste noise", gt=0, le=100)
    delta: float = field(0.15, "utility per day", "dislike of promised delivery days", ge=0, le=100)
    rho: float = field(0.5, "utility", "weight of reputation, which lies in [-1, 1]", ge=0, le=100)
    outside_option: float | Literal["off"] = field(0.0, "utility", "utility of buying nothing here; \"off\" makes every search end in a purchase")
    tie_bonus: float = field(0.5, "utility", "added for a seller one has a tie of weight 1 with", ge=0, le=100)
    friend_bonus: float = field(0.5, "utility", "added for an offer recommended by a friend", ge=0, le=100)
    platform_sensitivity: float = field(6.0, "1 per satisfaction", "logit coefficient of perceived satisfaction in the choice of a platform", ge=0, le=1000)
    multi_homing: bool = field(True, "yes/no", "a search that ends without a purchase goes on at another platform")


class Fulfilment(Section):
    """Stock, delivery, returns."""

    stocking: Literal["base-stock", "to-order"] = field("base-stock", "choice", "stock is held by a base-stock policy, or every unit is procured when it is sold")
    base_stock: int = field(0, "units", "fixed base-stock level of every offer; 0 derives it from the forecast", ge=0, le=1_000_000_000)
    safety: float = field(1.0, "sd of demand", "safety factor z of the base-stock level", ge=0, le=10)
    lead_time: int = field(1, "weeks", "weeks between ordering a unit and having it in stock; 0 is before next week's orders", ge=0, le=12)
    forecast_memory: float = field(0.9, "share", "weight of the old forecast in exponential smoothing", ge=0, lt=1)
    forecast_error: float = field(0.3, "log", "sd of the log error of the forecast at zero data capability", ge=0, le=3)
    delivery_days: float = field(6.0, "days", "median delivery time of platform fulfilment at zero delivery capability", ge=0, le=100)
    own_delivery_days: float = field(8.0, "days", "median delivery time of a seller's own fulfilment", "assumption: Olist's orders take about 12 days in the mean, from memory", ge=0, le=100)
    delivery_spread: float = field(0.45, "log", "sd of log delivery days at zero delivery capability", ge=0, le=3)
    promise: float = field(1.6, "1", "promised days as a multiple of the median", ge=0, le=10)
    disruption_rate: float = field(0.01, "per week", "chance that a fulfilment path (platform x mode) is disrupted in a week", ge=0, le=1)
    disruption_days: float = field(2.0, "1", "delivery days are multiplied by this on a disrupted path", ge=1, le=20)
    return_rate: float = field(0.06, "share", "returns of a perfectly matching item of mean quality", ge=0, le=1)
    return_mismatch: float = field(1.0, "per circumference", "added chance of return per unit of mismatch", "assumption: online returns of 18-21 % (NRF/Appriss 2020-21, facts/elasticities.csv)", ge=0, le=100)
    return_quality: float = field(0.05, "per utility", "added chance of return per unit of quality below sellers.quality", ge=0, le=10)
    ageing: float = field(0.002, "per week", "share of stock that is lost to ageing each week", ge=0, le=1)
    holding_cost: float = field(0.003, "share of cost per week", "cost of holding a unit in stock", ge=0, le=1)
    shipping_cost: float = field(0.10, "currency", "what a carrier is paid for a parcel", f"derived: shipping of 7-16 % of net sales ({AMAZON_10K})", ge=0, le=1000)
    own_handling_cost: float = field(0.40, "currency", "a seller's cost of handling one order itself", ge=0, le=1000)


class Experience(Section):
    """What a search and an order leave behind."""

    launch_satisfaction: float = field(0.5, "share", "satisfaction S that everyone starts with", gt=0, le=1)
    learning: float = field(0.15, "share", "weight g of the newest score in S", ge=0, le=1)
    score_width: float = field(0.7, "mu", "width w of the score, in units of the taste noise; below 0.5 nothing takes off", ge=0.5, le=100)
    reference_gap: float = field(0.0, "mu", "how far the score's reference lies below the expected log-sum at launch", ge=0, le=100)
    late_penalty: float = field(0.25, "score", "taken from the score of an order that is late", ge=0, le=1)
    stockout_penalty: float = field(0.4, "score", "taken from the score of an order lost to a stock-out", ge=0, le=1)
    return_penalty: float = field(0.25, "score", "taken from the score of an order that is returned", ge=0, le=1)
    service_recovery: float = field(0.5, "share", "share of a penalty that service makes good per unit of service capability (saturating)", ge=0, le=1)
    visit_response: float = field(1.0, "1", "elasticity of visits to satisfaction at its launch value", ge=0, le=10)
    lapse_rate: float = field(0.01, "per week", "weekly hazard of lapsing at launch satisfaction", ge=0, le=1)
    lapse_response: float = field(2.0, "1", "elasticity of lapsing to dissatisfaction 1 - S at its launch value", ge=0, le=10)
    win_back: float = field(0.3, "1", "hazard of a lapsed customer to return, as a multiple of a newcomer's hazard to join", ge=0, le=10)
    recommend_intercept: float = field(1.5, "points", "likelihood to recommend (0-10) at zero satisfaction", ge=-20, le=20)
    recommend_slope: float = field(10.0, "points", "points of likelihood to recommend per unit of satisfaction", ge=0, le=50)
    leniency_sd: float = field(1.5, "points", "sd over customers of their likelihood to recommend", ge=0, le=10)
    review_rate: float = field(0.3, "share", "share of delivered orders that get a review", ge=0, le=1)
    stars_base: float = field(4.6, "stars", "stars of an order of mean quality that fits and comes on time", ge=1, le=5)
    stars_per_quality: float = field(0.5, "stars per utility", "stars per unit of quality above sellers.quality", ge=0, le=10)
    stars_per_day: float = field(-0.0455, "stars per day", "stars per delivery day beyond the promise's median", "verified: Olist, -0.0455 stars per extra delivery day (facts/elasticities.csv)", ge=-10, le=0)
    stars_late: float = field(-1.2, "stars", "added to the stars of a late order", ge=-5, le=0)
    stars_sd: float = field(0.9, "stars", "sd of the noise of stars", ge=0, le=5)
    reputation_weight: float = field(10.0, "reviews", "weight of the prior in the shrunk mean of stars", gt=0, le=10_000)
    reputation_prior: float = field(4.0, "stars", "prior mean of stars", ge=1, le=5)
    ties: int = field(4, "sellers", "strongest ties a customer keeps", ge=1, le=64)
    tie_gain: float = field(0.3, "share", "how far one good order moves a tie's weight towards 1", ge=0, le=1)
    tie_decay: float = field(0.02, "per order", "share of every tie that fades with each order", ge=0, le=1)


class Social(Section):
    """The customer-customer network."""

    graph: Literal["small-world", "scale-free", "none", "file"] = field("small-world", "choice", "kind of graph", "assumption: the kinds are those of Watts & Strogatz (1998) and Barabasi & Albert (1999)")
    mean_degree: int = field(6, "neighbours", "mean number of neighbours (even)", ge=2, le=1000)
    rewiring: float = field(0.1, "share", "share of links rewired in the small world", ge=0, le=1)
    file: str = field("", "path", "edge list (two columns of customer numbers from 0) for graph = \"file\"")
    recommendation_rate: float = field(0.2, "share", "share of searches in which a neighbour is asked, whose favourite is considered if there is one", ge=0, le=1)


class Sellers(Section):
    """Third-party sellers."""

    count: int = field(0, "sellers", "sellers at the opening of the marketplace", ge=0, le=1_000_000)
    listings: float = field(1.5, "listings", "median number of listings of a seller", gt=0, le=10_000)
    listings_sd: float = field(1.0, "log", "sd of the log number of listings", ge=0, le=3)
    head_share: float = field(0.1, "share", "share of third-party listings near a popular place; the rest is spread over the long tail", ge=0, le=1)
    listings_max: int = field(60, "listings", "most listings a seller can have", ge=1, le=100_000)
    cost: float = field(0.64, "price level", "median unit cost in units of the category's price level", gt=0, le=1000)
    cost_sd: float = field(0.12, "log", "sd of log unit cost over sellers", ge=0, le=3)
    quality: float = field(4.9, "utility", "mean quality", ge=-100, le=100)
    quality_sd: float = field(0.4, "utility", "sd of quality over sellers", ge=0, le=100)
    pricing: str | dict[str, float] = field("best-response", "name or shares", "pricing rule, or a table of rules and their shares of sellers")
    layout: Literal["random", "even"] = field("random", "choice", "places of the first sellers' listings: keyed draws, or evenly spaced in each category")
    markup: float = field(0.35, "share", "mark-up over break-even of cost-plus pricing, and of every first price", ge=0, le=100)
    markup_cap: float = field(3.0, "share", "highest mark-up over break-even any rule may ask", gt=0, le=1000)
    price_step: float = field(0.03, "share", "step of hill-climbing and of undercutting", gt=0, lt=1)
    damping: float = field(0.1, "share", "how far a best response moves towards its target in a week", gt=0, le=1)
    reprice_rate: float = field(1.0, "per week", "chance that a seller reviews its prices in a week", ge=0, le=1)
    cash: float = field(150.0, "currency", "cash a seller starts with", ge=0, le=1e9)
    patience: float = field(26.0, "weeks", "weeks of losses a seller sits through, counted down twice as fast as profits count up", gt=0, le=10_000)
    exit_rate: float = field(0.001, "per week", "exogenous hazard of exit", ge=0, le=1)
    fulfilment: Literal["own", "platform", "choose"] = field("choose", "choice", "who ships a seller's orders")
    mode_taste_sd: float = field(0.1, "currency", "sd of a seller's own leaning towards platform fulfilment, per order", ge=0, le=100)
    ad_bid: float = field(0.0, "share of price", "mean advertising bid, paid on each sale (exponential over sellers)", ge=0, lt=1)
    relist_rate: float = field(0.02, "per week", "chance that a seller looks at the platforms it is not on, and lists where demand per offer is higher", ge=0, le=1)
    multi_home: float = field(0.6, "share", "share of sellers that list on every platform; the rest pick one", ge=0, le=1)


class Entry(Section):
    """Who comes in."""

    enabled: bool = field(True, "yes/no", "whether new sellers can enter")
    candidates: int = field(4, "candidates per week", "candidates that weigh the market each week, one after another", ge=0, le=10_000)
    cost: float = field(12.0, "currency", "sunk cost of entry", ge=0, le=1e9)
    fixed_cost: float = field(0.1, "currency per week", "fixed cost of being on the market, per seller", ge=0, le=1e9)
    horizon: float = field(104.0, "weeks", "weeks of profit in which the entry cost must be earned", gt=0, le=10_000)
    belief_noise: float = field(0.7, "log", "sd of the log error of the estimated profit before fixed cost", ge=0, le=5)
    rivals_respond: bool = field(False, "yes/no", "whether a candidate reckons with the prices that follow its entry")
    tools_gain: float = field(1.0, "1", "entry cost is divided by 1 + gain x selection capability", ge=0, le=100)


class Platform(Section):
    """A platform: its retail, its fees, its technology and its purse."""

    name: str = field("platform", "name", "name, used in column names")
    commission: float = field(0.15, "share of price", "commission on third-party sales", "assumption: referral fees of 6-15 %, from memory; the whole take rate reached 19-50 % (facts/amazon_annual.csv)", ge=0, lt=1)
    fulfilment_fee: float = field(0.72, "currency", "fee per order that the platform fulfils for a seller, at launch", ge=0, le=1000)
    fee_pass_through: float = field(0.6, "share", "share of a change of unit cost that goes into the fulfilment fee", ge=0, le=1)
    pass_through: float = field(1.0, "share", "share of a change of unit cost that goes into own retail prices", "assumption: pass-through of exchange rates to online prices of 0.60-0.75 (Gorodnichenko & Talavera, facts/elasticities.csv)", ge=0, le=1)
    price_speed: float = field(0.1, "per week", "share of the gap to the target price closed each week", gt=0, le=1)
    target_margin: float = field(0.07, "share of price", "margin over full unit cost that own retail aims at", f"assumption: operating margins of 0-6 % ({AMAZON_10K})", gt=-1, lt=1)
    first_party_places: int = field(4, "places per category", "popular places at which the platform sells itself", ge=0, le=1000)
    first_party_cost: float = field(0.62, "price level", "wholesale cost in units of the category's price level", gt=0, le=1000)
    first_party_quality: float = field(5.6, "utility", "quality of the platform's own range", ge=-100, le=100)
    marketplace_opens: int = field(96, "week", "first week in which third parties may sell", "verified (secondary): Amazon opened zShops in 1999 and Marketplace in 2000; the months, September and November, from memory", ge=1, le=10_400)
    fulfilment_opens: int = field(1, "week", "first week in which the platform fulfils orders for sellers; before, they ship themselves", "assumption: Fulfilment by Amazon opened in 2006, which a scenario may say", ge=1, le=10_400)
    handling_cost: float = field(0.60, "currency", "variable handling cost per order at launch volume", ge=0, le=1000)
    handling_floor: float = field(0.15, "share", "share of the handling cost that no learning removes", ge=0, le=1)
    progress_ratio: float = field(0.87, "1", "factor on the handling cost when cumulative volume doubles", "derived: fulfilment expense ratio per doubling of sales, Amazon 2000-09, of 0.874; modal 0.815 (Dutton & Thomas 1984, facts/elasticities.csv)", gt=0, le=1)
    launch_volume: float = field(2000.0, "orders", "cumulative orders of experience at launch", gt=0, le=1e12)
    capacity: float = field(60.0, "orders per week", "fulfilment capacity at launch; 0 means no capacity is needed", ge=0, le=1e12)
    capacity_cost: float = field(0.12, "currency per order of capacity per week", "what a unit of capacity costs, used or not", ge=0, le=1e6)
    capacity_lump: float = field(0.3, "share", "size of a lump of new capacity, as a share of what stands and is on order", gt=0, le=10)
    capacity_trigger: float = field(0.8, "share", "utilisation forecast at which a lump is ordered", gt=0, le=10)
    capacity_lead: int = field(12, "weeks", "weeks until a lump stands; it serves from the week after, and the forecast looks as far ahead", ge=1, le=200)
    capacity_wear: float = field(0.002, "per week", "share of capacity that wears off, or whose lease ends, in a week", ge=0, le=1)
    overload_cost: float = field(0.5, "share", "extra handling cost of an order above capacity", ge=0, le=100)
    speed_cost: float = field(0.25, "share", "handling cost rises by this share when promised days halve", ge=0, le=100)
    overhead: float = field(20.0, "currency per week", "fixed cost of the platform", ge=0, le=1e9)
    overhead_share: float = field(0.03, "share of GMV", "technology, support and marketing that grow with sales", ge=0, lt=1)
    cash: float = field(20_000.0, "currency", "cash at launch", ge=0, le=1e12)
    credit_line: float = field(100_000.0, "currency", "how far cash may go below zero before the platform fails", ge=0, le=1e12)
    wear: float = field(0.02, "per week", "share of every capability that wears off in a week", ge=0, le=1)
    capability_scale: float = field(2000.0, "currency", "stock of spending at which a capability reaches one half", gt=0, le=1e12)
    delivery_gain: float = field(0.7, "share", "largest cut of median delivery days by delivery capability", ge=0, lt=1)
    spread_gain: float = field(0.4, "share", "largest cut of the spread of delivery days by delivery capability", ge=0, lt=1)
    data_gain: float = field(0.8, "share", "largest cut of search noise and forecast error by data capability", ge=0, le=1)
    policy: str = field("", "name", "policy of this platform; empty takes policy.name")


class Policy(Section):
    """What a platform does with its surplus."""

    name: str = field("reinvest", "name", "policy that allocates the surplus, or a class brought by --import")
    lever: str = field("price", "lever", "the lever of single-push")
    spend: float = field(1.0, "share of surplus", "share of the surplus the policy may hand out", ge=0, le=1)
    memory: float = field(0.9, "share", "weight of the old value in the smoothed surplus that the policy sees", ge=0, lt=1)


class Valve(Section):
    """The setting of one link of the flywheel."""

    state: Literal["open", "shut"] = field("open", "choice", "open: perceived as it is; shut: frozen at the reference week")
    scale: float = field(1.0, "1", "factor on what is perceived", ge=0, le=100)
    push: float = field(0.0, "share", "push on what is perceived, from week `push_from`", ge=-0.99, le=100)
    push_from: int = field(1, "week", "first week of the push", ge=1, le=10_400)

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, value: Any) -> Any:
        """``"shut"`` is short for ``{ state = "shut" }``, so that a loaded valve is always a Valve."""
        return {"state": value} if isinstance(value, str) else value


class Flywheel(Section):
    """The valves on the links of the virtuous cycle."""

    reference_week: int = field(26, "week", "shut valves freeze what they carried in this week", ge=1, le=10_400)
    valves: dict[str, Annotated[Valve | Literal["open", "shut"], Field(union_mode="left_to_right")]] = field({}, "table", "link id -> \"open\", \"shut\" or a table of state, scale, push, push_from")
