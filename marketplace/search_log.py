"""The log of searches: a sample of the week's searches with what was shown, from which sellers and entrants learn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from agents.compiled import block_rule, loop
from marketplace.ledger import mean

if TYPE_CHECKING:
    from marketplace.model import MarketplaceModel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Log(NamedTuple):
    """A sample of the week's searches with what was shown: what sellers and entrants learn from."""

    platform: npt.NDArray[np.int8]
    category: npt.NDArray[np.int32]
    place: Floats  # true place of the need
    alpha: Floats
    shown: npt.NDArray[np.int32]  # (searches, most shown) rows of offers, -1 beyond
    utility: Floats  # (searches, most shown)
    share: Floats  # (searches, most shown) choice probabilities
    log_total: Floats  # log-sum of all that is offered, the outside option included
    worst_share: Floats  # share of the last offer listed, which a newcomer would replace where the list is full
    worst_rank: Floats  # lowest rank score shown, -inf where a free place was left
    reach: Floats  # distance from the heard need of the farthest candidate, inf where all were retrieved
    filled: Ints  # (blocks,) searches written by each block of customers


def empty_log(searches: int, most: int, blocks: int) -> Log:
    """Room for a log of ``searches`` searches that each consider at most ``most`` offers."""
    wide = (searches, most)
    return Log(
        platform=np.empty(searches, np.int8),
        category=np.empty(searches, np.int32),
        place=np.empty(searches),
        alpha=np.empty(searches),
        shown=np.empty(wide, np.int32),
        utility=np.empty(wide),
        share=np.empty(wide),
        log_total=np.empty(searches),
        worst_share=np.empty(searches),
        worst_rank=np.empty(searches),
        reach=np.empty(searches),
        filled=np.zeros(blocks, np.int64),
    )


def first_rows(log: Log, count: int) -> Log:
    """The part of a log that was written this week."""
    return Log._make(part[:count] for part in log)


def expected_surplus(model: MarketplaceModel) -> float:
    """Consumer surplus of the week as expected before any choice, scaled from the log to all searches, in currency.

    ``mu ln(sum exp(u/mu))/alpha``, the outside option in the sum, above the outside option itself (Small & Rosen
    1981); missing without an outside option.
    """
    log, rules = model.log, model.rules
    if log.alpha.size == 0 or rules.outside == -math.inf:
        return math.nan
    worth = (rules.mu * log.log_total - rules.outside) * model.level[log.category] / log.alpha
    return mean(worth) * model.searches_last_week


@block_rule
def join_log(log, out, outside, room_shown):  # type: ignore[no-untyped-def]
    """Do the work of `close_log`."""
    room = log.platform.size // log.filled.size
    written = 0
    most = log.shown.shape[1]
    for block in range(log.filled.size):
        for at in range(block * room, block * room + log.filled[block]):
            out.platform[written] = log.platform[at]
            out.category[written] = log.category[at]
            out.place[written] = log.place[at]
            out.alpha[written] = log.alpha[at]
            out.worst_rank[written] = log.worst_rank[at]
            out.reach[written] = log.reach[at]
            peak = -math.inf
            for j in range(most):
                out.shown[written, j] = log.shown[at, j]
                out.utility[written, j] = log.utility[at, j]
                out.share[written, j] = 0.0
                if log.shown[at, j] >= 0:
                    peak = max(peak, log.utility[at, j])
            total = 0.0
            for j in range(most):
                if log.shown[at, j] >= 0:
                    out.share[written, j] = math.exp(log.utility[at, j] - peak)
                    total += out.share[written, j]
            top = max(peak, outside)
            whole = total * math.exp(peak - top) + math.exp(outside - top) if top > -math.inf else 0.0
            out.log_total[written] = top + math.log(whole) if whole > 0.0 else -math.inf
            for j in range(most):
                if log.shown[at, j] >= 0:  # by weights, not by logs, so that shares add up to 1 at any utility
                    weight = out.share[written, j] if top == peak else math.exp(log.utility[at, j] - top)
                    out.share[written, j] = weight / whole
            out.worst_share[written] = out.share[written, room_shown - 1]
            written += 1
    return written


@loop
def close_log(log, out, outside, room_shown):  # type: ignore[no-untyped-def]
    """Bring the blocks' parts of a log together in ``out`` and add what follows from utilities. Returns how many."""
    return join_log(log, out, outside, room_shown)
