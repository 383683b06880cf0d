"""Measure what sweeps cost: the runner and the store over bare runs, two workers against one, and a large store.

    python -m benchmarks.sweeps                          # everything; writes sweeps.json and README.md's figures
    python -m benchmarks.sweeps --runs 100 --large 200   # less, to see that it works; writes nothing

The figures mean most on a machine that does nothing else; the load average at the start is recorded with them. Bare
runs, one worker and two workers take turns, a batch of runs each, and the median of the ratios is reported, so that a
busy moment hits all three. Processor time, of the runner and its workers together, leaves other programs out.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import tables
from benchmarks.circumstances import circumstances
from benchmarks.whole_runs import ROOT

OUT = ROOT / "results" / "reference" / "sweeps.json"
RUNS, LARGE = 1000, 5000
BATCH = 50  # runs of a turn
WEEKS, LEVELS = 520, 50  # of the large store: its weeks, and its design points
REPEATS = 5


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweeps", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--runs", type=int, default=RUNS, help="runs of tiny")
    parser.add_argument("--large", type=int, default=LARGE, help="runs of the large store")
    parser.add_argument("--only", choices=("runs", "command", "store"), help="one part only; writes nothing")
    parser.add_argument("--part", nargs=3, help=argparse.SUPPRESS)  # of the large store, in a process of its own
    return parser.parse_args()


# -- runner and store over bare runs -----------------------------------------------------------------------------


def throughput(runs: int) -> dict[str, Any]:
    """What a run of ``tiny`` takes, once warm: bare, and with runner and store and one worker or two."""
    taken: dict[str, list[Taken]] = {"bare": [], "one_worker": [], "two_workers": []}
    with tempfile.TemporaryDirectory() as folder, Runner(Path(folder), 1) as one, Runner(Path(folder), 2) as two:
        for number in range(1 + max(1, runs // BATCH)):
            first = 1 + number * BATCH
            turn = bare(first), one.batch(first), two.batch(first)
            if number:  # the first turn warms up
                for name, took in zip(taken, turn, strict=True):
                    taken[name].append(took)
    turns = list(zip(*taken.values(), strict=True))
    median = statistics.median
    return {
        "runs": len(turns) * BATCH,
        "seconds_a_run": {name: median(one.wall for one in each) / BATCH for name, each in taken.items()},
        "processor_seconds_a_run": {name: median(t.cpu for t in each) / BATCH for name, each in taken.items()},
        "runner_and_store_over_bare": median(one.wall / bare.wall for bare, one, _ in turns),
        "runner_and_store_over_bare_processor": median(one.cpu / bare.cpu for bare, one, _ in turns),
        "two_workers_times_one": median(one.wall / two.wall for _, one, two in turns),
    }


class Taken(NamedTuple):
    """Seconds by the wall's clock, and of processor time of all processes involved."""

    wall: float
    cpu: float


def bare(first: int) -> Taken:
    """What is taken by a batch of runs of ``tiny`` in this process, each measured and forgotten."""
    from marketplace.indicators import summary
    from marketplace.model import MarketplaceModel
    from marketplace.scenario import load_scenario

    scenario = load_scenario("tiny", {"run.threads": 1})
    gc.collect()
    gc.freeze()  # as workers do, so that collecting a run costs the same
    begun, spent = time.perf_counter(), time.process_time()
    for seed in range(first, first + BATCH):
        model = MarketplaceModel(scenario.with_changes({"run.seed": seed}))
        summary(model.run().weekly)
        del model
        gc.collect()
    return Taken(time.perf_counter() - begun, time.process_time() - spent)


class Runner:
    """Workers that stay warm between batches, and a store of their own."""

    def __init__(self, folder: Path, workers: int) -> None:
        from experiments.engine.pool import Pool
        from experiments.store.manifest import Manifest
        from experiments.store.writer import Store

        self.pool = Pool(iter(()), workers, (), False, None)
        place = folder / str(workers)
        place.mkdir()
        self.store = Store(place, Manifest(0, False, "", "", ""))

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *exception: object) -> None:
        self.pool.close()

    def spent(self) -> float:
        """Processor seconds of this process and the workers so far."""
        times = [psutil.Process(worker.process.pid).cpu_times() for worker in self.pool.workers]
        return time.process_time() + sum(one.user + one.system for one in times)

    def batch(self, first: int) -> Taken:
        """What is taken by a batch of runs of ``tiny``, from the design to the disk."""
        from experiments.designs import Design
        from experiments.engine.plan import jobs_of

        begun, spent = time.perf_counter(), self.spent()
        factors = {"platform.commission": [0.1]}
        design = Design.of("tiny", factors=factors, replications=BATCH, changes={"run.seed": first})
        self.pool.jobs = jobs_of(design)
        count = 0
        while self.pool.has_work():
            for done in self.pool.turn():
                if done.failure is not None:
                    raise RuntimeError(done.failure.message)
                self.store.add(done)
                count += 1
        self.store.flush()
        if count != BATCH:
            raise RuntimeError(f"{count} runs of {BATCH}")
        return Taken(time.perf_counter() - begun, self.spent() - spent)


# -- the command, from its start to its end ----------------------------------------------------------------------


