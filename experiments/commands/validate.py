"""The command ``validate``. What it needs is imported inside it, so that ``--help`` answers at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from experiments.commands.run import FORCE, IMPORT, OUT, QUIET, SCENARIO, SET, WEEKS, WORKERS, read_scenario
from experiments.errors import INTERRUPTED

if TYPE_CHECKING:
    from experiments.validation.validating import Validation
    from experiments.validation.verdicts import Estimate, Verdict

WIDE = 140  # characters, where there is no terminal
TARGETS = typer.Option("--targets", metavar="NAME|FILE", help="Facts; by default those shipped for the scenario.")


def validate(
    scenario: Annotated[str, SCENARIO] = "amazon",
    targets: Annotated[str | None, TARGETS] = None,
    changes: Annotated[list[str] | None, SET] = None,
    weeks: Annotated[int | None, WEEKS] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=10_000, help="Number of seeds.")] = 20,
    first: Annotated[
        int | None, typer.Option("--from", metavar="SEED", help="First seed; by default run.seed.")
    ] = None,
    elasticities: Annotated[
        bool, typer.Option(help="Measure elasticities by intervention, too; this takes longer than the runs.")
    ] = True,
    imports: Annotated[list[Path] | None, IMPORT] = None,
    workers: Annotated[int, WORKERS] = 0,
    out: Annotated[Path | None, OUT] = None,
    force: Annotated[bool, FORCE] = False,
    quiet: Annotated[bool, QUIET] = False,
) -> None:
    """Hold a scenario against facts of real marketplaces: what is inside the stated bounds, and what is not."""
    from experiments.folders import whole_folder
    from experiments.progress import progress_for
    from experiments.results import Kept
    from experiments.runs import Stop, compiled_already
    from experiments.validation import validating
    from experiments.validation.page import write_page

    world = read_scenario(scenario, changes or [], {"run.weeks": weeks, "run.seed": first}, imports or [])
    world.with_changes({"run.seed": world.run.seed + seeds - 1})  # a last seed out of range is refused now
    facts = validating.targets_for(world, targets)
    kept, progress = Kept.of(world, imports or []), progress_for(quiet)
    with Stop() as stop, whole_folder(out, f"{world.name}-validation", force=force) as place:
        copies = kept.copy_to(place.aside)
        compiled_already(progress.say)
        found = validating.validate(
            world, facts, seeds, stop=stop, progress=progress, workers=workers, imports=kept.imports,
            elasticities=elasticities,
        )  # fmt: skip
        validating.write_validation(place.aside, found, copies)
        write_page(place.aside, found)
    if not quiet:
        print_table(found)
    typer.echo(str(place.path) if quiet else f"results: {place.path}")
    if not quiet:
        typer.echo(f"report:  {place.path / 'validation.html'}")
    _conclude(found, place.path)


def print_table(found: Validation) -> None:
    """Print every target and every effect."""
    from experiments.scorecard import make_console
    from experiments.validation.interventions import EFFECTS
    from experiments.validation.verdicts import UNDEFINED, counted, in_words

    console = make_console()
    if not console.is_terminal:
        console.width = max(console.width, WIDE)
    title = f"{found.scenario.name} against {found.targets.name}, {len(found.runs)} seeds"
    table = _plain_table(title)
    table.add_column("", no_wrap=True)
    table.add_column("")
    for heading in ("real", "allowed", "simulated", "95 % interval", "seeds"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for verdict in found.verdicts:
        table.add_row(*_cells(verdict))
    console.print(table)
    count = counted(found.verdicts)
    console.print(f"{count['inside']} of {count['required']} required targets inside, by the mean over seeds.\n")
    if not found.effects:
        return
    table = _plain_table("Elasticities by intervention")
    table.add_column("")
    for heading in ("literature", "simulated", "95 % interval"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, estimate in found.effects.items():
        effect = EFFECTS[name]
        simulated = in_words(estimate.mean) or UNDEFINED
        table.add_row(effect.title, in_words(effect.real), simulated, _interval(estimate))
    console.print(table)
    console.print("How far the two may be compared stands in the report.\n")


def _plain_table(title: str) -> Any:
    from rich.table import Table

    return Table(title=title, box=None, title_justify="left", padding=(0, 1, 0, 0), pad_edge=False)


def _cells(verdict: Verdict) -> list[str]:
    from experiments.validation.measures import STATISTICS
    from experiments.validation.verdicts import in_words, span_in_words

    target, simulated = verdict.target, verdict.simulated
    return [
        target.name,
        STATISTICS[target.statistic].title,
        in_words(target.value),
        span_in_words(target.low, target.high),
        in_words(simulated.mean),
        _interval(simulated),
        f"{verdict.share_inside:.0%}",
        verdict.word + ("" if target.required else " (shown)"),
    ]


def _interval(estimate: Estimate) -> str:
    from experiments.validation.verdicts import in_words

    return f"{in_words(estimate.low)} to {in_words(estimate.high)}" if estimate.n > 1 else ""


def _conclude(found: Validation, path: Path) -> None:
    """End the command as the runs ended.

    Raises
    ------
    typer.Exit
        Code 130 after an interruption.
    """
    done = f"{path} holds {len(found.runs):,} of {found.planned:,} runs"
    for reason in found.failures:
        typer.echo(f"marketplace: {reason}", err=True)
    if found.status == "interrupted":
        typer.echo(f"marketplace: interrupted; {done}", err=True)
        raise typer.Exit(INTERRUPTED)
    if found.failures:
        typer.echo(f"marketplace: {done}", err=True)
