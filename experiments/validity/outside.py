"""Why facts lie outside: the paragraphs of ``docs/outside.toml``, by world and target."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.errors import ResultsError
from experiments.odd.rationale import Meanings, RationaleError, problems
from experiments.odd.rationale import read as read_rationales
from experiments.validation.verdicts import INSIDE
from experiments.validity.places import OUTSIDE

if TYPE_CHECKING:
    from experiments.validation.validating import Validation

Reasons = Mapping[str, Mapping[str, str]]


def reasons(found: Mapping[str, Validation], path: Path = OUTSIDE) -> Reasons:
    """The paragraphs of the targets that lie outside, by world and target.

    A target that lies inside may have one, too: it is not shown.

    Raises
    ------
    ResultsError
        One sentence a line: a target that lies outside without a paragraph, a paragraph of no target.
    """
    try:
        given = read_rationales(path)
    except RationaleError as error:
        raise ResultsError(str(error)) from None
    known, needed = _meanings(found, outside=False), _meanings(found, outside=True)
    wrong = problems(given, known, path.name, needed=needed, says="it lies outside")
    if wrong:
        raise ResultsError("\n".join(wrong))
    return {world: {name: given[world][name] for name in rows} for world, rows in needed.items()}


def _meanings(found: Mapping[str, Validation], outside: bool) -> Meanings:
    from experiments.validation.measures import STATISTICS

    return {
        world: {
            verdict.target.name: STATISTICS[verdict.target.statistic].title
            for verdict in one.verdicts
            if verdict.word != INSIDE or not outside
        }
        for world, one in found.items()
    }
