"""The social graph, the purchase network and their measures."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from marketplace.network import (
    Graph,
    degree_assortativity,
    degree_gini,
    degree_summary,
    density,
    edge_table,
    giant_component_share,
    gini,
    measure_networks,
    measure_structure,
    nestedness,
    purchase_network,
    social_graph,
    social_network,
    to_graphml,
    with_isolated,
)
from marketplace.scenario import ScenarioError
from marketplace.sections import Social
from marketplace.social import complete_graph, graph_from_pairs, no_graph, scale_free, small_world

ROOT = Path(__file__).resolve().parents[2]
GRAPHS = [
    Social(graph="small-world", mean_degree=6, rewiring=0.1),
    Social(graph="small-world", mean_degree=10, rewiring=1.0),
    Social(graph="scale-free", mean_degree=6),
    Social(graph="none"),
]


def edges_of(graph: Graph) -> set[tuple[int, int]]:
    near = np.repeat(np.arange(graph.nodes), graph.degrees)
    return {(a, b) for a, b in zip(near.tolist(), graph.indices.tolist(), strict=True) if a < b}


def to_networkx(graph: Graph) -> nx.Graph:
    answer = nx.Graph()
    answer.add_nodes_from(range(graph.nodes))
    answer.add_edges_from(edges_of(graph))
    return answer


def assert_sound(graph: Graph, count: int) -> None:
    assert graph.indptr.dtype == np.int64
    assert graph.indices.dtype == np.int32
    assert graph.indptr.shape == (count + 1,)
    assert graph.indptr[0] == 0
    assert graph.indptr[-1] == graph.indices.size == 2 * graph.edges
    near = np.repeat(np.arange(count), graph.degrees)
    assert not (near == graph.indices).any()
    inside_a_row = near[1:] == near[:-1]
    assert (np.diff(graph.indices)[inside_a_row] > 0).all()
    both_ways = set(zip(near.tolist(), graph.indices.tolist(), strict=True))
    assert both_ways == {(b, a) for a, b in both_ways}


class TestEveryKind:
    @pytest.mark.parametrize("social", GRAPHS)
    @pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 200])
    def test_is_undirected_sorted_and_simple(self, social: Social, count: int) -> None:
        assert_sound(social_graph(social, count, seed=3), count)

    @pytest.mark.parametrize("social", GRAPHS[:3])
    def test_same_seed_same_graph_and_other_seed_another(self, social: Social) -> None:
        first, again, other = (social_graph(social, 500, seed) for seed in (1, 1, 2))
        assert np.array_equal(first.indices, again.indices)
        assert np.array_equal(first.indptr, again.indptr)
        assert not np.array_equal(first.indices, other.indices)

    def test_largest_seed(self) -> None:
        assert_sound(social_graph(GRAPHS[0], 50, seed=2**63 - 1), 50)

    def test_none_has_no_edges(self) -> None:
        graph = social_graph(Social(graph="none"), 4, seed=1)
        assert graph.edges == 0
        assert graph.nodes == 4

    def test_negative_count_is_refused(self) -> None:
        with pytest.raises(ValueError, match="-1 were asked for"):
            social_graph(Social(), -1, seed=1)

    def test_plain_python_builds_the_same(self, tmp_path: Path) -> None:
        code = (
            "import sys, numpy as np; from agents.compiled import PLAIN\n"
            "from marketplace.social import scale_free, small_world, graph_from_pairs\n"
            "pairs = np.array([[4, 2], [2, 4], [0, 4], [3, 3]])\n"
            "graphs = [small_world(300, 6, 0.3, 7), scale_free(300, 6, 7), graph_from_pairs(pairs, 6)]\n"
            "arrays = {f'{i}{j}': a for i, g in enumerate(graphs) for j, a in enumerate(g)}\n"
            "np.savez(sys.argv[1], plain=PLAIN, **arrays)\n"
        )
        saved = []
        for plain in ("0", "1"):
            path = tmp_path / f"graphs{plain}.npz"
            environment = {**os.environ, "MARKETPLACE_PLAIN": plain, "PYTHONPATH": str(ROOT)}
            subprocess.run([sys.executable, "-c", code, str(path)], env=environment, check=True, timeout=300)
            saved.append(dict(np.load(path)))
        assert [bool(arrays.pop("plain")) for arrays in saved] == [False, True]
        for name, array in saved[0].items():
            assert array.dtype == saved[1][name].dtype
            assert np.array_equal(array, saved[1][name]), name


class TestSmallWorld:
    @pytest.mark.parametrize("degree", [2, 4, 6, 10])
    def test_without_rewiring_it_is_the_ring(self, degree: int) -> None:
        graph = small_world(101, degree, 0.0, seed=1)
        steps = range(1, degree // 2 + 1)
        ring = {tuple(sorted((node, (node + step) % 101))) for node in range(101) for step in steps}
        assert edges_of(graph) == ring
        clustering = nx.average_clustering(to_networkx(graph))
        assert clustering == pytest.approx(3 * (degree - 2) / (4 * (degree - 1)))

    @pytest.mark.parametrize("rewiring", [0.0, 0.1, 0.5, 1.0])
    def test_keeps_the_number_of_edges(self, rewiring: float) -> None:
        assert small_world(1000, 6, rewiring, seed=1).edges == 3000

    def test_fully_rewired_it_is_random(self) -> None:
        graph = small_world(2000, 10, 1.0, seed=1)
        assert nx.average_clustering(to_networkx(graph)) < 0.02  # k / n is 0.005; the ring has 2/3
        # Out-links are fixed at 5, in-links are about Poisson(5): the variance of degrees is 5.
        assert graph.degrees.var() == pytest.approx(5.0, rel=0.15)

    def test_rewires_the_stated_share(self) -> None:
        near = np.repeat(np.arange(20_000), (graph := small_world(20_000, 6, 0.1, seed=5)).degrees)
        gap = np.abs(near - graph.indices)
        rewired = (np.minimum(gap, 20_000 - gap) > 3).mean()
        assert rewired == pytest.approx(0.1, abs=4 * math.sqrt(0.1 * 0.9 / 60_000))

    @pytest.mark.parametrize("count", [12, 13])
    def test_all_distant_pairs_are_equally_likely(self, count: int) -> None:
        # Which of the two ends may draw an edge must not show, nor that the last node of an odd number has no
        # partner: chi-square over all pairs that are not neighbours on the ring.
        seeds = 3000
        counts = dict.fromkeys(
            (pair for pair in combinations(range(count), 2) if pair[1] - pair[0] not in (1, count - 1)), 0
        )
        for seed in range(seeds):
            for pair in edges_of(small_world(count, 2, 1.0, seed)):
                if pair in counts:
                    counts[pair] += 1
        found = np.array(list(counts.values()))
        assert found.mean() == pytest.approx(seeds * 2 / (count + count % 2), rel=0.05)
        chi_square = ((found - found.mean()) ** 2 / found.mean()).sum()
        assert chi_square < found.size + 4 * math.sqrt(2 * found.size)

    @pytest.mark.parametrize("count", [2000, 2001])
    def test_one_more_node_moves_few_edges(self, count: int) -> None:
        before, after = (edges_of(small_world(n, 6, 0.5, seed=1)) for n in (count, count + 1))
        assert len(before - after) < 20  # of 6000: 6 links over the seam, and about 1 of 2000 rewired links

    def test_few_nodes_all_know_each_other(self) -> None:
        assert edges_of(small_world(5, 6, 0.5, seed=1)) == set(combinations(range(5), 2))
        assert small_world(7, 6, 0.5, seed=1).edges == 21


class TestScaleFree:
    @pytest.mark.parametrize(("count", "degree"), [(4, 6), (50, 6), (1000, 2), (1000, 10)])
    def test_number_of_edges(self, count: int, degree: int) -> None:
        each = degree // 2
        graph = scale_free(count, degree, seed=1)
        assert graph.degrees.sum() == 2 * each * (count - each)
        assert graph.degrees[each:].min() >= each

    def test_is_connected(self) -> None:
        assert giant_component_share(scale_free(1000, 4, seed=1)) == 1.0

    def test_degrees_have_a_heavy_tail(self) -> None:
        degrees = scale_free(20_000, 6, seed=1).degrees
        assert degrees.max() > 30 * degrees.mean()
        assert small_world(20_000, 6, 1.0, seed=1).degrees.max() < 5 * degrees.mean()

    def test_degrees_follow_the_stationary_law(self) -> None:
        # Share with degree k tends to 2 m (m + 1) / (k (k + 1) (k + 2)): Dorogovtsev, Mendes & Samukhin 2000.
        each, count = 3, 50_000
        degrees = scale_free(count, 2 * each, seed=2).degrees
        for k in range(each, 12):
            law = 2 * each * (each + 1) / (k * (k + 1) * (k + 2))
            assert (degrees == k).mean() == pytest.approx(law, abs=5 * math.sqrt(law / count) + 1e-3)

    def test_a_longer_graph_only_adds(self) -> None:
        before, after = (edges_of(scale_free(n, 6, seed=1)) for n in (500, 501))
        assert before < after
        assert all(500 in pair for pair in after - before)


class TestIsolated:
    def test_extra_nodes_know_nobody(self) -> None:
        graph = small_world(20, 4, 0.2, seed=1)
        longer = with_isolated(graph, 3)
        assert_sound(longer, 23)
        assert np.array_equal(longer.indices, graph.indices)
        assert longer.degrees[20:].tolist() == [0, 0, 0]

    def test_none_and_fewer(self) -> None:
        graph = no_graph(2)
        assert with_isolated(graph, 0).nodes == 2
        with pytest.raises(ValueError, match="-1 was given"):
            with_isolated(graph, -1)


class TestFile:
    def write(self, folder: Path, text: str) -> Social:
        path = folder / "friends.csv"
        path.write_text(text, encoding="utf-8")
        return Social(graph="file", file=str(path))

    @pytest.mark.parametrize(
        "text", ["0,1\n1,2\n", "0 1\n1\t2", "# who knows whom\n\n0 , 1  # close\n 1, 2 \r\n"]
    )
    def test_reads_commas_white_space_and_comments(self, tmp_path: Path, text: str) -> None:
        graph = social_graph(self.write(tmp_path, text), 4, seed=1)
        assert_sound(graph, 4)
        assert edges_of(graph) == {(0, 1), (1, 2)}

    def test_doubles_count_once_and_self_loops_not(self, tmp_path: Path) -> None:
        graph = social_graph(self.write(tmp_path, "0 1\n1 0\n0 1\n2 2\n3 1\n"), 4, seed=1)
        assert_sound(graph, 4)
        assert edges_of(graph) == {(0, 1), (1, 3)}

    def test_a_file_may_start_with_a_byte_order_mark(self, tmp_path: Path) -> None:
        assert social_graph(self.write(tmp_path, "\ufeff0 1\n"), 2, seed=1).edges == 1

    def test_only_self_loops_leave_nobody_linked(self, tmp_path: Path) -> None:
        assert social_graph(self.write(tmp_path, "1 1\n"), 3, seed=1).edges == 0

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("0 1\nsource,target\n", 'line 2 is "source,target"'),
            ("0 1\n\n1 2 3\n", 'line 3 is "1 2 3"'),
            ("0 1.5\n", 'line 1 is "0 1.5"'),
            ("7\n", 'line 1 is "7"'),
            ("0,,1\n", 'line 1 is "0,,1"'),
            ("0 99999999999999999999\n", "line 1 is"),
            ("# nobody\n", "holds no edges"),
            ("", "holds no edges"),
            ("0 1\n# note\n2 5\n", "line 3 names customer 5; with customers.count = 5 the numbers go"),
            ("0 1\n-1 2\n", "line 2 names customer -1"),
        ],
    )
    def test_a_bad_file_is_a_sentence(self, tmp_path: Path, text: str, sentence: str) -> None:
        with pytest.raises(ScenarioError) as error:
            social_graph(self.write(tmp_path, text), 5, seed=1)
        assert sentence in str(error.value)
        assert "friends.csv" in str(error.value)

    def test_missing_and_unreadable_files(self, tmp_path: Path) -> None:
        with pytest.raises(ScenarioError, match="cannot be read"):
            social_graph(Social(graph="file", file=str(tmp_path / "absent.csv")), 5, seed=1)
        with pytest.raises(ScenarioError, match="cannot be read"):
            social_graph(Social(graph="file", file=str(tmp_path)), 5, seed=1)
        (tmp_path / "image.png").write_bytes(b"\x89PNG\xff\xfe")
        with pytest.raises(ScenarioError, match="UTF-8"):
            social_graph(Social(graph="file", file=str(tmp_path / "image.png")), 5, seed=1)


class TestGini:
    def test_equal_is_zero_and_one_owner_is_the_most(self) -> None:
        assert gini([3, 3, 3]) == 0.0
        assert gini([0, 0, 0, 5]) == pytest.approx(3 / 4)
        assert gini([2]) == 0.0

    @pytest.mark.parametrize("n", [1, 2, 10, 1001])
    def test_first_integers(self, n: int) -> None:
        assert gini(np.arange(1, n + 1)[::-1]) == pytest.approx((n - 1) / (3 * n))

    def test_uniform_and_exponential(self) -> None:
        u = (np.arange(100_000) + 0.5) / 100_000
        assert gini(u) == pytest.approx(1 / 3, abs=1e-4)
        assert gini(-np.log(u)) == pytest.approx(1 / 2, abs=1e-3)

    def test_is_the_mean_difference(self) -> None:
        x = np.array([1.0, 7.0, 2.5, 0.0, 3.0])
        assert gini(x) == pytest.approx(np.abs(x[:, None] - x).mean() / (2 * x.mean()))

    def test_without_meaning_it_is_nan(self) -> None:
        assert math.isnan(gini([]))
        assert math.isnan(gini([0, 0]))
        assert math.isnan(gini([1.0, math.nan]))
        with pytest.raises(ValueError, match="the lowest here is -2"):
            gini([1, -2])

    def test_of_degrees(self) -> None:
        assert degree_gini(small_world(50, 4, 0.0, seed=1).degrees) == 0.0


class TestGraphMeasures:
    def test_giant_component_and_density(self) -> None:
        graph = graph_from_pairs(np.array([[0, 1], [1, 2], [3, 4]]), 6)
        assert giant_component_share(graph) == pytest.approx(3 / 6)
        assert density(graph) == pytest.approx(3 / 15)
        assert density(complete_graph(5)) == 1.0
        assert giant_component_share(no_graph(4)) == 1 / 4
        assert math.isnan(giant_component_share(no_graph(0)))
        assert math.isnan(density(no_graph(1)))

    def test_degree_summary(self) -> None:
        summary = degree_summary([0, 2, 4])
        assert summary["mean"] == 2.0
        assert summary["sd"] == pytest.approx(math.sqrt(8 / 3))
        assert (summary["min"], summary["median"], summary["max"]) == (0.0, 2.0, 4.0)
        assert summary["isolated"] == pytest.approx(1 / 3)
        assert all(math.isnan(value) for value in degree_summary([]).values())

    def test_assortativity(self) -> None:
        graph = scale_free(300, 4, seed=1)
        expected = nx.degree_assortativity_coefficient(to_networkx(graph))
        assert degree_assortativity(graph) == pytest.approx(expected)
        star = graph_from_pairs(np.array([[0, 1], [0, 2], [0, 3]]), 4)
        assert degree_assortativity(star) == pytest.approx(-1.0)
        assert math.isnan(degree_assortativity(small_world(30, 4, 0.0, seed=1)))
        assert math.isnan(degree_assortativity(no_graph(3)))


class TestNestedness:
    def test_perfectly_nested_is_100(self) -> None:
        assert nestedness(np.triu(np.ones((6, 6)))[:, ::-1]) == pytest.approx(100.0)

    def test_checkerboard_and_full_are_0(self) -> None:
        assert nestedness(np.indices((6, 6)).sum(axis=0) % 2) == 0.0
        assert nestedness(np.ones((4, 5))) == 0.0

    def test_is_the_sum_over_pairs(self) -> None:
        matrix = np.random.default_rng(1).random((300, 17)) < np.linspace(0.05, 0.9, 17)
        total, pairs = 0.0, 0
        for lines in (matrix, matrix.T):
            for a, b in combinations(lines, 2):
                pairs += 1
                if a.sum() != b.sum() and min(a.sum(), b.sum()):
                    total += 100 * (a & b).sum() / min(a.sum(), b.sum())
        assert nestedness(matrix) == pytest.approx(total / pairs)
        assert nestedness(coo_array(matrix)) == pytest.approx(total / pairs)

    def test_weights_and_order_do_not_matter(self) -> None:
        matrix = np.array([[5, 2, 1], [3, 1, 0], [1, 0, 0]])
        assert nestedness(matrix) == pytest.approx(100.0)
        assert nestedness(matrix[[1, 2, 0]][:, [2, 0, 1]]) == pytest.approx(100.0)

    def test_size_is_capped_and_nothing_is_nan(self) -> None:
        with pytest.raises(ValueError, match="11 x 3 is beyond 10"):
            nestedness(np.ones((11, 3)), most=10)
        assert math.isnan(nestedness(np.ones((1, 1))))


def stand_in(**changes: Any) -> SimpleNamespace:
    """Five customers, the last one gone; sellers 100 to 102, the middle one gone; platforms east and west.

    Offers 0 and 1 are of seller row 0, 2 of row 1, 3 of east's own retail, 4 of west's, 5 of seller row 2.
    """
    offers = SimpleNamespace(columns=SimpleNamespace(seller=np.array([0, 0, 1, -1, -2, 2], dtype=np.int32)))
    customers = SimpleNamespace(
        rows=np.arange(4),
        size=5,
        columns=SimpleNamespace(
            unique_id=np.arange(11, 16),
            status=np.array([1, 1, 0, 2, 1], dtype=np.int8),
            satisfaction=np.array([[0.2, 0.4], [0.5, 0.5], [0.6, 0.6], [0.0, 1.0], [1.0, 1.0]]),
            joined=np.array([3, 4, -1, 1, 2], dtype=np.int32),
            tie_offer=np.array(
                [[0, 3, -1], [2, -1, -1], [-1, -1, -1], [1, 2, 4], [5, -1, -1]], dtype=np.int32
            ),
            tie_weight=np.array([[0.5, 0.25, 0], [0.75, 0, 0], [0, 0, 0], [0.1, 0.2, 0.3], [1, 0, 0]]),
        ),
    )
    sellers = SimpleNamespace(
        rows=np.array([0, 2]), size=3, columns=SimpleNamespace(unique_id=np.arange(100, 103))
    )
    model = SimpleNamespace(
        customers=customers,
        sellers=sellers,
        offers=offers,
        platform_names=["east", "west"],
        social=graph_from_pairs(np.array([[0, 1], [1, 2], [3, 4]]), 5),
        scenario=SimpleNamespace(run=SimpleNamespace(record_orders=False)),
    )
    model.__dict__.update(changes)
    return model


class TestExports:
    def test_social_network(self) -> None:
        graph = social_network(stand_in())
        assert set(graph) == {11, 12, 13, 14}
        assert {frozenset(edge) for edge in graph.edges} == {frozenset((11, 12)), frozenset((12, 13))}
        assert graph.nodes[11] == {"status": 1, "satisfaction": pytest.approx(0.3), "joined": 3}
        assert graph.nodes[14]["joined"] == 1

    def test_customers_without_a_node_know_nobody(self) -> None:
        graph = social_network(stand_in(social=graph_from_pairs(np.array([[0, 1]]), 2)))
        assert len(graph) == 4
        assert graph.number_of_edges() == 1

    def test_edge_table_from_ties(self) -> None:
        table = edge_table(stand_in())
        assert table["customer"].tolist() == [11, 11, 12, 14, 14, 14]
        assert table["seller"].tolist() == [-1, 100, 101, -2, 100, 101]
        assert table["weight"].tolist() == [0.25, 0.5, 0.75, 0.3, 0.1, 0.2]
        assert [str(dtype) for dtype in table.dtypes] == ["int64", "int64", "float64"]

    def test_purchase_network(self) -> None:
        graph = purchase_network(stand_in())
        assert graph["customer:11"]["retail:east"]["weight"] == 0.25
        assert graph["customer:14"]["retail:west"]["weight"] == 0.3
        assert graph["customer:12"]["seller:101"]["weight"] == 0.75
        assert set(graph) == {
            "customer:11", "customer:12", "customer:14",
            "retail:east", "retail:west", "seller:100", "seller:101", "seller:102",
        }  # fmt: skip
        assert graph.degree["seller:102"] == 0
        assert nx.is_bipartite(graph)
        assert graph.nodes["customer:11"] == {"bipartite": 0, "kind": "customer"}
        assert graph.nodes["seller:102"] == {"bipartite": 1, "kind": "seller"}
        assert graph.nodes["retail:west"] == {"bipartite": 1, "kind": "retail"}

    def test_recorded_orders_replace_ties(self) -> None:
        orders = pd.DataFrame(
            {"customer": [12, 15, 12, 12, 11], "seller": [102, -1, 102, -2, 100], "units": [1, 1, 2, 1, 0]}
        )  # the last one met no stock
        recorded = stand_in(
            scenario=SimpleNamespace(run=SimpleNamespace(record_orders=True)), orders=lambda: orders
        )
        table = edge_table(recorded)
        assert table.to_numpy().tolist() == [[12, -2, 1], [12, 102, 3], [15, -1, 1]]
        assert purchase_network(recorded)["customer:12"]["seller:102"]["weight"] == 3.0
        recorded.orders = lambda: orders.iloc[:0]
        assert len(edge_table(recorded)) == 0
        assert set(purchase_network(recorded)) == {"seller:100", "seller:102"}

    def test_without_sellers(self) -> None:
        model = stand_in()
        model.sellers = SimpleNamespace(
            rows=np.empty(0, np.int64), size=0, columns=SimpleNamespace(unique_id=np.empty(0, np.int64))
        )
        model.offers.columns.seller[:] = -1
        model.customers.columns.tie_offer[:, 1:] = -1
        assert set(edge_table(model)["seller"]) == {-1}
        assert math.isnan(measure_networks(model)["network.seller_degree_gini"])

    def test_graphml_round_trip(self, tmp_path: Path) -> None:
        graph = purchase_network(stand_in())
        path = to_graphml(graph, tmp_path / "ties.graphml")
        back = nx.read_graphml(path)
        assert dict(back.nodes(data=True)) == dict(graph.nodes(data=True))
        assert {(*sorted((a, b)), weight) for a, b, weight in back.edges(data="weight")} == {
            (*sorted((a, b)), weight) for a, b, weight in graph.edges(data="weight")
        }
        assert [file.name for file in tmp_path.iterdir()] == ["ties.graphml"]
        with pytest.raises(FileExistsError, match="overwrite=True"):
            to_graphml(graph, path)
        to_graphml(social_network(stand_in()), path, overwrite=True)
        assert nx.read_graphml(path, node_type=int).nodes[12]["satisfaction"] == 0.5

    def test_a_failed_write_leaves_nothing(self, tmp_path: Path) -> None:
        graph = nx.Graph()
        graph.add_node(1, unfit=object())
        with pytest.raises(Exception, match="not"):
            to_graphml(graph, tmp_path / "broken.graphml")
        assert list(tmp_path.iterdir()) == []


def big_stand_in(customers: int, sellers: int) -> SimpleNamespace:
    """Customers with up to four ties, at most one to a seller, more to low numbers; some hold none."""
    chance = np.random.default_rng(1)
    step = sellers // 4
    offer = (chance.random((customers, 4)) ** 2 * step).astype(np.int32)
    offer += np.arange(0, 4 * step, step, dtype=np.int32)
    offer[np.arange(4) >= chance.integers(0, 5, (customers, 1))] = -1
    model = stand_in()
    model.customers.rows, model.customers.size = np.arange(customers), customers
    model.customers.columns.tie_offer = offer
    model.customers.columns.tie_weight = np.where(offer >= 0, 0.5, 0.0)
    model.sellers.rows, model.sellers.size = np.arange(sellers), sellers
    model.offers.columns.seller = np.arange(sellers, dtype=np.int32)
    return model


class TestMeasures:
    def test_small_network_by_hand(self) -> None:
        measured = measure_networks(stand_in())
        assert list(measured) == [
            "network.ties", "network.seller_degree_gini", "network.giant_component", "network.density",
            "network.mean_degree",
        ]  # fmt: skip
        assert measured["network.ties"] == 6
        assert measured["network.seller_degree_gini"] == pytest.approx(gini([2, 2, 0]))
        # All but seller 102 hang together: 3 customers, sellers 100 and 101, both own retails.
        assert measured["network.giant_component"] == pytest.approx(7 / 8)
        assert measured["network.density"] == pytest.approx(6 / (3 * 5))
        assert measured["network.mean_degree"] == pytest.approx(2.0)

    def test_agrees_with_the_network_handed_out(self) -> None:
        model = big_stand_in(300, 200)
        model.customers.columns.unique_id = np.arange(300)
        model.sellers.columns.unique_id = np.arange(1000, 1200)
        graph = purchase_network(model)
        measured = measure_networks(model)
        largest = max(len(component) for component in nx.connected_components(graph))
        customers, sellers = ([n for n in graph if n.startswith(kind)] for kind in ("customer", "seller"))
        assert measured["network.ties"] == graph.number_of_edges()
        assert measured["network.giant_component"] == pytest.approx(largest / len(graph))
        assert measured["network.density"] == pytest.approx(nx.bipartite.density(graph, customers))
        degrees = [graph.degree[seller] for seller in sellers]
        assert measured["network.seller_degree_gini"] == pytest.approx(gini(degrees))

    def test_components_agree_with_scipy(self) -> None:
        for customers in (5, 40, 80, 160):
            model = big_stand_in(customers, 200)
            row, place = np.nonzero(model.customers.columns.tie_offer >= 0)
            seller = model.customers.columns.tie_offer[row, place]
            size = customers + 200
            matrix = coo_array((np.ones(row.size), (row, customers + seller)), shape=(size, size))
            _, component = connected_components(matrix, directed=False)
            nodes = 200 + np.unique(row).size
            share = measure_networks(model)["network.giant_component"]
            assert share == pytest.approx(np.bincount(component).max() / nodes)

    def test_nothing_bought_yet(self) -> None:
        model = stand_in()
        model.customers.columns.tie_offer[:] = -1
        measured = measure_networks(model)
        assert measured["network.ties"] == 0
        assert measured["network.giant_component"] == 1 / 2
        assert math.isnan(measured["network.density"])
        assert math.isnan(measured["network.mean_degree"])
        assert math.isnan(measure_structure(model)["network.nestedness"])

    def test_measuring_changes_nothing(self) -> None:
        model = stand_in()
        ties = model.customers.columns.tie_offer.copy()
        assert measure_networks(model) == measure_networks(model)
        assert np.array_equal(model.customers.columns.tie_offer, ties)

    def test_structure(self) -> None:
        measured = measure_structure(stand_in())
        matrix = np.array([[1, 0, 1, 0], [0, 0, 0, 1], [0, 1, 1, 1]])  # east, west, seller 100, seller 101
        row, column = np.nonzero(matrix)
        expected = np.corrcoef(matrix.sum(axis=1)[row], matrix.sum(axis=0)[column])[0, 1]
        assert measured["network.assortativity"] == pytest.approx(expected)
        assert measured["network.nestedness"] == pytest.approx(nestedness(matrix))
        assert measured["social.density"] == pytest.approx(3 / 10)
        assert measured["social.giant_component"] == pytest.approx(3 / 5)
        assert measured["social.degree_mean"] == pytest.approx(6 / 5)
        with pytest.raises(ValueError, match="beyond 2"):
            measure_structure(stand_in(), most=2)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["small-world", "scale-free"])
def test_a_million_customers_take_little_more_than_the_result(kind: str) -> None:
    # A process of its own, since the high-water mark of memory never falls.
    code = (
        "import resource, sys\n"
        "from marketplace.sections import Social\n"
        "from marketplace.social import social_graph\n"
        "social = Social(graph=sys.argv[1], mean_degree=6)\n"
        "social_graph(social, 1000, 1)  # compiles\n"
        "high = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024\n"
        "before = high()\n"
        "graph = social_graph(social, 1_000_000, 1)\n"
        "print((high() - before) / (graph.indptr.nbytes + graph.indices.nbytes))\n"
    )
    command = [sys.executable, "-c", code, kind]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MARKETPLACE_PLAIN": ""}
    done = subprocess.run(command, env=environment, check=True, timeout=300, capture_output=True, text=True)
    assert float(done.stdout) < 1.2
