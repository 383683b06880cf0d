"""Platforms that failed in a run: which, when, and what to say of it.

A platform fails in the week at whose end its cash lies below its credit line, and is closed from then on; so the cash
of a run says when it failed. The first week below the line is the column ``failed`` of the platforms
(tests/experiments/test_closures.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from marketplace.scenario import Scenario


def failed_platforms(weekly: pd.DataFrame, scenario: Scenario) -> dict[str, int]:
    """The week in which each platform failed, by its name; platforms that live are left out.

    Parameters
    ----------
    weekly : DataFrame
        The weeks of a run: ``week`` and the cash of every platform, in currency.
    scenario : Scenario
        The world of the run.
    """
    out = {}
    for name, (column, line) in _purses(scenario).items():
        below = weekly.loc[weekly[column] < -line, "week"]
        if len(below):
            out[name] = int(below.iloc[0])
    return out


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
    said = []
    for name, week in failed.items():
        who = "the platform" if len(scenario.platforms) == 1 else f"the platform {name}"
        text = (
            f"{'with the loop cut, ' if cut else ''}{who} failed in week {week}: its cash fell below the "
            f"credit line of {_purses(scenario)[name][1]:,.0f} and it was closed"
        )
        said.append(f"{text[:1].upper()}{text[1:]}.")
    return said


def closure_notes(summary: pd.DataFrame, worlds: Mapping[str, Scenario]) -> list[str]:
    """How many runs of an arm ended with a platform that had failed, a sentence for each arm that has any.

    Parameters
    ----------
    summary : DataFrame
        A row per run: ``arm``, ``status``, and the last cash of every platform, in currency.
    worlds : mapping of str to Scenario
        The arms.
    """
    notes = []
    for label, world in worlds.items():
        runs = summary[(summary["arm"] == label) & (summary["status"] == "complete")]
        for name, (column, line) in _purses(world).items():
            count = int((runs[column] < -line).sum())
            if count:
                who = "the platform" if len(world.platforms) == 1 else f"the platform {name}"
                why = "its cash fell below its credit line"
                notes.append(f"{label}: {who} failed in {count} of {len(runs)} runs: {why}")
    return notes


def _purses(scenario: Scenario) -> dict[str, tuple[str, float]]:
    """Of every platform, the column of its cash and its credit line, in currency."""
    several = len(scenario.platforms) > 1
    return {
        settings.name: (f"platform_cash.{settings.name}" if several else "platform_cash", settings.credit_line)
        for settings in scenario.platforms
    }
