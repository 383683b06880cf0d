"""Orders and networks in the shapes that the field's own tools take.

    orders = customer_orders(model.orders())            # customer, date, value
    table = rfm(model.orders(), end=model.week)         # frequency, recency, T, monetary_value
    write_network(model, Path("network"))               # edges.csv and network.graphml
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from experiments.validation.statistics import customer_base, delivered

if TYPE_CHECKING:
    from marketplace.model import MarketplaceModel

FIRST_DAY = date(1999, 1, 1)
"""First day of week 1 unless another is stated. A model's year has 52 weeks, 364 days: dates drift by a day a year."""

EDGES, GRAPH = "edges.csv", "network.graphml"


def customer_orders(orders: pd.DataFrame, first_day: date = FIRST_DAY) -> pd.DataFrame:
    """One row a delivered order, as transaction logs have it.

    Parameters
    ----------
    orders : DataFrame
        As ``model.orders()`` gives them.
    first_day : date
        First day of week 1; orders are dated on the first day of their week.

    Returns
    -------
    DataFrame
        ``customer`` (unique id), ``date`` (datetime64), ``value`` (currency, units times price), in order of date.
    """
    rows = delivered(orders)
    days = pd.to_timedelta((rows["week"].to_numpy(dtype=np.int64) - 1) * 7, unit="D")
    table = pd.DataFrame({"customer": rows["customer"], "date": pd.Timestamp(first_day) + days, "value": rows["value"]})
    return table.sort_values(["date", "customer"], ignore_index=True)


def rfm(orders: pd.DataFrame, end: int) -> pd.DataFrame:
    """Recency, frequency, age and value of every customer who ever bought, in the convention of customer-base models.

    Parameters
    ----------
    orders : DataFrame
        As ``model.orders()`` gives them.
    end : int
        Last week that was observed.

    Returns
    -------
    DataFrame
        By ``customer``: ``frequency`` (weeks with an order after the first), ``recency`` (weeks from the first order to
        the last), ``T`` (weeks from the first order to the end), ``monetary_value`` (mean value of those further weeks,
        0 where there are none).

    Raises
    ------
    ValueError
        If there are orders after the end.
    """
    rows = delivered(orders)
    if len(rows) and rows["week"].max() > end:
        raise ValueError(f"end = {end} is not allowed: there are orders in week {rows['week'].max()}")
    base = customer_base(rows, end)
    value = rows.groupby(["customer", "week"])["value"].sum()
    further = value[value.groupby("customer").cumcount() > 0].groupby("customer").mean()
    customers = pd.Index(np.sort(rows["customer"].unique()), name="customer")
    return pd.DataFrame(
        {
            "frequency": base.frequency,
            "recency": base.recency,
            "T": base.age,
            "monetary_value": further.reindex(customers, fill_value=0.0).to_numpy(dtype=float),
        },
        index=customers,
    )


def write_network(model: MarketplaceModel, folder: Path, *, overwrite: bool = False) -> tuple[Path, Path]:
    """Write who buys from whom as an edge list (CSV) and as GraphML; return both paths.

    Parameters
    ----------
    model : MarketplaceModel
        Links are all purchases where its scenario records orders, else the strongest ties.
    folder : Path
        Made if it is not there.
    overwrite : bool
        Whether files that stand there may be replaced.

    Raises
    ------
    FileExistsError
        If one stands there and may not be.
    """
    from experiments.files import write_whole
    from marketplace.network import edge_table, purchase_network, to_graphml

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    edges, graph = folder / EDGES, folder / GRAPH
    write_whole(edges, edge_table(model).to_csv(index=False, lineterminator="\n"), overwrite=overwrite)
    return edges, to_graphml(purchase_network(model), graph, overwrite=overwrite)
