"""Target files: what is shipped agrees with the facts, and what is wrong is said in one sentence."""

from __future__ import annotations

import math
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some
from typer.testing import CliRunner

from experiments.cli import app
from experiments.validation.measures import STATISTICS
from experiments.validation.targets import (
    SHIPPED,
    Target,
    TargetError,
    Targets,
    load_targets,
    read_targets,
    shipped_targets,
)
from marketplace.scenario import fields

FACTS = resources.files("experiments") / "facts"
GOOD = """
scenario = "tiny"
[targets.C3]
statistic = "seller_gini"
value = 0.7
tolerance = 0.1
source = "a table"
[parameters."sellers.listings_sd"]
low = 0.5
high = 2.0
source = "assumption: a guess"
"""


class TestShipped:
    @pytest.mark.parametrize("name", shipped_targets())
    def test_every_file_reads_and_says_where_everything_comes_from(self, name: str) -> None:
        targets = load_targets(name)
        assert targets.scenario == name and targets.required
        words = ("verified", "derived", "memory", "assumption", "as C")
        assert all(any(word in target.source for word in words) for target in targets.targets)
        known = {row["field"] for row in fields()}
        assert {parameter.path for parameter in targets.parameters} <= known
        # A fact need not be inside its own bounds' middle, but it must be inside.
        assert all(target.holds(target.value) for target in targets.targets if not math.isnan(target.value))

    def test_all_ten_facts_are_aimed_at(self) -> None:
        asked = {t.name.partition("-")[0] for name in ("amazon", "bazaar") for t in load_targets(name).required}
        assert {f"C{k}" for k in range(1, 11)} <= asked

    def test_values_are_those_of_the_tables(self) -> None:
        amazon = {t.name: t for t in load_targets("amazon").targets}
        share = pd.read_csv(str(FACTS / "amazon_third_party_share.csv"), index_col="year").iloc[:, 0]
        annual = pd.read_csv(str(FACTS / "amazon_annual.csv"))
        annual = annual.pivot_table(index="year", columns="metric", values="value")
        margin = annual["operating_income_over_net_sales"].loc[2003:2018] / 100.0
        ratio = annual["fulfillment_over_net_sales"]
        odds = np.log(share / (100.0 - share)).loc[2002:]
        assert amazon["C1-end"].value == share[2018]
        assert amazon["C1-opening"].value == share.loc[1999:2001].mean()
        assert amazon["C1-jump"].value == share[2002] - share[2001]
        assert amazon["C1-plateau"].value == pytest.approx(np.polyfit(range(5), share.loc[2005:2009], 1)[0])
        assert amazon["C2"].value == pytest.approx(np.polyfit(range(17), odds, 1)[0], abs=1e-4)
        assert amazon["C10-mean"].value == pytest.approx(margin.mean(), abs=1e-4)
        assert amazon["C10-worst"].value == pytest.approx(margin.min(), abs=1e-4)
        assert amazon["fulfilment-fall"].value == pytest.approx(math.log(ratio[2009] / ratio[2000]), abs=1e-3)
        assert amazon["fulfilment-rise"].value == pytest.approx(math.log(ratio[2018] / ratio[2009]), abs=1e-3)

    def test_churn_is_that_of_the_table(self) -> None:
        olist = pd.read_csv(str(FACTS / "olist_seller_quarter_aggregates.csv")).dropna()
        churn = np.average(olist["churn_next_quarter"], weights=olist["active_sellers"])
        assert next(t for t in load_targets("bazaar").targets if t.name == "C6").value == pytest.approx(churn, abs=1e-3)


numbers = some.floats(-1e6, 1e6)


@some.composite
def targets(draw: some.DrawFn) -> Target:
    low, value, high = sorted(draw(some.tuples(numbers, numbers, numbers)))
    if not low < high:
        high = low + 1.0
    side = draw(some.sampled_from(["both", "low", "high"]))
    return Target(
        "T", "seller_gini", draw(some.sampled_from([value, math.nan])), -math.inf if side == "high" else low,
        math.inf if side == "low" else high, "x",
    )  # fmt: skip


