"""The processes of the model, found in its source: phases, steps, loops and rules, and what each reads and writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from experiments.odd.reading import Reader
from experiments.odd.sources import Routine, doc, marks, sources
from experiments.odd.values import MODEL, Path, Use

STEP = Routine(MODEL[0], f"{MODEL[1]}.step")
BIRTH = Routine(MODEL[0], f"{MODEL[1]}.__init__")
LOOPS = ("loop", "block_loop")
RULES = ("rule", "block_rule")
ELSEWHERE = ("marketplace.indicators", "agents.policies", "agents.pricing")  # these have tables of their own


@dataclass(frozen=True)
class Process:
    """One row of the tables of processes.

    Attributes
    ----------
    kind : str
        ``phase``, ``step`` (changes the state of the model), ``loop`` (applies rules to many, compiled), ``rule``
        (answers, and changes nothing but what it is handed) or ``birth``.
    name : str
        Its name; with its module in front where two of a kind share it.
    stands_in : str
        File, from the root of the repository.
    of : tuple of str
        Phases that it is part of.
    reads, writes : tuple of Use
        What it uses itself, and what helpers without a row of their own use for it.
    calls : tuple of str
        Processes that it calls, in order.
    does : str
        What it does, from its docstring.
    """

    kind: str
    name: str
    stands_in: str
    of: tuple[str, ...]
    reads: tuple[Use, ...]
    writes: tuple[Use, ...]
    calls: tuple[str, ...]
    does: str


@cache
def reader() -> Reader:
    """A reader that has followed a run from birth through a week."""
    found = Reader()
    world = {"self": frozenset([Path("model")]), "scenario": frozenset([Path("model.scenario")])}
    for root in (BIRTH, STEP):
        found.follow(root, world)
    return found


def phases() -> list[Routine]:
    """What a week calls, in order."""
    return list(reader().calls[STEP])


def writes_of(routine: Routine) -> set[Use]:
    """All that a function writes, itself or by what it calls."""
    return {use for use in reader().uses[routine] if use.verb == "writes"}


def kind_of(routine: Routine) -> str:
    """The kind of process a function is; empty for a helper that gets no row."""
    if routine in phases():
        return "phase"
    if routine.bare.startswith("_") or routine.module.startswith(ELSEWHERE) or routine.module not in sources():
        return ""
    mark = set(marks(routine))
    if mark & set(LOOPS):
        return "loop"
    if mark & set(RULES):
        return "rule"
    if writes_of(routine):
        return "step"
    told = {use.kind for use in reader().uses[routine]}
    return "rule" if told & {"parameter", "link"} else ""


def below(routine: Routine, seen: set[Routine]) -> Iterator[Routine]:
    """Functions reached from one, each once, depth first in the order of calling."""
    for callee in reader().calls.get(routine, {}):
        if callee not in seen:
            seen.add(callee)
            yield callee
            yield from below(callee, seen)


def shown_uses(routine: Routine, listed: set[Routine], open_: frozenset[Routine] = frozenset()) -> set[Use]:
    """What a function uses itself or through helpers that are not listed."""
    found = set(reader().own.get(routine, set()))
    for callee in reader().calls.get(routine, {}):
        if callee not in listed and callee not in open_:
            found |= shown_uses(callee, listed, open_ | {routine})
    return found


def shown_calls(routine: Routine, listed: set[Routine], open_: frozenset[Routine] = frozenset()) -> dict[Routine, None]:
    """Listed functions that one calls, itself or through helpers, in order."""
    found: dict[Routine, None] = {}
    for callee in reader().calls.get(routine, {}):
        if callee in listed:
            found.setdefault(callee)
        elif callee not in open_:
            found |= shown_calls(callee, listed, open_ | {routine})
    return found


def listed() -> dict[Routine, str]:
    """Every function that gets a row, with its kind, in the order in which a week reaches it; then what birth adds."""
    seen: set[Routine] = set()
    found: dict[Routine, str] = {}
    for phase in phases():
        found[phase] = "phase"
        found |= {routine: kind for routine in below(phase, seen) if (kind := kind_of(routine))}
    for routine in below(BIRTH, seen):
        if kind_of(routine):
            found[routine] = "birth"
    return found


def names() -> dict[Routine, str]:
    """A name for each, with the module in front where two of a kind share it."""
    kinds = listed()
    return {
        routine: routine.bare
        if [(kind, routine.bare) for routine, kind in kinds.items()].count((kind, routine.bare)) == 1
        else f"{routine.module.rpartition('.')[2]}.{routine.bare}"
        for routine, kind in kinds.items()
    }


@cache
def processes() -> list[Process]:
    """All rows of the tables of processes."""
    kinds, name = listed(), names()
    rows = set(kinds)
    part_of: dict[Routine, list[str]] = {}
    for phase in phases():
        for routine in (phase, *below(phase, set())):
            part_of.setdefault(routine, []).append(phase.bare)
    found = []
    for routine, kind in kinds.items():
        uses = sorted(shown_uses(routine, rows))
        found.append(
            Process(
                kind,
                name[routine],
                sources()[routine.module].path,
                tuple(part_of.get(routine, ())),
                tuple(use for use in uses if use.verb == "reads"),
                tuple(use for use in uses if use.verb == "writes"),
                tuple(name[callee] for callee in shown_calls(routine, rows)),
                doc(routine),
            )
        )
    return found
