"""``marketplace run`` and ``marketplace replay``: what they leave, say and refuse."""

from __future__ import annotations

import errno
import json
import math
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support.command_line import done, marketplace, sentence
from support.policies import forget_own_policies

from agents.policies import POLICIES
from agents.registry import StrategyError
from experiments import results
from experiments.commands.replay import first_difference
from experiments.errors import ResultsError
from experiments.reports import run_report
from experiments.results import load_run
from marketplace import MarketplaceModel
from marketplace.indicators import summary
from marketplace.scenario import load_scenario

WORLD = """
base = "tiny"
description = "A world of a second."

[run]
seed = 3
weeks = 12

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
        if books.week == {week}:
            {act}
        return Decision()
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small scenario file in the working folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "small.toml"
    path.write_text(WORLD)
    return path


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the seconds of drawing where a test is about something else."""
    monkeypatch.setattr(run_report, "write_report", lambda folder: folder)


def policy(folder: Path, week: int, act: str, name: str = "odd.py") -> str:
    path = folder / name
    path.write_text(POLICY.format(week=week, act=act))
    return str(path)


def in_a_process(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "experiments.cli", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_field_is_stated_once() -> None:
    said = sentence("run", "tiny", "--weeks", "3", "--set", "run.weeks=5")
    assert "run.weeks is stated twice, by --set and by an option of its own" in said
    assert "run.seed is stated twice" in sentence("compare", "tiny", "tiny:hold", "--from", "3", "--set", "run.seed=9")


class TestRun:
    def test_the_folder_holds_the_run(self, world: Path) -> None:
        before = datetime.now().astimezone()
        said = done("run", "small.toml", "--twin", "--out", "out", "--csv", "--seed", "5", "--weeks", "9",
                    "--set", "run.record_orders=true", "--set", "platform.commission=0.2")  # fmt: skip
        assert files(Path("out")) == {
            "scenario.toml", "provenance.json", "weekly.parquet", "summary.json", "twin.parquet", "network.parquet",
            "orders.parquet", "weekly.csv", "twin.csv", "report.html",
        }  # fmt: skip
        assert "results: out\n" in said.stdout and "report:  out/report.html\n" in said.stdout
        scenario = load_scenario(
            "small.toml",
            {"run.seed": 5, "run.weeks": 9, "run.record_orders": True, "platform.commission": 0.2},
        )
        model = MarketplaceModel(scenario).run()
        cut = MarketplaceModel(scenario)
        cut.flywheel.shut_all()
        run = load_run("out")
        assert run.scenario == scenario == load_scenario("out/scenario.toml")
        pd.testing.assert_frame_equal(run.weekly, model.weekly, check_exact=True)
        pd.testing.assert_frame_equal(run.twin, cut.run().weekly, check_exact=True)
        pd.testing.assert_frame_equal(run.orders, model.orders())
        assert run.network["weight"].sum() == model.orders()["units"].sum()
        assert run.summary == summary(model.weekly)
        assert len(pd.read_csv("out/weekly.csv")) == 9
        facts = run.provenance
        assert (facts["status"], facts["seed"], facts["weeks"], facts["weeks_done"]) == ("complete", 5, 9, 9)
        assert facts["score_reference"] == {"platform": float(model.reference[0])}
        assert facts["scenario_sha256"] == scenario.hash() and facts["schema"] == results.SCHEMA
        assert {"mesa", "numba", "numpy", "python", "marketplace-simulator"} <= set(facts["versions"])
        assert facts["machine"]["cores"] >= 1 and os.uname().nodename not in facts["machine"].values()
        assert before.replace(microsecond=0) <= datetime.fromisoformat(facts["started"])
        assert facts["duration_seconds"] > 0
        assert facts["git"] is None or len(facts["git"]["commit"]) == 40

    def test_the_twin_is_the_run_until_the_loop_is_cut(self, world: Path, no_report: None) -> None:
        done("run", "small.toml", "--twin", "--out", "out")
        run = load_run("out")
        assert first_difference(run.weekly.head(4), run.twin.head(4)) == ""
        assert "first in week 5" in first_difference(run.weekly, run.twin)

    def test_json_is_strict_and_undefined_is_null(self, world: Path, no_report: None) -> None:
        done("run", "small.toml", "--out", "out", "--weeks", "2")

        def refuse(name: str) -> None:
            raise AssertionError(name)

        for name in ("summary.json", "provenance.json"):
            json.loads(Path("out", name).read_text(), parse_constant=refuse)
        # Quarterly: two weeks cannot have it.
        assert json.loads(Path("out/summary.json").read_text())["retention_rate"] is None

    def test_by_default_a_fresh_folder_below_results(self, world: Path, no_report: None) -> None:
        for count in (1, 2):
            done("run", "small.toml", "--weeks", "2", "--quiet")
            assert len(files(Path("results"))) == count
        assert all(name.startswith("small-20") for name in files(Path("results")))

    def test_quiet_prints_the_folder_only(self, world: Path, no_report: None) -> None:
        result = done("run", "small.toml", "--weeks", "2", "--quiet", "--out", "out")
        assert (result.stdout, result.stderr) == ("out\n", "")

    def test_a_mistake_in_the_report_does_not_cost_the_run(
        self, world: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def wrong(folder: Path) -> Path:
            (folder / "report.html").write_text("half")
            raise KeyError("ours")

        monkeypatch.setattr(run_report, "write_report", wrong)
        result = marketplace("run", "small.toml", "--weeks", "2", "--out", "out")
        assert isinstance(result.exception, KeyError)  # not hidden either
        assert len(load_run("out").weekly) == 2 and "report.html" not in files(Path("out"))

    def test_a_twin_that_cannot_differ_is_said(self, world: Path, no_report: None) -> None:
        said = done("run", "small.toml", "--weeks", "4", "--twin", "--out", "out").stderr
        assert "flywheel.reference_week = 4" in said
        assert "reference_week" not in done("run", "small.toml", "--weeks", "5", "--twin", "--out", "b").stderr


class TestRefusals:
    def test_scenarios(self, world: Path) -> None:
        assert 'did you mean "run.weeks"?' in sentence("run", "small.toml", "--set", "run.weks=3")
        assert "run.weeks = 0 is not allowed" in sentence("run", "small.toml", "--weeks", "0")
        assert "run.seed = -1" in sentence("run", "small.toml", "--seed", "-1")
        assert "path=value" in sentence("run", "small.toml", "--set", "run.weeks")
        assert "no such file" in sentence("run", "none.toml")
        assert 'did you mean "tiny"?' in sentence("run", "tinny")
        world.write_text("[run]\nweeks = \n")
        assert "line 2" in sentence("run", "small.toml")
        assert files(Path()) == {"small.toml"}

    def test_wrong_numbers_on_the_command_line(self, world: Path) -> None:
        result = marketplace("run", "small.toml", "--weeks", "many")
        assert result.exit_code == 2 and "--weeks" in result.stderr

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (None, "does not exist"),
            ("x = 1", "registers nothing"),
            ("def", "line 1, is not valid Python"),
            ("\n1 / 0", "line 2, failed with ZeroDivisionError"),
        ],
    )
    def test_imports(self, world: Path, content: str | None, said: str) -> None:
        if content is not None:
            Path("mine.py").write_text(content)
        assert said in sentence("run", "small.toml", "--import", "mine.py", "--out", "out")
        assert not Path("out").exists()

    def test_places(self, world: Path, no_report: None) -> None:
        Path("file").write_text("mine")
        Path("folder").mkdir()
        Path("folder/mine").write_text("")
        run = ("run", "small.toml", "--weeks", "2", "--out")
        for force in ([], ["--force"]):
            assert sentence(*run, "file", *force) == "file: this is a file; --out takes a folder"
            assert sentence(*run, "file/below", *force) == "file/below: Not a directory"
            assert sentence(*run, "/proc/below/here", *force).startswith("/proc/below/here: ")
        assert sentence(*run, "folder") == "folder: this folder exists already; --force replaces it"
        assert "no results folder" in sentence(*run, "folder", "--force")
        assert files(Path()) == {"small.toml", "file", "folder"} and files(Path("folder")) == {"mine"}

    def test_an_existing_run(self, world: Path, no_report: None) -> None:
        done("run", "small.toml", "--weeks", "2", "--out", "out")
        assert "--force" in sentence("run", "small.toml", "--weeks", "3", "--out", "out")
        assert len(load_run("out").weekly) == 2
        done("run", "small.toml", "--weeks", "3", "--out", "out", "--force")
        assert len(load_run("out").weekly) == 3
        assert files(Path()) == {"small.toml", "out"}

    @pytest.mark.parametrize("name", ["to_parquet", "to_csv"])
    def test_a_full_disk(self, world: Path, no_report: None, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        def full(frame: pd.DataFrame, path: Path, **options: object) -> None:
            Path(path).write_text("half")
            raise OSError(errno.ENOSPC, "Error writing bytes to file. Detail: a paragraph")

        done("run", "small.toml", "--weeks", "2", "--out", "old")
        monkeypatch.setattr(pd.DataFrame, name, full)
        run = ("run", "small.toml", "--weeks", "3", "--csv", "--out")
        assert sentence(*run, "a/b") == "a/b: No space left on device"
        assert sentence(*run, "old", "--force") == "old: No space left on device"
        assert files(Path()) == {"small.toml", "old"} and len(load_run("old").weekly) == 2

    def test_a_file_size_limit(self, world: Path) -> None:
        # In a process of its own: the limit would hold for all later tests.
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))  # noqa: E731
        process = in_a_process("run", "small.toml", "--weeks", "3", "--out", "a/b", preexec_fn=limit)
        _, said = process.communicate(timeout=120)
        assert process.returncode == 2
        assert said.splitlines()[-1] == "marketplace: a/b: File too large" and "Traceback" not in said
        assert files(Path()) == {"small.toml"}


