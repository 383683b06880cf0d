"""Design files: read, checked, and made of what Python states.

The plainest one::

    scenario = "tiny"
    replications = 10
    [design]
    kind = "grid"
    [design.factors]
    "platform.commission" = [0.05, 0.10, 0.15, 0.20]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.designs.bases import base_of, bring_in, flat_changes
from experiments.designs.design import Design, check_points
from experiments.designs.errors import DesignError, naming
from experiments.designs.fields import check_depth, path_of
from experiments.designs.points import layout_of
from experiments.designs.seeds import SEEDS
from experiments.designs.settings import Settings, settings_of

if TYPE_CHECKING:
    from marketplace.scenario import Scenario

LARGEST = 10_000_000  # bytes; a design file is mostly far below 10 kB

Changes = Mapping[str, Any] | Iterable[str | tuple[str, Any]]


def load_design(path: str | Path, changes: Changes = (), *, imports: Sequence[str | Path] = ()) -> Design:
    """Read a design file and check every point of it.

    Files that it names by ``imports`` are executed: they are the user's own policies. Paths in the file are relative
    to its folder.

    Parameters
    ----------
    path : str or Path
        A TOML file.
    changes : mapping, pairs, or texts
        Changes of the base by dotted path, or as ``path=value``, on top of those of the file.
    imports : sequence of path
        Further files to bring in, before the scenario is read.

    Raises
    ------
    DesignError
        One sentence, with the file.
    """
    path = Path(path)
    with naming(str(path)):
        return read_design(_text(path), folder=path.parent, name=path.stem, changes=changes, imports=imports)


def read_design(
    text: str, *, folder: Path | None = None, name: str = "design", changes: Changes = (),
    imports: Sequence[str | Path] = (), base: Scenario | None = None,
) -> Design:  # fmt: skip
    """Read a design from text.

    Parameters
    ----------
    text : str
        TOML.
    folder : Path
        What paths in the text are relative to; by default the working folder.
    name : str
        Name of a design that states none.
    changes, imports
        As `load_design`.
    base : Scenario, optional
        The complete base, such as a sweep keeps it. The scenario, its changes and the imports that the text names are
        then not followed.

    Raises
    ------
    DesignError
        One sentence.
    """
    with naming(""):
        tables = parse_design(text)
        settings = settings_of(tables, name)
        folder = folder or Path()
        brought = [Path(path) for path in imports]
        if base is None:
            brought = [folder / Path(path).expanduser() for path in settings.imports] + brought
        bring_in(brought)
        base = base or base_of(tables.get("scenario"), settings.changes, folder)
        own = as_changes(changes)
        settings = replace(settings, changes=flat_changes(settings.changes) | own)
        design = _design(base.with_changes(own), settings, text, brought, folder)
        _refuse_factors(own, design)
        check_points(design)
        return design


def parse_design(text: str) -> dict[str, Any]:
    """The tables of a design's text.

    Raises
    ------
    DesignError
        If it is not TOML, with the line.
    """
    from marketplace.toml import TomlError, parse_toml

    try:
        return parse_toml(text)
    except TomlError as error:
        raise DesignError(str(error)) from None


def as_changes(changes: Changes) -> dict[str, Any]:
    """Changes by dotted path, from whatever states them."""
    from marketplace.scenario import parse_assignment

    pairs = changes.items() if isinstance(changes, Mapping) else changes
    stated = dict(parse_assignment(one) if isinstance(one, str) else one for one in pairs)
    for path in stated:
        check_depth(path)
    return stated


def _design(base: Scenario, settings: Settings, text: str, imports: list[Path], folder: Path) -> Design:
    last = base.run.seed + settings.replications - 1
    if settings.seeds == "common" and last >= SEEDS:
        raise DesignError(
            f"run.seed = {base.run.seed} and replications = {settings.replications:,} lead to seeds above "
            f"{SEEDS - 1}, the largest: lower run.seed"
        )
    layout = layout_of(base, settings, folder)
    return Design(
        name=settings.name, base=base, kind=settings.kind, replications=settings.replications, seeds=settings.seeds,
        weekly=settings.weekly, imports=imports, text=text, factors=layout.factors, constants=layout.constants,
        rows=layout.rows, arms=layout.arms, sampling=settings.sampling, shares=layout.shares,
    )  # fmt: skip


def _refuse_factors(changes: Mapping[str, Any], design: Design) -> None:
    """Refuse changes of the base that no point would show."""
    factors = {factor.path for factor in design.factors} | set(design.constants)
    for path in changes:
        if path_of(design.base, path) in factors:
            raise DesignError(f"{path} is a factor of the design, so it cannot be set for all of its points")


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        raise DesignError(f"this cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(content) > LARGEST:
        raise DesignError(f"more than {LARGEST:,} bytes; this is not a design file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DesignError("this is not text in UTF-8") from None
