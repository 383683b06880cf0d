"""What sellers learn from the log of searches: how their shares answer to their prices."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agents.compiled import loop
from marketplace.search import Log

Floats = npt.NDArray[np.float64]


@loop
def _learn_shares(shown, share, alpha, seller, group_of, reach, slack, weighted, seen):  # type: ignore[no-untyped-def]
    """Add up, by group of a seller's offers, sum s, sum s(1-s), sum alpha s(1-s) and searches over the log."""
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


class Learned(NamedTuple):
    """What the log says of each group (seller, platform, category) of third-party offers; each (groups,)."""

    own_share: Floats
    alpha: Floats
    seen: Floats


def learn_from(log: Log, group_of: npt.NDArray[np.int32], groups: int, seller: npt.NDArray[np.int32]) -> Learned:
    """Return what sellers learn from the log; ``alpha`` is per unit of relative price."""
    reach, slack, weighted, seen = (np.zeros(groups) for _ in range(4))
    _learn_shares(log.shown, log.share, log.alpha, seller, group_of, reach, slack, weighted, seen)
    known = (seen > 0) & (reach > 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        own_share = np.where(known, 1.0 - slack / reach, 0.0)
        # A seller that is chosen for certain (no slack) still learns that it is, from customers who care as all do.
        alpha = np.where(slack > 0.0, weighted / slack, log.alpha.mean() if log.alpha.size else 1.0)
    return Learned(own_share, alpha, np.where(known, seen, 0.0))
