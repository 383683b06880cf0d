"""The first compilation, by two processes from both ends.

A run compiles each loop when it first calls it, so it begins at one end of the week. Meanwhile a second process lives
through a small world uncompiled, which takes a moment and tells what is called in which order and with what types,
and compiles that from the other end. Where they meet, each finds in the cache what the other has done.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from agents import compiled

WEEKS = 14  # a quarter and a week: what happens once a quarter has happened, too
CUSTOMERS = 100
BEGIN = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from marketplace.compiling import compile_from_the_end; compile_from_the_end()"
)

Call = tuple[Any, tuple[Any, ...]]
"""A dispatcher of numba, and the types of what it was called with."""


def begin() -> subprocess.Popen[bytes] | None:
    """Begin a process that compiles from the end; None where there is nothing to compile, or no processor for it.

    It ends with this process.
    """
    if compiled.PLAIN or compiled.cache_folder() is None or compiled.is_cached() or compiled.processors() == 1:
        return None
    nowhere = subprocess.DEVNULL
    helper = subprocess.Popen(
        [sys.executable, "-P", "-c", BEGIN, json.dumps(sys.path)], stdin=nowhere, stdout=nowhere, stderr=nowhere
    )
    atexit.register(_end, helper)
    return helper


def _end(helper: subprocess.Popen[bytes]) -> None:
    helper.kill()
    helper.wait()


def calls_of_a_small_world(weeks: int = WEEKS) -> list[Call]:
    """Return the compiled functions that Python calls in a small world, each once a choice of types, in order."""
    from marketplace.model import MarketplaceModel

    calls: dict[Call, None] = {}
    with _noting(calls):
        MarketplaceModel("tiny", **{"customers.count": CUSTOMERS, "run.threads": 1}).run(weeks)
    return list(calls)


@contextmanager
def _noting(calls: dict[Call, None]) -> Iterator[None]:
    """Note calls of functions that are not compiled yet, and let them run as plain Python."""
    import numba.core.dispatcher

    kind: Any = numba.core.dispatcher.Dispatcher
    inside = False

    def instead(dispatcher: Any, *_: Any) -> Callable[..., Any]:
        def plain(*arguments: Any) -> Any:
            nonlocal inside
            if inside:  # what a loop calls is compiled with it
                return dispatcher.py_func(*arguments)
            calls[dispatcher, tuple(dispatcher.typeof_pyval(each) for each in arguments)] = None
            inside = True
            try:
                return dispatcher.py_func(*arguments)
            finally:
                inside = False

        return plain

    usual = kind._compile_for_args
    kind._compile_for_args = instead  # of compiling for types not met before, and calling what comes of it
    try:
        yield
    finally:
        kind._compile_for_args = usual


def compile_from_the_end() -> None:
    """Compile what a small world calls, the last first, as long as the process that began this one lives."""
    parent = os.getppid()
    for dispatcher, types in reversed(calls_of_a_small_world()):
        if os.getppid() != parent:
            return
        dispatcher.compile(types)


def compile_all() -> None:
    """Compile what a small world calls, from both ends; at once where that has been done."""
    from marketplace.model import MarketplaceModel

    helper = begin()
    MarketplaceModel("tiny").run(WEEKS)
    if helper is not None:
        helper.wait()


if __name__ == "__main__":
    compile_all()
