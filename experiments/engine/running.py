"""The one entry to carrying out runs, whoever does it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from experiments.engine.jobs import Done, Job
from experiments.engine.one_run import carry_out_job, never
from experiments.errors import ResultsError

ENGINES = ("local", "dask", "here")


def run_jobs(
    jobs: Iterable[Job], *, workers: int = 0, imports: Sequence[Path] = (), weekly: bool = False,
    time_limit: float | None = None, engine: str = "local", address: str | None = None,
    asked: Callable[[], bool] = never,
) -> Iterator[Done]:  # fmt: skip
    """Carry out jobs and give each as it ends, in whatever order; once asked to stop, give no more.

    A run that fails is given with its failure, and the others go on.

    Parameters
    ----------
    jobs : iterable of Job
        Read only as far as workers need more to do.
    workers : int
        Number of processes; 0 takes one for every core.
    imports : sequence of Path
        Files of the user's own that workers bring in.
    weekly : bool
        Whether to bring back the weeks of every run, too.
    time_limit : float or None
        Seconds after which a run is ended and recorded as failed; None for no limit.
    engine : str
        ``local`` (processes on this machine), ``dask`` (workers of Dask, anywhere), or ``here`` (this very process,
        one after the other: no time limit, and nothing survives a crash).
    address : str or None
        Of Dask's scheduler, or the path of its scheduler file; None starts a cluster on this machine.
    asked : callable
        Asked a few times a second whether to stop.

    Raises
    ------
    ResultsError
        If workers cannot be started at all.
    """
    from experiments.provenance import cores

    count = workers or cores()
    if engine == "local":
        from experiments.engine.pool import run_in_processes

        yield from run_in_processes(jobs, count, imports, weekly, time_limit, asked)
    elif engine == "dask":
        from experiments.engine.cluster import run_on_cluster

        yield from run_on_cluster(jobs, count, imports, weekly, time_limit, address, asked)
    elif engine == "here":
        yield from _run_here(jobs, weekly, asked)
    else:
        raise ResultsError(f'engine = "{engine}" is not allowed: it must be {" or ".join(ENGINES)}')


def _run_here(jobs: Iterable[Job], weekly: bool, asked: Callable[[], bool]) -> Iterator[Done]:
    gc.freeze()  # collecting after every run then leaves out what stood before
    try:
        for job in jobs:
            done = None if asked() else carry_out_job(job, weekly, asked)
            if done is None:
                return
            yield done
    finally:
        gc.unfreeze()
