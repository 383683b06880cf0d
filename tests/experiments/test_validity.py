"""``docs/validity.md``: made from what is saved, refused where that is stale, and honest about what lies outside."""

from __future__ import annotations

import json
import math
import re
import runpy
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from experiments import markdown
from experiments.engine import Done, Failure, Job
from experiments.engine.remembered import remembering
from experiments.errors import ResultsError
from experiments.progress import Progress
from experiments.runs import Stop
from experiments.store.lock import LOCK
from experiments.validation.targets import Targets, read_targets
from experiments.validation.validating import Validation
from experiments.validation.verdicts import Estimate, Verdict
from experiments.validity import calibration, certainty, facts, figures, page, runs, tables, theory
from experiments.validity.outside import reasons
from experiments.validity.places import PAGE, WORLDS, runs_of
from marketplace import load_scenario
from marketplace.scenario import fields

FILE = """
[targets.returns]
statistic = "returns"
value = 0.12
tolerance = 0.04
source = "a test"
[targets.conversion]
statistic = "conversion"
low = 0.2
required = false
source = "a test"
"""


def targets() -> Targets:
    return read_targets(FILE, "mine")


def validation(**figures_: list[float]) -> Validation:
    runs_ = pd.DataFrame({"seed": [1, 2, 3], **{f"fact.{name}": values for name, values in figures_.items()}})
    return Validation(load_scenario("tiny"), targets(), 3, runs_)


@pytest.fixture
def found() -> Validation:
    """The returns inside, the conversion outside."""
    return validation(returns=[0.11, 0.12, 0.13], conversion=[0.1, 0.11, 0.12])


# -- the page as it stands --------------------------------------------------------------------------------------------


def test_the_page_is_what_the_saved_results_give(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        page.main(["--check"])
    assert caught.value.code == 0, capsys.readouterr().err or "run make validity"


def test_the_page_asks_for_every_table() -> None:
    assert markdown.asked_for(PAGE.read_text(encoding="utf-8")) == set(tables.TABLES)


@pytest.mark.parametrize("world", WORLDS)
def test_saved_runs_are_of_20_seeds_with_elasticities_and_small(world: str) -> None:
    saved = runs.load(world)
    assert len(set(saved.runs["seed"])) >= 20 and saved.effects
    assert runs_of(world).stat().st_size < 60_000
    assert figures.stale(world) == []


@pytest.mark.parametrize("name", ["theory", "facts amazon", "elasticities", "counts"])
def test_a_number_that_is_changed_by_hand_is_noticed(name: str) -> None:
    text, of = PAGE.read_text(encoding="utf-8"), tables.material()
    start = text.index("| --- |", text.index(f"<!-- table: {name} -->"))
    digit = next(k for k in range(start, len(text)) if text[k].isdigit())
    other = text[:digit] + str((int(text[digit]) + 1) % 10) + text[digit + 1 :]
    assert page.filled(other, of) == text != other


def test_a_table_that_nothing_makes_is_named_with_the_nearest() -> None:
    with pytest.raises(ResultsError, match='the table "fact amazon", which nothing makes; did you mean "facts'):
        page.filled("<!-- table: fact amazon -->\n<!-- end -->", tables.material())


# -- facts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mean", "half", "required", "said"),
    [
        (0.12, 0.01, True, "inside"),
        (0.12, 0.01, False, "inside (shown)"),
        (0.155, 0.01, True, "inside, not surely"),
        (0.12, 0.2, True, "inside, not surely"),
        (0.20, 0.01, True, "**outside**, above"),
        (0.01, 0.01, False, "**outside**, below (shown)"),
        (0.17, 0.02, True, "**outside**, above, not surely"),
        (0.17, math.nan, True, "**outside**, above"),
        (math.nan, math.nan, True, "undefined"),
    ],
)
def test_a_row_says_where_it_lies_and_how_surely(mean: float, half: float, required: bool, said: str) -> None:
    target = read_targets(FILE.replace("tolerance = 0.04", f"tolerance = 0.04\nrequired = {str(required).lower()}"))
    n = 0 if math.isnan(mean) else 1 if math.isnan(half) else 20
    estimate = Estimate(mean, mean - half, mean + half, n)
    assert facts.said(Verdict(target.targets[0], estimate, 0.5)) == said


