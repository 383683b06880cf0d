"""Pricing rules of the user's own: what they see, and what of theirs the market refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from agents.plugins import PluginError
from agents.pricing import PRICING, PricingView, SellerPricing
from marketplace.model import MarketplaceModel
from marketplace.scenario import load_scenario

WORLD = load_scenario("tiny", {"run.weeks": 6, "customers.count": 300})


@pytest.fixture
def own() -> Iterator[type[SellerPricing]]:
    """A rule that returns what ``answer`` makes of the view, and keeps the views."""

    class Own(SellerPricing):
        name = "own"
        views: list[PricingView] = []
        answer: Any = staticmethod(lambda view: view.price)

        def prices(self, view: PricingView) -> Any:
            self.views.append(view)
            return self.answer(view)

    yield Own
    del PRICING["own"]


def live(own: type[SellerPricing]) -> MarketplaceModel:
    return MarketplaceModel(WORLD.with_changes({"sellers.pricing": "own"})).run()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda view: np.full(view.price.size, np.nan), "returned nan for"),
        (lambda view: view.price * np.inf, "returned inf for"),
        (lambda view: view.price * 1e300, r"a price from 0 to 1e\+60 for each offer"),
        (lambda view: np.where(np.arange(view.price.size) == 3, -1.0, view.price), "returned -1 for 1 of"),
        (lambda view: None, "returned nan|values of shape"),
        (lambda view: "dear", "returned 'dear'"),
        (lambda view: view.price[:1], r"returned values of shape \(1,\)"),
        (lambda view: 2.0, r"returned values of shape \(\)"),
    ],
)
def test_what_is_no_price_is_refused_in_a_sentence_that_names_the_rule(own: Any, answer: Any, told: str) -> None:
    own.answer = staticmethod(answer)
    with pytest.raises(PluginError, match=f"pricing rule 'own' .*({told})"):
        live(own)


def test_a_rule_sees_its_rivals_prices(own: Any) -> None:
    live(own)
    assert np.isfinite(own.views[-1].rival_price).mean() > 0.9


def test_a_rule_that_says_it_does_not_look_is_spared_the_look(own: Any) -> None:
    own.sees_rivals = False
    live(own)
    assert np.isnan(own.views[-1].rival_price).all()
