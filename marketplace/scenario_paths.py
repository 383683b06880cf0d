"""Changes to a scenario by dotted path, as ``--set``, sweeps and notebooks state them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from marketplace.scenario_errors import ScenarioError, nearest, show, show_path, split_path
from marketplace.toml import TomlError, parse_toml


def parse_assignment(text: str) -> tuple[str, Any]:
    """Read ``path=value``; a value that is not TOML is taken as a bare string.

    Raises
    ------
    ScenarioError
        If there is no ``=`` or no path.
    """
    match = re.fullmatch(r'\s*((?:"(?:[^"\\]|\\.)*"|[^"=])+?)\s*=\s*(.*?)\s*', text, re.DOTALL)
    if not match:
        raise ScenarioError(f"{show(text)} is not an assignment: write path=value, such as run.weeks=520")
    path, value = match.groups()
    try:
        parsed = parse_toml(f"value = {value}")
    except TomlError:
        return path, value
    # A line break in the value would smuggle in further keys.
    return path, parsed["value"] if len(parsed) == 1 else value


def apply_changes(tables: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Complete tables with the values at some paths replaced. ``tables`` is used up.

    Raises
    ------
    ScenarioError
        If a path leads through something that is not a table, or to a platform that is not there.
    """
    for path, value in changes.items():
        *stem, last = _place(split_path(path), tables)
        target: Any = tables
        for depth, key in enumerate(stem):
            target = target.setdefault(key, {}) if isinstance(target, dict) else target[key]
            if not isinstance(target, dict | list):
                raise ScenarioError(
                    f"{path} is not a field of a scenario: {show_path(stem[: depth + 1])} = "
                    f"{show(target)} is not a table"
                )
        # Sweeps hand over NumPy's scalars, which strict checks refuse.
        target[last] = value.item() if isinstance(value, np.generic) else value
    return tables


def _place(keys: list[str], tables: dict[str, Any]) -> list[Any]:
    """The keys with the platform that they name found in the list of platforms."""
    platforms = tables["platforms"]
    if keys[0] == "platform":
        if len(platforms) > 1:
            which = " or ".join(show_path(["platforms", one["name"], *keys[1:]]) for one in platforms)
            raise ScenarioError(
                f"{show_path(keys)}: there are {len(platforms)} platforms, so say which: {which}"
            )
        return ["platforms", 0, *keys[1:]]
    if keys[0] != "platforms" or len(keys) == 1:
        return list(keys)
    names = [platform["name"] for platform in platforms]
    if keys[1] in names:
        return ["platforms", names.index(keys[1]), *keys[2:]]
    if keys[1].isdecimal() and int(keys[1]) < len(names):
        return ["platforms", int(keys[1]), *keys[2:]]
    known = f"the platforms are {', '.join(names)}, or 0 to {len(names) - 1}"
    raise ScenarioError(f"{show_path(keys)}: there is no such platform; {known}{nearest(keys[1], names)}")
