"""Whatever happens to a sweep, going on with it gives exactly the table of one that nothing happened to."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
from support.command_line import marketplace
from support.worlds import SMALL

from experiments import load_results
from experiments.designs import load_design
from experiments.engine import Done, running, sweep
from experiments.engine.jobs import Failure
from experiments.engine.sweep import How, Swept, carry_out_sweep
from experiments.errors import ResultsError
from experiments.progress import Progress
from experiments.runs import Stop
from experiments.store import writer
from experiments.store.manifest import read_manifest

POLICIES_FILE = """
import os, signal, sys, time
from pathlib import Path

from agents.policies import Decision, PlatformPolicy

TROUBLE = Path({trouble!r})


class Sound(PlatformPolicy):
    name = "sound"

    def decide(self, books):
        if books.week == 2 and TROUBLE.is_dir():
            self.act()
        return Decision()

    def act(self):
        pass


class DiesOnce(Sound):
    name = "dies-once"

    def act(self):
        try:
            (TROUBLE / "once").unlink()
        except FileNotFoundError:
            return
        os.kill(os.getpid(), signal.SIGKILL)


class Dies(Sound):
    name = "dies"

    def act(self):
        os.kill(os.getpid(), signal.SIGKILL)


class Hangs(Sound):
    name = "hangs"

    def act(self):
        while True:
            time.sleep(0.01)


class Raises(Sound):
    name = "raises"

    def act(self):
        raise ZeroDivisionError("no weeks left")


class Leaves(Sound):
    name = "leaves"

    def act(self):
        sys.exit(5)


class Starves(Sound):
    name = "starves"

    def act(self):
        raise MemoryError
"""

TROUBLED = """
scenario = "small.toml"
replications = 1
weekly = true
imports = ["odd.py"]

[design]
kind = "list"
points = [{points}]
"""

GRID = """
scenario = "small.toml"
replications = {replications}
weekly = true

[design]
kind = "grid"

[design.factors]
"platform.commission" = [0.05, 0.10, 0.15]
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a small scenario."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(SMALL)
    (tmp_path / "odd.py").write_text(POLICIES_FILE.format(trouble=str(tmp_path / "trouble")))
    return tmp_path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep of `grid` that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("small.toml").write_text(SMALL)
        swept(grid(), "undisturbed")
    return folder / "undisturbed"


def grid(replications: int = 2) -> Path:
    path = Path("grid.toml")
    path.write_text(GRID.format(replications=replications))
    return path


def troubled(*policies: str) -> Path:
    path = Path("troubled.toml")
    path.write_text(TROUBLED.format(points=", ".join(f'{{"policy.name" = "{name}"}}' for name in policies)))
    return path


def swept(design: Path, folder: str, engine: str = "here", resume: bool = False, **how: Any) -> Swept:
    Path(folder).mkdir(exist_ok=resume)
    with Stop() as stop:
        return carry_out_sweep(
            load_design(design), Path(folder), stop=stop, progress=Progress(), how=How(engine=engine, **how),
            resume=resume,
        )  # fmt: skip


