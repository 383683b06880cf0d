"""Make anew the small results that the docs show: ``python -m experiments.reference [--seeds N]``.

Two experiments on the default world, each over the same seeds, so that every difference is paired:

- the cycle: policies against each other, year by year, and the world with its loop cut;
- the links: each shut alone, and all of them.

Written to ``results/reference/``: ``cycle.json``, ``links.json`` and ``README.md``, whose words and numbers are all
made from them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from experiments.ablation import ALL, finished_runs, paired, plan, run_table, statement, verdict
from experiments.files import write_whole
from experiments.progress import progress_for

if TYPE_CHECKING:
    import pandas as pd

HOME = Path(__file__).resolve().parent.parent / "results" / "reference"
SCENARIO = "amazon"
SEEDS = 20
WORKERS = 2
YEAR = 52  # weeks

NO_PASS_THROUGH = {"platform.pass_through": 0.0, "platform.fee_pass_through": 0.0}
# No capability bends the delivery promise, so that cost can be read at a given promise.
GIVEN_PROMISE = {"platform.delivery_gain": 0.0, "platform.spread_gain": 0.0}
ARMS: dict[str, dict[str, Any]] = {
    "reinvest": {},
    "reinvest, given delivery promise": GIVEN_PROMISE,
    "dividend": {"policy.name": "dividend"},
    "reinvest, no pass-through": NO_PASS_THROUGH,
    "dividend, no pass-through": {"policy.name": "dividend", **NO_PASS_THROUGH},
}
INDICATORS = (
    "gmv", "active_sellers", "active_customers", "selection_distance", "satisfaction", "nps", "price_index",
    "retail_price", "unit_cost", "third_party_share", "platform_margin", "promised_days",
)  # fmt: skip


class Task(NamedTuple):
    """One run of the cycle: an arm and a seed."""

    arm: str
    seed: int


def yearly(weekly: pd.DataFrame) -> pd.DataFrame:
    """Yearly means of the indicators that the cycle is told by, (years, indicators)."""
    return weekly.groupby((weekly["week"] - 1) // YEAR)[list(INDICATORS)].mean()


def live(task: Task) -> list[list[float]]:
    """Live through one run; yearly means, a row a year."""
    from marketplace import MarketplaceModel, load_scenario

    scenario = load_scenario(SCENARIO).with_changes({**ARMS[task.arm], "run.seed": task.seed, "run.threads": 1})
    return yearly(MarketplaceModel(scenario).run().weekly).to_numpy().tolist()


def cycle(seeds: Sequence[int], done: Callable[[], None]) -> dict[str, Any]:
    """Yearly means of every arm, and the paired difference of its final year from ``reinvest``'s."""
    tasks = [Task(arm, seed) for arm in ARMS for seed in seeds]
    runs: dict[Task, np.ndarray] = {}
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        for task, table in zip(tasks, pool.map(live, tasks), strict=True):
            runs[task] = np.array(table)
            done()
    tables = {arm: np.array([runs[Task(arm, seed)] for seed in seeds]) for arm in ARMS}
    base = tables["reinvest"]
    return {
        "scenario": SCENARIO,
        "seeds": list(seeds),
        "interval": "95 % t interval over seeds, paired",
        "indicators": list(INDICATORS),
        "yearly_means": {arm: table.mean(axis=0).tolist() for arm, table in tables.items()},
        "change_of_first_to_last_year": {
            arm: {name: paired(table[:, -1, k] - table[:, 0, k]) for k, name in enumerate(INDICATORS)}
            for arm, table in tables.items()
        },
        "log_gmv_of_last_year_less_reinvest": {
            arm: paired(np.log(table[:, -1, 0]) - np.log(base[:, -1, 0])) for arm, table in tables.items()
        },
    }


def links(seeds: Sequence[int], done: Callable[[], None]) -> dict[str, Any]:
    """What each link carried; see `experiments.ablation`."""
    from marketplace import load_scenario

    scenario = load_scenario(SCENARIO)
    jobs = plan(seeds)
    finished = []
    for one in finished_runs(scenario, jobs, (), WORKERS, lambda: False):
        finished.append(one)
        done()
    return statement(scenario, seeds, run_table(finished, jobs), len(jobs))


def _interval(row: Mapping[str, Any], digits: int = 2) -> str:
    if row["mean"] is None:
        return "undefined"
    if row["low"] is None:
        return f"{row['mean']:.{digits}f}"
    return f"{row['mean']:.{digits}f} ({row['low']:.{digits}f} to {row['high']:.{digits}f})"


def readme(found: Mapping[str, Any], carried: Mapping[str, Any]) -> str:
    """The page that shows both experiments."""
    n = len(found["seeds"])
    lines = [
        "# Reference results",
        "",
        f"Made by `make reference` from the scenario `{SCENARIO}`, seeds {found['seeds'][0]}-{found['seeds'][-1]} "
        f"(n = {n}). Means with 95 % t intervals over seeds, paired by seed. Do not edit: make anew.",
        "",
        "## The cycle: first year to last year",
        "",
        "| indicator | " + " | ".join(ARMS) + " |",
        "| --- |" + " --- |" * len(ARMS),
    ]
    for k, name in enumerate(found["indicators"]):
        cells = []
        for arm in ARMS:
            table = found["yearly_means"][arm]
            cells.append(f"{table[0][k]:.4g} -> {table[-1][k]:.4g}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += ["", "Log of the final year's GMV less that of `reinvest`, under the same luck:", ""]
    lines += [f"- {arm}: {_interval(row)}" for arm, row in found["log_gmv_of_last_year_less_reinvest"].items()
              if arm != "reinvest"]  # fmt: skip
    lines += ["", "Change of yearly means from the first to the last year:", "",
              "| indicator | reinvest | reinvest, given delivery promise |", "| --- | --- | --- |"]  # fmt: skip
    change = found["change_of_first_to_last_year"]
    lines += [
        f"| {name} | {_interval(change['reinvest'][name], 3)} | "
        f"{_interval(change['reinvest, given delivery promise'][name], 3)} |"
        for name in found["indicators"]
    ]
    lines += ["", "## The links: each shut alone", "",
              f"{carried['measure'].capitalize()}; shut from week {carried['reference_week']}. "
              "Effects are not additive.",
              "", "| link | change of log GMV | what it says |", "| --- | --- | --- |"]  # fmt: skip
    rows = [*carried["links"], {"link": ALL, **carried["all"]}]
    lines += [f"| `{row['link']}` | {_interval(row)} | {verdict(row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run both experiments and write the folder; each file appears whole or not at all."""
    parser = argparse.ArgumentParser(description="Make anew the results that the docs show.")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="number of seeds, from 1 on (default: %(default)s)")
    wanted = parser.parse_args(arguments)
    if wanted.seeds < 2:
        parser.error(f"--seeds is {wanted.seeds}: an interval needs at least 2.")
    seeds = list(range(1, wanted.seeds + 1))
    progress = progress_for(quiet=False)
    with progress.follow("reference results", len(ARMS) * len(seeds) + len(plan(seeds)), "runs") as tell:
        count = 0

        def done() -> None:
            nonlocal count
            count += 1
            tell(count)

        found, carried = cycle(seeds, done), links(seeds, done)
    HOME.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("cycle.json", json.dumps(found, indent=1) + "\n"),
        ("links.json", json.dumps(carried, indent=1) + "\n"),
        ("README.md", readme(found, carried)),
    ):
        write_whole(HOME / name, text, overwrite=True)
    print(f"{HOME / 'README.md'}")


if __name__ == "__main__":
    main()
