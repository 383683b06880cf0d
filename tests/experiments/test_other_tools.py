"""The tools of others on our designs and sweeps: Mesa's batch_run, SALib, the EMA Workbench, a notebook."""

from __future__ import annotations

import json
import pickle
import warnings
from importlib.util import find_spec
from pathlib import Path

import mesa
import pandas as pd
import pytest

from experiments import load_results
from experiments.designs import Design, DesignError
from experiments.engine.sweep import How, carry_out_sweep
from experiments.progress import Progress
from experiments.runs import Stop
from experiments.sensitivity.indices import indices_of
from experiments.sensitivity.outputs import outputs_of
from experiments.sensitivity.workbench import identifiers, workbench_model
from marketplace import MarketplaceModel
from marketplace.indicators import summary
from marketplace.scenario import load_scenario

HOUSE = Path(__file__).resolve().parents[2]
SMALL = {"run.weeks": 4, "customers.count": 200, "sellers.count": 20, "flywheel.reference_week": 2}
BASE = load_scenario("tiny", SMALL)
needs_ema = pytest.mark.skipif(find_spec("ema_workbench") is None, reason="ema-workbench is not installed")


def swept(design: Design, folder: Path) -> Path:
    folder.mkdir()
    carry_out_sweep(design, folder, stop=Stop(), progress=Progress(), how=How(engine="here"), weekly=True)
    return folder


def test_mesas_batch_run_gives_the_weeks_of_a_sweep(tmp_path: Path) -> None:
    factors = {"platform.commission": [0.1, 0.2], "policy.name": ["reinvest", "dividend"]}
    design = Design.of(BASE, factors=factors, replications=2)
    rows = mesa.batch_run(
        MarketplaceModel,
        {"scenario": [design.base], "rng": [design.seed(0, r) for r in range(design.replications)], **factors},
        data_collection_period=1,
        display_progress=False,
    )
    keys = ["platform.commission", "policy.name", "seed", "week"]
    frame = pd.DataFrame(rows).drop(columns="seed", errors="ignore")  # Mesa 3.5 has both names
    theirs = frame.rename(columns={"rng": "seed"}).set_index(keys).sort_index()
    ours = load_results(swept(design, tmp_path / "sweep")).weekly.set_index(keys).sort_index()
    assert len(ours) == 4 * 2 * 4 and ours.index.equals(theirs.index)
    for indicator in ("gmv", "orders", "visits", "active_customers"):
        assert ours[indicator].tolist() == theirs[indicator].tolist()


def test_salib_takes_a_designs_problem_and_finds_the_same_indices(tmp_path: Path) -> None:
    from SALib.analyze import sobol
    from SALib.sample import sobol as sampler

    factors = {
        "platform.commission": {"low": 0.05, "high": 0.30},
        "customers.need_rate": {"distribution": "log-uniform", "low": 0.5, "high": 2.0},
        "search.shown": {"low": 2, "high": 8},
    }
    design = Design.of(BASE, kind="sobol", samples=2, factors=factors, replications=2)
    # Drawn by SALib from the problem, the points are the design's own.
    theirs = pd.DataFrame(
        sampler.sample(design.problem, 2, calc_second_order=False, seed=2), columns=design.problem["names"]
    )
    for name in ("platform.commission", "customers.need_rate"):
        assert theirs[name].tolist() == pytest.approx(design.points[name].tolist(), rel=1e-9)
    shown = [design.value("search.shown", share) for share in theirs["search.shown"]]
    assert shown == design.points["search.shown"].tolist()

    results = load_results(swept(design, tmp_path / "sweep"))
    means = results.summary.groupby("point")["gmv"].mean()
    found = sobol.analyze(design.problem, means.to_numpy(), calc_second_order=False, seed=1)
    mine = indices_of(outputs_of(results, "gmv"))
    for name in ("S1", "ST"):
        assert [index.value for index in mine if index.name == name] == pytest.approx(found[name].tolist())


def perform(model: object, count: int) -> tuple[pd.DataFrame, dict]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the workbench's own
        from ema_workbench import SequentialEvaluator

        with SequentialEvaluator(model) as evaluator:
            return evaluator.perform_experiments(scenarios=count, reporting_interval=10**9)


