"""What a factor of a sampled design is drawn from.

Every distribution is its quantile function: a sampler lays points in the unit cube, and a quantile in [0, 1] becomes
a value. Values are rounded to `DIGITS` significant digits, so that machines whose logarithms differ in the last bit
still agree on the points of a design.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from experiments.designs.errors import DesignError
from experiments.designs.fields import Field

DIGITS = 12
LAST = 2.0**-32
"""Quantiles of a distribution without ends are kept this far from 0 and 1."""

MOST_SD = 6.5
"""How many standard deviations such a quantile can lie from the mean: a little over those of `LAST`."""

LEAST_MASS = 1e-9
"""The least share of a normal distribution that may lie between the ends to which it is truncated."""


@dataclass(frozen=True)
class Distribution:
    """What a factor is drawn from; the classes below state how.

    Attributes
    ----------
    field : Field
        The field that takes the values.
    """

    field: Field

    name: ClassVar[str] = ""
    needed: ClassVar[tuple[str, ...]] = ("low", "high")
    """Keys of its table, all of them numbers."""
    bounded: ClassVar[bool] = True
    """Whether there is a least and a largest value."""

    def check(self) -> str:
        """What is wrong with its parameters, or nothing."""
        return ""

    def quantile(self, share: float) -> float:
        """The value below which a share of the distribution lies."""
        raise NotImplementedError

    def value(self, share: float) -> Any:
        """The field's value at a quantile."""
        return self._whole(self.quantile(share)) if self.field.whole else self._inside(self.quantile(share))

    @property
    def salib(self) -> tuple[str, list[float]]:
        """SALib's name and ``bounds``; where it has none the factor stands as its quantile: ``unif``, [0, 1]."""
        return "unif", [0.0, 1.0]

    def _inside(self, value: float) -> float:
        low, high = self._ends
        return min(max(float(f"{value:.{DIGITS}g}"), low), high)

    def _whole(self, value: float) -> int:
        low, high = self._ends
        return round(min(max(value, low), high))

    @property
    def _ends(self) -> tuple[float, float]:
        return getattr(self, "low", -math.inf), getattr(self, "high", math.inf)


@dataclass(frozen=True)
class Uniform(Distribution):
    """Every value from ``low`` to ``high`` alike; of whole numbers each has the same chance, both ends included."""

    low: float
    high: float

    name = "uniform"

    def check(self) -> str:
        return _in_order(self.low, self.high)

    def quantile(self, share: float) -> float:
        return self.low + share * (self.high - self.low)

    def value(self, share: float) -> Any:
        if not self.field.whole:
            return super().value(share)
        low, high = int(self.low), int(self.high)
        return min(low + math.floor(share * (high - low + 1)), high)

    @property
    def salib(self) -> tuple[str, list[float]]:
        return super().salib if self.field.whole else ("unif", [self.low, self.high])


@dataclass(frozen=True)
class Integer(Uniform):
    """Every whole number from ``low`` to ``high`` alike, both ends included."""

    name = "integer"

    def check(self) -> str:
        for key in ("low", "high"):
            if getattr(self, key) != math.floor(getattr(self, key)):
                return f"{key} = {getattr(self, key)} is not a whole number"
        return _in_order(self.low, self.high)

    def value(self, share: float) -> Any:
        drawn = min(self.low + math.floor(share * (self.high - self.low + 1)), self.high)
        return int(drawn) if self.field.whole else float(drawn)

    @property
    def salib(self) -> tuple[str, list[float]]:
        return "unif", [0.0, 1.0]


@dataclass(frozen=True)
class LogUniform(Distribution):
    """The logarithm is uniform from log ``low`` to log ``high``; whole numbers are rounded."""

    low: float
    high: float

    name = "log-uniform"

    def check(self) -> str:
        return f"low = {self.low} is not allowed: a log-uniform range lies above 0" if self.low <= 0 else _in_order(
            self.low, self.high
        )  # fmt: skip

    def quantile(self, share: float) -> float:
        return math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low)))

    @property
    def salib(self) -> tuple[str, list[float]]:
        return super().salib if self.field.whole else ("logunif", [self.low, self.high])


