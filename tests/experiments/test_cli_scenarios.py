"""The commands around scenario files: what they print, refuse and leave on disk."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from support.command_line import done, marketplace

from experiments import files
from experiments.errors import sentences
from experiments.files import write_whole
from marketplace.scenario import list_scenarios, load_scenario, loads, template


def refused(*arguments: str, code: int = 2) -> str:
    """What a refused command says on stderr: exit code 2, and nothing on stdout."""
    result = marketplace(*arguments)
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.stderr


def sentence(*arguments: str) -> str:
    """The one line that a refused command says."""
    said = refused(*arguments)
    assert said.startswith("marketplace: ") and said.count("\n") == 1
    return said.removeprefix("marketplace: ").strip()


class TestScenarios:
    def test_list(self) -> None:
        lines = marketplace("scenarios", "list").stdout.splitlines()
        assert [line.split()[0] for line in lines] == list_scenarios()
        assert all(load_scenario(line.split()[0]).description in line for line in lines)

    @pytest.mark.parametrize("name", ["amazon", "two-platforms"])
    def test_show_prints_a_file_that_can_be_run(self, name: str) -> None:
        assert loads(marketplace("scenarios", "show", name).stdout) == load_scenario(name)

    def test_check(self, tmp_path: Path) -> None:
        path = tmp_path / "mine.toml"
        path.write_text('base = "tiny"\n')
        result = marketplace("scenarios", "check", str(path))
        assert result.exit_code == 0
        assert result.stdout.startswith(f'{path}: scenario "mine" is fine: 2,000 customers, 1 platform, ')
        path.write_text("[run]\nweeks = 0\n")
        assert sentence("scenarios", "check", str(path)).startswith(f"{path}: run.weeks = 0 is not allowed")

    def test_check_of_what_is_no_file(self, tmp_path: Path) -> None:
        assert "no such file" in sentence("scenarios", "check", str(tmp_path / "none.toml"))
        assert 'did you mean "tiny"?' in sentence("scenarios", "check", "tinny")
        assert "irectory" in sentence("scenarios", "check", str(tmp_path))

    def test_explain(self) -> None:
        said = marketplace("scenarios", "explain", "platform.commission").stdout
        assert "share of price" in said and "at least 0 and below 1" in said and "referral fees" in said
        table = marketplace("scenarios", "explain", "search").stdout.splitlines()
        assert [line.split()[0] for line in table][:2] == ["search.candidates", "search.shown"]
        assert sentence("scenarios", "explain", "platform.comission").endswith('"platform.commission"?')

    def test_explain_the_valve_of_a_link(self) -> None:
        valve = 'flywheel.valves."unit_cost->price"'
        said = done("scenarios", "explain", valve).stdout
        assert said.splitlines()[0].startswith(f"{valve}.state ") and f"{valve}.push_from " in said
        assert "state" in done("scenarios", "explain", "flywheel.valves.<link>").stdout
        assert done("scenarios", "explain", f"{valve}.scale").stdout.startswith("field")
        said = sentence("scenarios", "explain", 'flywheel.valves."unit_cost->prise"')
        assert said.endswith('"unit_cost->prise" is not a link of the flywheel; did you mean "unit_cost->price"?')

    def test_diff(self) -> None:
        said = marketplace("diff", "amazon", "tiny").stdout.splitlines()
        assert [" ".join(line.split()) for line in said if line.startswith("run.")] == [
            "run.weeks 1040 -> 156"
        ]
        assert marketplace("diff", "tiny", "tiny").stdout == "no difference\n"
        assert "(absent)" in marketplace("diff", "tiny", "two-platforms").stdout
        assert 'did you mean "tiny"?' in sentence("diff", "amazon", "tinny")


class TestNew:
    def test_a_new_file_can_be_checked_at_once(self, tmp_path: Path) -> None:
        path = tmp_path / "world.toml"
        assert marketplace("new", str(path)).exit_code == 0
        assert path.read_text() == template()
        assert marketplace("scenarios", "check", str(path)).exit_code == 0
        assert path.stat().st_mode & 0o777 == 0o666 & ~files._umask()

    def test_nothing_is_overwritten_unless_asked(self, tmp_path: Path) -> None:
        path = tmp_path / "world.toml"
        path.write_text("mine")
        assert "--force" in sentence("new", str(path))
        assert path.read_text() == "mine"
        assert marketplace("new", str(path), "--force").exit_code == 0
        assert path.read_text() == template()

    def test_a_dangling_link_is_something_that_stands_there(self, tmp_path: Path) -> None:
        (tmp_path / "link.toml").symlink_to(tmp_path / "gone.toml")
        assert "exists already" in sentence("new", str(tmp_path / "link.toml"))

    @pytest.mark.parametrize("force", [[], ["--force"]])
    def test_places_that_cannot_be_written(self, tmp_path: Path, force: list[str]) -> None:
        assert "no such folder" in sentence("new", str(tmp_path / "no" / "world.toml"), *force)
        (tmp_path / "folder").mkdir()
        assert str(tmp_path / "folder") in sentence("new", str(tmp_path / "folder"), *force)
        (tmp_path / "file").write_text("")
        assert "no such folder" in sentence("new", str(tmp_path / "file" / "world.toml"), *force)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]

    def test_a_full_disk_leaves_what_was_there(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        path = tmp_path / "world.toml"
        path.write_text("mine")
        monkeypatch.setattr(files.os, "fsync", full)
        assert sentence("new", str(path), "--force") == f"{path}: No space left on device"
        assert path.read_text() == "mine" and [*tmp_path.iterdir()] == [path]

    def test_a_file_size_limit_leaves_nothing_behind(self, tmp_path: Path) -> None:
        # In a process of its own: the limit would hold for all later tests.
        done = subprocess.run(
            [sys.executable, "-m", "experiments.cli", "new", str(tmp_path / "world.toml")],
            capture_output=True, text=True, check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
        )  # fmt: skip
        assert done.returncode == 2
        assert done.stderr == f"marketplace: {tmp_path}/world.toml: File too large\n"
        assert [*tmp_path.iterdir()] == []

    def test_an_interrupted_write_leaves_what_was_there(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(_: int) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(files.os, "fsync", interrupt)
        assert refused("new", str(tmp_path / "world.toml"), code=130) == "marketplace: interrupted\n"
        assert [*tmp_path.iterdir()] == []

    def test_a_file_that_appears_meanwhile_is_not_overwritten(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "world.toml"
        monkeypatch.setattr(files.os, "fsync", lambda _: path.write_text("theirs"))
        with pytest.raises(FileExistsError):
            write_whole(path, "mine")
        assert path.read_text() == "theirs" and [*tmp_path.iterdir()] == [path]


class TestCommandLine:
    @pytest.mark.parametrize("group", [[], ["scenarios"], ["new"], ["diff"], ["scenarios", "check"]])
    def test_help(self, group: list[str]) -> None:
        result = marketplace(*group, "--help")
        assert result.exit_code == 0
        assert "Usage: marketplace" in result.stdout and "xample" in result.stdout

    def test_version(self) -> None:
        result = marketplace("--version")
        assert result.exit_code == 0 and result.stdout.startswith("marketplace")

    @pytest.mark.parametrize(
        ("arguments", "near"),
        [
            (["scenrios"], "scenarios"),
            (["scenarios", "chek", "tiny"], "check"),
            (["new", "x.toml", "--forse"], "--force"),
        ],
    )
    def test_unknown_commands_and_options_get_the_nearest(self, arguments: list[str], near: str) -> None:
        assert sentence(*arguments).endswith(("; did you mean " + near + "?", f"; did you mean '{near}'?"))

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["diff", "amazon"], "missing argument 'B'; marketplace diff --help says what there is"),
            (["run", "tiny", "more"], "got unexpected extra argument(s) (more); marketplace run --help says what"),
            (["run", "--xyz"], "no such option: --xyz; marketplace run --help says what there is"),
            (["compare", "tiny", "--seeds", "0"], '--seeds "0" is not allowed: input should be greater than or equal'),
            (["compare", "tiny", "--seeds=x"], '--seeds "x" is not allowed: input should be a valid integer'),
            (["run", "--set"], "option '--set' requires an argument"),
        ],
    )
    def test_a_misuse_is_one_sentence(self, arguments: list[str], said: str) -> None:
        assert sentence(*arguments).startswith(said)

    @pytest.mark.parametrize("group", [[], ["scenarios"]])
    def test_a_group_without_a_command_shows_its_help(self, group: list[str]) -> None:
        assert marketplace(*group).output.startswith("Usage: marketplace")

    def test_help_imports_nothing_heavy(self) -> None:
        code = (
            "import sys; sys.argv = ['marketplace', '--help']\n"
            "from experiments.cli import app\n"
            "heavy = {'mesa', 'numba', 'numpy', 'pandas', 'pydantic', 'rich'}\n"
            "try: app()\n"
            "finally: print(sorted(heavy & set(sys.modules)))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "[]"

    @pytest.mark.parametrize("module", ["typer", "pydantic"])
    def test_ctrl_c_while_modules_are_imported(self, module: str) -> None:
        code = f"""
