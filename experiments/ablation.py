"""Shutting links of the flywheel, one at a time and all at once, under the same luck.

What a link carried is the change of the log of the final year's GMV when it is shut, paired by seed. Effects of
links are not additive: growth that two links need together is counted with both.
"""

from __future__ import annotations

import gc
import math
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.errors import ResultsError
from marketplace.sections import LINKS

if TYPE_CHECKING:
    import pandas as pd

    from experiments.runs import Outcome
    from marketplace.scenario import Scenario

NONE, ALL = "none", "all"
CONFIDENCE = 0.95
YEAR = 52  # weeks that `summary` covers
POLL = 0.2  # seconds between two looks at whether Ctrl-C was pressed


@dataclass(frozen=True)
class Job:
    """One run: a seed, and the link that is shut (or ``none`` or ``all``)."""

    seed: int
    link: str

    @property
    def shut(self) -> tuple[str, ...]:
        """Ids of the links that are shut."""
        return {NONE: (), ALL: LINKS}.get(self.link, (self.link,))


@dataclass(frozen=True)
class Finished:
    """A run that came to its end: the summary of its final year and, for the runs that are shown whole, its tables."""

    job: Job
    summary: dict[str, float | None]
    outcome: Outcome | None = None


def plan(seeds: Sequence[int]) -> list[Job]:
    """All runs of an ablation; the open world and the cut loop of each seed come first, the first seed's before all."""
    return [Job(seed, link) for seed in seeds for link in (NONE, ALL, *LINKS)]


def carry_out_job(scenario: Scenario, job: Job, whole: bool, asked: Callable[[], bool]) -> Finished | None:
    """Live through one run; None if it was asked to stop before the end.

    Parameters
    ----------
    scenario : Scenario
        Its ``run.weeks`` holds; the seed is the job's.
    job : Job
        What to run.
    whole : bool
        Whether to bring back its tables, too.
    asked : callable
        Asked between two weeks whether to stop.
    """
    from experiments.runs import live_through, make_world, outcome_of
    from marketplace.indicators import summary

    # One thread each: the runs share the cores, and the number of threads changes no result.
    alone = {"run.seed": job.seed, "run.threads": 1, "run.record_orders": False}
    model = make_world(scenario.with_changes(alone), job.shut)
    failure = live_through(model, scenario.run.weeks, asked, lambda week: None)
    if failure is not None:
        raise failure
    if model.week < scenario.run.weeks:
        return None
    outcome = outcome_of(model)
    del model
    gc.collect()  # a model is a cycle; the next one needs its room
    return Finished(job, summary(outcome.weekly), outcome if whole else None)


# -- runs side by side -------------------------------------------------------------------------------------------


def finished_runs(
    scenario: Scenario, jobs: Sequence[Job], imports: Sequence[Path], workers: int, asked: Callable[[], bool]
) -> Iterator[Finished]:
    """Carry out jobs and give each as it ends, in whatever order; once asked to stop, give no more.

    Parameters
    ----------
    scenario : Scenario
        The world of all jobs.
    jobs : sequence of Job
        The first seed's open world and cut loop bring back their tables.
    imports : sequence of Path
        Files to bring in where a job is carried out in another process.
    workers : int
        Number of processes; 1 works in this one.
    asked : callable
        Asked between two weeks, and while waiting, whether to stop.

    Raises
    ------
    ResultsError
        If a process dies, or a file of the user's own fails.
    """
    whole = {job for job in jobs if job.seed == jobs[0].seed and job.link in (NONE, ALL)}
    if workers > 1:
        yield from _in_processes(scenario, jobs, whole, imports, workers, asked)
        return
    for job in jobs:
        finished = None if asked() else carry_out_job(scenario, job, job in whole, asked)
        if finished is None:
            return
        yield finished


def _in_processes(
    scenario: Scenario, jobs: Sequence[Job], whole: set[Job], imports: Sequence[Path], workers: int,
    asked: Callable[[], bool],
) -> Iterator[Finished]:  # fmt: skip
    from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    context = get_context("spawn")
    halt = context.Event()
    settings = (scenario, [str(path) for path in imports], halt)
    pool = ProcessPoolExecutor(min(workers, len(jobs)), context, _begin_worker, settings)
    try:
        with _deaf_children():
            waiting = {pool.submit(_work, job, job in whole) for job in jobs}
        while waiting and not asked():
            ended, waiting = wait(waiting, POLL, FIRST_COMPLETED)
            for future in ended:
                finished = future.result()
                if finished is not None:
                    yield finished
    except BrokenProcessPool:
        raise ResultsError("a worker process died; with --workers 1 less memory is needed") from None
    finally:
        halt.set()  # so that what is under way ends with its week
        pool.shutdown(cancel_futures=True)


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes begun inside never hear of Ctrl-C, which a terminal sends to all: their parent tells them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_WORLD: dict[str, Any] = {}
"""What a worker process was begun with."""


