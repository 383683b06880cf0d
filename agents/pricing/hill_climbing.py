"""Hill-climbing: go on while profit rises, turn round when it falls."""

from __future__ import annotations

import numpy as np

from agents.pricing.base import Floats, PricingView, SellerPricing


class HillClimbing(SellerPricing):
    """Moves all its prices a step in one direction and reverses when profit has fallen since the last step.

    It needs to know nothing but its own books. A seller whose every step would cross a bound turns round
    too: prices that cannot move teach it nothing, and at break-even, with no profit left to fall, it would
    stay for ever.
    """

    name = "hill-climbing"
    sees_rivals = False
    source = "derivative follower: Kephart, Hanson & Greenwald 2000, Computer Networks 32, 731-752"

    def prices(self, view: PricingView) -> Floats:
        """Return prices a step on; a reversal is written into `view.direction`."""
        worse = view.profit < view.profit_before
        np.negative(view.direction, out=view.direction, where=worse)
        self._turn_at_bounds(view)
        return self.bounded(view, self._step(view))

    def _step(self, view: PricingView) -> Floats:
        change: Floats = self.settings.price_step * view.direction[view.seller]
        return view.price * (1.0 + change)

    def _turn_at_bounds(self, view: PricingView) -> None:
        """Point a seller away from the bound that stops all its offers."""
        sellers = len(view.direction)
        step = self._step(view)
        inward = np.sign(self.bounded(view, step) - step)  # 0 where no bound is crossed
        stopped = np.bincount(view.seller, weights=inward, minlength=sellers)
        offers = np.bincount(view.seller, minlength=sellers)
        pinned = (np.abs(stopped) == offers) & (offers > 0)
        view.direction[pinned] = np.sign(stopped[pinned])