def command(runs: int) -> dict[str, Any]:
    """Seconds that ``marketplace sweep`` takes for so many runs of ``tiny`` on two workers, from a warm cache."""
    with tempfile.TemporaryDirectory() as folder:
        design = Path(folder) / "design.toml"
        design.write_text(
            f'scenario = "tiny"\nreplications = {runs // 4}\n[design]\nkind = "grid"\n[design.factors]\n'
            '"platform.commission" = [0.05, 0.10, 0.15, 0.20]\n'
        )
        line = [sys.executable, "-m", "experiments.cli", "sweep", str(design), "--workers", "2", "--quiet"]
        begun, spent = time.perf_counter(), _children()
        subprocess.run([*line, "--out", str(Path(folder) / "out")], check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
        return {
            "runs": runs // 4 * 4,
            "seconds": time.perf_counter() - begun,
            "processor_seconds": _children() - spent,
        }


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# -- a large store -----------------------------------------------------------------------------------------------


def large_store(runs: int) -> dict[str, Any]:
    """A store of synthetic runs with all indicators: what writing and asking cost, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        written = _apart("write", folder, runs)
        asked = _apart("ask", folder, runs)
    return {"runs": runs, "weeks": WEEKS, "indicators": written.pop("indicators"), "write": written, "ask": asked}


def _apart(what: str, folder: str, runs: int) -> dict[str, Any]:
    line = [sys.executable, "-m", "benchmarks.sweeps", "--part", what, folder, str(runs)]
    said = subprocess.run(line, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    return json.loads(said.splitlines()[-1])


def write_large(folder: Path, runs: int) -> dict[str, Any]:
    """Write the synthetic store: walks of chance, which compress as badly as real weeks do."""
    import pandas as pd

    from experiments.engine.jobs import Done
    from experiments.store.manifest import Manifest
    from experiments.store.reading import POINTS
    from experiments.store.tables import points_table
    from experiments.store.writer import Store
    from marketplace.indicators import column_names

    names = column_names(["market"])[1:]
    factor = pd.DataFrame({"platform.commission": np.linspace(0.05, 0.20, LEVELS)})
    pq.write_table(points_table(factor), folder / POINTS)
    (folder / "provenance.json").write_text("{}")
    store, chance, each = Store(folder, Manifest(runs, True, "", "", "")), np.random.default_rng(1), runs // LEVELS
    walks = chance.normal(size=(WEEKS, len(names))).cumsum(axis=0)
    before = _peak()
    begun = time.perf_counter()
    for number in range(each * LEVELS):
        rows = walks * (1.0 + 0.1 * chance.normal(size=(WEEKS, len(names))))
        columns = {"week": pa.array(np.arange(1, WEEKS + 1))}
        columns |= {name: pa.array(rows[:, k]) for k, name in enumerate(names)}
        summary = dict(zip(names, map(float, rows[-1]), strict=True))
        point, replicate = divmod(number, each)
        store.add(
            Done(f"{number:016x}", point, replicate, replicate, "complete", summary, pa.table(columns), 1.0)
        )
    added = time.perf_counter() - begun
    store.finish()
    listed = store.manifest.shards
    return {
        "indicators": len(names), "seconds": added, "seconds_to_order": time.perf_counter() - begun - added,
        "megabytes": sum(shard.bytes for shard in listed) / 1e6, "files": len(listed), "peak_megabytes": _peak(),
        "peak_before_megabytes": before,
    }  # fmt: skip


def ask_large(folder: Path, runs: int) -> dict[str, Any]:
    """Ask the synthetic store for bands, all runs together and point by point."""
    from experiments import load_results

    begun = time.perf_counter()
    results = load_results(folder)
    results.query("SELECT 1")
    took = {"load": time.perf_counter() - begun}
    before = _peak()
    for name, by in (("band", []), ("band_by_factor", None)):
        seconds = []
        for _ in range(REPEATS):
            begun = time.perf_counter()
            band = results.band("gmv", by)
            seconds.append(time.perf_counter() - begun)
        took[name] = statistics.median(seconds)
        if len(band) != WEEKS * (1 if by == [] else LEVELS) or band["n"].sum() != runs // LEVELS * LEVELS * WEEKS:
            raise RuntimeError(f"{name}: {len(band)} rows of {band['n'].sum()} weeks")
    begun = time.perf_counter()
    rows = len(results.summary)
    took["summary"] = time.perf_counter() - begun
    return {"seconds": took, "summary_rows": rows, "peak_megabytes": _peak(), "peak_before_megabytes": before}


def _peak() -> float:
    """Most memory this process has had, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> None:
    """Measure, print, and write down."""
    given = arguments()
    if given.part:
        what, folder, runs = given.part
        print(json.dumps((write_large if what == "write" else ask_large)(Path(folder), int(runs))))
        return
    found: dict[str, Any] = {"circumstances": circumstances()}
    if given.only in (None, "runs"):
        found["throughput"] = throughput(given.runs)
    if given.only in (None, "command"):
        found["command"] = command(given.runs)
    if given.only in (None, "store"):
        found["store"] = large_store(given.large)
    print(json.dumps(found, indent=2))
    if given.only is None and (given.runs, given.large) == (RUNS, LARGE):
        tables.write_whole(OUT, json.dumps(found, indent=1) + "\n")
        tables.write_section(tables.README, tables.sweep_report(found), "python -m benchmarks.sweeps")


if __name__ == "__main__":
    main()