def test_an_outside_row_is_shown_with_its_paragraph_and_an_inside_one_without(found: Validation) -> None:
    text = facts.facts(found, {"conversion": "Because it is a setting."})
    (row,) = [line for line in text.splitlines() if line.startswith("| conversion")]
    assert row.endswith("| at least 0.2 | 0.11 | 0.08516 to 0.1348 | 0% | **outside**, below (shown) |")
    assert "- **conversion** Because it is a setting." in text and "- **returns**" not in text
    assert "1 of 1 targets lie inside by the mean over 3 seeds, and 0 of the 1 that are shown" in text


OUT = 'conversion = "Visits without a need are set by hand and not explained."'
IN = 'returns = "A paragraph kept for the day on which they lie outside."'


def paragraphs(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "outside.toml"
    path.write_text(text)
    return path


def test_paragraphs_are_those_of_the_rows_outside(found: Validation, tmp_path: Path) -> None:
    path = paragraphs(tmp_path, f"[tiny]\n{IN}\n{OUT}\n")
    assert list(reasons({"tiny": found}, path)["tiny"]) == ["conversion"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"[tiny]\n{IN}\n", r"no rationale for tiny\.conversion \(orders over visits\): below \[tiny\] add the line"),
        (f"[tiny]\n{OUT}\nreturn = 'One that belongs to nothing at all here.'\n", "did you mean returns?"),
        (f"[tiny]\n{OUT}\n[tinny]\nreturns = 'It belongs to no world at all.'\n", r"\[tinny\] is no kind of entry"),
        ("[tiny]\nconversion = 'Short.'\n", "has fewer than 6 words"),
        ("[tiny\n", "cannot be read"),
    ],
)
def test_a_paragraph_that_is_missing_or_wrong_is_one_sentence(
    found: Validation, tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(ResultsError, match=said) as caught:
        reasons({"tiny": found}, paragraphs(tmp_path, text))
    assert "\n" not in str(caught.value) and "outside.toml" in str(caught.value)


def test_make_validity_stops_where_a_paragraph_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = paragraphs(tmp_path, "[amazon]\n[bazaar]\n")
    monkeypatch.setattr(tables, "reasons", lambda found: reasons(found, path))
    before = PAGE.read_bytes()
    with pytest.raises(SystemExit) as caught:
        page.main(["--page"])
    assert caught.value.code == 2 and PAGE.read_bytes() == before
    assert "outside.toml has no rationale for " in capsys.readouterr().err


# -- saved runs -------------------------------------------------------------------------------------------------------


def saved(tmp_path: Path, **changes: Any) -> Path:
    said = json.loads(runs_of("bazaar").read_text(encoding="utf-8")) | changes
    path = tmp_path / "validity-bazaar.json"
    path.write_text(json.dumps(said))
    return path


def test_what_is_saved_is_what_was_found(tmp_path: Path) -> None:
    once = runs.load("bazaar")
    runs.save(once, tmp_path / "again.json")
    again = runs.load("bazaar", tmp_path / "again.json")
    pd.testing.assert_frame_equal(once.runs, again.runs[once.runs.columns])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scenario's hash": "abc"}, "is stale: its scenario's hash is abc and now is .*; run make validity"),
        ({"baseline's hash": "abc"}, "is stale: its baseline's hash is abc"),
        ({"measures' hash": None}, "is stale: its measures' hash is None"),
        ({"scenario": "amazon"}, "is stale: its scenario is amazon and now is bazaar"),
        ({"figures": 3}, "is damaged: it does not hold the figures of seeds"),
        ({"figures": {"fact.returns": [1.0]}}, "is damaged"),
        ({"figures": {"fact.returns": ["x"] * 20}}, "is damaged"),
        ({"seeds": None}, "is damaged"),
    ],
)
def test_runs_of_another_world_are_refused_in_one_sentence(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=said) as caught:
        runs.load("bazaar", saved(tmp_path, **changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("text", "said"), [(None, "cannot be read"), ("{", "not JSON"), ("[]", "not a JSON object")])
def test_a_file_that_is_none_of_ours_is_refused(text: str | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ResultsError, match=f"{said}.*; run make validity"):
        runs.load("bazaar", path)


def test_an_interrupted_session_ends_with_130_and_keeps_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(world: str, seeds: int, stop: Any, progress: Any) -> Validation:
        return Validation(load_scenario("tiny"), targets(), seeds, pd.DataFrame({"seed": [1]}))

    monkeypatch.setattr(runs, "carry_out", stopped)
    before = PAGE.read_bytes()
    with pytest.raises(SystemExit) as caught:
        page.main([])
    assert caught.value.code == 130 and PAGE.read_bytes() == before


def test_the_command_takes_one_way_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        page.main(["--page", "--check"])
    assert caught.value.code == 2 and "not allowed with argument" in capsys.readouterr().err


# -- remembered runs --------------------------------------------------------------------------------------------------


def jobs(count: int) -> list[Job]:
    world = load_scenario("tiny")
    return [Job.of(world.with_changes({"run.seed": k}), 0, k, measure="a:b") for k in range(count)]


class Engine:
    """Carries out runs and counts them; that of seed 3 fails."""

    def __init__(self) -> None:
        self.seeds: list[int] = []

    def __call__(self, wanted: list[Job], **how: Any) -> Iterator[Done]:
        for job in wanted:
            self.seeds.append(job.seed)
            if job.seed == 3:
                yield Done.failed(job, Failure("week", 1, "ValueError", "no"), 0.1)
                continue
            figures_ = {"x": job.seed / 3, "y": math.nan}
            yield Done(job.run_id, 0, job.replicate, job.seed, "complete", figures_, None, 0.1)


def test_finished_runs_are_taken_from_the_file_and_failed_ones_run_again(tmp_path: Path) -> None:
    path, engine = tmp_path / "runs.jsonl", Engine()
    first = list(remembering(path, "by", engine)(jobs(3)))
    again = list(remembering(path, "by", engine)(jobs(5)))
    assert engine.seeds == [0, 1, 2, 3, 4]
    assert [one.summary["x"] for one in again[:3]] == [one.summary["x"] for one in first]
    list(remembering(path, "by", engine)(jobs(5)))
    assert engine.seeds == [0, 1, 2, 3, 4, 3]


def test_what_a_killed_process_leaves_behind_costs_one_run(tmp_path: Path) -> None:
    path, engine = tmp_path / "runs.jsonl", Engine()
    list(remembering(path, "by", engine)(jobs(2)))
    path.write_bytes(path.read_bytes()[:-30])
    list(remembering(path, "by", engine)(jobs(3)))
    list(remembering(path, "by", engine)(jobs(3)))
    assert engine.seeds == [0, 1, 1, 2]


def test_runs_that_were_measured_otherwise_are_carried_out_again(tmp_path: Path) -> None:
    path, engine = tmp_path / "runs.jsonl", Engine()
    list(remembering(path, "by", engine)(jobs(2)))
    list(remembering(path, "otherwise", engine)(jobs(2)))
    assert engine.seeds == [0, 1, 0, 1]


def test_a_world_goes_on_where_it_was_left_and_a_failed_seed_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine()
    monkeypatch.setattr(runs, "RUNS", tmp_path)
    monkeypatch.setattr("experiments.engine.remembered.remembering", partial(remembering, run=engine))
    for _ in range(2):
        done = runs.carry_out("amazon", 2, Stop(), Progress())
        assert done.status == "complete" and done.runs["seed"].tolist() == [1, 2]
    assert engine.seeds == [1, 2]
    with pytest.raises(ResultsError, match="amazon: seed 3: ValueError in week 1: no"):
        runs.carry_out("amazon", 3, Stop(), Progress())
    assert engine.seeds == [1, 2, 3] and not (tmp_path / LOCK).exists()


# -- theory -----------------------------------------------------------------------------------------------------------


def test_of_each_closed_form_the_check_nearest_to_its_tolerance_is_kept(tmp_path: Path) -> None:
    held = [
        {"limit": "a", "deviation": 1.0, "tolerance": 4.0, "unit": "sd"},
        {"limit": "a", "deviation": 3.0, "tolerance": 4.0, "unit": "sd"},
        {"limit": "a", "deviation": 3.5, "tolerance": 40.0, "unit": "sd"},
        {"limit": "b", "deviation": 0.0, "tolerance": 0.0, "unit": "sellers"},
    ]
    theory.save(tmp_path / "theory.json", held)
    forms = json.loads((tmp_path / "theory.json").read_text())["forms"]
    assert forms["a"] == {"deviation": 3.0, "tolerance": 4.0, "unit": "sd", "checks": 3}
    assert forms["b"]["checks"] == 1
    with pytest.raises(ResultsError, match='the limit ".*" stands in .* alone'):
        theory.load(tmp_path / "theory.json")


def test_a_check_that_fails_is_kept_and_fails() -> None:
    kept: list[tuple[str, Any]] = []
    holds = runpy.run_path(str(Path(__file__).resolve().parents[1] / "theory" / "conftest.py"))["Holds"](kept)
    holds("a", 1.0, 1.0, "sd")
    holds.relative("b", [1.0, 2.0], [1.0, 2.0 + 1e-12], 1e-9)
    holds.chi_square("c", [50, 51], [50.5, 50.5])
    with pytest.raises(AssertionError, match=r"a: 1\.1 sd, at most 1"):
        holds("a", 1.1, 1.0, "sd")
    with pytest.raises(AssertionError, match="b: "):
        holds.relative("b", [1.0], [1.1], 1e-9)
    with pytest.raises(AssertionError, match="c: "):
        holds.chi_square("c", [90, 10], [50, 50])
    assert [row["limit"] for _, row in kept] == ["a", "b", "c", "a", "b", "c"]


def test_every_closed_form_of_the_page_was_held() -> None:
    rows = theory.load()
    assert len(rows) == len(theory.closed_forms(theory.PAGE.read_text(encoding="utf-8"))) > 20
    assert all(row["deviation"] <= row["tolerance"] and row["checks"] for row in rows)


def test_checks_that_changed_make_the_deviations_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(theory, "checks_hash", lambda: "other")
    with pytest.raises(ResultsError, match=r"theory\.json is stale: its checks' hash is .* and now is other"):
        theory.load()


# -- parameters -------------------------------------------------------------------------------------------------------


def test_every_source_begins_with_its_status() -> None:
    assert {certainty.status_of(row["source"]) for row in fields()} <= set(certainty.MEANING)


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("assumption", certainty.BARE),
        ("assumption: half of what a study says", certainty.BESIDE),
        ("verified (secondary): a study", certainty.VERIFIED),
        ("derived: a ratio", certainty.DERIVED),
    ],
)
def test_status_of_a_source(source: str, status: str) -> None:
    assert certainty.status_of(source) == status