class TestMiss:
    @given(targets(), numbers)
    def test_it_is_above_one_exactly_outside(self, target: Target, simulated: float) -> None:
        miss = target.miss(simulated)
        assert miss >= 0.0
        if target.holds(simulated):
            assert miss <= 1.0 + 1e-9
        else:
            assert miss >= 1.0

    @given(targets(), numbers, some.floats(0.0, 1e6))
    def test_further_out_is_no_better(self, target: Target, simulated: float, more: float) -> None:
        if simulated > target.high:
            assert target.miss(simulated + more) >= target.miss(simulated)
        if simulated < target.low:
            assert target.miss(simulated - more) >= target.miss(simulated)

    def test_what_is_undefined_is_missed_by_more_than_anything(self) -> None:
        target = Target("T", "seller_gini", 0.5, 0.4, 0.6, "x")
        assert target.miss(math.nan) == math.inf and not target.holds(math.nan)
        assert (target.miss(0.5), target.miss(0.6), target.miss(0.3)) == pytest.approx((0.0, 1.0, 2.0))

    def test_a_value_at_a_bound_is_met_there(self) -> None:
        target = Target("T", "share_path_error", 0.0, 0.0, 5.0, "x")
        assert target.miss(0.0) == 0.0 and target.miss(5.0) == 1.0 and target.miss(-1.0) > 1.0


BAD = {
    "no_targets": ('scenario = "tiny"', "at least one"),
    "unknown_statistic": (GOOD.replace("seller_gini", "seller_ginni"), 'did you mean "seller_gini"'),
    "strange_statistic": (GOOD.replace("seller_gini", "zzz"), "the statistics are"),
    "no_statistic": (GOOD.replace('statistic = "seller_gini"', ""), "statistic is missing"),
    "tolerance_of_zero": (GOOD.replace("tolerance = 0.1", "tolerance = 0"), "above 0"),
    "tolerance_below_zero": (GOOD.replace("tolerance = 0.1", "tolerance = -1"), "above 0"),
    "tolerance_that_is_lost": (GOOD.replace("tolerance = 0.1", "tolerance = 1e-30"), "beside the value"),
    "tolerance_of_nan": (GOOD.replace("tolerance = 0.1", "tolerance = nan"), "must be a number"),
    "no_tolerance": (GOOD.replace("tolerance = 0.1", ""), "needs tolerance, or low, or high"),
    "both": (GOOD.replace("tolerance = 0.1", "tolerance = 0.1\nlow = 0"), "one or the other"),
    "crossed": (GOOD.replace("tolerance = 0.1", "low = 0.9\nhigh = 0.1"), "must be below"),
    "value_outside": (GOOD.replace("tolerance = 0.1", "low = 0.8"), "between low and high"),
    "no_source": (GOOD.replace('source = "a table"', ""), "source is missing"),
    "empty_source": (GOOD.replace('"a table"', '" "'), "words in quotes"),
    "unknown_key": (GOOD.replace("tolerance", "tolerence"), 'did you mean "tolerance"'),
    "required_word": (GOOD.replace('source = "a table"', 'source = "x"\nrequired = "no"'), "true or false"),
    "huge": (GOOD.replace("value = 0.7", "value = 1" + "0" * 400), "must be a number"),
    "word_for_number": (GOOD.replace("value = 0.7", 'value = "0.7"'), "must be a number"),
    "targets_is_no_table": ("targets = 3", "table of tables"),
    "target_is_no_table": ("[targets]\nC3 = 1", "must be a table"),
    "scenario_is_a_number": (GOOD.replace('"tiny"', "3"), "name or a path"),
    "unknown_table": (GOOD.replace("[targets.C3]", "[target.C3]"), 'did you mean "targets"'),
    "unknown_field": (GOOD.replace("sellers.listings_sd", "sellers.listing_sd"), "is not a field"),
    "word_field": (GOOD.replace("sellers.listings_sd", "policy.name"), "must be a number"),
    "of_the_run": (GOOD.replace("sellers.listings_sd", "run.weeks"), "no property of the world"),
    "range_out_of_the_field": (GOOD.replace("high = 2.0", "high = 4.0"), "from 0 to 3"),
    "crossed_range": (GOOD.replace("high = 2.0", "high = 0.5"), "must be below"),
    "no_range": (GOOD.replace("high = 2.0", ""), "high is missing"),
    "scale": (GOOD.replace("high = 2.0", 'high = 2.0\nscale = "lin"'), '"linear" or "log"'),
    "log_of_zero": (GOOD.replace("low = 0.5", 'low = 0\nscale = "log"'), "above 0"),
    "half_an_integer": (GOOD.replace("sellers.listings_sd", "search.shown").replace("0.5", "1.5"), "is an integer"),
    "same_field": (
        GOOD + '[parameters."platform.commission"]\nlow = 0\nhigh = 0.5\nsource = "x"\n'
        '[parameters."platforms.0.commission"]\nlow = 0\nhigh = 0.5\nsource = "x"', "same field",
    ),
    "broken": (GOOD + "[", "not valid TOML, line"),
}  # fmt: skip


