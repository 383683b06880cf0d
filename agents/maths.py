"""Exponential and logarithm of our own, from ``+ - * /`` and the bits of a double alone; and Wright's omega.

The compiler turns a loop over them into one over four or more numbers at a time, which it cannot do with a call into
the system's library; and their last bit is the same on every machine. Exponential and logarithm are good
to 2 units in the last place (ulp).
Method: Cody & Waite (1980), "Software Manual for the Elementary Functions": reduce the argument with a constant in
two parts, sum a short series, put the exponent back.
"""

from __future__ import annotations

import math

import numpy as np

from agents.compiled import rule

_LOG2E = 1.4426950408889634
_LN2_HIGH = 0.6931471803691238  # ln 2 = high + low, with zeros at the end of high, so that n * high is exact
_LN2_LOW = 1.9082149292705877e-10
_ROUND = 6755399441055744.0  # 1.5 * 2**52: adding and taking it off again rounds to the nearest whole number
_BIAS = 1023
_HALF_ROOT = 0x3FE6A09E667F3BCD  # bits of sqrt(1/2)


@rule
def exponential(x):  # type: ignore[no-untyped-def]
    """Return exp(x); 0 below -700, where exp is under 1e-304, and exp(700) above 700."""
    within = min(700.0, max(-700.0, x))
    n = (within * _LOG2E + _ROUND) - _ROUND
    r = (within - n * _LN2_HIGH) - n * _LN2_LOW
    series = 1.0 / 6227020800.0
    series = series * r + 1.0 / 479001600.0
    series = series * r + 1.0 / 39916800.0
    series = series * r + 1.0 / 3628800.0
    series = series * r + 1.0 / 362880.0
    series = series * r + 1.0 / 40320.0
    series = series * r + 1.0 / 5040.0
    series = series * r + 1.0 / 720.0
    series = series * r + 1.0 / 120.0
    series = series * r + 1.0 / 24.0
    series = series * r + 1.0 / 6.0
    series = series * r + 0.5
    series = series * r + 1.0
    series = series * r + 1.0
    power = np.int64((np.int64(n) + _BIAS) << 52).view(np.float64)
    return series * power if x > -700.0 else 0.0


@rule
def logarithm(x):  # type: ignore[no-untyped-def]
    """Return ln(x) of a positive, normal double."""
    bits = np.float64(x).view(np.int64)
    # x = 2**n * m with m between sqrt(1/2) and sqrt(2)
    n = (bits - _HALF_ROOT) >> 52
    m = np.int64(bits - (n << 52)).view(np.float64)
    s = (m - 1.0) / (m + 1.0)  # ln m = 2 artanh s, and s is at most 0.172
    z = s * s
    series = 1.0 / 21.0
    series = series * z + 1.0 / 19.0
    series = series * z + 1.0 / 17.0
    series = series * z + 1.0 / 15.0
    series = series * z + 1.0 / 13.0
    series = series * z + 1.0 / 11.0
    series = series * z + 1.0 / 9.0
    series = series * z + 1.0 / 7.0
    series = series * z + 1.0 / 5.0
    series = series * z + 1.0 / 3.0
    return n * _LN2_HIGH + (2.0 * s + (2.0 * s * z * series + n * _LN2_LOW))


@rule
def logarithm_beside_one(x):  # type: ignore[no-untyped-def]
    """Return ln(1 + x), x >= 0, without losing a small x (Goldberg 1991, theorem 4), to 4 ulp.

    The 2 ulp of the logarithm, and half a one each of the difference's, the product's and the quotient's rounding.
    """
    whole = 1.0 + x
    return x if whole == 1.0 else logarithm(whole) * x / (whole - 1.0)


@rule
def omega(y):  # type: ignore[no-untyped-def]
    """Return W(exp(y)), the solution w of ``w + ln w = y`` (Corless et al. 1996), by Newton's method in ln w."""
    log_w = y if y < 1.0 else math.log(y)
    for _ in range(50):
        w = math.exp(log_w)
        step = (w + log_w - y) / (w + 1.0)
        log_w -= step
        if abs(step) < 1e-14:
            break
    return math.exp(log_w)
