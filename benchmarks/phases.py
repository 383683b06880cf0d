"""Where a week's time goes: each phase, and within it the customer loops."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.world import LOOPS
from marketplace import MarketplaceModel
from marketplace import week as weeks

PHASES = ("begin", "adopt", "visit_and_choose", "fulfil", "experience", "sellers_act", "platforms_act", "measure")


@contextmanager
def clocked(parts: tuple[tuple[ModuleType, str], ...], taken: dict[str, list[float]]) -> Iterator[None]:
    """Time every call of some functions, looked up in their modules by name. Adds seconds to ``taken``."""
    originals = [getattr(module, name) for module, name in parts]

    def clock(key: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any, **named: Any) -> Any:
            start = time.perf_counter()
            result = function(*values, **named)
            taken.setdefault(key, []).append(time.perf_counter() - start)
            return result

        return call

    try:
        for (module, name), function in zip(parts, originals, strict=True):
            kind = "phase" if module is weeks else "loop"
            setattr(module, name, clock(f"{kind} {name}", function))
        yield
    finally:
        for (module, name), function in zip(parts, originals, strict=True):
            setattr(module, name, function)


def profile(model: MarketplaceModel, count: int, label: str) -> dict[str, Any]:
    """Live through ``count`` weeks and say what each phase and each customer loop costs.

    Returns
    -------
    dict
        Milliseconds a week, means over the weeks (a mean counts the rare dear weeks too, such as the quarterly
        measuring of the networks); ``beside_over_loops`` is what everything beside the customer loops costs, over them.
    """
    taken: dict[str, list[float]] = {}
    parts = tuple((weeks, name) for name in PHASES) + LOOPS
    with clocked(parts, taken):
        start = time.perf_counter()
        model.run(count)
        wall = time.perf_counter() - start
    mean = {name: float(np.sum(seconds)) * 1e3 / count for name, seconds in taken.items()}
    loops = sum(ms for name, ms in mean.items() if name.startswith("loop"))
    week = wall * 1e3 / count
    return {
        "label": label,
        "customers": int(model.customers.size),
        "sellers": int(model.sellers.size),
        "offers": len(model.offers),
        "weeks": count,
        "visiting": float(model.visits.filled.sum()) / model.customers.size,
        "milliseconds_a_week": week,
        "loops": loops,
        "beside": week - loops,
        "beside_over_loops": (week - loops) / loops,
        "phases": {
            name: {"milliseconds": mean[f"phase {name}"], "share": mean[f"phase {name}"] / week} for name in PHASES
        },
        "customer_loops": {name: mean[f"loop {name}"] for _, name in LOOPS},
    }
