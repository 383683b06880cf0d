"""Asking the command line, in this process."""

from __future__ import annotations

from typer.testing import CliRunner, Result

from experiments.cli import app


def marketplace(*arguments: str) -> Result:
    """What ``marketplace`` says to some arguments."""
    return CliRunner().invoke(app, list(arguments), prog_name="marketplace")


def done(*arguments: str) -> Result:
    """The same, which must have gone well."""
    result = marketplace(*arguments)
    assert result.exit_code == 0, result.output
    return result


def sentence(*arguments: str, code: int = 2) -> str:
    """The one sentence with which it refuses or ends early."""
    result = marketplace(*arguments)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result.stderr.splitlines()[-1].removeprefix("marketplace: ")
