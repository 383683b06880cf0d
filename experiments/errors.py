"""How the command line says what went wrong: one sentence on stderr and an exit code, never a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

INTERRUPTED = 130
REFUSED = 2
INCOMPLETE = 1
"""The work came to its end, and runs of it failed or are missing."""


class ResultsError(ValueError):
    """A run or a results folder that cannot be made, read or compared; ``str()`` is one sentence."""


@contextmanager
def sentences() -> Iterator[None]:
    """Turn what a user can cause into a sentence; every command of the group runs inside.

    Raises
    ------
    typer.Exit
        Code 2 for a scenario that cannot be run and for files that cannot be read or written, 130 for Ctrl-C.
    """
    try:
        yield
    except BrokenPipeError:
        raise  # `... | head` closed the pipe: the command ends quietly
    except KeyboardInterrupt:
        _say("interrupted")
        raise typer.Exit(INTERRUPTED) from None
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


def _say(sentence: str) -> None:
    typer.echo(f"marketplace: {sentence}", err=True)