class TestBadInput:
    def test_the_good_one_is_good(self) -> None:
        assert read_targets(GOOD).targets[0].low == pytest.approx(0.6)

    @pytest.mark.parametrize("name", BAD)
    def test_one_sentence_says_what_is_wrong(self, name: str) -> None:
        text, said = BAD[name]
        with pytest.raises(TargetError) as error:
            read_targets(text)
        assert said in str(error.value) and "\n" not in str(error.value)

    @pytest.mark.parametrize("command", [["calibrate"], ["validate", "tiny", "--targets"]])
    @pytest.mark.parametrize("name", ["unknown_statistic", "tolerance_below_zero", "broken"])
    def test_the_commands_say_it_with_the_file_and_leave_with_2(
        self, command: list[str], name: str, tmp_path: Path
    ) -> None:
        path = tmp_path / "mine.toml"
        path.write_text(BAD[name][0])
        result = CliRunner().invoke(app, [*command, str(path), "--out", str(tmp_path / "out")])
        assert result.exit_code == 2 and not (tmp_path / "out").exists()
        (line,) = result.stderr.splitlines()
        assert line.startswith(f"marketplace: {path}: ") and BAD[name][1] in line

    @pytest.mark.parametrize(("name", "said"), [("bazar", 'did you mean "bazaar"?'), ("nowhere.toml", "shipped are")])
    def test_a_file_that_is_not_there(self, name: str, said: str) -> None:
        with pytest.raises(TargetError, match="No such file") as error:
            load_targets(name)
        assert said in str(error.value)

    def test_a_folder_bytes_and_a_null(self, tmp_path: Path) -> None:
        (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
        for path in (tmp_path, tmp_path / "bytes.toml", "a\0b"):
            with pytest.raises(TargetError):
                load_targets(path)

    @pytest.mark.parametrize("name", shipped_targets())
    def test_mutations_are_read_or_refused_in_one_sentence(self, name: str) -> None:
        text, rng = (SHIPPED / f"{name}.toml").read_text(encoding="utf-8"), np.random.default_rng(5)
        refused = 0
        for _ in range(200):
            try:
                assert isinstance(read_targets(mutated(text, rng)), Targets)
            except TargetError as error:
                refused += 1
                assert str(error).isprintable() and len(str(error)) < 1500
        assert refused > 50  # or the mutations were too tame


TOKENS = [
    "nan", "inf", "-inf", "1e400", "-1", "0", "true", '""', "[]", "{}", "9" * 500, "1979-05-27", "'x'", '"seller_gini"',
    '"log"', "[targets]", "[[targets.C3]]", '[parameters."a.b"]', "low = 3", "statistic = 1", "\x00", "é", "=", '"',
]  # fmt: skip


def mutated(text: str, rng: np.random.Generator) -> str:
    """The text with a few lines dropped, doubled or swapped, values replaced, and characters changed."""
    lines = text.splitlines()
    for _ in range(int(rng.integers(1, 4))):
        at, kind = int(rng.integers(len(lines))), int(rng.integers(6))
        token = TOKENS[int(rng.integers(len(TOKENS)))]
        if kind == 0 and len(lines) > 1:
            del lines[at]
        elif kind == 1:
            lines.insert(at, lines[int(rng.integers(len(lines)))])
        elif kind == 2:
            lines[at] = f"{lines[at].partition('=')[0]}= {token}"
        elif kind == 3:
            lines.insert(at, token)
        elif kind == 4 and lines[at]:
            k = int(rng.integers(len(lines[at])))
            lines[at] = lines[at][:k] + chr(int(rng.integers(32, 127))) + lines[at][k + 1 :]
        else:
            other = int(rng.integers(len(lines)))
            lines[at], lines[other] = lines[other], lines[at]
    return "\n".join(lines)


def test_every_statistic_can_be_asked_for() -> None:
    for name in STATISTICS:
        found = read_targets(GOOD.replace("seller_gini", name))
        assert found.needs_orders == STATISTICS[name].needs_orders


def test_the_page_lists_every_statistic() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "validation.md").read_text(encoding="utf-8")
    for name, statistic in STATISTICS.items():
        assert f"| `{name}` | {statistic.title}: {statistic.meaning}" in text
