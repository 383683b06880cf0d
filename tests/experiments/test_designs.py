"""Designs: the points they lay, the seeds they give, and that a file and Python say the same."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from experiments.designs import Design, DesignError, load_design
from experiments.designs.distributions import DISTRIBUTIONS, LAST, MOST_SD
from experiments.designs.files import read_design
from experiments.designs.settings import BELOW, TOP
from marketplace.scenario import load_scenario

PLAINEST = """\
scenario = "tiny"
replications = 10
[design]
kind = "grid"
[design.factors]
"platform.commission" = [0.05, 0.10, 0.15, 0.20]
"""


def drawn(spec: object, path: str = "platform.commission", samples: int = 512) -> np.ndarray:
    design = Design.of("tiny", kind="latin-hypercube", samples=samples, factors={path: spec})
    return design.points[path].to_numpy()


def test_the_plainest_file_works_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "commission.toml"
    path.write_text(PLAINEST)
    design = load_design(path)
    assert (len(design), design.name, design.kind, design.seeds, design.weekly) == (
        40, "commission", "grid", "common", False
    )  # fmt: skip
    assert design.text == PLAINEST and design.imports == []
    assert design.points.index.name == "point"
    assert design.points["platform.commission"].tolist() == [0.05, 0.10, 0.15, 0.20]
    assert design.changes(2) == {"platform.commission": 0.15}
    assert design.scenario(2, 9) == load_scenario(
        "tiny", {"platform.commission": 0.15, "run.seed": load_scenario("tiny").run.seed + 9, "run.threads": 1}
    )


def test_a_grid_has_every_combination_and_single_values_are_no_columns() -> None:
    design = Design.of(
        "tiny", replications=2,
        factors={"platform.commission": [0.1, 0.2], "run.weeks": [5], "policy.name": ["reinvest", "dividend", "hold"]},
    )  # fmt: skip
    assert list(design.points) == ["platform.commission", "policy.name"]
    pairs = list(design.points.itertuples(index=False, name=None))
    assert pairs == [(c, p) for c in (0.1, 0.2) for p in ("reinvest", "dividend", "hold")]
    assert len(design) == 12
    assert design.changes(5) == {"run.weeks": 5, "platform.commission": 0.2, "policy.name": "hold"}
    assert design.scenario(5, 1).run.weeks == 5


def test_tables_and_dotted_paths_say_the_same() -> None:
    head = 'scenario = "tiny"\n[design]\nkind = "grid"\n[design.factors]\n'
    two, states = "[0.1, 0.2]", '["open", "shut"]'
    quoted = read_design(f'{head}"platform.commission" = {two}\n"flywheel.valves.unit_cost->price.state" = {states}')
    nested = read_design(
        f'{head}platform.commission = {two}\n[design.factors.flywheel.valves."unit_cost->price"]\nstate = {states}'
    )
    indexed = read_design(
        f'{head}"platforms.0.commission" = {two}\nflywheel.valves."unit_cost->price".state = {states}'
    )
    assert quoted.points.equals(nested.points) and quoted.points.equals(indexed.points)
    assert quoted.scenario(1, 0).flywheel.valves["unit_cost->price"].state == "shut"


def test_zip_takes_lists_side_by_side() -> None:
    design = Design.of("tiny", kind="zip", factors={"search.shown": [5, 6], "platform.commission": [0.1, 0.2]})
    assert design.rows == ((5, 0.1), (6, 0.2))
    repeated = {"search.shown": [5, 5, 6], "platform.commission": [0.1, 0.2, 0.2], "platform.cash": [7]}
    design = Design.of("tiny", kind="zip", factors=repeated)
    assert design.rows == ((5, 0.1), (5, 0.2), (6, 0.2)) and design.constants == {"platform.cash": 7.0}
    with pytest.raises(DesignError, match=r"point 1 is point 0 again: search.shown = 5, platform.commission = 0.1"):
        Design.of("tiny", kind="zip", factors={"search.shown": [5, 5], "platform.commission": [0.1, 0.1]})


def test_a_listed_point_states_what_differs_from_the_base() -> None:
    base = load_scenario("tiny", {"platform.commission": 0.11, "policy.name": "reinvest"})
    points = [{"platform.commission": 0.1}, {"policy.name": "dividend"}, {}]
    design = Design.of(base, kind="list", points=points)
    assert design.rows == ((0.1, "reinvest"), (0.11, "dividend"), (0.11, "reinvest"))
    assert design.scenario(2, 0) == base.with_changes({"run.threads": 1})


def test_a_valve_of_which_a_listed_point_says_nothing_is_open() -> None:
    price, fees = "flywheel.valves.unit_cost->price", "flywheel.valves.unit_cost->fees.scale"
    design = Design.of("tiny", kind="list", points=[{}, {price: "shut"}, {fees: 2.0}])
    assert design.columns == [price, fees]
    assert design.rows == (("open", 1.0), ("shut", 1.0), ("open", 2.0))


def test_arms_may_differ_in_anything_but_their_length() -> None:
    tiny, two = load_scenario("tiny"), load_scenario("two-platforms", {"run.weeks": 156})
    shut = tiny.with_changes({"flywheel.valves.unit_cost->price": "shut", "customers.count": 300})
    design = Design.of(kind="arms", arms={"as it is": tiny, "two": two, "shut": shut}, replications=3)
    assert design.points["arm"].tolist() == ["as it is", "two", "shut"]
    assert len(design) == 9
    own = {"run.seed": tiny.run.seed + 2, "run.threads": 1, "run.record_orders": False}
    for point, scenario in enumerate((tiny, two, shut)):
        assert design.scenario(point, 2) == scenario.with_changes(own)
    again = read_design(design.text, base=design.base)
    assert list(again.arms.items()) == list(design.arms.items())
    sentence = r"different numbers of weeks \(tiny 156, b 9\): state run.weeks in \[changes\]"
    with pytest.raises(DesignError, match=sentence):
        Design.of(kind="arms", arms={"tiny": tiny, "b": tiny.with_changes({"run.weeks": 9})})


def test_arms_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('base = "tiny"\n[platform]\ncommission = 0.33\n')
    (tmp_path / "design.toml").write_text(
        'scenario = "tiny"\n[design]\nkind = "arms"\n[design.arms]\nbase = {}\nmine = "mine.toml"\n'
        'cheap = { platform.commission = 0.01 }\n[changes]\nrun.weeks = 9\n'
    )
    arms = load_design(tmp_path / "design.toml", ["customers.count=70"]).arms
    assert [scenario.platform.commission for scenario in arms.values()][1:] == [0.33, 0.01]
    assert arms["base"] == load_scenario("tiny", {"run.weeks": 9, "customers.count": 70})
    assert {(arm.run.weeks, arm.customers.count) for arm in arms.values()} == {(9, 70)}  # of arms by name, too


@pytest.mark.parametrize("kind", ["latin-hypercube", "random", "sobol", "morris"])
def test_sampled_points_are_a_function_of_their_seed(kind: str) -> None:
    number = {"trajectories": 8} if kind == "morris" else {"samples": 8}
    factors = {"platform.commission": {"low": 0.1, "high": 0.4}, "search.shown": {"low": 2, "high": 9}}
    made = [Design.of("tiny", kind=kind, factors=factors, seed=seed, **number).rows for seed in (0, 0, 1)]
    assert made[0] == made[1] != made[2]
    per = {"latin-hypercube": 1, "random": 1, "sobol": 4, "morris": 3}[kind]
    assert len(made[0]) == 8 * per


def test_more_random_samples_keep_the_first_ones() -> None:
    factors = {"platform.commission": {"low": 0.1, "high": 0.4}, "platform.cash": {"low": 1.0, "high": 9.0}}
    few, many = (Design.of("tiny", kind="random", factors=factors, samples=n).rows for n in (5, 50))
    assert many[:5] == few


def test_a_latin_hypercube_has_one_value_in_every_slice() -> None:
    values = drawn({"low": 0.2, "high": 0.6}, samples=40)
    assert sorted(np.floor((values - 0.2) / 0.4 * 40).astype(int)) == list(range(40))


def test_a_sobol_design_is_saltellis_and_a_morris_design_steps_one_factor_at_a_time() -> None:
    factors = {f"platform.{name}": {"low": 0.1, "high": 0.4} for name in ("commission", "wear", "pass_through")}
    for second in (False, True):
        rows = Design.of("tiny", kind="sobol", factors=factors, samples=4, second_order=second).points.to_numpy()
        for block in rows.reshape(4, 8 if second else 5, 3):
            for j in range(3):
                assert (block[1 + j] != block[0]).tolist() == [k == j for k in range(3)]
                assert block[1 + j, j] == block[-1, j]
    rows = Design.of("tiny", kind="morris", factors=factors, trajectories=5, levels=6).points.to_numpy()
    steps = np.diff(rows.reshape(5, 4, 3), axis=1)
    assert ((steps != 0).sum(axis=2) == 1).all() and ((steps != 0).sum(axis=1) == 1).all()


def ks(values: np.ndarray, law: object) -> float:
    return stats.kstest(values, law.cdf).statistic  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("spec", "law"),
    [
        ({"low": 0.1, "high": 0.4}, stats.uniform(0.1, 0.3)),
        ({"distribution": "log-uniform", "low": 0.01, "high": 0.9}, stats.loguniform(0.01, 0.9)),
        ({"distribution": "normal", "mean": 0.5, "sd": 0.05}, stats.norm(0.5, 0.05)),
        (
            {"distribution": "truncated-normal", "mean": 0.1, "sd": 0.2, "low": 0.0, "high": 0.5},
            stats.truncnorm(-0.5, 2.0, 0.1, 0.2),
        ),
        (
            {"distribution": "truncated-normal", "mean": 0.0, "sd": 0.05, "low": 0.2, "high": 0.3},
            stats.truncnorm(4.0, 6.0, 0.0, 0.05),
        ),
        ({"distribution": "triangular", "low": 0.1, "mode": 0.2, "high": 0.8}, stats.triang(1 / 7, 0.1, 0.7)),
    ],
)
def test_values_follow_their_distribution(spec: dict, law: object) -> None:
    # One value in every slice of 1/n leaves the empirical distribution at most 1/n from the true one.
    assert ks(drawn(spec), law) <= 1 / 512 + 1e-9
    # And SALib, given the design's problem, draws from the same law.
    from SALib.sample import sobol

    problem = Design.of("tiny", kind="sobol", samples=8, factors={"platform.commission": spec}).problem
    assert set(problem) == {"num_vars", "names", "bounds", "dists"} and problem["names"] == ["platform.commission"]
    assert ks(sobol.sample(problem, 512, seed=1)[::4, 0], law) < 0.02


def test_whole_numbers_and_choices_have_their_chances() -> None:
    whole = drawn({"low": 1, "high": 8}, "search.shown", 800)
    assert np.bincount(whole)[1:].tolist() == [100] * 8
    assert whole.dtype == np.int64
    floats = drawn({"distribution": "integer", "low": 1, "high": 4}, "platform.cash", 400)
    assert np.unique(floats, return_counts=True)[1].tolist() == [100] * 4 and floats.dtype == np.float64
    chosen = drawn({"values": ["reinvest", "dividend", "hold"], "probabilities": [0.5, 0.25, 0.25]}, "policy.name", 400)
    assert [int((chosen == name).sum()) for name in ("reinvest", "dividend", "hold")] == [200, 100, 100]
    assert sorted(drawn([True, False], "entry.enabled", 10).tolist()) == [False] * 5 + [True] * 5


def test_a_normal_draw_cannot_leave_the_range_it_was_checked_for() -> None:
    assert -stats.norm.ppf(LAST) < MOST_SD


def test_a_choice_of_probability_zero_is_never_drawn() -> None:
    chosen = drawn({"values": ["reinvest", "dividend"], "probabilities": [1.0, 0.0]}, "policy.name", 64)
    assert set(chosen) == {"reinvest"}
    spec = {"values": ["hold", "dividend"], "probabilities": [1, 0]}
    design = Design.of("tiny", kind="random", samples=1, factors={"policy.name": spec})
    assert design.value("policy.name", 1.0) == "hold"


def test_a_column_that_mixes_numbers_and_words_is_text_and_its_values_are_kept() -> None:
    design = Design.of("tiny", factors={"choice.outside_option": [0, "off"]})
    assert design.points["choice.outside_option"].tolist() == ["0.0", "off"]
    assert [design.changes(point)["choice.outside_option"] for point in (0, 1)] == [0.0, "off"]


# -- seeds -------------------------------------------------------------------------------------------------------


def test_common_seeds_are_the_same_at_every_point_and_independent_ones_nowhere() -> None:
    base = load_scenario("tiny", {"run.seed": 40})
    factors = {"platform.commission": [0.1, 0.2, 0.3]}
    common = Design.of(base, factors=factors, replications=4)
    assert [[common.seed(p, r) for r in range(4)] for p in range(3)] == [[40, 41, 42, 43]] * 3
    apart = Design.of(base, factors=factors, replications=4, seeds="independent")
    seeds = [apart.seed(p, r) for p in range(3) for r in range(4)]
    assert len(set(seeds)) == 12 and all(0 <= seed < 2**63 for seed in seeds)
    assert [apart.scenario(p, r).run.seed for p in range(3) for r in range(4)] == seeds
    other = Design.of(base.with_changes({"run.seed": 41}), factors=factors, replications=4, seeds="independent")
    assert not set(seeds) & {other.seed(p, r) for p in range(3) for r in range(4)}


def test_a_replicate_has_its_seed_however_many_there_are() -> None:
    few, many = (
        Design.of("tiny", factors={"search.shown": [3, 4]}, replications=n, seeds="independent") for n in (2, 20)
    )
    assert [few.seed(1, r) for r in (0, 1)] == [many.seed(1, r) for r in (0, 1)]


@pytest.mark.parametrize(("point", "replicate"), [(2, 0), (-1, 0), (0, 3), (0, -1)])
def test_there_is_no_such_run(point: int, replicate: int) -> None:
    design = Design.of("tiny", factors={"search.shown": [3, 4]}, replications=3)
    with pytest.raises(IndexError):
        design.scenario(point, replicate)


def test_the_page_on_sweeps_names_every_key_kind_and_distribution() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/how-to/sweeps.md").read_text(encoding="utf-8")
    keys = {key for below in BELOW.values() for key in below}
    keys |= {key for kind in DISTRIBUTIONS.values() for key in kind.needed}
    for name in {*TOP, *BELOW, *keys, *DISTRIBUTIONS, "max_runs", "values", "probabilities"}:
        assert f"`{name}`" in page or f"`[{name}]`" in page, name


# -- files, Python, changes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["latin-hypercube", "random", "sobol", "morris", "grid", "list"])
def test_the_text_of_a_design_from_python_reads_back_as_the_same_design(kind: str) -> None:
    base = load_scenario("tiny", {"run.weeks": 33})
    stated = {
        "grid": {"factors": {"platform.commission": np.linspace(0.1, 0.3, 3), "policy.name": ("hold", "dividend")}},
        "list": {"points": [{"platform.commission": np.float64(0.1)}, {"platform": {"commission": 0.3}}]},
    }.get(kind, {"factors": {"platform.commission": {"low": 0.1, "high": 0.3}, "policy.name": ["hold", "dividend"]}})
    number = {"grid": {}, "list": {}, "morris": {"trajectories": 4}}.get(kind, {"samples": 4})
    own = {"name": "mine", "replications": 3, "seeds": "independent", "weekly": True}
    design = Design.of(base, kind=kind, **own, **stated, **number)
    again = read_design(design.text, base=base)
    for name in ("name", "kind", "replications", "seeds", "weekly", "rows", "constants", "columns", "text", "base"):
        assert getattr(again, name) == getattr(design, name), name


def test_changes_apply_to_the_base_and_never_to_a_factor(tmp_path: Path) -> None:
    path = tmp_path / "design.toml"
    path.write_text(PLAINEST.replace("[design]", '[changes]\nrun.weeks = 30\n"platform.cash" = 5\n[design]', 1))
    assert load_design(path).base == load_scenario("tiny", {"run.weeks": 30, "platform.cash": 5})
    for changes in ({"run.weeks": 9}, [("run.weeks", 9)], ["run.weeks=9"]):
        assert load_design(path, changes).scenario(0, 0).run.weeks == 9
    for spelling in ("platform.commission", "platforms.0.commission", "platforms.platform.commission"):
        with pytest.raises(DesignError, match="is a factor of the design"):
            load_design(path, {spelling: 0.3})


def test_paths_in_a_file_are_relative_to_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, elsewhere = tmp_path / "designs", tmp_path / "elsewhere"
    folder.mkdir(), elsewhere.mkdir()
    (folder / "world.toml").write_text('base = "tiny"\n[run]\nweeks = 7\n')
    (folder / "greedy.py").write_text(
        "from agents.policies.base import Decision, PlatformPolicy\n"
        "class DesignTestGreed(PlatformPolicy):\n    name = 'design-test-greed'\n"
        "    source = 'a test'\n"
        "    def decide(self, books):\n        return Decision()\n"
    )
    (folder / "design.toml").write_text(
        'scenario = "world.toml"\nimports = ["greedy.py"]\n[design]\nkind = "grid"\n[design.factors]\n'
        '"policy.name" = ["hold", "design-test-greed"]\n'
    )
    monkeypatch.chdir(elsewhere)
    design = load_design(folder / "design.toml")
    assert design.base.run.weeks == 7
    assert [path.resolve() for path in design.imports] == [(folder / "greedy.py").resolve()]
    assert design.scenario(1, 0).policy.name == "design-test-greed"


def test_a_point_that_cannot_live_is_named() -> None:
    factors = {"search.shown": [5, 30], "search.candidates": [16, 40]}
    with pytest.raises(DesignError, match=r"point 2 \(search.shown = 30, search.candidates = 16\)"):
        Design.of("tiny", factors=factors)


@pytest.mark.parametrize(
    ("stated", "number"),
    [
        ({"replications": 1_000_000}, "2,000,000"),
        ({"kind": "random", "samples": 200_000}, "200,000"),
        ({"kind": "sobol", "samples": 2**15, "second_order": True, "replications": 2}, "262,144"),
        ({"replications": 6, "max_runs": 11}, "12"),
    ],
)
def test_runs_by_accident_are_refused_with_their_number(stated: dict, number: str) -> None:
    drawn_kind = "kind" in stated
    factors = {"platform.commission": {"low": 0.1, "high": 0.2} if drawn_kind else [0.1, 0.2]}
    allow = rf"max_runs = {number.replace(',', '')} in \[design\]"
    with pytest.raises(DesignError, match=rf"makes {number} runs .* {allow}"):
        Design.of("tiny", factors=factors, **stated)


def test_a_design_that_is_meant_may_be_large() -> None:
    factors = {"platform.commission": [0.1, 0.2]}
    assert len(Design.of("tiny", factors=factors, replications=1_000_000, max_runs=2_000_000)) == 2_000_000


def test_a_number_of_runs_beyond_all_digits_is_still_a_sentence() -> None:
    names = [name for name in type(load_scenario("tiny").platform).model_fields if name.endswith(("_gain", "_share"))]
    factors = {f"platform.{name}": [k / 1000 for k in range(1, 900)] for name in names}
    factors |= {"sellers.cost": [0.1 + k / 1e4 for k in range(9000)]}
    with pytest.raises(DesignError, match="more than 1,000,000,000,000,000 runs"):
        Design.of("tiny", factors=factors)
    assert math.prod(map(len, factors.values())) > 1e15


CHECK = """
import json, sys
from experiments.designs import load_design, DesignError
design = load_design(sys.argv[1])
design.points, design.scenario(1, 0), design.seed(1, 0)
print(json.dumps(sorted({module.split(".")[0] for module in sys.modules})))
"""


@pytest.mark.parametrize("kind", ["grid", "sobol"])
def test_loading_a_design_imports_neither_mesa_nor_numba(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "design.toml"
    text = PLAINEST
    if kind == "sobol":
        text = text.replace('"grid"', '"sobol"\nsamples = 8')
        text = text.replace("[0.05, 0.10, 0.15, 0.20]", "{ low = 0.1, high = 0.2 }")
    path.write_text(text)
    done = subprocess.run([sys.executable, "-c", CHECK, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout))
    assert {"marketplace", "experiments", "pydantic"} <= loaded
    assert loaded & {"mesa", "numba", "llvmlite", "matplotlib", "networkx", "duckdb"} == set()
