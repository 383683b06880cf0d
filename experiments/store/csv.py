"""The tables of a sweep as CSV, for programs that read nothing else."""

from __future__ import annotations

from pathlib import Path

ORDER = {"summary": "point, replicate", "failures": "point, replicate", "weekly": "point, replicate, week"}


def write_csv(folder: Path) -> list[Path]:
    """Write ``summary.csv``, ``failures.csv`` and, where weeks are kept, ``weekly.csv`` into a sweep folder.

    Rows go from Parquet to text without being in memory all at once; undefined values are empty.

    Raises
    ------
    OSError
        If the disk is full or the folder cannot be written.
    """
    import duckdb

    from experiments.store.reading import load_results
    from experiments.store.shards import put_in_place

    results = load_results(folder)
    written = []
    for name, order in ORDER.items():
        if name == "weekly" and not results.manifest.weekly:
            continue
        aside, path = folder / f".aside-{name}.csv", folder / f"{name}.csv"
        target = str(aside.resolve()).replace("'", "''")
        try:
            with results.connect() as connection:
                connection.execute(f"COPY (SELECT * FROM {name} ORDER BY {order}) TO '{target}' (HEADER, FORMAT csv)")
            put_in_place(aside, path)
        except duckdb.IOException as error:
            raise OSError(None, str(error).splitlines()[0], str(path)) from None
        finally:
            aside.unlink(missing_ok=True)
        written.append(path)
    return written
