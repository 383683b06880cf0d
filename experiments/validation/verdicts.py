"""What several seeds say of the facts: means with intervals, and whether they lie inside."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from experiments.comparison.intervals import interval, t_quantile
from experiments.files import plain
from experiments.validation.interventions import EFFECTS, PARTS, RATIO, Effect
from experiments.validation.measures import STATISTICS
from experiments.validation.targets import Target, Targets

INSIDE, OUTSIDE, UNDEFINED = "inside", "outside", "undefined"


@dataclass(frozen=True)
class Estimate:
    """A figure over seeds: its mean, the 95 per cent t interval of the mean, and of how many seeds.

    The interval is NaN for fewer than two seeds, the mean where no seed defines it.
    """

    mean: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Any) -> Estimate:
        """Of the values of seeds, NaN where one does not define it."""
        known = np.asarray(values, dtype=float)
        known = known[np.isfinite(known)]
        if not known.size:
            return cls(math.nan, math.nan, math.nan, 0)
        low, high = interval(known, method="t")
        return cls(float(known.mean()), float(low), float(high), int(known.size))


@dataclass(frozen=True)
class Verdict:
    """A target and what the runs came to.

    Attributes
    ----------
    target : Target
        The fact.
    simulated : Estimate
        Over seeds.
    share_inside : float
        Share of all seeds whose own value lies inside; undefined ones don't.
    """

    target: Target
    simulated: Estimate
    share_inside: float

    @property
    def word(self) -> str:
        """``inside`` or ``outside`` by the mean, ``undefined`` where no seed defines it."""
        if not self.simulated.n:
            return UNDEFINED
        return INSIDE if self.target.holds(self.simulated.mean) else OUTSIDE

    def row(self) -> dict[str, Any]:
        """As plain values; None where a number is missing or infinite."""
        target, statistic = self.target, STATISTICS[self.target.statistic]
        return {
            "target": target.name,
            "statistic": target.statistic,
            "title": statistic.title,
            "unit": statistic.unit,
            "meaning": statistic.meaning,
            "required": target.required,
            "real": plain(target.value),
            "allowed_low": plain(target.low),
            "allowed_high": plain(target.high),
            "mean": plain(self.simulated.mean),
            "low": plain(self.simulated.low),
            "high": plain(self.simulated.high),
            "seeds": self.simulated.n,
            "seeds_inside": self.share_inside,
            "verdict": self.word,
            "source": target.source,
        }


def verdicts(targets: Targets, figures: pd.DataFrame) -> list[Verdict]:
    """Judge the runs by every target.

    Parameters
    ----------
    targets : Targets
        The facts.
    figures : DataFrame
        A row a seed, a column a statistic; one that is not there counts as undefined.
    """
    return [_verdict(target, figures) for target in targets.targets]


def _verdict(target: Target, figures: pd.DataFrame) -> Verdict:
    missing = pd.Series(math.nan, figures.index)
    values = figures.get(target.statistic, missing).to_numpy(dtype=float)
    inside = [target.holds(value) for value in values]
    return Verdict(target, Estimate.of(values), float(np.mean(inside)) if inside else 0.0)


def effects(figures: pd.DataFrame) -> dict[str, Estimate]:
    """Every effect that was measured, over seeds; the ratio of two of them by the jackknife."""
    found = {name: Estimate.of(figures[name]) for name in EFFECTS if name in figures}
    if all(part in figures for part in PARTS):
        found[RATIO] = _ratio_of_means(*(figures[part].to_numpy(dtype=float) for part in PARTS))
    return {name: found[name] for name in EFFECTS if name in found}


def _ratio_of_means(part: np.ndarray, whole: np.ndarray) -> Estimate:
    """Ratio of two means over the same seeds, with the jackknife's t interval (Miller 1974, Biometrika 61: 1-15)."""
    known = np.isfinite(part) & np.isfinite(whole)
    a, b, n = part[known], whole[known], int(known.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = a.sum() / b.sum() if n else math.nan
        without = (a.sum() - a) / (b.sum() - b)
    if n < 2 or not np.isfinite(without).all():
        return Estimate(float(ratio) if math.isfinite(ratio) else math.nan, math.nan, math.nan, n)
    error = math.sqrt((n - 1) / n * float(((without - without.mean()) ** 2).sum()))
    half = float(t_quantile(n - 1, 0.95)) * error
    return Estimate(float(ratio), float(ratio - half), float(ratio + half), n)


def effect_row(effect: Effect, found: Estimate) -> dict[str, Any]:
    """An effect as plain values."""
    return {
        "effect": effect.name,
        "title": effect.title,
        "unit": effect.unit,
        "literature": plain(effect.real),
        "mean": plain(found.mean),
        "low": plain(found.low),
        "high": plain(found.high),
        "seeds": found.n,
        "comparable": effect.comparable,
        "source": effect.source,
    }


def counted(found: list[Verdict]) -> Mapping[str, int]:
    """How many required targets there are, and how many hold."""
    asked = [verdict for verdict in found if verdict.target.required]
    return {"required": len(asked), "inside": sum(verdict.word == INSIDE for verdict in asked)}


def in_words(value: float) -> str:
    """A number in a table: four significant digits, a true minus."""
    return "" if not math.isfinite(value) else f"{value:.4g}".replace("-", "−")


def span_in_words(low: float, high: float) -> str:
    """Bounds in a table: ``0.73 to 0.85``, ``at most 5``."""
    if math.isfinite(low) and math.isfinite(high):
        return f"{in_words(low)} to {in_words(high)}"
    if math.isfinite(low):
        return f"at least {in_words(low)}"
    return f"at most {in_words(high)}" if math.isfinite(high) else ""
