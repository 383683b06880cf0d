"""``marketplace compare``: what a table of runs says, and the command around it."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.command_line import done, marketplace, sentence

from experiments import load_results, load_run
from experiments.comparison.adaptive import widest
from experiments.comparison.arms import LONGEST, arms_of, identity, labels_of
from experiments.comparison.bands import paired_band
from experiments.comparison.comparison import (
    DIFFERENCE,
    IDENTICAL,
    NOT_DISTINGUISHABLE,
    ONE_PAIR,
    RATIO,
    ROUNDED,
    UNMEASURED,
    all_indicators,
    compare_arms,
    default_indicators,
    has_log_scale,
)
from experiments.comparison.intervals import holm, interval, simultaneous_level
from experiments.comparison.labels import cut, full_labels, short_labels
from experiments.comparison.printing import cells, change, legend, span
from experiments.errors import ResultsError
from experiments.reports import run_report
from experiments.scorecard import HEADLINES
from marketplace import MarketplaceModel
from marketplace.indicators import INDICATORS, summary
from marketplace.scenario import ScenarioError, load_scenario

WORLD = """
base = "tiny"

[run]
seed = 3
weeks = 8

[customers]
count = 200

[sellers]
count = 10

[flywheel]
reference_week = 4
"""

POLICY = """
import os, signal

from agents.policies import Decision, PlatformPolicy


class Odd(PlatformPolicy):
    name = "odd"

    def decide(self, books):
        with open("log", "a") as log:
            log.write(f"{{books.week}} ")
        with open("log") as log:
            runs = log.read().split().count("1")
        if books.week == 6:
            {act}
        return Decision()
"""


@pytest.fixture(autouse=True)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small scenario file in the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(WORLD)


def policy(act: str) -> list[str]:
    Path("odd.py").write_text(POLICY.format(act=act))
    return ["--import", "odd.py"]


def runs_of(arms: dict[str, dict[str, list[float]]]) -> pd.DataFrame:
    """A tidy table of runs with seeds 0, 1, ... from the values of each arm's indicators."""
    frames = [pd.DataFrame({"arm": arm, **own}).assign(seed=lambda f: range(len(f))) for arm, own in arms.items()]
    return pd.concat(frames, ignore_index=True).assign(status="complete")


def row(comparison: object, indicator: str, arm: str | None = None) -> pd.Series:
    table = comparison.table  # type: ignore[attr-defined]
    found = table[(table["indicator"] == indicator) & ((table["arm"] == arm) | (arm is None))]
    assert len(found) == 1
    return found.iloc[0]


LUCK = np.random.default_rng(8).normal(0.0, 0.5, 12)
NOISE = np.random.default_rng(9).normal(0.0, 0.02, 12)
BASE = np.exp(8.0 + LUCK)


