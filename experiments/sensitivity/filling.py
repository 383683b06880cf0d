"""Running again what a sweep lacks, before it is analysed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from experiments.sensitivity.outputs import gaps_of, refuse_gaps

if TYPE_CHECKING:
    from experiments.progress import Progress


def filled(results: Any, *, workers: int = 0, progress: Progress | None = None) -> Any:
    """The sweep with its missing and failed runs carried out, in its own folder.

    Executes the files that the sweep brought by ``--import``.

    Parameters
    ----------
    results : Results
        As `load_results` gives them.
    workers : int
        Number of processes; 0 takes one for every core.
    progress : Progress
        Told of every run.

    Raises
    ------
    ResultsError
        If it is a part of a sweep, or a run fails again.
    KeyboardInterrupt
        If it was asked to stop; what is finished is kept.
    """
    from experiments.designs.kept import kept_design
    from experiments.engine.sweep import How, carry_out_sweep
    from experiments.progress import Progress as Quiet
    from experiments.runs import Stop
    from experiments.store.reading import load_results

    if not any(gaps_of(results)):
        return results
    if results.manifest.part:
        refuse_gaps(results)
    design = kept_design(results)
    with Stop() as stop:
        swept = carry_out_sweep(
            design, results.path, stop=stop, progress=progress or Quiet(), how=How(workers), resume=True,
            weekly=results.manifest.weekly, kind=str(results.provenance.get("kind", "sweep")),
        )  # fmt: skip
    if swept.interrupted:
        raise KeyboardInterrupt
    return load_results(results.path)
