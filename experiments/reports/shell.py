"""What every page is made of: a head, numbered sections, figures. One file that stands by itself and prints on A4.

There is no script in a page, and nothing is loaded from elsewhere. All text is escaped here, or where it is made HTML.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from importlib import resources
from typing import NamedTuple

from matplotlib.figure import Figure

from experiments.reports.chart_style import svg_text


class Section(NamedTuple):
    """A numbered section: its title, what it says in a sentence, and its body in HTML."""

    title: str
    lead: str
    body: str
    kind: str = ""


def document(title: str, kind: str, banner: str, sections: Sequence[Section]) -> str:
    """Return a whole page.

    Parameters
    ----------
    title, kind : str
        What the page is about, and what kind of page it is; plain text.
    banner : str
        HTML below the heading.
    sections : sequence of Section
        Numbered from 1.
    """
    style = resources.files("experiments.reports").joinpath("report.css").read_text(encoding="utf-8")
    body = "\n".join(_section(k, section) for k, section in enumerate(sections, start=1))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(title)} – {escape(kind)}</title>\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>\n{style}</style>\n</head>\n<body>\n"
        f"<header><p>{escape(kind[:1].upper() + kind[1:])}</p><h1>{escape(title)}</h1>{banner}</header>\n"
        f"<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _section(k: int, section: Section) -> str:
    lead = f'<p class="lead">{prose(section.lead)}</p>' if section.lead else ""
    name = f"{section.kind} section".strip()
    head = f"<h2><span>{k}</span>{escape(section.title)}</h2>"
    return f'<section class="{name}" id="s{k}">{head}{lead}{section.body}</section>'


def prose(text: str) -> str:
    """Escape a sentence, and keep a number and its unit on one line."""
    return re.sub(r"(?<=\d) (?=%|times|million|billion)", "&nbsp;", escape(text))


def paragraphs(first: str, *rest: str) -> str:
    """The headline in words: a sentence that stands out, and those that follow it."""
    more = "".join(f"<p>{prose(sentence)}</p>" for sentence in rest)
    return f'<div class="headline"><p>{prose(first)}</p>{more}</div>'


def note(text: str) -> str:
    """A remark in small print."""
    return f'<p class="note">{prose(text)}</p>'


def warning(text: str) -> str:
    """A remark that nobody must overlook."""
    return f'<p class="warning">{prose(text)}</p>'


def figure_block(figure: Figure, prefix: str, alt: str, caption: str = "") -> str:
    """A figure with its caption; ``prefix`` keeps the ids of several figures of a page apart."""
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure><div role="img" aria-label="{escape(alt)}">{svg_text(figure, prefix)}</div>{below}</figure>'