class TestRows:
    def test_money_is_compared_as_the_log_ratio_by_the_paired_t_test(self) -> None:
        other = BASE * np.exp(0.1 + NOISE)
        found = compare_arms(runs_of({"a": {"gmv": list(BASE)}, "b": {"gmv": list(other)}}), method="t")
        gmv, logs = row(found, "gmv"), np.log(other) - np.log(BASE)
        test = stats.ttest_rel(np.log(other), np.log(BASE))
        assert (gmv["scale"], gmv["n"], gmv["left_out"]) == (RATIO, 12, 0)
        assert gmv["effect"] == pytest.approx(logs.mean()) and gmv["p"] == pytest.approx(test.pvalue)
        assert (gmv["low"], gmv["high"]) == pytest.approx(tuple(test.confidence_interval(0.95)))
        assert gmv["verdict"] == "higher" and gmv["removed"] > 0.99
        j = 1.0 - 3.0 / (4.0 * 11 - 1.0)  # Hedges's own approximation of the factor
        assert gmv["d_z"] == pytest.approx(j * logs.mean() / logs.std(ddof=1), rel=1e-3)
        assert gmv["d_baseline"] == pytest.approx(j * logs.mean() / np.log(BASE).std(ddof=1), rel=1e-3)
        assert gmv["wanted"] == 0.01
        reach = stats.t.ppf(0.975, gmv["pairs_needed"] - 1) * logs.std(ddof=1) / math.sqrt(gmv["pairs_needed"])
        assert reach <= 0.01 < reach * 1.2

    def test_one_test_is_not_said_to_be_corrected(self) -> None:
        gmv, nps = ([1.0, 2.0, 4.0], [1.1, 2.1, 4.5]), ([1.0, 2.0, 4.0], [1.0, 3.0, 4.0])
        table = {arm: {"gmv": gmv[k], "nps": nps[k]} for k, arm in enumerate("ab")}
        one = " ".join(legend(compare_arms(runs_of(table), indicators=["gmv"])))
        two = " ".join(legend(compare_arms(runs_of(table))))
        assert "one test, so it is not corrected" in one and "corrected for all 2 tests" in two
        none = compare_arms(runs_of({arm: {"gmv": own["gmv"][:1]} for arm, own in table.items()}))
        assert none.tests == 0 and "erdict" not in " ".join(legend(none))

    def test_shares_are_compared_as_differences(self) -> None:
        a, b = 0.3 + NOISE, 0.3 - 0.05 + NOISE * 0.5
        share = row(compare_arms(runs_of({"a": {"take_rate": list(a)}, "b": {"take_rate": list(b)}})), "take_rate")
        assert (share["scale"], share["unit"], share["verdict"]) == (DIFFERENCE, "share", "lower")
        assert (share["low"], share["high"]) == pytest.approx(interval(b - a))
        assert cells(share, 12)[1:3] == [f"{100 * a.mean():.1f} %", f"{100 * b.mean():.1f} %"]

    def test_the_words_hang_on_the_corrected_test_alone(self) -> None:
        """One p between alpha/2 and alpha: distinguishable by itself, not beside a second test that says nothing."""
        base = list(0.5 + 0.0 * NOISE)
        shifted = 0.5 + NOISE - NOISE.mean() + 2.35 * NOISE.std(ddof=1) / math.sqrt(12)
        noise = np.random.default_rng(1).normal(0.5, 0.02, 12)
        runs = runs_of({"a": {"take_rate": base, "nps": base}, "b": {"take_rate": list(shifted), "nps": list(noise)}})
        alone = row(compare_arms(runs, indicators=["take_rate"], method="t"), "take_rate")
        both = compare_arms(runs, indicators=["take_rate", "nps"], method="t")
        assert 0.025 < alone["p"] < 0.05 and alone["verdict"] == "higher"
        beside = row(both, "take_rate")
        assert beside["low"] > 0.0 and beside["simultaneous_low"] < 0.0
        assert beside["verdict"] == NOT_DISTINGUISHABLE and not beside["distinguishable"] and both.tests == 2

    def test_holm_runs_over_arms_and_indicators_together(self) -> None:
        rng = np.random.default_rng(2)
        arms = {name: {"nps": list(rng.normal(size=9)), "stars": list(rng.normal(size=9))} for name in "abcd"}
        found = compare_arms(runs_of(arms), indicators=["nps", "stars"])
        assert found.tests == 6 and list(found.table["arm"]) == ["b", "b", "c", "c", "d", "d"]
        assert found.table["p_holm"].to_numpy() == pytest.approx(holm(found.table["p"].to_numpy()))
        assert ((found.table["p_holm"] > 0.05) == (found.table["verdict"] == NOT_DISTINGUISHABLE)).all()
        assert found.pairs == {"b": 9, "c": 9, "d": 9}

    def test_identical_and_the_same_but_for_rounding(self) -> None:
        near = BASE * (1.0 + 1e-15 * np.arange(12))
        runs = runs_of({"a": {"gmv": list(BASE), "orders": list(BASE)}, "b": {"gmv": list(BASE), "orders": list(near)}})
        found = compare_arms(runs, indicators=["gmv", "orders"])
        assert row(found, "gmv")["verdict"] == IDENTICAL and row(found, "gmv")["p"] == 1.0
        assert row(found, "orders")["verdict"] == ROUNDED and not row(found, "orders")["distinguishable"]

    def test_undefined_pairs_are_dropped_and_counted(self) -> None:
        other = BASE * np.exp(0.1 + NOISE)
        holes = other.copy()
        holes[[2, 5]] = math.nan
        found = compare_arms(runs_of({"a": {"gmv": list(BASE)}, "b": {"gmv": list(holes)}}))
        gmv = row(found, "gmv")
        assert (gmv["n"], gmv["left_out"]) == (10, 2)
        kept = ~np.isnan(holes)
        assert gmv["effect"] == pytest.approx(np.mean(np.log(other / BASE)[kept]))
        assert gmv["baseline_mean"] == pytest.approx(BASE[kept].mean())  # of the same pairs
        assert any("undefined in 2 pairs" in note and "10 remain" in note for note in found.notes)

    def test_money_at_or_below_zero_is_compared_as_a_difference_in_every_arm(self) -> None:
        cash = {"a": BASE, "b": BASE * 1.1, "c": np.arange(12.0) - 3.0}
        found = compare_arms(runs_of({arm: {"platform_cash": list(values)} for arm, values in cash.items()}))
        assert set(found.table["scale"]) == {DIFFERENCE}
        assert any("no logarithm: platform_cash" in note for note in found.notes)

    def test_too_few_pairs(self) -> None:
        found = compare_arms(runs_of({"a": {"gmv": [5.0], "nps": [math.nan]}, "b": {"gmv": [6.0], "nps": [1.0]}}))
        assert row(found, "gmv")["verdict"] == ONE_PAIR and math.isnan(row(found, "gmv")["low"])
        assert row(found, "nps")["verdict"] == UNMEASURED and row(found, "nps")["n"] == 0
        assert found.tests == 0

    def test_which_units_have_a_logarithm(self) -> None:
        ratios = {i.name for i in INDICATORS if has_log_scale(i.name)}
        assert {"gmv", "orders", "adopters", "unit_cost", "price_index", "delivery_days", "network.ties"} <= ratios
        assert not ratios & {"nps", "stars", "take_rate", "seller_gini", "hhi", "platform_margin", "satisfaction"}
        assert has_log_scale("gmv.east") and has_log_scale("link.visits->sellers")

    def test_order_of_indicators(self) -> None:
        columns = ["seed", "arm", "hhi", "nps", "gmv", "entries"]
        assert default_indicators(columns) == ["gmv", "nps"]
        assert all_indicators(columns) == ["gmv", "nps", "hhi", "entries"]

    def test_json_is_strict(self) -> None:
        found = compare_arms(runs_of({"a": {"gmv": [5.0]}, "b": {"gmv": [6.0]}}))
        said = json.loads(json.dumps(found.to_json(), allow_nan=False))
        assert said["baseline"] == "a" and said["arms"] == ["a", "b"] and said["rows"][0]["low"] is None


