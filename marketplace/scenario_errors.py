"""What is wrong with a scenario, in one sentence that names the field, the value and what is allowed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from marketplace.declarations import declarations, field_at, inner_table
from marketplace.sections import LINKS
from marketplace.toml import toml_key

_LONGEST = 60
_KEY = re.compile(r'"((?:[^"\\]|\\.)*)"|([^".=\s]+)')


class ScenarioError(ValueError):
    """A scenario that cannot be run; ``str()`` is one sentence on one line."""

    def __init__(self, sentence: str) -> None:
        super().__init__(one_line(sentence))


class UnknownNameError(ScenarioError):
    """A scenario that names a policy or pricing rule that there is not, or that was not brought in."""


@contextmanager
def naming(where: str) -> Iterator[None]:
    """Put the name of a file before the sentence of an error that is raised inside."""
    try:
        yield
    except ScenarioError as error:
        raise type(error)(f"{where}: {error}" if where else str(error)) from None


@dataclass(frozen=True)
class Problem:
    """One mistake: where it stands in the data, the sentence that says it, and the error that it raises."""

    place: tuple[Any, ...]
    sentence: str
    error: type[ScenarioError] = ScenarioError


def nearest(word: str, known: Iterable[str]) -> str:
    """``; did you mean "..."?`` for the nearest known spelling, or nothing where none is near."""
    found = difflib.get_close_matches(word[:_LONGEST], list(known), n=1, cutoff=0.6)
    return f'; did you mean "{found[0]}"?' if found else ""


def one_line(text: str) -> str:
    """The text on one line, with nothing a terminal would act on."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def show(value: Any) -> str:
    """A value as a message quotes it: on one line, and shortened where it is long."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, BaseModel | Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, int) and value.bit_length() > 200:
        return f"an integer of {value.bit_length()} bits"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def show_path(parts: Sequence[Any]) -> str:
    """A dotted path; keys that hold a dot or worse are quoted."""
    return ".".join(_show_key(str(part)) for part in parts)


def _show_key(key: str) -> str:
    short = key if len(key) <= _LONGEST else key[: _LONGEST - 3] + "..."
    return short if re.fullmatch(r"[\w>-]+", short) else toml_key(short)


def split_path(path: str) -> list[str]:
    """The keys of a dotted path; a key with a dot in it stands in double quotes.

    Raises
    ------
    ScenarioError
        If the path is not one.
    """
    keys, end = [], -1
    while end < len(path):
        match = _KEY.match(path, end + 1)
        if match is None or path[match.end() : match.end() + 1] not in ("", "."):
            raise ScenarioError(f"{show(path)} is not the path of a field: write it like platform.commission")
        keys.append(match[1] if match[1] is not None else match[2])
        end = match.end()
    return keys


def problems_of(error: ValidationError, model: type[BaseModel], data: Mapping[str, Any]) -> list[Problem]:
    """The mistakes that pydantic found, one a place, in our own words."""
    found: dict[tuple[Any, ...], Problem] = {}
    for detail in error.errors(include_url=False, include_context=False):
        place = _place(detail["loc"], data)
        if place not in found:
            found[place] = Problem(place, _sentence(place, detail, model, data))
    # A union complains once for every member: the deepest place says the most.
    deepest = [p for p in found if not any(q != p and q[: len(p)] == p for q in found)]
    return [found[place] for place in deepest]


def raise_problems(problems: Sequence[Problem], data: Mapping[str, Any]) -> None:
    """Raise the problem that comes first in the file, and count the others.

    Raises
    ------
    ScenarioError
        Unless there are no problems.
    """
    if not problems:
        return
    first = min(problems, key=lambda problem: _position(problem.place, data))
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    raise first.error(first.sentence + more)


def _place(loc: Sequence[Any], data: Any) -> tuple[Any, ...]:
    """The part of pydantic's location that exists in the data: it mixes in the names of union members."""
    place = []
    for part in loc:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            continue
        place.append(part)
    return tuple(place)


def _position(place: Sequence[Any], data: Any) -> tuple[int, ...]:
    order = []
    for part in place:
        if isinstance(data, Mapping):
            order.append(list(data).index(part) if part in data else len(data))
            data = data.get(part)
        elif isinstance(data, list | tuple) and isinstance(part, int) and part < len(data):
            order.append(part)
            data = data[part]
    return tuple(order)


def _sentence(place: tuple[Any, ...], detail: Any, model: type[BaseModel], data: Mapping[str, Any]) -> str:
    if detail["type"] == "extra_forbidden":
        return unknown_field(place, model, data)
    value = _value(place, data)
    declaration = field_at(model, place)
    near = nearest(value, declaration.choices) if isinstance(value, str) else ""
    return f"{name_place(place, data)} = {show(value)} is not allowed: it must be {declaration.allowed}{near}"


def unknown_field(place: Sequence[Any], model: type[BaseModel], data: Mapping[str, Any]) -> str:
    """The sentence for a key that is no field: its nearest neighbour, else a namesake elsewhere."""
    stem, last = name_place(place[:-1], data), str(place[-1])
    table = inner_table(field_at(model, place[:-1]).info.annotation) if stem else model
    siblings = [*table.model_fields, *([] if stem else ["platform", "base"])] if table else []
    near = nearest(last, siblings)
    if near and stem:
        near = near.replace('"', f'"{stem}.', 1)
    if not near:
        namesakes = [d.path for d in declarations(model) if d.path.rpartition(".")[2] == last]
        namesakes += [f"flywheel.valves.{link}" for link in difflib.get_close_matches(last, LINKS, n=1)]
        near = f'; did you mean "{namesakes[0]}"?' if namesakes else ""
    return f"{name_place(place, data)} is not a field of a scenario{near}"


def name_place(place: Sequence[Any], data: Mapping[str, Any]) -> str:
    """A place as a person writes it: ``platform.x`` for the only one, else ``platforms.east.x``."""
    parts = list(place)
    platforms = data.get("platforms")
    if len(parts) > 1 and parts[0] == "platforms" and isinstance(platforms, list | tuple):
        if len(platforms) == 1:
            parts[:2] = ["platform"]
        else:
            parts[1] = _platform_name(platforms[parts[1]], parts[1])
    return show_path(parts)


def _platform_name(platform: Any, index: int) -> str:
    name = platform.get("name") if isinstance(platform, Mapping) else None
    return name if isinstance(name, str) and re.fullmatch("[a-z][a-z0-9_-]*", name) else str(index)


def _value(place: Sequence[Any], data: Any) -> Any:
    for part in place:
        data = data[part]
    return data
