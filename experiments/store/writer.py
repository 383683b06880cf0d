"""Writing a sweep: finished runs are gathered for a moment, written as shards, and listed in the manifest."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from experiments.engine.jobs import Done
from experiments.errors import ResultsError
from experiments.store.manifest import Manifest, read_manifest
from experiments.store.shards import FAN_IN, Shard, ShardWriter, common_schema, merged, pieces, streams_of
from experiments.store.tables import KINDS, table_of

FLUSH_SECONDS = 5.0
FLUSH_RUNS = 5_000
FLUSH_BYTES = 32_000_000


class Store:
    """The tables of a sweep folder, for the one process that writes them.

    Parameters
    ----------
    folder : Path
        Of the sweep.
    manifest : Manifest
        What stands there; it is changed and written by this object alone.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder, self.manifest = folder, manifest
        self._waiting: list[Done] = []
        self._bytes = 0
        self._written = time.monotonic()

    def add(self, done: Done) -> None:
        """Take a run; it is on the disk a few seconds later, or after `flush`."""
        self._waiting.append(done)
        self._bytes += done.weekly.nbytes if done.weekly is not None else 0
        if len(self._waiting) >= FLUSH_RUNS or self._bytes >= FLUSH_BYTES:
            self.flush()
        else:
            self.flush_if_late()

    def flush_if_late(self) -> None:
        """Write what was gathered, if the last time was some seconds ago."""
        if self._waiting and time.monotonic() - self._written > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered.

        Raises
        ------
        OSError
            If the disk is full or the folder cannot be written; what was there before is not touched.
        """
        if self._waiting:
            tables = {kind: table_of(kind, self._waiting) for kind in KINDS}
            self._replace([], {kind: [table] for kind, table in tables.items() if table is not None}, level=0)
            self._waiting.clear()
            self._bytes = 0
            for kind in KINDS:
                self._merge_small(kind)
        self._written = time.monotonic()

    def finish(self) -> None:
        """Write what was gathered, and bring everything into one order, whatever the order in which it came."""
        self.flush()
        for kind in KINDS:
            while len(streams_of(self.manifest.of(kind))) > 1:
                streams = list(streams_of(self.manifest.of(kind)).values())
                self._merge(sorted(streams, key=_size)[:FAN_IN])

    def forget(self, kinds: Iterable[str], run_ids: Iterable[str] | None = None, aside: str = "") -> None:
        """Drop all rows of some kinds, or those of some runs.

        Parameters
        ----------
        kinds : iterable of str
            Kinds of tables.
        run_ids : iterable of str, optional
            Runs to forget.
        aside : str
            What is added to the names of shards that held some of them; nothing removes those shards.
        """
        kinds = list(kinds)
        if run_ids is None:
            self._replace([shard for shard in self.manifest.shards if shard.kind in kinds], {}, 0)
            return
        gone = pa.array(sorted(run_ids), pa.string())
        for kind in kinds:
            for stream in streams_of(self.manifest.of(kind)).values():
                if not any(pc.any(pc.is_in(ids, gone)).as_py() for ids in self._run_ids(stream)):
                    continue
                self._merge([stream], lambda table: table.filter(pc.invert(pc.is_in(table["run_id"], gone))), aside)

    def _run_ids(self, stream: Sequence[Shard]) -> Iterator[pa.ChunkedArray]:
        return (pq.read_table(self.folder / shard.file, columns=["run_id"])["run_id"] for shard in stream)

    def take_in(self, folder: Path, stream: Sequence[Shard], run_ids: Iterable[str]) -> None:
        """Add rows of some runs from a stream of another sweep folder."""
        those = pa.array(sorted(run_ids), pa.string())
        schema = common_schema(folder, stream)
        rows = pieces(folder, stream, schema, lambda table: table.filter(pc.is_in(table["run_id"], those)))
        self._replace([], {stream[0].kind: rows}, stream[0].level, schema)

    def tidy(self) -> None:
        """Remove files that a crash left behind: those that the manifest does not list."""
        listed = {self.folder / shard.file for shard in self.manifest.shards}
        for path in [*self.folder.glob(".aside-*"), *(p for kind in KINDS for p in (self.folder / kind).glob("*"))]:
            aside = path.name.startswith(".aside-")
            if path.is_file() and path not in listed and (aside or path.suffix == ".parquet"):
                path.unlink()

    def _merge_small(self, kind: str) -> None:
        """Merge streams once there are many of the same level, so that files stay few and each row moves seldom."""
        levels: dict[int, list[list[Shard]]] = {}
        for stream in streams_of(self.manifest.of(kind)).values():
            levels.setdefault(stream[0].level, []).append(stream)
        for _, streams in sorted(levels.items()):
            if len(streams) >= FAN_IN:
                self._merge(streams[:FAN_IN])
                return

    def _merge(
        self, streams: Sequence[Sequence[Shard]], wanted: Callable[[pa.Table], pa.Table] | None = None, aside: str = ""
    ) -> None:
        old = [shard for stream in streams for shard in stream]
        schema = common_schema(self.folder, old)
        level = max(shard.level for shard in old) + (len(streams) > 1)
        rows = merged([(stream[0].first, pieces(self.folder, stream, schema, wanted)) for stream in streams])
        self._replace(old, {old[0].kind: rows}, level, schema, aside)

    def _replace(
        self, old: Sequence[Shard], new: dict[str, Iterable[pa.Table]], level: int, schema: pa.Schema | None = None,
        aside: str = "",
    ) -> None:  # fmt: skip
        """Write tables, list them instead of old shards, and only then remove those, or set them aside."""
        writers: list[ShardWriter] = []
        before, after = self.manifest.shards, None
        try:
            for kind, tables in new.items():
                self._write(kind, tables, level, schema, writers)
            gone = set(old)
            added = [shard for writer in writers for shard in writer.close()]
            self.manifest.shards = after = [shard for shard in before if shard not in gone] + added
            self.manifest.write(self.folder)
        except BaseException as error:
            # An interruption may come when the new manifest is in place already; then what it lists must stay.
            if after is None or _listed(self.folder) != after:
                self.manifest.shards = before
                for writer in writers:
                    writer.discard()
            if isinstance(error, OSError):
                raise OSError(error.errno, _reason(error), str(self.folder)) from error
            raise
        for shard in old:
            path = self.folder / shard.file
            if aside and path.exists():
                os.replace(path, path.with_name(path.name + aside))
            path.unlink(missing_ok=True)

    def _write(
        self, kind: str, tables: Iterable[pa.Table], level: int, schema: pa.Schema | None, writers: list[ShardWriter]
    ) -> None:
        """Write a stream; its writer is added to those that may have to be undone."""
        writer = None
        for table in tables:
            if writer is None:
                self.manifest.streams += 1
                writer = ShardWriter(self.folder, kind, level, self.manifest.streams, schema or table.schema)
                writers.append(writer)
            writer.write(table)


def _size(stream: Sequence[Shard]) -> int:
    return sum(shard.bytes for shard in stream)


def _listed(folder: Path) -> list[Shard] | None:
    try:
        return read_manifest(folder).shards
    except ResultsError:
        return None


def _reason(error: OSError) -> str:
    # PyArrow puts a whole paragraph where the system's reason should be.
    return os.strerror(error.errno) if error.errno else error.strerror or str(error)

