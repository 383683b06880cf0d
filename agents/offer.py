"""The offer: what a seller, or a platform's own retail, puts before customers on one platform."""

from __future__ import annotations

import numpy as np

from agents.columns import column

OWN, PLATFORM = 0, 1  # who ships


class Offer:
    """One row of the table of offers. Rows are never moved or reused, so a row is a permanent id."""

    key = column(np.uint64, unit="1", doc="identity under which its draws are keyed")
    seller = column(np.int32, unit="seller row", doc="row of the seller; -1 - platform for a platform's own retail")
    platform = column(np.int16, unit="platform", doc="platform it is listed on")
    category = column(np.int32, unit="category", doc="circle of tastes it lies on")
    place = column(np.float64, unit="circumference", doc="place on the circle, in [0, 1)")
    price = column(np.float64, unit="currency", doc="price asked")
    launch_price = column(np.float64, unit="currency", doc="price at the start")
    regular_price = column(np.float64, unit="currency", doc="own retail: price before cuts paid from the surplus")
    cost = column(np.float64, unit="currency", doc="procurement cost of a unit")
    quality = column(np.float64, unit="utility", doc="quality")
    mode = column(np.int8, unit="code", doc="fulfilment: 0 the seller's own, 1 the platform's")
    promised_days = column(np.float64, unit="days", doc="promised delivery days")
    stock = column(np.int64, unit="units", doc="units in stock")
    pipeline = column(np.int64, unit="units", dim="pipeline", doc="units on order, by weeks until they arrive")
    forecast = column(np.float64, unit="units per week", doc="smoothed demand")
