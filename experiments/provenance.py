"""What a result was made with: sources, packages, machine."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

SCHEMA = 1
"""Version of the layout of results folders."""

DISTRIBUTION = "marketplace-simulator"
PACKAGES = (DISTRIBUTION, "mesa", "numba", "numpy", "scipy", "pandas", "pyarrow", "networkx", "pydantic")
HOUSE = Path(__file__).resolve().parent.parent


def versions() -> dict[str, str]:
    """Version of Python and of every package that a result can depend on; those not installed are left out."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # the sources can be run without being installed
            continue
    return found


def git_state() -> dict[str, Any] | None:
    """Commit of the checkout that the sources are in and whether it is dirty; None outside a checkout.

    Returns
    -------
    dict or None
        ``commit`` (40 hex digits) and ``dirty`` (whether a file differs from it or is not in it).
    """
    top = _git("rev-parse", "--show-toplevel")
    # A package installed inside somebody's own project must not report that project's commit.
    if top is None or Path(top).resolve() != HOUSE:
        return None
    commit, status = _git("rev-parse", "HEAD"), _git("status", "--porcelain")
    return None if commit is None or status is None else {"commit": commit, "dirty": status != ""}


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(HOUSE), *arguments], capture_output=True, text=True, timeout=10, check=True,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def machine() -> dict[str, Any]:
    """Type of processor, number of usable cores, and operating system. Nothing that names the machine."""
    return {
        "processor": _processor(),
        "architecture": platform.machine(),
        "cores": cores(),
        "system": f"{platform.system()} {platform.release()}".strip(),
    }


def cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:  # not Linux
        pass
    return platform.processor() or platform.machine()


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
