"""Hold: the control."""

from __future__ import annotations

from agents.policies.base import Books, Decision, PlatformPolicy


class Hold(PlatformPolicy):
    """Leaves the surplus in the purse: what any other policy is measured against."""

    name = "hold"
    source = "control condition: nothing is spent"

    def decide(self, books: Books) -> Decision:
        """Do nothing."""
        return Decision()
