"""Cost-plus: full cost and a customary mark-up."""

from __future__ import annotations

from agents.pricing.base import Floats, PricingView, SellerPricing


class CostPlus(SellerPricing):
    """Asks its full unit cost, fees included, plus a fixed mark-up, whatever the others ask."""

    name = "cost-plus"
    sees_rivals = False
    source = "Hall & Hitch 1939, Price theory and business behaviour, Oxford Economic Papers 2, 12-45"

    def prices(self, view: PricingView) -> Floats:
        """Return break-even plus the mark-up."""
        return self.bounded(view, (1.0 + self.settings.markup) * view.break_even)
