"""A scenario: the world and the policies of one run, read from TOML, checked, changed and written back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from marketplace import scenario_text
from marketplace.scenario_checks import check
from marketplace.scenario_errors import ScenarioError, UnknownNameError, naming, problems_of, raise_problems
from marketplace.scenario_files import (
    Layer,
    import_options,
    kept_imports,
    lay_over,
    list_scenarios,
    one_spelling_of_platforms,
    read_layers,
    text_layers,
)
from marketplace.scenario_paths import apply_changes, parse_assignment
from marketplace.sections import (
    Adoption,
    Choice,
    Customers,
    Entry,
    Experience,
    Flywheel,
    Fulfilment,
    Market,
    Platform,
    Policy,
    Run,
    Search,
    Section,
    Sellers,
    Social,
    field,
)

__all__ = [
    "Scenario",
    "ScenarioError",
    "default_scenario",
    "diff",
    "explain",
    "fields",
    "fields_inside",
    "list_scenarios",
    "load_scenario",
    "loads",
    "parse_assignment",
    "template",
]


class Scenario(Section):
    """A world and its policies. Frozen; change it by `with_changes`.

    ``Scenario(**tables)`` takes the tables as a file states them: what is left out has its default, and
    ``platform`` may stand for the only entry of ``platforms``.

    Raises
    ------
    ScenarioError
        One sentence that names the field, the value and what is allowed.
    """

    name: str = field("scenario", "name", "name of the scenario; a file without one takes the file's name")
    description: str = field("", "text", "what the scenario is for, in a sentence")
    run: Run = Field(default_factory=Run)
    market: Market = Field(default_factory=Market)
    customers: Customers = Field(default_factory=Customers)
    adoption: Adoption = Field(default_factory=Adoption)
    search: Search = Field(default_factory=Search)
    choice: Choice = Field(default_factory=Choice)
    fulfilment: Fulfilment = Field(default_factory=Fulfilment)
    experience: Experience = Field(default_factory=Experience)
    social: Social = Field(default_factory=Social)
    sellers: Sellers = Field(default_factory=Sellers)
    entry: Entry = Field(default_factory=Entry)
    # TOML has lists only, and strict mode would refuse one for a tuple.
    platforms: tuple[Platform, ...] = Field(default_factory=lambda: (Platform(),), min_length=1, strict=False)
    policy: Policy = Field(default_factory=Policy)
    flywheel: Flywheel = Field(default_factory=Flywheel)

    def __init__(self, /, **tables: Any) -> None:
        data = one_spelling_of_platforms(tables)
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise_problems(problems_of(error, type(self), data), data)
        raise_problems(check(self), data)

    @property
    def platform(self) -> Platform:
        """The only platform.

        Raises
        ------
        ScenarioError
            If there are several.
        """
        if len(self.platforms) > 1:
            names = ", ".join(platform.name for platform in self.platforms)
            raise ScenarioError(
                f'scenario "{self.name}" has {len(self.platforms)} platforms ({names}), '
                "so scenario.platform is not clear: take one of scenario.platforms"
            )
        return self.platforms[0]

    def with_changes(self, changes: Mapping[str, Any]) -> Scenario:
        """A copy with some fields changed, checked as a whole.

        Parameters
        ----------
        changes : mapping of str to value
            Dotted path -> value of the field's type (or a table, which replaces the whole table).
            ``platform.x`` is the only platform's; ``platforms.1.x`` (counted from 0) and
            ``platforms.east.x`` are one of several.

        Raises
        ------
        ScenarioError
            For a path that is no field, a value out of range, or a world that cannot live.
        """
        if not isinstance(changes, Mapping) or not all(isinstance(path, str) for path in changes):
            raise ScenarioError(f"changes are a mapping of dotted paths to values; {changes!r:.80} was given")
        return Scenario(**apply_changes(self.tables(), changes))

    def tables(self) -> dict[str, Any]:
        """All fields as nested plain dicts; ``Scenario(**scenario.tables())`` equals the scenario."""
        tables = self.model_dump()
        tables["platforms"] = list(tables["platforms"])
        return tables

    def to_toml(self) -> str:
        """The complete scenario as TOML with units as comments; `loads` reads an equal scenario from it."""
        return scenario_text.to_toml(self.tables(), Scenario)

    def hash(self) -> str:
        """SHA-256 (hex) of the content, the same for equal scenarios on every machine."""
        canonical = json.dumps(_without_minus_zero(self.tables()), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def __hash__(self) -> int:
        return hash(self.hash())


def load_scenario(name_or_path: str | Path, extra: Mapping[str, Any] | None = None) -> Scenario:
    """Load a shipped scenario by name, or a TOML file by path.

    Parameters
    ----------
    name_or_path : str or Path
        ``"amazon"``, ``"theory/bass"`` ... (see `list_scenarios`), or a path.
    extra : mapping of str to value, optional
        Changes by dotted path on top of the file (see `Scenario.with_changes`).

    Raises
    ------
    ScenarioError
        One sentence with the file, the field, the value and what is allowed; for broken TOML, the line.
    """
    return _build(read_layers(name_or_path)).with_changes(extra or {})


def loads(text: str, name: str = "scenario") -> Scenario:
    """Read a scenario from TOML text; ``name`` is its name where the text states none.

    Raises
    ------
    ScenarioError
        As `load_scenario`.
    """
    return _build(text_layers(text, name))


def default_scenario() -> Scenario:
    """The scenario ``amazon``."""
    return load_scenario("amazon")


def explain(name: str) -> dict[str, Any]:
    """Type, unit, range, default, meaning and source of a field, by its dotted path.

    Raises
    ------
    ScenarioError
        If there is no such field, with the nearest spelling.
    """
    return scenario_text.explain(name, Scenario)


def fields_inside(name: str) -> list[dict[str, Any]]:
    """The rows of the fields in a table, by its dotted path; empty where the path is that of a field, or of nothing.

    Raises
    ------
    ScenarioError
        If the path is none, or names a link that there is not.
    """
    return scenario_text.inside(name, Scenario)


def fields() -> list[dict[str, Any]]:
    """Every field as a row: ``field type unit range default meaning source``."""
    return scenario_text.rows(Scenario)


def template() -> str:
    """A commented scenario file with every field, for a person to fill in."""
    return scenario_text.template(Scenario, default_scenario().tables())


def diff(a: Scenario, b: Scenario) -> list[tuple[str, Any, Any]]:
    """The fields in which two scenarios differ: (path, value in a, value in b); None where absent."""
    return scenario_text.diff(a.tables(), b.tables(), Scenario)


def _build(layers: Sequence[Layer]) -> Scenario:
    """Build from the deepest base upwards; every base must be a scenario that could run by itself."""
    under: dict[str, Any] | None = None
    for tables, where in reversed(layers):
        with naming(where):
            try:
                scenario = Scenario(**(lay_over(under, tables, Scenario) if under else tables))
            except UnknownNameError as error:
                raise UnknownNameError(f"{error}{_brought_beside(where)}") from None
        under = scenario.tables()
    return scenario


def _brought_beside(where: str) -> str:
    """What the run that left a scenario file in its results folder had brought by ``--import``, for the message."""
    files = kept_imports(where)
    return f" (the run that left this file had {import_options(files)})" if files else ""


def _without_minus_zero(value: Any) -> Any:
    # 0.0 == -0.0, and equal scenarios must have equal hashes.
    if isinstance(value, dict):
        return {key: _without_minus_zero(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_minus_zero(item) for item in value]
    return 0.0 if isinstance(value, float) and value == 0 else value
