"""``marketplace sweep`` and ``marketplace merge``: what they leave, say and refuse; every engine gives the same."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
from support.command_line import done, marketplace, sentence
from support.policies import forget_own_policies
from support.worlds import SMALL

from agents.policies import POLICIES
from experiments import load_results
from experiments.designs import load_design
from experiments.engine import Done, Job, jobs, pool, run_jobs, running, sweep
from experiments.engine import plan as planning
from marketplace import MarketplaceModel
from marketplace.indicators import summary
from marketplace.scenario import load_scenario

DESIGN = """
scenario = "small.toml"
replications = 2
weekly = true

[design]
kind = "grid"

[design.factors]
"platform.commission" = [0.05, 0.10, 0.15]
"""

POLICY = """
from agents.policies import Decision, PlatformPolicy


class Odd(PlatformPolicy):
    name = "odd"

    def decide(self, books):
        return Decision()
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a small scenario and a design; runs are carried out in this process."""

    def here(jobs: Any, **how: Any) -> Iterator[Done]:
        return running.run_jobs(jobs, **how | {"engine": "here"})

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sweep, "run_jobs", here)
    (tmp_path / "small.toml").write_text(SMALL)
    (tmp_path / "design.toml").write_text(DESIGN)
    return tmp_path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep of the design, carried out by two processes."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("small.toml").write_text(SMALL)
        Path("design.toml").write_text(DESIGN)
        done("sweep", "design.toml", "--out", "out", "--workers", "2", "--csv")
    return folder / "out"


def assert_same(folder: str, other: Path | str) -> None:
    mine, theirs = load_results(folder), load_results(other)
    for table in ("summary", "weekly", "failures"):
        a, b = (getattr(one, table).drop(columns="seconds", errors="ignore") for one in (mine, theirs))
        pd.testing.assert_frame_equal(a, b, check_exact=True)


class TestTables:
    def test_every_run_is_the_model_by_itself(self, whole: Path) -> None:
        results = load_results(whole)
        table, weeks = results.summary, results.weekly
        assert list(table.columns[:7]) == [
            "run_id", "point", "replicate", "seed", "status", "seconds", "platform.commission",
        ]  # fmt: skip
        assert table[["point", "replicate", "seed"]].to_numpy().tolist() == [
            [point, replicate, 3 + replicate] for point in range(3) for replicate in range(2)
        ]
        assert table["platform.commission"].tolist() == [0.05, 0.05, 0.10, 0.10, 0.15, 0.15]
        assert set(table["status"]) == {"complete"} and table["run_id"].is_unique and (table["seconds"] > 0).all()
        for row in (1, 4):
            commission, seed = table.loc[row, "platform.commission"], int(table.loc[row, "seed"])
            weekly = MarketplaceModel(load_scenario("small.toml", {"platform.commission": commission}), rng=seed)
            weekly = weekly.run().weekly
            mine = weeks[weeks["run_id"] == table.loc[row, "run_id"]].reset_index(drop=True)
            pd.testing.assert_frame_equal(mine[list(weekly.columns)], weekly, check_exact=True)
            expected = pd.Series({k: float("nan") if v is None else v for k, v in summary(weekly).items()})
            pd.testing.assert_series_equal(
                table.loc[row, expected.index].astype(float), expected, check_exact=True, check_names=False
            )
        assert results.failures.empty and results.factors == ["platform.commission"]
        assert list(results.failures.columns) == [
            "run_id", "point", "replicate", "seed", "stage", "week", "exception", "message", "traceback", "attempts",
        ]  # fmt: skip

    def test_what_it_was_made_with_is_kept(self, whole: Path) -> None:
        results = load_results(whole)
        said = results.provenance
        assert (said["kind"], said["status"], said["points"], said["replications"]) == ("sweep", "complete", 3, 2)
        assert (said["seeds"], said["seed"], said["weeks"]) == ("common", 3, 4)
        assert said["sources_sha256"] == jobs.sources_hash() and said["versions"]["python"]
        assert [session["ended"] is not None for session in said["sessions"]] == [True]
        assert results.design == DESIGN
        assert load_scenario(whole / "scenario.toml") == load_scenario("small.toml")

    def test_csv_says_the_same(self, whole: Path) -> None:
        results = load_results(whole)
        for name in ("summary", "weekly"):
            table = getattr(results, name)
            read = pd.read_csv(whole / f"{name}.csv", dtype=str).astype(table.dtypes)
            pd.testing.assert_frame_equal(read, table, check_exact=True)
        assert (whole / "failures.csv").read_text().startswith("run_id,point")

    def test_questions_in_sql(self, whole: Path) -> None:
        results = load_results(whole)
        means = results.query('SELECT "platform.commission" AS c, avg(gmv) AS gmv FROM summary GROUP BY c ORDER BY c')
        expected = results.summary.groupby("platform.commission")["gmv"].mean()
        assert means["gmv"].tolist() == pytest.approx(expected.tolist(), rel=1e-12)
        with pytest.raises(ValueError, match="cannot be answered: .*gmw"):
            results.query("SELECT gmw FROM summary")

    @pytest.mark.parametrize("by", [None, [], ["platform.commission"], ["replicate"]])
    def test_a_band_is_what_pandas_says(self, by: list[str] | None, whole: Path) -> None:
        results = load_results(whole)
        band = results.band("gmv", by, level=0.8)
        groups = ["platform.commission"] if by is None else by
        assert list(band.columns) == ["week", *groups, "n", "mean", "low", "high", "median"]
        grouped = results.weekly.groupby([*groups, "week"])["gmv"]
        assert band["n"].tolist() == grouped.count().tolist()
        for name, expected in (
            ("mean", grouped.mean()), ("median", grouped.median()), ("low", grouped.quantile(0.1)),
            ("high", grouped.quantile(0.9)),
        ):  # fmt: skip
            assert band[name].tolist() == pytest.approx(expected.tolist(), rel=1e-12)

    def test_a_band_of_what_there_is_not(self, whole: Path) -> None:
        results = load_results(whole)
        with pytest.raises(ValueError, match='gmw is not a column .* did you mean "gmv"'):
            results.band("gmw")
        with pytest.raises(ValueError, match="level = 95 is not allowed"):
            results.band("gmv", level=95)
        Path("design.toml").write_text(DESIGN.replace("weekly = true", ""))
        done("sweep", "design.toml", "--out", "short")
        with pytest.raises(ValueError, match="short keeps no weeks: sweep with --weekly"):
            load_results("short").band("gmv")
        with pytest.raises(ValueError, match="short keeps no weeks: sweep with --weekly"):
            load_results("short").weekly  # noqa: B018

    def test_any_name_will_do_for_a_folder(self, whole: Path) -> None:
        odd = Path("a [b]*?'c\"; x")
        shutil.copytree(whole, odd)
        assert_same(str(odd), whole)

    def test_undefined_is_missing_and_no_mean_is_spoilt_by_it(self, whole: Path) -> None:
        results = load_results(whole)
        said = results.query("SELECT count(retention_rate) AS n, count(*) AS weeks FROM weekly")
        assert said["n"].iloc[0] < said["weeks"].iloc[0]
        column = results.weekly["churn_rate"]
        mean = results.query("SELECT avg(churn_rate) AS mean FROM weekly")["mean"].iloc[0]
        assert mean == pytest.approx(column.mean(), rel=1e-12) and results.weekly["retention_rate"].isna().any()

    @pytest.mark.parametrize("harm", ["no folder", "no manifest", "damaged", "newer"])
    def test_what_is_no_sweep_is_refused(self, harm: str, whole: Path) -> None:
        if harm != "no folder":
            shutil.copytree(whole, "bad")
        if harm == "no manifest":
            Path("bad/manifest.json").unlink()
        elif harm == "damaged":
            Path("bad/manifest.json").write_text('{"schema": 1, "shards": 7}')
        elif harm == "newer":
            Path("bad/manifest.json").write_text(json.dumps({"schema": 99}))
        expected = {"no folder": "there is no such folder", "no manifest": "this is no sweep", "damaged": "is damaged"}
        with pytest.raises(ValueError, match=expected.get(harm, "newer version")):
            load_results("bad")


class TestEngines:
    @pytest.mark.slow
    def test_dask_gives_the_same_even_when_a_worker_is_killed(self, whole: Path) -> None:
        todo = list(planning.jobs_of(load_design("design.toml"), planning.Part()))
        mine: list[Done] = []
        for one in run_jobs(todo, engine="dask", workers=2, weekly=True):
            mine.append(one)
            if len(mine) == 1:
                assert kill_a_dask_worker()
        mine.sort(key=lambda one: (one.point, one.replicate))
        results = load_results(whole)
        assert [one.run_id for one in mine] == results.summary["run_id"].tolist()
        assert [one.status for one in mine] == ["complete"] * 6
        weeks = pd.concat([one.weekly.to_pandas() for one in mine], ignore_index=True)
        pd.testing.assert_frame_equal(weeks, results.weekly[list(weeks.columns)], check_exact=True)
        expected = results.summary[list(mine[0].summary)]
        pd.testing.assert_frame_equal(pd.DataFrame([one.summary for one in mine]), expected, check_exact=True)

    def test_jobs_are_read_only_as_far_as_they_are_needed(self) -> None:
        scenario, read = load_scenario("small.toml", {"run.threads": 1}), 0

        def endless() -> Iterator[Job]:
            nonlocal read
            while True:
                read += 1
                yield Job.of(scenario, 0, read)

        going = run_jobs(endless(), engine="here")
        for _ in range(3):
            next(going)
        assert read == 3
        going.close()

    def test_an_unknown_engine(self) -> None:
        assert 'did you mean "dask"?' in sentence("sweep", "design.toml", "--engine", "task")
        assert "add --engine dask" in sentence("sweep", "design.toml", "--address", "tcp://127.0.0.1:1")
        with pytest.raises(ValueError, match='engine = "cloud" is not allowed'):
            next(run_jobs([], engine="cloud"))


def kill_a_dask_worker() -> bool:
    """Kill -9 a worker of Dask that has a process of ours below it."""
    end = time.monotonic() + 30.0
    while time.monotonic() < end:
        for process in psutil.Process().children(recursive=True):
            below = process.children()
            if any("experiments.engine.worker" in " ".join(child.cmdline()) for child in below):
                process.kill()
                return True
        time.sleep(0.1)
    return False


class TestIdentity:
    def test_it_changes_with_everything_that_could_change_the_result(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scenario = load_scenario("small.toml")
        Path("odd.py").write_text(POLICY)
        Path("ties.csv").write_text("a,b\n0,1\n")
        graph = scenario.with_changes({"social.graph": "file", "social.file": "ties.csv"})
        ids = [
            jobs.run_id_of(scenario, 0, 0), jobs.run_id_of(scenario, 1, 0), jobs.run_id_of(scenario, 0, 1),
            jobs.run_id_of(scenario.with_changes({"run.seed": 4}), 0, 0), jobs.run_id_of(graph, 0, 0),
            jobs.run_id_of(scenario, 0, 0, [Path("odd.py")]),
        ]  # fmt: skip
        Path("odd.py").write_text(POLICY + "\n")
        Path("ties.csv").write_text("a,b\n0,2\n")
        ids += [jobs.run_id_of(scenario, 0, 0, [Path("odd.py")]), jobs.run_id_of(graph, 0, 0)]
        monkeypatch.setattr(jobs, "sources_hash", lambda: "other")
        ids.append(jobs.run_id_of(scenario, 0, 0))
        assert len(set(ids)) == len(ids) == 9 and all(len(one) == 16 and int(one, 16) >= 0 for one in ids)

    def test_the_hash_of_the_sources_is_of_every_file(self, tmp_path: Path) -> None:
        for name in ("agents/a.py", "marketplace/deep/b.py", "marketplace/c.toml"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("x = 1\n")
        hashes = [jobs.hash_of_sources(tmp_path)]
        for name in ("agents/a.py", "marketplace/deep/b.py", "marketplace/c.toml"):
            (tmp_path / name).write_text("x = 2\n")
            hashes.append(jobs.hash_of_sources(tmp_path))
        assert len(set(hashes)) == 3 and hashes[-1] == hashes[-2]  # a scenario counts by its content


class TestResume:
    def test_a_complete_sweep_runs_nothing_again(self, whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        shutil.copytree(whole, "out")
        monkeypatch.setattr(sweep, "run_jobs", lambda jobs, **how: [pytest.fail("a run") for _ in jobs])
        done("sweep", "design.toml", "--out", "out", "--resume")
        assert_same("out", whole)

    def test_more_points_and_replications_leave_what_stands(self, whole: Path) -> None:
        shutil.copytree(whole, "out")
        ids = set(load_results("out").summary["run_id"])
        more = DESIGN.replace("0.15]", "0.15, 0.20]").replace("replications = 2", "replications = 3")
        Path("design.toml").write_text(more)
        said = done("sweep", "design.toml", "--out", "out", "--resume").stderr
        assert "changed since this sweep was begun: the design; all 6 finished runs still stand" in said
        done("sweep", "design.toml", "--out", "fresh")
        assert_same("out", "fresh")
        assert ids < set(load_results("out").summary["run_id"])

    def test_a_folder_of_another_design_or_part_is_left_as_it_is(self, whole: Path) -> None:
        shutil.copytree(whole, "out")
        Path("other.toml").write_text(DESIGN.replace("platform.commission", "platform.target_margin"))
        for said, arguments in {
            "out holds runs of another design or base scenario, and none of them would stand": ["other.toml"],
            "out holds the whole of this design": ["design.toml", "--shard", "1/2"],
            "--resume goes on with a folder and --force begins it anew": ["design.toml", "--force"],
        }.items():
            assert said in sentence("sweep", *arguments, "--out", "out", "--resume")
            assert_same("out", whole)
        done("sweep", "design.toml", "--out", "second", "--shard", "2/2")
        refused = sentence("sweep", "design.toml", "--out", "second", "--resume", "--shard", "1/2")
        assert "second holds part 2/2 of this design: give each part a folder of its own" in refused

    def test_what_a_changed_design_makes_stale_is_run_again(self, whole: Path) -> None:
        shutil.copytree(whole, "out")
        Path("design.toml").write_text(DESIGN.replace("0.15]", "0.16]"))
        said = done("sweep", "design.toml", "--out", "out", "--resume").stderr
        assert "the design; of 6 finished runs 4 still stand, and the others are set aside (*.stale)" in said
        done("sweep", "design.toml", "--out", "fresh")
        assert_same("out", "fresh")
        assert len(list(Path("out").rglob("*.stale"))) == 2

    def test_other_sources_make_everything_stale(self, whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        shutil.copytree(whole, "out")
        before = set(load_results("out").summary["run_id"])
        for module in (jobs, planning):
            monkeypatch.setattr(module, "sources_hash", lambda: "other")
        said = done("sweep", "design.toml", "--out", "out", "--resume").stderr
        assert "the sources of agents/ and marketplace/; of 6 finished runs 0 still stand" in said
        assert not before & set(load_results("out").summary["run_id"]) and len(load_results("out").summary) == 6

    def test_weeks_that_were_not_kept_are_run_for(self, whole: Path) -> None:
        Path("design.toml").write_text(DESIGN.replace("weekly = true", ""))
        done("sweep", "design.toml", "--out", "out")
        said = done("sweep", "design.toml", "--out", "out", "--resume", "--weekly").stderr
        assert "that weeks are kept; of 6 finished runs 0 still stand" in said
        assert_same("out", whole)

    def test_a_file_that_is_edited_meanwhile_ends_the_sweep_with_a_sentence(self) -> None:
        from experiments.engine.pool import Pool

        Path("odd.py").write_text(POLICY)
        jobs = planning.jobs_of(load_design("design.toml"))
        pool = Pool(jobs, 1, [Path("odd.py")], False, None)
        Path("odd.py").write_text(POLICY + "\n")
        try:
            with pytest.raises(ValueError, match="odd.py changed while runs were under way"):
                while pool.has_work():
                    pool.turn()
        finally:
            pool.close()

    def test_what_the_sweep_was_begun_with_is_named_where_it_was_left_out(self) -> None:
        known = dict(POLICIES)
        Path("odd.py").write_text(POLICY)
        factor = '"platform.commission" = [0.05, 0.10, 0.15]'
        Path("design.toml").write_text(DESIGN.replace(factor, '"policy.name" = ["odd"]'))
        done("sweep", "design.toml", "--import", "odd.py", "--out", "out")
        forget_own_policies(known)
        said = sentence("sweep", "design.toml", "--out", "out", "--resume")
        assert '"odd" is not allowed' in said
        assert said.endswith("(out was begun with --import out/imports/odd.py)")
        done("report", "out")
        done("sweep", "design.toml", "--out", "out", "--resume", "--import", "out/imports/odd.py")
        forget_own_policies(known)

    def test_without_out_it_finds_the_folder_of_the_design(self) -> None:
        (first,) = (Path(done("sweep", "design.toml", "--quiet").stdout.strip()),)
        assert first.parent == Path("results")
        assert done("sweep", "design.toml", "--quiet", "--resume").stdout.strip() == str(first)
        Path("design.toml").write_text(DESIGN.replace("0.15]", "0.16]"))
        assert "nothing to resume" in sentence("sweep", "design.toml", "--resume")

    def test_force_does_not_pull_the_folder_from_under_another_sweep(self, whole: Path) -> None:
        from experiments.store.lock import Lock

        shutil.copytree(whole, "out")
        with Lock(Path("out")):
            assert "is at work in this folder" in sentence("sweep", "design.toml", "--out", "out", "--force")
        assert_same("out", whole)

    def test_it_is_not_taken_for_a_single_run(self, whole: Path) -> None:
        assert "load_results reads it" in sentence("replay", str(whole))

    def test_what_is_no_sweep_is_left_alone(self, whole: Path) -> None:
        Path("mine").mkdir()
        Path("mine/thesis.txt").write_text("x")
        for arguments in (["--resume"], ["--force"], []):
            sentence("sweep", "design.toml", "--out", "mine", *arguments)
        assert [path.name for path in Path("mine").iterdir()] == ["thesis.txt"]
        shutil.copytree(whole, "out")
        assert "--resume goes on with it" in sentence("sweep", "design.toml", "--out", "out")
        done("sweep", "design.toml", "--out", "out", "--force")
        assert_same("out", whole)


class TestParts:
    @pytest.fixture
    def parts(self) -> list[str]:
        for k in (1, 2, 3):
            done("sweep", "design.toml", "--out", f"part-{k}", "--shard", f"{k}/3")
        return ["part-1", "part-2", "part-3"]

    def test_they_make_the_whole(self, parts: list[str], whole: Path) -> None:
        assert [len(load_results(part).summary) for part in parts] == [2, 2, 2]
        said = done("merge", "all", *reversed(parts))
        assert "6 of 6 runs complete, 0 failed" in said.stdout and said.stderr == ""
        assert_same("all", whole)
        assert load_results("all").provenance["status"] == "complete"
        assert len(load_results("all").provenance["sessions"]) == 3
        done("sweep", "design.toml", "--out", "all", "--resume")  # and nothing has changed
        assert_same("all", whole)

    def test_duplicates_and_missing_runs_are_said_and_can_be_run(self, parts: list[str], whole: Path) -> None:
        said = marketplace("merge", "all", "part-1", "part-3", "part-1")
        assert said.exit_code == 1
        assert "2 runs were in more than one part; each was taken once" in said.stderr
        assert "2 of 6 runs are missing: point 0 replicate 1, point 2 replicate 0;" in said.stderr
        assert load_results("all").provenance["status"] == "interrupted"
        done("sweep", "design.toml", "--out", "all", "--resume")
        assert_same("all", whole)

    def test_help_tells_of_the_exit_code(self) -> None:
        for command in ("sweep", "merge", "compare"):
            assert "Exit code 1 if runs failed" in done(command, "--help").stdout

    def test_what_is_not_of_one_sweep_is_refused(self, parts: list[str]) -> None:
        Path("design.toml").write_text(DESIGN.replace("0.15]", "0.16]"))
        done("sweep", "design.toml", "--out", "other", "--shard", "2/3")
        said = sentence("merge", "all", "part-1", "other")
        assert said == "part-1 and other are not parts of one sweep: they differ in the design"
        assert not Path("all").exists()
        shard = next(Path("part-1/runs").iterdir())
        content = bytearray(shard.read_bytes())
        content[50] ^= 1
        shard.write_bytes(content)
        assert "is not the file that the manifest speaks of" in sentence("merge", "all", *parts)

    @pytest.mark.parametrize("shard", ["0/3", "4/3", "1", "a/b", "1/0", "-1/2"])
    def test_a_part_that_is_none(self, shard: str) -> None:
        assert "write K/N" in sentence("sweep", "design.toml", "--shard", shard)


class TestDryRun:
    def test_it_says_how_much_it_would_be_and_leaves_nothing(self, place: Path) -> None:
        said = done("sweep", "design.toml", "--dry-run", "--workers", "2", "--shard", "1/2").stdout
        assert "3 points x 2 replications = 6 runs, part 1 of 2: 3 runs" in said
        assert "0 of 3" in said and "on 2 workers" in said and "one run of the base world" in said and "disk" in said
        assert sorted(path.name for path in place.iterdir()) == ["design.toml", "small.toml"]

    def test_one_is_no_plural(self) -> None:
        Path("design.toml").write_text(DESIGN.replace("replications = 2", "replications = 1"))
        assert "3 points x 1 replication = 3 runs" in done("sweep", "design.toml", "--dry-run", "--workers", "1").stdout

    def test_the_start_of_the_workers_counts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pool, "seconds_to_begin", lambda imports, first: 600.0)
        assert "time:  about 10 min" in done("sweep", "design.toml", "--dry-run", "--workers", "2").stdout

    def test_the_start_of_a_worker_is_measured(self) -> None:
        first = Job("", 0, 0, 0, load_scenario("small.toml", {"run.weeks": 3}))
        assert 0.1 < pool.seconds_to_begin([], first) < 300.0

    def test_it_knows_what_is_done(self, whole: Path) -> None:
        shutil.copytree(whole, "out")
        said = done("sweep", "design.toml", "--dry-run", "--resume", "--out", "out").stdout
        assert "6 of 6" in said and "mean of the finished runs" in said
