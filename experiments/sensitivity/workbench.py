"""A design as a model of the EMA Workbench, for its samplers, optimisers and analyses."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from experiments.designs.errors import DesignError
from experiments.errors import ResultsError

if TYPE_CHECKING:
    from experiments.designs import Design
    from experiments.designs.factors import Factor

NAME = "marketplace"


def workbench_model(design: Design, indicators: Sequence[str] = ("gmv",)) -> Any:
    """An ``ema_workbench.Model`` whose uncertainties are the factors of a design, and whose outcomes are indicators.

    An experiment runs the design's replications under its common seeds and gives the mean of each indicator's
    summary. The workbench takes names of Python only: ``platform.commission`` is ``platform_commission`` there, and a
    factor can be moved from ``model.uncertainties`` to ``model.levers``.

    Parameters
    ----------
    design : Design
        Its factors, with their lists, ranges and distributions; its points do not matter. Not of kind ``arms``.
    indicators : sequence of str
        Columns of the summary.

    Raises
    ------
    ResultsError
        If the workbench is not installed.
    DesignError
        If the design has no factors, or a choice whose probabilities differ, which the workbench cannot state.
    """
    if find_spec("ema_workbench") is None:
        raise ResultsError("this needs ema-workbench: pip install 'marketplace-simulator[discovery]'")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it complains of parts that are not installed, and not needed
        from ema_workbench import Model, ScalarOutcome

    if not design.factors:
        raise DesignError("the design varies nothing, so there is no uncertainty for the workbench")
    paths = identifiers(factor.path for factor in design.factors)
    names = identifiers(indicators)
    model = Model(NAME, function=Experiment(design, paths, names))
    model.uncertainties = [_parameter(name, factor) for name, factor in zip(paths, design.factors, strict=True)]
    model.outcomes = [ScalarOutcome(name) for name in names]
    return model


class Experiment:
    """What the workbench calls: values of factors in, means of indicators out. It can be sent to other processes."""

    def __init__(self, design: Design, paths: Mapping[str, str], names: Mapping[str, str]) -> None:
        self.design, self.paths, self.names = design, dict(paths), dict(names)
        self.__name__ = NAME  # the workbench asks its functions for one

    def __call__(self, **values: Any) -> dict[str, float]:
        """Run all replications of a point.

        Raises
        ------
        ScenarioError
            If it is a world that cannot live.
        ResultsError
            If a run fails, or lacks an indicator.
        """
        from experiments.engine import Job, run_jobs

        changes = self.design.constants | {self.paths[name]: value for name, value in values.items()}
        world = self.design.base.with_changes(changes | {"run.threads": 1, "run.record_orders": False})
        seeds = (self.design.base.run.seed + replicate for replicate in range(self.design.replications))
        jobs = [Job.of(world.with_changes({"run.seed": seed}), 0, number) for number, seed in enumerate(seeds)]
        summaries = []
        for done in run_jobs(jobs, engine="here"):
            if done.failure is not None:
                failure = done.failure
                raise ResultsError(f"replicate {done.replicate} failed: {failure.exception}: {failure.message}")
            summaries.append(done.summary)
        return {name: _mean(summaries, indicator) for name, indicator in self.names.items()}


def identifiers(names: Iterable[str]) -> dict[str, str]:
    """Names that Python allows, each with the one it stands for: ``platform.commission`` as ``platform_commission``."""
    found: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"\W+", "_", name).strip("_") or "factor"
        plain = f"_{plain}" if plain[0].isdigit() else plain
        while plain in found:
            plain += "_"
        found[plain] = name
    return found


def _mean(summaries: Sequence[Mapping[str, float]], indicator: str) -> float:
    from marketplace.scenario_errors import nearest

    if indicator not in summaries[0]:
        raise ResultsError(f'"{indicator}" is no indicator{nearest(indicator, summaries[0])}')
    return sum(summary[indicator] for summary in summaries) / len(summaries)


def _parameter(name: str, factor: Factor) -> Any:
    """The workbench's parameter for a factor, with the same distribution."""
    from ema_workbench import BooleanParameter, CategoricalParameter, IntegerParameter, RealParameter

    from experiments.designs.distributions import Choice, Integer, Uniform

    drawn = factor.distribution
    if drawn is None or isinstance(drawn, Choice):
        values = factor.values if drawn is None else drawn.values
        if isinstance(drawn, Choice) and len(set(drawn.probabilities)) > 1:
            raise DesignError(f"{factor.path}: the workbench draws all values alike; leave out probabilities")
        boolean = set(values) == {True, False} and all(isinstance(value, bool) for value in values)
        return BooleanParameter(name) if boolean else CategoricalParameter(name, list(values))
    if isinstance(drawn, Integer) or (isinstance(drawn, Uniform) and drawn.field.whole):
        return IntegerParameter(name, int(drawn.low), int(drawn.high))
    if drawn.field.whole:
        raise DesignError(f"{factor.path}: the workbench draws whole numbers from uniform ranges only")
    parameter = RealParameter.from_dist(name, _law(*drawn.salib))
    parameter.pff = False  # which from_dist() of the workbench below version 3 leaves out
    return parameter


def _law(name: str, bounds: Sequence[float]) -> Any:
    """The law that SALib's name and bounds stand for, as SciPy has it."""
    from scipy import stats

    a, b, *rest = bounds
    if name == "norm":
        return stats.norm(a, b)
    if name == "truncnorm":
        mean, sd = rest
        return stats.truncnorm((a - mean) / sd, (b - mean) / sd, mean, sd)
    if name == "logunif":
        return stats.loguniform(a, b)
    return stats.triang(rest[0], a, b - a) if name == "triang" else stats.uniform(a, b - a)
