"""What a policy sees, what it may decide, and the class that every policy is."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, ClassVar, NoReturn, Protocol

from agents.columns import nearest
from agents.policies.levers import LEVERS, PLANNED
from agents.registry import find, register

POLICIES: dict[str, type[PlatformPolicy]] = {}


class PolicySettings(Protocol):
    """The scenario's policy section, as far as policies read it."""

    @property
    def name(self) -> str:
        """Name of the policy."""

    @property
    def lever(self) -> str:
        """Lever of single-push."""

    @property
    def spend(self) -> float:
        """Share of the surplus that may be handed out."""

    @property
    def memory(self) -> float:
        """Weight of the old value in the smoothed surplus."""


@dataclass(frozen=True, slots=True)
class Books:
    """A platform's books of one week: all that its policy sees. Undefined figures are NaN.

    Attributes
    ----------
    week : int
        Week of the run, from 1.
    platform : str
        Name of the platform.
    gmv, revenue : float
        Gross merchandise value, and what of it and of the fees is the platform's own; currency per week.
    orders, first_party_orders, searches, visits : float
        Counts of the week; visits include browsing.
    failed_searches : float
        Share of searches that end without a purchase.
    unit_cost : float
        Cost of fulfilling one order, currency.
    cash, credit_line : float
        Cash, and how far it may go below zero; currency.
    surplus : float
        Smoothed weekly surplus that may be spent, currency per week; can be negative.
    discount : float
        Price cut of own retail now paid from the surplus, currency per unit.
    active_customers : float
        Customers that have joined and not lapsed.
    active_sellers, offers : int
        Third-party sellers, and offers of all sellers, on the platform.
    satisfaction : float
        Mean satisfaction of its customers, in [0, 1].
    late_rate, stockout_rate, return_rate : float
        Shares of orders that come late, meet no stock, come back.
    promised_days : float
        Promised delivery time of platform fulfilment, days.
    first_party_share : float
        Share of GMV sold by the platform itself.
    capabilities : Mapping[str, float]
        Level of each capability, in [0, 1).
    """

    week: int
    platform: str
    gmv: float
    revenue: float
    orders: float
    first_party_orders: float
    searches: float
    visits: float
    failed_searches: float
    unit_cost: float
    cash: float
    credit_line: float
    surplus: float
    discount: float
    active_customers: float
    active_sellers: int
    offers: int
    satisfaction: float
    late_rate: float
    stockout_rate: float
    return_rate: float
    promised_days: float
    first_party_share: float
    capabilities: Mapping[str, float]

    @property
    def budget(self) -> float:
        """Surplus that can be handed out this week, currency: zero where it is negative or undefined."""
        return self.surplus if self.surplus > 0.0 else 0.0

    def __getattr__(self, name: str) -> NoReturn:
        known = [one for one in dir(type(self)) if not one.startswith("_")]
        raise AttributeError(f"books.{name} does not exist: {nearest(name, known)}")


@dataclass(frozen=True)
class Decision:
    """What a policy does with the surplus of a week.

    Attributes
    ----------
    spend : Mapping[str, float]
        Currency put on each lever this week; levers left out get nothing.
    dividend : float
        Currency paid out to the owners.

    Raises
    ------
    ValueError
        If a lever is unknown or has no mechanism yet, or an amount is negative or not a finite number.
    """

    spend: Mapping[str, float] = field(default_factory=dict)
    dividend: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.spend, Mapping):
            raise ValueError(f"spend must be a mapping of levers to amounts, not {self.spend!r}.")
        spend = {check_lever(key): _amount(f"spend on {key!r}", value) for key, value in self.spend.items()}
        object.__setattr__(self, "spend", spend)
        object.__setattr__(self, "dividend", _amount("dividend", self.dividend))

    @property
    def total(self) -> float:
        """All money that leaves the purse by this decision, currency."""
        return math.fsum((*self.spend.values(), self.dividend))


def check_lever(lever: str) -> str:
    """Return the name of a lever that money can be put on.

    Raises
    ------
    ValueError
        If there is no such lever, or it has no mechanism yet.
    """
    if lever in PLANNED:
        raise ValueError(f"lever {lever!r} has no mechanism yet: choose one of {', '.join(LEVERS)}.")
    if lever not in LEVERS:
        raise ValueError(f"{lever!r} is not a lever: {nearest(str(lever), LEVERS)}")
    return lever


def _amount(what: str, amount: Any) -> float:
    if type(amount) is float and 0.0 <= amount < math.inf:  # nearly always
        return amount
    try:
        value = float(amount) if isinstance(amount, Real) and not isinstance(amount, bool) else math.nan
    except OverflowError:
        value = math.inf
    if not 0.0 <= value < math.inf:
        raise ValueError(f"{what} must be a finite amount of at least 0, not {amount!r}.")
    return value


class PlatformPolicy(ABC):
    """A platform's rule for its surplus. A concrete subclass is found by its `name` from then on.

    A policy sees the platform's books and nothing else. What it remembers stands in plain attributes, so
    that a model can be copied, branched and sent to another process.

    Parameters
    ----------
    settings
        The scenario's policy section.
    """

    name: ClassVar[str]
    source: ClassVar[str] = "assumption"

    def __init__(self, settings: PolicySettings) -> None:
        self.settings = settings

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        register(POLICIES, cls, "policy")

    @abstractmethod
    def decide(self, books: Books) -> Decision:
        """Hand out the surplus of the week."""


def policy_named(name: str) -> type[PlatformPolicy]:
    """Return the policy class of a name; ValueError with the nearest spelling where there is none."""
    return find(POLICIES, name, "policy")
