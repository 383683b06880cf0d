"""Boxes of the factors in which something happens often: the patient rule induction method.

Friedman & Fisher, Bump hunting in high-dimensional data, Statistics and Computing 9 (1999); for scenario discovery
Bryant & Lempert, Technological Forecasting and Social Change 77 (2010). By ema-workbench.
"""

from __future__ import annotations

import operator
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.errors import ResultsError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

RELATIONS = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}
DENSITY = 0.8
MOST_BOXES = 4


@dataclass(frozen=True)
class Condition:
    """What makes a run a case of interest, such as ``gmv < 1000``."""

    indicator: str
    relation: str
    number: float

    def of(self, values: np.ndarray) -> np.ndarray:
        """Which values meet it."""
        return RELATIONS[self.relation](values, self.number)

    def __str__(self) -> str:
        return f"{self.indicator} {self.relation} {self.number:g}"


@dataclass(frozen=True)
class Limit:
    """A factor that a box restricts: to a range (both ends inside), or to some of its values."""

    factor: str
    low: float | None = None
    high: float | None = None
    values: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Box:
    """A box, and how well it holds the cases of interest.

    Attributes
    ----------
    limits : tuple of Limit
        What it restricts; other factors are free.
    coverage : float
        Share of all cases of interest that lie in it.
    density : float
        Share of its runs that are cases of interest.
    runs : int
        Number of runs in it.
    """

    limits: tuple[Limit, ...]
    coverage: float
    density: float
    runs: int


def condition_of(text: str) -> Condition:
    """Read ``indicator < number``.

    Raises
    ------
    ResultsError
        If it is none.
    """
    from marketplace.scenario_errors import one_line, show

    match = re.fullmatch(r"\s*([^\s<>=]+(?:->[^\s<>=]+)?)\s*(<=|>=|<|>)\s*([-+0-9._eE]+)\s*", text)
    try:
        return Condition(match[1], match[2], float(match[3]))  # type: ignore[index]
    except (TypeError, ValueError):
        sentence = f"{show(text)} is not a condition: write an indicator, <, <=, > or >=, and a number: 'gmv < 1000'"
        raise ResultsError(one_line(sentence)) from None


def boxes_of(results: Any, condition: Condition, *, density: float = DENSITY) -> list[Box]:
    """The boxes in which most runs meet a condition, one after the other, each of the runs outside those before.

    Every run is a case, replicates too, so that ``density`` is the chance that a run in the box meets the condition.

    Parameters
    ----------
    results : Results
        A sweep that is whole, of any kind that has factors.
    condition : Condition
        What makes a case.
    density : float
        Wanted share of cases in a box.

    Raises
    ------
    ResultsError
        If a run is missing or failed, the indicator is undefined at one, or all runs are cases, or none.
    """
    import numpy as np

    from experiments.sensitivity.outputs import outputs_of

    prim = _prim()
    outputs = outputs_of(results, condition.indicator)
    if outputs.points.shape[1] == 0:
        raise ResultsError("nothing varies in this sweep, so it has no boxes")
    cases = condition.of(outputs.values).ravel()
    if cases.all() or not cases.any():
        which = "every run meets" if cases.all() else "no run meets"
        low, high = outputs.values.min(), outputs.values.max()
        raise ResultsError(f"{which} {condition}: {condition.indicator} lies from {low:g} to {high:g}")
    rows = np.repeat(np.arange(len(outputs.points)), outputs.values.shape[1])
    table = _as_prim_takes_it(outputs.points).iloc[rows].reset_index(drop=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas and NumPy, about what is done inside
        return list(_boxes(prim(table, cases, **_threshold(prim, density)), table, density))


def _threshold(prim: Any, density: float) -> dict[str, float]:
    """The density below which a box is not worth looking at, which only the workbench below version 3 asks for."""
    from inspect import signature

    return {"threshold": density} if "threshold" in signature(prim).parameters else {}


def _boxes(search: Any, table: pd.DataFrame, density: float) -> Iterator[Box]:
    for _ in range(MOST_BOXES):
        box = search.find_box()
        if box is None:
            return
        steps = box.peeling_trajectory
        dense = steps[(steps["density"] >= density) & (steps["res_dim"] > 0)]
        if dense.empty:
            return
        chosen = int(dense["coverage"].idxmax())
        box.select(chosen)
        yield Box(
            tuple(_limits(table, box.box_lims[0], box.box_lims[chosen])), float(steps.loc[chosen, "coverage"]),
            float(steps.loc[chosen, "density"]), int(steps.loc[chosen, "n"]),
        )  # fmt: skip


def _limits(table: pd.DataFrame, free: pd.DataFrame, box: pd.DataFrame) -> Iterator[Limit]:
    for name in box.columns:
        if isinstance(box[name].iloc[0], set):
            if box[name].iloc[0] != free[name].iloc[0]:
                yield Limit(name, values=tuple(sorted(box[name].iloc[0])))
            continue
        low, high = float(box[name].iloc[0]), float(box[name].iloc[1])
        inside = table[name][(table[name] >= low) & (table[name] <= high)]
        if len(inside) < len(table):
            yield Limit(name, float(inside.min()), float(inside.max()))


def _as_prim_takes_it(points: pd.DataFrame) -> pd.DataFrame:
    """Numbers as floats and all else as words: PRIM writes fractions into columns of whole numbers, which pandas
    refuses, and knows no true and false."""
    import pandas as pd

    columns = {}
    for name in points.columns:
        column = points[name]
        if pd.api.types.is_bool_dtype(column):
            columns[name] = pd.Series(["true" if value else "false" for value in column], dtype=object)
        elif pd.api.types.is_numeric_dtype(column):
            columns[name] = pd.Series(column.to_numpy(dtype=float))
        else:
            columns[name] = pd.Series([str(value) for value in column], dtype=object)
    return pd.DataFrame(columns)


def _prim() -> Any:
    from importlib.util import find_spec

    if find_spec("ema_workbench") is None:
        raise ResultsError("PRIM needs ema-workbench: pip install 'marketplace-simulator[discovery]'")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it complains of parts that are not installed, and not needed
        from ema_workbench.analysis.prim import Prim

    return Prim
