"""Tables: the arrays in which the rows of a record class live.

Rows are appended, never moved and never reused: a row number stays true for the whole run.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from agents.columns import ALIVE, Array, Column, Rows, declared_columns, nearest

if TYPE_CHECKING:
    import pandas as pd


class Columns:
    """The live arrays of a table by name, each trimmed to the rows appended so far."""

    def __getattr__(self, name: str) -> Array:  # reached only when the plain look-up has failed
        raise AttributeError(f"There is no column {name!r}: {nearest(name, self.__dict__)}")

    def __setattr__(self, name: str, value: Any) -> None:
        if getattr(self, name) is not value:  # `columns.price *= 2` comes here with the array itself
            raise AttributeError(f"Write into the array, columns.{name}[:] = ..., not over it.")


class Table:
    """Rows of a record class, a column each an array.

    Parameters
    ----------
    record
        Class whose declared columns the table has; `alive` (bool) comes with every table.
    dims
        Length of each second axis that a column names; names that no column uses are ignored.
    capacity
        Rows to make room for. No more is allocated until they are full; after that the room doubles.

    Attributes
    ----------
    columns : Columns
        `columns.<name>` is the live array, shape (size,) or (size, length): writes go through. It is stale
        after an append.
    declared : dict of str to Column
        The columns by name.
    size : int
        Rows ever appended, dead ones included. `len(table)` counts the living.
    """

    def __init__(self, record: type, dims: Mapping[str, int] | None = None, capacity: int = 0) -> None:
        self.record = record
        self.dims = dict(dims or {})
        self.declared = {**declared_columns(record), "alive": ALIVE}
        if declared_columns(record).get("alive", ALIVE) is not ALIVE:
            raise TypeError(f"{record.__name__} declares a column 'alive'; every table has that: rename it.")
        self.size = 0
        self.columns = Columns()
        self._living = 0
        self._rows: Rows | None = None
        self._arrays = {name: self._room(col, capacity) for name, col in self.declared.items()}
        for col in self.declared.values():
            col.shaped(col.default, 0, self._length(col))  # once, so that no append need look at it again
        self._trim()

    def __len__(self) -> int:
        return self._living

    def __repr__(self) -> str:
        return f"<Table of {self.record.__name__}: {len(self)} living of {self.size} rows>"

    @property
    def rows(self) -> Rows:
        """Living rows in ascending order; a shared, read-only int64 array."""
        if self._rows is None:
            self._rows = np.flatnonzero(self._arrays["alive"][: self.size]).astype(np.int64, copy=False)
            self._rows.flags.writeable = False
        return self._rows

    @property
    def nbytes(self) -> int:
        """Bytes allocated for the columns, room for rows to come included."""
        return sum(array.nbytes for array in self._arrays.values())

    def column(self, name: str) -> Array:
        """Return the live array of one column, trimmed to `size`; stale after an append.

        Raises
        ------
        AttributeError
            If there is no such column; the sentence names the nearest one.
        """
        array: Array = getattr(self.columns, name)
        return array

    def append(self, count: int, **values: ArrayLike) -> Rows:
        """Append `count` rows and return their numbers, shape (count,), int64.

        Parameters
        ----------
        count
            Number of rows.
        values
            By column name, what `Column.shaped` takes; columns not named get their default. Nothing is
            appended if any is refused.

        Raises
        ------
        TypeError
            If a name is not a column, or is `alive`.
        ValueError
            If `count` is negative or a value does not fit by type or shape.
        """
        count = operator.index(count)
        if count < 0:
            raise ValueError(f"The number of rows to append cannot be negative; {count} was given.")
        for name in values:
            if name not in self.declared or name == "alive":
                hint = nearest(name, self.declared.keys() - {"alive"})
                raise TypeError(f"{self.record.__name__} cannot be given {name!r}: {hint}")
        columns: dict[str, Any] = {}
        for name, given in values.items():
            col = self.declared[name]
            columns[name] = given if col.fits(given, count) else col.shaped(given, count, self._length(col))
        start, end = self.size, self.size + count
        self._reserve(end)
        for name, stored in columns.items():  # the others hold their defaults already
            self._arrays[name][start:end] = stored
        self.size = end
        self._living += count
        self._trim()
        return np.arange(start, end, dtype=np.int64)

    def remove(self, rows: ArrayLike) -> Rows:
        """Mark rows dead; those already dead stay so. Return the rows that died now, ascending, int64.

        Raises
        ------
        IndexError
            If a row was never appended.
        """
        wanted: Array = np.asarray(rows)
        if wanted.size == 0:
            return np.empty(0, dtype=np.int64)
        if wanted.ndim != 1 or (wanted[1:] <= wanted[:-1]).any():
            wanted = np.unique(wanted)
        if wanted.dtype.kind not in "iu" or wanted[0] < 0 or wanted[-1] >= self.size:
            raise IndexError(f"Rows to remove are integers from 0 to {self.size - 1}; {rows!r} was given.")
        alive = self._arrays["alive"]
        dying: Rows = wanted[alive[wanted]].astype(np.int64, copy=False)
        alive[dying] = False
        self._living -= dying.size
        self._rows = None
        return dying

    def frame(self, rows: ArrayLike | None = None) -> pd.DataFrame:
        """Return a copy as a DataFrame indexed by row; a column with a dim becomes name.0, name.1, ...

        Parameters
        ----------
        rows
            Which rows, dead ones allowed; by default the living.
        """
        import pandas as pd  # late: importing it takes longer than a small run

        wanted = self.rows if rows is None else np.atleast_1d(np.asarray(rows, dtype=np.int64))
        data: dict[str, Array] = {}
        for name, col in self.declared.items():
            values = self.column(name)[wanted]
            if col.dim is None:
                data[name] = values
            else:
                data.update({f"{name}.{place}": values[:, place] for place in range(values.shape[1])})
        return pd.DataFrame(data, index=pd.Index(wanted, name="row"))

    def __getstate__(self) -> dict[str, Any]:
        kept = {name: array[: self.size] for name, array in self._arrays.items()}
        return {**self.__dict__, "_arrays": kept, "_rows": None, "columns": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        # Arrays sent between processes may come back read-only.
        self._arrays = {name: np.require(array, requirements="W") for name, array in self._arrays.items()}
        self.columns = Columns()
        self._trim()

    def _length(self, col: Column) -> int | None:
        if col.dim is None:
            return None
        if col.dim not in self.dims:
            hint = nearest(col.dim, self.dims)
            raise ValueError(f"Column {col.name!r} needs the length of its dim {col.dim!r} in dims: {hint}")
        return self.dims[col.dim]

    def _room(self, col: Column, capacity: int) -> Array:
        """Return room for rows, with the default in each."""
        length = self._length(col)
        room = np.empty((capacity,) if length is None else (capacity, length), col.dtype)
        room[:] = col.default
        return room

    def _reserve(self, rows: int) -> None:
        capacity = len(self._arrays["alive"])
        if rows <= capacity:
            return
        capacity = max(rows, 2 * capacity)
        for name, old in self._arrays.items():  # one at a time, so that only one column is held twice
            self._arrays[name] = self._room(self.declared[name], capacity)
            self._arrays[name][: self.size] = old[: self.size]

    def _trim(self) -> None:
        """Make the trimmed arrays anew, so that reading one is a plain attribute look-up and not a slice."""
        self._rows = None
        for name, array in self._arrays.items():
            trimmed = array[: self.size]
            if self.declared[name].readonly:
                trimmed.flags.writeable = False
            self.columns.__dict__[name] = trimmed
