"""Who knows whom: builders of the social graph, kept as the arrays of a compressed sparse row matrix.

Every draw is keyed by the number of the node that makes it, so a graph depends on neither threads nor the
order in which nodes are served. The builders write straight into the result: the drawn links are never held
beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from agents.chance import GRAPH, draw
from agents.compiled import loop, rule
from marketplace.edge_list import Pairs, read_edge_list

if TYPE_CHECKING:
    from marketplace.sections import Social

Starts = npt.NDArray[np.int64]
Links = npt.NDArray[np.int32]

# Counters that one link may use up: 4 uniforms each, while a jump takes about ln(count) of them.
_COUNTERS = 64


class Graph(NamedTuple):
    """An undirected graph without self loops or double edges, as compressed sparse rows.

    The neighbours of node i are ``indices[indptr[i] : indptr[i + 1]]``, in ascending order; each edge stands
    in the rows of both its ends.
    """

    indptr: Starts  # (nodes + 1,)
    indices: Links  # (2 * edges,)

    @property
    def nodes(self) -> int:
        """Number of nodes, those without neighbours included."""
        return self.indptr.size - 1

    @property
    def edges(self) -> int:
        """Number of undirected edges."""
        return self.indices.size // 2

    @property
    def degrees(self) -> npt.NDArray[np.int64]:
        """Number of neighbours of each node, shape (nodes,), int64; a fresh array."""
        return np.diff(self.indptr)


def social_graph(social: Social, count: int, seed: int) -> Graph:
    """Build the social graph of ``count`` customers; node i is the customer in row i.

    Parameters
    ----------
    social : Social
        The scenario's section: kind of graph, mean degree, rewiring, file.
    count : int
        Number of customers.
    seed : int
        Run seed, from 0 to 2**64 - 1.

    Returns
    -------
    Graph
        ``indptr`` int64 (count + 1,), ``indices`` int32 (2 * edges,). See `small_world`, `scale_free` and
        `read_edge_list` for each kind, and for what one more customer at the end changes. To add a customer
        whom nobody knows, and so change nothing for the others, use `with_isolated`.

    Raises
    ------
    ScenarioError
        If the graph comes from a file and the file does not hold one.
    ValueError
        If ``count`` is negative or beyond int32.
    """
    if not 0 <= count < 2**31:
        raise ValueError(f"A social graph has from 0 to 2147483647 customers; {count} were asked for.")
    if social.graph == "small-world":
        return small_world(count, social.mean_degree, social.rewiring, seed)
    if social.graph == "scale-free":
        return scale_free(count, social.mean_degree, seed)
    if social.graph == "file":
        return graph_from_pairs(read_edge_list(social.file, count), count)
    return no_graph(count)


def no_graph(count: int) -> Graph:
    """Return ``count`` nodes without an edge."""
    return Graph(np.zeros(count + 1, np.int64), np.empty(0, np.int32))


def complete_graph(count: int) -> Graph:
    """Return the graph in which each of ``count`` nodes knows all others."""
    others = np.tile(np.arange(count, dtype=np.int32), (count, 1))[~np.eye(count, dtype=bool)]
    return Graph(np.arange(count + 1, dtype=np.int64) * max(count - 1, 0), others)


def with_isolated(graph: Graph, extra: int) -> Graph:
    """Return the graph with ``extra`` more nodes at the end that have no neighbours; every edge stays.

    Raises
    ------
    ValueError
        If ``extra`` is negative.
    """
    if extra < 0:
        raise ValueError(f"The number of isolated nodes to add cannot be negative; {extra} was given.")
    return Graph(np.concatenate((graph.indptr, np.full(extra, graph.indptr[-1]))), graph.indices)


def small_world(count: int, mean_degree: int, rewiring: float, seed: int) -> Graph:
    """Build a small world (Watts & Strogatz 1998, "Collective dynamics of small-world networks").

    Nodes stand on a ring, each linked to its ``mean_degree / 2`` followers; each of these links goes, with
    probability ``rewiring``, to a node drawn uniformly instead. It stays where the drawn node stands within
    ``mean_degree / 2`` on the ring, or is the target of an earlier link of the same node: so there are always
    ``count * mean_degree / 2`` edges, and no doubles.

    Two nodes cannot both draw the edge between them, because each pair has one node that may: the lower
    number where their sum is odd, else the higher. A draw that is not a node's to make goes to the drawn
    node's partner (0 with 1, 2 with 3, ...), which is. All pairs further apart than the ring's links are
    equally likely all the same, and no node needs to know the others' links.

    One more node at the end opens the ring at its seam and draws to itself about one in ``count`` of the
    rewired links (jump consistent hashing; Lamping & Veach 2014). All other edges stay, whatever ``count``
    is.

    Parameters
    ----------
    count : int
        Nodes. Up to ``mean_degree + 1`` of them all know each other.
    mean_degree : int
        Neighbours of a node on average; even.
    rewiring : float
        Probability in [0, 1].
    seed : int
        Run seed.
    """
    if count <= mean_degree + 1:
        return complete_graph(count)
    half = mean_degree // 2
    graph = Graph(np.zeros(count + 1, np.int64), np.empty(2 * half * count, np.int32))
    links = np.empty(half, np.int32)
    _small_world(np.uint64(seed), rewiring, links, *graph)
    return graph


def scale_free(count: int, mean_degree: int, seed: int) -> Graph:
    """Build a scale-free graph (Barabasi & Albert 1999, "Emergence of scaling in random networks").

    With m half the mean degree, rounded down: nodes 0 to m - 1 start without edges, node m links to all of
    them, and every later node to m different earlier ones, drawn in proportion to their degrees. That makes
    ``m * (count - m)`` edges.

    A node is drawn in proportion to its degree as a uniform place in the list of all ends of edges so far
    (Batagelj & Brandes 2005). One more node at the end adds its own edges and changes no other.

    Parameters
    ----------
    count : int
        Nodes. Up to m of them all know each other.
    mean_degree : int
        Neighbours of a node on average, but for the start.
    seed : int
        Run seed.
    """
    each = mean_degree // 2
    if count <= each:
        return complete_graph(count)
    graph = Graph(np.zeros(count + 1, np.int64), np.empty(2 * each * (count - each), np.int32))
    links = np.empty(each, np.int32)
    _scale_free(np.uint64(seed), links, *graph)
    return graph


@rule
def _drawn(seed: np.uint64, node: int, place: int, count: int) -> int:
    """Return the target that link ``place`` of a node draws, uniform on [0, count).

    The last record of a growing range: a range longer by one moves it with probability 1 / (count + 1), and
    then to the new end (Lamping & Veach 2014, "A fast, minimal memory, consistent hash algorithm").
    """
    counter = place * _COUNTERS + 1
    target = 0
    while True:
        for word in draw(seed, GRAPH, node, counter):
            following = (target + 1.0) / word
            if following >= count:
                return target
            target = int(following)
        counter += 1


@rule
def _may_draw(node: int, target: int) -> bool:
    """Whether, of the two ends of an edge, it is ``node`` that may draw it; see `small_world`."""
    return ((node + target) % 2 == 1) == (node < target)


@rule
def _holds(links: Links, size: int, target: int) -> bool:
    """Whether ``target`` is among the first ``size`` links."""
    for place in range(size):  # noqa: SIM110, numba compiles no generator expression
        if links[place] == target:
            return True
    return False


@rule
def _ring_links(seed: np.uint64, node: int, count: int, rewiring: float, links: Links) -> None:
    """Write the far ends of a node's own links, rewired or not, into ``links``, shape (half,)."""
    half = links.size
    for place in range(half):
        links[place] = (node + place + 1) % count
        u = draw(seed, GRAPH, node, place * _COUNTERS)[0]
        if u >= rewiring:
            continue
        # Drawn from an even number of nodes, so that the last one has a partner too, if only an imagined one.
        target = _drawn(seed, node, place, count + count % 2)
        if not _may_draw(node, target):
            target += 1 - 2 * (target % 2)  # its partner has the other parity and lies on the same side
        gap = abs(node - target)
        if target < count and min(gap, count - gap) > half and not _holds(links, place, target):
            links[place] = target