@needs_ema
def test_the_workbench_runs_a_design(capfd: pytest.CaptureFixture[str]) -> None:
    factors = {
        "platform.commission": {"low": 0.05, "high": 0.30},
        "sellers.cost": {"distribution": "triangular", "low": 0.5, "mode": 0.6, "high": 0.8},
        "search.shown": {"low": 2, "high": 8},
        "policy.name": ["reinvest", "dividend"],
        "entry.enabled": [True, False],
        "run.weeks": [3],
    }
    design = Design.of(BASE, kind="random", samples=1, factors=factors, replications=2)
    model = workbench_model(design, ["gmv", "orders"])
    experiments, outcomes = perform(pickle.loads(pickle.dumps(model)), 4)
    assert len(experiments) == 4 and set(outcomes) == {"gmv", "orders"}
    for number, row in experiments.iterrows():
        changes = {
            "platform.commission": row["platform_commission"], "sellers.cost": row["sellers_cost"],
            "search.shown": int(row["search_shown"]), "policy.name": str(row["policy_name"]),
            "entry.enabled": str(row["entry_enabled"]) == "True",
        }  # fmt: skip
        alone = Design.of(BASE, kind="list", points=[changes | {"run.weeks": 3}], replications=2)
        orders = [summary(MarketplaceModel(alone.scenario(0, r)).run().weekly)["orders"] for r in (0, 1)]
        assert outcomes["orders"][number] == sum(orders) / 2
        assert 0.05 <= changes["platform.commission"] <= 0.30 and 0.5 <= changes["sellers.cost"] <= 0.8


@needs_ema
@pytest.mark.parametrize(
    ("spec", "low", "middle", "high"),
    [
        ({"low": 0.1, "high": 0.5}, 0.1, 0.3, 0.5),
        ({"distribution": "log-uniform", "low": 0.01, "high": 0.25}, 0.01, 0.05, 0.25),
        ({"distribution": "truncated-normal", "mean": 0.3, "sd": 0.1, "low": 0.2, "high": 0.4}, 0.2, 0.3, 0.4),
        ({"distribution": "normal", "mean": 0.5, "sd": 0.01}, -float("inf"), 0.5, float("inf")),
        ({"distribution": "triangular", "low": 0.1, "mode": 0.2, "high": 0.3}, 0.1, 0.2, 0.3),
    ],
)
def test_a_distribution_is_the_same_in_the_workbench(spec: dict, low: float, middle: float, high: float) -> None:
    design = Design.of(BASE, kind="random", samples=1, factors={"platform.commission": spec})
    law = next(iter(workbench_model(design).uncertainties)).dist
    assert [law.ppf(share) for share in (0.0, 0.5, 1.0)] == pytest.approx([low, middle, high])
    quantiles = [design.value("platform.commission", share) for share in (0.1, 0.25, 0.9)]
    assert quantiles == pytest.approx([law.ppf(share) for share in (0.1, 0.25, 0.9)])


@needs_ema
def test_what_the_workbench_cannot_state_is_refused() -> None:
    uneven = {"policy.name": {"values": ["hold", "dividend"], "probabilities": [0.9, 0.1]}}
    with pytest.raises(DesignError, match="leave out probabilities"):
        workbench_model(Design.of(BASE, kind="random", samples=2, factors=uneven))
    rounded = {"search.shown": {"distribution": "log-uniform", "low": 2, "high": 8}}
    with pytest.raises(DesignError, match="uniform ranges only"):
        workbench_model(Design.of(BASE, kind="random", samples=2, factors=rounded))
    with pytest.raises(DesignError, match="varies nothing"):
        workbench_model(Design.of(BASE, factors={"platform.commission": [0.1]}))


def test_names_for_python_stay_apart() -> None:
    names = identifiers(["a.b", "a_b", "9", "flywheel.valves.a->b"])
    assert list(names.values()) == ["a.b", "a_b", "9", "flywheel.valves.a->b"]
    assert all(name.isidentifier() for name in names) and len(names) == 4


def test_the_notebook_runs_and_reads_a_sweep_in_three_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    notebook = json.loads((HOUSE / "docs" / "notebooks" / "sweep.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    names: dict = {}
    for number, source in enumerate(cells):
        exec(compile(source, f"cell {number}", "exec"), names)
    three = next(source for source in cells if "load_results(" in source)
    assert len([line for line in three.splitlines() if line]) == 3
    assert len(names["runs"]) == 8 and set(names["runs"]["platform.commission"]) == {0.05, 0.10, 0.15, 0.20}
    assert names["runs"]["status"].eq("complete").all()
