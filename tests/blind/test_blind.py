"""The model against the six rules written a second time (`rules`), week by week in random worlds.

What follows without chance agrees to one part in a thousand million; where chance enters, the model's own draws are
taken as given and the outcome is the same. Thresholds (who enters, when capacity is ordered) are asked from both
sides at a hair's breadth, so that they pin down the estimate behind them.
"""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from agents.customer import hazard_of_joining

RULES = Path(__file__).resolve().parent / "rules.py"
ALLOWED = {"__future__", "typing", "numpy", "numpy.typing", "scipy.special"}
RELATIVE, ABSOLUTE = 1e-9, 1e-12
WEEKS = 8
FEW, MANY = range(7), range(7, 55)  # worlds: every test run, and the slow ones
SPOILT_IN = range(28)  # worlds in which spoilt rules must show
CROWD, CROWD_WEEKS, CROWDS = 6000, 6, range(100, 112)  # many customers, so that a hazard shows in who joins
SIGMAS = 4.0
OFF = 0.02  # how far a spoilt argument is off, as a share of it; every other element of an array twice as far

Triple = tuple[str, Any, Any]
Compare = Callable[[ModuleType, SimpleNamespace], Iterator[Triple]]


@pytest.fixture(scope="module")
def compare(demand: ModuleType, supply: ModuleType, worlds: ModuleType) -> dict[str, Compare]:
    """The comparisons by name; thresholds are asked from both sides."""
    return {
        "adoption": demand.adoption,
        "operations": partial(supply.operations, orders_at=worlds.orders_at),
        "satisfaction": demand.satisfaction,
        "search_and_choice": demand.search_and_choice,
        "entry": partial(supply.entry, who_enters=worlds.who_enters),
    }


