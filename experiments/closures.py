"""Platforms that failed: which, when or how often, and what to say of it.

A platform fails in the week at whose end its cash lies below its credit line, and is closed from then on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from marketplace.scenario import Scenario

COLUMN = "open_platforms"


def failed_platforms(weekly: pd.DataFrame, scenario: Scenario) -> dict[str, int]:
    """The week in which each platform failed, by its name; platforms that live are left out.

    Parameters
    ----------
    weekly : DataFrame
        The weeks of a run: ``week`` and ``open_platforms``, of every platform where there are several.
    scenario : Scenario
        The world of the run.
    """
    names = [settings.name for settings in scenario.platforms]
    columns = [f"{COLUMN}.{name}" for name in names] if len(names) > 1 else [COLUMN]
    known = [(name, column) for name, column in zip(names, columns, strict=True) if column in weekly]  # not in old runs
    closed = {name: weekly.loc[weekly[column] == 0.0, "week"] for name, column in known}
    return {name: int(weeks.iloc[0]) for name, weeks in closed.items() if len(weeks)}


def closure_sentences(failed: Mapping[str, int], scenario: Scenario, *, cut: bool = False) -> list[str]:
    """``The platform failed in week 6: its cash fell below the credit line of 100,000 and it was closed.``

    Parameters
    ----------
    failed : mapping of str to int
        As `failed_platforms` makes it.
    scenario : Scenario
        The world of the run.
    cut : bool
        Whether it is the run with the loop cut that is spoken of.
    """
    lines = {settings.name: settings.credit_line for settings in scenario.platforms}
    said = []
    for name, week in failed.items():
        text = (
            f"{'with the loop cut, ' if cut else ''}{_who(name, len(lines))} failed in week {week}: its cash fell "
            f"below the credit line of {lines[name]:,.0f} and it was closed"
        )
        said.append(f"{text[:1].upper()}{text[1:]}.")
    return said


def flags_of(runs: pd.DataFrame) -> list[str]:
    """Columns that say whether a platform is open: one of each where there are several."""
    several = [name for name in runs if name.startswith(f"{COLUMN}.") and runs[name].notna().any()]
    return several or [name for name in runs if name == COLUMN]


def closure_notes(summary: pd.DataFrame) -> list[str]:
    """How many runs ended with a platform that had failed: a sentence for each arm and platform that has any.

    Parameters
    ----------
    summary : DataFrame
        A row per run: ``status``, ``open_platforms`` at the end, of every platform where there are several; and
        ``arm``, where they are runs of several.
    """
    done = summary[summary["status"] == "complete"]
    arms = done.groupby("arm", sort=False) if "arm" in done else [("", done)]
    return [f"{arm}: {said}" if arm else said for arm, runs in arms for said in _counted(runs)]


def _counted(runs: pd.DataFrame) -> Iterable[str]:
    """``the platform failed in 3 of 20 runs: its cash fell below its credit line``"""
    flags = flags_of(runs)
    for flag in flags:
        count = int((runs[flag] == 0.0).sum())
        if count:
            who = _who(flag.removeprefix(f"{COLUMN}."), len(flags))
            yield f"{who} failed in {count:,} of {len(runs):,} runs: its cash fell below its credit line"


def _who(name: str, platforms: int) -> str:
    return f"the platform {name}" if platforms > 1 else "the platform"
