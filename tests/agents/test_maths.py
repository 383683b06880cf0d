"""Our own exponential and logarithm agree with the system's to the last bits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import wrightomega

from agents.compiled import loop
from agents.maths import exponential, logarithm, logarithm_beside_one, omega


@loop
def _all(x, out):  # type: ignore[no-untyped-def]
    for k in range(x.size):
        out[0, k] = exponential(x[k])
        out[1, k] = logarithm(abs(x[k]) + 1e-300)
        out[2, k] = logarithm_beside_one(abs(x[k]))


def test_as_good_as_the_docstrings_say() -> None:
    """Over the range that utilities, weights and odds cover, near 0 and 1 included."""
    rng = np.random.default_rng(4)
    near = rng.normal(0.0, 1.0, 20_000) * 10.0 ** rng.uniform(-18.0, 0.0, 20_000)
    x = np.concatenate((rng.uniform(-690.0, 690.0, 20_000), rng.normal(0.0, 5.0, 20_000), near, 1.0 + near, [0.0, 1.0]))
    out = np.empty((3, x.size))
    _all(x, out)
    rights = (np.exp(x), np.log(abs(x) + 1e-300), np.log1p(abs(x)))
    for found, right, ulps in zip(out, rights, (2.0, 2.0, 4.0), strict=True):
        assert np.max(np.abs(found - right) / np.spacing(np.abs(right))) <= ulps


@pytest.mark.parametrize(("x", "right"), [(-math.inf, 0.0), (-701.0, 0.0), (0.0, 1.0)])
def test_what_weights_rest_on(x: float, right: float) -> None:
    """What is not considered weighs nothing; the best offer weighs one."""
    out = np.empty((3, 1))
    _all(np.array([x]), out)
    assert out[0, 0] == right


@pytest.mark.parametrize("y", [-700.0, -30.0, -1.0, 0.0, 0.999, 1.0, 1.001, 30.0, 1e6, 1e15])
def test_omega_is_wrights(y: float) -> None:
    """``W(exp(y))`` where the exponential itself would underflow, and where it would overflow."""
    assert omega(y) == pytest.approx(float(wrightomega(y)), rel=1e-13)
