"""What a name in the source may stand for: something reached from the model, a routine, a record of such, or nothing.

Knows how the model's parts hang together: which path leads to a column, a scenario field, a link or the environment.
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.odd.environment import ENVIRONMENT, TABLES, declared_fields, rule_scalars
from experiments.odd.sources import Record, Routine, named, sources

MODEL = ("marketplace.model", "MarketplaceModel")
STRATEGIES = {  # where their classes stand, the section of their settings, what each of them must do
    "model.pricing.*": ("agents.pricing", "sellers", "prices"),
    "model.policies.*": ("agents.policies", "policy", "decide"),
}
ROOMS_OF = {"raw_log": "log", "whole_log": "log"}  # where the log is written before it is closed


@dataclass(frozen=True)
class Path:
    """Something reached from the model by attributes: ``model.customers.columns.status``."""

    name: str


@dataclass(frozen=True)
class Method:
    """A method that is not the house's own source, of something reached from the model."""

    path: str
    name: str


@dataclass(frozen=True)
class Bound:
    """A method of the house with its object."""

    routine: Routine
    owner: Value


@dataclass(frozen=True)
class Parts:
    """A tuple, or a record with named fields."""

    names: tuple[str, ...]
    items: tuple[Value, ...]


Value = frozenset  # of Path, Method, Bound, Parts, Routine, Record, Module and str; empty where nothing is known
NOTHING: Value = frozenset()


@dataclass(frozen=True, order=True)
class Use:
    """One thing that is read or written: ``("writes", "customer", "status")``."""

    verb: str
    kind: str
    name: str


def what(path: str) -> tuple[str, str] | None:
    """Kind and name of what a path leads to: a column, a scenario field, a link or the environment's state."""
    parts = path.split(".")
    if path.startswith("model.flywheel["):
        return "link", path.partition("[")[2].partition("]")[0]
    if parts[1:2] == ["rules"] and len(parts) > 2:
        return "parameter", rule_scalars()[parts[2]]
    if parts[1:2] == ["scenario"] and len(parts) > 3:
        field = ".".join(parts[2:]).replace("platforms.*", "platform")
        return ("parameter", field) if field in declared_fields() else None
    if len(parts) > 3 and parts[1] in TABLES and parts[2] == "columns":
        return TABLES[parts[1]], parts[3]
    state = ROOMS_OF.get(parts[1], parts[1]) if len(parts) > 1 else ""
    return ("environment", state) if state in ENVIRONMENT else None


def house(module: str, name: str) -> Value:
    found = named(module, name)
    if isinstance(found, tuple):
        return frozenset([Parts((), tuple(frozenset([word]) for word in found))])
    return frozenset([found]) if found is not None else NOTHING


def is_environment(atom: object) -> bool:
    return isinstance(atom, Path) and (what(atom.name) or ("",))[0] == "environment"


def items_of(atom: object) -> Value:
    if isinstance(atom, Parts):
        return frozenset().union(*atom.items)
    several = ("model.scenario.platforms", "model.pricing", "model.policies")
    return frozenset([Path(f"{atom.name}.*")]) if isinstance(atom, Path) and atom.name in several else NOTHING


def named_items(value: Value) -> dict[str, Value]:
    records = [atom for atom in value if isinstance(atom, Parts)]
    return {name: item for atom in records for name, item in zip(atom.names, atom.items, strict=False)}


def record_of(record: Record, args: list[Value], named_args: dict[str, Value]) -> Value:
    given = dict(zip(record.fields, args, strict=False)) | named_args
    return frozenset([Parts(record.fields, tuple(given.get(name, NOTHING) for name in record.fields))])


def replaced(owner: Value, named_args: dict[str, Value]) -> Value:
    parts = [atom for atom in owner if isinstance(atom, Parts)]
    new = [Parts(p.names, tuple(named_args.get(n, i) for n, i in zip(p.names, p.items, strict=True))) for p in parts]
    return frozenset([atom for atom in owner if not isinstance(atom, Parts)] + new)


def classes(path: str) -> list[tuple[str, str]]:
    if path == "model":
        return [MODEL]
    if path == "model.offers":
        return [("marketplace.assortment", "Assortment")]
    if path not in STRATEGIES:
        return []
    folder, _, act = STRATEGIES[path]
    here = [source for name, source in sources().items() if name.startswith(folder)]
    return sorted((s.name, f.removesuffix(f".{act}")) for s in here for f in s.functions if f.endswith(f".{act}"))
