"""How near the closed forms were met: kept by the checks in ``tests/theory/``, joined with ``docs/theory.md``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.errors import ResultsError
from experiments.files import write_json
from experiments.provenance import HOUSE, sha256, versions
from experiments.validity.places import DEVIATIONS
from experiments.validity.runs import read, refuse_stale

PAGE = HOUSE / "docs" / "theory.md"
HEADS = ("limit", "form", "source", "scenario", "test", "how near")
CHECKS = "checks' hash"


def closed_forms(text: str) -> dict[str, dict[str, str]]:
    """The rows of the table of ``docs/theory.md``, by limit."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
    forms = [row for row in rows if len(row) == len(HEADS) and row[0] not in ("Limit", "---")]
    return {row[0]: dict(zip(HEADS, row, strict=True)) for row in forms}


def save(path: Path, held: Sequence[Mapping[str, Any]]) -> None:
    """Write, of every closed form, the check that came nearest to its tolerance, and of how many it is.

    Parameters
    ----------
    path : Path
        Of the file.
    held : sequence of mapping
        A row for each value that a check held: ``limit``, ``deviation``, ``tolerance``, ``unit``.
    """
    forms: dict[str, dict[str, Any]] = {}
    for row in held:
        worst = forms.setdefault(row["limit"], {**row, "checks": 0})
        worst["checks"] += 1
        if _used(row) > _used(worst):
            worst.update(row)
    ordered = {limit: {k: v for k, v in forms[limit].items() if k != "limit"} for limit in sorted(forms)}
    said = {CHECKS: checks_hash(), "versions": versions(), "forms": ordered}
    write_json(path, said)


def _used(row: Mapping[str, Any]) -> float:
    """Share of its tolerance that a deviation uses up; 0 where it is exact."""
    return row["deviation"] / row["tolerance"] if row["tolerance"] > 0.0 else 0.0


def load(path: Path = DEVIATIONS) -> list[dict[str, Any]]:
    """The closed forms in the order of ``docs/theory.md``, each with the deviation found and its tolerance.

    Raises
    ------
    ResultsError
        If the file is missing, damaged or stale, or page and checks name different limits.
    """
    said = read(path)
    refuse_stale(path, said, {CHECKS: checks_hash()})
    told, found = closed_forms(PAGE.read_text(encoding="utf-8")), said.get("forms", {})
    alone = sorted(told.keys() ^ found.keys())
    if alone:
        where = "docs/theory.md" if alone[0] in told else "tests/theory"
        raise ResultsError(f'the limit "{alone[0]}" stands in {where} alone: the page and the checks must agree')
    return [{**row, **found[limit]} for limit, row in told.items()]


def checks_hash() -> str:
    """SHA-256 (hex, its beginning) of the checks and of the scenarios they run."""
    scenarios = HOUSE / "marketplace" / "scenarios" / "theory"
    files = [*(HOUSE / "tests" / "theory").glob("*.py"), *scenarios.glob("*.toml")]
    return hashlib.sha256("".join(sha256(path) for path in sorted(files)).encode()).hexdigest()[:16]
