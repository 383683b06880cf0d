"""Why each entry of the tables is there: the sentences of ``docs/rationale.toml``, and what may be wrong with them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent.parent / "docs" / "rationale.toml"
FEWEST_WORDS = 6
FEWEST_NEW_WORDS = 4  # words that the meaning, the name and the unit do not hold already
IDLE = frozenset(("a", "an", "and", "are", "as", "at", "by", "for", "in", "is", "it", "its", "of", "on", "the", "to"))

Meanings = Mapping[str, Mapping[str, str]]
"""By kind of entry (``parameter``) and name (``search.panel``): all that its table says of it but the rationale."""


class RationaleError(ValueError):
    """What is wrong with the rationales; ``str()`` holds one sentence a line."""


def key_of(kind: str, name: str) -> str:
    """The entry's path as TOML spells it: ``customer.alpha``, ``parameter."search.panel"``."""
    return f"{kind}.{_bare(name)}"


def _bare(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else f'"{name}"'


def read(path: Path = HOME) -> dict[str, dict[str, str]]:
    """Read the file of rationales, by kind and name.

    Raises
    ------
    RationaleError
        If it cannot be read, is no TOML, or holds anything but texts in tables.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RationaleError(f"{path}: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RationaleError(f"{path.name} cannot be read: {error}.") from None
    wrong = [f"{path.name}: {said}" for said in _misplaced(found)]
    if wrong:
        raise RationaleError("\n".join(wrong))
    return found


def _misplaced(found: Mapping[str, object]) -> Iterator[str]:
    for kind, table in found.items():
        if not isinstance(table, dict):
            yield f"{_bare(kind)} stands outside any table; put it below a head such as [parameter]."
            continue
        for name, text in table.items():
            if isinstance(text, dict):
                quoted = f'"{name}.x" = "..."'
                yield f"{kind}.{_bare(name)} is a table, not a text; a name with a dot stands in quotes: {quoted}."
            elif not isinstance(text, str):
                yield f"{key_of(kind, name)} = {text!r} is no text; say in a sentence or two why the entry is there."


def problems(
    given: Mapping[str, Mapping[str, str]], meanings: Meanings, file: str = HOME.name, *,
    needed: Meanings | None = None, says: str = "it is there and why so",
) -> list[str]:  # fmt: skip
    """Everything that is wrong with the rationales of some entries, one sentence each.

    Parameters
    ----------
    given : mapping
        The rationales, by kind and name.
    meanings : mapping
        The entries that may have one.
    file : str
        Where in docs/ they stand.
    needed : mapping
        The entries that must have one; by default all.
    says : str
        What a rationale says why of.
    """
    wanted = meanings if needed is None else needed
    return [*_missing(given, wanted, file, says), *_stale(given, meanings, file), *_poor(given, meanings, file)]


def _missing(given: Mapping[str, Mapping[str, str]], needed: Meanings, file: str, says: str) -> Iterator[str]:
    for kind, entries in needed.items():
        for name, meaning in entries.items():
            if name not in given.get(kind, {}):
                yield (
                    f"docs/{file} has no rationale for {key_of(kind, name)} ({meaning.splitlines()[0]}): "
                    f'below [{kind}] add the line {_bare(name)} = "..." that says why {says}.'
                )


def _stale(given: Mapping[str, Mapping[str, str]], meanings: Meanings, file: str) -> Iterator[str]:
    for kind, texts in given.items():
        if kind not in meanings:
            yield f"docs/{file}: [{kind}] is no kind of entry; the kinds are {', '.join(meanings)}."
            continue
        for name in texts:
            if name not in meanings[kind]:
                near = get_close_matches(name, meanings[kind], n=1)
                hint = f"did you mean {_bare(near[0])}?" if near else "remove the line."
                yield f"docs/{file}: {key_of(kind, name)} is an entry of no table: {hint}"


def _poor(given: Mapping[str, Mapping[str, str]], meanings: Meanings, file: str) -> Iterator[str]:
    first: dict[str, str] = {}
    for kind, texts in given.items():
        for name, text in texts.items():
            key = key_of(kind, name)
            if len(text.split()) < FEWEST_WORDS:
                yield f"docs/{file}: the rationale of {key} has fewer than {FEWEST_WORDS} words: {text!r}."
            elif len(_words(text) - _words(f"{name} {meanings.get(kind, {}).get(name, '')}")) < FEWEST_NEW_WORDS:
                yield f"docs/{file}: the rationale of {key} only repeats what the entry means: {text!r}."
            if "\n" in text:
                yield f"docs/{file}: the rationale of {key} runs over several lines; write it on one."
            if first.setdefault(text, key) != key:
                yield f"docs/{file}: {key} has the very rationale of {first[text]}; say what holds for it alone."


def _words(text: str) -> set[str]:
    """The telling words of a text, without their endings: "sellers" and "seller" are one."""
    return {word.rstrip("s") for word in re.findall(r"[a-z0-9]+", text.lower()) if word not in IDLE}