class TestArmsAndSeeds:
    def test_pairs_are_by_seed_whatever_the_order_and_the_rest_is_said(self) -> None:
        runs = runs_of({"a": {"gmv": list(BASE)}, "b": {"gmv": list(BASE * 2.0)}}).sample(frac=1.0, random_state=3)
        runs.loc[(runs["arm"] == "b") & (runs["seed"] == 4), "status"] = "failed"
        found = compare_arms(runs, arms=["a", "b"])
        assert found.pairs == {"b": 11} and row(found, "gmv")["effect"] == pytest.approx(math.log(2.0))
        assert any("11 pairs; a run has no partner" in note for note in found.notes)

    def test_baseline(self) -> None:
        runs = runs_of({"a": {"gmv": list(BASE)}, "b": {"gmv": list(BASE * 2.0)}, "c": {"gmv": list(BASE)}})
        found = compare_arms(runs, baseline="b")
        assert found.arms == ("b", "a", "c") and found.table["effect"].to_numpy() == pytest.approx(-math.log(2.0))

    def test_an_arm_without_a_run_is_said(self) -> None:
        runs = runs_of({"a": {"gmv": [1.0, 2.0]}, "b": {"gmv": [1.0, 2.5]}, "c": {"gmv": [1.0, 2.0]}})
        runs.loc[runs["arm"] == "b", "status"] = "failed"
        found = compare_arms(runs)
        assert found.arms == ("a", "c") and found.notes[0].startswith("b: no run is complete")

    def test_refusals(self) -> None:
        runs = runs_of({"east": {"gmv": [1.0, 2.0]}, "west": {"gmv": [1.0, 2.5]}})
        for said, changes in {
            'did you mean "east"': {"baseline": "eats"},
            'did you mean "gmv"': {"indicators": ["gmw"]},
            "there is no indicator": {"indicators": []},
        }.items():
            with pytest.raises(ResultsError, match=said):
                compare_arms(runs, **changes)
        with pytest.raises(ResultsError, match="needs two arms"):
            compare_arms(runs[runs["arm"] == "east"])
        with pytest.raises(ResultsError, match="more than one run with seed 1"):
            compare_arms(runs.assign(seed=1))
        with pytest.raises(ResultsError, match="no arm shares a seed with east"):
            compare_arms(runs.assign(seed=range(4)))
        failed = runs.assign(status=["failed", "failed", "complete", "complete"])
        with pytest.raises(ResultsError, match='no run of the baseline "east"'):
            compare_arms(failed)

    def test_scenarios_and_policies_by_name(self) -> None:
        worlds = arms_of(["small.toml", "small.toml:dividend"])
        assert list(worlds) == ["small", "small:dividend"] and worlds["small:dividend"].policy.name == "dividend"
        assert list(arms_of(["small.toml"], policies=["reinvest", "dividend"])) == ["reinvest", "dividend"]
        worlds = arms_of(["small.toml"], changes=["platform.commission=0.2; run.seed=9"])
        assert list(worlds) == ["small", "platform.commission=0.2; run.seed=9"]
        assert worlds["platform.commission=0.2; run.seed=9"].platform.commission == 0.2
        both = arms_of(["small.toml", "tiny"], policies=["reinvest", "dividend"], common={"run.weeks": 5})
        assert list(both) == ["small: reinvest", "small: dividend", "tiny: reinvest", "tiny: dividend"]
        assert {world.run.weeks for world in both.values()} == {5}

    def test_bad_arms(self) -> None:
        with pytest.raises(ResultsError, match="a comparison needs two arms"):
            arms_of(["tiny"])
        with pytest.raises(ResultsError, match="are the same world"):
            arms_of(["tiny", "tiny:reinvest"])
        with pytest.raises(ResultsError, match="small 8, tiny"):
            arms_of(["small.toml", "tiny"])
        with pytest.raises(ScenarioError, match='tiny:dividnd: .*did you mean "dividend"'):
            arms_of(["tiny", "tiny:dividnd"])
        with pytest.raises(ScenarioError, match='did you mean "tiny"'):
            arms_of(["tinny", "tiny"])

    def test_a_long_label_keeps_both_its_ends(self) -> None:
        text = "platform.commission=0.2; policy.name=dividend; flywheel.valves.unit_cost->price=shut"
        first, second = arms_of(["small.toml"], changes=[text, text.replace("shut", "open")])
        assert first.startswith("platform.commission=0.2; poli...") and first.endswith("unit_cost->price=shut")
        assert second.endswith("unit_cost->price=open") and len(first) == len(second) == LONGEST
        assert cut(text, 999) == text

    def test_short_names_hold_what_differs(self) -> None:
        labels = [f"platform.commission=0.{k}" for k in range(1, 4)]
        assert list(short_labels(labels).values()) == ["0.1", "0.2", "0.3"]
        assert full_labels(short_labels(labels))[0] == "0.1: platform.commission=0.1"
        assert short_labels(["reinvest", "dividend"]) == {"reinvest": "reinvest", "dividend": "dividend"}
        assert full_labels(short_labels(["reinvest", "dividend"])) == []
        ends = [f"pass_through = {a}, policy.name = {b}" for a in (0, 1) for b in ("reinvest", "dividend")]
        for most in (12, 16):
            for arms in (ends, [*labels, f"{labels[0]}; policy.name=dividend; x=1"], ["x" * 30 + "1y" * 9, "x" * 48]):
                names = short_labels(arms, most)
                assert list(names) == arms and len(set(names.values())) == len(arms)
                assert max(map(len, names.values())) <= most and all(names.values())
        long = ["platform.commission=0.20; policy.name=dividend", "platform.commission=0.3; choice.tau=0.4", "tiny"]
        assert list(short_labels(long).values()) == ["arm 1", "arm 2", "tiny"]
        own = ["arm 2", "platform.commission=0.20; policy.name=dividend"]
        assert list(short_labels(own).values()) == ["arm 1", "arm 2"]

    def test_labels_of_scenarios_of_one_name(self) -> None:
        a = load_scenario("small.toml")
        b = a.with_changes({"policy.name": "dividend", "run.seed": 8})
        assert labels_of([a, b]) == ['small: policy.name="reinvest"', 'small: policy.name="dividend"']
        assert labels_of([b, load_scenario("tiny")]) == ["small", "tiny"]
        assert identity(a) == identity(a.with_changes({"run.seed": 9, "name": "x"})) != identity(b)


