"""Commands that read, check, explain and start scenario files.

What a command needs is imported inside it, so that ``--help`` answers at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from experiments.commands.run import IMPORT

scenarios = typer.Typer(
    help="List, show, check and explain scenarios.",
    epilog="Example: marketplace scenarios explain platform.commission",
    no_args_is_help=True,
)


@scenarios.command("list")
def list_() -> None:
    """List the scenarios that come with the package."""
    from marketplace.scenario import list_scenarios, load_scenario

    for name in list_scenarios():
        typer.echo(f"{name:<28}{load_scenario(name).description}".rstrip())


@scenarios.command(epilog="Example: marketplace scenarios show tiny")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a shipped scenario, or a path.")],
) -> None:
    """Print a scenario with every field, ready to be saved and run."""
    from experiments.own_code import know_kept_names
    from marketplace.scenario import load_scenario

    know_kept_names(name)
    typer.echo(load_scenario(name).to_toml(), nl=False)


@scenarios.command(epilog="Example: marketplace scenarios check my-world.toml")
def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Path of a scenario file, or a shipped name.")],
    imports: Annotated[list[Path] | None, IMPORT] = None,
) -> None:
    """Say whether a scenario can be run, and if not, why."""
    from experiments.commands.run import read_scenario
    from experiments.wording import how_many

    scenario = read_scenario(file, [], {}, imports or [])
    typer.echo(
        f'{file}: scenario "{scenario.name}" is fine: {scenario.customers.count:,} customers, '
        f"{how_many(len(scenario.platforms), 'platform')}, {how_many(scenario.run.weeks, 'week')}"
    )


@scenarios.command(epilog="Example: marketplace scenarios explain platform.commission")
def explain(
    field: Annotated[str, typer.Argument(metavar="FIELD", help="Dotted path of a field, or of a table.")],
) -> None:
    """Print what a field means, its unit, range, default and source; for a table, its fields."""
    from marketplace.scenario import explain as explain_field
    from marketplace.scenario import fields_inside

    inside = fields_inside(field)
    width = max(36, *(len(row["field"]) + 2 for row in inside), 0)
    for row in inside:
        typer.echo(f"{row['field']:<{width}}{row['meaning']} [{row['unit']}]")
    if not inside:
        for key, value in explain_field(field).items():
            if value:
                typer.echo(f"{key:<9}{value}")


def new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")] = False,
) -> None:
    """Write a commented scenario file to fill in: every field with its unit, range, default and source."""
    from experiments.files import write_whole
    from marketplace.scenario import template

    write_whole(file, template(), overwrite=force)
    typer.echo(f"{file} is written; `marketplace scenarios check {file}` says whether it can be run")


def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="Name of a shipped scenario, or a path.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The one to compare it with.")],
) -> None:
    """Print the fields in which two scenarios differ."""
    from experiments.own_code import know_kept_names
    from marketplace.scenario import diff as differences
    from marketplace.scenario import load_scenario

    for name in (a, b):
        know_kept_names(name)
    rows = differences(load_scenario(a), load_scenario(b))
    if not rows:
        typer.echo("no difference")
    for path, left, right in rows:
        typer.echo(f"{path:<36}{_value(left)} -> {_value(right)}")


def _value(value: Any) -> str:
    from marketplace.toml import toml_value

    return "(absent)" if value is None else toml_value(value)
