"""The runs of a design, and what has to agree for finished ones to be used again."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.engine.jobs import Job, input_files, sources_hash
from experiments.provenance import sha256
from experiments.store.manifest import Manifest

if TYPE_CHECKING:
    from experiments.designs import Design


@dataclass(frozen=True)
class Part:
    """One of several parts into which the runs of a design are dealt out, in turn.

    Attributes
    ----------
    k, n : int
        The k-th (from 1) of n parts.
    """

    k: int = 1
    n: int = 1

    def has(self, number: int) -> bool:
        """Whether the run of that number (from 0, in the order of points and replicates) belongs to it."""
        return number % self.n == self.k - 1

    def size(self, runs: int) -> int:
        """How many of so many runs belong to it."""
        return len(range(self.k - 1, runs, self.n))

    @property
    def listed(self) -> list[int] | None:
        """As the manifest states it."""
        return [self.k, self.n] if self.n > 1 else None


ALL = Part()


def jobs_of(design: Design, part: Part = ALL, done: set[tuple[int, int]] | None = None) -> Iterator[Job]:
    """The jobs of a design by point and replicate (of arms by replicate and point), made one at a time.

    Parameters
    ----------
    design : Design
        What is to be run.
    part : Part
        Which of its runs.
    done : set of (int, int), optional
        Points and replicates to leave out.
    """
    points, replicates = range(len(design.rows)), range(design.replications)
    places = itertools.product(points, replicates)
    if design.kind == "arms":  # seed by seed, so that what an interruption leaves are pairs
        places = ((point, replicate) for replicate in replicates for point in points)
    for place in places:
        if place not in (done or ()) and (job := job_at(design, part, *place)) is not None:
            yield job


def job_at(design: Design, part: Part, point: int, replicate: int) -> Job | None:
    """The job of one place of a design; None where the design, or this part of it, has no such place."""
    number = point * design.replications + replicate
    if point >= len(design.rows) or replicate >= design.replications or not part.has(number):
        return None
    return Job.of(design.scenario(point, replicate), point, replicate, list(design.imports))


def manifest_of(design: Design, part: Part, weekly: bool) -> Manifest:
    """The manifest of a design of which nothing has been run."""
    files = {path.name: sha256(Path(path)) for path in [*design.imports, *input_files(design.base)]}
    return Manifest(
        part.size(len(design)), weekly, design_hash(design), design.base.hash(), sources_hash(), files, part.listed
    )


def design_hash(design: Design) -> str:
    """SHA-256 (hex) of what a design runs: points, replications and seeds. Comments in its file don't count."""
    said = {
        "kind": design.kind,
        "replications": design.replications,
        "seeds": design.seeds,
        "columns": design.columns,
        "rows": design.rows,
        "constants": design.constants,
        "arms": {label: scenario.hash() for label, scenario in design.arms.items()},
    }
    digest = hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode())
    return digest.hexdigest()


def what_changed(old: Manifest, new: Manifest) -> list[str]:
    """What keeps finished runs from being used again without a look at each, in words; empty where all agrees."""
    changed = []
    if old.sources != new.sources:
        changed.append("the sources of agents/ and marketplace/")
    if old.scenario_sha256 != new.scenario_sha256:
        changed.append("the base scenario")
    if old.design_sha256 != new.design_sha256:
        changed.append("the design")
    for name in sorted(old.files.keys() | new.files.keys()):
        if old.files.get(name) != new.files.get(name):
            changed.append(name)
    if old.part != new.part:
        changed.append("the part of the design")
    if new.weekly and not old.weekly:
        changed.append("that weeks are kept")
    return changed
