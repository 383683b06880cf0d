"""Shutting links of the flywheel, one at a time and all at once, under the same luck.

What a link carried is the change of the log of the last 52 weeks' GMV when it is shut, paired by seed. Effects of
links are not additive: growth that two links need together is counted with both. Each interval is for its link alone;
what is called distinguishable is so after Holm's correction over all links and all of them together.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.comparison.intervals import LEVEL, Method, holm, interval, p_value
from experiments.errors import ResultsError
from experiments.own_code import place_in
from experiments.wording import last_weeks
from marketplace.sections import LINKS

if TYPE_CHECKING:
    import pandas as pd

    from experiments.designs import Design
    from experiments.engine.sweep import How, Swept
    from experiments.progress import Progress
    from experiments.runs import Outcome, Stop
    from experiments.store.reading import Results
    from marketplace.scenario import Scenario

KIND = "ablation"
NONE, ALL = "none", "all"
YEAR = 52  # weeks that `summary` covers
ONE_SEED = "one seed, so no interval"
METHOD: Method = "guarded-t"


def arms(scenario: Scenario) -> dict[str, Scenario]:
    """The worlds of an ablation by what is shut: ``none``, ``all``, and each link alone.

    A link that the scenario has shut already has no arm: there is nothing to shut.

    Raises
    ------
    ResultsError
        If fewer than two links are open.
    """
    alone = {link: shut(scenario, [link]) for link in LINKS}
    open_links = {link: world for link, world in alone.items() if world != scenario}
    if len(open_links) < 2:
        raise ResultsError(f"{scenario.name} has {len(open_links)} open links of {len(LINKS)}: an ablation needs two")
    return {NONE: scenario, ALL: shut(scenario, LINKS), **open_links}


def shut(scenario: Scenario, links: Iterable[str]) -> Scenario:
    """The scenario with the valves on some links shut; whatever else is set on them stays."""
    return scenario.with_changes({f'flywheel.valves."{link}".state': "shut" for link in links})


def design(worlds: Mapping[str, Scenario], seeds: int, imports: Sequence[Path] = ()) -> Design:
    """The design of an ablation: every arm under the same seeds, from the open world's ``run.seed`` on."""
    from experiments.designs import Design

    name = f"{worlds[NONE].name}, links shut"
    return Design.of(
        kind="arms", arms=dict(worlds), replications=seeds, imports=[str(path) for path in imports], weekly=True,
        name=name,
    )  # fmt: skip


def carry_out_ablation(
    worlds: Mapping[str, Scenario], seeds: int, folder: Path, *, imports: Sequence[Path], stop: Stop,
    progress: Progress, how: How, resume: bool = False,
) -> tuple[Outcome, pd.DataFrame, dict[str, Any]]:  # fmt: skip
    """Run an ablation in a folder, and write there what a run leaves behind of the first seed's open world and twin.

    Those two come first: without the open world there is nothing to compare with.

    Parameters
    ----------
    worlds : mapping of str to Scenario
        As `arms` makes them.
    seeds : int
        Number of seeds, from the open world's ``run.seed`` on.
    folder : Path
        An empty one, or, with ``resume``, that of the same ablation.
    imports, stop, progress, how
        As of `experiments.engine.sweep.carry_out_sweep`.

    Returns
    -------
    outcome : Outcome
        The first seed's open world, with the cut loop as its twin.
    runs : DataFrame
        See `run_table`.
    found : dict
        See `statement`.

    Raises
    ------
    ResultsError
        If the first seed's open world fails.
    KeyboardInterrupt
        If it was interrupted before that world came to its end.
    """
    from experiments.comparison.running import Silent, arms_hash
    from experiments.engine.sweep import carry_out_sweep
    from experiments.runs import carry_out
    from experiments.store.reading import load_results

    begun, first = datetime.now(UTC), worlds[NONE]
    marks = {"arms_sha256": arms_hash(worlds), "arms": list(worlds)}

    def sweep(part: Mapping[str, Scenario], number: int, tell: Progress, going_on: bool) -> Swept:
        return carry_out_sweep(
            design(part, number, imports), folder, stop=stop, progress=tell, how=how, weekly=True, resume=going_on,
            kind=KIND, extra=marks,
        )  # fmt: skip

    if not resume:
        sweep({label: worlds[label] for label in (NONE, ALL)}, 1, progress, False)
        _refuse_without_open_world(load_results(folder), imports)
        progress = Silent(progress)
    # The store keeps no network and no reference of the scores: this one world is lived through again for them.
    shown = carry_out(first.with_changes({"run.record_orders": False}), stop=stop, progress=progress)
    swept = sweep(worlds, seeds, progress, True)
    results = load_results(folder)
    _refuse_without_open_world(results, imports)
    outcome = _outcome(results, first, shown, swept, imports)
    outcome.started = begun
    _write(folder, outcome, results.provenance)
    runs = run_table(results.summary)
    numbers = [first.run.seed + k for k in range(seeds)]
    return outcome, runs, statement(first, numbers, runs, len(worlds) * seeds)


