"""Carrying out a calibration in a folder, from the beginning or from where it was left."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.calibration.journal import JOURNAL, Journal, Plan, best_of, same_values
from experiments.calibration.search import Trial, ask, loss_of
from experiments.errors import ResultsError
from experiments.validation.measuring import FACT
from marketplace.scenario_errors import ScenarioError
from marketplace.scenario_paths import apply_changes

if TYPE_CHECKING:
    from experiments.engine import Done, Job
    from experiments.progress import Progress, Told
    from experiments.runs import Stop
    from marketplace.scenario import Scenario

MEASURE = "experiments.validation.measuring:statistics"


def plan_of(plan: Plan, trials: int) -> Plan:
    """Check a plan, and complete it: its scenario records orders where the targets need them.

    Raises
    ------
    ResultsError
        If it cannot lead anywhere: nothing to aim at, nothing to move, too few trials.
    ScenarioError
        If the scenario has no such field.
    """
    targets = plan.targets
    if not targets.required:
        raise ResultsError(f"{targets.name}: none of the targets is required, so there is nothing to aim at")
    if not targets.parameters:
        raise ResultsError(f"{targets.name}: there is no [parameters.PATH] table, so there is nothing to move")
    if trials < plan.batch:
        raise ResultsError(f"--trials {trials} is not allowed: it must be at least a batch, {plan.batch}")
    world = plan.scenario.with_changes({"run.record_orders": targets.needs_orders, "run.threads": 1})
    world.with_changes({"run.seed": world.run.seed + plan.seeds - 1})  # a last seed out of range is refused now
    for parameter in targets.parameters:  # and so is a field of one of several platforms, or of one that is not there
        apply_changes(world.tables(), {parameter.path: parameter.low})
    return replace(plan, scenario=world)


def calibrate(
    plan: Plan, folder: Path, trials: int, *, stop: Stop, progress: Progress, workers: int = 0,
    begin: Callable[[], None] = lambda: None, run: Callable[..., Any] | None = None,
) -> list[Trial]:  # fmt: skip
    """Search until there are so many trials, and return all of them; asked to stop, give up the batch under way.

    Parameters
    ----------
    plan : Plan
        As `plan_of` completes it.
    folder : Path
        Where the journal stands, or will.
    trials : int
        Trials in all, those of an earlier session included.
    stop : Stop
        Asked a few times a second.
    progress : Progress
        Told of every trial, and of the best loss so far.
    workers : int
        As of `experiments.engine.run_jobs`; no result depends on it.
    begin : callable
        Called when the journal has turned out to be of this plan.
    run : callable, optional
        In place of `experiments.engine.run_jobs`.

    Raises
    ------
    ResultsError
        If the journal is of another plan, or every run of a batch fails.
    """
    from experiments.engine import run_jobs

    journal = Journal(folder / JOURNAL, plan)
    begin()
    with progress.follow(f"{plan.targets.name}", trials, "trials", len(journal.trials)) as told:
        _tell(told, journal.trials)
        while len(journal.trials) < trials and not stop.asked:
            stop.worth_keeping = stop.worth_keeping or bool(journal.trials)
            _batch(plan, journal, trials, stop, told, run or run_jobs, workers)
    return journal.trials


def _batch(
    plan: Plan, journal: Journal, trials: int, stop: Stop, told: Told, run: Callable[..., Any], workers: int
) -> None:
    """Ask for a batch, evaluate what is not told yet of it, and tell it in order of number."""
    start = len(journal.trials) // plan.batch * plan.batch
    points = ask(plan.targets.parameters, journal.trials[:start], plan.seed, plan.batch)
    for trial, point in zip(journal.trials[start:], points, strict=False):
        if not same_values(trial.values, point):
            raise ResultsError(f"{journal.path}: trial {trial.number} is not what this search asks for")
    first = len(journal.trials)
    wanted = points[first - start : trials - start]
    jobs = [jobs_of(plan, first + k, point) for k, point in enumerate(wanted)]
    done: dict[int, list[Done]] = {first + k: [] for k in range(len(wanted))}
    flat = [job for batch in jobs for job in batch]
    finished = 0
    for one in run(flat, workers=workers, imports=list(plan.imports), asked=lambda: stop.asked):
        done[one.point].append(one)
        if len(done[one.point]) == plan.seeds:
            finished += 1
            _tell(told, journal.trials, finished)
    if sum(map(len, done.values())) < len(flat):
        return  # asked to stop: the batch is asked for again
    failures = [one.failure for runs in done.values() for one in runs if one.failure is not None]
    if flat and len(failures) == len(flat):
        raise ResultsError(f"every run of a batch failed: {failures[0].exception}: {failures[0].message}")
    for k, point in enumerate(wanted):
        journal.tell(trial_from(plan, first + k, point, done[first + k]))
    _tell(told, journal.trials)
    stop.worth_keeping = True


def _tell(told: Told, trials: Sequence[Trial], more: int = 0) -> None:
    if trials:
        best = best_of(trials)
        told(len(trials) + more, f"best loss {best.loss:.3g} in trial {best.number}")
    elif more:
        told(more)


def jobs_of(plan: Plan, number: int, point: Mapping[str, float]) -> list[Job]:
    """The runs of a trial; none where these parameters make no world."""
    from experiments.engine import Job

    try:
        world = world_of(plan, point)
        seeds = [world.with_changes({"run.seed": world.run.seed + k}) for k in range(plan.seeds)]
    except ScenarioError:
        return []
    return [Job.of(seeded, number, k, plan.imports, measure=MEASURE) for k, seeded in enumerate(seeds)]


def world_of(plan: Plan, point: Mapping[str, float]) -> Scenario:
    """The scenario with the parameters of a trial."""
    return plan.scenario.with_changes(point)


def trial_from(plan: Plan, number: int, point: Mapping[str, float], runs: Sequence[Done]) -> Trial:
    """Judge a trial by the mean over its seeds of each statistic."""
    targets = plan.targets.targets
    good = [one.summary for one in sorted(runs, key=lambda one: one.replicate) if one.failure is None]
    statistics = {t.name: _mean([one.get(f"{FACT}{t.statistic}", math.nan) for one in good]) for t in targets}
    misses = {target.name: target.miss(statistics[target.name]) for target in targets}
    seconds = float(sum(one.seconds for one in runs))
    failed = plan.seeds - len(good)
    return Trial(number, dict(point), statistics, misses, loss_of(targets, misses), failed, seconds)


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return float(np.mean(known)) if known else math.nan
