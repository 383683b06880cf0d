"""Reading a sweep: tidy tables made on demand, and questions answered by DuckDB without loading all of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.errors import ResultsError
from experiments.folders import MARK
from experiments.store.manifest import Manifest, read_manifest
from experiments.store.shards import hash_of_file
from experiments.store.tables import IDS

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

AGAIN = "`marketplace sweep --resume` runs again what it held"
"""What helps where a shard is lost or damaged."""
POINTS = "points.parquet"
DESIGN = "design.toml"


class Results:
    """The runs of a sweep folder.

    Attributes
    ----------
    path : Path
        The folder.
    manifest : Manifest
        What the sweep is of, and its shards.
    provenance : dict
        What it was made with.
    """

    def __init__(self, path: Path, manifest: Manifest, provenance: dict[str, Any]) -> None:
        self.path, self.manifest, self.provenance = path, manifest, provenance

    def __repr__(self) -> str:
        done, failed = self.manifest.rows("runs"), self.manifest.rows("failures")
        return f"<Results of {self.path}: {done:,} of {self.manifest.planned:,} runs, {failed:,} failed>"

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row a run, by point and replicate: ids, status, seconds, factors, indicators over the last 52 weeks."""
        return self.query("SELECT * FROM summary ORDER BY point, replicate")

    @property
    def weekly(self) -> pd.DataFrame:
        """One row a week of every complete run: ids, factors, week, indicators. Made anew each time, in memory.

        Raises
        ------
        ResultsError
            If the sweep kept no weeks.
        """
        self._refuse_without_weeks()
        return self.query("SELECT * FROM weekly ORDER BY point, replicate, week")

    @cached_property
    def failures(self) -> pd.DataFrame:
        """One row a failed run: ids, stage, week, exception, message, traceback, attempts."""
        return self.query("SELECT * FROM failures ORDER BY point, replicate")

    @cached_property
    def points(self) -> pd.DataFrame:
        """The design: index ``point``, a column for each factor."""
        return self.query("SELECT * FROM points ORDER BY point").set_index("point")

    @property
    def factors(self) -> list[str]:
        """Names of the factors."""
        return list(self.points.columns)

    @cached_property
    def design(self) -> str:
        """The design file, as it was read.

        Raises
        ------
        ResultsError
            If there is none, because the runs were read from other folders.
        """
        try:
            return (self.path / DESIGN).read_text(encoding="utf-8")
        except OSError as error:
            why = "its runs were read from other folders" if self.provenance.get("read") else error.strerror
            raise ResultsError(f"{self.path / DESIGN} cannot be read: {why}") from None

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> pd.DataFrame:
        """Answer a question in SQL over the views ``summary``, ``weekly``, ``failures`` and ``points``.

        Only the columns and rows that the question needs are read. A name with a dot stands in double quotes:
        ``SELECT "platform.commission", avg(gmv) FROM summary GROUP BY ALL``.

        Parameters
        ----------
        sql : str
            A query in DuckDB's SQL.
        parameters : sequence
            Values for its question marks.

        Raises
        ------
        ResultsError
            If it cannot be answered, or a shard is damaged.
        """
        import duckdb

        try:
            try:
                return self._answer(sql, parameters)
            except duckdb.IOException:
                # A sweep that is under way merges its shards now and then.
                listed, self.manifest = self.manifest, read_manifest(self.path)
                if listed == self.manifest:
                    raise
                return self._answer(sql, parameters)
        except duckdb.Error as error:
            if not isinstance(error, duckdb.ParserException | duckdb.BinderException | duckdb.CatalogException):
                self.refuse_damaged()  # it is not the question that is wrong
            raise ResultsError(f"{self.path}: this question cannot be answered: {_first_line(error)}") from None

    def refuse_damaged(self) -> None:
        """Look whether every shard is what the manifest says, which takes reading all of them.

        Raises
        ------
        ResultsError
            With the first that is not.
        """
        for shard in self.manifest.shards:
            file = self.path / shard.file
            if not file.is_file() or hash_of_file(file) != shard.sha256:
                raise ResultsError(f"{file} is not the file that the manifest speaks of; {AGAIN}")

    def _refuse_without_weeks(self) -> None:
        if self.manifest.weekly:
            return
        others = self.provenance.get("without_weeks")
        why = f"those of {', '.join(others)} were not kept" if others else "sweep with --weekly"
        raise ResultsError(f"{self.path} keeps no weeks: {why}")

    def _answer(self, sql: str, parameters: Sequence[Any]) -> pd.DataFrame:
        with self.connect() as connection:
            return connection.execute(sql, list(parameters)).df()

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A DuckDB connection of one's own with the views; the caller closes it."""
        import duckdb

        from experiments.store.views import make_views

        connection = duckdb.connect(":memory:")
        make_views(connection, self.path, self.manifest)
        return connection

    def band(self, indicator: str, by: Sequence[str] | None = None, level: float = 0.95) -> pd.DataFrame:
        """How an indicator went, week by week: mean, median, and the band that holds most of the runs.

        Parameters
        ----------
        indicator : str
            A column of ``weekly``.
        by : sequence of str, optional
            Columns (factors, say) that runs are told apart by; all factors by default, ``[]`` takes all runs
            together.
        level : float
            Share of the runs inside the band, which leaves as many above as below.

        Returns
        -------
        DataFrame
            ``week``, the columns of ``by``, ``n`` (runs at which it is defined), ``mean``, ``low``, ``high``,
            ``median``, ordered by the columns of ``by`` and week.

        Raises
        ------
        ResultsError
            If there is no such column, or the sweep kept no weeks.
        """
        from experiments.store.views import band_query

        if not 0.0 < level < 1.0:
            raise ResultsError(f"level = {level} is not allowed: it must be a number above 0 and below 1")
        self._refuse_without_weeks()
        with self.connect() as connection:
            connection.execute("SET threads = 1")  # sums then have one order, and the last bit is always the same
            columns = [row[0] for row in connection.execute("DESCRIBE weekly").fetchall()]
            groups = columns[len(IDS) : columns.index("week")] if by is None else by
            return connection.execute(band_query(columns, self.path, indicator, groups, level)).df()


def load_results(folder: str | Path) -> Results:
    """Read a sweep folder; its tables are made when they are asked for.

    Parameters
    ----------
    folder : str or Path
        As ``marketplace sweep``, ``merge``, ``ablate`` or ``compare`` wrote it. One that is being written is read
        as far as it has got.

    Raises
    ------
    ResultsError
        If it is no sweep folder, or a file of it is missing or damaged.
    """
    from experiments.files import read_json

    path = Path(folder)
    manifest = read_manifest(path)
    for shard in manifest.shards:
        file = path / shard.file
        if not file.is_file() or file.stat().st_size != shard.bytes:
            what = "is missing" if not file.is_file() else "is not the file that the manifest speaks of"
            raise ResultsError(f"{file} {what}; {AGAIN}")
    if not (path / POINTS).is_file():
        again = "`marketplace sweep --resume` makes it again from the design"
        raise ResultsError(f"{path / POINTS} is missing; {again}")
    return Results(path, manifest, read_json(path / MARK))


def _first_line(error: Exception) -> str:
    return re.sub(r"\s+", " ", str(error).split("\n\n")[0])
