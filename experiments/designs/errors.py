"""What is wrong with a design, in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from experiments.errors import ResultsError


class DesignError(ResultsError):
    """A design that cannot be carried out; ``str()`` is one sentence on one line."""

    def __init__(self, sentence: str) -> None:
        from marketplace.scenario_errors import one_line

        super().__init__(one_line(sentence))


@contextmanager
def naming(where: str) -> Iterator[None]:
    """Put a place (a file, a point) before the sentence of an error that is raised inside.

    Raises
    ------
    DesignError
        For every mistake of a design, its scenario, or a file that it brings in.
    """
    from agents.registry import StrategyError
    from marketplace.scenario_errors import ScenarioError

    try:
        yield
    except (DesignError, ScenarioError, StrategyError) as error:
        raise DesignError(f"{where}: {error}" if where else str(error)) from None
