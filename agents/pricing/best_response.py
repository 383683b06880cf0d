"""Best response: the most profitable mark-up against last week's demand."""

from __future__ import annotations

import numpy as np

from agents.pricing.base import Floats, PricingView, SellerPricing


class BestResponse(SellerPricing):
    """Goes part of the way to the mark-up that would have been best last week, the same for a group's offers.

    One mark-up for all its offers is optimal for a seller of several products under logit. A group that no
    logged search showed keeps its prices.
    """

    name = "best-response"
    sees_rivals = False
    source = (
        "Anderson, de Palma & Thisse 1992, Discrete Choice Theory of Product Differentiation (logit prices); "
        "Aravindakshan & Ratchford 2011, Review of Marketing Science 9(1) (Lambert W); "
        "Gallego & Wang 2014, Operations Research 62, 450-461 (one mark-up for several products)"
    )

    def prices(self, view: PricingView) -> Floats:
        """Return prices moved towards break-even plus the best mark-up."""
        from agents.pricing.logit import respond

        prices = np.empty(len(view.price))
        respond(
            view.price, view.unit_cost, view.keep, view.group, view.own_share, view.alpha, view.seen, view.mu,
            self.settings.damping, self.settings.markup_cap, prices,
        )  # fmt: skip
        return prices
