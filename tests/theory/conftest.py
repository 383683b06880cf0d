"""What the checks against closed forms share: running a shipped scenario, and saying when a mean agrees.

The checks use the public interface only. A tolerance is derived where it is used: from the variance that theory
gives, or from the spread of independent repetitions. `SIGMAS` is the one choice in them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from marketplace import MarketplaceModel, load_scenario

SIGMAS = 4.0  # a right program fails one such check in 16,000
HELD = "held"


class Holds:
    """Asserts that a value lies as near a closed form as it must, and keeps how near for ``docs/validity.md``."""

    def __init__(self, kept: list[tuple[str, object]]) -> None:
        self._kept = kept

    def __call__(self, limit: str, deviation: float, tolerance: float, unit: str) -> None:
        """Hold a deviation to its tolerance, both in ``unit``; ``limit`` is the row of ``docs/theory.md``."""
        row = {"limit": limit, "deviation": float(deviation), "tolerance": float(tolerance), "unit": unit}
        self._kept.append((HELD, row))
        assert deviation <= tolerance, f"{limit}: {deviation} {unit}, at most {tolerance}"

    def relative(self, limit: str, found: Any, expected: Any, tolerance: float) -> None:
        """Hold the largest relative deviation of some values."""
        assert np.shape(found) == np.shape(expected)
        self(limit, np.max(np.abs(np.asarray(found) / np.asarray(expected) - 1.0)), tolerance, "relative")

    def chi_square(self, limit: str, counts: Any, expected: Any) -> None:
        """Hold counts to expected ones: how far out the chi-square statistic is, as a normal law would put it."""
        p_value = stats.chisquare(counts, expected).pvalue
        self(limit, stats.norm.isf(p_value / 2.0), SIGMAS, "standard errors")


class Deviations:
    """Writes what `Holds` kept of a session in which every check held."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, Any]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            self.rows += [row for name, row in report.user_properties if name == HELD]

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        from experiments.validity.theory import save

        if exitstatus == pytest.ExitCode.OK:
            save(self.path, self.rows)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--deviations", type=Path, metavar="FILE", help="write how near each closed form was met")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("deviations", default=None) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Deviations(config.getoption("deviations")))


@pytest.fixture
def holds(request: pytest.FixtureRequest) -> Holds:
    """Hold a closed form, and keep how near it was met."""
    return Holds(request.node.user_properties)


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