def test_a_source_without_status_is_refused() -> None:
    with pytest.raises(ResultsError, match='"Bass 1969" is not allowed: it must begin with verified, derived'):
        certainty.status_of("Bass 1969")


def test_searched_values_are_known_by_comments_beside_or_above_them() -> None:
    text = """
# Values marked "searched" were found somewhere, range and all
[customers]
need_rate = 0.056   # searched, 0.05 to 0.2
count = 60_000      # range of the moment
[[platforms]]
# calibrated 2026-11-22: trial 7, targets amazon, loss 1.2; range 0.75 to 0.95 (log)
# pinned down: 0.8 to 0.9 come near
progress_ratio = 0.81
commission = 0.15
"""
    found = {"customers.need_rate": ("0.05", "0.2"), "platform.progress_ratio": ("0.75", "0.95")}
    assert certainty.searched(text) == found


def test_a_world_counts_what_its_file_states_by_hand_as_assumption() -> None:
    known = certainty.sureness("bazaar")
    assert known["customers.need_rate"].searched == ("0.02", "0.2")
    assert known["sellers.count"].status == certainty.BARE
    assert known["experience.stars_per_day"].status == certainty.VERIFIED
    assert not {"run.weeks", "name", "flywheel.reference_week"} & known.keys()


FOUND = {
    "scenario": "bazaar", "targets_file": "bazaar", "plan": {"targets": "x"}, "trials": 200,
    "best": {"trial": 7, "loss": 1.0, "targets": []},
    "parameters": [
        {"path": "customers.need_rate", "value": 0.03001, "low": 0.02, "high": 0.2, "scale": "log", "pinned": True,
         "words": "pinned down: 0.02 to 0.07 come near", "profile": [[0.02, 1.0]]},
        {"path": "entry.cost", "value": 2.0, "low": 1.0, "high": 20.0, "scale": "linear", "pinned": False},
    ],
}  # fmt: skip


