"""Phase 1: potential customers join by advertising, word of mouth or referral; lapsed ones come back."""

from __future__ import annotations

import math

import numpy as np

from agents.chance import JOIN, draw, first_uniform
from agents.compiled import block_loop, rule
from agents.customer import (
    ACTIVE,
    ADVERTISING,
    LAPSED,
    REFERRAL,
    WORD_OF_MOUTH,
    hazard_of_joining,
)
from marketplace.search import BLOCK


@rule
def integrated(hazard):  # type: ignore[no-untyped-def]
    """Return -ln(1 - hazard)."""
    return -math.log1p(-hazard) if hazard < 1.0 else math.inf


@rule
def channel_of(u, p, q, referral, reached, well_mixed):  # type: ignore[no-untyped-def]
    """Attribute a newcomer to one channel in proportion to the channels' hazards, integrated where they multiply."""
    advertising, word, told = p, reached * q, reached * referral
    if not well_mixed:
        advertising, word, told = integrated(p), reached * integrated(q), reached * integrated(referral)
    mark = u * (advertising + word + told)
    if mark < advertising:
        return ADVERTISING
    return WORD_OF_MOUTH if mark < advertising + word else REFERRAL


@block_loop
def adopt(  # type: ignore[no-untyped-def]
    first_block, last_block, seed, week, key, status, channel, joined, recommends, satisfaction, felt, indptr,
    indices, p, q, referral, well_mixed, advocates, win_back, launch, joined_now,
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
    rows = np.empty(BLOCK, np.int64)
    keys = np.empty(BLOCK, np.uint64)
    u_joins = np.empty(BLOCK)
    appeals = np.empty(BLOCK)
    reaches = np.empty(BLOCK)
    for block in range(first_block, last_block):
        first = block * BLOCK
        last = min(status.size, first + BLOCK)
        joined_now[block, :] = 0
        # Rows are listed without a branch: the next one takes the place of those that do not fit.
        outside = 0
        for row in range(first, last):
            rows[outside] = row
            keys[outside] = key[row]
            outside += status[row] != ACTIVE
        for k in range(outside):  # a loop of its own, so that it is vectorised
            u_joins[k] = first_uniform(seed, JOIN, keys[k], week)
        near = 0
        for k in range(outside):
            row, u_join = rows[k], u_joins[k]
            best = 0.0
            for m in range(satisfaction.shape[1]):
                best = max(best, min(1.0, satisfaction[row, m] * felt[m]))
            appeal = win_back * best / launch if status[row] == LAPSED else 1.0
            reached = 1.0 if well_mixed else float(indptr[row + 1] - indptr[row])
            rows[near] = row
            u_joins[near] = u_join
            appeals[near] = appeal
            near += u_join < appeal * (p + reached * (q + referral))  # above any hazard: most stop here
        for k in range(near):
            row = rows[k]
            reached = advocates
            if not well_mixed:
                reached = 0.0
                for i in range(indptr[row], indptr[row + 1]):
                    reached += recommends[indices[i]]
            reaches[k] = reached
        for k in range(near):
            row, u_join, appeal, reached = rows[k], u_joins[k], appeals[k], reaches[k]
            if u_join >= appeal * (p + reached * (q + referral)):  # most stop here
                continue
            hazard = min(1.0, p + reached * (q + referral))
            if not well_mixed:
                hazard = hazard_of_joining(p, q, reached, referral)
            if u_join >= min(1.0, appeal * hazard):
                continue
            if status[row] == LAPSED:
                joined_now[block, joined_now.shape[1] - 1] += 1
            else:
                _, u_channel, _, _ = draw(seed, JOIN, key[row], week)
                joined[row] = week
                channel[row] = channel_of(u_channel, p, q, referral, reached, well_mixed)
                joined_now[block, channel[row]] += 1
            status[row] = ACTIVE


def per_neighbour(q: float, mean_degree: int) -> float:
    """Bass's q shared out over the configured number of neighbours."""
    return float(np.minimum(1.0, q / mean_degree))