@dataclass(frozen=True)
class Normal(Distribution):
    """Normal, so without ends: for fields in whose range nearly all of it lies; whole numbers are rounded."""

    mean: float
    sd: float

    name, needed, bounded = "normal", ("mean", "sd"), False

    def check(self) -> str:
        if self.sd <= 0:
            return f"sd = {self.sd} is not allowed: it must be above 0"
        ends = [self.mean - MOST_SD * self.sd, self.mean + MOST_SD * self.sd]
        try:
            for end in ends:
                self.field.value(round(end) if self.field.whole and math.isfinite(end) else end)
        except DesignError:
            return (
                f"a normal distribution of mean {self.mean:g} and sd {self.sd:g} leaves the field's range "
                f"({self.field.declaration.range or 'finite numbers'}); use truncated-normal with low and high"
            )
        return ""

    def quantile(self, share: float) -> float:
        from scipy.special import ndtri

        return self.mean + self.sd * float(ndtri(min(max(share, LAST), 1.0 - LAST)))

    @property
    def salib(self) -> tuple[str, list[float]]:
        return super().salib if self.field.whole else ("norm", [self.mean, self.sd])


@dataclass(frozen=True)
class TruncatedNormal(Distribution):
    """The part of a normal distribution that lies from ``low`` to ``high``; whole numbers are rounded."""

    mean: float
    sd: float
    low: float
    high: float

    name, needed = "truncated-normal", ("mean", "sd", "low", "high")

    def check(self) -> str:
        if self.sd <= 0:
            return f"sd = {self.sd} is not allowed: it must be above 0"
        wrong = _in_order(self.low, self.high)
        if not wrong and not self._shares[2] >= LEAST_MASS:
            return (
                f"hardly anything of a normal distribution of mean {self.mean:g} and sd {self.sd:g} "
                f"lies from {self.low:g} to {self.high:g}"
            )
        return wrong

    @property
    def _shares(self) -> tuple[float, float, float]:
        """Below low, below high, and between; mirrored where both ends lie above the mean, for the digits."""
        from scipy.special import ndtr

        a, b = (self.low - self.mean) / self.sd, (self.high - self.mean) / self.sd
        below, above = (ndtr(-b), ndtr(-a)) if a > 0 else (ndtr(a), ndtr(b))
        return float(below), float(above), float(above - below)

    def quantile(self, share: float) -> float:
        from scipy.special import ndtri

        below, _, between = self._shares
        mirrored = self.low > self.mean
        z = float(ndtri(below + (1.0 - share if mirrored else share) * between))
        return self.mean + self.sd * (-z if mirrored else z)

    @property
    def salib(self) -> tuple[str, list[float]]:
        return super().salib if self.field.whole else ("truncnorm", [self.low, self.high, self.mean, self.sd])


@dataclass(frozen=True)
class Triangular(Distribution):
    """Rising from ``low`` to ``mode`` and falling to ``high``; whole numbers are rounded."""

    low: float
    mode: float
    high: float

    name, needed = "triangular", ("low", "mode", "high")

    def check(self) -> str:
        wrong = _in_order(self.low, self.high)
        if not wrong and not self.low <= self.mode <= self.high:
            return f"mode = {self.mode} is not allowed: it must lie from low = {self.low} to high = {self.high}"
        return wrong

    def quantile(self, share: float) -> float:
        width = self.high - self.low
        if share * width <= self.mode - self.low:
            return self.low + math.sqrt(share * width * (self.mode - self.low))
        return self.high - math.sqrt((1.0 - share) * width * (self.high - self.mode))

    @property
    def salib(self) -> tuple[str, list[float]]:
        peak = (self.mode - self.low) / (self.high - self.low)
        return super().salib if self.field.whole else ("triang", [self.low, self.high, peak])


@dataclass(frozen=True)
class Choice(Distribution):
    """One of the ``values``, in their order along the quantiles; ``probabilities`` are equal unless they are stated."""

    values: tuple[Any, ...]
    probabilities: tuple[float, ...]

    name, needed = "choice", ()

    def value(self, share: float) -> Any:
        reached = 0.0
        for value, probability in zip(self.values, self.probabilities, strict=True):
            reached += probability
            if share < reached:
                return value
        return next(v for v, p in zip(reversed(self.values), reversed(self.probabilities), strict=True) if p > 0)


DISTRIBUTIONS: dict[str, type[Distribution]] = {
    kind.name: kind for kind in (Uniform, LogUniform, Normal, TruncatedNormal, Triangular, Integer, Choice)
}


