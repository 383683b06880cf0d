"""Strategies found by name: one dictionary for each kind of agent, filled as their classes are defined."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from typing import Any, TypeVar

from agents.columns import nearest

Strategy = TypeVar("Strategy", bound=type[Any])


def home(cls: type) -> str:
    """Return the file a class was defined in, or the name of its module where there is no file."""
    return getattr(sys.modules.get(cls.__module__), "__file__", None) or cls.__module__


def register(registry: dict[str, Strategy], cls: Strategy, kind: str) -> None:
    """Enter a class under its name; abstract classes are passed over.

    A class that is defined again by the same file, as on a reload, takes the place of its predecessor.

    Parameters
    ----------
    registry
        Where classes of this kind are found by name.
    cls
        The class, with its `name`.
    kind
        What such a class is called in a sentence: "policy", "pricing rule".

    Raises
    ------
    ValueError
        If the class has no name of its own, or another class has that name already.
    """
    if inspect.isabstract(cls):
        return
    who = f"{kind} class {cls.__qualname__} in {home(cls)}"
    name = vars(cls).get("name")
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f'{who} has no name of its own: give it a line such as name = "my-own".')
    known = registry.get(name)
    if known is not None and not _is_again(known, cls):
        owner = f"{known.__qualname__} in {home(known)}"
        raise ValueError(f"{who} takes the name {name!r}, which {owner} has already: choose another.")
    registry[name] = cls


def _is_again(known: type, cls: type) -> bool:
    """Whether `cls` is `known` defined once more, and not a second class beside it."""
    same_module = known.__module__ == cls.__module__
    if home(known) != home(cls):
        return False
    return not same_module or known.__qualname__ == cls.__qualname__


def find(registry: Mapping[str, Strategy], name: str, kind: str) -> Strategy:
    """Return the class of a name.

    Raises
    ------
    ValueError
        If there is none; the sentence gives the nearest spelling.
    """
    if name not in registry:
        raise ValueError(f"{name!r} is not a {kind}: {nearest(name, registry)}")
    return registry[name]
