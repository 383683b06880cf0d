"""Indices with known answers, through the same code as a sweep's; chance; and what is refused."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from experiments.designs import Design
from experiments.errors import ResultsError
from experiments.sensitivity.boxes import boxes_of, condition_of
from experiments.sensitivity.indices import Index, indices_of, steps_of_morris
from experiments.sensitivity.outputs import outputs_of
from experiments.sensitivity.statement import analysis_of, read_statement, write_statement
from experiments.sensitivity.variance import seed_share

# Three fields wide enough to stand for Ishigami's x1, x2, x3, each from -pi to pi once scaled.
FACTORS = ("platform.first_party_quality", "sellers.quality", "experience.recommend_intercept")
A, B = 7.0, 0.1


@dataclass
class Sweep:
    """What `load_results` gives, made of numbers instead of runs."""

    design: str
    points: pd.DataFrame
    summary: pd.DataFrame
    path: Path = Path()
    manifest: Any = field(default_factory=lambda: SimpleNamespace(part=None))


def sweep_of(design: Design, outputs: np.ndarray, name: str = "gmv") -> Sweep:
    """A sweep whose runs gave ``outputs`` (points, replicates)."""
    points, replicates = outputs.shape
    rows = pd.DataFrame(
        {
            "run_id": [f"{p:08x}{r:08x}" for p in range(points) for r in range(replicates)],
            "point": np.repeat(np.arange(points), replicates),
            "replicate": np.tile(np.arange(replicates), points),
            "seed": np.tile(np.arange(replicates), points),
            "status": "complete",
            "seconds": 0.1,
        }
    )
    factors = design.points.loc[rows["point"]].reset_index(drop=True)
    return Sweep(design.text, design.points, pd.concat([rows, factors], axis=1).assign(**{name: outputs.ravel()}))


def ishigami(design: Design) -> np.ndarray:
    """Ishigami & Homma 1990, of the design's points."""
    x1, x2, x3 = design.points[list(FACTORS)].to_numpy().T
    return np.sin(x1) + A * np.sin(x2) ** 2 + B * x3**4 * np.sin(x1)


def answers() -> dict[str, list[float]]:
    """First and total indices of Ishigami's function, from its closed form."""
    first = [0.5 * (1 + B * math.pi**4 / 5) ** 2, A**2 / 8, 0.0]
    third = B**2 * math.pi**8 * (1 / 18 - 1 / 50)
    variance = sum(first) + third
    return {
        "S1": [part / variance for part in first],
        "ST": [(first[0] + third) / variance, first[1] / variance, third / variance],
    }


def ishigami_design(kind: str, replications: int = 1, **number: Any) -> Design:
    factors = {name: {"low": -math.pi, "high": math.pi} for name in FACTORS}
    # A seller of negative quality sells nothing: the points are never run.
    return Design.of("tiny", kind=kind, factors=factors, replications=replications, max_runs=10_000_000, **number)


def values(found: list[Index], name: str) -> list[float]:
    return [index.value for index in found if index.name == name]


def noisy(design: Design, sd: float, seed: int = 5) -> np.ndarray:
    shape = (len(design.points), design.replications)
    return ishigami(design)[:, None] + np.random.default_rng(seed).normal(0.0, sd, shape)


# -- Sobol -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("second", [False, True])
def test_ishigamis_known_answers_lie_in_their_intervals(second: bool) -> None:
    design = ishigami_design("sobol", samples=512, second_order=second)
    found = indices_of(outputs_of(sweep_of(design, ishigami(design)[:, None])))
    for name, known in answers().items():
        mine = [index for index in found if index.name == name]
        assert [index.factors for index in mine] == [(factor,) for factor in FACTORS]
        for index, answer in zip(mine, known, strict=True):
            assert index.low <= answer <= index.high
            assert index.high - index.low < 0.4
    pairs = {index.factors: index for index in found if index.name == "S2"}
    assert len(pairs) == (3 if second else 0)
    if second:
        known = answers()["ST"][2]
        assert pairs[FACTORS[0], FACTORS[2]].low <= known <= pairs[FACTORS[0], FACTORS[2]].high
        assert all(abs(pairs[pair].value) < 0.1 for pair in pairs if pair != (FACTORS[0], FACTORS[2]))


