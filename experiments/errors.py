"""How the command line says what went wrong: one sentence on stderr and an exit code, never a traceback."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer

INTERRUPTED = 130
REFUSED = 2
INCOMPLETE = 1
"""The work came to its end, and runs of it failed or are missing."""

UsageError: type[Exception] = typer.BadParameter.__mro__[1]  # Typer exports its children alone


class ResultsError(ValueError):
    """A run or a results folder that cannot be made, read or compared; ``str()`` is one sentence."""


@contextmanager
def sentences() -> Iterator[None]:
    """Turn what a user can cause into a sentence; every command of the group runs inside.

    Raises
    ------
    typer.Exit
        Code 2 for a command line or a scenario that cannot be run and for files that cannot be read or written, 130
        for Ctrl-C.
    """
    try:
        yield
    except BrokenPipeError:
        raise  # `... | head` closed the pipe: the command ends quietly
    except KeyboardInterrupt:
        _say("interrupted")
        raise typer.Exit(INTERRUPTED) from None
    except UsageError as error:
        sentence = _of_misuse(error)
        if "\n" in sentence:  # no error: the help of a group that was named without a command
            raise
        _say(sentence)
        raise typer.Exit(REFUSED) from None
    except OSError as error:
        _say(_of_os_error(error))
        raise typer.Exit(REFUSED) from None
    except ValueError as error:
        # Late: `marketplace --help` must not wait for pydantic and NumPy.
        from agents.registry import StrategyError
        from marketplace.scenario_errors import ScenarioError

        if not isinstance(error, ScenarioError | StrategyError | ResultsError):
            raise
        _say(str(error))
        raise typer.Exit(REFUSED) from None


def _of_os_error(error: OSError) -> str:
    reason = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {reason}" if error.filename else reason


def _of_misuse(error: Any) -> str:
    """Say what is wrong with a command line: the value that was typed, the nearest right spelling, where to look."""
    said = str(error.format_message()).strip().rstrip(".")
    said = (said[:1].lower() + said[1:]).replace(". Did you mean", "; did you mean")
    meant = getattr(error, "possibilities", None)
    if meant:
        return f"no such option: {error.option_name}; did you mean {' or '.join(sorted(meant))}?"
    value = _typed(getattr(getattr(error, "param", None), "opts", ()))
    if value is not None and said.startswith("invalid value"):
        name, given = value
        return f'{name} "{given}" is not allowed: {error.message[:1].lower()}{error.message[1:].rstrip(".")}'
    if said.endswith("?") or getattr(error, "ctx", None) is None:
        return said
    return f"{said}; {error.ctx.command_path} --help says what there is"


def _typed(names: Sequence[str]) -> tuple[str, str] | None:
    """Return how an option was spelt and the last value that was typed for it."""
    from experiments.commands.again import TYPED

    words, found = TYPED.get(), None
    for word, following in zip(words, [*words, ""][1:], strict=True):
        name, equals, value = word.partition("=")
        if name in names:
            found = name, value if equals else following
    return found


def _say(sentence: str) -> None:
    typer.echo(f"marketplace: {sentence}", err=True)
