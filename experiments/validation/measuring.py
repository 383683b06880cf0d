"""What the engine measures of a finished model, in the process that ran it, since orders are large.

The functions here are named by `experiments.engine.jobs.Job.measure`. Their figures join the run's summary under
names of their own: ``fact.seller_gini``, ``curve.share.1999``, ``effect.retail_price``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from experiments.validation.measures import STATISTICS, Record

if TYPE_CHECKING:
    from marketplace.model import MarketplaceModel

FACT, CURVE, EFFECT = "fact.", "curve.", "effect."


def statistics(model: MarketplaceModel) -> dict[str, float]:
    """Every statistic that the run's record allows; NaN where it is not defined."""
    return _statistics(Record.of(model))


def statistics_and_curves(model: MarketplaceModel) -> dict[str, float]:
    """The statistics, and the curves that are drawn beside real ones."""
    from experiments.validation.curves import curves_of, flat

    record = Record.of(model)
    drawn = flat(curves_of(record))
    return _statistics(record) | {f"{CURVE}{name}": value for name, value in drawn.items()}


def everything(model: MarketplaceModel) -> dict[str, float]:
    """The statistics, the curves, and what comes of pushing the model here and there at its end."""
    from experiments.validation.interventions import effects_of

    effects = {f"{EFFECT}{name}": value for name, value in effects_of(model).items()}
    return statistics_and_curves(model) | effects


def _statistics(record: Record) -> dict[str, float]:
    return {
        f"{FACT}{name}": statistic.of(record)
        for name, statistic in STATISTICS.items()
        if record.placed is not None or not statistic.needs_orders
    }


def figures(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The figures of one kind (``fact.``, ``curve.`` or ``effect.``) in a table of runs, without that word."""
    chosen = [column for column in table.columns if column.startswith(kind)]
    return table[chosen].rename(columns=lambda column: column.removeprefix(kind))
