"""Bottleneck: feed what holds the wheel back most."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from agents.policies.base import Books, Decision, PlatformPolicy


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0.0 else math.nan


def cost_in_price(books: Books) -> float:
    """Return the unit cost not yet handed back by discounts, as a share of the average order's value."""
    return _ratio(books.unit_cost - books.discount, _ratio(books.gmv, books.orders))


def visits_per_offer(books: Books) -> float:
    """Return the week's visits per offer: what a seller looks at who weighs whether to stay."""
    return _ratio(books.visits, books.offers)


@dataclass(frozen=True, slots=True)
class Symptom:
    """A figure in the books that hurts, and the lever that would ease it.

    Attributes
    ----------
    lever : str
        Lever that eases it.
    reading : callable
        Reads the figure from the books.
    fine, bad : float
        Values, in the figure's own unit, from which it starts to hurt and at which it hurts fully; `bad`
        may lie below `fine`.
    """

    lever: str
    reading: Callable[[Books], float]
    fine: float
    bad: float

    def pain(self, books: Books) -> float:
        """Return how much it hurts, in [0, 1]; an undefined figure does not hurt."""
        pain = (self.reading(books) - self.fine) / (self.bad - self.fine)
        return 0.0 if math.isnan(pain) else min(1.0, max(0.0, pain))


class Bottleneck(PlatformPolicy):
    """Reads its books, finds the lever whose symptom hurts most and gives it the whole surplus.

    Pain counts only as far as the capability concerned still has room to grow: a mended constraint, or one
    that money cannot mend, makes way for the next. Where nothing hurts nothing is spent. The thresholds are
    assumptions.
    """

    name = "bottleneck"
    source = "Goldratt & Cox 1984, The Goal: a system runs at the pace of its narrowest constraint"

    symptoms: ClassVar[tuple[Symptom, ...]] = (
        Symptom("price", cost_in_price, fine=0.0, bad=1.0),
        Symptom("delivery", lambda books: books.late_rate, fine=0.04, bad=0.5),  # Amazon's limit for sellers
        Symptom("delivery", lambda books: books.promised_days, fine=2.0, bad=10.0),
        Symptom("selection", lambda books: books.failed_searches, fine=0.0, bad=1.0),
        Symptom("service", lambda books: books.return_rate, fine=0.05, bad=0.5),
        Symptom("data", lambda books: books.stockout_rate, fine=0.02, bad=0.25),
        Symptom("advertising", visits_per_offer, fine=50.0, bad=0.0),
    )

    def pains(self, books: Books) -> dict[str, float]:
        """Return each lever's worst pain, in [0, 1], times the room its capability has left."""
        pains: dict[str, float] = {}
        for symptom in self.symptoms:
            level = books.capabilities.get(symptom.lever, 0.0)
            room = 1.0 - level if level > 0.0 else 1.0
            pains[symptom.lever] = max(pains.get(symptom.lever, 0.0), room * symptom.pain(books))
        return pains

    def decide(self, books: Books) -> Decision:
        """Feed the worst; of equals, the first in the list of symptoms."""
        pains = self.pains(books)
        worst = max(pains, key=pains.__getitem__)
        return Decision({worst: books.budget}) if pains[worst] > 0.0 else Decision()
