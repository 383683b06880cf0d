"""The points of a design, by its kind."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.designs.bases import flat_changes, scenario_at
from experiments.designs.design import said
from experiments.designs.errors import DesignError, naming
from experiments.designs.factors import Factor, constant, factors_of
from experiments.designs.fields import field_of, flat
from experiments.designs.settings import Settings, check_count

if TYPE_CHECKING:
    import numpy as np

    from marketplace.scenario import Scenario

LABEL = 60  # characters of the label of an arm
WEEKS = "run.weeks"


@dataclass(frozen=True)
class Layout:
    """The points of a design, and what they are made of; see `Design`."""

    factors: tuple[Factor, ...] = ()
    constants: dict[str, Any] = field(default_factory=dict)
    rows: tuple[tuple[Any, ...], ...] = ()
    arms: dict[str, Scenario] = field(default_factory=dict)
    shares: np.ndarray | None = None


def layout_of(base: Scenario, settings: Settings, folder: Path) -> Layout:
    """Lay out the points that a design file asks for; the base has the changes of all of them already.

    Raises
    ------
    DesignError
        If there are none, too many, or a factor is not allowed.
    """
    if settings.kind == "arms":
        return _arms(base, settings, folder)
    layout = _listed(base, settings) if settings.kind == "list" else _varied(base, settings)
    if WEEKS in [factor.path for factor in layout.factors]:
        raise DesignError(
            f"{WEEKS} cannot differ between points, whose figures are those of the last 52 weeks: sweep the longest "
            "with weekly = true, whose weeks hold those of the shorter ones"
        )
    return layout


def _varied(base: Scenario, settings: Settings) -> Layout:
    factors = factors_of(base, settings.table.get("factors"), settings.kind)
    varying = tuple(factor for factor in factors if not constant(factor))
    constants = {factor.path: factor.values[0] for factor in factors if constant(factor)}
    if settings.sampling is not None:
        return _sampled(varying, constants, settings)
    values = [factor.values for factor in varying]
    if settings.kind == "grid":
        check_count(math.prod(map(len, values)), settings)
        return Layout(varying, constants, tuple(itertools.product(*values)))
    rows = _side_by_side(varying, settings)
    _refuse_repeated([factor.path for factor in varying], rows)
    return Layout(varying, constants, rows)


def _side_by_side(varying: tuple[Factor, ...], settings: Settings) -> tuple[tuple[Any, ...], ...]:
    lengths = {factor.path: len(factor.values) for factor in varying}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{path} {length}" for path, length in lengths.items())
        raise DesignError(f"zip takes its lists side by side, so all must be equally long: {said}")
    check_count(max(lengths.values(), default=1), settings)
    return tuple(zip(*(factor.values for factor in varying), strict=True)) or ((),)


def _sampled(varying: tuple[Factor, ...], constants: dict[str, Any], settings: Settings) -> Layout:
    sampling = settings.sampling
    assert sampling is not None
    if not varying:
        raise DesignError(f"nothing varies: a design of kind {settings.kind} needs a factor with a range or two values")
    for factor in varying:
        if sampling.kind == "morris" and factor.distribution is not None and not factor.distribution.bounded:
            raise DesignError(
                f"{factor.path}: Morris tries the ends of every factor, and a normal distribution has none; "
                "use truncated-normal or uniform"
            )
    check_count(sampling.count(len(varying)), settings)
    shares = sampling.shares(len(varying))
    columns = [
        [factor.distribution.value(share) for share in column]
        for factor, column in zip(varying, shares.T.tolist(), strict=True)
        if factor.distribution is not None
    ]
    return Layout(varying, constants, tuple(zip(*columns, strict=True)), shares=shares)


def _listed(base: Scenario, settings: Settings) -> Layout:
    stated = settings.table.get("points")
    if not isinstance(stated, list) or not stated or not all(isinstance(row, Mapping) for row in stated):
        raise DesignError("a list needs its points: one [[design.points]] for each, with the fields that it states")
    check_count(len(stated), settings)
    fields: dict[str, Any] = {}
    table = [_point(base, number, row, fields) for number, row in enumerate(stated)]
    if not fields:
        raise DesignError("nothing varies: no point states a field")
    for path in fields:
        standing = _standing(base, fields[path].place)
        for number, row in enumerate(table):
            if path not in row and standing is None:
                raise DesignError(f"point {number} says nothing about {path}, and neither does the base: state it")
            row.setdefault(path, standing)
    rows = [tuple(row[path] for path in fields) for row in table]
    _refuse_repeated(list(fields), rows)
    return _without_constants(fields, rows)


def _point(base: Scenario, number: int, stated: Mapping[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """What one point states, by the fields' own paths; ``fields`` learns of new ones."""
    row: dict[str, Any] = {}
    with naming(f"point {number}"):
        for path, value in flat(stated, lambda path, table: not table).items():
            found = field_of(base, path)
            if found.path in row:
                raise DesignError(f"{found.path} is stated twice, the second time as {path}")
            fields.setdefault(found.path, found)
            row[found.path] = found.value(value)
    return row


