"""State declared as columns: a class declares each piece of its state once, with type, unit, default, meaning, source.

The rows of such a class live in an `agents.table.Table`.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

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
        internal: bool,
        low: float | None,
        high: float | None,
    ) -> None:
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.unit = unit
        self.doc = doc
        self.source = source
        self.dim = dim
        self.readonly = readonly
        self.internal = internal
        self.low = low
        self.high = high
        self.default = self.checked(default)
        self._integers = integers_of(self.dtype)

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
        if self.readonly or self.internal:
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
            span = "finite numbers" if self.low is None else f"numbers from {low:g}"
            span += "" if self.high is None else f" to {high:g}"
            first = np.atleast_1d(values)[np.atleast_1d(wrong)][0]
            raise ValueError(f"Column {self.name!r} holds {span} ({self.unit}); {first.item()!r} was given.")
        return values

    def fits(self, values: ArrayLike, count: int) -> bool:
        """Whether `values` can be stored in `count` rows as they are; False where it takes a closer look to tell."""
        if isinstance(values, np.ndarray):
            return self.dim is None and values.shape == (count,) and values.dtype == self.dtype
        if type(values) is int:
            return values in self._integers
        return type(values) is float and self.dtype == np.float64

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


def integers_of(dtype: np.dtype[Any]) -> range:
    """Return the integers that a signed integer type holds; none for another type."""
    if dtype.kind != "i":
        return range(0)
    held = np.iinfo(dtype)
    return range(held.min, held.max + 1)


def column(
    dtype: DTypeLike,
    default: Any = 0,
    *,
    unit: str,
    doc: str,
    source: str = "assumption",
    dim: str | None = None,
    readonly: bool = False,
    internal: bool = False,
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
    internal
        Whether only the model itself writes them: they hang together with other state, such as rows of a table.
    low, high
        Range of what may be written by hand, both ends included; None is no bound.

    Returns
    -------
    Column
        A descriptor: on the class itself, on an instance the value in its row as a Python scalar (with `dim`,
        a copy as an array).
    """
    return Column(dtype, default, unit, doc, source, dim, readonly, internal, low, high)


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
