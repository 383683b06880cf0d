"""Carrying out runs with a memory: what is finished is kept in a file, and taken from there the next time."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments.engine.jobs import Done, Job
from experiments.engine.running import run_jobs

Run = Callable[..., Iterator[Done]]


def remembering(path: Path, measured_by: str, run: Run = run_jobs) -> Run:
    """Return a `run_jobs` that keeps every run that comes to its end, and carries out only what is not kept yet.

    Parameters
    ----------
    path : Path
        Of the file: a line of JSON a run. Its folder must exist, and one process at a time may write there.
    measured_by : str
        What the measures of the runs are known by, since `run_id_of` knows only their name. Kept runs that were
        measured otherwise are carried out again.
    run : callable
        In place of `run_jobs`.
    """

    def carry_out(jobs: Iterable[Job], **how: Any) -> Iterator[Done]:
        wanted, kept = list(jobs), _read(path, measured_by)
        yield from (kept[job.run_id] for job in wanted if job.run_id in kept)
        rest = [job for job in wanted if job.run_id not in kept]
        if not rest:
            return
        with path.open("a", encoding="utf-8") as file:
            for done in run(rest, **how):
                if done.failure is None:
                    _append(file, done, measured_by)
                yield done

    return carry_out


def _append(file: Any, done: Done, measured_by: str) -> None:
    row = asdict(done) | {"weekly": None, "measured_by": measured_by}
    # A killed process may have left half a line: what follows must not become part of it.
    file.write(f"\n{json.dumps(row)}\n")
    file.flush()
    os.fsync(file.fileno())


def _read(path: Path, measured_by: str) -> dict[str, Done]:
    """The runs in the file by their id; whatever else stands there is passed over."""
    if not path.exists():
        return {}
    found = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row = json.loads(line)
            if row.pop("measured_by") == measured_by:
                found[row["run_id"]] = Done(**row)
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
    return found
