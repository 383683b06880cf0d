"""Undercutting: just below the neighbour."""

from __future__ import annotations

import numpy as np

from agents.pricing.base import Floats, PricingView, SellerPricing


class Undercutting(SellerPricing):
    """Asks a step less than its cheapest neighbour; with no neighbour it keeps its price."""

    name = "undercutting"
    source = (
        "Maskin & Tirole 1988, Econometrica 56, 571-599 (undercutting down to cost); "
        "Chen, Mislove & Wilson 2016, WWW'16 (sellers that follow the lowest price on Amazon Marketplace)"
    )

    def prices(self, view: PricingView) -> Floats:
        """Return the rival's price less a step."""
        target = (1.0 - self.settings.price_step) * view.rival_price
        return self.bounded(view, np.where(np.isnan(target), view.price, target))
