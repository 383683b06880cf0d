"""The golden baseline: what the shipped scenarios gave when their results were last meant to change.

``python -m experiments.golden`` compares, ``--refresh`` writes the baseline anew. After a refresh the CHANGELOG gets a
``changes results`` line that says why.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.files import write_whole

HOME = Path(__file__).resolve().parent.parent / "tests" / "golden"
WEEKS = {"amazon": 130, "bazaar": 30, "tiny": 60, "two-platforms": 40}
TOLERANCE = 1e-9  # other versions of NumPy may sum in another order; nothing else may differ


def measured(name: str) -> dict[str, float | None]:
    """Summary of the first weeks of a shipped scenario."""
    from marketplace import MarketplaceModel, load_scenario
    from marketplace.indicators import summary

    model = MarketplaceModel(load_scenario(name).with_changes({"run.weeks": WEEKS[name]}))
    return summary(model.run().weekly)


def differences(name: str) -> list[str]:
    """Sentences on the indicators of a scenario that are not what the baseline says."""
    path = HOME / f"{name}.json"
    if not path.exists():
        return [f"{name}: there is no baseline; make golden-refresh writes it."]
    then, now = json.loads(path.read_text(encoding="utf-8")), measured(name)
    out = [f"{name}: {key} is in only one of baseline and run." for key in sorted(then.keys() ^ now.keys())]
    for key in then.keys() & now.keys():
        a, b = then[key], now[key]
        same = a == b if a is None or b is None else math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=1e-12)
        if not same:
            out.append(f"{name}: {key} was {a} and is {b}.")
    return sorted(out)


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare with the baseline, or write it anew."""
    parser = argparse.ArgumentParser(description="Compare the shipped scenarios with their baseline.")
    parser.add_argument("--refresh", action="store_true", help="write the baseline anew")
    wanted = parser.parse_args(arguments)
    if wanted.refresh:
        HOME.mkdir(parents=True, exist_ok=True)
        for name in WEEKS:
            text = json.dumps(measured(name), indent=1) + "\n"
            write_whole(HOME / f"{name}.json", text, overwrite=True)
            print(f"{name}: written anew")
        return
    found = [sentence for name in WEEKS for sentence in differences(name)]
    if found:
        sys.exit("\n".join(found))
    print(f"{', '.join(WEEKS)}: as in the baseline")


if __name__ == "__main__":
    main()
