"""What is made from the code and kept in the tree must be what the code makes now."""

import json

import pytest

from experiments import golden, odd, reference
from experiments.markdown import asked_for


@pytest.mark.parametrize("name", sorted(golden.WEEKS))
def test_shipped_scenario_gives_what_the_baseline_says(name):
    assert golden.differences(name) == []


def test_baseline_notices_a_change(monkeypatch, tmp_path):
    then = json.loads((golden.HOME / "tiny.json").read_text())
    (tmp_path / "tiny.json").write_text(json.dumps({**then, "gmv": then["gmv"] * (1 + 1e-6)}))
    monkeypatch.setattr(golden, "HOME", tmp_path)
    monkeypatch.setattr(golden, "measured", lambda name: then)
    assert [line.split(":")[1].split()[0] for line in golden.differences("tiny")] == ["gmv"]


def test_tables_of_the_odd_page_are_up_to_date():
    text = odd.PAGE.read_text(encoding="utf-8")
    assert odd.filled(text) == text, "run make docs"


def test_odd_page_asks_for_every_table():
    assert asked_for(odd.PAGE.read_text(encoding="utf-8")) == set(odd.TABLES)


def test_page_of_reference_results_is_made_from_its_numbers():
    found = json.loads((reference.HOME / "cycle.json").read_text())
    carried = json.loads((reference.HOME / "links.json").read_text())
    shared = json.loads((reference.HOME / "pairing.json").read_text())
    assert (reference.HOME / "README.md").read_text(encoding="utf-8") == reference.readme(found, carried, shared)


def test_reference_results_are_of_at_least_20_seeds():
    found = json.loads((reference.HOME / "cycle.json").read_text())
    carried = json.loads((reference.HOME / "links.json").read_text())
    assert len(set(found["seeds"])) >= 20
    assert min(row["n"] for row in carried["links"]) >= 20