def calibrated(tmp_path: Path, **changes: Any) -> Path:
    (tmp_path / "calibration.json").write_text(json.dumps(FOUND | changes))
    return tmp_path


def test_a_calibration_fills_the_table_of_what_was_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    kept = tmp_path / "calibration-bazaar.json"
    monkeypatch.setattr(calibration, "calibration_of", lambda world: kept)
    assert calibration.take_in(calibrated(tmp_path)) == kept and "profile" not in kept.read_text()
    of = tables.Material([], {}, {}, {"bazaar": calibration.load("bazaar")})
    text = tables.searched("bazaar", of)
    assert "200 trials. It aimed at other targets than those shipped now." in text
    assert "| `customers.need_rate` | `0.03001` | 0.02 to 0.2, log | pinned down: 0.02 to 0.07 come near |" in text
    assert "| `entry.cost` | `1.134` | 1 to 20 | not pinned down by these facts; the best trial has 2 |" in text
    assert "| `sellers.exit_rate` | `0.001047` | 0.001 to 0.02 | not known |" in text


def test_without_a_calibration_nothing_is_said_to_be_pinned_down() -> None:
    text = tables.searched("bazaar", tables.Material([], {}, {}, {"bazaar": None}))
    assert "kept no profiles" in text and "pinned down |" not in text.replace("pin it down? |", "")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scenario": "bazar"}, 'scenario = "bazar" is not allowed: it is no world of the page; did you mean "bazaar"'),
        ({"parameters": []}, "does not hold the parameters and trials"),
        ({"trials": "many"}, "does not hold the parameters and trials"),
        ({"parameters": [{"path": "entry.costs"}]}, 'path = "entry.costs" is not a field .* did you mean "entry.cost"'),
        ({"parameters": [{"path": "entry.cost", "value": 1.0}]}, "entry.cost lacks its value, its range, or whether"),
    ],
)
def test_a_calibration_that_cannot_be_used_is_one_sentence_and_exit_code_2(
    changes: dict[str, Any], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        page.main(["--calibration", str(calibrated(tmp_path, **changes))])
    (line,) = capsys.readouterr().err.splitlines()
    assert caught.value.code == 2 and re.search(said, line)


def test_a_calibration_of_another_world_is_refused(tmp_path: Path) -> None:
    path = calibrated(tmp_path) / "calibration.json"
    with pytest.raises(ResultsError, match='scenario = "bazaar" is not allowed: it must be "amazon"'):
        calibration.load("amazon", path)


# -- figures ----------------------------------------------------------------------------------------------------------


def test_a_figure_stands_alone_and_says_what_it_was_drawn_from() -> None:
    from experiments.validation.page import curves_of

    (drawn,) = [one for one in curves_of(runs.load("amazon")) if one.name == "share"]
    text = figures.standing_alone(drawn.figure, "drawn from runs")
    assert text.startswith('<!-- drawn from runs -->\n<svg xmlns="http://www.w3.org/2000/svg"')
    assert all(word in text for word in ("opening", "jump", "plateau", "model", "real"))


def test_figures_of_other_runs_are_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "of_runs", lambda world: "drawn from others")
    assert len(figures.stale("amazon")) == len(figures.DRAWN["amazon"])
