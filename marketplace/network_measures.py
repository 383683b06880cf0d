"""Measures of the networks, on arrays: degrees, inequality, components, density, correlation, nestedness.

The network of ties is bipartite. On one side are the living customers that hold a tie; on the other the
sellers that are in business or tied to, and the platforms' own retail where it is tied to.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agents.compiled import loop, rule
from marketplace.ledger import ratio
from marketplace.social import Graph

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]


def gini(values: npt.ArrayLike) -> float:
    """Return the Gini coefficient ``sum((2 i - n - 1) x_i) / (n sum(x))`` of the ascending x (Gini 1912).

    It is 0 where all are equal and (n - 1) / n where one has everything: no correction for small n is made.

    Parameters
    ----------
    values : array_like
        What each has, not negative.

    Returns
    -------
    float
        NaN if there are no values, all are zero, or one is NaN.

    Raises
    ------
    ValueError
        If a value is negative: the coefficient would have no range.
    """
    ordered: Floats = np.sort(np.asarray(values, dtype=np.float64), axis=None)
    if ordered.size and ordered[0] < 0:
        raise ValueError(f"A Gini coefficient takes no negative values; the lowest here is {ordered[0]:g}.")
    total = ordered.sum()
    if not total > 0:
        return float("nan")
    ranks = np.arange(1 - ordered.size, ordered.size, 2)
    return float(ranks @ ordered / (ordered.size * total))


def degree_gini(degrees: npt.ArrayLike) -> float:
    """Return the Gini coefficient of degrees; see `gini`."""
    return gini(degrees)


def degree_summary(degrees: npt.ArrayLike) -> dict[str, float]:
    """Return mean, sd, median, min, max and gini of degrees, and the share isolated; NaN without nodes."""
    counts: Floats = np.asarray(degrees, dtype=np.float64)
    if counts.size == 0:
        return dict.fromkeys(("mean", "sd", "median", "min", "max", "gini", "isolated"), float("nan"))
    return {
        "mean": float(counts.mean()),
        "sd": float(counts.std()),
        "median": float(np.median(counts)),
        "min": float(counts.min()),
        "max": float(counts.max()),
        "gini": gini(counts),
        "isolated": float((counts == 0).mean()),
    }


def density(graph: Graph) -> float:
    """Return the share of all pairs of nodes that are linked; NaN with fewer than two nodes."""
    pairs = graph.nodes * (graph.nodes - 1) / 2
    return graph.edges / pairs if pairs else float("nan")


def giant_component_share(graph: Graph) -> float:
    """Return the share of nodes in the largest connected component; NaN without nodes."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    if graph.nodes == 0:
        return float("nan")
    ones = np.ones(graph.indices.size, dtype=np.int8)
    matrix = csr_array((ones, graph.indices, graph.indptr), shape=(graph.nodes, graph.nodes))
    _, component = connected_components(matrix, directed=False)
    return float(np.bincount(component).max() / graph.nodes)


def degree_assortativity(graph: Graph) -> float:
    """Return the correlation of the degrees at the two ends of an edge.

    Newman (2002), "Assortative mixing in networks", Physical Review Letters 89.
    NaN where it has no meaning: without edges, or where all ends have the same degree.
    """
    degrees = graph.degrees
    return _correlation(np.repeat(degrees, degrees), degrees[graph.indices])


def nestedness(matrix: Any, most: int = 5_000) -> float:
    """Return the nestedness NODF of a bipartite network, 0 to 100.

    For each pair of rows, and each pair of columns, of different fill: the percentage of the emptier one's
    links that the fuller one has too; pairs of equal fill count 0. NODF is the mean over all pairs of rows
    and all pairs of columns (Almeida-Neto, Guimaraes, Guimaraes, Loyola & Ulrich 2008, "A consistent metric
    for nestedness analysis in ecological systems", Oikos 117).

    Parameters
    ----------
    matrix : array_like or scipy sparse, shape (rows, columns)
        Who is linked to whom; what is not zero is a link.
    most : int
        Most rows or columns. Time grows with the square, since every pair is looked at.

    Returns
    -------
    float
        NaN if there is no pair.

    Raises
    ------
    ValueError
        If a side is longer than ``most``.
    """
    from scipy.sparse import csr_array

    links = csr_array(csr_array(matrix) != 0, dtype=np.float64)
    rows, columns = links.shape
    if max(rows, columns) > most:
        raise ValueError(f"Nestedness looks at every pair on a side, and a side of {rows} x {columns} is "
                         f"beyond {most}. Give it a sample of them, or raise `most`.")
    pairs = rows * (rows - 1) / 2 + columns * (columns - 1) / 2
    shared = _paired_overlap(links) + _paired_overlap(links.T.tocsr())
    return 100.0 * shared / pairs if pairs else float("nan")


