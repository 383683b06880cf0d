"""The command ``ablate``. What it needs is imported inside it, so that ``--help`` answers at once."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from experiments.commands.again import refuse_resume_with_force
from experiments.commands.run import (
    FORCE,
    IMPORT,
    OUT,
    QUIET,
    SCENARIO,
    SET,
    WEEKS,
    WORKERS,
    read_scenario,
    say_where,
    too_short,
)
from experiments.errors import INTERRUPTED, ResultsError

if TYPE_CHECKING:
    from experiments.runs import Outcome
    from marketplace.scenario import Scenario

RESUME = typer.Option("--resume", help="Go on with the folder of this ablation: run what is missing or failed.")


def ablate(
    scenario: Annotated[str, SCENARIO] = "amazon",
    changes: Annotated[list[str] | None, SET] = None,
    weeks: Annotated[int | None, WEEKS] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=10_000, help="Number of seeds.")] = 3,
    first: Annotated[
        int | None, typer.Option("--from", metavar="SEED", help="First seed; by default run.seed.")
    ] = None,
    imports: Annotated[list[Path] | None, IMPORT] = None,
    out: Annotated[Path | None, OUT] = None,
    resume: Annotated[bool, RESUME] = False,
    force: Annotated[bool, FORCE] = False,
    quiet: Annotated[bool, QUIET] = False,
    workers: Annotated[int, WORKERS] = 0,
) -> None:
    """Shut each link of the flywheel alone, under the same luck, and measure how much growth it carried."""
    from experiments.ablation import KIND, arms, carry_out_ablation
    from experiments.comparison.running import folder_to_resume, refuse_fewer_seeds
    from experiments.engine.sweep import How
    from experiments.folders import fresh_folder
    from experiments.own_code import naming_imports
    from experiments.progress import progress_for
    from experiments.results import add_report, write_ablation
    from experiments.runs import Stop, compiled_already

    refuse_resume_with_force(resume, force)
    with naming_imports(out if resume else None):
        world = read_scenario(scenario, changes or [], {"run.weeks": weeks, "run.seed": first}, imports or [])
    if world.run.weeks <= world.flywheel.reference_week:
        raise ResultsError(f"no link would change anything: {too_short(world)}")
    world.with_changes({"run.seed": world.run.seed + seeds - 1})  # a last seed out of range is refused now
    worlds, progress = arms(world), progress_for(quiet)
    there = folder_to_resume(worlds, out, KIND) if resume else None
    if there is not None:
        refuse_fewer_seeds(there, len(worlds), seeds)
    # In this very process where one is enough: that spares the start of another.
    how = How(workers, engine="here" if workers == 1 else "local")
    with Stop() as stop:
        compiled_already(progress.say)
        place = there or fresh_folder(out, f"{world.name}-ablation", force=force)
        try:
            outcome, runs, found = carry_out_ablation(
                worlds, seeds, place, imports=imports or [], stop=stop, progress=progress, how=how,
                resume=there is not None,
            )  # fmt: skip
        except BaseException:
            if there is None:  # there is nothing to compare with
                shutil.rmtree(place, ignore_errors=True)
            raise
        write_ablation(place, runs, found)
        mistake = add_report(place)
    if not quiet:
        print_effects(world, found)
    say_where(place, quiet, mistake)
    _conclude(outcome, f"{place} holds {found['runs_done']} of {found['runs']} runs", mistake)


def _conclude(outcome: Outcome, done: str, mistake: Exception | None) -> None:
    if outcome.failure is not None:
        raise ResultsError(f"{outcome.failure}; {done}")
    if outcome.status == "interrupted":
        typer.echo(f"marketplace: interrupted; {done}", err=True)
        raise typer.Exit(INTERRUPTED)
    if mistake is not None:
        raise mistake


def print_effects(world: Scenario, found: Mapping[str, Any]) -> None:
    """Print what each link carried, the strongest first."""
    from rich.table import Table

    from experiments.ablation import by_strength
    from experiments.scorecard import make_console

    seeds = found["seeds"]
    title = f"{world.name}: each link shut alone from week {found['reference_week']}, seeds {seeds[0]}-{seeds[-1]}"
    table = Table(title=title, box=None, title_justify="left")
    table.add_column("link", no_wrap=True)
    for heading in ("GMV %", "log GMV", "95 % interval"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for row in by_strength(found["links"]):
        table.add_row(*_cells(row, len(seeds)))
    if found["all"] is not None:
        table.add_row(*_cells({"link": "all of them", **found["all"]}, len(seeds)))
    console = make_console()
    console.print(table)
    for sentence in legend(found) + already_shut(world):
        console.print(sentence, soft_wrap=True)


def legend(found: Mapping[str, Any]) -> list[str]:
    """What has to be known to read the table, in sentences."""
    from experiments.comparison.intervals import LEVEL

    measure = found["measure"]
    return [
        f"{measure[:1].upper()}{measure[1:]}. Effects of links are not additive.",
        f"Intervals: {found['interval']}. Verdicts: {found['correction']}, at {100.0 * (1.0 - LEVEL):.3g} %.",
    ]


def already_shut(world: Scenario) -> list[str]:
    """Which links have no row because the scenario has shut them itself, in a sentence."""
    from experiments.ablation import arms
    from marketplace.sections import LINKS

    open_links = arms(world)
    closed = [link for link in LINKS if link not in open_links]
    return [f"Not in the table, because the scenario has shut them already: {', '.join(closed)}."] if closed else []


def _cells(row: Mapping[str, Any], seeds: int) -> list[str]:
    mean, low, high = row["mean"], row["low"], row["high"]
    return [
        row["link"],
        "" if mean is None else f"{100.0 * math.expm1(mean):+.1f}",
        "" if mean is None else f"{mean:+.3f}",
        "" if low is None else f"{low:+.3f} to {high:+.3f}",
        verdict_words(row, seeds),
    ]


def verdict_words(row: Mapping[str, Any], seeds: int) -> str:
    """A verdict, and how many of the seeds it is from where some are missing."""
    from experiments.ablation import ONE_SEED, verdict

    words = verdict(row)
    if row["n"] == seeds:
        return words
    return f"one of {seeds} seeds, so no interval" if words == ONE_SEED else f"{words} ({row['n']} of {seeds} seeds)"
