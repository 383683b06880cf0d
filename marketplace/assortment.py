"""The table of offers, and what can be known of it between two births or deaths without looking again."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike

from agents.columns import Table
from agents.offer import Offer

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def numbered(names: npt.NDArray[np.integer[Any]], count: int) -> tuple[Ints, Ints]:
    """Return the distinct names in ascending order and the place of each name, (n,), among them.

    As ``numpy.unique`` does, but without sorting: names are whole numbers from 0 to ``count`` - 1.
    """
    present = np.zeros(count, np.bool_)
    present[names] = True
    distinct = np.flatnonzero(present)
    place = np.empty(count, np.int64)
    place[distinct] = np.arange(distinct.size)
    return distinct, place[names]


class Assortment(Table):
    """All offers there ever were; the properties below are kept until an offer is added or removed.

    Parameters
    ----------
    categories : int
        Circles of tastes per platform.
    pipeline : int
        Weeks a replenishment can be under way; at least 1.
    """

    def __init__(self, categories: int, pipeline: int) -> None:
        super().__init__(Offer, {"pipeline": pipeline})
        self.categories = categories
        self._forget()

    def _forget(self) -> None:
        self._order: Ints | None = None
        self._groups: tuple[npt.NDArray[np.int32], int] | None = None
        self._third_party: Ints | None = None
        self._retail: dict[int, Ints] = {}

    def append(self, count: int, **values: ArrayLike) -> Ints:
        """Append offers; see `Table.append`."""
        self._forget()
        return super().append(count, **values)

    def remove(self, rows: ArrayLike) -> Ints:
        """Take offers off the market; see `Table.remove`."""
        self._forget()
        return super().remove(rows)

    @property
    def order(self) -> Ints:
        """Living rows sorted by platform, category, place; ties by age."""
        if self._order is None:
            rows, c = self.rows, self.columns
            circle = c.platform[rows].astype(np.int64) * self.categories + c.category[rows]
            self._order = rows[np.lexsort((c.place[rows], circle))]
        return self._order

    @property
    def third_party(self) -> Ints:
        """Living rows of third-party sellers."""
        if self._third_party is None:
            self._third_party = self.rows[self.columns.seller[self.rows] >= 0]
        return self._third_party

    def retail(self, platform: int) -> Ints:
        """Living rows of a platform's own range."""
        if platform not in self._retail:
            self._retail[platform] = self.rows[self.columns.seller[self.rows] == -1 - platform]
        return self._retail[platform]

    @property
    def groups(self) -> tuple[npt.NDArray[np.int32], int]:
        """Group (seller, platform, category) of every row, -1 for own retail and the dead; and how many there are.

        A seller prices the offers of a group jointly.
        """
        if self._groups is None:
            rows, c = self.third_party, self.columns
            circle = c.platform[rows].astype(np.int64) * self.categories + c.category[rows]
            circles = int(circle.max(initial=0)) + 1
            sellers = int(c.seller[rows].max(initial=0)) + 1
            names, index = numbered(c.seller[rows] * circles + circle, sellers * circles)
            group_of = np.full(self.size, -1, np.int32)
            group_of[rows] = index
            self._groups = group_of, names.size
        return self._groups

    def rival_price(self, rows: Ints) -> Floats:
        """Lowest price of the neighbours left and right on the circle that are another's; NaN without one."""
        order, c = self.order, self.columns
        circle = c.platform[order].astype(np.int64) * self.categories + c.category[order]
        place = np.empty(self.size, np.int64)
        place[order] = np.arange(order.size)
        at = place[rows]
        first = np.searchsorted(circle, circle[at], side="left")
        last = np.searchsorted(circle, circle[at], side="right") - 1
        best = np.full(rows.size, np.nan)
        for neighbour in (np.where(at > first, at - 1, last), np.where(at < last, at + 1, first)):
            rival = order[neighbour]
            price = np.where(c.seller[rival] != c.seller[rows], c.price[rival], np.nan)
            best = np.fmin(best, price)
        return best
