"""The report of whatever a results folder holds: a run, an ablation, a sweep, a comparison."""

from __future__ import annotations

from pathlib import Path

from experiments.errors import ResultsError
from experiments.files import read_json, write_whole
from experiments.folders import MARK
from experiments.results import REPORT


def report_folder(folder: Path, to: Path | None = None, *, overwrite: bool = True) -> Path:
    """Make the report of a results folder anew; return where it stands.

    Parameters
    ----------
    folder : Path
        As a command of this project wrote it.
    to : Path or None
        Where to write; None takes ``report.html`` in the folder.
    overwrite : bool
        Whether a file that stands there may be replaced.

    Raises
    ------
    ResultsError
        If it is no results folder, or it is damaged.
    OSError
        If the page cannot be written; nothing half-written is left.
    """
    path = folder / REPORT if to is None else to
    write_whole(path, page_of(folder), overwrite=overwrite)
    return path


def page_of(folder: Path) -> str:
    """The whole page of a results folder.

    Raises
    ------
    ResultsError
        If it is no results folder, or it is damaged.
    """
    from experiments.comparison.writing import COMPARISON
    from experiments.results import load_run, refuse_other_folders
    from experiments.store.manifest import MANIFEST
    from experiments.store.reading import load_results

    refuse_other_folders(folder)
    if (folder / "weekly.parquet").is_file():
        from experiments.reports.run_report import page

        return page(load_run(folder))
    results = load_results(folder) if (folder / MANIFEST).is_file() else None
    if (folder / COMPARISON).is_file():
        from experiments.reports.comparison_report import comparison_page, read_comparison

        return comparison_page(results, read_comparison(folder / COMPARISON), read_json(folder / MARK))
    if results is None:
        raise ResultsError(f"{folder}: there is nothing to report: it holds neither runs nor a comparison")
    from experiments.reports.sweep_report import sweep_page

    return sweep_page(results)
