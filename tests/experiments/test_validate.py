"""``marketplace validate``: verdicts over seeds, interventions, the folder it leaves, and what it refuses."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from typer.testing import CliRunner

from experiments.cli import app
from experiments.engine import Done, Failure, Job, run_id_of, run_jobs
from experiments.errors import ResultsError
from experiments.progress import Progress
from experiments.runs import Stop
from experiments.validation import interventions, measuring
from experiments.validation.interventions import EFFECTS, PARTS, RATIO
from experiments.validation.page import page
from experiments.validation.targets import Target, TargetError, load_targets, read_targets
from experiments.validation.validating import statement, targets_for, validate, write_validation
from experiments.validation.verdicts import Estimate, counted, effects, verdicts
from marketplace import MarketplaceModel, load_scenario

FILE = """
scenario = "tiny"
[targets.inside]
statistic = "returns"
low = 0.0
high = 1.0
source = "a test"
[targets.outside]
statistic = "seller_gini"
value = 5.0
tolerance = 1.0
source = "a test"
[targets.shown]
statistic = "conversion"
low = 2.0
required = false
source = "a test"
[targets.undefined]
statistic = "share_2018"
value = 50
tolerance = 5
source = "a test"
"""
SMALL = {"run.weeks": 12, "run.threads": 1, "customers.count": 400, "sellers.count": 15, "flywheel.reference_week": 4}

OPEN = {"platform.marketplace_opens": 1}


@pytest.fixture(scope="module")
def model() -> MarketplaceModel:
    changes = SMALL | OPEN | {"run.weeks": 20, "customers.count": 1500, "customers.need_rate": 0.5}
    return MarketplaceModel(load_scenario("tiny").with_changes(changes)).run()


class TestVerdicts:
    TARGETS = read_targets(FILE)

    def test_interval_is_students(self) -> None:
        values = [1.0, 2.0, 4.0, 9.0]
        found = Estimate.of([*values, math.nan])
        low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
        assert (found.mean, found.low, found.high, found.n) == pytest.approx((4.0, low, high, 4))
        assert math.isnan(Estimate.of([2.0]).low) and Estimate.of([math.nan]).n == 0

    def test_the_mean_decides_and_seeds_are_counted(self) -> None:
        figures = pd.DataFrame({"returns": [0.5, 1.4, 0.2], "seller_gini": [1.0, 5.0, math.nan], "conversion": 0.1})
        found = {v.target.name: v for v in verdicts(self.TARGETS, figures)}
        assert found["inside"].word == "inside" and found["inside"].share_inside == pytest.approx(2 / 3)
        assert found["outside"].word == "outside" and found["outside"].share_inside == pytest.approx(1 / 3)
        assert found["undefined"].word == "undefined" and found["undefined"].share_inside == 0.0
        assert counted(list(found.values())) == {"required": 3, "inside": 1}

    def test_the_ratio_of_two_effects_is_that_of_their_means(self) -> None:
        rng = np.random.default_rng(1)
        whole = 2.0 + 0.1 * rng.standard_normal(200)
        table = pd.DataFrame({PARTS[0]: 3.0 * whole + 0.05 * rng.standard_normal(200), PARTS[1]: whole})
        found = effects(table)[RATIO]
        assert found.mean == pytest.approx(table[PARTS[0]].mean() / table[PARTS[1]].mean())
        assert found.low < 3.0 < found.high and found.high - found.low < 0.02
        assert math.isnan(effects(table.head(1))[RATIO].low)

    def test_every_effect_stands_beside_a_row_of_the_facts(self) -> None:
        for effect in EFFECTS.values():
            known = interventions.facts().loc[effect.fact, "value"] if effect.fact else math.nan
            assert effect.real == pytest.approx(known, nan_ok=True)
            assert bool(effect.source) == bool(effect.fact) and effect.comparable


class TestInterventions:
    def test_the_model_itself_is_left_as_it_is(self, model: MarketplaceModel) -> None:
        other = model.branch()
        found = interventions.at_once(model)
        assert set(found) <= set(EFFECTS)
        model_after, other_after = model.branch().run(3), other.run(3)
        pd.testing.assert_frame_equal(model_after.weekly, other_after.weekly)

    def test_dearer_is_bought_less_and_sooner_more(self, model: MarketplaceModel) -> None:
        found = interventions.at_once(model)
        assert found["seller_price_at_once"] < 0.0 and found["retail_price_at_once"] < 0.0
        assert found["faster_day_at_once"] > 0.0

    def test_a_moved_price_moves_alone_and_does_not_pile_up(self, model: MarketplaceModel) -> None:
        scenario = model.scenario.with_changes({"platform.pass_through": 0.0, "policy.name": "hold"})
        base = MarketplaceModel(scenario).run(4)
        rows = interventions.retail_rows(base)
        before = base.offers.columns.price[rows].copy()
        seen = []
        for _ in range(3):
            base.offers.columns.price[rows] *= 1.05
            seen.append(base.offers.columns.price[rows] / before)
            base.step()
        assert np.allclose(seen, 1.05)  # what the platform asks is not touched, so the factor is of it each week

    def test_nothing_moved_is_nothing_changed(self, model: MarketplaceModel) -> None:
        lived, again = interventions.live_a_year(model), interventions.live_a_year(model, lambda branch: None, 1.0)
        assert lived == again and lived.orders > 0.0

    def test_a_world_without_own_retail_has_no_such_elasticity(self) -> None:
        world = load_scenario("tiny").with_changes(SMALL | OPEN | {"platform.first_party_places": 0})
        found = interventions.at_once(MarketplaceModel(world).run(6))
        assert math.isnan(found["retail_price_at_once"])

    def test_hidden_offers_and_unseen_visits_are_perceived(self, model: MarketplaceModel, monkeypatch: Any) -> None:
        monkeypatch.setattr(interventions, "YEAR", 3)
        monkeypatch.setattr(interventions, "WINDOW", 2)
        base = interventions.live_a_year(model)
        for link, name in (("sellers->selection", "offers_seen"), ("visits->sellers", "visits_seen")):
            moved = interventions.live_a_year(model, lambda b, link=link: b.flywheel[link].scale(interventions.HIDDEN))
            assert getattr(moved, name) < 0.9 * getattr(base, name)


class TestMeasuringInTheWorker:
    def job(self, measure: str, **changes: Any) -> Job:
        return Job.of(load_scenario("tiny").with_changes(SMALL | changes), 0, 0, measure=measure)

    def test_figures_join_the_summary_under_names_of_their_own(self) -> None:
        name = "experiments.validation.measuring:statistics_and_curves"
        (done,) = run_jobs([self.job(name, **{"run.record_orders": True})], engine="here")
        assert done.failure is None
        assert {"gmv", "fact.seller_gini", "fact.returns", "curve.lorenz.0.5"} <= set(done.summary)
        assert done.summary["seller_gini"] != done.summary["fact.seller_gini"]

    def test_what_needs_orders_is_left_out_without_them(self) -> None:
        (done,) = run_jobs([self.job("experiments.validation.measuring:statistics")], engine="here")
        assert "fact.seller_gini" not in done.summary and "fact.returns" in done.summary

    @pytest.mark.parametrize("name", ["os:getcwd", "experiments.nothing:x", "experiments.errors:x", "x", ":"])
    def test_a_measure_that_fails_fails_the_run_as_data(self, name: str) -> None:
        (done,) = run_jobs([self.job(name)], engine="here")
        assert done.status == "failed" and done.failure is not None and done.failure.stage == "measure"

    def test_run_id_depends_on_it(self) -> None:
        scenario = load_scenario("tiny")
        assert len({run_id_of(scenario, 0, 0, measure=name) for name in ("", "a:b", "a:c")}) == 3


def stub(jobs: list[Job], **how: Any) -> Iterator[Done]:
    for job in reversed(jobs):
        if job.scenario.run.seed == 3:
            yield Done.failed(job, Failure("week", 7, "ValueError", "no stock"), 0.1)
            continue
        x = 0.1 * job.seed
        figures = {"fact.returns": x, "fact.seller_gini": x, "fact.conversion": x, "effect.faster_day_at_once": x,
                   "curve.churn.1": x, "curve.survival.0": 1.0, "gmv": 7.0}  # fmt: skip
        yield Done(job.run_id, 0, job.replicate, job.seed, "complete", figures, None, 0.1)


class TestValidation:
    def found(self, run: Any = stub, seeds: int = 4) -> Any:
        world = load_scenario("tiny").with_changes({"run.seed": 1})
        return validate(world, read_targets(FILE, "mine"), seeds, stop=Stop(), progress=Progress(), run=run)

    def test_failed_seeds_are_named_and_the_others_count(self, tmp_path: Path) -> None:
        found = self.found()
        assert found.status == "complete" and found.failures == ["seed 3: ValueError in week 7: no stock"]
        assert found.runs["seed"].tolist() == [1, 2, 4]
        said = statement(found)
        row = next(row for row in said["targets"] if row["target"] == "inside")
        assert row["mean"] == pytest.approx(0.7 / 3) and row["seeds"] == 3
        write_validation(tmp_path, found)
        assert json.loads((tmp_path / "validation.json").read_text()) == said
        assert list(pd.read_parquet(tmp_path / "runs.parquet").columns) == [
            "seed", "fact.returns", "fact.seller_gini", "fact.conversion", "effect.faster_day_at_once",
        ]  # fmt: skip

    def test_orders_are_recorded_because_a_target_needs_them(self) -> None:
        seen = []

        def run(jobs: list[Job], **how: Any) -> Iterator[Done]:
            seen.extend(jobs)
            yield from stub(jobs)

        assert not self.found(run).scenario.flywheel.valves
        assert all(job.scenario.run.record_orders and job.scenario.run.threads == 1 for job in seen)
        assert [job.seed for job in seen] == [1, 2, 3, 4] and len({job.run_id for job in seen}) == 4

    def test_nothing_but_failures_is_a_sentence(self) -> None:
        def run(jobs: list[Job], **how: Any) -> Iterator[Done]:
            yield from (Done.failed(job, Failure("make", 0, "ValueError", "no world"), 0.1) for job in jobs)

        with pytest.raises(ResultsError, match="every run failed: ValueError: no world"):
            self.found(run)

    def test_broken_off_it_keeps_what_it_has_and_says_so(self) -> None:
        found = self.found(lambda jobs, **how: stub(jobs[:2]))
        assert found.status == "interrupted" and len(found.runs) == 2
        assert "2 of 4 seeds came to their end" in re.sub(r"&nbsp;", " ", page(found))

    def test_outside_is_printed_as_outside(self) -> None:
        text = page(self.found())
        assert "1 of 3 required facts lie inside" in text.replace("&nbsp;", " ")
        assert "outside: outside, undefined" in text

    def test_targets_of_a_scenario(self) -> None:
        assert targets_for(load_scenario("amazon"), None) == load_targets("amazon")
        with pytest.raises(TargetError, match='no targets for a scenario named "tiny": say --targets amazon or'):
            targets_for(load_scenario("tiny"), None)


class TestCommand:
    def run(self, *arguments: str) -> Any:
        return CliRunner().invoke(app, ["validate", *arguments])

    def test_from_the_command_line_to_a_page(self, tmp_path: Path) -> None:
        file, out = tmp_path / "mine.toml", tmp_path / "out"
        file.write_text(FILE)
        done = self.run(
            "tiny", "--targets", str(file), "--weeks", "12", "--set", "customers.count=400", "--seeds", "2",
            "--workers", "1", "--no-elasticities", "--out", str(out),
        )  # fmt: skip
        assert done.exit_code == 0, done.output
        assert "1 of 3 required targets inside" in done.stdout
        assert re.search(r"outside .* outside *\n", done.stdout) and "outside (shown)" in done.stdout
        said = json.loads((out / "validation.json").read_text())
        assert said["seeds"] == [1, 2]
        assert {row["verdict"] for row in said["targets"]} == {"inside", "outside", "undefined"}
        text = (out / "validation.html").read_text()
        assert "<script" not in text and "src=" not in text and text.count("<svg") >= 2
        again = self.run("tiny", "--targets", str(file), "--out", str(out))
        assert again.exit_code == 2 and "exists already" in again.stderr

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["amazzon"], "amazzon"),
            (["tiny"], 'there are no targets for a scenario named "tiny"'),
            (["tiny", "--targets", "bazar"], 'did you mean "bazaar"?'),
            (["amazon", "--set", "platform.comission=0.1"], 'did you mean "platform.commission"?'),
            (["amazon", "--from", str(2**63 - 2), "--seeds", "5"], "run.seed"),
        ],
    )
    def test_bad_input_is_one_sentence_and_exit_code_2(self, arguments: list[str], said: str) -> None:
        result = self.run(*arguments)
        assert result.exit_code == 2
        (line,) = result.stderr.splitlines()
        assert line.startswith("marketplace: ") and said in line


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here to look at the page with")
@pytest.mark.parametrize("name", ["amazon", "bazaar"])
def test_figures_show_in_a_browser(name: str, tmp_path: Path) -> None:
    changes = {"run.weeks": 156, "run.record_orders": True, "run.threads": 1, "platform.marketplace_opens": 60}
    world = load_scenario("tiny").with_changes(changes)
    found = validate(world, load_targets(name), 2, stop=Stop(), progress=Progress(), workers=1, elasticities=False)
    path = tmp_path / "page.html"
    path.write_text(page(found), encoding="utf-8")
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", path.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert dom.count("<svg") == 4  # bounds, and three figures each


def test_kinds_of_figures_are_told_apart() -> None:
    table = pd.DataFrame({"seed": [1], "fact.a": [1.0], "curve.b.1": [2.0], "effect.c": [3.0]})
    assert list(measuring.figures(table, measuring.FACT)) == ["a"]
    assert list(measuring.figures(table, measuring.CURVE)) == ["b.1"]


def test_a_target_without_a_value_can_be_judged() -> None:
    assert Target("x", "returns", math.nan, -math.inf, 1.0, "x").holds(0.0)
