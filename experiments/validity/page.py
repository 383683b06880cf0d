"""Make ``docs/validity.md`` anew: ``python -m experiments.validity [--page | --check | --calibration FOLDER]``.

The page is written by hand but for what stands between ``<!-- table: NAME -->`` and ``<!-- end -->``. Without an
option both worlds are run under 20 seeds and measured, elasticities included; the runs are kept in
``results/validity-runs/``, so that work that was interrupted goes on there. How near the closed forms are met is
written by ``pytest tests/theory --deviations results/reference/theory.json``; ``make validity`` does both.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from experiments import markdown
from experiments.errors import INTERRUPTED, REFUSED, ResultsError
from experiments.validity import calibration, figures, runs
from experiments.validity.places import COMMAND, PAGE, RUNS, WORLDS
from experiments.validity.tables import TABLES, Material, material

SEEDS = 20


def filled(text: str, of: Material) -> str:
    """Return the page with its tables made anew.

    Raises
    ------
    ResultsError
        If the page asks for a table that nothing makes.
    """
    from marketplace.scenario_errors import nearest

    for name in sorted(markdown.asked_for(text) - TABLES.keys()):
        raise ResultsError(f'{PAGE.name} asks for the table "{name}", which nothing makes{nearest(name, TABLES)}')
    return markdown.filled(text, lambda name: TABLES[name](of))


def run_worlds(seeds: int = SEEDS) -> bool:
    """Run what is missing of both worlds and save it; False where it was asked to stop before the end."""
    from experiments.progress import progress_for
    from experiments.runs import Stop, compiled_already

    progress = progress_for(quiet=False)
    with Stop() as stop:
        compiled_already(progress.say)
        for world in WORLDS:
            found = runs.carry_out(world, seeds, stop, progress)
            if found.status != "complete":
                progress.say(f"{RUNS} keeps {len(found.runs)} of {seeds} runs of {world}; {COMMAND} goes on with them")
                return False
            runs.save(found)
    return True


def write_page(check: bool) -> None:
    """Fill the page and draw its figures from what is saved, or only say whether they are up to date.

    Raises
    ------
    ResultsError
        If what is saved is missing, damaged or stale, or a fact that lies outside has no paragraph.
    """
    of = material()
    for world in () if check else WORLDS:
        figures.draw(world, of.found[world])
    stale = [name for world in WORLDS for name in figures.stale(world)]
    if stale:
        raise ResultsError(f"{stale[0]} was not drawn from the saved runs: run {COMMAND}")
    markdown.renew(PAGE, filled(PAGE.read_text(encoding="utf-8"), of), check, COMMAND)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is asked for.

    Raises
    ------
    SystemExit
        Code 2 with a sentence for what cannot be used, 130 after an interruption.
    """
    parser = argparse.ArgumentParser(description="Make docs/validity.md anew.")
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--page", action="store_true", help="run nothing: make the page from what is saved")
    ways.add_argument("--check", action="store_true", help="change nothing; exit 1 if the page is out of date")
    ways.add_argument("--calibration", type=Path, metavar="FOLDER", help="keep what a calibration found, and show it")
    wanted = parser.parse_args(arguments)
    try:
        if wanted.calibration:
            print(calibration.take_in(wanted.calibration))
        if not (wanted.page or wanted.check or wanted.calibration) and not run_worlds():
            sys.exit(INTERRUPTED)
        write_page(wanted.check)
    except (ResultsError, OSError) as error:
        print(error, file=sys.stderr)
        sys.exit(REFUSED)
    print(PAGE)
