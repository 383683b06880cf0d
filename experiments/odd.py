"""Make anew the tables of ``docs/odd.md`` from the declarations: ``python -m experiments.odd [--check]``.

The page is written by hand but for what stands between ``<!-- table: NAME -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from experiments.files import write_whole

PAGE = Path(__file__).resolve().parent.parent / "docs" / "odd.md"
TABLE = re.compile(r"(<!-- table: (?P<name>[a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    cells = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |\n" for row in cells)


def state(record: type) -> str:
    """Table of the declared columns of one kind of agent."""
    from agents.columns import describe

    rows = [
        (f"`{row['name']}`", row["dtype"], row["dim"] or "", row["unit"], row["doc"], row["source"])
        for row in describe(record)
    ]
    return _table(("column", "type", "axis", "unit", "meaning", "source"), rows)


def customers() -> str:
    """State variables of customers."""
    from agents.customer import Customer

    return state(Customer)


def sellers() -> str:
    """State variables of sellers."""
    from agents.seller import Seller

    return state(Seller)


def platforms() -> str:
    """State variables of platforms."""
    from agents.platform import Platform

    return state(Platform)


def offers() -> str:
    """State variables of offers."""
    from agents.offer import Offer

    return state(Offer)


def parameters() -> str:
    """Every field of a scenario."""
    from marketplace.scenario import fields

    rows = [
        (f"`{f['field']}`", f["unit"], f["range"], f"`{f['default']}`", f["meaning"], f["source"]) for f in fields()
    ]
    return _table(("field", "unit", "range", "default", "meaning", "source"), rows)


def links() -> str:
    """The links of the flywheel."""
    from marketplace.flywheel import MEANING

    rows = [(f"`{link}`", what, unit, who) for link, (what, unit, who) in MEANING.items()]
    return _table(("link", "what is perceived", "unit", "by whom"), rows)


def indicators() -> str:
    """The columns of `weekly`."""
    from marketplace.indicators import INDICATORS

    rows = [(f"`{i.name}`", i.unit, i.rule, i.doc, i.source) for i in INDICATORS]
    return _table(("indicator", "unit", "yearly", "definition", "source"), rows)


def strategies() -> str:
    """Policies and pricing rules."""
    from agents.policies import POLICIES
    from agents.pricing import PRICING

    rows = [
        (kind, f"`{name}`", (cls.__doc__ or "").strip().splitlines()[0], cls.source)
        for kind, registry in (("policy", POLICIES), ("pricing", PRICING))
        for name, cls in sorted(registry.items())
    ]
    return _table(("kind", "name", "what it does", "source"), rows)


TABLES: dict[str, Callable[[], str]] = {
    maker.__name__: maker
    for maker in (customers, sellers, platforms, offers, parameters, links, indicators, strategies)
}


def filled(text: str) -> str:
    """Return the page with its tables made anew.

    Raises
    ------
    KeyError
        If the page asks for a table that nothing makes.
    """
    return TABLE.sub(lambda found: f"{found[1]}\n{TABLES[found['name']]()}\n{found[3]}", text)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the page, or with ``--check`` only say whether it is up to date."""
    parser = argparse.ArgumentParser(description="Make anew the tables of docs/odd.md.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if the page is out of date")
    wanted = parser.parse_args(arguments)
    text = PAGE.read_text(encoding="utf-8")
    new = filled(text)
    if wanted.check:
        sys.exit(0 if new == text else f"{PAGE.name} is out of date: run make docs.")
    write_whole(PAGE, new, overwrite=True)


if __name__ == "__main__":
    main()
