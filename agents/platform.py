"""The platform: retailer, marketplace and logistics company in one."""

from __future__ import annotations

import math

import numpy as np

from agents.columns import column
from agents.policies.levers import CAPABILITIES
from agents.population import ColumnAgent


class Platform(ColumnAgent):
    """A platform: its purse, its technology, its capabilities, its prices."""

    key = column(np.uint64, unit="1", doc="identity under which all its draws are keyed", internal=True)
    failed = column(np.int32, -1, unit="week", doc="week in which its credit ran out, -1 if it lives")
    cash = column(np.float64, unit="currency", doc="cash; may go below zero down to the credit line")
    experience = column(np.float64, unit="orders", doc="cumulative orders its technology has learned from", low=0)
    capacity = column(np.float64, unit="orders per week", doc="fulfilment capacity that stands", low=0)
    capability = column(
        np.float64, unit="currency", dim="capability", doc="spending stored, worn: " + ", ".join(CAPABILITIES)
    )
    volume = column(np.float64, unit="orders per week", doc="smoothed fulfilled orders")
    growth = column(np.float64, unit="orders per week per week", doc="smoothed growth of volume")
    demand = column(np.float64, unit="searches per week", doc="smoothed searches")
    surplus = column(np.float64, unit="currency per week", doc="smoothed surplus before what the policy spends")
    unit_cost = column(np.float64, unit="currency per order", doc="smoothed cost of fulfilling one order", low=0)
    launch_unit_cost = column(np.float64, unit="currency per order", doc="unit cost at launch", low=0)
    fulfilment_fee = column(np.float64, unit="currency per order", doc="fee of fulfilling a seller's order", low=0)
    discount = column(
        np.float64, unit="currency per unit", doc="price cut of own retail that the surplus pays for now", low=0
    )
    stars = column(np.float64, unit="stars", doc="sum of the stars of its own retail")
    reviews = column(np.int64, unit="reviews", doc="number of those reviews")


def learned_cost(experience, launch, progress_ratio, floor):  # type: ignore[no-untyped-def]
    """Return handling cost relative to launch after ``experience`` orders in all.

    Wright (1936): cost falls by a constant ratio with every doubling of cumulative volume, above a floor.
    """
    return floor + (1.0 - floor) * (experience / launch) ** math.log2(progress_ratio)


def speed_premium(days, launch_days, speed_cost):  # type: ignore[no-untyped-def]
    """Return the factor on handling cost of promising ``days`` instead of ``launch_days``."""
    return 1.0 + speed_cost * math.log2(launch_days / days) if days > 0.0 and launch_days > 0.0 else 1.0


def capability_level(stock, scale):  # type: ignore[no-untyped-def]
    """Return a capability in [0, 1) from its stock of spending; one half at ``scale``."""
    return stock / (stock + scale)
