"""The fields of a scenario that a design varies: found by their paths, and values checked against what they declare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.designs.errors import DesignError

if TYPE_CHECKING:
    from marketplace.declarations import Declaration
    from marketplace.scenario import Scenario

OWN = {
    "run.seed": "a design sets it by replications and seeds",
    "run.threads": "a design sets it to 1, and it changes no result",
    "run.record_orders": "a sweep keeps no orders",
    "name": "it changes no result",
    "description": "it changes no result",
}
"""Fields that no factor can be, and why."""

DEEPEST = 12
"""Tables within tables; a scenario needs five."""


@dataclass(frozen=True)
class Field:
    """A field of a scenario that takes one value.

    Attributes
    ----------
    path : str
        Dotted path, the one way in which this field of this scenario is spelled.
    place : tuple
        Keys that lead to it through ``Scenario.tables()``.
    declaration : Declaration
        What is allowed.
    """

    path: str
    place: tuple[Any, ...]
    declaration: Declaration

    @property
    def kinds(self) -> set[Any]:
        """Its types: ``int``, ``float``, ``bool``, ``str`` or a choice of words."""
        from marketplace.declarations import alternatives

        return set(alternatives(self.declaration.info.annotation))

    @property
    def numeric(self) -> bool:
        """Whether it can be a number."""
        return bool(self.kinds & {int, float})

    @property
    def whole(self) -> bool:
        """Whether its numbers are whole."""
        return int in self.kinds and float not in self.kinds

    def value(self, value: Any, what: str = "") -> Any:
        """A value as the field takes it; ``what`` (such as "low") says what it is of the factor.

        Raises
        ------
        DesignError
            If the field does not allow it.
        """
        from marketplace.scenario_errors import nearest, show

        if type(value) not in (bool, int, float, str) or not _allows(self.place, value):
            declaration = self.declaration
            near = nearest(value, declaration.choices) if isinstance(value, str) else ""
            name = f"{self.path}: {what}" if what else self.path
            kind = show(value) if isinstance(value, bool | int | float | str | list | Mapping) else type(value).__name__
            raise DesignError(f"{name} = {kind} is not allowed: it must be {declaration.allowed}{near}")
        return float(value) if type(value) is int and self.numeric and not self.whole else value


def field_of(base: Scenario, path: str) -> Field:
    """The field at a dotted path of a scenario.

    Raises
    ------
    DesignError
        If there is none, it is a table, or a factor cannot be made of it.
    ScenarioError
        If the path is none, or names a platform that is not there.
    """
    from marketplace.declarations import field_at, inner_table
    from marketplace.scenario import Scenario
    from marketplace.scenario_errors import name_place, unknown_field

    place, tables = _place_of(base, path)
    try:
        declaration = field_at(Scenario, place)
    except KeyError:
        raise DesignError(unknown_field(_first_unknown(place), Scenario, tables)) from None
    name = name_place(place, tables)
    if name in OWN:
        raise DesignError(f"{name} cannot be a factor: {OWN[name]}")
    field = Field(name, place, declaration)
    if (inner_table(declaration.info.annotation) is not None and not declaration.choices) or not (
        field.numeric or declaration.choices or field.kinds & {bool, str}
    ):
        raise DesignError(f"{name} is a table, not a field: name the fields in it, or use arms")
    return field


def path_of(base: Scenario, path: str) -> str:
    """A path as a scenario's own messages spell it: ``platform.x`` for ``platforms.0.x`` of the only platform.

    Raises
    ------
    ScenarioError
        If the path is none, or names a platform that is not there.
    """
    from marketplace.scenario_errors import name_place

    return name_place(*_place_of(base, path))


def check_depth(path: str) -> None:
    """Refuse a path that is longer than any field's, before it is followed.

    Raises
    ------
    DesignError
        One sentence.
    """
    from marketplace.scenario_errors import show

    if path.count(".") > DEEPEST:
        raise DesignError(f"{show(path)} is not a field of a scenario: no path is so long")


def flat(tables: Mapping[str, Any], stop: Any) -> dict[str, Any]:
    """Nested tables as one table by dotted path: ``platform.commission = 1`` is what ``"platform.commission" = 1`` is.

    Parameters
    ----------
    tables : mapping
        As a TOML file states them.
    stop : callable
        Of a path and a table: whether that table is a value.

    Raises
    ------
    DesignError
        If a path is stated twice, is empty, or tables lie too deep.
    """
    found: dict[str, Any] = {}
    _flatten(tables, "", stop, found)
    return found


def _flatten(tables: Mapping[str, Any], stem: str, stop: Any, found: dict[str, Any]) -> None:
    from marketplace.scenario_errors import show

    for key, value in tables.items():
        path = f"{stem}.{key}" if stem else str(key)
        check_depth(path)
        if isinstance(value, Mapping) and not stop(path, value):
            _flatten(value, path, stop, found)
        elif path in found:
            raise DesignError(f"{show(path)} is stated twice")
        else:
            found[path] = value


def _allows(place: tuple[Any, ...], value: Any) -> bool:
    """Whether the field at a place takes a value, whatever the other fields are."""
    from pydantic import ValidationError

    from marketplace.declarations import field_at, inner_table
    from marketplace.scenario import Scenario

    keys = [key for key in place[1:] if not isinstance(key, int)]
    section = inner_table(field_at(Scenario, place[:1]).info.annotation)
    if section is None:
        return isinstance(value, str)
    data = value
    for key in reversed(keys):
        data = {key: data}
    try:
        section.model_validate(data)
    except ValidationError:
        return False
    return True


def _place_of(base: Scenario, path: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Where a path leads, be it a field or not, and the tables of the base with something put there."""
    from marketplace.scenario_paths import apply_changes

    check_depth(path)
    mark = object()
    tables = apply_changes(base.tables(), {path: mark})
    return _find(mark, tables), tables


def _find(mark: object, tables: Any) -> tuple[Any, ...]:
    items = tables.items() if isinstance(tables, dict) else enumerate(tables) if isinstance(tables, list) else ()
    for key, value in items:
        if value is mark:
            return (key,)
        below = _find(mark, value)
        if below:
            return (key, *below)
    return ()


def _first_unknown(place: tuple[Any, ...]) -> tuple[Any, ...]:
    from marketplace.declarations import field_at
    from marketplace.scenario import Scenario

    for depth in range(1, len(place) + 1):
        try:
            field_at(Scenario, place[:depth])
        except KeyError:
            return place[:depth]
    return place
