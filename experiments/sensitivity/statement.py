"""The content of ``sensitivity.json``, and the warnings that belong to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.sensitivity.boxes import Box, Condition
    from experiments.sensitivity.indices import Index
    from experiments.sensitivity.outputs import Outputs
    from experiments.sensitivity.variance import SeedShare

FILE = "sensitivity.json"
SCHEMA = 1
NOTICED = 0.05
"""Share of chance in the points' means from which on a warning is due."""


def analysis_of(results: Any, indicator: str, *, log: bool = False, level: float = 0.95) -> dict[str, Any]:
    """Indices of one indicator, the share of chance, and warnings, as plain JSON values.

    Parameters
    ----------
    results : Results
        A whole sweep of kind ``sobol`` or ``morris``.
    indicator : str
        A column of the summary.
    log : bool
        Whether to take logarithms first.
    level : float
        Confidence of all intervals.

    Raises
    ------
    ResultsError
        If the sweep is not whole, or has no indices.
    """
    from experiments.sensitivity.indices import indices_of
    from experiments.sensitivity.outputs import outputs_of
    from experiments.sensitivity.variance import seed_share

    outputs = outputs_of(results, indicator, log=log)
    found = indices_of(outputs, level=level)
    common = outputs.settings.seeds == "common"
    several = outputs.values.shape[1] > 1
    share = seed_share(outputs.values, common=common, level=level) if several else None
    return {
        "indicator": indicator,
        "log": log,
        "kind": outputs.settings.kind,
        "points": outputs.values.shape[0],
        "replications": outputs.values.shape[1],
        "seeds": outputs.settings.seeds,
        "level": level,
        "indices": [asdict(index) | {"factors": list(index.factors)} for index in found],
        "seed_share": None if share is None else asdict(share),
        "warnings": warnings_of(outputs, found, share),
    }


def warnings_of(outputs: Outputs, found: Sequence[Index], share: SeedShare | None) -> list[str]:
    """What a reader of the indices must know, one sentence each."""
    said = []
    for name in dict.fromkeys(index.name for index in found):
        unsure = [" x ".join(index.factors) for index in found if index.name == name and index.unsure]
        if unsure:
            more = "trajectories" if outputs.settings.kind == "morris" else "samples"
            said.append(
                f"{name} of {', '.join(unsure)}: the interval is wider than the index itself; more {more} narrow it"
            )
    if share is None:
        said.append("one replication: indices hold the chance of one seed a point, and how much of it cannot be told")
    elif share.share_of_means > NOTICED:
        said.append(
            f"{share.share_of_means:.0%} of the variance of the points' means is chance, which falsifies the indices; "
            "more replications lower it"
        )
    return said


def meaning(share: SeedShare, replications: int) -> str:
    """What the share of the seed says, in words."""
    interval = "" if share.low is None else f" ({share.low:.1%} to {share.high:.1%})"
    common = ""
    if share.common is not None:
        common = f" Of that, {share.common:.0%} is the same at all points and cancels between them."
    return (
        f"{share.share:.1%}{interval} of the variance between single runs is due to the seed: it is found between runs "
        f"of one and the same point.{common} In the means of {replications} replications, of which the indices are "
        f"made, {share.share_of_means:.1%} of the variance is still chance."
    )


def boxes_statement(results: Any, condition: Condition, boxes: Sequence[Box]) -> dict[str, Any]:
    """What PRIM found, as plain JSON values."""
    from experiments.sensitivity.outputs import outputs_of

    cases = condition.of(outputs_of(results, condition.indicator).values)
    return {
        "condition": str(condition),
        "runs": int(cases.size),
        "cases": int(cases.sum()),
        "boxes": [asdict(box) | {"limits": [asdict(limit) for limit in box.limits]} for box in boxes],
    }


def write_statement(
    results: Any, *, analyses: Sequence[Mapping[str, Any]] = (), boxes: Sequence[Mapping[str, Any]] = ()
) -> Path:
    """Write ``sensitivity.json`` whole; what was found before of the very same runs is kept.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    from importlib.metadata import version

    from experiments.files import write_json
    from experiments.provenance import versions

    path = Path(results.path) / FILE
    runs = runs_hash(results)
    old = read_statement(Path(results.path)) or {}
    before = old if old.get("runs_sha256") == runs and old.get("schema") == SCHEMA else {}
    said = {
        "schema": SCHEMA,
        "runs_sha256": runs,
        "versions": versions() | {"SALib": version("SALib")},
        "analyses": _renewed(before.get("analyses", []), analyses, ("indicator", "log")),
        "boxes": _renewed(before.get("boxes", []), boxes, ("condition",)),
    }
    write_json(path, said)
    return path


def read_statement(folder: Path) -> dict[str, Any] | None:
    """What ``sensitivity.json`` of a folder says; None where there is none, or it is damaged."""
    try:
        said = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return said if isinstance(said, dict) else None


def runs_hash(results: Any) -> str:
    """SHA-256 (hex) over the ids of all runs, so that what was found of other runs is told apart."""
    return hashlib.sha256("\n".join(sorted(results.summary["run_id"])).encode()).hexdigest()


def _renewed(
    old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]], key: Sequence[str]
) -> list[Mapping[str, Any]]:
    said = {tuple(one.get(name) for name in key): one for one in [*old, *new]}
    return list(said.values())
