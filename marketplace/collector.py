"""The weekly record as Mesa's own tools ask for it: a `DataCollector` that has nothing left to collect."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import mesa

from marketplace.indicators import column_names, weekly_table
from marketplace.record import Noted


class WeeklyCollector(mesa.DataCollector):  # type: ignore[misc]
    """Mesa's collector over what the model notes anyway, so that nothing is measured or kept twice.

    Its model reporters are the columns of `weekly`. To collect other things, put a `mesa.DataCollector` of your own
    in its place and call its ``collect`` after every week.

    Parameters
    ----------
    noted : list of Noted
        The model's record, one entry a week; it is read, never copied or written.
    platforms : list of str
        Names of the platforms.
    """

    def __init__(self, noted: Sequence[Noted], platforms: list[str]) -> None:
        self._noted, self._platforms = noted, platforms
        self._values: dict[str, list[float]] = {}
        super().__init__({name: partial(self._latest, name) for name in column_names(platforms)})

    def _latest(self, name: str, model: Any = None) -> float:
        return self.model_vars[name][-1]

    def collect(self, model: Any) -> None:
        """Do nothing: the model has noted its week already."""

    @property
    def model_vars(self) -> dict[str, list[float]]:
        """Every indicator, a list of one value a week."""
        if len(self._values.get("week", ())) != len(self._noted):
            weekly = weekly_table(self._noted, self._platforms)
            self._values = {name: weekly[name].tolist() for name in weekly.columns}
        return self._values

    @model_vars.setter
    def model_vars(self, values: dict[str, list[float]]) -> None:
        self._values = values

    @property
    def _collection_steps(self) -> list[int]:
        # Mesa 3.5 finds a step's row by it; Mesa 3.3 takes the row of step k to be number k.
        return list(range(1, len(self._noted) + 1))

    @_collection_steps.setter
    def _collection_steps(self, steps: list[int]) -> None:
        pass
