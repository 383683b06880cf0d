"""Best mark-ups under multinomial logit, compiled: apart from the rule, so that its name can be known without numba."""

from __future__ import annotations

import math

import numpy as np

from agents.compiled import loop, rule
from agents.maths import omega

HIGHEST_SHARE = 1.0 - 1e-9  # a seller that is chosen for certain would have no finite best price


@rule
def logit_markup(markup, share, sensitivity):  # type: ignore[no-untyped-def]
    """Return the most profitable common mark-up of a seller's offers under multinomial logit, in currency.

    With S its share at mark-up m, and rivals' prices as they are, the best mark-up is
    ``m* = (mu / alpha) (1 + W(S / (1 - S) exp(alpha m / mu - 1)))``, W being Lambert's function. Its fixed
    point ``m = mu / (alpha (1 - S))`` is the first-order condition; iterating that condition itself
    diverges once S > 1/2.

    Parameters
    ----------
    markup : float
        Mark-up m at which the share was seen, currency.
    share : float
        Share S, in [0, 1].
    sensitivity : float
        Price sensitivity over the scale of taste noise, alpha / mu, per currency, above 0.
    """
    best = 1.0
    if share > 0.0:
        seen = min(share, HIGHEST_SHARE)
        best += omega(sensitivity * markup - 1.0 + (math.log(seen) - math.log1p(-seen)))
    return best / sensitivity


@loop
def respond(  # type: ignore[no-untyped-def]
    price, unit_cost, keep, group, own_share, alpha, seen, mu, damping, cap, prices,
):  # fmt: skip
    """Move prices towards break-even plus the best mark-up of each group; see `PricingView` for what comes in.

    ``cap`` is the highest mark-up over break-even, as a share of it; ``prices`` (n,) is filled.
    """
    markup = np.zeros(own_share.size)  # first the sum, then the mean, then the best
    offers = np.zeros(own_share.size)
    known = np.zeros(own_share.size, np.bool_)
    for k in range(price.size):
        markup[group[k]] += price[k] - unit_cost[k] / keep[k]
        offers[group[k]] += 1.0
    for g in range(own_share.size):
        known[g] = seen[g] > 0 and 0.0 < alpha[g] < math.inf and 0.0 <= own_share[g] <= 1.0
        if known[g]:
            markup[g] = logit_markup(markup[g] / offers[g], own_share[g], alpha[g] / mu)
    for k in range(price.size):
        break_even = unit_cost[k] / keep[k]
        moved = price[k]
        if known[group[k]]:
            moved += damping * (break_even + markup[group[k]] - price[k])
        prices[k] = min(max(moved, break_even), (1.0 + cap) * break_even)