def measure_networks(model: Any) -> dict[str, float]:
    """Measure the network of ties between living customers and sellers, one pass over the customers.

    Its nodes are the customers that hold a tie, the sellers that are in business or that somebody is tied to,
    and the platforms' own retail that somebody is tied to.

    Returns
    -------
    dict of str to float
        ``network.ties``: number of ties.
        ``network.seller_degree_gini``: Gini of the sellers' numbers of tied customers, own retail left out.
        ``network.giant_component``: share of all nodes in the largest connected component.
        ``network.density``: share of all pairs of a customer and a seller (or own retail) that are tied.
        ``network.mean_degree``: ties of a customer that holds any.
        NaN where there is nothing to divide by.
    """
    platforms, sellers = len(model.platform_names), model.sellers.size
    survey = _survey_of(model)
    there = survey.degree > 0
    there[platforms + model.sellers.rows] = True
    ties, customers, providers = survey.degree.sum(), survey.customers.sum(), there.sum()
    sizes = np.bincount(survey.component, weights=survey.customers + there, minlength=1)
    in_market = there[platforms : platforms + sellers]
    return {
        "network.ties": float(ties),
        "network.seller_degree_gini": gini(survey.degree[platforms:][in_market]),
        "network.giant_component": ratio(sizes.max(), customers + providers),
        "network.density": ratio(ties, customers * providers),
        "network.mean_degree": ratio(ties, customers),
    }


def measure_structure(model: Any, most: int = 5_000) -> dict[str, float]:
    """Measure what takes too long for every quarter: both networks' correlations and the nestedness of ties.

    Parameters
    ----------
    most : int
        Most customers or sellers for which nestedness is worked out; see `nestedness`.

    Returns
    -------
    dict of str to float
        ``network.assortativity`` (correlation, over ties, of the degrees of customer and seller) and
        ``network.nestedness`` (NODF, among customers and sellers that hold a tie), ``social.assortativity``,
        ``social.giant_component``, ``social.density``, and ``social.degree_<figure>`` for all of
        `degree_summary`.

    Raises
    ------
    ValueError
        If more than ``most`` customers or sellers hold a tie.
    """
    from scipy.sparse import coo_array

    customer, provider, _ = ties_of(model)
    _, row, row_degree = np.unique(customer, return_inverse=True, return_counts=True)
    _, column, column_degree = np.unique(provider, return_inverse=True, return_counts=True)
    shape = (row_degree.size, column_degree.size)
    matrix = coo_array((np.ones(row.size), (row, column)), shape=shape)
    figures = degree_summary(model.social.degrees)
    return {
        "network.assortativity": _correlation(row_degree[row], column_degree[column]),
        "network.nestedness": nestedness(matrix, most),
        "social.assortativity": degree_assortativity(model.social),
        "social.giant_component": giant_component_share(model.social),
        "social.density": density(model.social),
        **{f"social.degree_{name}": figure for name, figure in figures.items()},
    }


class _Survey(NamedTuple):
    """What one pass over the ties finds, by provider: first the platforms' own retail, then the sellers."""

    degree: Ints  # customers tied to it
    customers: Ints  # customers whose first tie it is: they share its component
    component: Numbers  # lowest provider of its component


def _survey_of(model: Any) -> _Survey:
    providers = len(model.platform_names) + model.sellers.size
    survey = _Survey(
        np.zeros(providers, np.int64), np.zeros(providers, np.int64), np.arange(providers, dtype=np.int32)
    )
    columns = model.customers.columns
    platforms = len(model.platform_names)
    _survey(model.customers.rows, columns.tie_offer, model.offers.columns.seller, platforms, *survey)
    return survey


@rule
def _root(parent: Numbers, node: int) -> int:
    """Return the root of a node, and shorten the way to it for those who come later (Tarjan 1975)."""
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@loop
def _survey(
    rows: Ints, tie_offer: Numbers, seller: Numbers, platforms: int,
    degree: Ints, customers: Ints, parent: Numbers,
) -> None:  # fmt: skip
    # A customer joins all it is tied to, so it can be counted with the first of them: the union-find needs no
    # node for it, and the pass no memory that grows with customers.
    for row in rows:
        first = -1
        for place in range(tie_offer.shape[1]):
            offer = tie_offer[row, place]
            if offer < 0:
                continue
            provider = platforms + seller[offer]
            degree[provider] += 1
            if first < 0:
                first = provider
                customers[provider] += 1
            a, b = _root(parent, first), _root(parent, provider)
            parent[max(a, b)] = min(a, b)
    for provider in range(parent.size):
        parent[provider] = _root(parent, provider)


def ties_of(model: Any) -> tuple[Ints, Ints, Floats]:
    """Return customer row, provider and weight of every tie of a living customer.

    Providers are numbered as in `_Survey`: an own retail's -1 - m, shifted by the number of platforms, falls
    before the sellers.
    """
    rows, columns = model.customers.rows, model.customers.columns
    offers = columns.tie_offer[rows]
    held = offers >= 0
    provider = model.offers.columns.seller[offers[held]].astype(np.int64) + len(model.platform_names)
    return np.repeat(rows, held.sum(axis=1)), provider, columns.tie_weight[rows][held]


def _correlation(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float:
    if a.size == 0 or a.min() == a.max() or b.min() == b.max():
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def _paired_overlap(links: Any, block: int = 256) -> float:
    """Return the sum, over pairs of rows of different fill, of the share of the emptier row's links in both.

    Rows are taken ``block`` at a time, so that not all pairs are in memory at once.
    """
    fill: Floats = np.asarray(links.sum(axis=1))
    across = links.T.tocsr()
    total = 0.0
    for start in range(0, fill.size, block):
        shared = (links[start : start + block] @ across).tocoo()
        fuller, emptier = fill[start + shared.row], fill[shared.col]
        ordered = fuller > emptier
        total += float((shared.data[ordered] / emptier[ordered]).sum())
    return total
