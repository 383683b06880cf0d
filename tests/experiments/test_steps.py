"""Whole numbers in few pairs: no verdict from a step that luck alone takes, and the share of false ones is stated."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from experiments.comparison.comparison import NOT_DISTINGUISHABLE, compare_arms
from experiments.comparison.intervals import holm, interval, least_p, p_value
from experiments.comparison.steps import p_of_pairs, same_step

SIGMAS = 4.0  # Monte Carlo errors that a share may lie above the stated one


def runs_of(a: list[float], b: list[float], indicator: str = "active_sellers") -> pd.DataFrame:
    """A tidy table of two arms."""
    seeds = range(len(a))
    arms = [pd.DataFrame({"arm": arm, "seed": seeds, indicator: own}) for arm, own in (("a", a), ("b", b))]
    return pd.concat(arms, ignore_index=True).assign(status="complete")


def verdict_of(a: list[float], b: list[float], indicator: str = "active_sellers") -> pd.Series:
    return compare_arms(runs_of(a, b, indicator)).table.iloc[0]


class TestTheSameStep:
    def test_one_seller_fewer_in_both_pairs_is_no_verdict(self) -> None:
        row = verdict_of([197.0, 196.0], [196.0, 195.0])
        assert row["verdict"] == "the same in both pairs: too few pairs to judge" and not row["distinguishable"]
        assert row["p"] == 0.5 and math.isnan(row["low"]) and math.isnan(row["simultaneous_high"])
        assert math.isnan(row["d_z"]) and math.isnan(row["pairs_needed"])
        assert row["effect"] == pytest.approx(math.log(196 / 197), rel=0.01)

    def test_two_neighbouring_steps_are_none_either(self) -> None:
        row = verdict_of([200.0] * 5, [198.0, 199.0, 199.0, 198.0, 199.0])
        assert p_value(np.log(np.array([198.0, 199.0, 199.0, 198.0, 199.0]) / 200.0)) < 0.01
        assert row["p"] == least_p(5) == 0.0625 and row["verdict"] == NOT_DISTINGUISHABLE

    def test_enough_pairs_of_the_same_step_are_one(self) -> None:
        row = verdict_of([200.0 + k for k in range(6)], [199.0 + k for k in range(6)])
        assert row["verdict"] == "lower" and row["p"] == 2.0**-5 and row["low"] == row["high"] == row["effect"]

    def test_a_constant_difference_of_any_kind_is_judged_by_its_signs(self) -> None:
        row = verdict_of([0.5, 0.25, 0.125], [0.75, 0.5, 0.375], "take_rate")
        assert row["p"] == 0.25 and row["verdict"] == "the same in all 3 pairs: too few pairs to judge"
        assert np.isnan(interval([2.0] * 5)).all() and interval([2.0] * 6) == (2.0, 2.0)
        assert interval([0.0, 0.0]) == (0.0, 0.0) and p_value([0.0, 0.0]) == 1.0

    def test_what_is_no_step(self) -> None:
        two = np.array([2.0, 3.0])
        assert same_step(two, two + 1.0) and not same_step(two, two) and not same_step(two + 0.5, two + 1.5)
        assert not same_step(two[:1], two[:1] + 1.0) and not same_step(np.empty(0), np.empty(0))

    def test_other_differences_keep_their_p(self) -> None:
        rng = np.random.default_rng(1)
        a, b = rng.lognormal(size=(2, 4))
        counts = np.array([100.0, 104.0, 98.0]), np.array([150.0, 149.0, 155.0])
        for first, second in ((a, b), counts):
            assert p_of_pairs(first, second, second - first, "guarded-t") == p_value(second - first)


class TestFalseVerdicts:
    """An indicator of whole numbers that the arms do not move, among five more that they do not move either."""

    @pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 10])
    @pytest.mark.parametrize("law", [[-1, 1], [-1, 0, 1], [-2, -1, 1, 2]], ids=str)
    def test_are_as_rare_as_the_page_states(self, law: list[int], n: int) -> None:
        runs = 2_000
        rng = np.random.default_rng([16, n])
        others = p_value(rng.normal(size=(runs, 5, n)))
        false = 0
        for beside in others:
            a = 200.0 + rng.integers(-1, 2, n)
            b = a + rng.choice(law, n)
            p = 1.0 if np.array_equal(a, b) else p_of_pairs(a, b, np.log(b) - np.log(a), "guarded-t")
            false += bool(holm([p, *beside])[0] <= 0.05)
        assert false / runs <= 0.002 + SIGMAS * math.sqrt(0.002 / runs)
