"""The command ``calibrate``. What it needs is imported inside it, so that ``--help`` answers at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from experiments.commands.again import refuse_resume_with_force
from experiments.commands.run import FORCE, IMPORT, OUT, QUIET, SET, WEEKS, WORKERS, read_scenario
from experiments.errors import INTERRUPTED, ResultsError

if TYPE_CHECKING:
    from experiments.calibration.findings import Profile
    from experiments.calibration.journal import Plan
    from experiments.calibration.search import Trial

TARGETS = typer.Argument(metavar="TARGETS", help="Name of a shipped target file, or a path.")
SCENARIO = typer.Option("--scenario", metavar="SCENARIO", help="By default the one that the targets mean.")
RESUME = typer.Option("--resume", help="Go on with the folder of this search, or begin it.")


def calibrate(
    targets: Annotated[str, TARGETS],
    scenario: Annotated[str | None, SCENARIO] = None,
    changes: Annotated[list[str] | None, SET] = None,
    weeks: Annotated[int | None, WEEKS] = None,
    trials: Annotated[int, typer.Option("--trials", max=100_000, help="Trials in all, at least a batch.")] = 200,
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=1_000, help="Seeds of every trial.")] = 3,
    batch: Annotated[
        int, typer.Option("--batch", min=1, max=1_000, help="Trials that are asked for together.")
    ] = 10,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the search; run.seed is the first run's.")] = 1,
    resume: Annotated[bool, RESUME] = False,
    imports: Annotated[list[Path] | None, IMPORT] = None,
    workers: Annotated[int, WORKERS] = 0,
    out: Annotated[Path | None, OUT] = None,
    force: Annotated[bool, FORCE] = False,
    quiet: Annotated[bool, QUIET] = False,
) -> None:
    """Search parameters with which a scenario reproduces facts, and say which of them the facts pin down."""
    from experiments.calibration import calibrating, results
    from experiments.calibration.findings import profiles
    from experiments.calibration.journal import Plan
    from experiments.calibration.page import write_page
    from experiments.folders import fresh_folder
    from experiments.progress import progress_for
    from experiments.results import Kept
    from experiments.runs import Stop, compiled_already
    from experiments.store.lock import Lock
    from experiments.validation.targets import load_targets

    refuse_resume_with_force(resume, force)
    facts = load_targets(targets)
    base = read_scenario(scenario or facts.scenario, changes or [], {"run.weeks": weeks}, imports or [])
    plan = calibrating.plan_of(Plan(base, facts, seeds, batch, seed, tuple(imports or [])), trials)
    kept, progress = Kept.of(base, imports or []), progress_for(quiet)
    folder = folder_to_resume(plan, out) if resume else None
    with Stop() as stop:
        compiled_already(progress.say)
        place = folder or fresh_folder(out, f"{base.name}-calibration", force=force)
        with Lock(place):
            found = calibrating.calibrate(
                plan, place, trials, stop=stop, progress=progress, workers=workers,
                begin=lambda: results.write_beginning(place, plan, base, kept),
            )  # fmt: skip
            if found:
                drawn = profiles(plan.targets.parameters, facts.targets, found)
                results.write_results(place, plan, base, found, drawn)
                write_page(place, plan, found, drawn)
            results.close_provenance(place, "complete" if len(found) >= trials else "interrupted")
    if found and not quiet:
        print_best(plan, found, drawn)
    _conclude(place, len(found), trials, quiet)


def _conclude(place: Path, found: int, trials: int, quiet: bool) -> None:
    """Say where the results are, and end the command as the search ended.

    Raises
    ------
    typer.Exit
        Code 130 after an interruption.
    """
    typer.echo(str(place) if quiet else f"results: {place}")
    if found < trials:
        done = f"{place} holds {found:,} of {trials:,} trials"
        typer.echo(f"marketplace: interrupted; {done}; --resume goes on", err=True)
        raise typer.Exit(INTERRUPTED)
    if not quiet:
        typer.echo(f"report:  {place / 'calibration.html'}")


def folder_to_resume(plan: Plan, out: Path | None) -> Path | None:
    """The folder in which the search is taken up again; None where there is nothing yet.

    Without ``--out`` it is the newest below results/ that is of the same plan.

    Raises
    ------
    ResultsError
        If what stands there is no calibration, or there is none.
    """
    from experiments.calibration.journal import JOURNAL
    from experiments.folders import MARK, RESULTS

    if out is not None:
        out = out.expanduser()
        if not out.exists() or (out.is_dir() and not any(out.iterdir())):
            return None
        if not (out / JOURNAL).is_file():
            raise ResultsError(f"{out} cannot be resumed: it holds no calibration")
        return out
    known = sorted(RESULTS.glob(f"*/{JOURNAL}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in known:
        try:
            if json.loads((path.parent / MARK).read_text(encoding="utf-8")).get("plan") == plan.stated():
                return path.parent
        except (OSError, ValueError, AttributeError):
            continue
    raise ResultsError(f"there is nothing to resume: no folder below {RESULTS}/ is of this search; name it with --out")


def print_best(plan: Plan, trials: Sequence[Trial], profiles: Sequence[Profile]) -> None:
    """Print the best trial's targets, and its parameters."""
    from experiments.calibration.findings import number
    from experiments.calibration.journal import best_of, number_of
    from experiments.calibration.results import word
    from experiments.scorecard import make_console
    from experiments.validation.verdicts import in_words, span_in_words

    best, console = best_of(trials), make_console()
    title = f"{plan.scenario.name} to {plan.targets.name}: {number_of(best, trials)}, loss {best.loss:.4g}"
    rows = []
    for target in plan.targets.targets:
        said = word(best.misses[target.name]) + ("" if target.required else " (shown)")
        figures = in_words(target.value), span_in_words(target.low, target.high), in_words(best.statistics[target.name])
        rows.append([target.name, *figures, said])
    console.print(_table(["target", "real", "allowed", "simulated", ""], rows, title))
    rows = []
    for found in profiles:
        parameter = found.parameter
        allowed = f"{number(parameter.low)} to {number(parameter.high)}"
        rows.append([parameter.path, number(found.best), allowed, "pinned down" if found.pinned else "not pinned down"])
    console.print(_table(["parameter", "best", "range", ""], rows))
    console.print("These seeds are those the search has seen: `marketplace validate` says what others make of it.")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None) -> Any:
    """A table whose first and last columns are words and whose others are numbers."""
    from rich.table import Table

    table = Table(title=title, box=None, title_justify="left", padding=(0, 1, 0, 0), pad_edge=False)
    for k, heading in enumerate(heads):
        table.add_column(heading, justify="left" if k in (0, len(heads) - 1) else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table
