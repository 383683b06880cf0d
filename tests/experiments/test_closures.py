"""A platform that fails is said to have failed: in the terminal, the report, the provenance and in comparisons."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.command_line import done

from experiments.closures import closure_notes, closure_sentences, failed_platforms
from experiments.results import load_run
from marketplace import MarketplaceModel
from marketplace.indicators import summary
from marketplace.scenario import load_scenario

WORLD = """
base = "tiny"
run = { seed = 3, weeks = 12 }
customers = { count = 200 }
sellers = { count = 10 }
flywheel = { reference_week = 4 }
platform = { credit_line = 5000.0 }
"""
SPENDER = """
from agents.policies import Decision, PlatformPolicy


class Spender(PlatformPolicy):
    name = "spender"

    def decide(self, books):
        return Decision(dividend=9000.0 if books.week > 3 else 0.0)
"""
DESIGN = """
scenario = "small.toml"
imports = ["spender.py"]
replications = 2

[design]
kind = "grid"

[design.factors]
"policy.name" = ["reinvest", "spender"]
"platform.commission" = [0.1, 0.2]
"""
WHY = "its cash fell below its credit line"
SPENDS = ("small.toml", "--import", "spender.py", "--set", "policy.name=spender")


@pytest.fixture(autouse=True)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.toml").write_text(WORLD)
    Path("spender.py").write_text(SPENDER)


class TestARun:
    def test_it_is_said_everywhere_when_the_platform_failed(self) -> None:
        said = done("run", *SPENDS, "--twin", "--out", "out").stdout
        run = load_run("out", imports=True)
        model = MarketplaceModel(run.scenario).run()
        week = int(model.platforms.columns.failed[0])
        assert 4 <= week < 12 and run.provenance["platforms_failed"] == {"platform": week}
        sentence = f"The platform failed in week {week}: its cash fell below the credit line of 5,000 and it was "
        assert sentence in said and "With the loop cut, the platform failed in week" in said
        assert sentence in Path("out/report.html").read_text(encoding="utf-8").replace("&nbsp;", " ")

    def test_nothing_is_said_of_one_that_lives(self) -> None:
        assert "failed" not in done("run", "small.toml", "--out", "out").stdout
        assert json.loads(Path("out/provenance.json").read_text())["platforms_failed"] == {}

    def test_nothing_is_known_of_runs_that_were_kept_without_it(self) -> None:
        world = load_scenario("small.toml", {"run.weeks": 5})
        weekly = MarketplaceModel(world).run().weekly
        assert failed_platforms(weekly.drop(columns="open_platforms"), world) == {}

    def test_of_several_platforms_the_name_is_said(self) -> None:
        world = load_scenario("two-platforms", {"run.weeks": 6, "customers.count": 300})
        names = [settings.name for settings in world.platforms]
        world = world.with_changes({f"platforms.{names[1]}.credit_line": 0.0, f"platforms.{names[1]}.cash": 1.0})
        model = MarketplaceModel(world).run()
        failed = model.platforms.columns.failed
        found = failed_platforms(model.weekly, world)
        assert found == {name: week for name, week in zip(names, failed, strict=True) if week >= 0}
        assert list(found) == [names[1]]
        assert closure_sentences(found, world)[0].startswith(f"The platform {names[1]} failed in week ")
        runs = model.weekly.tail(1).assign(arm="a", status="complete", **summary(model.weekly))
        assert closure_notes(runs) == [f"a: the platform {names[1]} failed in 1 of 1 runs: {WHY}"]


class TestAComparison:
    def test_it_counts_the_runs(self) -> None:
        arms = ("small.toml", "small.toml:spender", "--import", "spender.py")
        said = done("compare", *arms, "--seeds", "2", "--workers", "1", "--out", "out").stdout
        note = "small:spender: the platform failed in 2 of 2 runs: its cash fell below its credit line"
        assert note in said and note in json.loads(Path("out/comparison.json").read_text())["notes"]

    def test_of_folders_too(self) -> None:
        for seed in ("3", "4"):
            done("run", *SPENDS, "--seed", seed, "--out", f"spends-{seed}")
            done("run", "small.toml", "--seed", seed, "--out", f"lives-{seed}")
        folders = [f"{arm}-{seed}" for arm in ("lives", "spends") for seed in ("3", "4")]
        note = f'policy.name="spender": the platform failed in 2 of 2 runs: {WHY}'
        assert note in done("compare", *folders).stdout


class TestASweep:
    def test_it_counts_the_runs_and_says_where(self) -> None:
        Path("design.toml").write_text(DESIGN)
        counted = f"platform failed in 4 of 8 runs: {WHY}"
        assert f"the {counted}" in done("sweep", "design.toml", "--workers", "1", "--out", "out").stdout
        done("report", "out")
        page = Path("out/report.html").read_text(encoding="utf-8").replace("&nbsp;", " ")
        assert f"The {counted}." in page
        where = "policy.name = spender, platform.commission = 0.1 (and at 1 other point alike): 2 of them in 2 runs."
        assert f"Most failures are at {where}" in page

    def test_worlds_of_one_and_of_two_platforms_are_told_apart(self) -> None:
        changes = '[changes]\nrun.weeks = 12\ncustomers.count = 200\n'
        arms = 'broke = { "platform.credit_line" = 0.0, "platform.cash" = 1.0 }\ntwo = "two-platforms"\n'
        head = f'scenario = "small.toml"\n{changes}[design]\nkind = "arms"\n[design.arms]\n'
        Path("arms.toml").write_text(head + arms)
        note = f"roke: the platform failed in 1 of 1 runs: {WHY}"
        assert f"b{note}" in done("sweep", "arms.toml", "--workers", "1", "--out", "out").stdout
        done("report", "out")
        assert f"b{note}." in Path("out/report.html").read_text(encoding="utf-8").replace("&nbsp;", " ")

    def test_nothing_is_said_where_all_live(self) -> None:
        Path("design.toml").write_text(DESIGN.replace(', "spender"]', "]"))
        assert "failed" not in done("sweep", "design.toml", "--workers", "1", "--out", "out").stdout
        done("report", "out")
        assert "Most failures" not in Path("out/report.html").read_text(encoding="utf-8")
