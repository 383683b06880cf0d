"""A design: points of a scenario's parameters, how often each is run, and under which seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from experiments.designs.errors import DesignError
from experiments.designs.factors import Factor
from experiments.designs.samplers import SAMPLED, Sampling
from experiments.designs.seeds import seed_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from marketplace.scenario import Scenario

ARM = "arm"


@dataclass(frozen=True, eq=False)
class Design:
    """Which scenarios are run, how often, and under which seeds. Made by `load_design` and `Design.of`, and checked.

    Points and replicates count from 0. ``len(design)`` is the number of runs.

    Attributes
    ----------
    name : str
        Name, by default that of the file.
    base : Scenario
        What every point changes; its ``run.seed`` is the seed of the first replicate.
    kind : str
        ``grid``, ``list``, ``zip``, ``latin-hypercube``, ``sobol``, ``morris``, ``random`` or ``arms``.
    replications : int
        Runs of each point.
    seeds : str
        ``common``: a replicate has one seed at all points, so that differences between points are paired;
        ``independent``: every run has its own.
    weekly : bool
        Whether the weekly table of every run is kept, too.
    imports : list of Path
        Files of the user's own that the scenarios need.
    text : str
        The file as it was read, or TOML that says the same.
    factors : tuple of Factor
        What varies, in the order of the columns of `points`.
    constants : dict of str to value
        Fields that are the same at all points, and not as in the base.
    rows : tuple of tuple
        Values of the factors, one tuple a point; a label, for arms.
    arms : dict of str to Scenario
        The scenarios of a design of arms, by label.
    sampling : Sampling or None
        How the points were drawn.
    shares : ndarray or None
        Quantiles (points, factors) of the values, where they were drawn.
    """

    name: str
    base: Scenario
    kind: str
    replications: int
    seeds: Literal["common", "independent"]
    weekly: bool
    imports: list[Path]
    text: str
    factors: tuple[Factor, ...]
    constants: dict[str, Any]
    rows: tuple[tuple[Any, ...], ...] = field(repr=False)
    arms: dict[str, Scenario] = field(default_factory=dict, repr=False)
    sampling: Sampling | None = None
    shares: np.ndarray | None = field(default=None, repr=False)

    @classmethod
    def of(cls, scenario: Scenario | str | Path | None = None, *, kind: str = "grid", **stated: Any) -> Design:
        """A design from Python, checked as a file is.

        Parameters
        ----------
        scenario : Scenario, str or Path
            The base; arms may leave it out, and then the first arm is the base.
        kind : str
            As in a file.
        **stated
            The other keys of a file: ``name``, ``replications``, ``seeds``, ``weekly``, ``imports``, ``changes``, and
            of its table ``[design]`` ``factors``, ``points``, ``arms`` (label -> Scenario, name, path or table of
            changes), ``samples``, ``trajectories``, ``levels``, ``second_order``, ``seed``, ``max_runs``.

        Raises
        ------
        DesignError
            One sentence.
        """
        from experiments.designs.written import design_of

        return design_of(scenario, kind, stated)

    def __len__(self) -> int:
        return len(self.rows) * self.replications

    @cached_property
    def points(self) -> pd.DataFrame:
        """The points: index ``point``, a column for each factor under its dotted path (for arms, ``arm``).

        A column that mixes numbers and words holds them all as text; `changes` has the values themselves.
        """
        import pandas as pd

        columns = {}
        for number, name in enumerate(self.columns):
            values = [row[number] for row in self.rows]
            mixed = len({isinstance(value, str) for value in values}) > 1
            columns[name] = [str(value) for value in values] if mixed else values
        return pd.DataFrame(columns, index=pd.RangeIndex(len(self.rows), name="point"))

    @property
    def columns(self) -> list[str]:
        """Names of the columns of `points`."""
        return [ARM] if self.arms else [factor.path for factor in self.factors]

    def changes(self, point: int) -> dict[str, Any]:
        """What a point changes in the base, by dotted path; nothing for an arm, which is a scenario of its own."""
        row = self.rows[self._known(point)]
        if self.arms:
            return {}
        return self.constants | {f.path: value for f, value in zip(self.factors, row, strict=True)}

    def world(self, point: int) -> Scenario:
        """The scenario of a point, with the base's seed.

        Raises
        ------
        ScenarioError
            If it is a world that cannot live.
        """
        if self.arms:
            return self.arms[self.rows[self._known(point)][0]]
        return self.base.with_changes(self.changes(point))

    def scenario(self, point: int, replicate: int) -> Scenario:
        """The complete scenario of a run: the point's, with the run's seed, one thread, and no list of orders."""
        own = {"run.seed": self.seed(point, replicate), "run.threads": 1, "run.record_orders": False}
        return self.world(point).with_changes(own)

    def seed(self, point: int, replicate: int) -> int:
        """The seed of a run; see `seeds`."""
        if not 0 <= replicate < self.replications:
            raise IndexError(f"replicate {replicate} of a design with {self.replications} replications")
        return seed_of(self.base.run.seed, self._known(point), replicate, self.seeds == "common")

    @property
    def problem(self) -> dict[str, Any]:
        """The factors as SALib knows them: ``num_vars``, ``names``, ``bounds``, ``dists``.

        Whole numbers and choices, for which SALib has no distribution, stand as their quantile, uniform from 0 to 1;
        `value` turns it into the value.

        Raises
        ------
        DesignError
            If the points were not drawn.
        """
        if self.kind not in SAMPLED:
            raise DesignError(f"a design of kind {self.kind} has no ranges, so it is no problem for SALib")
        known = [factor.distribution.salib for factor in self.factors if factor.distribution is not None]
        return {
            "num_vars": len(self.factors),
            "names": [factor.path for factor in self.factors],
            "bounds": [list(bounds) for _, bounds in known],
            "dists": [name for name, _ in known],
        }

    def value(self, path: str, share: float) -> Any:
        """The value of a drawn factor at a quantile in [0, 1]."""
        distribution = next((f.distribution for f in self.factors if f.path == path), None)
        if distribution is None:
            raise DesignError(f"{path} is not a factor that this design draws")
        return distribution.value(float(share))

    def _known(self, point: int) -> int:
        if not 0 <= point < len(self.rows):
            raise IndexError(f"point {point} of a design with {len(self.rows)} points")
        return point


def check_points(design: Design) -> None:
    """Check the scenario of every point.

    Raises
    ------
    DesignError
        With the first point that is a world that cannot live.
    """
    from marketplace.scenario_errors import ScenarioError

    for point in range(len(design.rows)):
        try:
            design.world(point)
        except ScenarioError as error:
            raise DesignError(f"point {point} ({said(design.columns, design.rows[point])}): {error}") from None


def said(columns: Sequence[str], row: Sequence[Any]) -> str:
    """A point in words; a long one is cut short."""
    from marketplace.scenario_errors import show

    parts = [f"{name} = {show(value)}" for name, value in zip(columns, row, strict=True)]
    more = f" and {len(parts) - 4} more" if len(parts) > 4 else ""
    return (", ".join(parts[:4]) + more) or "the base"