def test_chance_moves_the_indices_of_single_runs_and_not_those_of_averaged_ones() -> None:
    sd = 3.0
    single = ishigami_design("sobol", samples=128)
    silent = np.array(values(indices_of(outputs_of(sweep_of(single, ishigami(single)[:, None]))), "S1"))
    drawn = [indices_of(outputs_of(sweep_of(single, noisy(single, sd, seed)))) for seed in range(40)]
    first = np.array([values(found, "S1") for found in drawn])
    # Noise of its own in every run lowers a first index by the share of the variance that it adds.
    variance, error = ishigami(single).var(), first.std(axis=0, ddof=1) / math.sqrt(len(first))
    lowered = silent * variance / (variance + sd**2)
    assert (np.abs(first.mean(axis=0) - lowered) < 4 * error).all()
    assert (silent[:2] - first.mean(axis=0)[:2] > 4 * error[:2]).all()

    averaged = ishigami_design("sobol", samples=512, replications=50)
    found = indices_of(outputs_of(sweep_of(averaged, noisy(averaged, sd))))
    for name, truth in answers().items():
        for index, answer in zip([one for one in found if one.name == name], truth, strict=True):
            assert index.low <= answer <= index.high


def test_the_bootstrap_is_the_same_every_time() -> None:
    design = ishigami_design("sobol", samples=64)
    sweep = sweep_of(design, ishigami(design)[:, None])
    assert indices_of(outputs_of(sweep)) == indices_of(outputs_of(sweep))


def test_the_order_of_rows_says_nothing() -> None:
    design = ishigami_design("sobol", samples=64, replications=2)
    sweep = sweep_of(design, noisy(design, 1.0))
    shuffled = Sweep(sweep.design, sweep.points, sweep.summary.sample(frac=1.0, random_state=3))
    assert indices_of(outputs_of(shuffled)) == indices_of(outputs_of(sweep))


def test_logarithms_make_a_product_a_sum() -> None:
    design = ishigami_design("sobol", samples=256)
    x = design.points[list(FACTORS)].to_numpy()
    sweep = sweep_of(design, np.exp(x @ [1.0, 2.0, 0.0])[:, None])
    found = indices_of(outputs_of(sweep, log=True))
    assert values(found, "S1") == pytest.approx([0.2, 0.8, 0.0], abs=0.03)
    assert values(found, "ST") == pytest.approx([0.2, 0.8, 0.0], abs=0.03)
    assert sum(values(indices_of(outputs_of(sweep)), "S1")) < 0.9


# -- Morris ------------------------------------------------------------------------------------------------------


def test_morris_finds_the_slopes_of_a_plane() -> None:
    design = ishigami_design("morris", trajectories=12)
    width = 2 * math.pi
    plane = design.points[list(FACTORS)].to_numpy() @ np.array([3.0, -1.0, 0.0]) / width
    found = indices_of(outputs_of(sweep_of(design, plane[:, None])))
    assert values(found, "mu") == pytest.approx([3.0, -1.0, 0.0], abs=1e-9)
    assert values(found, "mu_star") == pytest.approx([3.0, 1.0, 0.0], abs=1e-9)
    assert values(found, "sigma") == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)


def test_morris_agrees_with_salib_on_its_own_sample() -> None:
    from SALib.analyze import morris

    design = ishigami_design("morris", trajectories=30, levels=6)
    outputs = ishigami(design)
    mine = indices_of(outputs_of(sweep_of(design, outputs[:, None])))
    theirs = morris.analyze(design.problem, design.shares, outputs, num_levels=6, seed=1)
    for name in ("mu", "mu_star", "sigma"):
        assert values(mine, name) == pytest.approx(list(theirs[name]))
    assert all(index.value > 1.0 for index in mine if index.name == "sigma")


