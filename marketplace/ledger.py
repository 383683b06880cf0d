"""Books with two sides: every payment leaves one account and enters another.

Sellers and platforms keep cash in their own columns; customers, carriers and the outside world are one account each.
The ledger writes both sides, so what all of them hold together never changes.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt

CUSTOMERS, SELLERS, PLATFORMS, CARRIERS, OUTSIDE = "customers", "sellers", "platforms", "carriers", "outside"
ACCOUNTS = (CUSTOMERS, SELLERS, PLATFORMS, CARRIERS, OUTSIDE)


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

    def pay(self, payer: str, payee: str, purpose: str, amount: npt.ArrayLike) -> None:
        """Record a payment between kinds of account; the holders' own cash columns are moved by `credit`.

        Raises
        ------
        ValueError
            If the amount is negative or not finite: the payer and payee are then the wrong way round.
        """
        total = float(np.sum(amount))
        if not total >= 0.0 or total == np.inf:
            raise ValueError(f"{purpose}: {payer} cannot pay {payee} {total}; an amount is finite and not negative.")
        self.balance[payer] -= total
        self.balance[payee] += total
        self.flows[payer, payee, purpose] += total

    def paid(self, payer: str, payee: str, purpose: str) -> float:
        """What was paid this week for one purpose, in currency."""
        return self.flows.get((payer, payee, purpose), 0.0)