def is_same(ours: Any, theirs: Any) -> bool:
    """Whether whole numbers and flags are equal, and other figures as good as equal."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    return ours.shape == theirs.shape and np.allclose(ours, theirs, rtol=RELATIVE, atol=ABSOLUTE)


def differences(triples: Iterator[Triple], week: int) -> list[str]:
    """What differs, in words."""
    return [f"week {week}, {label}: {ours} and not {theirs}" for label, ours, theirs in triples
            if not is_same(ours, theirs)]  # fmt: skip


def check(world: int, rules: ModuleType, worlds: ModuleType, compare: dict[str, Compare]) -> None:
    for note in worlds.live(world, WEEKS):
        for triples in compare.values():
            assert differences(triples(rules, note), note.run.week) == []


@pytest.mark.parametrize("world", FEW)
def test_the_model_does_what_the_description_says(world, rules, worlds, compare):
    check(world, rules, worlds, compare)


@pytest.mark.slow
@pytest.mark.parametrize("world", MANY)
def test_the_model_does_what_the_description_says_in_many_worlds(world, rules, worlds, compare):
    check(world, rules, worlds, compare)


@pytest.fixture(scope="module")
def crowds(worlds: ModuleType) -> list[SimpleNamespace]:
    return [note for world in CROWDS for note in worlds.live(world, CROWD_WEEKS, CROWD, copies=False)]


def test_a_crowd_joins_as_described(rules, compare, crowds):
    for note in crowds:
        assert differences(compare["adoption"](rules, note), note.run.week) == []


def test_as_many_join_as_their_hazards_add_up_to(rules, demand, crowds):
    expected = variance = joined = 0.0
    for note in crowds:
        hazard, _ = demand.joining(rules, note)
        expected += hazard.sum()
        variance += (hazard * (1.0 - hazard)).sum()
        joined += np.count_nonzero((note.adopting.customers.status != 1) & (note.visiting.customers.status == 1))
    assert joined > 1000
    assert abs(joined - expected) < SIGMAS * math.sqrt(variance)


def test_the_hazard_itself_is_the_models(rules, crowds):
    for note in crowds:
        s = note.scenario.adoption
        if s.mixing == "well-mixed":
            continue
        degree, k = note.scenario.social.mean_degree, np.arange(12)
        theirs = [hazard_of_joining(s.p, s.q / degree, float(n), s.referral / degree) for n in k]
        assert is_same(rules.network_hazard(s.p, s.q, s.referral, degree, k), theirs)


def test_the_blind_rules_know_nothing_of_the_model():
    tree = ast.parse(RULES.read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert imported <= ALLOWED
    assert called.isdisjoint({"__import__", "import_module", "exec", "eval", "open"})


# Spoilt rules: every argument of every rule, off by a hair, must make a difference somewhere.

NUMBERS = {"float", "Floats", "Floats | float", "float | Floats"}
FLAGS = {"bool", "Flags"}
WITHOUT_WEIGHT = {
    ("best_price", "markup"): "where an iteration starts",
    ("equilibrium", "markup"): "where an iteration starts",
    ("launch_unit_cost", "capacity"): "only whether there is any",
}


def functions(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """The rules, and what makes the two records that rules hand on."""
    found = {name: f for name, f in vars(module).items() if inspect.isfunction(f) and f.__module__ == module.__name__}
    return found | {"Listing": module.Listing, "Seen": module.Seen}


def arguments() -> list[tuple[str, str]]:
    """Rule and argument, of all that are numbers or flags."""
    tree = ast.parse(RULES.read_text(encoding="utf-8"))
    found = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            typed = [(a.arg, ast.unparse(a.annotation)) for a in node.args.args if a.annotation]
        elif isinstance(node, ast.ClassDef):
            typed = [(str(ast.unparse(a.target)), ast.unparse(a.annotation)) for a in node.body
                     if isinstance(a, ast.AnnAssign)]  # fmt: skip
        else:
            continue
        found += [(node.name, name) for name, kind in typed if kind in NUMBERS | FLAGS]
    return [pair for pair in found if pair not in WITHOUT_WEIGHT]


def off(value: Any) -> Any:
    """A value a hair off; the elements of an array not all by the same, for what only compares them; flags turned."""
    value = np.asarray(value)
    if value.dtype == bool:
        return ~value if value.ndim else not value
    if value.ndim == 0:
        return value * (1.0 + OFF)
    return value * (1.0 + OFF * (2 - np.arange(value.size).reshape(value.shape) % 2))


def spoil(module: ModuleType, name: str, argument: str) -> ModuleType:
    """Let a rule take one argument a hair off; what calls it within the module does so too."""
    rule = functions(module)[name]
    at = list(inspect.signature(rule).parameters).index(argument)

    def spoilt(*given: Any) -> Any:
        return rule(*given[:at], off(given[at]), *given[at + 1 :])

    setattr(module, name, spoilt)
    return module


def overheard(rule: Callable[..., Any], name: str, called: set[str]) -> Callable[..., Any]:
    """A rule that notes that it was called."""

    def noted(*given: Any) -> Any:
        called.add(name)
        return rule(*given)

    return noted


@pytest.fixture(scope="module")
def lived(worlds: ModuleType) -> list[SimpleNamespace]:
    return [note for world in SPOILT_IN for note in worlds.live(world, WEEKS)]


@pytest.fixture(scope="module")
def readers(lived, compare, fresh_rules) -> dict[str, list[str]]:
    """Which comparisons call which rule."""
    found: dict[str, list[str]] = {}
    for part, triples in compare.items():
        module, called = fresh_rules(), set()
        for name, rule in functions(module).items():
            setattr(module, name, overheard(rule, name, called))
        for note in lived[:: WEEKS // 2]:
            for _ in triples(module, note):
                pass
        for name in called:
            found.setdefault(name, []).append(part)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("name", "argument"), arguments())
def test_a_rule_that_is_a_hair_off_is_noticed(name, argument, fresh_rules, readers, lived, crowds, compare):
    spoilt = spoil(fresh_rules(), name, argument)
    for part in readers[name]:
        for note in crowds if part == "adoption" else lived:
            with np.errstate(all="ignore"):
                if differences(compare[part](spoilt, note), note.run.week):
                    return
    pytest.fail(f"{name} with {argument} off by {OFF:.0%} makes no difference to any week")
