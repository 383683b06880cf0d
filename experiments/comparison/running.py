"""Running the arms of a comparison in a folder: a given number of seeds, or as many as an interval needs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.comparison.adaptive import Looking, looks, widest
from experiments.comparison.arms import against
from experiments.comparison.intervals import LEVEL, Method
from experiments.errors import ResultsError
from experiments.folders import MARK, RESULTS
from experiments.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from experiments.designs import Design
    from experiments.engine.sweep import How, Swept
    from experiments.runs import Stop
    from marketplace.scenario import Scenario

KIND = "comparison"


@dataclass(frozen=True)
class Goal:
    """How far a comparison goes.

    Attributes
    ----------
    seeds : int
        Seeds of each arm; the most, where a half-width is wanted.
    half_width : float or None
        Of the widest interval of ``indicator`` over all arms; None runs all seeds.
    indicator : str
        What is looked at.
    level : float
        Confidence.
    method : str
        Kind of interval.
    """

    seeds: int
    half_width: float | None = None
    indicator: str = "gmv"
    level: float = LEVEL
    method: Method = "guarded-t"


class Silent(Progress):
    """Progress without sentences: what was said of a folder when it was taken up need not be said at every look."""

    def __init__(self, progress: Progress) -> None:
        self.follow = progress.follow  # type: ignore[method-assign]


def design_of(arms: Mapping[str, Scenario], seeds: int, imports: Sequence[Path], weekly: bool, name: str) -> Design:
    """The design of a comparison: every arm under the same seeds, from the first arm's ``run.seed`` on."""
    from experiments.designs import Design

    return Design.of(
        kind="arms", arms=dict(arms), replications=seeds, imports=[str(path) for path in imports], weekly=weekly,
        name=name,
    )  # fmt: skip


def carry_out_comparison(
    arms: Mapping[str, Scenario], goal: Goal, folder: Path, *, imports: Sequence[Path], weekly: bool, stop: Stop,
    progress: Progress, how: How, resume: bool = False,
) -> Swept:  # fmt: skip
    """Run the arms; the runs are in the folder when this returns, however it ended.

    Parameters
    ----------
    arms : mapping of str to Scenario
        By label, the baseline first.
    goal : Goal
        How far to go.
    folder : Path
        An empty one, or, with ``resume``, that of the same comparison.
    imports, weekly, stop, progress, how
        As of `experiments.engine.sweep.carry_out_sweep`.

    Raises
    ------
    ResultsError
        If the folder holds more seeds than are asked for, or as `carry_out_sweep`.
    OSError
        As `carry_out_sweep`.
    """
    from experiments.engine.sweep import carry_out_sweep

    there = refuse_fewer_seeds(folder, len(arms), goal.seeds) if resume else 0
    name = against(list(arms))
    looking = None if goal.half_width is None else Looking(goal.half_width)
    for number in [goal.seeds] if looking is None else looks(goal.seeds):
        if number < there and not (looking and _enough(folder, list(arms), number, goal, looking)):
            continue
        swept = carry_out_sweep(
            design_of(arms, max(number, there), imports, weekly, name), folder, stop=stop, progress=progress, how=how,
            weekly=weekly, resume=resume, kind=KIND, extra={"arms_sha256": arms_hash(arms), "arms": list(arms)},
        )  # fmt: skip
        progress, resume = Silent(progress), True
        if swept.interrupted or number < there or (looking and _enough(folder, list(arms), number, goal, looking)):
            break
    return swept


def _enough(folder: Path, arms: Sequence[str], number: int, goal: Goal, looking: Looking) -> bool:
    from experiments.store.reading import load_results

    summary = load_results(folder).summary
    early = summary[summary["replicate"] < number]
    return looking.enough(_widest(early, arms[0], goal))


def _widest(summary: pd.DataFrame, baseline: str, goal: Goal) -> float:
    complete = summary[summary["status"] == "complete"]
    if baseline not in set(complete["arm"]) or complete["arm"].nunique() < 2:
        raise ResultsError(f"no interval can be had: only {len(complete)} of {len(summary)} runs are complete")
    return widest(summary, baseline, goal.indicator, goal.level, goal.method)


def refuse_fewer_seeds(folder: Path, arms: int, seeds: int) -> int:
    """Seeds of each arm that a folder was last to hold, which a smaller number would throw away.

    Raises
    ------
    ResultsError
        If they are more than are asked for.
    """
    from experiments.store.manifest import MANIFEST, read_manifest

    there = read_manifest(folder).planned // arms if (folder / MANIFEST).exists() else 0
    if there > seeds:
        raise ResultsError(f"{folder} holds {there} seeds of each arm: ask for at least as many, not {seeds}")
    return there


def arms_hash(arms: Mapping[str, Scenario]) -> str:
    """SHA-256 (hex) of the arms' labels and scenarios."""
    text = "\n".join(f"{label}\0{world.hash()}" for label, world in arms.items())
    return hashlib.sha256(text.encode()).hexdigest()


def folder_to_resume(
    arms: Mapping[str, Scenario], out: Path | None, kind: str = KIND, below: Path = RESULTS
) -> Path | None:
    """The folder in which a comparison is taken up again; None where there is nothing yet at ``out``.

    Without ``out`` it is the newest below ``results/`` of the same arms.

    Raises
    ------
    ResultsError
        If what stands there is another thing, or there is nothing to resume.
    """
    from experiments.engine.sweep import said_of

    wanted = arms_hash(arms)
    if out is not None:
        out = out.expanduser()
        if not out.exists() or (out.is_dir() and not any(out.iterdir())):
            return None
        said = said_of(out)
        if said.get("kind") != kind or "arms_sha256" not in said:
            raise ResultsError(f"{out} cannot be resumed: it holds no {kind}")
        if said["arms_sha256"] != wanted:
            held = ", ".join(said["arms"])
            raise ResultsError(f"{out} cannot be resumed: it holds other arms, or the same before a change ({held})")
        return out
    marks = sorted(below.glob(f"*/{MARK}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in marks:
        said = said_of(path.parent)
        if said.get("kind") == kind and said.get("arms_sha256") == wanted:
            return path.parent
    raise ResultsError(f"there is nothing to resume: no folder below {below}/ holds these arms; name it with --out")
