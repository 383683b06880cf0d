"""The report's tables, as HTML: what was run, the links, every indicator, provenance. All text is escaped here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from experiments.reports.charts import platform_names
from experiments.reports.words import NO_VALUE, Change, change, number, span_of, twin_last
from marketplace.flywheel import MEANING
from marketplace.indicators import INDICATORS, Indicator, indicator_of

NEARLY_ZERO = 0.01  # log points, so about one per cent
WIDE = 12  # columns from which on a table is printed smaller
KEY = (
    ("gmv", "GMV a week", "mean"),
    ("active_customers", "Active customers", "last"),
    ("active_sellers", "Third-party sellers", "last"),
    ("third_party_share", "Third-party share", "mean"),
    ("price_index", "Price index", "mean"),
    ("unit_cost", "Unit cost", "mean"),
    ("satisfaction", "Satisfaction", "mean"),
    ("nps", "NPS", "mean"),
    ("platform_margin", "Platform margin", "mean"),
)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], kind: str, numbers: range) -> str:
    """An HTML table from cells that are HTML already; on a screen that is too narrow for it, it scrolls by itself.

    Parameters
    ----------
    head, rows
        Cells.
    kind : str
        Class of the table.
    numbers : range
        Columns that hold numbers.
    """

    def line(cells: Sequence[str], tag: str) -> str:
        marks = (' class="n"' if k in numbers else "" for k in range(len(cells)))
        made = "".join(f"<{tag}{mark}>{cell}</{tag}>" for mark, cell in zip(marks, cells, strict=True))
        return f"<tr>{made}</tr>"

    body = "".join(line(row, "td") for row in rows)
    name = f"{kind} wide".strip() if len(head) > WIDE else kind
    made = f'<table class="{name}"><thead>{line(head, "th")}</thead><tbody>{body}</tbody></table>'
    return f'<div class="scroll">{made}</div>'


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """A list of terms and values; both are plain text."""
    items = "".join(f"<div><dt>{escape(term)}</dt><dd>{escape(value)}</dd></div>" for term, value in pairs)
    return f"<dl>{items}</dl>"


def key_figures(run: Any) -> str:
    """The few figures of the headline: first span, last span, loop cut."""
    span = span_of(len(run.weekly)).name
    head = ["", f"first {span}", f"last {span}", *_if_twin(run, "loop cut")]
    rows = []
    for name, label, rule in KEY:
        unit, pair = indicator_of(name).unit, change(run.weekly, name, rule)
        row = [escape(label), number(pair.first, unit), f"<b>{number(pair.last, unit)}</b>"]
        row += _if_twin(run, number(twin_last(run, name, rule), unit))
        rows.append(row)
    return table(head, rows, "key", range(1, len(head)))


def strengths(ablation: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]]:
    """The measured strength of each link by its id; empty where none was measured."""
    links = (ablation or {}).get("links") or []
    return {str(item["link"]): item for item in links if "link" in item}


def real_strength(item: Mapping[str, Any] | None) -> float | None:
    """Change of log GMV when a link is shut; None where it cannot be told from zero or was not measured.

    A single seed has no interval: its change is given as it was.
    """
    mean = None if item is None else _finite(item.get("mean"))
    if not item or not mean:
        return None
    return mean if item.get("distinguishable") or item.get("n") == 1 else None


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def strength_words(item: Mapping[str, Any] | None) -> str:
    """``−1.43 (−76 %)``; with a question mark what cannot be told from zero; that it is about zero only if it is so.

    About zero means that the whole interval lies within `NEARLY_ZERO` of it.
    """
    mean, low, high = (None if item is None else _finite(item.get(name)) for name in ("mean", "low", "high"))
    if mean is None:
        return NO_VALUE
    if real_strength(item) is not None:
        return f"{_log(mean)} ({_percent(mean)})"
    if mean == 0.0:
        return "0"
    near = low is not None and high is not None and low >= -NEARLY_ZERO and high <= NEARLY_ZERO
    return "≈ 0" if near else f"{_log(mean)}?"


def _log(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _percent(log_change: float) -> str:
    return f"{100 * math.expm1(log_change):+.0f} %".replace("-", "−")


def interval_words(item: Mapping[str, Any]) -> str:
    """``−1.43 [−1.60, −1.26], n = 3; carried growth``, escaped."""
    from experiments.ablation import verdict

    mean, low, high = (_finite(item.get(name)) for name in ("mean", "low", "high"))
    if mean is None:
        return escape(verdict(item))
    band = "" if low is None or high is None else f" [{_log(low)}, {_log(high)}]"
    return escape(f"{_log(mean)}{band}, n = {item.get('n', NO_VALUE)}; {verdict(item)}")


def arrow(link: str) -> str:
    """A link id as people read it."""
    return link.replace("->", " → ").replace("_", " ")


def link_table(run: Any) -> str:
    """What each link carried, and how strong it was where that was measured."""
    span, measured = span_of(len(run.weekly)).name, strengths(run.ablation)
    head = ["Link", "What is perceived, and by whom", "Unit", f"first {span}", f"last {span}"]
    head += _if_twin(run, "loop cut")
    if measured:
        head.append("log GMV when shut")
    rows = []
    for link, (what, unit, who) in MEANING.items():
        column = f"link.{link}"
        pair = change(run.weekly, column)
        row = [f"<b>{escape(arrow(link))}</b>", escape(f"{what}; {who}"), escape(unit)]
        row += [number(pair.first, unit), number(pair.last, unit)]
        row += _if_twin(run, number(twin_last(run, column, "mean"), unit))
        if measured:
            row.append(interval_words(measured[link]) if link in measured else NO_VALUE)
        rows.append(row)
    return table(head, rows, "links", range(3, len(head)))


def indicator_table(run: Any) -> str:
    """Every indicator but the links': first span, last span, twin, unit, rule, definition."""
    span = span_of(len(run.weekly)).name
    head = ["Indicator", f"first {span}", f"last {span}", *_if_twin(run, "loop cut"), "Unit", "Definition"]
    rows = []
    for indicator in INDICATORS:
        if indicator.name.startswith("link."):
            continue
        rows.append(_indicator_row(run, indicator, indicator.name, indicator.name))
        names = platform_names(run)
        if indicator.per_platform and len(names) > 1:
            rows.extend(_indicator_row(run, indicator, f"{indicator.name}.{name}", name, sub=True) for name in names)
    return table(head, rows, "indicators", range(1, len(head) - 2))


