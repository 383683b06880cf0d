"""A run of a sweep: what it is known by, and what came of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from experiments.provenance import HOUSE, sha256

if TYPE_CHECKING:
    import pyarrow as pa

    from marketplace.scenario import Scenario

Stage = Literal["make", "week", "measure", "worker", "time-limit", "memory"]
ID_DIGITS = 16


@dataclass(frozen=True)
class Job:
    """One run that is to be carried out.

    Attributes
    ----------
    run_id : str
        See `run_id_of`.
    point : int
        Number of the design point, from 0.
    replicate : int
        Number of the replicate, from 0.
    seed : int
        Equal to ``scenario.run.seed``.
    scenario : Scenario
        Complete: nothing is changed any more.
    measure : str
        ``module:function`` of ours that takes the finished model and gives figures by name, which join the run's
        summary; empty for none. What it raises fails the run at stage ``measure``.
    """

    run_id: str
    point: int
    replicate: int
    seed: int
    scenario: Scenario
    measure: str = ""

    @classmethod
    def of(
        cls, scenario: Scenario, point: int, replicate: int, imports: Sequence[Path] = (), measure: str = ""
    ) -> Job:  # fmt: skip
        """The job of a scenario that states its seed."""
        run_id = run_id_of(scenario, point, replicate, imports, measure)
        return cls(run_id, point, replicate, scenario.run.seed, scenario, measure)


@dataclass(frozen=True)
class Failure:
    """Why a run failed.

    Attributes
    ----------
    stage : str
        ``make`` (the world could not be made), ``week``, ``measure``, ``worker`` (its process died),
        ``time-limit`` or ``memory``.
    week : int
        Week that failed; 0 where it was none.
    exception : str
        Name of the exception's class.
    message : str
        What it said.
    traceback : str
        As Python prints it; empty where there is none.
    """

    stage: Stage
    week: int
    exception: str
    message: str
    traceback: str = ""


@dataclass
class Done:
    """What came of a run.

    Attributes
    ----------
    run_id, point, replicate, seed
        The job's.
    status : str
        ``complete`` or ``failed``.
    summary : dict of str to float
        The last 52 weeks by each indicator's rule, NaN where it is undefined; empty after a failure.
    weekly : pyarrow.Table or None
        One row a week, where it was asked for.
    seconds : float
        How long the run took.
    attempts : int
        How often it was begun: more than once where its process died.
    failure : Failure or None
        Why it failed.
    """

    run_id: str
    point: int
    replicate: int
    seed: int
    status: Literal["complete", "failed"]
    summary: dict[str, float]
    weekly: pa.Table | None
    seconds: float
    attempts: int = 1
    failure: Failure | None = None

    @classmethod
    def failed(cls, job: Job, failure: Failure, seconds: float, attempts: int = 1) -> Done:
        """A run of which there is nothing but the reason why it failed."""
        return cls(job.run_id, job.point, job.replicate, job.seed, "failed", {}, None, seconds, attempts, failure)


def run_id_of(
    scenario: Scenario, point: int, replicate: int, imports: Sequence[Path] = (), measure: str = ""
) -> str:  # fmt: skip
    """What a run is known by: 16 hex digits that change with everything that could change its result.

    Parameters
    ----------
    scenario : Scenario
        Complete, with the run's seed.
    point, replicate : int
        Its place in the design.
    imports : sequence of Path
        Files brought by ``--import``; their content counts, not their name.
    measure : str
        See `Job`.

    Returns
    -------
    str
        Beginning of a SHA-256 over scenario, point, replicate, the sources of ``agents/`` and ``marketplace/``, and
        the content of imported files and of those that the scenario reads.
    """
    files = [*imports, *input_files(scenario)]
    parts = [scenario.hash(), str(point), str(replicate), sources_hash(), *(_file_hash(path) for path in files)]
    parts += [f"measure {measure}"] if measure else []
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:ID_DIGITS]


def input_files(scenario: Scenario) -> list[Path]:
    """Files that a scenario reads."""
    from experiments.results import Kept

    return list(Kept.of(scenario, ()).inputs.values())


@cache
def sources_hash() -> str:
    """SHA-256 (hex) of all sources of ``agents/`` and ``marketplace/``, as they were when first asked for."""
    return hash_of_sources(HOUSE)


def hash_of_sources(house: Path) -> str:
    """SHA-256 (hex) over the name and content of every Python file in ``agents/`` and ``marketplace/``."""
    digest = hashlib.sha256()
    for path in _sources(house):
        digest.update(f"{path.relative_to(house).as_posix()}\0{sha256(path)}\n".encode())
    return digest.hexdigest()


def _sources(house: Path) -> Iterable[Path]:
    return (path for room in ("agents", "marketplace") for path in sorted((house / room).rglob("*.py")))


def _file_hash(path: Path) -> str:
    status = path.stat()
    return _hash_of_version(path, status.st_mtime_ns, status.st_size)


@cache
def _hash_of_version(path: Path, changed: int, size: int) -> str:
    # A sweep asks once a run; the file is read once for each of its versions.
    return sha256(path)