def distribution_of(field: Field, table: Mapping[str, Any]) -> Distribution:
    """The distribution that a table of a design states.

    Raises
    ------
    DesignError
        For an unknown key or distribution, a value outside the field's range, or parameters that do not fit together.
    """
    from marketplace.scenario_errors import nearest, show

    name = table.get("distribution", "choice" if "values" in table else "uniform")
    if not isinstance(name, str) or name not in DISTRIBUTIONS:
        near = nearest(name, DISTRIBUTIONS) if isinstance(name, str) else ""
        known = ", ".join(DISTRIBUTIONS)
        raise DesignError(f"{field.path}: distribution = {show(name)} is not one of {known}{near}")
    kind = DISTRIBUTIONS[name]
    if kind is Choice:
        _check_keys(field, name, table, ("values",), ("probabilities",))
        return choice(field, table["values"], table.get("probabilities"))
    _check_keys(field, name, table, kind.needed)
    if not field.numeric:
        raise DesignError(f"{field.path} takes {field.declaration.allowed}, so it has no range: list its values")
    numbers = {key: _number(field, key, table[key]) for key in kind.needed}
    made = kind(field, **numbers)
    wrong = made.check()
    if wrong:
        raise DesignError(f"{field.path}: {wrong}")
    return made


def choice(field: Field, values: Any, probabilities: Any = None) -> Choice:
    """One of several values.

    Raises
    ------
    DesignError
        If a value is not allowed or stated twice, or the probabilities are none.
    """
    from marketplace.scenario_errors import show

    taken = values_of(field, values)
    if probabilities is None:
        return Choice(field, taken, (1.0 / len(taken),) * len(taken))
    if not isinstance(probabilities, list) or len(probabilities) != len(taken):
        raise DesignError(f"{field.path}: probabilities must be a list of {len(taken)} numbers, one for each value")
    for probability in probabilities:
        if type(probability) not in (int, float) or not 0 <= probability <= 1:
            raise DesignError(f"{field.path}: the probability {show(probability)} is not allowed: it lies from 0 to 1")
    total = math.fsum(probabilities)
    if abs(total - 1.0) > 1e-9:
        raise DesignError(f"{field.path}: the probabilities sum to {total:.12g}; they must sum to 1")
    return Choice(field, taken, tuple(map(float, probabilities)))


def values_of(field: Field, values: Any, *, repeats: bool = False) -> tuple[Any, ...]:
    """A list of values, each as the field takes it; a value may stand twice where ``repeats`` says so.

    Raises
    ------
    DesignError
        If it is no list, empty, or a value is not allowed or stated twice.
    """
    from marketplace.scenario_errors import show

    if not isinstance(values, Sequence) or isinstance(values, str):
        raise DesignError(f"{field.path}: values = {show(values)} is not allowed: it must be a list of values")
    if not values:
        raise DesignError(f"{field.path} has an empty list of values: state at least one")
    taken = tuple(field.value(value) for value in values)
    seen = set()
    for value in taken:
        if value in seen and not repeats:
            raise DesignError(f"{field.path}: {show(value)} is listed twice; each value makes points of its own")
        seen.add(value)
    return taken


def _number(field: Field, key: str, value: Any) -> float:
    from marketplace.scenario_errors import show

    if type(value) not in (int, float) or abs(value) > 1e300 or value != value:
        raise DesignError(f"{field.path}: {key} = {show(value)} is not allowed: it must be a number")
    if key in ("low", "high", "mode"):
        return field.value(value, key)
    return float(value)


def _in_order(low: float, high: float) -> str:
    return "" if low < high else f"low = {low} must lie below high = {high}"


def _check_keys(
    field: Field, name: str, table: Mapping[str, Any], needed: Sequence[str], optional: Sequence[str] = ()
) -> None:
    from marketplace.scenario_errors import nearest, show

    known = ("distribution", *needed, *optional)
    missing = [key for key in needed if key not in table]
    for key in table:
        if key not in known:
            near = nearest(str(key), known) or f"; it takes {', '.join((*needed, *optional))}"
            raise DesignError(f"{field.path}: {show(key)} says nothing about the distribution {show(name)}{near}")
    if missing:
        raise DesignError(f"{field.path}: the distribution {show(name)} needs {' and '.join(missing)}")
