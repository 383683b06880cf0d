"""Dividend: the surplus belongs to the owners."""

from __future__ import annotations

from agents.policies.base import Books, Decision, PlatformPolicy


class Dividend(PlatformPolicy):
    """Pays the whole surplus out, as shareholders ask who would rather hold the cash themselves."""

    name = "dividend"
    source = "Jensen 1986, Agency costs of free cash flow, American Economic Review 76(2), 323-329"

    def decide(self, books: Books) -> Decision:
        """Pay out the surplus."""
        return Decision(dividend=books.budget)
