"""The flywheel as an object: its nodes, the links between them, and one valve on every link.

A valve is read wherever its quantity is perceived, and nowhere else is it known whether it is open. It turns the true
index of a link (one number per platform) into the perceived one; whoever perceives many micro values multiplies them
all by `Valve.factor`, so that relative values stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from marketplace.declarations import Declaration
from marketplace.sections import LINKS
from marketplace.sections import Flywheel as FlywheelSection
from marketplace.sections import Valve as ValveSection

if TYPE_CHECKING:
    from collections.abc import Iterable

Floats = npt.NDArray[np.float64]

# What a link carries: its index, the unit of the index, who perceives it.
MEANING: dict[str, tuple[str, str, str]] = {
    "price->experience": ("price index of what is shown", "price level", "customers, sellers who price, entrants"),
    "selection->experience": ("distance of what is shown, search noise apart", "circumference", "customers, entrants"),
    "delivery->experience": ("promised days of what is shown", "days", "customers, entrants"),
    "experience->visits": ("mean satisfaction", "share", "customers who visit, lapse, return"),
    "experience->adoption": ("mean satisfaction", "share", "customers who recommend"),
    "visits->sellers": ("smoothed searches", "searches per week", "entrants; sellers' patience and listing elsewhere"),
    "sellers->selection": ("third-party offers in stock", "offers", "search"),
    "volume->unit_cost": ("smoothed fulfilled orders", "orders per week", "the platform's technology"),
    "unit_cost->price": ("unit cost", "currency per order", "own retail price"),
    "unit_cost->fees": ("unit cost", "currency per order", "fees to sellers"),
    "surplus->capabilities": ("smoothed surplus", "currency per week", "the policy's budget"),
    "capabilities->experience": ("delivery, service, data capability", "share", "fulfilment, search, service, stock"),
}


class Valve:
    """The valve on one link: open, shut, scaled, replayed from a recorded run, or pushed.

    Attributes
    ----------
    link : str
        Link id.
    value : (platforms,) float64
        What was perceived last, after the valve.
    factor : (platforms,) float64
        Perceived over true index; 1 where the true index is 0 or undefined.
    """

    def __init__(self, link: str, platforms: int, reference_week: int) -> None:
        self.link = link
        self.reference_week = reference_week
        self.is_shut = False
        self.factor_wanted = 1.0
        self.pushed = 0.0
        self.push_from = 1
        self.recorded: Floats | None = None
        self.reference: Floats | None = None
        self.value = np.full(platforms, np.nan)
        self._as_it_is = np.ones(platforms)
        self.factor = self._as_it_is

    @property
    def bends(self) -> bool:
        """Whether anything is perceived otherwise than it is."""
        return self.factor is not self._as_it_is

    def open(self) -> Valve:
        """Let the quantity be perceived as it is."""
        self.is_shut = False
        self.recorded = None
        self.factor_wanted = 1.0
        self.pushed = 0.0
        return self

    def shut(self, week: int | None = None) -> Valve:
        """Freeze what is perceived at its value of the reference week (or of ``week``), or of now if that is past."""
        self.is_shut = True
        if week is not None:
            self.reference_week = week
        return self

    def scale(self, factor: float) -> Valve:
        """Multiply what is perceived by ``factor``, from 0 to 100, from now on; ValueError for any other."""
        self.factor_wanted = self._allowed("scale", factor)
        return self

    def push(self, share: float, from_week: int = 1) -> Valve:
        """Push what is perceived by ``share`` from a week on.

        0.05 is five per cent up; ValueError for a share that is not from -0.99 to 100.
        """
        self.pushed = self._allowed("push", share)
        self.push_from = int(from_week)
        return self

    def replay(self, values: npt.ArrayLike) -> Valve:
        """Perceive the values of a recorded run instead: (weeks,) or (weeks, platforms), week 1 first.

        After the last week recorded, the quantity is perceived as it is. NaN is what was undefined when it was
        recorded.

        Raises
        ------
        ValueError
            If the shape does not fit the number of platforms, there is no week, or a value is infinite.
        """
        recorded = np.asarray(values, dtype=np.float64)
        if recorded.ndim == 1:
            recorded = recorded[:, None]
        if recorded.ndim != 2 or recorded.shape[1] != self.value.size or len(recorded) == 0:
            raise ValueError(
                f"{self.link}: a replay needs shape (weeks, {self.value.size}), not {np.shape(values)}."
            )
        if np.isinf(recorded).any():
            week = int(np.argmax(np.isinf(recorded).any(axis=1))) + 1
            raise ValueError(f"{self.link}: a replay needs finite values, and that of week {week} is infinite.")
        self.recorded = recorded
        return self

    def _allowed(self, field: str, value: float) -> float:
        """Return a number within the range that a scenario allows for this field of a valve."""
        try:
            return float(getattr(ValveSection.model_validate({field: value}), field))
        except ValueError:
            allowed = Declaration(field, ValveSection.model_fields[field]).allowed
            raise ValueError(f"{self.link}: {field} is {allowed}, not {value!r}.") from None

    def hold_below(self, true: Floats) -> None:
        """Perceive no more than the truth: for what can be hidden but not added, such as offers."""
        self.value = np.minimum(self.value, true)
        self.factor = np.minimum(self.factor, 1.0)

    def reset(self) -> None:
        """Forget what was perceived before the run began."""
        self.reference = None
        self.value = np.full(self.value.size, np.nan)
        self.factor = self._as_it_is

    def configure(self, setting: ValveSection | str) -> Valve:
        """Take a setting of a scenario."""
        if isinstance(setting, str):
            setting = ValveSection(state=setting)  # type: ignore[arg-type]
        if setting.state == "shut":
            self.shut()
        return self.scale(setting.scale).push(setting.push, setting.push_from)

    def perceive(self, true: npt.ArrayLike, week: int) -> Floats:
        """Return the perceived index of this week, (platforms,), and set `factor`.

        Before week 1 everything is perceived as it is, so that scores refer to the launch as it truly was.
        """
        true = np.array(true, dtype=np.float64)  # a copy: whoever measured it goes on writing into it
        if self.reference is None or not self.is_shut or week <= self.reference_week:
            self.reference = true
        seen = self._through(true, self.reference, week) if week >= 1 else true
        self.value = seen
        if seen is true:
            self.factor = self._as_it_is
            return self.value
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = seen / true
        self.factor = np.where((true != 0.0) & np.isfinite(factor), factor, 1.0)
        return self.value

    def _through(self, true: Floats, reference: Floats, week: int) -> Floats:
        seen = true
        if self.recorded is not None:
            if week <= len(self.recorded):
                seen = self.recorded[week - 1]
        elif self.is_shut:
            seen = reference
        if self.factor_wanted != 1.0:
            seen = seen * self.factor_wanted
        if self.pushed != 0.0 and week >= self.push_from:
            seen = seen * (1.0 + self.pushed)
        return seen


class Flywheel(Mapping[str, Valve]):
    """The valves of a run by link id."""

    def __init__(self, section: FlywheelSection, platforms: int) -> None:
        self._valves = {link: Valve(link, platforms, section.reference_week) for link in LINKS}
        for link, setting in section.valves.items():
            self[link].configure(setting)

    def __getitem__(self, link: str) -> Valve:
        try:
            return self._valves[link]
        except KeyError:
            from agents.columns import nearest

            raise KeyError(f"{link!r} is no link of the flywheel: {nearest(link, LINKS)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._valves)

    def __len__(self) -> int:
        return len(self._valves)

    def shut_all(self, week: int | None = None) -> None:
        """Cut the loop: shut every valve at the reference week (or at ``week``)."""
        for valve in self._valves.values():
            valve.shut(week)

    def values(self) -> Iterable[Valve]:  # type: ignore[override]
        """The valves, in the order of the loop."""
        return self._valves.values()


def multiplier(gains: Sequence[float]) -> Floats:
    """Return the closed-loop multiplier X_h at each horizon from the weekly increments g of the loop gain.

    ``X_h = 1 + sum_k g_k X_(h-k)``; in a steady state it tends to ``1 / (1 - G)`` with G the sum of ``gains``.
    """
    g = np.asarray(gains, dtype=np.float64)
    out = np.ones(g.size + 1)
    for horizon in range(1, out.size):
        out[horizon] = 1.0 + float(np.dot(g[:horizon], out[horizon - 1 :: -1][:horizon]))
    return out
