"""``marketplace calibrate``: a search that repeats, whatever happens in between, and what it leaves behind."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from experiments.calibration.calibrating import calibrate, plan_of, trial_from
from experiments.calibration.findings import Profile, pareto, profiles, trade_offs
from experiments.calibration.journal import JOURNAL, Journal, Plan, best_of
from experiments.calibration.page import page
from experiments.calibration.results import scenario_text, statement, write_results
from experiments.calibration.search import CAP, STARTUP, Trial, ask, loss_of, place_of, value_at
from experiments.calibration.surrogate import Surrogate
from experiments.cli import app
from experiments.engine import Done, Failure, Job
from experiments.errors import ResultsError
from experiments.progress import Progress
from experiments.runs import Stop
from experiments.validation.targets import Parameter, load_targets, read_targets
from marketplace.scenario import Scenario, load_scenario, loads

FILE = """
scenario = "tiny"
[targets.A]
statistic = "conversion"
value = 0.5
tolerance = 0.05
source = "a test"
[targets.B]
statistic = "returns"
value = 0.5
tolerance = 0.05
source = "a test"
[targets.C]
statistic = "share_2018"
value = 0.5
tolerance = 0.05
required = false
source = "a test"
[parameters."choice.alpha"]
low = 1.0
high = 5.0
source = "assumption: a test"
[parameters."choice.tau"]
low = 1.0
high = 100.0
scale = "log"
source = "assumption: a test"
[parameters."search.shown"]
low = 1
high = 9
source = "assumption: a test"
"""
COMMISSION = FILE.replace("choice.alpha", "platform.commission").replace("1.0\nhigh = 5.0", "0.1\nhigh = 0.5")


def plan(**changes: Any) -> Plan:
    base = load_scenario("tiny").with_changes({"run.weeks": 3, "customers.count": 50})
    return replace(plan_of(Plan(base, read_targets(FILE, "mine"), 2, 5, 1), 5), **changes)


def figures(world: Scenario) -> dict[str, float]:
    """A cheap world: alpha and tau alone decide, the third parameter nothing."""
    a, t = (world.choice.alpha - 1.0) / 4.0, math.log(world.choice.tau) / math.log(100.0)
    noise = 0.002 * (world.run.seed % 2)
    return {"fact.conversion": a + noise, "fact.returns": (a + t) / 2.0, "fact.share_2018": a * t}


def stub(order: Callable[[list[Job]], list[Job]] = list, stop_after: float = math.inf, stop: Stop | None = None) -> Any:
    """In place of the engine: runs cost nothing, and come back in any order."""
    count = 0

    def run(jobs: list[Job], **how: Any) -> Iterator[Done]:
        nonlocal count
        for job in order(list(jobs)):
            if count >= stop_after and stop is not None:
                stop.asked = True
                return
            count += 1
            yield Done(job.run_id, job.point, job.replicate, job.seed, "complete", figures(job.scenario), None, 0.1)

    return run


def search(folder: Path, trials: int, run: Any = None, stop: Stop | None = None, **changes: Any) -> list[Trial]:
    folder.mkdir(exist_ok=True)
    return calibrate(plan(**changes), folder, trials, stop=stop or Stop(), progress=Progress(), run=run or stub())


def profiles_of(mine: Plan, trials: list[Trial]) -> list[Profile]:
    return profiles(mine.targets.parameters, mine.targets.targets, trials)


class TestSearch:
    def test_the_optimum_of_a_cheap_world_is_found(self, tmp_path: Path) -> None:
        best = best_of(search(tmp_path, 60))
        assert best.loss < 1.0  # both targets are inside
        assert best.values["choice.alpha"] == pytest.approx(3.0, abs=0.25)

    def test_it_learns_and_does_not_only_spread(self, tmp_path: Path) -> None:
        losses = [one.loss for one in search(tmp_path, 60)]
        assert np.median(losses[STARTUP:]) < 0.5 * np.median(losses[:STARTUP])

    def test_the_order_in_which_runs_end_changes_nothing(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(3)
        shuffled = stub(lambda jobs: [jobs[k] for k in rng.permutation(len(jobs))])
        assert search(tmp_path / "a", 40) == search(tmp_path / "b", 40, shuffled)

    def test_another_seed_asks_for_other_parameters(self, tmp_path: Path) -> None:
        assert search(tmp_path / "a", 10) != search(tmp_path / "b", 10, seed=2)

    def test_all_seeds_of_a_trial_are_its_own_and_the_same_for_all(self, tmp_path: Path) -> None:
        seen: dict[int, set[int]] = {}

        def run(jobs: list[Job], **how: Any) -> Iterator[Done]:
            for job in jobs:
                seen.setdefault(job.point, set()).add(job.scenario.run.seed)
            yield from stub()(jobs)

        search(tmp_path, 10, run, seeds=3)
        first = plan().scenario.run.seed
        assert seen == {k: {first, first + 1, first + 2} for k in range(10)}

    @pytest.mark.parametrize("size", [1, 7, 12])
    def test_a_batch_spreads_out_and_stays_in_its_ranges(self, size: int) -> None:
        parameters = read_targets(FILE).parameters
        told: list[Trial] = []
        for _ in range(4):
            points = ask(parameters, told, 1, size)
            assert len(points) == size and len({json.dumps(point) for point in points}) == size
            for p in parameters:
                assert all(p.low <= point[p.path] <= p.high for point in points)
            told += [Trial(len(told) + k, point, {}, {}, 1.0 + k) for k, point in enumerate(points)]

    def test_integers_stay_integers_and_get_like_shares(self) -> None:
        shown = Parameter("search.shown", 1, 4, False, "x", integer=True)
        values = [value_at(shown, u) for u in np.linspace(0.0, 1.0, 4001)]
        assert {type(value) for value in values} == {int}
        assert np.bincount(values)[1:] == pytest.approx(1000, abs=2)

    def test_places_and_values_are_inverse(self) -> None:
        for p in read_targets(FILE).parameters[:2]:
            for unit in (0.0, 0.3, 1.0):
                assert place_of(p, value_at(p, unit)) == pytest.approx(unit, abs=1e-3)

    def test_loss_counts_required_targets_and_is_capped(self) -> None:
        targets = read_targets(FILE).targets
        assert loss_of(targets, {"A": 2.0, "B": math.inf, "C": 9.0}) == 4.0 + CAP**2


class TestRepeats:
    def test_broken_off_anywhere_it_goes_on_as_if_it_had_not_been(self, tmp_path: Path) -> None:
        whole = search(tmp_path / "whole", 45)
        for k, runs in enumerate((11, 37, 64)):
            folder, stop = tmp_path / str(k), Stop()
            part = search(folder, 45, stub(stop_after=runs, stop=stop), stop)
            assert len(part) == runs // 10 * 5 < 45  # only whole batches are kept
            assert search(folder, 45) == whole

    def test_broken_off_while_a_batch_is_told_it_asks_for_the_rest_of_it(self, tmp_path: Path) -> None:
        whole = search(tmp_path / "whole", 45)
        folder = tmp_path / "part"
        folder.mkdir()
        journal = Journal(folder / JOURNAL, plan())
        for one in whole[:42]:
            journal.tell(one)
        del journal
        asked: list[int] = []

        def run(jobs: list[Job], **how: Any) -> Iterator[Done]:
            asked.extend(job.point for job in jobs)
            yield from stub()(jobs)

        assert search(folder, 45, run) == whole
        assert sorted(set(asked)) == [42, 43, 44]

    def test_half_a_line_at_the_end_is_taken_away(self, tmp_path: Path) -> None:
        whole = search(tmp_path / "whole", 20)
        search(tmp_path, 15)
        path = tmp_path / JOURNAL
        content = path.read_bytes()
        path.write_bytes(content + content.splitlines()[-1][:40])
        path.with_name(f"{JOURNAL}.lock").symlink_to(path)  # as a killed Optuna leaves it
        begun = time.monotonic()
        assert search(tmp_path, 20) == whole
        assert time.monotonic() - begun < 20.0  # it does not wait for the lock of the dead

    def test_more_trials_go_on_where_fewer_ended(self, tmp_path: Path) -> None:
        search(tmp_path / "a", 12)  # in the middle of a batch
        assert search(tmp_path / "a", 40) == search(tmp_path / "b", 40)

    def test_killed_and_resumed_it_comes_to_the_same(self, tmp_path: Path) -> None:
        script = tmp_path / "search.py"
        script.write_text(
            "import importlib.util, sys, time\nfrom pathlib import Path\n"
            f"spec = importlib.util.spec_from_file_location('mine', {str(Path(__file__))!r})\n"
            "mine = importlib.util.module_from_spec(spec); spec.loader.exec_module(mine)\n"
            "def slowly(jobs):\n    time.sleep(0.05)\n    return jobs\n"
            "mine.search(Path(sys.argv[1]), 400, mine.stub(slowly))\n"
        )
        folder = tmp_path / "killed"
        process = subprocess.Popen([sys.executable, str(script), str(folder)], stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 60.0
            while time.monotonic() < deadline and process.poll() is None:
                path = folder / JOURNAL
                if path.exists() and path.read_bytes().count(b"\n") > 34:
                    break
                time.sleep(0.01)
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        there = (folder / JOURNAL).read_bytes().count(b"\n")
        assert 34 < there < 300
        trials = there + 6
        assert search(folder, trials) == search(tmp_path / "whole", trials)


class TestJournal:
    OTHER = {
        "scenario": (lambda p: replace(p, scenario=p.scenario.with_changes({"choice.mu": 0.7})), "another scenario"),
        "targets": (lambda p: replace(p, targets=read_targets(FILE.replace("value = 0.5", "value = 0.51"))), "targets"),
        "ranges": (lambda p: replace(p, targets=read_targets(FILE.replace("high = 5.0", "high = 6.0"))), "ranges"),
        "seeds": (lambda p: replace(p, seeds=3), "number of seeds"),
        "batch": (lambda p: replace(p, batch=4), "size of batches"),
        "seed": (lambda p: replace(p, seed=9), "seed of the search"),
    }

    @pytest.mark.parametrize("name", OTHER)
    def test_that_of_another_search_is_refused_in_a_sentence(self, name: str, tmp_path: Path) -> None:
        search(tmp_path, 5)
        before = (tmp_path / JOURNAL).read_bytes()
        change, said = self.OTHER[name]
        with pytest.raises(ResultsError, match=said) as error:
            Journal(tmp_path / JOURNAL, change(plan()))
        assert "\n" not in str(error.value)
        assert (tmp_path / JOURNAL).read_bytes() == before

    def test_that_of_other_sources_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        search(tmp_path, 5)
        monkeypatch.setattr("experiments.engine.jobs.sources_hash", lambda: "other")
        with pytest.raises(ResultsError, match="other sources"):
            Journal(tmp_path / JOURNAL, plan())

    def test_words_in_the_target_file_do_not_matter(self, tmp_path: Path) -> None:
        search(tmp_path, 5)
        again = read_targets(FILE.replace("a test", "another source"))
        assert len(Journal(tmp_path / JOURNAL, plan(targets=again)).trials) == 5

    @pytest.mark.parametrize("content", [b"hello", b"hello\n", b"{}\n", b"[1]\n", b"\xff\n", b'{"op_code": 99}\n'])
    def test_what_is_no_journal_is_refused(self, content: bytes, tmp_path: Path) -> None:
        (tmp_path / JOURNAL).write_bytes(content)
        with pytest.raises(ResultsError, match="journal"):
            Journal(tmp_path / JOURNAL, plan())
        assert (tmp_path / JOURNAL).read_bytes() == content

    def test_a_trial_that_was_not_asked_for_is_noticed(self, tmp_path: Path) -> None:
        trials = search(tmp_path / "whole", 10)
        journal = Journal(tmp_path / JOURNAL, plan())
        for one in trials[:6]:
            journal.tell(one)
        journal.tell(replace(trials[6], values=trials[6].values | {"choice.alpha": 4.321}))
        with pytest.raises(ResultsError, match="is not what this search asks for"):
            search(tmp_path, 10)


class TestFailures:
    def test_a_failed_run_is_a_miss_and_the_search_goes_on(self, tmp_path: Path) -> None:
        def run(jobs: list[Job], **how: Any) -> Iterator[Done]:
            for job, done in zip(jobs, stub()(jobs), strict=True):
                broken = job.scenario.choice.alpha > 3.5
                yield Done.failed(job, Failure("week", 2, "ValueError", "no"), 0.1) if broken else done

        trials = search(tmp_path, 20, run)
        broken = [one for one in trials if one.values["choice.alpha"] > 3.5]
        assert broken and all(one.failed == 2 and one.loss == 2 * CAP**2 for one in broken)

    def test_a_batch_of_failures_ends_it_in_a_sentence(self, tmp_path: Path) -> None:
        def run(jobs: list[Job], **how: Any) -> Iterator[Done]:
            yield from (Done.failed(job, Failure("week", 2, "ValueError", "no stock"), 0.1) for job in jobs)

        with pytest.raises(ResultsError, match="every run of a batch failed: ValueError: no stock"):
            search(tmp_path, 20, run)

    def test_a_seed_that_leaves_a_statistic_undefined_does_not_hide_the_others(self) -> None:
        runs = [
            Done("x", 0, k, k, "complete", {"fact.conversion": value, "fact.returns": math.nan}, None, 1.0)
            for k, value in enumerate([0.4, math.nan])
        ]
        trial = trial_from(plan(), 0, {}, runs)
        assert trial.statistics["A"] == 0.4 and math.isnan(trial.statistics["B"]) and trial.misses["B"] == math.inf


class TestFindings:
    def trials(self, tmp_path: Path) -> list[Trial]:
        return search(tmp_path, 80)

    def test_what_decides_is_pinned_down_and_what_does_not_is_not(self, tmp_path: Path) -> None:
        trials = self.trials(tmp_path)
        found = {one.parameter.path: one for one in profiles_of(plan(), trials)}
        # The search itself has drawn together in the third, too, so this cannot be read off its best trials.
        assert found["choice.alpha"].pinned and found["choice.tau"].pinned
        assert not found["search.shown"].pinned and "not pinned down" in found["search.shown"].words
        assert found["choice.alpha"].low < 3.0 < found["choice.alpha"].high
        assert found["choice.tau"].low < 10.0 < found["choice.tau"].high

    def test_the_surrogate_foretells_what_it_has_not_seen(self) -> None:
        rng = np.random.default_rng(1)
        places = rng.random((160, 4))
        losses = 30.0 * (places[:, 0] - 0.4) ** 2 + 20.0 * (places[:, 1] - places[:, 0]) ** 2
        surrogate = Surrogate(places[:120], losses[:120])
        assert np.corrcoef(surrogate(places[120:]), losses[120:])[0, 1] > 0.98
        assert surrogate.scales[2:].min() > 3.0 * surrogate.scales[:2].max()

    def test_the_gradient_of_the_surrogate_is_right(self) -> None:
        rng = np.random.default_rng(2)
        places = rng.random((30, 3))
        surrogate = Surrogate(places, places[:, 0] + 0.1 * rng.standard_normal(30))
        apart = (places.T[:, :, None] - places.T[:, None, :]) ** 2
        logs = np.log([0.5, 1.0, 3.0, 0.1])
        value, slope = surrogate._surprise(logs, apart)
        for k in range(4):
            step = np.eye(4)[k] * 1e-6
            expected = (surrogate._surprise(logs + step, apart)[0] - surrogate._surprise(logs - step, apart)[0]) / 2e-6
            assert slope[k] == pytest.approx(expected, rel=1e-4, abs=1e-6)
        assert math.isfinite(value)

    def test_pareto_front_is_what_nothing_beats(self) -> None:
        targets = plan().targets.targets
        misses = [(1.0, 2.0), (2.0, 1.0), (2.0, 2.0), (1.0, 2.0), (0.5, 4.0)]
        trials = [Trial(k, {}, {}, {"A": a, "B": b, "C": 0.0}, a * a + b * b) for k, (a, b) in enumerate(misses)]
        assert pareto(targets, trials) == [True, True, False, True, True]
        assert [one.number for _, one in trade_offs(targets, trials)] == [0, 4, 1]

    def test_the_scenario_says_where_its_values_come_from_and_reads_back(self, tmp_path: Path) -> None:
        trials, mine = self.trials(tmp_path), plan()
        base = load_scenario("tiny").with_changes({"run.weeks": 3, "customers.count": 50})
        write_results(tmp_path, mine, base, trials, profiles_of(mine, trials))
        text = (tmp_path / "scenario.toml").read_text()
        best = best_of(trials)
        assert loads(text) == base.with_changes(best.values)
        lines = text.splitlines()
        for path in best.values:
            key = path.rpartition(".")[2]
            at = next(k for k, line in enumerate(lines) if line.startswith(f"{key} = "))
            assert f"trial {best.number}, targets mine, loss" in lines[at - 2] and "pinned down" in lines[at - 1]
        said = json.loads((tmp_path / "calibration.json").read_text())
        assert said["best"]["trial"] == best.number and len(said["parameters"]) == 3
        table = pd.read_parquet(tmp_path / "trials.parquet")
        assert table["loss"].tolist() == [one.loss for one in trials]
        assert table["choice.alpha"].tolist() == [one.values["choice.alpha"] for one in trials]

    def test_a_short_search_is_not_said_to_have_learned(self, tmp_path: Path) -> None:
        trials, mine = search(tmp_path, 8, seeds=1), plan(seeds=1)
        short = page(mine, trials, profiles_of(mine, trials))
        assert f"All trials are spread evenly over the ranges, as the first {STARTUP} of any search are" in short
        assert "by the single seed that the search has seen" in short and "1 seeds" not in short
        assert f"Trial {best_of(trials).number}, counted from 0, of 8" in short
        many = [replace(trials[k % 8], number=k) for k in range(STARTUP + 1)]
        long = page(plan(), many, profiles_of(plan(), many))
        assert f"The first {STARTUP} trials are spread evenly" in long and "the mean over the 2 seeds" in long
        text = scenario_text(mine.scenario, mine, trials, profiles_of(mine, trials), datetime.now(UTC))
        assert f"Every trial ran under seed {mine.scenario.run.seed};" in text and ", counted from 0, of 8" in text

    def test_comments_stand_at_the_platform_that_is_meant(self, tmp_path: Path) -> None:
        two = load_scenario("two-platforms")
        name = two.platforms[1].name
        file = COMMISSION.replace("platform.commission", f"platforms.{name}.commission")
        mine = plan(targets=read_targets(file, "mine"))
        values = {f"platforms.{name}.commission": 0.31, "choice.tau": 9.0, "search.shown": 3}
        trials = [Trial(k, values, {}, {"A": 1.0, "B": 1.0, "C": 1.0}, 2.0) for k in range(5)]
        world = two.with_changes(values)
        when = datetime(2026, 1, 2, tzinfo=UTC)
        text = scenario_text(world, mine, trials, profiles_of(mine, trials), when)
        assert loads(text) == world
        second = text.split("[[platforms]]")[2]
        assert "# calibrated 2026-01-02" in second.split("commission = 0.31")[0]
        assert text.count("# calibrated") == 3

    def test_the_page_stands_by_itself(self, tmp_path: Path) -> None:
        trials = self.trials(tmp_path)
        found = profiles_of(plan(), trials)
        text = page(plan(), trials, found)
        assert "Not pinned down: search.shown." in text
        assert "<script" not in text and "http://" not in text.replace("http://www.w3.org", "") and "src=" not in text
        json.dumps(statement(plan(), trials, found), allow_nan=False)


class TestCommand:
    def run(self, *arguments: str) -> Any:
        return CliRunner().invoke(app, ["calibrate", *arguments])

    def test_a_search_from_the_command_line_and_on_with_resume(self, tmp_path: Path) -> None:
        file, out = tmp_path / "mine.toml", tmp_path / "out"
        file.write_text(FILE.replace('required = false\n', ""))
        small = ["--weeks", "3", "--set", "customers.count=60", "--seeds", "1", "--batch", "2", "--workers", "1"]
        small.append("--quiet")
        done = self.run(str(file), *small, "--trials", "2", "--out", str(out))
        assert done.exit_code == 0, done.output
        wanted = {"scenario.toml", "trials.parquet", "calibration.json", "calibration.html", JOURNAL}
        assert wanted <= set(os.listdir(out))
        first = pd.read_parquet(out / "trials.parquet")
        assert first["failed"].sum() == 0 and first["statistic.A"].notna().all()
        again = self.run(str(file), *small, "--trials", "4", "--out", str(out), "--resume")
        assert again.exit_code == 0, again.output
        more = pd.read_parquet(out / "trials.parquet")
        pd.testing.assert_frame_equal(more.head(2)[["loss", "choice.alpha"]], first[["loss", "choice.alpha"]])
        assert len(more) == 4 and json.loads((out / "provenance.json").read_text())["status"] == "complete"
        before = (out / "targets.toml").read_text()
        file.write_text(file.read_text().replace("value = 0.5", "value = 0.51"))
        other = self.run(str(file), *small, "--trials", "4", "--out", str(out), "--resume")
        assert other.exit_code == 2 and "is the journal of other targets" in other.stderr
        assert len(other.stderr.splitlines()) == 1 and (out / "targets.toml").read_text() == before
        file.write_text(before)
        small[3] = "customers.count=70"
        world = self.run(str(file), *small, "--trials", "4", "--out", str(out), "--resume")
        said = "is the journal of another scenario (customers.count is 60 there and 70 here): name another --out"
        assert world.exit_code == 2 and said in world.stderr and len(world.stderr.splitlines()) == 1

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["FILE", "--trials", "3"], "--trials 3 is not allowed: it must be at least a batch, 10"),
            (["FILE", "--trials", "0"], "--trials 0 is not allowed: it must be at least a batch, 10"),
            (["FILE", "--scenario", "bazzar"], "bazzar"),
            (["FILE", "--scenario", "two-platforms", "--set", "nothing=1"], "nothing is not a field"),
            (["nowhere"], "No such file"),
            (["SHOWN"], "none of the targets is required"),
            (["FIXED"], "nothing to move"),
            (["OFTWO", "--scenario", "two-platforms"], "platform"),
            (["FILE", "--resume", "--out", "FULL"], "holds no calibration"),
        ],
    )
    def test_bad_input_is_one_sentence_and_exit_code_2(self, arguments: list[str], said: str, tmp_path: Path) -> None:
        files = {
            "FILE": FILE,
            "SHOWN": FILE.replace("required = false\n", "").replace("tolerance", "required = false\ntolerance"),
            "FIXED": FILE.partition("[parameters")[0],
            "OFTWO": COMMISSION,
        }
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        (tmp_path / "FULL").mkdir()
        (tmp_path / "FULL" / "letter.txt").write_text("dear")
        known = {*files, "FULL"}
        result = self.run(*[str(tmp_path / word) if word in known else word for word in arguments])
        assert result.exit_code == 2, result.output
        (line,) = result.stderr.splitlines()
        assert line.startswith("marketplace: ") and said in line

    def test_resume_without_a_folder_finds_the_newest_of_this_search(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from experiments.calibration.results import write_provenance
        from experiments.commands.calibrate import folder_to_resume

        monkeypatch.chdir(tmp_path)
        with pytest.raises(ResultsError, match="nothing to resume"):
            folder_to_resume(plan(), None)
        for name, seed in (("a", 1), ("b", 2)):
            folder = tmp_path / "results" / name
            folder.parent.mkdir(exist_ok=True)
            search(folder, 5, seed=seed)
            write_provenance(folder, plan(seed=seed), "interrupted", {})
        assert folder_to_resume(plan(), None) == Path("results/a")
        shutil.rmtree(tmp_path / "results" / "a")
        with pytest.raises(ResultsError, match="nothing to resume"):
            folder_to_resume(plan(), None)


@pytest.mark.slow
def test_the_number_of_workers_changes_nothing(tmp_path: Path) -> None:
    shown = tuple(replace(one, required=True) for one in load_targets("amazon").targets[-2:])
    mine = plan(targets=replace(read_targets(FILE, "mine"), targets=shown))
    found = []
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        folder.mkdir()
        trials = calibrate(mine, folder, 10, stop=Stop(), progress=Progress(), workers=workers)
        found.append([(one.values, one.statistics, one.loss) for one in trials])
    assert repr(found[0]) == repr(found[1])