def test_a_step_that_rounding_swallowed_is_a_step_without_effect() -> None:
    rare = {"values": ["reinvest", "dividend"], "probabilities": [0.9, 0.1]}
    factors = {"policy.name": rare, "platform.commission": {"low": 0.1, "high": 0.4}}
    design = Design.of("tiny", kind="morris", trajectories=20, levels=10, factors=factors)
    same = (design.points == design.points.shift()).all(axis=1)
    assert same[design.points.index % 3 != 0].any()  # else there is nothing to show
    steps = np.diff(steps_of_morris(design.points).reshape(20, 3, 2), axis=1)
    assert (np.abs(steps).sum(axis=2) == 1).all() and (np.abs(steps).sum(axis=1) == 1).all()
    found = indices_of(outputs_of(sweep_of(design, design.points[["platform.commission"]].to_numpy())))
    assert values(found, "mu") == pytest.approx([0.0, 0.3])


# -- what is due to the seed -------------------------------------------------------------------------------------


def runs(points: int, replicates: int, sd: tuple[float, float, float], seed: int) -> np.ndarray:
    """Runs whose points, seeds (on all points alike) and single runs have the given standard deviations."""
    chance = np.random.default_rng(seed)
    return (
        1e6
        + chance.normal(0, sd[0], (points, 1))
        + chance.normal(0, sd[1], (1, replicates))
        + chance.normal(0, sd[2], (points, replicates))
    )


def test_the_share_of_the_seed_is_that_of_its_variance() -> None:
    share = seed_share(runs(4000, 10, (2.0, 0.0, 1.0), 1), common=False)
    assert share.share == pytest.approx(0.2, abs=0.01)
    assert share.low < 0.2 < share.high and share.high - share.low < 0.03
    assert share.share_of_means == pytest.approx(0.1 / 4.1, abs=0.002)
    assert (share.between, share.within) == (pytest.approx(4.0, rel=0.1), pytest.approx(1.0, rel=0.05))
    assert share.common is None


def test_under_common_seeds_what_all_points_share_is_no_noise_between_them() -> None:
    share = seed_share(runs(300, 300, (2.0, 3.0, 1.0), 2), common=True)
    assert share.within == pytest.approx(10.0, rel=0.15)
    assert share.between == pytest.approx(4.0, rel=0.3)
    assert share.common == pytest.approx(0.9, abs=0.03)
    assert share.share_of_means == pytest.approx((1 / 300) / (4 + 1 / 300), rel=0.3)
    assert share.low is None and share.high is None


def test_the_interval_of_the_share_covers_as_often_as_it_says() -> None:
    inside = 0
    for seed in range(600):
        share = seed_share(runs(12, 4, (1.0, 0.0, 1.0), seed), common=False, level=0.9)
        inside += share.low <= 0.5 <= share.high
    # Four standard errors of 600 draws about the nominal 90 %.
    assert abs(inside / 600 - 0.9) < 4 * math.sqrt(0.9 * 0.1 / 600)


@pytest.mark.parametrize("common", [False, True])
def test_runs_without_chance_have_no_share_of_it(common: bool) -> None:
    share = seed_share(np.repeat(np.arange(5.0)[:, None], 3, axis=1), common=common)
    assert share.share == 0.0 and share.share_of_means == 0.0


def test_runs_that_differ_by_chance_only_are_all_chance() -> None:
    share = seed_share(runs(50, 5, (0.0, 0.0, 1.0), 3), common=False)
    assert share.high == 1.0 and share.share > 0.9


