"""Keyed chance: every draw is a pure function of (seed, decision, key of who decides, week).

The generator is Philox4x32-10 (Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3").
The seed is its key; agent, week and decision are its counter. So no draw depends on the order of the draws, on
threads, or on whether another agent exists.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from agents.compiled import loop, rule

# Decisions, each a stream of its own. The numbers are part of every result: append, never renumber.
JOIN = 1  # phase 1: a potential customer joins; words: joins, channel
VISIT = 2  # phase 2: visits, platform, platform elsewhere, search is logged
NEED = 3  # phase 2: category, head or tail, place, spread
SEARCH = 4  # phase 2: search noise, friend's advice, buys or not, which offer
ELSEWHERE = 5  # phase 2: as SEARCH, at a second platform
DELIVERY = 6  # phase 3: delivery days, priority in the queue for stock, return, restock
REVIEW = 7  # phase 4: reviews or not, stars
LAPSE = 8  # phase 4: lapses or not
CUSTOMER = 9  # birth of a customer: need rate, alpha, leniency, initial adopter
SELLER = 10  # birth of a seller: cost, quality, listings, pricing rule
SELLER_MORE = 11  # birth of a seller: mode taste, ad bid, multi-homing, platform
LISTING = 12  # birth of a listing: category, place head or tail, place, spread
EXIT = 13  # phase 5: exogenous exit, reprice
FORECAST = 14  # phase 5: forecast error, ageing
BELIEF = 15  # phase 5: a candidate's belief
DISRUPTION = 16  # phase 3: a path is disrupted
BROWSE = 17  # phase 2: browsing visits
GRAPH = 19  # building of the social graph
MARKET = 20  # birth of the market: price levels, panel of needs
VISIBLE = 21  # visibility of an offer when sellers->selection is held back
OFFER = 23  # birth of an offer: its key

_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = np.uint64(0x9E3779B9)
_W1 = np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_UNIT = 2.0**-32

Words = tuple[float, float, float, float]


@rule
def _round(c0, c1, c2, c3, k0, k1):  # type: ignore[no-untyped-def]
    p0 = _M0 * c0
    p1 = _M1 * c2
    return (p1 >> _SHIFT) ^ c1 ^ k0, p1 & _LOW, (p0 >> _SHIFT) ^ c3 ^ k1, p0 & _LOW


@rule
def philox(c0, c1, c2, c3, k0, k1):  # type: ignore[no-untyped-def]
    """Return the four 32-bit words of Philox4x32-10 as uint64; all arguments are uint64 below 2**32."""
    # Written out, not looped: so a loop over customers that draws can be vectorised.
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    return c0, c1, c2, c3


@rule
def draw(seed, decision, key, week):  # type: ignore[no-untyped-def]
    """Return four uniforms in (0, 1) for one decision of one agent in one week.

    Parameters
    ----------
    seed, key : uint64
        Run seed and the agent's key.
    decision : int
        One of the streams above (below 2**31).
    week : int
        Week, or any other small counter (below 2**32).
    """
    seed = np.uint64(seed)
    key = np.uint64(key)
    w0, w1, w2, w3 = philox(
        key & _LOW,
        key >> _SHIFT,
        np.uint64(week),
        np.uint64(decision),
        seed & _LOW,
        seed >> _SHIFT,
    )
    return (
        (float(w0) + 0.5) * _UNIT,
        (float(w1) + 0.5) * _UNIT,
        (float(w2) + 0.5) * _UNIT,
        (float(w3) + 0.5) * _UNIT,
    )


@rule
def first_uniform(seed, decision, key, week):  # type: ignore[no-untyped-def]
    """Return the first of the four uniforms of `draw`."""
    w0, _, _, _ = philox(
        key & _LOW, key >> _SHIFT, np.uint64(week), np.uint64(decision), seed & _LOW, seed >> _SHIFT
    )
    return (float(w0) + 0.5) * _UNIT


@loop
def _fill(seed, decision, keys, counters, out):  # type: ignore[no-untyped-def]
    for row in range(keys.size):
        week = counters[row] if counters.size > 1 else counters[0]
        out[row, 0], out[row, 1], out[row, 2], out[row, 3] = draw(seed, decision, keys[row], week)


def draws(
    seed: int, decision: int, keys: npt.NDArray[np.uint64], week: npt.ArrayLike = 0
) -> npt.NDArray[np.float64]:
    """Return uniforms of shape (len(keys), 4), one row of four words per key; ``week`` may differ by key."""
    out = np.empty((keys.size, 4))
    _fill(np.uint64(seed), decision, keys, np.atleast_1d(np.asarray(week, dtype=np.int64)), out)
    return out


def child_keys(kind: int, *parts: npt.ArrayLike) -> npt.NDArray[np.uint64]:
    """Return keys made from what an agent is, never from where its row lies.

    Parameters
    ----------
    kind : int
        Kind of agent (0-255), so that a seller and a customer never share a key.
    parts : array_like of int
        Up to two numbers that identify it, such as week of candidacy (below 2**24) and candidate number (below 2**32).
    """
    key: npt.NDArray[np.uint64] = np.asarray(np.uint64(kind) << np.uint64(56))
    shifts = (np.uint64(32), np.uint64(0))
    for part, shift in zip(parts, shifts[2 - len(parts) :], strict=True):
        key = key | (np.asarray(part, dtype=np.uint64) << shift)
    return np.atleast_1d(key)


_SPLIT = 0.425
_A = (3.3871328727963666080, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125,
      45921.953931549871457, 67265.770927008700853, 33430.575583588128105, 2509.0809287301226727)  # fmt: skip
_B = (42.313330701600911252, 687.18700749205790830, 5394.1960214247511077, 21213.794301586595867,
      39307.895800092710610, 28729.085735721942674, 5226.4952788528545610)  # fmt: skip
_C = (1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550, 3.64784832476320460504,
      1.27045825245236838258, 0.241780725177450611770, 0.0227238449892691845833, 7.74545014278341407640e-4)  # fmt: skip
_D = (2.05319162663775882187, 1.67638483018380384940, 0.689767334985100004550, 0.148103976427480074590,
      0.0151986665636164571966, 5.47593808499534494600e-4, 1.05075007164441684324e-9)  # fmt: skip
_E = (6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580, 0.296560571828504891230,
      0.0265321895265761230930, 0.00124266094738807843860, 2.71155556874348757815e-5,
      2.01033439929228813265e-7)  # fmt: skip
_F = (0.599832206555887937690, 0.136929880922735805310, 0.0148753612908506148525, 7.86869131145613259100e-4,
      1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15)  # fmt: skip


@rule
def _ratio(x, top, low):  # type: ignore[no-untyped-def]
    above = top[7]
    below = low[6]
    for i in range(6, -1, -1):
        above = above * x + top[i]
    for i in range(5, -1, -1):
        below = below * x + low[i]
    return above / (below * x + 1.0)


@rule
def normal(u):  # type: ignore[no-untyped-def]
    """Return the standard normal quantile of a uniform u in (0, 1) (Wichura 1988, algorithm AS 241)."""
    q = u - 0.5
    if abs(q) <= _SPLIT:
        return q * _ratio(0.180625 - q * q, _A, _B)
    tail = u if q < 0.0 else 1.0 - u
    r = math.sqrt(-math.log(tail))
    value = _ratio(r - 1.6, _C, _D) if r <= 5.0 else _ratio(r - 5.0, _E, _F)
    return -value if q < 0.0 else value


def normals(u: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return standard normal quantiles of an array of uniforms."""
    from scipy.special import ndtri

    return np.asarray(ndtri(u))


def poisson(u: float, mean: float) -> float:
    """Return the Poisson quantile of a uniform u in (0, 1): the least whole number whose cdf reaches u.

    Looked for from the Cornish-Fisher approximation, which is off by one or two at most where the mean is large.
    """
    from scipy.special import pdtr

    z = normal(u)
    guess = max(0.0, math.floor(mean + z * math.sqrt(mean) + (z * z - 1.0) / 6.0))
    while pdtr(guess, mean) < u:
        guess += 1.0
    while guess > 0.0 and pdtr(guess - 1.0, mean) >= u:
        guess -= 1.0
    return guess
