"""The command ``report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run, a sweep or a comparison.")],
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="Where to write; by default report.html in the folder.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file of --to if it exists.")] = False,
) -> None:
    """Make the report of a results folder anew: one HTML page that stands by itself."""
    from experiments.reports.folder_report import report_folder

    place = report_folder(folder.expanduser(), to and to.expanduser(), overwrite=force or to is None)
    typer.echo(f"report: {place}")