def assert_same(folder: str, undisturbed: str) -> None:
    """Every table is the same cell by cell, except for how long runs took."""
    mine, other = load_results(folder), load_results(undisturbed)
    pd.testing.assert_frame_equal(
        mine.summary.drop(columns="seconds"), other.summary.drop(columns="seconds"), check_exact=True
    )
    pd.testing.assert_frame_equal(mine.weekly, other.weekly, check_exact=True)
    pd.testing.assert_frame_equal(mine.failures, other.failures, check_exact=True)
    assert mine.provenance["status"] == "complete"


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command carries its runs out in this process: what is tested is what happens around them."""

    def here(jobs: Any, **how: Any) -> Iterator[Done]:
        return running.run_jobs(jobs, **how | {"engine": "here"})

    monkeypatch.setattr(sweep, "run_jobs", here)


class TestWorkers:
    def test_the_death_of_a_worker_costs_nothing_and_a_run_without_end_only_itself(self) -> None:
        design = troubled("sound", "dies-once", "hangs", "raises")
        swept(design, "undisturbed")
        Path("trouble").mkdir()
        Path("trouble/once").touch()
        told = swept(design, "out", engine="local", workers=2, time_limit=5.0)
        assert (told.complete, told.failed, told.interrupted) == (2, 2, False)
        failures = load_results("out").failures
        assert failures[["point", "stage", "attempts"]].to_numpy().tolist() == [[2, "time-limit", 1], [3, "week", 1]]
        assert failures["message"].tolist() == ["took more than 5 s", "no weeks left"]
        Path("trouble").rmdir()
        swept(design, "out", resume=True)
        assert_same("out", "undisturbed")

    @pytest.mark.slow
    def test_a_run_that_kills_every_worker_is_given_up_after_the_third(self) -> None:
        design = troubled("dies", "sound", "leaves")
        Path("trouble").mkdir()
        told = swept(design, "out", engine="local", workers=2)
        assert (told.complete, told.failed) == (1, 2)
        failures = load_results("out").failures
        assert failures[["point", "stage", "attempts"]].to_numpy().tolist() == [[0, "worker", 3], [2, "week", 1]]
        assert failures["message"].iloc[0] == "its worker process ended 3 times: killed by SIGKILL"

    def test_what_a_run_does_wrong_is_data(self) -> None:
        names = ["sound", "raises", "leaves", "starves"]
        design = troubled(*names)
        swept(design, "undisturbed")
        Path("trouble").mkdir()
        told = swept(design, "out")
        assert (told.complete, told.failed) == (1, 3)
        results = load_results("out")
        failures = results.failures
        assert [names[point] for point in failures["point"]] == names[1:]
        assert failures["stage"].tolist() == ["week", "week", "memory"]
        assert failures["exception"].tolist() == ["ZeroDivisionError", "SystemExit", "MemoryError"]
        assert failures["week"].tolist() == [2, 2, 2]
        assert "no weeks left" in failures["traceback"].iloc[0] and "odd.py" in failures["traceback"].iloc[0]
        assert results.summary["status"].tolist() == ["complete"] + ["failed"] * 3
        assert results.summary["gmv"].isna().tolist() == [False] + [True] * 3
        Path("trouble").rmdir()
        swept(design, "out", resume=True)
        assert_same("out", "undisturbed")

    def test_a_run_that_fails_again_is_told_again(self, in_this_process: None) -> None:
        Path("trouble").mkdir()
        design = troubled("sound", "raises")
        for arguments in ([], ["--resume"]):
            said = marketplace("sweep", str(design), "--out", "out", *arguments)
            assert said.exit_code == 1, said.output
            assert re.search(r"1 run failed at stage week \(\S*odd.py, line \d+\): ZeroDivisionError: no", said.stderr)
            again = f"marketplace sweep {design} --resume --out out"
            assert f"out holds 1 of 2 runs, 1 failed; `{again}` runs them again" in said.stderr

    def test_after_a_time_limit_a_larger_one_is_advised(self, monkeypatch: pytest.MonkeyPatch) -> None:
        failure = Failure("time-limit", 0, "TimeoutError", "took more than 1 s")
        monkeypatch.setattr(sweep, "run_jobs", lambda jobs, **how: (Done.failed(job, failure, 1.0) for job in jobs))
        said = marketplace("sweep", str(grid()), "--out", "out", "--time-limit", "1")
        assert "runs them again, with a larger --time-limit" in said.stderr

    def test_workers_that_cannot_begin_leave_no_folder(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(jobs: Any, **how: Any) -> Iterator[Done]:
            raise ResultsError("no scheduler answers")

        monkeypatch.setattr(sweep, "run_jobs", refuse)
        said = marketplace("sweep", str(grid()), "--out", "out")
        assert said.exit_code == 2 and "no scheduler answers" in said.stderr and not Path("out").exists()

    def test_if_every_run_fails_so_does_the_sweep(self, in_this_process: None) -> None:
        Path("trouble").mkdir()
        said = marketplace("sweep", str(troubled("raises")), "--out", "out")
        assert said.exit_code == 1 and "every run failed" in said.stderr and "Traceback" not in said.output


RUNNER = """
import experiments.store.writer as writer
writer.FLUSH_SECONDS = 0.1
from experiments.cli import main
main()
"""


@contextmanager
def runner(*arguments: str) -> Iterator[psutil.Popen]:
    """A sweep as a process of its own, which writes ten times a second."""
    process = psutil.Popen(
        [sys.executable, "-c", RUNNER, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.is_running():
            process.kill()
        process.wait()
        process.stderr.close()


def rows(folder: str) -> int:
    try:
        return read_manifest(Path(folder)).rows("runs")
    except ValueError:
        return 0


def wait_until(what: Any, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)


def kill_at_random(design: Path, times: int) -> int:
    """Begin a sweep and kill it, again and again; return how often that was in the middle of it."""
    chance = np.random.default_rng()
    amid = 0
    for number in range(times):
        before = rows("out")
        with runner("sweep", str(design), "--out", "out", "--resume", "--workers", "2") as process:
            if number % 4 != 3:  # else anywhere, be it before the first file stands
                wait_until(lambda: rows("out") > before or not process.is_running(), 60.0)  # noqa: B023
            time.sleep(chance.uniform(0.0, 0.5 if number % 4 != 3 else 2.0))
            workers = process.children(recursive=True)
            process.kill()
            process.wait()
            psutil.wait_procs(workers, timeout=10.0)
            assert not [worker for worker in workers if worker.is_running()], "workers outlive their parent"
        amid += 0 < rows("out") < len(load_design(design))
    return amid


def stop_by_ctrl_c(design: Path) -> None:
    """Go on with a sweep and stop it by Ctrl-C as soon as it has written something."""
    before = rows("out")
    with runner("sweep", str(design), "--out", "out", "--resume", "--workers", "1") as process:
        wait_until(lambda: rows("out") > before or not process.is_running())
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        said = process.stderr.read().decode()
    assert "interrupted; out holds" in said and "--resume --out out` runs the rest" in said and "Traceback" not in said
    assert load_results("out").provenance["status"] == "interrupted"


class TestRunner:
    def test_it_is_killed_at_random_moments_and_stopped_by_ctrl_c(self) -> None:
        design = grid(25)
        assert kill_at_random(design, 2) >= 1
        stop_by_ctrl_c(design)
        assert 0 < rows("out") < len(load_design(design))
        swept(design, "out", resume=True)
        swept(design, "undisturbed")
        assert_same("out", "undisturbed")

    @pytest.mark.slow
    def test_it_is_killed_at_random_moments_twenty_times(self) -> None:
        design = grid(120)
        assert kill_at_random(design, 20) >= 10
        swept(design, "out", resume=True)
        swept(design, "undisturbed")
        assert_same("out", "undisturbed")


class TestDisk:
    def test_a_full_disk_costs_what_was_not_written_yet(
        self, in_this_process: None, monkeypatch: pytest.MonkeyPatch, whole: Path
    ) -> None:
        monkeypatch.setattr(writer, "FLUSH_SECONDS", 0.0)
        before, count = resource.getrlimit(resource.RLIMIT_FSIZE), 0
        add = writer.Store.add

        def fuller(self: writer.Store, done: Done) -> None:
            nonlocal count
            count += 1
            if count == 4:
                resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
            add(self, done)

        monkeypatch.setattr(writer.Store, "add", fuller)
        design = grid()
        try:
            said = marketplace("sweep", str(design), "--out", "out")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        monkeypatch.setattr(writer.Store, "add", add)
        assert said.exit_code == 2 and said.stderr.splitlines()[-1] == "marketplace: out: File too large"
        assert rows("out") == 3 and not list(Path("out").rglob(".aside-*"))
        assert marketplace("sweep", str(design), "--out", "out", "--resume").exit_code == 0
        assert_same("out", str(whole))

    @pytest.mark.parametrize("kind", ["runs", "weekly"])
    @pytest.mark.parametrize("harm", ["flipped", "cut", "gone"])
    def test_a_damaged_shard_is_set_aside_and_its_runs_are_run_again(
        self, kind: str, harm: str, in_this_process: None, whole: Path
    ) -> None:
        design = grid()
        shutil.copytree(whole, "out")
        shard = next(Path("out", kind).glob("*.parquet"))
        content = bytearray(shard.read_bytes())
        content[len(content) // 2] ^= 1
        shard.write_bytes(content if harm == "flipped" else content[:-9])
        if harm == "gone":
            shard.unlink()
        if harm != "flipped":
            with pytest.raises(ValueError, match="--resume` runs again what it held"):
                load_results("out")
        said = marketplace("sweep", str(design), "--out", "out", "--resume")
        what = "is missing: its runs are run again" if harm == "gone" else "was damaged: it is set aside as"
        assert said.exit_code == 0 and f"{shard} {what}" in said.stderr
        assert (shard.with_name(f"{shard.name}.corrupt").exists()) == (harm != "gone")
        assert_same("out", str(whole))

    @pytest.mark.parametrize("kind", ["runs", "weekly"])
    def test_damage_that_is_met_while_reading_names_the_shard(self, kind: str, whole: Path) -> None:
        shutil.copytree(whole, "out")
        shard = next(Path("out", kind).glob("*.parquet"))
        content = bytearray(shard.read_bytes())
        content[100:-100] = bytes(len(content) - 200)
        shard.write_bytes(content)
        with pytest.raises(ValueError, match=f"{shard} is not the file .*--resume` runs again what it held"):
            load_results("out").query(f"SELECT * FROM {'summary' if kind == 'runs' else kind}")

    @pytest.mark.parametrize("harm", ["gone", "cut"])
    def test_points_are_made_again_from_the_design(self, harm: str, in_this_process: None, whole: Path) -> None:
        design = grid()
        shutil.copytree(whole, "out")
        points = Path("out/points.parquet")
        points.write_bytes(points.read_bytes()[:40])
        if harm == "gone":
            points.unlink()
            said = marketplace("report", "out")
            assert said.exit_code == 2 and "out/points.parquet is missing; `marketplace sweep --resume`" in said.stderr
        said = marketplace("sweep", str(design), "--out", "out", "--resume")
        assert said.exit_code == 0 and f"{points} was missing or damaged: it is made again" in said.stderr
        assert_same("out", str(whole))

    def test_what_a_crash_left_half_written_is_never_read(self, whole: Path) -> None:
        design = grid()
        shutil.copytree(whole, "out")
        sound = next(Path("out/runs").glob("*.parquet"))
        (Path("out/runs") / "999999-000.parquet").write_bytes(sound.read_bytes())  # written, but never listed
        (Path("out/runs") / ".aside-x").write_bytes(sound.read_bytes()[:100])
        assert_same("out", str(whole))
        swept(design, "out", resume=True)
        assert len(list(Path("out/runs").iterdir())) == 1
        assert_same("out", str(whole))

    def test_a_folder_that_was_only_just_made_can_be_resumed(self, in_this_process: None, whole: Path) -> None:
        design = grid()
        shutil.copytree(whole, "out")
        Path("out/manifest.json").unlink()  # it is written last
        for shard in [*Path("out/runs").iterdir(), *Path("out/weekly").iterdir()]:
            shard.unlink()
        Path("out/runs").rmdir()
        Path("out/weekly").rmdir()
        assert marketplace("sweep", str(design), "--out", "out", "--resume").exit_code == 0
        assert_same("out", str(whole))


class TestTwo:
    def test_two_sweeps_are_kept_out_of_one_folder(self, in_this_process: None, whole: Path) -> None:
        from experiments.store.lock import Lock

        design = grid()
        shutil.copytree(whole, "out")
        with Lock(Path("out")):
            said = marketplace("sweep", str(design), "--out", "out", "--resume")
        assert said.exit_code == 2
        assert f"process {os.getpid()} on {os.uname().nodename} is at work in this folder" in said.stderr
        assert not Path("out/sweep.lock").exists()

    @pytest.mark.parametrize(("age", "code"), [(0.0, 2), (3600.0, 0)])
    def test_a_sweep_on_another_machine_lives_as_long_as_it_gives_signs_of_life(
        self, age: float, code: int, in_this_process: None, whole: Path
    ) -> None:
        design = grid()
        shutil.copytree(whole, "out")
        lock = Path("out/sweep.lock")
        lock.write_text(json.dumps({"pid": 1, "host": "elsewhere"}))
        os.utime(lock, (time.time() - age,) * 2)
        said = marketplace("sweep", str(design), "--out", "out", "--resume")
        assert said.exit_code == code
        assert ("process 1 on elsewhere is at work in this folder" in said.stderr) == (code == 2)
