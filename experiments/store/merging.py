"""Joining the parts of a sweep that were run apart (``--shard K/N``) in one folder."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from experiments.errors import ResultsError
from experiments.files import write_json
from experiments.folders import MARK
from experiments.store.manifest import Manifest
from experiments.store.reading import DESIGN, POINTS, Results, load_results
from experiments.store.shards import streams_of
from experiments.store.tables import FAILURES, RUNS, WEEKLY
from experiments.store.writer import Store

SHARED = (DESIGN, "scenario.toml", POINTS, "imports", "inputs")
"""What is the same in all parts."""


@dataclass
class Merged:
    """What came of a merge.

    Attributes
    ----------
    planned, complete, failed : int
        Numbers of runs.
    twice : int
        Runs that were in more than one part, and were taken once.
    missing : list of (int, int)
        Point and replicate of runs that are in no part.
    """

    planned: int
    complete: int = 0
    failed: int = 0
    twice: int = 0
    missing: list[tuple[int, int]] = field(default_factory=list)


def merge(folder: Path, parts: Sequence[Path]) -> Merged:
    """Join parts of a sweep in an empty folder; the parts are left as they are.

    Parameters
    ----------
    folder : Path
        Empty.
    parts : sequence of Path
        Sweep folders of the same design, made with the same sources.

    Raises
    ------
    ResultsError
        If they are not, or one is damaged.
    """
    found = [_sound(part) for part in parts]
    _refuse_different(found)
    provenance = found[0].provenance
    runs = provenance["points"] * provenance["replications"]
    own: dict[str, Any] = {"planned": runs, "part": None, "streams": 0, "shards": []}
    store = Store(folder, replace(found[0].manifest, **own))
    for name in SHARED:
        _copy(parts[0] / name, folder / name)
    merged = _take_in(store, found)
    store.finish()
    places = {(point, k) for point in range(provenance["points"]) for k in range(provenance["replications"])}
    merged.planned, merged.missing = runs, sorted(places - _places(found))
    said = provenance | {
        "part": None,
        "status": "interrupted" if merged.missing else "complete",
        "parts": [results.manifest.part for results in found],
        "sessions": [session for results in found for session in results.provenance["sessions"]],
    }
    write_json(folder / MARK, said)
    store.manifest.write(folder)
    return merged


def _sound(part: Path) -> Results:
    results = load_results(part)
    results.refuse_damaged()
    return results


def _refuse_different(found: Sequence[Results]) -> None:
    from experiments.engine.plan import what_changed

    first = found[0]
    for other in found[1:]:
        differing = [what for what in what_changed(_without_part(first.manifest), _without_part(other.manifest))]
        if first.manifest.weekly != other.manifest.weekly:
            differing = [what for what in differing if "weeks" not in what] + ["whether weeks are kept"]
        if differing:
            what = ", ".join(differing)
            raise ResultsError(f"{first.path} and {other.path} are not parts of one sweep: they differ in {what}")


def _without_part(manifest: Manifest) -> Manifest:
    return replace(manifest, part=None)


def _copy(path: Path, target: Path) -> None:
    if path.is_dir():
        shutil.copytree(path, target)
    elif path.exists():
        shutil.copyfile(path, target)


def _take_in(store: Store, found: Sequence[Results]) -> Merged:
    """Take every complete run from the first part that has it, and failures of runs that no part has complete."""
    merged, taken = Merged(0), set[str]()
    for kind in (RUNS, FAILURES):
        for results in found:
            ids = set(results.query(f"SELECT run_id FROM _{kind}")["run_id"])
            fresh = ids - taken
            merged.twice += len(ids) - len(fresh)
            taken |= fresh
            if kind == RUNS:
                merged.complete += len(fresh)
            else:
                merged.failed += len(fresh)
            for below in (RUNS, WEEKLY) if kind == RUNS else (FAILURES,):
                for stream in streams_of(results.manifest.of(below)).values():
                    store.take_in(results.path, stream, fresh)
    return merged


def _places(found: Sequence[Results]) -> set[tuple[int, int]]:
    return {
        (int(point), int(replicate))
        for results in found
        for point, replicate in results.query("SELECT point, replicate FROM summary").itertuples(index=False)
    }
