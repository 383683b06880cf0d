"""The command that takes up work which was left, as a person would type it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path

from experiments.errors import ResultsError

TYPED: ContextVar[tuple[str, ...]] = ContextVar("typed", default=())
"""The words of the command line that is being carried out, without ``marketplace``."""

ONCE = frozenset(("--force", "--resume", "--dry-run"))


def resume_command(folder: Path) -> str:
    """What was typed, with ``--resume --out`` of the folder in which the work stands."""
    return shlex.join(["marketplace", *_without(TYPED.get()), "--resume", "--out", str(folder)])


def _without(words: Sequence[str]) -> Iterator[str]:
    """The words but for those that hold once, and for ``--out``."""
    rest = iter(words)
    for word in rest:
        if word == "--out":
            next(rest, None)
        elif word not in ONCE and not word.startswith("--out="):
            yield word


def refuse_resume_with_force(resume: bool, force: bool) -> None:
    """Refuse to go on with a folder and to begin it anew at once."""
    if resume and force:
        raise ResultsError("--resume goes on with a folder and --force begins it anew: give one of them")
