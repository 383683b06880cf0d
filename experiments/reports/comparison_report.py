"""The report of a comparison: which arms differ, by how much, and how sure that is."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from experiments.errors import ResultsError
from experiments.reports import sweep_charts as charts
from experiments.reports import tables
from experiments.reports.shell import Section, document, figure_block, note, paragraphs, warning
from experiments.reports.words import number

if TYPE_CHECKING:
    from experiments.store.reading import Results

KIND = "comparison report"
DRAWN = ("gmv", "active_sellers", "satisfaction", "price_index")
MOST_ARMS = 5  # courses in one panel


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
    title = f"{said['arms'][0]} against {' and '.join(said['arms'][1:3])}"
    title += f" and {len(said['arms']) - 3} more" if len(said["arms"]) > 3 else ""
    head = "".join(warning(text) for text in said.get("notes", []))
    if results is not None:
        from experiments.reports.sweep_report import banner

        head = banner(results) + head
    sections = [_what(said, provenance), _headline(said)]
    sections += [_arm(said, arm, k) for k, arm in enumerate(said["arms"][1:])]
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


def _what(said: Mapping[str, Any], provenance: Mapping[str, Any]) -> Section:
    pairs = [
        ("Baseline", str(said["baseline"])),
        ("Arms", ", ".join(said["arms"][1:])),
        ("Pairs of runs", ", ".join(f"{arm}: {count}" for arm, count in said["pairs"].items())),
        ("Length", f"{provenance.get('weeks', 0):,} weeks"),
        ("Interval", f"{said['interval']}, {100 * said['level']:g} %, each row by itself"),
        ("Verdicts", str(said["correction"])),
    ]
    return Section("What was compared", "", tables.facts(pairs))


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
    if not row["distinguishable"]:
        return f"GMV of {arm} and {baseline}: {row['verdict']} over {row['n']} pairs of runs, {_effect(row, 'all')}."
    more = "higher" if row["effect"] > 0.0 else "lower"
    return f"GMV under {arm} is {more} than under {baseline}: {_effect(row, 'all')}, from {row['n']} pairs of runs."


def _effect(row: Mapping[str, Any], holds_for: Literal["row", "all"] = "row") -> str:
    """``−26 % (−28 to −24)`` for ratios, the difference in its unit for the rest.

    The interval is that of the row by itself, or, as the verdict is, of ``all`` rows together.
    """
    if row["effect"] is None:
        return "–"
    limits = ("low", "high") if holds_for == "row" else ("simultaneous_low", "simultaneous_high")
    numbers = [row["effect"], *(row[key] for key in limits)]
    if row["scale"] == "log ratio":
        values = [None if x is None else 100.0 * math.expm1(x) for x in numbers]
        unit, digits = " %", 1
    elif row["unit"] == "share":
        values = [None if x is None else 100.0 * x for x in numbers]
        unit, digits = " points", 2
    else:
        values, unit, digits = numbers, "", 3
    mean, low, high = ("" if x is None else f"{x:+.{digits}f}".replace("-", "−") for x in values)
    return f"{mean}{unit}" + (f" ({low} to {high})" if low and high else "")


def _arm(said: Mapping[str, Any], arm: str, k: int) -> Section:
    rows = [row for row in said["rows"] if row["arm"] == arm]
    head = ["Indicator", "baseline", "arm", "difference", "n", "d_z", "removed", "needed", ""]
    cells = [_cells(row) for row in rows]
    ratios = [
        {"label": row["indicator"], "sure": row["distinguishable"]}
        | {key: 100.0 * math.expm1(row[key]) for key in ("effect", "low", "high")}
        for row in rows
        if row["scale"] == "log ratio" and all(row[key] is not None for key in ("effect", "low", "high"))
    ]
    drawn = ""
    if ratios:
        level, pairs = 100 * said["level"], said["pairs"][arm]
        caption = f"Per cent of the baseline; {level:g} % intervals, n = {pairs} pairs. Grey: not distinguishable."
        title = f"{arm} over {said['baseline']}"
        drawn = figure_block(charts.forest(ratios, title), f"forest{k}", f"Differences of {arm}", caption)
    return Section(arm, "", drawn + tables.table(head, cells, "compared", range(1, len(head) - 1)), "long")


def _cells(row: Mapping[str, Any]) -> list[str]:
    unit = row["unit"]
    removed = "–" if row["removed"] is None else f"{row['removed']:.0%}".replace("-", "−")
    needed = "–" if row["pairs_needed"] is None else f"{row['pairs_needed']:,.0f}"
    size = "–" if row["d_z"] is None else f"{row['d_z']:+.2f}".replace("-", "−")
    verdict = escape(str(row["verdict"]))
    name = f"<code>{escape(row['indicator'].replace('_', ' '))}</code>"
    return [
        name, number(row["baseline_mean"], unit), number(row["arm_mean"], unit), escape(_effect(row)), str(row["n"]),
        size, removed, needed,
        f"<b>{verdict}</b>" if row["distinguishable"] else verdict,
    ]  # fmt: skip


def _courses(results: Results | None, said: Mapping[str, Any]) -> list[Section]:
    if results is None or not results.manifest.weekly:
        return []
    from experiments.reports.sweep_report import mean_courses

    shown = said["arms"][:MOST_ARMS]
    drawn = {}
    for indicator in DRAWN:
        found = mean_courses(results, indicator, ["arm"])
        drawn[indicator] = {arm: found[arm] for arm in shown if arm in found}
    caption = f"Mean of the runs (13-week mean) with the 95 % t interval of that mean, n = {_counts(results, shown)}."
    caption += " The intervals of means are wider than those of the paired differences below."
    body = figure_block(charts.courses(drawn), "courses", "Courses over time", caption)
    return [Section("Over time", "", body + _differences(results, shown))]


def _counts(results: Results, arms: Sequence[str]) -> str:
    count = results.summary[results.summary["status"] == "complete"].groupby("arm").size()
    numbers = {int(count.get(arm, 0)) for arm in arms}
    return f"{numbers.pop()} runs an arm" if len(numbers) == 1 else f"{min(numbers)} to {max(numbers)} runs an arm"


def _differences(results: Results, arms: Sequence[str]) -> str:
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
        drawn[arm] = band
    if not drawn:
        return ""
    unit = "log points" if scale == "log ratio" else "currency"
    caption = f"GMV, paired difference from {arms[0]} in {unit}; band: 95 % interval of every week by itself."
    return figure_block(charts.courses({"gmv": drawn}), "differences", "Paired differences", caption)


def _how(said: Mapping[str, Any]) -> Section:
    text = (
        "Runs are paired by seed: under one seed, arms share every draw that concerns the same decision. Money and "
        "counts are compared as ratios (means of logs), everything else as differences; means of both arms are plain "
        "means. n: pairs of runs. d_z: mean of the differences over their standard deviation, corrected for small n. "
        "Removed: share of the variance of the difference that common seeds took away. Needed: pairs for the "
        "half-width that comparison.json states. Verdicts, and the intervals of the headline, hold for all rows "
        "together; the intervals of the table hold row by row."
    )
    return Section("How to read it", "", note(text))


def _provenance(provenance: Mapping[str, Any]) -> Section:
    return Section("Provenance", "", tables.facts(tables.flat(provenance)), "provenance")
