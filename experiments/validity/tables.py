"""The tables of ``docs/validity.md``, each made from what is saved or declared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from experiments.markdown import table
from experiments.validity import calibration, certainty, facts, runs, theory
from experiments.validity.certainty import BARE, MEANING, SEARCHED, sureness, value_of
from experiments.validity.figures import DRAWN, picture
from experiments.validity.outside import Reasons, reasons
from experiments.validity.places import WORLDS
from marketplace.toml import toml_value

if TYPE_CHECKING:
    from experiments.validation.validating import Validation

NEAR = 0.02  # share by which a shipped value may differ from the best trial's and still be that value, rounded


@dataclass(frozen=True)
class Material:
    """All that the tables are made from.

    Attributes
    ----------
    forms : list of dict
        See `theory.load`.
    found : dict of str to Validation
        The saved runs, by world.
    why : mapping
        Paragraphs on what lies outside, by world and target.
    searches : dict of str to dict
        The saved calibrations, by world; None where there is none.
    """

    forms: list[dict[str, Any]]
    found: dict[str, Validation]
    why: Reasons
    searches: dict[str, dict[str, Any] | None]


def material() -> Material:
    """Read what is saved.

    Raises
    ------
    ResultsError
        If a file is missing, damaged or stale, or a fact that lies outside has no paragraph.
    """
    found = {world: runs.load(world) for world in WORLDS}
    searches = {world: calibration.load(world) for world in WORLDS}
    return Material(theory.load(), found, reasons(found), searches)


def summary(of: Material) -> str:
    """What holds and what does not, a line for each kind of evidence."""
    held = sum(row["deviation"] <= row["tolerance"] for row in of.forms)
    lines = [f"- Theory: {held} of {len(of.forms)} closed forms are met within their tolerance."]
    lines += [f"- Facts, `{world}`: {facts.headline(found)}" for world, found in of.found.items()]
    for world in of.found:
        bare = sum(one.status == BARE for one in sureness(world).values())
        lines.append(f"- Parameters, `{world}`: {bare} of {len(sureness(world))} are assumptions without a source.")
    return "\n".join(lines) + "\n"


def closed_forms(of: Material) -> str:
    """The closed forms, and how near each was met in the check that came nearest to its tolerance."""
    heads = ("limit", "closed form", "scenario", "test", "checks", "deviation", "tolerance", "unit")
    rows = [
        (
            row["limit"], row["form"], row["scenario"], row["test"], row["checks"],
            f"{row['deviation']:.2g}", "exact" if row["tolerance"] == 0 else f"{row['tolerance']:.2g}", row["unit"],
        )
        for row in of.forms
    ]  # fmt: skip
    return table(heads, rows)


def counts(of: Material) -> str:
    """How many parameters rest on what, by world."""
    by_world = {world: Counter(one.status for one in sureness(world).values()) for world in WORLDS}
    rows = [
        (status, meaning, *(by_world[world][status] for world in WORLDS))
        for status, meaning in MEANING.items()
        if any(by_world[world][status] for world in WORLDS)
    ]
    totals = ("all", "", *(sum(by_world[world].values()) for world in WORLDS))
    return table(("status", "what it says", *(f"`{world}`" for world in WORLDS)), [*rows, totals])


def sourced(of: Material) -> str:
    """The parameters whose default has a figure beside it."""
    known = [one for one in sureness_of_defaults() if one.status != BARE]
    order = list(MEANING)
    rows = [
        (f"`{one.path}`", f"`{toml_value(value_of('amazon', one.path))}`", one.status, one.source.partition(": ")[2])
        for one in sorted(known, key=lambda one: order.index(one.status))
    ]
    return table(("parameter", "in `amazon`", "status of the default", "source"), rows)


def sureness_of_defaults() -> list[certainty.Sureness]:
    """What the defaults of all parameters rest on."""
    from marketplace.scenario import fields

    rows = [row for row in fields() if certainty.is_parameter(row["field"])]
    return [certainty.Sureness(r["field"], certainty.status_of(r["source"]), r["source"]) for r in rows]


def assumed(of: Material) -> str:
    """The parameters whose default is an assumption without a source, by section."""
    sections: dict[str, list[str]] = {}
    for one in sureness_of_defaults():
        if one.status == BARE:
            section, _, name = one.path.partition(".")
            sections.setdefault(section, []).append(f"`{name}`")
    rows = [(f"`{section}`", len(names), ", ".join(names)) for section, names in sections.items()]
    return table(("section", "", "parameters"), rows)


def searched(world: str, of: Material) -> str:
    """The parameters of a world that were searched: value, range, and whether the facts pin them down."""
    said = of.searches[world]
    found = {one["path"]: one for one in said["parameters"]} if said else {}
    marked = {path: one for path, one in sureness(world).items() if one.status == SEARCHED}
    rows = [
        (f"`{path}`", f"`{toml_value(value_of(world, path))}`", *_pinned(path, world, marked, found))
        for path in sorted(marked.keys() | found.keys())
    ]
    if not rows:
        return f"No parameter of `{world}` was searched: all values are the defaults, or set by hand.\n"
    lead = _lead(world, said)
    return f"{lead}\n\n" + table(("parameter", "value", "range searched", "do the facts pin it down?"), rows)


def _lead(world: str, said: dict[str, Any] | None) -> str:
    if said is None:
        return f"The search behind `{world}` kept no profiles: whether the facts pin a value down is not known."
    lead = f"From a search of {said['trials']} trials."
    aimed = "" if calibration.of_todays_targets(said) else " It aimed at other targets than those shipped now."
    return lead + aimed


def _pinned(
    path: str, world: str, marked: Mapping[str, certainty.Sureness], found: Mapping[str, Any]
) -> tuple[str, str]:  # fmt: skip
    """The range that was searched, and what the profile says."""
    one = found.get(path)
    if one is None:
        low, high = marked[path].searched or ("", "")
        return f"{low} to {high}", "not known"
    span = f"{one['low']:.4g} to {one['high']:.4g}" + (", log" if one.get("scale") == "log" else "")
    value = float(value_of(world, path))
    words = one.get("words") or ("pinned down" if one["pinned"] else "not pinned down by these facts")
    if abs(value - one["value"]) > NEAR * max(abs(value), abs(one["value"])):
        words += f"; the best trial has {one['value']:.4g}"
    return span, words


def facts_of(world: str, of: Material) -> str:
    """The targets of a world, what it comes to, and why what lies outside does."""
    return facts.facts(of.found[world], of.why[world])


def sources_of(world: str, of: Material) -> str:
    """Where the targets of a world come from."""
    return facts.sources(of.found[world])


def pictures(world: str, of: Material) -> str:
    """The figures of a world."""
    return "\n\n".join(picture(world, name) for name in DRAWN[world]) + "\n"


def elasticities(of: Material) -> str:
    """What comes of interventions in every world."""
    return facts.elasticities(of.found)


OF_WORLDS = {"facts": facts_of, "pictures": pictures, "sources": sources_of, "searched": searched}
TABLES: dict[str, Callable[[Material], str]] = {
    "summary": summary,
    "theory": closed_forms,
    "elasticities": elasticities,
    "counts": counts,
    "sourced": sourced,
    "assumed": assumed,
    **{f"{name} {world}": partial(make, world) for name, make in OF_WORLDS.items() for world in WORLDS},
}
