"""How the house is built: imports run one way, every draw is keyed, and a scenario is checked without the engine."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parent.parent
ROOMS = ("agents", "marketplace", "experiments")  # each may import itself and those before it
SOURCES = [path for room in ROOMS for path in sorted((HOUSE / room).rglob("*.py"))]


def imported(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """Names of all modules a source imports, wherever it does so, and whether only for a type checker."""
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        for part in node.body
        for inner in ast.walk(part)
    }
    for node in ast.walk(tree):
        typed = id(node) in for_types
        if isinstance(node, ast.Import):
            yield from ((alias.name, typed) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide which room they lead to"
            yield from ((f"{node.module}.{alias.name}", typed) for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            yield from ((arg.value, typed) for arg in node.args[:1] if isinstance(arg, ast.Constant))


def tree_of(path: Path) -> ast.AST:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def forbidden_imports(room: str, tree: ast.AST) -> list[str]:
    """Imports of a room that lies further up, be it only for a type checker."""
    above = ROOMS[ROOMS.index(room) + 1 :]
    return [name for name, _ in imported(tree) if name.split(".")[0] in above]


def unkeyed_chance(tree: ast.AST) -> list[str]:
    """Uses of a generator that is not keyed: the standard library's or NumPy's."""
    names = [name for name, typed in imported(tree) if not typed]
    found = [name for name in names if name.split(".")[0] in ("random", "secrets") or "numpy.random" in name]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node).startswith(("np.random", "numpy.random", "random.")):
            found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_imports_run_one_way(path: Path) -> None:
    assert forbidden_imports(path.relative_to(HOUSE).parts[0], tree_of(path)) == []


def test_every_room_has_sources() -> None:
    assert {path.relative_to(HOUSE).parts[0] for path in SOURCES} == set(ROOMS)


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("agents", "import marketplace.week"),
        ("agents", "def late():\n    from marketplace import search"),
        ("agents", "from importlib import import_module\nimport_module('experiments.cli')"),
        ("marketplace", "from experiments import files"),
        ("agents", "if TYPE_CHECKING:\n    from marketplace.model import MarketplaceModel"),
    ],
)
def test_an_import_the_wrong_way_is_noticed(room: str, source: str) -> None:
    assert forbidden_imports(room, ast.parse(source)) != []


def test_an_import_the_right_way_is_let_pass() -> None:
    assert forbidden_imports("experiments", ast.parse("import marketplace.week, agents.chance, experiments.cli")) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_every_draw_is_keyed(path: Path) -> None:
    allowed = {"random.Random"} if path == HOUSE / "agents" / "members.py" else set()  # the type of Mesa's own
    assert set(unkeyed_chance(tree_of(path))) - allowed == set()


@pytest.mark.parametrize(
    "source",
    [
        "import random",
        "from random import choice",
        "import numpy as np\nnp.random.default_rng(1)",
        "from numpy.random import default_rng",
        "from numpy import random",
        "import secrets",
    ],
)
def test_a_draw_that_is_not_keyed_is_noticed(source: str) -> None:
    assert unkeyed_chance(ast.parse(source)) != []


CHECK = """
import json, sys
from marketplace.scenario import ScenarioError, list_scenarios, load_scenario, template
for name in list_scenarios():
    load_scenario(name if isinstance(name, str) else name.name)
template()
try:
    load_scenario("amazon", {"platform.commission": 7})
except ScenarioError as error:
    assert "commission" in str(error)
else:
    raise SystemExit("a commission of 700 % passed")
print(json.dumps(sorted({module.split(".")[0] for module in sys.modules})))
"""


def test_checking_a_scenario_imports_neither_mesa_nor_numba() -> None:
    done = subprocess.run([sys.executable, "-c", CHECK], capture_output=True, text=True, cwd=HOUSE, check=False)
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout))
    assert {"marketplace", "pydantic"} <= loaded
    assert loaded & {"mesa", "numba", "llvmlite", "matplotlib", "networkx"} == set()
