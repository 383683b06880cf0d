"""``marketplace ablate``: every link shut alone under the same luck, and what that says."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.command_line import done, sentence

from experiments.ablation import ALL, NONE, arms, by_strength, design, effects, verdict
from experiments.commands.ablate import verdict_words
from experiments.comparison.intervals import interval, p_value
from experiments.reports import run_report
from experiments.results import load_run
from marketplace import MarketplaceModel
from marketplace.indicators import summary
from marketplace.scenario import load_scenario
from marketplace.sections import LINKS

WRITE_REPORT = run_report.write_report

WORLD = """
base = "tiny"

[run]
seed = 3
weeks = 10

[customers]
count = 300

[sellers]
count = 12

[flywheel]
reference_week = 4
"""

POLICY = """
import os, signal
from pathlib import Path

from agents.policies import Decision, PlatformPolicy


class Odd(PlatformPolicy):
    name = "odd"

    def decide(self, books):
        with open("log", "a") as log:
            log.write(f"{{books.week}} ")
        runs = Path("log").read_text().split().count("1")
        if books.week == 7:
            {act}
        return Decision()
"""


@pytest.fixture(autouse=True)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small scenario file in the working folder; reports are not drawn."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(WORLD)
    monkeypatch.setattr(run_report, "write_report", lambda folder: folder)


def policy(act: str) -> list[str]:
    Path("odd.py").write_text(POLICY.format(act=act))
    return ["--import", "odd.py", "--set", "policy.name=odd"]


class TestFolder:
    def test_every_run_is_the_model_with_its_valve_shut(self) -> None:
        said = done("ablate", "small.toml", "--seeds", "2", "--from", "8", "--workers", "1", "--out", "out").stdout
        run = load_run("out")
        runs = run.ablation_runs
        assert list(runs.columns) == ["seed", "link", "indicator", "value"]
        assert runs[["seed", "link"]].drop_duplicates().to_numpy().tolist() == [
            [seed, link] for seed in (8, 9) for link in (NONE, ALL, *LINKS)
        ]
        for seed, link in [(8, NONE), (9, "price->experience"), (8, ALL)]:
            model = MarketplaceModel(load_scenario("small.toml"), rng=seed)
            for name in {NONE: (), ALL: LINKS}.get(link, (link,)):
                model.flywheel[name].shut()
            weekly = model.run().weekly
            mine = runs[(runs["seed"] == seed) & (runs["link"] == link)].set_index("indicator")["value"]
            assert {k: None if math.isnan(v) else v for k, v in mine.items()} == summary(weekly)
            if seed == 8:
                kept = run.weekly if link == NONE else run.twin
                pd.testing.assert_frame_equal(kept, weekly, check_exact=True)
        assert run.scenario.run.seed == 8 and run.provenance["kind"] == "ablation"
        assert run.provenance["status"] == "complete"
        assert [row["link"] for row in run.ablation["links"]] == list(LINKS)
        assert run.ablation["all"]["n"] == 2 and run.ablation["reference_week"] == 4
        assert run.ablation["seeds"] == [8, 9] and run.ablation["runs_done"] == 28
        assert all(link in said for link in LINKS) and "all of them" in said and "results: out" in said

    def test_it_can_be_replayed(self) -> None:
        done("ablate", "small.toml", "--seeds", "1", "--workers", "1", "--out", "out", "--quiet")
        assert "same to the last bit" in done("replay", "out").stdout

    def test_any_number_of_workers_gives_the_same(self) -> None:
        own = policy("pass")  # which the workers must know, too
        for workers in ("1", "2"):
            done("ablate", "small.toml", "--seeds", "2", *own, "--workers", workers, "--out", workers)
        for name in ("ablation.parquet", "weekly.parquet", "twin.parquet", "network.parquet", "ablation.json"):
            assert Path("1", name).read_bytes() == Path("2", name).read_bytes()

    def test_links_that_were_shut_already_are_named(self) -> None:
        shut = ("--set", 'flywheel.valves."unit_cost->price"=shut')
        said = done("ablate", "small.toml", "--seeds", "1", "--workers", "1", "--out", "out", *shut).stdout
        assert "because the scenario has shut them already: unit_cost->price." in said

    def test_quiet(self) -> None:
        result = done("ablate", "small.toml", "--seeds", "1", "--workers", "1", "--quiet", "--out", "out")
        assert (result.stdout, result.stderr) == ("out\n", "")

    def test_one_seed_has_no_interval_and_the_real_report_is_written(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(run_report, "write_report", WRITE_REPORT)
        said = done("ablate", "small.toml", "--seeds", "1", "--workers", "1", "--out", "out").stdout
        assert "one seed, so no interval" in said
        assert Path("out/report.html").stat().st_size > 10_000


class TestRefusals:
    def test_before_any_run(self) -> None:
        assert "flywheel.reference_week = 4" in sentence("ablate", "small.toml", "--weeks", "4", "--out", "a/b")
        assert "run.seed" in sentence("ablate", "small.toml", "--from", str(2**63 - 2), "--out", "a/b")
        assert "--seeds" in sentence("ablate", "small.toml", "--seeds", "0")
        assert "--workers" in sentence("ablate", "small.toml", "--workers", "-1")
        assert 'did you mean "tiny"' in sentence("ablate", "tinny")
        Path("there").mkdir()
        assert "--force" in sentence("ablate", "small.toml", "--out", "there")
        assert sorted(path.name for path in Path().iterdir()) == ["small.toml", "there"]

    @pytest.mark.parametrize("workers", ["1", "2"])
    def test_what_fails_in_an_own_policy(self, workers: str) -> None:
        said = sentence("ablate", "small.toml", *policy("return 1 / 0"), "--workers", workers, "--out", "out")
        assert "odd.py, line 16, failed in week 7 with ZeroDivisionError" in said
        assert not Path("out").exists()

    def test_a_later_failure_costs_that_run_only_and_resume_runs_it_again(self) -> None:
        own = policy("runs == 4 and 1 / 0")
        said = sentence("ablate", "small.toml", *own, "--workers", "1", "--out", "out")
        assert "odd.py, line 16, failed in week 7 with ZeroDivisionError" in said
        assert said.endswith("; out holds 41 of 42 runs")
        run = load_run("out", imports=True)
        assert run.provenance["status"] == "failed"
        assert [row["n"] for row in run.ablation["links"]] == [2] + [3] * 11
        done("ablate", "small.toml", *own, "--workers", "1", "--out", "out", "--resume")
        done("ablate", "small.toml", *policy("pass"), "--workers", "1", "--out", "whole")
        again = load_run("out", imports=True)
        assert again.provenance["status"] == "complete"
        pd.testing.assert_frame_equal(again.ablation_runs, load_run("whole", imports=True).ablation_runs)

    def test_a_worker_that_dies(self) -> None:
        said = sentence("ablate", "small.toml", *policy("os._exit(1)"), "--workers", "2", "--out", "out")
        assert "a worker process died" in said and not Path("out").exists()


class TestInterruption:
    def test_what_was_finished_is_kept(self) -> None:
        # The third of the worlds is the first once more, for its network.
        own = policy("runs == 6 and os.kill(os.getpid(), signal.SIGINT)")
        said = sentence("ablate", "small.toml", *own, "--workers", "1", "--out", "out", code=130)
        assert said == "interrupted; out holds 4 of 42 runs"
        run = load_run("out", imports=True)
        assert run.provenance["status"] == "interrupted" and run.ablation["runs_done"] == 4
        assert [row["link"] for row in run.ablation["links"]] == list(LINKS[:2])
        assert run.twin is not None

    def test_resume_finishes_the_rest_and_gives_what_an_undisturbed_one_gives(self) -> None:
        own = policy("runs == 6 and os.kill(os.getpid(), signal.SIGINT)")
        sentence("ablate", "small.toml", *own, "--seeds", "2", "--workers", "1", "--out", "out", code=130)
        begun = Path("log").read_text().split().count("1")
        done("ablate", "small.toml", *own, "--seeds", "2", "--workers", "1", "--out", "out", "--resume")
        assert Path("log").read_text().split().count("1") - begun == 1 + 28 - 4  # the network's, and the rest
        done("ablate", "small.toml", *own, "--seeds", "2", "--workers", "1", "--out", "whole")
        for name in ("ablation.parquet", "weekly.parquet", "twin.parquet", "network.parquet", "ablation.json"):
            assert Path("out", name).read_bytes() == Path("whole", name).read_bytes()

    def test_resume_refuses_what_is_not_the_same(self) -> None:
        done("ablate", "small.toml", "--seeds", "1", "--workers", "1", "--out", "out")
        assert "it holds other arms" in sentence("ablate", "small.toml", "--weeks", "9", "--out", "out", "--resume")
        more = ("--seeds", "2", "--workers", "1", "--out", "out", "--resume")
        done("ablate", "small.toml", *more)
        assert "holds 2 seeds" in sentence("ablate", "small.toml", "--seeds", "1", "--out", "out", "--resume")
        Path("empty").mkdir()
        Path("empty", "note").write_text("mine")
        assert "it holds no ablation" in sentence("ablate", "small.toml", "--out", "empty", "--resume")
        assert "nothing to resume" in sentence("ablate", "small.toml", "--resume")

    def test_before_the_open_world_is_whole_nothing_is_kept(self) -> None:
        own = policy("os.kill(os.getpid(), signal.SIGINT)")
        assert sentence("ablate", "small.toml", *own, "--workers", "1", "--out", "out", code=130) == "interrupted"
        assert not Path("out").exists()

    def test_from_a_terminal_which_signals_the_workers_too(self) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "experiments.cli", "ablate", "small.toml", "--seeds", "900", *policy("pass"),
             "--workers", "2", "--out", "out", "--quiet"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        while not Path("log").exists() or Path("log").read_text().split().count("1") < 8:
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        said, errors = process.communicate(timeout=120)
        assert process.returncode == 130, errors
        assert "Traceback" not in errors and said == "out\n"
        run = load_run("out", imports=True)
        assert 1 <= run.ablation["runs_done"] < run.ablation["runs"] == 900 * 14
        assert f"out holds {run.ablation['runs_done']} of {run.ablation['runs']} runs" in errors


def table(values: dict[str, list[float]], seeds: int) -> pd.DataFrame:
    rows = [(seed, link, "gmv", column[seed]) for link, column in values.items() for seed in range(seeds)]
    return pd.DataFrame(rows, columns=["seed", "link", "indicator", "value"])


class TestEffects:
    def test_mean_and_interval_are_those_of_a_comparison(self) -> None:
        rng = np.random.default_rng(5)
        open_, shut = rng.lognormal(8.0, 1.0, 7), rng.lognormal(7.5, 1.0, 7)
        row = effects(table({NONE: list(open_), LINKS[0]: list(shut)}, 7))[LINKS[0]]
        logs = np.log(shut / open_)
        assert row["mean"] == pytest.approx(np.mean(logs))
        assert (row["low"], row["high"]) == pytest.approx(interval(logs, 0.95, "guarded-t"))
        assert row["n"] == 7 and row["left_out"] == 0
        assert row["p_holm"] == pytest.approx(float(p_value(logs))) and not row["distinguishable"]

    def test_verdicts_are_corrected_for_all_links(self) -> None:
        noise = np.array([-0.02, 0.0, 0.01, 0.01, -0.01, 0.0, 0.02, -0.01])
        moved = {link: list(np.exp(noise[::-1] if k else noise - 0.014)) for k, link in enumerate((*LINKS, ALL))}
        rows = effects(table({NONE: [1.0] * 8, **moved}, 8))
        first = rows[LINKS[0]]
        assert first["high"] < 0.0 and p_value(noise - 0.014) < 0.05  # by itself it would be told from zero
        assert first["p_holm"] > 0.05 and verdict(first) == "not distinguishable from zero"
        alone = effects(table({NONE: [1.0] * 8, LINKS[0]: moved[LINKS[0]]}, 8))[LINKS[0]]
        assert alone["low"] == first["low"] and verdict(alone) == "carried growth"

    def test_what_was_measured_is_said_by_its_weeks(self) -> None:
        done("ablate", "small.toml", "--seeds", "1", "--workers", "1", "--out", "out")
        stated = json.loads(Path("out/ablation.json").read_text())
        assert stated["measure"] == "log of the GMV of the last 10 weeks, shut less open, paired by seed"
        assert stated["interval"].startswith("95 % guarded-t") and "Holm over 13 tests" in stated["correction"]

    def test_what_is_undefined_is_left_out_and_said(self) -> None:
        rows = effects(table({NONE: [5.0, 5.0, 0.0], LINKS[0]: [4.0, 0.0, 3.0], ALL: [0.0, 0.0, 0.0]}, 3))
        assert (rows[LINKS[0]]["n"], rows[LINKS[0]]["left_out"], rows[LINKS[0]]["low"]) == (1, 2, None)
        assert rows[LINKS[0]]["mean"] == pytest.approx(math.log(0.8))
        assert (rows[ALL]["mean"], rows[ALL]["n"], rows[ALL]["left_out"]) == (None, 0, 3)

    def test_runs_that_are_not_there(self) -> None:
        runs = table({NONE: [5.0, 5.0], LINKS[0]: [4.0, 4.0]}, 2)
        rows = effects(runs[~((runs["link"] == LINKS[0]) & (runs["seed"] == 1))])
        assert list(rows) == [LINKS[0]]
        assert (rows[LINKS[0]]["n"], rows[LINKS[0]]["left_out"]) == (1, 0)

    @pytest.mark.parametrize(
        ("row", "said"),
        [
            ({"mean": -0.3, "low": -0.4, "high": -0.2, "n": 3}, "carried growth"),
            ({"mean": 0.3, "low": 0.2, "high": 0.4, "n": 3}, "held growth back"),
            ({"mean": -0.3, "low": -0.7, "high": 0.1, "n": 3}, "not distinguishable from zero"),
            ({"mean": 0.0, "low": 0.0, "high": 0.0, "n": 3}, "carried nothing: the same to the last bit"),
            ({"mean": -0.3, "low": None, "high": None, "n": 1}, "one seed, so no interval"),
            ({"mean": None, "low": None, "high": None, "n": 0}, "not measured: no GMV at the end"),
        ],
    )
    def test_verdicts(self, row: dict[str, Any], said: str) -> None:
        low, high = row["low"], row["high"]
        row["distinguishable"] = low is not None and (low > 0 or high < 0)
        assert verdict(row) == said

    def test_a_verdict_from_fewer_seeds_says_so(self) -> None:
        one = {"mean": -0.3, "low": None, "high": None, "n": 1, "distinguishable": False}
        assert verdict_words(one, 2) == "one of 2 seeds, so no interval"
        assert verdict_words(one, 1) == "one seed, so no interval"
        three = {"mean": -0.3, "low": -0.4, "high": -0.2, "n": 3, "distinguishable": True}
        assert verdict_words(three, 4) == "carried growth (3 of 4 seeds)"

    def test_the_strongest_first_whichever_its_sign(self) -> None:
        rows = [{"mean": mean} for mean in (0.1, None, -0.5, 0.3)]
        assert [row["mean"] for row in by_strength(rows)] == [-0.5, 0.3, 0.1, None]

    def test_every_arm_is_the_scenario_with_its_links_shut(self) -> None:
        world = load_scenario("small.toml", {'flywheel.valves."price->experience".scale': 0.5})
        worlds = arms(world)
        assert list(worlds) == [NONE, ALL, *LINKS] and worlds[NONE] == world
        for link in LINKS:
            valves = worlds[link].flywheel.valves
            assert {name for name, valve in valves.items() if valve.state == "shut"} == {link}
            assert worlds[ALL].flywheel.valves[link].state == "shut"
            assert valves["price->experience"].scale == 0.5
        plan = design(worlds, 2)
        assert len(plan) == 2 * 14 and [plan.seed(0, k) for k in range(2)] == [3, 4]

    def test_links_that_are_shut_already_have_no_arm(self) -> None:
        shut = {f'flywheel.valves."{link}".state': "shut" for link in LINKS[2:]}
        assert list(arms(load_scenario("small.toml", shut))) == [NONE, ALL, *LINKS[:2]]
        shut |= {f'flywheel.valves."{LINKS[0]}"': "shut"}
        Path("shut.toml").write_text(load_scenario("small.toml", shut).to_toml())
        assert "1 open links of 12" in sentence("ablate", "shut.toml", "--out", "out")
        assert not Path("out").exists()

    def test_json_has_null_for_what_is_undefined(self) -> None:
        done("ablate", "small.toml", "--seeds", "1", "--workers", "1", "--out", "out")
        row = json.loads(Path("out/ablation.json").read_text())["links"][0]
        assert row["n"] == 1 and row["low"] is None and row["mean"] is not None
