"""Where scenario files lie, how they are read, and how one builds on another."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from marketplace.declarations import field_at, inner_table
from marketplace.scenario_errors import ScenarioError, naming, nearest, show
from marketplace.toml import TomlError, parse_toml

SHIPPED = Path(__file__).parent / "scenarios"

# A scenario is a few kilobytes; anything above this is some other file.
LARGEST = 1_000_000

Layer = tuple[dict[str, Any], str]
"""The tables of one file, and what to call it in messages."""


def list_scenarios() -> list[str]:
    """Names of the shipped scenarios, those in folders (``theory/...``) last."""
    paths = (path.relative_to(SHIPPED).with_suffix("") for path in SHIPPED.rglob("*.toml"))
    return sorted((path.as_posix() for path in paths), key=lambda name: (name.count("/"), name))


def read_layers(name_or_path: str | Path) -> list[Layer]:
    """A scenario file and, after it, the files it builds on.

    Raises
    ------
    ScenarioError
        If a file cannot be found or read, is not TOML, or builds on itself.
    """
    path, name, where = _find(name_or_path, Path())
    return _layers(_text(path, where), name, where, path)


def text_layers(text: str, name: str) -> list[Layer]:
    """As `read_layers` for a text; a base that is a path is relative to the working folder."""
    return _layers(text, name, "", None)


def kept_imports(path: str | Path) -> list[Path]:
    """Files of the user's own code that a results folder keeps beside its scenario file."""
    try:
        return sorted((Path(path).parent / "imports").glob("*.py")) if path and Path(path).is_file() else []
    except (OSError, ValueError):  # a name too long, or with a null byte
        return []


def import_options(files: Iterable[Path]) -> str:
    """The options that bring files in, as a shell takes them: ``--import out/imports/mine.py``."""
    return " ".join(f"--import {shlex.quote(str(path))}" for path in files)


def lay_over(under: Mapping[str, Any], own: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """The tables of a file laid over the complete ones of its base, key by key.

    ``[platform]`` goes over the base's only platform; ``[[platforms]]`` replaces the list. A table that is
    one value, such as the shares of pricing rules, replaces the base's.

    Raises
    ------
    ScenarioError
        If ``[platform]`` meets a base with several platforms.
    """
    several = len(under["platforms"])
    if "platform" in own and "platforms" not in own and several > 1:
        raise ScenarioError(
            f"platform: the base has {several} platforms, so [platform] is not clear: "
            "state [[platforms]], each with what differs from the defaults"
        )
    only = under["platforms"][0]
    laid: dict[str, Any] = _merge(under, one_spelling_of_platforms(own), model, ())
    if "platform" in own:
        laid["platforms"] = [_merge(only, own["platform"], model, ("platforms", 0))]
    return laid


def one_spelling_of_platforms(tables: Mapping[str, Any]) -> dict[str, Any]:
    """The tables with ``[platform]`` written as the only entry of ``platforms``.

    Raises
    ------
    ScenarioError
        If both spellings are there.
    """
    if "platform" not in tables:
        return dict(tables)
    if "platforms" in tables:
        raise ScenarioError(
            "platform and platforms are both stated: use [platform] for the only platform "
            "or [[platforms]] for each of several"
        )
    # Key by key, so that the order of the file stays.
    return dict(
        ("platforms", [table]) if key == "platform" else (key, table) for key, table in tables.items()
    )


def _merge(under: Any, own: Any, model: type[BaseModel], place: tuple[Any, ...]) -> Any:
    if not isinstance(own, Mapping) or not isinstance(under, Mapping):
        return own
    if inner_table(field_at(model, place).info.annotation) is None:
        return own
    laid = {k: _merge(under[k], v, model, (*place, k)) if k in under else v for k, v in own.items()}
    return {**laid, **{k: v for k, v in under.items() if k not in own}}


def _layers(text: str, name: str, where: str, path: Path | None) -> list[Layer]:
    layers: list[Layer] = []
    seen: set[Path] = set()
    while True:
        if path is not None:
            seen.add(path.resolve())
        with naming(where):
            tables = _parse(text)
            base = tables.pop("base", None)
            # A name and a description say what this file is: they are never the base's.
            layers.append(({"description": "", "name": name} | tables, where))
            if base is None:
                return layers
            path, name, base_where = _find_base(base, path.parent if path else Path(), seen)
        where, text = base_where, _text(path, base_where)


def _find_base(base: Any, folder: Path, seen: set[Path]) -> tuple[Path, str, str]:
    if not isinstance(base, str):
        raise ScenarioError(f"base = {show(base)} is not allowed: it must be a name or a path, in quotes")
    found = _find(base, folder)
    if found[0].resolve() in seen:
        raise ScenarioError(f"base = {show(base)} leads back to a file that builds on this one")
    return found


def _find(name_or_path: str | Path, folder: Path) -> tuple[Path, str, str]:
    """The file that is meant, the name of its scenario, and what to call it in messages."""
    given, names = str(name_or_path), list_scenarios()
    if given in names and isinstance(name_or_path, str):
        return SHIPPED / f"{given}.toml", given, given
    path = folder / given
    try:
        if path.exists():
            return path, path.stem, str(path)
    except (OSError, ValueError) as error:  # a name too long, or with a null byte
        reason = getattr(error, "strerror", None) or str(error)
        raise ScenarioError(f"{show(given)} is not the name of a file: {reason}") from None
    near = nearest(given.removesuffix(".toml"), names)
    kind = "there is no such file" if path.suffix else "this is neither a shipped scenario nor a file"
    raise ScenarioError(f"{show(str(path))}: {kind}{near}")


def _text(path: Path, where: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise ScenarioError(f"{where}: {error.strerror or error}") from None
    if len(content) > LARGEST:
        raise ScenarioError(f"{where}: more than {LARGEST:,} bytes; this is not a scenario file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ScenarioError(f"{where}: not valid TOML, line {line}: this is not text in UTF-8") from None


def _parse(text: str) -> dict[str, Any]:
    try:
        return parse_toml(text)
    except TomlError as error:
        raise ScenarioError(str(error)) from None
