"""The keys of a design file, and whether each is of its kind and within its range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.designs.errors import DesignError
from experiments.designs.samplers import KINDS, SAMPLED, Sampling

TOP = ("scenario", "name", "replications", "seeds", "weekly", "imports", "changes", "design")
BELOW = {
    "grid": ("factors",),
    "zip": ("factors",),
    "list": ("points",),
    "arms": ("arms",),
    "latin-hypercube": ("factors", "samples", "seed"),
    "random": ("factors", "samples", "seed"),
    "sobol": ("factors", "samples", "seed", "second_order"),
    "morris": ("factors", "trajectories", "seed", "levels"),
}
"""Keys of ``[design]`` by kind, besides ``kind`` and ``max_runs``."""

RUNS = 100_000
"""Runs above which a design is refused unless it states ``max_runs``."""

MOST_RUNS = 10_000_000
"""The largest ``max_runs``: the points of a design are held in memory."""

SHOWN = 10**15  # a larger number of runs is not worth its digits


@dataclass(frozen=True)
class Settings:
    """What a design file says besides its scenario and its factors.

    Attributes
    ----------
    kind, name, replications, seeds, weekly, imports
        See `Design`; ``imports`` as the file spells them.
    changes : mapping
        Changes of every point: as the file states them, and what is added from outside.
    max_runs : int
        More runs than this are refused.
    sampling : Sampling or None
        How points are drawn.
    table : mapping
        The table ``[design]``.
    """

    kind: str
    name: str
    replications: int
    seeds: str
    weekly: bool
    imports: list[str]
    changes: Mapping[str, Any]
    max_runs: int
    sampling: Sampling | None
    table: Mapping[str, Any]


def settings_of(tables: Mapping[str, Any], name: str) -> Settings:
    """Read everything of a design file that can be understood without its scenario.

    Raises
    ------
    DesignError
        For an unknown or missing key, or a value of the wrong type or out of range.
    """
    _known(tables, TOP, "a design file")
    design = _take(tables, "design", Mapping, "a table", {})
    if not design:
        raise DesignError('there is no [design]: it states kind = "grid", say, and [design.factors]')
    kind = _one_of(design, "kind", KINDS)
    _known(design, ("kind", "max_runs", *BELOW[kind]), f"[design] of kind {kind}", "design.")
    imports = _take(tables, "imports", list, "a list of paths", [])
    if not all(isinstance(path, str) and path for path in imports):
        raise DesignError("imports is not allowed: it must be a list of paths, in quotes")
    return Settings(
        kind=kind,
        name=_take(tables, "name", str, "a text", name) or name,
        replications=_integer(tables, "replications", 1, 1, MOST_RUNS),
        seeds=_one_of(tables, "seeds", ("common", "independent"), "common"),
        weekly=_take(tables, "weekly", bool, "true or false", False),
        imports=imports,
        changes=_take(tables, "changes", Mapping, "a table of fields", {}),
        max_runs=_integer(design, "max_runs", RUNS, 1, MOST_RUNS, "design."),
        sampling=_sampling(kind, design) if kind in SAMPLED else None,
        table=design,
    )


def check_count(points: int, settings: Settings) -> None:
    """Refuse a design with no point, or with more runs than anyone may have meant.

    Raises
    ------
    DesignError
        With the number of runs, and how to allow it.
    """
    from marketplace.scenario_errors import show

    runs = points * settings.replications
    if runs <= settings.max_runs:
        return
    if runs > MOST_RUNS:
        number = f"{runs:,}" if runs < SHOWN else f"more than {SHOWN:,}"
        raise DesignError(f"the design makes {number} runs; no design may make more than {MOST_RUNS:,}")
    limit = f"{settings.max_runs:,}" + (" (max_runs)" if "max_runs" in settings.table else "")
    raise DesignError(
        f"the design makes {runs:,} runs ({points:,} points x {settings.replications:,} replications), more than "
        f"{limit}; if that is meant, state max_runs = {show(runs)} in [design]"
    )


def _sampling(kind: str, design: Mapping[str, Any]) -> Sampling:
    seed = _integer(design, "seed", 1, 0, 2**63 - 2, "design.")
    if kind == "morris":
        levels = _integer(design, "levels", 4, 2, 1000, "design.")
        if levels % 2:
            raise DesignError(f"design.levels = {levels} is not allowed: it must be even, so that steps are balanced")
        trajectories = _integer(design, "trajectories", None, 2, MOST_RUNS, "design.")
        return Sampling(kind, trajectories, seed, levels=levels)
    samples = _integer(design, "samples", None, 2 if kind == "sobol" else 1, MOST_RUNS, "design.")
    if kind == "sobol" and samples & (samples - 1):
        low = 1 << (samples.bit_length() - 1)
        raise DesignError(
            f"design.samples = {samples} is not allowed: a Sobol sequence is balanced at powers of two only; "
            f"the nearest are {low} and {2 * low}"
        )
    second = _take(design, "second_order", bool, "true or false", False, "design.")
    return Sampling(kind, samples, seed, second_order=second)


def _take(table: Mapping[str, Any], key: str, kind: type, words: str, default: Any, stem: str = "") -> Any:
    from marketplace.scenario_errors import show

    value = table.get(key, default)
    if not isinstance(value, kind):
        raise DesignError(f"{stem}{key} = {show(value)} is not allowed: it must be {words}")
    return value


def _integer(table: Mapping[str, Any], key: str, default: int | None, least: int, most: int, stem: str = "") -> int:
    from marketplace.scenario_errors import show

    if key not in table and default is None:
        raise DesignError(f"{stem}{key} is missing: state an integer of at least {least}")
    value = table.get(key, default)
    if type(value) is not int or not least <= value <= most:
        raise DesignError(
            f"{stem}{key} = {show(value)} is not allowed: it must be an integer from {least:,} to {most:,}"
        )
    return value


def _one_of(table: Mapping[str, Any], key: str, known: Sequence[str], default: str | None = None) -> str:
    from marketplace.scenario_errors import nearest, show

    if key not in table and default is None:
        raise DesignError(f"{key} is missing: it is one of {', '.join(known)}")
    value = table.get(key, default)
    if not isinstance(value, str) or value not in known:
        near = nearest(value, known) if isinstance(value, str) else ""
        raise DesignError(f"{key} = {show(value)} is not allowed: it must be one of {', '.join(known)}{near}")
    return value


def _known(table: Mapping[str, Any], known: Sequence[str], what: str, stem: str = "") -> None:
    from marketplace.scenario_errors import nearest, show

    for key in table:
        if key in known:
            continue
        if stem and key in TOP:
            raise DesignError(f"{key} stands at the top of the file, before [design], not in it")
        if not stem and any(key in keys for keys in BELOW.values()):
            raise DesignError(f"{key} stands in [design], not at the top of the file")
        near = nearest(key, known) or f"; its keys are {', '.join(known)}"
        raise DesignError(f"{show(stem + key)} is not a key of {what}{near}")
