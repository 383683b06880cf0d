"""The command ``compare``. What it needs is imported inside it, so that ``--help`` answers at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from experiments.commands.again import refuse_resume_with_force
from experiments.commands.run import FORCE, IMPORT, OUT, QUIET, SET, WEEKS, WORKERS, stated_once
from experiments.errors import INCOMPLETE, ResultsError
from experiments.wording import how_many

if TYPE_CHECKING:
    import pandas as pd

    from experiments.comparison.comparison import Comparison
    from experiments.comparison.running import Goal
    from experiments.engine.sweep import Swept
    from marketplace.scenario import Scenario

THINGS = typer.Argument(
    metavar="A B ...", help="Scenarios (names, paths, or with a policy: amazon:dividend), or result folders.",
    show_default=False,
)  # fmt: skip
POLICY = typer.Option("--policy", metavar="NAME", help="Run the scenario under this policy; may be repeated.")
ARM = typer.Option("--arm", metavar="PATH=VALUE", help="Run the scenario so changed (A=1; B=2 for two); repeatable.")
DEFAULT_SEEDS, MOST_SEEDS = 10, 200
SEEDS = typer.Option(
    "--seeds", min=1, max=100_000, help=f"Seeds, the same for every arm; {DEFAULT_SEEDS} by default."
)
HALF = typer.Option("--half-width", metavar="X", help="Run on until the interval of --indicator is +-X.")
MOST = typer.Option(
    "--max-seeds", min=2, max=100_000, help=f"With --half-width: seeds at most; {MOST_SEEDS} by default."
)
WHAT = typer.Option("--indicator", metavar="NAME", help="With --half-width: what is looked at; gmv by default.")
SHOWN = typer.Option("--indicators", metavar="A,B", help="What to compare; the scorecard's by default.")
BASELINE = typer.Option("--baseline", metavar="ARM", help="Arm to compare with; the first by default.")
ALL = typer.Option("--all", help="Compare every indicator.")
DETAILS = typer.Option("--details", help="Show p, effect sizes, what pairing removed, and pairs needed, too.")
RESUME = typer.Option("--resume", help="Go on with the folder of these arms: run what is missing or failed.")
WEEKLY = typer.Option("--weekly/--no-weekly", help="Keep the weeks of every run, for plots.")
LEVEL = typer.Option("--level", help="Confidence, between 0 and 1.")
METHOD = typer.Option("--interval", metavar="KIND", help="guarded-t, t, hall or bootstrap-t.")
FIRST = typer.Option("--from", metavar="SEED", help="First seed; by default the first arm's run.seed.")
LIMIT = typer.Option("--time-limit", metavar="SECONDS", min=0.001, help="End a run that takes longer, as failed.")


@dataclass(frozen=True)
class Asked:
    """What of a comparison is wanted, and how it is told."""

    indicators: list[str] | None
    every: bool
    level: float
    method: Any
    details: bool
    quiet: bool

    def compare(self, summary: pd.DataFrame, labels: Sequence[str], baseline: str | None = None) -> Comparison:
        """Compare the arms of a tidy table."""
        from experiments.comparison.comparison import all_indicators, compare_arms

        wanted = all_indicators(summary.columns) if self.every else self.indicators
        return compare_arms(
            summary, arms=labels, baseline=baseline, indicators=wanted, level=self.level, method=self.method
        )

    def tell(self, found: Comparison) -> None:
        """Print the table, unless nothing is to be said."""
        from experiments.comparison.printing import print_comparison

        if not self.quiet:
            print_comparison(found, details=self.details)


def compare(
    things: Annotated[list[str], THINGS],
    policies: Annotated[list[str] | None, POLICY] = None,
    arms: Annotated[list[str] | None, ARM] = None,
    baseline: Annotated[str | None, BASELINE] = None,
    changes: Annotated[list[str] | None, SET] = None,
    weeks: Annotated[int | None, WEEKS] = None,
    seeds: Annotated[int | None, SEEDS] = None,
    first: Annotated[int | None, FIRST] = None,
    half_width: Annotated[float | None, HALF] = None,
    indicator: Annotated[str | None, WHAT] = None,
    max_seeds: Annotated[int | None, MOST] = None,
    indicators: Annotated[str | None, SHOWN] = None,
    every: Annotated[bool, ALL] = False,
    details: Annotated[bool, DETAILS] = False,
    level: Annotated[float, LEVEL] = 0.95,
    method: Annotated[str, METHOD] = "guarded-t",
    imports: Annotated[list[Path] | None, IMPORT] = None,
    out: Annotated[Path | None, OUT] = None,
    resume: Annotated[bool, RESUME] = False,
    workers: Annotated[int, WORKERS] = 0,
    time_limit: Annotated[float | None, LIMIT] = None,
    weekly: Annotated[bool, WEEKLY] = True,
    force: Annotated[bool, FORCE] = False,
    quiet: Annotated[bool, QUIET] = False,
) -> None:  # fmt: skip
    """Compare arms run by run under the same luck: by how much they differ, and whether that is certain.

    Exit code 1 if runs failed (the others are compared), 130 if it was interrupted.
    """
    from experiments.comparison.running import Goal
    from experiments.own_code import naming_imports

    refuse_resume_with_force(resume, force)
    _check_numbers(level, method, half_width)
    _refuse_unheard(half_width, indicator, max_seeds, indicators, every)
    shown = [name.strip() for name in indicators.split(",")] if indicators else None
    asked = Asked(shown, every, level, method, details, quiet)
    reading = [Path(thing).expanduser() for thing in things if Path(thing).expanduser().is_dir()]
    if reading:
        to_run = {
            "--policy": policies, "--arm": arms, "--set": changes, "--weeks": weeks, "--seeds": seeds, "--from": first,
            "--half-width": half_width, "--import": imports, "--resume": resume, "--workers": workers,
            "--time-limit": time_limit,
        }  # fmt: skip
        _refuse_running(things, reading, [name for name, value in to_run.items() if value])
        _compare_folders(reading, baseline, asked, out, force)
        return
    number = seeds or DEFAULT_SEEDS if half_width is None else max_seeds or MOST_SEEDS
    goal = Goal(number, half_width, indicator or "gmv", level, method)
    common = {"run.weeks": weeks, "run.seed": first}
    with naming_imports(out if resume else None):
        worlds = _worlds(things, policies or [], arms or [], changes or [], common, imports or [], baseline)
    _check_goal(goal, worlds, seeds, shown)
    place, swept = _carry_out(worlds, goal, imports or [], out, resume, workers, time_limit, weekly, force, quiet)
    _conclude(_compare_store(place, worlds, asked), swept, goal, place, asked)


# -- arms that are run -------------------------------------------------------------------------------------------


def _worlds(
    names: Sequence[str], policies: Sequence[str], arms: Sequence[str], changes: Sequence[str],
    common: dict[str, Any], imports: Sequence[Path], baseline: str | None,
) -> dict[str, Scenario]:  # fmt: skip
    from agents.plugins import load_policy_file
    from experiments.comparison.arms import arms_of
    from marketplace.scenario import parse_assignment
    from marketplace.scenario_errors import nearest, show

    for path in imports:  # first: a scenario may name what they bring
        load_policy_file(path)
    stated = stated_once(dict(parse_assignment(text) for text in changes), common)
    worlds = arms_of(names, policies=policies, changes=arms, common=stated)
    if baseline is None:
        return worlds
    if baseline not in worlds:
        known = ", ".join(worlds)
        raise ResultsError(f"--baseline {show(baseline)} is no arm: the arms are {known}{nearest(baseline, worlds)}")
    return {baseline: worlds[baseline]} | worlds


def _carry_out(
    worlds: dict[str, Scenario], goal: Goal, imports: Sequence[Path], out: Path | None, resume: bool, workers: int,
    time_limit: float | None, weekly: bool, force: bool, quiet: bool,
) -> tuple[Path, Swept]:  # fmt: skip
    from experiments.comparison.running import carry_out_comparison, folder_to_resume
    from experiments.engine.sweep import How
    from experiments.folders import fresh_folder
    from experiments.progress import progress_for
    from experiments.runs import Stop, compiled_already

    progress = progress_for(quiet)
    # In this very process where one is enough, which spares the start of another; it cannot end a run, though.
    engine = "here" if workers == 1 and time_limit is None else "local"
    there = folder_to_resume(worlds, out) if resume else None
    with Stop() as stop:
        compiled_already(progress.say)
        place = there or fresh_folder(out, f"{next(iter(worlds.values())).name}-comparison", force=force)
        swept = carry_out_comparison(
            worlds, goal, place, imports=imports, weekly=weekly, stop=stop, progress=progress,
            how=How(workers, time_limit, engine), resume=there is not None,
        )  # fmt: skip
    return place, swept


def _compare_store(place: Path, worlds: dict[str, Scenario], asked: Asked) -> Comparison | ResultsError:
    """Compare what a folder holds, and leave ``comparison.json`` in it; a reason where there is nothing to compare."""
    from experiments.closures import closure_notes
    from experiments.comparison.writing import write_comparison
    from experiments.store.reading import load_results

    summary = load_results(place).summary
    try:
        found = asked.compare(summary, list(worlds))
    except ResultsError as error:
        return error
    found.notes.extend(closure_notes(summary))
    write_comparison(found, place)
    return found


def _conclude(found: Comparison | ResultsError, swept: Swept, goal: Goal, place: Path, asked: Asked) -> None:
    from experiments.commands.sweep import conclude

    if not isinstance(found, ResultsError):
        asked.tell(found)
        if goal.half_width is not None and not asked.quiet and not swept.interrupted:
            typer.echo(_reached(found, goal, place))
    typer.echo(str(place) if asked.quiet else f"results: {place}")
    conclude(swept, found if isinstance(found, ResultsError) else None)


def _reached(found: Comparison, goal: Goal, place: Path) -> str:
    """Whether the wanted half-width was reached, in a sentence."""
    from experiments.comparison.adaptive import widest
    from experiments.store.reading import load_results

    half = widest(load_results(place).summary, found.baseline, goal.indicator, goal.level, goal.method)
    arms, pairs = len(found.arms) - 1, max(found.pairs.values())
    whose = f"the widest of {arms} intervals, which hold together," if arms > 1 else "its interval"
    wanted = f"Half-width of {goal.indicator}: {goal.half_width:g} wanted"
    if half <= (goal.half_width or 0.0):
        return f"{wanted}, {half:.3g} reached by {whose} with {pairs} pairs."
    return (
        f"{wanted}, not reached: {pairs} pairs, the most allowed, leave {half:.3g}; "
        "--resume with a larger --max-seeds goes on."
    )


# -- arms that are read ------------------------------------------------------------------------------------------


def _compare_folders(
    folders: Sequence[Path], baseline: str | None, asked: Asked, out: Path | None, force: bool
) -> None:
    from experiments.comparison.reading import read_arms
    from experiments.comparison.writing import write_read_comparison

    arms = read_arms(folders)
    found = asked.compare(arms.summary, arms.labels, baseline)
    found.notes[:0] = arms.notes
    place = None if out is None else write_read_comparison(found, arms, folders, out, force)
    asked.tell(found)
    if place is not None:
        typer.echo(str(place) if asked.quiet else f"results: {place}")
    failed = int((arms.summary["status"] == "failed").sum())
    if failed:
        typer.echo(f"marketplace: {how_many(failed, 'failed run')} left out", err=True)
        raise typer.Exit(INCOMPLETE)


def _refuse_running(things: Sequence[str], reading: Sequence[Path], stated: Sequence[str]) -> None:
    if len(reading) < len(things):
        other = next(thing for thing in things if not Path(thing).expanduser().is_dir())
        _refuse_nothing(other)
        raise ResultsError(
            f"{reading[0]} is a folder to be read and {other} a scenario to be run: name only one or the other"
        )
    if stated:
        raise ResultsError(f"{stated[0]} is for arms that are run, and {reading[0]} has been run")


def _refuse_nothing(thing: str) -> None:
    """Refuse what is neither a file nor a shipped scenario, with or without a policy behind it."""
    from marketplace.scenario import list_scenarios
    from marketplace.scenario_errors import nearest, show

    names = {thing, thing.rpartition(":")[0]} - {""}
    if any(Path(name).expanduser().exists() or name in list_scenarios() for name in names):
        return
    folders = [path.name for path in Path(thing).expanduser().parent.glob("*/") if path.is_dir()]
    near = nearest(thing, [*folders, *list_scenarios()])
    raise ResultsError(f"{show(thing)}: there is no such folder, file or shipped scenario{near}")


# -- refusals ----------------------------------------------------------------------------------------------------


def _check_numbers(level: float, method: str, half_width: float | None) -> None:
    from experiments.comparison.intervals import METHODS
    from marketplace.scenario_errors import nearest

    if not 0.0 < level < 1.0:
        raise ResultsError(f"--level {level:g} is not allowed: it must be above 0 and below 1, such as 0.95")
    if method not in METHODS:
        near = nearest(method, METHODS)
        raise ResultsError(f'--interval "{method}" is not allowed: it must be {", ".join(METHODS)}{near}')
    if half_width is not None and not (half_width > 0.0 and math.isfinite(half_width)):
        raise ResultsError(f"--half-width {half_width:g} is not allowed: it must be above 0")


def _refuse_unheard(
    half_width: float | None, indicator: str | None, max_seeds: int | None, indicators: str | None, every: bool
) -> None:
    """Refuse options that nothing would listen to."""
    if half_width is None and max_seeds is not None:
        raise ResultsError("--max-seeds is for --half-width: give --seeds, or --half-width too")
    if half_width is None and indicator is not None:
        raise ResultsError("--indicator is what --half-width looks at: what is compared is named by --indicators")
    if indicators is not None and every:
        raise ResultsError("--all compares every indicator and --indicators some: give one of them")


def _check_goal(goal: Goal, worlds: dict[str, Scenario], seeds: int | None, shown: Sequence[str] | None) -> None:
    """Refuse before the first run what would be refused after the last."""
    from experiments.comparison.comparison import all_indicators
    from marketplace.indicators import column_names
    from marketplace.scenario_errors import nearest, show

    if goal.half_width is not None and seeds is not None:
        raise ResultsError("--half-width finds the number of seeds: give --max-seeds instead of --seeds")
    base = next(iter(worlds.values()))
    base.with_changes({"run.seed": base.run.seed + goal.seeds - 1})  # a last seed out of range
    known = all_indicators({c for w in worlds.values() for c in column_names([p.name for p in w.platforms])})
    for name in [goal.indicator, *(shown or [])]:
        if name not in known:
            raise ResultsError(f"{show(name)} is not an indicator of these worlds{nearest(name, known)}")
    if shown is not None and goal.half_width is not None and goal.indicator not in shown:
        raise ResultsError(f"--indicator {goal.indicator} is not among --indicators {','.join(shown)}: add it")
