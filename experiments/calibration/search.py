"""Asking for parameters a batch at a time, so that the search repeats whatever happens in between.

What a batch asks for depends on the finished batches before it, on the seed and on its number, and on nothing else:
neither on the number of workers nor on where the search was broken off.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.validation.targets import Parameter, Target

if TYPE_CHECKING:
    import optuna

CAP = 5.0
"""A target that is missed by more counts as missed by so much: beyond, no nearer miss is worth another target."""

STARTUP = 30  # trials spread evenly over the ranges before the search begins to learn
DIGITS = 4  # significant digits of a parameter, so that a scenario file can be read


@dataclass(frozen=True)
class Trial:
    """A finished trial.

    Attributes
    ----------
    number : int
        From 0, in the order in which trials were told.
    values : dict of str to float or int
        Parameters by path.
    statistics : dict of str to float
        Of every target, by its name: the statistic's mean over seeds; NaN where no seed defines it.
    misses : dict of str to float
        Of every target, by its name; infinite where its statistic is undefined.
    loss : float
        See `loss_of`.
    failed : int
        Number of seeds whose run failed.
    seconds : float
        Of all its runs.
    """

    number: int
    values: dict[str, float]
    statistics: dict[str, float]
    misses: dict[str, float]
    loss: float
    failed: int = 0
    seconds: float = 0.0


def loss_of(targets: Sequence[Target], misses: Mapping[str, float]) -> float:
    """Sum over the required targets of the squared miss, capped; at most 1 for each that is reproduced."""
    return float(sum(min(misses[target.name], CAP) ** 2 for target in targets if target.required))


def ask(parameters: Sequence[Parameter], told: Sequence[Trial], seed: int, size: int) -> list[dict[str, float]]:
    """Parameters of the next ``size`` trials, all together.

    Multivariate TPE (Bergstra et al. 2011; Falkner, Klein & Hutter 2018), with the trials of the batch that wait
    for their result counted as bad ones, so that a batch spreads out. The first `STARTUP` trials are a scrambled
    Sobol sequence.

    Parameters
    ----------
    parameters : sequence of Parameter
        What may be moved.
    told : sequence of Trial
        All trials of the batches before, in order.
    seed : int
        Of the search.
    size : int
        Trials of a batch.
    """
    start = len(told)
    spread = min(max(STARTUP - start, 0), size)
    points = evenly(parameters, seed, start, spread) if spread else []
    if spread < size:
        with silent():
            points += _learned(parameters, told, seed, size - spread)
    return points


def evenly(parameters: Sequence[Parameter], seed: int, start: int, count: int) -> list[dict[str, float]]:
    """Points ``start`` to ``start + count`` of a scrambled Sobol sequence over the ranges."""
    from scipy.stats import qmc

    engine = qmc.Sobol(len(parameters), scramble=True, rng=keyed(seed, "start"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # balance asks for a power of two; a start asks for less
        units = engine.random(start + count)[start:]
    return [{p.path: value_at(p, float(u)) for p, u in zip(parameters, row, strict=True)} for row in units]


def _learned(parameters: Sequence[Parameter], told: Sequence[Trial], seed: int, size: int) -> list[dict[str, float]]:
    import optuna

    space = {p.path: distribution(p) for p in parameters}
    sampler = optuna.samplers.TPESampler(
        seed=keyed(seed, "batch", len(told)), multivariate=True, constant_liar=True, n_startup_trials=1
    )
    study = optuna.create_study(sampler=sampler)
    study.add_trials([
        optuna.trial.create_trial(params=dict(one.values), distributions=space, value=one.loss) for one in told
    ])
    asked = [study.ask(fixed_distributions=space) for _ in range(size)]
    return [{p.path: rounded(p, one.params[p.path]) for p in parameters} for one in asked]


def distribution(parameter: Parameter) -> optuna.distributions.BaseDistribution:
    """A parameter's range as Optuna states it."""
    from optuna.distributions import FloatDistribution, IntDistribution

    if parameter.integer:
        return IntDistribution(int(parameter.low), int(parameter.high), log=parameter.log)
    return FloatDistribution(parameter.low, parameter.high, log=parameter.log)


def value_at(parameter: Parameter, unit: float) -> float:
    """The value a share ``unit`` of the way through a range, on its scale."""
    low, high = parameter.low, parameter.high
    if parameter.integer:  # each integer gets a like share, the ends too
        low, high = low - 0.5, high + 0.5
    if parameter.log:
        value = math.exp(math.log(low) + unit * (math.log(high) - math.log(low)))
    else:
        value = low + unit * (high - low)
    return rounded(parameter, value)


def unrounded(parameter: Parameter, place: float) -> float:
    """The value at a place in a range, 0 to 1 on the range's scale, with all its digits."""
    low, high = parameter.low, parameter.high
    return low * (high / low) ** place if parameter.log else low + place * (high - low)


def place_of(parameter: Parameter, value: float) -> float:
    """Where in its range a value lies, 0 to 1 on the range's scale."""
    low, high = parameter.low, parameter.high
    if parameter.log:
        low, high, value = math.log(low), math.log(high), math.log(value)
    return (value - low) / (high - low)


def rounded(parameter: Parameter, value: float) -> float:
    """A value with few digits that still lies within the range."""
    if parameter.integer:
        return int(min(max(round(value), parameter.low), parameter.high))
    return min(max(float(f"{value:.{DIGITS}g}"), parameter.low), parameter.high)


def keyed(seed: int, *words: Any) -> int:
    """A seed of 32 bits for one use, the same everywhere."""
    digest = hashlib.sha256("\n".join(map(str, (seed, *words))).encode()).digest()
    return int.from_bytes(digest[:4], "big")


@contextmanager
def silent() -> Iterator[None]:
    """Let Optuna neither log nor warn that what is asked of it is experimental."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)
