"""State declared as columns: what an agent is, and the arrays in which many of them live.

A class declares each piece of state once, with its type, unit, default, meaning and source; a `Table`
keeps the rows. Rows are appended, never moved and never reused: a row number stays true for the whole run.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

if TYPE_CHECKING:
    import pandas as pd

Rows: TypeAlias = NDArray[np.int64]
Array: TypeAlias = NDArray[Any]


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return the end of an error sentence: the nearest right spelling of `name`, or every name allowed."""
    names = sorted(allowed)
    close = get_close_matches(name, names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"there are {', '.join(names)}." if names else "none is declared."


class Column:
    """One declared column; see `column`. On a view it reads and writes the view's row.

    A view is any object with `table` (a `Table`) and `row` (an integer).
    """

    name: str = ""

    def __init__(
        self,
        dtype: DTypeLike,
        default: Any,
        unit: str,
        doc: str,
        source: str,
        dim: str | None,
        readonly: bool,
        engine: bool,
        low: float | None,
        high: float | None,
    ) -> None:
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.unit = unit
        self.doc = doc
        self.source = source
        self.dim = dim
        self.readonly = readonly
        self.engine = engine
        self.low = low
        self.high = high
        self.default = self.checked(default)

    def __set_name__(self, owner: type, name: str) -> None:
        if self.name and self.name != name:
            raise TypeError(f"{owner.__name__}.{name} is already the column {self.name!r}; declare its own.")
        self.name = name

    @overload
    def __get__(self, view: None, owner: type) -> Column: ...

    @overload
    def __get__(self, view: object, owner: type) -> Any: ...

    def __get__(self, view: Any, owner: type) -> Any:
        if view is None:
            return self
        value = view.table.column(self.name)[view.row]
        return value.item() if self.dim is None else value.copy()

    def __set__(self, view: Any, value: ArrayLike) -> None:
        if self.readonly or self.engine:
            raise AttributeError(f"{type(view).__name__}.{self.name} is read-only: {self.doc}")
        view.table.column(self.name)[view.row] = self.within(self.checked(value))

    def __repr__(self) -> str:
        dim = f", dim={self.dim!r}" if self.dim else ""
        return f"column {self.name!r} ({self.dtype}, {self.unit}{dim}): {self.doc}"

    def checked(self, values: ArrayLike) -> Array:
        """Return `values` as this column's dtype, refusing what the dtype cannot hold.

        NumPy would store 2.7 in an integer column as 2 and 300 in a uint8 one as 44 without a word.

        Raises
        ------
        ValueError
            If a value would change by being stored (beyond the rounding of a shorter float).
        """
        given = np.asarray(values)
        target = self.dtype
        if given.dtype == target:
            return given
        if given.dtype.kind in "bi" and target.kind == "i":  # the commonest case, and astype is quiet
            stored = given.astype(target)
            if (stored == given).all():
                return stored
        fits = target.kind == "O" or (target.kind == "f" and given.dtype.kind in "biuf")
        with np.errstate(invalid="ignore", over="raise"):
            try:
                stored = given.astype(target, copy=False)
                fits = fits or bool(np.all(stored == given))
            except (TypeError, ValueError, ArithmeticError):
                fits = False
        if not fits:
            raise ValueError(f"Column {self.name!r} holds {target}; {values!r} does not fit into it.")
        return stored

    def within(self, values: Array) -> Array:
        """Return `values`, refusing what lies outside the column's range: for what is written by hand.

        Raises
        ------
        ValueError
            If a value is below `low`, above `high` or not finite.
        """
        if values.dtype.kind not in "iuf":
            return values
        low, high = -np.inf if self.low is None else self.low, np.inf if self.high is None else self.high
        wrong = ~(np.isfinite(values) & (values >= low) & (values <= high))
        if wrong.any():
            ends = {(False, False): "finite numbers", (True, False): f"numbers from {low:g}"}
            span = ends.get((self.low is not None, self.high is not None), f"numbers from {low:g} to {high:g}")
            first = np.atleast_1d(values)[np.atleast_1d(wrong)][0]
            raise ValueError(f"Column {self.name!r} holds {span} ({self.unit}); {first.item()!r} was given.")
        return values

    def shaped(self, values: ArrayLike, count: int, length: int | None) -> Array:
        """Return checked `values` that broadcast to `count` rows.

        Parameters
        ----------
        values
            A scalar or an array of shape (count,). With a dim: a scalar, (length,) for one row given to all,
            or (count, length); also (count,) where the length is 1.
        count
            Number of rows.
        length
            Length of the column's dim; None if it has none.

        Raises
        ------
        ValueError
            If the shape is another.
        """
        stored = self.checked(values)
        if length == 1 and count != 1 and stored.shape == (count,):
            return stored[:, None]
        allowed = [(), (count,)] if length is None else [(), (length,), (count, length)]
        if stored.shape not in allowed:
            shapes = " or ".join(map(str, allowed))
            raise ValueError(f"Column {self.name!r} takes values of shape {shapes}, not {stored.shape}.")
        return stored


def column(
    dtype: DTypeLike,
    default: Any = 0,
    *,
    unit: str,
    doc: str,
    source: str = "assumption",
    dim: str | None = None,
    readonly: bool = False,
    engine: bool = False,
    low: float | None = None,
    high: float | None = None,
) -> Column:
    """Declare a column on a class body.

    Parameters
    ----------
    dtype
        NumPy dtype of one value. Use float64 for whatever enters a formula.
    default
        Value of a row that is appended without one; a scalar, or with `dim` also an array of its length.
    unit, doc
        Unit and meaning, as the documentation prints them.
    source
        Where the default or the concept comes from.
    dim
        Name of a second axis ("platform", "tie", ...) whose length the table is told; a row then holds an
        array of shape (length,).
    readonly
        Whether the values are fixed once appended.
    engine
        Whether only the model itself writes them: they hang together with other state, such as rows of a table.
    low, high
        Range of what may be written by hand, both ends included; None is no bound.

    Returns
    -------
    Column
        A descriptor: on the class itself, on an instance the value in its row as a Python scalar (with `dim`,
        a copy as an array).
    """
    return Column(dtype, default, unit, doc, source, dim, readonly, engine, low, high)


ALIVE = column(bool, True, unit="flag", doc="Living; only the table's `remove` changes it.", readonly=True)
ALIVE.name = "alive"


def declared_columns(cls: type) -> dict[str, Column]:
    """Return the columns of `cls` by name in the order of declaration, those of base classes first."""
    found: dict[str, Column] = {}
    for klass in reversed(cls.__mro__):
        for name, value in vars(klass).items():
            if isinstance(value, Column):
                found[name] = value
            else:
                found.pop(name, None)  # redefined as something else: no column any more
    return found


def describe(cls: type) -> list[dict[str, Any]]:
    """Return one row per column of `cls`: name, dtype, dim, unit, default, doc, source."""
    return [
        {
            "name": name,
            "dtype": str(declared.dtype),
            "dim": declared.dim,
            "unit": declared.unit,
            "default": declared.default.tolist(),
            "doc": declared.doc,
            "source": declared.source,
        }
        for name, declared in declared_columns(cls).items()
    ]


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
            fits = isinstance(given, np.ndarray) and given.dtype == col.dtype and given.shape == (count,)
            if (fits and not col.dim) or (type(given) is float and col.dtype == np.float64):
                columns[name] = given
            else:
                columns[name] = col.shaped(given, count, self._length(col))
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
        wanted: Array = np.unique(np.asarray(rows))
        if wanted.size == 0:
            return np.empty(0, dtype=np.int64)
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