@rule
def _enter(node: int, links: Links, indptr: Starts, indices: Links) -> None:
    """Enter a node's links in the rows of both ends; ``indptr`` points at the next free slot of each row."""
    for link in links:
        indices[indptr[node]] = link
        indptr[node] += 1
        indices[indptr[link]] = node
        indptr[link] += 1


@rule
def _open_rows(indptr: Starts) -> None:
    """Turn degrees, (nodes,) and a last 0, into the first slot of each row."""
    start = 0
    for node in range(indptr.size):
        degree = indptr[node]
        indptr[node] = start
        start += degree


@rule
def _close_rows(indptr: Starts, indices: Links) -> None:
    """Turn the ends of filled rows back into their starts, and sort each row."""
    start = 0
    for node in range(indptr.size - 1):
        end = indptr[node]
        indptr[node] = start
        indices[start:end].sort()
        start = end


@loop
def _small_world(seed: np.uint64, rewiring: float, links: Links, indptr: Starts, indices: Links) -> None:
    # Drawing every link twice, to count and to enter it, costs less than holding them all.
    count = indptr.size - 1
    for node in range(count):
        _ring_links(seed, node, count, rewiring, links)
        for link in links:
            indptr[node] += 1
            indptr[link] += 1
    _open_rows(indptr)
    for node in range(count):
        _ring_links(seed, node, count, rewiring, links)
        _enter(node, links, indptr, indices)
    _close_rows(indptr, indices)


