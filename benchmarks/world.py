"""The world that every benchmark starts from, and the customer's week of the package on a copy of it.

The four compiled loops of the customer's week are caught, with their arguments, in one real week of a model. Each
implementation then lives through further weeks on a copy of those very columns: the shelf and all prices stay as
they were, and every order is delivered, on time and for good.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agents import compiled
from agents.customer import ACTIVE
from marketplace import MarketplaceModel, adoption, load_scenario, visiting
from marketplace import experience as experiences
from marketplace.fulfilment import DELIVERED

YEAR = 52
LOOPS: tuple[tuple[ModuleType, str], ...] = (
    (adoption, "adopt"),
    (visiting, "visit_and_choose"),
    (experiences, "experience"),
    (experiences, "lapse_and_recommend"),
)

Arguments = dict[str, Any]


class Maturity(NamedTuple):
    """How alive a market is; both are means over the last year of a run, as shares of all customers."""

    active: float
    visiting: float


def maturity_of(model: MarketplaceModel) -> Maturity:
    """Shares of customers who are active, and who search in a week, over the last year of a finished run."""
    last = model.weekly.tail(YEAR)
    return Maturity(
        float(last["active_customers"].mean()) / model.customers.size,
        float(last["searches"].mean()) / model.customers.size,
    )


def bench_changes(customers: int, sellers: int, active: float, threads: int = 0) -> dict[str, Any]:
    """Changes to `amazon` that make a market of ``sellers`` sellers that neither leave nor are joined by others."""
    return {
        "customers.count": customers,
        "customers.initial_adopters": active,
        "sellers.count": sellers,
        "sellers.exit_rate": 0.0,
        "sellers.patience": 10_000.0,
        "sellers.cash": 1e8,
        "entry.enabled": False,
        "platform.marketplace_opens": 1,
        "platform.credit_line": 1e12,
        "run.threads": threads,
        "run.weeks": 10_400,
    }


def bench_model(customers: int, sellers: int, target: Maturity, weeks: int, threads: int = 0) -> MarketplaceModel:
    """Build a market, live through ``weeks`` weeks so that ties and satisfaction settle, and set its visit share.

    Raises
    ------
    ValueError
        If no need rate can make ``target.visiting`` of the customers visit.
    """
    scenario = load_scenario("amazon").with_changes(bench_changes(customers, sellers, target.active, threads))
    model = MarketplaceModel(scenario, rng=1)
    for _ in range(weeks):
        set_visit_share(model, target.visiting)
        model.step()
    set_visit_share(model, target.visiting)
    return model


def set_visit_share(model: MarketplaceModel, share: float) -> None:
    """Scale all need rates so that ``share`` of all customers is expected to visit next week."""
    c, rules = model.customers.columns, model.rules
    active = c.status == ACTIVE
    felt = np.minimum(1.0, c.satisfaction[active, 0] * model.flywheel["experience->visits"].factor[0])
    appeal = np.maximum(0.0, 1.0 + rules.visit_response * (felt / rules.launch_satisfaction - 1.0))
    rate = c.need_rate[active] * appeal
    low, high = 0.0, 1.0
    while expected_share(rate, high, c.status.size) < share:
        high *= 2.0
        if high > 1e12:
            raise ValueError(f"{share:.0%} of the customers cannot visit: only {active.mean():.0%} are active.")
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if expected_share(rate, middle, c.status.size) < share else (low, middle)
    c.need_rate[:] *= high


def expected_share(rate: npt.NDArray[np.float64], factor: float, customers: int) -> float:
    """Share of all customers that is expected to visit at ``factor`` times these rates."""
    return float(-np.expm1(-rate * factor).sum() / customers)


def catch_week(model: MarketplaceModel) -> dict[str, Arguments]:
    """Live through one week; return the arguments, by name, that each loop of the customer's week was called with.

    Further visits are given outcomes: every order is delivered, none is late or comes back. No search is logged for
    the sellers.
    """
    caught: dict[str, Arguments] = {}
    originals = [getattr(module, name) for module, name in LOOPS]

    def catching(name: str, loop: Callable[..., Any]) -> Callable[..., Any]:
        names = names_of(loop)

        def call(*values: Any) -> Any:
            caught[name] = dict(zip(names, values, strict=True))
            return loop(*values)

        return call

    try:
        for (module, name), loop in zip(LOOPS, originals, strict=True):
            setattr(module, name, catching(name, loop))
        model.step()
    finally:
        for (module, name), loop in zip(LOOPS, originals, strict=True):
            setattr(module, name, loop)
    caught["visit_and_choose"]["log_share"] = 0.0
    slots = caught["visit_and_choose"]["visits_"].customer.size
    caught["experience"] |= {
        "outcome": np.full(slots, DELIVERED, np.int8),
        "late": np.zeros(slots, np.int8),
        "returned": np.zeros(slots, np.int8),
    }
    return caught


def names_of(loop: Callable[..., Any]) -> list[str]:
    """Return the names of what a loop over blocks is called with: the number of blocks, then its own parameters."""
    inner = loop.args[0] if isinstance(loop, partial) else loop
    names = list(inspect.signature(getattr(inner, "py_func", inner)).parameters)
    return ["blocks", *names[2:]]


def copy_of(caught: dict[str, Arguments]) -> dict[str, Arguments]:
    """Copy every array once: what two loops share is shared by their copies too."""
    made: dict[tuple[Any, ...], npt.NDArray[Any]] = {}

    def copied(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            where = (value.__array_interface__["data"][0], value.shape, value.dtype.str)
            return made.setdefault(where, value.copy())
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*map(copied, value))
        return value

    return {name: {key: copied(value) for key, value in given.items()} for name, given in caught.items()}


class OurWeek:
    """The customer's week of the package, on a copy of the world, with a number of threads."""

    def __init__(self, caught: dict[str, Arguments], threads: int) -> None:
        self.arguments = copy_of(caught)
        self.threads = threads
        self.loops = [getattr(module, name) for module, name in LOOPS]

    def make_ready(self) -> None:
        """Set the number of threads and wake them, which is no part of a week."""
        compiled.set_threads(self.threads)
        compiled.share_out(lambda first, last: None, 64)

    def live(self, week: int) -> None:
        """Let all customers live through one week."""
        for loop, given in zip(self.loops, self.arguments.values(), strict=True):
            given["week"] = week
            if "first_order" in given:
                bought = given["visits"].bought
                given["first_order"] = np.cumsum(bought) - bought
            loop(*given.values())

    @property
    def searches(self) -> int:
        """Searches of the latest week."""
        return int(self.arguments["visit_and_choose"]["visits_"].filled.sum())

    @property
    def orders(self) -> int:
        """Orders of the latest week."""
        return int(self.arguments["visit_and_choose"]["visits_"].bought.sum())
