"""The command ``replay``. What it needs is imported inside it, so that ``--help`` answers at once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from experiments.errors import INTERRUPTED

if TYPE_CHECKING:
    import pandas as pd

    from experiments.results import RunFolder
    from experiments.runs import Outcome

DIFFERENT = 1


def replay(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of results.")],
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Keep the new run here.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the results folder --out if it exists.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Make a run again from its folder and say whether it is the same to the last bit; exit code 1 if not."""
    from experiments.folders import whole_folder
    from experiments.progress import progress_for
    from experiments.results import Kept, add_report, load_run, write_run
    from experiments.runs import Stop, carry_out, compiled_already

    old, progress = load_run(folder, imports=True), progress_for(quiet)
    for warning in warnings(old):
        typer.echo(f"marketplace: warning: {warning}", err=True)
    with Stop() as stop, nullcontext() if out is None else whole_folder(out, force=force) as place:
        compiled_already(progress.say)
        twin_weeks = 0 if old.twin is None else len(old.twin)
        outcome = carry_out(
            old.scenario, weeks=len(old.weekly), twin_weeks=twin_weeks, stop=stop, progress=progress
        )
        mistake = None
        if place is not None:
            write_run(place.aside, outcome, Kept.of(old.scenario, old.imports).copy_to(place.aside))
            mistake = add_report(place.aside)
    if place is not None:
        typer.echo(f"results: {place.path}")
    _conclude(old, outcome)
    if mistake is not None:
        raise mistake


def _conclude(old: RunFolder, new: Outcome) -> None:
    tables: list[tuple[str, pd.DataFrame, pd.DataFrame | None]] = [("weekly", old.weekly, new.weekly)]
    if old.twin is not None:
        tables.append(("twin", old.twin, new.twin))
    for name, before, after in tables:
        if after is not None:
            found = first_difference(before.head(len(after)), after)
            if found:
                typer.echo(f"marketplace: {old.path / name}.parquet is not the same: {found}", err=True)
                raise typer.Exit(DIFFERENT)
    missing = next((name for name, before, after in tables if after is None or len(after) < len(before)), None)
    if missing is not None:
        if new.failure is not None:
            raise new.failure
        typer.echo(f"marketplace: interrupted in {missing}; so far it is the same", err=True)
        raise typer.Exit(INTERRUPTED)
    what = " and ".join(f"{name} ({len(after):,} weeks)" for name, _, after in tables if after is not None)
    typer.echo(f"{old.path} is the same to the last bit: {what}, {len(new.weekly.columns) - 1} indicators")


def first_difference(before: pd.DataFrame, after: pd.DataFrame) -> str:
    """The first week, and in it the first indicator, in which two weekly tables differ; nothing if they do not.

    Undefined values are equal to each other; zero and minus zero are not.
    """
    import numpy as np

    lacking = [*before.columns.difference(after.columns), *after.columns.difference(before.columns)]
    if lacking:
        return f"the indicator {lacking[0]} is in one of the two only"
    if len(before) != len(after):
        return f"it has {len(before):,} weeks, the new run {len(after):,}"
    left, right = (frame[list(before.columns)].to_numpy(np.float64) for frame in (before, after))
    same = (left.view(np.int64) == right.view(np.int64)) | (np.isnan(left) & np.isnan(right))
    if same.all():
        return ""
    row, column = np.argwhere(~same)[0]
    a, b = float(left[row, column]), float(right[row, column])
    return f"first in week {row + 1}, {before.columns[column]} was {a!r} and is {b!r}"


def warnings(old: RunFolder) -> list[str]:
    """What differs between the makers of a run and this installation, a sentence each."""
    from experiments.provenance import git_state, machine, versions

    then, now = old.provenance["versions"], versions()
    names = [name for name in {**then, **now} if then.get(name) != now.get(name)]
    changed = [f"{name} {_of(then, name)}, now {_of(now, name)}" for name in names]
    found = [f"package versions differ: {'; '.join(changed)}"] if changed else []
    commits = [_of(state or {}, "commit") for state in (old.provenance.get("git"), git_state())]
    if commits[0] != commits[1]:
        found.append(f"the sources differ: commit {commits[0]}, now {commits[1]}")
    processors = [_of(place or {}, "processor") for place in (old.provenance.get("machine"), machine())]
    if processors[0] != processors[1]:
        found.append(f"the processor differs: {processors[0]}, now {processors[1]}")
    if not old.provenance["inputs"] and old.scenario.hash() != old.provenance["scenario_sha256"]:
        found.append("scenario.toml says something else than when the run was made")
    return found


def _of(facts: Mapping[str, Any], key: str) -> str:
    return str(facts.get(key) or "none")
