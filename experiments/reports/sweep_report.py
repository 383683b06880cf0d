"""The report of a sweep: one HTML page made from the folder, with nothing but what the runs say.

    from experiments.reports.sweep_report import sweep_page
    html = sweep_page(load_results("results/commission"))
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from experiments.designs.samplers import SAMPLED
from experiments.own_code import places_of
from experiments.reports import sweep_charts as charts
from experiments.reports import tables
from experiments.reports.chart_style import window_words
from experiments.reports.even import Even, even_runs
from experiments.reports.shell import Section, document, figure_block, note, prose, warning
from experiments.reports.sweep_headline import LEVEL, headline, last, shown, varied, whole
from experiments.reports.words import number
from experiments.sensitivity.effects import Cuts, cell_means, cuts_for, level_means, levels_of, variance_shares
from experiments.wording import how_many
from marketplace.indicators import indicator_of

if TYPE_CHECKING:
    from experiments.store.reading import Results

KIND = "sweep report"
TOLD = ("gmv", "active_sellers", "third_party_share", "satisfaction", "price_index", "platform_margin")
DRAWN = ("gmv", "third_party_share", "satisfaction")
MOST_POINTS = 24  # rows of the table of points; of more, the best and the worst half of it
MOST_FACTORS = 9  # panels of main effects
MOST_GROUPS = 5  # courses in one panel
MOST_FAILURES = 20


def sweep_page(results: Results) -> str:
    """Return the whole page of a sweep."""
    runs = complete_runs(results)
    sections = [_what_was_run(results, runs)]
    if runs.empty:
        sections.append(Section("Headline", "No run came to its end, so there is nothing to report.", ""))
    else:
        even = even_runs(runs, common=_common(results))
        sections += [headline(results, runs, even), _points(results, runs, even)]
        if results.factors:
            sections += [_main_effects(results, even), *_two_factors(results, even)]
        sections += [*_courses(results, even), *_indices(results)]
    sections += [*_failures(results), _design(results), provenance_section(results)]
    return document(str(results.provenance.get("design", results.path.name)), KIND, banner(results), sections)


def complete_runs(results: Results) -> pd.DataFrame:
    """The rows of ``summary`` that came to their end."""
    return results.summary[results.summary["status"] == "complete"]


def banner(results: Results) -> str:
    """A warning where runs failed or are missing; nothing else."""
    planned, done = results.manifest.planned, len(results.summary)
    failed = len(results.failures)
    said = []
    if failed:
        said.append(f"{how_many(failed, 'run')} failed and {'is' if failed == 1 else 'are'} in no figure.")
    if done < planned:
        said.append(f"{planned - done:,} of {planned:,} runs are not there yet: marketplace sweep --resume runs them.")
    return warning(" ".join(said)) if said else ""


def _what_was_run(results: Results, runs: pd.DataFrame) -> Section:
    said = results.provenance
    seconds = runs["seconds"].sum()
    pairs = [
        ("Design", f"{said.get('design_kind', 'arms')}, {how_many(len(results.points), 'point')}"),
        ("Factors", ", ".join(results.factors) or "none"),
        ("Base scenario", str(said.get("scenario", ""))),
        ("Length", how_many(said.get("weeks", 0), "week")),
        ("Replications", f"{said.get('replications', 1):,}, {said.get('seeds', 'common')} seeds"),
        ("Runs", f"{len(runs):,} complete of {results.manifest.planned:,}, {len(results.failures):,} failed"),
        ("Weeks kept", "yes" if results.manifest.weekly else "no (sweep with --weekly keeps them)"),
        ("Computing time", f"{seconds:,.0f} s, {seconds / max(1, len(runs)):.2f} s a run"),
    ]
    return Section("What was run", "", tables.facts(pairs))


def _points(results: Results, runs: pd.DataFrame, even: Even) -> Section:
    told = [name for name in TOLD if name in runs]
    table = {name: level_means(runs, runs["point"], name, common=False).set_index("level") for name in told}
    order = _order(table["gmv"], ranked=not even.said)
    some = list(order) if len(order) <= MOST_POINTS else [*order[: MOST_POINTS // 2], *order[-MOST_POINTS // 2 :]]
    counts = runs.groupby("point").size()
    head = [_breakable(name) for name in results.factors]
    head += ["n", *(escape(name.replace("_", " ")) for name in told)]
    rows = []
    for point in some:
        factors = [escape(shown(results.points.loc[point, name])) for name in results.factors]
        cells = [_with_interval(table[name], point, name) for name in told]
        rows.append([*factors, str(counts[point]), *cells])
    first = len(results.factors)
    lead = _points_lead(results, len(order), even)
    return Section("Points", lead, tables.table(head, rows, "points", range(first, len(head))), "long")


def _order(table: pd.DataFrame, *, ranked: bool) -> list[int]:
    """Points by their mean, the highest first and equal ones by their number; all by number where they are no ranking.

    Parameters
    ----------
    table : DataFrame
        Indexed by point, with ``mean``.
    ranked : bool
        Whether points can be compared.
    """
    by_number = table.sort_index()
    return list((by_number.sort_values("mean", ascending=False, kind="stable") if ranked else by_number).index)


def _points_lead(results: Results, points: int, even: Even) -> str:
    by = "in the design's order, because points do not all have the same seeds" if even.said else "by GMV"
    lead = (
        f"Means over n replications of {last(results)}, {by}, with half the width of their 95 % t intervals "
        "(none from too few equal values)."
    )
    if points > MOST_POINTS:
        ends = "first and last" if even.said else "highest and lowest"
        lead += f" Of {points:,} points the {MOST_POINTS // 2} {ends} are shown."
    return lead


def _breakable(path: str) -> str:
    """A dotted path, in HTML, that may be broken behind its dots and underscores."""
    return escape(path).replace(".", ".<wbr>").replace("_", "_<wbr>")


def _with_interval(table: pd.DataFrame, point: int, indicator: str) -> str:
    if point not in table.index:
        return "–"
    row, unit = table.loc[point], indicator_of(indicator).unit
    mean, half = number(float(row["mean"]), unit), float(row["high"] - row["low"]) / 2.0
    return mean if pd.isna(half) else f'{mean}<br><span class="half">± {half_width(half, unit)}</span>'


def half_width(half: float, unit: str) -> str:
    """Half the width of an interval: of shares in percentage points."""
    said = number(half, unit)
    return f"{said.removesuffix('%')}pp" if unit == "share" else said


def _common(results: Results) -> bool:
    """Whether all points were to have the same seeds: what a seed does to all of them alike can then be taken out."""
    return bool(results.provenance.get("seeds") == "common")


def _cuts(results: Results, runs: pd.DataFrame) -> Cuts:
    return cuts_for(runs["point"].nunique(), sampled=results.provenance.get("design_kind") in SAMPLED)


def _main_effects(results: Results, even: Even) -> Section:
    runs, title = even.runs, "Main effects"
    if runs.empty:
        return Section(title, even.said, "")
    factors, cuts = varied(runs[results.factors])[:MOST_FACTORS], _cuts(results, runs)
    if not factors:
        same = "All points that have runs have the same values, or there is only one."
        return Section(title, same, "")
    effects = {
        (indicator, factor): level_means(
            runs, levels_of(runs[factor], cuts.bins, cuts.keep), indicator, common=_common(results)
        )
        for indicator in DRAWN
        for factor in factors
    }
    cut = any(levels_of(runs[name], cuts.bins, cuts.keep).nunique() < runs[name].nunique() for name in factors)
    caption = _effects_caption(runs, _common(results), cut)
    drawn = figure_block(charts.main_effects(effects), "effects", "Main effects of the factors", caption)
    lead = "What each factor moves by itself, over all values of the others. One scale a row."
    lead += f" {even.said}" if even.said else ""
    return Section(title, lead + _holes(results, runs), drawn, "tall" if len(factors) > 3 else "")


def _effects_caption(runs: pd.DataFrame, common: bool, cut: bool) -> str:
    """What the dots and the grey lines are, and whether values were put into bins."""
    seeds = runs["replicate"].nunique()
    said = f"Mean over all runs at a value, n = {how_many(len(runs), 'run')} in all"
    if seeds > 1:
        said += f"; grey: 95 % t interval over {how_many(seeds, 'seed')}"
        said += ", less what a seed does to all points alike" if common else ""
    else:
        said += "; from a single seed there is no interval"
    return said + (". Factors with many values are cut into bins, each drawn at its mean." if cut else ".")


def _holes(results: Results, runs: pd.DataFrame) -> str:
    """That a grid has holes, so that what looks like a factor may be another one."""
    if results.provenance.get("design_kind") != "grid" or whole(results, runs):
        return ""
    return " Not all points of the grid are here, so a value's mean may be due to those of other factors it comes with."


def _two_factors(results: Results, even: Even) -> list[Section]:
    runs = even.runs
    factors = varied(runs[results.factors])
    if len(factors) < 2:
        return []
    cuts = _cuts(results, runs)
    shares = variance_shares(runs, factors[:MOST_FACTORS], "gmv", cuts)
    grid = bool(shares) and results.provenance.get("design_kind") == "grid" and whole(results, runs)
    first, second = _pair(factors, shares, grid)
    cells = cell_means(runs, first, second, "gmv", cuts)
    lead = f"Mean GMV of {last(results)} by {first} and {second}"
    if grid:
        lead += f", which interact most: {shares[first, second]:.1%} of the variance between points is theirs together."
    else:
        lead += "."
    caption = f"n = {how_many(len(runs), 'run')}."
    if cells.shape != (runs[first].nunique(), runs[second].nunique()):
        caption += " Factors with many values are cut into bins, each named by its mean."
    drawn = figure_block(charts.heat_map(cells, first, second, "gmv"), "heat", lead, caption)
    return [Section("Two factors together", lead, drawn + (_share_table(shares) if grid else ""))]


def _pair(factors: Sequence[str], shares: dict[tuple[str, ...], float], grid: bool) -> tuple[str, ...]:
    """The two factors that interact most; where a design is no grid, bins cannot tell, so the two strongest alone."""
    if grid:
        return max((key for key in shares if len(key) == 2), key=lambda key: shares[key])
    by_strength = sorted(factors, key=lambda name: -shares.get((name,), 0.0))
    return tuple(name for name in factors if name in by_strength[:2])


def _share_table(shares: dict[tuple[str, ...], float]) -> str:
    rows = [[escape(" × ".join(key)), f"{share:.1%}"] for key, share in sorted(shares.items(), key=lambda i: -i[1])]
    head = ["Share of the variance of GMV between points", ""]
    return tables.table(head, rows[:MOST_FAILURES], "key", range(1, 2))


def _courses(results: Results, even: Even) -> list[Section]:
    if not results.manifest.weekly or not results.factors:
        return []
    factor = next((name for name in results.factors if 1 < results.points[name].nunique() <= MOST_GROUPS), None)
    by = [] if factor is None else [factor]
    drawn = {name: mean_courses(results, name, by) for name in ("gmv", "active_sellers", "satisfaction", "price_index")}
    count = len(complete_runs(results))
    caption = f"{courses_words(drawn)}, n = {how_many(count, 'run')}"
    caption += f", told apart by {factor}." if factor else "."
    caption += " All runs are in, though points do not all have the same seeds." if factor and even.said else ""
    return [Section("Over time", "", figure_block(charts.courses(drawn), "courses", "Courses over time", caption))]


def courses_words(drawn: charts.Bands) -> str:
    """What the lines and bands of a figure of courses are."""
    mean = window_words(charts.shortest(drawn))
    return f"Mean of the runs{f' ({mean})' if mean else ', week by week,'} with the 95 % t interval of that mean"


def mean_courses(results: Results, indicator: str, by: Sequence[str], level: float = LEVEL) -> dict[str, pd.DataFrame]:
    """Weekly mean of an indicator with its t interval, by groups of runs; DuckDB reads but the columns it needs.

    Returns
    -------
    dict
        Words for a group -> table with ``week n mean low high``.
    """
    from scipy.special import stdtrit

    from experiments.store.views import quoted

    groups = "".join(f"{quoted(name)}, " for name in by)
    value = quoted(indicator)
    table = results.query(
        f"SELECT {groups}week, count({value}) AS n, avg({value}) AS mean, stddev_samp({value}) AS sd "
        f"FROM weekly GROUP BY {groups}week ORDER BY {groups}week"
    )
    half = stdtrit(table["n"].clip(lower=2) - 1, 0.5 + level / 2.0) * table["sd"] / table["n"].clip(lower=1) ** 0.5
    table = table.assign(low=table["mean"] - half, high=table["mean"] + half)
    if not by:
        return {"all runs": table}
    return {shown(key[0] if isinstance(key, tuple) else key): part for key, part in table.groupby(list(by), sort=True)}


def _indices(results: Results) -> list[Section]:
    from experiments.sensitivity.statement import read_statement, runs_hash

    said = read_statement(results.path)
    if said is None:
        return []
    stale = said.get("runs_sha256") != runs_hash(results)
    old = warning("These indices are of other runs than the folder holds now: analyse it again.") if stale else ""
    body = "".join(_analysis(k, one) for k, one in enumerate(said.get("analyses", [])))
    body += "".join(_box(one) for one in said.get("boxes", []))
    return [Section("Sensitivity", "", old + body)] if body else []


def _analysis(k: int, one: dict[str, Any]) -> str:
    title = f"{'log ' if one.get('log') else ''}{one['indicator']}"
    strongest = {"ST": 0, "mu_star": 0}
    rows = sorted(one["indices"], key=lambda row: (strongest.get(row["name"], 1), -abs(row["value"] or 0.0)))
    caption = (
        f"{one['kind']}, {one['points']:,} points, {how_many(one['replications'], 'replication')}; dots with their "
        f"{100 * one['level']:g} % intervals."
    )
    drawn = figure_block(charts.index_bars(rows, title), f"index{k}", f"Sensitivity of {title}", caption)
    share = one.get("seed_share")
    chance = note(f"{share['share']:.1%} of the variance between single runs is due to the seed.") if share else ""
    return drawn + chance + "".join(warning(text) for text in one.get("warnings", []))


def _box(one: dict[str, Any]) -> str:
    title = f"<h3>{prose(one['condition'])}</h3>"
    said = f"{one['cases']:,} of {how_many(one['runs'], 'run')} are cases of {one['condition']}"
    if not one.get("boxes"):
        return title + note(f"{said}; no box holds them densely enough.")
    said += ". Coverage: share of all cases in the box; density: share of its runs that are cases."
    rows = []
    for k, box in enumerate(one["boxes"], start=1):
        limits = "; ".join(_limit(limit) for limit in box.get("limits", []))
        shares = [_percent(box.get("coverage")), _percent(box.get("density"))]
        rows.append([str(k), escape(limits), *shares, f"{box['runs']:,}" if "runs" in box else "–"])
    head = ["Box", "Where", "coverage", "density", "runs"]
    return title + note(said) + tables.table(head, rows, "boxes", range(2, 5))


def _limit(limit: dict[str, Any]) -> str:
    factor = limit.get("factor", "")
    if limit.get("values"):
        return f"{factor}: {', '.join(map(str, limit['values']))}"
    return f"{factor}: {limit['low']:.6g} to {limit['high']:.6g}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _failures(results: Results) -> list[Section]:
    failures = results.failures
    if failures.empty:
        return []
    failures = failures.assign(where=failures["traceback"].map(_raised_at))
    keys = ["stage", "where", "exception", "message"]
    counts = failures.groupby(keys, dropna=False).size().sort_values(ascending=False)
    rows = [[escape(str(part)) for part in key] + [f"{count:,}"] for key, count in counts.head(MOST_FAILURES).items()]
    table = tables.table(["Stage", "Where", "Exception", "What it said", "runs"], rows, "failures", range(4, 5))
    which = [
        f"point {row.point}, replicate {row.replicate}, seed {row.seed}"
        for row in failures.head(MOST_FAILURES).itertuples()
    ]
    more = f" and {len(failures) - MOST_FAILURES:,} more" if len(failures) > MOST_FAILURES else ""
    lead = f"{how_many(len(failures), 'run')} failed; tracebacks are in load_results(...).failures."
    return [Section("Failures", lead, table + note("; ".join(which) + more + "."))]


def _raised_at(traceback: str) -> str:
    """``odd.py, line 6``: the innermost place of a traceback; empty without one."""
    for path, line in places_of(traceback or ""):
        return f"{Path(path).name}, line {line}"
    return ""


def _design(results: Results) -> Section:
    return Section("Design", "The file, as it was read.", f"<pre>{escape(results.design)}</pre>", "long")


def provenance_section(results: Results) -> Section:
    """What the runs were made with."""
    how = "load_results(DIR).summary is the table of all runs; marketplace sweep --resume runs what is missing."
    return Section("Provenance", "", tables.facts(tables.made_with(results.provenance)) + note(how), "provenance")
