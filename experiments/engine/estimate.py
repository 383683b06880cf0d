"""What a sweep would take: runs, time and disk, told before it is begun."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.engine.jobs import Job
from experiments.engine.plan import Part
from experiments.errors import ResultsError
from experiments.wording import how_many

if TYPE_CHECKING:
    from experiments.designs import Design
    from experiments.engine.sweep import How
    from marketplace.scenario import Scenario

RUN_BYTES = 900  # of a row of indicators in Parquet, measured
WEEK_BYTES = 560  # of a week in Parquet, measured: most of its 80 columns hold noise, which does not compress
LONGEST_TRIAL = 60.0  # seconds that the trial run may take


@dataclass(frozen=True)
class Estimate:
    """What a sweep would take.

    Attributes
    ----------
    points, replications : int
        Of the whole design.
    part : Part
        Which part of it is meant.
    runs, done : int
        Runs of that part, and those of them that are finished.
    seconds : float
        Of one run.
    timed_on : str
        What that was measured on.
    workers : int
        Processes.
    start : float
        Seconds until those processes have imported what a run needs.
    bytes, free : int
        Disk that the rest would take, and that is free.
    """

    points: int
    replications: int
    part: Part
    runs: int
    done: int
    seconds: float
    timed_on: str
    workers: int
    start: float
    bytes: int
    free: int

    @property
    def total(self) -> float:
        """Seconds that the runs which are left would take."""
        left = self.runs - self.done
        return self.start + left * self.seconds / min(self.workers, left) if left > 0 else 0.0

    def lines(self) -> list[str]:
        """The estimate in words."""
        from experiments.progress import time_in_words

        part = f", part {self.part.k} of {self.part.n}: {self.runs:,} runs" if self.part.n > 1 else ""
        whole = self.points * self.replications
        workers = how_many(self.workers, "worker")
        lines = [
            f"{how_many(self.points, 'point')} x {how_many(self.replications, 'replication')} = "
            f"{how_many(whole, 'run')}{part}",
            f"done:  {self.done:,} of {self.runs:,}",
            f"time:  about {time_in_words(self.total)} on {workers} "
            f"({time_in_words(self.start)} to start, {time_in_words(self.seconds)} a run, {self.timed_on})",
            f"disk:  about {_size(self.bytes)} ({_size(self.free)} free)",
        ]
        if self.bytes > self.free:
            lines.append("there is not enough room for it")
        return lines


def estimate(design: Design, part: Part, how: How, folder: Path | None, weekly: bool) -> Estimate:
    """Estimate a sweep from the finished runs in its folder, or else from one run of the base world.

    Parameters
    ----------
    design, part, how
        As of `experiments.engine.sweep.carry_out_sweep`.
    folder : Path or None
        Where it would be resumed.
    weekly : bool
        Whether weeks would be kept.
    """
    from experiments.provenance import cores

    done, seconds = _finished(folder) if folder is not None else (0, 0.0)
    timed_on = "mean of the finished runs"
    if not done:
        seconds, timed_on = _trial(design)
    runs = part.size(len(design))
    weeks = design.base.run.weeks if weekly or design.weekly else 0
    left = max(0, runs - done)
    standing = next(path for path in (folder or Path("results")).absolute().parents if path.exists())
    return Estimate(
        len(design.rows), design.replications, part, runs, done, seconds, timed_on, how.workers or cores(),
        _start(design, how) if left else 0.0, left * (RUN_BYTES + weeks * WEEK_BYTES), shutil.disk_usage(standing).free,
    )  # fmt: skip


def _start(design: Design, how: How) -> float:
    """Seconds until a worker is ready, measured on one; workers of a cluster that stands are ready."""
    from experiments.engine.pool import seconds_to_begin

    first = _shortest(design.base.with_changes({"run.threads": 1, "run.record_orders": False}))
    return 0.0 if how.address is not None else seconds_to_begin(design.imports, first)


def _shortest(scenario: Scenario) -> Job:
    """A run of a week, or the whole where a world cannot be so short: its valves, say, shut later."""
    from marketplace.scenario_errors import ScenarioError

    try:
        return Job("", 0, 0, 0, scenario.with_changes({"run.weeks": 1}))
    except ScenarioError:
        return Job("", 0, 0, 0, scenario)


def _finished(folder: Path) -> tuple[int, float]:
    from experiments.store.reading import load_results

    row = load_results(folder).query("SELECT count(*) AS n, avg(seconds) AS mean FROM _runs")
    count = int(row["n"].iloc[0])
    return count, float(row["mean"].iloc[0]) if count else 0.0


def _trial(design: Design) -> tuple[float, str]:
    """Seconds of one run of the base world, after its first weeks, which may include a compilation."""
    from experiments.engine.one_run import carry_out_job

    scenario = design.base.with_changes({"run.threads": 1, "run.record_orders": False})
    carry_out_job(_shortest(scenario))
    end = time.monotonic() + LONGEST_TRIAL
    begun = time.perf_counter()
    weeks = 0

    def enough() -> bool:
        nonlocal weeks
        weeks += 1
        return time.monotonic() > end

    done = carry_out_job(Job("", 0, 0, 0, scenario), asked=enough)
    took = time.perf_counter() - begun
    if done is None:  # later weeks may be slower: the more so, the more it grows
        return took * scenario.run.weeks / weeks, f"from {weeks:,} weeks of the base world"
    if done.failure is not None:
        raise ResultsError(f"the base world fails at stage {done.failure.stage}: {done.failure.message}")
    return took, "one run of the base world"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if count >= 10 or unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
