"""What a design varies: a field of the scenario, and the values it takes or is drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.designs.distributions import Choice, Distribution, choice, distribution_of, values_of
from experiments.designs.errors import DesignError
from experiments.designs.fields import field_of, flat
from experiments.designs.samplers import SAMPLED

if TYPE_CHECKING:
    from marketplace.scenario import Scenario

WORDS = frozenset(("distribution", "low", "high", "mean", "sd", "mode", "values", "probabilities"))
"""Keys by which the table of a distribution is told from a table of fields."""


@dataclass(frozen=True)
class Factor:
    """A field that a design states.

    Attributes
    ----------
    path : str
        Its dotted path.
    values : tuple
        The values that it takes; empty where it is drawn.
    distribution : Distribution or None
        What it is drawn from.
    """

    path: str
    values: tuple[Any, ...] = ()
    distribution: Distribution | None = None


def factors_of(base: Scenario, tables: Any, kind: str) -> list[Factor]:
    """The factors that ``[design.factors]`` states.

    Raises
    ------
    DesignError
        For whatever is no factor of this scenario.
    """
    if not isinstance(tables, Mapping) or not tables:
        raise DesignError(
            'nothing varies: [design.factors] must state at least one, such as "platform.commission" = [0.05, 0.1]'
        )
    found: dict[str, Factor] = {}
    sampled = kind in SAMPLED
    for stated, spec in flat(tables, lambda path, table: not table or bool(WORDS & table.keys())).items():
        field = field_of(base, stated)
        if field.path in found:
            raise DesignError(f"{field.path} is stated twice, the second time as {stated}")
        if isinstance(spec, Mapping) and not sampled:
            raise DesignError(
                f"{field.path}: a range is for designs that sample (latin-hypercube, sobol, morris, random); "
                "here list its values"
            )
        if isinstance(spec, Mapping):
            found[field.path] = Factor(field.path, distribution=distribution_of(field, spec))
        elif not sampled:
            found[field.path] = Factor(field.path, values_of(field, spec, repeats=kind == "zip"))
        else:
            drawn = choice(field, spec)
            alone = len(drawn.values) == 1
            found[field.path] = Factor(field.path, drawn.values if alone else (), None if alone else drawn)
    return list(found.values())


def constant(factor: Factor) -> bool:
    """Whether a factor has one value only, and is therefore a change of the base and no column."""
    if isinstance(factor.distribution, Choice):
        return len(factor.distribution.values) == 1
    return len(factor.values) == 1
