"""The customer's week four ways, side by side: the package on one and two threads, C, and plain Mesa."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from agents.customer import ACTIVE
from benchmarks.c_loop.customer_week import CWeek, has_compiler
from benchmarks.clock import Taken, timed
from benchmarks.plain_mesa.from_columns import plain_model
from benchmarks.world import Maturity, OurWeek, bench_model, catch_week
from marketplace import MarketplaceModel
from marketplace.search import BLOCK

WARM_UP = 26  # weeks lived before the clock starts, so that ties and satisfaction are those of a running market
STRICT = ("-ffp-contract=off", "-DHOUSE_MATHS")  # without fused multiply-add and with our exp C must give our very bits


def spread(seconds: list[float], customers: int) -> dict[str, float]:
    """Median, quartiles and minimum, in nanoseconds per customer and week."""
    each = np.array(seconds) * 1e9 / customers
    low, middle, high = np.percentile(each, (25, 50, 75))
    return {"median": float(middle), "quartile_1": float(low), "quartile_3": float(high), "minimum": float(each.min())}


def ratios(rows: dict[str, dict[str, float]]) -> dict[str, float]:
    """Ratios of medians."""
    median = {name: row["median"] for name, row in rows.items()}
    found = {
        "plain Mesa / ours, 1 thread": median["plain Mesa"] / median["ours, 1 thread"],
        "plain Mesa / ours, 2 threads": median["plain Mesa"] / median["ours, 2 threads"],
    }
    if "C, 1 thread" in median:
        found["ours, 1 thread / C"] = median["ours, 1 thread"] / median["C, 1 thread"]
    return found


def same_state(ours: OurWeek, c: CWeek) -> bool:
    """Whether the package and C hold the same bits in every column that a week writes, and in all visits."""
    mine = ours.arguments
    felt, adopted, visits = mine["experience"], mine["adopt"], mine["visit_and_choose"]["visits_"]
    each = mine["visit_and_choose"]["each"]
    columns = {name: adopted[name] for name in ("status", "channel", "joined", "recommends", "satisfaction")}
    columns |= {name: felt[name] for name in ("tie_offer", "tie_weight", "orders", "last_order", "quarters")}
    columns |= {"lapse_counts": mine["lapse_and_recommend"]["counts"]}
    columns |= {"visit_filled": visits.filled, "visit_bought": visits.bought}
    same = all(np.array_equal(column, c.arrays[name]) for name, column in columns.items())
    for name in ("customer", "platform", "offer", "distance", "inclusive", "surplus"):
        mine_filled = filled(getattr(visits, name), visits.filled, each)
        same = same and np.array_equal(mine_filled, filled(c.arrays["visit_" + name], visits.filled, each))
    return same


def filled(slots: np.ndarray, count: np.ndarray, each: int) -> np.ndarray:
    """The slots that were filled, of visits laid out by block of customers."""
    return np.concatenate([slots[block * BLOCK * each :][:used] for block, used in enumerate(count)])


def choices_that_differ(ours: OurWeek, c: CWeek) -> int:
    """Number of customers whose status or latest order differs."""
    mine, other = ours.arguments, c.arrays
    differs = mine["adopt"]["status"] != other["status"]
    differs |= mine["experience"]["orders"] != other["orders"]
    differs |= (mine["experience"]["tie_offer"] != other["tie_offer"]).any(axis=1)
    return int(differs.sum())


class Contest:
    """The implementations, each on its own copy of one world, and what their weeks took."""

    def __init__(self, model: MarketplaceModel) -> None:
        caught = catch_week(model)
        self.one, self.two = OurWeek(caught, 1), OurWeek(caught, 2)
        self.plain = plain_model(caught, model.customers.size)
        self.c, self.strict = (CWeek(caught), CWeek(caught, *STRICT)) if has_compiler() else (None, None)
        self.weeks: dict[str, Callable[[int], Any]] = {
            "ours, 1 thread": self.one.live,
            "ours, 2 threads": self.two.live,
        }
        if self.c:
            self.weeks["C, 1 thread"] = self.c.live
        self.weeks["plain Mesa"] = lambda week: self.plain.step()
        self.taken: dict[str, list[Taken]] = {name: [] for name in self.weeks}
        self.visiting: dict[str, list[float]] = {"ours": [], "plain Mesa": []}

    def live(self, week: int, customers: int) -> None:
        """Let each implementation live through a week, one after another, and time it."""
        for name, live in self.weeks.items():
            (self.two if live == self.two.live else self.one).make_ready()
            self.taken[name].append(timed(lambda live=live: live(week)))  # type: ignore[misc]
        if self.strict:
            self.strict.live(week)
        self.visiting["ours"].append(self.one.searches / customers)
        self.visiting["plain Mesa"].append(self.plain.searches / customers)


def compare(target: Maturity, customers: int, sellers: int, rounds: int, label: str) -> dict[str, Any]:
    """Time the four implementations in turn, a week each, ``rounds`` times, from the same world.

    Returns
    -------
    dict
        What was run; nanoseconds per customer and week of each implementation, by the wall and of the busiest thread;
        ratios of medians of either; whether C and the package ended in the same state.
    """
    model = bench_model(customers, sellers, target, WARM_UP)
    contest = Contest(model)
    for week in range(model.week + 1, model.week + 2 + rounds):
        contest.live(week, customers)
    counted = {name: each[1:] for name, each in contest.taken.items()}  # the first week finds cold caches
    wall = {name: spread([t.wall for t in each], customers) for name, each in counted.items()}
    busiest = {name: spread([t.busiest for t in each], customers) for name, each in counted.items()}
    result: dict[str, Any] = {
        "label": label,
        "customers": customers,
        "sellers": int(model.sellers.size),
        "offers_on_the_shelf": int(model.shelf.row.size),
        "rounds": rounds,
        "active_share": float(np.mean(contest.one.arguments["adopt"]["status"] == ACTIVE)),
        "visiting": {name: float(np.mean(shares[1:])) for name, shares in contest.visiting.items()},
        "nanoseconds": wall,
        "nanoseconds_of_the_busiest_thread": busiest,
        "ratios": ratios(wall),
        "ratios_of_the_busiest_thread": ratios(busiest),
    }
    if contest.c and contest.strict:
        result["same_bits_as_c_without_fused_multiply_add"] = same_state(contest.one, contest.strict)
        result["customers_that_differ_from_c_with_it"] = choices_that_differ(contest.one, contest.c)
    return result
