"""The house's own source as syntax trees: which function, class or module a name stands for."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent.parent
ROOMS = ("agents", "marketplace")


@dataclass(frozen=True)
class Routine:
    """A function of the house: the module it stands in, and its name there (``Class.method`` for a method)."""

    module: str
    name: str

    @property
    def bare(self) -> str:
        """The name without the class."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True)
class Record:
    """A class of the house that only holds named values: a NamedTuple or a dataclass."""

    module: str
    name: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Module:
    """A module of the house."""

    name: str


Named = Routine | Record | Module


@dataclass
class Source:
    """One module: its functions, its records, the words it keeps in tuples, and what its other names stand for."""

    name: str
    path: str
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)


def _source(path: Path) -> Source:
    parts = path.relative_to(HOUSE).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    source = Source(name, str(path.relative_to(HOUSE)))
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        _enter(source, node)
    return source


def _enter(source: Source, node: ast.stmt) -> None:
    if isinstance(node, ast.FunctionDef):
        source.functions[node.name] = node
    elif isinstance(node, ast.ClassDef):
        for inner in node.body:
            if isinstance(inner, ast.FunctionDef):
                source.functions[f"{node.name}.{inner.name}"] = inner
        if holds_values(node):
            names = [i.target.id for i in node.body if isinstance(i, ast.AnnAssign) and isinstance(i.target, ast.Name)]
            source.records[node.name] = Record(source.name, node.name, tuple(names))
    elif isinstance(node, ast.ImportFrom) and node.module:
        for alias in node.names:
            source.imported[alias.asname or alias.name] = (node.module, alias.name)
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        try:
            value = ast.literal_eval(node.value)
        except ValueError:
            return
        if isinstance(value, tuple) and all(isinstance(item, str) for item in value):
            source.words[node.targets[0].id] = value


def holds_values(node: ast.ClassDef) -> bool:
    """Whether a class is a NamedTuple or a dataclass."""
    marks = [ast.unparse(mark) for mark in (*node.bases, *node.decorator_list)]
    return any(mark == "NamedTuple" or mark.startswith("dataclass") for mark in marks)


@cache
def sources() -> dict[str, Source]:
    """All modules of the rooms that hold the model, by name."""
    found = (_source(path) for room in ROOMS for path in sorted((HOUSE / room).rglob("*.py")))
    return {source.name: source for source in found}


def named(module: str, name: str) -> Named | tuple[str, ...] | None:
    """What a name stands for at the top of a module; None for what is not the house's own."""
    house = sources()
    if f"{module}.{name}" in house:
        return Module(f"{module}.{name}")
    source = house.get(module)
    if source is None:
        return None
    if name in source.functions:
        return Routine(module, name)
    if f"{name}.__init__" in source.functions:
        return Routine(module, f"{name}.__init__")
    if name in source.records:
        return source.records[name]
    if name in source.words:
        return source.words[name]
    return named(*source.imported[name]) if name in source.imported else None


def tree(routine: Routine) -> ast.FunctionDef:
    """The syntax tree of a function."""
    return sources()[routine.module].functions[routine.name]


def marks(routine: Routine) -> tuple[str, ...]:
    """The decorators of a function, as they are written."""
    return tuple(ast.unparse(mark) for mark in tree(routine).decorator_list)


def doc(routine: Routine) -> str:
    """What a function's docstring says it does, on one line, without shapes and without what it returns besides."""
    text = " ".join((ast.get_docstring(tree(routine)) or "").split("\n\n")[0].split()).replace("``", "`")
    sentences = re.split(r"(?<=[.!?]) (?=[A-Z])", re.sub(r",? \(n,\)", "", text))
    told = [sentence for sentence in sentences if not sentence.startswith("Returns ")]
    return " ".join(told or sentences)