import os, signal, sys

class Finder:
    def find_spec(self, name, *more):
        if name == {module!r}:
            exec("os.kill(os.getpid(), signal.SIGINT)")

sys.meta_path.insert(0, Finder())
sys.argv = ["marketplace", "scenarios", "list"]
from experiments.cli import main
main()
"""
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert (ended.returncode, ended.stderr) == (130, "marketplace: interrupted\n")

    def test_ctrl_c_after_the_last_word_changes_nothing(self) -> None:
        code = (
            "import atexit, os, sys; atexit.register(lambda: os.kill(os.getpid(), 2))\n"
            "sys.argv = ['marketplace', '--version']\nfrom experiments.cli import main\nmain()"
        )
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert (ended.returncode, ended.stderr) == (0, "")

    def test_a_closed_pipe_is_no_error(self) -> None:
        command = f"{sys.executable} -m experiments.cli scenarios show amazon | head -1"
        done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
        assert done.stdout == 'name = "amazon"\n' and done.stderr == ""
        with pytest.raises(BrokenPipeError), sentences():
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    def test_a_mistake_of_ours_is_not_hidden(self) -> None:
        with pytest.raises(ValueError, match="ours"), sentences():
            raise ValueError("ours")

    def test_an_error_without_a_file_is_said_too(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(typer.Exit) as caught, sentences():
            raise PermissionError(errno.EACCES, "Permission denied", "/there")
        assert caught.value.exit_code == 2
        assert capsys.readouterr().err == "marketplace: /there: Permission denied\n"
