"""The tables of ``docs/odd.md``, made from what the code declares and from the rationales."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from experiments.markdown import table
from experiments.odd.environment import STATES
from experiments.odd.processes import Process, processes
from experiments.odd.rationale import Meanings, RationaleError, problems, read
from experiments.odd.values import Use

SPAN = {"fixed": "fixed from the start", "kept": "carried from week to week", "week": "made anew every week"}
LABELS = {"parameter": "parameters", "link": "links", "environment": "environment"}

Rationales = Mapping[str, Mapping[str, str]]


def _why(meaning: str, rationale: str) -> str:
    """A cell with what an entry means and, on a line of its own, why it is there."""
    return f"{meaning}<br>**Why:** {rationale}"


# -- what there is ----------------------------------------------------------------------------------------------------


def records() -> dict[str, type]:
    """Kinds of entity by name, with the class that declares their columns."""
    from agents.customer import Customer
    from agents.offer import Offer
    from agents.platform import Platform
    from agents.seller import Seller

    return {"customer": Customer, "seller": Seller, "platform": Platform, "offer": Offer}


def _columns(record: type) -> list[dict[str, Any]]:
    """Declared columns of a kind of entity, and the flag that every table has."""
    from agents.columns import ALIVE, describe

    rows = describe(record)
    if any(row["name"] == "alive" for row in rows):
        return rows
    flag = {"name": ALIVE.name, "dtype": str(ALIVE.dtype), "dim": None, "unit": ALIVE.unit}
    return [{**flag, "doc": ALIVE.doc, "source": ALIVE.source}, *rows]


def _shared(record: type) -> frozenset[str]:
    """Columns of a record that every kind of entity has: one rationale serves them all."""
    return frozenset({"alive", "unique_id"} & {row["name"] for row in _columns(record)})


def _place(kind: str, record: type, column: str) -> tuple[str, str]:
    return ("agent" if column in _shared(record) else kind), column


@cache
def meanings() -> Meanings:
    """Every entry of every table, by kind and name, with all that its table says of it but the rationale."""
    from agents.policies import POLICIES
    from agents.pricing import PRICING
    from marketplace.flywheel import MEANING
    from marketplace.indicators import INDICATORS
    from marketplace.scenario import fields

    found: dict[str, dict[str, str]] = {"agent": {}}
    for kind, record in records().items():
        found[kind] = {}
        for row in _columns(record):
            home, name = _place(kind, record, row["name"])
            found[home][name] = f"{row['doc']}\n{row['unit']}"
    found["environment"] = {state.name: f"{state.meaning}\n{state.unit}" for state in STATES}
    found["link"] = {link: f"{what}, perceived by {who}\n{unit}" for link, (what, unit, who) in MEANING.items()}
    for process in processes():
        found.setdefault(process.kind, {})[process.name] = process.does
    found["indicator"] = {i.name: f"{i.doc}\n{i.unit}" for i in INDICATORS}
    for kind, registry in (("policy", POLICIES), ("pricing", PRICING)):
        own = {name: cls for name, cls in registry.items() if cls.__module__.startswith("agents.")}
        found[kind] = {name: _says(cls) for name, cls in sorted(own.items())}
    found["parameter"] = {row["field"]: f"{row['meaning']}\n{row['unit']}" for row in fields()}
    return found


def _says(cls: type) -> str:
    return (cls.__doc__ or "").strip().splitlines()[0]


def rationales() -> Rationales:
    """The rationales of all entries.

    Raises
    ------
    RationaleError
        If one is missing, belongs to nothing, is too short or only repeats the meaning.
    """
    given = read()
    wrong = problems(given, meanings())
    if wrong:
        raise RationaleError("\n".join(wrong))
    return given


# -- tables -----------------------------------------------------------------------------------------------------------


def state(kind: str, why: Rationales) -> str:
    """Table of the state variables of one kind of entity."""
    record = records()[kind]
    rows = []
    for row in _columns(record):
        home, name = _place(kind, record, row["name"])
        cell = _why(row["doc"], why[home][name])
        rows.append((f"`{name}`", row["dtype"], row["dim"] or "", row["unit"], cell, row["source"]))
    return table(("column", "type", "axis", "unit", "meaning and rationale", "source"), rows)


def environment(why: Rationales) -> str:
    """Table of the state that belongs to no agent."""
    rows = [(f"`{s.name}`", SPAN[s.span], s.unit, _why(s.meaning, why["environment"][s.name])) for s in STATES]
    return table(("variable", "how long it lasts", "unit", "meaning and rationale"), rows)


def links(why: Rationales) -> str:
    """Table of the links of the flywheel."""
    from marketplace.flywheel import MEANING

    rows = [(f"`{link}`", unit, who, _why(what, why["link"][link])) for link, (what, unit, who) in MEANING.items()]
    return table(("link", "unit", "perceived by", "what is perceived, and rationale"), rows)


def phases(why: Rationales) -> str:
    """Table of the phases of a week."""
    rows = [
        (number, f"`{p.name}`", ", ".join(f"`{call}`" for call in p.calls), _why(p.does, why["phase"][p.name]))
        for number, p in enumerate(_of_kind("phase"))
    ]
    return table(("", "phase", "its steps, in order", "what it does and rationale"), rows)


def _of_kind(*kinds: str) -> list[Process]:
    return [process for process in processes() if process.kind in kinds]


def _named(uses: Iterable[Use]) -> str:
    """What is used, by kind: ``customer: `status`, `alpha` ``."""
    by_kind: dict[str, list[str]] = {}
    for use in uses:
        by_kind.setdefault(use.kind, []).append(f"`{use.name}`")
    return "<br>".join(f"*{LABELS.get(kind, kind)}* {', '.join(names)}" for kind, names in by_kind.items())


def _processes(kinds: Sequence[str], why: Rationales) -> str:
    rows = [
        (
            f"`{p.name}`",
            f"[{p.stands_in.rpartition('/')[2]}](../{p.stands_in})",
            ", ".join(p.of) or "birth",
            _named(p.reads),
            _named(p.writes),
            _why(p.does, why[p.kind][p.name]),
        )
        for p in _of_kind(*kinds)
    ]
    return table(("process", "stands in", "part of", "reads", "writes", "what it does and rationale"), rows)


def parameters(why: Rationales) -> str:
    """Every field of a scenario, a table for each section."""
    from marketplace.scenario import fields

    sections: dict[str, list[Sequence[object]]] = {}
    for f in fields():
        section = f["field"].partition(".")[0] if "." in f["field"] else "scenario"
        allowed = f["range"] or (f["type"] if f["unit"] == "choice" else "")
        cell = _why(f["meaning"], why["parameter"][f["field"]])
        row = (f"`{f['field']}`", f["unit"], allowed, f"`{f['default']}`", cell, f["source"])
        sections.setdefault(section, []).append(row)
    head = ("field", "unit", "range", "default", "meaning and rationale", "source")
    return "\n".join(f"#### {name}\n\n{table(head, rows)}" for name, rows in sections.items())


def indicators(why: Rationales) -> str:
    """The columns of `weekly`."""
    from marketplace.indicators import INDICATORS

    rows = [(f"`{i.name}`", i.unit, i.rule, _why(i.doc, why["indicator"][i.name]), i.source) for i in INDICATORS]
    return table(("indicator", "unit", "yearly", "definition and rationale", "source"), rows)


def strategies(why: Rationales) -> str:
    """Policies and pricing rules."""
    from agents.policies import POLICIES
    from agents.pricing import PRICING

    registries = {"policy": POLICIES, "pricing": PRICING}
    rows = [
        (kind, f"`{name}`", _why(says, why[kind][name]), registry[name].source)
        for kind, registry in registries.items()
        for name, says in meanings()[kind].items()
    ]
    return table(("kind", "name", "what it does and rationale", "source"), rows)


TABLES: dict[str, Callable[[Rationales], str]] = {
    "customers": lambda why: state("customer", why),
    "sellers": lambda why: state("seller", why),
    "platforms": lambda why: state("platform", why),
    "offers": lambda why: state("offer", why),
    "environment": environment,
    "links": links,
    "phases": phases,
    "steps": lambda why: _processes(("step",), why),
    "rules": lambda why: _processes(("loop", "rule"), why),
    "indicators": indicators,
    "births": lambda why: _processes(("birth",), why),
    "strategies": strategies,
    "parameters": parameters,
}
