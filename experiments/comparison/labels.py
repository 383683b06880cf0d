"""Short names for arms whose labels are too long for a column or a margin: what differs in them, or else a number."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

LONGEST = 12  # characters of a name over a column
MARK = "..."


def short_labels(labels: Sequence[str], most: int = LONGEST) -> dict[str, str]:
    """A name for every arm that is no longer than can be helped, no two alike.

    Labels that are too long lose the parts that all of them share, such as the field that all set; what is then still
    too long is called by its number, ``arm 2``: a part of it could be mistaken for the whole.

    Parameters
    ----------
    labels : sequence of str
        All arms, no two alike.
    most : int
        Characters that a name may have.

    Returns
    -------
    dict
        Label -> name, in the order of the labels.
    """
    if all(len(label) <= most for label in labels):
        return {label: label for label in labels}
    numbers = {label: f"arm {k}" for k, label in enumerate(labels, 1)}
    names = dict(zip(labels, _differing(labels), strict=True))
    short = {label: name if len(name) <= most else numbers[label] for label, name in names.items()}
    return short if len(set(short.values())) == len(short) else numbers  # somebody may call an arm "arm 2" himself


def full_labels(names: Mapping[str, str]) -> list[str]:
    """``0.20: platform.commission=0.20``: what stands behind the names that are no labels."""
    return [f"{name}: {label}" for label, name in names.items() if name != label]


def cut(text: str, most: int) -> str:
    """A text without its middle, where it is too long."""
    if len(text) <= most:
        return text
    head = (most - len(MARK) + 1) // 2
    tail = most - len(MARK) - head
    return text[:head] + MARK + text[len(text) - tail :]


def _differing(labels: Sequence[str]) -> list[str]:
    """Labels without what all of them begin with, up to the last sign that ends a word; whole where nothing is left."""
    shared = _shared(labels)
    rest = [label[shared:] for label in labels]
    return rest if all(rest) else list(labels)


def _shared(labels: Sequence[str]) -> int:
    """Characters that all labels begin with, up to and with the last sign that stands between two words."""
    first, last = min(labels), max(labels)
    same = next((k for k, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return max((found.end() for found in re.finditer(r"[=:;,/]\s*|\s+", first[:same])), default=0)
