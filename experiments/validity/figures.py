"""The figures of ``docs/validity.md``: files of their own, drawn from the saved runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from experiments.errors import ResultsError
from experiments.files import write_whole
from experiments.provenance import sha256
from experiments.validity.places import COMMAND, PAGE, figure_of, runs_of

if TYPE_CHECKING:
    from experiments.validation.page import Drawn
    from experiments.validation.validating import Validation

DRAWN = {
    "amazon": ("ranges", "share", "margin", "fulfilment"),
    "bazaar": ("ranges", "lorenz", "churn", "repeat"),
}
"""Which figures are shown of each world."""

TITLES = {
    "ranges": "every fact on a scale of its own, bounds shaded, the real value a tick, mean and interval over seeds",
    "share": "third parties' share of sales by year, model and real, with the years in which the real path turns",
    "margin": "the platform's margin by year, model and real",
    "fulfilment": "fulfilment cost over revenue by year, model and real, the year 2000 set to 100",
    "lorenz": "Lorenz curve of sellers' revenue, and its distribution beside a lognormal and a power law",
    "churn": "sellers' churn by size, and survival of newcomers",
    "repeat": "new customers who have ordered again, and stars by delivery days",
}


def picture(world: str, name: str) -> str:
    """A figure in Markdown, with words for those who do not see it."""
    path = figure_of(world, name)
    return f"![{world}: {TITLES[name]}](../{path.relative_to(PAGE.parent.parent).as_posix()})"


def draw(world: str, found: Validation) -> None:
    """Draw the figures of a world anew.

    Raises
    ------
    ResultsError
        If the saved runs lack a curve.
    """
    from experiments.validation.page import curves_of, ranges_of

    drawn: dict[str, Drawn] = {one.name: one for one in (ranges_of(found), *curves_of(found))}
    for name in DRAWN[world]:
        if name not in drawn:
            raise ResultsError(f"{runs_of(world).name} holds no curve for the figure {name}: run {COMMAND}")
        write_whole(figure_of(world, name), standing_alone(drawn[name].figure, of_runs(world)), overwrite=True)


def standing_alone(figure: Figure, of: str) -> str:
    """An SVG file, on white, with a comment that says what it was drawn from."""
    from experiments.reports.chart_style import svg_text

    text = svg_text(figure, "f")
    root = 'xmlns="http://www.w3.org/2000/svg" style="background:#fff"'
    return f"<!-- {of} -->\n" + re.sub("^<svg ", f"<svg {root} ", text) + "\n"


def of_runs(world: str) -> str:
    """What the figures of a world are drawn from, as they say it."""
    return f"drawn from {runs_of(world).name}, {sha256(runs_of(world))[:16]}"


def stale(world: str) -> list[str]:
    """Names of the figures of a world that are missing or were drawn from other runs."""
    paths = [figure_of(world, name) for name in DRAWN[world]]
    mark = f"<!-- {of_runs(world)} -->"
    return [path.name for path in paths if not path.is_file() or mark not in path.read_text(encoding="utf-8")]
