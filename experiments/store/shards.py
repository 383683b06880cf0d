"""Parquet files that appear whole or not at all, and the merging of many into few without having them in memory."""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from experiments.store.tables import fit, keys_of, schema_of

GROUP_ROWS = 32_768  # rows of a row group: what is written at a time
PIECE_ROWS = 4_096  # what is read at a time of each stream that is being merged
READ_BYTES = 65_536  # of each column, read at a time
FILE_BYTES = 256_000_000  # of columns before compression, after which the next file is begun
FAN_IN = 16  # streams that are merged at a time


@dataclass(frozen=True)
class Shard:
    """A file of a sweep, as the manifest lists it.

    Attributes
    ----------
    file : str
        Path below the sweep's folder.
    kind : str
        ``runs``, ``weekly`` or ``failures``.
    rows, bytes : int
        Size.
    sha256 : str
        Of its content.
    level : int
        How often its rows have been merged.
    stream : int
        Shards of one stream follow each other in the order of points and replicates.
    first : int
        Key of its first row (see `keys_of`).
    """

    file: str
    kind: str
    rows: int
    bytes: int
    sha256: str
    level: int
    stream: int
    first: int


class ShardWriter:
    """Writes one stream of rows into one shard after another; what has been written appears when it is closed.

    Parameters
    ----------
    folder : Path
        Of the sweep.
    kind : str
        Kind of table.
    level, stream : int
        As the manifest will state them.
    schema : pyarrow.Schema
        Of all rows.
    """

    def __init__(self, folder: Path, kind: str, level: int, stream: int, schema: pa.Schema) -> None:
        self.folder, self.kind, self.level, self.stream, self.schema = folder, kind, level, stream, schema
        self.shards: list[Shard] = []
        self._writer: pq.ParquetWriter | None = None
        self._aside = Path()
        self._bytes = self._rows = 0
        self._first = self._last = 0
        self._group: list[pa.Table] = []
        self._group_rows = 0

    def write(self, table: pa.Table) -> None:
        """Add rows, which come in order."""
        if not len(table):
            return
        keys = keys_of(table)
        if self._bytes >= FILE_BYTES:
            same = int(np.searchsorted(keys, self._last, "right"))  # a run never lies in two files
            self._put(table.slice(0, same))
            if same == len(table):
                return
            self._end_file()
            table = table.slice(same)
        self._put(table)
        self._last = int(keys[-1])

    def close(self) -> list[Shard]:
        """End the last file and return all shards."""
        self._end_file()
        return self.shards

    def discard(self) -> None:
        """Remove everything that was written."""
        if self._writer is not None:
            with suppress(OSError, pa.ArrowException):
                self._writer.close()
            self._writer.is_open = False  # or it would try to write again when it is forgotten
            self._aside.unlink(missing_ok=True)
            self._writer = None
        for shard in self.shards:
            (self.folder / shard.file).unlink(missing_ok=True)

    def _put(self, table: pa.Table) -> None:
        if not len(table):
            return
        if self._writer is None:
            (self.folder / self.kind).mkdir(exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.folder / self.kind, prefix=".aside-")
            os.close(handle)
            self._aside = Path(name)
            words = [field.name for field in self.schema if field.type == pa.string()]
            # A page is the least that a reader unpacks, of every column of every stream that is being merged.
            page = PIECE_ROWS * 8
            self._writer = pq.ParquetWriter(
                name, self.schema, compression="zstd", use_dictionary=words, data_page_size=page
            )
        if not self._rows:
            self._first = int(keys_of(table)[0])
        self._group.append(table)
        self._group_rows += len(table)
        self._bytes += table.nbytes
        self._rows += len(table)
        if self._group_rows >= GROUP_ROWS:
            self._write_group(self._writer)

    def _write_group(self, writer: pq.ParquetWriter) -> None:
        if self._group:
            writer.write_table(pa.concat_tables(self._group), GROUP_ROWS + PIECE_ROWS)
        self._group, self._group_rows = [], 0

    def _end_file(self) -> None:
        if self._writer is None:
            return
        self._write_group(self._writer)
        self._writer.close()
        self._writer = None
        file = f"{self.kind}/{self.stream:06d}-{len(self.shards):03d}.parquet"
        put_in_place(self._aside, self.folder / file)
        path = self.folder / file
        size, sha256 = path.stat().st_size, hash_of_file(path)
        shard = Shard(file, self.kind, self._rows, size, sha256, self.level, self.stream, self._first)
        self.shards.append(shard)
        self._bytes = self._rows = 0


