"""The report of a run: one HTML page that stands by itself and prints on A4.

    from experiments.reports.run_report import write_report
    write_report(Path("results/amazon-20260101-120000"))

Everything is computed from the results folder; nothing is loaded from elsewhere, and there is no script in the page.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from experiments.closures import closure_sentences, failed_platforms
from experiments.files import write_whole
from experiments.reports import charts, tables
from experiments.reports.chart_loop import loop
from experiments.reports.chart_network import CUSTOMERS, SELLERS, drawable, network
from experiments.reports.chart_style import YEAR, window_words
from experiments.reports.shell import Section, document, figure_block, note, paragraphs, warning
from experiments.reports.words import Change, change, headline, moved, number, real_gap, span_of, twin_last
from experiments.wording import how_many, last_weeks
from marketplace.flywheel import MEANING
from marketplace.indicators import indicator_of

NAME = "report.html"
KIND = "marketplace simulation report"
MAIN_PACKAGES = {
    "marketplace-simulator": "marketplace",
    "python": "Python",
    "mesa": "Mesa",
    "numpy": "NumPy",
    "numba": "Numba",
}


def write_report(folder: Path) -> Path:
    """Write ``report.html`` into a results folder and return its path; an older report is replaced.

    Parameters
    ----------
    folder : Path
        As `experiments.results` writes it; ``twin.parquet``, ``network.parquet`` and ``ablation.json`` may be absent.

    Raises
    ------
    OSError
        If the page cannot be written; nothing half-written is left.
    """
    from experiments.results import load_run  # late: that module writes the folder and calls this one

    path = Path(folder) / NAME
    write_whole(path, page(load_run(Path(folder))), overwrite=True)
    return path


def page(run: Any) -> str:
    """Return the whole page for a run as `experiments.results.load_run` gives it."""
    sections = [_what_was_run(run)]
    if len(run.weekly):
        sections += [_headline(run), _loop(run), _growth(run), _third_parties(run), _prices(run), _experience(run)]
        sections += [_sellers(run), _network(run), _money(run), _indicators(run)]
    else:
        sections.append(Section("Headline", "No week was finished, so there is nothing to report.", ""))
    sections.append(_provenance(run))
    return document(run.scenario.name, KIND, _banner(run), sections)


def _status(run: Any) -> str:
    return str(run.provenance.get("status", "unknown"))


def _banner(run: Any) -> str:
    description = f"<p>{escape(run.scenario.description)}</p>" if run.scenario.description else ""
    closures = closure_sentences(failed_platforms(run.weekly, run.scenario), run.scenario)
    if run.twin is not None:
        closures += closure_sentences(failed_platforms(run.twin, run.scenario), run.scenario, cut=True)
    description += "".join(warning(sentence) for sentence in closures)
    if _status(run) == "complete":
        return description
    done, asked = len(run.weekly), run.scenario.run.weeks
    why = f" ({run.provenance['failure']})" if run.provenance.get("failure") else ""
    words = (
        f"This run is marked {_status(run)}{why}: it lived {done:,} of {asked:,} weeks, and all figures are of those."
    )
    return description + warning(words)


def _what_was_run(run: Any) -> Section:
    scenario, weeks = run.scenario, len(run.weekly)
    policies = [f"{p.name}: {p.policy or scenario.policy.name}" for p in scenario.platforms]
    one = len(policies) == 1
    years = f" ({weeks / YEAR:.3g} years)" if weeks >= YEAR else ""
    pairs = [
        ("Scenario", scenario.name),
        ("Length", f"{weeks:,} of {scenario.run.weeks:,} weeks{years}, {_status(run)}"),
        ("Seed", str(scenario.run.seed)),
        ("Policy" if one else "Policies", policies[0].partition(": ")[2] if one else "; ".join(policies)),
        ("Platforms", ", ".join(p.name for p in scenario.platforms)),
        ("Potential customers", f"{scenario.customers.count:,}"),
        ("Sellers at opening", f"{scenario.sellers.count:,}, {'free' if scenario.entry.enabled else 'no'} entry"),
        ("Loop cut run beside it", _twin_words(run)),
        ("Valves", _valve_words(scenario)),
        ("Links shut one by one", _ablation_words(run)),
        ("Versions", _version_words(run.provenance)),
    ]
    mean = window_words(weeks)
    lines = f"faint lines are weeks, strong lines their {mean}" if mean else "lines are weeks"
    how = (
        f"How to read the figures: {lines}; dashed orange is the same world under the same luck with every link of "
        "the loop frozen. Undefined values are left blank (–)."
    )
    return Section("What was run", "", tables.facts(pairs) + note(how))


def _twin_words(run: Any) -> str:
    if run.twin is None:
        return "no"
    return f"yes: all {len(MEANING)} links frozen from week {run.scenario.flywheel.reference_week}"


def _ablation_words(run: Any) -> str:
    if run.ablation is None:
        return "no"
    seeds = how_many(len(run.ablation.get("seeds") or []), "seed")
    return f"yes: {seeds}, {run.ablation.get('runs_done', '?')} runs; the figures show one of them"


def _valve_words(scenario: Any) -> str:
    """The links that do not simply stand open in the scenario itself."""
    said = []
    for link, valve in scenario.flywheel.valves.items():
        state = getattr(valve, "state", valve)
        extra = [state] if state != "open" else []
        extra += [f"scaled by {valve.scale:g}"] if getattr(valve, "scale", 1.0) != 1.0 else []
        extra += [f"pushed {valve.push:+.0%} from week {valve.push_from}"] if getattr(valve, "push", 0.0) else []
        if extra:
            said.append(f"{tables.arrow(link)} {', '.join(extra)}")
    return "; ".join(said) or "all open"


def _version_words(provenance: dict[str, Any]) -> str:
    versions = provenance.get("versions") or {}
    shown = [f"{name} {versions[key]}" for key, name in MAIN_PACKAGES.items() if key in versions]
    return ", ".join(shown) or "not recorded"


def _headline(run: Any) -> Section:
    first, *rest = headline(run)
    return Section("Headline", "", paragraphs(first, *rest) + tables.key_figures(run))


def _sentences(run: Any, *parts: tuple[str, str] | tuple[str, str, bool]) -> str:
    """A sentence for each (what, indicator) that is defined at both ends of the run."""
    said = []
    for what, name, *plural in parts:
        said.append(moved(what, change(run.weekly, name), indicator_of(name).unit, plural=bool(plural)))
    return " ".join(sentence for sentence in said if sentence)


def _loop(run: Any) -> Section:
    measured, span = tables.strengths(run.ablation), span_of(len(run.weekly)).name
    labels, strength = {}, {}
    for link, (_, unit, _) in MEANING.items():
        pair: Change = change(run.weekly, f"link.{link}")
        recorded = f"{number(pair.first, unit)} → {number(pair.last, unit)}"
        strength[link] = tables.real_strength(measured.get(link))
        words = tables.strength_words(measured.get(link))
        labels[link] = (words, recorded) if measured else (recorded, unit)
    if measured:
        lead = (
            "The numbers in bold are measured strengths: the change of the log of GMV over "
            f"{last_weeks(_measured_weeks(run))} (and of GMV) when that link alone is shut."
        )
        caption = _strength_caption(run.ablation, span)
    else:
        lead = (
            f"The numbers are recorded values: what each link carried in the first {span} → in the last {span}, "
            "as it was perceived."
        )
        caption = (
            "They show what moved, not what caused growth: the command marketplace ablate measures that. "
            "All arrows are equally wide."
        )
    caption += " Thin dashes: identities of the model, without a valve."
    wheel = loop(labels, strength if measured else None)
    drawn = figure_block(wheel, "loop", "The flywheel with its twelve links", caption)
    return Section("The loop", lead, drawn + tables.link_table(run), "tall")


def _measured_weeks(run: Any) -> int:
    return int(run.ablation.get("final_year_weeks", min(YEAR, run.scenario.run.weeks)))


def _strength_caption(ablation: Any, span: str) -> str:
    """How the drawing shows measured strengths, and how they were judged."""
    several = len(ablation.get("seeds") or []) > 1
    caption = (
        "Width: measured strength. Blue: shutting it costs growth; orange: shutting it adds growth; grey dashes: not "
        "distinguishable from zero (the estimate with a question mark; ≈ 0 only where its whole interval lies within "
        f"±{tables.NEARLY_ZERO}), or not measured (–). "
    )
    if several:
        correction = ablation.get("correction", "")
        caption += f"n = {len(ablation['seeds'])} seeds; {ablation.get('interval', '95 % t interval')}"
        caption += f"; verdicts at 5 % after {correction}. " if correction else "; verdicts are not corrected. "
    else:
        caption += "One seed, so there is no interval: the strengths are those of that seed. "
    caption += f"In grey: recorded values, first {span} → last {span}. Effects are not additive."
    if ablation.get("all"):
        caption += f" All links shut together: {tables.strength_words(ablation['all'])}."
    return caption


def _simple(run: Any, title: str, make: Callable[[Any], Figure], prefix: str, lead: str, caption: str = "") -> Section:
    return Section(title, lead, figure_block(make(run), prefix, f"{title}: {lead}", caption))


def _growth(run: Any) -> Section:
    title = "Growth" if run.twin is None else "Growth against the cut loop"
    lead = _sentences(run, ("Active customers", "active_customers", True))
    if run.twin is not None:
        customers = twin_last(run, "active_customers")
        if customers == customers:
            lead += f" With the loop cut they came to {number(customers)}."
    return _simple(run, title, charts.growth, "growth", lead.strip())


def _third_parties(run: Any) -> Section:
    caption = ""
    if charts.compares_with_real(run):
        caption = (
            "Circles: third parties' share of Amazon's physical gross merchandise sales, 1999–2018 (J. P. Bezos, 2018 "
            "letter to shareholders); year 1 of the run stands for 1999, each circle at the middle of its year."
        )
    lead = real_gap(run) or _sentences(run, ("Third parties' share", "third_party_share"))
    return _simple(run, "Who sells", charts.third_party_share, "third", lead, caption)


def _prices(run: Any) -> Section:
    lead = _sentences(run, ("The price index", "price_index"), ("Unit cost", "unit_cost"))
    mean = window_words(len(run.weekly))
    caption = (
        "Price index: expected price of what a fixed basket of needs is shown, over price level. "
        f"Parts of unit cost: {f'{mean}s' if mean else 'week by week'}."
    )
    return _simple(run, "Prices and unit cost", charts.price_and_cost, "price", lead, caption)


def _experience(run: Any) -> Section:
    lead = _sentences(run, ("Satisfaction", "satisfaction"), ("Actual delivery days", "delivery_days", True))
    return _simple(run, "Satisfaction and delivery", charts.satisfaction_and_delivery, "experience", lead)


def _sellers(run: Any) -> Section:
    lead = _sentences(run, ("The number of sellers", "active_sellers"), ("The top tenth's share", "seller_top10_share"))
    return _simple(run, "Sellers", charts.sellers, "sellers", lead)


def _network(run: Any) -> Section:
    title, edges = "The customer-seller network", run.network
    if edges is None or edges.empty:
        return Section(title, "", note("No ties were recorded in this run."))
    sellers, customers = edges.loc[edges["seller"] >= 0, "seller"].nunique(), edges["customer"].nunique()
    retail = int((edges["seller"] < 0).sum())
    lead = (
        f"{len(edges):,} ties join {customers:,} customers to own retail ({retail:,}) and to {sellers:,} sellers, "
        "past and present."
    )
    gini, giant = (change(run.weekly, f"network.{name}").last for name in ("seller_degree_gini", "giant_component"))
    if gini == gini:
        lead += f" The Gini coefficient of sellers' ties is {number(gini)}."
    if giant == giant:
        lead += f" {number(giant, 'share')} of all nodes hang together in one component."
    shown = drawable(edges)["seller"].nunique()
    caption = (
        f"Drawn: the {min(SELLERS, shown)} busiest sellers, sized by their number of ties, with an even sample of "
        f"at most {CUSTOMERS} of their customers; ties to own retail are left out where there are third parties. "
        "The distributions are over all."
    )
    return Section(title, lead, figure_block(network(edges), "net", f"{title}: {lead}", caption))


def _money(run: Any) -> Section:
    lead = _sentences(run, ("Cash", "platform_cash"), ("The take rate", "take_rate"), ("Margin", "platform_margin"))
    several = len(run.scenario.platforms) > 1
    return _simple(run, "The platforms' money" if several else "The platform's money", charts.money, "money", lead)


def _indicators(run: Any) -> Section:
    lead = (
        "Rules: mean, sum or last value of the weeks of each span. The links' values stand in the section on the loop."
    )
    return Section("All indicators", lead, tables.indicator_table(run), "long")


def _provenance(run: Any) -> Section:
    pairs = tables.flat(run.provenance)
    how = "The complete scenario is scenario.toml in the same folder; marketplace replay makes the run again from it."
    return Section("Provenance", "", tables.facts(pairs) + note(how), "provenance")
