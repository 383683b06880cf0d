"""Best response: the most profitable mark-up against last week's demand."""

from __future__ import annotations

import numpy as np

from agents.pricing.base import Floats, PricingView, SellerPricing

HIGHEST_SHARE = 1.0 - 1e-9  # a seller that is chosen for certain would have no finite best price


def logit_markup(markup: Floats, share: Floats, alpha: Floats, mu: float) -> Floats:
    """Return the most profitable common mark-up of a seller's offers under multinomial logit.

    With S its share at mark-up m, and rivals' prices as they are, the best mark-up is
    ``m* = (mu / alpha) (1 + W(S / (1 - S) exp(alpha m / mu - 1)))``, W being Lambert's function. Its fixed
    point ``m = mu / (alpha (1 - S))`` is the first-order condition; iterating that condition itself
    diverges once S > 1/2.

    Parameters
    ----------
    markup : float64[G]
        Mark-up m at which the shares were seen, currency.
    share : float64[G]
        Share S, in [0, 1].
    alpha : float64[G]
        Price sensitivity, utility per currency, above 0.
    mu : float
        Scale of taste noise, utility.

    Returns
    -------
    float64[G]
        Best mark-up m*, currency.

    Notes
    -----
    ``W(exp(y))`` is the Wright omega function of y, which does not overflow (Lawrence, Corless & Jeffrey
    2012, ACM Transactions on Mathematical Software 38(3), algorithm 917).
    """
    from scipy.special import logit, wrightomega

    sensitivity = alpha / mu
    odds = logit(np.minimum(np.maximum(share, 0.0), HIGHEST_SHARE))
    best: Floats = (1.0 + wrightomega(sensitivity * markup - 1.0 + odds)) / sensitivity
    return best


class BestResponse(SellerPricing):
    """Goes part of the way to the mark-up that would have been best last week, the same for a group's offers.

    One mark-up for all its offers is optimal for a seller of several products under logit. A group that no
    logged search showed keeps its prices.
    """

    name = "best-response"
    source = (
        "Anderson, de Palma & Thisse 1992, Discrete Choice Theory of Product Differentiation (logit prices); "
        "Aravindakshan & Ratchford 2011, Review of Marketing Science 9(1) (Lambert W); "
        "Gallego & Wang 2014, Operations Research 62, 450-461 (one mark-up for several products)"
    )

    def prices(self, view: PricingView) -> Floats:
        """Return prices moved towards break-even plus the best mark-up."""
        known = (view.seen > 0) & (view.alpha > 0.0) & np.isfinite(view.alpha) & np.isfinite(view.own_share)
        break_even = view.break_even
        best = logit_markup(
            self._mean_markup(view, break_even),
            np.where(known, view.own_share, 0.0),
            np.where(known, view.alpha, 1.0),  # whatever it says of an unknown group is not used
            view.mu,
        )
        target = np.where(known[view.group], break_even + best[view.group], view.price)
        return self.bounded(view, view.price + self.settings.damping * (target - view.price))

    @staticmethod
    def _mean_markup(view: PricingView, break_even: Floats) -> Floats:
        """Return the mean mark-up over break-even of each group's offers, float64[G], currency."""
        groups = len(view.own_share)
        offers = np.bincount(view.group, minlength=groups)
        total = np.bincount(view.group, weights=view.price - break_even, minlength=groups)
        mean: Floats = total / np.maximum(offers, 1)
        return mean
