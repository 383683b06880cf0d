"""Every entry of the ODD tables has a rationale that says something, and what the tables say of the code is true."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from experiments import odd
from experiments.odd import page, tables
from experiments.odd.environment import ENVIRONMENT, TABLES, rule_scalars
from experiments.odd.processes import phases, processes, reader, writes_of
from experiments.odd.rationale import RationaleError, problems, read
from marketplace import MarketplaceModel, load_scenario
from marketplace.scenario import fields

EVERYTHING = Path(__file__).resolve().parents[1] / "marketplace" / "everything.toml"
CONCEPTS = (
    "Basic principles", "Emergence", "Adaptation", "Objectives", "Learning", "Prediction", "Sensing", "Interaction",
    "Stochasticity", "Collectives", "Observation",
)  # fmt: skip
ELEMENTS = {
    "1. Purpose and patterns": ("Purpose", "Patterns"),
    "2. Entities, state variables and scales": ("Entities", "State variables", "Scales"),
    "3. Process overview and scheduling": ("Process overview", "Scheduling"),
    "4. Design concepts": CONCEPTS,
    "5. Initialisation": (),
    "6. Input data": (),
    "7. Submodels": ("Parameters",),
}
MEANINGS = {
    "parameter": {"search.shown": "offers shown of those retrieved\noffers"},
    "customer": {"alpha": "price sensitivity"},
}
GOOD = {
    "parameter": {"search.shown": "Consideration sets are small, so that rank decides who gets an order."},
    "customer": {"alpha": "With one common value everybody would leave an offer at the same price."},
}


# -- rationales -------------------------------------------------------------------------------------------------------


def test_every_entry_of_every_table_has_a_rationale() -> None:
    wrong = problems(read(), tables.meanings())
    assert not wrong, "\n" + "\n".join(wrong)


def test_rationales_that_do_pass() -> None:
    assert problems(GOOD, MEANINGS) == []


@pytest.mark.parametrize(
    ("kind", "name", "text", "said"),
    [
        ("parameter", "search.shown", None, r'no rationale for parameter\."search\.shown" \(offers shown of those'),
        ("parameter", "search.shwon", "Sets are small by nature of mind.", r'no table: did you mean "search\.shown"\?'),
        ("parameter", "zzz", "Something that once was a field.", r"parameter\.zzz is an entry of no table: remove"),
        ("seller", "cash", "Exit needs a purse that can be empty.", r"\[seller\] is no kind of entry; the kinds are"),
        ("customer", "alpha", "It is price sensitivity.", r"customer\.alpha has fewer than 6 words"),
        ("customer", "alpha", "The price sensitivity alpha is a sensitivity to price.", r"only repeats what the entry"),
        ("customer", "alpha", GOOD["parameter"]["search.shown"], r"very rationale of parameter\.\"search\.shown\""),
        ("customer", "alpha", "With one common value everybody\nwould leave at once.", "several lines"),
    ],
)
def test_a_rationale_that_does_not_do_is_one_sentence(kind: str, name: str, text: str | None, said: str) -> None:
    given = {k: dict(v) for k, v in GOOD.items()}
    if text is None:
        del given[kind][name]
    else:
        given.setdefault(kind, {})[name] = text
    (sentence,) = problems(given, MEANINGS)
    assert re.search(said, sentence)
    assert "docs/rationale.toml" in sentence


def test_a_missing_rationale_says_which_line_to_add_where() -> None:
    given = {**GOOD, "parameter": {}}
    assert 'below [parameter] add the line "search.shown" = "..."' in problems(given, MEANINGS)[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[parameter\n", r"cannot be read: .*line 1"),
        ('[parameter]\na = "x"\na = "y"\n', r"cannot be read: .*line 3"),
        ('alone = "stands nowhere"\n', "alone stands outside any table; put it below a head"),
        ("[parameter]\nname = 3\n", r"parameter\.name = 3 is no text"),
        ('[parameter]\nsearch.shown = "Sets are small."\n', r'parameter\.search is a table, .* in quotes: "search\.x"'),
    ],
)
def test_a_mistake_in_the_file_is_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "rationale.toml"
    file.write_text(text)
    with pytest.raises(RationaleError, match=said) as caught:
        read(file)
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RationaleError, match=r"rationale\.toml: No such file"):
        read(tmp_path / "rationale.toml")


def test_make_docs_refuses_an_entry_without_rationale(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {kind: dict(texts) for kind, texts in read().items()}
    del given["parameter"]["search.panel"]
    monkeypatch.setattr(tables, "read", lambda: given)
    before = page.PAGE.read_bytes()
    with pytest.raises(SystemExit) as caught:
        odd.main([])
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert 'docs/rationale.toml has no rationale for parameter."search.panel"' in said
    assert page.PAGE.read_bytes() == before


# -- the page ---------------------------------------------------------------------------------------------------------


def test_the_page_has_all_seven_elements_and_eleven_concepts_in_order() -> None:
    text = odd.PAGE.read_text(encoding="utf-8")
    parts = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert [part.splitlines()[0] for part in parts] == list(ELEMENTS)
    for part, (element, below) in zip(parts, ELEMENTS.items(), strict=True):
        heads = re.findall(r"^### (.+)$", part, flags=re.MULTILINE)
        assert [head for head in heads if head in below] == list(below), element


def test_every_rationale_stands_on_the_page() -> None:
    text = odd.PAGE.read_text(encoding="utf-8")
    absent = [
        f"{kind}.{name}" for kind, texts in read().items() for name, said in texts.items()
        if said.replace("|", "\\|") not in text
    ]  # fmt: skip
    assert absent == []


# -- what the tables say of the code ----------------------------------------------------------------------------------


def test_every_scenario_field_is_read_by_the_model() -> None:
    """What this finds is a field that changes nothing; valves are read whole, names and texts by people only."""
    known = {use.name for uses in reader().uses.values() for use in uses if use.kind == "parameter"}
    declared = {row["field"] for row in fields()}
    for_people = {"name", "description"}
    parts_of_valves = {path for path in declared if path.startswith("flywheel.valves.<link>.")}
    assert declared - known - parts_of_valves == for_people


def test_scalars_of_the_customers_rules_are_traced_to_their_fields() -> None:
    scalars = rule_scalars()
    assert scalars["candidates"] == "search.candidates"  # entry.candidates has the same last name
    assert scalars["outside"] == "choice.outside_option"
    assert set(scalars.values()) <= {row["field"] for row in fields()}


def uses_of(kind: str, name: str) -> tuple[set[str], set[str]]:
    """What one process reads and writes, as the tables say."""
    (process,) = [p for p in processes() if (p.kind, p.name) == (kind, name)]
    return tuple({f"{use.kind}.{use.name}" for use in uses} for uses in (process.reads, process.writes))  # type: ignore[return-value]


def test_uses_are_followed_through_calls_into_compiled_loops() -> None:
    reads, writes = uses_of("loop", "adopt")
    assert {"customer.recommends", "parameter.experience.win_back", "environment.social"} <= reads
    assert writes == {"customer.status", "customer.channel", "customer.joined"}
    assert uses_of("loop", "meet_stock")[1] == {"offer.stock"}
    assert uses_of("rule", "penalty_of")[0] >= {"parameter.experience.late_penalty", "environment.kept_share"}


Columns = dict[tuple[str, str], np.ndarray]


def columns_of(model: MarketplaceModel) -> Columns:
    """Copies of all columns by kind and name."""
    found = {}
    for name, kind in TABLES.items():
        table = getattr(getattr(model, name), "table", getattr(model, name))
        found |= {(kind, column): table.column(column).copy() for column in table.declared}
    return found


def changed(before: Columns, after: Columns) -> set[tuple[str, str]]:
    """Columns of which a row that was there before holds another value now."""
    return {key for key, old in before.items() if not np.array_equal(old, after[key][: len(old)], equal_nan=True)}


def test_no_column_changes_in_a_phase_that_is_not_said_to_write_it() -> None:
    valves = {"flywheel.valves": {"sellers->selection": {"scale": 0.7}, "price->experience": {"push": 0.1}}}
    model = MarketplaceModel(load_scenario(EVERYTHING, valves))
    seen: set[tuple[str, str]] = set()
    for _ in range(26):
        for phase in phases():
            before = columns_of(model)
            getattr(import_module(phase.module), phase.name)(model)
            moved = changed(before, columns_of(model))
            said = {(use.kind, use.name) for use in writes_of(phase)}
            assert moved <= said, f"{phase.bare} changes {sorted(moved - said)}"
            seen |= moved
    assert {"customer", "seller", "platform", "offer"} == {kind for kind, _ in seen}
    assert {("customer", "satisfaction"), ("offer", "price"), ("platform", "capability"), ("seller", "cash")} <= seen


APPARATUS = {
    "_scenario", "capability_scale", "cohort", "datacollector", "first_opening", "flywheel",
    "fulfilment_opens", "platform_names", "policies", "pricing", "raw_log", "rules", "searches_each", "seed",
    "to_order", "whole_log",
}  # fmt: skip
"""Attributes that are settings, instruments or room to work in: none is state that a week leaves to the next."""


def test_the_environments_state_is_all_there_and_nothing_else_is() -> None:
    from agents.column_model import ColumnModel

    model = MarketplaceModel(EVERYTHING)
    model.step()
    mesas = set(vars(ColumnModel(rng=1)))
    own = set(vars(model)) - mesas - set(TABLES) - APPARATUS
    mend = "mend STATES in experiments/odd/environment.py, or APPARATUS above for what is no state"
    assert own - set(ENVIRONMENT) == set(), f"the model has attributes that docs/odd.md does not know: {mend}"
    assert set(ENVIRONMENT) - own == set(), f"docs/odd.md tells of attributes that the model does not have: {mend}"


def test_the_page_can_be_checked_from_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["odd"])
    with pytest.raises(SystemExit) as caught:
        odd.main(["--check"])
    assert caught.value.code == 0
