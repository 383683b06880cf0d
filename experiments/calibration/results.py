"""What a calibration leaves behind.

==================  ==============================================================================================
file                content
==================  ==============================================================================================
scenario.toml       the complete scenario with the best trial's values, each with its provenance as a comment
base.toml           the complete scenario the search began with
targets.toml        the target file as read
trials.parquet      a row a trial: parameters, statistics, misses, loss, whether on the Pareto front
calibration.json    the best trial, the profiles, the trade-offs
calibration.html    all of it, to be read
journal.log         Optuna's journal, from which --resume goes on
provenance.json     what it was made with
==================  ==============================================================================================
"""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.calibration.findings import Profile, number, pareto, trade_offs
from experiments.calibration.journal import BASE, Plan, best_of, number_of
from experiments.calibration.search import CAP, Trial
from experiments.files import plain, write_json, write_whole
from experiments.folders import MARK
from experiments.validation.verdicts import INSIDE, OUTSIDE, UNDEFINED
from marketplace.scenario_paths import split_path

if TYPE_CHECKING:
    import pandas as pd

    from experiments.results import Kept
    from marketplace.scenario import Scenario

NAME = "calibration.json"
SCENARIO = "scenario.toml"


def write_beginning(folder: Path, plan: Plan, base: Scenario, kept: Kept) -> None:
    """Write what is known before the first trial, and copy the files that runs use."""
    for below in ("imports", "inputs"):
        shutil.rmtree(folder / below, ignore_errors=True)
    copies = kept.copy_to(folder)
    write_whole(folder / BASE, base.to_toml(), overwrite=True)
    write_whole(folder / "targets.toml", plan.targets.text, overwrite=True)
    write_provenance(folder, plan, "interrupted", copies)  # until it is complete: a crash has no time to say so


def write_results(
    folder: Path, plan: Plan, base: Scenario, trials: Sequence[Trial], found: Sequence[Profile]
) -> None:  # fmt: skip
    """Write all but the page; older ones are replaced."""
    best = best_of(trials)
    text = scenario_text(base.with_changes(best.values), plan, trials, found, datetime.now(UTC))
    write_whole(folder / SCENARIO, text, overwrite=True)
    aside = folder / ".aside-trials"
    trial_table(plan, trials).to_parquet(aside, index=False)
    aside.replace(folder / "trials.parquet")
    said = statement(plan, trials, found)
    write_json(folder / NAME, said)


def scenario_text(
    scenario: Scenario, plan: Plan, trials: Sequence[Trial], found: Sequence[Profile], when: datetime
) -> str:  # fmt: skip
    """A complete scenario as TOML, with the provenance of every calibrated value above it."""
    best, targets = best_of(trials), plan.targets
    asked = [target for target in targets.targets if target.required]
    met = sum(best.misses[target.name] <= 1.0 for target in asked)
    head = (
        f"# Calibrated on {when:%Y-%m-%d} to the targets {targets.name} (SHA-256 {plan.stated()['targets'][:12]}): "
        f"{number_of(best, trials)}, loss {best.loss:.4g}, {met} of {len(asked)} targets "
        f"inside.\n# Every trial ran under {_seeds(scenario.run.seed, plan.seeds)}; the search's seed was {plan.seed}. "
        "`marketplace validate` says what other seeds make of it.\n\n"
    )
    notes = {}
    for one in found:
        parameter = one.parameter
        notes[_place(parameter.path, scenario)] = [
            f"# calibrated {when:%Y-%m-%d}: trial {best.number}, targets {targets.name}, loss {best.loss:.4g}; "
            f"range {number(parameter.low)} to {number(parameter.high)} ({'log' if parameter.log else 'linear'})",
            f"# {one.words}",
        ]
    return head + _annotated(scenario.to_toml(), notes)


def _seeds(first: int, count: int) -> str:
    return f"seed {first}" if count == 1 else f"seeds {first} to {first + count - 1}"


