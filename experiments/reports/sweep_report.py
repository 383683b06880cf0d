"""The report of a sweep: one HTML page made from the folder, with nothing but what the runs say.

    from experiments.reports.sweep_report import sweep_page
    html = sweep_page(load_results("results/commission"))
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from experiments.closures import closure_notes, flags_of
from experiments.comparison.comparison import compare_arms
from experiments.comparison.printing import change, span
from experiments.errors import ResultsError
from experiments.reports import sweep_charts as charts
from experiments.reports import tables
from experiments.reports.shell import Section, document, figure_block, note, paragraphs, prose, warning
from experiments.reports.words import number, times
from experiments.sensitivity.effects import cell_means, level_means, levels_of, variance_shares
from experiments.wording import how_many, last_weeks
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
LEVEL = 0.95
YEAR = 52  # weeks that a summary covers


def sweep_page(results: Results) -> str:
    """Return the whole page of a sweep."""
    runs = complete_runs(results)
    sections = [_what_was_run(results, runs)]
    if runs.empty:
        sections.append(Section("Headline", "No run came to its end, so there is nothing to report.", ""))
    else:
        sections += [_headline(results, runs), _points(results, runs)]
        if results.factors:
            sections += [_main_effects(results, runs), *_two_factors(results, runs)]
        sections += [*_courses(results), *_indices(results)]
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
        said.append(f"{failed:,} runs failed and are in no figure.")
    if done < planned:
        said.append(f"{planned - done:,} of {planned:,} runs are not there yet: marketplace sweep --resume runs them.")
    return warning(" ".join(said)) if said else ""


def _what_was_run(results: Results, runs: pd.DataFrame) -> Section:
    said = results.provenance
    seconds = runs["seconds"].sum()
    pairs = [
        ("Design", f"{said.get('design_kind', 'arms')}, {len(results.points):,} points"),
        ("Factors", ", ".join(results.factors) or "none"),
        ("Base scenario", str(said.get("scenario", ""))),
        ("Length", f"{said.get('weeks', 0):,} weeks"),
        ("Replications", f"{said.get('replications', 1):,}, {said.get('seeds', 'common')} seeds"),
        ("Runs", f"{len(runs):,} complete of {results.manifest.planned:,}, {len(results.failures):,} failed"),
        ("Weeks kept", "yes" if results.manifest.weekly else "no (sweep with --weekly keeps them)"),
        ("Computing time", f"{seconds:,.0f} s, {seconds / max(1, len(runs)):.2f} s a run"),
    ]
    return Section("What was run", "", tables.facts(pairs))


# -- in words ----------------------------------------------------------------------------------------------------


def _headline(results: Results, runs: pd.DataFrame) -> Section:
    means, weeks = runs.groupby("point")["gmv"].mean().dropna(), _last(results)
    closures = _closures(results, runs)
    if means.empty:
        return Section("Headline", "", paragraphs(f"No run sold anything in {weeks}.", *closures))
    best, worst = means.idxmax(), means.idxmin()
    if best == worst or means[best] == means[worst]:
        first = f"GMV of {weeks} is {number(float(means[best]))} at every point."
        return Section("Headline", "", paragraphs(first, *closures))
    more = _more(float(means[worst]), float(means[best]))
    first = (
        f"GMV of {weeks} ranges from {number(float(means[worst]))} to {number(float(means[best]))}"
        + (f", {more}." if more else ".")
    )
    rest = [f"It is highest at {_named(results, best)} and lowest at {_named(results, worst)}."]
    rest.append(_apart(runs, best, worst, len(means)))
    return Section("Headline", "", paragraphs(first, *rest, *_strongest(results, runs), *closures))


def _closures(results: Results, runs: pd.DataFrame) -> list[str]:
    """How many runs ended with a platform that had failed, and at which point most did."""
    said = [f"{note[:1].upper()}{note[1:]}." for note in closure_notes(runs.drop(columns="arm", errors="ignore"))]
    failures = (runs[flags_of(runs)] == 0.0).sum(axis=1).groupby(runs["point"]).agg(["sum", "size"])
    if said and len(failures) > 1:
        most = failures["sum"].idxmax()
        of = f"{failures.loc[most, 'sum']} of them in {how_many(int(failures.loc[most, 'size']), 'run')}"
        said.append(f"Most failures are at {_named(results, most)}: {of}.")
    return said


def _more(low: float, high: float) -> str:
    """``3.4 % more`` or ``2.5 times as much``; nothing where there is nothing to compare with."""
    if low <= 0.0 or high / low >= 1e4:
        return ""
    ratio = high / low
    return f"{times(ratio)} as much" if ratio >= 2.0 else f"{number(ratio - 1.0, 'share')} more"


def _last(results: Results) -> str:
    """The weeks that a summary covers, in words."""
    return last_weeks(min(YEAR, int(results.provenance.get("weeks", YEAR))))


def _apart(runs: pd.DataFrame, best: Any, worst: Any, points: int) -> str:
    """Whether the highest and the lowest point can be told apart, seed by seed, after having been picked.

    They are the extremes of all pairs of points, so p is Bonferroni's over that many.
    """
    two = runs[runs["point"].isin([best, worst])]
    summary = two[["seed", "gmv", "status"]].assign(arm=two["point"].map({worst: "lowest", best: "highest"}))
    try:
        row = compare_arms(summary, baseline="lowest", indicators=["gmv"]).table.iloc[0]
    except ResultsError:
        return "Whether the two can be told apart was not tested: no seed has a run at both."
    if row["n"] < 2:
        return "Whether the two can be told apart cannot be said: a single seed has a run at both."
    pairs = points * (points - 1) // 2
    p = min(1.0, float(row["p"]) * pairs)
    limits = f", {100 * LEVEL:g} % interval {span(row)}" if span(row) else ""
    found = f"{change(row)} over {row['n']} pairs of runs with the same seed{limits}".replace("-", "−")
    how = f"p = {p:.2g}" + (f", Bonferroni over {pairs} pairs of points" if pairs > 1 else "")
    told = "can be told apart" if p <= 1.0 - LEVEL else "cannot be told apart"
    return f"The two {told}: {found}; {how}."


def _named(results: Results, point: int) -> str:
    row = results.points.loc[point]
    return ", ".join(f"{name} = {_value(row[name])}" for name in results.factors[:6]) or f"point {point}"


def _strongest(results: Results, runs: pd.DataFrame) -> list[str]:
    """What moves GMV most, where the design is a grid, so that shares of variance mean what they say."""
    if results.provenance.get("design_kind") != "grid" or len(results.factors) < 2:
        return []
    shares = variance_shares(runs, results.factors, "gmv")
    if not shares:
        return []
    alone = sorted(((share, key[0]) for key, share in shares.items() if len(key) == 1), reverse=True)
    share, name = alone[0]
    said = [f"{name} alone accounts for {share:.0%} of the variance of GMV between points."]
    pairs = sorted(((value, key) for key, value in shares.items() if len(key) == 2), reverse=True)
    if pairs and pairs[0][0] >= 0.05:
        said.append(f"{' and '.join(pairs[0][1])} together account for {pairs[0][0]:.0%} beyond what each does alone.")
    return said


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


# -- tables and figures ------------------------------------------------------------------------------------------


def _points(results: Results, runs: pd.DataFrame) -> Section:
    told = [name for name in TOLD if name in runs]
    table = {name: level_means(runs, runs["point"], name, common=False).set_index("level") for name in told}
    order = table["gmv"].sort_values("mean", ascending=False).index
    shown = list(order) if len(order) <= MOST_POINTS else [*order[: MOST_POINTS // 2], *order[-MOST_POINTS // 2 :]]
    counts = runs.groupby("point").size()
    head = [escape(name).replace(".", ".<wbr>") for name in results.factors]
    head += ["n", *(escape(name.replace("_", " ")) for name in told)]
    rows = []
    for point in shown:
        factors = [escape(_value(results.points.loc[point, name])) for name in results.factors]
        cells = [_with_interval(table[name], point, name) for name in told]
        rows.append([*factors, str(counts[point]), *cells])
    lead = (
        f"Means over n replications of {_last(results)}, by GMV, with half the width of their 95 % t intervals "
        "(none from too few equal values)."
    )
    if len(order) > MOST_POINTS:
        lead += f" Of {len(order):,} points the {MOST_POINTS // 2} highest and lowest are shown."
    first = len(results.factors)
    return Section("Points", lead, tables.table(head, rows, "points", range(first, len(head))), "long")


def _with_interval(table: pd.DataFrame, point: int, indicator: str) -> str:
    if point not in table.index:
        return "–"
    row, unit = table.loc[point], indicator_of(indicator).unit
    mean, half = number(float(row["mean"]), unit), float(row["high"] - row["low"]) / 2.0
    return mean if pd.isna(half) else f'{mean}<br><span class="half">± {number(half, unit)}</span>'


def _common(results: Results) -> bool:
    """Whether what a seed does to all points alike can be taken out: common seeds, and every run is there."""
    return results.provenance.get("seeds") == "common" and results.manifest.rows("runs") == results.manifest.planned


def _main_effects(results: Results, runs: pd.DataFrame) -> Section:
    factors = [name for name in results.factors if runs[name].nunique() > 1][:MOST_FACTORS]
    common = _common(results)
    effects = {
        (indicator, factor): level_means(runs, levels_of(runs[factor]), indicator, common=common)
        for indicator in DRAWN
        for factor in factors
    }
    if not effects:
        return Section("Main effects", "All points have the same values.", "")
    seeds = runs["replicate"].nunique()
    caption = f"Mean over all runs at a value, n = {len(runs):,} runs in all; grey: 95 % t interval over {seeds} seeds"
    caption += ", less what a seed does to all points alike" if common else ""
    caption += ". A factor with many values is cut into bins of equally many runs."
    drawn = figure_block(charts.main_effects(effects), "effects", "Main effects of the factors", caption)
    lead = "What each factor moves by itself, over all values of the others. One scale a row."
    return Section("Main effects", lead, drawn, "tall" if len(factors) > 3 else "")


def _two_factors(results: Results, runs: pd.DataFrame) -> list[Section]:
    factors = [name for name in results.factors if runs[name].nunique() > 1]
    if len(factors) < 2:
        return []
    shares = variance_shares(runs, factors[:MOST_FACTORS], "gmv")
    grid = bool(shares) and results.provenance.get("design_kind") == "grid"
    first, second = _pair(factors, shares, grid)
    cells = cell_means(runs, first, second, "gmv")
    lead = f"Mean GMV of {_last(results)} by {first} and {second}"
    if grid:
        lead += f", which interact most: {shares[first, second]:.1%} of the variance between points is theirs together."
    else:
        lead += "."
    drawn = figure_block(charts.heat_map(cells, first, second, "gmv"), "heat", lead, f"n = {len(runs):,} runs.")
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


def _courses(results: Results) -> list[Section]:
    if not results.manifest.weekly or not results.factors:
        return []
    factor = next((name for name in results.factors if 1 < results.points[name].nunique() <= MOST_GROUPS), None)
    by = [] if factor is None else [factor]
    drawn = {name: mean_courses(results, name, by) for name in ("gmv", "active_sellers", "satisfaction", "price_index")}
    count = len(complete_runs(results))
    caption = f"Mean of the runs (13-week mean) with the 95 % t interval of that mean, n = {count:,} runs"
    caption += f", told apart by {factor}." if factor else "."
    return [Section("Over time", "", figure_block(charts.courses(drawn), "courses", "Courses over time", caption))]


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
    return {_value(key[0] if isinstance(key, tuple) else key): part for key, part in table.groupby(list(by), sort=True)}


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
    said = f"{one['cases']:,} of {one['runs']:,} points are cases of {one['condition']}."
    rows = []
    for k, box in enumerate(one.get("boxes", []), start=1):
        limits = "; ".join(_limit(limit) for limit in box.get("limits", []))
        rows.append([str(k), escape(limits), _percent(box.get("coverage")), _percent(box.get("density"))])
    head = ["Box", "Where", "coverage", "density"]
    return f"<h3>{prose(one['condition'])}</h3>{note(said)}{tables.table(head, rows, 'boxes', range(2, 4))}"


def _limit(limit: dict[str, Any]) -> str:
    factor = limit.get("factor", "")
    if limit.get("values") is not None:
        return f"{factor} in {', '.join(map(str, limit['values']))}"
    return f"{_value(limit.get('low'))} ≤ {factor} ≤ {_value(limit.get('high'))}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _failures(results: Results) -> list[Section]:
    failures = results.failures
    if failures.empty:
        return []
    counts = failures.groupby(["stage", "exception", "message"], dropna=False).size().sort_values(ascending=False)
    rows = [[escape(str(part)) for part in key] + [f"{count:,}"] for key, count in counts.head(MOST_FAILURES).items()]
    table = tables.table(["Stage", "Exception", "What it said", "runs"], rows, "failures", range(3, 4))
    which = [
        f"point {row.point}, replicate {row.replicate}, seed {row.seed}"
        for row in failures.head(MOST_FAILURES).itertuples()
    ]
    more = f" and {len(failures) - MOST_FAILURES:,} more" if len(failures) > MOST_FAILURES else ""
    lead = f"{len(failures):,} runs failed; tracebacks are in load_results(...).failures."
    return [Section("Failures", lead, table + note("; ".join(which) + more + "."))]


def _design(results: Results) -> Section:
    return Section("Design", "The file, as it was read.", f"<pre>{escape(results.design)}</pre>", "long")


def provenance_section(results: Results) -> Section:
    """What the runs were made with."""
    how = "load_results(DIR).summary is the table of all runs; marketplace sweep --resume runs what is missing."
    return Section("Provenance", "", tables.facts(tables.made_with(results.provenance)) + note(how), "provenance")
