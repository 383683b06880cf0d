"""The page of a validation: one HTML file that stands by itself and prints on A4."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from matplotlib.figure import Figure

from experiments.files import write_whole
from experiments.reports.shell import Section, document, figure_block, note, warning
from experiments.reports.tables import facts, table
from experiments.validation.verdicts import Estimate, Verdict, counted, in_words, span_in_words

if TYPE_CHECKING:
    from experiments.validation.validating import Validation

NAME = "validation.html"
ABOUT = {
    "share": {"share_path_error", "share_2018", "share_1999_2001", "share_jump_2002", "relative_growth"},
    "margin": {"margin_2003_2018", "worst_margin_2003_2018", "invested_margin_2003_2018"},
    "fulfilment": {"fulfilment_ratio_fall", "fulfilment_ratio_rise"},
    "lorenz": {"seller_gini", "seller_top10_share", "seller_log_sd", "power_law_against_lognormal"},
    "churn": {"seller_churn", "churn_fall_with_size"},
    "repeat": {"repeat_share", "purchase_rate_shape", "delivery_stars_correlation", "stars_per_day"},
}
"""Which figure is about which statistics: it is drawn where the targets ask for one of them."""

SHARE = (
    "Is the path met, or only its ends? A straight line through it is off by 3 points as well, so its turns are "
    "marked: third parties in shops of their own (1999 to 2001), beside own retail (2002), the plateau (2005 to 2009)."
)
MARGIN = "Over revenue, before what the policy spends on capabilities."
FULFILMENT = "Over revenue. Amazon's fell while its network learned, and rose as it bought speed."
CONCENTRATION = "Third-party sellers with a delivered order in the last two years."
NOTE = (
    "Interval: Student's t for the mean over seeds. A fact that is only shown is not calibrated to. Sources, with "
    "their status, stand below."
)
EFFECTS_LEAD = (
    "Branches of every run in which one thing is moved and all else goes on under the same luck, beside what the "
    "literature measured elsewhere. None of this is calibrated to; the last column says how far the two compare."
)
BAND = "Line: mean over seeds. Shaded: the middle 90 per cent of seeds. Black: what is real."


def write_page(folder: Path, found: Validation) -> Path:
    """Write ``validation.html`` into a folder and return its path."""
    path = folder / NAME
    write_whole(path, page(found), overwrite=True)
    return path


def page(found: Validation) -> str:
    """The whole page."""
    sections = [Section("Facts", _headline(found), _table(found), "tall"), *_drawn(found)]
    if found.effects:
        sections.append(Section("Elasticities by intervention", EFFECTS_LEAD, _effects(found)))
    sections.append(Section("What was run", "", _provenance(found), "provenance"))
    title = f"{found.scenario.name} against {found.targets.name}"
    return document(title, "marketplace validation", _banner(found), sections)


def table_block(heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: range = range(0)) -> str:
    """A table of plain text in HTML; the columns ``numbers`` are set flush right."""
    return table([escape(text) for text in heads], ([escape(text) for text in row] for row in rows), "", numbers)


def _banner(found: Validation) -> str:
    description = f"<p>{escape(found.scenario.description)}</p>" if found.scenario.description else ""
    if found.status == "complete" and not found.failures:
        return description
    words = f"{len(found.runs):,} of {found.planned:,} seeds came to their end; all figures are of those."
    return description + warning(" ".join([words, *found.failures[:3]]))


def _headline(found: Validation) -> str:
    count = counted(found.verdicts)
    outside = [v.target.name for v in found.verdicts if v.target.required and v.word != "inside"]
    words = f"{count['inside']} of {count['required']} required facts lie inside their bounds by the mean over seeds"
    return f"{words}; outside: {', '.join(outside)}." if outside else f"{words}."


def _table(found: Validation) -> str:
    heads = ["", "fact", "real", "allowed", "simulated", "95 % interval", "seeds inside", ""]
    rows = [_row(verdict) for verdict in found.verdicts]
    sources = [(v.target.name, v.target.source) for v in found.verdicts]
    said = table_block(heads, rows, range(2, 7)) + note(NOTE)
    return said + _ranges(found) + table_block(["", "source"], sources)


def _row(verdict: Verdict) -> list[str]:
    row, target = verdict.row(), verdict.target
    word = verdict.word + ("" if target.required else " (shown)")
    unit = "" if row["unit"] == "1" else f", {row['unit']}"
    return [
        target.name, f"{row['title']}{unit}", in_words(target.value), span_in_words(target.low, target.high),
        in_words(verdict.simulated.mean), interval_words(verdict.simulated), f"{verdict.share_inside:.0%}", word,
    ]  # fmt: skip


def interval_words(estimate: Estimate) -> str:
    """``0.73 to 0.75``; nothing for fewer than two seeds."""
    return f"{in_words(estimate.low)} to {in_words(estimate.high)}" if estimate.n > 1 else ""


def _ranges(found: Validation) -> str:
    figure = ranges_of(found)
    return figure_block(figure.figure, figure.name, figure.title, figure.lead)


class Drawn(NamedTuple):
    """A figure of a validation, and what is said of it."""

    name: str
    title: str
    lead: str
    figure: Figure


def ranges_of(found: Validation) -> Drawn:
    """All facts with their bounds."""
    from experiments.validation.charts import ranges

    caption = (
        "Each fact on a scale of its own, what is allowed shaded, without end where a fact has one side. Dot and line: "
        "mean and interval over seeds; what lies far out stands at the edge. Black tick: real."
    )
    return Drawn("ranges", "Facts and bounds", caption, ranges([verdict.row() for verdict in found.verdicts]))


def curves_of(found: Validation) -> list[Drawn]:
    """The curves that the targets are about."""
    from experiments.validation import charts

    wanted: list[tuple[str, str, str, Callable[..., Figure]]] = [
        ("share", "Third parties' share", SHARE, charts.share_path),
        ("margin", "Thin margin", MARGIN, charts.margin),
        ("fulfilment", "Fulfilment cost", FULFILMENT, charts.fulfilment),
        ("lorenz", "Concentration of sellers", CONCENTRATION, charts.concentration),
        ("churn", "Sellers who stay", "Whoever has no order in the next quarter counts as gone.", charts.staying),
        ("repeat", "Customers", "Who comes back, and what waiting does to reviews.", charts.customers),
    ]
    asked = {target.statistic for target in found.targets.targets}
    return [
        Drawn(name, title, lead, draw(found.bands, found.targets))
        for name, title, lead, draw in wanted
        if name in found.bands and asked & ABOUT[name]
    ]


def _drawn(found: Validation) -> list[Section]:
    return [
        Section(title, lead, figure_block(figure, name, title, BAND))
        for name, title, lead, figure in curves_of(found)
    ]


def _effects(found: Validation) -> str:
    from experiments.validation.interventions import EFFECTS

    heads = ["", "unit", "literature", "simulated", "95 % interval", "comparable"]
    rows = []
    for name, estimate in found.effects.items():
        effect = EFFECTS[name]
        unit = "" if effect.unit == "1" else effect.unit
        simulated = in_words(estimate.mean) or "undefined"
        rows.append([effect.title, unit, in_words(effect.real), simulated, interval_words(estimate), effect.comparable])
    sources = {EFFECTS[name].fact: EFFECTS[name].source for name in found.effects if EFFECTS[name].fact}
    return table_block(heads, rows, range(2, 5)) + table_block(["", "source"], list(sources.items()))


def _provenance(found: Validation) -> str:
    from experiments.validation.validating import provenance

    said: dict[str, Any] = provenance(found)
    git, dirty = said["git"], "changed since" if said["git"] and said["git"]["dirty"] else ""
    pairs = [
        ("Scenario", f"{found.scenario.name}, {found.scenario.run.weeks:,} weeks"),
        ("Targets", found.targets.name),
        ("Seeds", f"{found.scenario.run.seed} to {found.scenario.run.seed + found.planned - 1}"),
        ("Scenario's SHA-256", said["scenario_sha256"]),
        ("Sources' SHA-256", said["sources_sha256"]),
        ("Commit", f"{git['commit']} {dirty}".strip() if git else "none"),
        ("Ended", said["ended"]),
        ("Versions", ", ".join(f"{name} {version}" for name, version in said["versions"].items())),
    ]
    return facts(pairs)
