"""The page of a calibration, and its figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from experiments.calibration.findings import ALL, NEAR, Profile, number, trade_offs
from experiments.calibration.journal import Plan, best_of, number_of
from experiments.calibration.results import word
from experiments.calibration.search import CAP, STARTUP, Trial
from experiments.files import write_whole
from experiments.reports.chart_style import FAINT, GREY, RULE, RUN, TWIN, WIDTH, panels, shorten, styled
from experiments.reports.shell import Section, document, figure_block
from experiments.reports.tables import facts
from experiments.validation.page import table_block
from experiments.validation.targets import Target
from experiments.validation.verdicts import in_words, span_in_words
from experiments.wording import how_many

NAME = "calibration.html"
ACROSS = 3  # profiles beside one another


def write_page(folder: Path, plan: Plan, trials: Sequence[Trial], profiles: Sequence[Profile]) -> Path:
    """Write ``calibration.html`` into a folder and return its path; an older one is replaced."""
    path = folder / NAME
    write_whole(path, page(plan, trials, profiles), overwrite=True)
    return path


def page(plan: Plan, trials: Sequence[Trial], profiles: Sequence[Profile]) -> str:
    """The whole page."""
    sections = [
        Section("The best trial", _headline(plan, trials), _best(plan, trials), "tall"),
        Section("The search", _search(len(trials)), figure_block(progress(trials), "progress", "Loss by trial", LOSS)),
        Section("Which parameters the facts pin down", _pinned(profiles), _profiles(profiles, trials), "tall"),
        Section("What each fact costs the others", TRADE, _trade(plan.targets.targets, trials)),
        Section("What was run", "", _provenance(plan, trials), "provenance"),
    ]
    return document(f"{plan.scenario.name} to {plan.targets.name}", "marketplace calibration", "", sections)


LOSS = (
    f"Loss: sum over required targets of the squared miss, where 1 is the bound of what is allowed and {CAP:g} the "
    "most that counts."
)
TRADE = (
    "Rows: the best trial of all, and the trial that meets one fact best. Columns: how far each fact is missed there; "
    "up to 1 is inside. Where a row is dark, meeting that fact costs another one."
)
PROFILES = (
    "Dots: trials; the worse ones lie above. Line: the least loss that is to be expected at a value, with the other "
    "parameters as in one of the best trials; blue where the parameter is pinned down. Shaded: values that come near "
    f"the best, to within {NEAR:g}. Dashed: the best trial's."
)


def _search(trials: int) -> str:
    """How the trials were asked for."""
    evenly = f"The first {STARTUP} trials are spread evenly over all ranges; the rest are asked for where good trials "
    evenly += "lie more densely than bad ones."
    if trials <= STARTUP:
        evenly = f"All trials are spread evenly over the ranges, as the first {STARTUP} of any search are."
    return f"Dot: a trial. Line: the best so far. {evenly}"


def _headline(plan: Plan, trials: Sequence[Trial]) -> str:
    best = best_of(trials)
    asked = [target for target in plan.targets.targets if target.required]
    met = sum(best.misses[target.name] <= 1.0 for target in asked)
    return (
        f"{number_of(best, trials).capitalize()}, with a loss of {number(best.loss)}: {met} of "
        f"{len(asked)} required facts lie inside, by {_seen(plan.seeds)}. Being the best of many, it is flattered by "
        "luck: marketplace validate says what other seeds make of it."
    )


def _seen(seeds: int) -> str:
    if seeds == 1:
        return "the single seed that the search has seen"
    return f"the mean over the {seeds} seeds that the search has seen"


def _best(plan: Plan, trials: Sequence[Trial]) -> str:
    best = best_of(trials)
    rows = []
    for target in plan.targets.targets:
        miss, said = best.misses[target.name], word(best.misses[target.name])
        rows.append([
            target.name, target.statistic, in_words(target.value), span_in_words(target.low, target.high),
            in_words(best.statistics[target.name]), in_words(miss), said + ("" if target.required else " (shown)"),
        ])  # fmt: skip
    return table_block(["", "statistic", "real", "allowed", "simulated", "miss", ""], rows, range(2, 6))


@styled
def progress(trials: Sequence[Trial]) -> Figure:
    """Loss of every trial, and the best so far."""
    figure, (ax,) = panels(1, 1, 2.2, right=0.3)
    losses = np.array([one.loss for one in trials])
    ax.plot(np.arange(losses.size), losses, "o", color=FAINT, markersize=2.5)
    ax.step(np.arange(losses.size), np.minimum.accumulate(losses), where="post", color=RUN, linewidth=1.7)
    ax.set_title("loss")
    ax.set_xlabel("trial", labelpad=1.5)
    _limit(ax, losses)
    return figure


@styled
def profiles_figure(found: Sequence[Profile], trials: Sequence[Trial]) -> Figure:
    """The loss against every parameter: all trials, and the profile."""
    rows = -(-len(found) // ACROSS)
    figure, axes = panels(rows, ACROSS, 1.75, right=0.15)
    losses = np.array([one.loss for one in trials])
    for one, ax in zip(found, axes, strict=False):
        _profile(ax, one, trials, losses)
    for ax in axes[len(found) :]:
        ax.set_visible(False)
    return figure


def _profile(ax: Axes, found: Profile, trials: Sequence[Trial], losses: np.ndarray) -> None:
    parameter = found.parameter
    colour = RUN if found.pinned else TWIN
    if parameter.log:
        ax.set_xscale("log")
    ax.fill_between(found.values, 0.0, 1.0, where=found.near, transform=ax.get_xaxis_transform(), color=RULE,
                    alpha=0.6, linewidth=0)  # fmt: skip
    ax.plot([one.values[parameter.path] for one in trials], losses, "o", color=FAINT, markersize=1.6)
    ax.plot(found.values, found.losses, color=colour, linewidth=1.5)
    ax.axvline(found.best, color=colour, linewidth=0.8, linestyle=(0, (2, 2)))
    room = 0.5 if parameter.integer and not parameter.log else 0.0
    ax.set_xlim(parameter.low - room, parameter.high + room)
    ax.set_title(shorten(parameter.path, 34), fontsize=7.0, fontweight="normal")
    if parameter.log:
        ax.set_xticks([parameter.low, math.sqrt(parameter.low * parameter.high), parameter.high])
        ax.set_xticks([], minor=True)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=parameter.integer))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.2g}"))
    _limit(ax, losses)


def _limit(ax: Axes, losses: np.ndarray) -> None:
    """Show the better half of the trials; the rest lie above."""
    low, high = float(losses.min()), float(np.quantile(losses, 0.6))
    room = (high - low) or max(1.0, abs(high))
    ax.set_ylim(low - 0.12 * room, high + 0.25 * room)


def _pinned(found: Sequence[Profile]) -> str:
    loose = [one.parameter.path for one in found if not one.pinned]
    first = (
        f"Not pinned down: {', '.join(loose)}. Other values of these reproduce the facts about as well, so results "
        "that rest on them are assumptions."
        if loose
        else "Most of the range of every parameter is farther from the facts."
    )
    return (
        f"{first} Between the trials the loss is a guess, from a Gaussian process for every statistic with a length "
        "scale for every parameter; it is less sure where the dots are few."
    )


def _profiles(found: Sequence[Profile], trials: Sequence[Trial]) -> str:
    drawn = figure_block(profiles_figure(found, trials), "profiles", "Profiles", PROFILES)
    rows = [
        [p.path, number(one.best), f"{number(p.low)} to {number(p.high)}", one.words, p.source]
        for one in found
        for p in (one.parameter,)
    ]
    return drawn + table_block(["parameter", "best", "range", "", "source of the range"], rows, range(1, 3))


def _trade(targets: Sequence[Target], trials: Sequence[Trial]) -> str:
    return figure_block(trade_figure(targets, trials), "trade", "Misses of the best trials by target")


@styled
def trade_figure(targets: Sequence[Target], trials: Sequence[Trial]) -> Figure:
    """How far every required target is missed by the trials that are best in something."""
    rows = trade_offs(targets, trials)
    names = [target.name for target in targets if target.required]
    misses = np.array([[min(one.misses[name], CAP) for name in names] for _, one in rows])
    height = 0.28 * len(rows) + 0.9
    figure = Figure(figsize=(WIDTH, height))
    ax = figure.add_axes((0.24, 0.06 / height, 0.72, 1.0 - 0.86 / height))
    ax.imshow(np.maximum(misses - 1.0, 0.0), cmap="Oranges", vmin=0.0, vmax=CAP, aspect="auto")
    for (row, column), miss in np.ndenumerate(misses):
        ax.text(column, row, f"{miss:.1f}" if miss < CAP else f"{CAP:g}+", ha="center", va="center", fontsize=7.0,
                color=GREY if miss <= 1.0 else "#1f2933")  # fmt: skip
    ax.set_xticks(range(len(names)), [shorten(name) for name in names], rotation=30, ha="left")
    ax.xaxis.tick_top()
    labels = [f"best {'of all' if name == ALL else shorten(name)} (trial {one.number})" for name, one in rows]
    ax.set_yticks(range(len(rows)), labels)
    ax.grid(visible=False)
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    return figure


def _provenance(plan: Plan, trials: Sequence[Trial]) -> str:
    said = plan.stated()
    seconds = sum(one.seconds for one in trials)
    pairs = [
        ("Scenario", f"{plan.scenario.name}, {plan.scenario.run.weeks:,} weeks"),
        ("Targets", plan.targets.name),
        ("Trials", f"{len(trials)} in batches of {plan.batch}, {how_many(plan.seeds, 'seed')} each"),
        ("Search", f"multivariate TPE, seed {plan.seed}"),
        ("Runs that failed", str(sum(one.failed for one in trials))),
        ("Time in runs", f"{seconds / 60.0:.1f} min"),
        ("Optuna", said["optuna"]),
        ("Sources' SHA-256", said["sources"]),
    ]
    return facts(pairs)