class TestOwnPolicies:
    def test_the_file_is_kept_and_the_run_can_be_made_again(self, world: Path, no_report: None) -> None:
        own = policy(Path(), 5, "return Decision(dividend=1.0)")
        done("run", "small.toml", "--import", own, "--set", "policy.name=odd", "--out", "out")
        facts = load_run("out", imports=True).provenance["imports"]
        assert facts == [{"file": "imports/odd.py", "sha256": results.sha256(Path(own))}]
        Path(own).unlink()
        assert "same to the last bit" in done("replay", "out").stdout

    @pytest.fixture
    def brought(self, world: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """The folder ``out`` of a run with a policy of one's own, which is then forgotten."""
        known = dict(POLICIES)
        own = policy(Path(), 5, "Path('executed').touch()")
        with monkeypatch.context() as patch:
            patch.setattr(run_report, "write_report", lambda folder: folder)
            done("run", "small.toml", "--import", own, "--set", "policy.name=odd", "--out", "out")
        forget_own_policies(known)
        Path("executed").unlink()
        yield
        forget_own_policies(known)

    def test_reading_a_folder_executes_nothing_unless_asked(self, brought: None) -> None:
        assert load_run("out").scenario.policy.name == "odd"
        done("report", "out")
        assert "odd" in Path("out/report.html").read_text()
        assert '"odd" -> "reinvest"' in done("diff", "out/scenario.toml", "tiny").stdout
        done("scenarios", "show", "out/scenario.toml")
        assert not any(name.startswith("_import_") for name in sys.modules) and not Path("executed").exists()
        assert load_run("out", imports=True).scenario.policy.name == "odd"

    def test_runs_with_code_of_ones_own_are_compared_without_it(self, brought: None, no_report: None) -> None:
        done("run", "small.toml", "--out", "plain")
        assert "gmv" in done("compare", "out", "plain", "--indicators", "gmv").stdout.lower()
        assert not any(name.startswith("_import_") for name in sys.modules)

    def test_where_the_code_is_needed_the_option_that_brings_it_is_named(self, brought: None, no_report: None) -> None:
        option = "--import out/imports/odd.py"
        for command in ("run", "ablate"):
            said = sentence(command, "out/scenario.toml", "--out", "again")
            assert said.startswith('out/scenario.toml: policy.name = "odd" is not allowed')
            assert said.endswith(f"(the run that left this file had {option})")
        done("scenarios", "check", "out/scenario.toml", *option.split())
        done("run", "out/scenario.toml", *option.split(), "--out", "again", "--weeks", "2")

    def test_what_is_known_by_name_only_cannot_be_lived_through(self, brought: None) -> None:
        with pytest.raises(StrategyError, match=r"code has not been brought in: add --import out/imports/odd\.py\.$"):
            MarketplaceModel(load_run("out").scenario)

    def test_a_file_edited_meanwhile_is_kept_as_it_was(self, world: Path, no_report: None) -> None:
        own = policy(Path(), 5, "Path('odd.py').write_text('edited')")
        before = Path(own).read_text()
        done("run", "small.toml", "--import", own, "--set", "policy.name=odd", "--out", "out")
        assert Path("out/imports/odd.py").read_text() == before and Path(own).read_text() == "edited"

    def test_two_files_of_one_name(self, world: Path, no_report: None) -> None:
        Path("a").mkdir()
        Path("b").mkdir()
        first = policy(Path("a"), 1, "pass")
        second = Path(policy(Path("b"), 2, "pass"))
        second.write_text(second.read_text().replace('"odd"', '"odder"'))
        done("run", "small.toml", "--import", first, "--import", str(second), "--weeks", "2", "--out", "out")
        assert files(Path("out/imports")) == {"odd.py", "odd-2.py"}

    def test_what_fails_in_it_is_said_and_the_weeks_before_it_are_kept(self, world: Path, no_report: None) -> None:
        own = policy(Path(), 7, "return 1 / 0")
        run = ("run", "small.toml", "--import", own, "--set", "policy.name=odd")
        said = sentence(*run, "--out", "out", "--set", "run.record_orders=true")
        assert "odd.py, line 13, failed in week 7 with ZeroDivisionError" in said
        assert said.endswith("out holds 6 of 12 weeks")
        kept = load_run("out", imports=True)
        assert kept.provenance["status"] == "failed" and "line 13" in kept.provenance["failure"]
        assert len(kept.weekly) == 6 and kept.network is None and kept.orders["week"].max() == 6
        assert "same to the last bit" in done("replay", "out").stdout

    @pytest.mark.parametrize(
        ("act", "what"), [("raise SystemExit('bye')", "SystemExit: bye"), ("exit(0)", "SystemExit: 0")]
    )
    def test_leaving_in_mid_run_is_a_failure_of_the_week(
        self, world: Path, no_report: None, act: str, what: str
    ) -> None:
        own = policy(Path(), 7, act)
        said = sentence("run", "small.toml", "--import", own, "--set", "policy.name=odd", "--out", "out")
        assert said == f"odd.py, line 13, failed in week 7 with {what}; out holds 6 of 12 weeks"
        assert len(load_run("out", imports=True).weekly) == 6

    @pytest.mark.parametrize("act", ["raise ValueError('init')", "raise SystemExit('init')"])
    def test_what_fails_before_the_first_week_has_no_week(self, world: Path, act: str) -> None:
        own = Path(policy(Path(), 1, "pass"))
        own.write_text(own.read_text() + f"\n    def __init__(self, settings):\n        {act}\n")
        said = sentence("run", "small.toml", "--import", str(own), "--set", "policy.name=odd", "--out", "out")
        assert said == f"the world could not be made: odd.py, line 17, failed with {act[6:].partition('(')[0]}: init"
        assert not Path("out").exists()

    def test_what_fails_in_the_first_week_leaves_nothing(self, world: Path) -> None:
        own = policy(Path(), 1, "return books.gvm")
        said = sentence("run", "small.toml", "--import", own, "--set", "policy.name=odd", "--out", "out")
        assert "failed in week 1 with AttributeError" in said and not Path("out").exists()

    def test_an_answer_that_is_no_decision(self, world: Path, no_report: None) -> None:
        own = policy(Path(), 3, "return 12")
        said = sentence("run", "small.toml", "--import", own, "--set", "policy.name=odd", "--out", "out")
        assert "must return a Decision, not 12" in said


class TestInterruption:
    @pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
    def test_the_weeks_it_has_are_kept(self, world: Path, no_report: None, name: str) -> None:
        own = policy(Path(), 7, f"os.kill(os.getpid(), signal.{name})")
        run = ("run", "small.toml", "--import", own, "--set", "policy.name=odd", "--twin")
        assert sentence(*run, "--out", "out", code=130) == "interrupted; out holds 7 of 12 weeks"
        kept = load_run("out", imports=True)
        assert kept.provenance["status"] == "interrupted" and kept.twin is None
        whole = MarketplaceModel(load_scenario("small.toml", {"policy.name": "hold"})).run().weekly
        assert first_difference(kept.weekly, whole.head(7)) == ""  # "odd" does what "hold" does
        assert len(kept.network) > 0
        Path(own).unlink()

    def test_in_the_twin(self, world: Path, no_report: None) -> None:
        act = "n = len(list(Path().glob('been*'))); Path(f'been{n}').touch(); n == 1 and os.kill(os.getpid(), 2)"
        own = policy(Path(), 7, act)
        run = ("run", "small.toml", "--import", own, "--set", "policy.name=odd", "--twin")
        said = sentence(*run, "--out", "out", code=130)
        assert said == "interrupted; out holds 12 of 12 weeks and 7 of the twin's"
        kept = load_run("out", imports=True)
        assert (len(kept.weekly), len(kept.twin), kept.provenance["status"]) == (12, 7, "interrupted")

    def test_before_a_week_is_whole_nothing_is_kept(self, world: Path) -> None:
        own = policy(Path(), 1, "os.kill(os.getpid(), signal.SIGINT)")
        run = ("run", "small.toml", "--import", own, "--set", "policy.name=odd", "--out", "a/out")
        assert sentence(*run, code=130) == "interrupted"
        assert files(Path()) == {"small.toml", "odd.py"}

    def test_a_second_ctrl_c_ends_it_at_once(self, world: Path) -> None:
        own = policy(Path(), 3, "os.kill(os.getpid(), 2); os.kill(os.getpid(), 2)")
        run = ("run", "small.toml", "--import", own, "--set", "policy.name=odd", "--out", "out")
        assert sentence(*run, code=130) == "interrupted"
        assert not Path("out").exists()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def test_from_outside(self, world: Path) -> None:
        own = policy(Path(), 5, "Path('begun').touch()")
        process = in_a_process(
            "run", "small.toml", "--weeks", "10400", "--import", own, "--set", "policy.name=odd", "--out", "out"
        )
        while not Path("begun").exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=120)
        assert process.returncode == 130 and "Traceback" not in errors
        assert "interrupted" in said.splitlines()[0]  # the scorecard says so
        run = load_run("out", imports=True)
        assert 5 <= run.provenance["weeks_done"] == len(run.weekly) < 10400
        assert f"out holds {len(run.weekly):,} of 10,400 weeks" in errors
        assert "report.html" in files(Path("out")) and files(Path()) == {"small.toml", "odd.py", "begun", "out"}


