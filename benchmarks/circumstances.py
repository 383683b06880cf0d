"""What figures of speed depend on: machine, versions, what else was going on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.whole_runs import ROOT


def circumstances() -> dict[str, Any]:
    """Return what the figures depend on."""
    versions = {name: importlib.metadata.version(name) for name in ("mesa", "numba", "numpy")}
    try:
        answer = subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=True)
        compiler = answer.stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError):
        compiler = "none"
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    dirty = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True)
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip() + (" with changes" if dirty.stdout.strip() else ""),
        "python": platform.python_version(),
        **versions,
        "gcc": compiler,
        "processor": processor(),
        "cores": os.cpu_count(),
        "load_average_at_start": os.getloadavg()[0],
    }


def processor() -> str:
    """Name of the processor, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
