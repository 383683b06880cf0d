"""The blind rules, the random worlds and the comparisons, found by their place: tests/ is no package."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).resolve().parent


def load(name: str) -> ModuleType:
    """Return a fresh copy of a module beside this file."""
    spec = importlib.util.spec_from_file_location(f"blind_{name}", HERE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # so that what it defines can be pickled and copied
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def fresh_rules() -> Callable[[], ModuleType]:
    """Makes a copy of the blind rules that may be spoilt."""
    return lambda: load("rules")


@pytest.fixture(scope="session")
def rules() -> ModuleType:
    return load("rules")


@pytest.fixture(scope="session")
def worlds() -> ModuleType:
    return load("worlds")


@pytest.fixture(scope="session")
def demand() -> ModuleType:
    return load("demand")


@pytest.fixture(scope="session")
def supply() -> ModuleType:
    return load("supply")
