"""Target files: which statistics a run should reproduce, within which bounds, and which parameters may be moved.

    scenario = "bazaar"                      # the world that is meant, unless the command line names another

    [targets.C3]
    statistic = "seller_gini"                # see experiments.validation.measures
    value = 0.788                            # may be left out where only bounds are known
    tolerance = 0.06                         # or low and high; one of them may be left out where a fact has one side
    source = "Olist, 2,970 sellers"
    required = true                          # false: shown beside the others, but not calibrated to

    [parameters."sellers.listings_sd"]       # for `marketplace calibrate`
    low = 0.8
    high = 2.4
    scale = "linear"                         # or "log"
    source = "assumption: ..."
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from experiments.errors import ResultsError
from marketplace.declarations import Declaration, alternatives, declarations
from marketplace.scenario_errors import nearest, one_line, show, split_path
from marketplace.toml import TomlError, parse_toml, toml_key, toml_value

SHIPPED = resources.files("experiments") / "facts" / "targets"
HUGE = 1e300  # beyond, differences of numbers are no numbers


class TargetError(ResultsError):
    """A target file that cannot be used; ``str()`` is one sentence."""

    def __init__(self, sentence: str) -> None:
        super().__init__(one_line(sentence))


@dataclass(frozen=True)
class Target:
    """A fact that a run should reproduce.

    Attributes
    ----------
    name : str
        Its key in the file, such as ``C3``.
    statistic : str
        Name of a statistic of `experiments.validation.measures`.
    value : float
        What is real, in the statistic's unit; NaN where only bounds are known.
    low, high : float
        Bounds within which a simulated value counts as reproduced; infinite where the fact has one side.
    source : str
        Where the value comes from.
    required : bool
        Whether calibration aims at it; if not it is only shown.
    """

    name: str
    statistic: str
    value: float
    low: float
    high: float
    source: str
    required: bool = True

    def holds(self, simulated: float) -> bool:
        """Whether a simulated value lies within the bounds; an undefined one does not."""
        return self.low <= simulated <= self.high

    def miss(self, simulated: float) -> float:
        """How far a simulated value is off: 0 at the real value, 1 at a bound, above 1 exactly where it is outside.

        Of a fact with one side it is 0 within, and beyond the bound it grows by 1 for each distance from the bound to
        the real value (to zero where that is not known). Infinite where the simulated value is undefined.
        """
        if math.isnan(simulated):
            return math.inf
        if math.isfinite(self.low) and math.isfinite(self.high):
            middle = (self.low + self.high) / 2.0 if math.isnan(self.value) else self.value
            reach = self.high - middle if simulated > middle else middle - self.low
            whole = (self.high - self.low) / 2.0
            if simulated == middle:
                return 0.0
            return abs(simulated - middle) / reach if reach > 0.0 else 1.0 + abs(simulated - middle) / whole
        beyond = max(self.low - simulated, simulated - self.high)
        if beyond <= 0.0:
            return 0.0
        bound = self.low if math.isfinite(self.low) else self.high
        known = 0.0 if math.isnan(self.value) else self.value
        return 1.0 + beyond / (abs(known - bound) or abs(bound) or 1.0)


@dataclass(frozen=True)
class Parameter:
    """A scenario field that calibration may move, with the range it may move in.

    Attributes
    ----------
    path : str
        Dotted path of the field.
    low, high : float
        Range, both ends within it; integers where the field is one.
    log : bool
        Whether the range is searched on a log scale.
    source : str
        Why this range.
    """

    path: str
    low: float
    high: float
    log: bool
    source: str
    integer: bool = False


@dataclass(frozen=True)
class Targets:
    """A target file as read.

    Attributes
    ----------
    name : str
        Of the shipped file, or the file's stem.
    scenario : str
        The world that is meant.
    targets : tuple of Target
        In the order of the file.
    parameters : tuple of Parameter
        What calibration may move; empty where the file is for validation alone.
    text : str
        The file.
    """

    name: str
    scenario: str
    targets: tuple[Target, ...]
    parameters: tuple[Parameter, ...] = field(default=())
    text: str = ""

    @property
    def needs_orders(self) -> bool:
        """Whether a run must record its orders."""
        from experiments.validation.measures import STATISTICS

        return any(STATISTICS[target.statistic].needs_orders for target in self.targets)

    @property
    def required(self) -> tuple[Target, ...]:
        """Those that calibration aims at."""
        return tuple(target for target in self.targets if target.required)


def shipped_targets() -> list[str]:
    """Names of the target files that come with the project."""
    return sorted(path.name.removesuffix(".toml") for path in SHIPPED.iterdir() if path.name.endswith(".toml"))


def load_targets(name_or_path: str | Path) -> Targets:
    """Read a shipped target file by name, or a file by path.

    Raises
    ------
    TargetError
        One sentence with the file, the key, the value and what is allowed.
    """
    shipped = str(name_or_path) in shipped_targets()
    path = SHIPPED / f"{name_or_path}.toml" if shipped else Path(name_or_path).expanduser()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:  # ValueError: neither UTF-8 nor a name that a file can have
        known = shipped_targets()
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        hint = nearest(str(name_or_path), known) or f"; shipped are {', '.join(known)}"
        raise TargetError(f"{name_or_path}: {reason}{hint}") from None
    try:
        return read_targets(text, path.name.removesuffix(".toml"))
    except TargetError as error:
        raise TargetError(f"{name_or_path}: {error}") from None


def read_targets(text: str, name: str = "targets") -> Targets:
    """Read the text of a target file.

    Raises
    ------
    TargetError
        As `load_targets`.
    """
    try:
        tables = parse_toml(text)
    except TomlError as error:
        raise TargetError(str(error)) from None
    _only_keys(tables, ("scenario", "targets", "parameters"), "")
    scenario = tables.get("scenario", "amazon")
    if not isinstance(scenario, str):
        raise TargetError(f"scenario = {show(scenario)} is not allowed: it must be a name or a path, in quotes")
    targets = tuple(_target(key, table) for key, table in _tables(tables, "targets").items())
    if not targets:
        raise TargetError("there is nothing to reproduce: a target file needs at least one [targets.NAME] table")
    parameters = tuple(_parameter(key, table) for key, table in _tables(tables, "parameters").items())
    _refuse_same_field(parameters)
    return Targets(name, scenario, targets, parameters, text)


def _tables(tables: Mapping[str, Any], key: str) -> dict[str, dict[str, Any]]:
    found = tables.get(key, {})
    if not isinstance(found, dict):
        raise TargetError(f"{key} = {show(found)} is not allowed: it must be a table of tables")
    for name, table in found.items():
        if not isinstance(table, dict):
            raise TargetError(f"{key}.{name} = {show(table)} is not allowed: it must be a table")
    return found


def _target(name: str, table: Mapping[str, Any]) -> Target:
    from experiments.validation.measures import STATISTICS

    where = f"targets.{toml_key(name)}"
    _only_keys(table, ("statistic", "value", "tolerance", "low", "high", "source", "required"), where)
    statistic = _text(table, "statistic", where)
    if statistic not in STATISTICS:
        hint = nearest(statistic, STATISTICS) or f"; the statistics are {', '.join(STATISTICS)}"
        raise TargetError(f"{where}.statistic = {show(statistic)} is no statistic of a run{hint}")
    required = table.get("required", True)
    if not isinstance(required, bool):
        raise TargetError(f"{where}.required = {show(required)} is not allowed: it must be true or false")
    value, low, high = _bounds(table, where)
    return Target(name, statistic, value, low, high, _text(table, "source", where), required)


def _bounds(table: Mapping[str, Any], where: str) -> tuple[float, float, float]:
    """Value, low and high of a target."""
    if "tolerance" in table:
        if "low" in table or "high" in table:
            raise TargetError(f"{where} states tolerance beside low or high: take one or the other")
        value, tolerance = _number(table, "value", where), _number(table, "tolerance", where)
        if tolerance <= 0.0:
            raise TargetError(f"{where}.tolerance = {show(tolerance)} is not allowed: it must be above 0")
        low, high = value - tolerance, value + tolerance
        if not low < value < high:
            raise TargetError(f"{where}.tolerance = {show(tolerance)} is not allowed: beside the value it is nothing")
        return value, low, high
    if "low" not in table and "high" not in table:
        raise TargetError(f"{where} says not how near is near enough: it needs tolerance, or low, or high")
    value = _number(table, "value", where) if "value" in table else math.nan
    low = _number(table, "low", where) if "low" in table else -math.inf
    high = _number(table, "high", where) if "high" in table else math.inf
    if not low < high:
        raise TargetError(f"{where}.low = {show(low)} is not allowed: it must be below {where}.high = {show(high)}")
    if not math.isnan(value) and not low <= value <= high:
        raise TargetError(f"{where}.value = {show(value)} is not allowed: it must lie between low and high")
    return value, low, high


def _parameter(path: str, table: Mapping[str, Any]) -> Parameter:
    where = f"parameters.{toml_value(path)}"
    declared = _declaration(path, where)
    kinds = alternatives(declared.info.annotation)
    integer = int in kinds
    if float not in kinds and not integer:
        raise TargetError(f"{where} cannot be calibrated: the field must be a number, and it is {declared.kind}")
    _only_keys(table, ("low", "high", "scale", "source"), where)
    low, high = _number(table, "low", where), _number(table, "high", where)
    for key, number in (("low", low), ("high", high)):
        if not _allows(declared.bounds, number):
            raise TargetError(f"{where}.{key} = {show(number)} is not allowed: the field must be {declared.allowed}")
        if integer and number != int(number):
            raise TargetError(f"{where}.{key} = {show(number)} is not allowed: the field is an integer")
    if not low < high:
        raise TargetError(f"{where}.low = {show(low)} is not allowed: it must be below high = {show(high)}")
    scale = table.get("scale", "linear")
    if scale not in ("linear", "log"):
        raise TargetError(f'{where}.scale = {show(scale)} is not allowed: it must be "linear" or "log"')
    if scale == "log" and low <= 0.0:
        raise TargetError(f'{where}.low = {show(low)} is not allowed: with scale = "log" it must be above 0')
    return Parameter(path, low, high, scale == "log", _text(table, "source", where), integer)


def _declaration(path: str, where: str) -> Declaration:
    from marketplace.scenario import Scenario, ScenarioError, explain

    try:
        name = explain(path)["field"]
    except ScenarioError as error:
        raise TargetError(f"{where}: {error}") from None
    if name.startswith("run."):
        raise TargetError(f"{where} cannot be calibrated: it is no property of the world")
    if "<" in name:
        raise TargetError(f"{where} cannot be calibrated: {name} has no fixed place in a scenario")
    return next(declared for declared in declarations(Scenario) if declared.path == name)


def _allows(bounds: Mapping[str, float], number: float) -> bool:
    """Whether a number is within bounds by pydantic's names."""
    compare = {"ge": operator.ge, "gt": operator.gt, "le": operator.le, "lt": operator.lt}
    return all(compare[name](number, bound) for name, bound in bounds.items())


def _refuse_same_field(parameters: Sequence[Parameter]) -> None:
    """Refuse one field under two paths, as ``platform.x`` and ``platforms.0.x``."""
    seen: dict[str, str] = {}
    for parameter in parameters:
        keys = split_path(parameter.path)
        plain = ".".join(["platforms", "0", *keys[1:]] if keys[0] == "platform" else keys)
        if plain in seen:
            raise TargetError(f"{seen[plain]} and {parameter.path} are the same field: take one of them")
        seen[plain] = parameter.path


def _only_keys(table: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for key in table:
        if key not in known:
            hint = nearest(key, known) or f"; known are {', '.join(known)}"
            raise TargetError(f"{where + '.' if where else ''}{key} is not a key of a target file{hint}")


def _number(table: Mapping[str, Any], key: str, where: str) -> float:
    if key not in table:
        raise TargetError(f"{where}.{key} is missing: it must be a number")
    value = table[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < HUGE:
        raise TargetError(f"{where}.{key} = {show(value)} is not allowed: it must be a number")
    return float(value)


def _text(table: Mapping[str, Any], key: str, where: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        what = "is missing" if value is None else f"= {show(value)} is not allowed"
        raise TargetError(f"{where}.{key} {what}: it must be words in quotes")
    return value
