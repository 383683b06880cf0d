"""How unequal third-party sellers are: one pass over their revenue."""

from __future__ import annotations

import math

import numpy as np

from agents.compiled import loop

TOP = 0.1  # share of sellers that are the top


@loop
def concentration(rows, year_revenue, revenue, retail):  # type: ignore[no-untyped-def]
    """Return how concentrated the revenue of the sellers in ``rows`` is.

    Parameters
    ----------
    year_revenue, revenue : (sellers,) float64
        Smoothed over a year, and of the week; currency. Only sellers with revenue count.
    retail : (platforms,) float64
        Own retail's sales of the week less refunds, currency.

    Returns
    -------
    gini, top_share, hhi
        Of the year's revenue: the Gini coefficient, and the share of the top tenth (at least one seller). Of the
        week's, own retail included: the Herfindahl-Hirschman index. NaN where there is nothing to share.
    """
    yearly = np.empty(rows.size)
    count = 0
    sales = 0.0
    for who in rows:
        sales += max(0.0, revenue[who])
        if year_revenue[who] > 0.0:
            yearly[count] = year_revenue[who]
            count += 1
    for own in retail:
        sales += max(0.0, own)
    hhi = 0.0
    for who in rows:
        share = max(0.0, revenue[who]) / sales if sales > 0.0 else math.nan
        hhi += share * share
    for own in retail:
        share = max(0.0, own) / sales if sales > 0.0 else math.nan
        hhi += share * share
    if count == 0:
        return math.nan, math.nan, hhi
    ordered = np.sort(yearly[:count])
    whole = 0.0
    ranked = 0.0
    top = 0.0
    first_of_top = count - max(1, round(count * TOP))
    for i in range(count):
        whole += ordered[i]
        ranked += (2 * i + 1 - count) * ordered[i]
        if i >= first_of_top:
            top += ordered[i]
    return ranked / (count * whole), top / whole, hhi
