"""Where the page and what it is made from stand."""

from __future__ import annotations

from pathlib import Path

from experiments.provenance import HOUSE

PAGE = HOUSE / "docs" / "validity.md"
OUTSIDE = HOUSE / "docs" / "outside.toml"
REFERENCE = HOUSE / "results" / "reference"
DEVIATIONS = REFERENCE / "theory.json"
RUNS = HOUSE / "results" / "validity-runs"

WORLDS = ("amazon", "bazaar")
"""The shipped worlds that are held against facts."""

COMMAND = "make validity"


def runs_of(world: str) -> Path:
    """The saved runs of a world."""
    return REFERENCE / f"validity-{world}.json"


def calibration_of(world: str) -> Path:
    """The saved calibration of a world; there need not be one."""
    return REFERENCE / f"calibration-{world}.json"


def figure_of(world: str, name: str) -> Path:
    """A figure of a world."""
    return REFERENCE / f"validity-{world}-{name}.svg"
