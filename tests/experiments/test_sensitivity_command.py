"""``marketplace sensitivity`` on sweeps that were run, with runs missing, and on what is no such sweep."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from experiments import load_results
from experiments.cli import app
from experiments.designs import Design, DesignError
from experiments.designs.kept import kept_design
from experiments.engine.sweep import How, carry_out_sweep
from experiments.progress import Progress
from experiments.runs import Stop
from experiments.sensitivity.statement import analysis_of
from marketplace.scenario import load_scenario

SMALL = {"run.weeks": 4, "customers.count": 200, "sellers.count": 20, "flywheel.reference_week": 2}
FACTORS = {"platform.commission": {"low": 0.05, "high": 0.30}, "search.shown": {"low": 2, "high": 8}}


class StopAfter(Stop):
    """Asks to stop once it has been asked so often whether to."""

    def __init__(self, often: int) -> None:
        self.left, self.worth_keeping = often, True

    @property
    def asked(self) -> bool:
        self.left -= 1
        return self.left < 0


def run(folder: Path, kind: str = "sobol", stop: Stop | None = None, **stated: object) -> Path:
    stated = {"factors": FACTORS, "replications": 2} | stated
    design = Design.of(load_scenario("tiny", SMALL), kind=kind, name="small", **stated)
    folder.mkdir()
    carry_out_sweep(design, folder, stop=stop or StopAfter(10**9), progress=Progress(), how=How(engine="here"))
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("sweeps") / "whole", samples=4)


@pytest.fixture
def sweep(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "sweep")


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["sensitivity", *map(str, arguments)])


def test_a_sweep_gets_its_table_and_its_file(sweep: Path) -> None:
    done = call(sweep, "--log")
    assert done.exit_code == 0, done.output
    title = "log gmv: Sobol indices, 16 points x 2 replications, common seeds"
    for word in (title, *FACTORS, "S1", "ST", "due to the seed", "warning", str(sweep / "sensitivity.json")):
        assert word in done.output
    said = json.loads((sweep / "sensitivity.json").read_text())
    assert said["analyses"] == [json.loads(json.dumps(analysis_of(load_results(sweep), "gmv", log=True)))]


def test_quiet_prints_the_file_only_and_several_indicators_stand_side_by_side(sweep: Path) -> None:
    done = call(sweep, "--indicator", "orders", "--indicator", "gmv", "--quiet")
    assert done.output == f"{sweep / 'sensitivity.json'}\n"
    said = json.loads((sweep / "sensitivity.json").read_text())
    assert [analysis["indicator"] for analysis in said["analyses"]] == ["orders", "gmv"]


def test_missing_runs_are_refused_and_filled_as_if_they_had_never_been_missing(whole: Path, tmp_path: Path) -> None:
    broken = run(tmp_path / "broken", samples=4, stop=StopAfter(60))
    before = load_results(broken).summary
    assert 0 < len(before) < 32
    refused = call(broken)
    assert refused.exit_code == 2 and "--fill" in refused.output
    assert f"{32 - len(before)} run" in refused.output and not (broken / "sensitivity.json").exists()
    filled = call(broken, "--fill", "--workers", "1", "--quiet")
    assert filled.exit_code == 0, filled.output
    ours, theirs = (load_results(folder).summary.drop(columns="seconds") for folder in (broken, whole))
    assert ours.equals(theirs)
    assert analysis_of(load_results(broken), "gmv") == analysis_of(load_results(whole), "gmv")


def test_filling_what_is_whole_runs_nothing(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.engine.sweep.carry_out_sweep", None)
    assert call(sweep, "--fill", "--quiet").exit_code == 0


def test_the_design_of_a_folder_is_the_one_that_was_run(sweep: Path) -> None:
    design = kept_design(load_results(sweep))
    assert design.base == load_scenario("tiny", SMALL) and len(design) == 32 and design.name == "small"
    text = (sweep / "design.toml").read_text()
    (sweep / "design.toml").write_text(text.replace("samples = 4", "samples = 8"))
    with pytest.raises(DesignError, match=r"not those of its design\.toml"):
        kept_design(load_results(sweep))


def test_a_morris_sweep_gets_its_own_indices(tmp_path: Path) -> None:
    folder = run(tmp_path / "morris", kind="morris", trajectories=2)
    done = call(folder)
    assert done.exit_code == 0 and "gmv: Morris indices, 6 points" in done.output
    for word in ("mu_star", "mu", "sigma"):
        assert word in done.output


@pytest.mark.skipif(find_spec("ema_workbench") is None, reason="ema-workbench is not installed")
def test_prim_on_a_sweep(sweep: Path) -> None:
    middle = load_results(sweep).summary["orders"].median()
    done = call(sweep, "--prim", f"orders > {middle}")
    assert done.exit_code == 0, done.output
    said = json.loads((sweep / "sensitivity.json").read_text())
    assert said["boxes"][0]["runs"] == 32 and said["analyses"] == []
    assert call(sweep, "--quiet").exit_code == 0
    said = json.loads((sweep / "sensitivity.json").read_text())
    assert len(said["boxes"]) == len(said["analyses"]) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--indicator", "gvm"], 'did you mean "gmv"'),
        (["--prim", "gmv"], "not a condition"),
        (["--prim", "gmv < 0"], "no run meets gmv < 0"),
        (["--level", "2"], "--level"),
        (["--density", "0.5"], "--density is for --prim"),
        (["--workers", "2"], "--workers is for --fill"),
        (["--prim", "gmv > 0", "--log"], "--log is for indices, not for --prim"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(whole: Path, arguments: list[str], sentence: str) -> None:
    done = call(whole, *arguments)
    assert done.exit_code == 2 and sentence in done.output and "Traceback" not in done.output
    assert not (whole / "sensitivity.json").exists()


@pytest.mark.parametrize("what", ["nothing", "empty", "grid"])
def test_what_is_no_sweep_of_sobol_or_morris(what: str, tmp_path: Path) -> None:
    folder = tmp_path / what
    if what == "empty":
        folder.mkdir()
    if what == "grid":
        run(folder, kind="grid", factors={"platform.commission": [0.1, 0.2]}, replications=1)
    done = call(folder)
    assert done.exit_code == 2 and done.output.startswith("marketplace: ") and done.output.count("\n") == 1
    assert what != "grid" or "kind grid gives no Sobol or Morris indices" in done.output