def _without_constants(fields: Mapping[str, Any], rows: list[tuple[Any, ...]]) -> Layout:
    columns = dict(zip(fields, zip(*rows, strict=True), strict=True))
    values = {path: tuple(dict.fromkeys(column)) for path, column in columns.items()}
    varying = tuple(Factor(path, seen) for path, seen in values.items() if len(seen) > 1)
    constants = {path: seen[0] for path, seen in values.items() if len(seen) == 1}
    kept = tuple(zip(*(columns[factor.path] for factor in varying), strict=True)) or ((),)
    return Layout(varying, constants, kept)


def _standing(base: Scenario, place: tuple[Any, ...]) -> Any:
    """The base's value at a place; None where it has none, or a table. A valve of which it says nothing is open."""
    from marketplace.sections import Valve

    value: Any = base.tables()
    for key in place:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            if place[:2] != ("flywheel", "valves"):
                return None
            value = getattr(Valve(), place[3] if len(place) > 3 else "state")
            break
    return value if isinstance(value, bool | int | float | str) else None


def _refuse_repeated(columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    seen: dict[tuple[Any, ...], int] = {}
    for number, row in enumerate(rows):
        first = seen.setdefault(row, number)
        if first != number:
            raise DesignError(f"point {number} is point {first} again: {said(columns, row)}")


def _arms(base: Scenario, settings: Settings, folder: Path) -> Layout:
    stated = settings.table.get("arms")
    if not isinstance(stated, Mapping) or not stated:
        raise DesignError(
            'there are no arms: [design.arms] states each by a label, such as b = { "platform.commission" = 0.1 }'
        )
    check_count(len(stated), settings)
    arms: dict[str, Scenario] = {}
    for label, spec in stated.items():
        if not label.strip() or len(label) > LABEL or not label.isprintable():
            raise DesignError(f"{label[:LABEL]!r} is no label of an arm: take 1 to {LABEL} printable characters")
        with naming(f"arm {label}"):
            arm = _arm(base, spec, folder, settings.changes)
        twin = next((other for other, scenario in arms.items() if scenario == arm), None)
        if twin is not None:
            raise DesignError(f"arm {label} is the same scenario as arm {twin}")
        arms[label] = arm
    weeks = {label: arm.run.weeks for label, arm in arms.items()}
    if len(set(weeks.values())) > 1:
        each = ", ".join(f"{label} {number}" for label, number in weeks.items())
        raise DesignError(f"the arms run for different numbers of weeks ({each}): state {WEEKS} in [changes]")
    return Layout(rows=tuple((label,) for label in arms), arms=arms)


def _arm(base: Scenario, spec: Any, folder: Path, changes: Mapping[str, Any]) -> Scenario:
    from marketplace.scenario import Scenario
    from marketplace.scenario_errors import show

    if isinstance(spec, str):
        return scenario_at(spec, folder).with_changes(changes)
    if not isinstance(spec, Mapping):
        raise DesignError(f"{show(spec)} is not allowed: it must be a table of changes, or a scenario's name or path")
    if spec.get("complete") is True:
        return Scenario(**{key: value for key, value in spec.items() if key != "complete"})
    return base.with_changes(flat_changes(spec))
