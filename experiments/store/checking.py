"""What of a sweep folder can be relied on when work on it is taken up again."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from experiments.store.reading import POINTS
from experiments.store.shards import hash_of_file
from experiments.store.tables import RUNS, WEEKLY
from experiments.store.views import make_views
from experiments.store.writer import Store


@dataclass(frozen=True)
class Finished:
    """The complete runs in a folder.

    Attributes
    ----------
    all_ids : set of str
        Runs of which there is anything.
    whole : set of str
        Runs of which there is everything that is wanted.
    places : dict of str to (int, int)
        Point and replicate of each run that is whole.
    """

    all_ids: set[str]
    whole: set[str]
    places: dict[str, tuple[int, int]]


def set_aside_damaged(store: Store) -> list[str]:
    """Rename every shard that is not what the manifest says, and list it no more; return what became of each."""
    damaged, said = [], []
    for shard in list(store.manifest.shards):
        path = store.folder / shard.file
        if path.is_file() and path.stat().st_size == shard.bytes and hash_of_file(path) == shard.sha256:
            continue
        damaged.append(shard)
        if path.exists():
            os.replace(path, path.with_name(f"{path.name}.corrupt"))
            said.append(f"{path} was damaged: it is set aside as {shard.file}.corrupt, and its runs are run again")
        else:
            said.append(f"{path} is missing: its runs are run again")
    if damaged:
        store.manifest.shards = [shard for shard in store.manifest.shards if shard not in damaged]
        store.manifest.write(store.folder)
    return said


def points_are_sound(folder: Path) -> bool:
    """Whether the table of points can be read; a folder that lost it can still be resumed, because a design has it."""
    try:
        pq.read_metadata(folder / POINTS)
    except (OSError, pa.ArrowException):
        return False
    return True


def finished_runs(store: Store, weekly: bool) -> Finished:
    """The complete runs in a folder whose shards are sound.

    Parameters
    ----------
    store : Store
        Of the folder.
    weekly : bool
        Whether a run counts as whole only with its weeks.
    """
    with duckdb.connect(":memory:") as connection:
        make_views(connection, store.folder, store.manifest)
        runs = connection.execute(f"SELECT run_id, point, replicate FROM _{RUNS}").fetchall()
        weeks = {row[0] for row in connection.execute(f"SELECT DISTINCT run_id FROM _{WEEKLY}").fetchall()}
    places = {run_id: (point, replicate) for run_id, point, replicate in runs}
    whole = {run_id for run_id in places if not weekly or run_id in weeks}
    return Finished(places.keys() | weeks, whole, places)
