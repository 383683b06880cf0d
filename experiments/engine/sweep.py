"""Carrying out a design in a folder, from the beginning or from where it was left."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.engine.jobs import Done, Job
from experiments.engine.plan import Part, job_at, jobs_of, manifest_of, what_changed
from experiments.engine.running import run_jobs
from experiments.errors import ResultsError
from experiments.files import read_json, write_json
from experiments.folders import MARK
from experiments.own_code import place_in
from experiments.store.lock import LOCK, Lock
from experiments.store.manifest import MANIFEST, Manifest, read_manifest

if TYPE_CHECKING:
    from experiments.designs import Design
    from experiments.progress import Progress
    from experiments.runs import Stop
    from experiments.store.writer import Store


FILES = frozenset({MARK, "design.toml", "scenario.toml", "points.parquet", "imports", "inputs", LOCK})
"""What stands in a sweep folder before its manifest does."""


@dataclass(frozen=True)
class How:
    """How the runs of a design are carried out; none of it changes a result.

    Attributes
    ----------
    workers, time_limit, engine, address
        As of `experiments.engine.running.run_jobs`.
    """

    workers: int = 0
    time_limit: float | None = None
    engine: str = "local"
    address: str | None = None


@dataclass
class Swept:
    """What a sweep has come to.

    Attributes
    ----------
    folder : Path
        Where its results are.
    planned, complete, failed : int
        Numbers of runs.
    interrupted : bool
        Whether it was asked to stop before the end.
    reasons : Counter
        Failures by (stage, exception, message, place in a file of the user's own).
    """

    folder: Path
    planned: int
    complete: int = 0
    failed: int = 0
    interrupted: bool = False
    reasons: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)


def carry_out_sweep(
    design: Design, folder: Path, *, stop: Stop, progress: Progress, how: How | None = None, weekly: bool = False,
    resume: bool = False, part: Part | None = None, kind: str = "sweep", extra: dict[str, Any] | None = None,
) -> Swept:  # fmt: skip
    """Run what a folder lacks of a design, and keep every run there as soon as it is done.

    Parameters
    ----------
    design : Design
        What is to be run.
    folder : Path
        An empty folder, or, with ``resume``, that of a sweep.
    stop : Stop
        Asked a few times a second.
    progress : Progress
        Told of every run.
    how : How
        By whom the runs are carried out.
    weekly : bool
        Whether the weeks are kept, too; as the design says by default.
    resume : bool
        Whether to go on with what stands in the folder.
    part : Part
        Which of the design's runs; all by default.
    kind : str
        ``sweep``, ``comparison`` or ``ablation``.
    extra : dict
        What else the provenance shall state.

    Raises
    ------
    ResultsError
        If another sweep is at work in the folder, or workers cannot begin.
    OSError
        If the disk is full or the folder cannot be written. What was finished is kept, and can be resumed.
    """
    from experiments.store.writer import Store

    how, part = how or How(), part or Part()
    with Lock(folder) as lock:
        wanted = manifest_of(design, part, weekly or design.weekly)
        if resume and (folder / MANIFEST).exists():
            store = Store(folder, read_manifest(folder))
            done = _take_up(store, design, wanted, part, progress)
        else:
            store, done = Store(folder, wanted), set()
        write_sweep_files(folder, design, store.manifest, kind, extra or {})
        stop.worth_keeping = True
        swept = Swept(folder, wanted.planned, complete=len(done))

        def asked() -> bool:  # a few times a second, however long the runs take
            lock.beat()
            store.flush_if_late()
            return stop.asked

        with progress.follow(design.name, wanted.planned, "runs", len(done)) as told, _kept(store):
            for one in _finished(design, jobs_of(design, part, done), how, store.manifest.weekly, asked):
                store.add(one)
                _count(swept, one, design.imports)
                told(swept.complete + swept.failed, f"{swept.failed:,} failed" if swept.failed else "")
        swept.interrupted = swept.complete + swept.failed < swept.planned
        if swept.interrupted:
            store.flush()
        else:
            store.finish()
        close_provenance(folder, "interrupted" if swept.interrupted else "complete")
    return swept


def _finished(
    design: Design, jobs: Iterable[Job], how: How, weekly: bool, asked: Callable[[], bool]
) -> Iterator[Done]:
    return run_jobs(
        jobs, workers=how.workers, imports=list(design.imports), weekly=weekly, time_limit=how.time_limit,
        engine=how.engine, address=how.address, asked=asked,
    )  # fmt: skip


@contextmanager
def _kept(store: Store) -> Iterator[None]:
    """Keep what is finished, whatever ends the context."""
    try:
        yield
    except BaseException:
        with suppress(OSError):  # after a full disk it fails again, and the first sentence is the one that counts
            store.flush()
        raise


def _count(swept: Swept, done: Done, imports: Sequence[Path]) -> None:
    if done.failure is None:
        swept.complete += 1
        return
    swept.failed += 1
    why = done.failure
    swept.reasons[why.stage, why.exception, why.message, place_in(why.traceback, imports)] += 1


# -- taking up what was left -------------------------------------------------------------------------------------


def _take_up(
    store: Store, design: Design, wanted: Manifest, part: Part, progress: Progress
) -> set[tuple[int, int]]:
    """Put a folder in order and return the points and replicates that need not be run again."""
    from experiments.store.checking import finished_runs, points_are_sound, set_aside_damaged
    from experiments.store.reading import POINTS
    from experiments.store.tables import FAILURES, KINDS

    for sentence in set_aside_damaged(store):
        progress.say(sentence)
    if not points_are_sound(store.folder):  # without them no table can be read
        write_points(store.folder, design)
        progress.say(f"{store.folder / POINTS} was missing or damaged: it is made again from the design")
    wanted.weekly = wanted.weekly or store.manifest.weekly
    changed = what_changed(store.manifest, wanted)
    there = finished_runs(store, wanted.weekly)
    stand = there.whole
    if changed:  # a run is looked for at its own place only: the design may have a thousand times as many
        jobs = {run_id: job_at(design, part, *there.places[run_id]) for run_id in there.whole}
        stand = {run_id for run_id, job in jobs.items() if job is not None and job.run_id == run_id}
    if stand != there.whole and store.manifest.sources == wanted.sources:
        _refuse_another(store, wanted, len(stand))
    store.forget([FAILURES])
    store.tidy()
    stale = there.all_ids - stand
    if changed and there.all_ids:
        progress.say(_what_stands(changed, len(there.all_ids), len(stand)))
    _say_versions(store.folder, progress)
    if stale:
        store.forget(KINDS, stale, aside=".stale")
    _renew(store.manifest, wanted)
    return {there.places[run_id] for run_id in stand}


def _refuse_another(store: Store, wanted: Manifest, stand: int) -> None:
    """Refuse to set finished runs aside because another part, or altogether another sweep, was asked for."""
    old, folder = store.manifest, store.folder
    if old.part != wanted.part:
        what = f"part {'/'.join(map(str, old.part))}" if old.part else "the whole"
        raise ResultsError(f"{folder} holds {what} of this design: give each part a folder of its own by --out")
    if not stand and (old.design_sha256, old.scenario_sha256) != (wanted.design_sha256, wanted.scenario_sha256):
        raise ResultsError(
            f"{folder} holds runs of another design or base scenario, and none of them would stand: take another "
            "--out, or begin anew with --force instead of --resume"
        )


def _renew(manifest: Manifest, wanted: Manifest) -> None:
    for name in ("planned", "weekly", "design_sha256", "scenario_sha256", "sources", "files", "part"):
        setattr(manifest, name, getattr(wanted, name))


def _what_stands(changed: Sequence[str], there: int, stand: int) -> str:
    what = ", ".join(changed)
    if stand == there:
        return f"changed since this sweep was begun: {what}; all {there:,} finished runs still stand"
    some = f"of {there:,} finished runs {stand:,} still stand, and the others are set aside (*.stale)"
    return f"changed since this sweep was begun: {what}; {some}"


def _say_versions(folder: Path, progress: Progress) -> None:
    from experiments.provenance import versions

    sessions = said_of(folder).get("sessions", [])
    before, now = (sessions[-1]["versions"] if sessions else {}), versions()
    differing = [f"{name} {before.get(name)} -> {now.get(name)}" for name in now if before.get(name) != now[name]]
    if before and differing:
        progress.say(f"finished runs were made with other versions, which may change results: {', '.join(differing)}")


# -- the files around the tables ---------------------------------------------------------------------------------


def write_sweep_files(folder: Path, design: Design, manifest: Manifest, kind: str, extra: dict[str, Any]) -> None:
    """Write everything but the shards; the manifest, which makes a folder a sweep's, comes last."""
    from experiments.files import write_whole
    from experiments.store.reading import DESIGN

    copies = _keep_files(folder, design)
    write_whole(folder / DESIGN, design.text, overwrite=True)
    write_whole(folder / "scenario.toml", design.base.to_toml(), overwrite=True)
    write_points(folder, design)
    write_json(folder / MARK, sweep_provenance(folder, design, manifest, kind, copies) | extra)
    manifest.write(folder)


def write_points(folder: Path, design: Design) -> None:
    """Write the table of the design's points, whole or not at all."""
    import pyarrow.parquet as pq

    from experiments.store.reading import POINTS
    from experiments.store.shards import put_in_place
    from experiments.store.tables import points_table

    aside = folder / ".aside-points"
    pq.write_table(points_table(design.points), aside)
    put_in_place(aside, folder / POINTS)


def _keep_files(folder: Path, design: Design) -> dict[str, Any]:
    """Copy the files that the runs use; they may be the very copies that stand there."""
    from experiments.results import Kept

    aside = folder / ".aside-kept"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    copies = Kept.of(design.base, design.imports).copy_to(aside)
    for below in ("imports", "inputs"):
        shutil.rmtree(folder / below, ignore_errors=True)
        if (aside / below).exists():
            (aside / below).rename(folder / below)
    aside.rmdir()
    return copies


def sweep_provenance(
    folder: Path, design: Design, manifest: Manifest, kind: str, kept: dict[str, Any]
) -> dict[str, Any]:
    """What a sweep is made with, as plain JSON values; every session that worked on it has its line."""
    from agents import compiled
    from experiments.provenance import SCHEMA, git_state, machine, versions

    session = {"started": _now(), "ended": None, "versions": versions(), "git": git_state(), "machine": machine()}
    return {
        "schema": SCHEMA,
        "kind": kind,
        "status": "interrupted",  # until it is complete: a crash has no time to say so
        "design": design.name,
        "design_kind": design.kind,
        "design_sha256": manifest.design_sha256,
        "points": len(design.rows),
        "replications": design.replications,
        "seeds": design.seeds,
        "part": manifest.part,
        "scenario": design.base.name,
        "scenario_sha256": manifest.scenario_sha256,
        "seed": design.base.run.seed,
        "weeks": design.base.run.weeks,
        "compiled": not compiled.PLAIN,
        "sources_sha256": manifest.sources,
        "versions": session["versions"],
        "git": session["git"],
        "machine": session["machine"],
        "imports": kept["imports"],
        "inputs": kept["inputs"],
        "sessions": [*said_of(folder).get("sessions", []), session],
    }


def close_provenance(folder: Path, status: str) -> None:
    """State how a sweep, and its last session, ended."""
    said = said_of(folder)
    said["status"] = status
    said["sessions"][-1]["ended"] = _now()
    write_json(folder / MARK, said)


def said_of(folder: Path) -> dict[str, Any]:
    """What the provenance of a folder says; nothing where it is missing or damaged."""
    try:
        return read_json(folder / MARK)
    except ResultsError:
        return {}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

