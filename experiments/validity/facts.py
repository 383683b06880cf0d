"""The tables of the facts and of the elasticities, made from the saved runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from experiments.markdown import table
from experiments.validation.interventions import EFFECTS, RATIO
from experiments.validation.measures import STATISTICS
from experiments.validation.page import interval_words
from experiments.validation.verdicts import INSIDE, UNDEFINED, Verdict, counted, in_words, span_in_words

if TYPE_CHECKING:
    from experiments.validation.validating import Validation


def facts(found: Validation, why: Mapping[str, str]) -> str:
    """The table of a world's targets, what it comes to, and a paragraph on each that lies outside."""
    heads = ("", "fact", "real", "allowed", "simulated", "95 % interval", "seeds inside", "")
    rows = [_row(verdict) for verdict in found.verdicts]
    paragraphs = [f"- **{name}** {text}" for name, text in why.items()]
    below = ["Why the others are outside:", "", *paragraphs] if paragraphs else []
    return "\n".join([headline(found), "", table(heads, rows), *below]) + "\n"


def headline(found: Validation) -> str:
    """How many of the targets lie inside, in a sentence."""
    count = counted(found.verdicts)
    shown = [verdict for verdict in found.verdicts if not verdict.target.required]
    sentence = f"{count['inside']} of {count['required']} targets lie inside by the mean over {len(found.runs)} seeds"
    if shown:
        inside = sum(verdict.word == INSIDE for verdict in shown)
        sentence += f", and {inside} of the {len(shown)} that are shown beside them and aimed at by no calibration"
    return f"{sentence}."


def _row(verdict: Verdict) -> list[str]:
    row, target = verdict.row(), verdict.target
    unit = "" if row["unit"] == "1" else f", {row['unit']}"
    return [
        target.name, f"{row['title']}{unit}", in_words(target.value), span_in_words(target.low, target.high),
        in_words(verdict.simulated.mean), interval_words(verdict.simulated), f"{verdict.share_inside:.0%}",
        said(verdict),
    ]  # fmt: skip


def said(verdict: Verdict) -> str:
    """``inside``; ``**outside**, above`` or ``below`` the bounds; with ``(shown)`` where nothing aims at it.

    Where the interval of the mean reaches over a bound, the seeds leave it open, and that is said.
    """
    word = verdict.word
    if word not in (INSIDE, UNDEFINED):
        word = f"**outside**, {'above' if verdict.simulated.mean > verdict.target.high else 'below'}"
    word += "" if _settled(verdict) else ", not surely"
    return word if verdict.target.required else f"{word} (shown)"


def _settled(verdict: Verdict) -> bool:
    """Whether the whole interval says what the mean says; true where there is no interval."""
    target, low, high = verdict.target, verdict.simulated.low, verdict.simulated.high
    if verdict.simulated.n < 2:
        return True
    return (target.holds(low) and target.holds(high)) or high < target.low or low > target.high


def sources(found: Validation) -> str:
    """Where the real values and the bounds come from."""
    rows = [(one.target.name, STATISTICS[one.target.statistic].meaning, one.target.source) for one in found.verdicts]
    return table(("", "what is measured", "source of value and bounds"), rows)


def elasticities(found: Mapping[str, Validation]) -> str:
    """What comes of interventions, in all worlds, beside the literature's figures."""
    heads = ["", "unit", "literature", *(f"`{world}`" for world in found), "how far they may be compared"]
    rows = []
    for name, effect in EFFECTS.items():
        cells = [_measured(one, name) for one in found.values()]
        unit = "" if effect.unit == "1" else effect.unit
        rows.append([effect.title, unit, in_words(effect.real) or "none", *cells, effect.comparable])
    origins = {effect.fact: effect.source for effect in EFFECTS.values() if effect.fact}
    below = table(("figure of the literature", "status, source"), origins.items())
    return f"{table(heads, rows)}\nWhere the literature's figures come from:\n\n{below}"


def _measured(found: Validation, name: str) -> str:
    """An effect with its interval, and how many times the literature's it is."""
    estimate = found.effects.get(name)
    if estimate is None or not estimate.n:
        return "does not apply"
    interval = interval_words(estimate)
    cell = f"{in_words(estimate.mean)} ({interval})" if interval else in_words(estimate.mean)
    return cell if math.isnan(EFFECTS[name].real) else f"{cell}; {_beside(name, estimate.mean)}"


def _beside(name: str, mean: float) -> str:
    """How an effect compares with the literature's: ``1.7 times``, or that its sign is another."""
    if name == RATIO:  # the study says which side is the stronger one; how much is its platform's own
        return "above 1, as there" if mean > 1.0 else "**not above 1**, other than there"
    ratio = mean / EFFECTS[name].real
    return f"{ratio:.2g} times" if ratio > 0.0 else "**the other sign**"