def _refuse_without_open_world(results: Results, imports: Sequence[Path]) -> None:
    runs = results.summary
    own = runs[(runs["arm"] == NONE) & (runs["replicate"] == 0)]
    if own.empty:
        raise KeyboardInterrupt
    if (own["status"] == "failed").any():
        raise ResultsError(reason(results.failures, imports))


def reason(failures: pd.DataFrame, imports: Sequence[Path]) -> str:
    """Why the first of some failed runs failed, in a sentence that names the line of a file of the user's own."""
    row = failures.sort_values(["replicate", "point"]).iloc[0]
    if row["stage"] in ("worker", "time-limit"):
        return f"a worker process died: {row['message']}" if row["stage"] == "worker" else str(row["message"])
    if row["stage"] == "memory":
        return f"there is not enough memory for this world: {_when(row)} failed"
    where = _when(row)
    said = f"{row['exception']}: {row['message'].rstrip('.')}" if row["message"] else row["exception"]
    place = place_in(row["traceback"], imports)
    return f"{place}, failed in {where} with {said}" if place else f"{where} failed with {said}"


def _when(row: pd.Series) -> str:
    if row["stage"] == "make" or not row["week"]:
        return "the making of the world"
    return f"week {row['week']}" if row["stage"] in ("week", "memory") else f"stage {row['stage']}"


def _outcome(results: Results, first: Scenario, shown: Outcome, swept: Swept, imports: Sequence[Path]) -> Outcome:
    from experiments.runs import Outcome

    twin = _weeks(results, ALL)
    outcome = Outcome(first, _weeks(results, NONE), shown.reference, twin=twin if len(twin) else None)
    outcome.network = shown.network if shown.status == "complete" else None
    if swept.failed:
        outcome.status, outcome.failure = "failed", ResultsError(reason(results.failures, imports))
    elif swept.interrupted:
        outcome.status = "interrupted"
    return outcome


def _weeks(results: Results, arm: str) -> pd.DataFrame:
    """The weeks of the first seed's run of an arm."""
    return results.query(
        "SELECT * EXCLUDE (run_id, point, replicate, seed, arm) FROM weekly WHERE arm = ? AND replicate = 0 "
        "ORDER BY week",
        [arm],
    )


def _write(folder: Path, outcome: Outcome, said: Mapping[str, Any]) -> None:
    """Write the files of a run, and put what the engine says of all runs beside what is said of the one shown."""
    from experiments.files import write_json
    from experiments.folders import MARK
    from experiments.results import provenance_of, write_run

    kept = {name: said[name] for name in ("imports", "inputs")}
    write_run(folder, outcome, kept, kind=KIND)
    write_json(folder / MARK, {**said, **provenance_of(outcome, kept, KIND)})


# -- what came out -----------------------------------------------------------------------------------------------


def run_table(summary: pd.DataFrame) -> pd.DataFrame:
    """All complete runs as a tidy table: seed, link, indicator, value (of the last 52 weeks); seed by seed.

    Parameters
    ----------
    summary : DataFrame
        A row per run: ``arm``, ``seed``, ``status``, and a column per indicator.
    """
    import pandas as pd

    order = {link: number for number, link in enumerate((NONE, ALL, *LINKS))}
    done = summary[summary["status"] == "complete"]
    done = done.assign(_order=done["arm"].map(order)).sort_values(["seed", "_order"])
    ids = ("run_id", "point", "replicate", "seed", "status", "seconds", "arm", "_order")
    names = [name for name in done.columns if name not in ids]
    values = done[names].to_numpy(dtype=np.float64, na_value=math.nan)
    return pd.DataFrame(
        {
            "seed": np.repeat(done["seed"].to_numpy(dtype=np.int64), len(names)),
            "link": np.repeat(done["arm"].to_numpy(), len(names)),
            "indicator": np.tile(np.array(names, dtype=object), len(done)),
            "value": values.ravel(),
        }
    )