class TestReplay:
    def test_the_same_in_another_process(self, world: Path, no_report: None) -> None:
        done("run", "small.toml", "--twin", "--out", "out")
        process = in_a_process("replay", "out")
        said, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        assert said.startswith("out is the same to the last bit: weekly (12 weeks) and twin (12 weeks), ")

    def test_a_changed_figure_is_named(self, world: Path, no_report: None) -> None:
        done("run", "small.toml", "--out", "out")
        table = pd.read_parquet("out/weekly.parquet")
        table.loc[8, "orders"] += 1
        table.loc[6, "nps"] = math.nextafter(table.loc[6, "nps"], math.inf)
        table.to_parquet("out/weekly.parquet")
        said = sentence("replay", "out", code=1)
        assert said.startswith("out/weekly.parquet is not the same: first in week 7, nps was ")

    def test_a_changed_scenario_is_warned_of(self, world: Path, no_report: None) -> None:
        done("run", "small.toml", "--out", "out")
        text = Path("out/scenario.toml").read_text()
        Path("out/scenario.toml").write_text(text.replace("seed = 3 ", "seed = 4 "))
        result = marketplace("replay", "out")
        assert result.exit_code == 1
        assert "warning: scenario.toml says something else" in result.stderr

    def test_other_versions_are_warned_of(self, world: Path, no_report: None) -> None:
        done("run", "small.toml", "--out", "out")
        assert "warning" not in done("replay", "out").stderr
        path = Path("out/provenance.json")
        facts = json.loads(path.read_text())
        facts["versions"] |= {"numpy": "1.0", "python": "2.7"}
        facts["git"] = {"commit": "0" * 40, "dirty": False}
        path.write_text(json.dumps(facts))
        said = done("replay", "out").stderr
        assert "numpy 1.0, now 2" in said and "python 2.7, now 3" in said and f"commit {'0' * 40}, now" in said

    def test_the_new_run_can_be_kept(self, world: Path, no_report: None) -> None:
        done("run", "small.toml", "--twin", "--out", "out")
        done("replay", "out", "--out", "again")
        assert files(Path("again")) == files(Path("out"))
        assert Path("again/weekly.parquet").read_bytes() == Path("out/weekly.parquet").read_bytes()
        assert "--force" in sentence("replay", "out", "--out", "again")

    def test_a_graph_from_a_file_goes_with_the_run(self, world: Path, no_report: None) -> None:
        Path("friends.csv").write_text("0, 1\n1, 2\n5, 9\n")
        graph = ("--set", "social.graph=file", "--set", "social.file=friends.csv")
        done("run", "small.toml", *graph, "--out", "out")
        assert Path("out/inputs/friends.csv").read_text() == "0, 1\n1, 2\n5, 9\n"
        Path("friends.csv").unlink()
        assert "same to the last bit" in done("replay", "out").stdout
        said = sentence("run", "small.toml", *graph, "--out", "none")
        assert "friends.csv" in said and not Path("none").exists()
        Path("out/inputs/friends.csv").write_text("0, 2\n")
        assert "SHA-256" in sentence("replay", "out")


