"""Single push: everything on one lever."""

from __future__ import annotations

from agents.policies.base import Books, Decision, PlatformPolicy, PolicySettings, check_lever


class SinglePush(PlatformPolicy):
    """Puts the whole surplus on the lever the scenario names, to see what that lever does alone."""

    name = "single-push"
    source = "one factor at a time: Daniel 1973, Journal of the American Statistical Association 68, 353-360"

    def __init__(self, settings: PolicySettings) -> None:
        super().__init__(settings)
        try:
            self.lever = check_lever(settings.lever)
        except ValueError as error:
            raise ValueError(f"policy.lever: {error}") from None

    def decide(self, books: Books) -> Decision:
        """Push."""
        return Decision({self.lever: books.budget})