def effects(runs: pd.DataFrame, indicator: str = "gmv") -> dict[str, dict[str, Any]]:
    """What shutting each link changed: the paired difference of the log of an indicator, shut less open.

    Parameters
    ----------
    runs : DataFrame
        As `run_table` makes it.
    indicator : str
        An indicator that is positive where it is defined.

    Returns
    -------
    dict
        Link id (or ``all``) -> ``mean``, ``low`` and ``high`` (log points; 95 % guarded-t interval over seeds, see
        `experiments.comparison.intervals`, None where there is none), ``n`` (seeds), ``left_out`` (seeds at which
        the log is undefined), ``p_holm`` (p of no change, after Holm over all rows; None where there is none),
        ``distinguishable`` (whether that is at most 5 %). Links of which no run was finished are left out.
    """
    wide = runs[runs["indicator"] == indicator].pivot(index="seed", columns="link", values="value")
    out = {}
    for link in (*LINKS, ALL):
        if link not in wide or NONE not in wide:
            continue
        both = wide[[NONE, link]].dropna()
        finished = int((runs[runs["indicator"] == indicator]["link"] == link).sum())
        usable = both[(both > 0.0).all(axis=1)]
        logs = np.log(usable.to_numpy())
        differences = logs[:, 1] - logs[:, 0]
        out[link] = paired(differences, METHOD) | {"left_out": finished - len(usable)}
        out[link]["p_holm"] = float(p_value(differences, METHOD))
    return _corrected(out)


def _corrected(rows: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Correct p, which is uncorrected in the rows, for all of them, and say which are distinguishable."""
    adjusted = holm([row["p_holm"] for row in rows.values()])
    for row, p in zip(rows.values(), adjusted, strict=True):
        row |= {"p_holm": None if math.isnan(p) else float(p), "distinguishable": bool(p <= 1.0 - LEVEL)}
    return rows


def paired(differences: np.ndarray, method: Method = "t") -> dict[str, Any]:
    """Mean and 95 % interval of paired differences (n,): ``mean``, ``low``, ``high``, ``n``, ``distinguishable``.

    The limits are None, and nothing is distinguishable, where there is no interval.
    """
    n = len(differences)
    mean = float(differences.mean()) if n else None
    low, high = (float(limit) for limit in interval(differences, LEVEL, method))
    if math.isnan(low):
        return {"mean": mean, "low": None, "high": None, "n": n, "distinguishable": False}
    return {"mean": mean, "low": low, "high": high, "n": n, "distinguishable": low > 0.0 or high < 0.0}


def statement(scenario: Scenario, seeds: Sequence[int], runs: pd.DataFrame, jobs: int) -> dict[str, Any]:
    """The content of ``ablation.json``: what was measured, and what each link and all of them together carried."""
    found = effects(runs)
    done = runs[["seed", "link"]].drop_duplicates()
    weeks = min(YEAR, scenario.run.weeks)
    return {
        "measure": f"log of the GMV of {last_weeks(weeks)}, shut less open, paired by seed",
        "indicator": "gmv",
        "final_year_weeks": weeks,
        "reference_week": scenario.flywheel.reference_week,
        "interval": f"{100.0 * LEVEL:g} % {METHOD} interval over seeds, each link by itself",
        "correction": f"Holm over {len(found)} tests (links, and all of them)",
        "seeds": list(seeds),
        "runs": jobs,
        "runs_done": len(done),
        "links": [{"link": link, **found[link]} for link in LINKS if link in found],
        "all": found.get(ALL),
    }


def by_strength(links: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows of ``links``, the strongest change first, unmeasured ones last."""
    return sorted(links, key=lambda row: -math.inf if row["mean"] is None else abs(row["mean"]), reverse=True)


def verdict(row: Mapping[str, Any]) -> str:
    """What a row of ``links`` says, in words."""
    if row["mean"] is None:
        return "not measured: no GMV at the end"
    if row["mean"] == 0.0 and row["low"] in (0.0, None):
        return "carried nothing: the same to the last bit"
    if row["n"] == 1:
        return ONE_SEED
    if not row["distinguishable"]:
        return "not distinguishable from zero"
    return "carried growth" if row["mean"] < 0.0 else "held growth back"
