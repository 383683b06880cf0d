"""A second process compiles the very functions and types that a first run asks for, and ends with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from agents import compiled

pytestmark = pytest.mark.skipif(compiled.PLAIN, reason="nothing is compiled")

ASKED_FOR = """
from marketplace import MarketplaceModel
from marketplace.compiling import WEEKS, calls_of_a_small_world

calls = calls_of_a_small_world()
assert not any(dispatcher.signatures for dispatcher, _ in calls)
MarketplaceModel("tiny").run(WEEKS)
for dispatcher, types in calls:
    print(dispatcher.py_func.__name__, types in dispatcher.signatures)
"""

BEGUN = """
from agents import compiled
from marketplace.compiling import begin

compiled.processors = lambda: 2  # however many there are
helper = begin()
print(helper.pid if helper else helper)
"""


def told(program: str, **environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **environment}, text=True, capture_output=True, check=True
    )
    return done.stdout.splitlines()


def test_what_it_compiles_is_what_a_run_asks_for() -> None:
    asked = dict(line.split() for line in told(ASKED_FOR))
    assert set(asked.values()) == {"True"}
    assert {"visit_and_choose", "read_panel", "consider", "replenish", "wind_up", "choose_modes"} <= asked.keys()


def test_it_ends_with_whoever_began_it(tmp_path: Path) -> None:
    (number,) = told(BEGUN, MARKETPLACE_CACHE=str(tmp_path))
    assert not psutil.pid_exists(int(number))


def test_nothing_is_begun_where_everything_is_compiled() -> None:
    assert told('from marketplace import MarketplaceModel\nMarketplaceModel("tiny").run(1)\n' + BEGUN) == ["None"]
