"""Strategies found by name: one dictionary for each kind of agent, filled as their classes are defined."""

from __future__ import annotations

import inspect
import sys
from abc import ABC
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from types import FunctionType
from typing import Any, TypeVar

from agents.columns import nearest

Strategy = TypeVar("Strategy", bound=type[Any])

ELSEWHERE: dict[tuple[str, str], str] = {}
"""Kind and name of strategies that a results folder speaks of -> how the files that define them are brought in."""


class StrategyError(ValueError):
    """A policy or pricing rule that cannot be used; ``str()`` is one sentence."""


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
    StrategyError
        If the class has no name of its own, another class has that name already, or a method cannot be called
        as the model calls it.
    """
    if inspect.isabstract(cls):
        return
    who = f"{kind} class {cls.__qualname__} in {home(cls)}"
    name = vars(cls).get("name")
    if not isinstance(name, str) or not name.strip():
        raise StrategyError(f'{who} has no name of its own: give it a line such as name = "my-own".')
    known = registry.get(name)
    if known is not None and not _is_again(known, cls):
        owner = f"{known.__qualname__} in {home(known)}"
        raise StrategyError(f"{who} takes the name {name!r}, which {owner} has already: choose another.")
    check_calls(cls, kind)
    registry[name] = cls


def check_calls(cls: type, kind: str) -> None:
    """Refuse a class whose methods cannot be called as its base declares them.

    Parameters
    ----------
    cls
        A concrete class.
    kind
        What such a class is called in a sentence.

    Raises
    ------
    StrategyError
        Naming the class, its file, the method as it is and as it has to be.
    """
    for name, wanted in _calls(cls):
        method = inspect.getattr_static(cls, name)
        if not _takes(cls, method, name, len(wanted)):
            who = f"{kind} class {cls.__qualname__} in {home(cls)}"
            is_so = f"def {name}{_shown(method)}" if callable(method) else f"{name} = {method!r}"
            raise StrategyError(f"{who} has {is_so}, which should be def {name}({', '.join(wanted)}).")


def unfinished(cls: type) -> str:
    """Return what a class that is still abstract lacks, ``decide(self, books)``, and what may be meant for it."""
    lacking = {name: wanted for name, wanted in _calls(cls) if name in getattr(cls, "__abstractmethods__", ())}
    said = " and ".join(f"{name}({', '.join(wanted)})" for name, wanted in lacking.items())
    near = [own for name in lacking for own in get_close_matches(name, vars(cls), n=1)]
    return f"{said}; is {near[0]} meant for it?" if near else f"{said}."


def _calls(cls: type) -> Iterator[tuple[str, list[str]]]:
    """The methods that the model calls, with the names of their parameters, as the abstract base declares them."""
    base = next((one for one in cls.__mro__ if ABC in one.__bases__), None)
    if base is not None:
        for name in ("__init__", *sorted(getattr(base, "__abstractmethods__", ()))):
            yield name, list(inspect.signature(getattr(base, name)).parameters)


def _takes(cls: type, method: Any, name: str, count: int) -> bool:
    """Whether a method can be called by position with so many arguments, the object itself being the first."""
    if isinstance(method, staticmethod | classmethod):
        method, count = getattr(cls, name), count - 1
    if not isinstance(method, FunctionType) and not inspect.ismethod(method):
        return callable(method)  # of what kind it is shows when it is called
    try:
        inspect.signature(method).bind(*[None] * count)
    except TypeError:
        return False
    return True


def _shown(method: Any) -> str:
    parameters = inspect.signature(method).parameters.values()
    return str(inspect.Signature([one.replace(annotation=inspect.Parameter.empty) for one in parameters]))


def _is_again(known: type, cls: type) -> bool:
    """Whether `cls` is `known` defined once more, and not a second class beside it."""
    same_module = known.__module__ == cls.__module__
    if home(known) != home(cls):
        return False
    return not same_module or known.__qualname__ == cls.__qualname__


def know_by_name(kind: str, name: str, how: str) -> None:
    """Let scenarios name a strategy whose code is not here: they can be read and compared, but not lived through.

    Parameters
    ----------
    kind
        As of `register`.
    name
        Its name.
    how
        What brings it in, such as ``--import out/imports/mine.py``.
    """
    ELSEWHERE[kind, name] = how


def is_known(registry: Mapping[str, Strategy], name: str, kind: str) -> bool:
    """Whether a scenario may name a strategy: its class is here, or a results folder speaks of it."""
    return name in registry or (kind, name) in ELSEWHERE


def find(registry: Mapping[str, Strategy], name: str, kind: str) -> Strategy:
    """Return the class of a name.

    Raises
    ------
    StrategyError
        If there is none; the sentence gives the nearest spelling, or what brings it in.
    """
    if name not in registry and (kind, name) in ELSEWHERE:
        raise StrategyError(f"{name!r} is a {kind} whose code has not been brought in: add {ELSEWHERE[kind, name]}.")
    if name not in registry:
        raise StrategyError(f"{name!r} is not a {kind}: {nearest(name, registry)}")
    return registry[name]
