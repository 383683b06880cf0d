"""Whole runs: `tiny` in a warm process, `amazon`, a million customers, and the command line's first answer."""

from __future__ import annotations

import gc
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.phases import profile
from benchmarks.world import Maturity, bench_model
from marketplace import MarketplaceModel

ROOT = Path(__file__).resolve().parent.parent
MEMORY_WEEKS = 13  # a quarter, so that the networks are measured once


def run_seconds(name: str, repeats: int) -> tuple[list[float], MarketplaceModel]:
    """Seconds to make and run a shipped scenario, ``repeats`` times in this process, and the last model."""
    seconds = []
    for seed in range(1, repeats + 1):
        model = None
        gc.collect()  # a model is a cycle: the last one must not be cleared away on this one's time
        start = time.perf_counter()
        model = MarketplaceModel(name, rng=seed)
        model.run()
        seconds.append(time.perf_counter() - start)
    return seconds, model


def summary(seconds: list[float]) -> dict[str, Any]:
    """Median and extremes of some seconds."""
    return {"median": float(np.median(seconds)), "minimum": min(seconds), "maximum": max(seconds), "runs": len(seconds)}


def help_seconds(repeats: int) -> dict[str, Any]:
    """Seconds until ``marketplace --help`` has answered, in processes of its own."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        command = [sys.executable, "-c", "from experiments.cli import main; main()", "--help"]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    return summary(seconds)


def in_child(customers: int, sellers: int, target: Maturity) -> dict[str, Any]:
    """Run `measure_here` in a process of its own, whose peak of memory is nobody else's."""
    command = [sys.executable, "-m", "benchmarks.whole_runs", str(customers), str(sellers), *map(str, target)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def measure_here(customers: int, sellers: int, target: Maturity) -> dict[str, Any]:
    """Make a world, live through two quarters and say what a customer costs in time, and the process in memory."""
    model = bench_model(customers, sellers, target, MEMORY_WEEKS)
    profiled = profile(model, MEMORY_WEEKS, f"{customers:,} customers")
    return {
        "customers": customers,
        "links": int(model.social.indices.size),
        "visiting": profiled["visiting"],
        "week_nanoseconds_per_customer": profiled["milliseconds_a_week"] * 1e6 / customers,
        "loops_nanoseconds_per_customer": profiled["loops"] * 1e6 / customers,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def million(sellers: int, target: Maturity, small: int, large: int) -> dict[str, Any]:
    """Cost per customer of a large world over that of a small one, in time and in memory."""
    few, many = in_child(small, sellers, target), in_child(large, sellers, target)
    return {
        "small": few,
        "large": many,
        "loops_factor": many["loops_nanoseconds_per_customer"] / few["loops_nanoseconds_per_customer"],
        "week_factor": many["week_nanoseconds_per_customer"] / few["week_nanoseconds_per_customer"],
        "bytes_per_customer": (many["peak_bytes"] - few["peak_bytes"]) / (large - small),
    }


if __name__ == "__main__":
    count, others, active, visiting = sys.argv[1:]
    print(json.dumps(measure_here(int(count), int(others), Maturity(float(active), float(visiting)))))
