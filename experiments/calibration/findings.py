"""What the trials say: the best one, what each fact costs the others, and which parameters the facts pin down."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.calibration.journal import best_of
from experiments.calibration.search import CAP, Trial, place_of, unrounded
from experiments.calibration.surrogate import Surrogate, spread_out
from experiments.validation.targets import Parameter, Target

ALL = ""  # in place of a target: the best trial of all
GRID = 41  # places of a profile
NEAR = 1.0  # loss by which a value may be worse than the best and still counts: one fact moved by all its tolerance
OTHERS = 30  # best trials whose other parameters a profile tries
FEWEST = 5  # trials that must define a statistic for it to be guessed at
MOST = 0.5  # share of its range that a pinned-down parameter may have at most


@dataclass(frozen=True)
class Profile:
    """What the trials say of one parameter.

    Attributes
    ----------
    parameter : Parameter
        With its range.
    best : float
        Its value in the best trial.
    values : (GRID,) float64
        Values over the range.
    losses : (GRID,) float64
        The least loss that is to be expected with each, the other parameters being those of one of the best trials.
    near : (GRID,) bool
        Which values come near the best.
    """

    parameter: Parameter
    best: float
    values: np.ndarray
    losses: np.ndarray
    near: np.ndarray

    @property
    def low(self) -> float:
        """Least value that comes near the best."""
        return float(self.values[self.near].min())

    @property
    def high(self) -> float:
        """Highest value that comes near the best."""
        return float(self.values[self.near].max())

    @property
    def span(self) -> float:
        """Share of the range, on its scale, that comes near the best."""
        return float(self.near.mean())

    @property
    def pinned(self) -> bool:
        """Whether most of the range does not come near."""
        return self.span <= MOST

    @property
    def at_bound(self) -> bool:
        """Whether the best value lies within a fiftieth of its range from an end."""
        return not 0.02 < place_of(self.parameter, self.best) < 0.98

    @property
    def words(self) -> str:
        """The profile in a sentence."""
        where = f"{number(self.low)} to {number(self.high)} come near, {self.span:.0%} of the allowed range"
        said = f"pinned down: {where}" if self.pinned else f"not pinned down by these facts: {where}"
        return f"{said}; the best value lies at the end of the range" if self.at_bound else said

    def row(self) -> dict[str, Any]:
        """As plain values."""
        parameter = self.parameter
        return {
            "path": parameter.path,
            "value": self.best,
            "low": parameter.low,
            "high": parameter.high,
            "scale": "log" if parameter.log else "linear",
            "source": parameter.source,
            "near_low": self.low,
            "near_high": self.high,
            "near_share": self.span,
            "pinned": self.pinned,
            "words": self.words,
            "profile": [[float(x), float(y)] for x, y in zip(self.values, self.losses, strict=True)],
        }


def profiles(parameters: Sequence[Parameter], targets: Sequence[Target], trials: Sequence[Trial]) -> list[Profile]:
    """Profile of every parameter: what loss a value costs when the others are as in one of the best trials."""
    places = np.array([[place_of(p, one.values[p.path]) for p in parameters] for one in trials])
    losses = np.array([one.loss for one in trials])
    guess, best = Guess(targets, places, trials), best_of(trials)
    others = places[np.argsort(losses, kind="stable")[:OTHERS]]
    grid = np.linspace(0.0, 1.0, GRID)
    found = []
    for k, parameter in enumerate(parameters):
        least = np.array([_least(guess, others, k, place) for place in grid])
        values = np.array([unrounded(parameter, place) for place in grid])
        near = least <= least.min() + NEAR
        found.append(Profile(parameter, best.values[parameter.path], values, least, near))
    return found


def _least(guess: Guess, others: np.ndarray, column: int, place: float) -> float:
    moved = others.copy()
    moved[:, column] = place
    return float(guess.loss(moved).min())


class Guess:
    """The loss that is to be expected between the trials: a `Surrogate` of every required target's statistic.

    Parameters
    ----------
    targets : sequence of Target
        The facts; those whose statistic hardly any trial defines count as missed.
    places : (n, parameters) float64
        Where in their ranges the parameters of each trial lie.
    trials : sequence of Trial
        Likewise, in the same order.
    """

    def __init__(self, targets: Sequence[Target], places: np.ndarray, trials: Sequence[Trial]) -> None:
        self.rows = spread_out(np.array([one.loss for one in trials]))
        self.models: list[tuple[Target, Surrogate | None]] = []
        for target in targets:
            if target.required:
                values = np.array([trials[row].statistics.get(target.name, math.nan) for row in self.rows])
                known = np.isfinite(values)
                model = Surrogate(places[self.rows][known], values[known]) if known.sum() >= FEWEST else None
                self.models.append((target, model))

    def loss(self, places: np.ndarray) -> np.ndarray:
        """Expected loss at some places, (m,)."""
        total = np.zeros(len(places))
        for target, model in self.models:
            if model is None:
                total += CAP**2
                continue
            total += [min(target.miss(float(value)), CAP) ** 2 for value in model(places)]
        return total


def pareto(targets: Sequence[Target], trials: Sequence[Trial]) -> list[bool]:
    """Whether each trial is one that no other beats in one required target without losing in another."""
    cost = np.array([[min(one.misses[t.name], CAP) for t in targets if t.required] for one in trials])
    kept = []
    for row in cost:
        beaten = (cost <= row).all(axis=1) & (cost < row).any(axis=1)
        kept.append(not bool(beaten.any()))
    return kept


def trade_offs(targets: Sequence[Target], trials: Sequence[Trial]) -> list[tuple[str, Trial]]:
    """The best trial, and for each required target the trial that meets it best; of equals the one with less loss."""
    required = [target for target in targets if target.required]
    found = [(ALL, best_of(trials))]
    for target in required:
        nearest = min(trials, key=lambda one, name=target.name: (one.misses[name], one.loss, one.number))
        found.append((target.name, nearest))
    return found


def number(value: float) -> str:
    """A number in a sentence: four significant digits."""
    return f"{value:.4g}".replace("-", "−")
