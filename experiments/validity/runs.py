"""The runs of a world that are held against the facts: carried out, saved in a small file, and read from there.

Saved are the figures of every seed and no verdicts, so that targets may change without a run being carried out anew.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from experiments import golden
from experiments.errors import ResultsError
from experiments.files import read_json, write_whole
from experiments.provenance import sha256, versions
from experiments.validity.places import COMMAND, RUNS, runs_of

if TYPE_CHECKING:
    from experiments.progress import Progress
    from experiments.runs import Stop
    from experiments.validation.validating import Validation
    from marketplace.scenario import Scenario

DIGITS = 6  # significant ones that are saved: the spread over seeds is in the second or third
MEASURES = ("statistics.py", "measures.py", "measuring.py", "curves.py", "interventions.py")


def measured_by() -> str:
    """SHA-256 (hex) of the sources by which runs are measured."""
    folder = Path(__file__).resolve().parent.parent / "validation"
    return hashlib.sha256("".join(sha256(folder / name) for name in MEASURES).encode()).hexdigest()


def world_of(name: str) -> Scenario:
    """A shipped world with its orders recorded where its targets need them, as it is run."""
    from experiments.validation.targets import load_targets
    from marketplace.scenario import load_scenario

    scenario = load_scenario(name)
    orders = load_targets(name).needs_orders or scenario.run.record_orders
    return scenario.with_changes({"run.record_orders": orders})


def carry_out(name: str, seeds: int, stop: Stop, progress: Progress) -> Validation:
    """Run a world under seeds from ``run.seed`` on; runs that an earlier session finished are taken from there.

    Raises
    ------
    ResultsError
        If a run fails, or another session is at work.
    """
    from experiments.engine.remembered import remembering
    from experiments.store.lock import Lock
    from experiments.validation.targets import load_targets
    from experiments.validation.validating import validate

    RUNS.mkdir(parents=True, exist_ok=True)
    with Lock(RUNS):
        run = remembering(RUNS / f"{name}.jsonl", measured_by())
        found = validate(world_of(name), load_targets(name), seeds, stop=stop, progress=progress, run=run)
    if found.failures:
        raise ResultsError(f"{name}: {found.failures[0]}")
    return found


def save(found: Validation, path: Path | None = None) -> None:
    """Write the figures of all seeds, with what they are of."""
    columns = found.runs.to_dict(orient="list")
    said = _made_of(found.scenario.name) | {
        "versions": versions(),
        "seeds": [int(seed) for seed in columns.pop("seed")],
        "figures": {name: [_short(value) for value in values] for name, values in columns.items()},
    }
    lines = json.dumps(said, indent=1, allow_nan=False)
    write_whole(path or runs_of(found.scenario.name), _one_line_a_list(lines) + "\n", overwrite=True)


def load(name: str, path: Path | None = None) -> Validation:
    """The saved runs of a world beside today's targets.

    Raises
    ------
    ResultsError
        If there are none, they are damaged, or they are of a world that has changed since.
    """
    from experiments.validation.targets import load_targets
    from experiments.validation.validating import Validation

    path = path or runs_of(name)
    said = read(path)
    try:
        seeds, figures = said["seeds"], said["figures"]
        runs = pd.DataFrame({"seed": seeds, **figures}).astype({"seed": int, **dict.fromkeys(figures, float)})
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ResultsError(f"{path.name} is damaged: it does not hold the figures of seeds; run {COMMAND}") from None
    refuse_stale(path, said, _made_of(name))
    return Validation(world_of(name), load_targets(name), len(runs), runs)


def read(path: Path) -> dict[str, Any]:
    """A saved file of the reference results.

    Raises
    ------
    ResultsError
        If it cannot be read, with the command that makes it.
    """
    try:
        return read_json(path)
    except ResultsError as error:
        raise ResultsError(f"{error}; run {COMMAND}") from None


def refuse_stale(path: Path, said: dict[str, Any], now: dict[str, str]) -> None:
    """Refuse a saved file that was made of other things than those that stand there now.

    Raises
    ------
    ResultsError
        With the first that differs.
    """
    for what, value in now.items():
        if said.get(what) != value:
            changed = f"its {what} is {said.get(what)} and now is {value}"
            raise ResultsError(f"{path.name} is stale: {changed}; run {COMMAND}")


def _made_of(name: str) -> dict[str, str]:
    """What decides over the figures of a world: its scenario, what it gives, and how it is measured."""
    baseline = golden.HOME / f"{name}.json"  # written anew exactly when results were meant to change
    return {
        "scenario": name,
        "scenario's hash": world_of(name).hash()[:16],
        "baseline's hash": sha256(baseline)[:16],
        "measures' hash": measured_by()[:16],
    }


def _short(value: float) -> float | None:
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None


def _one_line_a_list(text: str) -> str:
    """JSON in which every list of numbers stands on one line."""
    return re.sub(r"\[[^\[\]{}\"]*\]", lambda found: " ".join(found[0].split()), text)
