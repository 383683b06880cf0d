"""What sellers learn from the log of searches: how their shares answer to their prices."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agents.compiled import loop
from marketplace.ledger import mean
from marketplace.search_log import Log

Floats = npt.NDArray[np.float64]


class Learned(NamedTuple):
    """What the log says of each group (seller, platform, category) of third-party offers; each (groups,)."""

    own_share: Floats
    alpha: Floats
    seen: Floats


def learn_from(log: Log, group_of: npt.NDArray[np.int32], groups: int, seller: npt.NDArray[np.int32]) -> Learned:
    """Return what sellers learn from the log; ``alpha`` is per unit of relative price."""
    # A seller that is chosen for certain (no slack) still learns that it is, from customers who care as all do.
    usual = mean(log.alpha) if log.alpha.size else 1.0
    learned = Learned(np.empty(groups), np.empty(groups), np.empty(groups))
    learn_shares(log.shown, log.share, log.alpha, seller, group_of, usual, *learned)
    return learned


@loop
def learn_shares(shown, share, alpha, seller, group_of, usual, own_share, sensitivity, seen):  # type: ignore[no-untyped-def]
    """Add up, by group, s, s(1-s), alpha s(1-s) and searches over the log; s is the share of all the group's offers.

    Fills what `Learned` holds: the s-weighted mean of s, the s(1-s)-weighted mean of alpha (``usual`` without any),
    and how many searches showed the group.
    """
    reach = np.zeros(seen.size)
    slack = np.zeros(seen.size)
    weighted = np.zeros(seen.size)
    seen[:] = 0.0
    for at in range(shown.shape[0]):
        for j in range(shown.shape[1]):
            row = shown[at, j]
            if row < 0:
                break
            if seller[row] < 0 or group_of[row] < 0:
                continue
            group = group_of[row]
            own = 0.0
            counted = False
            for other in range(shown.shape[1]):
                if shown[at, other] < 0:
                    break
                if group_of[shown[at, other]] == group:
                    if other < j:
                        counted = True
                        break
                    own += share[at, other]
            if counted:
                continue
            reach[group] += own
            slack[group] += own * (1.0 - own)
            weighted[group] += alpha[at] * own * (1.0 - own)
            seen[group] += 1.0
    for group in range(seen.size):
        sensitivity[group] = weighted[group] / slack[group] if slack[group] > 0.0 else usual
        own_share[group] = 0.0
        if reach[group] > 0.0:
            own_share[group] = 1.0 - slack[group] / reach[group]
        else:
            seen[group] = 0.0
