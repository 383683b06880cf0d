"""Fill the tables of ``docs/odd.md``: ``python -m experiments.odd [--check]``.

The page is written by hand but for what stands between ``<!-- table: NAME -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from experiments import markdown
from experiments.odd.rationale import RationaleError
from experiments.odd.tables import TABLES, rationales

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "odd.md"


def filled(text: str) -> str:
    """Return the page with its tables made anew.

    Raises
    ------
    KeyError
        If the page asks for a table that nothing makes.
    RationaleError
        If an entry of a table has no rationale, or one that does not do.
    """
    why = rationales()
    return markdown.filled(text, lambda name: TABLES[name](why))


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the page, or with ``--check`` only say whether it is up to date."""
    parser = argparse.ArgumentParser(description="Make anew the tables of docs/odd.md.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if the page is out of date")
    wanted = parser.parse_args(arguments)
    text = PAGE.read_text(encoding="utf-8")
    try:
        new = filled(text)
    except RationaleError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    markdown.renew(PAGE, new, wanted.check, "make docs")