@pytest.mark.parametrize("shape", [(1, 5), (5, 1)])
def test_one_row_or_column_tells_nothing_of_the_seed(shape: tuple[int, int]) -> None:
    with pytest.raises(ResultsError, match="two"):
        seed_share(np.random.default_rng(1).random(shape), common=False)


# -- what is refused ---------------------------------------------------------------------------------------------


def small(replications: int = 2, kind: str = "sobol") -> Sweep:
    number = {"trajectories": 8} if kind == "morris" else {"samples": 8}
    design = ishigami_design(kind, replications, **number)
    return sweep_of(design, 100.0 + noisy(design, 1.0))


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda t: t.drop(index=[9]), r"1 run missing \(first: point 4, replicate 1\), so .* --fill"),
        (lambda t: t.assign(status=t["status"].where(t.index != 6, "failed")), r"1 run failed \(first: point 3, rep"),
        (lambda t: t.assign(gmv=t["gmv"].where(t.index > 3)), r"undefined at 4 of 80 runs \(first: point 0, rep"),
        (lambda t: t.assign(gmv=np.where(t.index == 5, np.inf, t["gmv"])), "undefined at 1 of 80 runs"),
        (lambda t: t.assign(gmv=4.0), "same at all points"),
        (lambda t: t.rename(columns={"gmv": "gmw"}), 'did you mean "gmw"'),
        (lambda t: pd.concat([t, t.assign(replicate=t["replicate"] + 2)]), "80 runs more than the design asks for"),
    ],
)
def test_a_sweep_that_is_not_whole_has_no_indices(spoil: Any, sentence: str) -> None:
    sweep = small()
    assert indices_of(outputs_of(sweep))
    sweep.summary = spoil(sweep.summary)
    with pytest.raises(ResultsError, match=sentence):
        indices_of(outputs_of(sweep))


def test_a_part_of_a_sweep_is_to_be_merged_first() -> None:
    sweep = small()
    sweep.manifest.part = [1, 2]
    sweep.summary = sweep.summary[::2]
    with pytest.raises(ResultsError, match="merge"):
        outputs_of(sweep)


def test_a_logarithm_of_nothing_is_refused() -> None:
    sweep = small()
    sweep.summary.loc[7, "gmv"] = 0.0
    with pytest.raises(ResultsError, match=r"not above 0.* at 1 of 80 runs \(first: point 3, replicate 1\)"):
        outputs_of(sweep, log=True)


@pytest.mark.parametrize("kind", ["sobol", "morris"])
def test_points_in_another_order_have_no_indices(kind: str) -> None:
    sweep = small(kind=kind)
    moved = sweep.points.to_numpy().copy()
    moved[[1, 6]] = moved[[6, 1]]
    sweep.points = pd.DataFrame(moved, columns=sweep.points.columns, index=sweep.points.index)
    with pytest.raises(ResultsError, match="not laid out"):
        indices_of(outputs_of(sweep))


def test_other_kinds_of_sweep_have_no_indices() -> None:
    design = Design.of("tiny", factors={"platform.commission": [0.1, 0.2, 0.3]})
    with pytest.raises(ResultsError, match="kind grid gives no Sobol or Morris"):
        indices_of(outputs_of(sweep_of(design, np.arange(3.0)[:, None])))


# -- the statement -----------------------------------------------------------------------------------------------


def test_the_statement_warns_of_wide_intervals_and_of_chance(tmp_path: Path) -> None:
    design = ishigami_design("sobol", replications=2, samples=16)
    loud = analysis_of(sweep_of(design, noisy(design, 8.0)), "gmv")
    assert any("wider than the index itself" in warning for warning in loud["warnings"])
    assert any("of the variance of the points' means is chance" in warning for warning in loud["warnings"])
    single = ishigami_design("sobol", samples=16)
    alone = analysis_of(sweep_of(single, noisy(single, 0.0)), "gmv")
    assert alone["seed_share"] is None and any("one replication" in warning for warning in alone["warnings"])
    large = ishigami_design("sobol", replications=2, samples=1024)
    calm = analysis_of(sweep_of(large, noisy(large, 0.1)), "gmv")
    # Only x3 alone, whose index is zero, is narrower than its interval.
    assert len(calm["warnings"]) == 1 and calm["warnings"][0].startswith(f"S1 of {FACTORS[2]}:")


