"""The commands of ``marketplace`` under their names; `experiments.cli` is their entry point.

A command is a function in an ``experiments/commands/`` module that imports what it needs inside itself;
here it gets its name. Every command runs inside `experiments.errors.sentences`.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from experiments.commands import (
    ablate,
    calibrate,
    compare,
    replay,
    report,
    run,
    scenarios,
    sensitivity,
    sweep,
    validate,
)
from experiments.commands.again import TYPED
from experiments.errors import sentences

DISTRIBUTION = "marketplace-simulator"
"""Name of the installed package, as pyproject.toml states it."""


class Commands(TyperGroup):
    """The group of all commands: what a user can cause is said in one sentence."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        TYPED.set(tuple(args))
        with sentences():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        with sentences():
            return super().invoke(ctx)


EXAMPLES = """\b
Examples:
  marketplace run tiny
  marketplace run amazon --twin --seed 7 --out results/first
  marketplace replay results/first
  marketplace compare tiny --policy reinvest --policy dividend --seeds 20
  marketplace ablate tiny --seeds 5
  marketplace sweep commission.toml --workers 2
  marketplace sensitivity results/screening
  marketplace calibrate bazaar --trials 200 --workers 2
  marketplace validate amazon
  marketplace scenarios list
  marketplace new my-world.toml
  marketplace scenarios check my-world.toml
  marketplace scenarios explain platform.commission
  marketplace diff amazon my-world.toml
"""

# Plain help and plain errors: rich takes longer to import than everything else together.
app = typer.Typer(
    name="marketplace",
    cls=Commands,
    epilog=EXAMPLES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"marketplace {version(DISTRIBUTION)}")
        except PackageNotFoundError:  # run from the sources
            typer.echo("marketplace, not installed")
        raise typer.Exit


@app.callback()
def marketplace(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Simulate an online marketplace of customers, sellers and platforms, and its virtuous cycle."""


app.command(epilog="Example: marketplace run tiny --twin --set platform.commission=0.2")(run.run)
app.command(epilog="Example: marketplace replay results/first")(replay.replay)
app.command(epilog="Example: marketplace compare tiny --policy reinvest --policy dividend")(compare.compare)
app.command(epilog="Example: marketplace ablate tiny --seeds 5")(ablate.ablate)
app.command(epilog="Example: marketplace sweep commission.toml --workers 2 --out results/commission")(sweep.sweep)
app.command(epilog="Example: marketplace merge results/whole results/part-1 results/part-2")(sweep.merge)
app.command(epilog="Example: marketplace sensitivity results/screening --log")(sensitivity.sensitivity)
app.command(epilog="Example: marketplace report results/commission")(report.report)
app.command(epilog="Example: marketplace calibrate bazaar --trials 200 --workers 2")(calibrate.calibrate)
app.command(epilog="Example: marketplace validate amazon --seeds 20 --workers 2")(validate.validate)
app.add_typer(scenarios.scenarios, name="scenarios")
app.command(epilog="Example: marketplace new my-world.toml")(scenarios.new)
app.command(epilog="Example: marketplace diff amazon tiny")(scenarios.diff)