def _place(path: str, scenario: Scenario) -> tuple[str, int, str]:
    """Section, which of several, and key of a field in the complete text."""
    *stem, key = split_path(path)
    if stem[0] in ("platform", "platforms"):
        names = [platform.name for platform in scenario.platforms]
        which = stem[1] if len(stem) > 1 else "0"
        return "platforms", names.index(which) if which in names else int(which), key
    return ".".join(stem), 0, key


def _annotated(text: str, notes: Mapping[tuple[str, int, str], Sequence[str]]) -> str:
    """The text of a scenario with comments above some of its fields."""
    lines, section, which = [], "", 0
    for line in text.splitlines():
        header = re.fullmatch(r"\[+([^\[\]]+)\]+", line)
        if header:
            name = "platforms" if header[1] in ("platform", "platforms") else header[1]
            which = which + 1 if name == section else 0
            section = name
        key = line.partition(" = ")[0]
        lines += [*notes.get((section, which, key), ()), line]
    return "\n".join(lines) + "\n"


def trial_table(plan: Plan, trials: Sequence[Trial]) -> pd.DataFrame:
    """A row a trial."""
    import pandas as pd

    front = pareto(plan.targets.targets, trials)
    rows = []
    for one, kept in zip(trials, front, strict=True):
        row: dict[str, Any] = {"trial": one.number, "loss": one.loss, "pareto": kept, "failed": one.failed}
        row |= {"seconds": one.seconds, **one.values}
        row |= {f"statistic.{name}": value for name, value in one.statistics.items()}
        row |= {f"miss.{name}": value for name, value in one.misses.items()}
        rows.append(row)
    return pd.DataFrame(rows)


def statement(plan: Plan, trials: Sequence[Trial], found: Sequence[Profile]) -> dict[str, Any]:
    """The whole of it as plain values."""
    best, targets = best_of(trials), plan.targets.targets
    return {
        "scenario": plan.scenario.name,
        "targets_file": plan.targets.name,
        "plan": plan.stated(),
        "trials": len(trials),
        "cap": CAP,
        "best": {
            "trial": best.number,
            "loss": best.loss,
            "targets": [
                {
                    "target": t.name,
                    "statistic": t.statistic,
                    "required": t.required,
                    "real": plain(t.value),
                    "allowed_low": plain(t.low),
                    "allowed_high": plain(t.high),
                    "simulated": plain(best.statistics[t.name]),
                    "miss": plain(best.misses[t.name]),
                    "verdict": word(best.misses[t.name]),
                }
                for t in targets
            ],
        },
        "parameters": [one.row() for one in found],
        "trade_offs": [
            {
                "best_for": best_for or "all",
                "trial": one.number,
                "loss": one.loss,
                "misses": plain(one.misses),
            }
            for best_for, one in trade_offs(targets, trials)
        ],
        "pareto_trials": sum(pareto(targets, trials)),
    }


def word(miss: float) -> str:
    """``inside``, ``outside`` or ``undefined``, by a miss."""
    if math.isinf(miss):
        return UNDEFINED
    return INSIDE if miss <= 1.0 else OUTSIDE


def close_provenance(folder: Path, status: str) -> None:
    """State how it ended."""
    said = json.loads((folder / MARK).read_text(encoding="utf-8"))
    said |= {"status": status, "ended": datetime.now(UTC).isoformat(timespec="seconds")}
    write_json(folder / MARK, said)


def write_provenance(folder: Path, plan: Plan, status: str, copies: Mapping[str, Any]) -> None:
    """State what it is made with, and how it stands."""
    from experiments.provenance import SCHEMA, git_state, machine, versions

    said = {
        "schema": SCHEMA,
        "kind": "calibration",
        "status": status,
        "scenario": plan.scenario.name,
        "targets": plan.targets.name,
        "plan": plan.stated(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "git": git_state(),
        "machine": machine(),
        **copies,
    }
    write_json(folder / MARK, said)
