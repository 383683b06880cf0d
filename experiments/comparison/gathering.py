"""Runs that were read from several folders, gathered in one that is read as a sweep is: a point an arm."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from experiments.engine.jobs import ID_DIGITS, Done, Failure, Stage

if TYPE_CHECKING:
    import pandas as pd

    from experiments.comparison.reading import Arms, Part
    from experiments.results import RunFolder
    from experiments.store.reading import Results


def gather(arms: Arms, folder: Path) -> dict[str, Any]:
    """Write the runs of some arms into an empty folder: points, shards and, last, the manifest.

    Weeks are kept if all folders have them. A run that did not come to its end and did not fail is left out, and
    counts as one that is still to be done.

    Parameters
    ----------
    arms : Arms
        As `read_arms` gives them.
    folder : Path
        Empty.

    Returns
    -------
    dict
        What the provenance shall say of them.

    Raises
    ------
    OSError
        If the disk is full or the folder cannot be written.
    """
    import pandas as pd
    import pyarrow.parquet as pq

    from experiments.store.manifest import Manifest
    from experiments.store.reading import POINTS
    from experiments.store.tables import points_table
    from experiments.store.writer import Store

    without = folders_without_weeks(arms)
    sources = " ".join(sorted({part.sources for part in arms.parts}))
    store = Store(folder, Manifest(len(arms.summary), not without, "", "", sources))
    pq.write_table(points_table(pd.DataFrame({"arm": arms.labels})), folder / POINTS)
    for done in _runs(arms, weekly=not without):
        store.add(done)
    store.finish()
    store.manifest.write(folder)
    seeds = arms.summary["seed"].nunique()
    return {
        "design_kind": "arms", "points": len(arms.labels), "replications": seeds, "seeds": "common",
        "without_weeks": without, "sessions": [],
    }  # fmt: skip


def folders_without_weeks(arms: Arms) -> list[str]:
    """The sweeps among the folders that kept no weeks."""
    return [part.where for part in arms.parts if part.results is not None and not part.results.manifest.weekly]


def _runs(arms: Arms, weekly: bool) -> Iterator[Done]:
    replicates = {seed: number for number, seed in enumerate(sorted(map(int, arms.summary["seed"].unique())))}
    points = {label: number for number, label in enumerate(arms.labels)}
    for part in arms.parts:
        if part.results is None:
            found = (_of_folder(run, points[part.labels[0]]) for run in part.runs)
        else:
            found = _of_sweep(part.results, [points[label] for label in part.labels], weekly)
        for done in found:
            if done is not None:
                done.replicate = replicates[done.seed]
                done.run_id = _known_by(part, done)
                yield done


def _known_by(part: Part, done: Done) -> str:
    """What a run is known by here: folders may hold the same run."""
    text = f"{part.where}\0{done.point}\0{done.seed}\0{done.run_id}"
    return hashlib.sha256(text.encode()).hexdigest()[:ID_DIGITS]


def _of_folder(run: RunFolder, point: int) -> Done | None:
    from experiments.engine.one_run import weekly_table

    said, seed = run.provenance, run.scenario.run.seed
    seconds, status = float(said.get("duration_seconds", math.nan)), said["status"]
    if status == "failed":
        failure = Failure("week", len(run.weekly) + 1, "", str(said.get("failure") or ""))
        return Done("", point, 0, seed, "failed", {}, None, seconds, failure=failure)
    if status != "complete":
        return None
    figures = {name: math.nan if value is None else value for name, value in run.summary.items()}
    return Done("", point, 0, seed, "complete", figures, weekly_table(run.weekly), seconds)


def _of_sweep(results: Results, points: list[int], weekly: bool) -> Iterator[Done]:
    for old, point in zip(results.points.index, points, strict=True):
        weeks = _weeks_by_run(results, int(old)) if weekly else {}
        for row in _rows(results, "_runs", int(old)):
            ids = row.pop("run_id"), point, 0, int(row.pop("seed"))
            seconds = row.pop("seconds")
            yield Done(*ids, "complete", _figures(row), weeks.get(ids[0]), seconds)
        for row in _rows(results, "_failures", int(old)):
            stage = cast(Stage, row["stage"])
            failure = Failure(stage, int(row["week"]), row["exception"], row["message"], row["traceback"])
            ids = row["run_id"], point, 0, int(row["seed"])
            yield Done(*ids, "failed", {}, None, row["seconds"], int(row["attempts"]), failure)


def _rows(results: Results, table: str, point: int) -> list[dict[str, Any]]:
    frame = results.query(f"SELECT * FROM {table} WHERE point = ? ORDER BY replicate", [point])
    return cast("list[dict[str, Any]]", frame.to_dict("records"))


def _figures(row: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in row.items() if name not in ("point", "replicate")}


def _weeks_by_run(results: Results, point: int) -> dict[Any, Any]:
    from experiments.engine.one_run import weekly_table

    frame = results.query("SELECT * FROM _weekly WHERE point = ? ORDER BY replicate, week", [point])
    return {run_id: weekly_table(_own_columns(rows)) for run_id, rows in frame.groupby("run_id")}


def _own_columns(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop(columns=["run_id", "point", "replicate", "seed"]).reset_index(drop=True)
