"""The command ``sensitivity``. What it needs is imported inside it, so that ``--help`` answers at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from experiments.commands.run import QUIET
from experiments.errors import ResultsError

if TYPE_CHECKING:
    from experiments.sensitivity.boxes import Box, Condition

DIR = typer.Argument(metavar="DIR", help="Folder of a sweep of kind sobol or morris; with --prim of any kind.")
INDICATOR = typer.Option("--indicator", metavar="NAME", help="What is explained; may be repeated. By default gmv.")
LOG = typer.Option("--log", help="Explain its logarithm.")
PRIM = typer.Option("--prim", metavar="CONDITION", help="Find boxes of the factors in which it holds: 'gmv < 1000'.")
FILL = typer.Option("--fill", help="First run what is missing or failed; executes files the sweep brought in.")
WORKERS = typer.Option("--workers", min=0, max=1024, help="Processes for --fill; 0 takes one for every core.")
LEVEL = typer.Option("--level", min=0.5, max=0.999, help="Confidence of intervals; 0.95 by default.")
DENSITY = typer.Option("--density", min=0.01, max=1.0, help="Share of cases in a box of --prim; 0.8 by default.")
WORDS = {
    "S1": "alone", "ST": "with all its interactions", "S2": "the pair beyond each alone",
    "mu_star": "mean size of its effect", "mu": "mean effect", "sigma": "spread of its effect",
}  # fmt: skip


def sensitivity(
    folder: Annotated[Path, DIR],
    indicators: Annotated[list[str] | None, INDICATOR] = None,
    log: Annotated[bool, LOG] = False,
    prim: Annotated[str | None, PRIM] = None,
    density: Annotated[float | None, DENSITY] = None,
    fill: Annotated[bool, FILL] = False,
    workers: Annotated[int, WORKERS] = 0,
    level: Annotated[float | None, LEVEL] = None,
    quiet: Annotated[bool, QUIET] = False,
) -> None:
    """Say which factors of a sweep move a result, and how much of it is chance."""
    from experiments.progress import progress_for
    from experiments.sensitivity.boxes import DENSITY as USUAL
    from experiments.sensitivity.boxes import boxes_of, condition_of
    from experiments.sensitivity.filling import filled
    from experiments.sensitivity.statement import analysis_of, boxes_statement, write_statement
    from experiments.store.reading import load_results

    of_indices = {"--indicator": indicators, "--log": log, "--level": level}
    _refuse_unheard(of_indices, prim is None, "indices, not for --prim")
    _refuse_unheard({"--density": density}, prim is not None, "--prim")
    _refuse_unheard({"--workers": workers}, fill, "--fill")
    condition = None if prim is None else condition_of(prim)
    results = load_results(folder)
    if fill:
        results = filled(results, workers=workers, progress=progress_for(quiet))
    if condition is not None:
        boxes = boxes_of(results, condition, density=density or USUAL)
        said = boxes_statement(results, condition, boxes)
        path = write_statement(results, boxes=[said])
        if not quiet:
            print_boxes(said, boxes, condition)
    else:
        found = [analysis_of(results, name, log=log, level=level or 0.95) for name in indicators or ["gmv"]]
        path = write_statement(results, analyses=found)
        for analysis in [] if quiet else found:
            print_analysis(analysis)
    typer.echo(str(path) if quiet else f"results: {path}")


def _refuse_unheard(options: Mapping[str, Any], heard: bool, whose: str) -> None:
    """Refuse options that were given where nothing would listen to them."""
    for name, value in options.items():
        if value and not heard:
            raise ResultsError(f"{name} is for {whose}")


def print_analysis(analysis: Mapping[str, Any]) -> None:
    """Print the indices of one indicator, the most important factor first, and what is due to the seed."""
    from rich.table import Table

    from experiments.scorecard import make_console
    from experiments.sensitivity.statement import meaning
    from experiments.sensitivity.variance import SeedShare
    from experiments.wording import how_many

    kind = {"sobol": "Sobol", "morris": "Morris"}[analysis["kind"]]
    what = f"log {analysis['indicator']}" if analysis["log"] else analysis["indicator"]
    times = how_many(analysis["replications"], "replication")
    runs = f"{analysis['points']:,} points x {times}, {analysis['seeds']} seeds"
    table = Table(title=f"{what}: {kind} indices, {runs}", box=None, title_justify="left")
    table.add_column("factor", overflow="fold")
    names = [n for n in dict.fromkeys(index["name"] for index in analysis["indices"]) if n != "S2"]
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
        if any(index["low"] is not None for index in analysis["indices"] if index["name"] == name):
            table.add_column(f"{analysis['level']:.0%} interval", justify="right", no_wrap=True)
    for factor, row in _by_strength(analysis["indices"], "ST" if "ST" in names else "mu_star"):
        table.add_row(factor, *(cell for name in names for cell in _cells(row[name])))
    console = make_console()
    console.print(table)
    console.print("; ".join(f"{name}: {WORDS[name]}" for name in names))
    _print_pairs(console, analysis)
    if analysis["seed_share"] is not None:
        console.print(meaning(SeedShare(**analysis["seed_share"]), analysis["replications"]))
    for warning in analysis["warnings"]:
        console.print(f"warning: {warning}")


def print_boxes(said: Mapping[str, Any], boxes: Sequence[Box], condition: Condition) -> None:
    """Print the boxes that PRIM found."""
    from rich.table import Table

    from experiments.scorecard import make_console

    title = f"{condition}: {said['cases']:,} of {said['runs']:,} runs"
    table = Table(title=title, box=None, title_justify="left")
    for heading in ("box", "coverage", "density", "runs"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("where", overflow="fold")
    for number, box in enumerate(boxes, 1):
        where = [
            f"{limit.factor}: {', '.join(map(str, limit.values)) or f'{limit.low:.6g} to {limit.high:.6g}'}"
            for limit in box.limits
        ]
        for line, text in enumerate(where):
            first = (str(number), f"{box.coverage:.0%}", f"{box.density:.0%}", f"{box.runs:,}")
            table.add_row(*(first if line == 0 else [""] * 4), text)
    console = make_console()
    if boxes:
        console.print(table)
        console.print("coverage: share of all cases in the box; density: share of its runs that are cases")
    else:
        console.print(f"{title}; no box holds them densely enough")


def _by_strength(indices: Sequence[Mapping[str, Any]], name: str) -> list[tuple[str, dict[str, Mapping[str, Any]]]]:
    rows: dict[str, dict[str, Mapping[str, Any]]] = {}
    for index in indices:
        if len(index["factors"]) == 1:
            rows.setdefault(index["factors"][0], {})[index["name"]] = index
    return sorted(rows.items(), key=lambda row: row[1][name]["value"], reverse=True)


def _cells(index: Mapping[str, Any]) -> list[str]:
    value = f"{index['value']:.3g}" if index["name"].startswith(("mu", "sigma")) else f"{index['value']:.3f}"
    if index["low"] is None:
        return [value]
    shape = ".3g" if index["name"].startswith("mu") else ".3f"
    return [value, f"{index['low']:{shape}} to {index['high']:{shape}}"]


def _print_pairs(console: Any, analysis: Mapping[str, Any]) -> None:
    pairs = [index for index in analysis["indices"] if index["name"] == "S2"]
    for index in sorted(pairs, key=lambda one: one["value"], reverse=True)[:10]:
        console.print(f"S2 {' x '.join(index['factors'])}: {' ('.join(_cells(index))})")
