"""The networks as people take them away: networkx graphs, GraphML and edge tables.

Two networks live in a model: who knows whom (`marketplace.social`), and who is tied to which seller. Their
measures are in `marketplace.network_measures`; all of it can be imported from here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from marketplace.network_measures import (
    degree_assortativity,
    degree_gini,
    degree_summary,
    density,
    giant_component_share,
    gini,
    measure_networks,
    measure_structure,
    nestedness,
    ties_of,
)
from marketplace.social import Graph, social_graph, with_isolated

if TYPE_CHECKING:
    import networkx as nx
    import pandas as pd

__all__ = [
    "Graph", "degree_assortativity", "degree_gini", "degree_summary", "density", "edge_table",
    "giant_component_share", "gini", "measure_networks", "measure_structure", "nestedness",
    "purchase_network", "social_graph", "social_network", "to_graphml", "with_isolated",
]  # fmt: skip


def social_network(model: Any) -> nx.Graph:
    """Return who knows whom among the living customers.

    Returns
    -------
    networkx.Graph
        Nodes are unique ids; attributes ``status`` (0 potential, 1 active, 2 lapsed), ``satisfaction``
        (share, the mean over platforms) and ``joined`` (week, -1 if it has not).
    """
    import networkx as nx  # late, like all that only exports need

    rows, columns = model.customers.rows, model.customers.columns
    graph: nx.Graph = nx.Graph()
    facts = zip(
        columns.status[rows].tolist(),
        columns.satisfaction[rows].mean(axis=1).tolist(),
        columns.joined[rows].tolist(),
        strict=True,
    )
    graph.add_nodes_from(
        (node, {"status": status, "satisfaction": satisfaction, "joined": joined})
        for node, (status, satisfaction, joined) in zip(columns.unique_id[rows].tolist(), facts, strict=True)
    )
    near = np.repeat(np.arange(model.social.nodes, dtype=np.int32), model.social.degrees)
    far = model.social.indices
    living = np.zeros(max(model.customers.size, model.social.nodes), dtype=bool)
    living[rows] = True
    edges = (near < far) & living[near] & living[far]
    ids = columns.unique_id
    graph.add_edges_from(zip(ids[near[edges]].tolist(), ids[far[edges]].tolist(), strict=True))
    return graph


def edge_table(model: Any) -> pd.DataFrame:
    """Return the purchase network as a table, one row a link, ordered by customer and seller.

    Returns
    -------
    pandas.DataFrame
        ``customer`` (unique id, int64), ``seller`` (unique id, int64; -1 - m is the own retail of platform m)
        and ``weight`` (float64): units bought so far where the scenario records orders, else the weight of
        the tie (share). Ties are those of living customers; orders are everybody's.
    """
    import pandas as pd

    if model.scenario.run.record_orders:
        orders = model.orders()
        delivered = orders[orders["units"] > 0]  # an order that met no stock is there with none
        bought = delivered.groupby(["customer", "seller"], sort=True)["units"].sum()
        table: pd.DataFrame = bought.rename("weight").reset_index()
    else:
        customer, provider, weight = ties_of(model)
        platforms = len(model.platform_names)
        ids = np.concatenate((np.arange(-platforms, 0), model.sellers.columns.unique_id))
        customers = model.customers.columns.unique_id[customer]
        table = pd.DataFrame({"customer": customers, "seller": ids[provider], "weight": weight})
        table = table.sort_values(["customer", "seller"], ignore_index=True)
    return table.astype({"customer": np.int64, "seller": np.int64, "weight": np.float64})


def purchase_network(model: Any) -> nx.Graph:
    """Return who buys from whom, a bipartite graph; see `edge_table` for its links and their weights.

    Returns
    -------
    networkx.Graph
        Nodes ``"customer:12"`` (``bipartite`` 0), ``"seller:5"`` and ``"retail:<platform>"`` (``bipartite``
        1), numbered by unique id, with ``kind`` "customer", "seller" or "retail"; links with ``weight``.
        Customers and own retail are there if they have a link; sellers if they have one or are in business.
    """
    import networkx as nx

    table = edge_table(model)
    names = list(model.platform_names)
    customers = table["customer"].tolist()
    sellers = table["seller"].tolist()
    in_business = model.sellers.columns.unique_id[model.sellers.rows].tolist()
    graph: nx.Graph = nx.Graph()
    graph.add_nodes_from(map(_customer, sorted(set(customers))), bipartite=0, kind="customer")
    for seller in sorted({*sellers, *in_business}):
        graph.add_node(_provider(seller, names), bipartite=1, kind="seller" if seller >= 0 else "retail")
    graph.add_weighted_edges_from(
        (_customer(customer), _provider(seller, names), weight)
        for customer, seller, weight in zip(customers, sellers, table["weight"].tolist(), strict=True)
    )
    return graph


def to_graphml(graph: nx.Graph, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a network as GraphML, which Gephi, Cytoscape, igraph and networkx read. Return the path.

    The file appears whole or not at all.

    Raises
    ------
    FileExistsError
        If the file is there already and ``overwrite`` is not set.
    """
    import networkx as nx

    path = Path(path)
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists already; choose another name, or say overwrite=True.")
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        nx.write_graphml(graph, aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return path


def _customer(number: int) -> str:
    return f"customer:{number}"


def _provider(number: int, platform_names: list[str]) -> str:
    return f"seller:{number}" if number >= 0 else f"retail:{platform_names[-1 - number]}"
