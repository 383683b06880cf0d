"""Reinvest: the surplus goes back to the customer."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from agents.policies.base import Books, Decision, PlatformPolicy


class Reinvest(PlatformPolicy):
    """Puts every surplus into price, delivery, selection and the rest, in fixed shares.

    The letters put price, convenience and selection first and forgo today's profit for them, but state no
    shares: those below are an assumption in the letters' order of emphasis. They add up to one.
    """

    name = "reinvest"
    source = "Amazon shareholder letters of 1997 (long term), 2001 (customer experience), 2005 (lower prices)"

    shares: ClassVar[Mapping[str, float]] = MappingProxyType(
        {
            "price": 0.30,  # efficiency and scale are returned as lower prices (2005)
            "delivery": 0.25,  # convenience, the costliest promise to keep (2001)
            "selection": 0.15,  # pays for sellers' tools only: sellers bring the range at their own expense
            "service": 0.10,  # needed only where an order went wrong
            "data": 0.10,  # search and forecasts, shared by all orders
            "advertising": 0.10,  # word of mouth is to do most of the work (1997)
        }
    )

    def decide(self, books: Books) -> Decision:
        """Share the surplus out."""
        return Decision({lever: share * books.budget for lever, share in self.shares.items()})