def _begin_worker(scenario: Scenario, imports: Sequence[str], halt: Any) -> None:
    from agents.plugins import load_policy_file

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for path in imports:
        load_policy_file(path)
    _WORLD.update(scenario=scenario, halt=halt)


def _work(job: Job, whole: bool) -> Finished | None:
    return carry_out_job(_WORLD["scenario"], job, whole, _WORLD["halt"].is_set)


# -- what came out -----------------------------------------------------------------------------------------------


def run_table(finished: Sequence[Finished], jobs: Sequence[Job]) -> pd.DataFrame:
    """All finished runs as a tidy table in the order of the jobs: seed, link, indicator, value (of the final year)."""
    import pandas as pd

    of = {one.job: one for one in finished}
    rows = [
        (job.seed, job.link, indicator, math.nan if value is None else value)
        for job in jobs
        if job in of
        for indicator, value in of[job].summary.items()
    ]
    table = pd.DataFrame(rows, columns=["seed", "link", "indicator", "value"])
    return table.astype({"seed": np.int64, "value": np.float64})


def effects(runs: pd.DataFrame, indicator: str = "gmv") -> dict[str, dict[str, Any]]:
    """What shutting each link changed: the paired difference of the log of an indicator, shut less open.

    Parameters
    ----------
    runs : DataFrame
        As `run_table` makes it.
    indicator : str
        An indicator that is positive where it is defined.

    Returns
    -------
    dict
        Link id (or ``all``) -> ``mean``, ``low`` and ``high`` (log points; 95 % t interval over seeds, None from
        fewer than two), ``n`` (seeds), ``left_out`` (seeds at which the log is undefined), ``distinguishable``
        (whether the interval leaves zero out). Links of which no run was finished are left out.
    """
    wide = runs[runs["indicator"] == indicator].pivot(index="seed", columns="link", values="value")
    out = {}
    for link in (*LINKS, ALL):
        if link not in wide or NONE not in wide:
            continue
        both = wide[[NONE, link]].dropna()
        finished = int((runs[runs["indicator"] == indicator]["link"] == link).sum())
        usable = both[(both > 0.0).all(axis=1)]
        logs = np.log(usable.to_numpy())
        out[link] = paired(logs[:, 1] - logs[:, 0]) | {"left_out": finished - len(usable)}
    return out


def paired(differences: np.ndarray) -> dict[str, Any]:
    """Mean and 95 % t interval of paired differences (n,): ``mean``, ``low``, ``high``, ``n``, ``distinguishable``."""
    from scipy.special import stdtrit

    n = len(differences)
    if n == 0:
        return {"mean": None, "low": None, "high": None, "n": 0, "distinguishable": False}
    mean = float(differences.mean())
    if n == 1:
        return {"mean": mean, "low": None, "high": None, "n": 1, "distinguishable": False}
    half = float(stdtrit(n - 1, 0.5 + CONFIDENCE / 2) * differences.std(ddof=1) / math.sqrt(n))
    low, high = mean - half, mean + half
    return {"mean": mean, "low": low, "high": high, "n": n, "distinguishable": low > 0.0 or high < 0.0}


def statement(scenario: Scenario, seeds: Sequence[int], runs: pd.DataFrame, jobs: int) -> dict[str, Any]:
    """The content of ``ablation.json``: what was measured, and what each link and all of them together carried."""
    found = effects(runs)
    done = runs[["seed", "link"]].drop_duplicates()
    return {
        "measure": "log of the final year's GMV, shut less open, paired by seed",
        "indicator": "gmv",
        "final_year_weeks": min(YEAR, scenario.run.weeks),
        "reference_week": scenario.flywheel.reference_week,
        "interval": "95 % t interval over seeds, each link by itself",
        "seeds": list(seeds),
        "runs": jobs,
        "runs_done": len(done),
        "links": [{"link": link, **found[link]} for link in LINKS if link in found],
        "all": found.get(ALL),
    }


def by_strength(links: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows of ``links``, the strongest change first, unmeasured ones last."""
    return sorted(links, key=lambda row: -math.inf if row["mean"] is None else abs(row["mean"]), reverse=True)


def verdict(row: Mapping[str, Any]) -> str:
    """What a row of ``links`` says, in words."""
    if row["mean"] is None:
        return "not measured: no GMV in the final year"
    if row["mean"] == 0.0 and row["low"] in (0.0, None):
        return "carried nothing: the same to the last bit"
    if row["n"] == 1:
        return "one seed, so no interval"
    if not row["distinguishable"]:
        return "not distinguishable from zero"
    return "carried growth" if row["mean"] < 0.0 else "held growth back"
