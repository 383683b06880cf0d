"""Scratch for the customers of a block, and for searches side by side: the desk at which they sit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agents.compiled import loop

# Of a type of their own, because numba compiles anew for every plain number that stands in a call.
BATCH, ONE, ZERO = np.int64(128), np.int64(1), np.int64(0)
"""Searches side by side, and one alone; the first of them, or nothing where something is left out."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Crowd(NamedTuple):
    """Scratch for the customers of a block; (customers,) each."""

    row: Ints
    key: npt.NDArray[np.uint64]
    platform: Ints
    rate: Floats
    u_visit: Floats
    u_platform: Floats
    u_elsewhere: Floats
    u_log: Floats


class Desk(NamedTuple):
    """Scratch for searches side by side; (searches,) each unless said otherwise."""

    row: Ints  # of the customer
    key: npt.NDArray[np.uint64]
    alpha: Floats
    degree: Ints
    platform: Ints
    category: Ints
    place: Floats  # of the need
    heard: Floats  # the place as the platform hears it
    u_first: Floats
    u_friend: Floats
    u_buy: Floats
    u_which: Floats
    low: Ints  # the circle's first position on the shelf
    high: Ints  # the position after its last
    first: Ints  # position of the first candidate on a circle that runs on beyond its ends
    take: Ints  # candidates
    score: Floats  # (candidates, searches)
    carried: Ints  # number of the candidate that is on its way down the list
    top: Ints  # (shown, searches) numbers of the best ranked candidates, best first
    top_score: Floats  # (shown, searches)
    tie_at: Ints  # (searches, ties) position on the shelf of each tie's offer, -1 if it is not there
    tie_seller: Ints  # (searches, ties)
    tie_weight: Floats  # (searches, ties)
    advised: Ints  # position of what a friend advises, -1 if nothing
    kept: Ints  # offers considered
    at: Ints  # (searches, most considered) their positions on the shelf
    gap: Floats  # (searches, most considered) their distance from the need
    value: Floats  # (searches, most considered) utility/mu
    weight: Floats  # (searches * most considered,) exp(value - the largest), 0 beyond what is considered
    peak: Floats  # largest value
    total: Floats  # of the weights
    inside: Floats  # log-sum of what is considered
    margin: Floats  # by how much the best offer beats the outside option
    inclusive: Floats


@loop
def empty_crowd(customers):  # type: ignore[no-untyped-def]
    """Room for so many customers."""
    return Crowd(
        np.empty(customers, np.int64), np.empty(customers, np.uint64), np.empty(customers, np.int64),
        np.empty(customers), np.empty(customers), np.empty(customers), np.empty(customers), np.empty(customers),
    )  # fmt: skip


@loop
def empty_desk(searches, candidates, shown, ties):  # type: ignore[no-untyped-def]
    """Room for ``searches`` searches side by side, each with so many candidates, offers shown and ties at most."""
    most = shown + ties + 1
    return Desk(
        np.empty(searches, np.int64),
        np.empty(searches, np.uint64),
        np.empty(searches),
        np.empty(searches, np.int64),
        np.empty(searches, np.int64),
        np.empty(searches, np.int64),
        np.empty(searches),
        np.empty(searches),
        np.empty(searches),
        np.empty(searches),
        np.empty(searches),
        np.empty(searches),
        np.empty(searches, np.int64),
        np.empty(searches, np.int64),
        np.empty(searches, np.int64),
        np.empty(searches, np.int64),
        np.empty((candidates, searches)),
        np.empty(searches, np.int64),
        np.empty((shown, searches), np.int64),
        np.empty((shown, searches)),
        np.empty((searches, ties), np.int64),
        np.empty((searches, ties), np.int64),
        np.empty((searches, ties)),
        np.empty(searches, np.int64),
        np.empty(searches, np.int64),
        np.empty((searches, most), np.int64),
        np.empty((searches, most)),
        np.empty((searches, most)),
        np.empty(searches * most),
        np.empty(searches),
        np.empty(searches),
        np.empty(searches),
        np.empty(searches),
        np.empty(searches),
    )
