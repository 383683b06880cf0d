"""The report of a comparison: which arms differ, by how much, and how sure that is."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.comparison.arms import against
from experiments.comparison.labels import short_labels
from experiments.comparison.printing import change, span
from experiments.errors import ResultsError
from experiments.reports import sweep_charts as charts
from experiments.reports import tables
from experiments.reports.chart_style import INK, SERIES, window_words
from experiments.reports.shell import Section, document, figure_block, note, paragraphs, warning
from experiments.reports.words import NO_VALUE, number
from experiments.wording import how_many

if TYPE_CHECKING:
    from experiments.store.reading import Results

KIND = "comparison report"
DRAWN = ("gmv", "active_sellers", "satisfaction", "price_index")
MOST_ARMS = len(SERIES)  # courses in one panel
NAME = 16  # characters of an arm's name in a figure
MOST_CHANGES = 12  # fields that an arm is said to differ in
WORDS = ("name = ", "description = ", "run.seed = ")  # what makes no difference to a run under a given seed


def comparison_page(results: Results | None, said: Mapping[str, Any], provenance: Mapping[str, Any]) -> str:
    """Return the whole page of a comparison.

    Parameters
    ----------
    results : Results or None
        The runs, where they lie in the same folder.
    said : mapping
        The content of ``comparison.json``.
    provenance : mapping
        The content of ``provenance.json``.
    """
    title = against(said["arms"])
    head = "".join(warning(text) for text in said.get("notes", []))
    if results is not None:
        from experiments.reports.sweep_report import banner

        head = banner(results) + head
    sections = [_what(results, said, provenance), _headline(said)]
    sections += [_arm(said, arm, k) for k, arm in enumerate(said["arms"][1:], start=1)]
    sections += [*_courses(results, said), _how(said), _provenance(provenance)]
    return document(title, KIND, head, sections)


def read_comparison(path: Path) -> dict[str, Any]:
    """The content of ``comparison.json``.

    Raises
    ------
    ResultsError
        If it is missing or damaged.
    """
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        whole = isinstance(said["rows"], list) and len(said["arms"]) > 1
    except (OSError, ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise ResultsError(f"{path} is missing or damaged; marketplace compare writes it")
    return dict(said)


def _what(results: Results | None, said: Mapping[str, Any], provenance: Mapping[str, Any]) -> Section:
    pairs = [
        ("Length", how_many(provenance.get("weeks", 0), "week")),
        ("Interval", f"{said['interval']}, {100 * said['level']:g} %, each row by itself"),
        ("Verdicts", _correction(said)),
    ]
    return Section("What was compared", "", _arms(results, said) + tables.facts(pairs))


def _correction(said: Mapping[str, Any]) -> str:
    few = {0: "nothing could be tested", 1: "of one test, so not corrected"}
    return few.get(said.get("tests", -1), str(said["correction"]))


def _arms(results: Results | None, said: Mapping[str, Any]) -> str:
    """All arms with the colour and the name that they have in figures, what they change, and their pairs of runs."""
    names, changed = _short_names(said), {} if results is None else _changes(results, said["baseline"])
    rows = []
    for k, arm in enumerate(said["arms"]):
        mark = f'<span style="color: {_colour(k)}">■</span> {escape(names[arm])}'
        count = "baseline" if arm == said["baseline"] else str(said["pairs"].get(arm, 0))
        rows.append([mark, escape(arm), escape(changed.get(arm, "")), count])
    head = ["In figures", "Arm", "Differs from the baseline in", "pairs of runs"]
    if not changed:
        head, rows = [head[0], head[1], head[3]], [[row[0], row[1], row[3]] for row in rows]
    return tables.table(head, rows, "arms", range(len(head) - 1, len(head)))


def _changes(results: Results, baseline: str) -> dict[str, str]:
    """By arm, the fields that differ from the baseline's, as the folder's design states them; empty without one."""
    try:
        stated = tomllib.loads(results.design)["design"]["arms"]
        worlds = {arm: dict(tables.flat(world)) for arm, world in stated.items()}
        base = worlds[baseline]
    except (ResultsError, ValueError, KeyError, AttributeError):
        return {}
    return {arm: _differing(world, base) for arm, world in worlds.items() if arm != baseline}


def _differing(world: Mapping[str, str], base: Mapping[str, str]) -> str:
    """``policy.name = dividend``, and the like; of very many fields the first few."""
    new = [f"{path} = {value}" for path, value in world.items() if base.get(path) != value and value != NO_VALUE]
    gone = [f"no {path}" for path, value in base.items() if path not in world and value != NO_VALUE]
    said = [text.replace("platforms.0.", "platform.") for text in new + gone if not text.startswith(WORDS)]
    more = len(said) - MOST_CHANGES
    return "; ".join(said[:MOST_CHANGES]) + (f" and {more} more" if more > 0 else "")


def _colour(k: int) -> str:
    """The colour of the arm of a number, 0 for the baseline, in every figure of the page."""
    return SERIES[k][0] if k < MOST_ARMS else INK


def _short_names(said: Mapping[str, Any]) -> dict[str, str]:
    return short_labels(said["arms"], NAME)


def _headline(said: Mapping[str, Any]) -> Section:
    sentences = []
    for arm in said["arms"][1:]:
        rows = {row["indicator"]: row for row in said["rows"] if row["arm"] == arm}
        if "gmv" in rows:
            sentences.append(_sentence(arm, said["baseline"], rows["gmv"]))
        else:
            sure = [row["indicator"] for row in rows.values() if row["distinguishable"]]
            sentences.append(f"{arm} differs from {said['baseline']} in {', '.join(sure[:6]) or 'nothing that shows'}.")
    return Section("Headline", "", paragraphs(*sentences[:8]))


def _sentence(arm: str, baseline: str, row: Mapping[str, Any]) -> str:
    if row["effect"] is None:
        return f"GMV of {arm} could not be compared with that of {baseline}: {row['verdict']}."
    pairs = f"{how_many(row['n'], 'pair')} of runs"
    if not row["distinguishable"]:
        return f"GMV of {arm} and {baseline}: {row['verdict']}; {_effect(row)} from {pairs}."
    more = "higher" if row["effect"] > 0.0 else "lower"
    return f"GMV under {arm} is {more} than under {baseline}: {_effect(row)}, from {pairs}."


def _effect(row: Mapping[str, Any]) -> str:
    """``−26 % (−28 to −24 %)`` for ratios, the difference in its unit for the rest, as in the terminal."""
    if row["effect"] is None:
        return "–"
    known = {**row, **{key: math.nan if row[key] is None else row[key] for key in ("low", "high")}}
    limits = span(known)
    return (change(known) + (f" ({limits})" if limits else "")).replace("-", "−")


def _arm(said: Mapping[str, Any], arm: str, k: int) -> Section:
    rows = [row for row in said["rows"] if row["arm"] == arm]
    head = ["Indicator", "baseline", "arm", "difference", "n", "d_z", "removed", "needed", ""]
    cells = [_cells(row) for row in rows]
    left_out = _left_out(rows)
    drawn = _forest(said, arm, rows, k) + (note(left_out) if left_out else "")
    return Section(arm, "", drawn + tables.table(head, cells, "compared", range(1, len(head) - 1)), "long")


def _forest(said: Mapping[str, Any], arm: str, rows: Sequence[Mapping[str, Any]], k: int) -> str:
    """The figure of an arm: every ratio that has an interval, in per cent."""
    ratios = [
        {"label": _name(row), "sure": row["distinguishable"]}
        | {key: 100.0 * math.expm1(row[key]) for key in ("effect", "low", "high")}
        for row in rows
        if _in_chart(row)
    ]
    if not ratios:
        return ""
    caption = (
        f"Ratios, in per cent of {said['baseline']}, with {100 * said['level']:g} % intervals, "
        f"n = {how_many(said['pairs'].get(arm, 0), 'pair')}. Pale, with a hollow mark: not distinguishable."
    )
    names = _short_names(said)
    title = f"{names[arm]} over {names[said['baseline']]}, per cent"
    return figure_block(charts.forest(ratios, title, _colour(k)), f"forest{k}", f"Differences of {arm}", caption)


def _in_chart(row: Mapping[str, Any]) -> bool:
    return row["scale"] == "log ratio" and row["low"] is not None


def _left_out(rows: Sequence[Mapping[str, Any]]) -> str:
    """Which rows the figure leaves out, and why."""
    units = [_name(row) for row in rows if row["scale"] != "log ratio"]
    bare = [_name(row) for row in rows if row["scale"] == "log ratio" and row["low"] is None]
    reasons = {"they are compared as differences, not as ratios": units, "they have no interval": bare}
    return " ".join(f"Not in the figure, because {why}: {', '.join(names)}." for why, names in reasons.items() if names)


def _name(row: Mapping[str, Any]) -> str:
    return str(row["indicator"]).replace("_", " ")


def _cells(row: Mapping[str, Any]) -> list[str]:
    unit = row["unit"]
    removed = "–" if row["removed"] is None else f"{row['removed']:.0%}".replace("-", "−")
    needed = "–" if row["pairs_needed"] is None else f"{row['pairs_needed']:,.0f}"
    size = "–" if row["d_z"] is None else f"{row['d_z']:+.2f}".replace("-", "−")
    verdict = escape(str(row["verdict"]))
    name = f"<code>{escape(_name(row))}</code>"
    return [
        name, number(row["baseline_mean"], unit), number(row["arm_mean"], unit), escape(_effect(row)), str(row["n"]),
        size, removed, needed,
        f"<b>{verdict}</b>" if row["distinguishable"] else verdict,
    ]  # fmt: skip


def _courses(results: Results | None, said: Mapping[str, Any]) -> list[Section]:
    if results is None or not results.manifest.weekly:
        return []
    from experiments.reports.sweep_report import courses_words, mean_courses

    shown, names = said["arms"][:MOST_ARMS], _short_names(said)
    drawn = {}
    for indicator in DRAWN:
        found = mean_courses(results, indicator, ["arm"])
        drawn[indicator] = {names[arm]: found[arm] for arm in shown if arm in found}
    caption = f"{courses_words(drawn)}, n = {_counts(results, shown)}."
    caption += " They hold the luck that arms share, which the paired differences below take out."
    if len(shown) < len(said["arms"]):
        caption += f" Of {len(said['arms'])} arms the first {MOST_ARMS} are drawn."
    body = figure_block(charts.courses(drawn, list(names.values())), "courses", "Courses over time", caption)
    return [Section("Over time", "", body + _differences(results, shown, names))]


def _counts(results: Results, arms: Sequence[str]) -> str:
    count = results.summary[results.summary["status"] == "complete"].groupby("arm").size()
    numbers = {int(count.get(arm, 0)) for arm in arms}
    few, most = min(numbers), max(numbers)
    return f"{how_many(most, 'run')} an arm" if few == most else f"{few:,} to {how_many(most, 'run')} an arm"


def _differences(results: Results, arms: Sequence[str], names: Mapping[str, str]) -> str:
    """Paired differences of GMV, week by week."""
    from experiments.comparison.bands import paired_band

    weekly = results.query("SELECT arm, seed, week, gmv FROM weekly")
    drawn: dict[str, Any] = {}
    scale = ""
    for arm in arms[1:]:
        try:
            band = paired_band(weekly, "gmv", arm, arms[0])
        except ResultsError:
            continue
        scale = str(band.attrs["scale"])
        drawn[names[arm]] = band
    if not drawn:
        return ""
    unit = "log points" if scale == "log ratio" else "currency"
    mean = window_words(charts.shortest({"gmv": drawn}))
    caption = f"GMV, paired difference from {arms[0]} in {unit}{f' ({mean})' if mean else ''}; "
    caption += "band: 95 % interval of every week by itself."
    figure = charts.courses({"gmv": drawn}, list(names.values()))
    return figure_block(figure, "differences", "Paired differences", caption)


def _how(said: Mapping[str, Any]) -> Section:
    text = (
        "Runs are paired by seed: under one seed, arms share every draw that concerns the same decision. Money and "
        "counts are compared as ratios (means of logs), everything else as differences; means of both arms are plain "
        "means. n: pairs of runs. d_z: mean of the differences over their standard deviation, corrected for small n. "
        "Removed: share of the variance of the difference that common seeds took away. Needed: pairs for the "
        "half-width that comparison.json states. pp: percentage points of a share; points: of the net promoter score. "
        "Verdicts hold for all rows together, intervals row by row: an interval may leave zero out and the verdict not."
    )
    return Section("How to read it", "", note(text))


def _provenance(provenance: Mapping[str, Any]) -> Section:
    return Section("Provenance", "", tables.facts(tables.made_with(provenance)), "provenance")
