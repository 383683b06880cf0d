"""What the checks against closed forms share: running a shipped scenario, and saying when a mean agrees.

The checks use the public interface only. A tolerance is derived where it is used: from the variance that theory
gives, or from the spread of independent repetitions. `SIGMAS` is the one choice in them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from scipy import stats

from marketplace import MarketplaceModel, load_scenario

SIGMAS = 4.0  # a right program fails one such check in 16,000


@pytest.fixture(scope="session")
def sigmas() -> float:
    """Standard errors that a measured value may lie from the expected one."""
    return SIGMAS


@pytest.fixture(scope="session")
def run() -> Callable[..., MarketplaceModel]:
    """Run ``theory/<name>``, with some fields changed, to the end of its weeks."""

    def run(name: str, changes: dict[str, Any] | None = None, seed: int = 1) -> MarketplaceModel:
        scenario = load_scenario(f"theory/{name}").with_changes(changes or {})
        return MarketplaceModel(scenario, rng=seed).run()

    return run


@pytest.fixture(scope="session")
def half_width() -> Callable[[Sequence[float]], float]:
    """Half-width of the interval about the mean of independent repetitions.

    Student's quantile at the tail that ``SIGMAS`` leaves under a normal law, so that few repetitions are no excuse.
    """

    def half_width(repetitions: Sequence[float]) -> float:
        count = len(repetitions)
        quantile = stats.t.isf(stats.norm.sf(SIGMAS), count - 1)
        return float(quantile * np.std(repetitions, ddof=1) / math.sqrt(count))

    return half_width
