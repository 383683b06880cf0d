"""Policies and pricing rules of the user's own, as results folders keep them: named without executing their files."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from experiments.errors import ResultsError
from experiments.files import read_json
from experiments.folders import MARK


def places_of(traceback: str) -> list[tuple[str, str]]:
    """The files and lines that a traceback goes through, the innermost first."""
    return re.findall(r'File "(.+?)", line (\d+)', traceback)[::-1]


def place_in(traceback: str, files: Sequence[Path]) -> str:
    """The innermost place of a traceback that lies in one of some files: ``odd.py, line 6``; empty where none does."""
    for path, line in places_of(traceback):
        if any(Path(path).resolve() == Path(own).expanduser().resolve() for own in files):
            return f"{path}, line {line}"
    return ""


def know_names(text: str, files: Sequence[Path]) -> None:
    """Let a scenario's text name what some files define, so that it can be read without them.

    Parameters
    ----------
    text : str
        TOML of a complete scenario.
    files : sequence of Path
        What its run had brought by ``--import``; they are not opened. Without any, nothing is taken on trust.
    """
    from agents.registry import know_by_name
    from marketplace.scenario_files import import_options
    from marketplace.toml import TomlError, parse_toml

    if not files:
        return
    try:
        tables = parse_toml(text)
    except TomlError:  # whoever reads it as a scenario says so
        return
    for kind, name in _names(tables):
        know_by_name(kind, name, import_options(files))


def know_kept_names(path: str) -> None:
    """Do so for a scenario file that a results folder keeps; any other path is passed over."""
    from marketplace.scenario_files import kept_imports

    files = kept_imports(path)
    if files:
        know_names(Path(path).read_text(encoding="utf-8", errors="replace"), files)


def _names(tables: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    platforms = tables.get("platforms", [tables.get("platform", {})])
    for table, key in [(tables.get("policy"), "name"), *((one, "policy") for one in platforms)]:
        name = table.get(key) if isinstance(table, Mapping) else None
        if isinstance(name, str) and name:
            yield "policy", name
    sellers = tables.get("sellers")
    rules = sellers.get("pricing", ()) if isinstance(sellers, Mapping) else ()
    for rule in [rules] if isinstance(rules, str) else rules if isinstance(rules, Mapping) else ():
        yield "pricing rule", rule


@contextmanager
def naming_imports(folder: Path | None) -> Iterator[None]:
    """Add to a refusal raised inside which files of one's own the work in a folder was begun with, and were left out.

    Parameters
    ----------
    folder : Path or None
        In which work is to be taken up again; None for none.

    Raises
    ------
    ResultsError
        With the options that bring those files in.
    """
    from marketplace.scenario_errors import ScenarioError
    from marketplace.scenario_files import import_options

    try:
        yield
    except (ScenarioError, ResultsError) as error:
        files = [] if folder is None else _left_out(folder.expanduser())
        if not files:
            raise
        raise ResultsError(f"{error} ({folder} was begun with {import_options(files)})") from None


def _left_out(folder: Path) -> list[Path]:
    try:
        rows = read_json(folder / MARK).get("imports", [])
        return [folder / row["file"] for row in rows if f"_import_{row['sha256'][:16]}" not in sys.modules]
    except (ResultsError, OSError, TypeError, KeyError, AttributeError):  # nothing there, or damaged
        return []