def hash_of_file(path: Path) -> str:
    """SHA-256 (hex) of a file of any size."""
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def put_in_place(aside: Path, path: Path) -> None:
    """Make sure that a file is on the disk, and only then give it its name."""
    with aside.open("rb+") as file:
        os.fsync(file.fileno())
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(aside, 0o666 & ~mask)  # mkstemp lets nobody else read
    os.replace(aside, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make sure that the names in a folder are on the disk."""
    if os.name == "nt":  # Windows cannot open a folder
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# -- merging -----------------------------------------------------------------------------------------------------


def streams_of(shards: Sequence[Shard]) -> dict[int, list[Shard]]:
    """Shards by the stream that they belong to, in order."""
    streams: dict[int, list[Shard]] = {}
    for shard in sorted(shards, key=lambda shard: (shard.stream, shard.file)):
        streams.setdefault(shard.stream, []).append(shard)
    return streams


def common_schema(folder: Path, shards: Sequence[Shard]) -> pa.Schema:
    """The schema that the rows of some shards of one kind have together."""
    columns = {name for shard in shards for name in pq.read_schema(folder / shard.file).names}
    return schema_of(shards[0].kind, columns)


def merged(streams: Iterable[tuple[int, Iterator[pa.Table]]]) -> Iterator[pa.Table]:
    """The rows of several streams in one order, a piece at a time.

    Streams that don't overlap are read one after the other; of those that do, one piece each is in memory.

    Parameters
    ----------
    streams : iterable of (int, iterator of pyarrow.Table)
        For each stream a key that none of its rows is below (see `keys_of`), and its pieces in order.
    """
    waiting = deque(sorted(streams, key=lambda stream: stream[0]))
    heads: list[tuple[pa.Table, Iterator[pa.Table]]] = []
    while heads or waiting:
        bound = min((int(keys_of(head)[-1]) for head, _ in heads), default=None)
        if waiting and (bound is None or waiting[0][0] <= bound):
            _, stream = waiting.popleft()
            head = next(stream, None)
            heads.extend([(head, stream)] if head is not None else [])
            continue
        parts, rest = [], []
        for head, stream in heads:
            count = int(np.searchsorted(keys_of(head), bound, "right"))
            if count:
                parts.append(head.slice(0, count))
            left = head.slice(count) if count < len(head) else next(stream, None)
            if left is not None:
                rest.append((left, stream))
        piece = pa.concat_tables(parts)
        yield piece if len(parts) == 1 else piece.take(np.argsort(keys_of(piece), kind="stable"))
        heads = rest


def pieces(
    folder: Path, stream: Sequence[Shard], schema: pa.Schema, wanted: Callable[[pa.Table], pa.Table] | None = None
) -> Iterator[pa.Table]:
    """The rows of a stream, a piece at a time.

    Parameters
    ----------
    folder : Path
        Of the sweep.
    stream : sequence of Shard
        The shards of the stream, in order.
    schema : pyarrow.Schema
        Of the pieces.
    wanted : callable, optional
        Takes a piece and returns the rows of it that are wanted.
    """
    for shard in stream:
        with pq.ParquetFile(folder / shard.file, buffer_size=READ_BYTES) as file:
            for batch in file.iter_batches(PIECE_ROWS, use_threads=False):
                table = pa.Table.from_batches([batch])
                table = fit(table if wanted is None else wanted(table), schema)
                if len(table):
                    yield table
