"""Running a scenario under several seeds and holding it against the facts.

==================  ==============================================================================================
file                content
==================  ==============================================================================================
scenario.toml       the complete scenario
targets.toml        the target file as read
provenance.json     what it was made with
validation.json     every target and effect: real, allowed, simulated, verdict; the curves with their bands
runs.parquet        a row a seed, with every statistic and effect
validation.html     all of it, to be read
==================  ==============================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from experiments.errors import ResultsError
from experiments.files import plain, write_json, write_whole
from experiments.folders import MARK
from experiments.validation.curves import bands
from experiments.validation.interventions import EFFECTS
from experiments.validation.measuring import CURVE, EFFECT, FACT, figures
from experiments.validation.targets import TargetError, Targets, load_targets, shipped_targets
from experiments.validation.verdicts import Estimate, Verdict, counted, effect_row, effects, verdicts

if TYPE_CHECKING:
    from experiments.engine import Done, Job
    from experiments.progress import Progress
    from experiments.runs import Stop
    from marketplace.scenario import Scenario

MEASURES = "experiments.validation.measuring:statistics_and_curves", "experiments.validation.measuring:everything"
NAME = "validation.json"


@dataclass
class Validation:
    """A scenario, the facts, and what the seeds came to.

    Attributes
    ----------
    scenario : Scenario
        With the first seed.
    targets : Targets
        The facts.
    planned : int
        Number of seeds that were asked for.
    runs : DataFrame
        A row for each seed that came to its end: ``seed``, then figures as `measuring` names them.
    failures : list of str
        What became of the others.
    started, ended : datetime
        In UTC.
    """

    scenario: Scenario
    targets: Targets
    planned: int
    runs: pd.DataFrame
    failures: list[str] = field(default_factory=list)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def status(self) -> str:
        """``complete``, or ``interrupted`` where seeds are missing that have not failed."""
        return "complete" if len(self.runs) + len(self.failures) == self.planned else "interrupted"

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """By target, in the order of the file."""
        return verdicts(self.targets, figures(self.runs, FACT))

    @cached_property
    def effects(self) -> dict[str, Estimate]:
        """By name; empty where none was measured."""
        return effects(figures(self.runs, EFFECT))

    @cached_property
    def bands(self) -> dict[str, pd.DataFrame]:
        """Curves by name; see `curves.bands`."""
        return bands(figures(self.runs, CURVE))


def targets_for(scenario: Scenario, wanted: str | None) -> Targets:
    """The targets that are named, or those that are shipped for a scenario.

    Raises
    ------
    TargetError
        If there are none, or they cannot be read.
    """
    if wanted is not None:
        return load_targets(wanted)
    known = shipped_targets()
    if scenario.name not in known:
        names = " or ".join(f"--targets {name}" for name in known)
        raise TargetError(f'there are no targets for a scenario named "{scenario.name}": say {names}, or name a file')
    return load_targets(scenario.name)


def validate(
    scenario: Scenario, targets: Targets, seeds: int, *, stop: Stop, progress: Progress, workers: int = 0,
    imports: Sequence[Path] = (), elasticities: bool = True, run: Callable[..., Any] | None = None,
) -> Validation:  # fmt: skip
    """Run a scenario under seeds from ``run.seed`` on, and measure every run where it is run.

    Parameters
    ----------
    scenario : Scenario
        Orders are recorded if the targets need them, whatever it says.
    targets : Targets
        The facts.
    seeds : int
        Number of seeds.
    stop : Stop
        Asked a few times a second; what is finished by then is kept.
    progress : Progress
        Told of every run.
    workers, imports
        As of `experiments.engine.run_jobs`.
    elasticities : bool
        Whether to measure what comes of interventions, too.
    run : callable, optional
        In place of `experiments.engine.run_jobs`.

    Raises
    ------
    ResultsError
        If not one run came to its end.
    """
    from experiments.engine import run_jobs

    world = scenario.with_changes({"run.record_orders": targets.needs_orders or scenario.run.record_orders})
    started, done = datetime.now(UTC), []
    jobs = [job_of(world, k, MEASURES[elasticities], imports) for k in range(seeds)]
    with progress.follow(f"{world.name} against {targets.name}", seeds, "runs") as told:
        for one in (run or run_jobs)(jobs, workers=workers, imports=list(imports), asked=lambda: stop.asked):
            done.append(one)
            stop.worth_keeping = stop.worth_keeping or one.failure is None
            told(len(done))
    if not stop.worth_keeping:
        raise ResultsError(f"every run failed: {_why(done[0])}") if done else KeyboardInterrupt
    failures = [f"seed {one.seed}: {_why(one)}" for one in done if one.failure is not None]
    return Validation(world, targets, seeds, table_of(done), failures, started, datetime.now(UTC))


def job_of(scenario: Scenario, replicate: int, measure: str, imports: Sequence[Path], point: int = 0) -> Job:
    """The job of the ``replicate``-th seed from ``run.seed`` on."""
    from experiments.engine import Job

    seeded = scenario.with_changes({"run.seed": scenario.run.seed + replicate, "run.threads": 1})
    return Job.of(seeded, point, replicate, imports, measure=measure)


def table_of(done: Sequence[Done]) -> pd.DataFrame:
    """The figures of `measuring` of all runs that came to their end, by seed."""
    kinds = (FACT, CURVE, EFFECT)
    rows = [
        {"seed": one.seed} | {name: value for name, value in one.summary.items() if name.startswith(kinds)}
        for one in done
        if one.failure is None
    ]
    return pd.DataFrame(rows, columns=None if rows else ["seed"]).sort_values("seed", ignore_index=True)


def _why(done: Done) -> str:
    assert done.failure is not None
    week = f" in week {done.failure.week}" if done.failure.week else ""
    return f"{done.failure.exception}{week}: {done.failure.message}"


def write_validation(folder: Path, found: Validation, copies: dict[str, Any] | None = None) -> None:
    """Write everything but the page into an empty folder."""
    write_whole(folder / "scenario.toml", found.scenario.to_toml())
    write_whole(folder / "targets.toml", found.targets.text)
    write_json(folder / NAME, statement(found))
    kept = [column for column in found.runs.columns if not column.startswith(CURVE)]
    found.runs[kept].to_parquet(folder / "runs.parquet", index=False)
    write_json(folder / MARK, provenance(found) | (copies or {}))


def statement(found: Validation) -> dict[str, Any]:
    """The whole of it as plain values."""
    return {
        "scenario": found.scenario.name,
        "scenario_sha256": found.scenario.hash(),
        "weeks": found.scenario.run.weeks,
        "targets_file": found.targets.name,
        "seeds": [int(seed) for seed in found.runs["seed"]],
        "planned": found.planned,
        "failures": found.failures,
        "status": found.status,
        **counted(found.verdicts),
        "targets": [verdict.row() for verdict in found.verdicts],
        "effects": [effect_row(EFFECTS[name], estimate) for name, estimate in found.effects.items()],
        "curves": {
            name: [{"x": x, **{k: plain(v) for k, v in row.items()}} for x, row in band.iterrows()]
            for name, band in found.bands.items()
        },
    }


def provenance(found: Validation) -> dict[str, Any]:
    """What it was made with."""
    from experiments.engine.jobs import sources_hash
    from experiments.provenance import SCHEMA, git_state, machine, versions

    return {
        "schema": SCHEMA,
        "kind": "validation",
        "status": found.status,
        "scenario": found.scenario.name,
        "scenario_sha256": found.scenario.hash(),
        "targets": found.targets.name,
        "seed": found.scenario.run.seed,
        "seeds": found.planned,
        "weeks": found.scenario.run.weeks,
        "started": found.started.isoformat(timespec="seconds"),
        "ended": found.ended.isoformat(timespec="seconds"),
        "sources_sha256": sources_hash(),
        "versions": versions(),
        "git": git_state(),
        "machine": machine(),
        "imports": [],
        "inputs": [],
    }
