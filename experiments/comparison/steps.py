"""Differences of whole numbers, such as sellers or offers: where few pairs move by the same step, t sees no spread.

One seller fewer in both of two pairs is what luck does half the time, yet t takes equal differences for certainty. So
where whole numbers differ by one and the same step, or by two neighbouring ones, p is at least what the signs alone
give (`experiments.comparison.intervals.least_p`). What this leaves of false verdicts is measured in
tests/experiments/test_steps.py and stated in docs/how-to/comparisons.md.
"""

from __future__ import annotations

import numpy as np

from experiments.comparison.intervals import Floats, Method, least_p, p_value


def same_step(a: Floats, b: Floats) -> bool:
    """Whether whole numbers differ by the same, and not by zero, in all of at least two pairs.

    Parameters
    ----------
    a, b : ndarray, shape (n,)
        The two arms, seed by seed.
    """
    return _within(a, b, 0.0) and bool(a[0] != b[0])


def p_of_pairs(a: Floats, b: Floats, differences: Floats, method: Method) -> float:
    """Two-sided p of no difference between two arms.

    Parameters
    ----------
    a, b : ndarray, shape (n,)
        The two arms, seed by seed; n of at least 2.
    differences : ndarray, shape (n,)
        Of the two, on the scale of the comparison.
    method : str
        See `experiments.comparison.intervals.interval`.
    """
    p = float(p_value(differences, method))
    return max(p, least_p(a.size)) if _within(a, b, 1.0) else p


def _within(a: Floats, b: Floats, steps: float) -> bool:
    """Whether at least two pairs of whole numbers differ by amounts that lie no more than so many steps apart."""
    whole = a.size > 1 and np.array_equal(a, np.rint(a)) and np.array_equal(b, np.rint(b))
    return bool(whole) and bool(np.ptp(b - a) <= steps)