@rule
def _preferred_links(seed: np.uint64, node: int, earlier: Links, links: Links) -> None:
    """Write ``links.size`` different earlier nodes into ``links``, each drawn in proportion to its degree.

    ``earlier`` holds the far ends of all links of earlier nodes in order. Their near ends need no list: link
    i is of node m + i // m. Even places in the list of ends are near ends, odd ones far ends.
    """
    each = links.size
    found = 0
    counter = 0
    while found < each:
        for word in draw(seed, GRAPH, node, counter):
            place = int(word * (2 * earlier.size))
            target = earlier[place // 2] if place % 2 == 1 else each + place // 2 // each
            if found < each and not _holds(links, found, target):
                links[found] = target
                found += 1
        counter += 1


@loop
def _scale_free(seed: np.uint64, links: Links, indptr: Starts, indices: Links) -> None:
    # The drawn links wait in the second half of the result itself. Entering them in order overwrites none
    # that is still to come: the rows up to a node's own hold at most one entry for every link there is, which
    # fills the first half, and one for every link entered so far.
    count = indptr.size - 1
    each = links.size
    drawn = indices[indices.size // 2 :]
    for node in range(each, count):
        first = (node - each) * each
        if node == each:
            for place in range(each):
                links[place] = place
        else:
            _preferred_links(seed, node, drawn[:first], links)
        drawn[first : first + each] = links
        indptr[node] += each
        for link in links:
            indptr[link] += 1
    _open_rows(indptr)
    for node in range(each, count):
        first = (node - each) * each
        links[:] = drawn[first : first + each]
        _enter(node, links, indptr, indices)
    _close_rows(indptr, indices)


@loop
def _from_pairs(low: Links, high: Links, indptr: Starts, indices: Links) -> None:
    for edge in range(low.size):
        indptr[low[edge]] += 1
        indptr[high[edge]] += 1
    _open_rows(indptr)
    for edge in range(low.size):
        _enter(low[edge], high[edge : edge + 1], indptr, indices)
    _close_rows(indptr, indices)


def graph_from_pairs(pairs: Pairs, count: int) -> Graph:
    """Return the graph of ``count`` nodes with these edges, int64 (pairs, 2), each from 0 to ``count - 1``.

    An edge given twice or both ways round counts once; an edge from a node to itself is left out.
    """
    low, high = pairs.min(axis=1, initial=count), pairs.max(axis=1, initial=-1)
    codes = np.unique((low * count + high)[low < high])
    ends = np.divmod(codes, max(count, 1))
    graph = Graph(np.zeros(count + 1, np.int64), np.empty(2 * codes.size, np.int32))
    _from_pairs(ends[0].astype(np.int32), ends[1].astype(np.int32), *graph)
    return graph
