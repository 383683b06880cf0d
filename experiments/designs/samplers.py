"""Points in the unit cube: Latin hypercube by SciPy, Sobol (Saltelli's scheme) and Morris by SALib, keyed chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.designs.seeds import keyed_share

if TYPE_CHECKING:
    import numpy as np

LISTED = ("grid", "list", "zip", "arms")
SAMPLED = ("latin-hypercube", "sobol", "morris", "random")
KINDS = (*LISTED, *SAMPLED)


@dataclass(frozen=True)
class Sampling:
    """How many points a sampled design has, and which.

    Attributes
    ----------
    kind : str
        One of `SAMPLED`.
    samples : int
        Points of a Latin hypercube or of chance; base samples of Sobol; trajectories of Morris.
    seed : int
        Which of the possible samples, at least 0.
    second_order : bool
        Whether a Sobol design can tell pairs of factors apart.
    levels : int
        Values that Morris tries of each factor, even.
    """

    kind: str
    samples: int
    seed: int = 1
    second_order: bool = False
    levels: int = 4

    def count(self, factors: int) -> int:
        """Number of points for a number of factors."""
        blocks = {"sobol": 2 * factors + 2 if self.second_order else factors + 2, "morris": factors + 1}
        return self.samples * blocks.get(self.kind, 1)

    def shares(self, factors: int) -> np.ndarray:
        """Quantiles in [0, 1], shape (points, factors), in the order that SALib's analyses expect."""
        import numpy as np

        if self.kind == "random":
            rows = [[keyed_share(self.seed, j, i) for j in range(factors)] for i in range(self.samples)]
            return np.array(rows)
        seed = self.seed + 1  # some of SALib takes 0 for no seed at all
        problem: dict[str, Any] = {
            "num_vars": factors, "names": [f"x{j}" for j in range(factors)], "bounds": [[0.0, 1.0]] * factors
        }  # fmt: skip
        if self.kind == "sobol":
            from SALib.sample import sobol

            return sobol.sample(problem, self.samples, calc_second_order=self.second_order, seed=seed)
        if self.kind == "morris":
            from SALib.sample import morris

            return morris.sample(problem, self.samples, num_levels=self.levels, seed=seed)
        from scipy.stats import qmc

        return qmc.LatinHypercube(d=factors, seed=seed).random(self.samples)
