"""The scenario that a design builds on: found, changed, and the user's own policies brought in before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.designs.errors import DesignError
from experiments.designs.fields import flat

if TYPE_CHECKING:
    from marketplace.scenario import Scenario


def bring_in(paths: Sequence[Path]) -> None:
    """Execute files of the user's own, which he named for that."""
    from agents.plugins import load_policy_file

    for path in paths:
        load_policy_file(path)


def base_of(stated: Any, changes: Mapping[str, Any], folder: Path) -> Scenario:
    """The scenario that ``scenario = ...`` names, with the design's ``[changes]``.

    Raises
    ------
    DesignError, ScenarioError
        If there is none, or it cannot be run.
    """
    from marketplace.scenario_errors import show

    if stated is None:
        raise DesignError('scenario is missing: name the base, such as scenario = "tiny"')
    if not isinstance(stated, str) or not stated:
        raise DesignError(f"scenario = {show(stated)} is not allowed: it must be a name or a path, in quotes")
    base = scenario_at(stated, folder)
    return base.with_changes(flat_changes(changes))


def scenario_at(name_or_path: str, folder: Path) -> Scenario:
    """A shipped scenario by name, or a file by its path from a folder."""
    from marketplace.scenario import list_scenarios, load_scenario

    path = folder / Path(name_or_path).expanduser() if "\0" not in name_or_path else Path(name_or_path)
    shipped = name_or_path in list_scenarios()
    plain_word = not path.suffix and "/" not in name_or_path  # its mistakes are those of a name
    return load_scenario(name_or_path if shipped or (plain_word and not _exists(path)) else path)


def flat_changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes by dotted path; a table of fields is gone through, a table that is a value is not."""
    from marketplace.declarations import field_at, inner_table
    from marketplace.scenario import Scenario
    from marketplace.scenario_errors import split_path

    def is_value(path: str, table: Mapping[str, Any]) -> bool:
        keys: list[Any] = split_path(path)
        if keys[0] == "platform":
            keys[:1] = ["platforms", 0]
        try:
            return inner_table(field_at(Scenario, keys).info.annotation) is None
        except KeyError:
            return False

    return flat(changes, is_value)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