def _if_twin(run: Any, cell: str) -> list[str]:
    return [] if run.twin is None else [cell]


def _indicator_row(run: Any, indicator: Indicator, column: str, shown: str, sub: bool = False) -> list[str]:
    pair: Change = change(run.weekly, column, indicator.rule)
    numbers = [number(pair.first, indicator.unit), number(pair.last, indicator.unit)]
    numbers += _if_twin(run, number(twin_last(run, column, indicator.rule), indicator.unit))
    if sub:
        return [f'<span class="sub">{escape(shown)}</span>', *numbers, "", ""]
    known = indicator.source == "definition" or indicator.source in indicator.doc
    source = "" if known else f" ({indicator.source})"
    unit = "per cent" if indicator.unit == "share" else indicator.unit
    return [
        f"<code>{escape(shown)}</code>",
        *numbers,
        escape(f"{unit}, {indicator.rule}"),
        escape(f"{indicator.doc}{source}"),
    ]


def made_with(provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What many runs were made with, short: a line for versions, machine and git, and one for each session.

    A session is said to have had other versions, another machine or other sources where they are not those above.
    """
    shared = ("versions", "git", "machine")
    sessions = [row for row in provenance.get("sessions") or [] if isinstance(row, Mapping)]
    plain = {key: value for key, value in provenance.items() if key not in (*shared, "sessions")}
    lines = flat(plain) + [(key, _in_a_line(provenance[key])) for key in shared if key in provenance]
    for k, row in enumerate(sessions, start=1):
        other = [f"{key} {_in_a_line(row[key])}" for key in shared if key in row and row[key] != provenance.get(key)]
        text = f"{row.get('started', NO_VALUE)} to {row.get('ended') or NO_VALUE}"
        lines.append((f"session {k}", "; ".join([text, *other])))
    return lines


def _in_a_line(tree: Any) -> str:
    return ", ".join(f"{key} {value}" for key, value in flat(tree))


def flat(tree: Any, path: str = "") -> list[tuple[str, str]]:
    """The leaves of nested dicts and lists as (dotted path, text)."""
    if isinstance(tree, Mapping) and tree:
        return [leaf for key, value in tree.items() for leaf in flat(value, f"{path}.{key}" if path else str(key))]
    if isinstance(tree, list) and any(isinstance(item, Mapping | list) for item in tree):
        return [leaf for k, item in enumerate(tree) for leaf in flat(item, f"{path}.{k}")]
    if isinstance(tree, list | tuple):
        return [(path, ", ".join(str(item) for item in tree) or NO_VALUE)]
    return [(path, NO_VALUE if tree is None or tree == {} else str(tree))]
