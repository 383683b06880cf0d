"""Arms that have been run: result folders read as one tidy table, a row a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.errors import ResultsError
from experiments.folders import MARK

if TYPE_CHECKING:
    import pandas as pd

    from experiments.results import RunFolder
    from experiments.store.reading import Results

MOST_ARMS = 12  # of a sweep: with more, a table says nothing at a glance


@dataclass
class Arms:
    """Runs of several arms.

    Attributes
    ----------
    summary : DataFrame
        A row per run: ``arm seed status`` and the indicators.
    labels : list of str
        Arms in their order.
    weeks : int
        Length of every run.
    notes : list of str
        What a reader must know.
    parts : list of Part
        The folders that the arms come from.
    """

    summary: pd.DataFrame
    labels: list[str]
    weeks: int
    notes: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)


@dataclass
class Part:
    """What one folder, or several runs of one scenario, hold.

    Attributes
    ----------
    where : str
        The folder, or the label of the runs' scenario.
    summary, labels, weeks, notes
        As of `Arms`.
    sources : str
        What the runs were made with.
    runs : list of RunFolder
        The runs of one arm; empty for a sweep.
    results : Results or None
        The sweep; its points are the arms, in the order of ``labels``.
    """

    where: str
    summary: pd.DataFrame
    labels: list[str]
    weeks: int
    sources: str
    notes: list[str] = field(default_factory=list)
    runs: list[RunFolder] = field(default_factory=list)
    results: Results | None = None


def read_arms(folders: Sequence[Path]) -> Arms:
    """Read result folders: run folders with a seed each, sweeps, comparisons, ablations.

    Runs of scenarios that differ in nothing but the seed are one arm; every point of a sweep is an arm.

    Parameters
    ----------
    folders : sequence of Path
        In the order in which their arms shall stand.

    Raises
    ------
    ResultsError
        If a folder cannot be read, a sweep has too many points, or the runs are of different lengths.
    """
    import pandas as pd

    from experiments.closures import closure_notes

    runs = [folder for folder in folders if _kind(folder) == "run"]
    parts = _run_parts(runs) + [_sweep_part(folder) for folder in folders if folder not in runs]
    _tell_apart(parts)
    weeks = {part.where: part.weeks for part in parts}
    if len(set(weeks.values())) > 1:
        said = ", ".join(f"{where} {number}" for where, number in weeks.items())
        raise ResultsError(
            f"the runs are of different lengths in weeks ({said}), so their last years are not of the same age: "
            "run them again with the same --weeks"
        )
    _refuse_one_arm(folders, parts)
    notes = [note for part in parts for note in part.notes]
    if len({part.sources for part in parts}) > 1:
        where = ", ".join(part.where for part in parts)
        notes.append(f"made with different sources or versions ({where}): a difference may be theirs")
    summary = pd.concat([part.summary for part in parts], ignore_index=True)
    notes += closure_notes(summary)
    return Arms(summary, [label for part in parts for label in part.labels], parts[0].weeks, notes, parts)


def _refuse_one_arm(folders: Sequence[Path], parts: Sequence[Part]) -> None:
    if sum(len(part.labels) for part in parts) > 1:
        return
    if len(folders) == 1:
        raise ResultsError(f"{folders[0]} is one arm, and a comparison needs two: name another folder")
    said = f"{', '.join(map(str, folders[:-1]))} and {folders[-1]}"
    raise ResultsError(f"{said} differ in nothing but the seed, so they are one arm, and a comparison needs two")


def _kind(folder: Path) -> str:
    from experiments.files import read_json

    if not (folder / MARK).is_file():
        raise ResultsError(f"{folder}: this is no results folder, because it holds no {MARK}")
    return str(read_json(folder / MARK).get("kind"))


# -- runs --------------------------------------------------------------------------------------------------------


def _run_parts(folders: Sequence[Path]) -> list[Part]:
    """Runs by scenario, whatever their seed."""
    import pandas as pd

    from experiments.comparison.arms import identity, labels_of
    from experiments.results import load_run

    groups: dict[tuple[str, str], list[Any]] = {}
    for folder in folders:
        run = load_run(folder)
        own_code = str([row.get("sha256") for row in run.provenance["imports"]])
        groups.setdefault((identity(run.scenario), own_code), []).append(run)
    labels = labels_of([group[0].scenario for group in groups.values()])
    parts = []
    for label, group in zip(labels, groups.values(), strict=True):
        rows = [
            {"arm": label, "seed": run.scenario.run.seed, "status": run.provenance["status"],
             **{name: float("nan") if value is None else value for name, value in run.summary.items()}}
            for run in group
        ]  # fmt: skip
        notes = [
            f"{run.path}: this run is {run.provenance['status']}, so it is left out"
            for run in group
            if run.provenance["status"] != "complete"
        ]
        sources = sorted({_made_with(run.provenance) for run in group})
        if len(sources) > 1:
            notes.append(f"{label}: its runs were made with different sources or versions")
        weeks = group[0].scenario.run.weeks
        parts.append(Part(label, pd.DataFrame(rows), [label], weeks, " ".join(sources), notes, runs=group))
    return parts


def _made_with(provenance: dict[str, Any]) -> str:
    """What a run was made with, as far as its folder says."""
    return str((provenance.get("git"), sorted(provenance["versions"].items())))


# -- sweeps, comparisons and ablations ---------------------------------------------------------------------------


def _sweep_part(folder: Path) -> Part:
    from experiments.store.reading import load_results

    results = load_results(folder)
    points = results.points
    if len(points) > MOST_ARMS:
        raise ResultsError(
            f"{folder} holds {len(points)} points, and a comparison takes up to {MOST_ARMS} arms: "
            "`marketplace sensitivity` is for many"
        )
    names = [_point_label(row) for row in points.to_dict("records")]
    summary = results.summary
    arm = summary["point"].map(dict(zip(points.index, names, strict=True)))
    summary = summary.drop(columns=[*points.columns, "run_id", "point", "replicate", "seconds"])
    summary.insert(0, "arm", arm)
    notes = []
    failed, planned = int((summary["status"] != "complete").sum()), results.manifest.planned
    if failed:
        notes.append(f"{folder}: {failed} runs failed")
    if len(summary) < planned:
        notes.append(f"{folder}: {planned - len(summary)} of {planned} runs are still to be done")
    said = results.provenance
    sources = results.manifest.sources
    return Part(str(folder), summary, names, int(said["weeks"]), sources, notes, results=results)


def _point_label(row: dict[Any, Any]) -> str:
    if list(row) == ["arm"]:
        return str(row["arm"])
    last = [_short_path(str(path)) for path in row]
    names = last if len(set(last)) == len(last) else [str(path) for path in row]
    shown = [f"{value:g}" if isinstance(value, float) else str(value) for value in row.values()]
    return ", ".join(f"{name} = {value}" for name, value in zip(names, shown, strict=True)) or "base"


def _short_path(path: str) -> str:
    """The last part of a field's dotted path, where no other field ends alike: not ``name``, but ``policy.name``."""
    from marketplace.scenario import fields

    last = path.rpartition(".")[2]
    return last if sum(str(field["field"]).rpartition(".")[2] == last for field in fields()) == 1 else path


def _tell_apart(parts: Sequence[Part]) -> None:
    """Put the folder before labels that several folders have."""
    seen = [label for part in parts for label in part.labels]
    for part in parts:
        new = {label: f"{Path(part.where).name}: {label}" if seen.count(label) > 1 else label for label in part.labels}
        part.summary["arm"] = part.summary["arm"].map(new)
        part.labels = list(new.values())
