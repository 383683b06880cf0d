"""The plain limit: no default reaches a closed form, and every shipped theory scenario lives on it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import marketplace
from marketplace import list_scenarios, load_scenario
from marketplace.scenario import fields

SHIPPED = Path(marketplace.__file__).parent / "scenarios"
NAMES = [name for name in list_scenarios() if name.startswith("theory/")]


def stated(tables: dict[str, object], place: str = "") -> set[str]:
    """Return the dotted paths that a file states; a table that is one value (the valves) counts as one."""
    paths = set()
    for key, value in tables.items():
        inner = isinstance(value, dict) and key != "valves"
        paths |= stated(value, f"{place}{key}.") if inner else {place + key}
    return paths


def test_the_plain_scenario_states_every_field():
    """A new field must be brought to its plain limit here, or its default would move the closed forms unseen."""
    with (SHIPPED / "theory" / "plain.toml").open("rb") as file:
        there = stated(tomllib.load(file))
    declared = {row["field"] for row in fields() if not row["field"].startswith("flywheel.valves.")}
    assert declared - there == set()


@pytest.mark.parametrize("name", NAMES)
def test_every_theory_scenario_stands_on_the_plain_one(name):
    text = (SHIPPED / f"{name}.toml").read_text()
    while name != "theory/plain":
        name = tomllib.loads(text)["base"]
        assert name.startswith("theory/"), f"{name} is no plain limit"
        text = (SHIPPED / f"{name}.toml").read_text()
    assert load_scenario(name).policy.name == "hold"
