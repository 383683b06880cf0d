"""The three tables of a sweep, as Arrow columns.

``runs`` has a row for each complete run, ``failures`` one for each failed run, ``weekly`` one for each week of a
complete run. All begin with `IDS`. Undefined values are missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from experiments.engine.jobs import Done

if TYPE_CHECKING:
    import pandas as pd

RUNS, WEEKLY, FAILURES = "runs", "weekly", "failures"
KINDS = (RUNS, WEEKLY, FAILURES)
IDS = {"run_id": pa.string(), "point": pa.int64(), "replicate": pa.int64(), "seed": pa.int64()}
_OWN = {
    RUNS: {"seconds": pa.float64()},
    WEEKLY: {"week": pa.int64()},
    FAILURES: {
        "stage": pa.string(), "week": pa.int64(), "exception": pa.string(), "message": pa.string(),
        "traceback": pa.string(), "attempts": pa.int64(), "seconds": pa.float64(),
    },
}  # fmt: skip


def fixed_columns(kind: str) -> dict[str, pa.DataType]:
    """The columns of a kind of table that are not indicators, in order."""
    return {**IDS, **_OWN[kind]}


def schema_of(kind: str, columns: Iterable[str]) -> pa.Schema:
    """Schema of a kind of table that has some columns: the fixed ones, then indicators in the order of the registry.

    Worlds differ in the names of their platforms, and so in their indicators; the order depends on the names alone.
    """
    from marketplace.indicators import INDICATORS, indicator_of

    fixed = fixed_columns(kind)
    place = {indicator.name: k for k, indicator in enumerate(INDICATORS)}

    def rank(name: str) -> tuple[int, bool, str]:
        indicator = indicator_of(name).name
        return place[indicator], name != indicator, name

    figures = sorted(set(columns) - set(fixed), key=rank)
    return pa.schema([*fixed.items(), *((name, pa.float64()) for name in figures)])


def fit(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with the columns of a schema, those that it lacks missing throughout."""
    if table.schema == schema:
        return table
    there = set(table.column_names)
    columns = [
        table.column(field.name).cast(field.type) if field.name in there else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def table_of(kind: str, done: Sequence[Done]) -> pa.Table | None:
    """The rows of some runs, ordered by point and replicate; None if there are none."""
    done = sorted((one for one in done if _belongs(one, kind)), key=lambda one: (one.point, one.replicate))
    if not done:
        return None
    if kind == WEEKLY:
        return _weeks(done)
    rows = [_failure_row(one) if kind == FAILURES else _run_row(one) for one in done]
    schema = schema_of(kind, {name for row in rows for name in row})
    # NaN is how a run says undefined; in tables that is missing, so that means leave it out.
    columns = [pa.array([row.get(f.name) for row in rows], f.type, from_pandas=True) for f in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _belongs(done: Done, kind: str) -> bool:
    if kind == FAILURES:
        return done.failure is not None
    return done.failure is None and (kind == RUNS or done.weekly is not None)


def _ids(done: Done) -> dict[str, Any]:
    return {name: getattr(done, name) for name in IDS}


def _run_row(done: Done) -> dict[str, Any]:
    return {**_ids(done), "seconds": done.seconds, **done.summary}


def _failure_row(done: Done) -> dict[str, Any]:
    names = ("stage", "week", "exception", "message", "traceback")
    said = {name: getattr(done.failure, name) for name in names}
    return {**_ids(done), **said, "attempts": done.attempts, "seconds": done.seconds}


def _weeks(done: Sequence[Done]) -> pa.Table:
    parts = []
    schema = schema_of(WEEKLY, {name for one in done for name in one.weekly.column_names})
    for one in done:
        table = one.weekly
        for k, (name, kind) in enumerate(IDS.items()):
            table = table.add_column(k, name, pa.array([getattr(one, name)] * len(table), kind))
        parts.append(fit(table, schema))
    return pa.concat_tables(parts)


def keys_of(table: pa.Table | pa.RecordBatch) -> npt.NDArray[np.int64]:
    """One number a row by which rows are ordered: by point, then by replicate."""
    point, replicate = (table.column(name).to_numpy() for name in ("point", "replicate"))
    return (point << 32) + replicate


def points_table(points: pd.DataFrame) -> pa.Table:
    """The points of a design: ``point``, then a column for each factor.

    Values that are no plain column (tables, lists, a number here and a word there) are kept as a person would write
    them.
    """
    import json

    table = {"point": pa.array(np.arange(len(points)), pa.int64())}
    for name in points.columns:
        values = points[name].tolist()
        if any(isinstance(value, dict | list | tuple) for value in values):
            values = [json.dumps(value, default=str) for value in values]
        try:
            table[str(name)] = pa.array(values, from_pandas=True)
        except pa.ArrowException:
            table[str(name)] = pa.array([str(value) for value in values])
    return pa.table(table)
