"""The commands ``sweep`` and ``merge``. What they need is imported inside them, so that ``--help`` answers at once."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from experiments.commands.again import refuse_resume_with_force, resume_command
from experiments.commands.run import FORCE, IMPORT, OUT, QUIET, SET, WORKERS
from experiments.errors import INCOMPLETE, INTERRUPTED, ResultsError
from experiments.wording import how_many

if TYPE_CHECKING:
    from experiments.designs import Design
    from experiments.engine.plan import Part
    from experiments.engine.sweep import How, Swept
    from experiments.store.merging import Merged

DESIGN = typer.Argument(metavar="DESIGN.toml", help="A design: base scenario, factors, replications.")
RESUME = typer.Option("--resume", help="Go on with the folder of this design: run what is missing or failed.")
SHARD = typer.Option("--shard", metavar="K/N", help="Run the K-th of N parts only; `merge` joins their folders.")
ENGINE = typer.Option("--engine", metavar="local|dask", help="Who carries the runs out.")
ADDRESS = typer.Option("--address", metavar="HOST", help="Dask's scheduler, or its scheduler file.")
LIMIT = typer.Option("--time-limit", metavar="SECONDS", min=0.001, help="End a run that takes longer, as failed.")
SHOWN = 5  # reasons for failures that are told at the end


def sweep(
    design: Annotated[Path, DESIGN],
    changes: Annotated[list[str] | None, SET] = None,
    imports: Annotated[list[Path] | None, IMPORT] = None,
    out: Annotated[Path | None, OUT] = None,
    workers: Annotated[int, WORKERS] = 0,
    resume: Annotated[bool, RESUME] = False,
    shard: Annotated[str, SHARD] = "1/1",
    engine: Annotated[str, ENGINE] = "local",
    address: Annotated[str | None, ADDRESS] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how much it would be, and leave.")] = False,
    time_limit: Annotated[float | None, LIMIT] = None,
    weekly: Annotated[bool, typer.Option("--weekly", help="Keep the weeks of every run, too.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Write the tables as CSV, too.")] = False,
    force: Annotated[bool, FORCE] = False,
    quiet: Annotated[bool, QUIET] = False,
) -> None:
    """Run a design: every point, every replicate, each run once, whatever happens in between.

    Exit code 1 if runs failed (the others are kept), 130 if it was interrupted.
    """
    from experiments.closures import closure_notes
    from experiments.designs import load_design
    from experiments.engine.sweep import How, carry_out_sweep
    from experiments.own_code import naming_imports
    from experiments.progress import progress_for
    from experiments.runs import Stop, compiled_already
    from experiments.store.reading import load_results
    from marketplace.scenario import parse_assignment

    part = read_part(shard)
    check_engine(engine, address)
    refuse_resume_with_force(resume, force)
    with naming_imports(out if resume else None):
        plan = load_design(design, [parse_assignment(text) for text in changes or []], imports=imports or [])
    progress = progress_for(quiet)
    how = How(workers, time_limit, engine, address)
    folder = folder_to_resume(plan, out, part) if resume else None
    if dry_run:
        say_estimate(plan, part, how, folder, weekly)
        return
    with Stop() as stop:
        compiled_already(progress.say)
        place = folder or make_folder(plan, out, part, force)
        try:
            swept = carry_out_sweep(
                plan, place, stop=stop, progress=progress, how=how, weekly=weekly, resume=folder is not None, part=part
            )
        except ResultsError:  # workers cannot begin, say: a folder that holds nothing would be in the way
            if folder is None and not any(place.glob("*/*.parquet")):  # no shard
                shutil.rmtree(place)
            raise
    if csv:
        from experiments.store.csv import write_csv

        write_csv(place)
    typer.echo(str(place) if quiet else f"results: {place}")
    if not quiet:
        for note in closure_notes(load_results(place).summary):
            typer.echo(note)
    conclude(swept)


def read_part(text: str) -> Part:
    """The part of a design that ``K/N`` means.

    Raises
    ------
    ResultsError
        If it is none.
    """
    from experiments.engine.plan import Part

    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip())
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise ResultsError(f'--shard "{text}" is not allowed: write K/N, such as 1/8, with K from 1 to N')
    return Part(int(match[1]), int(match[2]))


def check_engine(engine: str, address: str | None) -> None:
    """Refuse an engine that there is not, or that lacks what it needs.

    Raises
    ------
    ResultsError
        One sentence.
    """
    from importlib.util import find_spec

    from marketplace.scenario_errors import nearest

    if engine not in ("local", "dask"):
        near = nearest(engine, ["local", "dask"])
        raise ResultsError(f'--engine "{engine}" is not allowed: it must be "local" or "dask"{near}')
    if engine == "dask" and find_spec("distributed") is None:
        raise ResultsError("--engine dask needs Dask: pip install 'marketplace-simulator[cluster]'")
    if address is not None and engine != "dask":
        raise ResultsError("--address is that of Dask's scheduler: add --engine dask")


def make_folder(design: Design, out: Path | None, part: Part, force: bool) -> Path:
    """A fresh folder for a sweep."""
    from experiments.folders import fresh_folder
    from experiments.store.lock import Lock
    from experiments.store.manifest import MANIFEST

    if force and out is not None and (out / MANIFEST).is_file():
        with Lock(out):  # refused while another sweep is at work there
            pass
    stem = design.name if part.n == 1 else f"{design.name}-{part.k}-of-{part.n}"
    return fresh_folder(out, stem, force=force)


def folder_to_resume(design: Design, out: Path | None, part: Part) -> Path | None:
    """The folder in which work is taken up again; None where there is nothing yet.

    Without ``--out`` it is the newest below results/ that is of the same design.

    Raises
    ------
    ResultsError
        If what stands there is no sweep.
    """
    from experiments.engine.plan import design_hash
    from experiments.engine.sweep import said_of
    from experiments.folders import RESULTS
    from experiments.store.manifest import MANIFEST, read_manifest

    if out is not None:
        out = out.expanduser()
        if not out.exists():
            return None
        if not (out / MANIFEST).is_file() and not barely_begun(out):
            raise ResultsError(f"{out} cannot be resumed: it holds no sweep")
        if said_of(out).get("read"):
            raise ResultsError(f"{out} cannot be resumed: its runs were read from other folders")
        return out
    wanted = design_hash(design), part.listed
    known = sorted(RESULTS.glob(f"*/{MANIFEST}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in known:
        try:
            manifest = read_manifest(path.parent)
        except ResultsError:
            continue
        if (manifest.design_sha256, manifest.part) == wanted:
            return path.parent
    raise ResultsError(f"there is nothing to resume: no folder below {RESULTS}/ is of this design; name one with --out")


def barely_begun(folder: Path) -> bool:
    """Whether a folder holds nothing but what a sweep writes before its manifest, if that."""
    from experiments.engine.sweep import FILES

    return folder.is_dir() and all(path.name in FILES or path.name.startswith(".aside-") for path in folder.iterdir())


def say_estimate(design: Design, part: Part, how: How, folder: Path | None, weekly: bool) -> None:
    """Print what a sweep would take."""
    from experiments.engine.estimate import estimate

    for line in estimate(design, part, how, folder, weekly).lines():
        typer.echo(line)


def conclude(swept: Swept, reason: ResultsError | None = None) -> None:
    """End the command as the sweep ended, and say what goes on with it.

    Parameters
    ----------
    swept : Swept
        What it has come to.
    reason : ResultsError or None
        Why its runs cannot be told of, where they cannot.

    Raises
    ------
    typer.Exit
        Code 130 after an interruption, 1 where runs failed.
    ResultsError
        The reason, where all runs are there.
    """
    done = f"{swept.folder} holds {swept.complete:,} of {swept.planned:,} runs"
    again = resume_command(swept.folder)
    for (stage, exception, message, place), count in swept.reasons.most_common(SHOWN):
        where = f" ({place})" if place else ""
        said = f"{how_many(count, 'run')} failed at stage {stage}{where}: {exception}: {message}"
        typer.echo(f"marketplace: {said}", err=True)
    if swept.interrupted:
        typer.echo(f"marketplace: interrupted; {done}; `{again}` runs the rest", err=True)
    elif swept.failed:
        what = f"{swept.failed:,} failed" if swept.complete else "every run failed"
        longer = ", with a larger --time-limit" if any(stage == "time-limit" for stage, *_ in swept.reasons) else ""
        typer.echo(f"marketplace: {done}, {what}; `{again}` runs them again{longer}", err=True)
    elif reason is not None:
        raise reason
    if reason is not None:
        typer.echo(f"marketplace: {reason}", err=True)
    if swept.interrupted or swept.failed:
        raise typer.Exit(INTERRUPTED if swept.interrupted else INCOMPLETE)


def merge(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A fresh folder for the whole.")],
    shards: Annotated[list[Path], typer.Argument(metavar="SHARD...", help="Folders of the parts.")],
    csv: Annotated[bool, typer.Option("--csv", help="Write the tables as CSV, too.")] = False,
    force: Annotated[bool, FORCE] = False,
    quiet: Annotated[bool, QUIET] = False,
) -> None:
    """Join the parts of a design that were run with --shard K/N in one folder.

    Exit code 1 if runs failed or are in no part.
    """
    from experiments.folders import whole_folder
    from experiments.store import merging

    with whole_folder(out, force=force) as place:
        merged = merging.merge(place.aside, shards)
        if csv:
            from experiments.store.csv import write_csv

            write_csv(place.aside)
    for sentence in told_of(merged, out):
        typer.echo(f"marketplace: {sentence}", err=True)
    if not quiet:
        typer.echo(f"{merged.complete:,} of {merged.planned:,} runs complete, {merged.failed:,} failed")
    typer.echo(str(out) if quiet else f"results: {out}")
    if merged.failed or merged.missing:
        raise typer.Exit(INCOMPLETE)


def told_of(merged: Merged, out: Path) -> list[str]:
    """What was odd about the parts, in sentences."""
    sentences = []
    if merged.twice:
        sentences.append(f"{merged.twice:,} runs were in more than one part; each was taken once")
    if merged.missing:
        some = ", ".join(f"point {point} replicate {replicate}" for point, replicate in merged.missing[:SHOWN])
        more = f" and {len(merged.missing) - SHOWN:,} more" if len(merged.missing) > SHOWN else ""
        sentences.append(
            f"{len(merged.missing):,} of {merged.planned:,} runs are missing: {some}{more}; "
            f"`marketplace sweep DESIGN.toml --resume --out {out}` runs them"
        )
    if merged.failed:
        again = f"`marketplace sweep DESIGN.toml --resume --out {out}` runs them again"
        sentences.append(f"{merged.failed:,} of {merged.planned:,} runs failed; {again}")
    return sentences
