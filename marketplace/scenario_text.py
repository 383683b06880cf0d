"""Scenarios and their fields as people read them: a complete file, a template, a table, a difference."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from marketplace.declarations import Declaration, declarations, field_at, inner_table
from marketplace.scenario_errors import ScenarioError, name_place, nearest, show, show_path, split_path
from marketplace.sections import LINKS
from marketplace.toml import toml_key, toml_value

_FREE_KEY = "<link>"

_HEAD = """\
# A scenario: a world and the policies in it. It needs to state only what differs from its base.
# To set a field, remove the # before it and change the value; the value shown is that of the base.
# `marketplace scenarios check FILE` says whether it can be run.

name = "my-scenario"
base = "amazon"
"""


def to_toml(tables: Mapping[str, Any], model: type[BaseModel]) -> str:
    """Complete tables of a scenario as TOML, the unit of every field beside it."""
    lines = []
    for key, value in tables.items():
        several = isinstance(value, list) and len(value) > 1
        for table in value if isinstance(value, list) else [value]:
            if not isinstance(table, dict):
                lines.append(f"{key} = {toml_value(table)}")
                continue
            stem = (key,) if not isinstance(value, list) else (key, 0)
            header = f"[[{key}]]" if several else f"[{name_place(stem, tables)}]"
            lines += ["", header, *_assignments(table, stem, model)]
    return "\n".join(lines) + "\n"


def _assignments(table: Mapping[str, Any], stem: tuple[Any, ...], model: type[BaseModel]) -> Iterator[str]:
    for key, value in table.items():
        yield f"{key} = {toml_value(value)}  # {field_at(model, (*stem, key)).unit}"


def template(model: type[BaseModel], base: Mapping[str, Any]) -> str:
    """A file that states its base only, with every field of ``model`` commented out at its value in ``base``."""
    lines, section = [_HEAD], ""
    for declaration in declarations(model):
        table, _, key = declaration.path.partition(".")
        if not key:
            continue
        if table != section:
            section = table
            lines.append(f"\n[{section}]")
        held = base["platforms"][0] if table == "platform" else base[table]
        lines += _commented(declaration, key, held)
    return "\n".join(lines) + "\n"


def _commented(declaration: Declaration, key: str, held: Mapping[str, Any]) -> list[str]:
    row = declaration.row()
    facts = "; ".join(text for text in (row["type"], row["range"], f"unit: {row['unit']}") if text)
    text = [f"{row['meaning']}", f"{facts}. Source: {row['source']}."]
    if _FREE_KEY in key:
        text = [f"{key}: {row['meaning']} ({facts}; default {row['default']})"]
    comment = [line for part in text for line in textwrap.wrap(part, 106, break_long_words=False)]
    assignment = [] if _FREE_KEY in key else [f"#{toml_key(key)} = {toml_value(held[key])}"]
    return [*(f"# {line}" for line in comment), *assignment, ""]


def rows(model: type[BaseModel]) -> list[dict[str, Any]]:
    """Every field as a row: ``field type unit range default meaning source``."""
    return [declaration.row() for declaration in declarations(model)]


def explain(name: str, model: type[BaseModel]) -> dict[str, Any]:
    """The row of one field.

    Raises
    ------
    ScenarioError
        If there is no such field, with the nearest spelling.
    """
    known = {declaration.path: declaration for declaration in declarations(model)}
    keys = split_path(name)
    if keys[0] == "platforms":
        keys[:2] = ["platform"]
    for path in (".".join(keys), ".".join([*keys[:2], _FREE_KEY, *keys[3:]])):
        if path in known:
            return known[path].row()
    inside = [path for path in known if path.startswith(".".join(keys) + ".")]
    if inside:
        raise ScenarioError(f"{show_path(keys)} is a table, not a field; its fields are {', '.join(inside)}")
    namesakes = [path for path in known if path.rpartition(".")[2] == keys[-1]]
    near = f"; did you mean {' or '.join(map(show, namesakes))}?" if namesakes else ""
    near = near or nearest(name, [*(path.partition(".")[0] for path in known), *known])
    raise ScenarioError(f"{show_path(keys)} is not a field of a scenario{near}")


def inside(name: str, model: type[BaseModel]) -> list[dict[str, Any]]:
    """The rows of the fields in a table, one of a link's valve included; empty where the path is that of a field.

    Raises
    ------
    ScenarioError
        If the path is none, or names a link that there is not.
    """
    keys = split_path(name)
    if keys[0] == "platforms":
        keys[:2] = ["platform"]
    stem, known = ".".join(keys) + ".", rows(model)
    free = ".".join([*keys[:2], _FREE_KEY]) + "."
    if len(keys) == 3 and keys[2] != _FREE_KEY and any(row["field"].startswith(free) for row in known):
        if keys[2] not in LINKS:
            near = nearest(keys[2], LINKS) or f"; the links are {', '.join(LINKS)}"
            raise ScenarioError(f"{show_path(keys)}: {show(keys[2])} is not a link of the flywheel{near}")
        own = f"{keys[0]}.{keys[1]}.{toml_key(keys[2])}."
        return [row | {"field": own + row["field"][len(free) :]} for row in known if row["field"].startswith(free)]
    return [row for row in known if row["field"].startswith(stem)]


def diff(a: Mapping[str, Any], b: Mapping[str, Any], model: type[BaseModel]) -> list[tuple[str, Any, Any]]:
    """Paths at which two complete tables differ, with both values; None where one has no such path."""
    left, right = dict(_leaves(a, (), a, model)), dict(_leaves(b, (), b, model))
    paths = [*left, *(path for path in right if path not in left)]
    return [(p, left.get(p), right.get(p)) for p in paths if left.get(p) != right.get(p)]


def _leaves(
    value: Any, place: tuple[Any, ...], data: Mapping[str, Any], model: type[BaseModel]
) -> Iterator[tuple[str, Any]]:
    if inner_table(field_at(model, place).info.annotation) is None or not isinstance(value, dict | list):
        yield name_place(place, data), value
        return
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield from _leaves(item, (*place, key), data, model)
