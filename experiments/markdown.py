"""Pages in Markdown whose tables are made: what stands between ``<!-- table: NAME -->`` and ``<!-- end -->``."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from experiments.files import write_whole

TABLE = re.compile(r"(<!-- table: (?P<name>[a-z -]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; a bar in a cell is escaped."""
    cells = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |\n" for row in cells)


def filled(text: str, make: Callable[[str], str]) -> str:
    """Return a page with its tables made anew; ``make`` gives a table by its name."""
    return TABLE.sub(lambda found: f"{found[1]}\n{make(found['name'])}\n{found[3]}", text)


def asked_for(text: str) -> set[str]:
    """Names of the tables that a page asks for."""
    return {found["name"] for found in TABLE.finditer(text)}


def renew(page: Path, new: str, check: bool, command: str) -> None:
    """Write a page anew where it has changed, or with ``check`` end with code 1 if it would.

    Raises
    ------
    SystemExit
        With code 0 or 1, where it is only checked.
    """
    old = page.read_text(encoding="utf-8")
    if check:
        sys.exit(0 if new == old else f"{page.name} is out of date: run {command}.")
    if new != old:
        write_whole(page, new, overwrite=True)
