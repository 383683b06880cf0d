"""The table of offers, and what can be known of it between two births or deaths without looking again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike

from agents.compiled import loop
from agents.offer import Offer
from agents.table import Table

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Assortment(Table):
    """All offers there ever were; the properties below are brought up to date when an offer is added or removed.

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
        self._third_party_on: dict[int, tuple[int, int]] = {}
        self._retail: dict[int, Ints] = {}

    def append(self, count: int, **values: ArrayLike) -> Ints:
        """Append offers; see `Table.append`."""
        order = self._order
        rows = super().append(count, **values)
        self._forget()
        if order is not None:  # a few newcomers find their places sooner than all are sorted anew
            c, new = self.columns, self._sorted(rows)
            self._order = np.empty(order.size + new.size, np.int64)
            merge(order, new, c.platform, c.category, c.place, self._order)
        return rows

    def remove(self, rows: ArrayLike) -> Ints:
        """Take offers off the market; see `Table.remove`."""
        order = self._order
        dead = super().remove(rows)
        self._forget()
        if order is not None:
            self._order = order[self.columns.alive[order]]
        return dead

    def _sorted(self, rows: Ints) -> Ints:
        c = self.columns
        return rows[np.lexsort((c.place[rows], c.category[rows], c.platform[rows]))]

    @property
    def order(self) -> Ints:
        """Living rows sorted by platform, category, place; ties by age."""
        if self._order is None:
            self._order = self._sorted(self.rows)
        return self._order

    @property
    def third_party(self) -> Ints:
        """Living rows of third-party sellers."""
        if self._third_party is None:
            self._third_party = self.rows[self.columns.seller[self.rows] >= 0]
        return self._third_party

    def third_party_on(self, platform: int) -> tuple[int, int]:
        """How many living offers third parties have on a platform, and how many sellers they are."""
        if platform not in self._third_party_on:
            rows = self.third_party[self.columns.platform[self.third_party] == platform]
            sellers = int(np.count_nonzero(np.bincount(self.columns.seller[rows])))
            self._third_party_on[platform] = rows.size, sellers
        return self._third_party_on[platform]

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
            c, group_of = self.columns, np.full(self.size, -1, np.int32)
            sellers = int(c.seller.max(initial=-1)) + 1
            self._groups = group_of, number_groups(self.order, c.seller, c.platform, c.category, sellers, group_of)
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


@loop
def merge(old, new, platform, category, place, out):  # type: ignore[no-untyped-def]
    """Merge two lists of rows, each sorted by platform, category and place; of equals, the old come first."""
    i = 0
    j = 0
    for at in range(out.size):
        if j == new.size:
            take_old = True
        elif i == old.size:
            take_old = False
        else:
            a, b = old[i], new[j]
            if platform[a] != platform[b]:
                take_old = platform[a] < platform[b]
            elif category[a] != category[b]:
                take_old = category[a] < category[b]
            else:
                take_old = place[a] <= place[b]
        if take_old:
            out[at] = old[i]
            i += 1
        else:
            out[at] = new[j]
            j += 1


@loop
def number_groups(order, seller, platform, category, sellers, group_of):  # type: ignore[no-untyped-def]
    """Number the groups along the ``order`` of circles; writes ``group_of`` for third parties. Returns how many."""
    latest = np.full(sellers, -1, np.int64)  # each seller's group on the circle it was last met on,
    met = np.full(sellers, -1, np.int64)  # and where on the way that circle began
    groups = 0
    begin = 0
    for at in range(order.size):
        row, before = order[at], order[begin]
        if platform[row] != platform[before] or category[row] != category[before]:
            begin = at
        who = seller[row]
        if who < 0:
            continue
        if met[who] != begin:
            met[who] = begin
            latest[who] = groups
            groups += 1
        group_of[row] = latest[who]
    return groups
