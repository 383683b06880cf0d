"""Books with two sides: every payment leaves one account and enters another.

Sellers and platforms keep cash in their own columns; customers, carriers and the outside world are one account each.
The ledger writes both sides, so what all of them hold together never changes.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np
import numpy.typing as npt

CUSTOMERS, SELLERS, PLATFORMS, CARRIERS, OUTSIDE = "customers", "sellers", "platforms", "carriers", "outside"
ACCOUNTS = (CUSTOMERS, SELLERS, PLATFORMS, CARRIERS, OUTSIDE)


def total(values: npt.NDArray[Any]) -> float:
    """Return the sum of (n,) values; of a single one, as with one platform, at a tenth of a reduction's cost."""
    return float(values[0]) if values.size == 1 else float(np.add.reduce(values))


def mean(values: npt.NDArray[Any]) -> float:
    """Return the mean of (n,) values, as `total` does their sum."""
    return total(values) / values.size


def ratio(part: float, whole: float) -> float:
    """Return a part over the whole; NaN of nothing."""
    return part / whole if whole > 0.0 else math.nan


class Ledger:
    """Balances of the five kinds of account and the week's flows between them.

    Attributes
    ----------
    balance : dict of str to float
        Net receipts of each kind of account since the beginning, in currency.
    flows : dict of (payer, payee, purpose) to float
        What was paid this week, in currency.
    goods : dict of str to int
        Units this week: ``received``, ``sold``, ``returned``, ``scrapped``.
    """

    def __init__(self) -> None:
        self.balance: dict[str, float] = dict.fromkeys(ACCOUNTS, 0.0)
        self.flows: dict[tuple[str, str, str], float] = defaultdict(float)
        self.goods: dict[str, int] = defaultdict(int)

    def open_week(self) -> None:
        """Forget the flows of the week before."""
        self.flows.clear()
        self.goods.clear()

    def pay(self, payer: str, payee: str, purpose: str, amount: float | npt.NDArray[Any]) -> None:
        """Record a payment, or the sum of (n,) payments, between kinds of account; holders' cash is theirs to move.

        Raises
        ------
        ValueError
            If the amount is negative or not finite: the payer and payee are then the wrong way round.
        """
        paid = total(amount) if isinstance(amount, np.ndarray) else float(amount)
        if not 0.0 <= paid < math.inf:
            raise ValueError(f"{purpose}: {payer} cannot pay {payee} {paid}; an amount is finite and not negative.")
        self.balance[payer] -= paid
        self.balance[payee] += paid
        self.flows[payer, payee, purpose] += paid

    def paid(self, payer: str, payee: str, purpose: str) -> float:
        """What was paid this week for one purpose, in currency."""
        return self.flows.get((payer, payee, purpose), 0.0)
