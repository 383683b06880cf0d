"""Phase 1: potential customers join by advertising, word of mouth or referral; lapsed ones come back."""

from __future__ import annotations

import math

import numpy as np

from agents.chance import JOIN, draw
from agents.compiled import loop, prange, rule
from agents.customer import (
    ACTIVE,
    ADVERTISING,
    LAPSED,
    POTENTIAL,
    REFERRAL,
    WORD_OF_MOUTH,
    hazard_of_joining,
)
from marketplace.search import BLOCK


@rule
def channel_of(u, advertising, word, referral):  # type: ignore[no-untyped-def]
    """Attribute a newcomer to one channel in proportion to the channels' integrated hazards."""
    mark = u * (advertising + word + referral)
    if mark < advertising:
        return ADVERTISING
    return WORD_OF_MOUTH if mark < advertising + word else REFERRAL


@rule
def integrated(hazard):  # type: ignore[no-untyped-def]
    """Return -ln(1 - hazard)."""
    return -math.log1p(-hazard) if hazard < 1.0 else math.inf


@rule
def adopt_block(  # type: ignore[no-untyped-def]
    block, seed, week, key, status, channel, joined, recommends, satisfaction, felt, indptr, indices, p,
    q, referral, well_mixed, advocates, win_back, launch, joined_now,
):  # fmt: skip
    """Do the work of `adopt` for one block of customers."""
    customers = status.size
    joined_now[block, :] = 0
    for row in range(block * BLOCK, min(customers, (block + 1) * BLOCK)):
        if status[row] == ACTIVE:
            continue
        neighbours = 0.0
        if well_mixed:
            hazard = min(1.0, p + q * advocates + referral * advocates)
            word, told = q * advocates, referral * advocates
            advertising = p
        else:
            for k in range(indptr[row], indptr[row + 1]):
                neighbours += recommends[indices[k]]
            hazard = hazard_of_joining(p, q, neighbours, referral)
            word, told = neighbours * integrated(q), neighbours * integrated(referral)
            advertising = integrated(p)
        u_join, u_channel, _, _ = draw(seed, JOIN, key[row], week)
        if status[row] == LAPSED:
            best = 0.0
            for m in range(satisfaction.shape[1]):
                best = max(best, min(1.0, satisfaction[row, m] * felt[m]))
            if u_join < min(1.0, win_back * hazard * best / launch):
                status[row] = ACTIVE
                joined_now[block, joined_now.shape[1] - 1] += 1
        elif status[row] == POTENTIAL and u_join < hazard:
            status[row] = ACTIVE
            joined[row] = week
            channel[row] = channel_of(u_channel, advertising, word, told)
            joined_now[block, channel[row]] += 1


@loop(parallel=True)
def adopt(  # type: ignore[no-untyped-def]
    seed, week, key, status, channel, joined, recommends, satisfaction, felt, indptr, indices, p, q,
    referral, well_mixed, advocates, win_back, launch, joined_now,
):  # fmt: skip
    """Let everyone who is not active decide whether to join.

    Parameters
    ----------
    p : float
        External hazard per week, advertising included.
    q, referral : float
        Hazards per recommending neighbour; of the whole population where ``well_mixed``.
    advocates : float
        Share of the population that recommends, for ``well_mixed``.
    felt : (platforms,) float64
        Factor on satisfaction as those who return perceive it.
    joined_now : (blocks, channels + 1) int64, out
        Newcomers by channel; the last column counts those who came back.
    """
    for block in prange(joined_now.shape[0]):
        adopt_block(
            block, seed, week, key, status, channel, joined, recommends, satisfaction, felt, indptr,
            indices, p, q, referral, well_mixed, advocates, win_back, launch, joined_now,
        )  # fmt: skip


def per_neighbour(q: float, mean_degree: int) -> float:
    """Bass's q shared out over the configured number of neighbours."""
    return float(np.minimum(1.0, q / mean_degree))
