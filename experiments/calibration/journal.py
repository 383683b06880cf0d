"""The journal of a calibration: an Optuna study in a file that is only ever appended to.

Only finished trials are written, each in one piece, so that what a killed search leaves behind is a search with
fewer trials. What was under way is asked for again, and comes out the same.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.calibration.search import Trial, distribution, silent
from experiments.errors import ResultsError
from experiments.files import plain
from experiments.validation.targets import Targets

if TYPE_CHECKING:
    import optuna

    from marketplace.scenario import Scenario

JOURNAL = "journal.log"
BASE = "base.toml"
STUDY = "calibration"
PLAN = "plan"


@dataclass(frozen=True)
class Plan:
    """What a search is: two with the same plan ask for the same parameters and come to the same results.

    Attributes
    ----------
    scenario : Scenario
        What is not moved; its ``run.seed`` is the first seed.
    targets : Targets
        The facts, and the parameters with their ranges.
    seeds : int
        Seeds of a trial, the same ones for all: trials differ in parameters, not in luck.
    batch : int
        Trials that are asked for together.
    seed : int
        Of the search.
    imports : tuple of Path
        Files of the user's own.
    """

    scenario: Scenario
    targets: Targets
    seeds: int
    batch: int
    seed: int
    imports: tuple[Path, ...] = ()

    def stated(self) -> dict[str, Any]:
        """The plan as plain values, to be compared with that of a journal."""
        from importlib.metadata import version

        from experiments.engine.jobs import input_files, sources_hash
        from experiments.provenance import sha256

        files = [sha256(path) for path in [*self.imports, *input_files(self.scenario)]]
        return {
            "scenario": self.scenario.hash(),
            "targets": hash_of_targets(self.targets),
            "ranges": _hash([[p.path, p.low, p.high, p.log] for p in self.targets.parameters]),
            "sources": _hash([sources_hash(), *(sha256(path) for path in _own_sources())]),
            "files": _hash(files),
            "seeds": self.seeds,
            "batch": self.batch,
            "seed": self.seed,
            "optuna": version("optuna"),
        }


SAID = {
    "scenario": "another scenario",
    "targets": "other targets",
    "ranges": "other parameters or ranges",
    "sources": "other sources of agents/, marketplace/ or the statistics",
    "files": "other files of your own",
    "seeds": "another number of seeds",
    "batch": "another size of batches",
    "seed": "another seed of the search",
    "optuna": "another version of Optuna",
}


SET_BY_THE_PLAN = ("run.record_orders", "run.threads")
"""Fields of the scenario that a plan sets, whatever the base says."""


def _own_sources() -> list[Path]:
    """Sources in experiments/ on which a trial's loss, or what is asked for next, depends."""
    here = Path(__file__).resolve().parent
    names = ("statistics.py", "measures.py", "measuring.py", "targets.py")
    return [*(here.parent / "validation" / name for name in names), here / "search.py"]


def hash_of_targets(targets: Targets) -> str:
    """SHA-256 (hex) of what is aimed at."""
    return _hash([[t.name, t.statistic, t.value, t.low, t.high, t.required] for t in targets.targets])


def _differing(base: Path, scenario: Scenario) -> str:
    """In what a scenario differs from the one that a search began with, in brackets; empty where that is not known."""
    from marketplace.scenario import diff, loads
    from marketplace.scenario_errors import ScenarioError, show

    try:
        there = loads(base.read_text(encoding="utf-8"))
    except (OSError, ValueError, ScenarioError):
        return ""
    rows = [row for row in diff(there, scenario) if row[0] not in SET_BY_THE_PLAN]
    if not rows:
        return ""
    field, old, new = rows[0]
    more = f", and {len(rows) - 1} more fields differ" if len(rows) > 1 else ""
    return f" ({field} is {show(old)} there and {show(new)} here{more})"


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, default=str).encode()).hexdigest()


class Journal:
    """The trials of a search, kept in a file.

    Parameters
    ----------
    path : Path
        Of the file; it is made if it is not there.
    plan : Plan
        Whose trials these are to be.

    Raises
    ------
    ResultsError
        If the file is the journal of something else, or none.
    OSError
        If it cannot be read or written.
    """

    def __init__(self, path: Path, plan: Plan) -> None:
        self.path, self.plan = path, plan
        self._study = self._open()
        self.trials: list[Trial] = [trial_of(one) for one in self._study.get_trials(deepcopy=False)]
        before, now = self._study.user_attrs.get(PLAN), plan.stated()
        if not isinstance(before, dict | None) or (before is None and self.trials):
            raise ResultsError(f"{path} is no journal of a calibration: it states no plan")
        if before not in (None, now):
            other = [words for key, words in SAID.items() if before.get(key) != now[key]]
            what = " and ".join(other) or "another plan"
            what += _differing(path.with_name(BASE), plan.scenario) if SAID["scenario"] in other else ""
            raise ResultsError(f"{path} is the journal of {what}: name another --out")
        _mend(path)
        if before is None:
            with silent():
                self._study.set_user_attr(PLAN, now)

    def _open(self) -> optuna.Study:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        is_there = self.path.exists() and self.path.stat().st_size > 0
        try:
            with silent():
                storage = JournalStorage(JournalFileBackend(str(self.path)))
                if is_there:
                    return optuna.load_study(study_name=STUDY, storage=storage)
                return optuna.create_study(study_name=STUDY, storage=storage)
        except OSError:
            raise
        except Exception as error:  # whatever stands in the file, Optuna falls over it in its own way
            raise ResultsError(f"{self.path} is no journal of a calibration: {type(error).__name__}") from None

    def tell(self, trial: Trial) -> None:
        """Add a finished trial, the next in order."""
        import optuna

        assert trial.number == len(self.trials)
        space = {p.path: distribution(p) for p in self.plan.targets.parameters}
        facts = {
            "statistics": plain(trial.statistics), "misses": plain(trial.misses), "failed": trial.failed,
            "seconds": round(trial.seconds, 3),
        }  # fmt: skip
        self._study.add_trial(
            optuna.trial.create_trial(
                params=dict(trial.values), distributions=space, value=trial.loss, user_attrs=facts
            )
        )
        self.trials.append(trial)


def trial_of(one: optuna.trial.FrozenTrial) -> Trial:
    """A trial as it stands in the journal.

    Raises
    ------
    ResultsError
        If it is none of ours.
    """
    facts = one.user_attrs
    try:
        return Trial(
            one.number, dict(one.params), _numbers(facts["statistics"], math.nan), _numbers(facts["misses"], math.inf),
            float(one.values[0]), int(facts["failed"]), float(facts["seconds"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ResultsError(f"trial {one.number} of the journal was not written by this command") from None


def _numbers(values: Mapping[str, float | None], missing: float) -> dict[str, float]:
    return {name: missing if value is None else float(value) for name, value in values.items()}


def _mend(path: Path) -> None:
    """Take away what a killed process left behind: half a line at the end, and Optuna's lock."""
    path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
    with path.open("r+b") as file:
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            file.truncate(whole)


def same_values(a: Mapping[str, float], b: Mapping[str, float]) -> bool:
    """Whether two trials have the same parameters."""
    return a.keys() == b.keys() and all(a[path] == b[path] for path in a)


def number_of(trial: Trial, trials: Sequence[Trial]) -> str:
    """``trial 6, counted from 0, of 9``"""
    return f"trial {trial.number}, counted from 0, of {len(trials)}"


def best_of(trials: Sequence[Trial]) -> Trial:
    """The trial with the least loss; the first of equals."""
    return min(trials, key=lambda one: (one.loss, one.number))
