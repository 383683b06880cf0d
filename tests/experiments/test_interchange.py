"""Orders and networks in the shapes of the field's own tools, held against those tools."""

from __future__ import annotations

import warnings
from datetime import date
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from experiments.validation import statistics as st
from experiments.validation.interchange import EDGES, FIRST_DAY, GRAPH, customer_orders, rfm, write_network
from marketplace import MarketplaceModel, load_scenario


@pytest.fixture(scope="module")
def model() -> MarketplaceModel:
    scenario = load_scenario("tiny").with_changes({
        "run.weeks": 60, "run.record_orders": True, "run.threads": 1, "run.seed": 3, "customers.count": 1500,
        "customers.initial_adopters": 0.6, "customers.need_rate": 0.2, "customers.need_rate_shape": 0.6,
        "experience.lapse_rate": 0.02,
    })  # fmt: skip
    return MarketplaceModel(scenario).run()


@pytest.fixture(scope="module")
def lifetimes() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import lifetimes
        import lifetimes.utils

    return lifetimes


class TestOrders:
    def test_every_delivered_order_is_there_once_with_its_value(self, model: MarketplaceModel) -> None:
        placed, table = model.orders(), customer_orders(model.orders())
        there = placed[placed["units"] > 0]
        assert list(table.columns) == ["customer", "date", "value"] and len(table) == len(there) > 500
        assert table["value"].sum() == pytest.approx(model.weekly["gmv"].sum())
        assert len(placed) > len(there)  # some met no stock, or this test shows nothing

    def test_weeks_are_dated_from_the_stated_day(self, model: MarketplaceModel) -> None:
        first = date(2017, 1, 2)
        table = customer_orders(model.orders(), first)
        weeks = (table["date"] - pd.Timestamp(first)).dt.days / 7 + 1
        assert sorted(weeks) == sorted(st.delivered(model.orders())["week"])
        assert customer_orders(model.orders())["date"].min() >= pd.Timestamp(FIRST_DAY)

    def test_orders_after_the_end_are_refused(self, model: MarketplaceModel) -> None:
        with pytest.raises(ValueError, match="end = 10 is not allowed"):
            rfm(model.orders(), 10)

    def test_no_orders_make_an_empty_table(self, model: MarketplaceModel) -> None:
        assert rfm(model.orders().iloc[:0], 60).empty and customer_orders(model.orders().iloc[:0]).empty


@pytest.mark.filterwarnings("ignore")
class TestLifetimes:
    def test_the_table_is_what_the_library_makes_of_the_log(self, model: MarketplaceModel, lifetimes: Any) -> None:
        end = pd.Timestamp(FIRST_DAY) + pd.Timedelta(weeks=model.week - 1)
        theirs = lifetimes.utils.summary_data_from_transaction_data(
            customer_orders(model.orders()), "customer", "date", "value", freq="W", observation_period_end=end
        )
        ours = rfm(model.orders(), model.week)
        pd.testing.assert_frame_equal(ours, theirs, check_names=False)
        assert (ours["frequency"] > 1).sum() > 100  # or nothing is compared

    def test_bg_nbd_fits_a_run_alike(self, model: MarketplaceModel, lifetimes: Any) -> None:
        table = rfm(model.orders(), model.week)
        theirs = lifetimes.BetaGeoFitter().fit(table["frequency"], table["recency"], table["T"])
        ours = st.fit_bg_nbd(st.CustomerBase(*(table[name].to_numpy() for name in ("frequency", "recency", "T"))))
        # a and b run off together where few drop out; what is identified is compared, and the likelihood.
        assert ours.r == pytest.approx(theirs.params_["r"], rel=2e-3)
        assert ours.alpha == pytest.approx(theirs.params_["alpha"], rel=2e-3)
        dropout = theirs.params_["a"] / (theirs.params_["a"] + theirs.params_["b"])
        assert ours.a / (ours.a + ours.b) == pytest.approx(dropout, abs=2e-3)

    def test_heterogeneity_of_needs_is_seen_in_the_fit(self) -> None:
        shape = []
        for given in (0.3, 3.0):
            scenario = load_scenario("tiny").with_changes({
                "run.weeks": 52, "run.record_orders": True, "run.threads": 1, "customers.count": 3000,
                "customers.initial_adopters": 1.0, "customers.need_rate": 0.3, "customers.need_rate_shape": given,
                "experience.lapse_rate": 0.0,
            })  # fmt: skip
            table = rfm(MarketplaceModel(scenario).run().orders(), 52)
            shape.append(st.fit_bg_nbd(st.CustomerBase(*table.to_numpy().T[:3])).r)
        assert shape[1] > 2.0 * shape[0]


class TestNetwork:
    def test_edges_and_graph_say_the_same(self, model: MarketplaceModel, tmp_path: Path) -> None:
        edges_path, graph_path = write_network(model, tmp_path / "net")
        assert (edges_path.name, graph_path.name) == (EDGES, GRAPH)
        edges, graph = pd.read_csv(edges_path), nx.read_graphml(graph_path)
        assert list(edges.columns) == ["customer", "seller", "weight"] and len(edges) == graph.number_of_edges()
        assert edges["weight"].sum() == st.delivered(model.orders())["units"].sum()
        assert nx.is_bipartite(graph)
        weights = sorted(weight for _, _, weight in graph.edges(data="weight"))
        assert np.allclose(weights, sorted(edges["weight"]))
        third = edges[edges["seller"] >= 0].iloc[0]
        link = f"customer:{int(third['customer'])}", f"seller:{int(third['seller'])}"
        assert graph.edges[link]["weight"] == third["weight"]

    def test_what_stands_there_is_kept(self, model: MarketplaceModel, tmp_path: Path) -> None:
        write_network(model, tmp_path)
        with pytest.raises(FileExistsError):
            write_network(model, tmp_path)
        write_network(model, tmp_path, overwrite=True)