class TestBand:
    def weekly(self) -> pd.DataFrame:
        rng = np.random.default_rng(4)
        rows = [
            (arm, seed, week, math.exp(rng.normal()) * factor, rng.normal())
            for arm, factor in (("a", 1.0), ("b", 2.0))
            for seed in range(6)
            for week in (1, 2, 3)
        ]
        return pd.DataFrame(rows, columns=["arm", "seed", "week", "gmv", "nps"]).sample(frac=1.0, random_state=1)

    def test_each_week_is_the_paired_interval(self) -> None:
        weekly = self.weekly()
        band = paired_band(weekly, "gmv", "b", "a", level=0.9)
        assert list(band.columns) == ["week", "n", "mean", "low", "high"] and list(band["week"]) == [1, 2, 3]
        assert band.attrs["scale"] == RATIO and band.attrs["level"] == 0.9
        wide = weekly[weekly["week"] == 2].pivot(index="seed", columns="arm", values="gmv")
        differences = np.log(wide["b"] / wide["a"]).to_numpy()
        second = band.iloc[1]
        assert second["n"] == 6 and second["mean"] == pytest.approx(differences.mean())
        assert (second["low"], second["high"]) == pytest.approx(interval(differences, 0.9))
        assert paired_band(weekly, "nps", "b", "a").attrs["scale"] == DIFFERENCE

    def test_what_is_undefined_or_missing(self) -> None:
        weekly = self.weekly()
        weekly.loc[(weekly["seed"] > 0) & (weekly["week"] == 3), "nps"] = math.nan
        weekly = weekly[~((weekly["arm"] == "b") & (weekly["seed"] == 5))]
        band = paired_band(weekly, "nps", "b", "a")
        assert list(band["n"]) == [5, 5, 1] and math.isnan(band["low"].iloc[2]) and not math.isnan(band["mean"].iloc[2])
        with pytest.raises(ResultsError, match="no weeks of c"):
            paired_band(weekly, "nps", "c", "a")