def test_the_statement_is_kept_while_the_runs_are_the_same(tmp_path: Path) -> None:
    sweep = small()
    sweep.path = tmp_path
    sweep.summary["orders"] = sweep.summary["gmv"] ** 2
    for name in ("gmv", "orders", "gmv"):
        write_statement(sweep, analyses=[analysis_of(sweep, name)])
    said = read_statement(tmp_path)
    assert [analysis["indicator"] for analysis in said["analyses"]] == ["gmv", "orders"]
    assert said["analyses"][0]["indices"] == analysis_of(sweep, "gmv")["indices"]
    sweep.summary["run_id"] = sweep.summary["run_id"].str.replace("0", "f")
    write_statement(sweep, analyses=[analysis_of(sweep, "orders")])
    assert [analysis["indicator"] for analysis in read_statement(tmp_path)["analyses"]] == ["orders"]


# -- PRIM --------------------------------------------------------------------------------------------------------

needs_ema = pytest.mark.skipif(find_spec("ema_workbench") is None, reason="ema-workbench is not installed")


def corner() -> Sweep:
    """GMV is low where the commission is high, few offers are shown, under dividend: and nowhere else."""
    factors = {
        "platform.commission": {"low": 0.05, "high": 0.45},
        "search.shown": {"low": 1, "high": 16},
        "policy.name": ["reinvest", "dividend"],
        "entry.enabled": [True, False],
    }
    design = Design.of("tiny", kind="latin-hypercube", samples=400, replications=2, factors=factors)
    points = design.points
    inside = (points["platform.commission"] > 0.25) & (points["search.shown"] <= 10)
    inside &= points["policy.name"] == "dividend"
    return sweep_of(design, np.repeat(np.where(inside, 500.0, 2000.0)[:, None], 2, axis=1))


@needs_ema
def test_prim_finds_the_corner() -> None:
    boxes = boxes_of(corner(), condition_of("gmv < 1000"), density=0.97)
    limits = {limit.factor: limit for limit in boxes[0].limits}
    assert set(limits) == {"platform.commission", "search.shown", "policy.name"}
    assert limits["platform.commission"].low == pytest.approx(0.25, abs=0.03)
    assert limits["search.shown"].high in (9.0, 10.0, 11.0)
    assert limits["policy.name"].values == ("dividend",)
    assert boxes[0].coverage > 0.9 and boxes[0].density >= 0.97


@needs_ema
@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("gmv < 1", "no run meets gmv < 1: gmv lies from 500 to 2000"),
        ("gmv > 1", "every run meets"),
        ("gmw > 1", 'did you mean "gmv"'),
    ],
)
def test_a_condition_that_tells_nothing_apart_is_refused(condition: str, sentence: str) -> None:
    with pytest.raises(ResultsError, match=sentence):
        boxes_of(corner(), condition_of(condition))


@pytest.mark.parametrize("text", ["gmv", "gmv = 3", "gmv < x", "< 3", "gmv <", "gmv < 1 < 2", "gmv < 1e", "a\nb < 2"])
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(ResultsError, match="not a condition"):
        condition_of(text)


def test_a_condition_on_a_link_may_stand_without_spaces() -> None:
    condition = condition_of("link.unit_cost->price<=-1e3")
    assert (condition.indicator, condition.relation, condition.number) == ("link.unit_cost->price", "<=", -1000.0)


def test_prim_without_its_package_says_which_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ResultsError, match=r"pip install 'marketplace-simulator\[discovery\]'"):
        boxes_of(small(), condition_of("gmv < 1000"))
