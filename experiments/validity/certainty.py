"""How sure each parameter is: the status of its source, and for those that were searched what the facts say of it.

A source begins with its status, as in the tables of ``experiments/facts``. A shipped world's file says which values
were searched, by a comment beside the value (``# searched, 0.05 to 0.2``) or above it, as ``marketplace calibrate``
writes it (``# calibrated 2026-11-22: ...; range 0.05 to 0.2 (log)``); what else it states is set by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from importlib import resources
from typing import Any

from experiments.errors import ResultsError
from marketplace.toml import parse_toml

VERIFIED, DERIVED, MEMORY, SEARCHED, BESIDE, BARE = (
    "verified", "derived", "memory", "searched", "assumption beside a figure", "assumption",
)  # fmt: skip
MEANING = {
    VERIFIED: "read in a source of its kind",
    DERIVED: "computed from figures of experiments/facts",
    MEMORY: "not looked up",
    SEARCHED: "found by a search that aims at the facts above",
    BESIDE: "chosen with a known figure or form in view, but not equal to it",
    BARE: "chosen for its size or kind; no source",
}
SEARCH = re.compile(r"# ?(?:searched,|calibrated .*; range) (?P<low>\S+) to (?P<high>[^\s,;]+)")


@dataclass(frozen=True)
class Sureness:
    """What a parameter of a world rests on.

    Attributes
    ----------
    path : str
        Dotted path of the field.
    status : str
        A key of `MEANING`.
    source : str
        Of the default; empty where the world's file states another value.
    searched : tuple of str or None
        The range that was searched, as the file says it.
    """

    path: str
    status: str
    source: str = ""
    searched: tuple[str, str] | None = None


def status_of(source: str) -> str:
    """The status that a source begins with.

    Raises
    ------
    ResultsError
        If it begins with none.
    """
    word, _, more = source.partition(":")
    found = next((one for one in (VERIFIED, DERIVED, MEMORY, BARE) if word.split(" (")[0] == one), None)
    if found is None:
        known = "verified, derived, memory or assumption"
        raise ResultsError(f'the source "{source}" is not allowed: it must begin with {known}')
    return BESIDE if found == BARE and more.strip() else found


def sureness(world: str) -> dict[str, Sureness]:
    """What every field of a shipped world rests on, by path; names, texts and settings of a run are left out."""
    from marketplace.scenario import fields

    plain = {row["field"]: Sureness(row["field"], status_of(row["source"]), row["source"]) for row in fields()}
    known = {path: one for path, one in plain.items() if is_parameter(path)}
    for text in reversed(texts(world)):
        ranges = searched(text)
        for path in set(stated(parse_toml(text))) & known.keys():
            known[path] = Sureness(path, SEARCHED if path in ranges else BARE, "", ranges.get(path))
    return known


def is_parameter(path: str) -> bool:
    """Whether a field says something of the world rather than of a run, its name or its valves."""
    return "." in path and path.partition(".")[0] not in ("run", "flywheel") and not path.endswith(".name")


def texts(world: str) -> list[str]:
    """The file of a shipped world, then those that it stands on."""
    home = resources.files("marketplace") / "scenarios"
    found, name = [], world
    while name:
        found.append((home / f"{name}.toml").read_text(encoding="utf-8"))
        name = parse_toml(found[-1]).get("base", "")
    return found


def stated(tables: dict[str, Any], place: str = "") -> Iterator[str]:
    """Dotted paths that a file states; the only one of several platforms is ``platform``."""
    for key, value in tables.items():
        if isinstance(value, dict):
            yield from stated(value, f"{place}{key}.")
        elif key == "platforms" and len(value) == 1:
            yield from stated(value[0], "platform.")
        else:
            yield place + key


def searched(text: str) -> dict[str, tuple[str, str]]:
    """The fields of a scenario file that a comment calls searched, with their range."""
    found, section, above = {}, "", None
    for line in text.splitlines():
        header = re.fullmatch(r"\[+(?P<name>[^\[\]]+)\]+", line.split("#")[0].strip())
        said = SEARCH.search(line)
        if header:
            section, above = header["name"].replace("platforms", "platform"), None
        elif line.lstrip().startswith("#"):
            above = said or above
        elif "=" in line:
            said = said or above
            if said:
                found[f"{section}.{line.partition('=')[0].strip()}"] = (said["low"], said["high"])
            above = None
    return found


def value_of(world: str, path: str) -> Any:
    """The value that a shipped world gives a field.

    Raises
    ------
    AttributeError
        If it has no such field.
    """
    from marketplace.scenario import load_scenario

    return reduce(getattr, path.split("."), load_scenario(world))
