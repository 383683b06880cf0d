"""The command ``ablate``. What it needs is imported inside it, so that ``--help`` answers at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from experiments.commands.run import (
    FORCE,
    IMPORT,
    OUT,
    QUIET,
    SCENARIO,
    SET,
    WEEKS,
    read_scenario,
    say_where,
    too_short,
)
from experiments.errors import INTERRUPTED, ResultsError

if TYPE_CHECKING:
    from experiments.ablation import Finished, Job
    from experiments.progress import Progress
    from experiments.runs import Outcome, Stop
    from marketplace.scenario import Scenario


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
    force: Annotated[bool, FORCE] = False,
    quiet: Annotated[bool, QUIET] = False,
    workers: Annotated[
        int, typer.Option("--workers", min=0, max=256, help="Processes; 0 takes one for every core.")
    ] = 0,
) -> None:
    """Shut each link of the flywheel alone, under the same luck, and measure how much growth it carried."""
    from experiments.ablation import plan, run_table, statement
    from experiments.folders import whole_folder
    from experiments.progress import progress_for
    from experiments.provenance import cores
    from experiments.results import Kept, add_report, write_ablation, write_run
    from experiments.runs import Stop

    world = read_scenario(scenario, changes or [], {"run.weeks": weeks, "run.seed": first}, imports or [])
    if world.run.weeks <= world.flywheel.reference_week:
        raise ResultsError(f"no link would change anything: {too_short(world)}")
    numbers = [world.run.seed + k for k in range(seeds)]
    world.with_changes({"run.seed": numbers[-1]})  # a last seed out of range is refused now, not in an hour
    jobs, kept, progress = plan(numbers), Kept.of(world, imports or []), progress_for(quiet)
    with Stop() as stop, whole_folder(out, f"{world.name}-ablation", force=force) as place:
        copies = kept.copy_to(place.aside)
        finished, outcome = _carry_out_all(world, jobs, kept.imports, workers or cores(), stop, progress)
        runs = run_table(finished, jobs)
        found = statement(world, numbers, runs, len(jobs))
        write_run(place.aside, outcome, copies, kind="ablation")
        write_ablation(place.aside, runs, found)
        mistake = add_report(place.aside)
    if not quiet:
        print_effects(world, found)
    say_where(place.path, quiet, mistake)
    _conclude(outcome, f"{place.path} holds {len(finished)} of {len(jobs)} runs", mistake)


def _carry_out_all(
    world: Scenario, jobs: Sequence[Job], imports: Sequence[Path], workers: int, stop: Stop, progress: Progress
) -> tuple[list[Finished], Outcome]:
    """Carry out the jobs; return those that finished, and the first seed's open world with its cut loop as twin."""
    from experiments.ablation import finished_runs
    from experiments.runs import compiled_already, make_world

    if not compiled_already(progress.say) and workers > 1:
        make_world(world).step()  # or each worker would compile for itself
    started, failure = datetime.now(UTC), None
    finished: list[Finished] = []
    with progress.follow(f"{world.name}, links shut", len(jobs), "runs") as done:
        try:
            for one in finished_runs(world, jobs, imports, workers, lambda: stop.asked):
                finished.append(one)
                # Without the open world there is nothing to compare with.
                stop.worth_keeping = stop.worth_keeping or one.job == jobs[0]
                done(len(finished))
        except Exception as error:
            failure = error
    if not stop.worth_keeping:
        raise failure or KeyboardInterrupt
    shown = {one.job: one.outcome for one in finished if one.outcome is not None}
    cut = shown.get(jobs[1])
    outcome = replace(
        shown[jobs[0]], scenario=world, twin=None if cut is None else cut.weekly, failure=failure,
        started=started, ended=datetime.now(UTC),
    )  # fmt: skip
    outcome.status = "failed" if failure else "complete" if len(finished) == len(jobs) else "interrupted"
    return finished, outcome


def _conclude(outcome: Outcome, done: str, mistake: Exception | None) -> None:
    if isinstance(outcome.failure, ResultsError):
        raise ResultsError(f"{outcome.failure}; {done}")
    if outcome.failure is not None:
        raise outcome.failure
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
    console.print("GMV of the final year, shut less open, paired by seed. Effects of links are not additive.")


def _cells(row: Mapping[str, Any], seeds: int) -> list[str]:
    from experiments.ablation import verdict

    mean, low, high = row["mean"], row["low"], row["high"]
    return [
        row["link"],
        "" if mean is None else f"{100.0 * math.expm1(mean):+.1f}",
        "" if mean is None else f"{mean:+.3f}",
        "" if low is None else f"{low:+.3f} to {high:+.3f}",
        verdict(row) + (f" ({row['n']} of {seeds} seeds)" if row["n"] < seeds else ""),
    ]