class TestLoading:
    @pytest.fixture
    def folder(self, world: Path, no_report: None) -> Path:
        own = policy(Path(), 5, "pass")
        done("run", "small.toml", "--import", own, "--weeks", "3", "--twin", "--out", "out")
        return Path("out")

    def test_what_is_no_results_folder(self, world: Path) -> None:
        assert sentence("replay", "none") == "none: there is no such folder"
        assert "this is a file" in sentence("replay", "small.toml")
        assert "no results folder" in sentence("replay", ".")

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"schema": 2}, "newer version (layout 2"),
            ({"schema": "1"}, "damaged or foreign: schema"),
            ({"weeks_done": None}, "damaged or foreign: weeks_done"),
            ({"weeks_done": 2}, "is not the table"),
            ({"imports": [{"file": "../odd.py"}]}, "is no file of this folder"),
            ({"imports": [3]}, "is no file of this folder"),
            ({"imports": [{"file": "imports/none.py"}]}, "is missing"),
        ],
    )
    def test_a_wrong_provenance(self, folder: Path, change: dict[str, Any], said: str) -> None:
        path = folder / "provenance.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
        assert said in sentence("replay", "out")

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
    @pytest.mark.parametrize("name", ["provenance.json", "summary.json"])
    def test_damaged_json(self, folder: Path, name: str, content: bytes) -> None:
        (folder / name).write_bytes(content)
        assert f"out/{name} is damaged" in sentence("replay", "out")

    @pytest.mark.parametrize("name", ["weekly", "twin", "network"])
    def test_damaged_tables(self, folder: Path, name: str) -> None:
        path = folder / f"{name}.parquet"
        path.write_bytes(path.read_bytes()[:-100])
        assert f"out/{name}.parquet is damaged" in sentence("replay", "out")

    def test_missing_files(self, folder: Path) -> None:
        (folder / "weekly.parquet").unlink()
        assert "out/weekly.parquet" in sentence("replay", "out")

    def test_a_damaged_scenario(self, folder: Path) -> None:
        (folder / "scenario.toml").write_text("[run]\nweeks = x\n")
        assert "out/scenario.toml: " in sentence("replay", "out")
        (folder / "scenario.toml").unlink()
        assert "out/scenario.toml cannot be read" in sentence("replay", "out")

    def test_a_changed_policy_is_not_executed(self, folder: Path) -> None:
        (folder / "imports" / "odd.py").write_text("raise SystemExit('executed')")
        assert "SHA-256 differs" in sentence("replay", "out")

    def test_it_is_a_value_error_for_programs(self) -> None:
        with pytest.raises(ResultsError, match="no such folder"):
            load_run("none")


class TestFirstDifference:
    table = pd.DataFrame({"week": [1, 2], "gmv": [0.0, math.nan], "nps": [1.0, 2.0]})

    def test_undefined_values_are_equal(self) -> None:
        assert first_difference(self.table, self.table.copy()) == ""

    @pytest.mark.parametrize(
        ("row", "column", "value", "said"),
        [
            (0, "gmv", -0.0, "first in week 1, gmv was 0.0 and is -0.0"),
            (1, "gmv", 0.0, "first in week 2, gmv was nan and is 0.0"),
            (1, "nps", math.nan, "first in week 2, nps was 2.0 and is nan"),
        ],
    )
    def test_a_single_bit_counts(self, row: int, column: str, value: float, said: str) -> None:
        other = self.table.copy()
        other.loc[row, column] = value
        assert first_difference(self.table, other) == said

    def test_shapes(self) -> None:
        assert "nps" in first_difference(self.table, self.table.drop(columns="nps"))
        assert "nps" in first_difference(self.table.drop(columns="nps"), self.table)
        assert first_difference(self.table, self.table.head(1)) == "it has 2 weeks, the new run 1"
