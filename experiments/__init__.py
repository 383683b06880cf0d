"""What people do with the marketplace: runs, comparisons, reports and the command line.

The names below are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.results import load_run
    from experiments.store.reading import load_results

__all__ = ["load_results", "load_run"]

_HOME = {"load_results": "experiments.store.reading", "load_run": "experiments.results"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