class TestShown:
    def test_change_and_span(self) -> None:
        logs = {key: math.log(value) for key, value in (("effect", 1.05), ("low", 1.02), ("high", 1.08))}
        ratio = {"scale": RATIO, "unit": "currency", **logs}
        assert change(ratio) == "+5.0 %" and span(ratio) == "+2.0 to +8.0 %"
        share = {"scale": DIFFERENCE, "unit": "share", "effect": -0.0123, "low": -0.0456, "high": 0.021}
        assert change(share) == "-1.2 pp" and span(share) == "-4.6 to +2.1 pp"
        one = {"scale": DIFFERENCE, "unit": "points", "effect": 1.23456, "low": math.nan, "high": math.nan}
        assert change(one) == "+1.23 points" and span(one) == ""

    def test_what_is_huge_has_an_exponent(self) -> None:
        huge = {"scale": DIFFERENCE, "unit": "currency", "effect": -1e300, "low": -2e300, "high": 3e299}
        assert change(huge) == "-1.0e+300" and span(huge) == "-2.0e+300 to +3.0e+299"

    def test_dropped_pairs_stand_in_the_row(self) -> None:
        found = compare_arms(runs_of({"a": {"gmv": [5.0, 6.0, math.nan]}, "b": {"gmv": [6.0, 7.0, 8.0]}}))
        assert cells(row(found, "gmv").to_dict(), 3)[-1].endswith("(2 of 3 pairs)")


