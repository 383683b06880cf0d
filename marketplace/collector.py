"""The weekly record as Mesa's own tools ask for it: a `DataCollector` that has nothing left to collect."""

from __future__ import annotations

from functools import partial
from typing import Any

import mesa


class WeeklyCollector(mesa.DataCollector):  # type: ignore[misc]
    """Mesa's collector over the rows that the model records anyway, so that nothing is measured or kept twice.

    Its model reporters are the columns of `weekly`. To collect other things, put a `mesa.DataCollector` of your own
    in its place and call its ``collect`` after every week.

    Parameters
    ----------
    columns : list of str
        Names of the recorded figures, ``week`` first.
    rows : list of list of float
        The model's record, one row a week; it is read, never copied or written.
    """

    def __init__(self, columns: list[str], rows: list[list[float]]) -> None:
        self._columns, self._rows = columns, rows
        self._read = 0
        super().__init__({name: partial(self._latest, k) for k, name in enumerate(columns)})

    def _latest(self, place: int, model: Any = None) -> float:
        return self._rows[-1][place]

    def collect(self, model: Any) -> None:
        """Do nothing: the model has recorded its week already."""

    @property
    def model_vars(self) -> dict[str, list[float]]:
        """Every recorded figure, a list of one value a week."""
        for row in self._rows[self._read :]:
            for name, value in zip(self._columns, row, strict=True):
                self._values[name].append(value)
        self._read = len(self._rows)
        return self._values

    @model_vars.setter
    def model_vars(self, values: dict[str, list[float]]) -> None:
        self._values = values

    @property
    def _collection_steps(self) -> list[int]:
        # Mesa 3.5 finds a step's row by it; Mesa 3.3 takes the row of step k to be number k.
        return [int(row[0]) for row in self._rows]

    @_collection_steps.setter
    def _collection_steps(self, steps: list[int]) -> None:
        pass
