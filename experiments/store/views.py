"""The SQL behind the tables of a sweep."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.errors import ResultsError
from experiments.store.manifest import Manifest
from experiments.store.tables import FAILURES, IDS, RUNS, WEEKLY, fixed_columns

if TYPE_CHECKING:
    import duckdb

_SQL_TYPE = {"string": "VARCHAR", "int64": "BIGINT", "double": "DOUBLE"}


def make_views(connection: duckdb.DuckDBPyConnection, folder: Path, manifest: Manifest) -> None:
    """Define ``points``, ``summary``, ``weekly`` and ``failures`` over the files that the manifest lists."""
    from experiments.store.reading import POINTS

    connection.execute(f"CREATE VIEW points AS SELECT * FROM {_files(folder, [POINTS])}")
    for kind in (RUNS, WEEKLY, FAILURES):
        connection.execute(f"CREATE VIEW _{kind} AS {_rows(folder, manifest, kind)}")
    ids = ", ".join(f"r.{name}" for name in IDS)
    own = ", ".join([*IDS, "seconds"])
    connection.execute(
        f"CREATE VIEW summary AS SELECT {ids}, r.status, r.seconds, p.* EXCLUDE (point), "
        f"r.* EXCLUDE ({own}, status) FROM (SELECT *, 'complete' AS status FROM _runs UNION ALL BY NAME "
        f"SELECT {own}, 'failed' AS status FROM _failures) r JOIN points p USING (point)"
    )
    connection.execute(
        f"CREATE VIEW weekly AS SELECT {ids}, p.* EXCLUDE (point), r.* EXCLUDE ({', '.join(IDS)}) "
        "FROM _weekly r JOIN points p USING (point)"
    )
    connection.execute("CREATE VIEW failures AS SELECT * EXCLUDE (seconds) FROM _failures")


def band_query(columns: Sequence[str], where: Path, indicator: str, by: Sequence[str], level: float) -> str:
    """The question behind `Results.band`.

    Parameters
    ----------
    columns : sequence of str
        Of ``weekly``.
    where : Path
        The sweep's folder, for the message.
    indicator, by, level
        As of `Results.band`.

    Raises
    ------
    ResultsError
        If there is no such column.
    """
    from marketplace.scenario_errors import nearest

    for name in (indicator, *by):
        if name not in columns:
            raise ResultsError(f"{name} is not a column of the weeks in {where}{nearest(name, columns)}")
    value, tail = quoted(indicator), (1.0 - level) / 2.0
    groups = "".join(f"{quoted(name)}, " for name in by)
    # All quantiles at once: rows are put in order once.
    return (
        f"SELECT week, {groups}n, mean, q[1] AS low, q[2] AS high, q[3] AS median FROM (SELECT week, {groups}"
        f"count({value}) AS n, avg({value}) AS mean, quantile_cont({value}, [{tail!r}, {1.0 - tail!r}, 0.5]) AS q "
        f"FROM weekly GROUP BY ALL) ORDER BY {groups}week"
    )


def quoted(name: str) -> str:
    """A column's name as SQL takes it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def _rows(folder: Path, manifest: Manifest, kind: str) -> str:
    files = [shard.file for shard in manifest.of(kind)]
    if files:
        return f"SELECT * FROM {_files(folder, files)}"
    empty = (f"NULL::{_SQL_TYPE[str(type_)]} AS {name}" for name, type_ in fixed_columns(kind).items())
    return f"SELECT {', '.join(empty)} WHERE false"


def _files(folder: Path, files: Sequence[str]) -> str:
    # A folder may be called anything, and DuckDB would take *, ? and [ for patterns.
    paths = [re.sub(r"[*?\[]", r"[\g<0>]", str((folder / file).resolve())) for file in files]
    listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    return f"read_parquet([{listed}], union_by_name = true)"
