"""Measure the speed of the package against plain Mesa and against C, and write down what was found.

    python -m benchmarks.speed            # everything; writes results/reference/speed.json and README.md's figures
    python -m benchmarks.speed --quick    # small worlds, to see that it works; writes nothing

The figures mean most on a machine that does nothing else; the load average at the start is recorded with them.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from benchmarks import tables
from benchmarks.circumstances import circumstances
from benchmarks.customer_week import compare
from benchmarks.phases import profile
from benchmarks.whole_runs import ROOT, help_seconds, million, run_seconds, summary
from benchmarks.world import Maturity, bench_model, maturity_of
from marketplace import MarketplaceModel

OUT = ROOT / "results" / "reference" / "speed.json"
SHARES = (0.03, 0.25, 0.60)
PROFILED_WEEKS = 52


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--customers", type=int, default=100_000, help="customers of the world compared")
    parser.add_argument("--sellers", type=int, default=1_000, help="third-party sellers of the world compared")
    parser.add_argument("--rounds", type=int, default=15, help="weeks each implementation is timed for, in turn")
    parser.add_argument("--active", type=float, help="share of customers active at maturity; measured if not given")
    parser.add_argument("--visiting", type=float, help="share visiting in a week at maturity; measured if not given")
    parser.add_argument("--only", choices=("week", "phases", "runs"), help="run one part only; writes nothing")
    parser.add_argument("--quick", action="store_true", help="small worlds, to see that it works; writes nothing")
    given = parser.parse_args()
    if given.quick:
        given.customers, given.sellers, given.rounds = 4_000, 100, 3
    return given


def measure_weeks(given: argparse.Namespace, maturity: Maturity) -> list[dict[str, Any]]:
    """Compare the implementations at the visit share of `amazon` at maturity and at fixed shares, everybody active."""
    worlds = [("amazon at maturity", maturity)] + [(f"{share:.0%} visiting", Maturity(1.0, share)) for share in SHARES]
    return [compare(target, given.customers, given.sellers, given.rounds, label) for label, target in worlds]


def measure_phases(given: argparse.Namespace, maturity: Maturity) -> list[dict[str, Any]]:
    """Profile a large world at maturity, `amazon` and `tiny`, each in a process that has compiled everything."""
    size = f"{given.customers:,} customers, {given.sellers:,} sellers"
    profiles = []
    worlds = (("amazon at maturity", maturity), (f"{SHARES[0]:.0%} visiting", Maturity(1.0, SHARES[0])))
    for label, target in worlds:
        model = bench_model(given.customers, given.sellers, target, 8)
        profiles.append(profile(model, PROFILED_WEEKS, f"{size}, {label}"))
    for name in () if given.quick else ("amazon", "tiny"):
        model = MarketplaceModel(name, rng=1)
        profiles.append(profile(model, model.scenario.run.weeks, name))
    return profiles


def measure_runs(given: argparse.Namespace) -> dict[str, Any]:
    """Time whole runs and a world ten times as large."""
    tiny, _ = run_seconds("tiny", 3 if given.quick else 10)
    amazon = [] if given.quick else run_seconds("amazon", 3)[0]
    return {
        "tiny_seconds": summary(tiny[1:]),  # the first one warms the process up
        "amazon_seconds": summary(amazon) if amazon else None,
        "help_seconds": help_seconds(5),
        "million": million(given.sellers, Maturity(1.0, SHARES[0]), given.customers, 10 * given.customers),
    }


def mature(given: argparse.Namespace) -> Maturity:
    """The shares at maturity: as given, or measured from a run of `amazon`."""
    if given.active is not None and given.visiting is not None:
        return Maturity(given.active, given.visiting)
    if given.quick:
        return Maturity(0.5, 0.1)
    return maturity_of(MarketplaceModel("amazon", rng=1).run())


def main() -> int:
    """Measure, print, and write the results down unless only a part was asked for."""
    given = arguments()
    found: dict[str, Any] = {"circumstances": circumstances()}
    if found["circumstances"]["load_average_at_start"] > 0.5:
        print("This machine is busy: the figures will be worse than they need be.", file=sys.stderr)
    maturity = mature(given)
    found["amazon_at_maturity"] = maturity._asdict()
    if given.only in (None, "runs"):
        found["runs"] = measure_runs(given)
    if given.only in (None, "phases"):
        found["phases"] = measure_phases(given, maturity)
    if given.only in (None, "week"):
        found["customer_week"] = measure_weeks(given, maturity)
    found["targets"] = tables.targets(found)
    text = tables.report(found)
    print(text)
    if given.only is None and not given.quick:
        tables.write_whole(OUT, json.dumps(found, indent=1) + "\n")
        tables.write_section(tables.README, text, "make bench")
        print(f"\nWritten to {OUT.relative_to(ROOT)} and {tables.README.relative_to(ROOT)}.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
