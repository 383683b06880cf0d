"""Designs that Python states, written as the file that says the same, and read as that file is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.designs.bases import bring_in, flat_changes
from experiments.designs.design import Design
from experiments.designs.errors import DesignError, naming
from experiments.designs.files import read_design
from experiments.designs.settings import BELOW, settings_of
from marketplace.toml import toml_key, toml_value


def design_of(scenario: Any, kind: str, stated: Mapping[str, Any]) -> Design:
    """See `Design.of`."""
    from marketplace.scenario import Scenario, load_scenario

    below = {key for keys in BELOW.values() for key in keys} | {"max_runs"}
    tables = {key: plain(value) for key, value in stated.items() if key not in below}
    design = {"kind": plain(kind)} | {key: plain(value) for key, value in stated.items() if key in below}
    arms = stated.get("arms")
    if scenario is None and kind == "arms" and isinstance(arms, Mapping) and arms:
        scenario = next(iter(arms.values()))
    if scenario is None:
        raise DesignError('a design needs a scenario, such as "tiny"')
    with naming(""):
        settings = settings_of({"scenario": "", **tables, "design": design}, "design")
        brought = [Path(path).expanduser() for path in settings.imports]
        bring_in(brought)
        base = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
        base = base.with_changes(flat_changes(settings.changes))
    # The base is complete already: a file made of this stands beside it.
    tables = {"scenario": "scenario.toml", **{k: v for k, v in tables.items() if k not in ("changes", "imports")}}
    return read_design(to_toml(tables, design), base=base, imports=brought)


def plain(value: Any) -> Any:
    """A value of Python, NumPy or pandas as TOML has it; a scenario as the table that states it whole."""
    from marketplace.scenario import Scenario

    if isinstance(value, Scenario):
        return {"complete": True, **value.tables()}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, list | tuple | range):
        return [plain(item) for item in value]
    return value


def to_toml(tables: Mapping[str, Any], design: Mapping[str, Any]) -> str:
    """The TOML of a design; in the last tables a line is a factor, a field of a point, or an arm.

    Raises
    ------
    DesignError
        If it holds something that TOML does not.
    """
    try:
        lines = [_line(key, value) for key, value in tables.items()]
        lines += ["", "[design]", *(_line(key, value) for key, value in design.items() if not _is_last(value))]
        for key, value in design.items():
            for table in value if isinstance(value, list) and _is_last(value) else [value] if _is_last(value) else []:
                header = f"[[design.{key}]]" if isinstance(value, list) else f"[design.{key}]"
                lines += ["", header, *(_line(name, item) for name, item in table.items())]
    except TypeError as error:
        raise DesignError(f"a design holds numbers, words, true or false, lists and tables of them: {error}") from None
    return "\n".join(lines) + "\n"


def _line(key: str, value: Any) -> str:
    return f"{toml_key(key)} = {toml_value(value)}"


def _is_last(value: Any) -> bool:
    """Whether a value is a table or a list of tables, which follow the plain keys."""
    tables = value if isinstance(value, list) else [value]
    return bool(tables) and all(isinstance(table, dict) for table in tables)
