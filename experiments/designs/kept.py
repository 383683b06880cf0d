"""The design of a sweep, read again from what its folder keeps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.designs.bases import bring_in
from experiments.designs.design import Design
from experiments.designs.errors import DesignError, naming
from experiments.designs.files import read_design

if TYPE_CHECKING:
    from collections.abc import Mapping

    from experiments.store.reading import Results


def kept_design(results: Results) -> Design:
    """The design whose runs a sweep folder holds, built on the files that the folder keeps.

    Executes the files that the sweep brought by ``--import``: they are somebody's code, so this is for what runs the
    sweep again, not for what only reads it.

    Raises
    ------
    DesignError
        If its points are not those of the folder, or a file of the folder is missing or was changed.
    """
    from experiments.results import kept_file
    from marketplace.scenario import loads

    folder, provenance = Path(results.path), results.provenance
    imports = [kept_file(folder, row) for row in _rows(provenance, "imports")]
    with naming(str(folder)):
        bring_in(imports)
        inputs = {row["field"]: str(kept_file(folder, row)) for row in _rows(provenance, "inputs")}
        base = loads(_text(folder / "scenario.toml")).with_changes(inputs)
        design = read_design(results.design, base=base, imports=imports, name=str(provenance.get("design", "design")))
        if len(design.rows) != len(results.points) or list(results.points.columns) != design.columns:
            raise DesignError("the points are not those of its design.toml")
    return design


def _rows(provenance: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    rows = provenance.get(key, [])
    if not isinstance(rows, list):
        raise DesignError(f"provenance.json is damaged: {key} is no list")
    return rows


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise DesignError(f"{path.name} cannot be read") from None