SMALL = ("compare", "small.toml", "--policy", "dividend", "--arm", "platform.commission=0.3", "--workers", "1")


class TestCommand:
    def test_the_folder_holds_every_run_and_what_they_say(self) -> None:
        said = done(*SMALL, "--seeds", "3", "--set", "policy.spend=0.5", "--out", "out").stdout
        results = load_results("out")
        runs = results.summary
        arms = ("dividend", "platform.commission=0.3")
        assert runs[["arm", "seed"]].to_numpy().tolist() == [[arm, seed] for arm in arms for seed in (3, 4, 5)]
        model = MarketplaceModel(load_scenario("small.toml", {"platform.commission": 0.3, "policy.spend": 0.5}), rng=4)
        expected = summary(model.run().weekly)
        mine = runs[(runs["arm"] == arms[1]) & (runs["seed"] == 4)].iloc[0]
        assert all(mine[k] == v or (v is None and np.isnan(mine[k])) for k, v in expected.items())
        assert len(results.weekly) == 6 * 8 and results.provenance["kind"] == "comparison"
        stated = json.loads(Path("out/comparison.json").read_text())
        again = compare_arms(runs)
        assert [r["effect"] for r in stated["rows"]] == [None if math.isnan(e) else e for e in again.table["effect"]]
        assert (again.table["effect"].abs() > 0.0).any()
        assert stated["tests"] == again.tests and "platform.commission=0.3 against dividend, 3 pairs" in said
        assert all(label in said for label in HEADLINES.values())

    def test_a_comparison_is_read_again(self) -> None:
        said = done(*SMALL, "--seeds", "3", "--out", "out").stdout
        stated = json.loads(Path("out/comparison.json").read_text())
        read = done("compare", "out", "--out", "read").stdout
        assert read.splitlines()[:-1] == said.splitlines()[:-1]
        assert json.loads(Path("read/comparison.json").read_text())["rows"] == stated["rows"]
        assert json.loads(Path("read/provenance.json").read_text())["kind"] == "comparison"
        every = done("compare", "out", "--all", "--details", "--baseline", "platform.commission=0.3").stdout
        assert "dividend against platform" in every and "network.ties" in every and "pairing removed" in every

    def test_adaptive_runs_until_the_interval_is_narrow_and_not_further(self) -> None:
        narrow = (*SMALL, "--arm", "platform.commission=0.1", "--indicator", "nps", "--half-width")
        done(*narrow, "1e9", "--max-seeds", "40", "--out", "wide")
        assert load_results("wide").manifest.planned == 3 * 15  # two looks satisfy: at 10 and at 15
        runs = load_results("wide").summary
        reached = widest(runs[runs["replicate"] < 10], "dividend", "nps", 0.95)
        found = compare_arms(runs[runs["replicate"] < 10], indicators=["nps"], level=simultaneous_level(0.95, 2))
        assert reached == ((found.table["high"] - found.table["low"]) / 2.0).max()
        said = done(*narrow, "1e-9", "--max-seeds", "12", "--out", "wide", "--force").stdout
        assert load_results("wide").manifest.planned == 3 * 12
        assert "not reached: 12 pairs, the most allowed" in said
        # Going on with what stands there gives what one go gives.
        done(*narrow, "1e9", "--max-seeds", "40", "--out", "wide", "--resume")
        again = load_results("wide").summary.drop(columns="seconds")
        pd.testing.assert_frame_equal(again, runs.drop(columns="seconds"))

    def test_resume_after_an_interruption_gives_the_undisturbed_table(self) -> None:
        own = policy("runs == 3 and os.kill(os.getpid(), signal.SIGINT)")
        arms = ("compare", "small.toml:odd", "small.toml", *own, "--seeds", "3", "--workers", "1", "--out")
        result = marketplace(*arms, "out")
        assert result.exit_code == 130 and "interrupted; out holds 4 of 6 runs" in result.stderr
        assert "small against small:odd, 2 pairs of runs" in result.stdout  # seed by seed, so what is left are pairs
        done(*arms, "out", "--resume")
        policy("pass")
        done(*arms, "whole")
        first, second = (json.loads(Path(name, "comparison.json").read_text()) for name in ("out", "whole"))
        assert first == second

    def test_what_is_finished_is_compared_when_runs_fail(self) -> None:
        own = policy("runs == 2 and 1 / 0")
        words = ("compare", "small.toml:odd", "small.toml", *own, "--seeds", "4", "--workers", "1", "--out=out")
        result = marketplace(*words)
        assert result.exit_code == 1
        assert f"`marketplace {' '.join(words[:-1])} --resume --out out` runs them again" in result.stderr
        assert "3 pairs; a run has no partner and is left out" in result.stdout
        assert re.search(r"1 run failed at stage week \(\S*odd.py, line \d+\): ZeroDivisionError", result.stderr)

    def test_when_all_fail(self) -> None:
        arms = ("compare", "small.toml:odd", "small.toml")
        said = sentence(*arms, *policy("1 / 0"), "--seeds", "2", "--workers", "1", code=1)
        assert said == 'no run of the baseline "small:odd" is complete, so there is nothing to compare with'

    def test_run_folders_are_paired_by_seed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(run_report, "write_report", lambda folder: folder)
        for commission, seeds in (("0.1", "12"), ("0.3", "23")):
            for seed in seeds:
                own = ("--seed", seed, "--set", f"platform.commission={commission}", "--out", f"{commission}-{seed}")
                done("run", "small.toml", *own)
        folders = [str(path) for path in sorted(Path().glob("*-[123]"))]
        said = done("compare", *folders, "--indicators", "gmv").stdout
        against = "small: platform.commission=0.3 against small: platform.commission=0.1, 1 pair of runs"
        assert against in said and ONE_PAIR in said and "2 runs have no partner" in said
        alike = sentence("compare", *folders[:2])
        assert "0.1-1 and 0.1-2 differ in nothing but the seed, so they are one arm" in alike
        assert "0.1-1 is one arm" in sentence("compare", folders[0])
        assert 'did you mean "0.1-1"' in sentence("compare", folders[0], "0.1_1")
        done("run", "small.toml", "--weeks", "6", "--out", "short")
        assert "different lengths in weeks" in sentence("compare", folders[0], "short")

    def test_a_comparison_of_folders_is_read_as_one_that_was_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(run_report, "write_report", lambda folder: folder)
        arms = ("small.toml", "--arm", "platform.commission=0.3", "--seeds", "2", "--workers", "1")
        done("compare", *arms, "--out", "ran")
        for seed in "34":
            done("run", "small.toml", "--seed", seed, "--set", "platform.commission=0.5", "--out", f"half-{seed}")
        done("compare", "ran", "half-3", "half-4", "--out", "read", "--indicators", "gmv")
        results, ran = load_results("read"), load_results("ran")
        assert results.points["arm"].tolist() == ["small: small", "ran: small", "platform.commission=0.3"]
        assert list(results.summary.columns[:7]) == list(ran.summary.columns[:7])
        own = load_run("half-4")
        half = results.summary.query("point == 0 and seed == 4")
        assert half["gmv"].item() == own.summary["gmv"] and half["status"].item() == "complete"
        assert len(results.weekly) == 6 * len(own.weekly) and results.failures.empty
        assert results.query("SELECT count(*) AS n FROM summary")["n"].item() == 6
        assert set(results.band("gmv")["n"]) == {2}
        done("report", "read")
        again = done("compare", "read", "--indicators", "gmv", "--details").stdout
        assert "2 pairs of runs" in again
        assert "its runs were read from other folders" in sentence("sensitivity", "read")

    def test_weeks_that_a_folder_lacks_are_said(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(run_report, "write_report", lambda folder: folder)
        arms = ("small.toml", "--arm", "platform.commission=0.3", "--seeds", "1", "--workers", "1", "--no-weekly")
        done("compare", *arms, "--out", "ran")
        done("run", "small.toml", "--set", "platform.commission=0.5", "--out", "half")
        done("compare", "ran", "half", "--out", "read")
        with pytest.raises(ResultsError, match=r"^read keeps no weeks: those of ran were not kept$"):
            load_results("read").weekly  # noqa: B018
        with pytest.raises(ResultsError, match=r"^half: this is the folder of one run.*load_run reads it$"):
            load_results("half")

    def test_sweeps_are_compared_by_point(self) -> None:
        Path("design.toml").write_text(
            'scenario = "small.toml"\nreplications = 2\n[design]\nkind = "grid"\n[design.factors]\n'
            '"platform.commission" = [0.1, 0.2]\n"platform.pass_through" = [0.0, 1.0]\n'
        )
        done("sweep", "design.toml", "--workers", "1", "--out", "swept")
        said = done("compare", "swept", "--indicators", "gmv,active_customers").stdout
        assert "commission = 0.2, pass_through = 0 against commission = 0.1, pass_through = 0, 2 pairs of runs" in said
        assert "for all 6 tests" in said
        before = said.split(" against ")[0]  # what short names stand for, and every name is told
        assert all(f": commission = {a}, pass_through = {b}\n" in before for a in (0.1, 0.2) for b in (0, 1))

    def test_an_arm_is_named_so_that_it_says_which_field(self) -> None:
        Path("design.toml").write_text(
            'scenario = "small.toml"\nimports = ["odd.py"]\n[design]\nkind = "grid"\n[design.factors]\n'
            '"policy.name" = ["reinvest", "dividend", "odd"]\n'
        )
        policy("1 / 0")
        assert marketplace("sweep", "design.toml", "--workers", "1", "--out", "swept").exit_code == 1  # odd has failed
        told = marketplace("compare", "swept", "--indicators", "gmv")
        assert told.exit_code == 1 and "1 failed run left out" in told.stderr
        assert "policy.name = dividend against policy.name = reinvest" in told.stdout
        Path("design.toml").write_text(Path("design.toml").read_text().replace('"dividend", ', ""))
        assert marketplace("sweep", "design.toml", "--workers", "1", "--out", "one").exit_code == 1
        only = sentence("compare", "one")
        assert "only policy.name = reinvest has any, no run of policy.name = odd is complete" in only

    def test_bad_input_is_one_sentence(self) -> None:
        Path("there").mkdir()
        for said, arguments in {
            "a comparison needs two arms": ["tiny"],
            'did you mean "tiny"': ["tinny", "tiny"],
            'did you mean "guarded-t"': ["tiny", "tiny:dividend", "--interval", "guarded"],
            "--level 1 is not allowed": ["tiny", "tiny:dividend", "--level", "1"],
            "--half-width 0 is not allowed": ["tiny", "tiny:dividend", "--half-width", "0"],
            "--max-seeds is for --half-width": ["tiny", "tiny:dividend", "--max-seeds", "3"],
            "--indicator is what --half-width looks at": ["tiny", "tiny:dividend", "--indicator", "orders"],
            "give one of them": ["tiny", "tiny:dividend", "--all", "--indicators", "gmv"],
            "--resume goes on with a folder": ["tiny", "tiny:dividend", "--resume", "--force"],
            "give --max-seeds instead": ["tiny", "tiny:dividend", "--half-width", "1", "--seeds", "3"],
            'did you mean "gmv"': ["tiny", "tiny:dividend", "--indicators", "gmw"],
            'did you mean "nps"': ["tiny", "tiny:dividend", "--half-width", "1", "--indicator", "nsp"],
            'did you mean "tiny:dividend"': ["tiny", "tiny:dividend", "--baseline", "tiny:dividnd"],
            "run.seed": ["tiny", "tiny:dividend", "--from", str(2**63 - 2)],
            "this is no results folder": ["there"],
            "a folder to be read and tiny": ["there", "tiny"],
            '"typo": there is no such folder, file or shipped scenario': ["there", "typo"],
            "a folder to be read and small.toml:dividend": ["there", "small.toml:dividend"],
            "--seeds is for arms that are run": ["there", "--seeds", "3"],
            "this folder exists already": ["small.toml", "small.toml:dividend", "--out", "there"],
            "nothing to resume": ["small.toml", "small.toml:dividend", "--resume"],
        }.items():
            assert said in sentence("compare", *arguments), arguments
        assert sorted(path.name for path in Path().iterdir()) == ["small.toml", "there"]
