"""Where customers, sellers and platforms meet: scenarios, the model and its rules.

The names below are imported when they are first used, so that checking a scenario needs neither Mesa
nor numba.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from marketplace.model import MarketplaceModel
    from marketplace.scenario import Scenario, ScenarioError, list_scenarios, load_scenario

__all__ = ["MarketplaceModel", "Scenario", "ScenarioError", "list_scenarios", "load_scenario"]

_HOME = {
    "MarketplaceModel": "marketplace.model",
    "Scenario": "marketplace.scenario",
    "ScenarioError": "marketplace.scenario",
    "list_scenarios": "marketplace.scenario",
    "load_scenario": "marketplace.scenario",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
