"""Carrying out one run: a failure is data, with the stage in which it happened."""

from __future__ import annotations

import gc
import math
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from experiments.engine.jobs import Done, Failure, Job, Stage

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from marketplace.model import MarketplaceModel

OURS = ("agents", "marketplace", "experiments")
"""Packages whose functions may measure a model."""


def never() -> bool:
    """Nobody asks to stop."""
    return False


def carry_out_job(job: Job, weekly: bool = False, asked: Callable[[], bool] = never) -> Done | None:
    """Live through one run and measure it; None if it was asked to stop before the end.

    Parameters
    ----------
    job : Job
        What to run.
    weekly : bool
        Whether to bring back its weeks, too.
    asked : callable
        Asked between two weeks whether to stop.
    """
    begun = time.perf_counter()
    try:
        return _live(job, weekly, asked, begun)
    finally:
        gc.collect()  # a model is a cycle; the next one needs its room


def _live(job: Job, weekly: bool, asked: Callable[[], bool], begun: float) -> Done | None:
    from marketplace.indicators import summary
    from marketplace.model import MarketplaceModel

    stage: Stage = "make"
    model = None
    try:
        model = MarketplaceModel(job.scenario)
        stage = "week"
        while model.week < job.scenario.run.weeks:
            if asked():
                return None
            model.step()
        stage = "measure"
        frame = model.weekly
        figures = {name: math.nan if value is None else value for name, value in summary(frame).items()}
        figures |= measured(job.measure, model) if job.measure else {}
        table = weekly_table(frame) if weekly else None
    except (Exception, SystemExit) as error:  # whatever it is, the other runs go on
        failure = failure_of(error, stage, model.week if model is not None and stage == "week" else 0)
        return Done.failed(job, failure, time.perf_counter() - begun)
    seconds = time.perf_counter() - begun
    return Done(job.run_id, job.point, job.replicate, job.seed, "complete", figures, table, seconds)


def measured(name: str, model: MarketplaceModel) -> dict[str, float]:
    """What a function of ours, named ``module:function``, makes of a finished model.

    Raises
    ------
    ValueError
        If it is none of ours: a name may come from anywhere, and importing runs code.
    """
    module, _, function = name.partition(":")
    if module.partition(".")[0] not in OURS:
        raise ValueError(f'measure = "{name}" is not allowed: it must be a function in {" or ".join(OURS)}')
    return dict(getattr(import_module(module), function)(model))


def failure_of(error: BaseException, stage: Stage, week: int) -> Failure:
    """What an exception says, as data."""
    kind: Stage = "memory" if isinstance(error, MemoryError) else stage
    text = "".join(traceback.format_exception(error))
    return Failure(kind, week, type(error).__name__, " ".join(str(error).split()), text)


def weekly_table(frame: pd.DataFrame) -> pa.Table:
    """The weeks of a run as Arrow columns, with undefined values missing rather than NaN."""
    import pyarrow as pa

    return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
