"""The command ``run``. What it needs is imported inside it, so that ``--help`` answers at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from experiments.errors import INTERRUPTED, ResultsError

if TYPE_CHECKING:
    from experiments.runs import Outcome
    from marketplace.scenario import Scenario

SCENARIO = typer.Argument(metavar="SCENARIO", help="Name of a shipped scenario, or a path.")
SET = typer.Option("--set", metavar="PATH=VALUE", help="Change a field of the scenario; may be repeated.")
WEEKS = typer.Option("--weeks", help="Length of the run, in weeks (run.weeks).")
IMPORT = typer.Option("--import", metavar="FILE", help="Bring in policies of your own; executes the file.")
OUT = typer.Option("--out", metavar="DIR", help="Where the results go; by default a fresh folder below results/.")
FORCE = typer.Option("--force", help="Replace the results folder if it exists.")
WORKERS = typer.Option("--workers", min=0, max=1024, help="Processes; 0 takes one for every core.")
QUIET = typer.Option("--quiet", help="Print nothing but the name of the results folder.")


def run(
    scenario: Annotated[str, SCENARIO] = "amazon",
    changes: Annotated[list[str] | None, SET] = None,
    weeks: Annotated[int | None, WEEKS] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of every draw (run.seed).")] = None,
    twin: Annotated[bool, typer.Option("--twin", help="Run the same world and luck with the loop cut, too.")] = False,
    imports: Annotated[list[Path] | None, IMPORT] = None,
    out: Annotated[Path | None, OUT] = None,
    force: Annotated[bool, FORCE] = False,
    quiet: Annotated[bool, QUIET] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Write the weekly tables as CSV, too.")] = False,
) -> None:
    """Run a scenario, print its scorecard, and leave a folder of results with a report."""
    from experiments.folders import whole_folder
    from experiments.progress import progress_for
    from experiments.results import Kept, add_report, write_run
    from experiments.runs import Stop, carry_out, compiled_already

    world = read_scenario(scenario, changes or [], {"run.weeks": weeks, "run.seed": seed}, imports or [])
    kept, progress = Kept.of(world, imports or []), progress_for(quiet)
    with Stop() as stop, whole_folder(out, world.name, force=force) as place:
        copies = kept.copy_to(place.aside)
        compiled_already(progress.say)
        if twin and world.run.weeks <= world.flywheel.reference_week:
            progress.say(f"the twin will be the same to the end: {too_short(world)}")
        outcome = carry_out(world, twin_weeks=world.run.weeks if twin else 0, stop=stop, progress=progress)
        write_run(place.aside, outcome, copies, csv=csv)
        mistake = add_report(place.aside)
    if not quiet:
        from experiments.scorecard import print_scorecard

        print_scorecard(outcome)
    say_where(place.path, quiet, mistake)
    conclude(outcome, place.path, mistake)


def read_scenario(name: str, changes: list[str], flags: dict[str, Any], imports: list[Path]) -> Scenario:
    """The scenario that the command line describes, with its flags written back.

    Raises
    ------
    ScenarioError
        If it cannot be run.
    PluginError
        If a file cannot be brought in.
    """
    from agents.plugins import load_policy_file
    from marketplace.scenario import load_scenario, parse_assignment

    for path in imports:  # first: the scenario may name what they bring
        load_policy_file(path)
    return load_scenario(name, stated_once(dict(parse_assignment(text) for text in changes), flags))


def stated_once(changes: dict[str, Any], flags: dict[str, Any]) -> dict[str, Any]:
    """The changes of ``--set`` and those of options for single fields, where they were given.

    Raises
    ------
    ResultsError
        If both state a field.
    """
    given = {path: value for path, value in flags.items() if value is not None}
    twice = next((path for path in given if path in changes), None)
    if twice is not None:
        raise ResultsError(f"{twice} is stated twice, by --set and by an option of its own: give one of them")
    return changes | given


def say_where(path: Path, quiet: bool, mistake: Exception | None = None) -> None:
    """Say where the results and their report lie."""
    typer.echo(str(path) if quiet else f"results: {path}")
    if not quiet and mistake is None:
        typer.echo(f"report:  {path / 'report.html'}")


def conclude(outcome: Outcome, path: Path, mistake: Exception | None = None) -> None:
    """End the command as the run ended.

    Raises
    ------
    typer.Exit
        Code 130 after an interrupted run.
    ResultsError
        After a failed run.
    """
    done = f"{path} holds {outcome.weeks_done:,} of {outcome.scenario.run.weeks:,} weeks"
    if outcome.twin is not None:
        done += f" and {len(outcome.twin):,} of the twin's"
    if outcome.status == "interrupted":
        typer.echo(f"marketplace: interrupted; {done}", err=True)
        raise typer.Exit(INTERRUPTED)
    if isinstance(outcome.failure, ResultsError):
        raise ResultsError(f"{outcome.failure}; {done}")
    if outcome.failure is not None:
        raise outcome.failure
    if mistake is not None:
        raise mistake


def too_short(world: Scenario) -> str:
    """Why valves that shut at the reference week would change nothing."""
    week = world.flywheel.reference_week
    return f"run.weeks = {world.run.weeks} and valves carry on until flywheel.reference_week = {week}"
