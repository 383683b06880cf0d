"""The record of orders, where the scenario keeps one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from marketplace import fulfilment

if TYPE_CHECKING:
    import pandas as pd

    from marketplace.model import MarketplaceModel


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
