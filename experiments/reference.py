"""Make anew the small results that the docs show: ``python -m experiments.reference [--seeds N]``.

One design on the default world, every arm under the same seeds, so that every difference is paired. It is read thrice:

- the cycle: policies against each other, year by year;
- the links: each shut alone, and all of them;
- pairing: how much of the variance of a difference common random numbers take away.

The runs are kept in ``results/reference-runs/``, so that work that was interrupted goes on there. Written to
``results/reference/``: ``cycle.json``, ``links.json``, ``pairing.json`` and ``README.md``, whose words and numbers are
all made from them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.ablation import ALL, NONE, paired, run_table, shut, statement, verdict
from experiments.files import write_whole
from experiments.progress import progress_for
from marketplace.sections import LINKS

if TYPE_CHECKING:
    from experiments.designs import Design
    from experiments.store.reading import Results
    from marketplace.scenario import Scenario

HOME = Path(__file__).resolve().parent.parent / "results" / "reference"
RUNS = HOME.with_name("reference-runs")
SCENARIO = "amazon"
SEEDS = 20
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


OTHERS = (
    "## Other files",
    "",
    "| file | what | made by |",
    "| --- | --- | --- |",
    "| `theory.json` | how near each closed form was met | `make validity` |",
    "| `validity-amazon.json`, `validity-bazaar.json` | what 20 seeds come to, held against facts; elasticities | "
    "`make validity` |",
    "| `validity-*.svg` | their figures, shown in [docs/validity.md](../../docs/validity.md) | `make validity` |",
    "| `calibration-*.json`, where there is one | what a search found, and which parameters the facts pin down | "
    "`marketplace calibrate`, then `python -m experiments.validity --calibration FOLDER` |",
    "| `speed.json` | speed against plain Mesa and C | `make bench` |",
)
COMMISSION = "commission 2 points higher"
PAIRED = (COMMISSION, "dividend")


def design(seeds: int) -> Design:
    """Every arm of the three experiments, under the same seeds."""
    from experiments.designs import Design
    from marketplace.scenario import load_scenario

    world = load_scenario(SCENARIO)
    raised = {"platform.commission": round(world.platform.commission + 0.02, 12)}
    arms: dict[str, Scenario] = {name: world.with_changes(changes) for name, changes in ARMS.items()}
    arms |= {COMMISSION: world.with_changes(raised), ALL: shut(world, LINKS)}
    arms |= {link: shut(world, [link]) for link in LINKS}
    return Design.of(world, kind="arms", arms=arms, replications=seeds, weekly=True, name="reference")


def cycle(results: Results) -> dict[str, Any]:
    """Yearly means of every policy, and the paired difference of its final year from ``reinvest``'s."""
    means = ", ".join(f"avg({name}) AS {name}" for name in INDICATORS)
    rows = results.query(
        f"SELECT arm, seed, (week - 1) // {YEAR} AS year, {means} FROM weekly GROUP BY ALL ORDER BY arm, seed, year"
    )
    seeds = sorted(int(seed) for seed in rows["seed"].unique())
    tables = {
        arm: rows[rows["arm"] == arm][list(INDICATORS)].to_numpy(float).reshape(len(seeds), -1, len(INDICATORS))
        for arm in ARMS
    }
    base = tables["reinvest"]
    return {
        "scenario": SCENARIO,
        "seeds": seeds,
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


def links(results: Results, world: Scenario) -> dict[str, Any]:
    """What each link carried; see `experiments.ablation`."""
    summary = results.summary[results.summary["arm"].isin(["reinvest", ALL, *LINKS])]
    runs = run_table(summary.assign(arm=summary["arm"].replace("reinvest", NONE)))
    return statement(world, sorted(int(seed) for seed in runs["seed"].unique()), runs, len(summary))


def pairing(results: Results) -> dict[str, Any]:
    """Variance of the difference in log GMV of the final year: with independent seeds over with common ones."""
    logs = np.log(results.summary.pivot(index="seed", columns="arm", values="gmv"))
    found = {}
    for arm in PAIRED:
        both = logs[["reinvest", arm]].dropna().to_numpy(float)
        independent, common = both.var(axis=0, ddof=1).sum(), np.diff(both, axis=1).var(ddof=1)
        found[arm] = paired(both[:, 1] - both[:, 0]) | {
            "sd_under_common_seeds": float(common**0.5),
            "sd_under_independent_seeds": float(independent**0.5),
            "variance_ratio": float(independent / common),
            "correlation": float(np.corrcoef(both.T)[0, 1]),
        }
    return {"scenario": SCENARIO, "measure": "log GMV of the final year less that of reinvest", "arms": found}


def _interval(row: Mapping[str, Any], digits: int = 2) -> str:
    if row["mean"] is None:
        return "undefined"
    if row["low"] is None:
        return f"{row['mean']:.{digits}f}"
    return f"{row['mean']:.{digits}f} ({row['low']:.{digits}f} to {row['high']:.{digits}f})"


def readme(found: Mapping[str, Any], carried: Mapping[str, Any], shared: Mapping[str, Any]) -> str:
    """The page that shows all of it."""
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
              f"{carried['measure'][:1].upper()}{carried['measure'][1:]}; shut from week "
              f"{carried['reference_week']}. Intervals: {carried['interval']}; verdicts: {carried['correction']}. "
              "Effects are not additive.",
              "", "| link | change of log GMV | what it says |", "| --- | --- | --- |"]  # fmt: skip
    rows = [*carried["links"], {"link": ALL, **carried["all"]}]
    lines += [f"| `{row['link']}` | {_interval(row)} | {verdict(row)} |" for row in rows]
    lines += ["", "## What common random numbers are worth", "",
              "Difference in log GMV of the final year from `reinvest`; the ratio is its variance under independent "
              "seeds over that under common ones.", "",
              "| arm | difference | sd, common seeds | sd, independent seeds | ratio of variances |",
              "| --- | --- | --- | --- | --- |"]  # fmt: skip
    lines += [
        f"| {arm} | {_interval(row, 3)} | {row['sd_under_common_seeds']:.4f} | "
        f"{row['sd_under_independent_seeds']:.4f} | {row['variance_ratio']:.1f} |"
        for arm, row in shared["arms"].items()
    ]
    lines += ["", *OTHERS]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing and write the folder; each file appears whole or not at all."""
    from experiments.engine.sweep import carry_out_sweep
    from experiments.runs import Stop
    from experiments.store.reading import load_results

    parser = argparse.ArgumentParser(description="Make anew the results that the docs show.")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="number of seeds (default: %(default)s)")
    wanted = parser.parse_args(arguments)
    if wanted.seeds < 2:
        parser.error(f"--seeds is {wanted.seeds}: an interval needs at least 2.")
    plan = design(wanted.seeds)
    RUNS.mkdir(parents=True, exist_ok=True)
    with Stop() as stop:
        resume = any(RUNS.iterdir())
        swept = carry_out_sweep(plan, RUNS, stop=stop, progress=progress_for(quiet=False), weekly=True, resume=resume)
    if swept.complete < swept.planned:
        parser.exit(130 if swept.interrupted else 2, f"{RUNS} holds {swept.complete} of {swept.planned} runs\n")
    results = load_results(RUNS)
    found, carried, shared = cycle(results), links(results, plan.base), pairing(results)
    HOME.mkdir(parents=True, exist_ok=True)
    for name, content in (("cycle.json", found), ("links.json", carried), ("pairing.json", shared)):
        write_whole(HOME / name, json.dumps(content, indent=1) + "\n", overwrite=True)
    write_whole(HOME / "README.md", readme(found, carried, shared), overwrite=True)
    print(f"{HOME / 'README.md'}")


if __name__ == "__main__":
    main()
